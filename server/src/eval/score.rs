//! Recall@k: the share of a question's gold among the first k memories, averaged over questions, in percent; and all@8,
//! the share of questions with all their gold in the first eight.

use std::collections::{BTreeMap, HashSet};

use serde::Serialize;
use serde_json::{Value, json};

use crate::percentile::round;

/// Depths that are reported.
pub const DEPTHS: [usize; 4] = [2, 5, 10, 20];
/// Depth of all@8.
const ALL_DEPTH: usize = 8;

/// Sums over questions.
#[derive(Clone, Debug, Default)]
pub struct Score {
    questions: u64,
    recall: [f64; DEPTHS.len()],
    all8: u64,
}

/// A score over all questions and over each group of them.
#[derive(Clone, Debug, Default)]
pub struct Grouped {
    /// All questions.
    pub total: Score,
    groups: BTreeMap<String, Score>,
}

/// Mean shares, percent.
#[derive(Debug, Serialize)]
pub struct Percent {
    questions: u64,
    recall: BTreeMap<String, f64>,
    all8: f64,
}

impl Score {
    /// Adds a question: numbers of its gold texts, and of the texts shown, best first.
    pub fn add(&mut self, gold: &[usize], shown: &[usize]) {
        let gold: HashSet<_> = gold.iter().copied().collect();
        assert!(!gold.is_empty(), "questions without gold are left out before; this is a bug");
        let found = |depth| {
            let first: HashSet<_> = shown.iter().take(depth).copied().collect();
            gold.intersection(&first).count()
        };
        self.questions += 1;
        for (sum, depth) in self.recall.iter_mut().zip(DEPTHS) {
            *sum += found(depth) as f64 / gold.len() as f64;
        }
        self.all8 += u64::from(found(ALL_DEPTH) == gold.len());
    }

    /// Means; of no questions, zeros.
    pub fn percent(&self) -> Percent {
        let share = |sum: f64| round(100.0 * sum / self.questions.max(1) as f64, 2);
        let recall = DEPTHS.iter().zip(self.recall).map(|(depth, sum)| (depth.to_string(), share(sum)));
        Percent { questions: self.questions, recall: recall.collect(), all8: share(self.all8 as f64) }
    }
}

impl Grouped {
    /// Adds a question of a group.
    pub fn add(&mut self, group: &str, gold: &[usize], shown: &[usize]) {
        self.total.add(gold, shown);
        self.groups.entry(group.to_owned()).or_default().add(gold, shown);
    }

    /// The groups by name.
    pub fn groups(&self) -> Value {
        json!(self.groups.iter().map(|(name, score)| (name, score.percent())).collect::<BTreeMap<_, _>>())
    }
}

impl Percent {
    /// `R@2 R@5 R@10 R@20 all@8` in columns.
    pub fn columns(&self) -> String {
        let recall: String =
            DEPTHS.iter().map(|depth| format!("{:>7.1}", self.recall[&depth.to_string()])).collect();
        format!("{recall}{:>7.1}", self.all8)
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
        let recall: Vec<_> = DEPTHS.iter().map(|depth| percent.recall[&depth.to_string()]).collect();
        assert_eq!(recall, [25.0, 50.0, 75.0, 75.0]);
        assert_eq!((percent.questions, percent.all8), (2, 50.0));
        assert_eq!(scores.groups()["b"]["recall"]["10"], 50.0);
        assert_eq!(scores.groups()["a"]["questions"], 1);
    }

    #[test]
    fn a_text_that_is_gold_twice_is_one_thing_to_find() {
        let mut score = Score::default();
        score.add(&[7, 7], &[7]);
        assert_eq!(score.percent().all8, 100.0);
    }
}
