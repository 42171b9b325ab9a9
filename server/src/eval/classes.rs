//! How well classes are told apart: confusion, precision, recall, F1, the area under the ROC curve, and the best that
//! thresholds of a single number can do.

use cortexkg_engine::relation::{RELATIONS, Relation};
use serde_json::{Value, json};

use crate::percentile::round;

/// Places of thresholds that are tried: quantiles of what was seen.
const PLACES: usize = 80;

/// Counts by truth and by verdict.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Confusion([[u64; RELATIONS]; RELATIONS]);

impl Confusion {
    /// Counts pairs of truth and verdict.
    pub fn of(pairs: impl Iterator<Item = (Relation, Relation)>) -> Self {
        let mut counts = Confusion::default();
        pairs.for_each(|(truth, verdict)| counts.0[truth as usize][verdict as usize] += 1);
        counts
    }

    /// By truth, then by verdict.
    pub fn rows(&self) -> &[[u64; RELATIONS]; RELATIONS] {
        &self.0
    }

    /// Precision, recall and F1 of a class, 0..=1; 0 where nothing was found.
    pub fn scores(&self, class: Relation) -> [f64; 3] {
        let class = class as usize;
        let found = self.0[class][class] as f64;
        let called: u64 = self.0.iter().map(|row| row[class]).sum();
        let there: u64 = self.0[class].iter().sum();
        let share = |of: f64| if of > 0.0 { found / of } else { 0.0 };
        let f1 = 2.0 * found / (called + there).max(1) as f64;
        [share(called as f64), share(there as f64), f1]
    }

    /// Mean of the classes' F1.
    pub fn macro_f1(&self) -> f64 {
        Relation::ALL.iter().map(|&class| self.scores(class)[2]).sum::<f64>() / RELATIONS as f64
    }

    /// Share of right verdicts.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..RELATIONS).map(|class| self.0[class][class]).sum();
        right as f64 / self.0.iter().flatten().sum::<u64>().max(1) as f64
    }

    /// All of it; `auc` are those of the classes.
    pub fn as_json(&self, auc: &[f64; RELATIONS]) -> Value {
        let class = |class: Relation| {
            let [precision, recall, f1] = self.scores(class).map(percent);
            let auc = percent(auc[class as usize]);
            (word(class), json!({ "precision": precision, "recall": recall, "f1": f1, "auc": auc }))
        };
        json!({
            "macro_f1": percent(self.macro_f1()),
            "accuracy": percent(self.accuracy()),
            "classes": Relation::ALL.map(class).into_iter().collect::<serde_json::Map<_, _>>(),
            "confusion": self.0,
        })
    }
}

/// A share in percent.
pub fn percent(share: f64) -> f64 {
    round(100.0 * share, 2)
}

/// A class in a report.
pub fn word(relation: Relation) -> String {
    format!("{relation:?}").to_lowercase()
}

/// Area under the ROC curve: the chance that a true one scores above a false one, ties counting half (Mann and Whitney 1947).
/// None if either is missing.
pub fn auc(scores: impl Iterator<Item = (f64, bool)>) -> Option<f64> {
    let mut list: Vec<(f64, bool)> = scores.collect();
    list.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut below, mut above_sum, mut positives) = (0.0, 0.0, 0.0);
    for ties in list.chunk_by(|a, b| a.0 == b.0) {
        let hits = ties.iter().filter(|(_, is)| *is).count() as f64;
        let misses = ties.len() as f64 - hits;
        above_sum += hits * (below + misses / 2.0);
        below += misses;
        positives += hits;
    }
    (below > 0.0 && positives > 0.0).then(|| above_sum / (below * positives))
}

/// Three thresholds of one number, and the class of each of the four spans between them.
#[derive(Clone, Debug, PartialEq)]
pub struct Thresholds {
    /// Rising.
    pub cuts: [f64; RELATIONS - 1],
    /// From the lowest span to the highest.
    pub spans: [Relation; RELATIONS],
}

impl Thresholds {
    /// Those with the best macro F1 on these, of all places among 80 quantiles and all orders of classes that begin with the new.
    pub fn best(seen: &[(f64, Relation)]) -> Thresholds {
        assert!(!seen.is_empty(), "nothing to learn from; this is a bug");
        let mut values: Vec<f64> = seen.iter().map(|&(value, _)| value).collect();
        values.sort_by(f64::total_cmp);
        let mut places: Vec<f64> =
            (0..PLACES).map(|at| values[at * (values.len() - 1) / (PLACES - 1)]).collect();
        places.dedup();
        // under[p][class]: how many of a class lie under place p; one more for all.
        let mut under = vec![[0.0; RELATIONS]; places.len() + 1];
        for &(value, class) in seen {
            let first = places.partition_point(|&place| place <= value);
            under[first..].iter_mut().for_each(|counts| counts[class as usize] += 1.0);
        }
        let whole = under[places.len()];
        let orders = [[0, 1, 2, 3], [0, 1, 3, 2], [0, 2, 1, 3], [0, 2, 3, 1], [0, 3, 1, 2], [0, 3, 2, 1]];
        let mut best = (f64::NEG_INFINITY, [0; 3], orders[0]);
        let none = [0.0; RELATIONS];
        for a in 0..places.len() {
            for b in a..places.len() {
                for c in b..places.len() {
                    let ends = [&none, &under[a], &under[b], &under[c], &whole];
                    for order in orders {
                        let f1 = |span: usize| {
                            let class = order[span];
                            let called: f64 =
                                (0..RELATIONS).map(|of| ends[span + 1][of] - ends[span][of]).sum();
                            2.0 * (ends[span + 1][class] - ends[span][class])
                                / (called + whole[class]).max(1.0)
                        };
                        let sum: f64 = (0..RELATIONS).map(f1).sum();
                        if sum > best.0 {
                            best = (sum, [a, b, c], order);
                        }
                    }
                }
            }
        }
        Thresholds { cuts: best.1.map(|at| places[at]), spans: best.2.map(|class| Relation::ALL[class]) }
    }

    /// The class of a number.
    pub fn class(&self, value: f64) -> Relation {
        self.spans[self.cuts.iter().filter(|&&cut| value >= cut).count()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use Relation::{New, Related, Same, Update};

    #[test]
    fn scores_follow_their_definitions() {
        let seen = [(Same, Same), (Same, Related), (Related, Same), (Related, Related), (New, New)];
        let counts = Confusion::of(seen.into_iter());
        assert_eq!(counts.scores(Same), [0.5, 0.5, 0.5]);
        assert_eq!(counts.scores(New), [1.0, 1.0, 1.0]);
        assert_eq!(counts.scores(Update), [0.0; 3]);
        assert_eq!((counts.macro_f1(), counts.accuracy()), (0.5, 0.6));
    }

    #[test]
    fn the_area_counts_pairs_in_order() {
        let area = |scores: &[(f64, bool)]| auc(scores.iter().copied());
        assert_eq!(area(&[(0.1, false), (0.2, true), (0.9, true)]), Some(1.0));
        assert_eq!(area(&[(0.5, false), (0.5, true)]), Some(0.5));
        assert_eq!(area(&[(0.9, false), (0.2, true), (0.1, false), (0.95, true)]), Some(0.75));
        assert_eq!(area(&[(0.9, true)]), None);
    }

    #[test]
    fn thresholds_find_the_spans_whatever_their_order() {
        let seen: Vec<(f64, Relation)> =
            (0..400).map(|n| (f64::from(n), [New, Update, Related, Same][n as usize / 100])).collect();
        let best = Thresholds::best(&seen);
        assert_eq!(best.spans, [New, Update, Related, Same]);
        let right = seen.iter().filter(|&&(value, class)| best.class(value) == class).count();
        assert!(right >= 385, "{right} of 400, with cuts at {:?}", best.cuts);
    }
}
