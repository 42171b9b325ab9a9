//! One text through the network.

use super::kernels::{Attention, HEAD, RowScale, add, code_rows, scale_back};
use super::product::Form;
use super::weights::{Linear, Weights};
use crate::bert::kernels::{gelu, layer_norm};

/// As in BERT.
const EPS: f32 = 1e-12;

/// What one thread writes to while it runs texts; kept between them to spare allocations.
#[derive(Default)]
pub(super) struct Buffers {
    codes: Vec<u8>,
    scales: Vec<RowScale>,
    sums: Vec<i32>,
    hidden: Vec<f32>,
    wide: Vec<f32>,
    mixed: Vec<f32>,
    back: Vec<f32>,
    attention: Attention,
}

/// `out = x weights + bias` with 7-bit activations.
fn apply(
    linear: &Linear,
    form: Form,
    x: &[f32],
    out: &mut Vec<f32>,
    (codes, scales, sums): (&mut Vec<u8>, &mut Vec<RowScale>, &mut Vec<i32>),
) {
    let rows = x.len() / linear.packed.depth();
    let width = linear.packed.width();
    codes.resize(x.len(), 0);
    scales.resize(rows, RowScale::default());
    sums.resize(rows * width, 0);
    out.resize(rows * width, 0.0);
    code_rows(x, linear.packed.depth(), codes, scales);
    form.product(codes, &linear.packed, sums);
    scale_back(sums, scales, linear.packed.sums(), &linear.scale, &linear.bias, out);
}

impl Weights {
    /// The vector of the token `ids`, framing tokens included, at most one per place; not normalised.
    pub(super) fn run(&self, ids: &[u32], form: Form, buffers: &mut Buffers) -> Vec<f32> {
        let Buffers { codes, scales, sums, hidden, wide, mixed, back, attention } = buffers;
        let width = self.norm.weight.len();
        debug_assert!(width.is_multiple_of(HEAD) && ids.len() <= self.places.len());
        hidden.clear();
        hidden.resize(ids.len() * width, 0.0);
        for (place, (row, &id)) in hidden.chunks_exact_mut(width).zip(ids).enumerate() {
            self.words.add_to(id as usize, row);
            self.places.add_to(place, row);
        }
        layer_norm(hidden, &self.norm.weight, &self.norm.bias, EPS);
        for layer in &self.layers {
            apply(&layer.query_key_value, form, hidden, wide, (codes, scales, sums));
            mixed.resize(hidden.len(), 0.0);
            attention.run(wide, width, mixed);
            apply(&layer.output, form, mixed, back, (codes, scales, sums));
            add(hidden, back);
            layer_norm(hidden, &layer.norm_attention.weight, &layer.norm_attention.bias, EPS);
            apply(&layer.up, form, hidden, wide, (codes, scales, sums));
            gelu(wide);
            apply(&layer.down, form, wide, back, (codes, scales, sums));
            add(hidden, back);
            layer_norm(hidden, &layer.norm_output.weight, &layer.norm_output.bias, EPS);
        }
        let mut mean = vec![0.0; width];
        hidden.chunks_exact(width).for_each(|row| add(&mut mean, row));
        mean.iter_mut().for_each(|v| *v /= ids.len() as f32);
        let mut out = Vec::new();
        apply(&self.project, form, &mean, &mut out, (codes, scales, sums));
        out
    }
}
