//! From evidence to an order and to chances: a linear scorer a form of memory, the inheritance of newer memories, a calibrated belief.
//!
//! 1. Strength of a memory: exp of its weighed evidence (conditional logit: among the candidates, the chance to be the one that answers).
//! 2. What a memory says anew takes over the strength of what it replaced, by the chance that it did; the other way round where the query
//!    asks for what was.
//! 3. Belief: the chance that the strongest answers at all, by logistic regression; others get their share of it.

use serde::{Deserialize, Serialize};

use crate::retrieve::evidence::{EVIDENCE, Evidence, Form, Gathered, QUERY_FACTS};
use crate::retrieve::succession::{PAIR, Pair};

/// Chance that a memory replaced another where the store says so: its claims are right at least so often.
const TOLD: f32 = 0.95;
/// Forms of memories.
pub const FORMS: usize = Form::ALL.len();
/// Numbers that belief is weighed from.
pub const BELIEF: usize = 10 + QUERY_FACTS;
/// Their names.
pub static BELIEF_NAMES: [&str; BELIEF] = [
    "strength",
    "lead",
    "lead_of_five",
    "idf_share",
    "terms_share",
    "rarest",
    "cosine",
    "cosine_stands_out",
    "wanted",
    "best_idf_share",
    "unknown",
    "memories",
];

/// Weights of all three steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scorer {
    /// For each form of memory, the weights of its evidence.
    pub evidence: [[f32; EVIDENCE]; FORMS],
    /// For each form of memory, what is added.
    pub bias: [f32; FORMS],
    /// Weights of a pair, and last what is added.
    pub pair: [f32; PAIR + 1],
    /// Weights of belief, and last what is added.
    pub belief: [f32; BELIEF + 1],
    /// Of the belief in the strongest, another gets its share of strength to this power.
    pub falloff: f32,
}

/// A candidate with its place in the order.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scored {
    /// Its place among the candidates.
    pub place: u32,
    /// Chance that it answers, 0..=1.
    pub chance: f32,
}

/// Strengths on their way into an order, logarithmic.
pub struct Strengths {
    /// One a candidate, after inheritance.
    pub logs: Vec<f32>,
    /// Places, strongest first, ties by place.
    pub order: Vec<u32>,
}

impl Scorer {
    /// Candidates by strength, strongest first, ties by place.
    pub fn rank(&self, gathered: &Gathered) -> Vec<Scored> {
        let strengths = self.strengths(gathered);
        let Some(&top) = strengths.order.first() else { return Vec::new() };
        let belief = self.belief(&belief_inputs(gathered, &strengths));
        let best = strengths.logs[top as usize];
        let chance = |place: u32| belief * ((strengths.logs[place as usize] - best) * self.falloff).exp();
        strengths.order.iter().map(|&place| Scored { place, chance: chance(place) }).collect()
    }

    /// The first two steps.
    pub fn strengths(&self, gathered: &Gathered) -> Strengths {
        let mut logs: Vec<f32> = gathered.evidence.iter().map(|one| self.weigh(one)).collect();
        self.inherit(&mut logs, &gathered.pairs, gathered.asks_for_past);
        let mut order: Vec<u32> = (0..logs.len() as u32).collect();
        order.sort_by(|&a, &b| logs[b as usize].total_cmp(&logs[a as usize]));
        Strengths { logs, order }
    }

    fn weigh(&self, evidence: &Evidence) -> f32 {
        let form = evidence.form as usize;
        dot(&self.evidence[form], &evidence.values) + self.bias[form]
    }

    /// Chance that the newer of a pair replaced the older.
    pub fn replaced(&self, pair: &Pair) -> f32 {
        if pair.is_told {
            return TOLD;
        }
        chance(dot(&self.pair[..PAIR], &pair.values) + self.pair[PAIR])
    }

    fn inherit(&self, logs: &mut [f32], pairs: &[Pair], asks_for_past: bool) {
        let best = logs.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let own: Vec<f32> = logs.iter().map(|log| (log - best).exp()).collect();
        let mut gained = vec![0.0f32; logs.len()];
        let mut left = vec![0.0f32; logs.len()];
        for pair in pairs {
            let chance = self.replaced(pair);
            let (from, to) = if asks_for_past { (pair.newer, pair.older) } else { (pair.older, pair.newer) };
            let (from, to) = (from as usize, to as usize);
            gained[to] = gained[to].max(chance * own[from]);
            // What does not match the query at all has nothing to leave, and nothing is taken from what only it could follow.
            left[from] = left[from].max(chance);
        }
        for (at, log) in logs.iter_mut().enumerate() {
            *log = best + ((own[at] + gained[at]) * (1.0 - left[at])).max(1e-12).ln();
        }
    }

    fn belief(&self, inputs: &[f32; BELIEF]) -> f32 {
        chance(dot(&self.belief[..BELIEF], inputs) + self.belief[BELIEF])
    }
}

/// What belief in the strongest candidate is weighed from, as in [`BELIEF_NAMES`]; zeros where there is no candidate.
pub fn belief_inputs(gathered: &Gathered, strengths: &Strengths) -> [f32; BELIEF] {
    let mut inputs = [0.0; BELIEF];
    let Some(&top) = strengths.order.first() else { return inputs };
    let log_of = |rank: usize| strengths.order.get(rank).map(|&place| strengths.logs[place as usize]);
    let best = strengths.logs[top as usize];
    let lead = |rank: usize| log_of(rank).map_or(0.0, |log| (best - log).min(8.0));
    let value = |name: &str| {
        let at = super::evidence::NAMES.iter().position(|known| *known == name);
        gathered.evidence[top as usize].values[at.expect("a name of evidence; this is a bug")]
    };
    let idf_share_at = super::evidence::NAMES.iter().position(|known| *known == "idf_share");
    let idf_share_at = idf_share_at.expect("a name of evidence; this is a bug");
    let best_share = gathered.evidence.iter().map(|one| one.values[idf_share_at]).fold(0.0, f32::max);
    inputs[..10].copy_from_slice(&[
        best,
        lead(1),
        lead(5),
        value("idf_share"),
        value("terms_share"),
        value("rarest"),
        value("cosine"),
        value("cosine_stands_out"),
        value("wanted"),
        best_share,
    ]);
    inputs[10..].copy_from_slice(&gathered.query);
    inputs
}

fn dot(weights: &[f32], values: &[f32]) -> f32 {
    weights.iter().zip(values).map(|(weight, value)| weight * value).sum()
}

/// The logistic function.
fn chance(log_odds: f32) -> f32 {
    1.0 / (1.0 + (-log_odds).exp())
}
