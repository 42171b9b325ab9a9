//! Learning from use: what is recalled together is tied together, by the order of first spikes (SPEC 2.5).
//!
//! Deciding is apart from recalling: a recall changes nothing, and only a caller who may write has it followed by this.
//!
//! Weights change by the arithmetic of the kernels `stdp_update` and `homeostasis`, whose scalar functions are called here: a recall
//! teaches at most thirty synapses, fewer than it takes to make a dispatch worth while.

use cortexkg_compute::kernels::shared::plasticity::{Scale, depressed, potentiated, share};

use crate::answer::{Learning, Retrieved};
use crate::ids::{MemoryId, TenantId, Timestamp};
use crate::record::{Entry, LearnedRecord, Record};
use crate::request::LearningMode;
use crate::state::graph::{EdgeClass, Side, WEIGHT_ONE, drawn};
use crate::state::{Owner, State};

/// Recalled memories that take part, strongest first.
const LEARNERS_MAX: usize = 6;
/// Time constants of potentiation and depression, ms, and depression's share of the learning rate (SPEC 2.5, A P1).
const TAU_PLUS_MS: f64 = 16.8;
const TAU_MINUS_MS: f64 = 33.7;
const DEPRESSION: f64 = 0.8;
/// Homeostasis: learned weights of a memory add up to at most this, in the graph's units.
const OUTGOING_MAX: u32 = WEIGHT_ONE;
/// Learned weights fade no more often than this, us.
const FADE_EVERY_US: i64 = 3_600_000_000;

/// Decides and applies what a recall teaches, after what time has taken; empty if both are nothing.
pub fn from_recall(state: &mut State, recalled: &Retrieved, tenant: TenantId, now: Timestamp) -> Vec<Entry> {
    let learning = state.learning();
    let mut entries = Vec::new();
    let mut apply = |state: &mut State, fade, weights: Vec<(MemoryId, MemoryId, f32)>| {
        let record = Record::Learned(LearnedRecord { at: now, fade, weights });
        state.apply(&record);
        entries.push(Entry { tenant, record });
    };
    // Apart from the lesson, which starts from what is left.
    if let Some(share) = fade(state, &learning, now) {
        apply(state, Some(share), Vec::new());
    }
    let spikes: Vec<(MemoryId, f32)> = recalled
        .memories
        .iter()
        .filter(|recalled| recalled.score >= learning.activation_threshold)
        .filter_map(|recalled| Some((recalled.memory.id, recalled.first_spike_ms?)))
        .take(LEARNERS_MAX)
        .collect();
    let mut weights: Vec<(MemoryId, MemoryId, u32)> = Vec::new();
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
                let drawn = drawn(from.0 as u32, to.0 as u32, now);
                let new = changed(&learning, old, apart_ms, forward, drawn);
                if new != old {
                    weights.push((from, to, new));
                }
            }
        }
    }
    if learning.learning_mode == LearningMode::Homeostatic {
        bound_outgoing(state, &mut weights);
    }
    if !weights.is_empty() {
        let told = |(from, to, weight): (_, _, u32)| (from, to, weight as f32 / WEIGHT_ONE as f32);
        apply(state, None, weights.into_iter().map(told).collect());
    }
    entries
}

/// A weight after one pairing, in the graph's units; stays within 0..=WEIGHT_ONE.
fn changed(learning: &Learning, old: u32, apart_ms: f32, forward: bool, drawn: u32) -> u32 {
    let (rate, apart_ms) = (f64::from(learning.learning_rate), f64::from(apart_ms));
    let is_stronger = match learning.learning_mode {
        LearningMode::Hebbian => true,
        LearningMode::AntiHebbian => false,
        LearningMode::Stdp | LearningMode::Homeostatic | LearningMode::MetaLearning => forward,
    };
    if is_stronger {
        potentiated(old, share(rate * (-apart_ms / TAU_PLUS_MS).exp()), WEIGHT_ONE, drawn)
    } else {
        depressed(old, share(rate * DEPRESSION * (-apart_ms / TAU_MINUS_MS).exp()), drawn)
    }
}

/// Learned weight between two live memories in the graph's units, 0 if there is none.
fn weight(state: &State, from: MemoryId, to: MemoryId) -> Option<u32> {
    let (from, to) = (state.items.find(from)?, state.items.find(to)?);
    let (from, to) = (state.items.get(from).node, state.items.get(to).node);
    let edges = state.graph.row(from, Side::Far).iter();
    let learned = edges.filter(|edge| edge.class() == EdgeClass::Learned as u32 && edge.target == to);
    Some(learned.map(|edge| edge.units()).sum::<u32>().min(WEIGHT_ONE))
}

/// Scales all learned weights of each memory that was taught back until they are bounded together, those not taught too.
fn bound_outgoing(state: &State, weights: &mut Vec<(MemoryId, MemoryId, u32)>) {
    let mut sources: Vec<MemoryId> = weights.iter().map(|(from, ..)| *from).collect();
    sources.sort_unstable();
    sources.dedup();
    for source in sources {
        let Some(row) = state.items.find(source) else { continue };
        let taught: Vec<MemoryId> =
            weights.iter().filter(|(from, ..)| *from == source).map(|(_, to, _)| *to).collect();
        let edges = state.graph.row(state.items.get(row).node, Side::Far).iter();
        let learned = edges.filter(|edge| edge.class() == EdgeClass::Learned as u32);
        let others: Vec<(MemoryId, MemoryId, u32)> = learned
            .filter_map(|edge| match state.owner(edge.target) {
                Owner::Memory(row) => Some((state.items.get(row), edge.units())),
                Owner::Entity(_) => None,
            })
            .filter(|(item, _)| item.alive && !taught.contains(&item.id))
            .map(|(item, units)| (source, item.id, units))
            .collect();
        let new: u32 = weights.iter().filter(|(from, ..)| *from == source).map(|(.., new)| *new).sum();
        let rest: u32 = others.iter().map(|(.., units)| *units).sum();
        if let Some(scale) = Scale::within(new + rest, OUTGOING_MAX) {
            weights.extend(others);
            let of_source = weights.iter_mut().filter(|(from, ..)| *from == source);
            of_source.for_each(|(.., units)| *units = scale.apply(*units));
        }
    }
}

/// Share of all learned weights that is left since they last faded; none before an hour has passed.
fn fade(state: &State, learning: &Learning, now: Timestamp) -> Option<f32> {
    let since = now.0 - state.faded_at()?.0;
    let hours = since as f64 / FADE_EVERY_US as f64;
    (hours >= 1.0 && learning.decay_rate > 0.0)
        .then(|| (1.0 - f64::from(learning.decay_rate)).powf(hours) as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_stay_within_bounds_and_follow_the_rule() {
        let learning = Learning { learning_rate: 0.5, ..Learning::default() };
        let mut weight = 0;
        for round in 0..1000 {
            let next = changed(&learning, weight, 1.0, true, drawn(1, 2, Timestamp(round)));
            assert!((weight..=WEIGHT_ONE).contains(&next));
            weight = next;
        }
        assert!(weight > WEIGHT_ONE * 99 / 100);
        for round in 0..1000 {
            weight = changed(&learning, weight, 1.0, false, drawn(1, 2, Timestamp(round)));
            assert!(weight <= WEIGHT_ONE);
        }
        let near = changed(&learning, 800, 1.0, true, 0);
        let far = changed(&learning, 800, 15.0, true, 0);
        assert!(near > far && far > 800);
        let anti = Learning { learning_mode: LearningMode::AntiHebbian, ..learning };
        assert!(changed(&anti, 800, 1.0, true, 0) < 800);
    }

    #[test]
    fn the_smallest_lessons_count_on_average() {
        // A tenth of a unit of 1/4096 each: rounded to nearest, none of them would ever change anything.
        let learning = Learning { learning_rate: 2.5e-5, ..Learning::default() };
        let mut weight = 0;
        for round in 0..10_000 {
            weight = changed(&learning, weight, 0.0, true, drawn(3, 4, Timestamp(round)));
        }
        let expected = 4096.0 * (1.0 - (1.0 - 2.5e-5f64).powi(10_000));
        assert!((f64::from(weight) / expected - 1.0).abs() < 0.15, "{weight}, expected {expected}");
    }
}
