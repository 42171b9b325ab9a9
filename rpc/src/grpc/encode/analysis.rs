//! Analyses as gRPC messages.

use cortexkg_engine::{MemoryId, answer};

use crate::grpc::proto;

impl From<answer::Analyzed> for proto::AnalyzeResponse {
    fn from(analyzed: answer::Analyzed) -> Self {
        let counts = analyzed.counts;
        let mut response = proto::AnalyzeResponse {
            memories: counts.memories,
            entities: counts.entities,
            edges: counts.edges,
            components: counts.components,
            largest_component: counts.largest_component,
            isolated: counts.isolated,
            degree_mean: counts.degree_mean,
            degree_max: counts.degree_max,
            density: counts.density(),
            insights: analyzed.insights.into_iter().map(Into::into).collect(),
            recommendations: analyzed.recommendations,
            pathways: analyzed.pathways.into_iter().map(|nodes| proto::Pathway { nodes }).collect(),
            // The question is not part of the answer; the service fills it in.
            ..proto::AnalyzeResponse::default()
        };
        match analyzed.report {
            answer::Report::Connectivity(found) => {
                response.clustering = found.clustering.map(Into::into);
                response.path_length = found.path_length.map(Into::into);
                response.path_longest = Some(found.path_longest);
                response.hubs =
                    found.hubs.into_iter().map(|(name, degree)| proto::Hub { name, degree }).collect();
            }
            answer::Report::Centrality(found) => response.centrality = Some(found.into()),
            answer::Report::Clustering(found) => response.communities = Some(found.into()),
            answer::Report::PathwayEfficiency(found) => {
                response.efficiency = found.efficiency.map(Into::into);
                response.bottlenecks = found.bottlenecks.into_iter().map(Into::into).collect();
                response.bottleneck_sources = Some(found.sources);
            }
            answer::Report::SynapticStrength(found) => {
                response.weights = found.weights.into_iter().map(Into::into).collect();
                response.correlations = found.correlations.into_iter().map(Into::into).collect();
            }
            answer::Report::MemoryIntegrity(found) => {
                response.findings = found.findings.into_iter().map(Into::into).collect();
                response.integrity_score = found.score;
            }
        }
        response
    }
}

impl From<answer::Sampled> for proto::SampledMean {
    fn from(sampled: answer::Sampled) -> Self {
        proto::SampledMean { mean: sampled.mean, samples: sampled.samples }
    }
}

impl From<answer::Ranking> for proto::Ranking {
    fn from(ranking: answer::Ranking) -> Self {
        let scored = |scored: answer::Scored| proto::ScoredNode { name: scored.name, value: scored.value };
        proto::Ranking { top: ranking.top.into_iter().map(scored).collect(), sources: ranking.sources }
    }
}

impl From<answer::Centrality> for proto::Centrality {
    fn from(found: answer::Centrality) -> Self {
        proto::Centrality {
            betweenness: Some(found.betweenness.into()),
            closeness: Some(found.closeness.into()),
            pagerank: Some(found.pagerank.into()),
            eigenvector: found.eigenvector.map(Into::into),
        }
    }
}

impl From<answer::Clustering> for proto::Communities {
    fn from(found: answer::Clustering) -> Self {
        let community = |community: answer::Community| proto::Community {
            number: community.number,
            memories: community.memories,
            entities: community.entities,
            central: community.central,
        };
        let assignment =
            |(id, community): (MemoryId, u32)| proto::Assignment { memory_id: id.to_string(), community };
        proto::Communities {
            count: found.communities,
            modularity: found.modularity,
            largest: found.largest.into_iter().map(community).collect(),
            assignments: found.assignments.into_iter().map(assignment).collect(),
        }
    }
}

impl From<answer::Bottleneck> for proto::Bottleneck {
    fn from(found: answer::Bottleneck) -> Self {
        proto::Bottleneck { name: found.name, share: found.share, cuts_off: found.cuts_off }
    }
}

impl From<answer::Weights> for proto::Weights {
    fn from(weights: answer::Weights) -> Self {
        let [min, p10, median, p90, max] = weights.quantiles;
        let (class, count) = (weights.class.into(), weights.count);
        let (mean, deviation) = (weights.mean, weights.deviation);
        proto::Weights { class, count, mean, deviation, min, p10, median, p90, max }
    }
}

impl From<answer::Correlation> for proto::Correlation {
    fn from(found: answer::Correlation) -> Self {
        proto::Correlation { with: found.with.into(), coefficient: found.coefficient, samples: found.samples }
    }
}

impl From<answer::Finding> for proto::Finding {
    fn from(finding: answer::Finding) -> Self {
        proto::Finding {
            check: finding.check.into(),
            examined: finding.examined,
            problems: finding.problems,
            failed: finding.failed,
        }
    }
}

impl From<answer::Insight> for proto::Insight {
    fn from(insight: answer::Insight) -> Self {
        proto::Insight {
            kind: insight.kind.into(),
            description: insight.description,
            memory_ids: insight.memories.iter().map(MemoryId::to_string).collect(),
        }
    }
}
