//! Logistic regression, plain and multinomial, by gradient descent with momentum on standardised features: slow, exact enough
//! for a handful of features, and the same on every machine.

/// Steps of the descent.
const STEPS: usize = 3_000;
/// Size of a step, and the share of the last one that is kept.
const STEP: f64 = 0.5;
const MOMENTUM: f64 = 0.9;
/// Pull of each weight towards zero.
const DECAY: f64 = 1e-4;

/// Weights of `classes` by `features`, bias last, that make the classes of the rows likeliest; each class counts as much as
/// any other, however many rows it has.
pub fn softmax(rows: &[(Vec<f64>, usize)], classes: usize) -> Vec<Vec<f64>> {
    let features = rows.first().map_or(0, |row| row.0.len());
    let count = rows.len() as f64;
    let mean = |of: &dyn Fn(&[f64]) -> f64| rows.iter().map(|row| of(&row.0)).sum::<f64>() / count;
    let means: Vec<f64> = (0..features).map(|at| mean(&|row| row[at])).collect();
    let scales: Vec<f64> = (0..features)
        .map(|at| mean(&|row| (row[at] - means[at]).powi(2)).sqrt())
        .map(|deviation| if deviation > 0.0 { 1.0 / deviation } else { 0.0 })
        .collect();
    let standard: Vec<Vec<f64>> = rows
        .iter()
        .map(|(row, _)| (0..features).map(|at| (row[at] - means[at]) * scales[at]).chain([1.0]).collect())
        .collect();
    let mut shares = vec![0.0; classes];
    rows.iter().for_each(|row| shares[row.1] += 1.0);
    let present = shares.iter().filter(|share| **share > 0.0).count() as f64;
    let mut weights = vec![vec![0.0; features + 1]; classes];
    let mut pace = weights.clone();
    for _ in 0..STEPS {
        let mut slopes = vec![vec![0.0; features + 1]; classes];
        for (row, standard) in rows.iter().zip(&standard) {
            let chances = chances(&weights, standard);
            let importance = 1.0 / (present * shares[row.1]);
            for (class, slope) in slopes.iter_mut().enumerate() {
                let miss = importance * (chances[class] - f64::from(u8::from(class == row.1)));
                slope.iter_mut().zip(standard).for_each(|(slope, value)| *slope += miss * value);
            }
        }
        for ((weights, pace), slopes) in weights.iter_mut().zip(&mut pace).zip(&slopes) {
            for ((weight, pace), slope) in weights.iter_mut().zip(pace).zip(slopes) {
                *pace = MOMENTUM * *pace - STEP * (slope + DECAY * *weight);
                *weight += *pace;
            }
        }
    }
    // Back to features as they are.
    for weights in &mut weights {
        for at in 0..features {
            weights[at] *= scales[at];
            weights[features] -= weights[at] * means[at];
        }
    }
    weights
}

/// Weights by feature, bias last, of the log odds that a row is true.
pub fn logistic(rows: &[(Vec<f64>, bool)]) -> Vec<f64> {
    let rows: Vec<_> = rows.iter().map(|(row, is)| (row.clone(), usize::from(*is))).collect();
    let weights = softmax(&rows, 2);
    weights[1].iter().zip(&weights[0]).map(|(yes, no)| yes - no).collect()
}

fn chances(weights: &[Vec<f64>], row: &[f64]) -> Vec<f64> {
    let sums: Vec<f64> = weights
        .iter()
        .map(|weights| weights.iter().zip(row).map(|(weight, value)| weight * value).sum())
        .collect();
    let largest = sums.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let powers: Vec<f64> = sums.iter().map(|sum| (sum - largest).exp()).collect();
    let whole: f64 = powers.iter().sum();
    powers.into_iter().map(|power| power / whole).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::corpus::Random;

    #[test]
    fn the_boundary_that_made_the_data_is_found() {
        let mut random = Random(3);
        let rows: Vec<(Vec<f64>, bool)> = (0..3_000)
            .map(|_| {
                let row = vec![random.below_one(), 5.0 * random.below_one(), 7.0];
                let odds = 6.0 * row[0] - 2.0 * row[1] + 1.5;
                let is = random.below_one() < 1.0 / (1.0 + (-odds).exp());
                (row, is)
            })
            .collect();
        let found = logistic(&rows);
        assert!((found[0] - 6.0).abs() < 1.0 && (found[1] + 2.0).abs() < 0.3, "{found:?}");
        // A feature that never changes says nothing.
        assert_eq!(found[2], 0.0);
    }
}
