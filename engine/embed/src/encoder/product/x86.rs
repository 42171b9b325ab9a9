//! The product on x86-64: a tile of a few activation rows by sixteen output channels stays in registers, four input
//! channels of a row are broadcast, and a block of weights is read from the first cache by every tile.

use std::arch::x86_64::*;

use super::{CHANNELS, Packed, TAPS};

/// Rows of a tile: eight sums, two weights, a broadcast, and what a step needs fill sixteen registers.
const ROWS: usize = 4;
/// Rows of a tile with 32 registers of 512 bits: enough sums for `vpdpbusd` not to wait for itself.
const ROWS_512: usize = 8;

pub(super) fn product_avx2(codes: &[u8], weights: &Packed, out: &mut [i32]) {
    // SAFETY: the form is given out only where AVX2 exists; shapes were checked by `Form::product`.
    unsafe { tiles_avx2(codes, weights, out) }
}

pub(super) fn product_avx_vnni(codes: &[u8], weights: &Packed, out: &mut [i32]) {
    // SAFETY: the form is given out only where AVX2 and AVX-VNNI exist; shapes were checked by `Form::product`.
    unsafe { tiles_avx_vnni(codes, weights, out) }
}

pub(super) fn product_avx512_vnni(codes: &[u8], weights: &Packed, out: &mut [i32]) {
    // SAFETY: the form is given out only where these features exist; shapes were checked by `Form::product`.
    unsafe { tiles_avx512_vnni(codes, weights, out) }
}

/// Calls `$tile::<R>(codes, packed, out, depth, width)` over all rows of every block, `$rows` at a time.
///
/// A tile reads `R * depth` codes and `CHANNELS * depth` weights, and writes `CHANNELS` sums in each of `R` rows.
macro_rules! over_tiles {
    ($codes:ident, $weights:ident, $out:ident, $rows:ident, $tile:ident, [$($rest:literal)*]) => {{
        let (depth, width) = ($weights.depth, $weights.width());
        let count = $codes.len() / depth;
        for block in 0..width / CHANNELS {
            // SAFETY: the block lies inside the packed codes, which are width * depth long; rows `row..row + R` are below
            // `count`, so that their codes and their sums of this block lie inside the slices.
            unsafe {
                let packed = $weights.codes.as_ptr().add(block * CHANNELS * depth);
                let mut row = 0;
                while row + $rows <= count {
                    let out = $out.as_mut_ptr().add(row * width + block * CHANNELS);
                    $tile::<$rows>($codes.as_ptr().add(row * depth), packed, out, depth, width);
                    row += $rows;
                }
                let (codes, out) = (
                    $codes.as_ptr().add(row * depth),
                    $out.as_mut_ptr().add(row * width + block * CHANNELS),
                );
                match count - row {
                    $($rest => $tile::<$rest>(codes, packed, out, depth, width),)*
                    _ => {}
                }
            }
        }
    }};
}

#[target_feature(enable = "avx2")]
fn tiles_avx2(codes: &[u8], weights: &Packed, out: &mut [i32]) {
    over_tiles!(codes, weights, out, ROWS, tile_avx2, [1 2 3]);
}

#[target_feature(enable = "avx2,avxvnni")]
fn tiles_avx_vnni(codes: &[u8], weights: &Packed, out: &mut [i32]) {
    over_tiles!(codes, weights, out, ROWS, tile_avx_vnni, [1 2 3]);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tiles_avx512_vnni(codes: &[u8], weights: &Packed, out: &mut [i32]) {
    over_tiles!(codes, weights, out, ROWS_512, tile_avx512_vnni, [1 2 3 4 5 6 7]);
}

/// # Safety
/// The pointers must be good for what [`over_tiles`] says of a tile.
#[target_feature(enable = "avx2")]
#[inline]
unsafe fn tile_avx2<const R: usize>(
    codes: *const u8,
    packed: *const i8,
    out: *mut i32,
    depth: usize,
    width: usize,
) {
    let ones = _mm256_set1_epi16(1);
    let mut sums = [[_mm256_setzero_si256(); 2]; R];
    for tap in (0..depth).step_by(TAPS) {
        // SAFETY: `tap` is below `depth`, so its 64 weights lie in the block and its four codes in each row.
        unsafe {
            let weights = packed.add(tap * CHANNELS).cast::<__m256i>();
            let (low, high) = (_mm256_loadu_si256(weights), _mm256_loadu_si256(weights.add(1)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let code = _mm256_set1_epi32(codes.add(row * depth + tap).cast::<i32>().read_unaligned());
                for (sum, weights) in sums.iter_mut().zip([low, high]) {
                    let pairs = _mm256_maddubs_epi16(code, weights);
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(pairs, ones));
                }
            }
        }
    }
    for (row, [low, high]) in sums.into_iter().enumerate() {
        // SAFETY: a row of the tile has sixteen sums in `out`.
        unsafe {
            let out = out.add(row * width).cast::<__m256i>();
            _mm256_storeu_si256(out, low);
            _mm256_storeu_si256(out.add(1), high);
        }
    }
}

/// # Safety
/// The pointers must be good for what [`over_tiles`] says of a tile.
#[target_feature(enable = "avx2,avxvnni")]
#[inline]
unsafe fn tile_avx_vnni<const R: usize>(
    codes: *const u8,
    packed: *const i8,
    out: *mut i32,
    depth: usize,
    width: usize,
) {
    let mut sums = [[_mm256_setzero_si256(); 2]; R];
    for tap in (0..depth).step_by(TAPS) {
        // SAFETY: `tap` is below `depth`, so its 64 weights lie in the block and its four codes in each row.
        unsafe {
            let weights = packed.add(tap * CHANNELS).cast::<__m256i>();
            let (low, high) = (_mm256_loadu_si256(weights), _mm256_loadu_si256(weights.add(1)));
            for (row, sums) in sums.iter_mut().enumerate() {
                let code = _mm256_set1_epi32(codes.add(row * depth + tap).cast::<i32>().read_unaligned());
                for (sum, weights) in sums.iter_mut().zip([low, high]) {
                    *sum = _mm256_dpbusd_avx_epi32(*sum, code, weights);
                }
            }
        }
    }
    for (row, [low, high]) in sums.into_iter().enumerate() {
        // SAFETY: a row of the tile has sixteen sums in `out`.
        unsafe {
            let out = out.add(row * width).cast::<__m256i>();
            _mm256_storeu_si256(out, low);
            _mm256_storeu_si256(out.add(1), high);
        }
    }
}

/// # Safety
/// The pointers must be good for what [`over_tiles`] says of a tile.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
#[inline]
unsafe fn tile_avx512_vnni<const R: usize>(
    codes: *const u8,
    packed: *const i8,
    out: *mut i32,
    depth: usize,
    width: usize,
) {
    let mut sums = [_mm512_setzero_si512(); R];
    for tap in (0..depth).step_by(TAPS) {
        // SAFETY: `tap` is below `depth`, so its 64 weights lie in the block and its four codes in each row.
        unsafe {
            let weights = _mm512_loadu_si512(packed.add(tap * CHANNELS).cast());
            for (row, sum) in sums.iter_mut().enumerate() {
                let code = _mm512_set1_epi32(codes.add(row * depth + tap).cast::<i32>().read_unaligned());
                *sum = _mm512_dpbusd_epi32(*sum, code, weights);
            }
        }
    }
    for (row, sum) in sums.into_iter().enumerate() {
        // SAFETY: a row of the tile has sixteen sums in `out`.
        unsafe { _mm512_storeu_si512(out.add(row * width).cast(), sum) };
    }
}
