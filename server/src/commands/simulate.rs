//! `cortexkg simulate NETWORK.toml`: runs a network and tells how it fires.
//!
//! Fields of `--json`: network, seconds, threads, device, precision, replicas, neurons, synapses, spikes, rate_hz,
//!   cv_isi (mean over neurons with at least three intervals), fano_3ms, synaptic_events, build_s, wall_s, cpu_s, cpu_s_per_s,
//!   rtf (wall seconds a biological second), events_per_cpu_s, bytes_per_synapse, rates_hz {population}, rss_bytes,
//!   first_spike_s (from the start of building; with --warm-ms), weights [{projection, mean_pa, sd_pa}] where weights learn.
//! `--spikes` writes `step,neuron`, sorted, one step being step_ms and the first one ending at 1; with more replicas
//! `replica,step,neuron`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use cortexkg_engine::network::Spike;

use super::{print, print_json};
use crate::settings::Settings;
use crate::spiking::file;
use crate::spiking::picture::{Scene, raster};
use crate::spiking::report::page;
use crate::spiking::run::{Plan, Precision, run as run_network};
use crate::whole_file;

/// Arguments of `simulate`.
#[derive(Args)]
pub struct SimulateArgs {
    /// Network to run; `examples/networks` has some.
    #[arg(value_name = "NETWORK.toml")]
    network: PathBuf,
    /// Biological time to run, seconds.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    seconds: f64,
    /// Biological time to run before anything is told, ms.
    #[arg(long, value_name = "MS", default_value_t = 0.0)]
    warm_ms: f64,
    /// Write who fired when.
    #[arg(long, value_name = "OUT.csv")]
    spikes: Option<PathBuf>,
    /// Write a picture of who fired when.
    #[arg(long, value_name = "OUT.svg")]
    raster: Option<PathBuf>,
    /// Write a page of figures and pictures.
    #[arg(long, value_name = "OUT.html")]
    report: Option<PathBuf>,
    /// Numbers it is computed in.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Runs.
pub fn run(settings: &Settings, args: &SimulateArgs) -> anyhow::Result<ExitCode> {
    let outputs: Vec<&PathBuf> = [&args.spikes, &args.raster, &args.report].into_iter().flatten().collect();
    for (at, path) in outputs.iter().enumerate() {
        let taken = **path == args.network || outputs[..at].contains(path);
        ensure!(!taken, "{}: is named twice", path.display());
    }
    let network = file::read(&args.network)?;
    let name = args.network.file_stem().map_or_else(|| "network".into(), |stem| stem.to_string_lossy());
    let plan = Plan {
        name: &name,
        description: &network.description,
        seeds: &network.seeds,
        warm_ms: args.warm_ms,
        seconds: args.seconds,
        precision: args.precision,
    };
    let outcome = run_network(settings, &plan)?;
    if let Some(path) = &args.spikes {
        write(path, |out| write_spikes(out, &outcome.spikes, network.seeds.len() > 1))?;
    }
    let scene = Scene {
        name: &name,
        description: &network.description,
        spikes: &outcome.spikes,
        first_step: outcome.warm_steps,
        steps: outcome.steps,
    };
    if let Some(path) = &args.raster {
        write(path, |out| out.write_all(raster(&scene).as_bytes()))?;
    }
    if let Some(path) = &args.report {
        write(path, |out| out.write_all(page(&scene, &outcome.fields).as_bytes()))?;
    }
    if args.json {
        print_json(&outcome.fields)?
    } else {
        print(&super::bench::columns(&outcome.fields, ""))?
    }
    Ok(ExitCode::SUCCESS)
}

fn write_spikes(out: &mut impl Write, spikes: &[Spike], replicas: bool) -> std::io::Result<()> {
    if replicas {
        let mut sorted = spikes.to_vec();
        sorted.sort_unstable_by_key(|spike| (spike.replica, spike.step, spike.neuron));
        writeln!(out, "replica,step,neuron")?;
        return sorted.iter().try_for_each(|s| writeln!(out, "{},{},{}", s.replica, s.step, s.neuron));
    }
    writeln!(out, "step,neuron")?;
    spikes.iter().try_for_each(|spike| writeln!(out, "{},{}", spike.step, spike.neuron))
}

fn write(path: &Path, body: impl FnOnce(&mut BufWriter<&File>) -> std::io::Result<()>) -> anyhow::Result<()> {
    whole_file::write(path, body).with_context(|| path.display().to_string())
}
