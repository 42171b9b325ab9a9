//! Bytes on their way to the device: what a recording writes, and parameters of its dispatches.
//!
//! They are gathered in a few host-visible buffers, so that a recording of many commands is one submission with few buffers.

use std::num::NonZeroU64;

use wgpu::{BufferDescriptor, BufferUsages, Device};

/// Room for the parameters of one dispatch.
pub(super) const PARAMS_BYTES: NonZeroU64 = NonZeroU64::new(256).expect("not 0");
/// Bytes of one buffer, unless a single write is larger.
const CHUNK_BYTES: u64 = 256 << 10;

/// Places for bytes, in the order they are asked for.
pub(super) struct Staging {
    /// Where each set of bytes begins: where a device allows uniform data to, and never within the room of another.
    align: u64,
    chunks: Vec<Chunk>,
}

struct Chunk {
    buffer: wgpu::Buffer,
    used: u64,
}

/// Where bytes were put.
#[derive(Clone, Copy)]
pub(super) struct Place {
    /// Number of the buffer.
    pub chunk: usize,
    /// First byte in it.
    pub offset: u64,
}

impl Staging {
    pub fn new(device: &Device) -> Staging {
        let align = u64::from(device.limits().min_uniform_buffer_offset_alignment);
        // Parameters are bound with all their room.
        Staging { align: align.max(PARAMS_BYTES.get()), chunks: Vec::new() }
    }

    /// Takes a copy of some bytes, whole words. `None` if the device gives no memory for them; its reports say why.
    pub fn put(&mut self, device: &Device, bytes: &[u8]) -> Option<Place> {
        let len = bytes.len() as u64;
        let room = |chunk: &Chunk| chunk.used + len <= chunk.buffer.size();
        if !self.chunks.last().is_some_and(room) {
            let buffer = device.create_buffer(&BufferDescriptor {
                label: Some("staging"),
                size: CHUNK_BYTES.max(len.next_multiple_of(self.align)),
                usage: BufferUsages::COPY_SRC | BufferUsages::UNIFORM,
                mapped_at_creation: true,
            });
            self.chunks.push(Chunk { buffer, used: 0 });
        }
        let chunk = self.chunks.len() - 1;
        let Chunk { buffer, used } = &mut self.chunks[chunk];
        let offset = *used;
        buffer.slice(offset..offset + len).get_mapped_range_mut().ok()?.copy_from_slice(bytes);
        *used = (offset + len).next_multiple_of(self.align);
        Some(Place { chunk, offset })
    }

    pub fn buffer(&self, place: Place) -> &wgpu::Buffer {
        &self.chunks[place.chunk].buffer
    }

    /// Hands the bytes over: nothing can be added afterwards.
    pub fn close(&self) {
        self.chunks.iter().for_each(|chunk| chunk.buffer.unmap());
    }
}
