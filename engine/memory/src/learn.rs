//! Learning from use: what is recalled together is tied together, by the order of first spikes (SPEC 2.5).
//!
//! Deciding is apart from recalling: a recall changes nothing, and only a caller who may write has it followed by this.

use crate::answer::{Learning, Retrieved};
use crate::ids::{MemoryId, TenantId, Timestamp};
use crate::record::{Entry, LearnedRecord, Record};
use crate::request::LearningMode;
use crate::state::State;
use crate::state::graph::{EdgeClass, Side};

/// Recalled memories that take part, strongest first.
const LEARNERS_MAX: usize = 6;
/// Time constants of potentiation and depression, ms, and depression's share of the learning rate (SPEC 2.5, A P1).
const TAU_PLUS_MS: f32 = 16.8;
const TAU_MINUS_MS: f32 = 33.7;
const DEPRESSION: f32 = 0.8;
/// Homeostasis: learned weights of a memory add up to at most this.
const OUTGOING_MAX: f32 = 1.0;
/// Learned weights fade in steps of this, us.
const FADE_EVERY_US: i64 = 3_600_000_000;

/// Decides and applies what a recall teaches; none if it teaches nothing.
pub fn from_recall(
    state: &mut State,
    recalled: &Retrieved,
    tenant: TenantId,
    now: Timestamp,
) -> Option<Entry> {
    let learning = state.learning();
    let spikes: Vec<(MemoryId, f32)> = recalled
        .memories
        .iter()
        .filter(|recalled| recalled.score >= learning.activation_threshold)
        .filter_map(|recalled| Some((recalled.memory.id, recalled.first_spike_ms?)))
        .take(LEARNERS_MAX)
        .collect();
    let mut weights = Vec::new();
    for (at, &(first, first_ms)) in spikes.iter().enumerate() {
        for &(later, later_ms) in &spikes[at + 1..] {
            let apart_ms = later_ms - first_ms;
            if first == later || apart_ms > learning.plasticity_window_ms {
                continue;
            }
            for (from, to, forward) in [(first, later, true), (later, first, false)] {
                let (Some(old), true) = (weight(state, from, to), learning.learning_rate > 0.0) else {
                    continue;
                };
                let new = changed(&learning, old, apart_ms, forward);
                if new != old {
                    weights.push((from, to, new));
                }
            }
        }
    }
    if learning.learning_mode == LearningMode::Homeostatic {
        bound_outgoing(state, &mut weights);
    }
    let fade = fade(state, &learning, now);
    if weights.is_empty() && fade.is_none() {
        return None;
    }
    let record = Record::Learned(LearnedRecord { at: now, fade, weights });
    state.apply(&record);
    Some(Entry { tenant, record })
}

/// A weight after one pairing; stays within 0..=1.
fn changed(learning: &Learning, old: f32, apart_ms: f32, forward: bool) -> f32 {
    let rate = learning.learning_rate;
    let potentiated = old + rate * (-apart_ms / TAU_PLUS_MS).exp() * (1.0 - old);
    let depressed = old - rate * DEPRESSION * (-apart_ms / TAU_MINUS_MS).exp() * old;
    match (learning.learning_mode, forward) {
        (LearningMode::Hebbian, _) => potentiated,
        (LearningMode::AntiHebbian, _) => depressed,
        (_, true) => potentiated,
        (_, false) => depressed,
    }
}

/// Learned weight between two live memories, 0 if there is none.
fn weight(state: &State, from: MemoryId, to: MemoryId) -> Option<f32> {
    let (from, to) = (state.items.find(from)?, state.items.find(to)?);
    let (from, to) = (state.items.get(from).node, state.items.get(to).node);
    let edge = state.graph.row(from, Side::Far).iter();
    Some(
        edge.filter(|edge| edge.class() == EdgeClass::Learned as u32 && edge.target == to)
            .map(|edge| edge.weight())
            .sum(),
    )
}

/// Scales the changed weights of each memory back until all its learned weights together are bounded.
fn bound_outgoing(state: &State, weights: &mut [(MemoryId, MemoryId, f32)]) {
    let mut sources: Vec<MemoryId> = weights.iter().map(|(from, ..)| *from).collect();
    sources.dedup();
    for source in sources {
        let Some(row) = state.items.find(source) else { continue };
        let edges = state.graph.row(state.items.get(row).node, Side::Far).iter();
        let all: f32 =
            edges.filter(|edge| edge.class() == EdgeClass::Learned as u32).map(|edge| edge.weight()).sum();
        let own = |weights: &[(MemoryId, MemoryId, f32)],
                   of: &dyn Fn(&(MemoryId, MemoryId, f32)) -> f32|
         -> f32 { weights.iter().filter(|(from, ..)| *from == source).map(of).sum() };
        let new = own(weights, &|(.., new)| *new);
        let old = own(weights, &|&(from, to, _)| weight(state, from, to).unwrap_or(0.0));
        let rest = all - old;
        if new > 0.0 && rest + new > OUTGOING_MAX {
            let scale = ((OUTGOING_MAX - rest) / new).max(0.0);
            weights.iter_mut().filter(|(from, ..)| *from == source).for_each(|(.., new)| *new *= scale);
        }
    }
}

/// Share of all learned weights that is left since they last faded; none before an hour has passed.
fn fade(state: &State, learning: &Learning, now: Timestamp) -> Option<f32> {
    let since = now.0 - state.faded_at()?.0;
    let hours = since / FADE_EVERY_US;
    (hours > 0 && learning.decay_rate > 0.0)
        .then(|| (1.0 - learning.decay_rate).powi(hours.min(1 << 20) as i32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_stay_within_bounds_and_follow_the_rule() {
        let learning = Learning { learning_rate: 0.5, ..Learning::default() };
        let mut weight = 0.0;
        for _ in 0..1000 {
            let next = changed(&learning, weight, 1.0, true);
            assert!((weight..=1.0).contains(&next));
            weight = next;
        }
        assert!(weight > 0.99);
        for _ in 0..1000 {
            weight = changed(&learning, weight, 1.0, false);
            assert!((0.0..=1.0).contains(&weight));
        }
        let near = changed(&learning, 0.2, 1.0, true);
        let far = changed(&learning, 0.2, 15.0, true);
        assert!(near > far && far > 0.2);
        let anti = Learning { learning_mode: LearningMode::AntiHebbian, ..learning };
        assert!(changed(&anti, 0.2, 1.0, true) < 0.2);
    }
}
