//! Analyses as MCP results.

use cortexkg_engine::{MemoryId, answer, request};

use crate::mcp::results::{
    Analyzed, Assignment, Bottleneck, Bottlenecks, Centrality, Communities, Community, Correlation, Finding,
    GraphMetrics, Hub, Insight, Ranking, Sampled, Scored, Strength, Weights,
};

impl Analyzed {
    /// The answer to an analysis of that kind.
    pub(in crate::mcp) fn of(analysis: request::Analysis, analyzed: answer::Analyzed) -> Self {
        let counts = analyzed.counts;
        let mut result = Analyzed {
            analysis_type: format!("{analysis:?}"),
            graph_metrics: GraphMetrics {
                total_nodes: counts.memories + counts.entities,
                memories: counts.memories,
                entities: counts.entities,
                total_connections: counts.edges,
                average_connectivity: counts.degree_mean,
                max_degree: counts.degree_max,
                components: counts.components,
                largest_component: counts.largest_component,
                isolated_nodes: counts.isolated,
                memory_density: counts.density(),
                clustering_coefficient: None,
                average_path_length: None,
                longest_path: None,
                path_efficiency: None,
                integrity_score: None,
            },
            hubs: Vec::new(),
            centrality: None,
            communities: None,
            bottlenecks: None,
            synapses: None,
            findings: Vec::new(),
            neural_insights: analyzed.insights.into_iter().map(Into::into).collect(),
            recommendations: analyzed.recommendations,
            pathways: analyzed.pathways,
        };
        result.put(analyzed.report);
        result
    }

    fn put(&mut self, report: answer::Report) {
        use answer::Report::*;
        match report {
            Connectivity(found) => {
                self.graph_metrics.clustering_coefficient = found.clustering.map(Into::into);
                self.graph_metrics.average_path_length = found.path_length.map(Into::into);
                self.graph_metrics.longest_path = Some(found.path_longest);
                self.hubs = found.hubs.into_iter().map(|(name, degree)| Hub { name, degree }).collect();
            }
            Centrality(found) => self.centrality = Some(found.into()),
            Clustering(found) => self.communities = Some(found.into()),
            PathwayEfficiency(found) => {
                self.graph_metrics.path_efficiency = found.efficiency.map(Into::into);
                let top = found.bottlenecks.into_iter().map(Into::into).collect();
                self.bottlenecks = Some(Bottlenecks { top, sources: found.sources });
            }
            SynapticStrength(found) => self.synapses = Some(found.into()),
            MemoryIntegrity(found) => {
                self.findings = found.findings.into_iter().map(Into::into).collect();
                self.graph_metrics.integrity_score = found.score;
            }
        }
    }
}

impl From<answer::Sampled> for Sampled {
    fn from(sampled: answer::Sampled) -> Self {
        Sampled { mean: sampled.mean, samples: sampled.samples }
    }
}

impl From<answer::Ranking> for Ranking {
    fn from(ranking: answer::Ranking) -> Self {
        let scored = |scored: answer::Scored| Scored { name: scored.name, value: scored.value };
        Ranking { top: ranking.top.into_iter().map(scored).collect(), sources: ranking.sources }
    }
}

impl From<answer::Centrality> for Centrality {
    fn from(found: answer::Centrality) -> Self {
        Centrality {
            betweenness: found.betweenness.into(),
            closeness: found.closeness.into(),
            pagerank: found.pagerank.into(),
            eigenvector: found.eigenvector.map(Into::into),
        }
    }
}

impl From<answer::Clustering> for Communities {
    fn from(found: answer::Clustering) -> Self {
        let community = |community: answer::Community| Community {
            number: community.number,
            memories: community.memories,
            entities: community.entities,
            central: community.central,
        };
        let assignment =
            |(id, community): (MemoryId, u32)| Assignment { memory_id: id.to_string(), community };
        Communities {
            count: found.communities,
            modularity: found.modularity,
            largest: found.largest.into_iter().map(community).collect(),
            assignments: found.assignments.into_iter().map(assignment).collect(),
        }
    }
}

impl From<answer::Bottleneck> for Bottleneck {
    fn from(found: answer::Bottleneck) -> Self {
        Bottleneck { name: found.name, share: found.share, cuts_off: found.cuts_off }
    }
}

impl From<answer::SynapticStrength> for Strength {
    fn from(found: answer::SynapticStrength) -> Self {
        Strength {
            weights: found.weights.into_iter().map(Into::into).collect(),
            correlations: found.correlations.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<answer::Weights> for Weights {
    fn from(weights: answer::Weights) -> Self {
        let [min, p10, median, p90, max] = weights.quantiles;
        let (class, count) = (weights.class, weights.count);
        Weights { class, count, mean: weights.mean, deviation: weights.deviation, min, p10, median, p90, max }
    }
}

impl From<answer::Correlation> for Correlation {
    fn from(found: answer::Correlation) -> Self {
        Correlation { with: found.with, coefficient: found.coefficient, samples: found.samples }
    }
}

impl From<answer::Finding> for Finding {
    fn from(finding: answer::Finding) -> Self {
        Finding {
            check: finding.check,
            examined: finding.examined,
            failed: finding.failed,
            problems: finding.problems,
        }
    }
}

impl From<answer::Insight> for Insight {
    fn from(insight: answer::Insight) -> Self {
        Insight {
            insight_type: insight.kind,
            description: insight.description,
            affected_memories: insight.memories.iter().map(MemoryId::to_string).collect(),
        }
    }
}
