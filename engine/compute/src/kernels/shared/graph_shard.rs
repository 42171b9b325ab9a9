//! `GraphShard`: a proximity graph over the rows of one `RowShard`, and what kernels over both read.
//!
//! Each row has up to `degree` edges to rows that resemble it, nearest first. Edge words are row + 1, and 0 ends a list, so
//! that fresh memory is a graph without edges. A row is in the graph once it has edges or is an entry, where walks begin.
//!
//! Each row of the graph also has a sketch: one bit a dimension, set where its code is not negative, and a factor in f32 that
//! turns the sum of a probe's codes with those signs into an unbiased estimate of the inner product (RaBitQ: Gao and Long
//! 2024). A sketch is one cache line up to 480 dimensions, where codes take six: most rows a walk meets need no more.
//! With `c` the signed codes of a row and `scale` its code step, the factor is scale * (sum of c squared) / (sum of |c|).

use crate::Result;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::simd::{BLOCK_ROWS, CODE_ZERO, RowFactors, SignProbe, Simd, fetch};

/// Rows a graph can have: their ids share a word with three flags.
pub const GRAPH_ROWS_MAX: usize = 1 << 29;
/// Most edges of a row.
pub const DEGREE_MAX: usize = 128;

/// Edges of up to `capacity` rows.
#[derive(Debug)]
pub struct GraphShard {
    /// `[capacity][degree]`.
    pub edges: Buffer<u32>,
    /// `[capacity][sketch_words(dim)]`.
    pub sketches: Buffer<u32>,
    degree: usize,
    dim: usize,
}

/// Words of a sketch: dim / 32 of signs, then the bits of the factor; whole cache lines.
pub fn sketch_words(dim: usize) -> usize {
    (dim / 32 + 1).next_multiple_of(16)
}

impl GraphShard {
    /// A graph without edges.
    pub fn create(device: &mut Device, dim: usize, degree: usize, capacity: usize) -> Result<GraphShard> {
        assert!((1..=DEGREE_MAX).contains(&degree), "{degree} edges a row, this is a bug");
        let edges = device.create("graph edges", capacity * degree)?;
        match device.create("graph sketches", capacity * sketch_words(dim)) {
            Ok(sketches) => Ok(GraphShard { edges, sketches, degree, dim }),
            Err(error) => {
                device.destroy(edges);
                Err(error)
            }
        }
    }

    /// Makes room for `capacity` rows.
    pub fn grow(&mut self, device: &mut Device, capacity: usize) -> Result<()> {
        // An earlier attempt may have stopped half-way.
        if self.sketches.len() < capacity * sketch_words(self.dim) {
            device.grow(&mut self.sketches, capacity * sketch_words(self.dim))?;
        }
        if self.edges.len() < capacity * self.degree {
            device.grow(&mut self.edges, capacity * self.degree)?;
        }
        Ok(())
    }

    /// Frees the arrays.
    pub fn destroy(self, device: &mut Device) {
        device.destroy(self.edges);
        device.destroy(self.sketches);
    }

    /// Most edges of a row.
    pub fn degree(&self) -> usize {
        self.degree
    }

    /// Rows there is room for.
    pub fn capacity(&self) -> usize {
        self.edges.len() / self.degree
    }
}

/// The rows that a list of edges leads to.
pub(crate) fn listed(edges: &[u32]) -> impl Iterator<Item = u32> {
    edges.iter().take_while(|edge| **edge > 0).map(|edge| edge - 1)
}

/// Makes a list of edges lead to these rows.
pub(crate) fn write_list(edges: &mut [u32], rows: Vec<u32>) {
    edges.fill(0);
    edges.iter_mut().zip(rows).for_each(|(edge, row)| *edge = row + 1);
}

/// Coded rows as kernels over a graph read them.
#[derive(Clone, Copy)]
pub(crate) struct CodedRows<'a> {
    pub simd: &'static Simd,
    pub dim: usize,
    /// `[rows][dim]`.
    pub codes: &'a [u8],
    /// As in `RowShard`.
    pub factors: &'a [f32],
}

impl<'a> CodedRows<'a> {
    /// Stored codes of a row.
    pub fn codes(&self, row: u32) -> &'a [u8] {
        &self.codes[row as usize * self.dim..][..self.dim]
    }

    /// Value of one code step of a row.
    pub fn scale(&self, row: u32) -> f32 {
        self.factor(row, 0)
    }

    /// Length of a row as coded.
    pub fn norm(&self, row: u32) -> f32 {
        self.factor(row, 2)
    }

    /// All that is kept of a row beside its codes.
    pub fn factors(&self, row: u32) -> RowFactors {
        RowFactors { scale: self.factor(row, 0), error: self.factor(row, 1), norm: self.factor(row, 2) }
    }

    fn factor(&self, row: u32, kind: usize) -> f32 {
        let (block, lane) = (row as usize / BLOCK_ROWS, row as usize % BLOCK_ROWS);
        self.factors[(block * 3 + kind) * BLOCK_ROWS + lane]
    }

    /// The sketch of a row, into `sketch`.
    pub fn sketch(&self, row: u32, sketch: &mut [u32]) {
        let (mut squares, mut magnitudes) = (0u32, 0u32);
        sketch.fill(0);
        for (d, &code) in self.codes(row).iter().enumerate() {
            let code = i32::from(code) - CODE_ZERO;
            sketch[d / 32] |= u32::from(code >= 0) << (d % 32);
            squares += (code * code) as u32;
            magnitudes += code.unsigned_abs();
        }
        // Both sums are below 2^25; they and their quotient are rounded once each.
        let factor = self.scale(row) * (squares as f32 / magnitudes.max(1) as f32);
        sketch[self.dim / 32] = factor.to_bits();
    }

    /// Asks for a row that will be estimated soon.
    #[inline]
    pub fn fetch(&self, row: u32) {
        fetch(self.codes(row));
        let (block, lane) = (row as usize / BLOCK_ROWS, row as usize % BLOCK_ROWS);
        fetch(&self.factors[block * 3 * BLOCK_ROWS + lane..][..1]);
    }

    /// The law of estimates: the inner product of a row with a probe in plain loops.
    pub fn plain_estimate(&self, row: u32, probe: &Probe<'_>) -> f32 {
        let products = self.codes(row).iter().zip(probe.codes).map(|(a, b)| i32::from(*a) * i32::from(*b));
        probe.estimate(products.sum(), self.scale(row))
    }

    /// Estimated inner products of rows with a probe; `sums` is room.
    pub fn estimates(
        &self,
        rows: &[u32],
        probe: &Probe<'_>,
        sums: &mut Vec<i32>,
    ) -> impl Iterator<Item = f32> {
        sums.resize(rows.len(), 0);
        self.simd.dot_codes(self.codes, rows, probe.codes, sums);
        rows.iter().zip(sums).map(|(&row, sum)| probe.estimate(*sum, self.scale(row)))
    }
}

/// A coded vector that rows are compared with.
#[derive(Clone, Copy)]
pub(crate) struct Probe<'a> {
    /// Signed codes.
    pub codes: &'a [i8],
    /// Undoes the offset of stored row codes.
    pub offset: i32,
    /// Value of one code step.
    pub scale: f32,
    /// Its length.
    pub norm: f32,
}

impl Probe<'_> {
    /// The least estimate that may stand for a better row than one of this estimate and length.
    pub fn doubt(&self, score: f32, row_norm: f32, margin: f32) -> f32 {
        score - margin * (self.norm * row_norm)
    }

    /// As it is compared with sketches.
    pub fn signs(&self) -> SignProbe<'_> {
        SignProbe { codes: self.codes, offset: self.offset / CODE_ZERO, scale: self.scale }
    }

    /// The estimated inner product with a row, from the integer product of codes.
    pub fn estimate(&self, sum: i32, row_scale: f32) -> f32 {
        (sum + self.offset) as f32 * (row_scale * self.scale)
    }
}

/// Signed codes of a stored row, in `codes`, as a probe.
pub(crate) fn probe_of<'a>(rows: &CodedRows<'_>, row: u32, codes: &'a mut Vec<i8>) -> Probe<'a> {
    codes.clear();
    codes.extend(rows.codes(row).iter().map(|&code| code as i8 - CODE_ZERO as i8));
    let sum: i32 = codes.iter().map(|&code| i32::from(code)).sum();
    Probe { codes, offset: -CODE_ZERO * sum, scale: rows.scale(row), norm: rows.norm(row) }
}
