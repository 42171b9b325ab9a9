//! `RowShard`: the device arrays of one shard of stored vectors, and their layout.
//!
//! Per row: 7-bit codes of the vector after a rotation, and three factors that turn an integer product of codes into a score
//! with an error bound (`simd::RowFactors`). The vector itself stays with whoever stored it (`index::Originals`): it is read
//! for a handful of rows a search, and would take twice the memory of the codes. Rows lie one after the other, so that one copy of the codes serves
//! scans of many rows and walks from row to row; factors are grouped over blocks of 32 rows:
//!
//! - `codes`: bytes row * dim + d, in words of four
//! - `factors`: (block * 3 + kind) * 32 + row % 32, kinds scale, error, norm
//!
//! A shard is bounded by the device's binding limit; who stores more rows keeps several and passes each kernel the
//! id of the shard's first row.

use crate::Result;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::simd::{BLOCK_ROWS, CodeBlock};

/// Vectors have a multiple of this many dimensions; callers pad with zeros, which changes no inner product.
pub const DIM_MULTIPLE: usize = 32;
/// Most dimensions: 127 * 127 * 8,192 keeps integer products within i32, and the rounding slack of the bounds holds.
pub const DIM_MAX: usize = 8_192;

/// Device arrays of up to `capacity` rows.
#[derive(Debug)]
pub struct RowShard {
    /// Packed codes, `[capacity][dim / 4]`.
    pub codes: Buffer<u32>,
    /// Scales, errors and norms, `[capacity / 32][3][32]`.
    pub factors: Buffer<f32>,
    dim: usize,
    capacity: usize,
}

impl RowShard {
    /// A shard of at least `capacity` zero rows. Fails as `Device::create` does, leaving nothing behind.
    pub fn create(device: &mut Device, dim: usize, capacity: usize) -> Result<RowShard> {
        assert!(dim_is_valid(dim), "rows of {dim} dimensions, this is a bug");
        let capacity = capacity.next_multiple_of(BLOCK_ROWS).max(BLOCK_ROWS);
        let codes = device.create("row codes", capacity * dim / 4)?;
        match device.create("row factors", capacity * 3) {
            Ok(factors) => Ok(RowShard { codes, factors, dim, capacity }),
            Err(error) => {
                device.destroy(codes);
                Err(error)
            }
        }
    }

    /// Makes room for `capacity` rows, keeping those there are. On failure the shard is as it was, or some of its
    /// arrays are longer than needed.
    pub fn grow(&mut self, device: &mut Device, capacity: usize) -> Result<()> {
        let capacity = capacity.next_multiple_of(BLOCK_ROWS);
        if capacity <= self.capacity {
            return Ok(());
        }
        // An earlier attempt may have stopped half-way.
        if self.codes.len() < capacity * self.dim / 4 {
            device.grow(&mut self.codes, capacity * self.dim / 4)?;
        }
        if self.factors.len() < capacity * 3 {
            device.grow(&mut self.factors, capacity * 3)?;
        }
        self.capacity = capacity;
        Ok(())
    }

    /// Frees the arrays.
    pub fn destroy(self, device: &mut Device) {
        device.destroy(self.codes);
        device.destroy(self.factors);
    }

    /// Dimensions of a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Rows there is room for, a multiple of 32.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// Device bytes of one row.
    pub fn bytes_per_row(dim: usize) -> usize {
        dim + 12
    }

    /// Most rows one shard can have on a device with this binding limit: the codes are the largest array.
    pub fn capacity_max(dim: usize, binding_bytes_max: u64) -> usize {
        let rows = (binding_bytes_max / dim as u64).min(u64::from(u32::MAX)) as usize;
        rows / BLOCK_ROWS * BLOCK_ROWS
    }
}

/// True for dimensions that rows can have.
pub fn dim_is_valid(dim: usize) -> bool {
    dim > 0 && dim <= DIM_MAX && dim.is_multiple_of(DIM_MULTIPLE)
}

/// Codes and factors of one block.
pub(crate) fn code_block<'a>(
    codes: &'a [u32],
    factors: &'a [f32],
    dim: usize,
    block: usize,
) -> CodeBlock<'a> {
    let words = BLOCK_ROWS * dim / 4;
    CodeBlock {
        codes: bytemuck::cast_slice(&codes[block * words..(block + 1) * words]),
        factors: &factors[block * 3 * BLOCK_ROWS..(block + 1) * 3 * BLOCK_ROWS],
    }
}
