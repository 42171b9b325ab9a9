//! Orders of a pool: by first spike, by one similarity, by shared entities, by time.

use rustc_hash::FxHashMap;

use crate::answer::Role;
use crate::ids::{MemoryId, Timestamp};
use crate::normal_form::normal_form;
use crate::resident::Fired;
use crate::retrieve::pool::{Candidate, Pool};
use crate::retrieve::query::Query;
use crate::retrieve::strength;
use crate::state::graph::Side;
use crate::state::{Owner, State};
use crate::text::times::Span;

/// Strength of a memory that stayed silent, times its fused similarity: below that of any spike a spread lasts for.
const SILENT: f32 = 0.04;
/// Distance in time at which nearness has fallen to 1/e, us: 30 days.
const NEARNESS_US: f64 = 30.0 * 86_400e6;

/// A memory with its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Its row.
    pub row: u32,
    /// 0..=1.
    pub score: f32,
    /// When it first fired, ms.
    pub first_spike_ms: Option<f32>,
}

/// By first spike; what stayed silent follows by fused similarity.
pub fn by_first_spike(state: &State, pool: &Pool, fired: &[Fired]) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> = fired
        .iter()
        .filter_map(|fired| match state.owner(fired.node) {
            Owner::Memory(row) => {
                Some(Ranked { row, score: strength(fired.time_ms), first_spike_ms: Some(fired.time_ms) })
            }
            Owner::Entity(_) => None,
        })
        .collect();
    let spoke: FxHashMap<u32, ()> = ranked.iter().map(|ranked| (ranked.row, ())).collect();
    let silent = pool.candidates.iter().filter(|candidate| !spoke.contains_key(&candidate.row));
    ranked.extend(silent.map(|candidate| Ranked {
        row: candidate.row,
        score: SILENT * candidate.fused,
        first_spike_ms: None,
    }));
    ranked
}

/// By one measure of the candidates.
pub fn by(pool: &Pool, measure: impl Fn(&Candidate) -> f32) -> Vec<Ranked> {
    sorted(pool.candidates.iter().map(|candidate| (candidate.row, measure(candidate))))
}

/// By fused similarity, held back with the distance from the times named (or from now).
pub fn by_time(state: &State, pool: &Pool, times: &[Span], now: Timestamp) -> Vec<Ranked> {
    let distance = |at: Timestamp| match times {
        [] => (now.0 - at.0).unsigned_abs(),
        _ => times.iter().map(|span| span.distance_us(at)).min().unwrap_or(0),
    };
    by(pool, |candidate| {
        let nearness = (-(distance(state.items.get(candidate.row).time()) as f64) / NEARNESS_US).exp() as f32;
        candidate.fused * (0.5 + 0.5 * nearness)
    })
}

/// By the rarity of the entities shared with the query, over that of all its entities.
pub fn by_entities(state: &State, pool: &Pool, query: &Query) -> Vec<Ranked> {
    let all: f32 = query.entities.iter().map(|entity| entity.rarity).sum();
    let mut shared: FxHashMap<u32, f32> = FxHashMap::default();
    for entity in &query.entities {
        let node = state.entities.get(entity.ix).node;
        for edge in state.graph.row(node, Side::Near).iter().chain(state.graph.row(node, Side::Far)) {
            if let Owner::Memory(row) = state.owner(edge.target) {
                *shared.entry(row).or_default() += entity.rarity / all.max(f32::MIN_POSITIVE);
            }
        }
    }
    // Among equals the more similar come first.
    let mut ranked = sorted(shared.into_iter());
    let fused = |row: u32| pool.find(row).map_or(0.0, |candidate| candidate.fused);
    ranked.sort_by(|a, b| {
        b.score.total_cmp(&a.score).then(fused(b.row).total_cmp(&fused(a.row))).then(a.row.cmp(&b.row))
    });
    ranked
}

pub(super) fn sorted(scores: impl Iterator<Item = (u32, f32)>) -> Vec<Ranked> {
    let mut ranked: Vec<Ranked> =
        scores.map(|(row, score)| Ranked { row, score: score.min(1.0), first_spike_ms: None }).collect();
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    ranked
}

/// Of memories that say the same, only the best placed is shown; the others are named beside it. A role may be older than what
/// its memory says now, so the texts themselves are compared: a duplicate never hides another text.
pub fn collapse_duplicates(state: &State, ranked: Vec<Ranked>) -> Vec<(Ranked, Vec<MemoryId>)> {
    let mut shown: Vec<(Ranked, Vec<MemoryId>)> = Vec::with_capacity(ranked.len());
    let mut places: FxHashMap<MemoryId, Vec<usize>> = FxHashMap::default();
    let form = |row: u32| {
        let item = state.items.get(row);
        (normal_form(&item.content), item.context.as_deref().map(normal_form))
    };
    for ranked in ranked {
        let item = state.items.get(ranked.row);
        let first = match item.role {
            Role::DuplicateOf(first) => first,
            _ => item.id,
        };
        let places = places.entry(first).or_default();
        let own = (!places.is_empty()).then(|| form(ranked.row));
        match places.iter().find(|&&at| own.as_ref() == Some(&form(shown[at].0.row))) {
            Some(&at) => shown[at].1.push(item.id),
            None => {
                places.push(shown.len());
                shown.push((ranked, Vec::new()));
            }
        }
    }
    shown
}
