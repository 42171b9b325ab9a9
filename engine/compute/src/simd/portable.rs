//! The table for machines without one of their own: plain Rust, shaped so that compilers vectorise it.

use half::f16;

use super::{BLOCK_ROWS, CODE_MAX, CODE_ZERO, CodeBlock, LANES, RowFactors, ScanQueries, Simd};

pub(super) static TABLE: Simd = Simd { name: "portable", dot, encode_row, scan_block };

/// Adds up partial sums in the order every table keeps.
pub(super) fn reduce(mut sums: [f64; LANES]) -> f64 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
        width /= 2;
    }
    sums[0]
}

fn dot(row: &[f16], query: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    for (row, query) in row.chunks_exact(LANES).zip(query.chunks_exact(LANES)) {
        for lane in 0..LANES {
            sums[lane] += row[lane].to_f64() * query[lane];
        }
    }
    reduce(sums)
}

fn encode_row(row: &[f32], vector: &mut [f16], codes: &mut [u8]) -> RowFactors {
    let mut max = 0.0f32;
    for (value, stored) in row.iter().zip(vector.iter_mut()) {
        *stored = f16::from_f32(value.clamp(-f16::MAX.to_f32(), f16::MAX.to_f32()));
        max = max.max(stored.to_f32().abs());
    }
    let mut squares = 0u32;
    let mut sums = [0.0; LANES];
    for (vector, codes) in vector.chunks_exact(LANES).zip(codes.chunks_exact_mut(LANES)) {
        for lane in 0..LANES {
            let x = vector[lane].to_f32();
            let (code, residual) = encode_value(x, max);
            codes[lane] = (code + CODE_ZERO) as u8;
            squares += (code * code) as u32;
            sums[lane] += f64::from(residual) * f64::from(residual);
        }
    }
    row_factors(max, squares, reduce(sums))
}

/// Code of `x`, and 63 times what it leaves over.
///
/// All of it is exact: `x` and `max` have 11 significant bits, so 63 x, code * max and their difference fit in the
/// 24 of an f32, and a quotient is never so close to a half that its own rounding could cross it.
pub(super) fn encode_value(x: f32, max: f32) -> (i32, f32) {
    if max == 0.0 {
        return (0, 0.0);
    }
    let steps = CODE_MAX as f32 * x;
    let code = (steps.abs() / max + 0.5).floor().copysign(x);
    (code as i32, steps - code * max)
}

/// Factors from the largest magnitude, the sum of squared codes and the sum of squared residuals of `encode_value`.
pub(super) fn row_factors(max: f32, squares: u32, residual_squares: f64) -> RowFactors {
    let scale = max * (1.0 / CODE_MAX as f32);
    let error = residual_squares.sqrt() / f64::from(CODE_MAX);
    let norm = f64::from(scale) * f64::from(squares).sqrt();
    RowFactors { scale, error: round_up(error), norm: round_up(norm) }
}

/// The least f32 that is certainly not under a value which itself may be off by f64 rounding.
pub(super) fn round_up(value: f64) -> f32 {
    if value == 0.0 { 0.0 } else { (value as f32).next_up() }
}

fn scan_block(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    let dim = queries.dim;
    let (scales, rest) = block.factors.split_at(BLOCK_ROWS);
    let (errors, norms) = rest.split_at(BLOCK_ROWS);
    for (place, &query) in active.iter().enumerate() {
        let query = query as usize;
        let codes = &queries.codes[query * dim..(query + 1) * dim];
        let mut sums = [queries.offsets[query]; BLOCK_ROWS];
        for (quad, rows) in codes.chunks_exact(4).zip(block.codes.chunks_exact(4 * BLOCK_ROWS)) {
            for (sum, row) in sums.iter_mut().zip(rows.chunks_exact(4)) {
                for byte in 0..4 {
                    *sum += i32::from(row[byte]) * i32::from(quad[byte]);
                }
            }
        }
        let mut bits = 0;
        for row in 0..BLOCK_ROWS {
            let estimate = sums[row] as f32 * (scales[row] * queries.scales[query]);
            let factors = RowFactors { scale: scales[row], error: errors[row], norm: norms[row] };
            let bound = super::score_bound(&factors, queries.norms[query], queries.errors[query]);
            estimates[place * BLOCK_ROWS + row] = estimate;
            bits |= u32::from(estimate + bound > queries.floors[query]) << row;
        }
        hits[place] = bits;
    }
}
