//! `cortexkg bench allocation`: pace of the competition of columns on a generated grid, with all transfers, through the kernels
//! that stores use. Search and the comparison of words come before it and are measured by `bench ingest`.
//!
//! Fields of `--json`:
//!   columns, candidates (a request, the vacant one beside them), batch, requests, device, threads, bytes_per_column,
//!   seconds, per_s (wall), per_cpu_s (all threads), single_ms {p50, p99} (batches of one), founded, inhibited (shares)

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::Args;
use cortexkg_engine::columns::column_compete::{self, Pace};
use cortexkg_engine::columns::lateral_inhibit::{self, INHIBITION, Strength, THRESHOLD};
use cortexkg_engine::columns::ttfs_encode::{self, Drive, SCORERS, WINDOW_US};
use cortexkg_engine::columns::{ALLOCATED, Buffer, COLUMN_WORDS, Recording, Requests, VACANT};
use cortexkg_engine::vectors::{Device, DeviceError, open_device};
use serde_json::json;

use super::bench::tell;
use crate::corpus::Random;
use crate::percentile::{self, round};
use crate::process;
use crate::settings::Settings;

/// Arguments of `bench allocation`.
#[derive(Args)]
pub struct AllocationArgs {
    /// Columns that hold a concept already.
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=1 << 28))]
    columns: u64,
    /// Columns that compete for each memory, beside a vacant one.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u64).range(0..=1_024))]
    candidates: u64,
    /// Memories a call.
    #[arg(long, default_value_t = 1_024, value_parser = clap::value_parser!(u64).range(1..=65_536))]
    batch: u64,
    /// Memories in all.
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    requests: u64,
    /// Seed of the generated candidates.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Batches of one that are measured.
const SINGLES: usize = 2_000;

/// Memories that compete together.
struct Batch {
    offsets: Vec<u32>,
    candidates: Vec<u32>,
    scores: Vec<i32>,
}

impl Batch {
    fn draw(random: &mut Random, requests: usize, args: &AllocationArgs) -> Self {
        let each = args.candidates as usize + 1;
        let mut batch = Batch {
            offsets: (0..=requests).map(|request| (request * each) as u32).collect(),
            candidates: Vec::with_capacity(requests * each),
            scores: Vec::with_capacity(requests * each * SCORERS),
        };
        for _ in 0..requests {
            for _ in 0..args.candidates {
                batch.candidates.push(random.below(args.columns as usize) as u32);
                // Most candidates fit badly, as the far end of a search does.
                let fit = random.below_one() * random.below_one();
                batch.scores.extend([0; SCORERS].map(|_: i32| (fit * random.below_one() * 65_536.0) as i32));
            }
            batch.candidates.push(VACANT);
            batch.scores.extend([0; SCORERS]);
        }
        batch
    }
}

/// What a call told.
#[derive(Default)]
struct Told {
    founded: u64,
    fired: u64,
    inhibited: u64,
}

/// Columns on a device, those that are vacant behind the others.
struct Grid {
    columns: Buffer<u32>,
    held: u32,
    capacity: u32,
    tick: u32,
}

impl Grid {
    fn allocate(&mut self, device: &mut Device, batch: &Batch) -> Result<Told, DeviceError> {
        let (requests, count) = (batch.offsets.len() - 1, batch.candidates.len());
        let vacants: Vec<u32> = (self.held..self.capacity).take(requests).collect();
        let arrivals: Vec<u32> = (self.tick..).take(requests).collect();
        self.tick += requests as u32;
        let offsets = device.upload("offsets", &batch.offsets)?;
        let candidates = device.upload("candidates", &batch.candidates)?;
        let scores = device.upload("scores", &batch.scores)?;
        let arrivals = device.upload("arrivals", &arrivals)?;
        let offered = device.upload("vacants", &vacants)?;
        let mut of = |label, len| device.create::<u32>(label, len);
        let (winners, taken, margins) =
            (of("winners", requests)?, of("taken", requests)?, of("margins", requests)?);
        let (currents, times) = (of("currents", count)?, of("times", count)?);
        let (targets, inhibited) = (of("targets", count)?, of("inhibited", count)?);
        let asked = Requests {
            offsets: &offsets,
            request_count: requests,
            candidates: &candidates,
            candidate_count: count,
        };
        let mut recording = Recording::new();
        let drive = Drive { weights: [16_384; SCORERS], bias: 0, window_us: WINDOW_US };
        ttfs_encode::record(&mut recording, &drive, &asked, &scores, &currents, &times);
        column_compete::record(
            &mut recording,
            &Pace { refractory: 1, window_us: WINDOW_US },
            &asked,
            &times,
            &arrivals,
            &column_compete::Columns {
                columns: &self.columns,
                capacity: self.capacity as usize,
                vacants: &offered,
                offered: vacants.len(),
            },
            &column_compete::Outcome {
                winners: &winners,
                taken: &taken,
                margins: &margins,
                targets: &targets,
            },
        );
        let strength = Strength { inhibition: INHIBITION, threshold: THRESHOLD, window_us: WINDOW_US };
        lateral_inhibit::record(&mut recording, &strength, &asked, &currents, &times, &targets, &inhibited);
        let read = [&taken, &margins, &times, &inhibited].map(|buffer| recording.read_all(buffer));
        let reads = device.run(recording)?;
        let founded =
            reads.get(&read[0]).iter().filter(|&&column| (self.held..self.capacity).contains(&column));
        let founded = founded.count() as u32;
        let fired = |at: usize| reads.get(&read[at]).iter().filter(|&&time| time != u32::MAX).count() as u64;
        let told = Told { founded: founded.into(), fired: fired(2), inhibited: fired(2) - fired(3) };
        self.held += founded;
        for buffer in
            [offsets, candidates, arrivals, offered, winners, taken, margins, currents, times, targets]
        {
            device.destroy(buffer);
        }
        device.destroy(inhibited);
        device.destroy(scores);
        Ok(told)
    }
}

/// Measures.
pub fn run(settings: &Settings, args: &AllocationArgs) -> anyhow::Result<ExitCode> {
    let mut device = open_device(&settings.engine()?)?;
    let capacity = (args.columns + args.requests + SINGLES as u64) as usize;
    let held = [ALLOCATED, 0, 0, 0].repeat(args.columns as usize);
    let columns = device.create("columns", capacity * COLUMN_WORDS)?;
    let mut recording = Recording::new();
    recording.write(&columns, 0, &held);
    device.run(recording)?;
    drop(held);
    let bytes_per_column = device.used_bytes() as f64 / capacity as f64;
    let mut grid = Grid { columns, held: args.columns as u32, capacity: capacity as u32, tick: 0 };

    let mut random = Random(args.seed);
    let (mut took, mut cpu_s, mut told) = (Duration::ZERO, 0.0, Told::default());
    let mut left = args.requests as usize;
    while left > 0 {
        let requests = left.min(args.batch as usize);
        left -= requests;
        // Drawn before the clock starts.
        let batch = Batch::draw(&mut random, requests, args);
        let (begun, cpu) = (Instant::now(), process::cpu_s());
        let found = grid.allocate(&mut device, &batch)?;
        took += begun.elapsed();
        cpu_s += process::cpu_s() - cpu;
        told.founded += found.founded;
        told.fired += found.fired;
        told.inhibited += found.inhibited;
    }
    let mut times = Vec::with_capacity(SINGLES);
    for _ in 0..SINGLES {
        let batch = Batch::draw(&mut random, 1, args);
        let begun = Instant::now();
        grid.allocate(&mut device, &batch)?;
        times.push(begun.elapsed());
    }
    let seconds = took.as_secs_f64();
    let report = json!({
        "columns": args.columns,
        "candidates": args.candidates,
        "batch": args.batch,
        "requests": args.requests,
        "device": device.info().name,
        "threads": device.info().threads,
        "bytes_per_column": round(bytes_per_column, 1),
        "seconds": round(seconds, 3),
        "per_s": round(args.requests as f64 / seconds, 0),
        "per_cpu_s": round(args.requests as f64 / cpu_s.max(1e-3), 0),
        "single_ms": percentile::of(&times),
        "founded": round(told.founded as f64 / args.requests as f64, 4),
        "inhibited": round(told.inhibited as f64 / told.fired.max(1) as f64, 4),
    });
    tell(&report, args.json)
}
