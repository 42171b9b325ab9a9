//! One network, run and measured.

use std::time::Instant;

use anyhow::ensure;
use clap::ValueEnum;
use cortexkg_engine::network::{Description, Network, Precision as Real, Spike};
use cortexkg_engine::vectors::open_device;
use serde_json::{Value, json};

use super::statistics::{self, Statistics};
use crate::percentile::round;
use crate::process;
use crate::settings::Settings;

/// The longest run, biological seconds.
const SECONDS_MAX: f64 = 100_000.0;

/// Numbers a network is computed in.
#[derive(Clone, Copy, Debug, PartialEq, ValueEnum)]
pub enum Precision {
    /// 32 bits.
    F32,
    /// 64 bits: for comparison with other simulators to the spike.
    F64,
}

/// What to run.
pub struct Plan<'a> {
    /// What it is called in reports.
    pub name: &'a str,
    /// The network.
    pub description: &'a Description,
    /// One a replica.
    pub seeds: &'a [u64],
    /// Biological time before measuring, ms.
    pub warm_ms: f64,
    /// Biological time measured, seconds.
    pub seconds: f64,
    /// Numbers it is computed in.
    pub precision: Precision,
}

/// What came of it.
pub struct Outcome {
    /// The fields that scripts rely on.
    pub fields: Value,
    /// Who fired while it was measured, by step, then replica, then neuron.
    pub spikes: Vec<Spike>,
    /// Steps before measuring.
    pub warm_steps: u32,
    /// Steps measured.
    pub steps: u32,
}

/// Builds, warms up and measures.
pub fn run(settings: &Settings, plan: &Plan<'_>) -> anyhow::Result<Outcome> {
    match plan.precision {
        Precision::F32 => run_in::<f32>(settings, plan),
        Precision::F64 => run_in::<f64>(settings, plan),
    }
}

fn run_in<T: Real>(settings: &Settings, plan: &Plan<'_>) -> anyhow::Result<Outcome> {
    let Plan { name, description, seeds, warm_ms, seconds, precision } = *plan;
    ensure!(seconds > 0.0 && seconds <= SECONDS_MAX, "--seconds: must be over 0 and at most {SECONDS_MAX}");
    ensure!(
        (0.0..=SECONDS_MAX * 1e3).contains(&warm_ms),
        "--warm-ms: must be from 0 to {}",
        SECONDS_MAX * 1e3
    );
    let mut device = open_device(&settings.engine()?)?;
    let begun = Instant::now();
    let mut network: Network<T> = Network::build(&mut device, description, seeds)?;
    let build_s = begun.elapsed().as_secs_f64();
    let steps_in = |ms: f64| (ms / network.step_ms()).round();
    let (warm_steps, steps) = (steps_in(warm_ms), steps_in(seconds * 1e3));
    ensure!(steps >= 1.0, "--seconds: must be at least one step of {} ms", network.step_ms());
    ensure!(warm_steps + steps < 2e9, "--seconds: must come to fewer than 2,000,000,000 steps");
    let (warm_steps, steps) = (warm_steps as u32, steps as u32);
    let mut first_spike_s = None;
    let mut left = warm_steps;
    while left > 0 {
        // A few at a time until something fires.
        let part = if first_spike_s.is_none() { left.min(10) } else { left };
        let fired = !network.run(&mut device, part)?.is_empty();
        if fired && first_spike_s.is_none() {
            first_spike_s = Some(begun.elapsed().as_secs_f64());
        }
        left -= part;
    }
    let (began, cpu_s) = (Instant::now(), process::cpu_s());
    let spikes = network.run(&mut device, steps)?;
    let (wall_s, cpu_s) = (began.elapsed().as_secs_f64(), process::cpu_s() - cpu_s);

    let seconds = f64::from(steps) * network.step_ms() / 1e3;
    let (neurons, replicas) = (network.neurons(), network.replicas());
    let Statistics { rate_hz, cv_isi, fano_3ms } =
        statistics::of(&spikes, neurons, replicas, network.step_ms(), seconds);
    let degrees = network.out_degrees();
    let events: u64 = spikes.iter().map(|spike| u64::from(degrees[spike.neuron as usize])).sum();
    let mut fields = json!({
        "network": name, "seconds": seconds, "threads": device.info().threads, "device": device.info().name,
        "precision": format!("{precision:?}").to_lowercase(), "replicas": replicas,
        "neurons": neurons, "synapses": network.synapses(), "spikes": spikes.len(),
        "rate_hz": round(rate_hz, 4), "cv_isi": round(cv_isi, 4), "fano_3ms": round(fano_3ms, 3),
        "synaptic_events": events, "build_s": round(build_s, 4),
        "wall_s": round(wall_s, 4), "cpu_s": round(cpu_s, 4), "cpu_s_per_s": round(cpu_s / seconds, 4),
        "rtf": round(wall_s / seconds, 4), "events_per_cpu_s": round(events as f64 / cpu_s, 0),
        "bytes_per_synapse": round(network.synapse_bytes() as f64 / network.synapses().max(1) as f64, 3),
        "rates_hz": rates(description, &spikes, replicas, seconds),
    });
    if let Some(first_spike_s) = first_spike_s {
        fields["first_spike_s"] = round(first_spike_s, 4).into();
    }
    if let Some(bytes) = process::resident_bytes() {
        fields["rss_bytes"] = bytes.into();
    }
    let learning =
        description.projections.iter().enumerate().filter(|(_, projection)| projection.stdp.is_some());
    for (place, _) in learning {
        let weights: Vec<f64> =
            network.weights(&mut device, 0, place)?.iter().map(|synapse| synapse.weight_pa).collect();
        let mean = weights.iter().sum::<f64>() / weights.len().max(1) as f64;
        let variance = weights.iter().map(|w| (w - mean).powi(2)).sum::<f64>() / weights.len().max(1) as f64;
        let told =
            json!({ "projection": place, "mean_pa": round(mean, 4), "sd_pa": round(variance.sqrt(), 4) });
        match fields["weights"].as_array_mut() {
            Some(all) => all.push(told),
            None => fields["weights"] = json!([told]),
        }
    }
    network.destroy(&mut device);
    Ok(Outcome { fields, spikes, warm_steps, steps })
}

/// Rate of each population, Hz.
fn rates(description: &Description, spikes: &[Spike], replicas: u32, seconds: f64) -> Value {
    let ends: Vec<u32> = description
        .populations
        .iter()
        .scan(0, |end, population| {
            *end += population.size;
            Some(*end)
        })
        .collect();
    let mut counts = vec![0u64; ends.len()];
    spikes.iter().for_each(|spike| counts[ends.partition_point(|&end| end <= spike.neuron)] += 1);
    let mut rates = serde_json::Map::new();
    for (population, count) in description.populations.iter().zip(counts) {
        let per_neuron = count as f64 / f64::from(population.size) / f64::from(replicas);
        rates.insert(population.name.clone(), round(per_neuron / seconds, 4).into());
    }
    rates.into()
}
