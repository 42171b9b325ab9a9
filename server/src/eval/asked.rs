//! Questions as the engine answered them, with all that it weighed: what a scorer is fitted on and judged by.

use std::collections::HashMap;

use anyhow::Context;
use cortexkg_engine::answer::Retrieved;
use cortexkg_engine::request::{Retrieve, Store};
use cortexkg_engine::scoring::Gathered;
use cortexkg_engine::{Call, MemoryId};

use super::dataset::Dataset;
use super::world::World;
use crate::engine::Engine;
use crate::pipeline::Pipeline;
use crate::settings::Settings;

/// Most memories that a recall shows.
const LIMIT: u32 = 100;

/// One question.
pub struct Asked {
    /// Its data set.
    pub set: String,
    /// What is held out together with it.
    pub fold: String,
    /// Its kind in the set.
    pub kind: String,
    /// Numbers of the texts that answer it; none where nothing does.
    pub gold: Vec<usize>,
    /// Numbers of texts that once did.
    pub stale: Vec<usize>,
    /// All that was weighed.
    pub gathered: Gathered,
    /// The text of each candidate; a text of no number is none of the set's.
    pub numbers: Vec<Option<usize>>,
    /// For each pair, whether the newer took the place of the older, where the set tells.
    pub replaced: Vec<Option<bool>>,
}

/// Asks every question of worlds and data sets, each in a store of its own.
pub struct Asker<'a> {
    /// Settings of the engines.
    pub settings: &'a Settings,
    /// Unrelated texts, stored before every world.
    pub noise: &'a [Store],
}

impl Asker<'_> {
    /// The questions of a world; `set` names what it counts to.
    pub fn world(&self, world: &World, set: &str) -> anyhow::Result<Vec<Asked>> {
        let (engine, numbers) = self.store(self.noise.iter(), &world.memories, |at| at)?;
        let asked = world.questions.iter().map(|question| {
            let answer = ask(&engine, &question.text)?;
            let mut asked = Asked::of(answer, &numbers, set, &world.name, &question.kind)?;
            asked.gold.clone_from(&question.gold);
            asked.stale.clone_from(&question.stale);
            let number = |place: u32| asked.numbers[place as usize];
            let told = asked.gathered.pairs.iter().map(|pair| {
                let (older, newer) = (number(pair.older)?, number(pair.newer)?);
                Some(world.declares(older, newer))
            });
            asked.replaced = told.collect();
            Ok(asked)
        });
        asked.collect()
    }

    /// The questions of a data set.
    pub fn dataset(&self, dataset: &Dataset) -> anyhow::Result<Vec<Asked>> {
        let mut all = Vec::new();
        for corpus in &dataset.stores {
            let first = corpus.first_of_equal();
            let (engine, numbers) = self.store([].iter(), &corpus.texts, |at| first[at])?;
            for question in &corpus.questions {
                let answer = ask(&engine, &question.text)?;
                let mut asked = Asked::of(answer, &numbers, &dataset.set, &question.fold, &question.group)?;
                asked.gold.clone_from(&question.gold);
                all.push(asked);
            }
        }
        Ok(all)
    }

    fn store<'t>(
        &self,
        noise: impl Iterator<Item = &'t Store>,
        texts: &[Store],
        number: impl Fn(usize) -> usize,
    ) -> anyhow::Result<(Engine, HashMap<MemoryId, usize>)> {
        let engine = Engine::open_temporary(self.settings)?;
        let mut numbers = HashMap::new();
        let batch_len = self.settings.performance.batch_size;
        let mut pipeline = Pipeline::new(&engine, batch_len, |at: Option<usize>, answer| {
            let stored = answer.context("a text was refused")?;
            if let Some(at) = at {
                numbers.insert(stored.id, number(at));
            }
            Ok(())
        });
        for store in noise {
            pipeline.push(None, store.clone())?;
        }
        for (at, store) in texts.iter().enumerate() {
            pipeline.push(Some(at), store.clone())?;
        }
        pipeline.finish()?;
        Ok((engine, numbers))
    }
}

fn ask(engine: &Engine, query: &str) -> anyhow::Result<Retrieved> {
    let request = Retrieve {
        query: query.to_owned(),
        limit: LIMIT,
        threshold: Some(0.0),
        include_reasoning: true,
        ..Retrieve::default()
    };
    Ok(engine.retrieve(request, Call::default()).wait()?)
}

impl Asked {
    fn of(
        answer: Retrieved,
        numbers: &HashMap<MemoryId, usize>,
        set: &str,
        fold: &str,
        kind: &str,
    ) -> anyhow::Result<Asked> {
        let gathered = *answer.gathered.context("a recall told nothing of what it weighed")?;
        Ok(Asked {
            set: set.to_owned(),
            fold: fold.to_owned(),
            kind: kind.to_owned(),
            gold: Vec::new(),
            stale: Vec::new(),
            numbers: gathered.evidence.iter().map(|one| numbers.get(&one.memory).copied()).collect(),
            replaced: vec![None; gathered.pairs.len()],
            gathered,
        })
    }

    /// Whether a candidate answers.
    pub fn is_gold(&self, place: u32) -> bool {
        self.numbers[place as usize].is_some_and(|number| self.gold.contains(&number))
    }

    /// Whether a candidate answers or once did.
    pub fn is_or_was_gold(&self, place: u32) -> bool {
        let was = |number: usize| self.stale.contains(&number);
        self.is_gold(place) || self.numbers[place as usize].is_some_and(was)
    }
}
