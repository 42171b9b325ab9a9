//! How much of the gold is found. Recall@k: the share of a question's gold among the first k memories; all@k: whether all of
//! it is; any@1: whether the first is gold; MRR: one over the rank of the first gold, 0 where none is shown. Averaged over
//! questions, in percent.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::percentile::round;

/// Depths of recall that are reported.
pub const DEPTHS: [usize; 4] = [2, 5, 10, 20];
/// Depths of all@k.
const ALL_DEPTHS: [usize; 3] = [5, 8, 10];

/// What one question came to, as shares of one.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Found {
    /// At `DEPTHS`.
    pub recall: [f64; DEPTHS.len()],
    /// At `ALL_DEPTHS`.
    pub all: [f64; ALL_DEPTHS.len()],
    /// Whether the first is gold.
    pub any1: f64,
    /// One over the rank of the first gold.
    pub reciprocal: f64,
}

/// Sums over questions.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Score {
    questions: u64,
    sum: Found,
}

/// A score over all questions and over each group of them.
#[derive(Clone, Debug, Default)]
pub struct Grouped {
    /// All questions.
    pub total: Score,
    groups: BTreeMap<String, Score>,
}

/// Mean shares, percent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Percent {
    /// How many questions.
    pub questions: u64,
    /// By depth.
    pub recall: BTreeMap<String, f64>,
    /// All gold in the first five.
    pub all5: f64,
    /// In the first eight.
    pub all8: f64,
    /// In the first ten.
    pub all10: f64,
    /// The first is gold.
    pub any1: f64,
    /// Mean reciprocal rank.
    pub mrr: f64,
}

impl Found {
    /// Numbers of the gold texts of a question, and of the texts shown, best first.
    pub fn of(gold: &[usize], shown: &[usize]) -> Found {
        let gold: HashSet<_> = gold.iter().copied().collect();
        assert!(!gold.is_empty(), "questions without gold are left out before; this is a bug");
        let found = |depth| {
            let first: HashSet<_> = shown.iter().take(depth).copied().collect();
            gold.intersection(&first).count()
        };
        let share = |is: bool| f64::from(u8::from(is));
        let first = shown.iter().position(|shown| gold.contains(shown));
        Found {
            recall: DEPTHS.map(|depth| found(depth) as f64 / gold.len() as f64),
            all: ALL_DEPTHS.map(|depth| share(found(depth) == gold.len())),
            any1: share(first == Some(0)),
            reciprocal: first.map_or(0.0, |rank| 1.0 / (1.0 + rank as f64)),
        }
    }

    /// Share of the gold among the first five.
    pub fn r5(&self) -> f64 {
        self.recall[1]
    }

    /// Share of the gold among the first ten.
    pub fn r10(&self) -> f64 {
        self.recall[2]
    }
}

impl Score {
    /// Adds a question: numbers of its gold texts, and of the texts shown, best first.
    pub fn add(&mut self, gold: &[usize], shown: &[usize]) -> Found {
        let found = Found::of(gold, shown);
        self.merge(&Score { questions: 1, sum: found });
        found
    }

    /// Adds all questions of another score.
    pub fn merge(&mut self, other: &Score) {
        self.questions += other.questions;
        let add =
            |sums: &mut [f64], more: &[f64]| sums.iter_mut().zip(more).for_each(|(sum, more)| *sum += more);
        add(&mut self.sum.recall, &other.sum.recall);
        add(&mut self.sum.all, &other.sum.all);
        self.sum.any1 += other.sum.any1;
        self.sum.reciprocal += other.sum.reciprocal;
    }

    /// How many questions were added.
    pub fn questions(&self) -> u64 {
        self.questions
    }

    /// Means; of no questions, zeros.
    pub fn percent(&self) -> Percent {
        let share = |sum: f64| round(100.0 * sum / self.questions.max(1) as f64, 2);
        let recall = DEPTHS.iter().zip(self.sum.recall).map(|(depth, sum)| (depth.to_string(), share(sum)));
        let [all5, all8, all10] = self.sum.all.map(share);
        Percent {
            questions: self.questions,
            recall: recall.collect(),
            all5,
            all8,
            all10,
            any1: share(self.sum.any1),
            mrr: share(self.sum.reciprocal),
        }
    }

    /// Names over `Percent::columns`.
    pub fn head() -> String {
        ["any@1", "R@2", "R@5", "R@10", "R@20", "all@5", "all@8", "all@10", "MRR"]
            .map(|name| format!("{name:>7}"))
            .concat()
    }
}

impl Grouped {
    /// Adds a question of a group.
    pub fn add(&mut self, group: &str, gold: &[usize], shown: &[usize]) -> Found {
        self.groups.entry(group.to_owned()).or_default().add(gold, shown);
        self.total.add(gold, shown)
    }

    /// The groups by name.
    pub fn groups(&self) -> Value {
        json!(self.groups.iter().map(|(name, score)| (name, score.percent())).collect::<BTreeMap<_, _>>())
    }
}

impl Percent {
    /// Recall at one of `DEPTHS`.
    pub fn recall_at(&self, depth: usize) -> f64 {
        self.recall[&depth.to_string()]
    }

    /// In the columns of `Score::head`.
    pub fn columns(&self) -> String {
        let recall = DEPTHS.iter().map(|&depth| self.recall_at(depth));
        let values = [self.any1].into_iter().chain(recall);
        let values = values.chain([self.all5, self.all8, self.all10, self.mrr]);
        values.map(|value| format!("{value:>7.1}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_averaged_over_questions() {
        let mut scores = Grouped::default();
        let shown: Vec<usize> = (0..20).collect();
        scores.add("a", &[0, 4], &shown);
        scores.add("b", &[9, 99], &shown);
        let percent = scores.total.percent();
        assert_eq!(DEPTHS.map(|depth| percent.recall_at(depth)), [25.0, 50.0, 75.0, 75.0]);
        assert_eq!((percent.questions, percent.all5, percent.all8), (2, 50.0, 50.0));
        assert_eq!((percent.any1, percent.mrr), (50.0, 55.0));
        assert_eq!(scores.groups()["b"]["recall"]["10"], 50.0);
        assert_eq!(scores.groups()["a"]["questions"], 1);
    }

    #[test]
    fn all_is_all_and_nothing_shown_is_nothing_found() {
        let found = Found::of(&[0, 5, 9], &(0..10).collect::<Vec<_>>());
        assert_eq!(found.all, [0.0, 0.0, 1.0]);
        assert_eq!(Found::of(&[1], &[]), Found::default());
    }

    #[test]
    fn a_text_that_is_gold_twice_is_one_thing_to_find() {
        let mut score = Score::default();
        score.add(&[7, 7], &[7]);
        assert_eq!(score.percent().all8, 100.0);
    }

    #[test]
    fn columns_stand_under_their_names() {
        assert_eq!(Score::head().len(), Score::default().percent().columns().len());
    }
}
