//! Which candidate says anew what an older one said: it comes later, shares the rare words or the meaning of it, and tells a change.
//!
//! The newer inherits what speaks for the older, which is held back. Where the query asks for what was, the signs turn.

use rustc_hash::FxHashMap;

use crate::retrieve::pool::{Candidate, Pool};
use crate::retrieve::query::Query;
use crate::state::State;
use crate::state::vectors::widen;
use crate::text::change::tells_change;
use crate::text::terms::terms;
use crate::text::words::words;

/// Candidates that may have been replaced: the best.
const OLDER: usize = 10;
/// Candidates that may replace them.
const NEWER: usize = 64;

/// Where a memory stands among those that say the same at other times.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Place {
    /// What it inherits: the most that an older candidate resembles the query, times the chance that this one replaced it.
    pub heir: f32,
    /// The greatest chance that a newer candidate replaced it.
    pub left: f32,
}

/// Places of the best candidates of a pool.
#[derive(Clone, Debug, Default)]
pub struct Succession {
    places: FxHashMap<u32, Place>,
}

struct Text {
    row: u32,
    /// Its similarity to the query as a share of the best.
    strength: f32,
    tells_change: bool,
    terms: Vec<(String, f32)>,
    centred: Vec<f32>,
    len: f32,
}

impl Succession {
    /// Compares the best candidates with each other.
    pub fn of(state: &State, query: &Query, pool: &Pool) -> Self {
        let mean = state.vectors.mean();
        let best = pool.candidates.first().map_or(0.0, |candidate| candidate.fused).max(1e-6);
        let texts: Vec<Text> =
            pool.candidates.iter().take(NEWER).map(|one| Text::of(state, one, best, &mean)).collect();
        let mut places = vec![Place::default(); texts.len()];
        let when = |text: &Text| (state.items.get(text.row).time(), text.row);
        for (older_at, older) in texts.iter().enumerate().take(OLDER) {
            for (newer_at, newer) in texts.iter().enumerate() {
                if when(newer) <= when(older) {
                    continue;
                }
                let chance = older.chance(newer);
                places[newer_at].heir = places[newer_at].heir.max(chance * older.strength);
                places[older_at].left = places[older_at].left.max(chance);
            }
        }
        let sign = if query.asks_for_past { -1.0 } else { 1.0 };
        let signed = |place: Place| Place { heir: sign * place.heir, left: sign * place.left };
        Succession { places: texts.iter().map(|text| text.row).zip(places.into_iter().map(signed)).collect() }
    }

    /// The place of a row; none of a row that was not compared.
    pub fn of_row(&self, row: u32) -> Place {
        self.places.get(&row).copied().unwrap_or_default()
    }
}

impl Text {
    fn of(state: &State, candidate: &Candidate, best: f32, mean: &[f32]) -> Self {
        let content = &state.items.get(candidate.row).content;
        let mut found = terms(content);
        found.sort_unstable();
        found.dedup();
        let terms: Vec<(String, f32)> =
            found.into_iter().map(|term| (state.lexical.idf(&term).unwrap_or(0.0), term)).map(|(i, t)| (t, i)).collect();
        let mut centred = widen(state.vectors.bits(candidate.row));
        centred.iter_mut().zip(mean).for_each(|(value, mean)| *value -= mean);
        let norm = centred.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-6);
        centred.iter_mut().for_each(|value| *value /= norm);
        Text {
            row: candidate.row,
            strength: candidate.fused / best,
            tells_change: tells_change(content),
            terms,
            centred,
            len: words(content).len() as f32,
        }
    }

    /// Chance that a newer text replaced this one.
    fn chance(&self, newer: &Text) -> f32 {
        let (mut shared, mut rarest) = (0.0f32, 0.0f32);
        for (term, idf) in &self.terms {
            if newer.terms.binary_search_by(|(known, _)| known.cmp(term)).is_ok() {
                shared += idf;
                rarest = rarest.max(*idf);
            }
        }
        let meaning: f32 = self.centred.iter().zip(&newer.centred).map(|(a, b)| a * b).sum();
        let cue = if newer.tells_change { 1.0 } else { 0.0 };
        let sum = 2.1 * shared.ln_1p() + 0.4 * rarest + 8.0 * meaning + cue * (0.6 + 3.0 * meaning)
            - 0.66 * self.len.max(1.0).ln()
            - 0.53 * newer.len.max(1.0).ln()
            - 9.0;
        1.0 / (1.0 + (-sum).exp())
    }
}
