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

/// The best `k` of rows with their scores, best first, each once.
pub fn best(list: &mut Vec<(u32, f32)>, k: usize) {
    list.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    list.dedup_by_key(|row| row.0);
    list.truncate(k);
}

/// Bits that order as integers as the floats do they come from; NaN aside.
pub(crate) fn ascending(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 0 { bits | 1 << 31 } else { !bits }
}

/// The float that `ascending` made these bits of.
pub(crate) fn from_ascending(bits: u32) -> f32 {
    f32::from_bits(if bits >> 31 == 1 { bits ^ 1 << 31 } else { !bits })
}
