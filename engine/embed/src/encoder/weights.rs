//! The file of an encoder, read and checked: every tensor of its name, type and shape, and no other.
//!
//! | tensor | type and shape |
//! |---|---|
//! | `words` / `words.scale` | I8 [vocabulary, hidden] / F32 [vocabulary] |
//! | `places` / `places.scale` | I8 [positions, hidden] / F32 [positions] |
//! | `norm.weight`, `norm.bias` | F32 [hidden] |
//! | `layers.N.{query,key,value,output,up,down}.weight` / `.scale` / `.bias` | I8 [out, in] / F32 [out] / F32 [out] |
//! | `layers.N.{norm_attention,norm_output}.{weight,bias}` | F32 [hidden] |
//! | `project.weight` / `project.scale` | I8 [dim, hidden] / F32 [dim] |
//!
//! Codes run from -127 to 127; a value is its code times the scale of its row. The file's metadata says `format`
//! [`FORMAT`] and a `name`.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::Metadata;
use safetensors::{Dtype, SafeTensors};

use super::kernels::HEAD;
use super::product::{CHANNELS, Packed};
use crate::Error;

/// What the metadata of such a file says under `format`.
pub(crate) const FORMAT: &str = "cortexkg-encoder-1";
/// Sizes beyond these are taken for damage.
const SIZE_MAX: usize = 1 << 14;
const LAYERS_MAX: usize = 64;

/// Rows of 8-bit codes that are read one at a time.
pub(super) struct Rows {
    bytes: Arc<Cow<'static, [u8]>>,
    start: usize,
    scale: Vec<f32>,
    pub(super) width: usize,
}

impl Rows {
    /// Adds row `at` to `out`.
    pub(super) fn add_to(&self, at: usize, out: &mut [f32]) {
        let start = self.start + at * self.width;
        let scale = self.scale[at];
        for (out, &byte) in out.iter_mut().zip(&self.bytes[start..start + self.width]) {
            *out += scale * f32::from(byte.cast_signed());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.scale.len()
    }
}

/// Weight and shift of a layer norm.
pub(super) struct Norm {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// A product with what it takes to scale its sums back.
pub(super) struct Linear {
    pub packed: Packed,
    pub scale: Vec<f32>,
    pub bias: Vec<f32>,
}

pub(super) struct Layer {
    pub query_key_value: Linear,
    pub output: Linear,
    pub norm_attention: Norm,
    pub up: Linear,
    pub down: Linear,
    pub norm_output: Norm,
}

pub(super) struct Weights {
    pub name: Option<String>,
    pub words: Rows,
    pub places: Rows,
    pub norm: Norm,
    pub layers: Vec<Layer>,
    pub project: Linear,
}

/// Whether a file says of itself that it is an encoder of ours.
pub(crate) fn is_encoder(bytes: &[u8]) -> bool {
    SafeTensors::read_metadata(bytes).is_ok_and(|(_, m)| {
        m.metadata().as_ref().is_some_and(|m| m.get("format").is_some_and(|f| f == FORMAT))
    })
}

impl Weights {
    /// Reads a file's content; `path` is named in errors.
    pub(super) fn read(bytes: &Arc<Cow<'static, [u8]>>, path: &Path) -> Result<Self, Error> {
        let (header, metadata) = SafeTensors::read_metadata(bytes).map_err(|e| Error::malformed(path, e))?;
        let tensors = SafeTensors::deserialize(bytes).map_err(|e| Error::malformed(path, e))?;
        let about = metadata.metadata().clone().unwrap_or_default();
        if about.get("format").is_none_or(|format| format != FORMAT) {
            return Err(Error::field(path, "format", FORMAT, format!("{:?}", about.get("format"))));
        }
        // The file begins with the header's length in 8 bytes; offsets count from the end of the header.
        let left = tensors.names().into_iter().map(String::from).collect();
        let mut file = Reader { path, bytes, tensors, metadata, start: 8 + header, left };

        let hidden = file.norm_len()?;
        let words = file.rows("words", hidden)?;
        let places = file.rows("places", hidden)?;
        let norm = file.norm("norm", hidden)?;
        let mut layers = Vec::new();
        while file.left.contains(&format!("layers.{}.up.weight", layers.len())) {
            if layers.len() == LAYERS_MAX {
                return Err(Error::field(path, "layers", format!("at most {LAYERS_MAX}"), "more"));
            }
            layers.push(file.layer(&format!("layers.{}", layers.len()), hidden)?);
        }
        if layers.is_empty() {
            return Err(Error::field(path, "layers.0.up.weight", "I8 [out, in]", "no tensor of this name"));
        }
        let project = file.linear(&["project"], hidden, false)?;
        if let Some(name) = file.left.first() {
            return Err(Error::field(path, name.clone(), "no such tensor", "one"));
        }
        Ok(Self { name: about.get("name").cloned(), words, places, norm, layers, project })
    }
}

/// The tensors of a file; those that were read are crossed off.
struct Reader<'a> {
    path: &'a Path,
    bytes: &'a Arc<Cow<'static, [u8]>>,
    tensors: SafeTensors<'a>,
    metadata: Metadata,
    start: usize,
    left: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    fn wrong(&self, field: &str, expected: &str, found: impl Into<String>) -> Error {
        Error::field(self.path, field, expected, found.into())
    }

    /// A tensor of a type and a number of dimensions, none of them 0 or absurd but the first.
    fn tensor<const N: usize>(
        &mut self,
        field: &str,
        dtype: Dtype,
        expected: &str,
    ) -> Result<([usize; N], &'a [u8]), Error> {
        let view =
            self.tensors.tensor(field).map_err(|_| self.wrong(field, expected, "no tensor of this name"))?;
        self.left.remove(field);
        let shape = <[usize; N]>::try_from(view.shape());
        match shape {
            Ok(shape)
                if view.dtype() == dtype
                    && shape[0] > 0
                    && shape[1..].iter().all(|n| (1..=SIZE_MAX).contains(n)) =>
            {
                // The view borrows from the file's bytes, which outlive the reader.
                let at =
                    self.metadata.info(field).expect("this is a bug: a tensor without an entry").data_offsets;
                Ok((shape, &self.bytes[self.start + at.0..self.start + at.1]))
            }
            _ => Err(self.wrong(field, expected, format!("{:?} {:?}", view.dtype(), view.shape()))),
        }
    }

    fn floats(&mut self, field: &str, len: usize) -> Result<Vec<f32>, Error> {
        let expected = format!("F32 [{len}], finite");
        let ([found], bytes) = self.tensor::<1>(field, Dtype::F32, &expected)?;
        if found != len {
            return Err(self.wrong(field, &expected, format!("[{found}]")));
        }
        let values: Vec<f32> =
            bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(at) => Err(self.wrong(field, &expected, format!("{} at {at}", values[at]))),
        }
    }

    /// The width of the network: the length of its first norm, a whole number of heads and of blocks.
    fn norm_len(&mut self) -> Result<usize, Error> {
        let expected = format!("F32 [hidden], a multiple of {HEAD} and at most {SIZE_MAX}");
        let ([hidden], _) = self.tensor::<1>("norm.weight", Dtype::F32, &expected)?;
        if !hidden.is_multiple_of(HEAD) || hidden > SIZE_MAX {
            return Err(self.wrong("norm.weight", &expected, hidden.to_string()));
        }
        Ok(hidden)
    }

    fn norm(&mut self, name: &str, hidden: usize) -> Result<Norm, Error> {
        Ok(Norm {
            weight: self.floats(&format!("{name}.weight"), hidden)?,
            bias: self.floats(&format!("{name}.bias"), hidden)?,
        })
    }

    fn rows(&mut self, name: &str, hidden: usize) -> Result<Rows, Error> {
        let expected = format!("I8 [rows, {hidden}]");
        let ([rows, width], _) = self.tensor::<2>(name, Dtype::I8, &expected)?;
        if width != hidden {
            return Err(self.wrong(name, &expected, format!("[{rows}, {width}]")));
        }
        let scale = self.floats(&format!("{name}.scale"), rows)?;
        let at = self.metadata.info(name).expect("this is a bug: a tensor without an entry").data_offsets.0;
        Ok(Rows { bytes: Arc::clone(self.bytes), start: self.start + at, scale, width })
    }

    /// One product, or several of the same input side by side.
    fn linear(&mut self, names: &[&str], depth: usize, biased: bool) -> Result<Linear, Error> {
        let (mut codes, mut scale, mut bias) = (Vec::new(), Vec::new(), Vec::new());
        let expected = format!("I8 [out, {depth}], codes from -127, out a multiple of {CHANNELS}");
        for name in names {
            let field = format!("{name}.weight");
            let ([width, found], bytes) = self.tensor::<2>(&field, Dtype::I8, &expected)?;
            if found != depth || !width.is_multiple_of(CHANNELS) || width > SIZE_MAX {
                return Err(self.wrong(&field, &expected, format!("[{width}, {found}]")));
            }
            codes.extend(bytes.iter().map(|b| b.cast_signed()));
            scale.extend(self.floats(&format!("{name}.scale"), width)?);
            bias.extend(if biased { self.floats(&format!("{name}.bias"), width)? } else { vec![0.0; width] });
        }
        let packed = Packed::new(&codes, scale.len(), depth)
            .map_err(|rule| self.wrong(&format!("{}.weight", names[0]), &rule, "others"))?;
        Ok(Linear { packed, scale, bias })
    }

    fn layer(&mut self, name: &str, hidden: usize) -> Result<Layer, Error> {
        let of = |part: &str| format!("{name}.{part}");
        let query_key_value = self.linear(&[&of("query"), &of("key"), &of("value")], hidden, true)?;
        let output = self.linear(&[&of("output")], hidden, true)?;
        let up = self.linear(&[&of("up")], hidden, true)?;
        let down = self.linear(&[&of("down")], up.bias.len(), true)?;
        for (field, linear, width) in [
            ("query, key, value", &query_key_value, 3 * hidden),
            ("output", &output, hidden),
            ("down", &down, hidden),
        ] {
            if linear.bias.len() != width {
                return Err(self.wrong(
                    &of(field),
                    &format!("{width} outputs"),
                    linear.bias.len().to_string(),
                ));
            }
        }
        Ok(Layer {
            query_key_value,
            output,
            norm_attention: self.norm(&of("norm_attention"), hidden)?,
            up,
            down,
            norm_output: self.norm(&of("norm_output"), hidden)?,
        })
    }
}
