//! Writes a snapshot's blocks as content comes in.

use std::io;

use super::{
    BLOCK_BYTES, BLOCK_CRC_BYTES, SNAPSHOT_HEADER_BYTES, SNAPSHOT_MAGIC, SNAPSHOT_TRAILER_BYTES,
    SNAPSHOT_VERSION, TRAILER_MAGIC, block_crc,
};
use crate::error::Result;
use crate::le::{Layout, u32_at};
use crate::storage::StorageFile;
use crate::{Seq, names};

/// Takes a snapshot's content. Collects it into blocks, so small writes cost little.
pub struct SnapshotWriter<'a, F> {
    file: &'a mut F,
    /// Room for the checksum, then the block's content so far.
    block: Vec<u8>,
    index: u64,
    /// The header's checksum.
    salt: u32,
    content_bytes: u64,
    /// Over the checksums of all blocks so far.
    blocks_crc: u32,
}

pub(super) fn encode_header(seq: Seq) -> [u8; SNAPSHOT_HEADER_BYTES] {
    let layout = Layout::<SNAPSHOT_HEADER_BYTES>::new()
        .put(&SNAPSHOT_MAGIC)
        .put(&SNAPSHOT_VERSION.to_le_bytes())
        .reserve(2)
        .put(&(BLOCK_BYTES as u32).to_le_bytes())
        .put(&seq.0.to_le_bytes())
        .reserve(4);
    let crc = crc32c::crc32c(layout.so_far());
    layout.put(&crc.to_le_bytes()).done()
}

impl<'a, F: StorageFile> SnapshotWriter<'a, F> {
    pub(super) fn new(file: &'a mut F, seq: Seq) -> Result<SnapshotWriter<'a, F>> {
        let header = encode_header(seq);
        file.append(&header)?;
        let mut block = Vec::with_capacity(BLOCK_CRC_BYTES + BLOCK_BYTES);
        block.resize(BLOCK_CRC_BYTES, 0);
        Ok(SnapshotWriter {
            file,
            block,
            index: 0,
            salt: u32_at(&header, 28),
            content_bytes: 0,
            blocks_crc: 0,
        })
    }

    /// Writes the last block and the trailer. Returns the file's length.
    pub(super) fn finish(mut self) -> Result<u64> {
        self.write_block()?;
        let layout = Layout::<SNAPSHOT_TRAILER_BYTES>::new()
            .put(&TRAILER_MAGIC)
            .put(&self.salt.to_le_bytes())
            .put(&self.content_bytes.to_le_bytes())
            .put(&self.blocks_crc.to_le_bytes())
            .reserve(8);
        let crc = crc32c::crc32c(layout.so_far());
        self.file.append(&layout.put(&crc.to_le_bytes()).done())?;
        self.file.len()
    }

    fn write_block(&mut self) -> Result<()> {
        if self.block.len() == BLOCK_CRC_BYTES {
            return Ok(());
        }
        let crc = block_crc(self.salt, self.index, &self.block[BLOCK_CRC_BYTES..]).to_le_bytes();
        self.block[..BLOCK_CRC_BYTES].copy_from_slice(&crc);
        self.file.append(&self.block)?;
        self.blocks_crc = crc32c::crc32c_append(self.blocks_crc, &crc);
        self.content_bytes += (self.block.len() - BLOCK_CRC_BYTES) as u64;
        self.index += 1;
        self.block.truncate(BLOCK_CRC_BYTES);
        Ok(())
    }
}

impl<F: StorageFile> io::Write for SnapshotWriter<'_, F> {
    /// An error of the storage comes wrapped; [`super::write`] unwraps it again.
    fn write(&mut self, content: &[u8]) -> io::Result<usize> {
        if self.block.len() == BLOCK_CRC_BYTES + BLOCK_BYTES {
            self.write_block().map_err(io::Error::other)?;
        }
        let taken = content.len().min(BLOCK_CRC_BYTES + BLOCK_BYTES - self.block.len());
        self.block.extend_from_slice(&content[..taken]);
        Ok(taken)
    }

    /// Does nothing: content is durable when [`super::write`] returns, not before.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<F> std::fmt::Debug for SnapshotWriter<'_, F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SnapshotWriter")
            .field("file", &names::SNAPSHOT_TEMP)
            .field("blocks", &self.index)
            .finish()
    }
}
