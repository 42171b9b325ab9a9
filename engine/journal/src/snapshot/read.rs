//! Reads a snapshot block by block; no byte is given out before its block's checksum held.

use std::io;

use super::write::encode_header;
use super::{
    BLOCK_BYTES, BLOCK_CRC_BYTES, SNAPSHOT_HEADER_BYTES, SNAPSHOT_MAGIC, SNAPSHOT_TRAILER_BYTES,
    SNAPSHOT_VERSION, TRAILER_MAGIC, block_at, block_crc,
};
use crate::Seq;
use crate::error::{Corruption, Error, Result};
use crate::le::{u16_at, u32_at, u64_at};
use crate::storage::StorageFile;

/// A complete snapshot, to be read through [`io::Read`].
///
/// A read error wraps the crate's own: `e.downcast::<cortexkg_journal::Error>()` gives it back.
pub struct Snapshot<F> {
    file: F,
    name: String,
    seq: Seq,
    content_bytes: u64,
    /// The header's checksum.
    salt: u32,
    /// What the trailer says of all blocks.
    blocks_crc: u32,
    /// Over the blocks so far.
    blocks_crc_read: u32,
    /// The next block to load.
    index: u64,
    /// The block that is being given out, and how much of it was.
    block: Vec<u8>,
    given: usize,
}

impl<F: StorageFile> Snapshot<F> {
    pub(crate) fn open(file: F, name: String, seq: Seq) -> Result<Snapshot<F>> {
        let corrupt = |offset, why| Err(Error::corrupt(&name, offset, why));
        let mut header = [0; SNAPSHOT_HEADER_BYTES];
        let read = file.read_at(0, &mut header)?;
        let salt = u32_at(&header, 28);
        if read < header.len() || header[..8] != SNAPSHOT_MAGIC || salt != crc32c::crc32c(&header[..28]) {
            return corrupt(0, Corruption::SnapshotHeader);
        }
        let version = u16_at(&header, 8);
        if version != SNAPSHOT_VERSION {
            return Err(Error::UnsupportedVersion { file: name, found: version, known: SNAPSHOT_VERSION });
        }
        // Version 1 leaves nothing open: the header follows from the sequence.
        if header != encode_header(seq) {
            return corrupt(0, Corruption::SnapshotHeader);
        }

        let trailer_at = file.len()?.saturating_sub(SNAPSHOT_TRAILER_BYTES as u64);
        let mut trailer = [0; SNAPSHOT_TRAILER_BYTES];
        let read = file.read_at(trailer_at, &mut trailer)?;
        let content_bytes = u64_at(&trailer, 8);
        let holds = read == trailer.len()
            && trailer[..4] == TRAILER_MAGIC
            && u32_at(&trailer, 28) == crc32c::crc32c(&trailer[..28])
            && u32_at(&trailer, 4) == salt
            && trailer_at == trailer_place(content_bytes);
        if !holds {
            return corrupt(trailer_at, Corruption::SnapshotTrailer);
        }
        Ok(Snapshot {
            file,
            name,
            seq,
            content_bytes,
            salt,
            blocks_crc: u32_at(&trailer, 16),
            blocks_crc_read: 0,
            index: 0,
            block: Vec::new(),
            given: 0,
        })
    }

    /// The last record the snapshot includes.
    #[must_use]
    pub fn seq(&self) -> Seq {
        self.seq
    }

    /// Length of the content in bytes.
    #[must_use]
    pub fn content_bytes(&self) -> u64 {
        self.content_bytes
    }

    /// The rest of the content in whole blocks, without going through [`io::Read`]; `None` after the last.
    ///
    /// # Errors
    /// [`Error::Corrupt`] naming the file and the block's place; storage errors.
    pub fn next_block(&mut self) -> Result<Option<&[u8]>> {
        if self.given == self.block.len() && !self.load_block()? {
            return Ok(None);
        }
        let given = std::mem::replace(&mut self.given, self.block.len());
        Ok(Some(&self.block[given..]))
    }

    /// False after the last block.
    fn load_block(&mut self) -> Result<bool> {
        let corrupt = |offset, why| Err(Error::corrupt(&self.name, offset, why));
        let left = self.content_bytes.saturating_sub(self.index * BLOCK_BYTES as u64);
        let at = block_at(self.index);
        self.block.clear();
        self.given = 0;
        if left == 0 {
            if self.blocks_crc_read != self.blocks_crc {
                return corrupt(trailer_place(self.content_bytes), Corruption::SnapshotTrailer);
            }
            return Ok(false);
        }
        let mut crc = [0; BLOCK_CRC_BYTES];
        let crc_read = self.file.read_at(at, &mut crc)?;
        self.block.resize(left.min(BLOCK_BYTES as u64) as usize, 0);
        let read = self.file.read_at(at + BLOCK_CRC_BYTES as u64, &mut self.block);
        let whole = matches!(read, Ok(read) if read == self.block.len()) && crc_read == crc.len();
        if !whole || u32::from_le_bytes(crc) != block_crc(self.salt, self.index, &self.block) {
            // Nothing of it may be given out, should the caller read on.
            self.block.clear();
            read?;
            return corrupt(at, Corruption::SnapshotBlock);
        }
        self.blocks_crc_read = crc32c::crc32c_append(self.blocks_crc_read, &crc);
        self.index += 1;
        Ok(true)
    }
}

/// Where the trailer of a snapshot with that much content stands.
fn trailer_place(content_bytes: u64) -> u64 {
    let checksums = content_bytes.div_ceil(BLOCK_BYTES as u64).saturating_mul(BLOCK_CRC_BYTES as u64);
    (SNAPSHOT_HEADER_BYTES as u64).saturating_add(content_bytes).saturating_add(checksums)
}

impl<F: StorageFile> io::Read for Snapshot<F> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        if self.given == self.block.len() {
            let loaded = self.load_block().map_err(|e| io::Error::new(io::ErrorKind::InvalidData, e))?;
            if !loaded {
                return Ok(0);
            }
        }
        let count = buf.len().min(self.block.len() - self.given);
        buf[..count].copy_from_slice(&self.block[self.given..self.given + count]);
        self.given += count;
        Ok(count)
    }
}

impl<F> std::fmt::Debug for Snapshot<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("seq", &self.seq)
            .field("content_bytes", &self.content_bytes)
            .finish()
    }
}
