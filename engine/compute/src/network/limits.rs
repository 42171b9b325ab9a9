//! What a network may take: sums within 32 bits, arrays within the memory that is free.

use std::collections::HashMap;

use super::check::{expected, refused};
use super::description::{Description, Wiring};
use super::layout::{Gathered, channel_of, tiles_of, turn_steps};
use super::recipes::drawn_bytes;
use super::wiring::Wired;
use crate::Result;
use crate::kernels::network_run::{FADE_VALUES, Form, STATE_VALUES};
use crate::simd::TILE;

/// A target's sum of a step fits 32 bits, whoever fires.
pub(super) fn check_sums(description: &Description, wired: &[Wired<'_>], quanta: [f64; 2]) -> Result<()> {
    let mut sums = vec![0.0; description.populations.len()];
    for (place, (wired, projection)) in wired.iter().zip(&description.projections).enumerate() {
        let size = f64::from(description.populations[wired.source].size);
        let degree = match &projection.wiring {
            Wiring::InDegree { count, .. } => f64::from(*count),
            Wiring::Hashed { in_degree, .. } => f64::from(*in_degree),
            Wiring::Probability { p, .. } => size.min(unlikely(p * size)),
            Wiring::OutDegree { count, .. } => {
                unlikely(f64::from(*count) * size / f64::from(description.populations[wired.target].size))
            }
            Wiring::Pairs(pairs) => {
                let mut counts: HashMap<u32, u32> = HashMap::new();
                pairs.iter().for_each(|pair| *counts.entry(pair[1]).or_default() += 1);
                f64::from(counts.into_values().max().unwrap_or(0))
            }
        };
        let heaviest = match wired.stdp {
            Some(stdp) => stdp.weight_max_pa / quanta[0],
            None => {
                wired.weights.values().iter().map(|&w| (w / quanta[channel_of(w)]).abs()).fold(0.0, f64::max)
            }
        };
        sums[wired.target] += degree * heaviest;
        if sums[wired.target] > f64::from(i32::MAX / 2) {
            let rule =
                "must bring less to a neuron in a step: sums are 32-bit, in 32,767ths of the largest weight";
            return Err(refused(format!("projections[{place}]"), rule));
        }
    }
    Ok(())
}

/// Ten standard deviations more synapses than a neuron may expect: none has more.
fn unlikely(expected: f64) -> f64 {
    expected + 10.0 * expected.sqrt() + 50.0
}

fn too_large(bytes: f64, bytes_max: u64) -> Result<()> {
    if bytes <= bytes_max as f64 {
        return Ok(());
    }
    let rule = format!("takes about {bytes:.0} bytes, which must be at most the {bytes_max} that are free");
    Err(refused("network", rule))
}

fn neuron_bytes<T>(tiles: usize, replicas: usize) -> f64 {
    let each = size_of::<T>() * (STATE_VALUES + 1) + 3 * size_of::<i32>() + 1;
    (tiles * TILE) as f64 * replicas as f64 * each as f64
}

/// The arrays of neurons alone, known before anything is drawn.
pub(super) fn check_neuron_bytes<T>(tiles: usize, replicas: usize, bytes_max: u64) -> Result<()> {
    too_large(neuron_bytes::<T>(tiles, replicas), bytes_max)
}

/// All arrays, once it is known which delays there are.
pub(super) fn check_synapse_bytes<T>(
    description: &Description,
    wired: &[Wired<'_>],
    gathered: &[Gathered],
    blocks: usize,
    replicas: usize,
    bytes_max: u64,
) -> Result<()> {
    let mut bytes = 0.0;
    let mut tiles = 0;
    for population in &description.populations {
        tiles += tiles_of(population);
    }
    for gathered in gathered {
        if gathered.form == Form::Procedural {
            bytes += drawn_bytes(&wired[gathered.projections[0]]);
            continue;
        }
        let sources = tiles_of(&description.populations[gathered.source]) * TILE;
        bytes += 4.0 * (sources * gathered.delays.len()) as f64 * blocks as f64;
        for &place in &gathered.projections {
            let synapses = expected(&description.projections[place], &description.populations);
            bytes += synapses
                * match gathered.form {
                    Form::Uniform => 2.0,
                    Form::Varied => 4.0,
                    Form::Procedural => 0.0,
                    Form::Plastic => 2.0 + 8.0 + (size_of::<T>() * replicas) as f64,
                };
            if let Some(stdp) = wired[place].stdp {
                bytes += 4.0 * (tiles * TILE) as f64;
                bytes += (size_of::<T>() * replicas * TILE * (tiles + tiles * blocks)) as f64;
                let turn = turn_steps(&stdp, description.step_ms) as usize + 1;
                bytes += (size_of::<T>() * FADE_VALUES * turn) as f64;
            }
        }
    }
    too_large(bytes + neuron_bytes::<T>(tiles, replicas), bytes_max)
}
