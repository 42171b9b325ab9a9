//! `stdp_update`: synapses learn from the order of two spikes (pair STDP with soft bounds).
//!
//! - Input: synapses in rows by presynaptic node, `offsets` u32 `[nodes + 1]` and `targets` u32; `spikes`, u32 a node: the tick
//!   of its spike, or `NO_SPIKE`; `curve`, i32 `[2][window]`: what a synapse learns from a presynaptic spike d ticks before the
//!   postsynaptic one (first row) or after it (second row), 1.0 = 2^31. A positive entry gives the synapse that share of
//!   the room above it, a negative one takes that share of the weight: STDP, Hebbian and anti-Hebbian learning are data.
//! - Output: `weights`, u32 a synapse, 0..=weight_max, by the arithmetic of `shared::plasticity` with the synapse's place and `round`
//!   as what bits are drawn from. Spikes at the same tick, and `window` ticks apart or more, teach nothing.
//! - Bounds: weight_max up to 65,535; weights beyond it are cut to it. Tolerance: exact.
//! - Source of the curve: exp(-d / tau) with tau 16.8 and 33.7 ms, rates 0.01 and 0.008 (SPEC 2.5).

use super::shared::csr::check_len;
use super::shared::plasticity::{self, WEIGHT_MAX, depressed, dither, potentiated};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::parallel::in_parallel;
use crate::recording::Recording;
use crate::simd::{Lesson, PUPILS, Pupils, fetch_line};
use crate::source::{Constant, Source, Text};

/// A node that did not spike.
pub const NO_SPIKE: u32 = u32::MAX;

crate::params! {
    /// Parameters of `stdp_update`.
    pub struct Params {
        /// Presynaptic nodes.
        pub nodes: u32,
        /// Ticks from which spikes are too far apart.
        pub window: u32,
        /// Largest weight.
        pub weight_max: u32,
        /// What bits are drawn from, beside the synapse; another one each time.
        pub round: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "stdp_update",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("targets", Element::U32),
        Binding::read("spikes", Element::U32),
        Binding::read("curve", Element::I32),
        Binding::read_write("weights", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("nodes", 64),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[Source::wgsl(&[&plasticity::WGSL, &WGSL]), Source::cuda(&[&plasticity::CUDA, &CUDA])],
    absent: &[],
    cases,
};

/// What pairs of spikes teach, tick by tick.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Curve {
    entries: Vec<i32>,
}

impl Curve {
    /// Exponential curves over `window` ticks: `before` for a synapse whose own side spiked first, `after` for the other order. Each is
    /// a rate in -1..=1 and a time constant in ticks.
    pub fn exponential(window: usize, before: (f64, f64), after: (f64, f64)) -> Self {
        let entry = |(rate, tau): (f64, f64), ticks: usize| {
            (rate * (-(ticks as f64) / tau).exp() * 2_147_483_648.0).round() as i32
        };
        let side = |side| (0..window).map(move |ticks| entry(side, ticks));
        Curve { entries: side(before).chain(side(after)).collect() }
    }

    /// `[2][window]`, as the kernel reads it.
    pub fn entries(&self) -> &[i32] {
        &self.entries
    }
}

/// Synapses on a device, in rows by presynaptic node.
#[derive(Clone, Copy, Debug)]
pub struct Synapses<'a> {
    /// Presynaptic nodes.
    pub nodes: usize,
    /// `[nodes + 1]`.
    pub offsets: &'a Buffer<u32>,
    /// Postsynaptic nodes.
    pub targets: &'a Buffer<u32>,
    /// Weights, 0..=weight_max.
    pub weights: &'a Buffer<u32>,
}

/// Numbers that device forms want.
const CONSTANTS: &[(&str, Constant)] = &[("NO_SPIKE", Constant::U32(NO_SPIKE))];
/// Own part of the WGSL form.
static WGSL: Text = Text { constants: CONSTANTS, text: include_str!("../../../../shaders/stdp_update.wgsl") };
/// And of the CUDA form.
static CUDA: Text = Text { constants: CONSTANTS, text: include_str!("../../../../kernels/stdp_update.cu") };

/// Records one lesson.
pub fn record(
    recording: &mut Recording,
    synapses: Synapses<'_>,
    spikes: &Buffer<u32>,
    curve: &Buffer<i32>,
    weight_max: u32,
    round: u32,
) {
    let Synapses { nodes, offsets, targets, weights } = synapses;
    assert!(weight_max <= WEIGHT_MAX, "stdp_update: weights up to {weight_max}, this is a bug");
    check_len(KERNEL.name, offsets, nodes + 1);
    check_len(KERNEL.name, weights, targets.len());
    if nodes > 0 {
        let window = (curve.len() / 2) as u32;
        let params = Params { nodes: nodes as u32, window, weight_max, round };
        let buffers = [offsets.erase(), targets.erase(), spikes.erase(), curve.erase(), weights.erase()];
        recording.dispatch(&KERNEL, &params, &buffers);
    }
}

/// A weight after one lesson of the curve.
#[inline]
pub fn taught(weight: u32, entry: i32, weight_max: u32, drawn: u32) -> u32 {
    // -1.0 has no positive twin in Q31.
    let share = entry.unsigned_abs().min(i32::MAX as u32) << 1;
    if entry >= 0 { potentiated(weight, share, weight_max, drawn) } else { depressed(weight, share, drawn) }
}

fn reference(args: &mut Args<'_>) {
    let Params { nodes, window, weight_max, round } = args.params();
    let (offsets, targets) = (args.read::<u32>(0), args.read::<u32>(1));
    let (spikes, curve) = (args.read::<u32>(2), args.read::<i32>(3));
    let weights = args.write::<u32>(4);
    for node in 0..nodes as usize {
        for synapse in offsets[node]..offsets[node + 1] {
            let (own, other) = (spikes[node], spikes[targets[synapse as usize] as usize]);
            let weight = &mut weights[synapse as usize];
            *weight = (*weight).min(weight_max);
            if own == NO_SPIKE || other == NO_SPIKE || own == other || own.abs_diff(other) >= window {
                continue;
            }
            let side = if own < other { 0 } else { window };
            let entry = curve[(side + own.abs_diff(other)) as usize];
            *weight = taught(*weight, entry, weight_max, dither(synapse, round));
        }
    }
}

/// Nodes of one task.
const TASK_NODES: usize = 1 << 11;
/// Spikes are asked for so many synapses ahead of their turn: targets lie anywhere.
const FETCH_AHEAD: usize = 32;

fn cpu(args: &mut Args<'_>) {
    let Params { nodes, window, weight_max, round } = args.params();
    let (nodes, simd) = (nodes as usize, args.simd());
    let (offsets, targets) = (&args.read::<u32>(0)[..=nodes], args.read::<u32>(1));
    let (spikes, curve) = (args.read::<u32>(2), &args.read::<i32>(3)[..window as usize * 2]);
    let mut weights = &mut args.write::<u32>(4)[offsets[0] as usize..offsets[nodes] as usize];
    // Behind the curve, what synapses learn that learn nothing.
    let curve = [if window == 0 { &[0, 0] } else { curve }, &[0]].concat();
    let lesson = Lesson { curve: &curve, window: window.max(1), weight_max, round };
    let mut tasks = Vec::with_capacity(nodes.div_ceil(TASK_NODES));
    for first in (0..nodes).step_by(TASK_NODES) {
        let last = nodes.min(first + TASK_NODES);
        let (own, rest) = weights.split_at_mut((offsets[last] - offsets[first]) as usize);
        tasks.push((first, own));
        weights = rest;
    }
    in_parallel(tasks, |(mut node, weights)| {
        // Rows are short: synapses are taken as they lie, whatever row they are of.
        let first = offsets[node] as usize;
        let mut pupils = Pupils { first: 0, own: [0; PUPILS], other: [0; PUPILS], weights: [0; PUPILS] };
        for (part, weights) in weights.chunks_mut(PUPILS).enumerate() {
            let start = first + part * PUPILS;
            for (place, synapse) in (start..start + weights.len()).enumerate() {
                while offsets[node + 1] as usize <= synapse {
                    node += 1;
                }
                if let Some(&soon) = targets.get(synapse + FETCH_AHEAD) {
                    fetch_line(spikes.as_ptr().wrapping_add(soon as usize));
                }
                (pupils.own[place], pupils.other[place]) = (spikes[node], spikes[targets[synapse] as usize]);
            }
            pupils.first = start as u32;
            pupils.weights[..weights.len()].copy_from_slice(weights);
            simd.teach(&lesson, &mut pupils);
            weights.copy_from_slice(&pupils.weights[..weights.len()]);
        }
    });
}

/// Random rows of synapses of several lengths; for the kernels over them.
pub(crate) fn rows(draw: &mut Draw, nodes: usize, len_max: usize) -> (Vec<u32>, Vec<u32>) {
    let (mut offsets, mut targets) = (vec![0u32], Vec::new());
    for _ in 0..nodes {
        let len = draw.below(len_max + 1);
        targets.extend((0..len).map(|_| draw.below(nodes) as u32));
        offsets.push(targets.len() as u32);
    }
    (offsets, targets)
}

fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let mut cases = Vec::new();
    let stdp = Curve::exponential(1_280, (0.01, 16.8 * 64.0), (-0.008, 33.7 * 64.0));
    let wild = Curve { entries: vec![i32::MAX, i32::MIN, 1, -1, i32::MIN + 1, 0, i32::MAX, 5] };
    for (name, nodes, len_max, curve, ticks, weight_max) in [
        ("no node", 0, 0, &stdp, 1, WEIGHT_MAX),
        ("one node, no synapse", 1, 0, &stdp, 1, WEIGHT_MAX),
        ("stdp", 300, 40, &stdp, 2_000, WEIGHT_MAX),
        ("long rows", 9, 5_000, &stdp, 1_000, 4_096),
        ("many rows", 5_000, 6, &stdp, 1_500, 4_096),
        ("wild curve", 100, 30, &wild, 8, WEIGHT_MAX),
        ("no room", 50, 30, &wild, 8, 0),
    ] {
        let (offsets, targets) = rows(&mut draw, nodes, len_max);
        let spikes =
            draw.many(nodes, |draw| if draw.below(5) == 0 { NO_SPIKE } else { draw.below(ticks) as u32 });
        let weights = draw.many(targets.len(), |draw| draw.below(WEIGHT_MAX as usize + 1) as u32);
        let window = (curve.entries.len() / 2) as u32;
        let params = Params { nodes: nodes as u32, window, weight_max, round: draw.bits() as u32 };
        cases.push(
            Case::new(name, &params)
                .bind(&offsets)
                .bind(&targets)
                .bind(&spikes)
                .bind(curve.entries())
                .bind(&weights),
        );
    }
    cases
}
