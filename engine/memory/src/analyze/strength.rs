//! SynapticStrength: how weights are distributed and what learned ones go together with.

use super::Notes;
use super::scope::Scope;
use crate::answer::{Correlation, SynapticStrength, Weights};
use crate::state::graph::{EdgeClass, Side};
use crate::state::{Owner, State};

/// Learned connections whose memories are compared.
const COMPARED_MAX: usize = 20_000;
/// Learned weights from here on can hardly grow.
const FULL: f64 = 0.95;
/// Share of full weights from which they stand out.
const FULL_SHARE: f64 = 0.1;

/// Classes with the words for them. What an entity holds of the memories that mention it mirrors `mentions`.
const CLASSES: [(EdgeClass, &str); 4] = [
    (EdgeClass::Learned, "learned"),
    (EdgeClass::Similar, "similar"),
    (EdgeClass::Sequence, "sequence"),
    (EdgeClass::Mentions, "mentions"),
];

pub(super) fn report(scope: &Scope<'_>, notes: &mut Notes) -> SynapticStrength {
    let state = scope.state;
    let mut by_class: [Vec<f32>; CLASSES.len()] = Default::default();
    let mut learned = Vec::new();
    for &node in &scope.nodes {
        for edge in [Side::Near, Side::Far].into_iter().flat_map(|side| state.graph.row(node, side)) {
            let class = CLASSES.iter().position(|&(class, _)| class as u32 == edge.class());
            if let Some(class) = class.filter(|_| scope.nodes.binary_search(&edge.target).is_ok()) {
                by_class[class].push(edge.weight());
                if CLASSES[class].0 == EdgeClass::Learned {
                    learned.push((node, edge.target, edge.weight()));
                }
            }
        }
    }
    let full = learned.iter().filter(|&&(.., weight)| f64::from(weight) >= FULL).count();
    if full > 0 && full as f64 >= learned.len() as f64 * FULL_SHARE {
        let description = format!("{full} of {} learned weights are {FULL} or more", learned.len());
        notes.insight("saturated", description, std::iter::empty());
        notes.recommend(
            "A lower learning_rate, a higher decay_rate or learning_mode Homeostatic keeps weights apart.",
        );
    }
    let weights =
        CLASSES.iter().zip(by_class).filter_map(|(&(_, class), weights)| distribution(class, weights));
    SynapticStrength { weights: weights.collect(), correlations: correlations(state, &learned) }
}

fn distribution(class: &'static str, mut weights: Vec<f32>) -> Option<Weights> {
    let last = weights.len().checked_sub(1)?;
    weights.sort_unstable_by(f32::total_cmp);
    let count = weights.len() as f64;
    let mean = weights.iter().map(|&weight| f64::from(weight)).sum::<f64>() / count;
    let variance = weights.iter().map(|&weight| (f64::from(weight) - mean).powi(2)).sum::<f64>() / count;
    // Nearest rank.
    let quantile = |tenths: usize| f64::from(weights[(last * tenths + 5) / 10]);
    Some(Weights {
        class,
        count: weights.len() as u64,
        mean,
        deviation: variance.sqrt(),
        quantiles: [0, 1, 5, 9, 10].map(quantile),
    })
}

/// Learned weights beside the way back, the likeness of both memories, and the age of the younger one.
fn correlations(state: &State, learned: &[(u32, u32, f32)]) -> Vec<Correlation> {
    let step = learned.len().div_ceil(COMPARED_MAX).max(1);
    let (mut back, mut likeness, mut age) = (Vec::new(), Vec::new(), Vec::new());
    for &(from, to, weight) in learned.iter().step_by(step) {
        let (Owner::Memory(one), Owner::Memory(other)) = (state.owner(from), state.owner(to)) else {
            continue;
        };
        let weight = f64::from(weight);
        let reverse = state.graph.row(to, Side::Far).iter();
        let reverse = reverse
            .filter(|edge| edge.target == from && edge.class() == EdgeClass::Learned as u32)
            .map(|edge| f64::from(edge.weight()));
        back.push((weight, reverse.sum()));
        let (left, right) = (state.vectors.row(one), state.vectors.row(other));
        let product: f32 = left.iter().zip(&right).map(|(left, right)| left * right).sum();
        likeness.push((weight, f64::from(product)));
        let younger = state.items.get(one).created_at.0.max(state.items.get(other).created_at.0);
        // The older, the larger; from when on does not matter to a correlation.
        age.push((weight, -(younger as f64) / 3.6e9));
    }
    [
        ("weight of the way back", back),
        ("similarity of the memories", likeness),
        ("age of the younger memory", age),
    ]
    .into_iter()
    .filter_map(|(with, pairs)| {
        Some(Correlation { with, coefficient: pearson(&pairs)?, samples: pairs.len() as u64 })
    })
    .collect()
}

/// Pearson's correlation; none below three pairs or where one side does not vary.
fn pearson(pairs: &[(f64, f64)]) -> Option<f64> {
    let count = pairs.len() as f64;
    let mean_x = pairs.iter().map(|pair| pair.0).sum::<f64>() / count;
    let mean_y = pairs.iter().map(|pair| pair.1).sum::<f64>() / count;
    let (mut xx, mut yy, mut xy) = (0.0, 0.0, 0.0);
    for &(x, y) in pairs {
        let (x, y) = (x - mean_x, y - mean_y);
        xx += x * x;
        yy += y * y;
        xy += x * y;
    }
    (pairs.len() >= 3 && xx > 0.0 && yy > 0.0).then(|| (xy / (xx * yy).sqrt()).clamp(-1.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_and_moments_are_those_of_the_list() {
        let weights = distribution("learned", (0..=100).rev().map(|n| n as f32 / 100.0).collect()).unwrap();
        let tenths = weights.quantiles.map(|quantile| (quantile * 10.0).round() as u32);
        assert_eq!((weights.count, tenths), (101, [0, 1, 5, 9, 10]));
        assert!((weights.mean - 0.5).abs() < 1e-6 && (weights.deviation - 0.2915).abs() < 1e-3);
        assert_eq!(distribution("learned", Vec::new()), None);
    }

    #[test]
    fn correlations_have_a_sign_and_need_variety() {
        assert_eq!(pearson(&[(1.0, 2.0), (2.0, 4.0), (3.0, 6.0)]), Some(1.0));
        assert_eq!(pearson(&[(1.0, 6.0), (2.0, 4.0), (3.0, 2.0)]), Some(-1.0));
        assert_eq!(pearson(&[(1.0, 6.0), (2.0, 6.0), (3.0, 6.0)]), None);
        assert_eq!(pearson(&[(1.0, 6.0), (2.0, 5.0)]), None);
    }
}
