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
    use crate::analyze::tests::stored;
    use crate::answer::Recalled;
    use crate::record::ModelTag;
    use crate::request::Strategy;

    const ONE: MemoryId = MemoryId(1);
    const TWO: MemoryId = MemoryId(2);
    const THREE: MemoryId = MemoryId(3);

    /// Three memories, the first tied to the others.
    fn tied(to_two: f32, to_three: f32) -> State {
        let mut state = State::default();
        state.apply(&Record::Founded(ModelTag { name: "test".into(), dim: 32, fingerprint: "00".into() }));
        [ONE, TWO, THREE].into_iter().for_each(|id| _ = state.apply(&stored(id, &[], &[])));
        let weights = vec![(ONE, TWO, to_two), (ONE, THREE, to_three)];
        state.apply(&Record::Learned(LearnedRecord { at: Timestamp(3_000_000), fade: None, weights }));
        state
    }

    #[test]
    fn homeostasis_scales_what_was_not_taught_too() {
        let state = tied(0.5, 0.5);
        let mut weights = vec![(ONE, TWO, WEIGHT_ONE * 3 / 4)];
        bound_outgoing(&state, &mut weights);
        let of = |to: MemoryId| weights.iter().find(|known| known.1 == to).expect("scaled").2;
        assert!(of(TWO) + of(THREE) <= WEIGHT_ONE);
        // Three to two, as before, within a unit or two.
        assert!((of(TWO) * 2).abs_diff(of(THREE) * 3) <= 6, "{weights:?}");
        let mut within = vec![(ONE, TWO, WEIGHT_ONE / 4)];
        bound_outgoing(&state, &mut within);
        assert_eq!(within, [(ONE, TWO, WEIGHT_ONE / 4)]);
    }

    #[test]
    fn a_lesson_starts_from_what_time_has_left() {
        let mut state = tied(1.0, 1.0);
        let mut replayed = state.clone();
        let recalled = |state: &State, id: MemoryId, first_spike_ms: f32| Recalled {
            memory: state.memory(state.items.find(id).expect("stored")),
            score: 1.0,
            similarity: None,
            first_spike_ms: Some(first_spike_ms),
            path: Vec::new(),
            duplicates: Vec::new(),
        };
        let memories = vec![recalled(&state, ONE, 1.0), recalled(&state, TWO, 2.0)];
        let answer = Retrieved {
            memories,
            strategy: Strategy::HybridApproach,
            total_found: 2,
            searched: 3,
            query_entities: Vec::new(),
            query_terms: Vec::new(),
            query_times: Vec::new(),
            nodes_fired: 2,
            hops_max: 0,
            verdict: crate::answer::Verdict::Answered,
            gathered: None,
            sequence: 0,
        };
        // 30 days and a half hour: parts of hours count.
        let now = Timestamp(3_000_000 + (30 * 24 * 2 + 1) * FADE_EVERY_US / 2);
        let entries = from_recall(&mut state, &answer, TenantId::default(), now);
        let left = (1.0 - f64::from(state.learning().decay_rate)).powf(720.5);
        let share = |to| f64::from(weight(&state, ONE, to).unwrap()) / f64::from(WEIGHT_ONE);
        assert!((share(THREE) - left).abs() < 1e-3, "{} of {left}", share(THREE));
        assert!(share(TWO) > share(THREE) && share(TWO) < (left + 1.0) / 2.0, "{}", share(TWO));
        entries.iter().for_each(|entry| _ = replayed.apply(&entry.record));
        for to in [TWO, THREE] {
            assert_eq!(weight(&replayed, ONE, to), weight(&state, ONE, to));
        }
    }

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
