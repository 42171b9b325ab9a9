//! `graph_rank`: one step of a power iteration over the edges of a graph, from which PageRank and eigenvector centrality come.
//!
//! - Input: an undirected graph (`shared::csr`), `values` and `factors`, f32 `[nodes]`.
//! - Output: `next`, f32 `[nodes]`:
//!   `next[v] = base + keep * values[v] + gain * (sum over the neighbours u of v of values[u] * factors[u])`.
//! - PageRank with damping d over n nodes: factors 1 / degree, gain d, keep 0, base (1 - d) / n. Eigenvector: factors 1, and keep =
//!   gain, which adds the identity, so that the signs of a two-sided graph do not swing.
//! - Tolerance: everything is positive in use, so a sum of k products in f32, by a tree or by 16 lanes, is off by at most about
//!   (k / 16 + 5) half-ulps of it; a row of 2^16 neighbours in 16 lanes by 2^-12. The squared relative error of whole
//!   vectors, whose rows are mostly short, stays under 1e-10; the host forms add in f64.

use super::shared::csr::{Csr, CsrBuffers, CsrView, check_len, shapes};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::parallel::in_parallel;
use crate::recording::Recording;
use crate::source::{Constant, Source, Text};

crate::params! {
    /// Parameters of `graph_rank`.
    pub struct Params {
        /// Nodes.
        pub nodes: u32,
        /// What every node is given.
        pub base: f32,
        /// Share of its own value that a node keeps.
        pub keep: f32,
        /// Factor of what neighbours give.
        pub gain: f32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_rank",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("targets", Element::U32),
        Binding::read("factors", Element::F32),
        Binding::read("values", Element::F32),
        Binding::write("next", Element::F32),
    ],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("nodes", 64),
    tolerance: Tolerance::Nmse(1e-10),
    reference,
    cpu,
    sources: &[Source::wgsl(&[&WGSL]), Source::cuda(&[&CUDA])],
    absent: &[],
    cases,
};

/// How a step weighs what it adds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rule {
    /// What every node is given.
    pub base: f32,
    /// Share of its own value that a node keeps.
    pub keep: f32,
    /// Factor of what neighbours give.
    pub gain: f32,
}

/// Numbers that device forms want.
const CONSTANTS: &[(&str, Constant)] = &[("RUN", Constant::U32(64))];
/// Own part of the WGSL form.
static WGSL: Text = Text { constants: CONSTANTS, text: include_str!("../../../../shaders/graph_rank.wgsl") };
/// And of the CUDA form.
static CUDA: Text = Text { constants: CONSTANTS, text: include_str!("../../../../kernels/graph_rank.cu") };

/// Records one step from `values` to `next`.
pub fn record(
    recording: &mut Recording,
    graph: &CsrBuffers<'_>,
    rule: Rule,
    factors: &Buffer<f32>,
    values: &Buffer<f32>,
    next: &Buffer<f32>,
) {
    graph.check(KERNEL.name);
    [factors, values, next].iter().for_each(|buffer| check_len(KERNEL.name, buffer, graph.nodes));
    if graph.nodes > 0 {
        let Rule { base, keep, gain } = rule;
        let params = Params { nodes: graph.nodes as u32, base, keep, gain };
        let graph = [graph.offsets.erase(), graph.targets.erase()];
        let buffers = [graph[0], graph[1], factors.erase(), values.erase(), next.erase()];
        recording.dispatch(&KERNEL, &params, &buffers);
    }
}

fn reference(args: &mut Args<'_>) {
    let Params { nodes, base, keep, gain } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let (factors, values) = (args.read::<f32>(2), args.read::<f32>(3));
    let next = args.write::<f32>(4);
    for node in 0..nodes {
        let mut sum = 0.0;
        for &other in graph.row(node) {
            sum += f64::from(values[other as usize]) * f64::from(factors[other as usize]);
        }
        let kept = f64::from(keep) * f64::from(values[node as usize]);
        next[node as usize] = (f64::from(base) + kept + f64::from(gain) * sum) as f32;
    }
}

/// Nodes of one task.
const TASK_NODES: usize = 1 << 12;

/// Products once a node instead of once an edge; rows are added in f64.
fn cpu(args: &mut Args<'_>) {
    let Params { nodes, base, keep, gain } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let (factors, values) = (args.read::<f32>(2), args.read::<f32>(3));
    let next = &mut args.write::<f32>(4)[..nodes as usize];
    let given: Vec<f32> = values.iter().zip(factors).map(|(value, factor)| value * factor).collect();
    in_parallel(next.chunks_mut(TASK_NODES).enumerate().collect(), |(task, next)| {
        for (place, next) in next.iter_mut().enumerate() {
            let node = task * TASK_NODES + place;
            let sum: f64 = graph.row(node as u32).iter().map(|&other| f64::from(given[other as usize])).sum();
            let kept = f64::from(keep) * f64::from(values[node]);
            *next = (f64::from(base) + kept + f64::from(gain) * sum) as f32;
        }
    });
}

fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |name: String, graph: &Csr, rule: Rule, factors: &[f32], values: &[f32]| {
        let Rule { base, keep, gain } = rule;
        let params = Params { nodes: graph.nodes() as u32, base, keep, gain };
        cases.push(
            Case::new(name, &params)
                .bind(graph.offsets())
                .bind(graph.targets())
                .bind(factors)
                .bind(values)
                .bind(&vec![-1f32; graph.nodes()]),
        );
    };
    for (name, graph) in shapes(&mut draw) {
        let nodes = graph.nodes();
        let values = draw.many(nodes, |draw| draw.signed().abs() + 0.01);
        let shares: Vec<f32> = (0..nodes as u32).map(|node| 1.0 / graph.degree(node).max(1) as f32).collect();
        let pagerank = Rule { base: 0.15, keep: 0.0, gain: 0.85 };
        case(format!("{name}, rank"), &graph, pagerank, &shares, &values);
        let eigen = Rule { base: 0.0, keep: 0.125, gain: 0.125 };
        case(format!("{name}, eigenvector"), &graph, eigen, &vec![1.0; nodes], &values);
    }
    cases
}
