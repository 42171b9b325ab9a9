//! The table for x86-64 with AVX-512 VNNI (Cascade Lake, Zen 4, and all servers after): the scan of `avx2`, with
//! 16 rows a vector and `vpdpbusd`, which multiplies and adds four dimensions of each in one instruction.
//!
//! The other functions are those of AVX2: they wait for memory, not for arithmetic.

#![allow(
    clippy::needless_range_loop,
    reason = "registers are indexed as the layout is: by block, vector and query"
)]

use std::arch::x86_64::*;

use super::{BLOCK_ROWS, CodeBlock, ScanQueries, Simd, avx2};

static TABLE: Simd = Simd { name: "avx512-vnni", dot: avx2::dot, encode_row: avx2::encode_row, scan_block };

/// The table, if this machine can run it.
pub(super) fn table() -> Option<&'static Simd> {
    avx2::table()?;
    let found = is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512vnni");
    found.then_some(&TABLE)
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

/// Vectors of rows in a block.
const VECTORS: usize = BLOCK_ROWS / 16;
/// Queries of the widest tile: 20 sums, with room left among the 32 registers.
const TILE_QUERIES: usize = 10;

#[target_feature(enable = "avx512f,avx512vnni")]
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
        // The first tile of a block also fetches the codes of the next one.
        match (count, first == 0) {
            (TILE_QUERIES, true) => tile::<TILE_QUERIES, true>(block, queries, active, hits, estimates),
            (TILE_QUERIES, false) => tile::<TILE_QUERIES, false>(block, queries, active, hits, estimates),
            (6, _) => tile::<6, true>(block, queries, active, hits, estimates),
            (4, _) => tile::<4, true>(block, queries, active, hits, estimates),
            (2, _) => tile::<2, true>(block, queries, active, hits, estimates),
            _ => tile::<1, true>(block, queries, active, hits, estimates),
        }
        first += count;
    }
}

/// All rows of the block by `QUERIES` queries.
#[target_feature(enable = "avx512f,avx512vnni")]
fn tile<const QUERIES: usize, const AHEAD: bool>(
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
            if AHEAD {
                let next = block.codes.as_ptr().wrapping_add(block.codes.len() + byte);
                _mm_prefetch::<_MM_HINT_T0>(next.cast());
            }
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
        let factors = block.factors.as_ptr();
        // SAFETY: the block has 3 * BLOCK_ROWS factors, checked by `Simd::scan_block`; row + 16 <= BLOCK_ROWS.
        let (scale, error, norm) = unsafe {
            (
                _mm512_loadu_ps(factors.add(row)),
                _mm512_loadu_ps(factors.add(BLOCK_ROWS + row)),
                _mm512_loadu_ps(factors.add(2 * BLOCK_ROWS + row)),
            )
        };
        for place in 0..QUERIES {
            let query = query[place];
            let step = _mm512_mul_ps(scale, _mm512_set1_ps(queries.scales[query]));
            let estimate = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[place][vector]), step);
            let bound = _mm512_mul_ps(norm, _mm512_set1_ps(queries.errors[query]));
            let bound = _mm512_fmadd_ps(error, _mm512_set1_ps(queries.norms[query]), bound);
            let upper = _mm512_add_ps(estimate, bound);
            let over = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(upper, _mm512_set1_ps(queries.floors[query]));
            if over != 0 {
                let target = &mut estimates[place * BLOCK_ROWS + row..][..16];
                // SAFETY: the slice has 16 elements.
                unsafe { _mm512_storeu_ps(target.as_mut_ptr(), estimate) };
                hits[place] |= u32::from(over) << row;
            }
        }
    }
}
