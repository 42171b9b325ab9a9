//! The default embedder: a small BERT of our own, taught by a larger one, in 8-bit products.
//!
//! It reads word order and context, so that it knows a paraphrase from a repetition of words; a text costs under a few
//! milliseconds of one core. Products are sums of integers and everything else runs in a fixed order ([`product`],
//! [`kernels`]), so the same text gives the same bits on every machine. How it was taught is in `distil/encoder/`; its
//! measured quality stands beside it in `models/encoder/`.

mod kernels;
mod network;
mod product;
mod weights;

use std::borrow::Cow;
use std::path::Path;
use std::sync::Arc;

use rayon::prelude::*;

use self::network::Buffers;
pub use self::product::Form;
use self::weights::Weights;
pub(crate) use self::weights::is_encoder;
use crate::embeddings::{is_blank, normalise};
use crate::identity::Fingerprint;
use crate::static_table::{VOCABULARY, folder_name};
use crate::wordpiece::{Scratch, WordPiece};
use crate::{Embedder, Embeddings, Error, ModelIdentity};

/// An 8-bit sentence encoder: `model.safetensors` (its tensors are listed in `weights`) and `vocab.txt`.
///
/// A text is framed by `[CLS]` and `[SEP]` and cut at the number of places in the file; its vector is the mean of its tokens',
/// projected, of length one.
pub struct Encoder {
    identity: ModelIdentity,
    tokens: WordPiece,
    weights: Weights,
    first: u32,
    last: u32,
    form: Form,
}

impl Encoder {
    /// The encoder shipped in the binary.
    ///
    /// # Errors
    /// None, unless the files in the source tree were broken when it was built.
    pub fn embedded() -> Result<Self, Error> {
        const WEIGHTS: &[u8] = include_bytes!("../models/encoder/model.safetensors");
        // The vocabulary is the static table's, byte for byte, so it is in the binary once.
        Self::from_bytes(WEIGHTS.into(), VOCABULARY, Path::new("models/encoder"))
    }

    /// Opens a folder with `model.safetensors` and `vocab.txt`.
    ///
    /// # Errors
    /// A file that cannot be read or does not hold such an encoder.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(Error::read(&path))
        };
        Self::from_bytes(read("model.safetensors")?.into(), &read("vocab.txt")?, folder)
    }

    /// Reads an encoder from the content of its two files; `folder` names them in errors.
    ///
    /// # Errors
    /// Content that does not hold such an encoder.
    pub fn from_bytes(bytes: Cow<'static, [u8]>, vocabulary: &[u8], folder: &Path) -> Result<Self, Error> {
        let (weights_path, vocabulary_path) = (folder.join("model.safetensors"), folder.join("vocab.txt"));
        let tokens = WordPiece::from_vocabulary(vocabulary, &vocabulary_path)?;
        let bytes = Arc::new(bytes);
        let weights = Weights::read(&bytes, &weights_path)?;
        if weights.words.len() != tokens.len() {
            let expected = format!("{} rows, one per line of vocab.txt", tokens.len());
            return Err(Error::field(&weights_path, "words", expected, weights.words.len().to_string()));
        }
        // Two framing tokens and one of text.
        if weights.places.len() < 3 {
            return Err(Error::field(
                &weights_path,
                "places",
                "at least 3 rows",
                weights.places.len().to_string(),
            ));
        }
        let frame = |token: &str| {
            tokens
                .id(token)
                .ok_or_else(|| Error::field(&vocabulary_path, token, "a token of this name", "none"))
        };
        let (first, last) = (frame("[CLS]")?, frame("[SEP]")?);
        let dim = u32::try_from(weights.project.bias.len()).expect("this is a bug: sizes were not checked");
        let name = weights.name.clone().unwrap_or_else(|| folder_name(folder));
        let fingerprint = Fingerprint::new().part("weights", &bytes).part("vocabulary", vocabulary).hex();
        Ok(Self {
            identity: ModelIdentity { name, dim, fingerprint },
            tokens,
            weights,
            first,
            last,
            form: Form::best(),
        })
    }

    /// Runs products in another form than the machine's best; vectors stay the same. For tests and benches.
    #[must_use]
    pub fn with_form(self, form: Form) -> Self {
        Self { form, ..self }
    }

    /// Writes the vector of one text to `out`, which holds zeros.
    fn embed_one(&self, text: &str, scratch: &mut ThreadScratch, out: &mut [f32]) {
        let ThreadScratch { words, ids, buffers } = scratch;
        ids.clear();
        ids.push(self.first);
        if !is_blank(text) {
            self.tokens.encode(text, words, ids);
        }
        if ids[1..].iter().all(|&id| id == self.tokens.unknown()) {
            return;
        }
        ids.truncate(self.weights.places.len() - 1);
        ids.push(self.last);
        out.copy_from_slice(&self.weights.run(ids, self.form, buffers));
        normalise(out);
    }
}

#[derive(Default)]
struct ThreadScratch {
    words: Scratch,
    ids: Vec<u32>,
    buffers: Buffers,
}

impl Embedder for Encoder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn embed(&self, texts: &[&str]) -> Result<Embeddings, Error> {
        let dim = self.weights.project.bias.len();
        let mut embeddings = Embeddings::zeros(texts.len(), dim);
        let mut scratch = ThreadScratch::default();
        if let [text] = texts {
            // A query: waking another thread would cost more than it saves.
            self.embed_one(text, &mut scratch, &mut embeddings.values);
            return Ok(embeddings);
        }
        embeddings
            .values
            .par_chunks_exact_mut(dim)
            .zip(texts)
            .with_max_len(8)
            .for_each_init(ThreadScratch::default, |scratch, (row, text)| self.embed_one(text, scratch, row));
        Ok(embeddings)
    }
}

#[cfg(test)]
mod tests;
