//! gRPC messages to requests of the domain. Only what cannot be translated is refused; limits are the domain's.

use cortexkg_engine::request;

use super::proto;
use crate::ids::{memory_id, memory_ids};
use crate::{Error, times};

impl TryFrom<proto::StoreRequest> for request::Store {
    type Error = Error;

    fn try_from(store: proto::StoreRequest) -> Result<Self, Error> {
        let kind = match known::<proto::Kind>("kind", store.kind)? {
            proto::Kind::Unspecified | proto::Kind::Passage => request::Kind::Passage,
            proto::Kind::Turn => request::Kind::Turn,
        };
        Ok(request::Store {
            content: store.content,
            context: store.context,
            source: store.source,
            confidence: store.confidence,
            tags: store.tags,
            importance: store.importance,
            kind,
            place: store.place.map(|place| request::Place {
                sequence: place.sequence,
                part: place.part,
                parts: place.parts,
            }),
            occurred_at: optional_time("occurred_at", store.occurred_at)?,
            idempotency_key: store.idempotency_key,
        })
    }
}

impl TryFrom<proto::RetrieveRequest> for request::Retrieve {
    type Error = Error;

    fn try_from(retrieve: proto::RetrieveRequest) -> Result<Self, Error> {
        let standard = request::Retrieve::default();
        let strategy = match known::<proto::Strategy>("strategy", retrieve.strategy)? {
            proto::Strategy::Unspecified => standard.strategy,
            proto::Strategy::SemanticSimilarity => request::Strategy::SemanticSimilarity,
            proto::Strategy::StructuralMatching => request::Strategy::StructuralMatching,
            proto::Strategy::TemporalProximity => request::Strategy::TemporalProximity,
            proto::Strategy::HybridApproach => request::Strategy::HybridApproach,
            proto::Strategy::SpreadingActivation => request::Strategy::SpreadingActivation,
            proto::Strategy::Lexical => request::Strategy::Lexical,
            proto::Strategy::Fused => request::Strategy::Fused,
            proto::Strategy::PageRank => request::Strategy::PageRank,
        };
        Ok(request::Retrieve {
            query: retrieve.query,
            limit: retrieve.limit.unwrap_or(standard.limit),
            threshold: retrieve.threshold,
            include_reasoning: retrieve.include_reasoning,
            tag_filter: retrieve.tag_filter,
            time_range: retrieve.time_range.map(time_range).transpose()?,
            strategy,
        })
    }
}

impl TryFrom<proto::UpdateRequest> for request::Update {
    type Error = Error;

    fn try_from(update: proto::UpdateRequest) -> Result<Self, Error> {
        let plasticity_mode = match known::<proto::PlasticityMode>("plasticity_mode", update.plasticity_mode)?
        {
            proto::PlasticityMode::Unspecified => request::PlasticityMode::default(),
            proto::PlasticityMode::Conservative => request::PlasticityMode::Conservative,
            proto::PlasticityMode::Adaptive => request::PlasticityMode::Adaptive,
            proto::PlasticityMode::Aggressive => request::PlasticityMode::Aggressive,
        };
        Ok(request::Update {
            id: memory_id(&update.memory_id)?,
            content: update.new_content,
            context: update.new_context,
            confidence: update.new_confidence,
            add_tags: update.add_tags,
            remove_tags: update.remove_tags,
            importance: update.new_importance,
            plasticity_mode,
        })
    }
}

impl TryFrom<proto::DeleteRequest> for request::Delete {
    type Error = Error;

    fn try_from(delete: proto::DeleteRequest) -> Result<Self, Error> {
        let cleanup = match known::<proto::CleanupMode>("cleanup_mode", delete.cleanup_mode)? {
            proto::CleanupMode::Unspecified => request::CleanupMode::default(),
            proto::CleanupMode::Minimal => request::CleanupMode::Minimal,
            proto::CleanupMode::Standard => request::CleanupMode::Standard,
            proto::CleanupMode::Aggressive => request::CleanupMode::Aggressive,
        };
        Ok(request::Delete { id: memory_id(&delete.memory_id)?, force: delete.force_delete, cleanup })
    }
}

impl TryFrom<proto::AnalyzeRequest> for request::Analyze {
    type Error = Error;

    fn try_from(analyze: proto::AnalyzeRequest) -> Result<Self, Error> {
        let analysis = match known::<proto::AnalysisType>("analysis_type", analyze.analysis_type)? {
            proto::AnalysisType::Unspecified => return Err(Error::field("analysis_type", "is required")),
            proto::AnalysisType::Connectivity => request::Analysis::Connectivity,
            proto::AnalysisType::Centrality => request::Analysis::Centrality,
            proto::AnalysisType::Clustering => request::Analysis::Clustering,
            proto::AnalysisType::PathwayEfficiency => request::Analysis::PathwayEfficiency,
            proto::AnalysisType::SynapticStrength => request::Analysis::SynapticStrength,
            proto::AnalysisType::MemoryIntegrity => request::Analysis::MemoryIntegrity,
        };
        Ok(request::Analyze {
            analysis,
            memory_ids: memory_ids(&analyze.memory_ids)?,
            include_pathways: analyze.include_pathways,
            max_depth: analyze.max_depth.unwrap_or(crate::call::MAX_DEPTH_DEFAULT),
        })
    }
}

impl TryFrom<proto::StatsRequest> for request::StatsQuery {
    type Error = Error;

    fn try_from(stats: proto::StatsRequest) -> Result<Self, Error> {
        Ok(request::StatsQuery {
            detailed_breakdown: stats.detailed_breakdown,
            time_range: stats.time_range.map(time_range).transpose()?,
            include_performance: stats.include_performance.unwrap_or(true),
        })
    }
}

impl TryFrom<proto::ConfigureLearningRequest> for request::ConfigureLearning {
    type Error = Error;

    fn try_from(configure: proto::ConfigureLearningRequest) -> Result<Self, Error> {
        let learning_mode = match known::<proto::LearningMode>("learning_mode", configure.learning_mode)? {
            proto::LearningMode::Unspecified => None,
            proto::LearningMode::Hebbian => Some(request::LearningMode::Hebbian),
            proto::LearningMode::AntiHebbian => Some(request::LearningMode::AntiHebbian),
            proto::LearningMode::Stdp => Some(request::LearningMode::Stdp),
            proto::LearningMode::Homeostatic => Some(request::LearningMode::Homeostatic),
            proto::LearningMode::MetaLearning => Some(request::LearningMode::MetaLearning),
        };
        Ok(request::ConfigureLearning {
            learning_rate: configure.learning_rate,
            decay_rate: configure.decay_rate,
            activation_threshold: configure.activation_threshold,
            learning_mode,
            plasticity_window_ms: configure.plasticity_window_ms,
        })
    }
}

fn time_range(range: proto::TimeRange) -> Result<request::TimeRange, Error> {
    let start = optional_time("time_range.start", range.start)?;
    let end = optional_time("time_range.end", range.end)?;
    Ok(request::TimeRange { start, end })
}

fn optional_time(
    field: &str,
    at: Option<prost_types::Timestamp>,
) -> Result<Option<cortexkg_engine::Timestamp>, Error> {
    at.map(|at| times::from_proto(field, at)).transpose()
}

/// An enum value that this release knows: a number from the future must not silently become the default.
fn known<E: TryFrom<i32>>(field: &str, number: i32) -> Result<E, Error> {
    E::try_from(number).map_err(|_| Error::field(field, format!("{number} is not a value of this enum")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_out_takes_the_defaults_of_the_domain() {
        let message = proto::RetrieveRequest { query: "who".into(), ..Default::default() };
        let expected = request::Retrieve { query: "who".into(), ..Default::default() };
        assert_eq!(request::Retrieve::try_from(message).unwrap(), expected);
        let stats = request::StatsQuery::try_from(proto::StatsRequest::default()).unwrap();
        assert_eq!(stats, request::StatsQuery::default());
    }

    #[test]
    fn zero_is_not_absent() {
        let message = proto::RetrieveRequest {
            query: "who".into(),
            limit: Some(0),
            threshold: Some(0.0),
            ..Default::default()
        };
        let retrieve = request::Retrieve::try_from(message).unwrap();
        assert_eq!((retrieve.limit, retrieve.threshold), (0, Some(0.0)));
    }

    #[test]
    fn values_from_the_future_are_refused() {
        let store = proto::StoreRequest { content: "x".into(), kind: 99, ..Default::default() };
        let refused = request::Store::try_from(store).unwrap_err();
        assert_eq!(refused.to_string(), "kind: 99 is not a value of this enum");
        let analyze = proto::AnalyzeRequest::default();
        assert_eq!(
            request::Analyze::try_from(analyze).unwrap_err().to_string(),
            "analysis_type: is required"
        );
    }
}
