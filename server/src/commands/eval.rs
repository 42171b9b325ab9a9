//! `cortexkg eval retrieval`: recall@k on a data set, through the real engine in a temporary folder.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::{Args, ValueEnum};
use cortexkg_engine::request::{Retrieve, Store, Strategy};
use cortexkg_engine::{Call, MemoryId, RecallSettings};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::engine::Engine;
use crate::eval::dataset::{Corpus, Dataset};
use crate::eval::score::{DEPTHS, Grouped};
use crate::import::jsonl::{Lines, Reader};
use crate::percentile::{self, round};
use crate::pipeline::Pipeline;
use crate::settings::Settings;

/// Arguments of `eval retrieval`.
#[derive(Args)]
pub struct RetrievalArgs {
    /// Questions over passages or conversations (.json or .json.gz).
    #[arg(long, value_name = "FILE")]
    dataset: PathBuf,
    /// How to rank; all measures every one over one ingest.
    #[arg(long, value_enum, default_value_t = Method::Spread)]
    method: Method,
    /// Embedding model: default, static, http, a name that `model add` knows, or a folder.
    #[arg(long, value_name = "MODEL")]
    embedder: Option<String>,
    /// JSON lines to store first: unrelated texts that must not hide the gold.
    #[arg(long, value_name = "FILE.jsonl")]
    noise: Option<PathBuf>,
    /// Numbers of recall to try instead of the product's, as TOML; absent ones stay.
    #[arg(long, value_name = "FILE.toml")]
    recall: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Rankings that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Method {
    /// Cosine similarity alone.
    Dense,
    /// BM25 alone.
    Bm25,
    /// Lexical and vector similarity summed, without the graph.
    Hybrid,
    /// Spiking spread from lexical and vector seeds: the product's default.
    Spread,
    /// Personalised PageRank over the same graph and seeds.
    Ppr,
    /// Entities shared with the query.
    Structural,
    /// Drawn towards the times that the query names.
    Temporal,
    /// Spread from the few strongest seeds.
    Activation,
    /// Every one of them.
    All,
}

impl Method {
    const EACH: [Method; 8] = [
        Method::Dense,
        Method::Bm25,
        Method::Hybrid,
        Method::Spread,
        Method::Ppr,
        Method::Structural,
        Method::Temporal,
        Method::Activation,
    ];

    fn strategy(self) -> Strategy {
        match self {
            Method::Dense => Strategy::SemanticSimilarity,
            Method::Bm25 => Strategy::Lexical,
            Method::Hybrid => Strategy::Fused,
            Method::Spread => Strategy::HybridApproach,
            Method::Ppr => Strategy::PageRank,
            Method::Structural => Strategy::StructuralMatching,
            Method::Temporal => Strategy::TemporalProximity,
            Method::Activation => Strategy::SpreadingActivation,
            Method::All => unreachable!("all is taken apart before; this is a bug"),
        }
    }

    fn word(self) -> String {
        format!("{self:?}").to_lowercase()
    }
}

/// What one method found.
struct Measured {
    method: Method,
    score: Grouped,
    times: Vec<Duration>,
}

/// What storing took, over all stores.
#[derive(Default)]
struct Ingest {
    texts: u64,
    time: Duration,
    embedder: String,
}

/// Which text a memory is: the number of the first text that reads the same, since a text stored twice is shown once.
type Texts = HashMap<MemoryId, usize>;

/// The number of a text that is gold to no question.
const NO_TEXT: usize = usize::MAX;

/// Stores, asks, scores.
pub fn run(settings: &Settings, args: &RetrievalArgs) -> anyhow::Result<ExitCode> {
    let dataset = Dataset::read(&args.dataset)?;
    let mut settings = settings.clone();
    if let Some(embedder) = &args.embedder {
        settings.neural_networks.model.clone_from(embedder);
    }
    let noise = args.noise.as_deref().map(noise).transpose()?.unwrap_or_default();
    let recall = args.recall.as_deref().map(recall_settings).transpose()?.unwrap_or_default();
    let methods = if args.method == Method::All { Method::EACH.to_vec() } else { vec![args.method] };
    let mut measured: Vec<_> = methods
        .into_iter()
        .map(|method| Measured { method, score: Grouped::default(), times: Vec::new() })
        .collect();
    let mut ingest = Ingest::default();
    for corpus in &dataset.stores {
        let engine = Engine::open_to_measure(&settings, recall.clone())?;
        let texts = ingest.store(&engine, settings.performance.batch_size, &noise, corpus)?;
        for method in &mut measured {
            method.ask(&engine, corpus, &texts)?;
        }
    }
    if !args.json {
        print(&table(&dataset, &ingest, &measured))?;
    } else if args.method == Method::All {
        let methods: Vec<_> = measured.iter().map(|method| method.as_json(&dataset, &ingest)).collect();
        print_json(&json!({ "dataset": dataset.name, "embedder": ingest.embedder, "methods": methods }))?;
    } else {
        print_json(&measured[0].as_json(&dataset, &ingest))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn recall_settings(path: &Path) -> anyhow::Result<RecallSettings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{}", path.display()))
}

fn noise(path: &Path) -> anyhow::Result<Vec<Store>> {
    let file = std::fs::File::open(path).with_context(|| format!("{}", path.display()))?;
    let mut stores = Vec::new();
    Lines::Memories(Reader::new(path)).read(std::io::BufReader::new(file), &mut |row| match row {
        Ok(row) => {
            stores.push(row.store);
            Ok(())
        }
        Err(refusal) => anyhow::bail!("{}: {}: {}", path.display(), refusal.field, refusal.rule),
    })?;
    Ok(stores)
}

impl Ingest {
    fn store(
        &mut self,
        engine: &Engine,
        batch_len: u32,
        noise: &[Store],
        corpus: &Corpus,
    ) -> anyhow::Result<Texts> {
        let first = corpus.first_of_equal();
        let numbers: HashMap<&str, usize> =
            corpus.texts.iter().zip(first).map(|(text, first)| (text.content.as_str(), first)).collect();
        // Unrelated texts come first; they have no number, unless one reads like a text of the corpus after all.
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

    fn per_s(&self) -> f64 {
        round(self.texts as f64 / self.time.as_secs_f64(), 1)
    }
}

impl Measured {
    fn ask(&mut self, engine: &Engine, corpus: &Corpus, texts: &Texts) -> anyhow::Result<()> {
        for question in &corpus.questions {
            let request = Retrieve {
                query: question.text.clone(),
                limit: DEPTHS[DEPTHS.len() - 1] as u32,
                threshold: 0.0,
                strategy: self.method.strategy(),
                ..Retrieve::default()
            };
            let begun = Instant::now();
            let found = engine.retrieve(request, Call::default()).wait()?;
            self.times.push(begun.elapsed());
            let shown: Vec<usize> = found.memories.iter().map(|shown| texts[&shown.memory.id]).collect();
            self.score.add(&question.group, &question.gold, &shown);
        }
        Ok(())
    }

    fn as_json(&self, dataset: &Dataset, ingest: &Ingest) -> Value {
        let percent = json!(self.score.total.percent());
        let mut object = json!({
            "dataset": dataset.name,
            "method": self.method.word(),
            "embedder": ingest.embedder,
            "questions": percent["questions"],
            "questions_without_gold": dataset.without_gold,
            "texts": ingest.texts,
            "recall": percent["recall"],
            "all8": percent["all8"],
            "ingest_per_s": ingest.per_s(),
            "recall_ms": percentile::of(&self.times),
        });
        object[dataset.grouped] = self.score.groups();
        object
    }
}

fn table(dataset: &Dataset, ingest: &Ingest, measured: &[Measured]) -> String {
    let mut text = format!(
        "{}: {} texts stored at {} a second, embedded with {}\n{:<11}{:>7}{:>7}{:>7}{:>7}{:>7}{:>10}{:>10}\n",
        dataset.name,
        ingest.texts,
        ingest.per_s(),
        ingest.embedder,
        "method",
        "R@2",
        "R@5",
        "R@10",
        "R@20",
        "all@8",
        "p50 ms",
        "p99 ms",
    );
    for method in measured {
        let columns = method.score.total.percent().columns();
        let times = percentile::of(&method.times)
            .map_or(String::new(), |times| format!("{:>10.2}{:>10.2}", times.p50, times.p99));
        text.push_str(&format!("{:<11}{columns}{times}\n", method.method.word()));
    }
    text
}
