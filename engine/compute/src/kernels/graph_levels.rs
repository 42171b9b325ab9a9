//! `graph_levels`: breadth-first search from many nodes at once, 64 of them as the bits of one word.
//!
//! - Input: an undirected graph (`shared::csr`) and `sources`, u32 `[sources]`, repeats allowed.
//! - Output: `histogram`, u32 `[words][levels_max]`, one row for each 64 sources in order: pairs of a source and a node at each
//!   distance, from 0. Per node, added to what was there: `distances`, the sum of its distances to the sources that reach it, and
//!   `reached`, how many do, itself not counted. Distances from `levels_max` on are not followed.
//! - Closeness, path lengths and efficiency come from these; with every node a source they are exact, else a sample (Eppstein and
//!   Wang 2001). The words of a level are shared by 64 searches: Then et al. 2014.
//! - Bounds: levels_max 1..=65,536 and at most 65,536 sources between two readings, so that sums fit in 32 bits.
//! - Tolerance: exact. Integers; sums do not depend on order, so a device may add atomically.
//! - The CPU goes on from a list of nodes while the frontier is small, and lets every unfinished node look at its neighbours,
//!   on all threads, once it is large (Beamer, Asanovic and Patterson 2012). Words come one after the other.

use super::shared::csr::{CsrBuffers, CsrView, check_len, shapes};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::recording::Recording;
use crate::source::{Constant, Scratch, Source, Text};
use rayon::prelude::*;

/// Sources that share a word.
pub const LANES: usize = 64;
/// Most levels of one search.
pub const LEVELS_MAX: usize = 1 << 16;

crate::params! {
    /// Parameters of `graph_levels`.
    pub struct Params {
        /// Nodes.
        pub nodes: u32,
        /// Sources.
        pub sources: u32,
        /// Distances told apart.
        pub levels_max: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_levels",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("targets", Element::U32),
        Binding::read("sources", Element::U32),
        Binding::write("histogram", Element::U32),
        Binding::read_write("distances", Element::U32),
        Binding::read_write("reached", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [256, 1, 1],
    grid: Grid::per("nodes", 256),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[
        Source {
            scratch: Scratch::Workgroup(|params| 3 * 2 * u64::from(params[0])),
            ..Source::wgsl(&[&WGSL])
        },
        Source {
            scratch: Scratch::Workgroup(|params| 3 * 2 * u64::from(params[0])),
            ..Source::cuda(&[&CUDA])
        },
    ],
    absent: &[],
    cases,
};

/// Numbers that device forms want.
const CONSTANTS: &[(&str, Constant)] = &[("LANES", Constant::U32(LANES as u32))];
/// Own part of the WGSL form.
static WGSL: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../shaders/graph_levels.wgsl") };
/// And of the CUDA form.
static CUDA: Text = Text { constants: CONSTANTS, text: include_str!("../../../../kernels/graph_levels.cu") };

/// Where searches leave what they found.
#[derive(Clone, Copy, Debug)]
pub struct Found<'a> {
    /// `[words][levels_max]`.
    pub histogram: &'a Buffer<u32>,
    /// `[nodes]`, added to.
    pub distances: &'a Buffer<u32>,
    /// `[nodes]`, added to.
    pub reached: &'a Buffer<u32>,
}

/// Records searches from the first `count` of `sources`.
pub fn record(
    recording: &mut Recording,
    graph: &CsrBuffers<'_>,
    sources: &Buffer<u32>,
    count: usize,
    levels_max: usize,
    found: Found<'_>,
) {
    graph.check(KERNEL.name);
    assert!((1..=LEVELS_MAX).contains(&levels_max), "graph_levels: {levels_max} levels, this is a bug");
    check_len(KERNEL.name, sources, count);
    check_len(KERNEL.name, found.histogram, count.div_ceil(LANES) * levels_max);
    [found.distances, found.reached].iter().for_each(|buffer| check_len(KERNEL.name, buffer, graph.nodes));
    if graph.nodes > 0 && count > 0 {
        let params =
            Params { nodes: graph.nodes as u32, sources: count as u32, levels_max: levels_max as u32 };
        let buffers = [
            graph.offsets.erase(),
            graph.targets.erase(),
            sources.erase(),
            found.histogram.erase(),
            found.distances.erase(),
            found.reached.erase(),
        ];
        recording.dispatch(&KERNEL, &params, &buffers);
    }
}

/// One search after the other.
fn reference(args: &mut Args<'_>) {
    let Params { nodes, sources, levels_max } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let sources = &args.read::<u32>(2)[..sources as usize];
    let (histogram, distances) = (args.write::<u32>(3), args.write::<u32>(4));
    let reached = args.write::<u32>(5);
    histogram[..sources.len().div_ceil(LANES) * levels_max as usize].fill(0);
    for (lane, &source) in sources.iter().enumerate() {
        let counts = &mut histogram[lane / LANES * levels_max as usize..][..levels_max as usize];
        let mut seen = vec![false; nodes as usize];
        let mut frontier = vec![source];
        seen[source as usize] = true;
        for level in 0..levels_max {
            counts[level as usize] += frontier.len() as u32;
            let mut next = Vec::new();
            for node in frontier {
                distances[node as usize] += level;
                reached[node as usize] += u32::from(level > 0);
                for &other in graph.row(node) {
                    if !std::mem::replace(&mut seen[other as usize], true) {
                        next.push(other);
                    }
                }
            }
            frontier = next;
        }
    }
}

/// Nodes of one task.
const TASK_NODES: usize = 1 << 12;
/// Nodes look for themselves once the frontier's rows hold one end in so many of all.
const DENSE_PART: usize = 16;

fn cpu(args: &mut Args<'_>) {
    let Params { nodes, sources, levels_max } = args.params();
    let graph = CsrView { offsets: args.read(0), targets: args.read(1) };
    let sources = &args.read::<u32>(2)[..sources as usize];
    let nodes = nodes as usize;
    let histogram = &mut args.write::<u32>(3)[..sources.len().div_ceil(LANES) * levels_max as usize];
    histogram.fill(0);
    let distances = &mut args.write::<u32>(4)[..nodes];
    let reached = &mut args.write::<u32>(5)[..nodes];
    let mut search = Search {
        graph,
        seen: vec![0; nodes],
        frontier: vec![0; nodes],
        next: vec![0; nodes],
        distances,
        reached,
    };
    let words = sources.chunks(LANES).zip(histogram.chunks_exact_mut(levels_max as usize));
    words.for_each(|(sources, counts)| search.run(sources, counts));
}

/// The bits of 64 searches at every node.
struct Search<'a> {
    graph: CsrView<'a>,
    seen: Vec<u64>,
    frontier: Vec<u64>,
    next: Vec<u64>,
    distances: &'a mut [u32],
    reached: &'a mut [u32],
}

impl Search<'_> {
    fn run(&mut self, sources: &[u32], counts: &mut [u32]) {
        self.seen.fill(0);
        let mut at: Vec<u32> = sources.to_vec();
        at.sort_unstable();
        at.dedup();
        for (lane, &source) in sources.iter().enumerate() {
            self.frontier[source as usize] |= 1 << lane;
            self.seen[source as usize] |= 1 << lane;
        }
        counts[0] = sources.len() as u32;
        let all = if sources.len() == LANES { u64::MAX } else { (1 << sources.len()) - 1 };
        let ends = self.graph.ends(self.seen.len());
        for (level, count) in counts.iter_mut().enumerate().skip(1) {
            let ahead: usize = at.iter().map(|&node| self.graph.row(node).len()).sum();
            let (found, pairs) = if ahead > ends / DENSE_PART {
                self.look(all, level as u32)
            } else {
                self.push(&at, level as u32)
            };
            *count = pairs;
            at.into_iter().for_each(|node| self.frontier[node as usize] = 0);
            std::mem::swap(&mut self.frontier, &mut self.next);
            at = found;
            if at.is_empty() {
                break;
            }
        }
        at.into_iter().for_each(|node| self.frontier[node as usize] = 0);
    }

    /// From the frontier to its neighbours: who was found, and in how many searches together.
    fn push(&mut self, at: &[u32], level: u32) -> (Vec<u32>, u32) {
        let (mut found, mut pairs) = (Vec::new(), 0);
        for &node in at {
            let bits = self.frontier[node as usize];
            for &other in self.graph.row(node) {
                let new = bits & !self.seen[other as usize];
                if new != 0 {
                    if self.next[other as usize] == 0 {
                        found.push(other);
                    }
                    self.next[other as usize] |= new;
                }
            }
        }
        for &node in &found {
            let new = self.next[node as usize];
            self.seen[node as usize] |= new;
            self.distances[node as usize] += level * new.count_ones();
            self.reached[node as usize] += new.count_ones();
            pairs += new.count_ones();
        }
        (found, pairs)
    }

    /// From every node that a search has not met yet to its neighbours.
    fn look(&mut self, all: u64, level: u32) -> (Vec<u32>, u32) {
        let (graph, frontier) = (self.graph, &self.frontier);
        let chunks = (self.seen.par_chunks_mut(TASK_NODES), self.next.par_chunks_mut(TASK_NODES));
        let sums = (self.distances.par_chunks_mut(TASK_NODES), self.reached.par_chunks_mut(TASK_NODES));
        let tasks = chunks.0.zip(chunks.1).zip(sums.0.zip(sums.1)).enumerate();
        let parts: Vec<(Vec<u32>, u32)> = tasks
            .map(|(task, ((seen, next), (distances, reached)))| {
                let (mut found, mut pairs) = (Vec::new(), 0);
                for place in 0..seen.len() {
                    let missing = all & !seen[place];
                    if missing == 0 {
                        continue;
                    }
                    let node = (task * TASK_NODES + place) as u32;
                    let mut new = 0;
                    for &other in graph.row(node) {
                        new |= frontier[other as usize];
                        if new & missing == missing {
                            break;
                        }
                    }
                    new &= missing;
                    if new != 0 {
                        seen[place] |= new;
                        next[place] = new;
                        distances[place] += level * new.count_ones();
                        reached[place] += new.count_ones();
                        pairs += new.count_ones();
                        found.push(node);
                    }
                }
                (found, pairs)
            })
            .collect();
        let pairs = parts.iter().map(|part| part.1).sum();
        (parts.into_iter().flat_map(|part| part.0).collect(), pairs)
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let mut cases = Vec::new();
    for (name, graph) in shapes(&mut draw) {
        let nodes = graph.nodes();
        for (what, sources, levels_max) in
            [("all", nodes.min(200), nodes.max(1)), ("some", 3, 4), ("none", 0, 2)]
        {
            let sources: Vec<u32> = match what {
                "all" => (0..sources as u32).collect(),
                _ if nodes == 0 => Vec::new(),
                _ => draw.many(sources, |draw| draw.below(nodes) as u32),
            };
            let params =
                Params { nodes: nodes as u32, sources: sources.len() as u32, levels_max: levels_max as u32 };
            // Histograms are written over, sums are added to.
            cases.push(
                Case::new(format!("{name}, {what}"), &params)
                    .bind(graph.offsets())
                    .bind(graph.targets())
                    .bind(&sources)
                    .bind(&vec![9u32; sources.len().div_ceil(LANES) * levels_max])
                    .bind(&vec![1u32; nodes])
                    .bind(&vec![2u32; nodes]),
            );
        }
    }
    cases
}
