//! Results of the seven tools (SPEC 1.1), as far as the answers fill them truthfully: what was not measured or decided in
//! the call is absent, and so is what would be empty. The published output schema is derived from these; doc comments
//! become descriptions in it, so only what a name does not say has one. Every agent pays for that schema in tokens, so
//! most inner objects are published as just that, `Object`: their own names say what they hold.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// An object whose members are not published.
pub(super) struct Object;

impl JsonSchema for Object {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Object".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "object"})
    }
}

// What every tool answers.
#[derive(Serialize, JsonSchema)]
pub(super) struct Envelope<T> {
    pub(super) request_id: String,
    pub(super) result: T,
    #[schemars(with = "Object")]
    pub(super) processing_metadata: Processing,
}

#[derive(Serialize)]
pub(super) struct Processing {
    pub(super) processing_time_ms: f64,
    pub(super) timestamp: String,
    pub(super) server_version: &'static str,
    pub(super) success: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Stored {
    pub(super) memory_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cortical_decision: Option<Decision>,
    #[schemars(with = "Object")]
    pub(super) synaptic_changes: StoreChanges,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) entities: Vec<String>,
    #[schemars(with = "Object")]
    pub(super) storage_metadata: StorageMetadata,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Decision {
    /// Scorer that decided
    pub(super) primary_column: String,
    pub(super) decision_confidence: f32,
    pub(super) column_id: String,
    /// founder, member, duplicate, exception or superseding
    pub(super) role: &'static str,
    // What it duplicates, contradicts or supersedes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) related_memory_id: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(skip)]
    pub(super) alternative_paths: Vec<Alternative>,
}

#[derive(Serialize)]
pub(super) struct Alternative {
    /// Its strongest scorer
    pub(super) column_type: String,
    pub(super) activation_strength: f32,
    pub(super) column_id: String,
    pub(super) nearest_memory_id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_spike_ms: Option<f32>,
}

#[derive(Serialize)]
pub(super) struct StoreChanges {
    pub(super) new_connections: u32,
    pub(super) new_entities: u32,
}

#[derive(Serialize)]
pub(super) struct StorageMetadata {
    pub(super) sequence: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Retrieved {
    pub(super) memories: Vec<Recalled>,
    pub(super) similarity_scores: Vec<f32>,
    pub(super) total_found: u32,
    #[schemars(skip)]
    pub(super) answered: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(super) no_answer: Option<&'static str>,
    #[schemars(with = "Object")]
    pub(super) retrieval_metadata: RetrievalMetadata,
    #[schemars(with = "Object")]
    pub(super) query_understanding: QueryUnderstanding,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Recalled {
    pub(super) memory_id: String,
    pub(super) content: String,
    /// Chance that it answers, 0 to 1
    pub(super) similarity_score: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) cosine_similarity: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) tags: Vec<String>,
    pub(super) confidence: f32,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) importance: Option<f32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) created_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) occurred_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) contradicts: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(skip)]
    pub(super) supersedes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) superseded_by: Option<String>,
    /// Unshown duplicates
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) duplicates: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) first_spike_ms: Option<f32>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Object>")]
    pub(super) retrieval_path: Vec<Step>,
}

#[derive(Serialize)]
pub(super) struct Step {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) entity: Option<String>,
    pub(super) spike_ms: f32,
}

#[derive(Serialize)]
pub(super) struct RetrievalMetadata {
    pub(super) strategy_used: String,
    pub(super) memories_searched: u32,
    pub(super) nodes_traversed: u32,
    pub(super) spreading_activation_hops: u32,
    pub(super) sequence: u64,
}

#[derive(Serialize)]
pub(super) struct QueryUnderstanding {
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) semantic_concepts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) temporal_indicators: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) known_terms: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Updated {
    pub(super) memory_id: String,
    /// False if every field already had this value
    pub(super) update_successful: bool,
    #[schemars(with = "Vec<Object>")]
    pub(super) changes_applied: Vec<Change>,
    pub(super) version: u32,
    #[schemars(with = "Object")]
    pub(super) synaptic_modifications: UpdateChanges,
    pub(super) affected_connections: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Object>")]
    pub(super) cortical_decision: Option<Decision>,
    pub(super) sequence: u64,
}

#[derive(Serialize)]
pub(super) struct Change {
    pub(super) field_name: &'static str,
    pub(super) old_value: String,
    pub(super) new_value: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) change_timestamp: Option<String>,
}

#[derive(Serialize)]
pub(super) struct UpdateChanges {
    pub(super) weakened: u32,
    pub(super) new_connections_formed: u32,
    pub(super) pruned: u32,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Deleted {
    pub(super) memory_id: String,
    pub(super) deletion_successful: bool,
    pub(super) connections_removed: u32,
    #[schemars(with = "Object")]
    pub(super) cleanup_performed: Cleanup,
    pub(super) sequence: u64,
}

#[derive(Serialize)]
pub(super) struct Cleanup {
    pub(super) entities_removed: u32,
    pub(super) column_released: bool,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Analyzed {
    pub(super) analysis_type: String,
    #[schemars(with = "Object")]
    pub(super) graph_metrics: GraphMetrics,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Object>")]
    pub(super) hubs: Vec<Hub>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Object>")]
    pub(super) centrality: Option<Centrality>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Object>")]
    pub(super) communities: Option<Communities>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Object>")]
    pub(super) bottlenecks: Option<Bottlenecks>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Object>")]
    pub(super) synapses: Option<Strength>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Object>")]
    pub(super) findings: Vec<Finding>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Object>")]
    pub(super) neural_insights: Vec<Insight>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) recommendations: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) pathways: Vec<Vec<String>>,
}

#[derive(Serialize)]
pub(super) struct GraphMetrics {
    pub(super) total_nodes: u64,
    pub(super) memories: u64,
    pub(super) entities: u64,
    pub(super) total_connections: u64,
    /// Mean degree
    pub(super) average_connectivity: f64,
    pub(super) max_degree: u64,
    pub(super) components: u64,
    pub(super) largest_component: u64,
    pub(super) isolated_nodes: u64,
    /// Share of all pairs of nodes that are linked
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) memory_density: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) clustering_coefficient: Option<Sampled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) average_path_length: Option<Sampled>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) longest_path: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_efficiency: Option<Sampled>,
    /// Share of what was checked that is in order
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) integrity_score: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct Sampled {
    pub(super) mean: f64,
    pub(super) samples: u64,
}

#[derive(Serialize)]
pub(super) struct Hub {
    pub(super) name: String,
    pub(super) degree: u64,
}

#[derive(Serialize)]
pub(super) struct Centrality {
    pub(super) betweenness: Ranking,
    pub(super) closeness: Ranking,
    pub(super) pagerank: Ranking,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) eigenvector: Option<Ranking>,
}

#[derive(Serialize)]
pub(super) struct Ranking {
    pub(super) top: Vec<Scored>,
    /// Nodes measured from; exact if all
    pub(super) sources: u64,
}

#[derive(Serialize)]
pub(super) struct Scored {
    pub(super) name: String,
    pub(super) value: f64,
}

#[derive(Serialize)]
pub(super) struct Communities {
    pub(super) count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) modularity: Option<f64>,
    pub(super) largest: Vec<Community>,
    pub(super) assignments: Vec<Assignment>,
}

#[derive(Serialize)]
pub(super) struct Community {
    pub(super) number: u32,
    pub(super) memories: u64,
    pub(super) entities: u64,
    pub(super) central: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Assignment {
    pub(super) memory_id: String,
    pub(super) community: u32,
}

#[derive(Serialize)]
pub(super) struct Bottlenecks {
    pub(super) top: Vec<Bottleneck>,
    /// Nodes measured from; exact if all
    pub(super) sources: u64,
}

#[derive(Serialize)]
pub(super) struct Bottleneck {
    pub(super) name: String,
    /// Of the shortest paths between others
    pub(super) share: f64,
    /// Nodes that lose contact without it
    pub(super) cuts_off: u64,
}

#[derive(Serialize)]
pub(super) struct Strength {
    pub(super) weights: Vec<Weights>,
    /// Of learned weights
    pub(super) correlations: Vec<Correlation>,
}

#[derive(Serialize)]
pub(super) struct Weights {
    pub(super) class: &'static str,
    pub(super) count: u64,
    pub(super) mean: f64,
    pub(super) deviation: f64,
    pub(super) min: f64,
    pub(super) p10: f64,
    pub(super) median: f64,
    pub(super) p90: f64,
    pub(super) max: f64,
}

#[derive(Serialize)]
pub(super) struct Correlation {
    pub(super) with: &'static str,
    pub(super) coefficient: f64,
    pub(super) samples: u64,
}

#[derive(Serialize)]
pub(super) struct Finding {
    pub(super) check: &'static str,
    pub(super) examined: u64,
    pub(super) failed: u64,
    pub(super) problems: Vec<String>,
}

#[derive(Serialize)]
pub(super) struct Insight {
    pub(super) insight_type: &'static str,
    pub(super) description: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) affected_memories: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Stats {
    #[schemars(with = "Object")]
    pub(super) system_overview: SystemOverview,
    #[schemars(with = "Object")]
    pub(super) memory_roles: Roles,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Object>")]
    pub(super) by_kind: Vec<Count>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(with = "Vec<Object>")]
    pub(super) by_tag: Vec<Count>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<Object>")]
    pub(super) performance_metrics: Option<Performance>,
    #[schemars(with = "Object")]
    pub(super) learning: Learning,
    pub(super) embedding_model: String,
    pub(super) device: String,
    pub(super) sequence: u64,
}

#[derive(Serialize)]
pub(super) struct SystemOverview {
    pub(super) total_memories: u64,
    pub(super) total_connections: u64,
    pub(super) learned_connections: u64,
    pub(super) entities: u64,
    pub(super) columns: u64,
    pub(super) terms: u64,
    pub(super) tombstones: u64,
    /// Texts, state and device buffers
    pub(super) memory_usage_mb: f64,
    pub(super) uptime_hours: f64,
}

#[derive(Serialize)]
pub(super) struct Roles {
    pub(super) founders: u64,
    pub(super) members: u64,
    pub(super) duplicates: u64,
    pub(super) exceptions: u64,
    pub(super) superseding: u64,
}

#[derive(Serialize)]
pub(super) struct Count {
    pub(super) name: String,
    pub(super) count: u64,
}

#[derive(Serialize)]
pub(super) struct Performance {
    pub(super) calls: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) error_rate_percent: Option<f64>,
    pub(super) store: Timing,
    pub(super) retrieve: Timing,
}

#[derive(Serialize)]
pub(super) struct Timing {
    pub(super) count: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mean_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p50_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) p99_ms: Option<f64>,
}

#[derive(Serialize)]
pub(super) struct Learning {
    pub(super) learning_rate: f32,
    pub(super) decay_rate: f32,
    pub(super) activation_threshold: f32,
    pub(super) learning_mode: &'static str,
    pub(super) plasticity_window_ms: f32,
}

#[derive(Serialize, JsonSchema)]
pub(super) struct Configured {
    /// False if everything already stood so
    pub(super) configuration_applied: bool,
    #[schemars(with = "Vec<Object>")]
    pub(super) updated_parameters: Vec<Parameter>,
    #[schemars(with = "Object")]
    pub(super) learning: Learning,
    pub(super) sequence: u64,
}

#[derive(Serialize)]
pub(super) struct Parameter {
    pub(super) parameter_name: &'static str,
    pub(super) old_value: String,
    pub(super) new_value: String,
}
