//! Records as this release writes them, format version 2: a kind and numbered fields ([`fields`](super::fields)).
//!
//! Numbers 1 to 15 mean the same in every kind of record; a kind's own begin at 17. A new field takes the next number that
//! no release has used: an even one if a release without it may read the rest, else an odd one. Enumerations are written by
//! the place of the variant, so variants are added at the end only; `tests` pins the bytes.

use super::fields::{Reader, Writer, encode, wrong};
use super::{
    DeletedRecord, Embedding, Entry, LearnedRecord, Links, ModelTag, NewContent, Part, Record, Reembedding,
    StoredRecord, UpdatedRecord, Vector,
};
use crate::Error;
use crate::answer::Learning;
use crate::ids::MemoryId;
use crate::request::Place;

/// Kinds of records.
const FOUNDED: u32 = 1;
const STORED: u32 = 2;
const UPDATED: u32 = 3;
const DELETED: u32 = 4;
const CONFIGURED: u32 = 5;
const LEARNED: u32 = 6;
const MODEL_CHANGED: u32 = 7;
const REEMBEDDED: u32 = 8;

/// Whose memory it is, in every kind; absent for the first tenant.
const TENANT: u32 = 1;

const WHAT: &str = "version 2";

/// Writes a record behind what is in `bytes`.
pub(super) fn encode_after(mut bytes: Vec<u8>, entry: &Entry) -> Vec<u8> {
    let kind = match &entry.record {
        Record::Founded(_) => FOUNDED,
        Record::Stored(_) => STORED,
        Record::Updated(_) => UPDATED,
        Record::Deleted(_) => DELETED,
        Record::Configured(_) => CONFIGURED,
        Record::Learned(_) => LEARNED,
        Record::ModelChanged(_) => MODEL_CHANGED,
        Record::Reembedded(_) => REEMBEDDED,
    };
    bytes.extend(encode(&kind));
    let mut to = Writer::after(bytes);
    if entry.tenant.0 != 0 {
        to.put(TENANT, &entry.tenant);
    }
    match &entry.record {
        Record::Founded(model) | Record::ModelChanged(model) => to.put_fields(17, |to| put_model(to, model)),
        Record::Stored(stored) => put_stored(&mut to, stored),
        Record::Updated(updated) => put_updated(&mut to, updated),
        Record::Deleted(deleted) => {
            to.put(17, &deleted.id);
            to.put(19, &deleted.at);
            to.put(21, &deleted.cleanup);
        }
        Record::Configured(learning) => to.put_fields(17, |to| put_learning(to, learning)),
        Record::Learned(learned) => {
            to.put(17, &learned.at);
            to.put_some(19, &learned.fade);
            to.put_many(21, &learned.weights);
        }
        Record::Reembedded(all) => {
            let vectors: Vec<(MemoryId, &Vector)> = all.iter().map(|new| (new.id, &new.vector)).collect();
            to.put_many(17, &vectors);
            let parts: Vec<(MemoryId, &[Part])> =
                all.iter().filter(|new| !new.parts.is_empty()).map(|new| (new.id, &new.parts[..])).collect();
            to.put_many(18, &parts);
        }
    }
    to.into_bytes()
}

/// Reads a body of version 2.
pub(super) fn decode(body: &[u8]) -> Result<Entry, Error> {
    let (kind, body): (u32, _) = postcard::take_from_bytes(body).map_err(|error| wrong(WHAT, error))?;
    let mut from = Reader::new(WHAT, body)?;
    let tenant = from.some(TENANT)?.unwrap_or_default();
    let record = match kind {
        FOUNDED => Record::Founded(model(&mut from)?),
        STORED => Record::Stored(Box::new(stored(&mut from)?)),
        UPDATED => Record::Updated(Box::new(updated(&mut from)?)),
        DELETED => {
            Record::Deleted(DeletedRecord { id: from.need(17)?, at: from.need(19)?, cleanup: from.need(21)? })
        }
        CONFIGURED => Record::Configured(from.fields(17, learning)?.ok_or_else(|| from.missing(17))?),
        LEARNED => Record::Learned(LearnedRecord {
            at: from.need(17)?,
            fade: from.some(19)?,
            weights: from.many(21)?,
        }),
        MODEL_CHANGED => Record::ModelChanged(model(&mut from)?),
        REEMBEDDED => Record::Reembedded(reembedded(&mut from)?),
        _ => return Err(wrong(WHAT, format!("a record of kind {kind} is of a later release"))),
    };
    from.done()?;
    Ok(Entry { tenant, record })
}

/// Writes a model.
pub(crate) fn put_model(to: &mut Writer, model: &ModelTag) {
    to.put(1, &model.name);
    to.put(3, &model.dim);
    to.put(5, &model.fingerprint);
}

/// Reads a model.
pub(crate) fn read_model(from: &mut Reader<'_>) -> Result<ModelTag, Error> {
    Ok(ModelTag { name: from.need(1)?, dim: from.need(3)?, fingerprint: from.need(5)? })
}

fn model(from: &mut Reader<'_>) -> Result<ModelTag, Error> {
    from.fields(17, read_model)?.ok_or_else(|| from.missing(17))
}

/// Writes learning parameters.
pub(crate) fn put_learning(to: &mut Writer, learning: &Learning) {
    to.put(1, &learning.learning_rate);
    to.put(3, &learning.decay_rate);
    to.put(5, &learning.activation_threshold);
    to.put(7, &learning.learning_mode);
    to.put(9, &learning.plasticity_window_ms);
}

/// Reads learning parameters.
pub(crate) fn learning(from: &mut Reader<'_>) -> Result<Learning, Error> {
    Ok(Learning {
        learning_rate: from.need(1)?,
        decay_rate: from.need(3)?,
        activation_threshold: from.need(5)?,
        learning_mode: from.need(7)?,
        plasticity_window_ms: from.need(9)?,
    })
}

/// Writes a place.
pub(crate) fn put_place(to: &mut Writer, place: &Place) {
    to.put(1, &place.sequence);
    to.put(3, &place.part);
    to.put_some(5, &place.parts);
}

/// Reads a place.
pub(crate) fn place(from: &mut Reader<'_>) -> Result<Place, Error> {
    Ok(Place { sequence: from.need(1)?, part: from.need(3)?, parts: from.some(5)? })
}

fn put_links(to: &mut Writer, links: &Links) {
    to.put_many(1, &links.subjects);
    to.put_many(3, &links.mentions);
    to.put_many(5, &links.mentioned_by);
    to.put_many(7, &links.neighbours);
    to.put_many(9, &links.similar);
}

fn links(from: &mut Reader<'_>) -> Result<Links, Error> {
    Ok(Links {
        subjects: from.many(1)?,
        mentions: from.many(3)?,
        mentioned_by: from.many(5)?,
        neighbours: from.many(7)?,
        similar: from.many(9)?,
    })
}

fn put_stored(to: &mut Writer, stored: &StoredRecord) {
    to.put(17, &stored.id);
    to.put(19, &stored.at);
    to.put(21, &stored.content);
    to.put_some(23, &stored.context);
    to.put_some(25, &stored.source);
    to.put(27, &stored.confidence);
    to.put_some(29, &stored.importance);
    to.put_many(31, &stored.tags);
    to.put(33, &stored.kind);
    if let Some(place) = &stored.place {
        to.put_fields(35, |to| put_place(to, place));
    }
    to.put_some(37, &stored.occurred_at);
    to.put_some(39, &stored.key);
    to.put(41, &stored.vector);
    to.put_fields(43, |to| put_links(to, &stored.links));
    to.put(45, &stored.column);
    to.put(47, &stored.role);
    to.put_many(48, &stored.parts);
}

fn stored(from: &mut Reader<'_>) -> Result<StoredRecord, Error> {
    Ok(StoredRecord {
        id: from.need(17)?,
        at: from.need(19)?,
        content: from.need(21)?,
        context: from.some(23)?,
        source: from.some(25)?,
        confidence: from.need(27)?,
        importance: from.some(29)?,
        tags: from.many(31)?,
        kind: from.need(33)?,
        place: from.fields(35, place)?,
        occurred_at: from.some(37)?,
        key: from.some(39)?,
        vector: from.need(41)?,
        links: from.fields(43, links)?.unwrap_or_default(),
        column: from.need(45)?,
        role: from.need(47)?,
        parts: from.many(48)?,
    })
}

fn put_updated(to: &mut Writer, updated: &UpdatedRecord) {
    to.put(17, &updated.id);
    to.put(19, &updated.at);
    if let Some(new) = &updated.content {
        to.put_fields(21, |to| {
            to.put(1, &new.content);
            to.put(3, &new.vector);
            to.put_fields(5, |to| put_links(to, &new.links));
            to.put(7, &new.column);
            to.put(9, &new.role);
            to.put(11, &new.keep);
            to.put_many(12, &new.parts);
        });
    }
    to.put_some(23, &updated.context);
    to.put_some(25, &updated.confidence);
    to.put_some(27, &updated.importance);
    to.put_some(29, &updated.tags);
    if let Some(embedding) = &updated.embedding {
        to.put_fields(31, |to| {
            to.put(1, &embedding.vector);
            to.put_many(2, &embedding.parts);
        });
    }
}

fn updated(from: &mut Reader<'_>) -> Result<UpdatedRecord, Error> {
    let content = |from: &mut Reader<'_>| {
        Ok(NewContent {
            content: from.need(1)?,
            vector: from.need(3)?,
            links: from.fields(5, links)?.unwrap_or_default(),
            column: from.need(7)?,
            role: from.need(9)?,
            keep: from.need(11)?,
            parts: from.many(12)?,
        })
    };
    Ok(UpdatedRecord {
        id: from.need(17)?,
        at: from.need(19)?,
        content: from.fields(21, content)?,
        context: from.some(23)?,
        confidence: from.some(25)?,
        importance: from.some(27)?,
        tags: from.some(29)?,
        embedding: from.fields(31, |from| Ok(Embedding { vector: from.need(1)?, parts: from.many(2)? }))?,
    })
}

fn reembedded(from: &mut Reader<'_>) -> Result<Vec<Reembedding>, Error> {
    let vectors: Vec<(MemoryId, Vector)> = from.many(17)?;
    let mut parts: Vec<(MemoryId, Vec<Part>)> = from.many(18)?;
    parts.reverse();
    let mut all = Vec::with_capacity(vectors.len());
    for (id, vector) in vectors {
        // Both lists are in the same order; the second leaves out those without parts.
        let own = parts.pop_if(|(of, _)| *of == id).map(|(_, parts)| parts);
        all.push(Reembedding { id, vector, parts: own.unwrap_or_default() });
    }
    Ok(all)
}
