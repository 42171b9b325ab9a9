//! What an analysis is about: live memories and entities, all of them or those around some memories, and the ties among them.

use std::collections::VecDeque;

use cortexkg_compute::kernels::shared::csr::Csr;
use rustc_hash::FxHashMap;

use crate::Error;
use crate::ids::MemoryId;
use crate::request::Analyze;
use crate::state::graph::{EdgeClass, Side};
use crate::state::{Owner, State};

/// Pathways that are listed.
const PATHWAYS_MAX: usize = 10;
/// Stands for a node that is not in scope.
const OUTSIDE: u32 = u32::MAX;

/// Nodes of an analysis, ascending, with the graph among them: node i of the graph is `nodes[i]` of the state.
pub(super) struct Scope<'a> {
    pub state: &'a State,
    pub nodes: Vec<u32>,
    pub graph: Csr,
}

impl<'a> Scope<'a> {
    pub fn of(state: &'a State, request: &Analyze) -> Result<Self, Error> {
        let holds = holds(state, request)?;
        let nodes: Vec<u32> = (0..holds.len() as u32).filter(|&node| holds[node as usize]).collect();
        let mut place = vec![OUTSIDE; holds.len()];
        nodes.iter().zip(0..).for_each(|(&node, at)| place[node as usize] = at);
        let place = &place;
        // Every edge leads both ways, so one direction tells all.
        let edges = nodes.iter().zip(0..).flat_map(|(&node, at)| {
            neighbours(state, node)
                .map(move |other| (at, place[other as usize]))
                .filter(|&(at, other)| other != OUTSIDE && other > at)
        });
        let graph = Csr::from_edges(nodes.len(), edges);
        Ok(Scope { state, nodes, graph })
    }

    /// The name of a node of the graph.
    pub fn name(&self, node: u32) -> String {
        name(self.state, self.nodes[node as usize])
    }

    /// The memory that a node of the graph is, if it is one.
    pub fn memory(&self, node: u32) -> Option<MemoryId> {
        match self.state.owner(self.nodes[node as usize]) {
            Owner::Memory(row) => Some(self.state.items.get(row).id),
            Owner::Entity(_) => None,
        }
    }

    /// Nodes of the graph with the highest values, highest first, ties by node.
    pub fn highest(&self, count: usize, value: impl Fn(u32) -> f64) -> Vec<(u32, f64)> {
        let mut all: Vec<(u32, f64)> = (0..self.nodes.len() as u32).map(|node| (node, value(node))).collect();
        let order = |a: &(u32, f64), b: &(u32, f64)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
        if count < all.len() {
            all.select_nth_unstable_by(count, order);
            all.truncate(count);
        }
        all.sort_unstable_by(order);
        all
    }
}

/// Nodes tied to a node, whatever the class of the edge; learned connections are no edges.
pub(super) fn neighbours(state: &State, node: u32) -> impl Iterator<Item = u32> + Clone {
    [Side::Near, Side::Far]
        .into_iter()
        .flat_map(move |side| state.graph.row(node, side))
        .filter(|edge| edge.class() != EdgeClass::Learned as u32)
        .map(|edge| edge.target)
}

/// A memory's id or an entity's name.
pub(super) fn name(state: &State, node: u32) -> String {
    match state.owner(node) {
        Owner::Memory(row) => state.items.get(row).id.to_string(),
        Owner::Entity(ix) => state.entities.get(ix).name.to_string(),
    }
}

fn is_live(state: &State, node: u32) -> bool {
    match state.owner(node) {
        Owner::Memory(row) => state.items.get(row).alive,
        Owner::Entity(_) => state.graph.degree(node) > 0,
    }
}

/// For each node of the state, whether it is in scope.
fn holds(state: &State, request: &Analyze) -> Result<Vec<bool>, Error> {
    let len = state.graph.nodes_len();
    if request.memory_ids.is_empty() {
        return Ok((0..len as u32).map(|node| is_live(state, node)).collect());
    }
    let mut holds = vec![false; len];
    let mut queue = VecDeque::new();
    for &id in &request.memory_ids {
        let row = state.items.find(id).ok_or(Error::NotFound(id))?;
        let node = state.items.get(row).node;
        if !std::mem::replace(&mut holds[node as usize], true) {
            queue.push_back((node, 0));
        }
    }
    while let Some((node, depth)) = queue.pop_front() {
        if depth == request.max_depth {
            continue;
        }
        for next in neighbours(state, node) {
            if is_live(state, next) && !std::mem::replace(&mut holds[next as usize], true) {
                queue.push_back((next, depth + 1));
            }
        }
    }
    Ok(holds)
}

/// Shortest ways between the memories asked for, each to the next.
pub(super) fn pathways(state: &State, request: &Analyze) -> Vec<Vec<String>> {
    let nodes: Vec<u32> = request
        .memory_ids
        .iter()
        .filter_map(|&id| state.items.find(id))
        .map(|row| state.items.get(row).node)
        .collect();
    nodes
        .windows(2)
        .take(PATHWAYS_MAX)
        .filter_map(|pair| shortest(state, pair[0], pair[1], request.max_depth))
        .map(|way| way.into_iter().map(|node| name(state, node)).collect())
        .collect()
}

fn shortest(state: &State, from: u32, to: u32, max_depth: u32) -> Option<Vec<u32>> {
    let mut came_from: FxHashMap<u32, u32> = FxHashMap::from_iter([(from, from)]);
    let mut frontier = vec![from];
    for _ in 0..max_depth {
        let mut next = Vec::new();
        for &node in &frontier {
            for target in neighbours(state, node).filter(|&target| is_live(state, target)) {
                came_from.entry(target).or_insert_with(|| {
                    next.push(target);
                    node
                });
            }
        }
        frontier = next;
        if came_from.contains_key(&to) || frontier.is_empty() {
            break;
        }
    }
    came_from.contains_key(&to).then(|| {
        let mut way = vec![to];
        while let Some(&before) =
            way.last().and_then(|node| came_from.get(node)).filter(|before| Some(*before) != way.last())
        {
            way.push(before);
        }
        way.reverse();
        way
    })
}
