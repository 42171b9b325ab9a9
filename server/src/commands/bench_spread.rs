//! `cortexkg bench spread`: pace of spreading activation over a large generated graph, through the kernel, the gains and the
//! limits that recalls use.
//!
//! Fields of `--json`:
//!   nodes, memories, edges (directed), degree_largest, degree_max (entities of more hand nothing on), seeds, seed_of_graph,
//!   build_s, device_bytes_per_node and device_bytes_per_edge (all arrays of the graph over either),
//!   fired_per_recall (nodes), edges_per_recall (followed), edges_largest (followed by one recall),
//!   single {threads, recall_ms {p50, p99}}, batches [{threads, lanes, per_s, per_cpu_s, edges_per_cpu_s}], rss_bytes
//!
//! A recall is what the product asks of the device: seeds up, spread, list of spikes down. Similarity search, words and texts
//! are not part of it.

mod workload;

use std::process::ExitCode;
use std::time::Instant;

use clap::Args;
use cortexkg_engine::spread::{Fired, GraphCopy, SpreadLane, Spreading};
use cortexkg_engine::vectors::{Device, open_device};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::percentile::{self, round};
use crate::process;
use crate::settings::Settings;
use workload::Workload;

/// Arguments of `bench spread`.
#[derive(Args)]
pub struct SpreadArgs {
    /// Nodes: three memories to two entities.
    #[arg(long, value_name = "N", default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(100..=100_000_000))]
    nodes: u32,
    /// Directed edges: a mention is two.
    #[arg(long, value_name = "N", default_value_t = 10_000_000, value_parser = clap::value_parser!(u32).range(0..=2_000_000_000))]
    edges: u32,
    /// Memories that a recall drives: what its two searches give by default.
    #[arg(long, value_name = "N", default_value_t = 656, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    seeds: u32,
    /// Recalls: one after the other, then all at once.
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    lanes: u32,
    /// Threads of the device for recalls at once; 0 for all.
    #[arg(long, value_name = "N", value_delimiter = ',', default_value = "1,2")]
    threads: Vec<u32>,
    /// Times everything is measured; the quickest counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    passes: u64,
    /// Seed of the graph and of the recalls.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Measures.
pub fn run(settings: &Settings, args: &SpreadArgs) -> anyhow::Result<ExitCode> {
    let begun = Instant::now();
    let config = settings.engine()?;
    let mut load = Workload::generate(args.nodes, args.edges, args.seed);
    let spreading = Spreading { settings: &config.recall, memories: load.memories, filtered: false };
    let lanes = load.recalls(args.lanes, args.seeds, &config.recall);
    let lanes: Vec<&SpreadLane> = lanes.iter().collect();
    let degrees = (0..args.nodes).map(|node| load.graph.degree(node));
    let mut report = json!({
        "nodes": args.nodes, "memories": load.memories, "edges": load.edges(), "seeds": args.seeds,
        "degree_largest": degrees.max(), "degree_max": spreading.degree_max(), "seed_of_graph": args.seed,
        "build_s": round(begun.elapsed().as_secs_f64(), 3),
    });
    let mut batches = Vec::new();
    for &threads in &args.threads {
        let mut config = config.clone();
        config.threads = threads as usize;
        let mut device = open_device(&config)?;
        let mut copy = GraphCopy::default();
        load.graph.mark_all_dirty();
        copy.sync(&mut device, &mut load.graph, &load.owners)?;
        if batches.is_empty() {
            let bytes = device.used_bytes() as f64;
            report["device_bytes_per_node"] = round(bytes / f64::from(args.nodes), 1).into();
            report["device_bytes_per_edge"] = round(bytes / load.edges().max(1) as f64, 1).into();
            report["single"] = one_by_one(&mut device, &copy, spreading, &lanes, args.passes)?;
        }
        let mut best = (f64::INFINITY, f64::INFINITY);
        let mut lists = Vec::new();
        for _ in 0..args.passes {
            let (begun, cpu_s) = (Instant::now(), process::cpu_s());
            lists = copy.spread(&mut device, spreading, &lanes)?;
            best.0 = best.0.min(begun.elapsed().as_secs_f64());
            best.1 = best.1.min(process::cpu_s() - cpu_s);
        }
        let followed: Vec<u64> =
            lists.iter().map(|list| edges_followed(&load, spreading.degree_max(), list)).collect();
        let (count, all) = (f64::from(args.lanes), followed.iter().sum::<u64>() as f64);
        let fired: usize = lists.iter().map(Vec::len).sum();
        report["fired_per_recall"] = round(fired as f64 / count, 1).into();
        report["edges_per_recall"] = round(all / count, 1).into();
        report["edges_largest"] = followed.iter().max().copied().into();
        batches.push(json!({
            "threads": device.info().threads, "lanes": args.lanes, "device": device.info().name,
            "per_s": round(count / best.0, 1), "per_cpu_s": round(count / best.1, 1),
            "edges_per_cpu_s": round(all / best.1, 0),
        }));
    }
    report["batches"] = batches.into();
    if let Some(bytes) = process::resident_bytes() {
        report["rss_bytes"] = bytes.into();
    }
    tell(&report, args.json)
}

/// Recalls one after the other: a batch of one each.
fn one_by_one(
    device: &mut Device,
    copy: &GraphCopy,
    spreading: Spreading<'_>,
    lanes: &[&SpreadLane],
    passes: u64,
) -> anyhow::Result<Value> {
    let mut times = Vec::with_capacity(lanes.len());
    for pass in 0..passes {
        for (at, lane) in lanes.iter().enumerate() {
            let begun = Instant::now();
            copy.spread(device, spreading, &[lane])?;
            let took = begun.elapsed();
            if pass == 0 { times.push(took) } else { times[at] = took.min(times[at]) }
        }
    }
    Ok(json!({ "threads": 1, "recall_ms": percentile::of(&times) }))
}

/// Edges along which the spikes of a recall went.
fn edges_followed(load: &Workload, degree_max: u32, fired: &[Fired]) -> u64 {
    fired.iter().map(|fired| load.handed_on(fired.node, degree_max) as u64).sum()
}

fn tell(report: &Value, json: bool) -> anyhow::Result<ExitCode> {
    if json {
        print_json(report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let mut flat = report.clone();
    flat["batches"] = Value::Null;
    let mut text = super::bench::columns(&flat, "").replace("batches                   null\n", "");
    text += &format!(
        "\n{:>7} {:>7} {:>12} {:>12} {:>16}\n",
        "threads", "lanes", "per CPU s", "per s", "edges per CPU s"
    );
    for batch in report["batches"].as_array().into_iter().flatten() {
        let number = |name: &str| batch[name].as_f64().unwrap_or(f64::NAN);
        text += &format!(
            "{:>7} {:>7} {:>12.0} {:>12.0} {:>16.0}\n",
            number("threads"),
            number("lanes"),
            number("per_cpu_s"),
            number("per_s"),
            number("edges_per_cpu_s")
        );
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
