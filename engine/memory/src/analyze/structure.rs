//! Clustering: communities of memories and entities.

use cortexkg_compute::analytics::communities;
use rustc_hash::FxHashSet;

use super::scope::Scope;
use super::{Notes, TOP};
use crate::Error;
use crate::answer::{Clustering, Community};
use crate::ids::MemoryId;
use crate::request::Analyze;

/// Ends of edges of a graph in which communities are looked for: about two seconds of one core.
const ENDS_MAX: usize = 1 << 21;
/// Ends of edges that rounds over the whole graph may meet together, after the first.
const ROUND_ENDS: usize = 1 << 21;
/// Assignments that are listed when no memory is named.
const ASSIGNMENTS_MAX: usize = 100;
/// Nodes that are named of a community.
const CENTRAL_MAX: usize = 5;
/// Modularity from which a partition is taken for structure (Newman 2004).
const STRUCTURED: f64 = 0.3;

pub(super) fn clustering(
    scope: &Scope<'_>,
    request: &Analyze,
    notes: &mut Notes,
) -> Result<Clustering, Error> {
    let graph = &scope.graph;
    if graph.ends() > ENDS_MAX {
        let why = format!(
            "analysis_type: Clustering is limited to {} links, and these nodes have {}; name memory_ids with a small max_depth",
            ENDS_MAX / 2,
            graph.ends() / 2
        );
        return Err(Error::Refused { why });
    }
    let found = communities(graph, (ROUND_ENDS / graph.ends().max(1)).clamp(1, 100));
    let communities_len = found.sizes.iter().filter(|&&size| size > 1).count();
    if let Some(modularity) = found.modularity.filter(|&modularity| modularity >= STRUCTURED) {
        let description = format!("{communities_len} communities with modularity {modularity:.2}");
        notes.insight("communities", description, std::iter::empty());
    }
    let mut largest: Vec<Community> = (0..communities_len.min(TOP) as u32)
        .map(|number| Community { number, memories: 0, entities: 0, central: Vec::new() })
        .collect();
    let mut of_memory: Vec<(MemoryId, u32)> = Vec::new();
    let mut by_degree: Vec<u32> = (0..graph.nodes() as u32).collect();
    by_degree.sort_by_key(|&node| std::cmp::Reverse(graph.degree(node)));
    for node in by_degree {
        let number = found.of[node as usize];
        let memory = scope.memory(node);
        of_memory.extend(memory.map(|memory| (memory, number)));
        if let Some(community) = largest.get_mut(number as usize) {
            *(if memory.is_some() { &mut community.memories } else { &mut community.entities }) += 1;
            if community.central.len() < CENTRAL_MAX {
                community.central.push(scope.name(node));
            }
        }
    }
    of_memory.sort_unstable();
    let asked: FxHashSet<MemoryId> = request.memory_ids.iter().copied().collect();
    let named = |memory: &MemoryId| asked.is_empty() || asked.contains(memory);
    let limit = if request.memory_ids.is_empty() { ASSIGNMENTS_MAX } else { usize::MAX };
    Ok(Clustering {
        communities: communities_len as u64,
        modularity: found.modularity,
        largest,
        assignments: of_memory.into_iter().filter(|(memory, _)| named(memory)).take(limit).collect(),
    })
}
