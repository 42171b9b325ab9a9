//! Answers of the domain to gRPC messages, field by field.

mod analysis;

use cortexkg_engine::{MemoryId, Performance, Statistics, Timing, answer, request};

use super::proto;
use crate::times::to_proto;

impl From<answer::Memory> for proto::StoredMemory {
    fn from(memory: answer::Memory) -> Self {
        let (role, related_memory_id) = role(memory.role);
        proto::StoredMemory {
            memory_id: memory.id.to_string(),
            content: memory.content,
            context: memory.context,
            source: memory.source,
            confidence: memory.confidence,
            importance: memory.importance,
            tags: memory.tags,
            kind: match memory.kind {
                request::Kind::Passage => proto::Kind::Passage.into(),
                request::Kind::Turn => proto::Kind::Turn.into(),
            },
            place: memory.place.map(|place| proto::Place {
                sequence: place.sequence,
                part: place.part,
                parts: place.parts,
            }),
            created_at: Some(to_proto(memory.created_at)),
            updated_at: Some(to_proto(memory.updated_at)),
            occurred_at: memory.occurred_at.map(to_proto),
            version: memory.version,
            column_id: memory.column.to_string(),
            role: role.into(),
            related_memory_id,
            entities: memory.entities,
            superseded_by: memory.superseded_by.as_ref().map(MemoryId::to_string),
        }
    }
}

impl From<answer::Allocation> for proto::Allocation {
    fn from(allocation: answer::Allocation) -> Self {
        let (role, related_memory_id) = role(allocation.role);
        proto::Allocation {
            column_id: allocation.column.to_string(),
            role: role.into(),
            related_memory_id,
            confidence: allocation.confidence,
            decided_by: match allocation.decided_by {
                answer::Scorer::Semantic => proto::Scorer::Semantic.into(),
                answer::Scorer::Structural => proto::Scorer::Structural.into(),
                answer::Scorer::Temporal => proto::Scorer::Temporal.into(),
                answer::Scorer::Exception => proto::Scorer::Exception.into(),
            },
            contenders: allocation.contenders.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<answer::Contender> for proto::Contender {
    fn from(contender: answer::Contender) -> Self {
        let [semantic, structural, temporal, exception] = contender.scores;
        proto::Contender {
            column_id: contender.column.to_string(),
            nearest_memory_id: contender.nearest.to_string(),
            semantic,
            structural,
            temporal,
            exception,
            first_spike_ms: contender.first_spike_ms,
        }
    }
}

impl From<answer::Stored> for proto::StoreResponse {
    fn from(stored: answer::Stored) -> Self {
        proto::StoreResponse {
            memory_id: stored.id.to_string(),
            sequence: stored.sequence,
            was_repeated: stored.repeated,
            allocation: stored.allocation.map(Into::into),
            edges_added: stored.edges_added,
            entities_added: stored.entities_added,
            entities: stored.entities,
            created_at: Some(to_proto(stored.created_at)),
        }
    }
}

impl From<Result<answer::Stored, crate::Error>> for proto::StoreOutcome {
    fn from(outcome: Result<answer::Stored, crate::Error>) -> Self {
        use proto::store_outcome::Outcome;
        let outcome = match outcome {
            Ok(stored) => Outcome::Stored(stored.into()),
            Err(error) => Outcome::Error(error.into()),
        };
        proto::StoreOutcome { outcome: Some(outcome) }
    }
}

impl From<answer::Step> for proto::Step {
    fn from(step: answer::Step) -> Self {
        let node = match step.node {
            answer::StepNode::Memory(id) => proto::step::Node::MemoryId(id.to_string()),
            answer::StepNode::Entity(name) => proto::step::Node::Entity(name),
        };
        proto::Step { node: Some(node), spike_ms: step.spike_ms }
    }
}

impl From<answer::Recalled> for proto::RecalledMemory {
    fn from(recalled: answer::Recalled) -> Self {
        proto::RecalledMemory {
            memory: Some(recalled.memory.into()),
            score: recalled.score,
            similarity: recalled.similarity,
            first_spike_ms: recalled.first_spike_ms,
            path: recalled.path.into_iter().map(Into::into).collect(),
            duplicate_memory_ids: names(&recalled.duplicates),
        }
    }
}

impl From<answer::Retrieved> for proto::RetrieveResponse {
    fn from(retrieved: answer::Retrieved) -> Self {
        proto::RetrieveResponse {
            memories: retrieved.memories.into_iter().map(Into::into).collect(),
            strategy: strategy(retrieved.strategy).into(),
            total_found: retrieved.total_found,
            searched: retrieved.searched,
            query_entities: retrieved.query_entities,
            query_terms: retrieved.query_terms,
            query_times: retrieved.query_times,
            nodes_fired: retrieved.nodes_fired,
            hops_max: retrieved.hops_max,
            sequence: retrieved.sequence,
            answered: retrieved.verdict.why_not().is_none(),
            no_answer: retrieved.verdict.why_not().unwrap_or_default().into(),
        }
    }
}

impl From<answer::FieldChange> for proto::FieldChange {
    fn from(change: answer::FieldChange) -> Self {
        proto::FieldChange { field_name: change.field.into(), old_value: change.old, new_value: change.new }
    }
}

impl From<answer::Updated> for proto::UpdateResponse {
    fn from(updated: answer::Updated) -> Self {
        proto::UpdateResponse {
            memory_id: updated.id.to_string(),
            sequence: updated.sequence,
            changes_applied: updated.changes.into_iter().map(Into::into).collect(),
            version: updated.version,
            edges_added: updated.edges_added,
            edges_removed: updated.edges_removed,
            weakened: updated.weakened,
            allocation: updated.allocation.map(Into::into),
            updated_at: Some(to_proto(updated.updated_at)),
        }
    }
}

impl From<answer::Deleted> for proto::DeleteResponse {
    fn from(deleted: answer::Deleted) -> Self {
        proto::DeleteResponse {
            memory_id: deleted.id.to_string(),
            sequence: deleted.sequence,
            edges_removed: deleted.edges_removed,
            entities_removed: deleted.entities_removed,
            column_released: deleted.column_released,
        }
    }
}

impl From<Statistics> for proto::StatsResponse {
    fn from(statistics: Statistics) -> Self {
        let state = statistics.state;
        let [founders, members, duplicates, exceptions, superseding] = state.roles;
        let by_kind = state
            .by_kind
            .into_iter()
            .map(|(kind, count)| proto::NamedCount { name: format!("{kind:?}"), count });
        let by_tag = state.by_tag.into_iter().map(|(name, count)| proto::NamedCount { name, count });
        proto::StatsResponse {
            memories: state.memories,
            founders,
            members,
            duplicates,
            exceptions,
            superseding,
            tombstones: state.tombstones,
            entities: state.entities,
            edges: state.edges,
            learned: state.learned,
            columns: state.columns,
            terms: state.terms,
            text_bytes: state.text_bytes,
            state_bytes: state.state_bytes,
            device_bytes: state.device_bytes,
            by_kind: by_kind.collect(),
            by_tag: by_tag.collect(),
            performance: statistics.performance.map(Into::into),
            learning: Some(statistics.learning.into()),
            model: statistics.model,
            device: statistics.device,
            uptime_s: statistics.uptime_s,
            sequence: statistics.sequence,
        }
    }
}

impl From<Performance> for proto::Performance {
    fn from(performance: Performance) -> Self {
        proto::Performance {
            calls: performance.calls,
            errors: performance.errors,
            store: Some(performance.store.into()),
            retrieve: Some(performance.retrieve.into()),
        }
    }
}

impl From<Timing> for proto::Timing {
    fn from(timing: Timing) -> Self {
        proto::Timing {
            count: timing.count,
            mean_ms: timing.mean_ms,
            p50_ms: timing.p50_ms,
            p99_ms: timing.p99_ms,
        }
    }
}

impl From<answer::Learning> for proto::Learning {
    fn from(learning: answer::Learning) -> Self {
        let mode = match learning.learning_mode {
            request::LearningMode::Hebbian => proto::LearningMode::Hebbian,
            request::LearningMode::AntiHebbian => proto::LearningMode::AntiHebbian,
            request::LearningMode::Stdp => proto::LearningMode::Stdp,
            request::LearningMode::Homeostatic => proto::LearningMode::Homeostatic,
            request::LearningMode::MetaLearning => proto::LearningMode::MetaLearning,
        };
        proto::Learning {
            learning_rate: learning.learning_rate,
            decay_rate: learning.decay_rate,
            activation_threshold: learning.activation_threshold,
            learning_mode: mode.into(),
            plasticity_window_ms: learning.plasticity_window_ms,
        }
    }
}

impl From<answer::Configured> for proto::ConfigureLearningResponse {
    fn from(configured: answer::Configured) -> Self {
        proto::ConfigureLearningResponse {
            updated_parameters: configured.changes.into_iter().map(Into::into).collect(),
            learning: Some(configured.learning.into()),
            sequence: configured.sequence,
        }
    }
}

fn role(role: answer::Role) -> (proto::Role, Option<String>) {
    match role {
        answer::Role::Founder => (proto::Role::Founder, None),
        answer::Role::Member => (proto::Role::Member, None),
        answer::Role::DuplicateOf(id) => (proto::Role::Duplicate, Some(id.to_string())),
        answer::Role::ExceptionTo(id) => (proto::Role::Exception, Some(id.to_string())),
        answer::Role::Supersedes(id) => (proto::Role::Superseding, Some(id.to_string())),
    }
}

fn strategy(strategy: request::Strategy) -> proto::Strategy {
    match strategy {
        request::Strategy::SemanticSimilarity => proto::Strategy::SemanticSimilarity,
        request::Strategy::StructuralMatching => proto::Strategy::StructuralMatching,
        request::Strategy::TemporalProximity => proto::Strategy::TemporalProximity,
        request::Strategy::HybridApproach => proto::Strategy::HybridApproach,
        request::Strategy::SpreadingActivation => proto::Strategy::SpreadingActivation,
        request::Strategy::Lexical => proto::Strategy::Lexical,
        request::Strategy::Fused => proto::Strategy::Fused,
        request::Strategy::PageRank => proto::Strategy::PageRank,
    }
}

fn names(ids: &[MemoryId]) -> Vec<String> {
    ids.iter().map(MemoryId::to_string).collect()
}
