//! The arithmetic of an encoder layer on plain slices: matrix product, layer norm, softmax, activation. One thread.
//!
//! exp and erf are short polynomials, so that their loops vectorise; the library's are called per element and were seen
//! to cost a sixth of a forward pass. Their error is at most 6e-7, no more than that of the f32 sums around them.

use matrixmultiply::sgemm;

use crate::width::in_both_widths;

/// A matrix inside a slice: `rows` x `cols`, element (r, c) at `start + r * row_stride + c * col_stride`.
#[derive(Clone, Copy)]
pub(crate) struct View {
    pub start: usize,
    pub rows: usize,
    pub cols: usize,
    pub row_stride: usize,
    pub col_stride: usize,
}

impl View {
    /// All of a row-major matrix.
    pub(crate) fn full(rows: usize, cols: usize) -> Self {
        Self { start: 0, rows, cols, row_stride: cols, col_stride: 1 }
    }

    /// `rows` x `cols` from `start` on inside a row-major matrix that is `width` wide.
    pub(crate) fn part(start: usize, rows: usize, cols: usize, width: usize) -> Self {
        Self { start, rows, cols, row_stride: width, col_stride: 1 }
    }

    /// Rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self {
            rows: self.cols,
            cols: self.rows,
            row_stride: self.col_stride,
            col_stride: self.row_stride,
            ..self
        }
    }

    fn fits(&self, len: usize) -> bool {
        self.rows > 0
            && self.cols > 0
            && self.start + (self.rows - 1) * self.row_stride + (self.cols - 1) * self.col_stride < len
    }
}

/// `out = alpha * a b + beta * out`.
pub(crate) fn product(
    alpha: f32,
    (a, a_view): (&[f32], View),
    (b, b_view): (&[f32], View),
    beta: f32,
    (out, out_view): (&mut [f32], View),
) {
    let (m, k, n) = (a_view.rows, a_view.cols, b_view.cols);
    assert!(
        b_view.rows == k && out_view.rows == m && out_view.cols == n,
        "this is a bug: shapes of a matrix product do not match"
    );
    assert!(
        a_view.fits(a.len()) && b_view.fits(b.len()) && out_view.fits(out.len()),
        "this is a bug: a matrix reaches outside its slice"
    );
    assert!(out_view.col_stride == 1 && out_view.row_stride >= n, "this is a bug: rows of a product overlap");
    // SAFETY: every element the three views address lies inside its slice (checked above), `out` is borrowed for writing
    // and so shares no memory with `a` and `b`, and its elements do not alias each other: columns are adjacent and rows
    // at least a row apart (checked above). Slices are at most isize::MAX bytes, so no stride overflows.
    unsafe {
        sgemm(
            m,
            k,
            n,
            alpha,
            a.as_ptr().add(a_view.start),
            a_view.row_stride as isize,
            a_view.col_stride as isize,
            b.as_ptr().add(b_view.start),
            b_view.row_stride as isize,
            b_view.col_stride as isize,
            beta,
            out.as_mut_ptr().add(out_view.start),
            out_view.row_stride as isize,
            out_view.col_stride as isize,
        );
    }
}

in_both_widths! {
    /// Each row of `x` (rows x weight.len()) to mean 0 and variance 1, then scaled by `weight` and shifted by `bias`.
    layer_norm = layer_norm_body(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32)
}

#[inline(always)]
fn layer_norm_body(x: &mut [f32], weight: &[f32], bias: &[f32], eps: f32) {
    for row in x.chunks_exact_mut(weight.len()) {
        let len = row.len() as f32;
        let mean = lane_sum(row, |v| v) / len;
        let variance = lane_sum(row, |v| (v - mean) * (v - mean)) / len;
        let scale = 1.0 / (variance + eps).sqrt();
        for ((v, w), b) in row.iter_mut().zip(weight).zip(bias) {
            *v = (*v - mean) * scale * w + b;
        }
    }
}

in_both_widths! {
    /// Softmax of each row of `x` (rows x len).
    softmax = softmax_body(x: &mut [f32], len: usize)
}

#[inline(always)]
fn softmax_body(x: &mut [f32], len: usize) {
    for row in x.chunks_exact_mut(len) {
        let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        for v in row.iter_mut() {
            *v = exp(*v - max);
        }
        let scale = 1.0 / lane_sum(row, |v| v);
        for v in row.iter_mut() {
            *v *= scale;
        }
    }
}

/// The nonlinearity between the two products of a layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x times the normal distribution function of x, by erf.
    Gelu,
    /// Its approximation by tanh.
    GeluTanh,
    /// max(x, 0).
    Relu,
}

impl Activation {
    pub(crate) const NAMES: &str = "\"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"";

    pub(crate) fn from_name(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" => Some(Self::GeluTanh),
            "relu" => Some(Self::Relu),
            _ => None,
        }
    }

    pub(crate) fn apply(self, x: &mut [f32]) {
        match self {
            Self::Gelu => gelu(x),
            Self::GeluTanh => gelu_tanh(x),
            Self::Relu => x.iter_mut().for_each(|v| *v = v.max(0.0)),
        }
    }
}

in_both_widths! {
    gelu = gelu_body(x: &mut [f32])
}

#[inline(always)]
fn gelu_body(x: &mut [f32]) {
    for v in x {
        *v = 0.5 * *v * (1.0 + erf(*v * std::f32::consts::FRAC_1_SQRT_2));
    }
}

in_both_widths! {
    gelu_tanh = gelu_tanh_body(x: &mut [f32])
}

#[inline(always)]
fn gelu_tanh_body(x: &mut [f32]) {
    // sqrt(2 / pi); tanh(u) = 1 - 2 / (1 + exp(2 u)).
    const ROOT: f32 = 0.797_884_6;
    for v in x {
        let u = ROOT * (*v + 0.044_715 * *v * *v * *v);
        *v *= 1.0 - 1.0 / (1.0 + exp(2.0 * u));
    }
}

/// Sum of `f` over a row in sixteen lanes: in the order of one lane after another the loop would not vectorise.
#[inline(always)]
fn lane_sum(row: &[f32], f: impl Fn(f32) -> f32) -> f32 {
    const LANES: usize = 16;
    let mut lanes = [0.0f32; LANES];
    let (chunks, rest) = row.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, &v) in lanes.iter_mut().zip(chunk) {
            *lane += f(v);
        }
    }
    for (lane, &v) in lanes.iter_mut().zip(rest) {
        *lane += f(v);
    }
    lanes.iter().sum()
}

/// e^x to 2e-7 relative, 0 below -87 and e^88 above 88 (so that nothing overflows).
///
/// x = n ln 2 + r with |r| <= ln 2 / 2; e^r by its Taylor series to the seventh power, 2^n through the exponent bits.
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    // ln 2 in two parts, the first with few enough bits for n times it to be exact.
    const LN_2_HIGH: f32 = 0.693_359_4;
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    // Adding and taking away 1.5 * 2^23 rounds to the nearest whole number.
    const ROUND: f32 = 12_582_912.0;
    let clamped = x.clamp(-87.0, 88.0);
    let n = (clamped * std::f32::consts::LOG2_E + ROUND) - ROUND;
    let r = clamped - n * LN_2_HIGH - n * LN_2_LOW;
    let series = 1.0
        + r * (1.0
            + r * (0.5
                + r * (1.0 / 6.0
                    + r * (1.0 / 24.0 + r * (1.0 / 120.0 + r * (1.0 / 720.0 + r * (1.0 / 5040.0)))))));
    // n is a whole number between -126 and 127.
    let power = f32::from_bits((((n as i32) + 127) as u32) << 23);
    if x < -87.0 { 0.0 } else { series * power }
}

/// erf(x) to 6e-7 (the formula itself to 1.5e-7). Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
#[inline(always)]
fn erf(x: f32) -> f32 {
    let a = x.abs();
    let t = 1.0 / (1.0 + 0.327_591_1 * a);
    let tail =
        t * (0.254_829_6 + t * (-0.284_496_74 + t * (1.421_413_7 + t * (-1.453_152 + t * 1.061_405_4))));
    (1.0 - tail * exp(-a * a)).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// erf by its Maclaurin series in f64, good to 1e-12 for |x| < 4.
    fn erf_f64(x: f64) -> f64 {
        let mut term = x;
        let mut sum = x;
        for n in 1..200 {
            term *= -x * x / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        sum * 2.0 / std::f64::consts::PI.sqrt()
    }

    #[test]
    fn exp_is_good_to_2e_7() {
        for i in -870_000..=880_000 {
            let x = i as f32 * 1e-4;
            let truth = f64::from(x).exp();
            assert!((f64::from(exp(x)) / truth - 1.0).abs() < 2e-7, "x {x}");
        }
        assert_eq!(exp(-100.0), 0.0);
        assert_eq!(exp(f32::NEG_INFINITY), 0.0);
        assert!(exp(1000.0).is_finite());
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn erf_is_good_to_6e_7() {
        for i in -39_999..=39_999 {
            let x = i as f32 * 1e-4;
            assert!((f64::from(erf(x)) - erf_f64(f64::from(x))).abs() < 6e-7, "x {x}");
        }
        assert_eq!(erf(10.0), 1.0);
        assert_eq!(erf(-10.0), -1.0);
    }

    #[test]
    fn activations_match_their_definitions() {
        let x: Vec<f32> = (-60..=60).map(|i| i as f32 * 0.1).collect();
        for activation in [Activation::Gelu, Activation::GeluTanh, Activation::Relu] {
            let mut y = x.clone();
            activation.apply(&mut y);
            for (&x, &y) in x.iter().zip(&y) {
                let x = f64::from(x);
                let truth = match activation {
                    Activation::Gelu => 0.5 * x * (1.0 + erf_f64((x / 2f64.sqrt()).clamp(-3.99, 3.99))),
                    Activation::GeluTanh => {
                        0.5 * x
                            * (1.0
                                + ((2.0 / std::f64::consts::PI).sqrt() * (x + 0.044715 * x.powi(3))).tanh())
                    }
                    Activation::Relu => x.max(0.0),
                };
                assert!((f64::from(y) - truth).abs() < 2e-6, "{activation:?} of {x}: {y}, not {truth}");
            }
        }
    }

    #[test]
    fn softmax_sums_to_one_even_far_from_zero() {
        let mut x: Vec<f32> = (0..60).map(|i| if i < 30 { 1e4 } else { -1e4 } + (i % 7) as f32).collect();
        softmax(&mut x, 20);
        for row in x.chunks(20) {
            assert!((row.iter().sum::<f32>() - 1.0).abs() < 1e-6);
            assert!(row.iter().all(|v| (0.0..=1.0).contains(v)));
        }
    }

    #[test]
    fn layer_norm_gives_mean_zero_and_variance_one() {
        let mut x: Vec<f32> = (0..3 * 37).map(|i| (i * i % 101) as f32).collect();
        layer_norm(&mut x, &[2.0; 37], &[3.0; 37], 1e-12);
        for row in x.chunks(37) {
            let mean = row.iter().sum::<f32>() / 37.0;
            let variance = row.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / 37.0;
            assert!((mean - 3.0).abs() < 1e-5 && (variance - 4.0).abs() < 1e-4, "{mean} {variance}");
        }
    }

    #[test]
    fn products_of_parts_and_transposes_are_right() {
        // a is 3 x 2 inside a width of 5, b the transpose of a 4 x 2 matrix, out 3 x 4 inside a width of 6.
        let a: Vec<f32> = (0..20).map(|i| i as f32).collect();
        let b: Vec<f32> = (0..8).map(|i| (i as f32) - 3.0).collect();
        let mut out = vec![1.0; 30];
        product(
            2.0,
            (&a, View::part(1, 3, 2, 5)),
            (&b, View::full(4, 2).transposed()),
            1.0,
            (&mut out, View::part(7, 3, 4, 6)),
        );
        for r in 0..5 {
            for c in 0..6 {
                let expected = if (1..4).contains(&r) && (1..5).contains(&c) {
                    let (i, j) = (r - 1, c - 1);
                    1.0 + 2.0 * (a[1 + i * 5] * b[j * 2] + a[2 + i * 5] * b[j * 2 + 1])
                } else {
                    1.0
                };
                assert_eq!(out[r * 6 + c], expected, "row {r}, column {c}");
            }
        }
    }

    #[test]
    #[should_panic(expected = "this is a bug")]
    fn a_matrix_outside_its_slice_is_stopped() {
        product(
            1.0,
            (&[0.0; 5], View::full(2, 3)),
            (&[0.0; 6], View::full(3, 2)),
            0.0,
            (&mut [0.0; 4], View::full(2, 2)),
        );
    }
}
