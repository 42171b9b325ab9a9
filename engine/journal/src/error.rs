//! What can go wrong, with the file and the place.
//!
//! Nothing here is retried inside the crate: a failed write or sync is final until the log is reopened.

use std::{fmt, io};

use crate::Seq;

/// The result of everything in this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Everything that can go wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file operation failed.
    #[error("cannot {op} {file}: {source}")]
    Io {
        /// What was tried.
        op: Op,
        /// On which file of the folder.
        file: String,
        /// What the system said.
        source: io::Error,
    },
    /// No room left, or a quota reached.
    #[error("cannot {op} {file}: no room left on the device")]
    DiskFull {
        /// What was tried.
        op: Op,
        /// On which file of the folder.
        file: String,
    },
    /// The device reported a failure (EIO). What it held may be gone.
    #[error("cannot {op} {file}: the device failed")]
    DeviceFailed {
        /// What was tried.
        op: Op,
        /// On which file of the folder.
        file: String,
    },
    /// Bytes that were durable are not what was written. Restore from a copy; nothing was changed.
    #[error("{file} is corrupt at byte {offset}: {why}")]
    Corrupt {
        /// The file of the folder, a segment or a snapshot.
        file: String,
        /// The first byte of the frame, block or header that does not hold.
        offset: u64,
        /// What does not hold.
        why: Corruption,
    },
    /// Intact, but written by a later release.
    #[error("{file} has format version {found}, this release reads up to {known}")]
    UnsupportedVersion {
        /// The file of the folder.
        file: String,
        /// Its version.
        found: u16,
        /// The newest version this release reads.
        known: u16,
    },
    /// An earlier write or sync failed; what the device holds is unknown until the log is reopened.
    #[error("the log takes no writes until it is reopened, because: {cause}")]
    Poisoned {
        /// The failure that ended writing.
        cause: String,
    },
    /// Another writer holds the folder.
    #[error("another writer holds the folder (lock file {file})")]
    Locked {
        /// The lock file.
        file: String,
    },
    /// The log does not end where the caller believed; nothing was written.
    #[error("the batch should follow record {expected}, but the log ends at {tail}")]
    TailMoved {
        /// The tail the caller named.
        expected: Seq,
        /// The tail there is.
        tail: Seq,
    },
    /// A record is larger than a frame may be; nothing of the batch was written.
    #[error("record {index} of the batch has {bytes} bytes, at most {bytes_max} are allowed")]
    RecordTooLarge {
        /// Its place in the batch, from 0.
        index: usize,
        /// Its size.
        bytes: usize,
        /// The limit, [`crate::PAYLOAD_BYTES_MAX`].
        bytes_max: usize,
    },
    /// A sequence the log does not hold: trimmed away, or past the record after the last.
    #[error("sequence {asked} is outside the log, which holds {first} to {tail}")]
    OutOfRange {
        /// The sequence asked for.
        asked: Seq,
        /// The first the log holds (or will hold, when it is empty).
        first: Seq,
        /// The last it holds.
        tail: Seq,
    },
    /// A setting breaks its rule.
    #[error("{field} must be {rule}")]
    InvalidOption {
        /// The field of the options.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
}

/// The file operation that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Op {
    /// Open the folder or list its files.
    List,
    /// Make a new file.
    Create,
    /// Open a file.
    Open,
    /// Ask for a file's length.
    Measure,
    /// Read.
    Read,
    /// Add bytes at the end.
    Append,
    /// Write again what the file already holds.
    Rewrite,
    /// Cut a file shorter.
    Truncate,
    /// Make a file durable.
    Sync,
    /// Make the folder's names durable.
    SyncFolder,
    /// Rename a file.
    Rename,
    /// Remove a file.
    Remove,
    /// Take the writer's lock.
    Lock,
    /// Produce a snapshot's content (the caller's own error).
    Fill,
}

impl fmt::Display for Op {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Op::List => "list",
            Op::Create => "create",
            Op::Open => "open",
            Op::Measure => "measure",
            Op::Read => "read",
            Op::Append => "append to",
            Op::Rewrite => "rewrite",
            Op::Truncate => "truncate",
            Op::Sync => "sync",
            Op::SyncFolder => "sync the folder of",
            Op::Rename => "rename",
            Op::Remove => "remove",
            Op::Lock => "lock",
            Op::Fill => "fill",
        })
    }
}

/// Why bytes are held to be corrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Corruption {
    /// The checksum of a segment's header.
    #[error("the segment header does not match its checksum")]
    SegmentHeader,
    /// The header belongs under another name.
    #[error("the header says the segment begins at record {found}, its name says otherwise")]
    SegmentName {
        /// The first sequence in the header.
        found: Seq,
    },
    /// A segment between others is gone, or the first one the log should have.
    #[error("the segment that begins at record {expected} is missing")]
    SegmentMissing {
        /// The first sequence of the segment that should be there.
        expected: Seq,
    },
    /// A segment that has a successor does not end with a seal.
    #[error("a segment that is not the last does not end with a seal")]
    NotSealed,
    /// Bytes stand behind a seal.
    #[error("bytes follow the seal")]
    AfterSeal,
    /// The seal does not describe the frames before it.
    #[error("the seal does not match the frames before it")]
    Seal,
    /// The header does not continue the segment before it.
    #[error("the segment does not continue the chain of the one before it")]
    Chain,
    /// A frame's header does not match its checksum.
    #[error("a frame header does not match its checksum")]
    FrameHeader,
    /// A frame's payload does not match its checksum.
    #[error("a frame payload does not match its checksum")]
    FramePayload,
    /// A frame does not end with the end mark.
    #[error("a frame lacks its end mark")]
    FrameEnd,
    /// The file ends inside a frame that was durable.
    #[error("the file ends inside a frame")]
    FrameCut,
    /// The file ends before the records the log had acknowledged.
    #[error("the file ends before record {expected}")]
    RecordMissing {
        /// The record that should come next.
        expected: Seq,
    },
    /// A damaged frame at the end of the log that is whole but for one bit: no torn write does that.
    #[error("bit {bit} of the frame is flipped")]
    FlippedBit {
        /// The bit, counted from the frame's first byte, lowest bit first.
        bit: u64,
    },
    /// A damaged frame that a later frame says was durable.
    #[error("damaged, although the frame at byte {by} says this was durable")]
    VouchedFor {
        /// Where the later frame stands.
        by: u64,
    },
    /// An intact frame stands where another sequence belongs.
    #[error("the frame says record {found}, record {expected} belongs here")]
    SeqOrder {
        /// The sequence that belongs here.
        expected: Seq,
        /// The sequence in the frame.
        found: Seq,
    },
    /// An intact frame states a durable length or an epoch that goes backwards or cannot be.
    #[error("the frame contradicts the frames before it")]
    FrameOrder,
    /// A snapshot stands beyond the end of the log, so the log has lost its end.
    #[error("the snapshot at record {snapshot} stands beyond the end of the log at {tail}")]
    LogBehindSnapshot {
        /// The snapshot's sequence.
        snapshot: Seq,
        /// The log's last record.
        tail: Seq,
    },
    /// A snapshot's header.
    #[error("the snapshot header does not match its checksum or its name")]
    SnapshotHeader,
    /// A block of a snapshot.
    #[error("a snapshot block does not match its checksum")]
    SnapshotBlock,
    /// The end of a snapshot, or its length.
    #[error("the snapshot trailer does not match its checksum, the blocks or the file length")]
    SnapshotTrailer,
}

impl Error {
    /// Sorts a system error: no room, device failure, or another one.
    pub(crate) fn io(op: Op, file: &str, source: io::Error) -> Error {
        /// EIO has no `io::ErrorKind`; the number is the same on every Unix.
        const EIO: i32 = 5;
        let file = file.to_owned();
        match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::DiskFull { op, file },
            _ if cfg!(unix) && source.raw_os_error() == Some(EIO) => Error::DeviceFailed { op, file },
            _ => Error::Io { op, file, source },
        }
    }

    pub(crate) fn corrupt(file: &str, offset: u64, why: Corruption) -> Error {
        Error::Corrupt { file: file.to_owned(), offset, why }
    }

    /// True when a file that was listed a moment ago is gone.
    pub(crate) fn is_not_found(&self) -> bool {
        matches!(self, Error::Io { source, .. } if source.kind() == io::ErrorKind::NotFound)
    }
}
