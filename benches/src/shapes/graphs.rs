//! Kernels over the graph of an analysis: components, triangles, searches, betweenness, ranks.

use cortexkg_compute::kernels::shared::csr::Csr;
use cortexkg_compute::kernels::{
    graph_betweenness, graph_components, graph_levels, graph_rank, graph_triangles,
};
use cortexkg_compute::{Case, Draw, Kernel};

use super::{Shape, Size, numbers, params};
use crate::work::Work;

/// Edges a node: twice as many ends.
const EDGES: usize = 8;
/// Distances that searches tell apart.
const LEVELS_MAX: usize = 64;

/// From small to large.
pub fn shapes() -> Vec<Shape> {
    let mut all = Vec::new();
    for (size, nodes) in [(Size::Small, 1 << 10), (Size::Medium, 1 << 16), (Size::Large, 1 << 20)] {
        let mut whole = |kernel, make: fn(usize) -> Case, count| {
            all.push(Shape {
                kernel,
                size,
                name: format!("{nodes} nodes"),
                item: "node",
                items: nodes as u64,
                workgroups_max: u64::MAX,
                make: Box::new(move || make(nodes)),
                count,
            });
        };
        whole(&graph_components::KERNEL, components, count_components);
        whole(&graph_rank::KERNEL, rank, count_rank);
        whole(&graph_triangles::KERNEL, triangles, count_triangles);
    }
    // Betweenness goes from each source alone, so it has no larger shape: what a source costs would be the same, for minutes.
    let searches = [
        (Size::Small, 1 << 10, 64, Some(16)),
        (Size::Medium, 1 << 16, 256, Some(256)),
        (Size::Large, 1 << 20, 1_024, None),
    ];
    for (size, nodes, of_levels, of_betweenness) in searches {
        let mut searched = |kernel: &'static Kernel,
                            make: fn(usize, usize) -> Case,
                            count,
                            sources: usize,
                            of_workgroup: usize| {
            all.push(Shape {
                kernel,
                size,
                name: format!("{nodes} nodes, {sources} sources"),
                item: "source",
                items: sources as u64,
                workgroups_max: sources.div_ceil(of_workgroup) as u64,
                make: Box::new(move || make(nodes, sources)),
                count,
            });
        };
        searched(&graph_levels::KERNEL, levels, count_levels, of_levels, graph_levels::LANES);
        if let Some(sources) = of_betweenness {
            searched(&graph_betweenness::KERNEL, betweenness, count_betweenness, sources, 1);
        }
    }
    all
}

/// A graph whose degrees fall as a power law does: one end of an edge anywhere, the other among the first.
fn graph(nodes: usize) -> Csr {
    let mut draw = Draw::new(6);
    let edges: Vec<(u32, u32)> = (0..nodes * EDGES)
        .map(|_| {
            let place = draw.below(nodes);
            (draw.below(nodes) as u32, (place * place / nodes) as u32)
        })
        .collect();
    Csr::from_edges(nodes, edges.into_iter())
}

fn bound<P: cortexkg_compute::Params>(params: &P, graph: &Csr) -> Case {
    Case::new("graph", params).bind(graph.offsets()).bind(graph.targets())
}

/// A graph as it stands in a case.
struct Rows {
    offsets: Vec<u32>,
    targets: Vec<u32>,
}

impl Rows {
    fn of(case: &Case) -> Self {
        Rows { offsets: numbers(&case.buffers[0]), targets: numbers(&case.buffers[1]) }
    }

    fn nodes(&self) -> u64 {
        self.offsets.len() as u64 - 1
    }

    fn ends(&self) -> u64 {
        self.targets.len() as u64
    }

    fn row(&self, node: u32) -> &[u32] {
        &self.targets[self.offsets[node as usize] as usize..self.offsets[node as usize + 1] as usize]
    }

    /// Reading all rows in order.
    fn walked(&self) -> Work {
        Work::read(4 * (self.nodes() + 1) + 4 * self.ends())
    }
}

fn components(nodes: usize) -> Case {
    let own: Vec<u32> = (0..nodes as u32).collect();
    bound(&graph_components::Params { nodes: nodes as u32 }, &graph(nodes)).bind(&own).bind(&own)
}

fn count_components(case: &Case, _: &[Vec<u8>]) -> Work {
    let rows = Rows::of(case);
    // An end: the label of the neighbour and that label's label. A node: its tree's label, two minima.
    let node = Work::read(8) + Work::write(4) + Work::gather(1) + Work::atomic(2) + Work::integer(10);
    let end = Work::gather(2) + Work::integer(5);
    rows.walked() + node * rows.nodes() + end * rows.ends() + Work::launches(1)
}

fn rank(nodes: usize) -> Case {
    let graph = graph(nodes);
    let factors: Vec<f32> = (0..nodes as u32).map(|node| 1.0 / graph.degree(node).max(1) as f32).collect();
    let (base, keep, gain) = (0.15 / nodes as f32, 0.0, 0.85);
    bound(&graph_rank::Params { nodes: nodes as u32, base, keep, gain }, &graph)
        .bind(&factors)
        .bind(&vec![1.0 / nodes as f32; nodes])
        .bind(&vec![0f32; nodes])
}

fn count_rank(case: &Case, _: &[Vec<u8>]) -> Work {
    let rows = Rows::of(case);
    let node = Work::read(8) + Work::write(4) + Work::integer(10) + Work::float(4);
    let end = Work::gather(2) + Work::integer(5) + Work::float(2);
    rows.walked() + node * rows.nodes() + end * rows.ends() + Work::launches(1)
}

fn triangles(nodes: usize) -> Case {
    let params = graph_triangles::Params { nodes: nodes as u32 };
    bound(&params, &graph(nodes).forward()).bind(&vec![u32::MAX; nodes])
}

fn count_triangles(case: &Case, _: &[Vec<u8>]) -> Work {
    let rows = Rows::of(case);
    let (mut steps, mut sums, mut other_bytes) = (0, 0, 0);
    for u in 0..rows.nodes() as u32 {
        let mut met_at_u = false;
        for &v in rows.row(u) {
            let (own, other) = (rows.row(u), rows.row(v));
            let (mut l, mut r, mut met) = (0, 0, 0);
            while l < own.len() && r < other.len() {
                let (a, b) = (own[l], other[r]);
                met += u64::from(a == b);
                steps += 1;
                l += usize::from(a <= b);
                r += usize::from(b <= a);
            }
            // What of the other row was looked at, in whole sectors.
            other_bytes += (4 * r as u64).next_multiple_of(crate::work::SECTOR_BYTES);
            sums += met + u64::from(met > 0);
            met_at_u |= met > 0;
        }
        sums += u64::from(met_at_u);
    }
    let clear = Work::write(4) + Work::integer(4);
    // An edge: where the other row lies.
    let edge = Work::gather(1) + Work::integer(10);
    rows.walked()
        + clear * rows.nodes()
        + edge * rows.ends()
        + Work::again(other_bytes)
        + Work::integer(8 * steps)
        + Work::atomic(sums)
        + Work::launches(2)
}

fn spaced(nodes: usize, sources: usize) -> Vec<u32> {
    (0..sources).map(|source| (source * nodes / sources) as u32).collect()
}

fn levels(nodes: usize, sources: usize) -> Case {
    let params =
        graph_levels::Params { nodes: nodes as u32, sources: sources as u32, levels_max: LEVELS_MAX as u32 };
    bound(&params, &graph(nodes))
        .bind(&spaced(nodes, sources))
        .bind(&vec![0u32; sources.div_ceil(graph_levels::LANES) * LEVELS_MAX])
        .bind(&vec![0u32; nodes])
        .bind(&vec![0u32; nodes])
}

fn count_levels(case: &Case, played: &[Vec<u8>]) -> Work {
    let rows = Rows::of(case);
    let histogram: Vec<u32> = numbers(&played[3]);
    let mut all = rows.walked() + Work::read(8 * rows.nodes()) + Work::write(8 * rows.nodes());
    let mut barriers = 0;
    for of_word in histogram.chunks(LEVELS_MAX) {
        // The last level that is looked for has nobody.
        let levels = of_word.iter().filter(|&&pairs| pairs > 0).count() as u64;
        let pairs: u64 = of_word.iter().map(|&pairs| u64::from(pairs)).sum();
        // Every node looks at all its neighbours in every level. Found at most: a node by each source, or by one in each level.
        let node = Work::again(4 + 8 + 8) + Work::integer(16);
        let end = Work::again(4) + Work::gather(1) + Work::integer(7);
        let found = Work::atomic(2) + Work::again(8) + Work::integer(6);
        all = all
            + Work::again(16 * rows.nodes())
            + (node * rows.nodes() + end * rows.ends()) * levels
            + found * pairs.min(rows.nodes() * levels);
        barriers = barriers.max(3 + 2 * levels);
    }
    all + Work::barriers(barriers) + Work::launches(1)
}

fn betweenness(nodes: usize, sources: usize) -> Case {
    let params = graph_betweenness::Params { nodes: nodes as u32, sources: sources as u32 };
    bound(&params, &graph(nodes)).bind(&spaced(nodes, sources)).bind(&vec![0f32; nodes * sources])
}

fn count_betweenness(case: &Case, _: &[Vec<u8>]) -> Work {
    let rows = Rows::of(case);
    let sources: Vec<u32> = numbers(&case.buffers[2]);
    assert_eq!(sources.len(), params::<graph_betweenness::Params>(case).sources as usize);
    let mut all = rows.walked() + Work::read(4 * sources.len() as u64);
    let mut barriers = 0;
    for source in sources {
        let Reached { nodes, ends, upwards, depth } = reached(&rows, source);
        // Outwards twice over all rows, back once; a path or an amount only from the next level.
        let node = Work::again(40) + Work::gather(4) + Work::integer(30) + Work::float(12);
        let end = Work::again(12) + Work::atomic(1) + Work::gather(2) + Work::integer(15);
        let step = Work::gather(2) + Work::float(2);
        all = all
            + (Work::write(4) + Work::again(4) + Work::integer(8)) * rows.nodes()
            + node * nodes
            + end * ends
            + step * upwards;
        barriers = barriers.max(4 * depth + 8);
    }
    all + Work::barriers(barriers) + Work::launches(1)
}

/// What a search from a source reaches.
struct Reached {
    nodes: u64,
    /// Ends of their rows.
    ends: u64,
    /// Those that lead from one level to the next.
    upwards: u64,
    /// Levels.
    depth: u64,
}

fn reached(rows: &Rows, source: u32) -> Reached {
    let mut levels = vec![u32::MAX; rows.nodes() as usize];
    levels[source as usize] = 0;
    let mut queue = vec![source];
    let mut all = Reached { nodes: 0, ends: 0, upwards: 0, depth: 0 };
    let mut at = 0;
    while let Some(&node) = queue.get(at) {
        at += 1;
        let level = levels[node as usize];
        all.nodes += 1;
        all.depth = u64::from(level) + 1;
        for &other in rows.row(node) {
            all.ends += 1;
            if levels[other as usize] == u32::MAX {
                levels[other as usize] = level + 1;
                queue.push(other);
            }
            all.upwards += u64::from(levels[other as usize] == level + 1);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_a_known_graph() {
        // Two triangles that share an edge: 0 1 2 and 1 2 3.
        let graph = Csr::from_edges(4, [(0, 1), (1, 2), (2, 0), (1, 3), (2, 3)].into_iter());
        let case = bound(&graph_triangles::Params { nodes: 4 }, &graph.forward());
        // Of each triangle: one node met, its edge's other end, and the first end.
        assert_eq!(count_triangles(&case, &[]).atomics, 6);
        let rows =
            Rows::of(&bound(&graph_rank::Params { nodes: 4, base: 0.0, keep: 0.0, gain: 0.0 }, &graph));
        let found = reached(&rows, 0);
        assert_eq!((found.nodes, found.ends, found.upwards, found.depth), (4, 10, 4, 3));
    }
}
