//! `cortexkg bench spiking`: the networks that simulators are compared on, warmed up for 100 ms, then measured.
//!
//! Fields of `--json`: those of `simulate`.

use std::process::ExitCode;

use anyhow::ensure;
use clap::{Args, ValueEnum};
use cortexkg_engine::network::Description;
use cortexkg_engine::network::known::{Drive, brunel, microcircuit, vogels_abbott};

use super::{print, print_json};
use crate::settings::Settings;
use crate::spiking::run::{Plan, Precision, run as run_network};

/// Biological time before measuring, ms.
const WARM_MS: f64 = 100.0;

/// Arguments of `bench spiking`.
#[derive(Args)]
pub struct SpikingArgs {
    /// Which network.
    #[arg(long, value_enum)]
    network: Named,
    /// Share of the neurons and of the sources of each; of pd14 and pd14_dc.
    #[arg(long, value_name = "F", default_value_t = 1.0)]
    scale: f64,
    /// Biological time to measure, seconds.
    #[arg(long, value_name = "S", default_value_t = 1.0)]
    seconds: f64,
    /// Seed of noise.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Copies that run at once, with seeds that follow each other.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=1_048_576))]
    replicas: u64,
    /// Numbers it is computed in.
    #[arg(long, value_enum, default_value_t = Precision::F32)]
    precision: Precision,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
#[value(rename_all = "snake_case")]
enum Named {
    /// Vogels and Abbott, 4,000 neurons: bound by neurons.
    #[value(name = "va4k")]
    Va4k,
    /// The same with 20,000.
    #[value(name = "va20k")]
    Va20k,
    /// Brunel, 4,000 neurons, driven by current.
    #[value(name = "brunel4k_dc")]
    Brunel4kDc,
    /// The same, driven by Poisson events.
    #[value(name = "brunel4k_poisson")]
    Brunel4kPoisson,
    /// Brunel, 20,000 neurons: bound by synapses.
    #[value(name = "brunel20k_dc")]
    Brunel20kDc,
    /// brunel4k_poisson with synapses that learn.
    #[value(name = "stdp4k")]
    Stdp4k,
    /// Potjans and Diesmann's microcircuit, driven by Poisson events.
    #[value(name = "pd14")]
    Pd14,
    /// The same, driven by current; silent below full scale.
    #[value(name = "pd14_dc")]
    Pd14Dc,
}

impl Named {
    fn describe(self, scale: f64) -> Description {
        match self {
            Named::Va4k => vogels_abbott(4_000),
            Named::Va20k => vogels_abbott(20_000),
            Named::Brunel4kDc => brunel(4_000, Drive::Constant),
            Named::Brunel4kPoisson => brunel(4_000, Drive::Poisson),
            Named::Brunel20kDc => brunel(20_000, Drive::Constant),
            Named::Stdp4k => brunel(4_000, Drive::Learning),
            Named::Pd14 => microcircuit(scale, false),
            Named::Pd14Dc => microcircuit(scale, true),
        }
    }
}

/// Measures.
pub fn run(settings: &Settings, args: &SpikingArgs) -> anyhow::Result<ExitCode> {
    let scalable = matches!(args.network, Named::Pd14 | Named::Pd14Dc);
    ensure!(args.scale > 0.0 && args.scale <= 10.0, "--scale: must be over 0 and at most 10");
    ensure!(scalable || args.scale == 1.0, "--scale: can be given for pd14 and pd14_dc only");
    let name = args.network.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned());
    let seeds: Vec<u64> = (0..args.replicas).map(|replica| args.seed.wrapping_add(replica)).collect();
    let plan = Plan {
        name: &name,
        description: &args.network.describe(args.scale),
        seeds: &seeds,
        warm_ms: WARM_MS,
        seconds: args.seconds,
        precision: args.precision,
    };
    let mut outcome = run_network(settings, &plan)?;
    if scalable {
        outcome.fields["scale"] = args.scale.into();
    }
    if args.json {
        print_json(&outcome.fields)?
    } else {
        print(&super::bench::columns(&outcome.fields, ""))?
    }
    Ok(ExitCode::SUCCESS)
}
