//! Ranked lists: the one order of scored rows that every form keeps.

use std::cmp::Ordering;

/// A row with its score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ranked {
    /// Row id.
    pub id: u32,
    /// Score, never NaN and never -0.
    pub score: f32,
}

/// Id in the places of a list that has too few rows.
pub const NO_ROW: u32 = u32::MAX;
/// Score in those places.
pub const NO_SCORE: f32 = f32::NEG_INFINITY;

impl Ranked {
    /// Best first: higher score, then lower id.
    pub fn order(&self, other: &Ranked) -> Ordering {
        other.score.total_cmp(&self.score).then(self.id.cmp(&other.id))
    }
}

/// The score as it is ranked: the f64 sum rounded to f32, with one zero only.
pub fn score_of(sum: f64) -> f32 {
    sum as f32 + 0.0
}

/// Merges ranked lists over disjoint rows, such as those of several shards, into the best `k`.
pub fn merge(lists: &[(&[u32], &[f32])], k: usize) -> Vec<Ranked> {
    let rows = lists.iter().flat_map(|(ids, scores)| ids.iter().zip(*scores));
    let rows = rows.filter(|&(&id, _)| id != NO_ROW).map(|(&id, &score)| Ranked { id, score });
    let mut merged: Vec<Ranked> = rows.collect();
    merged.sort_unstable_by(Ranked::order);
    merged.truncate(k);
    merged
}
