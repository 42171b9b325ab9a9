//! Queries as the scan wants them: signed 8-bit codes with bounds of what the codes leave out.
//!
//! Each query is first scaled by the power of two that brings its largest magnitude into 1..2. Scaled scores are
//! then far from the ends of f32 whatever the query was, and undoing the scaling is exact. What is coded is then rotated,
//! as rows were.

use crate::kernels::shared::graph_shard::Probe;
use crate::simd::{ScanQueries, Simd, largest};

/// Coded queries, structure of arrays.
pub(crate) struct Queries {
    dim: usize,
    codes: Vec<i8>,
    sums: Vec<i32>,
    scales: Vec<f32>,
    norms: Vec<f32>,
    errors: Vec<f32>,
}

impl Queries {
    /// Codes the queries in `queries`, f32 `[n][dim]`.
    pub fn new(simd: &Simd, queries: &[f32], dim: usize) -> Self {
        let count = queries.len() / dim;
        let mut coded = Queries {
            dim,
            codes: Vec::with_capacity(count * dim),
            sums: Vec::with_capacity(count),
            scales: Vec::with_capacity(count),
            norms: Vec::with_capacity(count),
            errors: Vec::with_capacity(count),
        };
        queries.chunks_exact(dim).for_each(|query| coded.push(simd, query));
        coded
    }

    fn push(&mut self, simd: &Simd, query: &[f32]) {
        let unit = unit_of(query);
        let mut rotated: Vec<f32> = query.iter().map(|&value| (f64::from(value) * unit) as f32).collect();
        let first = self.codes.len();
        self.codes.resize(first + self.dim, 0);
        let factors = simd.code_query(&mut rotated, &mut self.codes[first..]);
        let (norm, error) = (factors.squares.sqrt(), factors.error_squares.sqrt());
        self.norms.push((norm * (1.0 + SLACK)) as f32);
        self.errors.push((error * (1.0 + SLACK) + norm * SLACK) as f32);
        self.sums.push(factors.sum);
        self.scales.push(factors.scale);
    }

    /// Number of queries.
    pub fn len(&self) -> usize {
        self.scales.len()
    }

    /// Error bound factors of one query, norm and error.
    pub fn bounds(&self, query: usize) -> (f32, f32) {
        (self.norms[query], self.errors[query])
    }

    /// One query as walks want it.
    pub fn probe(&self, query: usize) -> Probe<'_> {
        Probe {
            codes: &self.codes[query * self.dim..(query + 1) * self.dim],
            sum: self.sums[query],
            scale: self.scales[query],
            norm: self.norms[query],
        }
    }

    /// What the scan reads, with the floors of this moment.
    pub fn scan<'a>(&'a self, floors: &'a [f32]) -> ScanQueries<'a> {
        ScanQueries {
            dim: self.dim,
            codes: &self.codes,
            sums: &self.sums,
            scales: &self.scales,
            norms: &self.norms,
            errors: &self.errors,
            floors,
        }
    }
}

/// For what rounds on the way to a bound, as a share of |row| |query|: rotating the row and the query, 14 * 2^-24 each;
/// estimate and bound in f32, a few 2^-24. A row's length is at most 1.8 times its `norm`, so 8 * 2^-20 covers twice that.
pub(crate) const SLACK: f64 = 1.0 / (1 << 17) as f64;

/// What a query is multiplied by: the power of two that brings its largest magnitude into 1..2.
pub(crate) fn unit_of(query: &[f32]) -> f64 {
    power_of_two_under(largest(query)).recip()
}

/// The largest power of two that is not over `value`; 1 for zero.
fn power_of_two_under(value: f32) -> f64 {
    if value == 0.0 {
        return 1.0;
    }
    // Every finite f32, denormals too, is a normal f64: its exponent bits alone are the power.
    f64::from_bits(f64::from(value).to_bits() & (0x7ff << 52))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_two_bring_every_magnitude_into_one_octave() {
        for value in [1.0, 1.5, 2.0, 3.0, 1e-45, 1e-38, f32::MAX, 0.1] {
            let scaled = f64::from(value) / power_of_two_under(value);
            assert!((1.0..2.0).contains(&scaled), "{value} came to {scaled}");
        }
    }
}
