//! `network_run`: spiking networks of leaky integrate-and-fire neurons, some steps of them.
//!
//! **Network.** Neurons are numbered through populations, each of whole tiles of 64 neurons (what is left over never fires). A
//! *bundle* holds the synapses that leave one population into one channel, excitatory or inhibitory; its rows are split by
//! *block*, a run of tiles, so that a row part has all its targets in one block. Rows of a *procedural* bundle are nowhere: a function
//! of the source makes them when they are read (`simd::Fanout`). *Replicas* are copies of the network that
//! share synapses and nothing else.
//!
//! **One step** of the update with number `t`, for every replica:
//! 1. *Arrivals.* For every neuron that fired in step `t - d` and every synapse of its with delay `d`, the weight is added to the
//!    sum of the target, by channel. Weights are whole *quanta*, so that sums do not depend on order. In the first step of a
//!    dispatch the inbox is added too, and emptied.
//! 2. *Plasticity* of a bundle with rules (pair STDP, all pairs, additive; delay `d` dendritic, as NEST's `stdp_synapse`). The
//!    traces of sources `x` and of targets `y` are kept in what they were worth when the *turn* began, a run of `turn_steps`: with
//!    [`Fade`] `f` of the step, `n = t % turn_steps`, a trace is `x * f.source`, and to rise by 1 is to add `f.source_rise`. So
//!    nothing decays from step to step. In a step with `n = 0` all are brought from the former turn into this, times the fades of
//!    the end of a turn; what is then below 1e-20 becomes 0. Then, for every neuron that fired in `t - 2d`, each incoming weight
//!    becomes `min(w + (raise * x) * f.source, w_max)`; for every source that fired in `t - d` each outgoing weight becomes
//!    `max(w - (lower * f.target) * y, 0)` and arrives; then `x` of those sources and `y` of those neurons rise. So spikes that meet
//!    at a synapse in the same step are no pair.
//! 3. *Neurons*, in this order: potentials advance with the currents before this step (not in neurons that fired within the
//!    refractory time); currents decay and receive sums and noise; who has reached the threshold fires and starts from the reset.
//!    `simd/integrate.rs` has the formulas. Every 64 steps, numbers below 1e-20 become 0.
//!
//! The spike of step `t` is bit `neuron` of row `t % ring_steps` of `spikes`, which is both the memory that delays need and the
//! answer: `ring_steps` is at least the steps of the dispatch and twice the longest delay together. A dispatch of n steps equals n
//! dispatches of one.
//!
//! **Noise.** The events of neuron `n` in step `t` follow from the word of Philox4x32-7 with counter
//! (`n / 64 * 16 + n % 16`, `t`, 0, 0), word `n % 64 / 16`, and the seed of the replica as key.
//!
//! **Tolerance** exact: sums are integers, and floating operations have one order and are never fused.

mod cases;
mod cpu;
mod reference;
mod tables;

use crate::args::Args;
use crate::buffer::Buffer;
use crate::element::Element;
use crate::kernel::{Binding, Extent, Grid, Kernel, Params, Tolerance};
use crate::recording::Recording;
use crate::simd::{FLUSH_STEPS, Real, TILE, philox};
use crate::source::{Constant, Round, Scratch, Source, Text};

pub use cases::beginning;
#[cfg(test)]
pub(crate) use cases::random_description;
pub use tables::{
    BUNDLE_WORDS, Bundle, FADE_VALUES, FAN_WORDS, Fade, Form, MEMBRANE_VALUES, NO_WEIGHTS, POPULATION_WORDS,
    Population, RECIPE_WORDS, RULE_VALUES, Recipe, Rule, fade_values, membrane_values, rule_values,
};

crate::params! {
    /// Parameters of `network_run`.
    pub struct NetworkParams {
        /// The first step; steps stay below 2^31.
        pub step: u32,
        /// How many.
        pub steps: u32,
        /// Copies of the network.
        pub replicas: u32,
        /// Neurons of a replica, whole tiles.
        pub neurons: u32,
        /// Rows of `spikes`.
        pub ring_steps: u32,
        /// Number of populations.
        pub populations: u32,
        /// Number of bundles.
        pub bundles: u32,
        /// Number of blocks.
        pub blocks: u32,
        /// Numbers in `plastic` a replica.
        pub plastic: u32,
        /// Steps between two looks at who else fired: at most the shortest delay. No law depends on it.
        pub interval: u32,
        /// The longest look back at spikes, steps: the longest delay, twice that of plastic synapses.
        pub horizon: u32,
    }
}

pub(crate) const CONSTANTS: usize = 0;
pub(crate) const TABLES: usize = 1;
pub(crate) const STARTS: usize = 2;
pub(crate) const SYNAPSES: usize = 3;
pub(crate) const COLUMNS: usize = 4;
pub(crate) const DRIVES: usize = 5;
pub(crate) const INBOX: usize = 6;
pub(crate) const STATE: usize = 7;
pub(crate) const RELEASES: usize = 8;
pub(crate) const SPIKES: usize = 9;
pub(crate) const PLASTIC: usize = 10;

/// Numbers of `state` a neuron: potential, two currents.
pub const STATE_VALUES: usize = 3;

/// Bindings for one kind of numbers.
pub(crate) const fn bindings(real: Element) -> [Binding; 11] {
    [
        Binding::read("constants", real),
        Binding::read("tables", Element::U32),
        Binding::read("starts", Element::U32),
        Binding::read("synapses", Element::U32),
        Binding::read("columns", Element::U32),
        Binding::read("drives", real),
        Binding::read_write("inbox", Element::I32),
        Binding::read_write("state", real),
        Binding::read_write("releases", Element::I32),
        Binding::read_write("spikes", Element::U32),
        Binding::read_write("plastic", real),
    ]
}

/// A workgroup a tile and replica.
pub(crate) const GRID: Grid =
    Grid { x: Extent::Per { field: "neurons", items: 64 }, y: Extent::Per { field: "replicas", items: 1 } };

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "network_run",
    bindings: &bindings(Element::F32),
    params: NetworkParams::FIELDS,
    workgroup: [64, 1, 1],
    grid: GRID,
    tolerance: Tolerance::Exact,
    reference: reference::reference::<f32>,
    cpu: cpu::cpu::<f32>,
    sources: &[
        Source {
            entries: &["begin", "past", "raise", "arrive", "advance"],
            schedule: Some(schedule),
            scratch: Scratch::Dispatch(scratch_words),
            ..Source::wgsl(&[&philox::WGSL, &TINY, &WGSL])
        },
        resident(&[&philox::CUDA, &CUDA, &STEPS]),
    ],
    absent: &[],
    cases: cases::cases::<f32>,
};

/// Most words of sums that device forms keep, 64 MiB of them: of so many, those of the next steps should stay in
/// the second cache of a card (estimated, to be measured).
pub const RING_WORDS_MAX: u32 = 1 << 24;

/// Steps that device forms keep the sums of: as many as spikes are pushed ahead, or one.
fn ring_len(params: &NetworkParams) -> u64 {
    let len = u64::from(params.horizon) + u64::from(params.interval);
    if len * sums_words(params) <= RING_WORDS_MAX.into() { len } else { 1 }
}

/// Words of the sums of a step: `[replicas][2][neurons]`.
fn sums_words(params: &NetworkParams) -> u64 {
    2 * u64::from(params.replicas) * u64::from(params.neurons)
}

/// Sums, and behind them a word by which workgroups meet that can.
fn scratch_words(params: &[u32]) -> u64 {
    let params = NetworkParams::of(params);
    ring_len(&params) * sums_words(&params) + 1
}

/// Places of the entries of the WGSL form.
const BEGIN: usize = 0;
const PAST: usize = 1;
const RAISE: usize = 2;
const ARRIVE: usize = 3;
const ADVANCE: usize = 4;

/// Which of them run, by the step: an interval at a time where spikes are pushed and nothing learns.
fn schedule(params: &[u32]) -> Vec<Round> {
    let params = NetworkParams::of(params);
    let (pushes, learns) = (ring_len(&params) > 1, params.plastic > 0);
    let entries: &[usize] = match (learns, pushes) {
        (true, _) => &[RAISE, ARRIVE, ADVANCE],
        (false, true) => &[ADVANCE],
        (false, false) => &[ARRIVE, ADVANCE],
    };
    let interval = if pushes && !learns { params.interval as usize } else { 1 };
    let begin = Round { ahead: 0, entries: if pushes { &[BEGIN, PAST] } else { &[BEGIN] } };
    let rounds = (0..params.steps).step_by(interval).map(|ahead| Round { ahead, entries });
    std::iter::once(begin).filter(|_| params.steps > 0).chain(rounds).collect()
}

/// A CUDA form: its last entry is all steps, in which blocks wait for each other.
pub(crate) const fn resident(parts: &'static [&'static Text]) -> Source {
    Source {
        entries: &["begin", "run"],
        scratch: Scratch::Dispatch(scratch_words),
        resident: true,
        // Ten tiles a multiprocessor: on the largest cards all of the microcircuit are under way at once, and nothing spills.
        threads_min: 640,
        ..Source::cuda(parts)
    }
}

/// Numbers that device forms want, whatever a network is computed in.
const NUMBERS: &[(&str, Constant)] = &[
    ("POPULATION_WORDS", Constant::U32(POPULATION_WORDS as u32)),
    ("BUNDLE_WORDS", Constant::U32(BUNDLE_WORDS as u32)),
    ("MEMBRANE_VALUES", Constant::U32(MEMBRANE_VALUES as u32)),
    ("RULE_VALUES", Constant::U32(RULE_VALUES as u32)),
    ("VARIED", Constant::U32(Form::Varied as u32)),
    ("PLASTIC", Constant::U32(Form::Plastic as u32)),
    ("PROCEDURAL", Constant::U32(Form::Procedural as u32)),
    ("RECIPE_WORDS", Constant::U32(RECIPE_WORDS as u32)),
    ("FAN_WORDS", Constant::U32(FAN_WORDS as u32)),
    ("NO_WEIGHTS", Constant::U32(NO_WEIGHTS)),
    ("RING_WORDS_MAX", Constant::U32(RING_WORDS_MAX)),
    ("TILE", Constant::U32(TILE as u32)),
    ("FADE_VALUES", Constant::U32(FADE_VALUES as u32)),
    ("FLUSH_STEPS", Constant::U32(FLUSH_STEPS as u32)),
];
/// And in f32.
static TINY: Text = Text { constants: &[("TINY", Constant::F32(<f32 as Real>::TINY))], text: "" };
/// Own part of the WGSL form.
static WGSL: Text = Text { constants: NUMBERS, text: include_str!("../../../../shaders/network_run.wgsl") };
/// Numbers of the CUDA form.
static CUDA: Text =
    Text { constants: TINY.constants, text: include_str!("../../../../kernels/network_run.cu") };
/// The steps of CUDA forms.
pub(crate) static STEPS: Text =
    Text { constants: NUMBERS, text: include_str!("../../../../kernels/shared/network_run.cuh") };

/// Forms of the same law in f64, for the descriptor of `network_run_f64`.
pub(crate) fn reference_f64(args: &mut Args<'_>) {
    reference::reference::<f64>(args);
}

pub(crate) fn cpu_f64(args: &mut Args<'_>) {
    cpu::cpu::<f64>(args);
}

pub(crate) fn cases_f64(seed: u64) -> Vec<crate::Case> {
    cases::cases::<f64>(seed)
}

/// Buffers of a run, in binding order. `tables` says where things are (see [`Population`] and [`Bundle`]).
pub struct NetworkBuffers<'a, T> {
    /// Of each population [`membrane_values`], then of each bundle [`rule_values`]; then [`fade_values`] of steps 0..=turn_steps.
    pub constants: &'a Buffer<T>,
    /// Of each population [`POPULATION_WORDS`], of each bundle [`BUNDLE_WORDS`]; first tile of each block and the end; two
    /// words of seed a replica; then what the former refer to.
    pub tables: &'a Buffer<u32>,
    /// Where row parts and columns begin.
    pub starts: &'a Buffer<u32>,
    /// Targets and weights, as the form of the bundle says.
    pub synapses: &'a Buffer<u32>,
    /// Of plastic synapses by target: source and place of the weight.
    pub columns: &'a Buffer<u32>,
    /// `[replicas][neurons]`, mV that constant current adds in a step.
    pub drives: &'a Buffer<T>,
    /// `[replicas][2][neurons]`, quanta that arrive in the first step.
    pub inbox: &'a Buffer<i32>,
    /// `[replicas][STATE_VALUES][neurons]`, mV from rest and pA.
    pub state: &'a Buffer<T>,
    /// `[replicas][neurons]`, first step in which a neuron integrates again.
    pub releases: &'a Buffer<i32>,
    /// `[replicas][ring_steps][neurons / 32]`.
    pub spikes: &'a Buffer<u32>,
    /// `[replicas][plastic]`: for each block and plastic bundle weights, traces of sources, traces of targets.
    pub plastic: &'a Buffer<T>,
}

/// Records a run.
pub fn record<T: Real>(
    recording: &mut Recording,
    kernel: &'static Kernel,
    params: &NetworkParams,
    buffers: &NetworkBuffers<'_, T>,
) {
    let (replicas, neurons) = (params.replicas as usize, params.neurons as usize);
    let per_neuron = replicas * neurons;
    let ring = params.ring_steps as usize;
    let tables = params.populations as usize * POPULATION_WORDS + params.bundles as usize * BUNDLE_WORDS;
    let tables = tables + params.blocks as usize + 1 + 2 * replicas;
    let constants = params.populations as usize * MEMBRANE_VALUES + params.bundles as usize * RULE_VALUES;
    assert!(
        params.step.checked_add(params.steps).is_some_and(|end| end < 1 << 31),
        "steps over 2^31, this is a bug"
    );
    assert!(params.steps + params.horizon <= params.ring_steps, "a ring too short, this is a bug");
    assert!(neurons.is_multiple_of(64) && params.interval > 0, "neurons in part of a tile, this is a bug");
    let long_enough = buffers.constants.len() >= constants
        && buffers.tables.len() >= tables
        && buffers.drives.len() >= per_neuron
        && buffers.inbox.len() >= per_neuron * 2
        && buffers.state.len() >= per_neuron * STATE_VALUES
        && buffers.releases.len() >= per_neuron
        && buffers.spikes.len() >= replicas * ring * neurons / 32
        && buffers.plastic.len() >= replicas * params.plastic as usize;
    assert!(long_enough, "network_run: a short buffer, this is a bug");
    recording.dispatch(
        kernel,
        params,
        &[
            buffers.constants.erase(),
            buffers.tables.erase(),
            buffers.starts.erase(),
            buffers.synapses.erase(),
            buffers.columns.erase(),
            buffers.drives.erase(),
            buffers.inbox.erase(),
            buffers.state.erase(),
            buffers.releases.erase(),
            buffers.spikes.erase(),
            buffers.plastic.erase(),
        ],
    );
}
