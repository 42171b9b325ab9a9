//! The fast embedder: one 8-bit row per WordPiece token; a text's vector is the sum of its tokens' rows.
//!
//! No network is run, so this costs microseconds a text. What word order and context would add is left to the other
//! providers and, in recall, to the graph. The shipped table is distilled from a sentence encoder by `distil/`; its
//! measured quality stands beside it in `models/static/`.
//!
//! Sums are taken in token order, one lane per dimension, without fused multiply-add: the same text gives the same bits
//! on every machine.

use std::borrow::Cow;
use std::path::Path;

use rayon::prelude::*;
use safetensors::{Dtype, SafeTensors};

use crate::embeddings::normalise;
use crate::identity::Fingerprint;
use crate::width::in_both_widths;
use crate::wordpiece::{Scratch, WordPiece};
use crate::{Embedder, Embeddings, Error, ModelIdentity};

/// The vocabulary of the models in the binary.
pub(crate) const VOCABULARY: &[u8] = include_bytes!("../models/static/vocab.txt");
/// Texts a thread takes at a time; fewer are not worth waking another thread for.
const TEXTS_PER_TASK: usize = 64;

/// A static token-embedding table.
///
/// Weights: `rows` I8 `[vocabulary, dim]` and `scale` F32 `[vocabulary]`. A text's vector is the sum over its tokens of
/// `scale[id] * rows[id]`, scaled to unit norm; unknown tokens are skipped, repeated ones count each time.
pub struct StaticTable {
    identity: ModelIdentity,
    tokens: WordPiece,
    weights: Cow<'static, [u8]>,
    /// Where `rows` begins in `weights`.
    rows_start: usize,
    scale: Vec<f32>,
    dim: usize,
}

impl StaticTable {
    /// The table shipped in the binary.
    ///
    /// # Errors
    /// None, unless the files in the source tree were broken when it was built.
    pub fn embedded() -> Result<Self, Error> {
        const WEIGHTS: &[u8] = include_bytes!("../models/static/model.safetensors");
        Self::from_bytes(WEIGHTS.into(), VOCABULARY, Path::new("models/static"))
    }

    /// Opens a folder with `model.safetensors` and `vocab.txt`.
    ///
    /// # Errors
    /// A file that cannot be read or does not hold such a table.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let (weights_path, vocabulary_path) = (folder.join("model.safetensors"), folder.join("vocab.txt"));
        let weights = std::fs::read(&weights_path).map_err(Error::read(&weights_path))?;
        let vocabulary = std::fs::read(&vocabulary_path).map_err(Error::read(&vocabulary_path))?;
        Self::from_bytes(weights.into(), &vocabulary, folder)
    }

    /// Reads a table from the content of its two files; `folder` names them in errors.
    ///
    /// # Errors
    /// Content that does not hold such a table.
    pub fn from_bytes(weights: Cow<'static, [u8]>, vocabulary: &[u8], folder: &Path) -> Result<Self, Error> {
        let weights_path = folder.join("model.safetensors");
        let tokens = WordPiece::from_vocabulary(vocabulary, &folder.join("vocab.txt"))?;
        let fingerprint = Fingerprint::new().part("weights", &weights).part("vocabulary", vocabulary).hex();

        let (header_len, metadata) =
            SafeTensors::read_metadata(&weights).map_err(|e| Error::malformed(&weights_path, e))?;
        let name = metadata.metadata().as_ref().and_then(|m| m.get("name")).cloned();
        let tensors = SafeTensors::deserialize(&weights).map_err(|e| Error::malformed(&weights_path, e))?;
        let wrong =
            |field: &str, expected: &str, found: String| Error::field(&weights_path, field, expected, found);
        let tensor = |field: &str, expected: &str, dtype: Dtype| {
            let view =
                tensors.tensor(field).map_err(|_| wrong(field, expected, "no tensor of this name".into()))?;
            if view.dtype() != dtype {
                return Err(wrong(field, expected, format!("{:?}", view.dtype())));
            }
            Ok(view)
        };

        let rows = tensor("rows", "I8 [vocabulary, dim]", Dtype::I8)?;
        let &[row_count, dim] = rows.shape() else {
            return Err(wrong("rows", "I8 [vocabulary, dim]", format!("{:?}", rows.shape())));
        };
        if row_count != tokens.len() || dim == 0 {
            let expected = format!("{} rows, one per line of vocab.txt, and a dim above 0", tokens.len());
            return Err(wrong("rows", &expected, format!("{:?}", rows.shape())));
        }
        let info = metadata.info("rows").expect("this is a bug: a tensor that was read has no entry");
        // The file begins with the header's length in 8 bytes; offsets count from the end of the header.
        let rows_start = 8 + header_len + info.data_offsets.0;

        let scale = tensor("scale", "F32 [vocabulary]", Dtype::F32)?;
        if scale.shape() != [row_count] {
            return Err(wrong("scale", &format!("F32 [{row_count}]"), format!("{:?}", scale.shape())));
        }
        let scale: Vec<f32> =
            scale.data().chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        if let Some(id) = scale.iter().position(|s| !s.is_finite()) {
            return Err(wrong("scale", "finite numbers", format!("{} at token {id}", scale[id])));
        }

        let name = name.unwrap_or_else(|| folder_name(folder));
        let dim_u32 = u32::try_from(dim).map_err(|_| wrong("rows", "a dim below 2^32", dim.to_string()))?;
        drop(tensors);
        Ok(Self {
            identity: ModelIdentity { name, dim: dim_u32, fingerprint },
            tokens,
            weights,
            rows_start,
            scale,
            dim,
        })
    }

    /// Writes the vector of one text to `out`, which holds zeros.
    fn embed_one(&self, text: &str, scratch: &mut (Scratch, Vec<u32>), out: &mut [f32]) {
        let (words, ids) = scratch;
        ids.clear();
        self.tokens.encode(text, words, ids);
        ids.retain(|&id| id != self.tokens.unknown());
        add_rows(out, &self.weights[self.rows_start..], &self.scale, ids);
        normalise(out);
    }
}

impl Embedder for StaticTable {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn embed(&self, texts: &[&str]) -> Result<Embeddings, Error> {
        let mut embeddings = Embeddings::zeros(texts.len(), self.dim);
        embeddings
            .values
            .par_chunks_mut(TEXTS_PER_TASK * self.dim)
            .zip(texts.par_chunks(TEXTS_PER_TASK))
            .for_each_init(Default::default, |scratch, (rows, texts)| {
                for (row, text) in rows.chunks_exact_mut(self.dim).zip(texts) {
                    self.embed_one(text, scratch, row);
                }
            });
        Ok(embeddings)
    }
}

in_both_widths! {
    /// `out += scale[id] * rows[id]` for every id in order; the bytes of `rows` are two's complement 8-bit numbers.
    add_rows = add_rows_body(out: &mut [f32], rows: &[u8], scale: &[f32], ids: &[u32])
}

#[inline(always)]
fn add_rows_body(out: &mut [f32], rows: &[u8], scale: &[f32], ids: &[u32]) {
    for &id in ids {
        let (scale, start) = (scale[id as usize], id as usize * out.len());
        let row = &rows[start..start + out.len()];
        for (out, &byte) in out.iter_mut().zip(row) {
            *out += scale * f32::from(byte.cast_signed());
        }
    }
}

/// The last part of a folder's path, as a model's name of last resort.
pub(crate) fn folder_name(folder: &Path) -> String {
    folder.file_name().map_or_else(|| "model".into(), |name| name.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use safetensors::tensor::TensorView;

    use super::*;

    const VOCABULARY: &str = "[PAD]\n[UNK]\ncat\ndog\n##s\n.\n";
    const DIM: usize = 4;
    const ROWS: [[i8; DIM]; 6] =
        [[9, 9, 9, 9], [7, 7, 7, 7], [127, 0, 0, 0], [0, -128, 0, 0], [0, 0, 1, 0], [0, 0, 0, -1]];
    const SCALE: [f32; 6] = [1.0, 1.0, 0.5, 0.25, 2.0, 0.0];

    fn file(rows: &[u8], rows_shape: [usize; 2], scale: &[f32]) -> Vec<u8> {
        let scale_bytes: Vec<u8> = scale.iter().flat_map(|s| s.to_le_bytes()).collect();
        let tensors = [
            ("rows", TensorView::new(Dtype::I8, rows_shape.into(), rows).unwrap()),
            ("scale", TensorView::new(Dtype::F32, vec![scale.len()], &scale_bytes).unwrap()),
        ];
        let metadata = HashMap::from([("name".to_owned(), "tiny".to_owned())]);
        safetensors::serialize(tensors, Some(metadata)).unwrap()
    }

    fn rows() -> Vec<u8> {
        ROWS.as_flattened().iter().map(|x| x.cast_unsigned()).collect()
    }

    fn table() -> StaticTable {
        StaticTable::from_bytes(file(&rows(), [6, DIM], &SCALE).into(), VOCABULARY.as_bytes(), Path::new("t"))
            .unwrap()
    }

    fn error(file: Vec<u8>) -> String {
        StaticTable::from_bytes(file.into(), VOCABULARY.as_bytes(), Path::new("t")).err().unwrap().to_string()
    }

    #[test]
    fn a_text_is_the_unit_sum_of_its_rows() {
        let table = table();
        let e = table.embed(&["Cat", "dogs cats zebra cat."]).unwrap();
        assert_eq!(e.row(0), [1.0, 0.0, 0.0, 0.0]);
        let sum = [2.0 * 63.5, -32.0, 4.0, 0.0f64];
        let norm = sum.iter().map(|x| x * x).sum::<f64>().sqrt();
        for (found, expected) in e.row(1).iter().zip(sum) {
            assert!((f64::from(*found) - expected / norm).abs() < 1e-7);
        }
        assert_eq!(table.identity().name, "tiny");
        assert_eq!(table.identity().dim, 4);
    }

    #[test]
    fn the_shipped_table_opens_and_knows_related_words() {
        let table = StaticTable::embedded().unwrap();
        assert_eq!(table.identity().dim, 256);
        assert_eq!(table.identity().name, "cortexkg-static-256");
        let texts =
            ["The cat sleeps on the sofa.", "A kitten naps on a couch.", "Interest rates rose sharply."];
        let e = table.embed(&texts).unwrap();
        let cosine = |i, j| e.row(i).iter().zip(e.row(j)).map(|(x, y)| x * y).sum::<f32>();
        assert!(cosine(0, 1) > cosine(0, 2) && cosine(0, 1) > cosine(1, 2));
    }

    #[test]
    fn a_text_without_a_known_word_is_a_zero_row() {
        let e = table().embed(&["", " \n", "zebra", ".", "cat"]).unwrap();
        for i in 0..4 {
            assert!(!e.has_direction(i), "text {i}");
        }
        assert!(e.has_direction(4));
        assert_eq!(table().embed(&[]).unwrap().rows(), 0);
    }

    #[test]
    fn a_batch_is_its_texts_one_by_one() {
        let table = table();
        let texts: Vec<String> =
            (0..500).map(|i| format!("cat {} {}", "dog ".repeat(i % 7), "s cats".repeat(i % 3))).collect();
        let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
        let batch = table.embed(&texts).unwrap();
        for (i, text) in texts.iter().enumerate() {
            assert_eq!(batch.row(i), table.embed(&[text]).unwrap().row(0));
        }
    }

    #[test]
    fn the_fingerprint_follows_weights_and_vocabulary() {
        let with = |scale: &[f32], vocabulary: &str| {
            StaticTable::from_bytes(
                file(&rows(), [6, DIM], scale).into(),
                vocabulary.as_bytes(),
                Path::new("t"),
            )
            .unwrap()
            .identity()
            .fingerprint
            .clone()
        };
        let base = with(&SCALE, VOCABULARY);
        assert_eq!(base, with(&SCALE, VOCABULARY));
        assert_ne!(base, with(&[1.0; 6], VOCABULARY));
        assert_ne!(base, with(&SCALE, &VOCABULARY.replace("dog", "fox")));
    }

    #[test]
    fn a_bad_file_is_refused_by_field() {
        assert!(error(b"not a safetensors file".to_vec()).contains("malformed"));
        assert!(error(file(&rows()[..20], [5, 4], &SCALE)).contains("rows: expected 6 rows"));
        assert!(error(file(&rows(), [6, 4], &SCALE[..5])).contains("scale: expected F32 [6], found [5]"));
        assert!(error(file(&rows(), [6, 4], &[f32::NAN; 6])).contains("NaN at token 0"));
        let only_rows = safetensors::serialize(
            [("rows", TensorView::new(Dtype::U8, vec![6, 4], &rows()).unwrap())],
            None,
        )
        .unwrap();
        assert!(error(only_rows).contains("rows: expected I8 [vocabulary, dim], found U8"));
    }
}
