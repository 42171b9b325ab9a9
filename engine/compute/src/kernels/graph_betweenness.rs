//! `graph_betweenness`: how much of the shortest paths from a source leads through every node.
//!
//! - Input: an undirected graph (`shared::csr`) and `sources`, u32 `[sources]`.
//! - Output: `dependencies`, f32 `[sources][nodes]`. For a source s and a node v other than s, the sum over all nodes t other than
//!   both of the share of the shortest paths from s to t that pass through v; 0 at s itself. Summed over all sources and halved this is
//!   betweenness centrality; over some of them, scaled up, an unbiased estimate (Brandes and Pich 2007).
//! - By Brandes 2001: paths are counted level by level, dependencies flow back level by level:
//!   `d(v) = sum over neighbours w one level further of paths(v) / paths(w) * (1 + d(w))`.
//! - A source from which more than 2^120 shortest paths lead to one node gets NaN everywhere, since narrow floats cannot tell
//!   them; callers leave it out.
//! - Tolerance: only sums and quotients of positive numbers, so an f32 form's relative error is at most the number of operations
//!   on the longest chain, levels times degree, in half-ulps; rows are short against 2^24, and a squared relative error of
//!   1e-9 (6e-5 a value and half, root 3e-5) holds. The host forms compute in f64.

use rayon::prelude::*;

use super::shared::csr::{Csr, CsrBuffers, CsrView, check_len, shapes};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::recording::Recording;
use crate::source::{Constant, Scratch, Source, Text};

/// Paths to one node that a source may have: 2^120.
const PATHS_MAX: f64 = (1u128 << 120) as f64;

crate::params! {
    /// Parameters of `graph_betweenness`.
    pub struct Params {
        /// Nodes.
        pub nodes: u32,
        /// Sources.
        pub sources: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_betweenness",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("targets", Element::U32),
        Binding::read("sources", Element::U32),
        Binding::write("dependencies", Element::F32),
    ],
    params: Params::FIELDS,
    workgroup: [256, 1, 1],
    grid: Grid::per("sources", 1),
    tolerance: Tolerance::Nmse(1e-9),
    reference,
    cpu,
    sources: &[
        Source {
            scratch: Scratch::Workgroup(|params| 5 * (u64::from(params[0]) + 1)),
            ..Source::wgsl(&[&WGSL])
        },
        Source {
            scratch: Scratch::Workgroup(|params| 5 * (u64::from(params[0]) + 1)),
            ..Source::cuda(&[&CUDA])
        },
    ],
    absent: &[],
    cases,
};

/// Numbers that device forms want.
const CONSTANTS: &[(&str, Constant)] = &[("PATHS_MAX", Constant::F32(PATHS_MAX as f32))];
/// Own part of the WGSL form.
static WGSL: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../shaders/graph_betweenness.wgsl") };
/// And of the CUDA form.
static CUDA: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../kernels/graph_betweenness.cu") };

/// Records the dependencies of the first `count` of `sources`.
pub fn record(
    recording: &mut Recording,
    graph: &CsrBuffers<'_>,
    sources: &Buffer<u32>,
    count: usize,
    dependencies: &Buffer<f32>,
) {
    graph.check(KERNEL.name);
    check_len(KERNEL.name, sources, count);
    check_len(KERNEL.name, dependencies, count * graph.nodes);
    if graph.nodes > 0 && count > 0 {
        let params = Params { nodes: graph.nodes as u32, sources: count as u32 };
        let buffers = [graph.offsets.erase(), graph.targets.erase(), sources.erase(), dependencies.erase()];
        recording.dispatch(&KERNEL, &params, &buffers);
    }
}

/// Every level looks at every node.
fn reference(args: &mut Args<'_>) {
    let Params { nodes, sources } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let sources = &args.read::<u32>(2)[..sources as usize];
    let dependencies = args.write::<f32>(3);
    for (lane, &source) in sources.iter().enumerate() {
        let mut level = vec![u32::MAX; nodes as usize];
        let mut paths = vec![0f64; nodes as usize];
        level[source as usize] = 0;
        paths[source as usize] = 1.0;
        let mut deepest = 0;
        for depth in 1..nodes {
            let at: Vec<u32> = (0..nodes).filter(|&node| level[node as usize] == depth - 1).collect();
            for node in at {
                for &other in graph.row(node) {
                    if level[other as usize] == u32::MAX {
                        level[other as usize] = depth;
                    }
                    if level[other as usize] == depth {
                        paths[other as usize] += paths[node as usize];
                        deepest = depth;
                    }
                }
            }
            if deepest < depth {
                break;
            }
        }
        let mut flows = vec![0f64; nodes as usize];
        for depth in (0..deepest).rev() {
            for node in (0..nodes).filter(|&node| level[node as usize] == depth) {
                for &other in graph.row(node) {
                    if level[other as usize] == depth + 1 {
                        flows[node as usize] +=
                            paths[node as usize] / paths[other as usize] * (1.0 + flows[other as usize]);
                    }
                }
            }
        }
        flows[source as usize] = 0.0;
        let told = paths.iter().all(|&paths| paths <= PATHS_MAX);
        for (node, &flow) in flows.iter().enumerate() {
            dependencies[lane * nodes as usize + node] = if told { flow as f32 } else { f32::NAN };
        }
    }
}

/// A source a task, nodes in the order they are met.
fn cpu(args: &mut Args<'_>) {
    let Params { nodes, sources } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let sources = &args.read::<u32>(2)[..sources as usize];
    let nodes = nodes as usize;
    let dependencies = &mut args.write::<f32>(3)[..sources.len() * nodes];
    if nodes == 0 {
        return;
    }
    let lanes = dependencies.par_chunks_exact_mut(nodes).zip(sources);
    lanes.with_max_len(1).for_each_init(
        || Paths { order: Vec::with_capacity(nodes), met: vec![Met::NOT; nodes] },
        |paths, (dependencies, &source)| paths.run(graph, source, dependencies),
    );
}

/// What a search knows of a node.
#[derive(Clone, Copy)]
struct Met {
    level: u32,
    /// Paths on the way out; `(1 + flow) / paths` on the way back.
    amount: f64,
}

impl Met {
    const NOT: Met = Met { level: u32::MAX, amount: 0.0 };
}

struct Paths {
    /// Nodes as they were met.
    order: Vec<u32>,
    met: Vec<Met>,
}

impl Paths {
    fn run(&mut self, graph: CsrView<'_>, source: u32, dependencies: &mut [f32]) {
        let Paths { order, met } = self;
        order.clear();
        order.push(source);
        met[source as usize] = Met { level: 0, amount: 1.0 };
        let (mut at, mut most) = (0, 1.0f64);
        while at < order.len() {
            let node = order[at];
            let Met { level, amount } = met[node as usize];
            for &other in graph.row(node) {
                let other_met = &mut met[other as usize];
                if other_met.level > level {
                    if other_met.level == u32::MAX {
                        *other_met = Met { level: level + 1, amount: 0.0 };
                        order.push(other);
                    }
                    other_met.amount += amount;
                    most = most.max(other_met.amount);
                }
            }
            at += 1;
        }
        let told = most <= PATHS_MAX;
        dependencies.fill(if told { 0.0 } else { f32::NAN });
        // Last met first: all that lies one level further is done.
        for &node in order.iter().rev() {
            let Met { level, amount: paths } = met[node as usize];
            let mut sum = 0.0;
            for &other in graph.row(node) {
                let other = met[other as usize];
                sum += if other.level > level && other.level != u32::MAX { other.amount } else { 0.0 };
            }
            let flow = paths * sum;
            met[node as usize].amount = (1.0 + flow) / paths;
            if told && node != source {
                dependencies[node as usize] = flow as f32;
            }
        }
        for &node in order.iter() {
            met[node as usize] = Met::NOT;
        }
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |name: String, graph: &Csr, sources: &[u32]| {
        let nodes = graph.nodes();
        let params = Params { nodes: nodes as u32, sources: sources.len() as u32 };
        cases.push(
            Case::new(name, &params)
                .bind(graph.offsets())
                .bind(graph.targets())
                .bind(sources)
                .bind(&vec![5f32; nodes * sources.len()]),
        );
    };
    for (name, graph) in shapes(&mut draw) {
        let nodes = graph.nodes();
        let some = if nodes == 0 { Vec::new() } else { draw.many(5, |draw| draw.below(nodes) as u32) };
        case(format!("{name}, some"), &graph, &some);
        if (1..=150).contains(&nodes) {
            case(format!("{name}, all"), &graph, &(0..nodes as u32).collect::<Vec<_>>());
        }
        if name == "diamonds" {
            // From one end there are too many paths, from the middle not.
            case(format!("{name}, ends and middle"), &graph, &[0, 195, 390]);
        }
    }
    cases
}
