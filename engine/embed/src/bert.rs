//! A sentence encoder of the BERT family from a local folder, as `sentence-transformers` lays it out.
//!
//! Texts are tokenised in parallel, put in order of length and cut into jobs of a few hundred tokens; each job is one
//! single-threaded run of the [encoder](network). Rayon deals the jobs out to the cores, longest first, so no core waits
//! for a long text that came last, and nothing is parallel inside a job: a matrix product split over threads makes them
//! wait for each other in every layer.

mod config;
pub(crate) mod kernels;
mod network;

use std::path::Path;

use rayon::prelude::*;
use tokenizers::{Tokenizer, TruncationParams};

use self::config::{Config, Pooling};
use self::network::{Activations, Network};
use crate::embeddings::{is_blank, normalise};
use crate::identity::Fingerprint;
use crate::static_table::folder_name;
use crate::{Embedder, Embeddings, Error, ModelIdentity};

/// Tokens in a job at most: few enough for its activations to stay in cache.
const JOB_TOKENS_MAX: usize = 512;
/// Tokens below which a job is not split further for another core: the matrix kernels need rows to run at full speed.
const JOB_TOKENS_MIN: usize = 64;

/// A BERT-family sentence encoder: `config.json`, `tokenizer.json`, `model.safetensors`, and, where present,
/// `modules.json`, `1_Pooling/config.json` and `sentence_bert_config.json`.
///
/// Texts get no prefix: models trained with one for queries (E5, some BGE) are run without.
pub struct BertEncoder {
    identity: ModelIdentity,
    tokenizer: Tokenizer,
    network: Network,
    pooling: Pooling,
}

impl BertEncoder {
    /// Opens a model folder.
    ///
    /// # Errors
    /// A file that is missing or malformed; a model whose parts are not all implemented here (another architecture or
    /// activation, a dense layer after pooling): such a model is refused, never run approximately.
    pub fn open(folder: &Path) -> Result<Self, Error> {
        let read = |name: &str| {
            let path = folder.join(name);
            std::fs::read(&path).map_err(Error::read(&path))
        };
        let config = Config::read(folder)?;
        let tokenizer_bytes = read("tokenizer.json")?;
        let weights = read("model.safetensors")?;
        let fingerprint = Fingerprint::new()
            .part("weights", &weights)
            .part("tokenizer", &tokenizer_bytes)
            .part("pooling", config.pooling.name().as_bytes())
            .part("tokens_max", config.tokens_max.to_string().as_bytes())
            .hex();
        let tokenizer = open_tokenizer(&folder.join("tokenizer.json"), &tokenizer_bytes, &config)?;
        let network = Network::from_safetensors(&weights, &folder.join("model.safetensors"), &config)?;
        let dim = u32::try_from(config.hidden_size).expect("this is a bug: config.json was not checked");
        Ok(Self {
            identity: ModelIdentity { name: folder_name(folder), dim, fingerprint },
            tokenizer,
            network,
            pooling: config.pooling,
        })
    }

    /// The model's token ids of a text, framing tokens included, cut at the model's limit.
    fn tokenise(&self, text: &str) -> Result<Vec<u32>, Error> {
        let encoding = self.tokenizer.encode_fast(text, true).map_err(|e| Error::Tokenise {
            model: self.identity.name.clone(),
            text_bytes: text.len(),
            reason: e.to_string(),
        })?;
        Ok(encoding.get_ids().to_vec())
    }
}

impl Embedder for BertEncoder {
    fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    fn embed(&self, texts: &[&str]) -> Result<Embeddings, Error> {
        let mut encoded = texts
            .par_iter()
            .enumerate()
            .filter(|(_, text)| !is_blank(text))
            .map(|(i, text)| Ok((i, self.tokenise(text)?)))
            .collect::<Result<Vec<_>, Error>>()?;
        encoded.sort_by_key(|(_, ids)| std::cmp::Reverse(ids.len()));

        let dim = self.identity.dim as usize;
        let tokens: usize = encoded.iter().map(|(_, ids)| ids.len()).sum();
        let job_tokens = tokens.div_ceil(rayon::current_num_threads()).clamp(JOB_TOKENS_MIN, JOB_TOKENS_MAX);
        let pooled: Vec<(usize, Vec<f32>)> = jobs(&encoded, job_tokens)
            .into_par_iter()
            .with_max_len(1)
            .map_init(Activations::default, |activations, job| {
                let sequences: Vec<&[u32]> = job.iter().map(|(_, ids)| ids.as_slice()).collect();
                let hidden = self.network.run(&sequences, activations);
                let mut start = 0;
                job.iter()
                    .map(|(i, ids)| {
                        let tokens = &hidden[start * dim..(start + ids.len()) * dim];
                        start += ids.len();
                        (*i, self.pooling.pool(tokens, dim))
                    })
                    .collect::<Vec<_>>()
            })
            .flatten_iter()
            .collect();

        let mut embeddings = Embeddings::zeros(texts.len(), dim);
        for (i, vector) in pooled {
            let row = embeddings.row_mut(i);
            row.copy_from_slice(&vector);
            normalise(row);
        }
        Ok(embeddings)
    }
}

/// Reads the tokenizer and sets it to cut at the model's limit and to pad nothing, whatever the file says of either.
fn open_tokenizer(path: &Path, bytes: &[u8], config: &Config) -> Result<Tokenizer, Error> {
    let mut tokenizer = Tokenizer::from_bytes(bytes).map_err(|e| Error::malformed(path, e))?;
    let highest = tokenizer.get_vocab(true).into_values().max();
    if highest.is_none_or(|id| id as usize >= config.vocab_size) {
        return Err(Error::field(
            path,
            "vocabulary",
            format!("token ids below vocab_size {} of config.json", config.vocab_size),
            format!("highest id {highest:?}"),
        ));
    }
    tokenizer.with_padding(None);
    tokenizer
        .with_truncation(Some(TruncationParams { max_length: config.tokens_max, ..Default::default() }))
        .map_err(|e| Error::malformed(path, e))?;
    Ok(tokenizer)
}

/// Cuts texts into runs of at most `job_tokens` tokens, or of one text.
fn jobs(encoded: &[(usize, Vec<u32>)], job_tokens: usize) -> Vec<&[(usize, Vec<u32>)]> {
    let mut jobs = Vec::new();
    let (mut start, mut tokens) = (0, 0);
    for (end, (_, ids)) in encoded.iter().enumerate() {
        if end > start && tokens + ids.len() > job_tokens {
            jobs.push(&encoded[start..end]);
            (start, tokens) = (end, 0);
        }
        tokens += ids.len();
    }
    if start < encoded.len() {
        jobs.push(&encoded[start..]);
    }
    jobs
}

#[cfg(test)]
mod tests;
