//! analyze_memory_graph and the state's part of get_memory_stats.

use std::collections::VecDeque;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::Error;
use crate::answer::{Analyzed, Finding, GraphCounts, Role, Sampled, Stats};
use crate::request::{Analysis, Analyze, Kind, StatsQuery};
use crate::state::graph::{EdgeClass, Side};
use crate::state::{Owner, State};

/// Nodes whose clustering is computed.
const CLUSTERING_SAMPLES: usize = 1_000;
/// Neighbours looked at of one sampled node; a hub's pairs would be too many.
const CLUSTERING_DEGREE_MAX: usize = 200;
/// Nodes from which all distances are measured.
const PATH_SAMPLES: usize = 16;
/// Nodes of the highest degree that are named.
const HUBS_MAX: usize = 10;
/// Pathways that are listed.
const PATHWAYS_MAX: usize = 10;
/// Problems that one check lists; the rest is counted.
const PROBLEMS_MAX: usize = 20;
/// Tags that a breakdown lists.
const TAGS_MAX: usize = 50;

/// Answers analyze_memory_graph.
pub fn analyze(state: &State, request: &Analyze) -> Result<Analyzed, Error> {
    let scope = scope(state, request)?;
    let mut analyzed = Analyzed {
        counts: counts(state, &scope),
        clustering: None,
        path_length: None,
        hubs: Vec::new(),
        findings: Vec::new(),
        pathways: Vec::new(),
    };
    match request.analysis {
        Analysis::Connectivity => {
            analyzed.clustering = clustering(state, &scope);
            analyzed.path_length = path_length(state, &scope);
            analyzed.hubs = hubs(state, &scope);
            if request.include_pathways {
                analyzed.pathways = pathways(state, request);
            }
        }
        Analysis::MemoryIntegrity => analyzed.findings = integrity(state),
        other => return Err(Error::NotAvailable { what: format!("analysis_type {other:?}") }),
    }
    Ok(analyzed)
}

/// Nodes of an analysis, ascending, and which they are.
struct Scope {
    nodes: Vec<u32>,
    holds: Vec<bool>,
}

fn neighbours(state: &State, node: u32) -> impl Iterator<Item = u32> {
    [Side::Near, Side::Far]
        .into_iter()
        .flat_map(move |side| state.graph.row(node, side))
        .filter(|edge| edge.class() != EdgeClass::Learned as u32)
        .map(|edge| edge.target)
}

fn is_live(state: &State, node: u32) -> bool {
    match state.owner(node) {
        Owner::Memory(row) => state.items.get(row).alive,
        Owner::Entity(_) => state.graph.row_len(node, Side::Near) + state.graph.row_len(node, Side::Far) > 0,
    }
}

fn scope(state: &State, request: &Analyze) -> Result<Scope, Error> {
    let len = state.graph.nodes_len();
    if request.memory_ids.is_empty() {
        let holds: Vec<bool> = (0..len as u32).map(|node| is_live(state, node)).collect();
        let nodes = (0..len as u32).filter(|&node| holds[node as usize]).collect();
        return Ok(Scope { nodes, holds });
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
    let nodes = (0..len as u32).filter(|&node| holds[node as usize]).collect();
    Ok(Scope { nodes, holds })
}

fn inside<'a>(state: &'a State, scope: &'a Scope, node: u32) -> impl Iterator<Item = u32> {
    neighbours(state, node).filter(|&next| scope.holds[next as usize])
}

fn counts(state: &State, scope: &Scope) -> GraphCounts {
    let mut counts = GraphCounts::default();
    let mut seen = vec![false; scope.holds.len()];
    let mut ends = 0u64;
    for &node in &scope.nodes {
        match state.owner(node) {
            Owner::Memory(_) => counts.memories += 1,
            Owner::Entity(_) => counts.entities += 1,
        }
        let degree = inside(state, scope, node).count() as u64;
        ends += degree;
        counts.degree_max = counts.degree_max.max(degree);
        counts.isolated += u64::from(degree == 0);
        if seen[node as usize] {
            continue;
        }
        counts.components += 1;
        let mut size = 0;
        let mut stack = vec![node];
        seen[node as usize] = true;
        while let Some(node) = stack.pop() {
            size += 1;
            stack.extend(
                inside(state, scope, node).filter(|&next| !std::mem::replace(&mut seen[next as usize], true)),
            );
        }
        counts.largest_component = counts.largest_component.max(size);
    }
    counts.edges = ends / 2;
    counts.degree_mean = ends as f64 / (scope.nodes.len().max(1)) as f64;
    counts
}

/// Every so many-th node, so that the same graph gives the same sample.
fn sample(nodes: &[u32], wanted: usize) -> impl Iterator<Item = u32> {
    let step = nodes.len().div_ceil(wanted).max(1);
    nodes.iter().copied().step_by(step)
}

/// Mean local clustering coefficient (Watts and Strogatz 1998) of nodes with two neighbours or more.
fn clustering(state: &State, scope: &Scope) -> Option<Sampled> {
    let (mut sum, mut samples) = (0.0, 0);
    for node in sample(&scope.nodes, CLUSTERING_SAMPLES) {
        let mut around: Vec<u32> = inside(state, scope, node).collect();
        around.sort_unstable();
        around.dedup();
        if !(2..=CLUSTERING_DEGREE_MAX).contains(&around.len()) {
            continue;
        }
        let links: usize = around
            .iter()
            .map(|&one| {
                inside(state, scope, one)
                    .filter(|other| *other > one && around.binary_search(other).is_ok())
                    .count()
            })
            .sum();
        sum += links as f64 / (around.len() * (around.len() - 1) / 2) as f64;
        samples += 1;
    }
    (samples > 0).then(|| Sampled { mean: sum / samples as f64, samples })
}

/// Mean number of edges between a sampled node and all it reaches.
fn path_length(state: &State, scope: &Scope) -> Option<Sampled> {
    let (mut sum, mut pairs) = (0u64, 0u64);
    for start in sample(&scope.nodes, PATH_SAMPLES) {
        let mut depth: FxHashMap<u32, u64> = FxHashMap::from_iter([(start, 0)]);
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            let here = depth[&node];
            for next in inside(state, scope, node) {
                depth.entry(next).or_insert_with(|| {
                    sum += here + 1;
                    pairs += 1;
                    queue.push_back(next);
                    here + 1
                });
            }
        }
    }
    (pairs > 0).then(|| Sampled { mean: sum as f64 / pairs as f64, samples: pairs })
}

fn name(state: &State, node: u32) -> String {
    match state.owner(node) {
        Owner::Memory(row) => state.items.get(row).id.to_string(),
        Owner::Entity(ix) => state.entities.get(ix).name.to_string(),
    }
}

fn hubs(state: &State, scope: &Scope) -> Vec<(String, u64)> {
    let mut by_degree: Vec<(u64, u32)> =
        scope.nodes.iter().map(|&node| (inside(state, scope, node).count() as u64, node)).collect();
    by_degree.sort_unstable_by_key(|&(degree, node)| (std::cmp::Reverse(degree), node));
    by_degree.truncate(HUBS_MAX);
    by_degree.into_iter().map(|(degree, node)| (name(state, node), degree)).collect()
}

/// Shortest ways between the memories asked for, each to the next.
fn pathways(state: &State, request: &Analyze) -> Vec<Vec<String>> {
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

/// Checks that all parts of the state agree.
pub fn integrity(state: &State) -> Vec<Finding> {
    let items = state.items.list();
    let finding = |check: &'static str, examined: usize, mut problems: Vec<String>| {
        if problems.len() > PROBLEMS_MAX {
            let more = problems.len() - PROBLEMS_MAX;
            problems.truncate(PROBLEMS_MAX);
            problems.push(format!("and {more} more"));
        }
        Finding { check, examined: examined as u64, problems }
    };
    let mut one_way = Vec::new();
    let mut edges = 0;
    for node in 0..state.graph.nodes_len() as u32 {
        for target in neighbours(state, node) {
            edges += 1;
            if !neighbours(state, target).any(|back| back == node) {
                one_way.push(format!(
                    "{} has an edge to {} but not back",
                    name(state, node),
                    name(state, target)
                ));
            }
        }
    }
    let mut members: FxHashMap<u32, u32> = FxHashMap::default();
    let mut lost = Vec::new();
    for item in items.iter().filter(|item| item.alive) {
        *members.entry(item.column.0).or_default() += 1;
        match item.role {
            Role::DuplicateOf(other) | Role::ExceptionTo(other) if state.items.find_any(other).is_none() => {
                lost.push(format!("{} refers to {other}, which never existed", item.id));
            }
            _ => {}
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
    vec![
        finding("graph rows lie apart and inside the arena", state.graph.nodes_len(), state.graph.check()),
        finding("every edge leads both ways", edges, one_way),
        finding("columns hold whom they count", columns.len(), miscounted),
        finding("references lead to memories", items.len(), lost),
        finding("vectors are finite", items.len(), vectors),
        finding("ids are unique", items.len(), repeated),
    ]
}

/// Answers the state's part of get_memory_stats.
pub fn stats(state: &State, request: &StatsQuery, device_bytes: u64) -> Stats {
    let plain = state.plain_counts();
    let (edges, learned) = state.edge_counts();
    let mut stats = Stats {
        tombstones: state.items.len() as u64 - state.items.alive_len(),
        entities: plain.entities,
        edges,
        learned,
        columns: state.columns.allocated(),
        terms: state.lexical.terms_len() as u64,
        text_bytes: state.items.text_bytes(),
        state_bytes: state.bytes(),
        device_bytes,
        ..Stats::default()
    };
    let mut kinds = [0u64; 2];
    let alive = state.items.list().iter().filter(|item| item.alive);
    for item in alive.filter(|item| request.time_range.is_none_or(|range| range.contains(item.time()))) {
        stats.memories += 1;
        let role = match item.role {
            Role::Founder => 0,
            Role::Member => 1,
            Role::DuplicateOf(_) => 2,
            Role::ExceptionTo(_) => 3,
        };
        stats.roles[role] += 1;
        kinds[(item.kind == Kind::Turn) as usize] += 1;
    }
    if request.detailed_breakdown {
        stats.by_kind = vec![(Kind::Passage, kinds[0]), (Kind::Turn, kinds[1])];
        stats.by_tag =
            state.items.tag_counts().filter(|(_, n)| *n > 0).map(|(tag, n)| (tag.to_owned(), n)).collect();
        stats.by_tag.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        stats.by_tag.truncate(TAGS_MAX);
    }
    stats
}
