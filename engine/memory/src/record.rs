//! Decisions, as the log keeps them. Replay needs no device, no model and no clock.
//!
//! A record is one version byte and a postcard body. Versions are never reused; what an older release wrote is read
//! for ever (DESIGN 5, rule 6).

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::answer::{Learning, Role};
use crate::ids::{ColumnId, MemoryId, TenantId, Timestamp};
use crate::request::{CleanupMode, Kind, Place};

/// Format version written today.
const VERSION: u8 = 1;

/// A record with the tenant it belongs to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Whose memory this is.
    pub tenant: TenantId,
    /// What was decided.
    pub record: Record,
}

/// One decision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    Reembedded(Vec<(MemoryId, Vector)>),
}

/// Names an embedding model beyond doubt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// A memory as it was decided.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
    /// Its names and the edges decided from them.
    pub links: Links,
    /// Where it was allocated.
    pub column: ColumnId,
    /// What it is there.
    pub role: Role,
}

/// Edges of one memory.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
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
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UpdatedRecord {
    /// Which memory.
    pub id: MemoryId,
    /// When.
    pub at: Timestamp,
    /// New content with all that follows from it.
    pub content: Option<NewContent>,
    /// New context.
    pub context: Option<String>,
    /// New confidence.
    pub confidence: Option<f32>,
    /// New importance.
    pub importance: Option<f32>,
    /// New tags, complete.
    pub tags: Option<Vec<String>>,
}

/// What changes with a memory's content.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NewContent {
    /// The text.
    pub content: String,
    /// Its embedding.
    pub vector: Vector,
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
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct DeletedRecord {
    /// Which memory.
    pub id: MemoryId,
    /// When.
    pub at: Timestamp,
    /// How much goes with it.
    pub cleanup: CleanupMode,
}

/// Changes of learned connections, from memory to memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
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
        postcard::to_extend(self, vec![VERSION])
            .expect("records hold nothing that cannot be encoded; this is a bug")
    }

    /// Reads what any release wrote.
    pub fn decode(bytes: &[u8]) -> Result<Self, Error> {
        match bytes.split_first() {
            Some((&VERSION, body)) => match postcard::take_from_bytes(body) {
                Ok((entry, [])) => Ok(entry),
                Ok((_, rest)) => Err(Error::Format { why: format!("{} bytes after its end", rest.len()) }),
                Err(error) => Err(Error::Format { why: error.to_string() }),
            },
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
mod tests {
    use super::*;

    #[test]
    fn records_read_back_and_damage_is_told() {
        let entry = Entry {
            tenant: TenantId::default(),
            record: Record::Reembedded(vec![(MemoryId(7), Vector(vec![0, 1, 0x3c00, u16::MAX]))]),
        };
        let bytes = entry.encode();
        assert_eq!(Entry::decode(&bytes).unwrap(), entry);
        for cut in 0..bytes.len() {
            assert!(Entry::decode(&bytes[..cut]).is_err(), "cut at {cut} went unnoticed");
        }
        assert!(Entry::decode(&[bytes.clone(), vec![0]].concat()).is_err());
        assert!(matches!(Entry::decode(&[9, 0]), Err(Error::Format { why }) if why.contains("version 9")));
    }
}
