//! Fits a scorer: weights of the evidence by conditional logit, of pairs and of belief by logistic regression.

use cortexkg_engine::scoring::{BELIEF, EVIDENCE, FORMS, Gathered, PAIR, Scorer, Strengths, belief_inputs};

use super::asked::Asked;
use super::calibrate::{self, Seen};
use super::cases::{Case, Row};
use super::conditional;

/// Of the candidates that are not gold, so many of the best by similarity take part in a fit, and whatever spikes reached.
const OTHERS: usize = 40;
/// Shared weights, then those of each form, then what is added for each.
const FEATURES: usize = EVIDENCE * (FORMS + 1) + FORMS;

/// How strongly weights are pulled to zero.
#[derive(Clone, Copy, Debug)]
pub struct Pull {
    /// Of the evidence.
    pub evidence: f64,
    /// Of pairs.
    pub pair: f64,
    /// Of belief.
    pub belief: f64,
}

impl Default for Pull {
    fn default() -> Self {
        Pull { evidence: 5e-3, pair: 3e-3, belief: 1e-2 }
    }
}

/// Fits all three steps, each on what the steps before it give.
pub fn fit(asked: &[&Asked], pull: Pull, falloff: f32) -> Scorer {
    let mut scorer = Scorer {
        evidence: [[0.0; EVIDENCE]; FORMS],
        bias: [0.0; FORMS],
        pair: [0.0; PAIR + 1],
        belief: [0.0; BELIEF + 1],
        falloff,
    };
    fit_evidence(&mut scorer, asked, pull);
    fit_pairs(&mut scorer, asked, pull);
    fit_belief(&mut scorer, asked, pull);
    scorer
}

/// What replaced another is told by the pairs: to the evidence both are right.
fn fit_evidence(scorer: &mut Scorer, asked: &[&Asked], pull: Pull) {
    let cases: Vec<Case> = asked.iter().map(|asked| case(asked)).collect();
    let settings = conditional::Settings { l2: pull.evidence, ..conditional::Settings::default() };
    let model = conditional::fit(&cases.iter().collect::<Vec<_>>(), &settings);
    if model.weights.is_empty() {
        return;
    }
    for form in 0..FORMS {
        for at in 0..EVIDENCE {
            let own = model.weights[EVIDENCE * (form + 1) + at];
            scorer.evidence[form][at] = (model.weights[at] + own) as f32;
        }
        scorer.bias[form] = model.weights[EVIDENCE * (FORMS + 1) + form] as f32;
    }
}

fn case(asked: &Asked) -> Case {
    let reached = cortexkg_engine::scoring::NAMES.iter().position(|name| *name == "spike_reached");
    let evidence = asked.gathered.evidence.iter().enumerate();
    let rows = evidence.filter_map(|(place, one)| {
        let gold = asked.is_or_was_gold(place as u32);
        let spoke = reached.is_some_and(|at| one.values[at] > 0.0);
        if !gold && place >= OTHERS && !spoke {
            return None;
        }
        let mut features = vec![0.0f32; FEATURES];
        features[..EVIDENCE].copy_from_slice(&one.values);
        let form = one.form as usize;
        features[EVIDENCE * (form + 1)..][..EVIDENCE].copy_from_slice(&one.values);
        features[EVIDENCE * (FORMS + 1) + form] = 1.0;
        Some(Row { gold, features })
    });
    Case { set: asked.set.clone(), rows: rows.collect() }
}

fn fit_pairs(scorer: &mut Scorer, asked: &[&Asked], pull: Pull) {
    let pairs = asked.iter().flat_map(|asked| asked.gathered.pairs.iter().zip(&asked.replaced));
    let seen: Vec<Seen> = pairs
        .filter_map(|(pair, replaced)| {
            Some(Seen { inputs: pair.values.map(f64::from).to_vec(), is: (*replaced)? })
        })
        .collect();
    match logistic(&seen, pull.pair) {
        Some(weights) => scorer.pair.copy_from_slice(&weights),
        // Nothing tells what replaced what: then nothing does.
        None => scorer.pair[PAIR] = -20.0,
    }
}

fn fit_belief(scorer: &mut Scorer, asked: &[&Asked], pull: Pull) {
    // Sets that ask only what can be answered say nothing of what cannot be.
    let asks_both = |set: &str| asked.iter().any(|other| other.set == set && other.gold.is_empty());
    let seen: Vec<Seen> = asked
        .iter()
        .filter(|asked| asks_both(&asked.set))
        .map(|asked| {
            let strengths = scorer.strengths(&asked.gathered);
            let inputs = inputs(&asked.gathered, &strengths);
            Seen { inputs, is: !asked.gold.is_empty() }
        })
        .collect();
    if let Some(weights) = logistic(&seen, pull.belief) {
        scorer.belief.copy_from_slice(&weights);
    }
}

fn inputs(gathered: &Gathered, strengths: &Strengths) -> Vec<f64> {
    belief_inputs(gathered, strengths).map(f64::from).to_vec()
}

/// Weights with what is added last; none where only one of the two was seen.
fn logistic(seen: &[Seen], l2: f64) -> Option<Vec<f32>> {
    if !seen.iter().any(|seen| seen.is) || seen.iter().all(|seen| seen.is) {
        return None;
    }
    let model = calibrate::fit(seen, &calibrate::Settings { l2, ..calibrate::Settings::default() });
    Some(model.weights.iter().chain([&model.bias]).map(|&weight| weight as f32).collect())
}
