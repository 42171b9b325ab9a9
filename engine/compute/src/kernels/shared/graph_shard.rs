//! `GraphShard`: a proximity graph over the rows of one `RowShard`, and what kernels over both read.
//!
//! Each row has up to `degree` edges to rows that resemble it. Edge words are row + 1, and 0 ends a list, so
//! that fresh memory is a graph without edges. A row is in the graph once it has edges or is an entry, where walks begin.
//!
//! Each row of the graph also has a sketch of whole cache lines, one up to 480 dimensions, where codes take six: most rows a walk meets need
//! no more. It holds a level for each dimension and a factor in f32 that turns the product of a probe's codes with the levels into an
//! unbiased estimate of the inner product (as RaBitQ does for signs: Gao and Long 2024). With `c` the signed codes of a row:
//!
//! - the first bit of a dimension is set where `c` is not negative: level 2, else -2;
//! - what the lines have left holds a second bit of the first dimensions, rotated as good as any: levels 3 and -3 where `c` squared is
//!   at least the mean of its squares, else 1 and -1; the bit is set for 3 and -1;
//! - the last word is the factor: the row's code step * (sum of c squared) / (sum of |level| * |c|).

use crate::Result;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::simd::{BLOCK_ROWS, CODE_ZERO, RowFactors, Simd, SketchProbe, fetch, second_words};

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

/// Words of a sketch: a bit a dimension and the factor at least; whole cache lines.
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

/// The level of a dimension in a sketch.
pub(crate) fn sketch_level(sketch: &[u32], dim: usize, d: usize) -> i32 {
    let is_set = |bit: usize| sketch[bit / 32] >> (bit % 32) & 1 == 1;
    let second = (d < 32 * second_words(sketch.len(), dim)).then(|| is_set(dim + d));
    match (is_set(d), second) {
        (true, None) => 2,
        (false, None) => -2,
        (true, Some(second)) => 1 + 2 * i32::from(second),
        (false, Some(second)) => 2 * i32::from(second) - 3,
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
        let (words, codes) = (sketch.len(), self.codes(row));
        let signed = codes.iter().map(|&code| i32::from(code) - CODE_ZERO);
        let squares: u32 = signed.clone().map(|code| (code * code) as u32).sum();
        let with_second = 32 * second_words(words, self.dim);
        let mut product = 0;
        sketch.fill(0);
        for (d, code) in signed.enumerate() {
            let (positive, magnitude) = (code >= 0, code.unsigned_abs());
            sketch[d / 32] |= u32::from(positive) << (d % 32);
            let large = magnitude * magnitude * self.dim as u32 >= squares;
            if d < with_second {
                sketch[(self.dim + d) / 32] |= u32::from(positive == large) << (d % 32);
            }
            let level = match (d < with_second, large) {
                (false, _) => 2,
                (true, false) => 1,
                (true, true) => 3,
            };
            product += level * magnitude;
        }
        // Both sums are below 2^26; they and their quotient are rounded once each.
        let factor = self.scale(row) * (squares as f32 / product.max(1) as f32);
        sketch[words - 1] = factor.to_bits();
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
    /// Their sum.
    pub sum: i32,
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
    pub fn sketched(&self) -> SketchProbe<'_> {
        SketchProbe::new(self.codes, self.sum, self.scale, sketch_words(self.codes.len()))
    }

    /// The estimated inner product with a row, from the integer product with its stored codes.
    pub fn estimate(&self, product: i32, row_scale: f32) -> f32 {
        (product - CODE_ZERO * self.sum) as f32 * (row_scale * self.scale)
    }
}

/// Signed codes of a stored row, in `codes`, as a probe.
pub(crate) fn probe_of<'a>(rows: &CodedRows<'_>, row: u32, codes: &'a mut Vec<i8>) -> Probe<'a> {
    codes.resize(rows.dim, 0);
    let sum = rows.simd.sign_codes(rows.codes(row), codes);
    Probe { codes, sum, scale: rows.scale(row), norm: rows.norm(row) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Draw;
    use crate::kernels::encode_rows::{Rows, encoded};

    #[test]
    fn a_sketch_tells_a_row_from_others_and_the_better_the_more_second_bits_it_has() {
        let draw = &mut Draw::new(7);
        // All dimensions, 7 words of 8, 3 of 12, none.
        for (dim, seconds, error_max) in [(224, 7, 0.45), (256, 7, 0.5), (384, 3, 0.7), (480, 0, 0.8)] {
            assert_eq!(second_words(sketch_words(dim), dim), seconds);
            let (codes, factors) = encoded(&Rows::Uniform.draw(draw, 200, dim), dim);
            let codes: &[u8] = bytemuck::cast_slice(&codes);
            let rows = CodedRows { simd: Simd::portable(), dim, codes, factors: &factors };
            let mut sketch = vec![0; sketch_words(dim)];
            let (mut errors, mut spread) = (0.0, 0.0);
            for row in 0..100 {
                rows.sketch(row, &mut sketch);
                let factor = f32::from_bits(sketch[sketch.len() - 1]);
                let estimate = |other: u32| {
                    let mut own = Vec::new();
                    let probe = probe_of(&rows, other, &mut own);
                    let level = |d: usize| sketch_level(&sketch, dim, d) * i32::from(probe.codes[d]);
                    let sum: i32 = (0..dim).map(level).sum();
                    (sum as f32 * (factor * probe.scale), rows.plain_estimate(row, &probe))
                };
                let (itself, exactly) = estimate(row);
                assert!(
                    (itself / exactly - 1.0).abs() < 1e-5,
                    "{itself} is the square of its length {exactly}"
                );
                let (other, exactly) = estimate(row + 100);
                errors += (other - exactly).powi(2);
                spread += exactly.powi(2);
            }
            let error = (errors / spread).sqrt();
            assert!(error < error_max && error > error_max - 0.2, "{error} of the spread at {dim}");
        }
    }
}
