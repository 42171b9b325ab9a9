//! What a query names: terms, entities, times.

use crate::ids::Timestamp;
use crate::links::is_distinctive;
use crate::request::Retrieve;
use crate::state::State;
use crate::state::entities::Met;
use crate::state::lexical::LexicalQuery;
use crate::text::intent::asks_for_past;
use crate::text::names::names;
use crate::text::times::{Span, spans};
use crate::text::wanted::{Wanted, wanted};
use crate::text::words::words;

/// A query taken apart.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// Words as they are, folded.
    pub words: Vec<String>,
    /// What it asks for in words.
    pub lexical: LexicalQuery,
    /// Entities of the store that it names.
    pub entities: Vec<QueryEntity>,
    /// Times that it names.
    pub times: Vec<Span>,
    /// Whether it asks for what was, not for what is.
    pub asks_for_past: bool,
    /// What an answer must hold.
    pub wanted: Option<Wanted>,
}

/// An entity named by a query.
#[derive(Clone, Copy, Debug)]
pub struct QueryEntity {
    /// Which.
    pub ix: u32,
    /// Natural logarithm of memories (and one more) over memories that mention it, at least 0.
    pub rarity: f32,
}

impl Query {
    /// Looks up what a query names.
    pub fn understand(state: &State, request: &Retrieve, now: Timestamp) -> Self {
        let cut = words(&request.query);
        let met = state.entities.meet(&cut, true);
        // A word of a longer name that is known, or looks like one, is not what is asked for.
        let is_inside = |one: &Met| {
            one.span.1 - one.span.0 == 1
                && met.iter().any(|other| {
                    other.span != one.span && other.span.0 <= one.span.0 && one.span.1 <= other.span.1
                })
        };
        let is_meant = |met: &&Met| {
            !(met.is_part || is_inside(met)) || is_distinctive(state, &state.entities.get(met.entity).name)
        };
        let mut found: Vec<u32> = met.iter().filter(is_meant).map(|met| met.entity).collect();
        found.extend(
            names(&request.query, false).mentions.iter().filter_map(|(name, _)| state.entities.find(name)),
        );
        found.sort_unstable();
        found.dedup();
        let memories = state.memories().max(1) as f32;
        let entities = found
            .into_iter()
            .filter_map(|ix| {
                let node = state.entities.get(ix).node;
                let degree = state.graph.degree(node);
                (degree > 0)
                    .then(|| QueryEntity { ix, rarity: ((memories + 1.0) / degree as f32).ln().max(0.0) })
            })
            .collect();
        let wanted = wanted(&request.query, &cut);
        let words: Vec<String> = cut.into_iter().map(|word| word.folded).collect();
        let lexical = state.lexical.understand(&request.query);
        let asks_for_past = asks_for_past(&request.query);
        Query { words, lexical, entities, times: spans(&request.query, now), asks_for_past, wanted }
    }
}
