//! The table for x86-64 with AVX2, FMA and F16C (Haswell and Zen, and all that came after).
//!
//! The scan multiplies unsigned 7-bit row codes by signed 8-bit query codes with `vpmaddubsw`: a pair sums to at
//! most 2 * 127 * 127 = 32,258, so its saturating i16 never saturates; `vpmaddwd` with ones widens to i32. Rows
//! are interleaved by four dimensions, so each i32 lane is one row and no horizontal sum is needed.

#![allow(
    clippy::needless_range_loop,
    reason = "registers are indexed as the layout is: by block, vector and query"
)]

use std::arch::x86_64::*;

use half::f16;

use super::portable::{reduce, row_factors};
use super::{BLOCK_ROWS, CODE_MAX, CODE_ZERO, CodeBlock, LANES, RowFactors, ScanQueries, Simd};

static TABLE: Simd = Simd { name: "avx2", dot, encode_row, scan_block };

/// The table, if this machine can run it.
pub(super) fn table() -> Option<&'static Simd> {
    let found = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    found.then_some(&TABLE)
}

pub(super) fn dot(row: &[f16], query: &[f64]) -> f64 {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { dot_avx2(row, query) }
}

pub(super) fn encode_row(row: &[f32], vector: &mut [f16], codes: &mut [u8]) -> RowFactors {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { encode_row_avx2(row, vector, codes) }
}

fn scan_block(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { scan_block_avx2(block, queries, active, hits, estimates) }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn dot_avx2(row: &[f16], query: &[f64]) -> f64 {
    let mut sums = [_mm256_setzero_pd(); LANES / 4];
    for (row, query) in row.chunks_exact(LANES).zip(query.chunks_exact(LANES)) {
        for half in 0..2 {
            // SAFETY: `half` 0 and 1 cover the 16 elements of the chunk, 8 each.
            let wide = _mm256_cvtph_ps(unsafe { _mm_loadu_si128(row.as_ptr().add(half * 8).cast()) });
            let low = _mm256_cvtps_pd(_mm256_castps256_ps128(wide));
            let high = _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(wide));
            for (quarter, values) in [(2 * half, low), (2 * half + 1, high)] {
                // SAFETY: quarters 0 to 3 cover the 16 elements of the chunk, 4 each.
                let query = unsafe { _mm256_loadu_pd(query.as_ptr().add(quarter * 4)) };
                sums[quarter] = _mm256_fmadd_pd(values, query, sums[quarter]);
            }
        }
    }
    reduce(bytemuck::cast(sums))
}

#[target_feature(enable = "avx2,fma,f16c")]
fn encode_row_avx2(row: &[f32], vector: &mut [f16], codes: &mut [u8]) -> RowFactors {
    let largest = _mm256_set1_ps(f16::MAX.to_f32());
    let smallest = _mm256_set1_ps(f16::MIN.to_f32());
    let magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fff_ffff));
    let mut max = _mm256_setzero_ps();
    for (row, vector) in row.chunks_exact(8).zip(vector.chunks_exact_mut(8)) {
        // SAFETY: both chunks have 8 elements.
        let values = unsafe { _mm256_loadu_ps(row.as_ptr()) };
        let values = _mm256_max_ps(_mm256_min_ps(values, largest), smallest);
        let stored = _mm256_cvtps_ph::<{ _MM_FROUND_TO_NEAREST_INT }>(values);
        // SAFETY: both chunks have 8 elements.
        unsafe { _mm_storeu_si128(vector.as_mut_ptr().cast(), stored) };
        max = _mm256_max_ps(max, _mm256_and_ps(_mm256_cvtph_ps(stored), magnitude));
    }
    let lanes: [f32; 8] = bytemuck::cast(max);
    let max = lanes.into_iter().fold(0.0, f32::max);
    if max == 0.0 {
        codes.fill(CODE_ZERO as u8);
        return RowFactors::default();
    }
    let steps_max = _mm256_set1_ps(CODE_MAX as f32);
    let half = _mm256_set1_ps(0.5);
    let max_all = _mm256_set1_ps(max);
    let mut squares = _mm256_setzero_si256();
    let mut sums = [_mm256_setzero_pd(); LANES / 4];
    for (vector, codes) in vector.chunks_exact(LANES).zip(codes.chunks_exact_mut(LANES)) {
        let mut words = [_mm256_setzero_si256(); 2];
        for half_chunk in 0..2 {
            // SAFETY: `half_chunk` 0 and 1 cover the 16 elements of the chunk, 8 each.
            let x = _mm256_cvtph_ps(unsafe { _mm_loadu_si128(vector.as_ptr().add(half_chunk * 8).cast()) });
            // As in `portable::encode_value`: every operation but the division is exact.
            let steps = _mm256_mul_ps(x, steps_max);
            let quotient = _mm256_div_ps(_mm256_and_ps(steps, magnitude), max_all);
            let rounded = _mm256_floor_ps(_mm256_add_ps(quotient, half));
            let code = _mm256_or_ps(rounded, _mm256_andnot_ps(magnitude, x));
            let residual = _mm256_sub_ps(steps, _mm256_mul_ps(code, max_all));
            let code = _mm256_cvttps_epi32(code);
            squares = _mm256_add_epi32(squares, _mm256_mullo_epi32(code, code));
            words[half_chunk] = _mm256_add_epi32(code, _mm256_set1_epi32(CODE_ZERO));
            let low = _mm256_cvtps_pd(_mm256_castps256_ps128(residual));
            let high = _mm256_cvtps_pd(_mm256_extractf128_ps::<1>(residual));
            sums[2 * half_chunk] = _mm256_fmadd_pd(low, low, sums[2 * half_chunk]);
            sums[2 * half_chunk + 1] = _mm256_fmadd_pd(high, high, sums[2 * half_chunk + 1]);
        }
        // Packing works within 128-bit halves: the permutation puts the 16 words back in order.
        let packed = _mm256_permute4x64_epi64::<0b11_01_10_00>(_mm256_packs_epi32(words[0], words[1]));
        let bytes = _mm_packus_epi16(_mm256_castsi256_si128(packed), _mm256_extracti128_si256::<1>(packed));
        // SAFETY: the chunk has 16 codes.
        unsafe { _mm_storeu_si128(codes.as_mut_ptr().cast(), bytes) };
    }
    let squares: [u32; 8] = bytemuck::cast(squares);
    row_factors(max, squares.into_iter().sum(), reduce(bytemuck::cast(sums)))
}

/// Queries of the widest tile: with two vectors of rows they keep 12 sums in registers.
const TILE_QUERIES: usize = 5;

#[target_feature(enable = "avx2,fma,f16c")]
fn scan_block_avx2(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    let mut first = 0;
    while first < active.len() {
        let count = (active.len() - first).min(TILE_QUERIES);
        let places = first..first + count;
        let active = &active[places.clone()];
        let hits = &mut hits[places.clone()];
        let estimates = &mut estimates[places.start * BLOCK_ROWS..places.end * BLOCK_ROWS];
        // The first tile of a block also fetches the codes of the next one.
        match (count, first == 0) {
            (6, true) => tile::<2, 6, true>(block, queries, active, hits, estimates),
            (6, false) => tile::<2, 6, false>(block, queries, active, hits, estimates),
            (5, true) => tile::<2, 5, true>(block, queries, active, hits, estimates),
            (5, false) => tile::<2, 5, false>(block, queries, active, hits, estimates),
            (4, _) => tile::<2, 4, true>(block, queries, active, hits, estimates),
            (3, _) => tile::<4, 3, true>(block, queries, active, hits, estimates),
            (2, _) => tile::<4, 2, true>(block, queries, active, hits, estimates),
            _ => tile::<4, 1, true>(block, queries, active, hits, estimates),
        }
        first += count;
    }
}

/// `VECTORS` * 8 rows by `QUERIES` queries at a time, over the whole block.
#[target_feature(enable = "avx2,fma,f16c")]
fn tile<const VECTORS: usize, const QUERIES: usize, const AHEAD: bool>(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    let ones = _mm256_set1_epi16(1);
    let dim = queries.dim;
    // Plain loops: closures given to `map` are not compiled into a function with target features.
    let mut query = [0usize; QUERIES];
    let mut codes = [queries.codes.as_ptr(); QUERIES];
    for place in 0..QUERIES {
        query[place] = active[place] as usize;
        codes[place] = queries.codes[query[place] * dim..(query[place] + 1) * dim].as_ptr();
    }
    let mut bits = [0u32; QUERIES];
    for group in 0..BLOCK_ROWS / (VECTORS * 8) {
        let first_row = group * VECTORS * 8;
        // 1. Integer inner products, a row a lane.
        let mut sums = [[_mm256_setzero_si256(); VECTORS]; QUERIES];
        for place in 0..QUERIES {
            sums[place] = [_mm256_set1_epi32(queries.offsets[query[place]]); VECTORS];
        }
        for quad in 0..dim / 4 {
            let mut rows = [_mm256_setzero_si256(); VECTORS];
            for (vector, rows) in rows.iter_mut().enumerate() {
                let byte = (quad * BLOCK_ROWS + first_row + vector * 8) * 4;
                // SAFETY: the block has BLOCK_ROWS * dim codes, checked by `Simd::scan_block`; quad < dim / 4 and
                // first_row + vector * 8 + 8 <= BLOCK_ROWS.
                *rows = unsafe { _mm256_loadu_si256(block.codes.as_ptr().add(byte).cast()) };
                if AHEAD && vector % 2 == 0 {
                    let next = block.codes.as_ptr().wrapping_add(block.codes.len() + byte);
                    _mm_prefetch::<_MM_HINT_T0>(next.cast());
                }
            }
            for place in 0..QUERIES {
                // SAFETY: the pointer is to `dim` codes, and quad * 4 + 4 <= dim.
                let four = unsafe { codes[place].add(quad * 4).cast::<i32>().read_unaligned() };
                let four = _mm256_set1_epi32(four);
                for vector in 0..VECTORS {
                    let pairs = _mm256_maddubs_epi16(rows[vector], four);
                    let quads = _mm256_madd_epi16(pairs, ones);
                    sums[place][vector] = _mm256_add_epi32(sums[place][vector], quads);
                }
            }
        }
        // 2. Upper bounds against the floors.
        for vector in 0..VECTORS {
            let row = first_row + vector * 8;
            let factors = block.factors.as_ptr();
            // SAFETY: the block has 3 * BLOCK_ROWS factors, checked by `Simd::scan_block`; row + 8 <= BLOCK_ROWS.
            let (scale, error, norm) = unsafe {
                (
                    _mm256_loadu_ps(factors.add(row)),
                    _mm256_loadu_ps(factors.add(BLOCK_ROWS + row)),
                    _mm256_loadu_ps(factors.add(2 * BLOCK_ROWS + row)),
                )
            };
            for place in 0..QUERIES {
                let query = query[place];
                let step = _mm256_mul_ps(scale, _mm256_set1_ps(queries.scales[query]));
                let estimate = _mm256_mul_ps(_mm256_cvtepi32_ps(sums[place][vector]), step);
                let bound = _mm256_mul_ps(norm, _mm256_set1_ps(queries.errors[query]));
                let bound = _mm256_fmadd_ps(error, _mm256_set1_ps(queries.norms[query]), bound);
                let upper = _mm256_add_ps(estimate, bound);
                let over = _mm256_cmp_ps::<_CMP_GT_OQ>(upper, _mm256_set1_ps(queries.floors[query]));
                let over = _mm256_movemask_ps(over) as u32;
                if over != 0 {
                    let target = &mut estimates[place * BLOCK_ROWS + row..][..8];
                    // SAFETY: the slice has 8 elements.
                    unsafe { _mm256_storeu_ps(target.as_mut_ptr(), estimate) };
                    bits[place] |= over << row;
                }
            }
        }
    }
    hits.copy_from_slice(&bits);
}
