//! Records as releases of 2026 wrote them, format version 1: one positional postcard body.
//!
//! **Frozen.** Nothing here may change, nor use a type from outside that could: order, number and types of fields are the
//! format. Snapshots of version 1 share the small types.

use serde::Deserialize;

use super::fields::wrong;
use crate::Error;
use crate::answer;
use crate::ids::{ColumnId, MemoryId, TenantId, Timestamp};
use crate::request;

#[derive(Deserialize)]
struct Entry {
    tenant: u32,
    record: Record,
}

#[derive(Deserialize)]
enum Record {
    Founded(ModelTag),
    Stored(Box<StoredRecord>),
    Updated(Box<UpdatedRecord>),
    Deleted(DeletedRecord),
    Configured(Learning),
    Learned(LearnedRecord),
    ModelChanged(ModelTag),
    Reembedded(Vec<(u64, Vector)>),
}

#[derive(Deserialize)]
pub(crate) struct ModelTag {
    name: String,
    dim: u32,
    fingerprint: String,
}

/// Half-precision bits as one block of little-endian bytes.
#[derive(Default)]
pub(crate) struct Vector(pub(crate) Vec<u16>);

#[derive(Clone, Copy, Deserialize)]
pub(crate) enum Kind {
    Passage,
    Turn,
}

#[derive(Deserialize)]
pub(crate) struct Place {
    sequence: String,
    part: u32,
    parts: Option<u32>,
}

#[derive(Clone, Copy, Deserialize)]
pub(crate) enum Role {
    Founder,
    Member,
    DuplicateOf(u64),
    ExceptionTo(u64),
}

#[derive(Deserialize)]
enum CleanupMode {
    Minimal,
    Standard,
    Aggressive,
}

#[derive(Deserialize)]
enum LearningMode {
    Hebbian,
    AntiHebbian,
    Stdp,
    Homeostatic,
    MetaLearning,
}

#[derive(Deserialize)]
pub(crate) struct Learning {
    learning_rate: f32,
    decay_rate: f32,
    activation_threshold: f32,
    learning_mode: LearningMode,
    plasticity_window_ms: f32,
}

#[derive(Deserialize)]
struct StoredRecord {
    id: u64,
    at: i64,
    content: String,
    context: Option<String>,
    source: Option<String>,
    confidence: f32,
    importance: Option<f32>,
    tags: Vec<String>,
    kind: Kind,
    place: Option<Place>,
    occurred_at: Option<i64>,
    key: Option<String>,
    vector: Vector,
    links: Links,
    column: u32,
    role: Role,
}

#[derive(Deserialize)]
struct Links {
    subjects: Vec<String>,
    mentions: Vec<(String, u32)>,
    mentioned_by: Vec<(u32, u64)>,
    neighbours: Vec<u64>,
    similar: Vec<(u64, f32)>,
}

#[derive(Deserialize)]
struct UpdatedRecord {
    id: u64,
    at: i64,
    content: Option<NewContent>,
    context: Option<String>,
    confidence: Option<f32>,
    importance: Option<f32>,
    tags: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct NewContent {
    content: String,
    vector: Vector,
    links: Links,
    column: u32,
    role: Role,
    keep: f32,
}

#[derive(Deserialize)]
struct DeletedRecord {
    id: u64,
    at: i64,
    cleanup: CleanupMode,
}

#[derive(Deserialize)]
struct LearnedRecord {
    at: i64,
    fade: Option<f32>,
    weights: Vec<(u64, u64, f32)>,
}

/// Reads a body of version 1.
pub(super) fn decode(body: &[u8]) -> Result<super::Entry, Error> {
    match postcard::take_from_bytes::<Entry>(body) {
        Ok((entry, [])) => Ok(entry.into()),
        Ok((_, rest)) => Err(wrong("version 1", format!("{} bytes after its end", rest.len()))),
        Err(error) => Err(wrong("version 1", error)),
    }
}

impl<'de> Deserialize<'de> for Vector {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes: &[u8] = Deserialize::deserialize(deserializer)?;
        if !bytes.len().is_multiple_of(2) {
            return Err(serde::de::Error::custom("a vector of half bytes"));
        }
        Ok(Vector(bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect()))
    }
}

impl From<Entry> for super::Entry {
    fn from(old: Entry) -> Self {
        super::Entry { tenant: TenantId(old.tenant), record: old.record.into() }
    }
}

impl From<Record> for super::Record {
    fn from(old: Record) -> Self {
        match old {
            Record::Founded(model) => super::Record::Founded(model.into()),
            Record::Stored(stored) => super::Record::Stored(Box::new((*stored).into())),
            Record::Updated(updated) => super::Record::Updated(Box::new((*updated).into())),
            Record::Deleted(deleted) => super::Record::Deleted(deleted.into()),
            Record::Configured(learning) => super::Record::Configured(learning.into()),
            Record::Learned(learned) => super::Record::Learned(learned.into()),
            Record::ModelChanged(model) => super::Record::ModelChanged(model.into()),
            Record::Reembedded(vectors) => super::Record::Reembedded(
                vectors
                    .into_iter()
                    .map(|(id, vector)| super::Reembedding {
                        id: MemoryId(id),
                        vector: vector.into(),
                        parts: Vec::new(),
                    })
                    .collect(),
            ),
        }
    }
}

impl From<ModelTag> for super::ModelTag {
    fn from(old: ModelTag) -> Self {
        super::ModelTag { name: old.name, dim: old.dim, fingerprint: old.fingerprint }
    }
}

impl From<Vector> for super::Vector {
    fn from(old: Vector) -> Self {
        super::Vector(old.0)
    }
}

impl From<Kind> for request::Kind {
    fn from(old: Kind) -> Self {
        match old {
            Kind::Passage => request::Kind::Passage,
            Kind::Turn => request::Kind::Turn,
        }
    }
}

impl From<Place> for request::Place {
    fn from(old: Place) -> Self {
        request::Place { sequence: old.sequence, part: old.part, parts: old.parts }
    }
}

impl From<Role> for answer::Role {
    fn from(old: Role) -> Self {
        match old {
            Role::Founder => answer::Role::Founder,
            Role::Member => answer::Role::Member,
            Role::DuplicateOf(id) => answer::Role::DuplicateOf(MemoryId(id)),
            Role::ExceptionTo(id) => answer::Role::ExceptionTo(MemoryId(id)),
        }
    }
}

impl From<CleanupMode> for request::CleanupMode {
    fn from(old: CleanupMode) -> Self {
        match old {
            CleanupMode::Minimal => request::CleanupMode::Minimal,
            CleanupMode::Standard => request::CleanupMode::Standard,
            CleanupMode::Aggressive => request::CleanupMode::Aggressive,
        }
    }
}

impl From<Learning> for answer::Learning {
    fn from(old: Learning) -> Self {
        answer::Learning {
            learning_rate: old.learning_rate,
            decay_rate: old.decay_rate,
            activation_threshold: old.activation_threshold,
            learning_mode: match old.learning_mode {
                LearningMode::Hebbian => request::LearningMode::Hebbian,
                LearningMode::AntiHebbian => request::LearningMode::AntiHebbian,
                LearningMode::Stdp => request::LearningMode::Stdp,
                LearningMode::Homeostatic => request::LearningMode::Homeostatic,
                LearningMode::MetaLearning => request::LearningMode::MetaLearning,
            },
            plasticity_window_ms: old.plasticity_window_ms,
        }
    }
}

impl From<Links> for super::Links {
    fn from(old: Links) -> Self {
        super::Links {
            subjects: old.subjects,
            mentions: old.mentions,
            mentioned_by: old.mentioned_by.into_iter().map(|(at, id)| (at, MemoryId(id))).collect(),
            neighbours: old.neighbours.into_iter().map(MemoryId).collect(),
            similar: old.similar.into_iter().map(|(id, similarity)| (MemoryId(id), similarity)).collect(),
        }
    }
}

impl From<StoredRecord> for super::StoredRecord {
    fn from(old: StoredRecord) -> Self {
        super::StoredRecord {
            id: MemoryId(old.id),
            at: Timestamp(old.at),
            content: old.content,
            context: old.context,
            source: old.source,
            confidence: old.confidence,
            importance: old.importance,
            tags: old.tags,
            kind: old.kind.into(),
            place: old.place.map(Into::into),
            occurred_at: old.occurred_at.map(Timestamp),
            key: old.key,
            vector: old.vector.into(),
            parts: Vec::new(),
            links: old.links.into(),
            column: ColumnId(old.column),
            role: old.role.into(),
        }
    }
}

impl From<UpdatedRecord> for super::UpdatedRecord {
    fn from(old: UpdatedRecord) -> Self {
        super::UpdatedRecord {
            id: MemoryId(old.id),
            at: Timestamp(old.at),
            content: old.content.map(Into::into),
            context: old.context,
            // Of a change of context alone no vector was kept.
            embedding: None,
            confidence: old.confidence,
            importance: old.importance,
            tags: old.tags,
        }
    }
}

impl From<NewContent> for super::NewContent {
    fn from(old: NewContent) -> Self {
        super::NewContent {
            content: old.content,
            vector: old.vector.into(),
            parts: Vec::new(),
            links: old.links.into(),
            column: ColumnId(old.column),
            role: old.role.into(),
            keep: old.keep,
        }
    }
}

impl From<DeletedRecord> for super::DeletedRecord {
    fn from(old: DeletedRecord) -> Self {
        super::DeletedRecord { id: MemoryId(old.id), at: Timestamp(old.at), cleanup: old.cleanup.into() }
    }
}

impl From<LearnedRecord> for super::LearnedRecord {
    fn from(old: LearnedRecord) -> Self {
        let weights = old.weights.into_iter();
        super::LearnedRecord {
            at: Timestamp(old.at),
            fade: old.fade,
            weights: weights.map(|(from, to, weight)| (MemoryId(from), MemoryId(to), weight)).collect(),
        }
    }
}
