//! The table for x86-64 with AVX-512 VNNI (Cascade Lake, Zen 4, and all servers after): the scan of `avx2`, with
//! 16 rows a vector and `vpdpbusd`, which multiplies and adds four dimensions of each in one instruction.
//!
//! The other functions are those of AVX2: they wait for memory, not for arithmetic, and a core that multiplies many floats in 512 bits
//! lowers its clock for all it does in the next millisecond (tried for exact scores: walks lost 7 %).

#![allow(
    clippy::needless_range_loop,
    reason = "registers are indexed as the layout is: by block, vector and query"
)]

use std::arch::x86_64::*;

use super::fanout::{self, Fanout};
use super::integrate::integrate;
use super::learn::{learn, look_up};
use super::lesson::{self, Lesson, Pupils};
use super::{BLOCK_ROWS, CodeBlock, Likely, Row, ScanQueries, Simd, SketchProbe, Span, avx2, second_words};

static TABLE: Simd = Simd {
    name: "avx512-vnni",
    dot: avx2::dot,
    encode_row: avx2::encode_row,
    code_query: avx2::code_query,
    scan_rows,
    scan_block,
    interleave: avx2::interleave,
    dot_codes,
    sign_codes: avx2::sign_codes,
    likely,
    integrate_f32,
    integrate_f64,
    learn_f32,
    learn_f64,
    teach,
    fan_targets,
    fan_weights,
};

/// The table, if this machine can run it.
pub(super) fn table() -> Option<&'static Simd> {
    avx2::table()?;
    let found = is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512bw")
        && is_x86_feature_detected!("avx512dq")
        && is_x86_feature_detected!("avx512vl")
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

fn dot_codes(codes: &[u8], rows: &[u32], query: &[i8], sums: &mut [i32]) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { dot_codes_avx512(codes, rows, query, sums) }
}

fn likely(
    sketches: &[u32],
    words: usize,
    rows: &[u32],
    probe: &SketchProbe<'_>,
    floor: f32,
    likely: &mut Likely,
) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { likely_avx512(sketches, words, rows, probe, floor, likely) }
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

fn integrate_f32(span: &mut Span<'_, f32>) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { integrate_f32_avx512(span) }
}

fn integrate_f64(span: &mut Span<'_, f64>) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { integrate_f64_avx512(span) }
}

fn learn_f32(row: &mut Row<'_, f32>) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { learn_f32_avx512(row) }
}

fn learn_f64(row: &mut Row<'_, f64>) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { learn_f64_avx512(row) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn learn_f32_avx512(row: &mut Row<'_, f32>) {
    learn(row, |recent, targets| avx2::look_up_f32(recent, targets));
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn learn_f64_avx512(row: &mut Row<'_, f64>) {
    learn(row, look_up);
}

fn fan_weights(fan: &Fanout, counter: u32, bits: &mut [u32]) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { fan_weights_avx512(fan, counter, bits) }
}

/// The plain form, built for wider vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn fan_weights_avx512(fan: &Fanout, counter: u32, bits: &mut [u32]) {
    fanout::fan_weights(fan, counter, bits);
}

fn fan_targets(fan: &Fanout, counter: u32, targets: &mut [u32]) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { fan_targets_avx512(fan, counter, targets) }
}

/// The plain form, built for wider vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn fan_targets_avx512(fan: &Fanout, counter: u32, targets: &mut [u32]) {
    fanout::fan_targets(fan, counter, targets);
}

fn teach(lesson: &Lesson<'_>, pupils: &mut Pupils) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { teach_avx512(lesson, pupils) }
}

/// The plain form, built for wider vectors.
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn teach_avx512(lesson: &Lesson<'_>, pupils: &mut Pupils) {
    lesson::teach(lesson, pupils);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn integrate_f32_avx512(span: &mut Span<'_, f32>) {
    integrate(span);
}

#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl")]
fn integrate_f64_avx512(span: &mut Span<'_, f64>) {
    integrate(span);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn dot_codes_avx512(codes: &[u8], rows: &[u32], query: &[i8], sums: &mut [i32]) {
    let dim = query.len();
    let (fours, others) = (rows.chunks_exact(4), rows.len() / 4 * 4);
    for (rows, sums) in fours.zip(sums.chunks_exact_mut(4)) {
        let at = |place: usize| codes[rows[place] as usize * dim..][..dim].as_ptr();
        let (at, mut all) = ([at(0), at(1), at(2), at(3)], [_mm512_setzero_si512(); 4]);
        for (first, query) in query.chunks(64).enumerate() {
            let mask = if query.len() == 64 { u64::MAX } else { HALF };
            // SAFETY: the chunk has 64 codes, or 32 at the end, as each row has there; masked bytes are not read.
            unsafe {
                let query = _mm512_maskz_loadu_epi8(mask, query.as_ptr());
                for (all, at) in all.iter_mut().zip(at) {
                    let row = _mm512_maskz_loadu_epi8(mask, at.add(first * 64).cast());
                    *all = _mm512_dpbusd_epi32(*all, row, query);
                }
            }
        }
        let parts = quarters(all[0], all[1], all[2], all[3]);
        let halves = _mm256_add_epi32(_mm512_castsi512_si256(parts), _mm512_extracti64x4_epi64::<1>(parts));
        let four = _mm_add_epi32(_mm256_castsi256_si128(halves), _mm256_extracti128_si256::<1>(halves));
        // SAFETY: there are four.
        unsafe { _mm_storeu_si128(sums.as_mut_ptr().cast(), four) };
    }
    for (sum, &row) in sums.iter_mut().zip(rows).skip(others) {
        let row = &codes[row as usize * dim..][..dim];
        let mut all = _mm512_setzero_si512();
        for (row, query) in row.chunks(64).zip(query.chunks(64)) {
            let mask = if row.len() == 64 { u64::MAX } else { HALF };
            // SAFETY: both chunks have 64 codes, or 32 at the end; masked bytes are not read.
            unsafe {
                let row = _mm512_maskz_loadu_epi8(mask, row.as_ptr().cast());
                let query = _mm512_maskz_loadu_epi8(mask, query.as_ptr());
                all = _mm512_dpbusd_epi32(all, row, query);
            }
        }
        *sum = _mm512_reduce_add_epi32(all);
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
fn likely_avx512(
    sketches: &[u32],
    words: usize,
    rows: &[u32],
    probe: &SketchProbe<'_>,
    floor: f32,
    likely: &mut Likely,
) {
    let (codes, firsts) = (probe.codes, probe.codes.len() / 32);
    let seconds = second_words(words, codes.len());
    let (ones, twos) = (_mm512_set1_epi8(1), _mm512_set1_epi8(2));
    for rows in rows.chunks(ROWS) {
        let (mut parts, mut factors) = ([_mm512_setzero_si512(); 4], [0.0; ROWS]);
        for (four, rows) in rows.chunks(4).enumerate() {
            let mut of_row = [sketches.as_ptr(); 4];
            for place in 0..4 {
                let row = rows[place.min(rows.len() - 1)] as usize;
                let sketch = &sketches[row * words..][..words];
                factors[4 * four + place] = f32::from_bits(sketch[words - 1]);
                of_row[place] = sketch.as_ptr();
            }
            let mut sums = [_mm512_setzero_si512(); 4];
            for word in (0..firsts).step_by(2) {
                // Two words at a time: behind the last one of first bits comes at least the factor, whose bits meet no code.
                let there = if firsts - word == 1 { HALF } else { u64::MAX };
                // SAFETY: there are 32 codes for each word of first bits, and behind the last of either kind there is one more word.
                unsafe {
                    let codes = _mm512_maskz_loadu_epi8(there, codes.as_ptr().add(word * 32));
                    let first = |at: *const u32| _mm512_maskz_mov_epi8(pair(at.add(word)), twos);
                    let second = |at: *const u32| pair(at.add(firsts + word));
                    match seconds.saturating_sub(word) {
                        0 => {
                            for (sum, at) in sums.iter_mut().zip(of_row) {
                                *sum = _mm512_dpbusd_epi32(*sum, first(at), codes);
                            }
                        }
                        1 => {
                            for (sum, at) in sums.iter_mut().zip(of_row) {
                                let levels =
                                    _mm512_mask_add_epi8(first(at), second(at) & HALF, first(at), ones);
                                *sum = _mm512_dpbusd_epi32(*sum, levels, codes);
                            }
                        }
                        _ => {
                            for (sum, at) in sums.iter_mut().zip(of_row) {
                                let levels = _mm512_mask_add_epi8(first(at), second(at), first(at), ones);
                                *sum = _mm512_dpbusd_epi32(*sum, levels, codes);
                            }
                        }
                    }
                }
            }
            parts[four] = quarters(sums[0], sums[1], sums[2], sums[3]);
        }
        let sums = lanes(parts);
        let doubled = _mm512_add_epi32(_mm512_add_epi32(sums, sums), _mm512_set1_epi32(probe.offset));
        // SAFETY: there are 16.
        let factors = unsafe { _mm512_loadu_ps(factors.as_ptr()) };
        let step = _mm512_mul_ps(factors, _mm512_set1_ps(probe.scale));
        let scores = _mm512_mul_ps(_mm512_cvtepi32_ps(doubled), step);
        let there = ((1u32 << rows.len()) - 1) as u16;
        let kept = _mm512_mask_cmp_ps_mask::<_CMP_NLT_UQ>(there, scores, _mm512_set1_ps(floor));
        let count = likely.count;
        let (to_rows, to_scores) =
            (&mut likely.rows[count..count + ROWS], &mut likely.scores[count..count + ROWS]);
        // SAFETY: there is room for a vector in both slices, and masked rows are not read.
        unsafe {
            let rows = _mm512_maskz_loadu_epi32(there, rows.as_ptr().cast());
            let (rows, scores) =
                (_mm512_maskz_compress_epi32(kept, rows), _mm512_maskz_compress_ps(kept, scores));
            _mm512_storeu_si512(to_rows.as_mut_ptr().cast(), rows);
            _mm512_storeu_ps(to_scores.as_mut_ptr(), scores);
        }
        likely.count += kept.count_ones() as usize;
    }
}

/// The bits of two words.
///
/// # Safety
/// They can be read.
#[inline(always)]
unsafe fn pair(at: *const u32) -> u64 {
    // SAFETY: the caller vouches for it.
    unsafe { at.cast::<u64>().read_unaligned() }
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

/// From four vectors with partial sums of rows 4i..4i+4 in each quarter of the i-th: the sums, a lane a row.
#[target_feature(enable = "avx512f,avx512bw,avx512vnni")]
#[inline]
fn lanes(parts: [__m512i; 4]) -> __m512i {
    let even = |a, b| _mm512_shuffle_i32x4::<0b10_00_10_00>(a, b);
    let odd = |a, b| _mm512_shuffle_i32x4::<0b11_01_11_01>(a, b);
    let low = _mm512_add_epi32(even(parts[0], parts[1]), odd(parts[0], parts[1]));
    let high = _mm512_add_epi32(even(parts[2], parts[3]), odd(parts[2], parts[3]));
    _mm512_add_epi32(even(low, high), odd(low, high))
}

/// Rows that are taken at once: a lane each once their sums are added up.
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
            let sums = lanes(parts);
            let sums = _mm512_add_epi32(sums, _mm512_set1_epi32(queries.offset(query)));
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
    // Not fused: bounds are the same bits on every machine.
    let by_query = _mm512_mul_ps(norm, _mm512_set1_ps(queries.errors[query]));
    let by_row = _mm512_mul_ps(error, _mm512_set1_ps(queries.norms[query]));
    let bound = _mm512_add_ps(by_row, by_query);
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
        sums[place] = [_mm512_set1_epi32(queries.offset(query[place])); VECTORS];
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
