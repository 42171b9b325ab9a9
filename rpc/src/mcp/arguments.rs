//! Parameters of the seven tools (SPEC 1.1). The published schema is derived from these, and so is the reading.
//!
//! The limits written here tell a model what will be accepted; what refuses is the domain. Doc comments become the
//! descriptions of the parameters, which every agent pays for in tokens: few words.

use cortexkg_engine::Timestamp;
use cortexkg_engine::request::{
    self, CONTENT_CHARS_MAX, CONTEXT_CHARS_MAX, LIMIT_MAX, QUERY_CHARS_MAX, SOURCE_CHARS_MAX, TAG_CHARS_MAX,
    TAG_FILTER_MAX, TAGS_MAX,
};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::ids::{memory_id, memory_ids};
use crate::{Error, call, times};

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct StoreMemory {
    /// The fact or note, self-contained
    #[schemars(length(min = 1, max = CONTENT_CHARS_MAX))]
    content: String,
    /// Circumstances
    #[schemars(length(max = CONTEXT_CHARS_MAX))]
    context: Option<String>,
    /// Where it comes from
    #[schemars(length(max = SOURCE_CHARS_MAX))]
    source: Option<String>,
    #[schemars(range(min = 0.0, max = 1.0), extend("default" = 0.8))]
    confidence: Option<f32>,
    #[schemars(length(max = TAGS_MAX), inner(length(max = TAG_CHARS_MAX)))]
    tags: Option<Vec<String>>,
    #[schemars(range(min = 0.0, max = 1.0))]
    importance: Option<f32>,
    /// RFC 3339
    occurred_at: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct RetrieveMemory {
    /// What to recall, in plain words
    #[schemars(length(min = 1, max = QUERY_CHARS_MAX))]
    query: String,
    #[schemars(range(min = 1, max = LIMIT_MAX), extend("default" = 10))]
    limit: Option<u32>,
    #[schemars(range(min = 0.0, max = 1.0))]
    threshold: Option<f32>,
    /// Tell why each was recalled
    #[schemars(extend("default" = false))]
    include_reasoning: Option<bool>,
    /// Tags that all must be present
    #[schemars(length(max = TAG_FILTER_MAX), inner(length(max = TAG_CHARS_MAX)))]
    tag_filter: Option<Vec<String>>,
    time_range: Option<TimeRange>,
    #[schemars(extend("default" = "HybridApproach"))]
    strategy: Option<Strategy>,
}

/// RFC 3339 date-times, start < end
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct TimeRange {
    start: Option<String>,
    end: Option<String>,
}

#[derive(Deserialize, JsonSchema)]
enum Strategy {
    SemanticSimilarity,
    StructuralMatching,
    TemporalProximity,
    HybridApproach,
    SpreadingActivation,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct UpdateMemory {
    #[schemars(length(min = 1))]
    memory_id: String,
    #[schemars(length(min = 1, max = CONTENT_CHARS_MAX))]
    new_content: Option<String>,
    #[schemars(length(max = CONTEXT_CHARS_MAX))]
    new_context: Option<String>,
    #[schemars(range(min = 0.0, max = 1.0))]
    new_confidence: Option<f32>,
    #[schemars(length(max = TAGS_MAX), inner(length(max = TAG_CHARS_MAX)))]
    add_tags: Option<Vec<String>>,
    #[schemars(length(max = TAGS_MAX), inner(length(max = TAG_CHARS_MAX)))]
    remove_tags: Option<Vec<String>>,
    #[schemars(range(min = 0.0, max = 1.0))]
    new_importance: Option<f32>,
    /// How far learned connections give way
    #[schemars(extend("default" = "Adaptive"))]
    plasticity_mode: Option<PlasticityMode>,
}

#[derive(Deserialize, JsonSchema)]
enum PlasticityMode {
    Conservative,
    Adaptive,
    Aggressive,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeleteMemory {
    #[schemars(length(min = 1))]
    memory_id: String,
    /// Delete even if strongly connected
    #[schemars(extend("default" = false))]
    force_delete: Option<bool>,
    /// Minimal keeps edges, Aggressive also drops orphaned entities
    #[schemars(extend("default" = "Standard"))]
    cleanup_mode: Option<CleanupMode>,
}

#[derive(Deserialize, JsonSchema)]
enum CleanupMode {
    Minimal,
    Standard,
    Aggressive,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnalyzeMemoryGraph {
    analysis_type: Analysis,
    /// Only around these; whole graph if absent
    memory_ids: Option<Vec<String>>,
    #[schemars(extend("default" = false))]
    include_pathways: Option<bool>,
    #[schemars(range(min = 1, max = 50), extend("default" = call::MAX_DEPTH_DEFAULT))]
    max_depth: Option<u32>,
}

#[derive(Deserialize, JsonSchema)]
enum Analysis {
    Connectivity,
    Centrality,
    Clustering,
    PathwayEfficiency,
    SynapticStrength,
    MemoryIntegrity,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct GetMemoryStats {
    /// Add counts by kind and tag
    #[schemars(extend("default" = false))]
    detailed_breakdown: Option<bool>,
    time_range: Option<TimeRange>,
    #[schemars(extend("default" = true))]
    include_performance: Option<bool>,
}

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ConfigureLearning {
    #[schemars(range(min = 0.0, max = 1.0))]
    learning_rate: Option<f32>,
    /// Share of a learned weight lost an hour
    #[schemars(range(min = 0.0, max = 1.0))]
    decay_rate: Option<f32>,
    /// Score from which a recall teaches
    #[schemars(range(min = 0.0, max = 1.0))]
    activation_threshold: Option<f32>,
    learning_mode: Option<LearningMode>,
    #[schemars(range(min = 0.1, max = 1000.0))]
    plasticity_window_ms: Option<f32>,
}

#[derive(Deserialize, JsonSchema)]
enum LearningMode {
    Hebbian,
    AntiHebbian,
    #[serde(rename = "STDP")]
    Stdp,
    Homeostatic,
    MetaLearning,
}

impl TryFrom<StoreMemory> for request::Store {
    type Error = Error;

    fn try_from(arguments: StoreMemory) -> Result<Self, Error> {
        let occurred_at = arguments.occurred_at.as_deref();
        Ok(request::Store {
            content: arguments.content,
            context: arguments.context,
            source: arguments.source,
            confidence: arguments.confidence,
            tags: arguments.tags.unwrap_or_default(),
            importance: arguments.importance,
            occurred_at: occurred_at.map(|at| times::from_rfc3339("occurred_at", at)).transpose()?,
            ..Default::default()
        })
    }
}

impl TryFrom<RetrieveMemory> for request::Retrieve {
    type Error = Error;

    fn try_from(arguments: RetrieveMemory) -> Result<Self, Error> {
        let standard = request::Retrieve::default();
        Ok(request::Retrieve {
            query: arguments.query,
            limit: arguments.limit.unwrap_or(standard.limit),
            threshold: arguments.threshold,
            include_reasoning: arguments.include_reasoning.unwrap_or_default(),
            tag_filter: arguments.tag_filter.unwrap_or_default(),
            time_range: arguments.time_range.map(time_range).transpose()?,
            strategy: arguments.strategy.map_or(standard.strategy, Into::into),
        })
    }
}

impl TryFrom<UpdateMemory> for request::Update {
    type Error = Error;

    fn try_from(arguments: UpdateMemory) -> Result<Self, Error> {
        Ok(request::Update {
            id: memory_id(&arguments.memory_id)?,
            content: arguments.new_content,
            context: arguments.new_context,
            confidence: arguments.new_confidence,
            add_tags: arguments.add_tags.unwrap_or_default(),
            remove_tags: arguments.remove_tags.unwrap_or_default(),
            importance: arguments.new_importance,
            plasticity_mode: arguments.plasticity_mode.map_or_else(Default::default, Into::into),
        })
    }
}

impl TryFrom<DeleteMemory> for request::Delete {
    type Error = Error;

    fn try_from(arguments: DeleteMemory) -> Result<Self, Error> {
        Ok(request::Delete {
            id: memory_id(&arguments.memory_id)?,
            force: arguments.force_delete.unwrap_or_default(),
            cleanup: arguments.cleanup_mode.map_or_else(Default::default, Into::into),
        })
    }
}

impl TryFrom<AnalyzeMemoryGraph> for request::Analyze {
    type Error = Error;

    fn try_from(arguments: AnalyzeMemoryGraph) -> Result<Self, Error> {
        Ok(request::Analyze {
            analysis: arguments.analysis_type.into(),
            memory_ids: memory_ids(&arguments.memory_ids.unwrap_or_default())?,
            include_pathways: arguments.include_pathways.unwrap_or_default(),
            max_depth: arguments.max_depth.unwrap_or(call::MAX_DEPTH_DEFAULT),
        })
    }
}

impl TryFrom<GetMemoryStats> for request::StatsQuery {
    type Error = Error;

    fn try_from(arguments: GetMemoryStats) -> Result<Self, Error> {
        Ok(request::StatsQuery {
            detailed_breakdown: arguments.detailed_breakdown.unwrap_or_default(),
            time_range: arguments.time_range.map(time_range).transpose()?,
            include_performance: arguments.include_performance.unwrap_or(true),
        })
    }
}

impl From<ConfigureLearning> for request::ConfigureLearning {
    fn from(arguments: ConfigureLearning) -> Self {
        request::ConfigureLearning {
            learning_rate: arguments.learning_rate,
            decay_rate: arguments.decay_rate,
            activation_threshold: arguments.activation_threshold,
            learning_mode: arguments.learning_mode.map(Into::into),
            plasticity_window_ms: arguments.plasticity_window_ms,
        }
    }
}

impl From<Strategy> for request::Strategy {
    fn from(strategy: Strategy) -> Self {
        match strategy {
            Strategy::SemanticSimilarity => request::Strategy::SemanticSimilarity,
            Strategy::StructuralMatching => request::Strategy::StructuralMatching,
            Strategy::TemporalProximity => request::Strategy::TemporalProximity,
            Strategy::HybridApproach => request::Strategy::HybridApproach,
            Strategy::SpreadingActivation => request::Strategy::SpreadingActivation,
        }
    }
}

impl From<PlasticityMode> for request::PlasticityMode {
    fn from(mode: PlasticityMode) -> Self {
        match mode {
            PlasticityMode::Conservative => request::PlasticityMode::Conservative,
            PlasticityMode::Adaptive => request::PlasticityMode::Adaptive,
            PlasticityMode::Aggressive => request::PlasticityMode::Aggressive,
        }
    }
}

impl From<CleanupMode> for request::CleanupMode {
    fn from(mode: CleanupMode) -> Self {
        match mode {
            CleanupMode::Minimal => request::CleanupMode::Minimal,
            CleanupMode::Standard => request::CleanupMode::Standard,
            CleanupMode::Aggressive => request::CleanupMode::Aggressive,
        }
    }
}

impl From<Analysis> for request::Analysis {
    fn from(analysis: Analysis) -> Self {
        match analysis {
            Analysis::Connectivity => request::Analysis::Connectivity,
            Analysis::Centrality => request::Analysis::Centrality,
            Analysis::Clustering => request::Analysis::Clustering,
            Analysis::PathwayEfficiency => request::Analysis::PathwayEfficiency,
            Analysis::SynapticStrength => request::Analysis::SynapticStrength,
            Analysis::MemoryIntegrity => request::Analysis::MemoryIntegrity,
        }
    }
}

impl From<LearningMode> for request::LearningMode {
    fn from(mode: LearningMode) -> Self {
        match mode {
            LearningMode::Hebbian => request::LearningMode::Hebbian,
            LearningMode::AntiHebbian => request::LearningMode::AntiHebbian,
            LearningMode::Stdp => request::LearningMode::Stdp,
            LearningMode::Homeostatic => request::LearningMode::Homeostatic,
            LearningMode::MetaLearning => request::LearningMode::MetaLearning,
        }
    }
}

fn time_range(range: TimeRange) -> Result<request::TimeRange, Error> {
    let read = |field, text: Option<String>| -> Result<Option<Timestamp>, Error> {
        text.map(|text| times::from_rfc3339(field, &text)).transpose()
    };
    let start = read("time_range.start", range.start)?;
    Ok(request::TimeRange { start, end: read("time_range.end", range.end)? })
}
