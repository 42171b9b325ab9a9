//! `Network`: populations of spiking neurons on a device: described, built, run, looked into.
//!
//! A [`Description`] says what there is, in ms, mV and pA; [`Network::build`] checks it and lays it out; [`Network::run`] takes all
//! replicas some steps on and tells who fired. Between runs, currents can be injected and changed, and potentials and weights
//! read. How long the runs are, how many threads there are and what else is in the batch changes no bit of the outcome.
//!
//! The law is the kernel `network_run`. Here are no files and no clock.

mod check;
mod description;
mod draw;
pub mod known;
mod layout;
mod limits;
mod quanta;
mod recipes;
mod wiring;

pub use description::{Description, Lif, Poisson, Population, Projection, Stdp, Values, Wiring};
pub use draw::splitmix64;

use std::cell::Cell;

use crate::Result;
use crate::backend::Reads;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::element::Stored;
use crate::kernel::Kernel;
use crate::kernels::network_run::{NetworkBuffers, NetworkParams, STATE_VALUES, record};
use crate::kernels::{network_run, network_run_f64};
use crate::recording::{Readback, Recording};
use crate::simd::Real;
use check::refused;
pub(crate) use layout::{Layout, lay_out};
use layout::{Learning, Place};

/// Most spikes that one call of `run` gives: 3 GB of them.
const SPIKES_MAX: usize = 1 << 28;
/// Most quanta that wait for one step of a neuron from outside, so that they and what synapses bring stay within 32 bits.
const INBOX_MAX: i32 = 1 << 29;

/// Numbers a network can be computed in: f32, or f64 for comparison with other simulators.
pub trait Precision: Real {
    /// The kernel that computes in it.
    fn kernel() -> &'static Kernel;
}

impl Precision for f32 {
    fn kernel() -> &'static Kernel {
        &network_run::KERNEL
    }
}

impl Precision for f64 {
    fn kernel() -> &'static Kernel {
        &network_run_f64::KERNEL
    }
}

/// A neuron that fired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Spike {
    /// End of the step in which it did, counted from 1: at `step * step_ms`.
    pub step: u32,
    /// Place of its replica.
    pub replica: u32,
    /// Its number through all populations.
    pub neuron: u32,
}

/// A synapse whose weight learns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Learned {
    /// Source, numbered in its population.
    pub source: u32,
    /// Target, numbered in its population.
    pub target: u32,
    /// Its weight, pA.
    pub weight_pa: f64,
}

/// Bytes of spike rows that one dispatch may fill: on the host so many are still in a cache when they are read; a card is asked seldom.
const ROWS_BYTES_MAX: usize = 2 << 20;
const CARD_ROWS_BYTES_MAX: usize = 32 << 20;
/// The most steps of one dispatch.
const STEPS_MAX: usize = 10_000;
/// Words of spike rows that are looked at together.
const EMPTY_WORDS: usize = 16;
/// Steps end here: they are signed on devices.
const STEP_END: u32 = i32::MAX as u32 - 2_000_000;
/// Bytes sent to the device at once.
const PIECE_BYTES: usize = 16 << 20;

/// A network on a device.
pub struct Network<T: Precision> {
    params: NetworkParams,
    buffers: Buffers<T>,
    description: Neurons,
    places: Vec<Place>,
    blocks: Vec<u32>,
    learning: Vec<Learning>,
    out_degrees: Vec<u32>,
    quanta: [f64; 2],
    synapse_bytes: u64,
    /// The most steps of one dispatch.
    rows_steps: u32,
}

struct Buffers<T> {
    constants: Buffer<T>,
    tables: Buffer<u32>,
    starts: Buffer<u32>,
    synapses: Buffer<u32>,
    columns: Buffer<u32>,
    drives: Buffer<T>,
    inbox: Buffer<i32>,
    state: Buffer<T>,
    releases: Buffer<i32>,
    spikes: Buffer<u32>,
    plastic: Buffer<T>,
}

/// Where a dispatch tells who fired in its steps.
struct Rows {
    step: u32,
    steps: u32,
    /// Steps whose rows lie before the end of the ring; those of the others begin it.
    before_end: u32,
    /// Two a replica.
    pieces: Vec<Readback<u32>>,
}

/// What of a description is asked for later.
struct Neurons {
    step_ms: f64,
    populations: Vec<Population>,
    /// Target population of each projection.
    targets: Vec<usize>,
}

impl<T: Precision> Network<T> {
    /// Builds as many replicas as there are seeds. Replicas share synapses; noise, and what neurons draw without a seed of their
    /// own, differs by seed. A replica is the same in any batch.
    ///
    /// Fails with [`Error::Network`](crate::Error::Network) if the description breaks a rule or takes more memory than the device has free; then nothing is
    /// left on the device.
    pub fn build(device: &mut Device, description: &Description, seeds: &[u64]) -> Result<Self> {
        let threads = device.info().threads.max(1);
        let layout = lay_out::<T>(description, seeds, threads, device.free_bytes())?;
        device.all_or_nothing(|device| Self::upload(device, description, layout))
    }

    fn upload(device: &mut Device, description: &Description, layout: Layout<T>) -> Result<Self> {
        let mut params = layout.params;
        let row_bytes = (params.neurons as usize / 8) * params.replicas as usize;
        let rows_bytes = if device.info().is_card() { CARD_ROWS_BYTES_MAX } else { ROWS_BYTES_MAX };
        let rows_steps = (rows_bytes / row_bytes).clamp(1, STEPS_MAX) as u32;
        params.ring_steps = params.horizon + rows_steps;
        let cells = params.replicas as usize * params.neurons as usize;
        let synapse_bytes = [&layout.starts, &layout.synapses, &layout.columns].map(|words| words.len() * 4);
        let buffers = Buffers {
            constants: upload(device, "network constants", &layout.constants)?,
            tables: upload(device, "network tables", &layout.tables)?,
            starts: upload(device, "network starts", &layout.starts)?,
            synapses: upload(device, "network synapses", &layout.synapses)?,
            columns: upload(device, "network columns", &layout.columns)?,
            drives: upload(device, "network drives", &layout.drives)?,
            inbox: device.create("network inbox", 2 * cells)?,
            state: upload(device, "network state", &layout.state)?,
            releases: upload(device, "network releases", &layout.releases)?,
            spikes: device.create("network spikes", params.ring_steps as usize * cells / 32)?,
            plastic: upload(device, "network plastic", &layout.plastic)?,
        };
        let targets = description.projections.iter().map(|projection| projection.target).collect();
        Ok(Network {
            params,
            buffers,
            description: Neurons {
                step_ms: description.step_ms,
                populations: description.populations.clone(),
                targets,
            },
            places: layout.places,
            blocks: layout.blocks,
            learning: layout.learning,
            out_degrees: layout.out_degrees,
            quanta: layout.quanta,
            synapse_bytes: synapse_bytes.iter().sum::<usize>() as u64
                + (layout.plastic.len() * size_of::<T>()) as u64,
            rows_steps,
        })
    }

    /// Steps done.
    pub fn step(&self) -> u32 {
        self.params.step
    }

    /// Length of a step, ms.
    pub fn step_ms(&self) -> f64 {
        self.description.step_ms
    }

    /// Neurons of a replica.
    pub fn neurons(&self) -> u32 {
        self.out_degrees.len() as u32
    }

    /// Copies of the network.
    pub fn replicas(&self) -> u32 {
        self.params.replicas
    }

    /// Synapses of a replica.
    pub fn synapses(&self) -> u64 {
        self.out_degrees.iter().map(|&degree| u64::from(degree)).sum()
    }

    /// Synapses that leave each neuron.
    pub fn out_degrees(&self) -> &[u32] {
        &self.out_degrees
    }

    /// Bytes that hold synapses: weights, targets, where rows begin, what learning remembers.
    pub fn synapse_bytes(&self) -> u64 {
        self.synapse_bytes
    }

    /// Takes all replicas `steps` on. Gives who fired, by step, then replica, then neuron. Refuses more than 2^28 spikes, having gone
    /// as far as they came.
    pub fn run(&mut self, device: &mut Device, steps: u32) -> Result<Vec<Spike>> {
        let end = self.params.step.checked_add(steps).filter(|&end| end <= STEP_END);
        let end = end.ok_or_else(|| refused("steps", format!("must not go beyond step {STEP_END}")))?;
        let mut spikes = Vec::new();
        let found = Cell::new(0);
        let mut step = self.params.step;
        let mut pieces = std::iter::from_fn(|| {
            if step == end || found.get() > SPIKES_MAX {
                return None;
            }
            let params = NetworkParams { step, steps: self.rows_steps.min(end - step), ..self.params };
            step += params.steps;
            Some(params)
        });
        let mut take = |reads: Reads, rows: Rows| {
            self.note(&reads, &rows, &mut spikes);
            found.set(spikes.len());
        };
        let outcome = if device.info().is_card() {
            device.run_ahead(pieces, |_, params| Ok(self.record(params)), take)
        } else {
            // Rows are read while they are in a cache.
            pieces.try_for_each(|params| {
                let (recording, rows) = self.record(params);
                device.run(recording).map(|reads| take(reads, rows))
            })
        };
        self.params.step = step;
        outcome?;
        if spikes.len() > SPIKES_MAX {
            return Err(refused("steps", format!("must bring at most {SPIKES_MAX} spikes in one call")));
        }
        Ok(spikes)
    }

    /// A dispatch, with where it tells who fired.
    fn record(&self, params: NetworkParams) -> (Recording, Rows) {
        let NetworkParams { step, steps, replicas, neurons, ring_steps, .. } = params;
        let words = neurons as usize / 32;
        let mut recording = Recording::new();
        record(&mut recording, T::kernel(), &params, &self.buffers.bound());
        // Rows lie in a ring: those of a run are one piece of it, or two.
        let first = step % ring_steps;
        let before_end = steps.min(ring_steps - first);
        let mut pieces = Vec::new();
        for replica in 0..replicas as usize {
            for (first, count) in [(first, before_end), (0, steps - before_end)] {
                let at = (replica * ring_steps as usize + first as usize) * words;
                pieces.push(recording.read(&self.buffers.spikes, at, count as usize * words));
            }
        }
        (recording, Rows { step, steps, before_end, pieces })
    }

    /// Adds who fired, from the rows that a dispatch left.
    fn note(&self, reads: &Reads, rows: &Rows, spikes: &mut Vec<Spike>) {
        let words = self.params.neurons as usize / 32;
        let Rows { step, steps, before_end, ref pieces } = *rows;
        let row = |replica: usize, place: u32| {
            let (piece, place) = if place < before_end { (0, place) } else { (1, place - before_end) };
            &reads.get(&pieces[2 * replica + piece])[place as usize * words..][..words]
        };
        for place in 0..steps {
            for replica in 0..self.params.replicas {
                let mut population = 0;
                // Most words are empty, and so are most runs of them.
                let runs = row(replica as usize, place).chunks(EMPTY_WORDS).enumerate();
                for (run, words) in
                    runs.filter(|(_, words)| words.iter().fold(0, |all, bits| all | bits) != 0)
                {
                    for (word, &bits) in words.iter().enumerate() {
                        let mut bits = bits;
                        while bits != 0 {
                            let slot = (run * EMPTY_WORDS + word) as u32 * 32 + bits.trailing_zeros();
                            bits &= bits - 1;
                            while self.places.get(population + 1).is_some_and(|next| next.first <= slot) {
                                population += 1;
                            }
                            let place_of = &self.places[population];
                            let neuron = slot - place_of.first + place_of.neurons.start;
                            spikes.push(Spike { step: step + place + 1, replica, neuron });
                        }
                    }
                }
            }
        }
    }

    /// Place of a neuron in the arrays of one value each.
    fn slot(&self, replica: u32, neuron: u32) -> Result<usize> {
        if replica >= self.params.replicas {
            return Err(refused("replica", format!("must be below {}", self.params.replicas)));
        }
        let place = self.places.iter().find(|place| place.neurons.contains(&neuron));
        let place = place.ok_or_else(|| refused("neuron", format!("must be below {}", self.neurons())))?;
        let slot = place.first + neuron - place.neurons.start;
        Ok(replica as usize * self.params.neurons as usize + slot as usize)
    }

    fn population(&self, neuron: u32) -> &Population {
        let place = self.places.iter().position(|place| place.neurons.contains(&neuron));
        &self.description.populations[place.expect("a known neuron, this is a bug")]
    }

    /// Lets an event of `weight_pa` arrive at a neuron in the next step, beside others. The weight is rounded to the quantum of its
    /// channel, which is the least weight there if all are multiples of it, else at most a 16,000th of the largest;
    /// what waits for one step together stays within 2^29 quanta.
    pub fn inject(&mut self, device: &mut Device, replica: u32, neuron: u32, weight_pa: f64) -> Result<()> {
        let slot = self.slot(replica, neuron)?;
        let channel = usize::from(weight_pa < 0.0);
        let quanta = (weight_pa / self.quanta[channel]).round();
        if !weight_pa.is_finite() || quanta.abs() > f64::from(1 << 28) {
            let limit = f64::from(1 << 28) * self.quanta[channel];
            return Err(refused("weight_pa", format!("must be within {limit} of 0")));
        }
        if quanta == 0.0 && weight_pa != 0.0 {
            let least = self.quanta[channel] / 2.0;
            return Err(refused("weight_pa", format!("must be at least {least} from 0, half a quantum")));
        }
        let at = slot + (replica as usize + channel) * self.params.neurons as usize;
        let mut recording = Recording::new();
        let before = recording.read(&self.buffers.inbox, at, 1);
        let before = device.run(recording)?.get(&before)[0];
        let mut recording = Recording::new();
        recording.write(&self.buffers.inbox, at, &[(before + quanta as i32).clamp(-INBOX_MAX, INBOX_MAX)]);
        device.run(recording)?;
        Ok(())
    }

    /// Sets the constant current of a neuron, pA, from the next step on.
    pub fn set_current(&mut self, device: &mut Device, replica: u32, neuron: u32, pa: f64) -> Result<()> {
        let slot = self.slot(replica, neuron)?;
        if pa.is_nan() || pa.abs() > 1e9 {
            return Err(refused("current_pa", "must be within 1,000,000,000 of 0"));
        }
        let gain = layout::drive_per_pa(&self.population(neuron).neuron, self.description.step_ms);
        let mut recording = Recording::new();
        recording.write(&self.buffers.drives, slot, &[T::of(pa * gain)]);
        device.run(recording)?;
        Ok(())
    }

    /// Potentials of a replica's neurons, mV.
    pub fn potentials_mv(&self, device: &mut Device, replica: u32) -> Result<Vec<f64>> {
        self.slot(replica, 0)?;
        let neurons = self.params.neurons as usize;
        let mut recording = Recording::new();
        let read = recording.read(&self.buffers.state, replica as usize * STATE_VALUES * neurons, neurons);
        let reads = device.run(recording)?;
        let state = reads.get(&read);
        let of_place = |(place, population): (&Place, &Population)| {
            let own = &state[place.first as usize..][..place.neurons.len()];
            own.iter().map(|v| v.wide() + population.neuron.rest_mv).collect::<Vec<f64>>()
        };
        Ok(self.places.iter().zip(&self.description.populations).flat_map(of_place).collect())
    }

    /// Takes all replicas `steps` on, and tells the potentials of some neurons of one replica after each step, mV, beside who
    /// fired.
    pub fn trace(
        &mut self,
        device: &mut Device,
        replica: u32,
        neurons: &[u32],
        steps: u32,
    ) -> Result<(Vec<Spike>, Vec<Vec<f64>>)> {
        for &neuron in neurons {
            self.slot(replica, neuron)?;
        }
        let (mut spikes, mut traces) = (Vec::new(), Vec::new());
        for _ in 0..steps {
            spikes.extend(self.run(device, 1)?);
            let potentials = self.potentials_mv(device, replica)?;
            traces.push(neurons.iter().map(|&neuron| potentials[neuron as usize]).collect());
        }
        Ok((spikes, traces))
    }

    /// The synapses of a projection whose weights learn, by block of targets, then source.
    pub fn weights(&self, device: &mut Device, replica: u32, projection: usize) -> Result<Vec<Learned>> {
        self.slot(replica, 0)?;
        let learning = self.learning.iter().find(|learning| learning.projection == projection);
        let learning = learning.ok_or_else(|| refused("projection", "must be one whose weights learn"))?;
        let bundle = &learning.bundle;
        let target_first = self.places[self.description.targets[projection]].first;
        let sources = bundle.sources as usize;
        let mut all = Vec::new();
        for (block, &weights_first) in learning.weights.iter().enumerate() {
            let mut recording = Recording::new();
            let rows = recording.read(
                &self.buffers.starts,
                bundle.starts as usize + block * (sources + 1),
                sources + 1,
            );
            let rows = device.run(recording)?.get(&rows).to_vec();
            let (first, end) = (rows[0] as usize, rows[sources] as usize);
            let mut recording = Recording::new();
            let words = recording.read(&self.buffers.synapses, first / 2, (end - first).div_ceil(2));
            let at = replica as usize * self.params.plastic as usize + weights_first;
            let weights = recording.read(&self.buffers.plastic, at, end - first);
            let reads = device.run(recording)?;
            let targets: &[u16] = bytemuck::cast_slice(reads.get(&words));
            let weights = reads.get(&weights);
            for (source, row) in rows.windows(2).enumerate() {
                let own = row[0] as usize - first..row[1] as usize - first;
                let learned = |(&target, weight): (&u16, &T)| Learned {
                    source: source as u32,
                    target: self.blocks[block] + u32::from(target) - target_first,
                    weight_pa: weight.wide(),
                };
                all.extend(targets[own.clone()].iter().zip(&weights[own]).map(learned));
            }
        }
        Ok(all)
    }

    /// Frees all arrays.
    pub fn destroy(self, device: &mut Device) {
        let Buffers {
            constants,
            tables,
            starts,
            synapses,
            columns,
            drives,
            inbox,
            state,
            releases,
            spikes,
            plastic,
        } = self.buffers;
        [constants, drives, state, plastic].into_iter().for_each(|buffer| device.destroy(buffer));
        [tables, starts, synapses, columns, spikes].into_iter().for_each(|buffer| device.destroy(buffer));
        [inbox, releases].into_iter().for_each(|buffer| device.destroy(buffer));
    }
}

impl<T: Real> Buffers<T> {
    fn bound(&self) -> NetworkBuffers<'_, T> {
        NetworkBuffers {
            constants: &self.constants,
            tables: &self.tables,
            starts: &self.starts,
            synapses: &self.synapses,
            columns: &self.columns,
            drives: &self.drives,
            inbox: &self.inbox,
            state: &self.state,
            releases: &self.releases,
            spikes: &self.spikes,
            plastic: &self.plastic,
        }
    }
}

/// A buffer that holds `values`, sent piece by piece: synapses may be gigabytes.
fn upload<S: Stored>(device: &mut Device, label: &'static str, values: &[S]) -> Result<Buffer<S>> {
    let buffer = device.create(label, values.len())?;
    for (place, piece) in values.chunks(PIECE_BYTES / S::ELEMENT.bytes()).enumerate() {
        let mut recording = Recording::new();
        recording.write(&buffer, place * (PIECE_BYTES / S::ELEMENT.bytes()), piece);
        device.run(recording)?;
    }
    Ok(buffer)
}

#[cfg(test)]
mod tests;
