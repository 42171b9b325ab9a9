//! The answer of every provider: one row per text, each of length one or all zero.
//!
//! A zero row is how a text without a direction is marked (an empty text, or one of which the model knows no word): its
//! inner product with everything is 0, so it resembles nothing and nothing breaks on it. There are no other rows, which
//! lets a caller use the inner product as the cosine without looking.

/// Text vectors, rows x dim, row-major. Each row has unit norm or is all zeros.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    /// Length of a row.
    pub dim: usize,
    /// The rows, one after another.
    pub values: Vec<f32>,
}

impl Embeddings {
    /// `rows` zero rows, to be filled.
    pub(crate) fn zeros(rows: usize, dim: usize) -> Self {
        assert!(dim > 0, "this is a bug: a model without dimensions was opened");
        Self { dim, values: vec![0.0; rows * dim] }
    }

    /// Number of rows: one per text embedded.
    pub fn rows(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Row `i`, of length `dim`.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.dim..(i + 1) * self.dim]
    }

    /// Row `i`, to be filled.
    pub(crate) fn row_mut(&mut self, i: usize) -> &mut [f32] {
        &mut self.values[i * self.dim..(i + 1) * self.dim]
    }

    /// Whether row `i` points anywhere: false for a text without a known word.
    pub fn has_direction(&self, i: usize) -> bool {
        self.row(i).iter().any(|&x| x != 0.0)
    }
}

/// Scales a finite row to unit norm. A row too short to have a direction in f32 becomes the zero row.
///
/// The norm is summed in f64 in index order, so that it is the same on every machine.
pub(crate) fn normalise(row: &mut [f32]) {
    let norm = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    debug_assert!(norm.is_finite(), "this is a bug: a row to normalise is not finite");
    if norm < f64::from(f32::MIN_POSITIVE) {
        row.fill(0.0);
        return;
    }
    for x in row {
        *x = (f64::from(*x) / norm) as f32;
    }
}

/// A text without any letter, digit or sign has no direction, whatever the model would make of its framing tokens.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rows_are_cut_by_dim() {
        let e = Embeddings { dim: 2, values: vec![1.0, 0.0, 0.0, 0.0, 0.6, 0.8] };
        assert_eq!(e.rows(), 3);
        assert_eq!(e.row(2), [0.6, 0.8]);
        assert!(e.has_direction(0));
        assert!(!e.has_direction(1));
        assert_eq!(Embeddings::zeros(0, 4).rows(), 0);
    }

    proptest! {
        #[test]
        fn a_normalised_row_is_of_length_one_or_zero(
            mut row in prop::collection::vec(prop_oneof![-1e30f32..1e30, -1e-30f32..1e-30, Just(0.0)], 1..40)
        ) {
            let was_zero = row.iter().all(|&x| x == 0.0);
            normalise(&mut row);
            let norm = row.iter().map(|&x| f64::from(x).powi(2)).sum::<f64>().sqrt();
            if was_zero {
                prop_assert_eq!(norm, 0.0);
            } else {
                prop_assert!(norm == 0.0 || (norm - 1.0).abs() < 1e-6, "norm {}", norm);
            }
        }
    }
}
