//! The table for x86-64 with AVX-512 VNNI (Cascade Lake, Zen 4, and all servers after): the scan of `avx2`, with
//! 16 rows a vector and `vpdpbusd`, which multiplies and adds four dimensions of each in one instruction.
//!
//! The other functions are those of AVX2: they wait for memory, not for arithmetic.

#![allow(
    clippy::needless_range_loop,
    reason = "registers are indexed as the layout is: by block, vector and query"
)]

use std::arch::x86_64::*;

use super::{BLOCK_ROWS, CodeBlock, DOT_ROWS, ScanQueries, Simd, avx2};

static TABLE: Simd = Simd {
    name: "avx512-vnni",
    dot: avx2::dot,
    encode_row: avx2::encode_row,
    scan_rows,
    scan_block,
    interleave: avx2::interleave,
    dot_codes,
};

/// The table, if this machine can run it.
pub(super) fn table() -> Option<&'static Simd> {
    avx2::table()?;
    let found = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512vnni");
    found.then_some(&TABLE)
}

fn scan_rows(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { scan_rows_avx512(block, queries, active, hits, estimates) }
}

fn dot_codes(rows: [&[u8]; DOT_ROWS], query: &[i8]) -> [i32; DOT_ROWS] {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { dot_codes_avx512(rows, query) }
}

fn scan_block(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { scan_block_avx512(block, queries, active, hits, estimates) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot_codes_avx512(rows: [&[u8]; DOT_ROWS], query: &[i8]) -> [i32; DOT_ROWS] {
    let mut sums = [_mm512_setzero_si512(); DOT_ROWS];
    let whole = query.len() / 64 * 64;
    for first in (0..whole).step_by(64) {
        // SAFETY: `Simd::dot_codes` checked that all have one length, and first + 64 is within it.
        let query = unsafe { _mm512_loadu_si512(query.as_ptr().add(first).cast()) };
        for place in 0..DOT_ROWS {
            // SAFETY: as above.
            let row = unsafe { _mm512_loadu_si512(rows[place].as_ptr().add(first).cast()) };
            sums[place] = _mm512_dpbusd_epi32(sums[place], row, query);
        }
    }
    if whole < query.len() {
        // SAFETY: lengths are multiples of 32, so just that many are left; masked bytes are not read.
        let query = unsafe { _mm512_maskz_loadu_epi8(HALF, query.as_ptr().add(whole)) };
        for place in 0..DOT_ROWS {
            // SAFETY: as above.
            let row = unsafe { _mm512_maskz_loadu_epi8(HALF, rows[place].as_ptr().add(whole).cast()) };
            sums[place] = _mm512_dpbusd_epi32(sums[place], row, query);
        }
    }
    let sums = quarters(sums[0], sums[1], sums[2], sums[3]);
    let half = _mm256_add_epi32(_mm512_castsi512_si256(sums), _mm512_extracti64x4_epi64::<1>(sums));
    bytemuck::cast(_mm_add_epi32(_mm256_castsi256_si128(half), _mm256_extracti128_si256::<1>(half)))
}

/// The lower 32 bytes of a vector.
const HALF: u64 = 0xffff_ffff;

/// Sums of the 128-bit quarters of four vectors: in each quarter, one sum for each.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn quarters(a: __m512i, b: __m512i, c: __m512i, d: __m512i) -> __m512i {
    let ab = _mm512_add_epi32(_mm512_unpacklo_epi32(a, b), _mm512_unpackhi_epi32(a, b));
    let cd = _mm512_add_epi32(_mm512_unpacklo_epi32(c, d), _mm512_unpackhi_epi32(c, d));
    _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd))
}

/// Rows that `scan_rows_avx512` takes at once: a lane each once their sums are added up.
const ROWS: usize = 16;

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn scan_rows_avx512(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    let dim = queries.dim;
    hits.fill(0);
    for first_row in (0..BLOCK_ROWS).step_by(ROWS) {
        let rows = block.codes[first_row * dim..(first_row + ROWS) * dim].as_ptr();
        for (place, &query) in active.iter().enumerate() {
            let query = query as usize;
            let codes = &queries.codes[query * dim..(query + 1) * dim];
            let mut sums = [_mm512_setzero_si512(); ROWS];
            for first in (0..dim).step_by(64) {
                let mask = if first + 64 <= dim { u64::MAX } else { HALF };
                // SAFETY: `dim` is a multiple of 32, and masked bytes are not read.
                let codes = unsafe { _mm512_maskz_loadu_epi8(mask, codes.as_ptr().add(first)) };
                for row in 0..ROWS {
                    let source = rows.wrapping_add(row * dim + first);
                    // Bytes beyond the row meet zeros. SAFETY: masked bytes are not read.
                    let values = unsafe { _mm512_maskz_loadu_epi8(mask, source.cast()) };
                    if place == 0 {
                        _mm_prefetch::<_MM_HINT_T0>(source.wrapping_add(ROWS * dim).cast());
                    }
                    sums[row] = _mm512_dpbusd_epi32(sums[row], values, codes);
                }
            }
            let mut parts = [_mm512_setzero_si512(); 4];
            for four in 0..4 {
                let at = 4 * four;
                parts[four] = quarters(sums[at], sums[at + 1], sums[at + 2], sums[at + 3]);
            }
            // Each quarter of `parts[i]` has partial sums of rows 4i..4i+4: add the quarters up, row by row.
            let low = _mm512_add_epi32(
                _mm512_shuffle_i32x4::<0b10_00_10_00>(parts[0], parts[1]),
                _mm512_shuffle_i32x4::<0b11_01_11_01>(parts[0], parts[1]),
            );
            let high = _mm512_add_epi32(
                _mm512_shuffle_i32x4::<0b10_00_10_00>(parts[2], parts[3]),
                _mm512_shuffle_i32x4::<0b11_01_11_01>(parts[2], parts[3]),
            );
            let sums = _mm512_add_epi32(
                _mm512_shuffle_i32x4::<0b10_00_10_00>(low, high),
                _mm512_shuffle_i32x4::<0b11_01_11_01>(low, high),
            );
            let sums = _mm512_add_epi32(sums, _mm512_set1_epi32(queries.offsets[query]));
            let target = &mut estimates[place * BLOCK_ROWS + first_row..][..ROWS];
            hits[place] |= bounded(sums, block.factors, first_row, queries, query, target) << first_row;
        }
    }
}

/// Estimates of 16 rows from their integer sums; gives a bit for each whose upper bound is over the floor.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn bounded(
    sums: __m512i,
    factors: &[f32],
    row: usize,
    queries: &ScanQueries<'_>,
    query: usize,
    estimates: &mut [f32],
) -> u32 {
    let part = |kind: usize| factors[kind * BLOCK_ROWS + row..][..16].as_ptr();
    // SAFETY: each slice has 16 factors.
    let (scale, error, norm) =
        unsafe { (_mm512_loadu_ps(part(0)), _mm512_loadu_ps(part(1)), _mm512_loadu_ps(part(2))) };
    let step = _mm512_mul_ps(scale, _mm512_set1_ps(queries.scales[query]));
    let estimate = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), step);
    let bound = _mm512_mul_ps(norm, _mm512_set1_ps(queries.errors[query]));
    let bound = _mm512_fmadd_ps(error, _mm512_set1_ps(queries.norms[query]), bound);
    let upper = _mm512_add_ps(estimate, bound);
    let over = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(upper, _mm512_set1_ps(queries.floors[query]));
    if over != 0 {
        let target = &mut estimates[..16];
        // SAFETY: the slice has 16 elements.
        unsafe { _mm512_storeu_ps(target.as_mut_ptr(), estimate) };
    }
    u32::from(over)
}

/// Vectors of rows in a block.
const VECTORS: usize = BLOCK_ROWS / 16;
/// Queries of the widest tile: 20 sums, with room left among the 32 registers.
const TILE_QUERIES: usize = 10;

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn scan_block_avx512(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    let mut first = 0;
    while first < active.len() {
        let left = active.len() - first;
        // What a tile of ten leaves over goes through narrower ones, widest first.
        let count = [TILE_QUERIES, 6, 4, 2].into_iter().find(|&count| count <= left).unwrap_or(1);
        let places = first..first + count;
        let active = &active[places.clone()];
        let hits = &mut hits[places.clone()];
        let estimates = &mut estimates[places.start * BLOCK_ROWS..places.end * BLOCK_ROWS];
        match count {
            TILE_QUERIES => tile::<TILE_QUERIES>(block, queries, active, hits, estimates),
            6 => tile::<6>(block, queries, active, hits, estimates),
            4 => tile::<4>(block, queries, active, hits, estimates),
            2 => tile::<2>(block, queries, active, hits, estimates),
            _ => tile::<1>(block, queries, active, hits, estimates),
        }
        first += count;
    }
}

/// All rows of the block by `QUERIES` queries.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn tile<const QUERIES: usize>(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    let dim = queries.dim;
    // Plain loops: closures given to `map` are not compiled into a function with target features.
    let mut query = [0usize; QUERIES];
    let mut codes = [queries.codes.as_ptr(); QUERIES];
    let mut sums = [[_mm512_setzero_si512(); VECTORS]; QUERIES];
    for place in 0..QUERIES {
        query[place] = active[place] as usize;
        codes[place] = queries.codes[query[place] * dim..(query[place] + 1) * dim].as_ptr();
        sums[place] = [_mm512_set1_epi32(queries.offsets[query[place]]); VECTORS];
    }
    // 1. Integer inner products, a row a lane.
    for quad in 0..dim / 4 {
        let mut rows = [_mm512_setzero_si512(); VECTORS];
        for (vector, rows) in rows.iter_mut().enumerate() {
            let byte = (quad * BLOCK_ROWS + vector * 16) * 4;
            // SAFETY: the block has BLOCK_ROWS * dim codes, checked by `Simd::scan_block`; quad < dim / 4 and
            // vector * 16 + 16 <= BLOCK_ROWS.
            *rows = unsafe { _mm512_loadu_si512(block.codes.as_ptr().add(byte).cast()) };
        }
        for place in 0..QUERIES {
            // SAFETY: the pointer is to `dim` codes, and quad * 4 + 4 <= dim.
            let four = unsafe { codes[place].add(quad * 4).cast::<i32>().read_unaligned() };
            let four = _mm512_set1_epi32(four);
            for vector in 0..VECTORS {
                sums[place][vector] = _mm512_dpbusd_epi32(sums[place][vector], rows[vector], four);
            }
        }
    }
    // 2. Upper bounds against the floors.
    hits[..QUERIES].fill(0);
    for vector in 0..VECTORS {
        let row = vector * 16;
        for place in 0..QUERIES {
            let target = &mut estimates[place * BLOCK_ROWS + row..][..16];
            hits[place] |=
                bounded(sums[place][vector], block.factors, row, queries, query[place], target) << row;
        }
    }
}
