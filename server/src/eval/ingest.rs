//! A corpus into an engine, and back from names of memories to numbers of texts.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::Context;
use cortexkg_engine::MemoryId;
use cortexkg_engine::request::Store;

use super::dataset::Corpus;
use crate::engine::Engine;
use crate::percentile::round;
use crate::pipeline::Pipeline;

/// What storing took, over all stores.
#[derive(Default)]
pub struct Ingest {
    /// How many texts were stored.
    pub texts: u64,
    /// With what they were embedded.
    pub embedder: String,
    time: Duration,
}

/// Which text a memory is: the number of the first text that reads the same, since a text stored twice is shown once.
pub type Texts = HashMap<MemoryId, usize>;

/// The number of a text that is gold to no question.
pub const NO_TEXT: usize = usize::MAX;

impl Ingest {
    /// Stores unrelated texts, then the corpus.
    pub fn store(
        &mut self,
        engine: &Engine,
        batch_len: u32,
        noise: &[Store],
        corpus: &Corpus,
    ) -> anyhow::Result<Texts> {
        let first = corpus.first_of_equal();
        let numbers: HashMap<&str, usize> =
            corpus.texts.iter().zip(first).map(|(text, first)| (text.content.as_str(), first)).collect();
        // Unrelated texts have no number, unless one reads like a text of the corpus after all.
        let rows = noise.iter().chain(&corpus.texts);
        let rows = rows.map(|text| (numbers.get(text.content.as_str()).copied().unwrap_or(NO_TEXT), text));
        let mut texts = Texts::new();
        let begun = Instant::now();
        let mut pipeline = Pipeline::new(engine, batch_len, |number: usize, answer| {
            texts.insert(answer.context("a text was refused")?.id, number);
            Ok(())
        });
        for (number, store) in rows {
            pipeline.push(number, store.clone())?;
        }
        pipeline.finish()?;
        self.time += begun.elapsed();
        self.texts += (noise.len() + corpus.texts.len()) as u64;
        self.embedder = engine.health().model;
        Ok(texts)
    }

    /// Texts a second.
    pub fn per_s(&self) -> f64 {
        round(self.texts as f64 / self.time.as_secs_f64(), 1)
    }
}
