//! What callers get back. A field that was not measured or decided in the call is not here.

mod analysis;

use crate::ids::{ColumnId, MemoryId, Timestamp};
use crate::request::{Kind, LearningMode, Place, Strategy};
use crate::retrieve::scoring::Gathered;

pub use analysis::{
    Analyzed, Bottleneck, Centrality, Clustering, Community, Connectivity, Correlation, Finding, GraphCounts,
    Insight, MemoryIntegrity, PathwayEfficiency, Ranking, Report, Sampled, Scored, SynapticStrength, Weights,
};

/// One memory as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Memory {
    /// Its name.
    pub id: MemoryId,
    /// The text.
    pub content: String,
    /// Circumstances.
    pub context: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// How sure the teller was, 0..=1.
    pub confidence: f32,
    /// How much it matters, 0..=1.
    pub importance: Option<f32>,
    /// Labels, sorted.
    pub tags: Vec<String>,
    /// Passage or turn.
    pub kind: Kind,
    /// Its place in a document or session.
    pub place: Option<Place>,
    /// When it was stored.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
    /// When it happened, where that was told.
    pub occurred_at: Option<Timestamp>,
    /// 1, then one more with every update.
    pub version: u32,
    /// The column that holds it.
    pub column: ColumnId,
    /// What it is to that column.
    pub role: Role,
    /// The newest memory that says what holds now instead of it.
    pub superseded_by: Option<MemoryId>,
    /// Entities it mentions, its subject first.
    pub entities: Vec<String>,
}

/// What a memory is to the column that holds it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Role {
    /// The column was allocated for it.
    Founder,
    /// It joined a column whose concept it shares.
    Member,
    /// It says word for word the same as another memory; both are kept, recall shows one.
    DuplicateOf(MemoryId),
    /// It says otherwise than another memory of the same time: both cannot hold.
    ExceptionTo(MemoryId),
    /// It says what holds now instead of another memory: a value changed, something ended.
    Supersedes(MemoryId),
}

impl Role {
    /// The memory that it refers to.
    pub fn other(self) -> Option<MemoryId> {
        match self {
            Role::Founder | Role::Member => None,
            Role::DuplicateOf(id) | Role::ExceptionTo(id) | Role::Supersedes(id) => Some(id),
        }
    }
}

/// The four scorers of DESIGN 4.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scorer {
    /// Similarity of meaning.
    Semantic,
    /// Shared neighbours in the graph.
    Structural,
    /// Recency and sequence.
    Temporal,
    /// Contradiction.
    Exception,
}

/// One column that competed for a new memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Contender {
    /// The column.
    pub column: ColumnId,
    /// A memory that it holds and that resembles the new one most.
    pub nearest: MemoryId,
    /// Scorer outputs 0..=1: semantic, structural, temporal, exception.
    pub scores: [f32; 4],
    /// First spike, ms after onset; none if the column stayed silent or was inhibited.
    pub first_spike_ms: Option<f32>,
}

/// How a memory found its column.
#[derive(Clone, Debug, PartialEq)]
pub struct Allocation {
    /// The column that holds it now.
    pub column: ColumnId,
    /// What it is there.
    pub role: Role,
    /// Normalised lead of the winner over the runner-up, 0..=1 (1: nothing else spiked).
    pub confidence: f32,
    /// Scorer that drove the decision.
    pub decided_by: Scorer,
    /// Columns that competed, earliest spike first.
    pub contenders: Vec<Contender>,
}

/// Answer of store_memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// The new memory, or the first one when an idempotency key was repeated.
    pub id: MemoryId,
    /// Sequence number of its record: pass it as `at_least` to read this write anywhere.
    pub sequence: u64,
    /// True when an idempotency key was repeated and nothing was stored.
    pub repeated: bool,
    /// How it found its column; absent on a repeat.
    pub allocation: Option<Allocation>,
    /// Edges added to the graph.
    pub edges_added: u32,
    /// Entities met for the first time.
    pub entities_added: u32,
    /// Entities it mentions, its subject first.
    pub entities: Vec<String>,
    /// When it was stored.
    pub created_at: Timestamp,
}

/// One step of the path that spikes took to a memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// What fired.
    pub node: StepNode,
    /// When, ms after onset.
    pub spike_ms: f32,
}

/// What fired in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepNode {
    /// A memory driven by its similarity to the query, or reached.
    Memory(MemoryId),
    /// An entity.
    Entity(String),
}

/// One recalled memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Recalled {
    /// The memory.
    pub memory: Memory,
    /// Strength of the recall, 0..=1. By spread: exp(-first spike / 20 ms), the inverse of the TTFS code (SPEC 2.1);
    /// by the other strategies: their own measure.
    pub score: f32,
    /// Cosine similarity with the query, -1..=1; absent where no vector was compared.
    pub similarity: Option<f32>,
    /// First spike, ms after onset; only where a spread ran.
    pub first_spike_ms: Option<f32>,
    /// Path of the spikes from the query to it, first step first; asked for by `include_reasoning`.
    pub path: Vec<Step>,
    /// Duplicates of it that matched too and are not shown.
    pub duplicates: Vec<MemoryId>,
}

/// Answer of retrieve_memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieved {
    /// Best first.
    pub memories: Vec<Recalled>,
    /// How they were ranked.
    pub strategy: Strategy,
    /// Memories above the threshold before `limit` cut them.
    pub total_found: u32,
    /// Memories that passed the filters.
    pub searched: u32,
    /// Entities recognised in the query.
    pub query_entities: Vec<String>,
    /// Query terms that the store knows.
    pub query_terms: Vec<String>,
    /// Times named in the query, as spans.
    pub query_times: Vec<String>,
    /// Memories and entities that fired.
    pub nodes_fired: u32,
    /// Longest path taken, in edges.
    pub hops_max: u32,
    /// Whether anything is likely enough to answer, and if not, why.
    pub verdict: Verdict,
    /// What spoke for each candidate; asked for by `include_reasoning`, where evidence was weighed.
    pub gathered: Option<Box<Gathered>>,
    /// Sequence number of the newest record this answer has seen.
    pub sequence: u64,
}

/// Whether a recall found an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Something is likely enough.
    Answered,
    /// No memory passed the filters.
    NothingSearched,
    /// Nothing in the store resembles the query in words or in meaning.
    NothingAlike,
    /// The best that was found is less likely to answer than was asked for.
    TooUnlikely,
}

/// One changed field of update_memory.
#[derive(Clone, Debug, PartialEq)]
pub struct FieldChange {
    /// Which field.
    pub field: &'static str,
    /// Before, as text.
    pub old: String,
    /// Now, as text.
    pub new: String,
}

/// Answer of update_memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Updated {
    /// The memory.
    pub id: MemoryId,
    /// Sequence number of the record; that of the newest record when nothing changed.
    pub sequence: u64,
    /// What changed; empty when every field already had its new value.
    pub changes: Vec<FieldChange>,
    /// Version after it.
    pub version: u32,
    /// Edges added.
    pub edges_added: u32,
    /// Edges removed.
    pub edges_removed: u32,
    /// Learned connections weakened because the content changed.
    pub weakened: u32,
    /// New allocation, when the content moved.
    pub allocation: Option<Allocation>,
    /// When.
    pub updated_at: Timestamp,
}

/// Answer of delete_memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Deleted {
    /// The memory that was.
    pub id: MemoryId,
    /// Sequence number of the record.
    pub sequence: u64,
    /// Edges removed.
    pub edges_removed: u32,
    /// Entities removed because nothing mentions them any more.
    pub entities_removed: u32,
    /// Whether its column was released.
    pub column_released: bool,
}

/// Answer of get_memory_stats, the part that the state knows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Live memories (in the span, if one was given).
    pub memories: u64,
    /// Of them, by role: founders, members, duplicates, exceptions, those that supersede another.
    pub roles: [u64; 5],
    /// Deleted memories still remembered as tombstones.
    pub tombstones: u64,
    /// Entities.
    pub entities: u64,
    /// Edges of the graph, each counted once.
    pub edges: u64,
    /// Learned connections between memories.
    pub learned: u64,
    /// Columns that hold something.
    pub columns: u64,
    /// Distinct terms of the lexical index.
    pub terms: u64,
    /// Bytes of the texts themselves.
    pub text_bytes: u64,
    /// Bytes the state holds beyond the texts, counted from its arrays' capacities.
    pub state_bytes: u64,
    /// Bytes of device buffers.
    pub device_bytes: u64,
    /// Memories by kind; with `detailed_breakdown`.
    pub by_kind: Vec<(Kind, u64)>,
    /// The most used tags with their counts, at most 50; with `detailed_breakdown`.
    pub by_tag: Vec<(String, u64)>,
}

/// Learning parameters in force.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Learning {
    /// Step of one potentiation.
    pub learning_rate: f32,
    /// Share of a learned weight lost an hour.
    pub decay_rate: f32,
    /// Score from which a recalled memory takes part.
    pub activation_threshold: f32,
    /// The rule.
    pub learning_mode: LearningMode,
    /// Spikes further apart teach nothing, ms.
    pub plasticity_window_ms: f32,
}

impl Verdict {
    /// Why there is no answer, in words; none if there is one.
    pub fn why_not(self) -> Option<&'static str> {
        match self {
            Verdict::Answered => None,
            Verdict::NothingSearched => Some("no memory passed the filters"),
            Verdict::NothingAlike => Some("nothing stored resembles the query in words or in meaning"),
            Verdict::TooUnlikely => Some(
                "what resembles the query is too unlikely to answer it; threshold 0 shows it all the same",
            ),
        }
    }
}

impl Default for Learning {
    fn default() -> Self {
        Learning {
            learning_rate: 0.01,
            decay_rate: 0.001,
            activation_threshold: 0.6,
            learning_mode: LearningMode::Stdp,
            plasticity_window_ms: 20.0,
        }
    }
}

/// Answer of configure_learning.
#[derive(Clone, Debug, PartialEq)]
pub struct Configured {
    /// What changed: name, before, now. Empty when everything already stood so.
    pub changes: Vec<FieldChange>,
    /// What is in force now.
    pub learning: Learning,
    /// Sequence number of the record.
    pub sequence: u64,
}
