//! The knowledge graph as arrays: memories and entities are nodes, each with two rows of edges.
//!
//! | row | of a memory | of an entity |
//! |---|---|---|
//! | near | entities it mentions or is about | memories it is the subject of |
//! | far | neighbours in its sequence, similar and learned memories | memories that mention it |
//!
//! Rows live in one arena and move to its end when they outgrow their place; the arena is packed when a quarter of it is
//! waste. The same arrays are what kernels read, so every change is noted as dirty.

use bytemuck::{Pod, Zeroable};
use cortexkg_compute::kernels::shared::plasticity::dither;

use super::vectors::make_room;
use crate::ids::Timestamp;

/// Which row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Entities of a memory; memories an entity is the subject of.
    Near = 0,
    /// Related memories of a memory; memories that mention an entity.
    Far = 1,
}

/// What an edge means; kernels look its strength up by this.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum EdgeClass {
    /// Memory to an entity it mentions.
    Mentions = 0,
    /// Entity to a memory it is the subject of.
    SubjectOf = 1,
    /// Entity to a memory that mentions it.
    MentionedBy = 2,
    /// Memory to the next or previous of its sequence.
    Sequence = 3,
    /// Memory to one that says nearly the same.
    Similar = 4,
    /// Memory to one that use has tied to it.
    Learned = 5,
    /// Entity to a turn of a conversation that mentions it.
    MentionedByTurn = 6,
}

/// An edge: target node, and class (upper 8 bits) with weight (lower 24 bits, 1.0 = 4096).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct Edge {
    /// Node it leads to.
    pub target: u32,
    /// Class and weight.
    pub packed: u32,
}

/// Weight 1.0 of an edge.
pub const WEIGHT_ONE: u32 = 1 << 12;

impl Edge {
    /// An edge of a class; weights are cut to 0..4095.
    pub fn new(target: u32, class: EdgeClass, weight: f32) -> Self {
        let weight = (weight.clamp(0.0, 4095.0) * WEIGHT_ONE as f32).round() as u32;
        Edge { target, packed: ((class as u32) << 24) | weight.min((1 << 24) - 1) }
    }

    /// Its class number.
    pub fn class(self) -> u32 {
        self.packed >> 24
    }

    /// Its weight.
    pub fn weight(self) -> f32 {
        self.units() as f32 / WEIGHT_ONE as f32
    }

    /// Its weight in units of 1 / `WEIGHT_ONE`.
    pub fn units(self) -> u32 {
        self.packed & 0xff_ffff
    }

    /// The same edge with another weight, in units of 1 / `WEIGHT_ONE`.
    pub fn with_units(self, units: u32) -> Edge {
        assert!(units < 1 << 24, "a weight of {units} units; this is a bug");
        Edge { packed: self.packed & 0xff00_0000 | units, ..self }
    }
}

/// Bits by which the change of a synapse is rounded, drawn from its two ends and the time: replay draws them again.
pub fn drawn(from: u32, to: u32, at: Timestamp) -> u32 {
    dither(from.wrapping_mul(0x27d4_eb2f) ^ to, at.0 as u32 ^ (at.0 >> 32) as u32)
}

/// Where the rows of a node lie; also the kernels' view of a node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Pod, Zeroable)]
#[repr(C)]
pub struct NodeRows {
    /// Start of each row in the arena.
    pub start: [u32; 2],
    /// Edges in each row.
    pub len: [u32; 2],
}

/// Nodes and edges, with what changed since the device last saw them.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    nodes: Vec<NodeRows>,
    room: Vec<[u32; 2]>,
    edges: Vec<Edge>,
    wasted: usize,
    dirty: Dirty,
}

/// What the device has to be told.
#[derive(Clone, Debug)]
pub struct Dirty {
    /// Everything, because places moved.
    pub all: bool,
    /// Nodes whose rows moved or grew.
    pub nodes: Vec<u32>,
    /// Spans of the arena that were written, start and end.
    pub edges: Vec<(u32, u32)>,
}

impl Default for Dirty {
    /// A device that has just been opened knows nothing.
    fn default() -> Self {
        Dirty { all: true, nodes: Vec::new(), edges: Vec::new() }
    }
}

impl Graph {
    /// A graph of packed rows: the lengths of each node's two rows, and all edges in order. They must add up.
    pub fn from_rows(lens: &[[u32; 2]], edges: Vec<Edge>) -> Self {
        let mut graph = Graph { edges, ..Graph::default() };
        let mut start = 0;
        for &len in lens {
            graph.nodes.push(NodeRows { start: [start, start + len[0]], len });
            graph.room.push(len);
            start += len[0] + len[1];
        }
        assert_eq!(start as usize, graph.edges.len(), "rows and edges do not add up; this is a bug");
        graph
    }

    /// Adds a node without edges.
    pub fn add_node(&mut self) -> u32 {
        let node = u32::try_from(self.nodes.len()).expect("more than 4 billion nodes; this is a bug");
        self.nodes.push(NodeRows::default());
        self.room.push([0, 0]);
        self.dirty.nodes.push(node);
        node
    }

    /// Number of nodes.
    pub fn nodes_len(&self) -> usize {
        self.nodes.len()
    }

    /// All rows, as kernels read them.
    pub fn nodes(&self) -> &[NodeRows] {
        &self.nodes
    }

    /// The arena, as kernels read it.
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// One row.
    pub fn row(&self, node: u32, side: Side) -> &[Edge] {
        let rows = &self.nodes[node as usize];
        let start = rows.start[side as usize] as usize;
        &self.edges[start..start + rows.len[side as usize] as usize]
    }

    /// Edges of a node, both sides.
    pub fn degree(&self, node: u32) -> usize {
        self.row_len(node, Side::Near) + self.row_len(node, Side::Far)
    }

    /// Number of edges in a row.
    pub fn row_len(&self, node: u32, side: Side) -> usize {
        self.nodes[node as usize].len[side as usize] as usize
    }

    /// Adds an edge at the end of a row.
    pub fn push(&mut self, node: u32, side: Side, edge: Edge) {
        let (n, s) = (node as usize, side as usize);
        let len = self.nodes[n].len[s];
        if len == self.room[n][s] {
            let room = if len == 0 { 1 } else { len + len.div_ceil(2) };
            self.move_row(node, side, room);
        }
        let at = self.nodes[n].start[s] + len;
        self.edges[at as usize] = edge;
        self.nodes[n].len[s] += 1;
        self.dirty.nodes.push(node);
        self.dirty.edges.push((at, at + 1));
    }

    /// Makes room for exactly `room` edges, for rows whose length is known beforehand.
    pub fn reserve(&mut self, node: u32, side: Side, room: usize) {
        let room = room as u32;
        if self.room[node as usize][side as usize] < room {
            self.move_row(node, side, room);
        }
    }

    /// Sets the weight of the edge to `target` of `class`, adding it if it is not there. Returns whether it was added.
    pub fn set(&mut self, node: u32, side: Side, edge: Edge) -> bool {
        match self.find(node, side, edge.target, edge.class()) {
            Some(at) => {
                self.edges[at] = edge;
                self.dirty.edges.push((at as u32, at as u32 + 1));
                false
            }
            None => {
                self.push(node, side, edge);
                true
            }
        }
    }

    /// Removes the edges to `target` that `which` chooses; returns how many.
    pub fn remove(&mut self, node: u32, side: Side, which: impl Fn(Edge) -> bool) -> u32 {
        let (n, s) = (node as usize, side as usize);
        let start = self.nodes[n].start[s] as usize;
        let len = self.nodes[n].len[s] as usize;
        let mut kept = 0;
        for at in start..start + len {
            let edge = self.edges[at];
            if !which(edge) {
                self.edges[start + kept] = edge;
                kept += 1;
            }
        }
        if kept < len {
            self.nodes[n].len[s] = kept as u32;
            self.dirty.nodes.push(node);
            self.dirty.edges.push((start as u32, (start + kept) as u32));
        }
        (len - kept) as u32
    }

    /// Hands over what changed since the last call.
    pub fn take_dirty(&mut self) -> Dirty {
        let mut dirty =
            std::mem::replace(&mut self.dirty, Dirty { all: false, nodes: Vec::new(), edges: Vec::new() });
        dirty.nodes.sort_unstable();
        dirty.nodes.dedup();
        dirty.edges.sort_unstable();
        let mut spans: Vec<(u32, u32)> = Vec::with_capacity(dirty.edges.len());
        for (start, end) in dirty.edges.drain(..) {
            match spans.last_mut() {
                Some(last) if start <= last.1 => last.1 = last.1.max(end),
                _ => spans.push((start, end)),
            }
        }
        dirty.edges = spans;
        dirty
    }

    /// Forgets what the device knows, after it was lost.
    pub fn mark_all_dirty(&mut self) {
        self.dirty = Dirty::default();
    }

    /// Bytes of all arrays.
    pub fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<NodeRows>()
            + self.room.capacity() * size_of::<[u32; 2]>()
            + self.edges.capacity() * size_of::<Edge>()
    }

    /// Checks that rows lie inside the arena and apart from each other. Returns what is wrong.
    pub fn check(&self) -> Vec<String> {
        let mut spans = Vec::new();
        let mut problems = Vec::new();
        for (node, rows) in self.nodes.iter().enumerate() {
            for side in 0..2 {
                let (start, len, room) = (rows.start[side], rows.len[side], self.room[node][side]);
                if len > room || (start + room) as usize > self.edges.len() {
                    problems.push(format!("row {side} of node {node} does not fit its place"));
                    continue;
                }
                if room > 0 {
                    spans.push((start, start + room, node));
                }
                for edge in &self.edges[start as usize..(start + len) as usize] {
                    if edge.target as usize >= self.nodes.len() {
                        problems.push(format!(
                            "node {node} has an edge to node {} that does not exist",
                            edge.target
                        ));
                    }
                }
            }
        }
        spans.sort_unstable();
        for pair in spans.windows(2) {
            if pair[0].1 > pair[1].0 {
                problems.push(format!("rows of nodes {} and {} overlap", pair[0].2, pair[1].2));
            }
        }
        problems
    }

    fn find(&self, node: u32, side: Side, target: u32, class: u32) -> Option<usize> {
        let start = self.nodes[node as usize].start[side as usize] as usize;
        self.row(node, side)
            .iter()
            .position(|edge| edge.target == target && edge.class() == class)
            .map(|at| start + at)
    }

    fn move_row(&mut self, node: u32, side: Side, room: u32) {
        if self.wasted > (1 << 16) && self.wasted > self.edges.len() / 4 {
            self.pack();
        }
        let (n, s) = (node as usize, side as usize);
        let (start, len) = (self.nodes[n].start[s] as usize, self.nodes[n].len[s] as usize);
        let new_start = self.edges.len();
        assert!(new_start + room as usize <= u32::MAX as usize, "more than 4 billion edges; this is a bug");
        make_room(&mut self.edges, room as usize);
        self.edges.extend_from_within(start..start + len);
        self.edges.resize(new_start + room as usize, Edge::zeroed());
        self.wasted += self.room[n][s] as usize;
        self.nodes[n].start[s] = new_start as u32;
        self.room[n][s] = room;
        self.dirty.nodes.push(node);
        self.dirty.edges.push((new_start as u32, new_start as u32 + room));
    }

    fn pack(&mut self) {
        let mut packed = Vec::with_capacity(self.edges.len() - self.wasted + (1 << 12));
        for (rows, room) in self.nodes.iter_mut().zip(&self.room) {
            for (start, &room) in rows.start.iter_mut().zip(room) {
                let old = *start as usize;
                *start = packed.len() as u32;
                packed.extend_from_slice(&self.edges[old..old + room as usize]);
            }
        }
        self.edges = packed;
        self.wasted = 0;
        self.dirty = Dirty::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_edge_keeps_class_and_weight() {
        let edge = Edge::new(9, EdgeClass::Learned, 0.25);
        assert_eq!((edge.target, edge.class(), edge.weight()), (9, 5, 0.25));
        assert_eq!(Edge::new(0, EdgeClass::Similar, f32::INFINITY).weight(), 4095.0);
    }

    proptest! {
        #[test]
        fn rows_equal_a_list_of_lists(steps in prop::collection::vec((0u32..6, 0u32..6, 0usize..2, 0u8..3), 1..400)) {
            let mut graph = Graph::default();
            for _ in 0..6 {
                graph.add_node();
            }
            let mut model = vec![[Vec::<Edge>::new(), Vec::new()]; 6];
            for (node, target, side, what) in steps {
                let on = [Side::Near, Side::Far][side];
                let row = &mut model[node as usize][side];
                let edge = Edge::new(target, EdgeClass::Similar, f32::from(what));
                match what {
                    0 => { graph.push(node, on, edge); row.push(edge); }
                    1 => {
                        let added = graph.set(node, on, edge);
                        match row.iter_mut().find(|known| known.target == target) {
                            Some(known) => { *known = edge; prop_assert!(!added); }
                            None => { row.push(edge); prop_assert!(added); }
                        }
                    }
                    _ => {
                        let before = row.len();
                        row.retain(|known| known.target != target);
                        prop_assert_eq!(graph.remove(node, on, |edge| edge.target == target) as usize, before - row.len());
                    }
                }
                prop_assert_eq!(graph.check(), Vec::<String>::new());
            }
            graph.pack();
            for (node, rows) in model.iter().enumerate() {
                prop_assert_eq!(graph.row(node as u32, Side::Near), &rows[0][..]);
                prop_assert_eq!(graph.row(node as u32, Side::Far), &rows[1][..]);
            }
        }
    }
}
