//! Conditional logit (McFadden 1974): weights of features under which the gold of a question is likelier than the memories
//! beside it. Only differences inside a question count, so nothing has to be said about what makes a question easy.
//!
//! The likelihood of a question with several golds is the product of theirs. Every set counts as much as any other, every
//! question as much as any other of its set. Features are standardised by how much they vary inside questions; the pull
//! towards zero acts on standardised weights, and weights come back for features as they are.

use std::collections::BTreeMap;

use super::cases::Case;
use super::newton::{Objective, minimise};

/// Features that vary less inside questions say nothing.
const DEVIATION_MIN: f64 = 1e-3;

/// How to fit.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Pull towards `towards`: added is half of it times the sum of squared distances of standardised weights, beside the mean
    /// log-likelihood of a question.
    pub l2: f64,
    /// Weights by feature that are taken where the cases say nothing else: those of all kinds, for a kind with few cases. Zeros
    /// where absent.
    pub towards: Vec<f64>,
    /// Features whose weight must not be negative; may be shorter than the list of features.
    pub non_negative: Vec<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { l2: 1e-3, towards: Vec::new(), non_negative: Vec::new() }
    }
}

/// A linear scorer.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    /// By feature.
    pub weights: Vec<f64>,
    /// The same for standardised features: how much each tells.
    pub standard: Vec<f64>,
    /// Mean negative log-likelihood of a question, sets weighted alike, without the pull.
    pub loss: f64,
}

/// Fits. Cases without gold or without anything else among their rows say nothing and are passed over.
pub fn fit(cases: &[&Case], settings: &Settings) -> Model {
    let problem = Problem::of(cases, settings);
    let mut non_negative = settings.non_negative.clone();
    non_negative.resize(problem.width, false);
    let standard = minimise(&problem, &non_negative, 1e-9);
    let weights = standard.iter().zip(&problem.scales).map(|(weight, scale)| weight * scale).collect();
    let loss = problem.value(&standard) - problem.pull(&standard);
    Model { weights, loss, standard }
}

struct Problem {
    width: usize,
    l2: f64,
    /// Standardised weights that `l2` pulls to.
    towards: Vec<f64>,
    scales: Vec<f64>,
    /// Standardised features of all rows, the mean of their question taken away.
    values: Vec<f32>,
    questions: Vec<Question>,
}

struct Question {
    /// Rows in `values`.
    rows: std::ops::Range<usize>,
    golds: Vec<usize>,
    /// Share of the whole.
    weight: f64,
}

impl Problem {
    fn of(cases: &[&Case], settings: &Settings) -> Problem {
        let told: Vec<&Case> =
            cases.iter().copied().filter(|case| (1..case.rows.len()).contains(&case.golds())).collect();
        let width = told.first().map_or(0, |case| case.rows[0].features.len());
        let mut of_set: BTreeMap<&str, f64> = BTreeMap::new();
        told.iter().for_each(|case| *of_set.entry(&case.set).or_default() += 1.0);
        let sets = of_set.len() as f64;
        let mut problem = Problem {
            width,
            l2: settings.l2,
            towards: settings.towards.clone(),
            scales: vec![0.0; width],
            values: Vec::new(),
            questions: Vec::new(),
        };
        for case in &told {
            let begin = problem.values.len() / width.max(1);
            let weight = 1.0 / (sets * of_set[case.set.as_str()]);
            problem.centre(case, weight);
            let golds = case.rows.iter().enumerate().filter(|(_, row)| row.gold);
            problem.questions.push(Question {
                rows: begin..begin + case.rows.len(),
                golds: golds.map(|(at, _)| begin + at).collect(),
                weight,
            });
        }
        for scale in &mut problem.scales {
            let deviation = scale.sqrt();
            // A feature that hardly ever moves has told nothing: scaled up, its weight would be beyond all bounds.
            *scale = if deviation > DEVIATION_MIN { 1.0 / deviation } else { 0.0 };
        }
        problem.towards.resize(width, 0.0);
        for (weight, scale) in problem.towards.iter_mut().zip(&problem.scales) {
            *weight = if *scale > 0.0 { *weight / scale } else { 0.0 };
        }
        for row in problem.values.chunks_exact_mut(width.max(1)) {
            row.iter_mut()
                .zip(&problem.scales)
                .for_each(|(value, scale)| *value = (f64::from(*value) * scale) as f32);
        }
        problem
    }

    /// Adds the rows of a case without their mean, and its variance to `scales`.
    fn centre(&mut self, case: &Case, weight: f64) {
        let count = case.rows.len() as f64;
        let means: Vec<f64> = (0..self.width)
            .map(|at| case.rows.iter().map(|row| f64::from(row.features[at])).sum::<f64>() / count)
            .collect();
        for row in &case.rows {
            for ((&value, mean), scale) in row.features.iter().zip(&means).zip(&mut self.scales) {
                let off = f64::from(value) - mean;
                *scale += weight * off * off / count;
                self.values.push(off as f32);
            }
        }
    }

    fn pull(&self, weights: &[f64]) -> f64 {
        let squares = weights.iter().zip(&self.towards).map(|(weight, towards)| (weight - towards).powi(2));
        self.l2 / 2.0 * squares.sum::<f64>()
    }

    fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.width..(at + 1) * self.width]
    }

    /// Chances of the rows of a question, and the logarithm of their normaliser.
    fn chances(&self, question: &Question, weights: &[f64]) -> (Vec<f64>, f64) {
        let scores = question.rows.clone().map(|at| dot(weights, self.row(at)));
        let mut chances: Vec<f64> = scores.collect();
        let largest = chances.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        chances.iter_mut().for_each(|score| *score = (*score - largest).exp());
        let whole: f64 = chances.iter().sum();
        chances.iter_mut().for_each(|chance| *chance /= whole);
        (chances, largest + whole.ln())
    }
}

impl Objective for Problem {
    fn value(&self, weights: &[f64]) -> f64 {
        let mut sum = self.pull(weights);
        for question in &self.questions {
            let (_, normaliser) = self.chances(question, weights);
            let missing = question.golds.iter().map(|&gold| normaliser - dot(weights, self.row(gold)));
            sum += question.weight * missing.sum::<f64>();
        }
        sum
    }

    fn slopes(&self, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let width = self.width;
        let pull = weights.iter().zip(&self.towards);
        let mut gradient: Vec<f64> = pull.map(|(weight, towards)| self.l2 * (weight - towards)).collect();
        let mut hessian = vec![0.0; width * width];
        for question in &self.questions {
            let (chances, _) = self.chances(question, weights);
            let weight = question.weight * question.golds.len() as f64;
            let mut mean = vec![0.0; width];
            for (at, chance) in question.rows.clone().zip(&chances) {
                // Rows without a chance are most of a large store, and move nothing.
                if *chance < 1e-12 {
                    continue;
                }
                let row = self.row(at);
                for (a, &value) in row.iter().enumerate() {
                    let part = chance * f64::from(value);
                    mean[a] += part;
                    for (b, &other) in row[..=a].iter().enumerate() {
                        hessian[a * width + b] += weight * part * f64::from(other);
                    }
                }
            }
            for a in 0..width {
                gradient[a] += weight * mean[a];
                for b in 0..=a {
                    hessian[a * width + b] -= weight * mean[a] * mean[b];
                }
            }
            for &gold in &question.golds {
                let row = self.row(gold);
                gradient.iter_mut().zip(row).for_each(|(slope, &value)| {
                    *slope -= question.weight * f64::from(value);
                });
            }
        }
        for a in 0..width {
            for b in 0..a {
                hessian[b * width + a] = hessian[a * width + b];
            }
            hessian[a * width + a] += self.l2;
        }
        (gradient, hessian)
    }
}

fn dot(weights: &[f64], row: &[f32]) -> f64 {
    weights.iter().zip(row).map(|(weight, &value)| weight * f64::from(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Random;
    use crate::eval::cases::Row;

    /// Draws gold by the softmax of `weights` over features of different sizes; the last feature is the question's own.
    fn drawn(seed: u64, set: &str, weights: [f64; 3], count: usize) -> Vec<Case> {
        let mut random = Random(seed);
        let case = |_| {
            let own = random.below_one() as f32;
            let mut rows: Vec<Row> = (0..12)
                .map(|_| {
                    let features = vec![
                        random.below_one() as f32,
                        100.0 * random.below_one() as f32,
                        random.below_one() as f32 - 7.0,
                        own,
                    ];
                    Row { gold: false, features }
                })
                .collect();
            let power = |row: &Row| {
                let sum: f64 = weights.iter().zip(&row.features).map(|(w, &v)| w * f64::from(v)).sum();
                sum.exp()
            };
            let whole: f64 = rows.iter().map(power).sum();
            let mut left = random.below_one() * whole;
            let chosen = rows.iter().position(|row| {
                left -= power(row);
                left <= 0.0
            });
            let last = rows.len() - 1;
            rows[chosen.unwrap_or(last)].gold = true;
            Case { set: set.into(), rows }
        };
        (0..count).map(case).collect()
    }

    fn fitted(cases: &[Case], settings: &Settings) -> Model {
        fit(&cases.iter().collect::<Vec<_>>(), settings)
    }

    #[test]
    fn the_weights_that_made_the_data_are_found() {
        let model =
            fitted(&drawn(1, "s", [6.0, 0.03, -2.0], 4_000), &Settings { l2: 0.0, ..Settings::default() });
        let found = &model.weights;
        assert!((found[0] - 6.0).abs() < 0.3, "{found:?}");
        assert!((found[1] - 0.03).abs() < 0.003, "{found:?}");
        assert!((found[2] + 2.0).abs() < 0.3, "{found:?}");
        // What is the same for all memories of a question cannot tell them apart.
        assert_eq!(found[3], 0.0);
        assert!(model.loss < 12f64.ln());
    }

    #[test]
    fn a_weight_that_may_not_be_negative_stays_at_zero_and_the_others_are_fitted_around_it() {
        let cases = drawn(2, "s", [6.0, 0.03, -2.0], 2_000);
        let settings = Settings { non_negative: vec![true; 3], ..Settings::default() };
        let bound = fitted(&cases, &settings);
        assert_eq!(bound.weights[2], 0.0);
        assert!(bound.weights[0] > 5.0 && bound.weights[1] > 0.02, "{:?}", bound.weights);
        assert!(bound.loss > fitted(&cases, &Settings::default()).loss);
    }

    #[test]
    fn a_strong_pull_draws_to_zero() {
        let cases = drawn(3, "s", [6.0, 0.0, 0.0], 500);
        let loose = fitted(&cases, &Settings::default()).weights[0];
        let tight = fitted(&cases, &Settings { l2: 10.0, ..Settings::default() }).weights[0];
        assert!(tight > 0.0 && tight < loose / 5.0, "{tight} of {loose}");
    }

    #[test]
    fn a_kind_with_few_cases_stays_near_the_weights_of_all() {
        let towards = vec![6.0, 0.03, -2.0, 0.0];
        let settings = |l2| Settings { l2, towards: towards.clone(), ..Settings::default() };
        let few = drawn(6, "s", [0.0, 0.0, 0.0], 4);
        let near = fitted(&few, &settings(100.0)).weights;
        assert!(near.iter().zip(&towards).all(|(near, towards)| (near - towards).abs() < 0.1), "{near:?}");
        let many = fitted(&drawn(7, "s", [0.0, 0.0, 0.0], 3_000), &settings(1e-3)).weights;
        assert!(many[0].abs() < 0.6, "{many:?}: cases enough speak for themselves");
    }

    #[test]
    fn a_small_set_counts_as_much_as_a_large_one() {
        let mut cases = drawn(4, "large", [4.0, 0.0, 0.0], 3_000);
        cases.extend(drawn(5, "small", [-4.0, 0.0, 0.0], 300));
        let found = fitted(&cases, &Settings::default()).weights[0];
        assert!(found.abs() < 0.8, "{found}: between the two");
    }

    #[test]
    fn several_golds_are_the_product_of_their_chances() {
        let row = |gold, value| Row { gold, features: vec![value] };
        let rows = vec![row(true, 1.0), row(true, 0.0), row(false, 0.0)];
        let case = Case { set: "s".into(), rows };
        // Two golds of three rows: the slope 1 - 2 p vanishes where the chance p of the first is one half, exp(w) = 2.
        let weight = fit(&[&case], &Settings { l2: 0.0, ..Settings::default() }).weights[0];
        assert!((weight - 2f64.ln()).abs() < 1e-6, "{weight}");
    }

    #[test]
    fn cases_that_say_nothing_are_passed_over() {
        let unanswerable = Case { set: "s".into(), rows: vec![Row::default()] };
        assert_eq!(fit(&[&unanswerable], &Settings::default()).weights, Vec::<f64>::new());
        assert_eq!(fit(&[], &Settings::default()).loss, 0.0);
    }
}
