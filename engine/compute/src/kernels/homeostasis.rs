//! `homeostasis`: the synapses of each presynaptic node together stay within a bound (synaptic scaling: Turrigiano 2008).
//!
//! - Input: rows of synapses, `offsets` u32 `[nodes + 1]`, rising.
//! - In place: `weights`, u32 a synapse, up to 65,535 (more is cut). A row that adds up to more than `sum_max` (up to 65,535) is scaled
//!   down to it, every weight by the same factor and rounded down (`shared::plasticity::Scale`), so the bound holds exactly; other
//!   rows stay as they are. Sums saturate at 2^32 - 1, which does not depend on order.
//! - A second run changes nothing: rounding down happens only where the bound was broken, so it is no drift.
//! - Tolerance: exact.

use super::shared::csr::check_len;
use super::shared::plasticity::{self, Scale, WEIGHT_MAX};
use super::stdp_update::rows;
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::parallel::in_parallel;
use crate::recording::Recording;
use crate::source::{Source, Text};

crate::params! {
    /// Parameters of `homeostasis`.
    pub struct Params {
        /// Presynaptic nodes.
        pub nodes: u32,
        /// What a row may add up to.
        pub sum_max: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "homeostasis",
    bindings: &[Binding::read("offsets", Element::U32), Binding::read_write("weights", Element::U32)],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("nodes", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[Source::wgsl(&[&plasticity::WGSL, &WGSL]), Source::cuda(&[&plasticity::CUDA, &CUDA])],
    absent: &[],
    cases,
};

/// Its own part of the WGSL form.
static WGSL: Text = Text { constants: &[], text: include_str!("../../../../shaders/homeostasis.wgsl") };
/// And of the CUDA form.
static CUDA: Text = Text { constants: &[], text: include_str!("../../../../kernels/homeostasis.cu") };

/// Records the scaling of all rows.
pub fn record(
    recording: &mut Recording,
    nodes: usize,
    offsets: &Buffer<u32>,
    weights: &Buffer<u32>,
    sum_max: u32,
) {
    assert!(sum_max <= WEIGHT_MAX, "homeostasis: rows up to {sum_max}, this is a bug");
    check_len(KERNEL.name, offsets, nodes + 1);
    if nodes > 0 {
        let params = Params { nodes: nodes as u32, sum_max };
        recording.dispatch(&KERNEL, &params, &[offsets.erase(), weights.erase()]);
    }
}

fn reference(args: &mut Args<'_>) {
    let Params { nodes, sum_max } = args.params();
    let offsets = args.read::<u32>(0);
    let weights = args.write::<u32>(1);
    for node in 0..nodes as usize {
        scale(&mut weights[offsets[node] as usize..offsets[node + 1] as usize], sum_max);
    }
}

fn scale(row: &mut [u32], sum_max: u32) {
    let mut sum = 0u32;
    for weight in row.iter_mut() {
        *weight = (*weight).min(WEIGHT_MAX);
        sum = sum.saturating_add(*weight);
    }
    if let Some(scale) = Scale::within(sum, sum_max) {
        row.iter_mut().for_each(|weight| *weight = scale.apply(*weight));
    }
}

/// Nodes of one task.
const TASK_NODES: usize = 1 << 11;

fn cpu(args: &mut Args<'_>) {
    let Params { nodes, sum_max } = args.params();
    let nodes = nodes as usize;
    let offsets = &args.read::<u32>(0)[..=nodes];
    let mut weights = &mut args.write::<u32>(1)[offsets[0] as usize..offsets[nodes] as usize];
    let mut tasks = Vec::with_capacity(nodes.div_ceil(TASK_NODES));
    for first in (0..nodes).step_by(TASK_NODES) {
        let last = nodes.min(first + TASK_NODES);
        let (own, rest) = weights.split_at_mut((offsets[last] - offsets[first]) as usize);
        tasks.push((first..last, own));
        weights = rest;
    }
    in_parallel(tasks, |(nodes, mut weights)| {
        for node in nodes {
            let (row, rest) = weights.split_at_mut((offsets[node + 1] - offsets[node]) as usize);
            scale(row, sum_max);
            weights = rest;
        }
    });
}

fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let mut cases = Vec::new();
    for (name, nodes, len_max, weight_max, sum_max) in [
        ("no node", 0, 0, 1, 1),
        ("no synapse", 3, 0, 1, 1),
        ("short rows", 5_000, 9, 40_000, WEIGHT_MAX),
        ("within bounds", 100, 5, 100, WEIGHT_MAX),
        ("long rows", 5, 9_000, WEIGHT_MAX as usize, WEIGHT_MAX),
        ("longest row", 2, 140_000, WEIGHT_MAX as usize + 20, 4_096),
        ("to nothing", 50, 20, 5_000, 0),
    ] {
        let (offsets, targets) = rows(&mut draw, nodes, len_max);
        let weights = draw.many(targets.len(), |draw| draw.below(weight_max + 1) as u32);
        cases.push(Case::new(name, &Params { nodes: nodes as u32, sum_max }).bind(&offsets).bind(&weights));
    }
    cases
}
