//! A segment file: its name, its header, and how a new one comes to be.

use crate::Seq;
use crate::chain::Chain;
use crate::error::{Corruption, Error, Result};
use crate::frame::Place;
use crate::le::{Layout, u16_at, u32_at, u64_at};
use crate::names;
use crate::storage::{Storage, StorageFile};

pub(crate) const SEGMENT_MAGIC: [u8; 8] = *b"CKseg\r\n\0";
pub(crate) const SEGMENT_VERSION: u16 = 1;
pub(crate) const SEGMENT_HEADER_BYTES: usize = 64;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The first record it holds or will hold.
    pub first: Seq,
    /// Of the writer that made it.
    pub epoch: u64,
    /// The first record the log answered for when it was made.
    pub log_first: Seq,
    /// Over every frame of the segments before it.
    pub chain: Chain,
}

impl SegmentHeader {
    pub(crate) fn encode(&self) -> [u8; SEGMENT_HEADER_BYTES] {
        let layout = Layout::<SEGMENT_HEADER_BYTES>::new()
            .put(&SEGMENT_MAGIC)
            .put(&SEGMENT_VERSION.to_le_bytes())
            .reserve(6)
            .put(&self.first.0.to_le_bytes())
            .put(&self.epoch.to_le_bytes())
            .put(&self.log_first.0.to_le_bytes())
            .put(&self.chain.0.to_le_bytes())
            .reserve(12);
        let crc = crc32c::crc32c(layout.so_far());
        layout.put(&crc.to_le_bytes()).done()
    }

    /// Reads the header of the segment file that is named for `first`, with the salt its frames are bound to.
    ///
    /// Segments get their name only after their header is durable, so a header that does not hold is
    /// corruption.
    pub(crate) fn read(file: &impl StorageFile, first: Seq) -> Result<(SegmentHeader, u32)> {
        SegmentHeader::read_as(file, names::segment(first), first)
    }

    fn read_as(file: &impl StorageFile, name: String, first: Seq) -> Result<(SegmentHeader, u32)> {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        let read = file.read_at(0, &mut bytes)?;
        let salt = u32_at(&bytes, 60);
        if read < bytes.len() || bytes[..8] != SEGMENT_MAGIC || salt != crc32c::crc32c(&bytes[..60]) {
            return Err(Error::corrupt(&name, 0, Corruption::SegmentHeader));
        }
        let version = u16_at(&bytes, 8);
        if version != SEGMENT_VERSION {
            return Err(Error::UnsupportedVersion { file: name, found: version, known: SEGMENT_VERSION });
        }
        let header = SegmentHeader {
            first: Seq(u64_at(&bytes, 16)),
            epoch: u64_at(&bytes, 24),
            log_first: Seq(u64_at(&bytes, 32)),
            chain: Chain(u64_at(&bytes, 40)),
        };
        if header.first != first {
            return Err(Error::corrupt(&name, 0, Corruption::SegmentName { found: header.first }));
        }
        Ok((header, salt))
    }

    /// Checks a prepared segment, which has no name of its own yet.
    pub(crate) fn read_prepared(file: &impl StorageFile, first: Seq) -> Result<(SegmentHeader, u32)> {
        SegmentHeader::read_as(file, names::SEGMENT_TEMP.to_owned(), first)
    }

    /// Makes the segment whole and durable under a temporary name, so that its own name never shows half of
    /// it.
    pub(crate) fn prepare<S: Storage>(&self, storage: &S) -> Result<PreparedSegment<S::File>> {
        let bytes = self.encode();
        let mut file = storage.create(names::SEGMENT_TEMP)?;
        file.append(&bytes)?;
        file.sync()?;
        storage.sync_folder()?;
        Ok(PreparedSegment { file, first: self.first, salt: u32_at(&bytes, 60) })
    }
}

/// A durable segment without frames, still under its temporary name.
pub(crate) struct PreparedSegment<F> {
    pub file: F,
    pub first: Seq,
    pub salt: u32,
}

impl<F> PreparedSegment<F> {
    /// Gives the segment its name. Returns the file and the place of its first frame.
    pub(crate) fn publish<S: Storage<File = F>>(self, storage: &S) -> Result<(F, Place)> {
        storage.rename(names::SEGMENT_TEMP, &names::segment(self.first))?;
        storage.sync_folder()?;
        Ok((self.file, Place { salt: self.salt, offset: SEGMENT_HEADER_BYTES as u64 }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::SimStorage;

    const HEADER: SegmentHeader =
        SegmentHeader { first: Seq(8), epoch: 3, log_first: Seq(2), chain: Chain(99) };

    #[test]
    fn a_header_is_read_back_and_every_flip_in_it_is_seen() {
        let storage = SimStorage::new(0);
        HEADER.prepare(&storage).unwrap().publish(&storage).unwrap();
        let name = names::segment(Seq(8));
        let read = |storage: &SimStorage| SegmentHeader::read(&storage.open(&name).unwrap(), Seq(8));
        assert_eq!(read(&storage).unwrap().0, HEADER);
        for bit in 0..SEGMENT_HEADER_BYTES * 8 {
            let bad = storage.crash(0);
            bad.flip_bit(&name, bit as u64 / 8, (bit % 8) as u8);
            assert!(
                matches!(read(&bad), Err(Error::Corrupt { why: Corruption::SegmentHeader, .. })),
                "{bit}"
            );
        }
    }

    #[test]
    fn a_later_version_and_a_wrong_name_are_told_apart_from_damage() {
        let mut bytes = HEADER.encode();
        bytes[8] = 2;
        let crc = crc32c::crc32c(&bytes[..60]);
        bytes[60..].copy_from_slice(&crc.to_le_bytes());
        let storage = SimStorage::with_files(&[("later", &bytes), ("moved", &HEADER.encode())]);
        let read = |name, first| SegmentHeader::read(&storage.open(name).unwrap(), Seq(first)).unwrap_err();
        assert!(matches!(read("later", 8), Error::UnsupportedVersion { found: 2, known: 1, .. }));
        let moved = Corruption::SegmentName { found: Seq(8) };
        assert!(matches!(read("moved", 9), Error::Corrupt { why, .. } if why == moved));
    }
}
