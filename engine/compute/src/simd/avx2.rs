//! The table for x86-64 with AVX2, FMA and F16C (Haswell and Zen, and all that came after).
//!
//! The scan multiplies stored row codes (1 to 127) by signed query codes (within 63) with `vpmaddubsw`: a pair sums to
//! at most 2 * 127 * 63 = 16,002, so that two of them add up in 16 bits; `vpmaddwd` with ones then widens to i32. For many
//! queries the rows of a block are interleaved by four dimensions, so that each i32 lane is one row and no horizontal sum
//! is needed; for few, eight rows are read as they lie and share one reduction.

#![allow(
    clippy::needless_range_loop,
    reason = "registers are indexed as the layout is: by block, vector and query"
)]

use std::arch::x86_64::*;

use half::f16;

use super::fanout::{self, Fanout};
use super::integrate::integrate;
use super::learn::{RECENT, Recent, learn, look_up};
use super::lesson::{self, Lesson, Pupils};
use super::portable::{self, query_steps, reduce, row_factors, scale_of};
use super::rotation::rotate;
use super::{
    BLOCK_ROWS, CODE_MAX, CODE_ZERO, CodeBlock, LANES, Likely, QueryFactors, Row, RowFactors, ScanQueries,
    Simd, SketchProbe, Span, second_words,
};

static TABLE: Simd = Simd {
    name: "avx2",
    dot,
    encode_row,
    code_query,
    scan_rows,
    scan_block,
    interleave,
    dot_codes,
    sign_codes,
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
    let found = is_x86_feature_detected!("avx2")
        && is_x86_feature_detected!("fma")
        && is_x86_feature_detected!("f16c");
    found.then_some(&TABLE)
}

pub(super) fn dot(row: &[f16], query: &[f64]) -> f64 {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { dot_avx2(row, query) }
}

pub(super) fn encode_row(row: &[f16], codes: &mut [u8]) -> RowFactors {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { encode_row_avx2(row, codes) }
}

pub(super) fn code_query(query: &mut [f32], codes: &mut [i8]) -> QueryFactors {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { code_query_avx2(query, codes) }
}

fn scan_rows(
    block: &CodeBlock<'_>,
    queries: &ScanQueries<'_>,
    active: &[u32],
    hits: &mut [u32],
    estimates: &mut [f32],
) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { scan_rows_avx2(block, queries, active, hits, estimates) }
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

pub(super) fn interleave(codes: &[u8], dim: usize, interleaved: &mut [u8]) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { interleave_avx2(codes, dim, interleaved) }
}

pub(super) fn sign_codes(codes: &[u8], signed: &mut [i8]) -> i32 {
    // SAFETY: this table is only chosen where these instructions are.
    unsafe { sign_codes_avx2(codes, signed) }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn sign_codes_avx2(codes: &[u8], signed: &mut [i8]) -> i32 {
    portable::sign_codes(codes, signed)
}

fn dot_codes(codes: &[u8], rows: &[u32], query: &[i8], sums: &mut [i32]) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { dot_codes_avx2(codes, rows, query, sums) }
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
    unsafe { likely_avx2(sketches, words, rows, probe, floor, likely) }
}

#[target_feature(enable = "avx2,fma,f16c")]
fn code_query_avx2(query: &mut [f32], codes: &mut [i8]) -> QueryFactors {
    rotate(query);
    let (scale, steps) = query_steps(query);
    let (most, least) = (_mm256_set1_epi32(CODE_MAX), _mm256_set1_epi32(-CODE_MAX));
    let (step, steps) = (_mm256_set1_pd(f64::from(scale)), _mm256_set1_ps(steps));
    // The lowest byte of each number, in both halves.
    let bytes = _mm256_set1_epi32(0x0c08_0400);
    let mut sums = _mm256_setzero_si256();
    let (mut squares, mut errors) = ([_mm256_setzero_pd(); 2], [_mm256_setzero_pd(); 2]);
    for (values, codes) in query.chunks_exact(8).zip(codes.chunks_exact_mut(8)) {
        // SAFETY: the chunk has 8 values.
        let values = unsafe { _mm256_loadu_ps(values.as_ptr()) };
        // To the nearest, halves to the even one, as adding a large number does in `portable`.
        let whole = _mm256_cvtps_epi32(_mm256_mul_ps(values, steps));
        let whole = _mm256_max_epi32(_mm256_min_epi32(whole, most), least);
        sums = _mm256_add_epi32(sums, whole);
        let four = _mm256_shuffle_epi8(whole, bytes);
        let eight = _mm_unpacklo_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256::<1>(four));
        // SAFETY: the chunk has 8 codes.
        unsafe { _mm_storel_epi64(codes.as_mut_ptr().cast(), eight) };
        let values = [_mm256_castps256_ps128(values), _mm256_extractf128_ps::<1>(values)];
        let whole = [_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole)];
        for half in 0..2 {
            let value = _mm256_cvtps_pd(values[half]);
            squares[half] = _mm256_fmadd_pd(value, value, squares[half]);
            let left = _mm256_fnmadd_pd(step, _mm256_cvtepi32_pd(whole[half]), value);
            // The square of what is left is rounded before it is added, as everywhere.
            errors[half] = _mm256_add_pd(errors[half], _mm256_mul_pd(left, left));
        }
    }
    let in_order = |sums: [__m256d; 2]| bytemuck::cast::<_, [f64; 8]>(sums).iter().sum();
    QueryFactors { scale, sum: total(sums), squares: in_order(squares), error_squares: in_order(errors) }
}

fn integrate_f32(span: &mut Span<'_, f32>) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { integrate_f32_avx2(span) }
}

fn integrate_f64(span: &mut Span<'_, f64>) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { integrate_f64_avx2(span) }
}

fn learn_f32(row: &mut Row<'_, f32>) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { learn_f32_avx2(row) }
}

fn learn_f64(row: &mut Row<'_, f64>) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { learn_f64_avx2(row) }
}

#[target_feature(enable = "avx2")]
fn learn_f32_avx2(row: &mut Row<'_, f32>) {
    learn(row, |recent, targets| look_up_f32(recent, targets));
}

#[target_feature(enable = "avx2")]
fn learn_f64_avx2(row: &mut Row<'_, f64>) {
    learn(row, look_up);
}

/// Records as they lie are loaded into both halves of registers, and four of these transposed.
#[target_feature(enable = "avx2")]
#[inline]
pub(super) fn look_up_f32(recent: &Recent<f32>, targets: &[u16; LANES]) -> [[f32; LANES]; RECENT + 1] {
    // SAFETY: a record is four f32.
    let load = |lane: usize| unsafe { _mm_loadu_ps(recent[targets[lane] as usize].as_ptr()) };
    let mut halves = [[_mm256_setzero_ps(); 2]; RECENT + 1];
    for half in 0..2 {
        let four: [__m256; 4] =
            std::array::from_fn(|i| _mm256_set_m128(load(8 * half + 4 + i), load(8 * half + i)));
        let low = [0, 2].map(|i| _mm256_castps_pd(_mm256_unpacklo_ps(four[i], four[i + 1])));
        let high = [0, 2].map(|i| _mm256_castps_pd(_mm256_unpackhi_ps(four[i], four[i + 1])));
        let pairs = [low, high].map(|[a, b]| [_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b)]);
        for (entry, vector) in pairs.into_iter().flatten().enumerate() {
            halves[entry][half] = _mm256_castpd_ps(vector);
        }
    }
    bytemuck::cast(halves)
}

fn fan_weights(fan: &Fanout, counter: u32, bits: &mut [u32]) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { fan_weights_avx2(fan, counter, bits) }
}

/// The plain form, built for wider vectors.
#[target_feature(enable = "avx2")]
fn fan_weights_avx2(fan: &Fanout, counter: u32, bits: &mut [u32]) {
    fanout::fan_weights(fan, counter, bits);
}

fn fan_targets(fan: &Fanout, counter: u32, targets: &mut [u32]) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { fan_targets_avx2(fan, counter, targets) }
}

/// The plain form, built for wider vectors.
#[target_feature(enable = "avx2")]
fn fan_targets_avx2(fan: &Fanout, counter: u32, targets: &mut [u32]) {
    fanout::fan_targets(fan, counter, targets);
}

fn teach(lesson: &Lesson<'_>, pupils: &mut Pupils) {
    // SAFETY: the table is given out only where its instructions exist.
    unsafe { teach_avx2(lesson, pupils) }
}

/// The plain form, built for wider vectors.
#[target_feature(enable = "avx2,fma,f16c")]
fn teach_avx2(lesson: &Lesson<'_>, pupils: &mut Pupils) {
    lesson::teach(lesson, pupils);
}

#[target_feature(enable = "avx2")]
fn integrate_f32_avx2(span: &mut Span<'_, f32>) {
    integrate(span);
}

#[target_feature(enable = "avx2")]
fn integrate_f64_avx2(span: &mut Span<'_, f64>) {
    integrate(span);
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
fn encode_row_avx2(row: &[f16], codes: &mut [u8]) -> RowFactors {
    let magnitude = _mm256_castsi256_ps(_mm256_set1_epi32(0x7fff_ffff));
    let mut rotated = vec![0.0f32; row.len()];
    for (row, wide) in row.chunks_exact(8).zip(rotated.chunks_exact_mut(8)) {
        // SAFETY: both chunks have 8 elements.
        unsafe {
            let stored = _mm_loadu_si128(row.as_ptr().cast());
            _mm256_storeu_ps(wide.as_mut_ptr(), _mm256_cvtph_ps(stored));
        }
    }
    rotate(&mut rotated);
    let mut max = _mm256_setzero_ps();
    for values in rotated.chunks_exact(8) {
        // SAFETY: the chunk has 8 elements.
        max = _mm256_max_ps(max, _mm256_and_ps(unsafe { _mm256_loadu_ps(values.as_ptr()) }, magnitude));
    }
    let lanes: [f32; 8] = bytemuck::cast(max);
    let scale = scale_of(lanes.into_iter().fold(0.0, f32::max));
    if scale == 0.0 {
        codes.fill(CODE_ZERO as u8);
        return RowFactors::default();
    }
    let (half, one) = (_mm256_set1_ps(0.5), _mm256_set1_ps(1.0));
    let step = _mm256_set1_ps(scale);
    let mut squares = _mm256_setzero_si256();
    let mut sums = [_mm256_setzero_pd(); LANES / 4];
    for (values, codes) in rotated.chunks_exact(LANES).zip(codes.chunks_exact_mut(LANES)) {
        let mut words = [_mm256_setzero_si256(); 2];
        for half_chunk in 0..2 {
            // SAFETY: `half_chunk` 0 and 1 cover the 16 elements of the chunk, 8 each.
            let x = unsafe { _mm256_loadu_ps(values.as_ptr().add(half_chunk * 8)) };
            // As in `portable::encode_value`: every operation but the division is exact.
            let size = _mm256_and_ps(x, magnitude);
            let code = _mm256_floor_ps(_mm256_add_ps(_mm256_div_ps(size, step), half));
            let (twice, size_twice) = (_mm256_add_ps(code, code), _mm256_add_ps(size, size));
            let lower_edge = _mm256_mul_ps(_mm256_sub_ps(twice, one), step);
            let upper_edge = _mm256_mul_ps(_mm256_add_ps(twice, one), step);
            let down = _mm256_and_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(lower_edge, size_twice), one);
            let up = _mm256_and_ps(_mm256_cmp_ps::<_CMP_LE_OQ>(upper_edge, size_twice), one);
            let code = _mm256_add_ps(_mm256_sub_ps(code, down), up);
            let code = _mm256_or_ps(code, _mm256_andnot_ps(magnitude, x));
            let residual = _mm256_sub_ps(x, _mm256_mul_ps(code, step));
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
    row_factors(scale, squares.into_iter().sum(), reduce(bytemuck::cast(sums)))
}

#[target_feature(enable = "avx2,fma,f16c")]
fn dot_codes_avx2(codes: &[u8], rows: &[u32], query: &[i8], sums: &mut [i32]) {
    let dim = query.len();
    for (sum, &row) in sums.iter_mut().zip(rows) {
        let row = codes[row as usize * dim..][..dim].as_ptr();
        let mut all = _mm256_setzero_si256();
        for first in (0..dim).step_by(64) {
            let whole = first + 64 <= dim;
            // SAFETY: both are of `dim` bytes, a multiple of 32; the second half is read only if there is one.
            let (row, query) =
                unsafe { (pair(row.add(first), whole), pair(query.as_ptr().add(first).cast(), whole)) };
            all = _mm256_add_epi32(all, product(row, query));
        }
        *sum = total(all);
    }
}

/// The sum of all lanes.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn total(lanes: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(lanes), _mm256_extracti128_si256::<1>(lanes));
    let two = _mm_add_epi32(four, _mm_unpackhi_epi64(four, four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<1>(two)))
}

/// Codes are within 63 and added in pairs, so that 16 bits hold the sums of 260 steps of 32 codes: 8,192 dimensions take 256.
#[target_feature(enable = "avx2,fma,f16c")]
fn likely_avx2(
    sketches: &[u32],
    words: usize,
    rows: &[u32],
    probe: &SketchProbe<'_>,
    floor: f32,
    likely: &mut Likely,
) {
    // Each byte of four goes to eight places, where a mask leaves one bit of it.
    let spread = _mm256_setr_epi64x(
        0x0000_0000_0000_0000,
        0x0101_0101_0101_0101,
        0x0202_0202_0202_0202,
        0x0303_0303_0303_0303,
    );
    let bit = _mm256_set1_epi64x(0x8040_2010_0804_0201_u64 as i64);
    let ones = _mm256_set1_epi8(1);
    let set_pairs = |words: &[u32], codes: &[i8]| {
        let mut all = _mm256_setzero_si256();
        for (word, codes) in words.iter().zip(codes.chunks_exact(32)) {
            // SAFETY: the chunk has 32 codes.
            let codes = unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) };
            let bits = _mm256_shuffle_epi8(_mm256_set1_epi32(*word as i32), spread);
            let set = _mm256_cmpeq_epi8(_mm256_and_si256(bits, bit), bit);
            all = _mm256_add_epi16(all, _mm256_maddubs_epi16(ones, _mm256_and_si256(set, codes)));
        }
        all
    };
    let dim = probe.codes.len();
    let seconds = &probe.codes[..32 * second_words(words, dim)];
    for &row in rows {
        let sketch = &sketches[row as usize * words..][..words];
        let first = _mm256_madd_epi16(set_pairs(sketch, probe.codes), _mm256_set1_epi16(2));
        let second = _mm256_madd_epi16(set_pairs(&sketch[dim / 32..], seconds), _mm256_set1_epi16(1));
        let sum = total(_mm256_add_epi32(first, second));
        likely.push_unless_under(row, probe.estimate(sum, f32::from_bits(sketch[words - 1])), floor);
    }
}

/// 64 bytes, or 32 and zeros.
///
/// # Safety
/// So many bytes can be read.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
unsafe fn pair(source: *const u8, whole: bool) -> [__m256i; 2] {
    // SAFETY: as the caller promises.
    unsafe {
        let low = _mm256_loadu_si256(source.cast());
        let high = if whole { _mm256_loadu_si256(source.add(32).cast()) } else { _mm256_setzero_si256() };
        [low, high]
    }
}

/// Products of 64 stored row codes and query codes, added up by eights.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn product(row: [__m256i; 2], query: [__m256i; 2]) -> __m256i {
    let low = _mm256_maddubs_epi16(row[0], query[0]);
    let high = _mm256_maddubs_epi16(row[1], query[1]);
    _mm256_madd_epi16(_mm256_add_epi16(low, high), _mm256_set1_epi16(1))
}

/// Rows that `scan_rows_avx2` takes at once.
const ROWS: usize = 8;

#[target_feature(enable = "avx2,fma,f16c")]
fn scan_rows_avx2(
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
            let codes = queries.codes[query * dim..(query + 1) * dim].as_ptr();
            let mut sums = [_mm256_setzero_si256(); ROWS];
            for first in (0..dim).step_by(64) {
                let whole = first + 64 <= dim;
                // SAFETY: the pointer is to `dim` codes, a multiple of 32; the second half is read only if there is one.
                let codes = unsafe { pair(codes.add(first).cast(), whole) };
                for row in 0..ROWS {
                    let source = rows.wrapping_add(row * dim + first);
                    // SAFETY: as above, of ROWS * dim codes.
                    let values = unsafe { pair(source, whole) };
                    if place == 0 {
                        _mm_prefetch::<_MM_HINT_T0>(source.wrapping_add(ROWS * dim).cast());
                    }
                    sums[row] = _mm256_add_epi32(sums[row], product(values, codes));
                }
            }
            let low = quarters(sums[0], sums[1], sums[2], sums[3]);
            let high = quarters(sums[4], sums[5], sums[6], sums[7]);
            let sums = _mm256_add_epi32(
                _mm256_permute2x128_si256::<0x20>(low, high),
                _mm256_permute2x128_si256::<0x31>(low, high),
            );
            let sums = _mm256_add_epi32(sums, _mm256_set1_epi32(queries.offset(query)));
            let target = &mut estimates[place * BLOCK_ROWS + first_row..][..ROWS];
            hits[place] |= bounded(sums, block.factors, first_row, queries, query, target) << first_row;
        }
    }
}

/// Sums of the 128-bit halves of four vectors: in each half, one sum for each.
#[target_feature(enable = "avx2,fma,f16c")]
fn quarters(a: __m256i, b: __m256i, c: __m256i, d: __m256i) -> __m256i {
    _mm256_hadd_epi32(_mm256_hadd_epi32(a, b), _mm256_hadd_epi32(c, d))
}

/// Estimates of eight rows from their integer sums; gives a bit for each whose upper bound is over the floor.
#[target_feature(enable = "avx2,fma,f16c")]
#[inline]
fn bounded(
    sums: __m256i,
    factors: &[f32],
    row: usize,
    queries: &ScanQueries<'_>,
    query: usize,
    estimates: &mut [f32],
) -> u32 {
    let part = |kind: usize| factors[kind * BLOCK_ROWS + row..][..8].as_ptr();
    // SAFETY: each slice has 8 factors.
    let (scale, error, norm) =
        unsafe { (_mm256_loadu_ps(part(0)), _mm256_loadu_ps(part(1)), _mm256_loadu_ps(part(2))) };
    let step = _mm256_mul_ps(scale, _mm256_set1_ps(queries.scales[query]));
    let estimate = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), step);
    // Not fused: bounds are the same bits on every machine.
    let by_query = _mm256_mul_ps(norm, _mm256_set1_ps(queries.errors[query]));
    let by_row = _mm256_mul_ps(error, _mm256_set1_ps(queries.norms[query]));
    let bound = _mm256_add_ps(by_row, by_query);
    let upper = _mm256_add_ps(estimate, bound);
    let over = _mm256_cmp_ps::<_CMP_GT_OQ>(upper, _mm256_set1_ps(queries.floors[query]));
    let over = _mm256_movemask_ps(over) as u32;
    if over != 0 {
        let target = &mut estimates[..8];
        // SAFETY: the slice has 8 elements.
        unsafe { _mm256_storeu_ps(target.as_mut_ptr(), estimate) };
    }
    over
}

/// Dimensions 4j..4j+4 of row r go to the bytes from (j * BLOCK_ROWS + r) * 4: an 8 x 8 transposition of words each.
#[target_feature(enable = "avx2,fma,f16c")]
fn interleave_avx2(codes: &[u8], dim: usize, interleaved: &mut [u8]) {
    assert!(codes.len() == BLOCK_ROWS * dim && interleaved.len() == codes.len() && dim.is_multiple_of(32));
    for first_row in (0..BLOCK_ROWS).step_by(8) {
        for first in (0..dim).step_by(32) {
            let mut rows = [_mm256_setzero_si256(); 8];
            for row in 0..8 {
                let source = codes.as_ptr().wrapping_add((first_row + row) * dim + first);
                // SAFETY: first_row + row < BLOCK_ROWS and first + 32 <= dim, within the length asserted above.
                rows[row] = unsafe { _mm256_loadu_si256(source.cast()) };
                _mm_prefetch::<_MM_HINT_T0>(source.wrapping_add(BLOCK_ROWS * dim).cast());
            }
            let words = transposed(rows);
            for quad in 0..8 {
                let target =
                    interleaved.as_mut_ptr().wrapping_add(((first / 4 + quad) * BLOCK_ROWS + first_row) * 4);
                // SAFETY: first / 4 + quad < dim / 4 and first_row + 8 <= BLOCK_ROWS: 32 bytes within the length asserted.
                unsafe { _mm256_storeu_si256(target.cast(), words[quad]) };
            }
        }
    }
}

/// Eight vectors of eight words, transposed.
#[target_feature(enable = "avx2,fma,f16c")]
fn transposed(rows: [__m256i; 8]) -> [__m256i; 8] {
    let mut pairs = [_mm256_setzero_si256(); 8];
    for two in 0..4 {
        pairs[2 * two] = _mm256_unpacklo_epi32(rows[2 * two], rows[2 * two + 1]);
        pairs[2 * two + 1] = _mm256_unpackhi_epi32(rows[2 * two], rows[2 * two + 1]);
    }
    let mut fours = [_mm256_setzero_si256(); 8];
    for four in 0..2 {
        let at = 4 * four;
        fours[at] = _mm256_unpacklo_epi64(pairs[at], pairs[at + 2]);
        fours[at + 1] = _mm256_unpackhi_epi64(pairs[at], pairs[at + 2]);
        fours[at + 2] = _mm256_unpacklo_epi64(pairs[at + 1], pairs[at + 3]);
        fours[at + 3] = _mm256_unpackhi_epi64(pairs[at + 1], pairs[at + 3]);
    }
    let mut words = [_mm256_setzero_si256(); 8];
    for word in 0..4 {
        words[word] = _mm256_permute2x128_si256::<0x20>(fours[word], fours[word + 4]);
        words[word + 4] = _mm256_permute2x128_si256::<0x31>(fours[word], fours[word + 4]);
    }
    words
}

/// Queries of the widest tile: with two vectors of rows their sums, four vectors of codes and what is in work fill the registers.
const TILE_QUERIES: usize = 4;

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
        match count {
            4 => tile::<4>(block, queries, active, hits, estimates),
            3 => tile::<3>(block, queries, active, hits, estimates),
            2 => tile::<2>(block, queries, active, hits, estimates),
            _ => tile::<1>(block, queries, active, hits, estimates),
        }
        first += count;
    }
}

/// Vectors of rows in a tile.
const VECTORS: usize = 2;

/// `VECTORS` * 8 rows by `QUERIES` queries at a time, over the whole block.
#[target_feature(enable = "avx2,fma,f16c")]
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
    for place in 0..QUERIES {
        query[place] = active[place] as usize;
        codes[place] = queries.codes[query[place] * dim..(query[place] + 1) * dim].as_ptr();
    }
    let mut bits = [0u32; QUERIES];
    for group in 0..BLOCK_ROWS / (VECTORS * 8) {
        let first_row = group * VECTORS * 8;
        // 1. Integer inner products, a row a lane, two quads of dimensions at a time.
        let mut sums = [[_mm256_setzero_si256(); VECTORS]; QUERIES];
        for place in 0..QUERIES {
            sums[place] = [_mm256_set1_epi32(queries.offset(query[place])); VECTORS];
        }
        for quad in (0..dim / 4).step_by(2) {
            let mut rows = [[_mm256_setzero_si256(); 2]; VECTORS];
            for (vector, rows) in rows.iter_mut().enumerate() {
                let byte = (quad * BLOCK_ROWS + first_row + vector * 8) * 4;
                let source = block.codes.as_ptr().wrapping_add(byte);
                // SAFETY: the block has BLOCK_ROWS * dim codes, checked by `Simd::scan_block`; quad + 1 < dim / 4, since `dim`
                // is a multiple of 32, and first_row + vector * 8 + 8 <= BLOCK_ROWS.
                *rows = unsafe {
                    let next = source.add(4 * BLOCK_ROWS);
                    [_mm256_loadu_si256(source.cast()), _mm256_loadu_si256(next.cast())]
                };
            }
            for place in 0..QUERIES {
                // SAFETY: the pointer is to `dim` codes, and quad * 4 + 8 <= dim.
                let eight = unsafe {
                    let eight = codes[place].add(quad * 4).cast::<i32>();
                    [
                        _mm256_set1_epi32(eight.read_unaligned()),
                        _mm256_set1_epi32(eight.add(1).read_unaligned()),
                    ]
                };
                for vector in 0..VECTORS {
                    sums[place][vector] = _mm256_add_epi32(sums[place][vector], product(rows[vector], eight));
                }
            }
        }
        // 2. Upper bounds against the floors.
        for vector in 0..VECTORS {
            let row = first_row + vector * 8;
            for place in 0..QUERIES {
                let target = &mut estimates[place * BLOCK_ROWS + row..][..8];
                bits[place] |=
                    bounded(sums[place][vector], block.factors, row, queries, query[place], target) << row;
            }
        }
    }
    hits.copy_from_slice(&bits);
}
