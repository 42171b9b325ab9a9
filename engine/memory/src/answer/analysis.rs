//! Answers of analyze_memory_graph.

use crate::ids::MemoryId;

/// Answer of analyze_memory_graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Analyzed {
    /// Counts of the scope.
    pub counts: GraphCounts,
    /// What was asked for.
    pub report: Report,
    /// What stands out, if anything does.
    pub insights: Vec<Insight>,
    /// What would help; each follows from an insight.
    pub recommendations: Vec<String>,
    /// Shortest ways between the memories asked about, each to the next.
    pub pathways: Vec<Vec<String>>,
}

/// One kind of analysis.
#[derive(Clone, Debug, PartialEq)]
pub enum Report {
    /// Degrees, clustering, path lengths.
    Connectivity(Connectivity),
    /// Who stands in the middle.
    Centrality(Centrality),
    /// Communities.
    Clustering(Clustering),
    /// How short ways are, and what they depend on.
    PathwayEfficiency(PathwayEfficiency),
    /// Weights of connections.
    SynapticStrength(SynapticStrength),
    /// Consistency checks.
    MemoryIntegrity(MemoryIntegrity),
}

/// Counts of the live graph, whose nodes are memories and entities. Learned connections are no edges here.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct GraphCounts {
    /// Live memories in scope.
    pub memories: u64,
    /// Entities in scope.
    pub entities: u64,
    /// Pairs of linked nodes in scope.
    pub edges: u64,
    /// Connected components.
    pub components: u64,
    /// Nodes of the largest component.
    pub largest_component: u64,
    /// Nodes without any edge.
    pub isolated: u64,
    /// Mean degree.
    pub degree_mean: f64,
    /// Largest degree.
    pub degree_max: u64,
}

impl GraphCounts {
    /// Share of all pairs of nodes that are linked; none below two nodes.
    pub fn density(&self) -> Option<f64> {
        let nodes = (self.memories + self.entities) as f64;
        (nodes >= 2.0).then(|| self.edges as f64 / (nodes * (nodes - 1.0) / 2.0))
    }
}

/// A mean over a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sampled {
    /// The mean.
    pub mean: f64,
    /// Over how many.
    pub samples: u64,
}

/// A node with a value.
#[derive(Clone, Debug, PartialEq)]
pub struct Scored {
    /// A memory's id or an entity's name.
    pub name: String,
    /// What it scores.
    pub value: f64,
}

/// The nodes that score highest.
#[derive(Clone, Debug, PartialEq)]
pub struct Ranking {
    /// Best first.
    pub top: Vec<Scored>,
    /// Nodes that the values were measured from: exact if these are all nodes in scope.
    pub sources: u64,
}

/// Connectivity.
#[derive(Clone, Debug, PartialEq)]
pub struct Connectivity {
    /// Mean local clustering coefficient over the nodes that have one: those with two neighbours or more.
    pub clustering: Option<Sampled>,
    /// Mean shortest path, edges, over pairs of nodes.
    pub path_length: Option<Sampled>,
    /// Longest of these paths.
    pub path_longest: u64,
    /// Nodes with the highest degree, with it.
    pub hubs: Vec<(String, u64)>,
}

/// Centrality.
#[derive(Clone, Debug, PartialEq)]
pub struct Centrality {
    /// Share of the shortest paths between two others that lead through a node.
    pub betweenness: Ranking,
    /// Share of nodes reached over the mean distance to them.
    pub closeness: Ranking,
    /// Chance of being at a node on an endless walk that starts anew 15 times in 100.
    pub pagerank: Ranking,
    /// Importance by important neighbours, adding up to 1; absent if it did not come to rest.
    pub eigenvector: Option<Ranking>,
}

/// Clustering.
#[derive(Clone, Debug, PartialEq)]
pub struct Clustering {
    /// Communities of two nodes or more.
    pub communities: u64,
    /// Newman's modularity; absent without edges.
    pub modularity: Option<f64>,
    /// The largest communities.
    pub largest: Vec<Community>,
    /// Community of each memory that was asked about; of the first ones if none was named.
    pub assignments: Vec<(MemoryId, u32)>,
}

/// A group of nodes with more ties among themselves than to others.
#[derive(Clone, Debug, PartialEq)]
pub struct Community {
    /// Its number, 0 the largest; holds for this answer only.
    pub number: u32,
    /// Memories in it.
    pub memories: u64,
    /// Entities in it.
    pub entities: u64,
    /// Its nodes of the highest degree.
    pub central: Vec<String>,
}

/// PathwayEfficiency.
#[derive(Clone, Debug, PartialEq)]
pub struct PathwayEfficiency {
    /// Mean of 1 / distance over pairs of nodes, 0 where there is no path (Latora and Marchiori 2001).
    pub efficiency: Option<Sampled>,
    /// Nodes through which most shortest paths lead.
    pub bottlenecks: Vec<Bottleneck>,
    /// Nodes that paths were followed from: exact if these are all nodes in scope.
    pub sources: u64,
}

/// A node that many ways depend on.
#[derive(Clone, Debug, PartialEq)]
pub struct Bottleneck {
    /// A memory's id or an entity's name.
    pub name: String,
    /// Share of the shortest paths between two others that lead through it.
    pub share: f64,
    /// Nodes that would lose contact to the rest of their component without it.
    pub cuts_off: u64,
}

/// SynapticStrength.
#[derive(Clone, Debug, PartialEq)]
pub struct SynapticStrength {
    /// Weights by class of connection; classes without connections are left out.
    pub weights: Vec<Weights>,
    /// How learned weights go together with other things; left out where nothing varies.
    pub correlations: Vec<Correlation>,
}

/// How the weights of one class of connections are distributed.
#[derive(Clone, Debug, PartialEq)]
pub struct Weights {
    /// Which class.
    pub class: &'static str,
    /// Directed connections.
    pub count: u64,
    /// Their mean.
    pub mean: f64,
    /// Their standard deviation.
    pub deviation: f64,
    /// Lowest, first decile, median, ninth decile, highest.
    pub quantiles: [f64; 5],
}

/// Pearson's correlation.
#[derive(Clone, Debug, PartialEq)]
pub struct Correlation {
    /// Of learned weights with what.
    pub with: &'static str,
    /// -1..=1.
    pub coefficient: f64,
    /// Over how many connections.
    pub samples: u64,
}

/// MemoryIntegrity; always of the whole state.
#[derive(Clone, Debug, PartialEq)]
pub struct MemoryIntegrity {
    /// What was checked and found.
    pub findings: Vec<Finding>,
    /// Share of all things examined that are in order; absent if there was nothing to examine.
    pub score: Option<f64>,
}

/// One thing an integrity check found.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// What was checked.
    pub check: &'static str,
    /// How many things were looked at.
    pub examined: u64,
    /// How many of them are not in order.
    pub failed: u64,
    /// What is wrong, in words, the first ones; empty when all is well.
    pub problems: Vec<String>,
}

/// Something that stands out, as it was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Insight {
    /// What sort of thing.
    pub kind: &'static str,
    /// In words, with the figures.
    pub description: String,
    /// Memories it is about, the first ones.
    pub memories: Vec<MemoryId>,
}
