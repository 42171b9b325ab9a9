//! `cortexkg eval retrieval`: how much of the gold of data sets is recalled, through the real engine in a temporary folder.
//!
//! Fields of `--json` for one set and one method (percent unless said):
//!   dataset, set, method, embedder, threshold, questions, questions_without_gold, texts, recall {"2", "5", "10", "20"}, all5,
//!   all8, all10, any1, mrr, ingest_per_s, recall_ms {p50, p99}, by_type or by_category {KIND: the same shares},
//!   by_session {questions, any {"1", "5", "10"}, mrr} (conversations)
//! `--method all` lists the methods of a set under `methods`, several sets stand under `sets`, and both together bring
//!   compared [{against, over, questions, r5, r10, any1: {mean, low}}]: the product's default less another, `eval/paired.rs`

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use cortexkg_engine::request::{Retrieve, Store};
use cortexkg_engine::{Call, RecallSettings};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::engine::Engine;
use crate::eval::dataset::{Corpus, Dataset, Question};
use crate::eval::ingest::{Ingest, Texts};
use crate::eval::method::Method;
use crate::eval::noise;
use crate::eval::paired::{self, Asked, Compared};
use crate::eval::score::{DEPTHS, Found, Grouped, Score};
use crate::eval::sessions::{BySession, Sessions};
use crate::percentile;
use crate::settings::Settings;
use crate::whole_file;

/// Arguments of `eval retrieval`.
#[derive(Args)]
pub struct RetrievalArgs {
    /// Questions over passages or conversations, or worlds of everyday memory (.json or .json.gz); one or several.
    #[arg(long, required = true, num_args = 1.., value_name = "FILE")]
    dataset: Vec<PathBuf>,
    /// How to rank; all measures every one over one ingest, and compares them question by question.
    #[arg(long, value_enum, default_value_t = Method::DEFAULT)]
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
    /// Ask with the threshold of a client that names none, instead of 0.
    #[arg(long)]
    defaults: bool,
    /// Write every question with the ranks of its gold, as JSON lines.
    #[arg(long, value_name = "OUT.jsonl")]
    questions: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// What one method found in one set.
struct Measured {
    method: Method,
    score: Grouped,
    by_session: BySession,
    /// In the order of questions.
    found: Vec<Found>,
    times: Vec<Duration>,
}

/// One set, measured.
struct Set {
    dataset: Dataset,
    ingest: Ingest,
    methods: Vec<Measured>,
}

/// How all sets are asked.
struct Plan {
    settings: Settings,
    noise: Vec<Store>,
    recall: RecallSettings,
    methods: Vec<Method>,
    threshold: Option<f32>,
}

/// Stores, asks, scores.
pub fn run(settings: &Settings, args: &RetrievalArgs) -> anyhow::Result<ExitCode> {
    let mut settings = settings.clone();
    if let Some(embedder) = &args.embedder {
        settings.neural_networks.model.clone_from(embedder);
    }
    let plan = Plan {
        settings,
        noise: args.noise.as_deref().map(noise::read).transpose()?.unwrap_or_default(),
        recall: args.recall.as_deref().map(recall_settings).transpose()?.unwrap_or_default(),
        methods: args.method.each(),
        threshold: if args.defaults { Retrieve::default().threshold } else { Some(0.0) },
    };
    let datasets = args.dataset.iter().map(|path| Dataset::read(path)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut lines = Vec::new();
    let sets: Vec<Set> = datasets
        .into_iter()
        .map(|dataset| plan.measure(dataset, &mut lines))
        .collect::<anyhow::Result<_>>()?;
    if let Some(path) = &args.questions {
        let write = |out: &mut std::io::BufWriter<&std::fs::File>| -> std::io::Result<()> {
            lines.iter().try_for_each(|line| writeln!(out, "{line}"))
        };
        whole_file::write(path, write).with_context(|| format!("{}", path.display()))?;
    }
    let compared = compared(&sets);
    if args.json {
        print_json(&as_json(&sets, &compared, args.method == Method::All, &plan))?;
    } else {
        print(&told(&sets, &compared))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn recall_settings(path: &Path) -> anyhow::Result<RecallSettings> {
    let text = std::fs::read_to_string(path).with_context(|| format!("{}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("{}", path.display()))
}

impl Plan {
    fn measure(&self, dataset: Dataset, lines: &mut Vec<Value>) -> anyhow::Result<Set> {
        let new = |&method: &Method| Measured {
            method,
            score: Grouped::default(),
            by_session: BySession::default(),
            found: Vec::new(),
            times: Vec::new(),
        };
        let mut methods: Vec<_> = self.methods.iter().map(new).collect();
        let mut ingest = Ingest::default();
        for corpus in &dataset.stores {
            let engine = Engine::open_to_measure(&self.settings, self.recall.clone())?;
            let batch_len = self.settings.performance.batch_size;
            let texts = ingest.store(&engine, batch_len, &self.noise, corpus)?;
            let sessions = Sessions::of(corpus);
            for method in &mut methods {
                for question in &corpus.questions {
                    let shown = method.ask(&engine, question, &texts, self.threshold)?;
                    method.by_session.add(&sessions, &question.gold, &shown);
                    lines.push(line(&dataset, question, method.method, &shown));
                }
            }
        }
        Ok(Set { dataset, ingest, methods })
    }
}

/// One question for those who look into why.
fn line(dataset: &Dataset, question: &Question, method: Method, shown: &[usize]) -> Value {
    let rank = |gold: &usize| shown.iter().position(|shown| shown == gold).map(|rank| rank + 1);
    json!({
        "set": dataset.set,
        "fold": question.fold,
        "kind": question.group,
        "question": question.text,
        "method": method.word(),
        "gold": question.gold,
        "ranks": question.gold.iter().map(rank).collect::<Vec<_>>(),
    })
}

impl Measured {
    /// Numbers of the texts shown.
    fn ask(
        &mut self,
        engine: &Engine,
        question: &Question,
        texts: &Texts,
        threshold: Option<f32>,
    ) -> anyhow::Result<Vec<usize>> {
        let limit = DEPTHS[DEPTHS.len() - 1] as u32;
        let request = Retrieve { limit, threshold, ..self.method.request(&question.text) };
        let begun = Instant::now();
        let found = engine.retrieve(request, Call::default()).wait()?;
        self.times.push(begun.elapsed());
        let shown: Vec<usize> = found.memories.iter().map(|shown| texts[&shown.memory.id]).collect();
        self.found.push(self.score.add(&question.group, &question.gold, &shown));
        Ok(shown)
    }

    fn as_json(&self, set: &Set, plan: &Plan) -> Value {
        let Set { dataset, ingest, .. } = set;
        let mut object = json!(self.score.total.percent());
        let more = json!({
            "dataset": dataset.name,
            "set": dataset.set,
            "method": self.method.word(),
            "embedder": ingest.embedder,
            "threshold": plan.threshold.map(super::export::shortest),
            "questions_without_gold": dataset.without_gold,
            "texts": ingest.texts,
            "ingest_per_s": ingest.per_s(),
            "recall_ms": percentile::of(&self.times),
            dataset.grouped: self.score.groups(),
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            object[name] = value.clone();
        }
        if let Some(sessions) = self.by_session.as_json() {
            object["by_session"] = sessions;
        }
        object
    }
}

/// The product's default against each of its rivals, where all were measured.
fn compared(sets: &[Set]) -> Vec<(Method, Vec<Compared>)> {
    let questions = |corpus: &Corpus| -> Vec<String> {
        corpus.questions.iter().map(|question| question.group.clone()).collect()
    };
    let asked: Vec<Asked> = sets
        .iter()
        .flat_map(|set| {
            // A method is asked all questions of a store before the next store.
            let groups = set.dataset.stores.iter().flat_map(questions);
            groups.map(|group| Asked { set: set.dataset.set.clone(), group })
        })
        .collect();
    let of = |method: Method| -> Option<Vec<Found>> {
        let of = |set: &Set| {
            let measured = set.methods.iter().find(|measured| measured.method == method)?;
            Some(measured.found.clone())
        };
        Some(sets.iter().map(of).collect::<Option<Vec<_>>>()?.concat())
    };
    let Some(ours) = of(Method::DEFAULT).filter(|ours| !ours.is_empty()) else { return Vec::new() };
    let rivals = Method::RIVALS.into_iter();
    rivals.filter_map(|rival| Some((rival, paired::compare(&asked, &ours, &of(rival)?)))).collect()
}

fn as_json(sets: &[Set], compared: &[(Method, Vec<Compared>)], all: bool, plan: &Plan) -> Value {
    let one = |set: &Set| {
        if !all {
            return set.methods[0].as_json(set, plan);
        }
        let methods: Vec<_> = set.methods.iter().map(|method| method.as_json(set, plan)).collect();
        json!({ "dataset": set.dataset.name, "embedder": set.ingest.embedder, "methods": methods })
    };
    let mut object = match sets {
        [set] => one(set),
        _ => json!({ "sets": sets.iter().map(one).collect::<Vec<_>>() }),
    };
    let rows = compared.iter().flat_map(|(rival, list)| {
        list.iter().map(|compared| {
            let mut row = json!(compared);
            row["against"] = json!(rival.word());
            row
        })
    });
    if !compared.is_empty() {
        object["compared"] = rows.collect();
    }
    object
}

fn told(sets: &[Set], compared: &[(Method, Vec<Compared>)]) -> String {
    let mut text: String = sets.iter().map(table).collect();
    if sets.len() > 1 && !compared.is_empty() {
        text.push_str("\npercentage points, and the lower end of 90 % (paired bootstrap)\n");
        for (rival, list) in compared {
            text.push_str(&paired::table(&Method::DEFAULT.word(), &rival.word(), list));
        }
    }
    text
}

fn table(set: &Set) -> String {
    let Set { dataset, ingest, methods } = set;
    let mut text = format!(
        "{}: {} texts stored at {} a second, embedded with {}\n{:<11}{:>6}{}{:>9}{:>9}\n",
        dataset.name,
        ingest.texts,
        ingest.per_s(),
        ingest.embedder,
        "method",
        "n",
        Score::head(),
        "p50 ms",
        "p99 ms",
    );
    for Measured { method, score, times, .. } in methods {
        let percent = score.total.percent();
        let times = percentile::of(times)
            .map_or(String::new(), |times| format!("{:>9.2}{:>9.2}", times.p50, times.p99));
        text.push_str(&format!(
            "{:<11}{:>6}{}{times}\n",
            method.word(),
            percent.questions,
            percent.columns()
        ));
    }
    let sessions: String = methods
        .iter()
        .filter_map(|method| Some(format!("{:<17}{}\n", method.method.word(), method.by_session.columns()?)))
        .collect();
    if !sessions.is_empty() {
        text.push_str(&format!("{:<17}{}\n{sessions}", "whole sessions", BySession::head()));
    }
    text
}
