//! Connectivity, Centrality and PathwayEfficiency: what searches over the graph tell.

use cortexkg_compute::analytics::{Analytics, cuts, sample};

use super::scope::Scope;
use super::{Notes, TOP};
use crate::Error;
use crate::answer::{
    Bottleneck, Centrality, Connectivity, GraphCounts, PathwayEfficiency, Ranking, Sampled, Scored,
};

/// Ends of edges that searches for distances may meet together; 64 of them share one visit. Half a second of one core.
const DISTANCE_ENDS: usize = 1 << 29;
/// Ends of edges that following paths may meet together. Half a second to a second of one core.
const PATH_ENDS: usize = 1 << 24;
/// Ends of edges that a power iteration may meet together. Half a second to a second of one core.
const RANK_ENDS: usize = 1 << 27;
/// Least nodes that a search starts from, however large the graph.
const SOURCES_MIN: usize = 2;
/// Rounds that PageRank is given in any case: its error falls by 15 % in each, to less than two thousandths.
const RANK_ROUNDS_MIN: u32 = 40;
/// Most nodes that distances are measured from.
const DISTANCE_SOURCES_MAX: usize = 1 << 14;
/// Most rounds of a power iteration.
const ROUNDS_MAX: usize = 1_000;
/// Probability of following an edge in PageRank (Brin and Page 1998).
const DAMPING: f64 = 0.85;
/// A node on so many of the shortest paths stands out.
const BROKER_SHARE: f64 = 0.25;

/// Nodes that a search starts from so that `ends_max` holds.
fn sources(scope: &Scope<'_>, ends_max: usize, sources_max: usize) -> Vec<u32> {
    let nodes = scope.graph.nodes();
    sample(
        nodes,
        (ends_max / (scope.graph.ends() + nodes).max(1)).clamp(SOURCES_MIN, sources_max.max(SOURCES_MIN)),
    )
}

pub(super) fn connectivity(
    scope: &Scope<'_>,
    analytics: &mut Analytics<'_>,
    counts: &GraphCounts,
    notes: &mut Notes,
) -> Result<Connectivity, Error> {
    let nodes = scope.graph.nodes() as u32;
    let triangles = analytics.triangles()?;
    let (mut sum, mut samples) = (0.0, 0);
    for local in (0..nodes).filter_map(|node| analytics.clustering(&triangles, node)) {
        sum += local;
        samples += 1;
    }
    let distances = analytics.distances(sources(scope, DISTANCE_ENDS, DISTANCE_SOURCES_MAX))?;
    let hubs = scope.highest(TOP, |node| f64::from(scope.graph.degree(node)));
    let isolated = (0..nodes).filter(|&node| scope.graph.degree(node) == 0);
    if counts.isolated > 0 {
        let description = format!("{} of {nodes} nodes have no link", counts.isolated);
        notes.insight("isolated", description, isolated.filter_map(|node| scope.memory(node)));
        notes.recommend(
            "A memory without a link is found by similarity alone: name the people, places or titles it is about.",
        );
    }
    let linked = u64::from(nodes) - counts.isolated;
    if counts.largest_component < linked.div_ceil(2) {
        let description = format!(
            "links fall into {} parts of more than one node, the largest with {} of {linked} linked nodes",
            counts.components - counts.isolated,
            counts.largest_component
        );
        notes.insight("fragmented", description, std::iter::empty());
    }
    Ok(Connectivity {
        clustering: (samples > 0).then(|| Sampled { mean: sum / samples as f64, samples }),
        path_length: distances.mean().map(|mean| Sampled { mean, samples: distances.pairs() }),
        path_longest: distances.longest() as u64,
        hubs: hubs.into_iter().map(|(node, degree)| (scope.name(node), degree as u64)).collect(),
    })
}

pub(super) fn centrality(
    scope: &Scope<'_>,
    analytics: &mut Analytics<'_>,
    notes: &mut Notes,
) -> Result<Centrality, Error> {
    let graph = &scope.graph;
    let betweenness = analytics.betweenness(&sources(scope, PATH_ENDS, graph.nodes()))?;
    let distances = analytics.distances(sources(scope, DISTANCE_ENDS, DISTANCE_SOURCES_MAX))?;
    let rounds_max = (RANK_ENDS / (graph.ends() + graph.nodes()).max(1)).clamp(16, ROUNDS_MAX) as u32;
    let pagerank = analytics.pagerank(DAMPING, rounds_max.max(RANK_ROUNDS_MIN))?;
    let eigenvector = analytics.eigenvector(rounds_max)?;
    let ranking = |sources: usize, value: &dyn Fn(u32) -> f64| Ranking {
        top: scope
            .highest(TOP, value)
            .into_iter()
            .filter(|&(_, value)| value > 0.0)
            .map(|(node, value)| Scored { name: scope.name(node), value })
            .collect(),
        sources: sources as u64,
    };
    for (node, share) in scope.highest(TOP, |node| betweenness.values[node as usize]) {
        if share >= BROKER_SHARE {
            let description = format!(
                "{} lies on {:.0} % of the shortest paths between others",
                scope.name(node),
                share * 100.0
            );
            notes.insight("broker", description, scope.memory(node).into_iter());
        }
    }
    let all = graph.nodes();
    Ok(Centrality {
        betweenness: ranking(betweenness.sources, &|node| betweenness.values[node as usize]),
        closeness: ranking(distances.sources(), &|node| distances.closeness(node)),
        pagerank: ranking(all, &|node| pagerank.values[node as usize]),
        eigenvector: (eigenvector.settled && graph.ends() > 0)
            .then(|| ranking(all, &|node| eigenvector.values[node as usize])),
    })
}

pub(super) fn efficiency(
    scope: &Scope<'_>,
    analytics: &mut Analytics<'_>,
    notes: &mut Notes,
) -> Result<PathwayEfficiency, Error> {
    let graph = &scope.graph;
    let distances = analytics.distances(sources(scope, DISTANCE_ENDS, DISTANCE_SOURCES_MAX))?;
    let betweenness = analytics.betweenness(&sources(scope, PATH_ENDS, graph.nodes()))?;
    let cut_off = cuts(graph);
    let pairs = distances.sources() * graph.nodes().saturating_sub(1);
    let bottlenecks: Vec<(u32, f64)> = scope
        .highest(TOP, |node| betweenness.values[node as usize])
        .into_iter()
        .filter(|&(_, share)| share > 0.0)
        .collect();
    let severe: Vec<u32> = bottlenecks
        .iter()
        .map(|&(node, _)| node)
        .filter(|&node| cut_off[node as usize] as usize * 10 >= graph.nodes())
        .collect();
    if !severe.is_empty() {
        let told: Vec<String> = severe
            .iter()
            .map(|&node| format!("{} ({} nodes)", scope.name(node), cut_off[node as usize]))
            .collect();
        let description = format!("a tenth of the graph or more hangs on a single node: {}", told.join(", "));
        notes.insight("bottleneck", description, severe.iter().filter_map(|&node| scope.memory(node)));
        notes.recommend("Memories that tie the two sides of a bottleneck together give recall a second way.");
    }
    Ok(PathwayEfficiency {
        efficiency: distances.efficiency().map(|mean| Sampled { mean, samples: pairs as u64 }),
        bottlenecks: bottlenecks
            .into_iter()
            .map(|(node, share)| Bottleneck {
                name: scope.name(node),
                share,
                cuts_off: u64::from(cut_off[node as usize]),
            })
            .collect(),
        sources: betweenness.sources as u64,
    })
}
