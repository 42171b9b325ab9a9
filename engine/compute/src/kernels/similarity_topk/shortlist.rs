//! The rows that may still be among a query's best, while a range of rows is scanned in rising order.
//!
//! A row enters with an interval that holds its score (estimate plus and minus bound). The k-th largest lower end is a
//! floor: a later row whose upper end is not over it loses to k earlier rows, by score or, at equal scores, by id.
//! When the list is full, the floor is raised and what fell under it goes. If that frees too little, the k most
//! promising rows get exact scores, and if even that does not help, all do and only the best k stay. So memory is bounded
//! whatever the scores are, and a row that a later floor rules out mostly costs no exact score.
//!
//! Intervals are in the query's scaled units (`queries`). An interval's slack is wider than the rounding of scores to
//! f32, so a row with its upper end under the floor is worse also after rounding, never tied; where f32 rounds more coarsely,
//! floors are lower (`Scorer::floor`).

use half::f16;

use crate::kernels::shared::ranked::{Ranked, score_of};
use crate::simd::Simd;

/// Where a query's unit is over this, f32 has fewer bits for its smallest scores than intervals have slack: rows other than
/// zero ones are at least 2^-24 long, and the slack is 2^-17 of that.
const COARSE_UNIT: f64 = (1u128 << 100) as f64;

/// Exact scores of one query.
#[derive(Clone, Copy)]
pub(super) struct Scorer<'a> {
    pub simd: &'static Simd,
    pub vectors: &'a [f16],
    pub dim: usize,
    pub query: &'a [f64],
    /// Power of two between scores and scaled units.
    pub unit: f64,
}

impl Scorer<'_> {
    fn score(&self, row: u32) -> f32 {
        let first = row as usize * self.dim;
        score_of(self.simd.dot(&self.vectors[first..first + self.dim], self.query))
    }

    /// A score in scaled units, rounded down where f32 cannot hold it.
    pub fn scaled_down(&self, score: f32) -> f32 {
        let exact = f64::from(score) * self.unit;
        let rounded = exact as f32;
        if f64::from(rounded) > exact { rounded.next_down() } else { rounded }
    }

    /// The floor that a row with this lower end makes: no row that it could be tied with lies under it.
    pub fn floor(&self, lower: f32) -> f32 {
        let score = (f64::from(lower) / self.unit) as f32;
        let denormal = score.abs() < f32::MIN_POSITIVE && self.unit > COARSE_UNIT;
        if denormal || score.is_infinite() { self.scaled_down(score.next_down()) } else { lower }
    }
}

#[derive(Clone, Copy)]
struct Candidate {
    row: u32,
    lower: f32,
    upper: f32,
    /// Exact score, once it was computed.
    score: Option<f32>,
}

impl Candidate {
    /// Computes the exact score; the interval shrinks to its rounding.
    fn settle(&mut self, scorer: &Scorer<'_>) {
        if self.score.is_none() {
            let score = scorer.score(self.row);
            self.lower = scorer.scaled_down(score);
            let exact = f64::from(score) * scorer.unit;
            self.upper = if f64::from(self.lower) < exact { self.lower.next_up() } else { self.lower };
            self.score = Some(score);
        }
    }

    fn ranked(&self) -> Ranked {
        Ranked { id: self.row, score: self.score.expect("settled") }
    }
}

pub(super) struct Shortlist {
    k: usize,
    candidates: Vec<Candidate>,
    lowers: Vec<f32>,
}

impl Shortlist {
    pub fn new(k: usize) -> Self {
        Shortlist { k, candidates: Vec::new(), lowers: Vec::new() }
    }

    /// Rows held before the list is tightened: room for k exact ones, for as many that cannot be told from them, and enough
    /// that small k do not tighten all the time.
    fn capacity(&self) -> usize {
        3 * self.k + 192
    }

    /// Adds a row that was found over `floor`. Rows come in rising order.
    pub fn push(&mut self, row: u32, estimate: f32, bound: f32, floor: &mut f32, scorer: &Scorer<'_>) {
        // The floor may have risen since the row was found.
        let upper = estimate + bound;
        if upper > *floor {
            self.candidates.push(Candidate { row, lower: estimate - bound, upper, score: None });
            if self.candidates.len() >= self.capacity() {
                self.tighten(floor, scorer);
            }
        }
    }

    fn tighten(&mut self, floor: &mut f32, scorer: &Scorer<'_>) {
        let roomy = self.capacity() * 3 / 4;
        self.raise(floor, scorer);
        if self.candidates.len() > roomy.max(self.k) {
            self.candidates.select_nth_unstable_by(self.k - 1, |a, b| b.upper.total_cmp(&a.upper));
            self.candidates[..self.k].iter_mut().for_each(|candidate| candidate.settle(scorer));
            self.raise(floor, scorer);
        }
        if self.candidates.len() > roomy {
            self.candidates.iter_mut().for_each(|candidate| candidate.settle(scorer));
            self.candidates
                .select_nth_unstable_by(self.k - 1, |a, b| Ranked::order(&a.ranked(), &b.ranked()));
            self.candidates.truncate(self.k);
            self.raise(floor, scorer);
        }
    }

    /// Lifts the floor to the k-th largest lower end and drops what lies wholly under it.
    fn raise(&mut self, floor: &mut f32, scorer: &Scorer<'_>) {
        if self.candidates.len() < self.k {
            return;
        }
        self.lowers.clear();
        self.lowers.extend(self.candidates.iter().map(|candidate| candidate.lower));
        let (_, kth, _) = self.lowers.select_nth_unstable_by(self.k - 1, |a, b| b.total_cmp(a));
        let kth = scorer.floor(*kth);
        self.candidates.retain(|candidate| candidate.upper >= kth);
        *floor = floor.max(kth);
    }

    /// The best k of all rows pushed that score at least `score_min`, best first, with exact scores; ids are rows. The
    /// floor is then the k-th of them, if there are so many.
    pub fn finish(mut self, score_min: f32, floor: &mut f32, scorer: &Scorer<'_>) -> Vec<Ranked> {
        self.raise(floor, scorer);
        // Most promising first: once k exact scores are over all upper ends left, the rest need none.
        self.candidates.sort_unstable_by(|a, b| b.upper.total_cmp(&a.upper).then(a.row.cmp(&b.row)));
        let mut best: Vec<Ranked> = Vec::new();
        let mut kth = f32::NEG_INFINITY;
        for candidate in &mut self.candidates {
            if candidate.upper < kth {
                break;
            }
            candidate.settle(scorer);
            let ranked = candidate.ranked();
            if ranked.score >= score_min {
                best.push(ranked);
            }
            if best.len() == 2 * self.k {
                best.select_nth_unstable_by(self.k - 1, Ranked::order);
                best.truncate(self.k);
            }
            if best.len() == self.k {
                let worst = best.iter().fold(f32::INFINITY, |worst, row| worst.min(row.score));
                kth = scorer.floor(scorer.scaled_down(worst));
            }
        }
        best.sort_unstable_by(Ranked::order);
        best.truncate(self.k);
        if best.len() == self.k {
            *floor = floor.max(scorer.floor(scorer.scaled_down(best[self.k - 1].score)));
        }
        best
    }
}
