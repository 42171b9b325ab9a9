//! `cortexkg bench`: pace of storing and recalling, on generated texts in a temporary folder, through the handle that
//! the doors use. Every store is acknowledged only when it is durable, so the folder must lie on a real disk.
//!
//! Fields of `bench ingest --json`:
//!   count, text_bytes, seconds, per_s (wall), cpu_s (all threads), batch_size, device, model,
//!   snapshot_s, log_bytes, reopen_s (from the snapshot), rss_bytes, state_bytes, state_bytes_per_memory (beyond text),
//!   device_bytes_per_memory,
//!   recall {queries, limit, recall_ms {p50, p99}, per_s, cpu_s}
//! Fields of `bench recall --json`: count, device, model, and those of `recall` above beside them.

use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use cortexkg_engine::Call;
use cortexkg_engine::request::{Retrieve, StatsQuery, Store};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::corpus::Corpus;
use crate::engine::Engine;
use crate::percentile::{self, round};
use crate::pipeline::Pipeline;
use crate::process;
use crate::settings::Settings;

/// Arguments of both benches.
#[derive(Args)]
pub struct BenchArgs {
    /// Texts to store.
    #[arg(long, default_value_t = 100_000, value_name = "N")]
    count: u64,
    /// Recalls to measure, one after the other.
    #[arg(long, default_value_t = 1_000, value_name = "N")]
    queries: u64,
    /// Memories per recall, 1 to 100.
    #[arg(long, default_value_t = Retrieve::default().limit)]
    limit: u32,
    /// Seed of the generated texts.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Stores, recalls, snapshots, reopens.
pub fn ingest(settings: &Settings, args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let folder = tempfile::Builder::new().prefix("cortexkg-bench-").tempdir()?;
    let settings = settings.moved_to(folder.path());
    let engine = Engine::open(&settings)?;
    let mut report = store(&engine, settings.performance.batch_size, args)?;
    report["recall"] = ask(&engine, args)?;

    let begun = Instant::now();
    engine.checkpoint(Call::default()).wait()?;
    report["snapshot_s"] = seconds(begun);
    report["log_bytes"] = engine.metrics().journal_bytes.into();
    let stats = engine.stats(StatsQuery::default(), Call::default()).wait()?.state;
    report["state_bytes"] = stats.state_bytes.into();
    report["state_bytes_per_memory"] = round(stats.state_bytes as f64 / args.count.max(1) as f64, 1).into();
    report["device_bytes_per_memory"] = round(stats.device_bytes as f64 / args.count.max(1) as f64, 1).into();
    if let Some(bytes) = process::resident_bytes() {
        report["rss_bytes"] = bytes.into();
    }

    drop(engine);
    let begun = Instant::now();
    let engine = Engine::open(&settings)?;
    report["reopen_s"] = seconds(begun);
    anyhow::ensure!(
        engine.health().memories == args.count,
        "{} of {} memories were there after reopening",
        engine.health().memories,
        args.count
    );
    tell(&report, args.json)
}

/// Recalls from stored texts.
pub fn recall(settings: &Settings, args: &BenchArgs) -> anyhow::Result<ExitCode> {
    let engine = Engine::open_temporary(settings)?;
    let mut report = identity(&engine, args);
    store(&engine, settings.performance.batch_size, args)?;
    let asked = ask(&engine, args)?;
    let (Value::Object(report_fields), Value::Object(asked)) = (&mut report, asked) else {
        unreachable!("both are made as objects; this is a bug")
    };
    report_fields.extend(asked);
    tell(&report, args.json)
}

fn identity(engine: &Engine, args: &BenchArgs) -> Value {
    let health = engine.health();
    json!({ "count": args.count, "device": health.device.name, "model": health.model })
}

fn store(engine: &Engine, batch_size: u32, args: &BenchArgs) -> anyhow::Result<Value> {
    // Generated before the clock starts: only storing is measured.
    let mut corpus = Corpus::new(args.seed);
    let texts: Vec<String> = (0..args.count).map(|_| corpus.fact()).collect();
    let text_bytes: usize = texts.iter().map(String::len).sum();
    let (begun, cpu_s) = (Instant::now(), process::cpu_s());
    let mut pipeline = Pipeline::new(engine, batch_size, |(), answer| {
        answer.context("a generated text was refused").map(|_| ())
    });
    for content in texts {
        pipeline.push((), Store { content, ..Store::default() })?;
    }
    pipeline.finish()?;
    let took = begun.elapsed().as_secs_f64();
    let mut report = identity(engine, args);
    report["text_bytes"] = text_bytes.into();
    report["batch_size"] = batch_size.into();
    report["seconds"] = round(took, 3).into();
    report["per_s"] = round(args.count as f64 / took, 1).into();
    report["cpu_s"] = round(process::cpu_s() - cpu_s, 3).into();
    Ok(report)
}

fn ask(engine: &Engine, args: &BenchArgs) -> anyhow::Result<Value> {
    // The same seed: questions name people and places of the kind that was stored, without quoting a fact.
    let mut corpus = Corpus::new(args.seed);
    let mut times = Vec::new();
    let (begun, cpu_s) = (Instant::now(), process::cpu_s());
    for _ in 0..args.queries {
        let request = Retrieve {
            query: corpus.question(),
            limit: args.limit,
            threshold: Some(0.0),
            ..Retrieve::default()
        };
        let asked = Instant::now();
        engine.retrieve(request, Call::default()).wait()?;
        times.push(asked.elapsed());
    }
    Ok(json!({
        "queries": args.queries,
        "limit": args.limit,
        "recall_ms": percentile::of(&times),
        "per_s": round(args.queries as f64 / begun.elapsed().as_secs_f64(), 1),
        "cpu_s": round(process::cpu_s() - cpu_s, 3),
    }))
}

fn seconds(since: Instant) -> Value {
    round(since.elapsed().as_secs_f64(), 3).into()
}

/// Prints a report as lines or as one object.
pub(super) fn tell(report: &Value, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        print_json(report)?;
    } else {
        print(&columns(report, ""))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A report as lines of names and values.
pub(super) fn columns(report: &Value, under: &str) -> String {
    let Value::Object(fields) = report else { return String::new() };
    fields.iter().fold(String::new(), |text, (name, value)| match value {
        Value::Object(_) => text + &columns(value, &format!("{under}{name}.")),
        Value::String(words) => text + &format!("{:<26}{words}\n", format!("{under}{name}")),
        other => text + &format!("{:<26}{other}\n", format!("{under}{name}")),
    })
}
