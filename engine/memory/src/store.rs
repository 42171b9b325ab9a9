//! store_memory: embed (above) -> search -> allocate -> link -> record -> apply.
//!
//! A batch is decided item by item in order of arrival, each on a state that holds those before it. The state thus runs
//! ahead of the log by the batch in hand; nobody reads it until the log has the batch, and if the log refuses, the state is
//! folded anew.

use cortexkg_compute::collect_in_parallel;

use crate::Error;
use crate::allocate::{self, Known, Newcomer, Outcome, RIVAL_MIN, RIVALS_MAX, Rival};
use crate::answer::{Allocation, Stored};
use crate::ids::{MemoryId, TenantId, Timestamp};
use crate::links;
use crate::record::{Entry, Record, StoredRecord};
use crate::request::{CONFIDENCE_DEFAULT, Kind, Place, Store};
use crate::resident::{Contest, Resident};
use crate::state::vectors::narrow;
use crate::state::{State, searchable};
use crate::text::reading::Reading;

/// A memory to be stored, with its embedding.
pub struct NewMemory<'a> {
    /// The request, checked.
    pub request: &'a Store,
    /// Its embedding, unit length or zero.
    pub vector: &'a [f32],
}

/// What became of one request.
pub enum Decision {
    /// A record, applied to the state and waiting for the log.
    Record(Box<Entry>, Box<Stored>),
    /// An idempotency key came again: nothing to log.
    Repeated(Box<Stored>),
}

/// What the comparison of a text needs of one that is known already, whether stored or in the same batch.
pub(crate) struct Text<'a> {
    pub text: &'a str,
    pub reading: &'a Reading<'a>,
    pub time: Timestamp,
    pub place: Option<&'a Place>,
    pub vector: &'a [f32],
}

/// Decides and applies a batch.
pub fn store_batch(
    state: &mut State,
    resident: &mut Resident,
    batch: &[NewMemory<'_>],
    tenant: TenantId,
    now: Timestamp,
) -> Result<Vec<Decision>, Error> {
    let searched: Vec<String> =
        batch.iter().map(|new| searchable(&new.request.content, new.request.context.as_deref())).collect();
    let readings = collect_in_parallel(batch.len(), |at| {
        let request = batch[at].request;
        Reading::of(&searched[at], &request.content, request.kind == Kind::Passage)
    });
    let texts: Vec<Text<'_>> = batch
        .iter()
        .zip(&readings)
        .map(|(new, reading)| Text {
            text: &new.request.content,
            reading,
            time: new.request.occurred_at.unwrap_or(now),
            place: new.request.place.as_ref(),
            vector: new.vector,
        })
        .collect();
    let contests = contests(state, resident, &texts)?;
    let mut ids: Vec<Option<MemoryId>> = Vec::with_capacity(batch.len());
    let mut decisions = Vec::with_capacity(batch.len());
    for ((new, reading), contest) in batch.iter().zip(&readings).zip(contests) {
        let request = new.request;
        if let Some(row) = request.idempotency_key.as_deref().and_then(|key| state.items.find_key(key)) {
            ids.push(Some(state.items.get(row).id));
            decisions.push(Decision::Repeated(Box::new(repeated(state, row))));
            continue;
        }
        let (rivals, outcome) = contest.resolve(&ids);
        let (record, allocation) = decide(state, new, reading, &rivals, &outcome, now);
        ids.push(Some(record.id));
        let mut stored = Stored {
            id: record.id,
            sequence: 0,
            repeated: false,
            allocation: Some(allocation),
            edges_added: 0,
            entities_added: 0,
            entities: record.links.mentions.iter().map(|(name, _)| name.clone()).collect(),
            created_at: now,
        };
        let applied = state.apply_read(&record, &reading.terms, reading.content_hash);
        let record = Record::Stored(Box::new(record));
        stored.edges_added = applied.edges_added;
        stored.entities_added = applied.entities_added;
        decisions.push(Decision::Record(Box::new(Entry { tenant, record }), Box::new(stored)));
    }
    Ok(decisions)
}

/// A rival that may be an earlier item of the batch, whose id is not known yet.
struct Seat {
    who: Who,
    similarity: f32,
    scores: [f32; 4],
}

#[derive(Clone, Copy)]
enum Who {
    Stored(MemoryId),
    InBatch(usize),
}

/// The competition for one new memory, before the ids of the batch are known.
pub(crate) struct Competition {
    seats: Vec<Seat>,
    outcome: Outcome,
}

impl Competition {
    /// Names the rivals.
    pub(crate) fn resolve(self, ids: &[Option<MemoryId>]) -> (Vec<Rival>, Outcome) {
        let id = |who: Who| match who {
            Who::Stored(id) => id,
            Who::InBatch(at) => ids[at].expect("rivals come before; this is a bug"),
        };
        let rivals = self.seats.iter().map(|seat| Rival {
            id: id(seat.who),
            similarity: seat.similarity,
            scores: seat.scores,
        });
        (rivals.collect(), self.outcome)
    }
}

/// Searches, scores and lets columns compete for all texts at once.
pub(crate) fn contests(
    state: &mut State,
    resident: &mut Resident,
    texts: &[Text<'_>],
) -> Result<Vec<Competition>, Error> {
    resident.sync(state)?;
    let vectors: Vec<Vec<f32>> = texts.iter().map(|text| text.vector.to_vec()).collect();
    let alive = state.items.mask(&[], None);
    let near = resident.nearest_to_batch(&state.vectors, &vectors, &alive, RIVALS_MAX, RIVAL_MIN)?;
    let rows = state.items.len();
    let place = |place: Option<&'_ Place>| place.map(|place| (place.sequence.clone(), place.part));
    let state = &*state;
    let seats = collect_in_parallel(texts.len(), |at| {
        let (text, near) = (&texts[at], &near[at]);
        let own_place = place(text.place);
        let newcomer = Newcomer {
            text: text.text,
            // As written: enough to compare by, and independent of the order in the batch.
            names: text.reading.own_names(),
            time_us: text.time.0,
            place: own_place.as_ref().map(|(sequence, part)| (sequence.as_str(), *part)),
        };
        let known = near.iter().map(|&(row, similarity)| {
            let known = match (row as usize).checked_sub(rows) {
                Some(at) => known_in_batch(&texts[at]),
                None => known_stored(state, row),
            };
            (MemoryId(0), similarity, known)
        });
        let who = near.iter().map(|&(row, _)| match (row as usize).checked_sub(rows) {
            Some(at) => Who::InBatch(at),
            None => Who::Stored(state.items.get(row).id),
        });
        let scored = allocate::score(&newcomer, known);
        who.zip(scored)
            .map(|(who, rival)| Seat { who, similarity: rival.similarity, scores: rival.scores })
            .collect::<Vec<Seat>>()
    });
    let contests: Vec<Contest> = seats
        .iter()
        .map(|seats: &Vec<Seat>| Contest {
            scores: seats.iter().map(|seat| seat.scores).collect(),
            vacant: allocate::novelty(seats.iter().map(|seat| seat.similarity)),
        })
        .collect();
    let outcomes = resident.compete(&contests)?;
    Ok(seats.into_iter().zip(outcomes).map(|(seats, outcome)| Competition { seats, outcome }).collect())
}

fn known_in_batch<'a>(text: &Text<'a>) -> Known<'a> {
    Known {
        text: text.text,
        names: text.reading.own_names(),
        time_us: text.time.0,
        place: text.place.map(|place| (place.sequence.as_str(), place.part)),
    }
}

fn known_stored(state: &State, row: u32) -> Known<'_> {
    let item = state.items.get(row);
    Known {
        text: &item.content,
        names: state.entity_names_of(row).collect(),
        time_us: item.time().0,
        place: item.place.as_deref().map(|place| (place.sequence.as_str(), place.part)),
    }
}

/// Decides one memory on the state as it is when its turn comes.
fn decide(
    state: &State,
    new: &NewMemory<'_>,
    reading: &Reading<'_>,
    rivals: &[Rival],
    outcome: &Outcome,
    now: Timestamp,
) -> (StoredRecord, Allocation) {
    let request = new.request;
    let twins = state.items.same_content(reading.content_hash);
    let allocation = allocate::settle(state, &request.content, twins, rivals, outcome);
    let similar: Vec<(MemoryId, f32)> = rivals.iter().map(|rival| (rival.id, rival.similarity)).collect();
    let mut tags = request.tags.clone();
    tags.sort();
    tags.dedup();
    let record = StoredRecord {
        id: state.next_id(),
        at: now,
        content: request.content.clone(),
        context: request.context.clone(),
        source: request.source.clone(),
        confidence: request.confidence.unwrap_or(CONFIDENCE_DEFAULT),
        importance: request.importance,
        tags,
        kind: request.kind,
        place: request.place.clone(),
        occurred_at: request.occurred_at,
        key: request.idempotency_key.clone(),
        vector: narrow(new.vector),
        links: links::decide(state, None, reading, request.place.as_ref(), &similar),
        column: allocation.column,
        role: allocation.role,
    };
    (record, allocation)
}

fn repeated(state: &State, row: u32) -> Stored {
    let item = state.items.get(row);
    Stored {
        id: item.id,
        sequence: 0,
        repeated: true,
        allocation: None,
        edges_added: 0,
        entities_added: 0,
        entities: state.entities_of(row),
        created_at: item.created_at,
    }
}
