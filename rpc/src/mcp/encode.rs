//! Answers of the domain as results of the tools, field by field.

mod analysis;

use cortexkg_engine::{MemoryId, Statistics, answer, request};

use super::results::{
    Alternative, Change, Cleanup, Configured, Count, Decision, Deleted, Learning, Parameter, Performance,
    QueryUnderstanding, Recalled, RetrievalMetadata, Retrieved, Roles, Stats, Step, StorageMetadata,
    StoreChanges, Stored, SystemOverview, Timing, UpdateChanges, Updated,
};
use crate::times::to_rfc3339;

impl From<answer::Stored> for Stored {
    fn from(stored: answer::Stored) -> Self {
        Stored {
            memory_id: stored.id.to_string(),
            cortical_decision: stored.allocation.map(Into::into),
            synaptic_changes: StoreChanges {
                new_connections: stored.edges_added,
                new_entities: stored.entities_added,
            },
            entities: stored.entities,
            storage_metadata: StorageMetadata {
                sequence: stored.sequence,
                created_at: to_rfc3339(stored.created_at),
            },
        }
    }
}

impl From<answer::Allocation> for Decision {
    fn from(allocation: answer::Allocation) -> Self {
        let (role, related) = match allocation.role {
            answer::Role::Founder => ("founder", None),
            answer::Role::Member => ("member", None),
            answer::Role::DuplicateOf(id) => ("duplicate", Some(id)),
            answer::Role::ExceptionTo(id) => ("exception", Some(id)),
            answer::Role::Supersedes(id) => ("superseding", Some(id)),
        };
        let others = allocation.contenders.iter().filter(|other| other.column != allocation.column);
        Decision {
            primary_column: format!("{:?}", allocation.decided_by),
            decision_confidence: allocation.confidence,
            column_id: allocation.column.to_string(),
            role,
            related_memory_id: related.as_ref().map(MemoryId::to_string),
            alternative_paths: others.map(Into::into).collect(),
        }
    }
}

impl From<&answer::Contender> for Alternative {
    fn from(contender: &answer::Contender) -> Self {
        use answer::Scorer::{Exception, Semantic, Structural, Temporal};
        // The order of `scores`; the first of equals counts.
        let scorers = [Semantic, Structural, Temporal, Exception];
        let strongest = (1..scorers.len()).fold(0, |best, scorer| {
            if contender.scores[scorer] > contender.scores[best] { scorer } else { best }
        });
        Alternative {
            column_type: format!("{:?}", scorers[strongest]),
            activation_strength: contender.scores[strongest],
            column_id: contender.column.to_string(),
            nearest_memory_id: contender.nearest.to_string(),
            first_spike_ms: contender.first_spike_ms,
        }
    }
}

impl From<answer::Retrieved> for Retrieved {
    fn from(retrieved: answer::Retrieved) -> Self {
        Retrieved {
            similarity_scores: retrieved.memories.iter().map(|recalled| recalled.score).collect(),
            memories: retrieved.memories.into_iter().map(Into::into).collect(),
            total_found: retrieved.total_found,
            answered: retrieved.verdict.why_not().is_none(),
            no_answer: retrieved.verdict.why_not(),
            retrieval_metadata: RetrievalMetadata {
                strategy_used: format!("{:?}", retrieved.strategy),
                memories_searched: retrieved.searched,
                nodes_traversed: retrieved.nodes_fired,
                spreading_activation_hops: retrieved.hops_max,
                sequence: retrieved.sequence,
            },
            query_understanding: QueryUnderstanding {
                semantic_concepts: retrieved.query_entities,
                temporal_indicators: retrieved.query_times,
                known_terms: retrieved.query_terms,
            },
        }
    }
}

impl From<answer::Recalled> for Recalled {
    fn from(recalled: answer::Recalled) -> Self {
        let memory = recalled.memory;
        Recalled {
            memory_id: memory.id.to_string(),
            content: memory.content,
            similarity_score: recalled.score,
            cosine_similarity: recalled.similarity,
            context: memory.context,
            source: memory.source,
            tags: memory.tags,
            confidence: memory.confidence,
            importance: memory.importance,
            created_at: to_rfc3339(memory.created_at),
            occurred_at: memory.occurred_at.and_then(to_rfc3339),
            contradicts: match memory.role {
                answer::Role::ExceptionTo(id) => Some(id.to_string()),
                _ => None,
            },
            supersedes: match memory.role {
                answer::Role::Supersedes(id) => Some(id.to_string()),
                _ => None,
            },
            superseded_by: memory.superseded_by.as_ref().map(MemoryId::to_string),
            duplicates: recalled.duplicates.iter().map(MemoryId::to_string).collect(),
            first_spike_ms: recalled.first_spike_ms,
            retrieval_path: recalled.path.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<answer::Step> for Step {
    fn from(step: answer::Step) -> Self {
        let (memory_id, entity) = match step.node {
            answer::StepNode::Memory(id) => (Some(id.to_string()), None),
            answer::StepNode::Entity(name) => (None, Some(name)),
        };
        Step { memory_id, entity, spike_ms: step.spike_ms }
    }
}

impl From<answer::Updated> for Updated {
    fn from(updated: answer::Updated) -> Self {
        let at = to_rfc3339(updated.updated_at);
        let changes = updated.changes.into_iter().map(|change| Change {
            field_name: change.field,
            old_value: change.old,
            new_value: change.new,
            change_timestamp: at.clone(),
        });
        let changes_applied: Vec<_> = changes.collect();
        Updated {
            memory_id: updated.id.to_string(),
            update_successful: !changes_applied.is_empty(),
            changes_applied,
            version: updated.version,
            synaptic_modifications: UpdateChanges {
                weakened: updated.weakened,
                new_connections_formed: updated.edges_added,
                pruned: updated.edges_removed,
            },
            affected_connections: updated.weakened + updated.edges_added + updated.edges_removed,
            cortical_decision: updated.allocation.map(Into::into),
            sequence: updated.sequence,
        }
    }
}

impl From<answer::Deleted> for Deleted {
    fn from(deleted: answer::Deleted) -> Self {
        Deleted {
            memory_id: deleted.id.to_string(),
            deletion_successful: true,
            connections_removed: deleted.edges_removed,
            cleanup_performed: Cleanup {
                entities_removed: deleted.entities_removed,
                column_released: deleted.column_released,
            },
            sequence: deleted.sequence,
        }
    }
}

impl From<Statistics> for Stats {
    fn from(statistics: Statistics) -> Self {
        let state = statistics.state;
        let [founders, members, duplicates, exceptions, superseding] = state.roles;
        let bytes = state.text_bytes + state.state_bytes + state.device_bytes;
        let by_kind =
            state.by_kind.into_iter().map(|(kind, count)| Count { name: format!("{kind:?}"), count });
        Stats {
            system_overview: SystemOverview {
                total_memories: state.memories,
                total_connections: state.edges,
                learned_connections: state.learned,
                entities: state.entities,
                columns: state.columns,
                terms: state.terms,
                tombstones: state.tombstones,
                memory_usage_mb: bytes as f64 / 1e6,
                uptime_hours: statistics.uptime_s / 3_600.0,
            },
            memory_roles: Roles { founders, members, duplicates, exceptions, superseding },
            by_kind: by_kind.collect(),
            by_tag: state.by_tag.into_iter().map(|(name, count)| Count { name, count }).collect(),
            performance_metrics: statistics.performance.map(Into::into),
            learning: statistics.learning.into(),
            embedding_model: statistics.model,
            device: statistics.device,
            sequence: statistics.sequence,
        }
    }
}

impl From<cortexkg_engine::Performance> for Performance {
    fn from(performance: cortexkg_engine::Performance) -> Self {
        let share = performance.errors as f64 / performance.calls as f64;
        Performance {
            calls: performance.calls,
            error_rate_percent: (performance.calls > 0).then_some(share * 100.0),
            store: performance.store.into(),
            retrieve: performance.retrieve.into(),
        }
    }
}

impl From<cortexkg_engine::Timing> for Timing {
    fn from(timing: cortexkg_engine::Timing) -> Self {
        // Nothing was timed where nothing was called.
        let timed = |ms| (timing.count > 0).then_some(ms);
        Timing {
            count: timing.count,
            mean_ms: timed(timing.mean_ms),
            p50_ms: timed(timing.p50_ms),
            p99_ms: timed(timing.p99_ms),
        }
    }
}

impl From<answer::Learning> for Learning {
    fn from(learning: answer::Learning) -> Self {
        Learning {
            learning_rate: learning.learning_rate,
            decay_rate: learning.decay_rate,
            activation_threshold: learning.activation_threshold,
            learning_mode: match learning.learning_mode {
                request::LearningMode::Hebbian => "Hebbian",
                request::LearningMode::AntiHebbian => "AntiHebbian",
                request::LearningMode::Stdp => "STDP",
                request::LearningMode::Homeostatic => "Homeostatic",
                request::LearningMode::MetaLearning => "MetaLearning",
            },
            plasticity_window_ms: learning.plasticity_window_ms,
        }
    }
}

impl From<answer::Configured> for Configured {
    fn from(configured: answer::Configured) -> Self {
        let parameters = configured.changes.into_iter().map(|change| Parameter {
            parameter_name: change.field,
            old_value: change.old,
            new_value: change.new,
        });
        let updated_parameters: Vec<_> = parameters.collect();
        Configured {
            configuration_applied: !updated_parameters.is_empty(),
            updated_parameters,
            learning: configured.learning.into(),
            sequence: configured.sequence,
        }
    }
}
