//! What everyday worlds are judged by. Agrees to the question with a client that asks through the gRPC door.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::classes::{auc, percent};
use super::world::Question;

/// Kind of questions that no memory answers.
const UNANSWERABLE: &str = "unanswerable";
/// Kind of questions whose answer changed over time.
const CURRENT: &str = "update_current";

/// One question as it was answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answered {
    /// Its kind.
    pub kind: String,
    /// Memories shown.
    pub shown: usize,
    /// Score of the first; 0 where nothing is shown.
    pub top: f64,
    /// Bytes of the answer as gRPC sends it.
    pub bytes: usize,
    /// How much of the gold was shown, where there is gold.
    pub found: Option<Found>,
    /// Whether an outdated memory stands above the current one or alone, where either is shown and it was asked for.
    pub stale: Option<bool>,
}

/// What was shown of the gold, as shares of one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Found {
    r1: f64,
    r5: f64,
    all5: f64,
    mrr: f64,
}

/// Answers to the questions of one or several worlds.
#[derive(Clone, Debug, Default)]
pub struct Answers(Vec<Answered>);

/// Means over questions, percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row {
    /// Questions with gold.
    pub n: usize,
    /// The first memory is gold (any@1).
    pub r1: f64,
    /// Share of the gold that is shown.
    pub r5: f64,
    /// All of it is.
    pub all5: f64,
    /// One over the rank of the first gold.
    pub mrr: f64,
    /// Anything at all is shown.
    pub shown: f64,
}

impl Answered {
    /// `shown` are numbers of memories, best first; a memory of no number is none of the world's.
    pub fn of(question: &Question, shown: &[Option<usize>], top: f64, bytes: usize) -> Answered {
        let rank = |of: &[usize]| shown.iter().position(|at| at.is_some_and(|at| of.contains(&at)));
        let (gold, stale) = (rank(&question.gold), rank(&question.stale));
        let hits = question.gold.iter().filter(|gold| shown.contains(&Some(**gold))).count();
        let is = |is: bool| f64::from(u8::from(is));
        let found = (!question.gold.is_empty()).then(|| Found {
            r1: is(gold == Some(0)),
            r5: hits as f64 / question.gold.len() as f64,
            all5: is(hits == question.gold.len()),
            mrr: gold.map_or(0.0, |rank| 1.0 / (1.0 + rank as f64)),
        });
        let asked = question.kind == CURRENT && (gold.is_some() || stale.is_some());
        let before = || stale.is_some_and(|stale| gold.is_none_or(|gold| stale < gold));
        let stale = asked.then(before);
        Answered { kind: question.kind.clone(), shown: shown.len(), top, bytes, found, stale }
    }
}

impl Answers {
    /// Adds one.
    pub fn push(&mut self, answered: Answered) {
        self.0.push(answered);
    }

    /// Over all questions with gold.
    pub fn all(&self) -> Row {
        Row::of(self.0.iter())
    }

    /// Over those of each kind.
    pub fn by_kind(&self) -> BTreeMap<&str, Row> {
        let kind = |kind: &'static str| move |answered: &&Answered| answered.kind != kind;
        let mut kinds: BTreeMap<&str, Vec<&Answered>> = BTreeMap::new();
        for answered in self.0.iter().filter(kind(UNANSWERABLE)) {
            kinds.entry(&answered.kind).or_default().push(answered);
        }
        kinds.into_iter().map(|(name, list)| (name, Row::of(list.into_iter()))).collect()
    }

    /// Unanswerable questions that nothing was shown for, percent.
    pub fn abstain(&self) -> Option<f64> {
        let asked = self.0.iter().filter(|answered| answered.kind == UNANSWERABLE);
        share(asked.map(|answered| answered.shown == 0))
    }

    /// Questions for a current value at which an outdated one stands higher, of those that show either, percent.
    pub fn stale(&self) -> Option<f64> {
        share(self.0.iter().filter_map(|answered| answered.stale))
    }

    /// How well one threshold on the first score could tell answerable from unanswerable questions; to be asked of answers
    /// without a threshold.
    pub fn auc(&self) -> Option<f64> {
        auc(self.0.iter().map(|answered| (answered.top, answered.kind != UNANSWERABLE))).map(percent)
    }

    /// Mean bytes of an answer.
    pub fn bytes(&self) -> f64 {
        let sum: usize = self.0.iter().map(|answered| answered.bytes).sum();
        sum as f64 / self.0.len().max(1) as f64
    }
}

impl Row {
    fn of<'a>(list: impl Iterator<Item = &'a Answered>) -> Row {
        let list: Vec<(Found, bool)> =
            list.filter_map(|answered| Some((answered.found?, answered.shown > 0))).collect();
        let mean = |of: &dyn Fn(&Found) -> f64| {
            percent(list.iter().map(|(found, _)| of(found)).sum::<f64>() / list.len().max(1) as f64)
        };
        Row {
            n: list.len(),
            r1: mean(&|found| found.r1),
            r5: mean(&|found| found.r5),
            all5: mean(&|found| found.all5),
            mrr: mean(&|found| found.mrr),
            shown: share(list.iter().map(|(_, shown)| *shown)).unwrap_or(0.0),
        }
    }

    /// As scripts read it.
    pub fn as_json(&self) -> Value {
        let Row { n, r1, r5, all5, mrr, shown } = self;
        json!({ "n": n, "r1": r1, "r5": r5, "all5": all5, "mrr": mrr, "shown": shown })
    }
}

/// Percent of what is so; none of none.
fn share(list: impl Iterator<Item = bool>) -> Option<f64> {
    let (mut is, mut count) = (0.0, 0.0);
    for one in list {
        is += f64::from(u8::from(one));
        count += 1.0;
    }
    (count > 0.0).then(|| percent(is / count))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kind, gold, stale, shown, score of the first.
    type Case<'a> = (&'a str, &'a [usize], &'a [usize], &'a [usize], f64);

    fn answers(asked: &[Case]) -> Answers {
        let mut answers = Answers::default();
        for (kind, gold, stale, shown, top) in asked {
            let question = Question {
                text: "?".into(),
                kind: (*kind).into(),
                gold: gold.to_vec(),
                stale: stale.to_vec(),
            };
            let shown: Vec<_> = shown.iter().map(|at| Some(*at)).collect();
            answers.push(Answered::of(&question, &shown, *top, 10 * shown.len()));
        }
        answers
    }

    #[test]
    fn shares_are_means_over_questions() {
        let seen = answers(&[
            ("direct", &[1], &[], &[1, 2], 0.9),
            ("list", &[1, 2, 3, 4], &[], &[9, 2, 1], 0.8),
            ("direct", &[5], &[], &[], 0.0),
            ("unanswerable", &[], &[], &[7], 0.7),
            ("unanswerable", &[], &[], &[], 0.0),
        ]);
        let row = seen.all();
        assert_eq!((row.n, row.r1, row.r5, row.all5), (3, 33.33, 50.0, 33.33));
        assert_eq!((row.mrr, row.shown), (50.0, 66.67));
        assert_eq!(seen.by_kind().keys().copied().collect::<Vec<_>>(), ["direct", "list"]);
        assert_eq!(seen.by_kind()["list"].r5, 50.0);
        assert_eq!((seen.abstain(), seen.stale()), (Some(50.0), None));
        // Of six pairs .9 and .8 win two each, and 0 ties with 0.
        assert_eq!(seen.auc(), Some(75.0));
        assert_eq!(seen.bytes(), 12.0);
    }

    #[test]
    fn outdated_above_current_counts_where_either_is_shown() {
        let of = |shown: &[usize]| answers(&[("update_current", &[1], &[2, 3], shown, 0.5)]).stale();
        assert_eq!(of(&[1, 2]), Some(0.0));
        assert_eq!(of(&[9, 3, 1]), Some(100.0));
        assert_eq!(of(&[2]), Some(100.0));
        assert_eq!(of(&[1]), Some(0.0));
        assert_eq!(of(&[8, 9]), None);
        assert_eq!(answers(&[("direct", &[1], &[2], &[2], 0.5)]).stale(), None);
    }
}
