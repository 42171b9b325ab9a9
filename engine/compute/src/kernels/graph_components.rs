//! `graph_components`: one round of labelling connected components by their lowest node.
//!
//! - Input: an undirected graph (`shared::csr`) and `labels` f, u32 a node: a node of the same component, never above the
//!   node itself (each node its own label to begin with).
//! - Output: `next`, lowered (what was there before counts; begin with each node its own): with g(v) = f(f(v)) and m(v) the
//!   lowest g of v's neighbours,
//!   `next[v] = min(next[v], g(v), m(v))` and, for the tree that v hangs in, `next[f(v)] = min(next[f(v)], m(v))`.
//! - Rounds with `labels` and `next` changing places end when nothing changes: then every label is the lowest node of its
//!   component. This is FastSV (Zhang, Azad and Hu 2020): pointer jumping and hooking, few rounds even on long paths.
//! - Minima do not depend on order: exact, and a device may use `atomicMin`.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::shared::csr::{Csr, CsrBuffers, CsrView, check_len, shapes};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::parallel::{collect_in_parallel, in_parallel};
use crate::recording::Recording;
use crate::source::{Source, Text};

crate::params! {
    /// Parameters of `graph_components`.
    pub struct Params {
        /// Nodes.
        pub nodes: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_components",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("targets", Element::U32),
        Binding::read("labels", Element::U32),
        Binding::read_write("next", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("nodes", 64),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[Source::wgsl(&[&WGSL]), Source::cuda(&[&CUDA])],
    absent: &[],
    cases,
};

/// Its own part of the WGSL form.
static WGSL: Text = Text { constants: &[], text: include_str!("../../../../shaders/graph_components.wgsl") };
/// And of the CUDA form.
static CUDA: Text = Text { constants: &[], text: include_str!("../../../../kernels/graph_components.cu") };

/// Records one round.
pub fn record(recording: &mut Recording, graph: &CsrBuffers<'_>, labels: &Buffer<u32>, next: &Buffer<u32>) {
    graph.check(KERNEL.name);
    [labels, next].iter().for_each(|buffer| check_len(KERNEL.name, buffer, graph.nodes));
    if graph.nodes > 0 {
        let params = Params { nodes: graph.nodes as u32 };
        let buffers = [graph.offsets.erase(), graph.targets.erase(), labels.erase(), next.erase()];
        recording.dispatch(&KERNEL, &params, &buffers);
    }
}

fn reference(args: &mut Args<'_>) {
    let Params { nodes } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let (labels, next) = (args.read::<u32>(2), args.write::<u32>(3));
    let above = |node: u32| labels[labels[node as usize] as usize];
    for node in 0..nodes {
        let tree = labels[node as usize] as usize;
        next[node as usize] = next[node as usize].min(above(node));
        for &other in graph.row(node) {
            next[node as usize] = next[node as usize].min(above(other));
            next[tree] = next[tree].min(above(other));
        }
    }
}

/// Nodes of one task.
const TASK_NODES: usize = 1 << 13;

fn cpu(args: &mut Args<'_>) {
    let Params { nodes } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let labels = &args.read::<u32>(2)[..nodes as usize];
    let next = &mut args.write::<u32>(3)[..nodes as usize];
    let mut above = vec![0u32; labels.len()];
    in_parallel(
        above.chunks_mut(TASK_NODES).zip(labels.chunks(TASK_NODES)).collect(),
        |(above, labels_here)| {
            for (above, &label) in above.iter_mut().zip(labels_here) {
                *above = labels[label as usize];
            }
        },
    );
    let lowest: Vec<AtomicU32> = next.iter().map(|&label| AtomicU32::new(label)).collect();
    // Reading first keeps cache lines shared: most minima are no news.
    let lower = |at: u32, label: u32| {
        if lowest[at as usize].load(Relaxed) > label {
            lowest[at as usize].fetch_min(label, Relaxed);
        }
    };
    collect_in_parallel(labels.len().div_ceil(TASK_NODES), |task| {
        let first = task * TASK_NODES;
        for node in first..labels.len().min(first + TASK_NODES) {
            let around = graph.row(node as u32).iter().map(|&other| above[other as usize]).min();
            lower(node as u32, above[node].min(around.unwrap_or(u32::MAX)));
            if let Some(around) = around {
                lower(labels[node], around);
            }
        }
    });
    for (next, lowest) in next.iter_mut().zip(lowest) {
        *next = lowest.into_inner();
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let mut cases = Vec::new();
    let case = |name: String, graph: &Csr, labels: &[u32], next: &[u32]| {
        let params = Params { nodes: graph.nodes() as u32 };
        Case::new(name, &params).bind(graph.offsets()).bind(graph.targets()).bind(labels).bind(next)
    };
    for (name, graph) in shapes(&mut draw) {
        let own: Vec<u32> = (0..graph.nodes() as u32).collect();
        cases.push(case(format!("{name}, first round"), &graph, &own, &own));
        // Half-way: labels that earlier rounds might have left.
        let some: Vec<u32> = own
            .iter()
            .map(|&node| {
                let lower: Vec<u32> = graph.row(node).iter().copied().filter(|&other| other < node).collect();
                if lower.is_empty() { node } else { lower[draw.below(lower.len())] }
            })
            .collect();
        cases.push(case(format!("{name}, later"), &graph, &some, &own));
    }
    cases
}
