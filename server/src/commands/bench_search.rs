//! `cortexkg bench search`: pace and recall of vector search on `.npy` files, through the index that recalls use.
//!
//! Fields of `--json` (those of the last width, or number of cells, stand at the top, all of them in `points`):
//!   rows, dim, queries, k, mode, batch, threads, device,
//!   write_per_s, write_per_cpu_s (rows that can be found), build_s, build_cpu_s, link_per_cpu_s (rows into the graph, or into cells),
//!   bytes_per_vector (the index and its device buffers, after the last search), originals_bytes_per_vector (beside them, 0 with --codes-only), rss_bytes,
//!   base_scaled_by_2_to (where half precision would not hold the numbers as they are: neighbours stay the same),
//!   filter, delete, turnover (as asked), tidy_s (taking deleted rows out and mending what led to them),
//!   points [{width (probes if pruned), recall, qps_wall, qps_cpu, cpu_s_per_query, looked_per_query, walked (share of queries), gave_up}]
//!
//! Recall is measured against the truth file; with a filter or deletions, which it does not know, against the exact way of
//! this run.

mod changes;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, ensure};
use clap::{Args, ValueEnum};
use cortexkg_engine::vectors::{
    Device, IndexOptions, Originals, Search, VectorIndex, Way, open_device, scaled_halves,
};
use half::f16;
use serde_json::{Value, json};

use super::{print, print_json};
use crate::npy::{self, Matrix};
use crate::percentile::round;
use crate::process;
use crate::settings::Settings;
use changes::{Changes, Masks};

/// Arguments of `bench search`.
#[derive(Args)]
pub struct SearchArgs {
    /// Stored vectors, .npy of [rows, dim].
    #[arg(long, value_name = "FILE")]
    base: PathBuf,
    /// Queries, .npy of [queries, dim].
    #[arg(long, value_name = "FILE")]
    queries: PathBuf,
    /// True neighbours by inner product, best first, .npy of [queries, at least k].
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// Neighbours wanted, 1 to 1,024.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=1_024))]
    k: u64,
    /// Which way searches go.
    #[arg(long, value_enum, default_value_t = Mode::Exact)]
    mode: Mode,
    /// Queries a call.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    batch: u64,
    /// Threads of the device; 0 for all.
    #[arg(long, default_value_t = 1)]
    threads: u32,
    /// Rows a walk keeps: several to see what recall costs.
    #[arg(long, value_delimiter = ',', default_value = "64", value_parser = clap::value_parser!(u64).range(1..=4_096))]
    width: Vec<u64>,
    /// Cells a pruned scan looks into, 1 to 2,048: several to see what recall costs.
    #[arg(long, value_delimiter = ',', default_value = "256", value_parser = clap::value_parser!(u64).range(1..=2_048))]
    probes: Vec<u64>,
    /// Search by codes alone, in half the memory: scores are estimates, and the vectors are given up once they are written.
    #[arg(long)]
    codes_only: bool,
    /// Share of the rows, drawn at random, that each query may find.
    #[arg(long, default_value_t = 1.0, value_parser = share)]
    filter: f64,
    /// Share of the rows, drawn at random, that is deleted before measuring.
    #[arg(long, default_value_t = 0.0, value_parser = share)]
    delete: f64,
    /// Delete every row and write it anew, a tenth at a time, before measuring.
    #[arg(long)]
    turnover: bool,
    /// Times all queries are asked; the quickest counts.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    passes: u64,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Mode {
    /// Every row that may be found is scored.
    Exact,
    /// Walks over the graph.
    Graph,
    /// Scans of the cells nearest to each query.
    Pruned,
    /// Whichever should cost less.
    Auto,
}

impl Mode {
    fn way(self) -> Way {
        match self {
            Mode::Exact => Way::Exact,
            Mode::Graph => Way::Graph,
            Mode::Pruned => Way::Pruned,
            Mode::Auto => Way::Auto,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Mode::Exact => "exact",
            Mode::Graph => "graph",
            Mode::Pruned => "pruned",
            Mode::Auto => "auto",
        }
    }
}

impl Mode {
    /// What more of finds more and takes longer.
    fn effort(self) -> &'static str {
        if self == Mode::Pruned { "probes" } else { "width" }
    }
}

fn share(text: &str) -> Result<f64, String> {
    let share: f64 = text.parse().map_err(|_| "must be a number from 0 to 1".to_owned())?;
    if (0.0..=1.0).contains(&share) { Ok(share) } else { Err("must be a number from 0 to 1".to_owned()) }
}

/// Measures.
pub fn run(settings: &Settings, args: &SearchArgs) -> anyhow::Result<ExitCode> {
    let (base, scale) = in_halves(npy::read_vectors(&args.base)?)?;
    let queries = npy::read_vectors(&args.queries)?;
    ensure!(
        base.cols == queries.cols,
        "--queries have {} numbers each and --base has {}: they must be equal",
        queries.cols,
        base.cols
    );
    ensure!(base.rows < u32::MAX as usize, "--base has {} rows: fewer than 2^32 can be numbered", base.rows);
    let mut config = settings.engine()?;
    config.threads = args.threads as usize;
    let mut device = open_device(&config)?;
    let mut report = json!({
        "rows": base.rows, "dim": base.cols, "queries": queries.rows, "k": args.k, "mode": args.mode.name(),
        "batch": args.batch, "threads": device.info().threads, "device": device.info().name,
        "filter": args.filter, "delete": args.delete, "turnover": args.turnover,
    });
    if scale != 0 {
        report["base_scaled_by_2_to"] = scale.into();
    }
    let mut index = build(&mut device, &base, args, &mut report)?;
    let changes = Changes { delete: args.delete, turnover: args.turnover };
    let dead = changes.make(&mut device, &mut index, &base, args.mode != Mode::Exact, &mut report)?;
    let masks = Masks::draw(base.rows, args.filter, &dead);
    let truth = truth(&mut device, &mut index, &base, &queries, &masks, args)?;
    let (rows, originals) = (base.rows, (!args.codes_only).then_some(base));
    let mut points = Vec::new();
    for &effort in if args.mode == Mode::Pruned { &args.probes } else { &args.width } {
        let originals = originals.as_ref().map(originals_of);
        let asked = Asked { queries: &queries, originals, masks: &masks, truth: truth.as_deref() };
        points.push(measure(&mut device, &mut index, &asked, effort, args)?);
    }
    if let Some(Value::Object(last)) = points.last().cloned() {
        report.as_object_mut().expect("made as an object").extend(last);
    }
    report["bytes_per_vector"] =
        round((device.used_bytes() + index.host_bytes() as u64) as f64 / rows as f64, 1).into();
    report["originals_bytes_per_vector"] = originals.map_or(0, |originals| 2 * originals.cols).into();
    if let Some(bytes) = process::resident_bytes() {
        report["rss_bytes"] = bytes.into();
    }
    report["points"] = points.into();
    tell(&report, args)
}

/// Vectors as they are stored, and the exponent of the power of two that they were multiplied by.
fn in_halves(vectors: Matrix<f32>) -> anyhow::Result<(Matrix<f16>, i32)> {
    let (values, scale) =
        scaled_halves(&vectors.values).context("--base must hold finite numbers of single precision")?;
    Ok((Matrix { rows: vectors.rows, cols: vectors.cols, values }, scale))
}

fn originals_of(base: &Matrix<f16>) -> Originals<'_> {
    Originals::new(base.cols, &base.values)
}

/// An index over all rows, with its graph or its cells unless searches are exact.
fn build(
    device: &mut Device,
    base: &Matrix<f16>,
    args: &SearchArgs,
    report: &mut Value,
) -> anyhow::Result<VectorIndex> {
    let linked = args.mode != Mode::Pruned;
    let options = IndexOptions { scanned_max: 0, linked, pruned_min: 1, ..IndexOptions::new(base.cols) };
    let mut index = VectorIndex::new(device, options);
    let (begun, cpu_s) = (Instant::now(), process::cpu_s());
    index.write(device, 0, &base.values)?;
    let took = (begun.elapsed().as_secs_f64(), process::cpu_s() - cpu_s);
    report["write_per_s"] = round(base.rows as f64 / took.0, 0).into();
    report["write_per_cpu_s"] = round(base.rows as f64 / took.1, 0).into();
    if args.mode == Mode::Exact {
        report["build_s"] = round(took.0, 3).into();
        return Ok(index);
    }
    let (begun, cpu_s) = (Instant::now(), process::cpu_s());
    let doing = if linked { "linking" } else { "parting" };
    changes::tend(device, &mut index, originals_of(base), doing, args.json)?;
    let took = (begun.elapsed().as_secs_f64(), process::cpu_s() - cpu_s);
    report["build_s"] = round(took.0, 3).into();
    report["build_cpu_s"] = round(took.1, 3).into();
    report["link_per_cpu_s"] = round(base.rows as f64 / took.1, 0).into();
    Ok(index)
}

/// The true first `k` of every query.
fn truth(
    device: &mut Device,
    index: &mut VectorIndex,
    base: &Matrix<f16>,
    queries: &Matrix<f32>,
    masks: &Masks,
    args: &SearchArgs,
) -> anyhow::Result<Option<Vec<Vec<u32>>>> {
    let k = args.k as usize;
    if masks.all() {
        let Some(path) = &args.truth else { return Ok(None) };
        let truth = npy::read_ids(path)?;
        let fits = truth.rows >= queries.rows && truth.cols >= k;
        ensure!(
            fits,
            "--truth is {} x {}: it must have a row for each of the {} queries and at least k = {k} columns",
            truth.rows,
            truth.cols,
            queries.rows
        );
        return Ok(Some((0..queries.rows).map(|query| truth.row(query)[..k].to_vec()).collect()));
    }
    let mut lists = Vec::with_capacity(queries.rows);
    for (first, part) in calls(queries, 64) {
        let search = Search {
            queries: part,
            originals: Some(originals_of(base)),
            masks: &masks.of(first..first + part.len() / queries.cols),
            k,
            score_min: f32::NEG_INFINITY,
            width: k,
            probes: 0,
            way: Way::Exact,
        };
        let found = index.search(device, &search)?;
        lists.extend(found.lists.into_iter().map(|list| list.into_iter().map(|row| row.0).collect()));
    }
    Ok(Some(lists))
}

/// Queries by calls: the number of the first, and their values.
fn calls(queries: &Matrix<f32>, batch: usize) -> impl Iterator<Item = (usize, &[f32])> {
    queries.values.chunks(batch * queries.cols).enumerate().map(move |(call, part)| (call * batch, part))
}

/// What is asked again and again.
struct Asked<'a> {
    queries: &'a Matrix<f32>,
    originals: Option<Originals<'a>>,
    masks: &'a Masks,
    truth: Option<&'a [Vec<u32>]>,
}

fn measure(
    device: &mut Device,
    index: &mut VectorIndex,
    asked: &Asked<'_>,
    effort: u64,
    args: &SearchArgs,
) -> anyhow::Result<Value> {
    let Asked { queries, originals, masks, truth } = *asked;
    let (batch, k, effort) = (args.batch as usize, args.k as usize, effort as usize);
    let (width, probes) = if args.mode == Mode::Pruned { (k, effort) } else { (effort, 0) };
    // Masks are an input: made before the clock starts.
    let prepared: Vec<Vec<Vec<u64>>> = calls(queries, batch)
        .map(|(first, part)| masks.of(first..first + part.len() / queries.cols))
        .collect();
    let mut best = (f64::INFINITY, f64::INFINITY);
    let mut lists = Vec::new();
    let (mut looked, mut walked, mut gave_up) = (0, 0, 0);
    for _ in 0..args.passes {
        (looked, walked, gave_up) = (0, 0, 0);
        lists.clear();
        let (begun, cpu_s) = (Instant::now(), process::cpu_s());
        for ((_, part), masks) in calls(queries, batch).zip(&prepared) {
            let (way, score_min) = (args.mode.way(), f32::NEG_INFINITY);
            let search = Search { queries: part, originals, masks, k, score_min, width, probes, way };
            let found = index.search(device, &search)?;
            looked += found.looked;
            walked += if found.way == Way::Graph { found.lists.len() } else { 0 };
            gave_up += found.gave_up;
            lists.extend(found.lists);
        }
        best.0 = best.0.min(begun.elapsed().as_secs_f64());
        best.1 = best.1.min(process::cpu_s() - cpu_s);
    }
    let count = queries.rows as f64;
    let mut point = json!({
        args.mode.effort(): effort,
        "qps_wall": round(count / best.0, 1),
        "qps_cpu": round(count / best.1, 1),
        "cpu_s_per_query": best.1 / count,
        "looked_per_query": round(looked as f64 / count, 1),
        "walked": round(walked as f64 / count, 4),
        "gave_up": gave_up,
    });
    if let Some(truth) = truth {
        let share = |(list, truth): (&Vec<(u32, f32)>, &Vec<u32>)| {
            let hits = list.iter().filter(|row| truth.contains(&row.0)).count();
            if truth.is_empty() { 1.0 } else { hits as f64 / truth.len() as f64 }
        };
        let recall: f64 = lists.iter().zip(truth).map(share).sum();
        point["recall"] = round(recall / count, 5).into();
    }
    Ok(point)
}

fn tell(report: &Value, args: &SearchArgs) -> anyhow::Result<ExitCode> {
    if args.json {
        print_json(report)?;
        return Ok(ExitCode::SUCCESS);
    }
    let fields = report.as_object().context("made as an object")?;
    let mut text = String::new();
    let in_points = |name: &str| report["points"][0].get(name).is_some();
    for (name, value) in fields.iter().filter(|(name, _)| *name != "points" && !in_points(name)) {
        text += &match value {
            Value::String(words) => format!("{name:<18}{words}\n"),
            other => format!("{name:<18}{other}\n"),
        };
    }
    let effort = args.mode.effort();
    text += &format!("\n{effort:>6} {:>8} {:>12} {:>12} {:>10}\n", "recall", "per CPU s", "per s", "looked");
    for point in report["points"].as_array().into_iter().flatten() {
        let number = |name: &str| point[name].as_f64().unwrap_or(f64::NAN);
        text += &format!(
            "{:>6} {:>8.4} {:>12.0} {:>12.0} {:>10.0}\n",
            number(effort),
            number("recall"),
            number("qps_cpu"),
            number("qps_wall"),
            number("looked_per_query")
        );
    }
    print(&text)?;
    Ok(ExitCode::SUCCESS)
}
