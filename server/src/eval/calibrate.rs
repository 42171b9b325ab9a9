//! From scores to chances: logistic regression of few inputs, and how far the chances can be believed.

use serde::Serialize;

use super::newton::{Objective, minimise};

/// How to fit.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What a row counts, false rows first: shares of the two classes where the model is used may differ from those here.
    pub weights: [f64; 2],
    /// Pull of each standardised weight towards zero.
    pub l2: f64,
    /// Inputs whose weight must not be negative; may be shorter than the list of inputs.
    pub non_negative: Vec<bool>,
}

impl Default for Settings {
    fn default() -> Self {
        Settings { weights: [1.0, 1.0], l2: 1e-4, non_negative: Vec::new() }
    }
}

/// One row: what was seen, and whether it was so.
#[derive(Clone, Debug, PartialEq)]
pub struct Seen {
    /// Inputs.
    pub inputs: Vec<f64>,
    /// The truth.
    pub is: bool,
}

/// Log odds, linear in the inputs.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Model {
    /// By input.
    pub weights: Vec<f64>,
    /// Log odds where all inputs are zero.
    pub bias: f64,
}

/// Fits.
pub fn fit(rows: &[Seen], settings: &Settings) -> Model {
    let problem = Problem::of(rows, settings);
    let width = problem.means.len();
    let mut non_negative = settings.non_negative.clone();
    non_negative.resize(width, false);
    // The bias is free.
    non_negative.push(false);
    let standard = minimise(&problem, &non_negative, 1e-10);
    let weights: Vec<f64> =
        standard[..width].iter().zip(&problem.scales).map(|(weight, scale)| weight * scale).collect();
    let shift: f64 = weights.iter().zip(&problem.means).map(|(weight, mean)| weight * mean).sum();
    Model { bias: standard[width] - shift, weights }
}

struct Problem {
    means: Vec<f64>,
    scales: Vec<f64>,
    /// Standardised inputs and a one; the truth; the weight.
    rows: Vec<(Vec<f64>, bool, f64)>,
    l2: f64,
}

impl Problem {
    fn of(rows: &[Seen], settings: &Settings) -> Problem {
        let weight = |row: &Seen| settings.weights[usize::from(row.is)];
        let whole: f64 = rows.iter().map(weight).sum();
        let width = rows.first().map_or(0, |row| row.inputs.len());
        let mean = |of: &dyn Fn(&Seen) -> f64| {
            rows.iter().map(|row| weight(row) * of(row)).sum::<f64>() / whole.max(f64::MIN_POSITIVE)
        };
        let means: Vec<f64> = (0..width).map(|at| mean(&|row| row.inputs[at])).collect();
        let scales: Vec<f64> = (0..width)
            .map(|at| mean(&|row| (row.inputs[at] - means[at]).powi(2)).sqrt())
            .map(|deviation| if deviation > 1e-12 { 1.0 / deviation } else { 0.0 })
            .collect();
        let standard = |row: &Seen| {
            let inputs = (0..width).map(|at| (row.inputs[at] - means[at]) * scales[at]);
            (inputs.chain([1.0]).collect(), row.is, weight(row) / whole)
        };
        let rows = rows.iter().map(standard).collect();
        Problem { means, scales, rows, l2: settings.l2 }
    }
}

impl Objective for Problem {
    fn value(&self, weights: &[f64]) -> f64 {
        let width = self.means.len();
        let pull = self.l2 / 2.0 * weights[..width].iter().map(|weight| weight * weight).sum::<f64>();
        let loss = |(row, is, share): &(Vec<f64>, bool, f64)| {
            let odds: f64 = weights.iter().zip(row).map(|(weight, value)| weight * value).sum();
            let odds = if *is { -odds } else { odds };
            // ln(1 + exp(odds)) without overflow.
            share * (odds.max(0.0) + (-odds.abs()).exp().ln_1p())
        };
        pull + self.rows.iter().map(loss).sum::<f64>()
    }

    fn slopes(&self, weights: &[f64]) -> (Vec<f64>, Vec<f64>) {
        let width = weights.len();
        let (mut gradient, mut hessian) = (vec![0.0; width], vec![0.0; width * width]);
        for (row, is, share) in &self.rows {
            let chance = logistic(weights.iter().zip(row).map(|(weight, value)| weight * value).sum());
            let miss = share * (chance - f64::from(u8::from(*is)));
            let curve = share * chance * (1.0 - chance);
            for a in 0..width {
                gradient[a] += miss * row[a];
                (0..width).for_each(|b| hessian[a * width + b] += curve * row[a] * row[b]);
            }
        }
        for at in 0..width - 1 {
            gradient[at] += self.l2 * weights[at];
            hessian[at * width + at] += self.l2;
        }
        (gradient, hessian)
    }
}

/// How far chances can be believed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Reliability {
    /// Rising; of about as many rows each.
    pub bins: Vec<Bin>,
    /// Mean distance between what was said and what was, over rows (expected calibration error).
    pub error: f64,
    /// Mean squared distance between the chance and the truth (Brier score).
    pub brier: f64,
}

/// Rows with similar chances.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Bin {
    /// How many.
    pub rows: usize,
    /// Mean of the chances that were said.
    pub said: f64,
    /// Share that was so.
    pub was: f64,
}

impl Reliability {
    /// Of chances and truths, in `bins` bins.
    pub fn of(seen: &[(f64, bool)], bins: usize) -> Reliability {
        let mut sorted = seen.to_vec();
        sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
        let truth = |is: bool| f64::from(u8::from(is));
        let bin = |at: usize| {
            let rows = &sorted[at * sorted.len() / bins..(at + 1) * sorted.len() / bins];
            let mean = |sum: f64| sum / rows.len() as f64;
            Bin {
                rows: rows.len(),
                said: mean(rows.iter().map(|row| row.0).sum()),
                was: mean(rows.iter().map(|row| truth(row.1)).sum()),
            }
        };
        let bins: Vec<Bin> = (0..bins).map(bin).filter(|bin| bin.rows > 0).collect();
        let count = seen.len().max(1) as f64;
        let error = bins.iter().map(|bin| bin.rows as f64 * (bin.said - bin.was).abs()).sum::<f64>() / count;
        let brier = seen.iter().map(|row| (row.0 - truth(row.1)).powi(2)).sum::<f64>() / count;
        Reliability { bins, error, brier }
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut text = format!("{:>6}{:>8}{:>8}\n", "rows", "said", "was");
        for Bin { rows, said, was } in &self.bins {
            text.push_str(&format!("{rows:>6}{said:>8.3}{was:>8.3}\n"));
        }
        text.push_str(&format!("calibration error {:.3}, Brier {:.3}\n", self.error, self.brier));
        text
    }
}

fn logistic(odds: f64) -> f64 {
    1.0 / (1.0 + (-odds).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Random;

    fn chance(model: &Model, inputs: &[f64]) -> f64 {
        let odds: f64 = model.weights.iter().zip(inputs).map(|(weight, value)| weight * value).sum();
        logistic(odds + model.bias)
    }

    fn drawn(count: usize) -> Vec<Seen> {
        let mut random = Random(9);
        let row = |_| {
            let inputs = vec![random.below_one(), 50.0 * random.below_one(), 3.0];
            let chance = logistic(5.0 * inputs[0] - 0.1 * inputs[1] - 1.0);
            Seen { is: random.below_one() < chance, inputs }
        };
        (0..count).map(row).collect()
    }

    #[test]
    fn the_odds_that_made_the_data_are_found_and_can_be_believed() {
        let rows = drawn(6_000);
        let model = fit(&rows, &Settings::default());
        assert!((model.weights[0] - 5.0).abs() < 0.3, "{model:?}");
        assert!((model.weights[1] + 0.1).abs() < 0.01, "{model:?}");
        assert_eq!(model.weights[2], 0.0, "an input that never changes says nothing");
        assert!((model.bias + 1.0).abs() < 0.3, "{model:?}");
        let said: Vec<_> = rows.iter().map(|row| (chance(&model, &row.inputs), row.is)).collect();
        let reliability = Reliability::of(&said, 10);
        assert!(reliability.error < 0.02, "{}", reliability.table());
    }

    #[test]
    fn a_weight_that_may_not_be_negative_is_not() {
        let settings = Settings { non_negative: vec![true, true], ..Settings::default() };
        let model = fit(&drawn(1_000), &settings);
        assert_eq!(model.weights[1], 0.0);
        assert!(model.weights[0] > 3.0);
    }

    #[test]
    fn reliability_counts_what_was_said_and_what_was() {
        let seen = [(0.2, false), (0.2, true), (0.9, true), (0.7, true)];
        let found = Reliability::of(&seen, 2);
        assert_eq!(found.bins[0], Bin { rows: 2, said: 0.2, was: 0.5 });
        assert_eq!((found.bins[1].rows, found.bins[1].was), (2, 1.0));
        assert!((found.error - 0.25).abs() < 1e-12, "{found:?}");
        assert!((found.brier - (0.04 + 0.64 + 0.01 + 0.09) / 4.0).abs() < 1e-12);
        assert_eq!(Reliability::of(&[], 5).bins, []);
    }
}
