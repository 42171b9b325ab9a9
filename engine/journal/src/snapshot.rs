//! Snapshots: what the log adds up to at one record, so that earlier records need not be replayed.
//!
//! A snapshot is written under a temporary name, synced, renamed, and the folder synced: its own name never
//! shows half of it. So a snapshot that does not hold is corruption, named as such and never skipped for an
//! older one in silence. Content is opaque. Only the writer of the log beside it may write snapshots; anyone
//! may read.

mod read;
mod write;

pub use read::Snapshot;
pub use write::SnapshotWriter;

use std::io;

use crate::error::{Error, Op, Result};
use crate::storage::{Storage, StorageFile};
use crate::{Seq, names};

pub(crate) const SNAPSHOT_MAGIC: [u8; 8] = *b"CKsnap\r\n";
pub(crate) const TRAILER_MAGIC: [u8; 4] = *b"CKse";
pub(crate) const SNAPSHOT_VERSION: u16 = 1;
pub(crate) const SNAPSHOT_HEADER_BYTES: usize = 32;
pub(crate) const SNAPSHOT_TRAILER_BYTES: usize = 32;
/// Content of every block but the last.
pub(crate) const BLOCK_BYTES: usize = 1 << 20;
/// Before each block's content.
pub(crate) const BLOCK_CRC_BYTES: usize = 4;

/// How many snapshots are kept.
const KEPT: usize = 2;

/// Writes the snapshot of everything up to record `seq`: `fill` writes the content, in any pieces. It
/// streams; memory use is one block of 1 MiB. Keeps the two newest snapshots and removes older ones.
///
/// Trim the log only after this has returned. Returns the file's length in bytes.
///
/// # Errors
/// The caller's own error from `fill` as [`Error::Io`] with [`Op::Fill`]; storage errors. The snapshots that
/// were there still are.
pub fn write<S: Storage>(
    storage: &S,
    seq: Seq,
    fill: impl FnOnce(&mut SnapshotWriter<'_, S::File>) -> io::Result<()>,
) -> Result<u64> {
    let bytes = write_sealed(storage, names::SNAPSHOT_TEMP, &names::snapshot(seq), seq, fill)?;
    let found = names::snapshots(&storage.list()?);
    for old in found.iter().rev().skip(KEPT) {
        storage.remove(&names::snapshot(*old))?;
    }
    Ok(bytes)
}

/// Writes a file in the form of snapshots: under the name `temporary`, and under its own once it is whole and durable.
pub(crate) fn write_sealed<S: Storage>(
    storage: &S,
    temporary: &str,
    name: &str,
    seq: Seq,
    fill: impl FnOnce(&mut SnapshotWriter<'_, S::File>) -> io::Result<()>,
) -> Result<u64> {
    if storage.list()?.iter().any(|found| found == temporary) {
        storage.remove(temporary)?;
    }
    let written = write_whole(storage, temporary, name, seq, fill);
    if written.is_err() {
        // It would only hold room that may be needed; if this fails too, the next write tries again.
        let _ = storage.remove(temporary);
    }
    let bytes = written?;
    storage.rename(temporary, name)?;
    storage.sync_folder()?;
    Ok(bytes)
}

fn write_whole<S: Storage>(
    storage: &S,
    temporary: &str,
    name: &str,
    seq: Seq,
    fill: impl FnOnce(&mut SnapshotWriter<'_, S::File>) -> io::Result<()>,
) -> Result<u64> {
    let mut file = storage.create(temporary)?;
    let mut writer = SnapshotWriter::new(&mut file, seq)?;
    fill(&mut writer).map_err(|e| match e.downcast::<Error>() {
        Ok(ours) => ours,
        Err(source) => Error::Io { op: Op::Fill, file: name.to_owned(), source },
    })?;
    let bytes = writer.finish()?;
    file.sync()?;
    Ok(bytes)
}

/// The newest complete snapshot, ready to be read, or `None`. Half-written ones have no name that counts.
///
/// # Errors
/// [`Error::Corrupt`] naming the file when header, trailer or length do not hold (blocks are checked as they
/// are read); [`Error::UnsupportedVersion`]; storage errors.
pub fn latest<S: Storage>(storage: &S) -> Result<Option<Snapshot<S::File>>> {
    match names::snapshots(&storage.list()?).last() {
        Some(seq) => open(storage, *seq).map(Some),
        None => Ok(None),
    }
}

/// The snapshot of everything up to record `seq`.
///
/// # Errors
/// As [`latest`]; [`Error::Io`] when there is none.
pub fn open<S: Storage>(storage: &S, seq: Seq) -> Result<Snapshot<S::File>> {
    let name = names::snapshot(seq);
    Snapshot::open(storage.open(&name)?, name, seq)
}

/// The sequences of all snapshots, ascending.
///
/// # Errors
/// Storage errors.
pub fn list<S: Storage>(storage: &S) -> Result<Vec<Seq>> {
    Ok(names::snapshots(&storage.list()?))
}

/// Where block `index` begins in the file.
fn block_at(index: u64) -> u64 {
    SNAPSHOT_HEADER_BYTES as u64 + index * (BLOCK_CRC_BYTES + BLOCK_BYTES) as u64
}

/// A block's checksum, bound to the snapshot and the block's place in it.
fn block_crc(salt: u32, index: u64, content: &[u8]) -> u32 {
    let mut place = [0; 12];
    place[..4].copy_from_slice(&salt.to_le_bytes());
    place[4..].copy_from_slice(&block_at(index).to_le_bytes());
    crc32c::crc32c_append(crc32c::crc32c(&place), content)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;
    use crate::Corruption;
    use crate::sim::{Fault, Random, SimStorage};

    fn content(bytes: usize) -> Vec<u8> {
        let mut content = vec![0; bytes];
        Random::new(bytes as u64).fill(&mut content);
        content
    }

    fn write_bytes(storage: &SimStorage, seq: u64, content: &[u8]) -> Result<u64> {
        write(storage, Seq(seq), |out| content.chunks(70_001).try_for_each(|piece| out.write_all(piece)))
    }

    fn read_back(storage: &SimStorage) -> Result<Vec<u8>> {
        let mut content = Vec::new();
        match latest(storage)?.expect("a snapshot").read_to_end(&mut content) {
            Ok(_) => Ok(content),
            Err(e) => Err(e.downcast::<Error>().expect("the crate's own error")),
        }
    }

    #[test]
    fn content_of_any_length_comes_back() {
        let storage = SimStorage::new(0);
        assert!(latest(&storage).unwrap().is_none());
        for (seq, bytes) in
            [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES].into_iter().enumerate()
        {
            let content = content(bytes);
            let written = write_bytes(&storage, seq as u64, &content).unwrap();
            assert_eq!(written, storage.bytes(&names::snapshot(Seq(seq as u64))).len() as u64);
            let found = latest(&storage).unwrap().unwrap();
            assert_eq!((found.seq(), found.content_bytes()), (Seq(seq as u64), bytes as u64));
            assert!(read_back(&storage).unwrap() == content);
        }
        assert_eq!(list(&storage).unwrap(), [Seq(4), Seq(5)], "the two newest are kept");
    }

    #[test]
    fn every_flipped_bit_is_seen_and_nothing_of_its_block_served() {
        let storage = SimStorage::new(0);
        write_bytes(&storage, 7, &content(40)).unwrap();
        let name = names::snapshot(Seq(7));
        for bit in 0..storage.bytes(&name).len() as u64 * 8 {
            let bad = storage.crash(0);
            bad.flip_bit(&name, bit / 8, (bit % 8) as u8);
            assert!(matches!(read_back(&bad), Err(Error::Corrupt { file, .. }) if file == name), "bit {bit}");
        }
    }

    #[test]
    fn wrong_lengths_are_corrupt() {
        let storage = SimStorage::new(0);
        write_bytes(&storage, 7, &content(BLOCK_BYTES + 5)).unwrap();
        let name = names::snapshot(Seq(7));
        let whole = storage.bytes(&name);
        for len in [0, 31, 63, whole.len() - 1] {
            let cut = SimStorage::with_files(&[(&name, &whole[..len])]);
            assert!(matches!(read_back(&cut), Err(Error::Corrupt { .. })), "{len}");
        }
        let doubled = [&whole[..], &whole[..]].concat();
        let doubled = SimStorage::with_files(&[(&name, &doubled)]);
        let why = Corruption::SnapshotTrailer;
        assert!(matches!(read_back(&doubled), Err(Error::Corrupt { why: found, .. }) if found == why));
        let renamed = SimStorage::with_files(&[(&names::snapshot(Seq(8)), &whole)]);
        assert!(matches!(read_back(&renamed), Err(Error::Corrupt { why: Corruption::SnapshotHeader, .. })));
    }

    #[test]
    fn a_failure_leaves_the_older_snapshot_and_no_remains() {
        let storage = SimStorage::new(0);
        write_bytes(&storage, 1, b"one").unwrap();
        let own = write(&storage, Seq(2), |_| Err(io::Error::other("the caller's"))).unwrap_err();
        assert!(matches!(own, Error::Io { op: Op::Fill, .. }));
        storage.set_room(Some(storage.used_bytes() + 1000));
        let full = write_bytes(&storage, 2, &content(2 * BLOCK_BYTES)).unwrap_err();
        assert!(matches!(full, Error::DiskFull { .. }));
        storage.set_room(None);
        // Removal, create, two appends (header; block), trailer, sync.
        for op in 0..5 {
            storage.fail_at(storage.ops() + op, Fault::DeviceFails);
            assert!(write_bytes(&storage, 2, b"two").is_err(), "operation {op}");
        }
        assert_eq!(storage.list().unwrap(), [names::snapshot(Seq(1))]);
        assert_eq!(read_back(&storage).unwrap(), b"one");
        write_bytes(&storage, 2, b"two").unwrap();
        assert_eq!(read_back(&storage).unwrap(), b"two");
    }
}
