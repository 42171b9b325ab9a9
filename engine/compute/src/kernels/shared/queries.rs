//! Queries as the scan wants them: signed 8-bit codes with bounds of what the codes leave out.
//!
//! Each query is first scaled by the power of two that brings its largest magnitude into 1..2. Scaled scores are
//! then far from the ends of f32 whatever the query was, and undoing the scaling is exact. What is coded is then rotated,
//! as rows were.

use crate::kernels::shared::graph_shard::Probe;
use crate::simd::rotation::rotate;
use crate::simd::{CODE_MAX, CODE_ZERO, ScanQueries};

/// Largest magnitude of a query code: that of row codes, so that two products of pairs add up within 16 bits (`simd::avx2`).
const QUERY_CODE_MAX: f32 = CODE_MAX as f32;

/// Coded queries, structure of arrays.
pub(crate) struct Queries {
    dim: usize,
    codes: Vec<i8>,
    offsets: Vec<i32>,
    scales: Vec<f32>,
    norms: Vec<f32>,
    errors: Vec<f32>,
    /// Power of two each query was multiplied by.
    pub units: Vec<f64>,
}

impl Queries {
    /// Codes the queries in `queries`, f32 `[n][dim]`.
    pub fn new(queries: &[f32], dim: usize) -> Self {
        let count = queries.len() / dim;
        let mut coded = Queries {
            dim,
            codes: Vec::with_capacity(count * dim),
            offsets: Vec::with_capacity(count),
            scales: Vec::with_capacity(count),
            norms: Vec::with_capacity(count),
            errors: Vec::with_capacity(count),
            units: Vec::with_capacity(count),
        };
        queries.chunks_exact(dim).for_each(|query| coded.push(query));
        coded
    }

    fn push(&mut self, query: &[f32]) {
        let max = query.iter().fold(0.0f32, |max, value| max.max(value.abs()));
        let unit = power_of_two_under(max).recip();
        let mut rotated: Vec<f32> = query.iter().map(|&value| (f64::from(value) * unit) as f32).collect();
        rotate(&mut rotated);
        let max = rotated.iter().fold(0.0f32, |max, value| max.max(value.abs()));
        let scale = max / QUERY_CODE_MAX;
        let steps = if scale > 0.0 { scale.recip() } else { 0.0 };
        let first = self.codes.len();
        let code = |value: f32| round(value * steps).clamp(-QUERY_CODE_MAX, QUERY_CODE_MAX);
        self.codes.extend(rotated.iter().map(|&value| code(value) as i8));
        let codes = &self.codes[first..];
        let sum: i32 = codes.iter().map(|&code| i32::from(code)).sum();
        let (mut squares, mut error_squares) = ([0.0f64; 8], [0.0f64; 8]);
        for (values, codes) in rotated.chunks_exact(8).zip(codes.chunks_exact(8)) {
            for lane in 0..8 {
                let value = f64::from(values[lane]);
                squares[lane] += value * value;
                let left = value - f64::from(scale) * f64::from(codes[lane]);
                error_squares[lane] += left * left;
            }
        }
        let total = |lanes: [f64; 8]| lanes.iter().sum::<f64>();
        let (norm, error) = (total(squares).sqrt(), total(error_squares).sqrt());
        self.norms.push((norm * (1.0 + SLACK)) as f32);
        self.errors.push((error * (1.0 + SLACK) + norm * SLACK) as f32);
        self.offsets.push(-CODE_ZERO * sum);
        self.scales.push(scale);
        self.units.push(unit);
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
            offset: self.offsets[query],
            scale: self.scales[query],
            norm: self.norms[query],
        }
    }

    /// What the scan reads, with the floors of this moment.
    pub fn scan<'a>(&'a self, floors: &'a [f32]) -> ScanQueries<'a> {
        ScanQueries {
            dim: self.dim,
            codes: &self.codes,
            offsets: &self.offsets,
            scales: &self.scales,
            norms: &self.norms,
            errors: &self.errors,
            floors,
        }
    }
}

/// For what rounds on the way to a bound, as a share of |row| |query|: rotating the row and the query, 14 * 2^-24 each;
/// estimate and bound in f32, a few 2^-24. A row's length is at most 1.8 times its `norm`, so 8 * 2^-20 covers twice that.
const SLACK: f64 = 1.0 / (1 << 17) as f64;

/// Nearest whole number, for magnitudes below 2^22: what lies behind the point does not fit beside 2^23 and is rounded away.
fn round(value: f32) -> f32 {
    const BIG: f32 = (3 << 22) as f32;
    (value + BIG) - BIG
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
