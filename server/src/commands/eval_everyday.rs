//! `cortexkg eval everyday`: worlds of everyday memory, stored and asked as a client does who says nothing: the door's own
//! defaults, five memories at most. Then asked again without a threshold.
//!
//! Fields of `--json` (percent unless said; with `--method all` a list of them under `methods`):
//!   method, embedder, worlds, noise (texts stored before), all and all_thr0 {n, r1, r5, all5, mrr, shown},
//!   by_type {TYPE: {the same, r5_thr0}}, abstain, stale, auc, bytes (mean of an answer as gRPC sends it), recall_ms
//!   beside them: stores, claims {duplicate, exception}, false_claims_per_100 (of 100 stores, how many were said to repeat or
//!   to contradict a memory that they neither repeat nor replace)

use std::collections::HashMap;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::Context;
use clap::Args;
use cortexkg_engine::answer::{Retrieved, Role, Stored};
use cortexkg_engine::request::{Retrieve, Store};
use cortexkg_engine::{Call, MemoryId};
use cortexkg_rpc::grpc::proto;
use prost::Message;
use serde_json::{Map, Value, json};

use super::{print, print_json};
use crate::engine::Engine;
use crate::eval::everyday::{Answered, Answers, Row};
use crate::eval::method::Method;
use crate::eval::world::{Question, World};
use crate::eval::{noise, published};
use crate::percentile::{self, round};
use crate::pipeline::Pipeline;
use crate::settings::Settings;

/// Arguments of `eval everyday`.
#[derive(Args)]
pub struct EverydayArgs {
    /// Worlds (.json or .json.gz); each gets a memory of its own.
    #[arg(required = true, value_name = "WORLD.json")]
    worlds: Vec<PathBuf>,
    /// How to rank; all measures every one over one ingest, the product's own last, since its recalls teach.
    #[arg(long, value_enum, default_value_t = Method::DEFAULT)]
    method: Method,
    /// Embedding model: default, http, a name that `model add` knows, or a folder.
    #[arg(long, value_name = "MODEL")]
    embedder: Option<String>,
    /// JSON lines to store first: unrelated texts that must not hide the gold.
    #[arg(long, value_name = "FILE.jsonl")]
    noise: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Most memories asked for.
const LIMIT: u32 = 5;

/// What one method answered.
struct Measured {
    method: Method,
    /// As a client asks.
    standard: Answers,
    /// Without a threshold.
    open: Answers,
    times: Vec<Duration>,
}

/// What stores were said to be.
#[derive(Default)]
struct Claims {
    stores: u64,
    duplicates: u64,
    exceptions: u64,
    wrong: u64,
}

/// Everything but the answers.
#[derive(Default)]
struct Told {
    embedder: String,
    worlds: Vec<String>,
    noise: usize,
    claims: Claims,
}

/// Stores, asks, judges.
pub fn run(settings: &Settings, args: &EverydayArgs) -> anyhow::Result<ExitCode> {
    let mut settings = settings.clone();
    if let Some(embedder) = &args.embedder {
        settings.neural_networks.model.clone_from(embedder);
    }
    let noise = args.noise.as_deref().map(noise::read).transpose()?.unwrap_or_default();
    let mut told = Told { noise: noise.len(), ..Told::default() };
    let new = |method| Measured {
        method,
        standard: Answers::default(),
        open: Answers::default(),
        times: Vec::new(),
    };
    let mut measured: Vec<Measured> = args.method.each().into_iter().map(new).collect();
    measured.sort_by_key(|measured| measured.method == Method::DEFAULT);
    let alone = measured.len() == 1;
    for path in &args.worlds {
        let world = World::of(published::read(path)?).with_context(|| format!("{}", path.display()))?;
        let engine = Engine::open_temporary(&settings)?;
        let ids = told.store(&engine, settings.performance.batch_size, &noise, &world)?;
        for method in &mut measured {
            // What others recall must not teach what is measured after them.
            let call = Call { may_learn: alone || method.method == Method::DEFAULT, ..Call::default() };
            method.ask(&engine, call, &world, &ids)?;
        }
        told.embedder = engine.health().model;
        told.worlds.push(world.name);
    }
    if !args.json {
        print(&told.table(&measured))?;
    } else if args.method == Method::All {
        let methods: Vec<Value> = measured.iter().map(|method| told.as_json(method)).collect();
        print_json(&json!({ "embedder": told.embedder, "worlds": told.worlds, "methods": methods }))?;
    } else {
        print_json(&told.as_json(&measured[0]))?;
    }
    Ok(ExitCode::SUCCESS)
}

impl Measured {
    fn ask(
        &mut self,
        engine: &Engine,
        call: Call,
        world: &World,
        ids: &HashMap<MemoryId, usize>,
    ) -> anyhow::Result<()> {
        // All questions at defaults first, then all without a threshold, as a client would.
        for question in &world.questions {
            let request = Retrieve { limit: LIMIT, ..self.method.request(&question.text) };
            let begun = Instant::now();
            let found = engine.retrieve(request, call.clone()).wait()?;
            self.times.push(begun.elapsed());
            self.standard.push(answered(question, found, ids));
        }
        for question in &world.questions {
            let request =
                Retrieve { limit: LIMIT, threshold: Some(0.0), ..self.method.request(&question.text) };
            let found = engine.retrieve(request, call.clone()).wait()?;
            self.open.push(answered(question, found, ids));
        }
        Ok(())
    }
}

fn answered(question: &Question, found: Retrieved, ids: &HashMap<MemoryId, usize>) -> Answered {
    let shown: Vec<Option<usize>> =
        found.memories.iter().map(|shown| ids.get(&shown.memory.id).copied()).collect();
    let top = found.memories.first().map_or(0.0, |first| f64::from(first.score));
    Answered::of(question, &shown, top, proto::RetrieveResponse::from(found).encoded_len())
}

impl Told {
    fn store(
        &mut self,
        engine: &Engine,
        batch_len: u32,
        noise: &[Store],
        world: &World,
    ) -> anyhow::Result<HashMap<MemoryId, usize>> {
        let mut pipeline = Pipeline::new(engine, batch_len, |(), answer| {
            answer.context("a text was refused")?;
            Ok(())
        });
        noise.iter().try_for_each(|store| pipeline.push((), store.clone()))?;
        pipeline.finish()?;
        let mut ids = HashMap::new();
        let mut pipeline = Pipeline::new(engine, batch_len, |number: usize, answer| {
            let stored = answer.context("a memory was refused")?;
            ids.insert(stored.id, number);
            self.claims.take(world, number, &stored, &ids);
            Ok(())
        });
        for (number, store) in world.memories.iter().enumerate() {
            pipeline.push(number, store.clone())?;
        }
        pipeline.finish()?;
        Ok(ids)
    }

    fn as_json(&self, measured: &Measured) -> Value {
        let Measured { method, standard, open, times } = measured;
        let kinds = open.by_kind();
        let kind = |(kind, row): (&str, Row)| {
            let mut object = row.as_json();
            object["r5_thr0"] = json!(kinds[kind].r5);
            (kind.to_owned(), object)
        };
        json!({
            "method": method.word(),
            "embedder": self.embedder,
            "worlds": self.worlds,
            "noise": self.noise,
            "all": standard.all().as_json(),
            "all_thr0": open.all().as_json(),
            "by_type": standard.by_kind().into_iter().map(kind).collect::<Map<_, _>>(),
            "abstain": standard.abstain(),
            "stale": standard.stale(),
            "auc": open.auc(),
            "bytes": round(standard.bytes(), 1),
            "recall_ms": percentile::of(times),
            "stores": self.claims.stores,
            "claims": { "duplicate": self.claims.duplicates, "exception": self.claims.exceptions },
            "false_claims_per_100": self.claims.false_per_100(),
        })
    }

    fn table(&self, measured: &[Measured]) -> String {
        let mut text = format!(
            "{}: {} memories{}, embedded with {}\n",
            self.worlds.join(", "),
            self.claims.stores,
            if self.noise > 0 { format!(" after {} unrelated texts", self.noise) } else { String::new() },
            self.embedder,
        );
        let head = ["R@1", "R@5", "all@5", "MRR", "shown", "R@5 t0", "R@1 t0", "abstain", "stale", "area"];
        let head = head.map(|name| format!("{name:>8}")).concat();
        text.push_str(&format!("{:<15}{:>5}{head}{:>8}{:>9}\n", "method", "n", "bytes", "p50 ms"));
        for Measured { method, standard, open, times } in measured {
            let row = standard.all();
            let shares = [row.r1, row.r5, row.all5, row.mrr, row.shown, open.all().r5, open.all().r1];
            let shares =
                shares.map(Some).into_iter().chain([standard.abstain(), standard.stale(), open.auc()]);
            let time = percentile::of(times).map_or(0.0, |times| times.p50);
            let bytes = standard.bytes();
            text.push_str(&format!("{:<15}{:>5}{}", method.word(), row.n, columns(shares)));
            text.push_str(&format!("{bytes:>8.0}{time:>9.2}\n"));
        }
        for Measured { method, standard, open, .. } in measured {
            text.push_str(&format!("\n{} by type\n", method.word()));
            let kinds = open.by_kind();
            for (kind, row) in standard.by_kind() {
                let shares = [row.r1, row.r5, row.all5, row.mrr, row.shown, kinds[kind].r5, kinds[kind].r1];
                text.push_str(&format!("{kind:<15}{:>5}{}\n", row.n, columns(shares.into_iter().map(Some))));
            }
        }
        let Claims { duplicates, exceptions, wrong, .. } = self.claims;
        text.push_str(&format!(
            "\n{duplicates} stores said to repeat and {exceptions} to change or contradict what was known; {wrong} of them wrongly, {:.1} of 100 stores\n",
            self.claims.false_per_100()
        ));
        text
    }
}

/// Percentages in columns; a dash where there is none.
fn columns(shares: impl Iterator<Item = Option<f64>>) -> String {
    shares.map(|share| share.map_or(format!("{:>8}", "-"), |share| format!("{share:>8.1}"))).collect()
}

impl Claims {
    /// `ids` holds what was stored so far; anything else is none of the world's, so that a claim about it is wrong.
    fn take(&mut self, world: &World, number: usize, stored: &Stored, ids: &HashMap<MemoryId, usize>) {
        self.stores += 1;
        let (repeats, other) = match stored.allocation.as_ref().map(|allocation| allocation.role) {
            Some(Role::DuplicateOf(other)) => (true, other),
            Some(Role::ExceptionTo(other) | Role::Supersedes(other)) => (false, other),
            Some(Role::Founder | Role::Member) | None => return,
        };
        if repeats {
            self.duplicates += 1;
        } else {
            self.exceptions += 1;
        }
        let is_right = ids
            .get(&other)
            .is_some_and(|&other| world.declares(number, other) || (repeats && world.repeats(number, other)));
        self.wrong += u64::from(!is_right);
    }

    fn false_per_100(&self) -> f64 {
        round(100.0 * self.wrong as f64 / self.stores.max(1) as f64, 2)
    }
}
