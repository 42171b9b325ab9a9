//! MemoryIntegrity: whether all parts of the state agree.

use rustc_hash::{FxHashMap, FxHashSet};

use super::Notes;
use super::scope::{name, neighbours};
use crate::answer::{Finding, MemoryIntegrity};
use crate::state::State;
use crate::state::graph::{EdgeClass, Side};

/// Problems that one check lists; the rest is counted.
const PROBLEMS_MAX: usize = 20;

/// All checks, and the share of what they looked at that is in order.
pub(super) fn report(state: &State, notes: &mut Notes) -> MemoryIntegrity {
    let findings = integrity(state);
    for finding in findings.iter().filter(|finding| finding.failed > 0) {
        let description = format!("{}: {} of {} are not so", finding.check, finding.failed, finding.examined);
        notes.insight("inconsistent", description, std::iter::empty());
    }
    if !notes.insights.is_empty() {
        notes.recommend("Stop the server and run `cortexkg verify` on the data folder.");
    }
    let (examined, failed) = findings
        .iter()
        .fold((0, 0), |(examined, failed), finding| (examined + finding.examined, failed + finding.failed));
    let score = (examined > 0).then(|| 1.0 - failed.min(examined) as f64 / examined as f64);
    MemoryIntegrity { findings, score }
}

/// Checks that all parts of the state agree.
pub fn integrity(state: &State) -> Vec<Finding> {
    let items = state.items.list();
    let finding = |check: &'static str, examined: usize, mut problems: Vec<String>| {
        let failed = problems.len() as u64;
        if problems.len() > PROBLEMS_MAX {
            let more = problems.len() - PROBLEMS_MAX;
            problems.truncate(PROBLEMS_MAX);
            problems.push(format!("and {more} more"));
        }
        Finding { check, examined: examined as u64, failed, problems }
    };
    let nodes = state.graph.nodes_len() as u32;
    let rows = finding("graph rows lie apart and inside the arena", nodes as usize, state.graph.check());
    if rows.failed > 0 {
        // Nothing can be read through rows that are not sound.
        return vec![rows];
    }
    let mut edges: Vec<(u32, u32)> =
        (0..nodes).flat_map(|node| neighbours(state, node).map(move |target| (node, target))).collect();
    edges.sort_unstable();
    let back = |&(node, target): &(u32, u32)| edges.binary_search(&(target, node)).is_ok();
    let one_way = edges.iter().filter(|edge| !back(edge)).map(|&(node, target)| {
        format!("{} has an edge to {} but not back", name(state, node), name(state, target))
    });
    let one_way: Vec<String> = one_way.collect();
    let mut members: FxHashMap<u32, u32> = FxHashMap::default();
    let mut lost = Vec::new();
    for item in items.iter().filter(|item| item.alive) {
        *members.entry(item.column.0).or_default() += 1;
        if let Some(other) = item.role.other().filter(|&other| state.items.find_any(other).is_none()) {
            lost.push(format!("{} refers to {other}, which never existed", item.id));
        }
    }
    let columns = state.columns.list();
    let miscounted: Vec<String> = columns
        .iter()
        .enumerate()
        .filter(|(ix, column)| column.members < members.get(&(*ix as u32)).copied().unwrap_or(0))
        .map(|(ix, column)| {
            format!("column c{ix:x} counts {} members, {} name it", column.members, members[&(ix as u32)])
        })
        .collect();
    let vectors: Vec<String> = (0..items.len() as u32)
        .filter(|&row| !state.vectors.row(row).iter().all(|value| value.is_finite()))
        .map(|row| format!("the vector of {} is not finite", state.items.get(row).id))
        .collect();
    let mut ids = FxHashSet::default();
    let repeated: Vec<String> = items
        .iter()
        .filter(|item| !ids.insert(item.id))
        .map(|item| format!("{} is there twice", item.id))
        .collect();
    let mut unbounded = Vec::new();
    let mut learned = 0;
    for node in 0..state.graph.nodes_len() as u32 {
        let row = state.graph.row(node, Side::Far).iter();
        for edge in row.filter(|edge| edge.class() == EdgeClass::Learned as u32) {
            learned += 1;
            if edge.weight() > 1.0 {
                let (from, to) = (name(state, node), name(state, edge.target));
                unbounded.push(format!("{from} is tied to {to} by {}", edge.weight()));
            }
        }
    }
    vec![
        rows,
        finding("every edge leads both ways", edges.len(), one_way),
        finding("learned weights are at most 1", learned, unbounded),
        finding("columns count all their live members", columns.len(), miscounted),
        finding("references lead to memories", items.len(), lost),
        finding("vectors are finite", items.len(), vectors),
        finding("ids are unique", items.len(), repeated),
    ]
}
