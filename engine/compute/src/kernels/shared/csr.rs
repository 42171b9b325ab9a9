//! The graph of an analysis: compressed rows of neighbours, simple and undirected unless a kernel says otherwise.
//!
//! Row v is `targets[offsets[v]..offsets[v + 1]]`, ascending, each neighbour once, never v itself. In an undirected graph
//! every edge stands in both rows. Nothing is weighted: whoever has weights ranks with them elsewhere.

use std::fmt;

use crate::buffer::Buffer;
use crate::case::Draw;
use crate::element::Stored;

/// A graph in host memory.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Csr {
    offsets: Vec<u32>,
    targets: Vec<u32>,
}

impl Csr {
    /// The undirected simple graph of these edges: loops and repeats fall out, either direction will do.
    pub fn from_edges(nodes: usize, edges: impl Iterator<Item = (u32, u32)> + Clone) -> Self {
        let edges = edges.filter(|(a, b)| a != b);
        let mut starts = vec![0u32; nodes + 1];
        for (a, b) in edges.clone() {
            starts[a as usize + 1] += 1;
            starts[b as usize + 1] += 1;
        }
        for node in 0..nodes {
            let start = starts[node].checked_add(starts[node + 1]);
            starts[node + 1] = start.expect("more than 4 billion ends of edges; this is a bug");
        }
        let mut targets = vec![0u32; starts[nodes] as usize];
        let mut next = starts.clone();
        for (a, b) in edges {
            for (from, to) in [(a, b), (b, a)] {
                targets[next[from as usize] as usize] = to;
                next[from as usize] += 1;
            }
        }
        let mut offsets = Vec::with_capacity(nodes + 1);
        let mut kept = 0;
        offsets.push(0);
        for node in 0..nodes {
            let (start, end) = (starts[node] as usize, starts[node + 1] as usize);
            targets[start..end].sort_unstable();
            let first = kept;
            for at in start..end {
                if kept == first || targets[kept - 1] != targets[at] {
                    targets[kept] = targets[at];
                    kept += 1;
                }
            }
            offsets.push(kept as u32);
        }
        targets.truncate(kept);
        Csr { offsets, targets }
    }

    /// The same edges once each, from the end of lower degree (ties: lower id) to the other. Rows stay ascending; none is
    /// longer than the square root of twice the edges.
    pub fn forward(&self) -> Csr {
        let rank = |node: u32| (self.degree(node), node);
        let mut forward = Csr { offsets: vec![0], targets: Vec::with_capacity(self.targets.len() / 2) };
        for node in 0..self.nodes() as u32 {
            forward.targets.extend(self.row(node).iter().copied().filter(|&other| rank(other) > rank(node)));
            forward.offsets.push(forward.targets.len() as u32);
        }
        forward
    }

    /// Number of nodes.
    pub fn nodes(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Number of entries in all rows: twice the edges of an undirected graph.
    pub fn ends(&self) -> usize {
        self.targets.len()
    }

    /// Neighbours of a node, ascending.
    pub fn row(&self, node: u32) -> &[u32] {
        self.view().row(node)
    }

    /// Number of neighbours.
    pub fn degree(&self, node: u32) -> u32 {
        self.row(node).len() as u32
    }

    /// `[nodes + 1]` starts of rows.
    pub fn offsets(&self) -> &[u32] {
        &self.offsets
    }

    /// All rows, one after the other.
    pub fn targets(&self) -> &[u32] {
        &self.targets
    }

    pub(crate) fn view(&self) -> CsrView<'_> {
        CsrView { offsets: &self.offsets, targets: &self.targets }
    }
}

impl fmt::Debug for Csr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Csr({} nodes, {} ends)", self.nodes(), self.ends())
    }
}

/// A graph on a device.
#[derive(Clone, Copy, Debug)]
pub struct CsrBuffers<'a> {
    /// Number of nodes; buffers may be longer.
    pub nodes: usize,
    /// `[nodes + 1]`.
    pub offsets: &'a Buffer<u32>,
    /// `[offsets[nodes]]`.
    pub targets: &'a Buffer<u32>,
}

impl CsrBuffers<'_> {
    pub(crate) fn check(&self, kernel: &str) {
        let fits = self.offsets.len() > self.nodes;
        assert!(fits, "{kernel}: {} nodes in {}, this is a bug", self.nodes, self.offsets.erase());
    }
}

/// Panics unless `buffer` holds `len` elements.
pub(crate) fn check_len<T: Stored>(kernel: &str, buffer: &Buffer<T>, len: usize) {
    assert!(buffer.len() >= len, "{kernel}: {len} elements of {}, this is a bug", buffer.erase());
}

/// A graph as the host forms read it.
#[derive(Clone, Copy)]
pub(crate) struct CsrView<'a> {
    pub offsets: &'a [u32],
    pub targets: &'a [u32],
}

impl<'a> CsrView<'a> {
    #[inline]
    pub fn row(&self, node: u32) -> &'a [u32] {
        let node = node as usize;
        &self.targets[self.offsets[node] as usize..self.offsets[node + 1] as usize]
    }

    pub fn ends(&self, nodes: usize) -> usize {
        (self.offsets[nodes] - self.offsets[0]) as usize
    }
}

/// Graphs on which the kernels over them are compared, by name: shapes with a known answer, random ones, awkward ones.
pub(crate) fn shapes(draw: &mut Draw) -> Vec<(&'static str, Csr)> {
    let of = |nodes: usize, edges: Vec<(u32, u32)>| Csr::from_edges(nodes, edges.into_iter());
    let mut random = |nodes: usize, edges: usize| {
        let pairs: Vec<[u32; 2]> =
            draw.many(edges, |draw| [draw.below(nodes) as u32, draw.below(nodes) as u32]);
        of(nodes, pairs.into_iter().map(|[a, b]| (a, b)).collect())
    };
    let (sparse, dense, wide) = (random(500, 400), random(80, 1_200), random(9_000, 30_000));
    let path: Vec<(u32, u32)> = (0..299).map(|a| (a, a + 1)).collect();
    let mut order: Vec<u32> = (0..300).collect();
    for place in (1..order.len()).rev() {
        order.swap(place, draw.below(place + 1));
    }
    let shuffled = path.iter().map(|&(a, b)| (order[a as usize], order[b as usize])).collect();
    let complete = (0..20u32).flat_map(|a| (a + 1..20).map(move |b| (a, b))).collect();
    let grid = (0..144u32)
        .flat_map(|at| {
            [(at % 12 < 11, at + 1), (at < 132, at + 12)].map(|(fits, to)| fits.then_some((at, to)))
        })
        .flatten()
        .collect();
    // Each diamond doubles the number of shortest paths: 2^130 of them from end to end.
    let diamonds = (0..130u32).flat_map(|d| {
        let a = 3 * d;
        [(a, a + 1), (a, a + 2), (a + 1, a + 3), (a + 2, a + 3)]
    });
    vec![
        ("no node", of(0, vec![])),
        ("one node", of(1, vec![])),
        ("no edge", of(130, vec![])),
        ("one edge", of(2, vec![(1, 0)])),
        ("triangle and tail", of(5, vec![(0, 1), (1, 2), (2, 0), (2, 3), (3, 4)])),
        ("path", of(300, path)),
        ("shuffled path", of(300, shuffled)),
        ("star", of(400, (1..400).map(|leaf| (0, leaf)).collect())),
        ("complete", of(20, complete)),
        ("grid", of(144, grid)),
        ("two rings", of(90, (0..90).map(|a| (a, if a % 45 == 44 { a - 44 } else { a + 1 })).collect())),
        ("diamonds", of(391, diamonds.collect())),
        ("sparse", sparse),
        ("dense", dense),
        ("wide", wide),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn rows_equal_a_set_of_edges(edges in prop::collection::vec((0u32..12, 0u32..12), 0..80)) {
            let graph = Csr::from_edges(12, edges.iter().copied());
            let set: BTreeSet<(u32, u32)> =
                edges.iter().filter(|(a, b)| a != b).flat_map(|&(a, b)| [(a, b), (b, a)]).collect();
            let rows: Vec<(u32, u32)> =
                (0..12).flat_map(|a| graph.row(a).iter().map(move |&b| (a, b)).collect::<Vec<_>>()).collect();
            prop_assert_eq!(rows, set.into_iter().collect::<Vec<_>>());
            let forward = graph.forward();
            prop_assert_eq!(forward.ends() * 2, graph.ends());
            let both = (0..12).flat_map(|a| forward.row(a).iter().map(move |&b| (a, b)));
            prop_assert_eq!(Csr::from_edges(12, both), graph);
        }
    }
}
