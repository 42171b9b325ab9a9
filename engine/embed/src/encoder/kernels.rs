//! The f32 parts between products: coding activations, scaling sums back, attention.
//!
//! Every sum runs in an order that does not depend on the width of a register, nothing is fused, and exponentials are
//! polynomials: the same text gives the same bits on every machine.

use crate::bert::kernels::softmax;
use crate::width::in_both_widths;

/// Width of an attention head.
pub(super) const HEAD: usize = 32;
/// Rows and columns of scores that are summed side by side.
const ROWS: usize = 4;
const COLS: usize = 16;

/// How the codes of an activation row stand for its values: `x = scale * (code - zero)`.
#[derive(Clone, Copy, Default, Debug, PartialEq)]
pub(super) struct RowScale {
    pub scale: f32,
    pub zero: i32,
}

in_both_widths! {
    /// Codes of 7 bits for every row of `x` (rows x depth), spread over the row's own range and zero.
    code_rows = code_rows_body(x: &[f32], depth: usize, codes: &mut [u8], scales: &mut [RowScale])
}

#[inline(always)]
fn code_rows_body(x: &[f32], depth: usize, codes: &mut [u8], scales: &mut [RowScale]) {
    // Adding 1.5 * 2^23 leaves the nearest whole number in the lowest bits.
    const ROUND: f32 = 12_582_912.0;
    for ((row, codes), out) in x.chunks_exact(depth).zip(codes.chunks_exact_mut(depth)).zip(scales) {
        let (mut low, mut high) = ([0.0f32; COLS], [0.0f32; COLS]);
        for chunk in row.chunks(COLS) {
            for ((low, high), &v) in low.iter_mut().zip(&mut high).zip(chunk) {
                *low = if v < *low { v } else { *low };
                *high = if v > *high { v } else { *high };
            }
        }
        let (low, high) = (low.into_iter().fold(0.0, f32::min), high.into_iter().fold(0.0, f32::max));
        let scale = (high - low) / 127.0;
        // A row of zeros, or of numbers so small that their scale has no inverse, has the codes of zeros.
        let inverse = if scale > f32::MIN_POSITIVE { 1.0 / scale } else { 0.0 };
        let zero = (-low * inverse + ROUND) - ROUND;
        for (code, &v) in codes.iter_mut().zip(row) {
            *code = ((v * inverse + zero).clamp(0.0, 127.0) + ROUND).to_bits() as u8;
        }
        *out = RowScale { scale: if inverse > 0.0 { scale } else { 0.0 }, zero: zero as i32 };
    }
}

in_both_widths! {
    /// `out = scale * channel_scale * (sums - zero * channel_sum) + bias` for every row of `sums`.
    scale_back = scale_back_body(
        sums: &[i32], rows: &[RowScale], channel_sums: &[i32], channel_scales: &[f32], bias: &[f32], out: &mut [f32]
    )
}

#[inline(always)]
fn scale_back_body(
    sums: &[i32],
    rows: &[RowScale],
    channel_sums: &[i32],
    channel_scales: &[f32],
    bias: &[f32],
    out: &mut [f32],
) {
    let width = bias.len();
    for ((sums, out), row) in sums.chunks_exact(width).zip(out.chunks_exact_mut(width)).zip(rows) {
        let channels = channel_sums.iter().zip(channel_scales).zip(bias);
        for ((out, &sum), ((&channel_sum, &scale), &bias)) in out.iter_mut().zip(sums).zip(channels) {
            *out = (sum - row.zero * channel_sum) as f32 * (row.scale * scale) + bias;
        }
    }
}

in_both_widths! {
    /// `x += y`.
    add = add_body(x: &mut [f32], y: &[f32])
}

#[inline(always)]
fn add_body(x: &mut [f32], y: &[f32]) {
    x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
}

/// Buffers of attention, kept from one text to the next.
#[derive(Default)]
pub(super) struct Attention {
    /// Keys of a head, turned: [head, tokens rounded up].
    keys: Vec<f32>,
    /// [tokens, tokens]
    scores: Vec<f32>,
}

impl Attention {
    /// `mixed` [tokens, hidden] from queries, keys and values that lie side by side in `qkv` [tokens, 3 hidden].
    pub(super) fn run(&mut self, qkv: &[f32], hidden: usize, mixed: &mut [f32]) {
        let tokens = mixed.len() / hidden;
        let pitch = tokens.next_multiple_of(COLS);
        self.keys.clear();
        self.keys.resize(HEAD * pitch, 0.0);
        self.scores.clear();
        self.scores.resize(tokens * tokens, 0.0);
        for head in (0..hidden).step_by(HEAD) {
            for (token, row) in qkv.chunks_exact(3 * hidden).enumerate() {
                for (d, &key) in row[hidden + head..hidden + head + HEAD].iter().enumerate() {
                    self.keys[d * pitch + token] = key;
                }
            }
            scores(qkv, hidden, head, &self.keys, &mut self.scores);
            softmax(&mut self.scores, tokens);
            mix(qkv, hidden, head, &self.scores, mixed);
        }
    }
}

in_both_widths! {
    /// Scaled inner products of every query and key of a head.
    scores = scores_body(qkv: &[f32], hidden: usize, head: usize, keys: &[f32], scores: &mut [f32])
}

#[inline(always)]
fn scores_body(qkv: &[f32], hidden: usize, head: usize, keys: &[f32], scores: &mut [f32]) {
    // 1 / sqrt(32), one over the root of the head's width.
    const SCALE: f32 = 0.176_776_69;
    let pitch = keys.len() / HEAD;
    let tokens = qkv.len() / (3 * hidden);
    for first in (0..tokens).step_by(ROWS) {
        // Past the end the last query is taken again; its scores are not kept.
        let queries: [&[f32; HEAD]; ROWS] = std::array::from_fn(|i| {
            let start = (first + i).min(tokens - 1) * 3 * hidden + head;
            qkv[start..].first_chunk().expect("this is a bug: a head outside its row")
        });
        for col in (0..tokens).step_by(COLS) {
            let mut sums = [[0.0f32; COLS]; ROWS];
            for d in 0..HEAD {
                let keys: &[f32; COLS] =
                    keys[d * pitch + col..].first_chunk().expect("this is a bug: keys are not padded");
                for (sums, query) in sums.iter_mut().zip(&queries) {
                    for (sum, key) in sums.iter_mut().zip(keys) {
                        *sum += query[d] * key;
                    }
                }
            }
            let len = COLS.min(tokens - col);
            for (row, sums) in sums.iter().enumerate().take(tokens - first) {
                let start = (first + row) * tokens + col;
                for (score, sum) in scores[start..start + len].iter_mut().zip(sums) {
                    *score = sum * SCALE;
                }
            }
        }
    }
}

in_both_widths! {
    /// Values of a head, weighted by `weights` [tokens, tokens], into the head's columns of `mixed`.
    mix = mix_body(qkv: &[f32], hidden: usize, head: usize, weights: &[f32], mixed: &mut [f32])
}

#[inline(always)]
fn mix_body(qkv: &[f32], hidden: usize, head: usize, weights: &[f32], mixed: &mut [f32]) {
    let tokens = mixed.len() / hidden;
    for (weights, out) in weights.chunks_exact(tokens).zip(mixed.chunks_exact_mut(hidden)) {
        let mut sums = [0.0f32; HEAD];
        for (&weight, row) in weights.iter().zip(qkv.chunks_exact(3 * hidden)) {
            let values: &[f32; HEAD] =
                row[2 * hidden + head..].first_chunk().expect("this is a bug: a head outside its row");
            for (sum, value) in sums.iter_mut().zip(values) {
                *sum += weight * value;
            }
        }
        out[head..head + HEAD].copy_from_slice(&sums);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn coded(x: &[f32]) -> (Vec<u8>, RowScale) {
        let (mut codes, mut scales) = (vec![0; x.len()], [RowScale::default()]);
        code_rows(x, x.len(), &mut codes, &mut scales);
        (codes, scales[0])
    }

    proptest! {
        #[test]
        fn codes_stand_for_their_values(x in prop::collection::vec(-1e6f32..1e6, 1..80)) {
            let (codes, RowScale { scale, zero }) = coded(&x);
            for (&x, &code) in x.iter().zip(&codes) {
                prop_assert!(code <= 127);
                let back = scale * (i32::from(code) - zero) as f32;
                // Half a step for the code, half a step for the zero point, and rounding.
                prop_assert!((back - x).abs() <= scale * 1.001, "{} {}", back, x);
            }
        }
    }

    #[test]
    fn hostile_rows_have_codes_too() {
        assert_eq!(coded(&[0.0; 20]).1, RowScale { scale: 0.0, zero: 0 });
        for x in [1e-42, -1e-42, 3e38, -3e38] {
            let (codes, scale) = coded(&[x; 20]);
            assert!(codes.iter().all(|&c| c <= 127) && scale.scale.is_finite());
        }
        let (codes, scale) = coded(&[-1.0, -2.0, -0.5]);
        assert_eq!((codes, scale.zero), (vec![64, 0, 95], 127));
    }

    #[test]
    fn attention_is_its_definition() {
        let hidden = 2 * HEAD;
        for tokens in [1, 2, 5, 16, 17, 40] {
            let qkv: Vec<f32> =
                (0..tokens * 3 * hidden).map(|i| ((i * 37 % 101) as f32 - 50.0) / 60.0).collect();
            let mut mixed = vec![0.0; tokens * hidden];
            Attention::default().run(&qkv, hidden, &mut mixed);
            let at = |t: usize, part: usize, i: usize| f64::from(qkv[t * 3 * hidden + part * hidden + i]);
            for t in 0..tokens {
                for head in 0..2 {
                    let lanes = head * HEAD..(head + 1) * HEAD;
                    let weights: Vec<f64> = (0..tokens)
                        .map(|u| lanes.clone().map(|i| at(t, 0, i) * at(u, 1, i)).sum::<f64>())
                        .map(|dot| (dot / (HEAD as f64).sqrt()).exp())
                        .collect();
                    let total: f64 = weights.iter().sum();
                    for i in lanes {
                        let expected =
                            weights.iter().enumerate().map(|(u, w)| w / total * at(u, 2, i)).sum::<f64>();
                        assert!((f64::from(mixed[t * hidden + i]) - expected).abs() < 1e-5);
                    }
                }
            }
        }
    }

    #[test]
    fn sums_are_scaled_back() {
        let rows = [RowScale { scale: 0.5, zero: 3 }];
        let mut out = [0.0; 2];
        scale_back(&[10, -4], &rows, &[2, -1], &[0.25, 2.0], &[1.0, -1.0], &mut out);
        assert_eq!(out, [4.0 * 0.125 + 1.0, -1.0 - 1.0]);
    }
}
