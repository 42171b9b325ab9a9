//! analyze_memory_graph and the state's part of get_memory_stats.
//!
//! An analysis runs between recalls, on the thread that answers them, so what it may look at is bounded: paths are followed from
//! as many nodes as the bound allows, and the answer says from how many. What cannot be sampled is refused on graphs that are too
//! large, with what to ask instead.

mod integrity;
mod paths;
mod scope;
mod stats;
mod strength;
mod structure;

pub use integrity::integrity;
pub use stats::stats;

use cortexkg_compute::analytics::Analytics;

use crate::Error;
use crate::answer::{Analyzed, GraphCounts, Insight, Report};
use crate::request::{Analysis, Analyze};
use crate::resident::Resident;
use crate::state::{Owner, State};
use scope::Scope;

/// Nodes that a list names.
const TOP: usize = 10;

/// Answers analyze_memory_graph.
pub fn analyze(state: &State, resident: &mut Resident, request: &Analyze) -> Result<Analyzed, Error> {
    let scope = Scope::of(state, request)?;
    let mut analytics = resident.analyze(&scope.graph)?;
    let counts = counts(&scope, &mut analytics)?;
    let mut notes = Notes::default();
    let report = match request.analysis {
        Analysis::Connectivity => {
            Report::Connectivity(paths::connectivity(&scope, &mut analytics, &counts, &mut notes)?)
        }
        Analysis::Centrality => Report::Centrality(paths::centrality(&scope, &mut analytics, &mut notes)?),
        Analysis::Clustering => Report::Clustering(structure::clustering(&scope, request, &mut notes)?),
        Analysis::PathwayEfficiency => {
            Report::PathwayEfficiency(paths::efficiency(&scope, &mut analytics, &mut notes)?)
        }
        Analysis::SynapticStrength => Report::SynapticStrength(strength::report(&scope, &mut notes)),
        Analysis::MemoryIntegrity => Report::MemoryIntegrity(integrity::report(state, &mut notes)),
    };
    let pathways = if request.include_pathways { scope::pathways(state, request) } else { Vec::new() };
    Ok(Analyzed {
        counts,
        report,
        insights: notes.insights,
        recommendations: notes.recommendations,
        pathways,
    })
}

/// What stands out in an analysis, and what would help.
#[derive(Default)]
struct Notes {
    insights: Vec<Insight>,
    recommendations: Vec<String>,
}

impl Notes {
    /// Notes an insight; `memories` are cut to the first ones.
    fn insight(
        &mut self,
        kind: &'static str,
        description: String,
        memories: impl Iterator<Item = crate::MemoryId>,
    ) {
        self.insights.push(Insight { kind, description, memories: memories.take(TOP).collect() });
    }

    fn recommend(&mut self, what: &str) {
        self.recommendations.push(what.into());
    }
}

fn counts(scope: &Scope<'_>, analytics: &mut Analytics<'_>) -> Result<GraphCounts, Error> {
    let graph = &scope.graph;
    let nodes = graph.nodes();
    let memories =
        scope.nodes.iter().filter(|&&node| matches!(scope.state.owner(node), Owner::Memory(_))).count();
    let mut sizes = vec![0u64; nodes];
    analytics.components()?.into_iter().for_each(|label| sizes[label as usize] += 1);
    let degrees = || (0..nodes as u32).map(|node| u64::from(graph.degree(node)));
    Ok(GraphCounts {
        memories: memories as u64,
        entities: (nodes - memories) as u64,
        edges: graph.ends() as u64 / 2,
        components: sizes.iter().filter(|&&size| size > 0).count() as u64,
        largest_component: sizes.iter().copied().max().unwrap_or(0),
        isolated: degrees().filter(|&degree| degree == 0).count() as u64,
        degree_mean: graph.ends() as f64 / nodes.max(1) as f64,
        degree_max: degrees().max().unwrap_or(0),
    })
}

#[cfg(test)]
pub(crate) mod tests;
