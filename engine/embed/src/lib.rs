//! Text to vector: four providers behind one trait.
//!
//! | choice | what runs | for whom |
//! |---|---|---|
//! | [`ModelChoice::Default`] | a small 8-bit sentence encoder inside the binary | everyone: no download, hundreds of texts a second and core |
//! | [`ModelChoice::Static`] | a static token table inside the binary | bulk: tens of thousands of texts a second, no paraphrases |
//! | [`ModelChoice::Folder`] | a BERT-family sentence encoder, or one of the kinds above, from local files | better vectors at a tenth of the speed |
//! | [`ModelChoice::Http`] | an OpenAI-compatible endpoint | whoever has one already |
//!
//! All of them answer [`Embeddings`]: one row per text, unit norm, or all zeros for a text without a known word. A model
//! is known by its [`ModelIdentity`]; the caller stores it beside the vectors and refuses to mix two.
//!
//! The local providers run on rayon's current pool (one thread per core unless the host program says otherwise), each
//! thread on its own texts: nothing nests and nothing spins. This crate knows no column, no record and no wire format
//! of the product, and reads no files but models.

mod bert;
pub mod catalog;
mod embeddings;
mod encoder;
mod error;
mod http;
mod identity;
mod static_table;
mod width;
mod wordpiece;

use std::path::{Path, PathBuf};

pub use bert::BertEncoder;
pub use embeddings::Embeddings;
pub use encoder::{Encoder, Form};
pub use error::Error;
pub use http::{HttpEmbedder, HttpEndpoint};
pub use identity::ModelIdentity;
pub use static_table::StaticTable;

/// Turns texts into vectors. Blocking: call it from a worker thread, never from an async one.
pub trait Embedder: Send + Sync {
    /// Which model this is; constant for the life of the embedder.
    fn identity(&self) -> &ModelIdentity;

    /// One row per text, in order. A text of white space only, or without any word known to the model, gets a zero row.
    /// Texts longer than the model reads are cut at its limit.
    ///
    /// # Errors
    /// A tokenizer that refuses a text; for an endpoint, everything a network can do. Either all texts are embedded or
    /// none.
    fn embed(&self, texts: &[&str]) -> Result<Embeddings, Error>;
}

/// Which model to open.
#[derive(Debug, Clone)]
pub enum ModelChoice {
    /// The sentence encoder shipped in the binary.
    Default,
    /// The static table shipped in the binary.
    Static,
    /// A folder with `config.json`, `tokenizer.json` and `model.safetensors` (a BERT-family encoder), or with
    /// `vocab.txt` and `model.safetensors` (an 8-bit encoder or a static table, as the file says).
    Folder(PathBuf),
    /// An OpenAI-compatible endpoint.
    Http(HttpEndpoint),
}

/// Opens a model: reads and checks all of its files, or asks an endpoint for its width where that was not given.
///
/// # Errors
/// A missing or malformed file, a model of a kind that is not supported, a bad setting, an endpoint that does not answer.
pub fn open(choice: &ModelChoice) -> Result<Box<dyn Embedder>, Error> {
    match choice {
        ModelChoice::Default => Ok(Box::new(Encoder::embedded()?)),
        ModelChoice::Static => Ok(Box::new(StaticTable::embedded()?)),
        ModelChoice::Folder(folder) => {
            if folder.join("config.json").is_file() {
                Ok(Box::new(BertEncoder::open(folder)?))
            } else if folder.join("vocab.txt").is_file() {
                open_own(folder)
            } else {
                Err(Error::NotAModel {
                    folder: folder.clone(),
                    rule: "it must hold model.safetensors, with config.json and tokenizer.json (a sentence encoder) or \
                           with vocab.txt (an 8-bit encoder or a static table)",
                })
            }
        }
        ModelChoice::Http(endpoint) => Ok(Box::new(HttpEmbedder::open(endpoint)?)),
    }
}

/// A folder in one of our own two formats; the metadata of the weights tells which.
fn open_own(folder: &Path) -> Result<Box<dyn Embedder>, Error> {
    let (weights_path, vocabulary_path) = (folder.join("model.safetensors"), folder.join("vocab.txt"));
    let weights = std::fs::read(&weights_path).map_err(Error::read(&weights_path))?;
    let vocabulary = std::fs::read(&vocabulary_path).map_err(Error::read(&vocabulary_path))?;
    if encoder::is_encoder(&weights) {
        Ok(Box::new(Encoder::from_bytes(weights.into(), &vocabulary, folder)?))
    } else {
        Ok(Box::new(StaticTable::from_bytes(weights.into(), &vocabulary, folder)?))
    }
}
