//! Conversations judged by whole sessions, as memory systems that hand over sessions are: a session stands where the first
//! of its turns does.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::dataset::Corpus;
use crate::percentile::round;

/// Depths of any@k.
const DEPTHS: [usize; 3] = [1, 5, 10];

/// Numbers of sessions by number of text; empty where texts have no sessions.
pub struct Sessions(Vec<usize>);

/// Sums over questions.
#[derive(Clone, Debug, Default)]
pub struct BySession {
    questions: u64,
    any: [f64; DEPTHS.len()],
    reciprocal: f64,
}

/// Means, percent.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Percent {
    questions: u64,
    /// By depth: any session that holds evidence is among the first.
    any: BTreeMap<String, f64>,
    mrr: f64,
}

impl Sessions {
    /// Of turns; a corpus of anything else has none.
    pub fn of(corpus: &Corpus) -> Sessions {
        let mut numbers = BTreeMap::new();
        let number = |place: &cortexkg_engine::request::Place| {
            let next = numbers.len();
            *numbers.entry(place.sequence.clone()).or_insert(next)
        };
        let places: Option<Vec<_>> = corpus.texts.iter().map(|text| text.place.as_ref()).collect();
        Sessions(places.into_iter().flatten().map(number).collect())
    }

    /// Sessions of these texts, each where it is first met; texts of none are passed over.
    fn met(&self, texts: &[usize]) -> Vec<usize> {
        let mut seen = BTreeSet::new();
        texts.iter().filter_map(|&text| self.0.get(text).copied()).filter(|&at| seen.insert(at)).collect()
    }
}

impl BySession {
    /// Adds a question: numbers of its gold texts, and of the texts shown, best first.
    pub fn add(&mut self, sessions: &Sessions, gold: &[usize], shown: &[usize]) {
        let gold = sessions.met(gold);
        if gold.is_empty() {
            return;
        }
        let rank = sessions.met(shown).iter().position(|session| gold.contains(session));
        self.questions += 1;
        if let Some(rank) = rank {
            self.reciprocal += 1.0 / (1.0 + rank as f64);
            self.any
                .iter_mut()
                .zip(DEPTHS)
                .for_each(|(sum, depth)| *sum += f64::from(u8::from(rank < depth)));
        }
    }

    /// Means; none of no questions.
    pub fn percent(&self) -> Option<Percent> {
        let share = |sum: f64| round(100.0 * sum / self.questions as f64, 2);
        let any = DEPTHS.iter().zip(self.any).map(|(depth, sum)| (depth.to_string(), share(sum)));
        let percent =
            || Percent { questions: self.questions, any: any.collect(), mrr: share(self.reciprocal) };
        (self.questions > 0).then(percent)
    }

    /// As scripts read it.
    pub fn as_json(&self) -> Option<Value> {
        self.percent().map(|percent| json!(percent))
    }

    /// `any@1 any@5 any@10 MRR` in columns.
    pub fn columns(&self) -> Option<String> {
        let Percent { any, mrr, .. } = self.percent()?;
        let any: String = DEPTHS.iter().map(|depth| format!("{:>8.1}", any[&depth.to_string()])).collect();
        Some(format!("{any}{mrr:>8.1}"))
    }

    /// Names over `columns`.
    pub fn head() -> String {
        let any = DEPTHS.map(|depth| format!("{:>8}", format!("any@{depth}"))).concat();
        format!("{any}{:>8}", "MRR")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortexkg_engine::request::{Place, Store};

    fn turns(sequences: &[&str]) -> Corpus {
        let turn = |sequence: &&str| {
            let place = Place { sequence: (*sequence).into(), part: 0, parts: None };
            Store { content: "x".into(), place: Some(place), ..Store::default() }
        };
        Corpus { texts: sequences.iter().map(turn).collect(), questions: Vec::new() }
    }

    #[test]
    fn a_session_stands_where_its_first_turn_does() {
        let sessions = Sessions::of(&turns(&["s1", "s1", "s2", "s3"]));
        let mut score = BySession::default();
        // Shown: s1, s1 again, s3, s2. Gold s2 is the third session.
        score.add(&sessions, &[2], &[0, 1, 3, 2]);
        score.add(&sessions, &[1, 3], &[0]);
        score.add(&sessions, &[2], &[usize::MAX]);
        let percent = score.percent().unwrap();
        assert_eq!((percent.questions, percent.any["1"], percent.any["5"]), (3, 33.33, 66.67));
        assert_eq!(percent.mrr, 44.44);
        assert_eq!(BySession::head().len(), score.columns().unwrap().len());
    }

    #[test]
    fn passages_have_no_sessions() {
        let corpus = Corpus { texts: vec![Store::default()], questions: Vec::new() };
        let mut score = BySession::default();
        score.add(&Sessions::of(&corpus), &[0], &[0]);
        assert_eq!(score.percent(), None);
    }
}
