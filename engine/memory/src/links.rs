//! Decides the edges of a memory from its text and from what is stored: names, sequence, near-duplicates.

use crate::ids::MemoryId;
use crate::record::Links;
use crate::request::Place;
use crate::state::State;
use crate::state::graph::Side;
use crate::text::names::{Names, is_part_of_name, is_written_as_name, split_title};
use crate::text::reading::Reading;
use crate::text::stopwords::is_calendar_word;
use crate::text::terms::terms;
use crate::text::words::words;

/// Similarity from which two memories are tied: "nearly the same", not "the same" (anchors/memory, section 6).
pub const SIMILAR_MIN: f32 = 0.85;
/// Most ties to similar memories.
const SIMILAR_MAX: usize = 4;
/// Most entities a memory is tied to; what comes later in a long text weighs less anyway.
const MENTIONS_MAX: usize = 64;
/// A new subject is looked for in older memories if its rarest term is in at most so many.
const OLDER_MAX: usize = 256;

/// A word in fewer memories than this may be a name; what is known of it is too little to tell.
const COMMON_MIN: usize = 8;
/// A word is common if no more than one in so many memories that hold it writes it as a name.
const COMMON_PART: usize = 8;
/// Memories that are looked at to tell.
const COMMON_SAMPLE: usize = 8;

/// The names of a text: its own capitalised phrases, and every stored subject it mentions word for word.
pub fn names_of(state: &State, reading: &Reading<'_>) -> Names {
    let mut found = reading.names.clone();
    for met in state.entities.meet(&reading.words, false) {
        let name = &state.entities.get(met.entity).name;
        if met.is_part && !is_distinctive(state, name) {
            continue;
        }
        if !found.mentions.iter().any(|(known, _)| **known == **name) {
            found.mentions.push((name.to_string(), 1));
        }
    }
    // What a title says is a name however common the word is.
    let titled = split_title(reading.text).0.is_some();
    let is_title = |name: &String| titled && found.subjects.contains(name);
    found.mentions.retain(|(name, _)| is_title(name) || !is_common_word(state, name));
    found.mentions.truncate(MENTIONS_MAX);
    found.subjects.retain(|subject| found.mentions.iter().any(|(name, _)| name == subject));
    found
}

/// Whether a single word is no name, whatever stands in some title: a month or a day, or a word that is hardly ever written as a
/// name where it stands. Without this a store full of dictionary words ties texts together by "Area", "Brand" and "Local".
fn is_common_word(state: &State, name: &str) -> bool {
    if name.contains(' ') {
        return false;
    }
    let Some(term) = terms(name).into_iter().next() else { return false };
    let held = state.lexical.rows(&term);
    let named = state.entities.find(name).map_or(0, |ix| state.graph.degree(state.entities.get(ix).node));
    is_calendar_word(name) || (is_seldom(named, held.len()) && !is_named_in_sample(state, name, held))
}

/// Whether so few memories hold a word that it names the same even as a part of longer names: "Sulli" and "Sulli Choi".
pub fn is_distinctive(state: &State, word: &str) -> bool {
    terms(word).first().is_none_or(|term| state.lexical.rows(term).len() < COMMON_MIN)
}

/// Whether `named` of the memories that hold a word are too few for it to be a name.
fn is_seldom(named: usize, held: usize) -> bool {
    held >= COMMON_MIN && named * COMMON_PART < held
}

/// Whether more than one of a few memories write a word as a name. Edges tell it sooner, but a word that was once common has none.
fn is_named_in_sample(state: &State, name: &str, held: &[u32]) -> bool {
    let sample = (0..COMMON_SAMPLE).map(|part| held[part * held.len() / COMMON_SAMPLE]);
    let names = |row: &u32| {
        let cut = words(&state.items.get(*row).content);
        cut.iter().any(|word| word.folded == name && is_written_as_name(std::slice::from_ref(word)))
    };
    sample.filter(names).nth(1).is_some()
}

/// Edges of a memory that is about to be stored or changed. `similar` holds live memories with their similarity, best first.
pub fn decide(
    state: &State,
    own_row: Option<u32>,
    reading: &Reading<'_>,
    place: Option<&Place>,
    similar: &[(MemoryId, f32)],
) -> Links {
    let found = names_of(state, reading);
    let mentioned_by = found
        .subjects
        .iter()
        .enumerate()
        .flat_map(|(at, subject)| {
            older_mentions(state, own_row, subject).into_iter().map(move |id| (at as u32, id))
        })
        .collect();
    let beside = place.map_or([None, None], |place| state.items.neighbours(place));
    Links {
        subjects: found.subjects,
        mentions: found.mentions,
        mentioned_by,
        neighbours: beside
            .into_iter()
            .flatten()
            .filter(|row| Some(*row) != own_row)
            .map(|row| state.items.get(row).id)
            .collect(),
        similar: similar
            .iter()
            .filter(|(_, similarity)| *similarity >= SIMILAR_MIN)
            .take(SIMILAR_MAX)
            .map(|&(id, similarity)| (id, similarity.min(1.0)))
            .collect(),
    }
}

/// Older memories that mention a subject which is new as a subject. Its capitalised mentions are edges already; this finds
/// those inside longer phrases.
fn older_mentions(state: &State, own_row: Option<u32>, subject: &str) -> Vec<MemoryId> {
    let known = state.entities.find(subject);
    if known.is_some_and(|ix| state.entities.get(ix).is_subject) {
        return Vec::new();
    }
    let subject_terms = terms(subject);
    let Some(rarest) =
        subject_terms.iter().map(|term| state.lexical.rows(term)).min_by_key(|rows| rows.len())
    else {
        return Vec::new();
    };
    if rarest.len() > OLDER_MAX {
        return Vec::new();
    }
    let tied = |row: u32| {
        known.is_some_and(|ix| {
            let node = state.entities.get(ix).node;
            state.graph.row(state.items.get(row).node, Side::Near).iter().any(|edge| edge.target == node)
        })
    };
    let wanted: Vec<&str> = subject.split(' ').collect();
    let named: Vec<MemoryId> = rarest
        .iter()
        .copied()
        .filter(|&row| Some(row) != own_row && state.items.get(row).alive && !tied(row))
        .filter(|&row| subject_terms.iter().all(|term| state.lexical.rows(term).binary_search(&row).is_ok()))
        .filter(|&row| {
            let cut = words(&state.items.get(row).content);
            cut.windows(wanted.len()).enumerate().any(|(at, span)| {
                span.iter().map(|word| word.folded.as_str()).eq(wanted.iter().copied())
                    && is_written_as_name(span)
                    && (rarest.len() < COMMON_MIN || !is_part_of_name(&cut, at..at + wanted.len()))
            })
        })
        .map(|row| state.items.get(row).id)
        .collect();
    let common = wanted.len() == 1 && (is_calendar_word(subject) || is_seldom(named.len(), rarest.len()));
    if common { Vec::new() } else { named }
}
