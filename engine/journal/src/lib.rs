//! The log and the snapshots of a memory: opaque bytes, in order, durable, and never silently less than was
//! promised.
//!
//! One folder holds one log and its snapshots, and has one writer. The crate knows nothing of what a record
//! means.
//!
//! ```
//! use cortexkg_journal::{DiskStorage, Log, LogOptions, SegmentLog, Seq, snapshot};
//! use std::io::Read;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! let mut log = SegmentLog::open(DiskStorage::create(folder.path())?, LogOptions::default())?;
//! let seq = log.append(&[b"first", b"second"], log.tail())?; // one sync; durable when it returns
//! assert_eq!(seq, Seq(2));
//! for record in log.read(Seq::FIRST)? {
//!     let (seq, payload) = record?;
//!     println!("{seq}: {} bytes", payload.len());
//! }
//! snapshot::write(log.storage(), seq, |out| std::io::Write::write_all(out, b"all there is"))?;
//! log.trim(seq.next())?; // the snapshot holds what came before
//! let mut state = String::new();
//! snapshot::latest(log.storage())?.expect("just written").read_to_string(&mut state)?;
//! assert_eq!(state, "all there is");
//! log.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! # What is promised
//!
//! - [`Log::append`] returns after one write and one sync of the whole batch. What it acknowledged is found
//!   again after a power cut, in order. Of a batch that was not acknowledged, a first part may be found.
//! - A failed write or sync ends writing ([`Error::Poisoned`]) until the log is opened again. It is never
//!   retried: after a failed sync, a system may report success for pages it has dropped.
//! - Damage to durable bytes is answered with [`Error::Corrupt`] and changes nothing. Only what no one was
//!   told was stored is cut ([`Recovery::truncated_bytes`]).
//! - Every open raises the epoch; the lock file keeps a second writer out.
//!
//! Which damage is found, exactly: every checksum is verified before a byte is served, so a flipped bit is
//! never read as good. A flipped bit is also never taken for a torn write: bytes that a later frame vouches
//! for cannot be torn, and a frame that nothing vouches for yet (the last batch before a power cut) is
//! recognised when a single bit makes it whole (`damage.rs`). Wider damage is found everywhere but in those
//! last, unvouched frames, where it looks like a torn write; [`SegmentLog::close`], [`SegmentLog::mark`], the
//! next batch and the next open each vouch for them (`tests/limits.rs` shows the line).
//!
//! What is not noticed: that the only segment is missing, or that the last one was cut short exactly between
//! two frames, when no snapshot says that more was there; that a snapshot is missing. Nothing here withstands
//! forgery: the chain is a checksum, not a signature.
//!
//! # What is assumed
//!
//! The device does not damage durable bytes while it writes new ones behind them in the same sector; synced
//! bytes are durable; a rename is atomic.
//!
//! # Files
//!
//! | name | content |
//! |---|---|
//! | `NNNNNNNNNNNNNNNNNNNN.seg` | a segment; N is the sequence of its first record, 20 digits |
//! | `NNNNNNNNNNNNNNNNNNNN.snap` | a snapshot of everything up to record N |
//! | `segment.tmp` | the next segment, made ready before the one before it is sealed |
//! | `NAME.cache` | something that can be made anew, in the form of a snapshot of record 0 |
//! | `snapshot.tmp`, `cache.tmp` | a snapshot, a cache being written |
//! | `lock` | empty; locked by the writer |
//!
//! All numbers are little-endian; all checksums are CRC32C; reserved bytes are 0.
//!
//! ## Segment: header (64 bytes), then frames
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `"CKseg\r\n\0"` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 6 | reserved |
//! | 16 | 8 | sequence of the first record |
//! | 24 | 8 | epoch of the writer that made it |
//! | 32 | 8 | first record the log answered for at that time |
//! | 40 | 8 | chain over all frames of the segments before |
//! | 48 | 12 | reserved |
//! | 60 | 4 | checksum of bytes 0..60; it is also the *salt* of the frames in this segment |
//!
//! Magic, version and checksum keep their places in later versions.
//!
//! ## Frame: header (38 bytes), payload, end mark (2 bytes)
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `"CKfr"` |
//! | 4 | 1 | format version, 1 |
//! | 5 | 1 | kind: 1 record, 2 mark, 3 seal |
//! | 6 | 4 | payload length n in bytes, at most 2^28 |
//! | 10 | 4 | payload sum: wrapping sum of its 32-bit words, the last padded with zeros |
//! | 14 | 8 | sequence: of this record; of the last record before a mark or seal |
//! | 22 | 8 | `durable_before`: length of the segment that was durable when this was written |
//! | 30 | 4 | checksum of the payload |
//! | 34 | 4 | checksum of: salt (4 bytes), offset of the frame in the file (8 bytes), header bytes 0..34 |
//! | 38 | n | payload |
//! | 38 + n | 2 | end mark `C5 3A` |
//!
//! The payload of a *mark* is epoch (8), first record the log answers for (8). One is written at each open,
//! close and trim. The payload of a *seal* is the number of records in the segment (8), the chain over all
//! frames of the log before it (8), epoch (8). The chain starts at 0; each frame turns `c` into
//! `rotate_left((c ^ (header checksum << 32 | payload checksum)) * 0x9E3779B97F4A7C15, 29)`, modulo 2^64.
//!
//! ## Snapshot: header (32 bytes), blocks, trailer (32 bytes)
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `"CKsnap\r\n"` |
//! | 8 | 2 | format version, 1 |
//! | 10 | 2 | reserved |
//! | 12 | 4 | content bytes of a full block, 2^20 |
//! | 16 | 8 | sequence of the last record included |
//! | 24 | 4 | reserved |
//! | 28 | 4 | checksum of bytes 0..28; the salt of the blocks |
//!
//! A block is a checksum (4 bytes) of salt (4), offset of the block in the file (8) and content, then the
//! content: a full block each, the last one what is left. The trailer:
//!
//! | offset | bytes | field |
//! |---|---|---|
//! | 0 | 4 | magic `"CKse"` |
//! | 4 | 4 | the header's checksum |
//! | 8 | 8 | length of all content |
//! | 16 | 4 | checksum of all block checksums in order |
//! | 20 | 8 | reserved |
//! | 28 | 4 | checksum of bytes 0..28 |

mod active;
pub mod cache;
mod chain;
mod control;
mod damage;
mod disk;
mod error;
mod frame;
mod le;
mod log;
mod names;
mod reader;
mod recovery;
mod segment;
mod seq;
pub mod sim;
pub mod snapshot;
mod storage;
pub mod verify;
mod walk;
mod window;

pub use disk::{DiskFile, DiskStorage};
pub use error::{Corruption, Error, Op, Result};
pub use frame::PAYLOAD_BYTES_MAX;
pub use log::{Log, LogOptions, SegmentLog};
pub use reader::{Reader, RecordSource};
pub use recovery::Recovery;
pub use seq::Seq;
pub use storage::{Storage, StorageFile};
