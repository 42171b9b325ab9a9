//! The BERT encoder (Devlin et al. 2019, arXiv 1810.04805), forward only, in f32.
//!
//! Texts of a job lie end to end in one matrix, a row per token. Everything but attention is per token, so it runs on
//! all texts at once; attention runs text by text. Hence no padding and no mask, and no work on either.

use std::path::Path;

use half::{bf16, f16};
use safetensors::{Dtype, SafeTensors};

use super::config::Config;
use super::kernels::{Activation, View, layer_norm, product, softmax};
use crate::Error;

/// The weights, ready to run: matrices are [in, out], query, key and value in one.
pub(super) struct Network {
    hidden_size: usize,
    head_count: usize,
    activation: Activation,
    eps: f32,
    /// [vocabulary, hidden]
    words: Vec<f32>,
    /// [positions, hidden], the vector of token type 0 added to each.
    positions: Vec<f32>,
    norm: Norm,
    layers: Vec<Layer>,
}

struct Layer {
    query_key_value: Linear,
    attention_out: Linear,
    attention_norm: Norm,
    widen: Linear,
    narrow: Linear,
    out_norm: Norm,
}

struct Norm {
    weight: Vec<f32>,
    bias: Vec<f32>,
}

struct Linear {
    /// [in, out]
    weight: Vec<f32>,
    bias: Vec<f32>,
}

impl Linear {
    /// `out = x weight + bias`, x being rows x in.
    fn write_to(&self, x: &[f32], out: &mut [f32]) {
        out.chunks_exact_mut(self.bias.len()).for_each(|row| row.copy_from_slice(&self.bias));
        self.accumulate(x, out);
    }

    /// `out += x weight + bias`.
    fn add_to(&self, x: &[f32], out: &mut [f32]) {
        for row in out.chunks_exact_mut(self.bias.len()) {
            row.iter_mut().zip(&self.bias).for_each(|(o, b)| *o += b);
        }
        self.accumulate(x, out);
    }

    fn accumulate(&self, x: &[f32], out: &mut [f32]) {
        let width = self.bias.len();
        let (rows, depth) = (out.len() / width, self.weight.len() / width);
        product(
            1.0,
            (x, View::full(rows, depth)),
            (&self.weight, View::full(depth, width)),
            1.0,
            (out, View::full(rows, width)),
        );
    }
}

/// Buffers between the layers, kept from one run to the next.
#[derive(Default)]
pub(super) struct Activations {
    hidden: Vec<f32>,
    query_key_value: Vec<f32>,
    context: Vec<f32>,
    wide: Vec<f32>,
    scores: Vec<f32>,
}

/// The buffer at this length, its content whatever the last use left.
fn sized(buffer: &mut Vec<f32>, len: usize) -> &mut [f32] {
    buffer.resize(len, 0.0);
    buffer
}

impl Network {
    /// Runs token sequences through the encoder; each has at least one token and at most as many as there are positions.
    /// Returns the last hidden states, a row of length hidden per token, sequences end to end.
    pub(super) fn run<'a>(&self, sequences: &[&[u32]], buffers: &'a mut Activations) -> &'a [f32] {
        let width = self.hidden_size;
        let tokens: usize = sequences.iter().map(|s| s.len()).sum();
        let Activations { hidden, query_key_value, context, wide, scores } = buffers;
        let hidden = sized(hidden, tokens * width);
        self.embed(sequences, hidden);
        for layer in &self.layers {
            let query_key_value = sized(query_key_value, tokens * 3 * width);
            layer.query_key_value.write_to(hidden, query_key_value);
            let context = sized(context, tokens * width);
            self.attend(sequences, query_key_value, scores, context);
            layer.attention_out.add_to(context, hidden);
            layer_norm(hidden, &layer.attention_norm.weight, &layer.attention_norm.bias, self.eps);

            let wide = sized(wide, tokens * layer.widen.bias.len());
            layer.widen.write_to(hidden, wide);
            self.activation.apply(wide);
            layer.narrow.add_to(wide, hidden);
            layer_norm(hidden, &layer.out_norm.weight, &layer.out_norm.bias, self.eps);
        }
        hidden
    }

    fn embed(&self, sequences: &[&[u32]], hidden: &mut [f32]) {
        let width = self.hidden_size;
        let positioned = sequences.iter().flat_map(|s| s.iter().enumerate());
        for (row, (position, &id)) in hidden.chunks_exact_mut(width).zip(positioned) {
            let word = &self.words[id as usize * width..][..width];
            let position = &self.positions[position * width..][..width];
            for ((h, w), p) in row.iter_mut().zip(word).zip(position) {
                *h = w + p;
            }
        }
        layer_norm(hidden, &self.norm.weight, &self.norm.bias, self.eps);
    }

    /// softmax(Q K^T / sqrt(d)) V, text by text and head by head, in place inside the packed matrices.
    fn attend(&self, sequences: &[&[u32]], qkv: &[f32], scores: &mut Vec<f32>, context: &mut [f32]) {
        let width = self.hidden_size;
        let head_width = width / self.head_count;
        let scale = 1.0 / (head_width as f32).sqrt();
        let mut first = 0;
        for len in sequences.iter().map(|s| s.len()) {
            for head in 0..self.head_count {
                let column = head * head_width;
                let part =
                    |i: usize| View::part(first * 3 * width + i * width + column, len, head_width, 3 * width);
                let scores = sized(scores, len * len);
                let square = View::full(len, len);
                product(scale, (qkv, part(0)), (qkv, part(1).transposed()), 0.0, (scores, square));
                softmax(scores, len);
                let out = View::part(first * width + column, len, head_width, width);
                product(1.0, (scores, square), (qkv, part(2)), 0.0, (context, out));
            }
            first += len;
        }
    }

    /// Reads the weights under the names `transformers` gives them, with or without `bert.` in front.
    pub(super) fn from_safetensors(bytes: &[u8], path: &Path, config: &Config) -> Result<Self, Error> {
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| Error::malformed(path, e))?;
        let prefix =
            if tensors.tensor("bert.embeddings.word_embeddings.weight").is_ok() { "bert." } else { "" };
        let file = WeightFile { tensors, prefix, path };
        let (hidden, wide) = (config.hidden_size, config.intermediate_size);

        let token_types =
            file.read("embeddings.token_type_embeddings.weight", &[config.token_type_count, hidden])?;
        let mut positions =
            file.read("embeddings.position_embeddings.weight", &[config.position_count, hidden])?;
        for row in positions.chunks_exact_mut(hidden) {
            row.iter_mut().zip(&token_types[..hidden]).for_each(|(p, t)| *p += t);
        }
        let layers = (0..config.layer_count)
            .map(|i| {
                let name = |part: &str| format!("encoder.layer.{i}.{part}");
                let parts = ["query", "key", "value"].map(|p| name(&format!("attention.self.{p}")));
                Ok(Layer {
                    query_key_value: file.linear(&[&parts[0], &parts[1], &parts[2]], hidden, hidden)?,
                    attention_out: file.linear(&[&name("attention.output.dense")], hidden, hidden)?,
                    attention_norm: file.norm(&name("attention.output.LayerNorm"), hidden)?,
                    widen: file.linear(&[&name("intermediate.dense")], hidden, wide)?,
                    narrow: file.linear(&[&name("output.dense")], wide, hidden)?,
                    out_norm: file.norm(&name("output.LayerNorm"), hidden)?,
                })
            })
            .collect::<Result<_, Error>>()?;
        Ok(Self {
            hidden_size: hidden,
            head_count: config.head_count,
            activation: config.activation,
            eps: config.layer_norm_eps,
            words: file.read("embeddings.word_embeddings.weight", &[config.vocab_size, hidden])?,
            positions,
            norm: file.norm("embeddings.LayerNorm", hidden)?,
            layers,
        })
    }
}

/// The tensors of a file, asked for by name and shape.
struct WeightFile<'a> {
    tensors: SafeTensors<'a>,
    prefix: &'static str,
    path: &'a Path,
}

impl WeightFile<'_> {
    /// A tensor of this shape, widened to f32. It must be finite: one NaN would silently spoil every vector.
    fn read(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>, Error> {
        let name = format!("{}{name}", self.prefix);
        let wrong = |expected: String, found: String| Error::field(self.path, &name, expected, found);
        let view = self
            .tensors
            .tensor(&name)
            .map_err(|_| wrong(format!("a tensor {shape:?}"), "no tensor of this name".into()))?;
        if view.shape() != shape {
            return Err(wrong(format!("shape {shape:?}"), format!("{:?}", view.shape())));
        }
        let data = view.data();
        let pair = |b: &[u8]| [b[0], b[1]];
        let values: Vec<f32> = match view.dtype() {
            Dtype::F32 => {
                data.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
            }
            Dtype::F16 => data.chunks_exact(2).map(|b| f16::from_le_bytes(pair(b)).to_f32()).collect(),
            Dtype::BF16 => data.chunks_exact(2).map(|b| bf16::from_le_bytes(pair(b)).to_f32()).collect(),
            other => return Err(wrong("F32, F16 or BF16".into(), format!("{other:?}"))),
        };
        match values.iter().position(|v| !v.is_finite()) {
            Some(i) => Err(wrong("finite numbers".into(), format!("{} at {i}", values[i]))),
            None => Ok(values),
        }
    }

    fn norm(&self, name: &str, len: usize) -> Result<Norm, Error> {
        Ok(Norm {
            weight: self.read(&format!("{name}.weight"), &[len])?,
            bias: self.read(&format!("{name}.bias"), &[len])?,
        })
    }

    /// Linear layers of the same input side by side in one. Files hold [out, in]; the product wants [in, out], which
    /// packs faster.
    fn linear(&self, names: &[&str], depth: usize, width: usize) -> Result<Linear, Error> {
        let total = names.len() * width;
        let mut weight = vec![0.0; depth * total];
        let mut bias = Vec::with_capacity(total);
        for (i, name) in names.iter().enumerate() {
            let stored = self.read(&format!("{name}.weight"), &[width, depth])?;
            for (o, row) in stored.chunks_exact(depth).enumerate() {
                for (d, &v) in row.iter().enumerate() {
                    weight[d * total + i * width + o] = v;
                }
            }
            bias.extend(self.read(&format!("{name}.bias"), &[width])?);
        }
        Ok(Linear { weight, bias })
    }
}
