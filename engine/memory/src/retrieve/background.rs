//! What cosines with a query are usual in the store: the same cosine says much where most texts are unlike the query, and little where all
//! resemble it.

use crate::state::State;

/// Rows that are looked at.
const SAMPLE: usize = 256;
/// A small store is believed as far as it goes: so many rows are thought of beside it, of the spread below.
const PRIOR_ROWS: f32 = 8.0;
/// Spread of cosines between unrelated short texts, as encoders of sentences have it.
const PRIOR_SPREAD: f32 = 0.1;

/// Mean and spread of a query's cosines with rows of the store.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Background {
    mean: f32,
    spread: f32,
}

impl Background {
    /// Live rows at equal distances.
    pub fn sample(state: &State) -> Vec<u32> {
        let rows = state.items.len();
        let step = rows.div_ceil(SAMPLE).max(1);
        (0..rows).step_by(step).map(|row| row as u32).filter(|&row| state.items.get(row).alive).collect()
    }

    /// From the cosines of a sample.
    pub fn of(cosines: &[f32]) -> Self {
        let len = cosines.len() as f32;
        let mean = cosines.iter().sum::<f32>() / len.max(1.0);
        let squares: f32 = cosines.iter().map(|cosine| (cosine - mean) * (cosine - mean)).sum();
        let spread = ((squares + PRIOR_ROWS * PRIOR_SPREAD * PRIOR_SPREAD) / (len + PRIOR_ROWS)).sqrt();
        Background { mean, spread }
    }

    /// How far a cosine stands out, in spreads.
    pub fn stands_out(&self, cosine: f32) -> f32 {
        (cosine - self.mean) / self.spread.max(1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cosine_stands_out_of_what_is_usual() {
        let quiet = Background::of(&[0.0; 100]);
        let alike = Background::of(&(0..100).map(|at| 0.5 + 0.004 * (at % 50) as f32).collect::<Vec<_>>());
        assert!(quiet.stands_out(0.6) > 3.0 * alike.stands_out(0.6));
        assert_eq!(Background::of(&[]).stands_out(0.0), 0.0);
        assert!(Background::of(&[0.3]).stands_out(0.5).is_finite());
    }
}
