//! The table for machines without one of their own: plain Rust, shaped so that compilers vectorise it.

use half::f16;

use super::fanout::{fan_targets, fan_weights};
use super::integrate::integrate;
use super::learn::{learn, look_up};
use super::lesson::teach;
use super::rotation::rotate;
use super::{
    BLOCK_ROWS, CODE_MAX, CODE_ZERO, CodeBlock, LANES, Likely, QueryFactors, RowFactors, ScanQueries, Simd,
    SketchProbe, second_words,
};

pub(super) static TABLE: Simd = Simd {
    name: "portable",
    dot,
    encode_row,
    code_query,
    scan_rows,
    scan_block,
    interleave,
    dot_codes,
    sign_codes,
    likely,
    integrate_f32: integrate,
    integrate_f64: integrate,
    learn_f32: |row| learn(row, look_up),
    learn_f64: |row| learn(row, look_up),
    teach,
    fan_targets,
    fan_weights,
};

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

fn encode_row(row: &[f16], codes: &mut [u8]) -> RowFactors {
    let mut rotated: Vec<f32> = row.iter().map(|value| value.to_f32()).collect();
    rotate(&mut rotated);
    let scale = scale_of(rotated.iter().fold(0.0, |max, x| f32::max(max, x.abs())));
    let mut squares = 0u32;
    let mut sums = [0.0; LANES];
    for (x, codes) in rotated.chunks_exact(LANES).zip(codes.chunks_exact_mut(LANES)) {
        for lane in 0..LANES {
            let (code, residual) = encode_value(x[lane], scale);
            codes[lane] = (code + CODE_ZERO) as u8;
            squares += (code * code) as u32;
            sums[lane] += f64::from(residual) * f64::from(residual);
        }
    }
    row_factors(scale, squares, reduce(sums))
}

/// Value of one code step for the largest magnitude `max`: max / 63, rounded up to 8 significant bits so that any code
/// times it is exact in f32.
pub(super) fn scale_of(max: f32) -> f32 {
    f32::from_bits((max * (1.0 / CODE_MAX as f32)).to_bits().saturating_add(0xffff) & 0xffff_0000)
}

/// Code of `x`, and what it leaves over, which is exact.
///
/// A quotient in f32 can be wrong by one code only where it is next to a half, and comparing 2 x with an odd
/// multiple of the scale, both exact, tells.
pub(super) fn encode_value(x: f32, scale: f32) -> (i32, f32) {
    if scale == 0.0 {
        return (0, 0.0);
    }
    let magnitude = x.abs();
    let mut code = (magnitude / scale + 0.5).floor();
    if (2.0 * code - 1.0) * scale > 2.0 * magnitude {
        code -= 1.0;
    } else if (2.0 * code + 1.0) * scale <= 2.0 * magnitude {
        code += 1.0;
    }
    let code = code.copysign(x);
    (code as i32, x - code * scale)
}

/// Factors from the scale, the sum of squared codes and the sum of squared residuals of `encode_value`.
pub(super) fn row_factors(scale: f32, squares: u32, residual_squares: f64) -> RowFactors {
    let norm = f64::from(scale) * f64::from(squares).sqrt();
    RowFactors { scale, error: round_up(residual_squares.sqrt()), norm: round_up(norm) }
}

/// The least f32 that is certainly not under a value which itself may be off by f64 rounding.
pub(super) fn round_up(value: f64) -> f32 {
    if value == 0.0 { 0.0 } else { (value as f32).next_up() }
}

fn scan_rows(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    let mut interleaved = vec![0; block.codes.len()];
    interleave(block.codes, queries.dim, &mut interleaved);
    let block = CodeBlock { codes: &interleaved, factors: block.factors };
    scan_block(&block, queries, active, hits, estimates);
}

/// Dimensions 4j..4j+4 of row r go to the bytes from (j * BLOCK_ROWS + r) * 4.
fn interleave(codes: &[u8], dim: usize, interleaved: &mut [u8]) {
    for (row, codes) in codes.chunks_exact(dim).enumerate() {
        for (quad, four) in codes.chunks_exact(4).enumerate() {
            interleaved[(quad * BLOCK_ROWS + row) * 4..][..4].copy_from_slice(four);
        }
    }
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
        let mut sums = [queries.offset(query); BLOCK_ROWS];
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

/// The largest magnitude, in lanes of which no one waits for the next.
#[inline(always)]
pub(super) fn largest(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    for values in values.chunks_exact(LANES) {
        for (lane, value) in lanes.iter_mut().zip(values) {
            *lane = if value.abs() > *lane { value.abs() } else { *lane };
        }
    }
    lanes.into_iter().fold(0.0, f32::max)
}

/// Nearest whole number, for magnitudes below 2^22: what lies behind the point does not fit beside 2^23 and is rounded away, so
/// that the last bits count in ones.
fn round(value: f32) -> i32 {
    const BIG: f32 = (3 << 22) as f32;
    (value + BIG).to_bits() as i32 - BIG.to_bits() as i32
}

/// Value of one code step of a rotated query, and how many of them are 1.
pub(super) fn query_steps(query: &[f32]) -> (f32, f32) {
    let scale = largest(query) / CODE_MAX as f32;
    (scale, if scale > 0.0 { scale.recip() } else { 0.0 })
}

fn code_query(query: &mut [f32], codes: &mut [i8]) -> QueryFactors {
    rotate(query);
    // The codes of queries keep within those of rows, so that two products of pairs add up within 16 bits (`avx2`).
    let (scale, steps) = query_steps(query);
    let (mut sums, mut squares, mut errors) = ([0i32; 8], [0.0f64; 8], [0.0f64; 8]);
    for (values, codes) in query.chunks_exact(8).zip(codes.chunks_exact_mut(8)) {
        for lane in 0..8 {
            let whole = round(values[lane] * steps).clamp(-CODE_MAX, CODE_MAX);
            codes[lane] = whole as i8;
            sums[lane] += whole;
            let value = f64::from(values[lane]);
            squares[lane] += value * value;
            let left = value - f64::from(scale) * f64::from(whole);
            errors[lane] += left * left;
        }
    }
    QueryFactors {
        scale,
        sum: sums.iter().sum(),
        squares: squares.iter().sum(),
        error_squares: errors.iter().sum(),
    }
}

#[inline(always)]
pub(super) fn sign_codes(codes: &[u8], signed: &mut [i8]) -> i32 {
    for (signed, &code) in signed.iter_mut().zip(codes) {
        *signed = code as i8 - CODE_ZERO as i8;
    }
    signed.iter().map(|&code| i32::from(code)).sum()
}

fn dot_codes(codes: &[u8], rows: &[u32], query: &[i8], sums: &mut [i32]) {
    for (sum, &row) in sums.iter_mut().zip(rows) {
        let row = &codes[row as usize * query.len()..][..query.len()];
        *sum = row.iter().zip(query).map(|(row, query)| i32::from(*row) * i32::from(*query)).sum();
    }
}

fn likely(
    sketches: &[u32],
    words: usize,
    rows: &[u32],
    probe: &SketchProbe<'_>,
    floor: f32,
    likely: &mut Likely,
) {
    let dim = probe.codes.len();
    let seconds = &probe.codes[..32 * second_words(words, dim)];
    for &row in rows {
        let sketch = &sketches[row as usize * words..][..words];
        let (first, second) = (set_sum(sketch, probe.codes), set_sum(&sketch[dim / 32..], seconds));
        let score = probe.estimate(2 * first + second, f32::from_bits(sketch[words - 1]));
        likely.push_unless_under(row, score, floor);
    }
}

/// The sum of codes whose bits are set.
fn set_sum(bits: &[u32], codes: &[i8]) -> i32 {
    let set = |d: usize| bits[d / 32] >> (d % 32) & 1 == 1;
    codes.iter().enumerate().filter(|&(d, _)| set(d)).map(|(_, &code)| i32::from(code)).sum()
}
