//! Embeddings of the parts of long texts, beside the one vector by which a memory is found first.

use std::ops::Range;

use half::slice::HalfFloatSliceExt;
use rustc_hash::FxHashMap;

use super::vectors::widen;
use crate::record::{Part, Vector};

/// The parts of one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts {
    ranges: Box<[(u32, u32)]>,
    /// The parts' vectors in half precision, one after another.
    bits: Box<[u16]>,
}

/// The parts of all texts that have some.
#[derive(Clone, Debug, Default)]
pub struct AllParts {
    by_row: FxHashMap<u32, Parts>,
    bytes: usize,
}

impl Parts {
    /// How many.
    pub fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Bytes of the content that a part covers.
    pub fn range(&self, part: usize) -> Range<usize> {
        let (start, end) = self.ranges[part];
        start as usize..end as usize
    }

    /// A part's vector in single precision.
    pub fn vector(&self, part: usize) -> Vec<f32> {
        widen(self.bits_of(part))
    }

    /// The part most similar to a query: which, its cosine with the query, and the cosine of the two once `mean` is taken out of
    /// both. Ties go to the first.
    pub fn best(&self, query: &[f32], mean: &[f32]) -> (usize, f32, f32) {
        let mut values = vec![0.0f32; query.len()];
        let mut best = (0, f32::NEG_INFINITY);
        for part in 0..self.len() {
            self.widen_into(part, &mut values);
            let cosine = cosine(query.iter().copied(), values.iter().copied());
            if cosine > best.1 {
                best = (part, cosine);
            }
        }
        self.widen_into(best.0, &mut values);
        let centred = cosine(
            query.iter().zip(mean).map(|(value, mean)| value - mean),
            values.iter().zip(mean).map(|(value, mean)| value - mean),
        );
        (best.0, best.1, centred)
    }

    /// As records and snapshots keep them.
    pub(crate) fn to_record(&self) -> Vec<Part> {
        self.ranges
            .iter()
            .enumerate()
            .map(|(at, &(start, end))| Part { start, end, vector: Vector(self.bits_of(at).to_vec()) })
            .collect()
    }

    fn bits_of(&self, part: usize) -> &[u16] {
        let dim = self.bits.len() / self.len();
        &self.bits[part * dim..][..dim]
    }

    fn widen_into(&self, part: usize, values: &mut [f32]) {
        let halves: &[half::f16] = bytemuck::cast_slice(self.bits_of(part));
        halves.convert_to_f32_slice(values);
    }

    fn bytes(&self) -> usize {
        self.ranges.len() * 8 + self.bits.len() * 2
    }
}

impl AllParts {
    /// The parts of a row, if its text is long.
    pub fn of(&self, row: u32) -> Option<&Parts> {
        self.by_row.get(&row)
    }

    /// Rows that have parts, ascending.
    pub fn rows(&self) -> Vec<u32> {
        let mut rows: Vec<u32> = self.by_row.keys().copied().collect();
        rows.sort_unstable();
        rows
    }

    /// Sets the parts of a row in place of those it had.
    pub fn set(&mut self, row: u32, parts: &[Part]) {
        self.remove(row);
        if parts.is_empty() {
            return;
        }
        let parts = Parts {
            ranges: parts.iter().map(|part| (part.start, part.end)).collect(),
            bits: parts.iter().flat_map(|part| &part.vector.0).copied().collect(),
        };
        self.bytes += parts.bytes();
        self.by_row.insert(row, parts);
    }

    /// Takes the parts of a row out.
    pub fn remove(&mut self, row: u32) {
        if let Some(old) = self.by_row.remove(&row) {
            self.bytes -= old.bytes();
        }
    }

    /// Takes all out: their vectors are of a model that is no longer in force.
    pub fn clear(&mut self) {
        *self = AllParts::default();
    }

    /// Bytes of all arrays; the hash table is counted by its capacity.
    pub fn bytes(&self) -> usize {
        self.bytes + self.by_row.capacity() * (size_of::<(u32, Parts)>() + 1)
    }
}

/// Cosine of two vectors; 0 where one of them is zero.
fn cosine(left: impl Iterator<Item = f32>, right: impl Iterator<Item = f32>) -> f32 {
    let (mut product, mut left_norm, mut right_norm) = (0.0, 0.0, 0.0);
    for (left, right) in left.zip(right) {
        product += left * right;
        left_norm += left * left;
        right_norm += right * right;
    }
    let norms = left_norm.sqrt() * right_norm.sqrt();
    if norms > 0.0 { product / norms } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::vectors::narrow;

    fn part(start: u32, values: &[f32]) -> Part {
        Part { start, end: start + 10, vector: narrow(values) }
    }

    #[test]
    fn the_best_part_is_the_one_that_points_where_the_query_does() {
        let mut all = AllParts::default();
        all.set(3, &[part(0, &[1.0, 0.0]), part(10, &[0.0, 1.0]), part(20, &[0.6, 0.8])]);
        let parts = all.of(3).unwrap();
        let (at, cosine, centred) = parts.best(&[0.0, 2.0], &[0.0, 0.0]);
        assert_eq!((at, cosine, centred, parts.range(at)), (1, 1.0, 1.0, 10..20));
        let (at, cosine, centred) = parts.best(&[1.0, 0.1], &[0.5, 0.5]);
        assert_eq!(at, 0);
        assert!((cosine - 0.995).abs() < 1e-3 && (centred - 0.994).abs() < 2e-3, "{cosine} {centred}");
        // No vector at all is like nothing.
        assert_eq!(parts.best(&[0.0, 0.0], &[0.0, 0.0]), (0, 0.0, 0.0));
    }

    #[test]
    fn what_goes_is_counted_no_more() {
        let mut all = AllParts::default();
        all.set(1, &[part(0, &[1.0, 0.0]), part(10, &[0.0, 1.0])]);
        let held = all.bytes;
        all.set(2, &[part(0, &[1.0, 0.0])]);
        all.set(2, &[]);
        assert_eq!((all.bytes, all.rows()), (held, vec![1]));
        assert_eq!(all.of(1).unwrap().to_record(), [part(0, &[1.0, 0.0]), part(10, &[0.0, 1.0])]);
        all.remove(1);
        assert_eq!((all.bytes, all.of(1)), (0, None));
    }
}
