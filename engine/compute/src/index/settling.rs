//! From rows whose scores have an upper end to the best rows by exact scores.
//!
//! Rows are scored in falling order of their upper ends, until the k-th best score is over all that are left: what is not scored,
//! and what was not even listed, is worse. Upper ends are in units of the query (`kernels::similarity_topk`), with more slack
//! than f32 loses by rounding a score; where f32 rounds more coarsely the comparison gives way (`Settling::floor`).

use std::collections::BinaryHeap;

use crate::index::originals::{Originals, Wide};
use crate::kernels::shared::queries::unit_of;
use crate::kernels::shared::ranked::{Ranked, score_of};

/// Where a query's unit is over this, f32 has fewer bits for its smallest scores than upper ends have slack: rows other than
/// zero ones are at least 2^-24 long, and the slack is 2^-17 of that.
const COARSE_UNIT: f64 = (1u128 << 100) as f64;
/// Rows that are asked for ahead of their turn.
const FETCH_AHEAD: usize = 3;

/// A row that may be among the best.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Candidate {
    pub row: u32,
    /// The most that its score can be.
    pub upper: f32,
    pub estimate: f32,
}

/// What one query wants.
#[derive(Clone, Copy)]
pub(super) struct Settling {
    /// Power of two between scores and upper ends.
    unit: f64,
    k: usize,
    score_min: f32,
}

/// A row in a heap that has the worst on top.
#[derive(PartialEq)]
struct Held(Ranked);

impl Eq for Held {}

impl Ord for Held {
    fn cmp(&self, other: &Held) -> std::cmp::Ordering {
        self.0.order(&other.0)
    }
}

impl PartialOrd for Held {
    fn partial_cmp(&self, other: &Held) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Settling {
    /// For a padded query.
    pub fn new(query: &[f32], k: usize, score_min: f32) -> Self {
        Settling { unit: unit_of(query), k, score_min }
    }

    /// Rows whose upper end is not over this cannot be wanted.
    pub fn least(&self) -> f32 {
        self.floor(self.score_min).next_down()
    }

    /// The best rows, best first; none if rows that are not candidates could be among them. `candidates` come by falling upper end;
    /// `unlisted` is the most that a row can score that is not among them.
    pub fn settle(
        &self,
        originals: Originals<'_>,
        query: &[f32],
        candidates: &[Candidate],
        unlisted: f32,
    ) -> Option<Vec<(u32, f32)>> {
        let query = Wide::new(query);
        let mut best: BinaryHeap<Held> = BinaryHeap::with_capacity(self.k + 1);
        let mut floor = self.floor(self.score_min);
        for (place, candidate) in candidates.iter().enumerate() {
            if candidate.upper < floor {
                break;
            }
            candidates.get(place + FETCH_AHEAD).into_iter().for_each(|soon| originals.fetch(soon.row));
            let row = Ranked { id: candidate.row, score: originals.score(candidate.row, &query) };
            let better = best.len() < self.k || best.peek().is_some_and(|worst| Held(row) < *worst);
            if row.score < self.score_min || !better {
                continue;
            }
            best.push(Held(row));
            if best.len() > self.k {
                best.pop();
            }
            if let Some(worst) = best.peek().filter(|_| best.len() == self.k) {
                floor = floor.max(self.floor(worst.0.score));
            }
        }
        let complete = unlisted < floor || unlisted == f32::NEG_INFINITY;
        complete.then(|| best.into_sorted_vec().into_iter().map(|held| (held.0.id, held.0.score)).collect())
    }

    /// The best rows by their estimates alone, best first, where nobody has the originals.
    pub fn estimated(&self, candidates: &[Candidate]) -> Vec<(u32, f32)> {
        let scored = candidates.iter().map(|row| Ranked { id: row.row, score: self.score(row.estimate) });
        let mut rows: Vec<Ranked> = scored.filter(|row| row.score >= self.score_min).collect();
        rows.sort_unstable_by(Ranked::order);
        rows.truncate(self.k);
        rows.into_iter().map(|row| (row.id, row.score)).collect()
    }

    /// The score that an estimate stands for.
    pub fn score(&self, estimate: f32) -> f32 {
        score_of(f64::from(estimate) / self.unit)
    }

    /// The least upper end of a row that may score as much as this.
    fn floor(&self, score: f32) -> f32 {
        let coarse = score.abs() < f32::MIN_POSITIVE && self.unit > COARSE_UNIT;
        self.scaled_down(if coarse || score.is_infinite() { score.next_down() } else { score })
    }

    /// A score in units of the query, rounded down where f32 cannot hold it.
    fn scaled_down(&self, score: f32) -> f32 {
        let exact = f64::from(score) * self.unit;
        let rounded = exact as f32;
        if f64::from(rounded) > exact { rounded.next_down() } else { rounded }
    }
}
