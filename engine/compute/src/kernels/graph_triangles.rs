//! `graph_triangles`: the number of triangles at every node.
//!
//! - Input: a graph whose edges stand once, in the row of one end (`shared::csr::Csr::forward` keeps those rows short); rows
//!   ascend.
//! - Output: `counts`, u32 `[nodes]`: of the triples u, v, w with v and w in row u and w in row v, those that have the node as a
//!   corner. A node's triangles are edges among its neighbours, so no count exceeds the number of edges.
//! - Additions of integers do not depend on order: exact, and a device may use `atomicAdd`.

use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::shared::csr::{Csr, CsrBuffers, CsrView, check_len, shapes};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::parallel::collect_in_parallel;
use crate::recording::Recording;
use crate::source::{Source, Text};

crate::params! {
    /// Parameters of `graph_triangles`.
    pub struct Params {
        /// Nodes.
        pub nodes: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_triangles",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("targets", Element::U32),
        Binding::write("counts", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("nodes", 64),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[
        Source { entries: &["clear", "count"], ..Source::wgsl(&[&WGSL]) },
        Source { entries: &["clear", "count"], ..Source::cuda(&[&CUDA]) },
    ],
    absent: &[],
    cases,
};

/// Its own part of the WGSL form.
static WGSL: Text = Text { constants: &[], text: include_str!("../../../../shaders/graph_triangles.wgsl") };
/// And of the CUDA form.
static CUDA: Text = Text { constants: &[], text: include_str!("../../../../kernels/graph_triangles.cu") };

/// Records the count. `graph` holds each edge once.
pub fn record(recording: &mut Recording, graph: &CsrBuffers<'_>, counts: &Buffer<u32>) {
    graph.check(KERNEL.name);
    check_len(KERNEL.name, counts, graph.nodes);
    if graph.nodes > 0 {
        let params = Params { nodes: graph.nodes as u32 };
        let buffers = [graph.offsets.erase(), graph.targets.erase(), counts.erase()];
        recording.dispatch(&KERNEL, &params, &buffers);
    }
}

fn reference(args: &mut Args<'_>) {
    let Params { nodes } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let counts = &mut args.write::<u32>(2)[..nodes as usize];
    counts.fill(0);
    for u in 0..nodes {
        for &v in graph.row(u) {
            for &w in graph.row(u) {
                if graph.row(v).contains(&w) {
                    [u, v, w].iter().for_each(|&corner| counts[corner as usize] += 1);
                }
            }
        }
    }
}

/// Nodes of one task.
const TASK_NODES: usize = 1 << 11;

fn cpu(args: &mut Args<'_>) {
    let Params { nodes } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let counts = &mut args.write::<u32>(2)[..nodes as usize];
    let totals: Vec<AtomicU32> = counts.iter().map(|_| AtomicU32::new(0)).collect();
    let add = |node: u32, count: u32| {
        if count > 0 {
            totals[node as usize].fetch_add(count, Relaxed);
        }
    };
    collect_in_parallel(counts.len().div_ceil(TASK_NODES), |task| {
        let first = task * TASK_NODES;
        for u in first..counts.len().min(first + TASK_NODES) {
            let row = graph.row(u as u32);
            let mut at_u = 0;
            for &v in row {
                let at_v = meet(row, graph.row(v), |w| add(w, 1));
                add(v, at_v);
                at_u += at_v;
            }
            add(u as u32, at_u);
        }
    });
    for (count, total) in counts.iter_mut().zip(totals) {
        *count = total.into_inner();
    }
}

/// Calls `each` with what two ascending rows have in common; how many.
fn meet(left: &[u32], right: &[u32], mut each: impl FnMut(u32)) -> u32 {
    let (mut l, mut r, mut met) = (0, 0, 0);
    while l < left.len() && r < right.len() {
        let (a, b) = (left[l], right[r]);
        if a == b {
            each(a);
            met += 1;
        }
        l += usize::from(a <= b);
        r += usize::from(b <= a);
    }
    met
}

fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let case = |(name, graph): (&'static str, Csr)| {
        let (forward, nodes) = (graph.forward(), graph.nodes());
        // What was there before is written over.
        Case::new(name, &Params { nodes: nodes as u32 })
            .bind(forward.offsets())
            .bind(forward.targets())
            .bind(&vec![7u32; nodes])
    };
    shapes(&mut draw).into_iter().map(case).collect()
}
