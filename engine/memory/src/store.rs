//! store_memory: embed (above) -> search -> allocate -> link -> record -> apply.
//!
//! A batch is decided item by item in order of arrival, each on a state that holds those before it. The state thus runs
//! ahead of the log by the batch in hand; nobody reads it until the log has the batch, and if the log refuses, the state is
//! folded anew.

use cortexkg_compute::collect_in_parallel;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::Error;
use crate::allocate::{self, KNOWN_MAX, KNOWN_MIN, Outcome, RIVAL_MIN, RIVALS_MAX, Rival, Told};
use crate::answer::{Allocation, Stored};
use crate::claims::{Clash, is_event};
use crate::ids::{MemoryId, TenantId, Timestamp};
use crate::links;
use crate::normal_form::normal_form;
use crate::record::{Entry, Part, Record, StoredRecord};
use crate::relation::Evidence;
use crate::request::{CONFIDENCE_DEFAULT, Kind, Place, Store};
use crate::resident::{Contest, Resident, Seat};
use crate::state::vectors::narrow;
use crate::state::{State, searchable};
use crate::text::reading::Reading;

/// A memory to be stored, with its embedding.
pub struct NewMemory<'a> {
    /// The request, checked.
    pub request: &'a Store,
    /// Its embedding, unit length or zero.
    pub vector: &'a [f32],
    /// Embeddings of its parts; none of a short text.
    pub parts: &'a [Part],
}

/// What became of one request.
pub enum Decision {
    /// A record, applied to the state and waiting for the log.
    Record(Box<Entry>, Box<Stored>),
    /// An idempotency key came again: nothing to log.
    Repeated(Box<Stored>),
}

/// What the comparison of a text needs of one that is new.
pub(crate) struct Text<'a> {
    pub text: &'a str,
    pub context: Option<&'a str>,
    pub reading: &'a Reading<'a>,
    pub place: Option<&'a Place>,
    pub occurred_at: Option<Timestamp>,
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
    let repeats = repeats(state, batch);
    let fresh: Vec<&NewMemory<'_>> =
        batch.iter().zip(&repeats).filter(|(_, repeat)| repeat.is_none()).map(|(new, _)| new).collect();
    let searched: Vec<String> =
        fresh.iter().map(|new| searchable(&new.request.content, new.request.context.as_deref())).collect();
    let readings = collect_in_parallel(fresh.len(), |at| {
        let request = fresh[at].request;
        Reading::of(&searched[at], &request.content, request.kind == Kind::Passage)
    });
    let texts: Vec<Text<'_>> = fresh
        .iter()
        .zip(&readings)
        .map(|(new, reading)| Text {
            text: &new.request.content,
            context: new.request.context.as_deref(),
            reading,
            place: new.request.place.as_ref(),
            occurred_at: new.request.occurred_at,
            vector: new.vector,
        })
        .collect();
    let mut decided = contests(state, resident, &texts, None)?.into_iter().zip(fresh.iter().zip(&readings));
    let mut ids: Vec<MemoryId> = Vec::with_capacity(fresh.len());
    let mut decisions = Vec::with_capacity(batch.len());
    for (new, repeat) in batch.iter().zip(&repeats) {
        if let Some(key) = repeat {
            let row = state.items.find_key(key).expect("the first of the key is stored; this is a bug");
            decisions.push(Decision::Repeated(Box::new(repeated(state, row))));
            continue;
        }
        let (competition, (_, reading)) = decided.next().expect("one competition each; this is a bug");
        let (record, allocation) = decide(state, new, reading, competition.resolve(&ids), now);
        ids.push(record.id);
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

/// For each request, its idempotency key if that came before, in the store or earlier in the batch.
fn repeats<'a>(state: &State, batch: &[NewMemory<'a>]) -> Vec<Option<&'a str>> {
    let mut seen = FxHashSet::default();
    batch
        .iter()
        .map(|new| {
            let key = new.request.idempotency_key.as_deref()?;
            (!seen.insert(key) || state.items.find_key(key).is_some()).then_some(key)
        })
        .collect()
}

/// A known memory: stored, or earlier in the batch, where its id is not known yet.
#[derive(Clone, Copy)]
enum Who {
    Stored(MemoryId),
    InBatch(usize),
}

impl Who {
    fn id(self, ids: &[MemoryId]) -> MemoryId {
        match self {
            Who::Stored(id) => id,
            Who::InBatch(at) => ids[at],
        }
    }
}

/// A known memory that speaks for its column.
struct Seated {
    who: Who,
    seat: Seat,
    evidence: Evidence,
    scores: [f32; 4],
}

/// The competition for one new memory, before the ids of the batch are known.
pub(crate) struct Competition {
    near: Vec<(Who, f32)>,
    seated: Vec<Seated>,
    clashes: Vec<(Who, Clash)>,
    is_twin: bool,
    outcome: Outcome,
}

/// The competition for one new memory.
pub(crate) struct Decided {
    /// Memories that resemble it, most similar first.
    pub near: Vec<(MemoryId, f32)>,
    /// Those that spoke for their columns.
    pub rivals: Vec<Rival>,
    /// Memories that it claims otherwise than.
    pub clashes: Vec<(MemoryId, Clash)>,
    /// The only rival has the same words.
    pub is_twin: bool,
    /// What the columns made of it.
    pub outcome: Outcome,
}

impl Competition {
    /// Names the rivals; `ids` are those of the batch so far.
    pub(crate) fn resolve(self, ids: &[MemoryId]) -> Decided {
        let rival = |seated: Seated| Rival {
            id: seated.who.id(ids),
            evidence: seated.evidence,
            scores: seated.scores,
        };
        Decided {
            near: self.near.into_iter().map(|(who, similarity)| (who.id(ids), similarity)).collect(),
            rivals: self.seated.into_iter().map(rival).collect(),
            clashes: self.clashes.into_iter().map(|(who, clash)| (who.id(ids), clash)).collect(),
            is_twin: self.is_twin,
            outcome: self.outcome,
        }
    }
}

/// Searches, scores and lets columns compete for all texts at once; the row `own` takes no part.
pub(crate) fn contests(
    state: &mut State,
    resident: &mut Resident,
    texts: &[Text<'_>],
    own: Option<u32>,
) -> Result<Vec<Competition>, Error> {
    resident.sync(state)?;
    let vectors: Vec<Vec<f32>> = texts.iter().map(|text| text.vector.to_vec()).collect();
    let mut alive = state.items.mask(&[], None);
    if let Some(row) = own {
        alive[row as usize / 64] &= !(1 << (row % 64));
    }
    let looked_at = resident.nearest_to_batch(&state.vectors, &vectors, &alive, KNOWN_MAX, KNOWN_MIN)?;
    let near: Vec<&[(u32, f32)]> = looked_at
        .iter()
        .map(|list| {
            let enough = list.partition_point(|&(_, similarity)| similarity >= RIVAL_MIN);
            &list[..enough.min(RIVALS_MAX)]
        })
        .collect();
    let rows = state.items.len();
    let state = &*state;
    let twins = twins(state, texts, own);
    let speakers: Vec<&[(u32, f32)]> = twins
        .iter()
        .zip(&near)
        .map(|(twin, near)| twin.as_ref().map_or(*near, std::slice::from_ref))
        .collect();
    // Many speak in more than one competition: each text is taken apart once.
    let mut stored: Vec<u32> = speakers
        .iter()
        .copied()
        .chain(looked_at.iter().map(Vec::as_slice))
        .flatten()
        .map(|&(row, _)| row)
        .collect();
    stored.retain(|&row| (row as usize) < rows);
    stored.sort_unstable();
    stored.dedup();
    let known = collect_in_parallel(stored.len(), |at| {
        let item = state.items.get(stored[at]);
        allocate::aspect(&item.content, item.place.as_deref())
    });
    let new = collect_in_parallel(texts.len(), |at| allocate::aspect(texts[at].text, texts[at].place));
    let aspect = |row: u32| match (row as usize).checked_sub(rows) {
        Some(at) => &new[at],
        None => &known[stored.binary_search(&row).expect("listed above; this is a bug")],
    };
    let seated: Vec<Vec<Seated>> = speakers
        .iter()
        .zip(&new)
        .map(|(speakers, own)| {
            let seat = |&(row, similarity): &(u32, f32)| {
                let (who, seat) = match (row as usize).checked_sub(rows) {
                    Some(at) => (Who::InBatch(at), Seat::OfEarlier(at)),
                    None => {
                        let item = state.items.get(row);
                        (Who::Stored(item.id), Seat::Column(item.column))
                    }
                };
                let (evidence, scores) = allocate::score(own, aspect(row), similarity);
                Seated { who, seat, evidence, scores }
            };
            speakers.iter().map(seat).collect()
        })
        .collect();
    let contest = |(seated, twin): (&Vec<Seated>, &Option<(u32, f32)>)| Contest {
        rivals: seated.iter().map(|seated| (seated.seat, seated.scores)).collect(),
        may_found: twin.is_none(),
    };
    let contests: Vec<Contest> = seated.iter().zip(&twins).map(contest).collect();
    let outcomes = resident.compete(&contests, &state.columns.vacants(contests.len()))?;
    let who = |&(row, similarity): &(u32, f32)| {
        let who = match (row as usize).checked_sub(rows) {
            Some(at) => Who::InBatch(at),
            None => Who::Stored(state.items.get(row).id),
        };
        (who, similarity)
    };
    let clashes = collect_in_parallel(texts.len(), |at| {
        let clash = |&(row, similarity): &(u32, f32)| {
            let clash = allocate::score(&new[at], aspect(row), similarity).0.clash;
            clash.map(|clash| (who(&(row, similarity)).0, clash))
        };
        looked_at[at].iter().filter_map(clash).collect::<Vec<_>>()
    });
    let decided = seated.into_iter().zip(outcomes).zip(near.iter().zip(&twins)).zip(clashes);
    Ok(decided
        .map(|(((seated, outcome), (near, twin)), clashes)| Competition {
            near: near.iter().map(who).collect(),
            seated,
            clashes,
            is_twin: twin.is_some(),
            outcome,
        })
        .collect())
}

/// For each text, the first known one that it repeats, if there is one, as row and similarity; rows of the batch follow those of
/// the store. Word for word the same: no competition can say more. The hash finds them, the normal forms decide.
fn twins(state: &State, texts: &[Text<'_>], own: Option<u32>) -> Vec<Option<(u32, f32)>> {
    let rows = state.items.len() as u32;
    let mut earlier: FxHashMap<u64, Vec<u32>> = FxHashMap::default();
    let similarity = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
    texts
        .iter()
        .enumerate()
        .map(|(at, text)| {
            let hash = text.reading.content_hash;
            let stored = state.items.same_content(hash).iter().copied().find(|&row| {
                let item = state.items.get(row);
                Some(row) != own && is_repeat(text, &item.content, item.context.as_deref(), item.occurred_at)
            });
            let earlier = earlier.entry(hash).or_default();
            let before = earlier.iter().copied().find(|&at| {
                let other = &texts[at as usize];
                is_repeat(text, other.text, other.context, other.occurred_at)
            });
            earlier.push(at as u32);
            match (stored, before) {
                (Some(row), _) => Some((row, similarity(text.vector, &state.vectors.row(row)))),
                (None, Some(at)) => Some((rows + at, similarity(text.vector, texts[at as usize].vector))),
                (None, None) => None,
            }
        })
        .collect()
}

/// Whether a text says the same, in the same circumstances. What happened again on another day is another event.
fn is_repeat(text: &Text<'_>, known: &str, context: Option<&str>, occurred_at: Option<Timestamp>) -> bool {
    let day = |at: Timestamp| at.0.div_euclid(86_400_000_000);
    let is_other_day =
        matches!((text.occurred_at, occurred_at), (Some(own), Some(other)) if day(own) != day(other));
    text.context.map(normal_form) == context.map(normal_form)
        && normal_form(text.text) == normal_form(known)
        && !(is_other_day && is_event(text.text))
}

/// Decides one memory on the state as it is when its turn comes.
fn decide(
    state: &State,
    new: &NewMemory<'_>,
    reading: &Reading<'_>,
    decided: Decided,
    now: Timestamp,
) -> (StoredRecord, Allocation) {
    let request = new.request;
    let told = Told { now, occurred_at: request.occurred_at, place: request.place.as_ref() };
    let allocation =
        allocate::settle(state, &told, decided.is_twin, &decided.rivals, &decided.clashes, &decided.outcome);
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
        parts: new.parts.to_vec(),
        links: links::decide(state, None, reading, request.place.as_ref(), &decided.near),
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
