//! Decisions, as the log keeps them. Replay needs no device, no model and no clock.
//!
//! A record is one version byte and a body. Versions are never reused; what an older release wrote is read for ever
//! (DESIGN 5, rule 6). The types here are what the domain works with: the bytes of a version are in a file of its own, and no
//! change here changes them.

pub(crate) mod fields;
pub(crate) mod v1;
pub(crate) mod v2;

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::answer::{Learning, Role};
use crate::ids::{ColumnId, MemoryId, TenantId, Timestamp};
use crate::request::{CleanupMode, Kind, Place};

/// Format version written today.
const VERSION: u8 = 2;

/// A record with the tenant it belongs to.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Whose memory this is.
    pub tenant: TenantId,
    /// What was decided.
    pub record: Record,
}

/// One decision.
#[derive(Clone, Debug, PartialEq)]
pub enum Record {
    /// First record of a folder: which model its vectors come from.
    Founded(ModelTag),
    /// A memory was stored.
    Stored(Box<StoredRecord>),
    /// A memory was changed.
    Updated(Box<UpdatedRecord>),
    /// A memory was deleted.
    Deleted(DeletedRecord),
    /// Learning parameters were set.
    Configured(Learning),
    /// Learned connections changed.
    Learned(LearnedRecord),
    /// From here on another model is in force; vectors of it follow in `Reembedded`.
    ModelChanged(ModelTag),
    /// New vectors of memories, in the model of the last `ModelChanged`.
    Reembedded(Vec<Reembedding>),
}

/// Names an embedding model beyond doubt.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelTag {
    /// Its name, for people.
    pub name: String,
    /// Dimensions.
    pub dim: u32,
    /// Hash of its weights.
    pub fingerprint: String,
}

/// An embedding as IEEE half-precision bits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Vector(pub Vec<u16>);

/// A part of a long text, by which it is found as well.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// First byte of the content.
    pub start: u32,
    /// One past its last byte.
    pub end: u32,
    /// Its embedding.
    pub vector: Vector,
}

/// How a text is embedded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Embedding {
    /// The whole of it.
    pub vector: Vector,
    /// Its parts; none of a short text.
    pub parts: Vec<Part>,
}

/// A memory's embedding in a new model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reembedding {
    /// Which memory.
    pub id: MemoryId,
    /// The whole of it.
    pub vector: Vector,
    /// Its parts; none of a short text.
    pub parts: Vec<Part>,
}

/// A memory as it was decided.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredRecord {
    /// Its name.
    pub id: MemoryId,
    /// When.
    pub at: Timestamp,
    /// The text.
    pub content: String,
    /// Circumstances.
    pub context: Option<String>,
    /// Where it comes from.
    pub source: Option<String>,
    /// 0..=1.
    pub confidence: f32,
    /// 0..=1.
    pub importance: Option<f32>,
    /// Sorted, each once.
    pub tags: Vec<String>,
    /// Passage or turn.
    pub kind: Kind,
    /// Its place in a document or session.
    pub place: Option<Place>,
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// Idempotency key.
    pub key: Option<String>,
    /// Its embedding.
    pub vector: Vector,
    /// Embeddings of its parts; none of a short text.
    pub parts: Vec<Part>,
    /// Its names and the edges decided from them.
    pub links: Links,
    /// Where it was allocated.
    pub column: ColumnId,
    /// What it is there.
    pub role: Role,
}

/// Edges of one memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Links {
    /// Entities it is about.
    pub subjects: Vec<String>,
    /// Entities it mentions, how often; subjects among them.
    pub mentions: Vec<(String, u32)>,
    /// Older memories that turned out to mention one of its subjects: index into `subjects`, memory.
    pub mentioned_by: Vec<(u32, MemoryId)>,
    /// Neighbours in its sequence.
    pub neighbours: Vec<MemoryId>,
    /// Memories that say nearly the same, with their similarity 0..=1.
    pub similar: Vec<(MemoryId, f32)>,
}

/// A change of one memory; absent fields stayed.
#[derive(Clone, Debug, PartialEq)]
pub struct UpdatedRecord {
    /// Which memory.
    pub id: MemoryId,
    /// When.
    pub at: Timestamp,
    /// New content with all that follows from it.
    pub content: Option<NewContent>,
    /// New context.
    pub context: Option<String>,
    /// New embedding, where the context alone changed.
    pub embedding: Option<Embedding>,
    /// New confidence.
    pub confidence: Option<f32>,
    /// New importance.
    pub importance: Option<f32>,
    /// New tags, complete.
    pub tags: Option<Vec<String>>,
}

/// What changes with a memory's content.
#[derive(Clone, Debug, PartialEq)]
pub struct NewContent {
    /// The text.
    pub content: String,
    /// Its embedding.
    pub vector: Vector,
    /// Embeddings of its parts; none of a short text.
    pub parts: Vec<Part>,
    /// Its edges, all anew.
    pub links: Links,
    /// Where it was allocated.
    pub column: ColumnId,
    /// What it is there.
    pub role: Role,
    /// Learned connections keep this share of their weight.
    pub keep: f32,
}

/// A deletion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DeletedRecord {
    /// Which memory.
    pub id: MemoryId,
    /// When.
    pub at: Timestamp,
    /// How much goes with it.
    pub cleanup: CleanupMode,
}

/// Changes of learned connections, from memory to memory.
#[derive(Clone, Debug, PartialEq)]
pub struct LearnedRecord {
    /// When.
    pub at: Timestamp,
    /// All learned weights first fade to this share.
    pub fade: Option<f32>,
    /// From, to, new weight 0..=1.
    pub weights: Vec<(MemoryId, MemoryId, f32)>,
}

impl Entry {
    /// Version byte and body.
    pub fn encode(&self) -> Vec<u8> {
        v2::encode_after(vec![VERSION], self)
    }

    /// Reads what any release wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.split_first() {
            Some((1, body)) => v1::decode(body),
            Some((&VERSION, body)) => v2::decode(body),
            Some((version, _)) => {
                Err(Error::Format { why: format!("version {version}, this release reads up to {VERSION}") })
            }
            None => Err(Error::Format { why: "empty".into() }),
        }
    }
}

impl Serialize for Vector {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // One block of little-endian bytes: no varint a number.
        let bytes: Vec<u8> = self.0.iter().flat_map(|bits| bits.to_le_bytes()).collect();
        serializer.serialize_bytes(&bytes)
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

#[cfg(test)]
mod tests;
