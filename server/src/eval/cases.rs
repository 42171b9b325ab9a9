//! What a scorer is fitted on: questions, each with the memories that could answer it and what is known about each pair.
//!
//! A case does not know what its features mean, so the same code fits any list of them. Files of cases are JSON lines, one
//! case a line, after a first line with the names of the features: `{"features": ["cosine", ..]}`.

use std::collections::BTreeSet;
use std::io::BufRead;

use anyhow::{Context, ensure};
use serde::{Deserialize, Serialize};

/// One question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// What is held out together: a world, a conversation, a tenth of the questions of a passage set.
    pub fold: String,
    /// The data set; all sets count alike in a fit.
    pub set: String,
    /// What the memories are: note, turn, passage.
    #[serde(default)]
    pub kind: String,
    /// The question, named so that a fold can be looked into.
    pub question: String,
    /// Whether any memory answers it.
    pub answerable: bool,
    /// Gold memories that are not among the rows: a scorer cannot find them, and is judged as having missed them.
    #[serde(default)]
    pub missed: u32,
    /// The memories that are compared.
    pub rows: Vec<Row>,
}

/// One memory beside the question.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Names the memory inside its case; of equal scores the lower comes first.
    pub id: u64,
    /// Whether it answers.
    pub gold: bool,
    /// As the scorer will see them.
    pub features: Vec<f32>,
}

/// Cases with the names of their features.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cases {
    /// In the order of `Row::features`.
    pub names: Vec<String>,
    /// In the order they were made.
    pub list: Vec<Case>,
}

#[derive(Serialize, Deserialize)]
struct Head {
    features: Vec<String>,
}

impl Case {
    /// Gold among the rows.
    pub fn golds(&self) -> usize {
        self.rows.iter().filter(|row| row.gold).count()
    }

    /// Rows by `score`, best first.
    pub fn ranked(&self, mut score: impl FnMut(&[f32]) -> f64) -> Vec<&Row> {
        let mut scored: Vec<(f64, &Row)> = self.rows.iter().map(|row| (score(&row.features), row)).collect();
        scored.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.id.cmp(&b.1.id)));
        scored.into_iter().map(|(_, row)| row).collect()
    }
}

impl Cases {
    /// Reads JSON lines.
    pub fn read(input: impl BufRead) -> anyhow::Result<Cases> {
        let mut lines = input.lines();
        let head = lines.next().context("is empty; the first line must name the features")??;
        let Head { features: names } =
            serde_json::from_str(&head).context("line 1 must be {\"features\": [NAME, ..]}")?;
        let mut cases = Cases { names, list: Vec::new() };
        for (at, line) in (2..).zip(lines) {
            let case = serde_json::from_str(&line?).with_context(|| format!("line {at}"))?;
            cases.list.push(case);
        }
        cases.check()?;
        Ok(cases)
    }

    /// Adds the cases of another file, which must have the same features.
    pub fn append(&mut self, other: Cases) -> anyhow::Result<()> {
        if self.list.is_empty() && self.names.is_empty() {
            *self = other;
            return Ok(());
        }
        ensure!(self.names == other.names, "its features differ from those of the files before");
        self.list.extend(other.list);
        Ok(())
    }

    /// As lines that `read` reads.
    #[allow(dead_code, reason = "for what makes cases")]
    pub fn lines(&self) -> impl Iterator<Item = serde_json::Result<String>> {
        let head = serde_json::to_string(&Head { features: self.names.clone() });
        std::iter::once(head).chain(self.list.iter().map(serde_json::to_string))
    }

    /// That every row has a finite value for every feature, and no case names a memory twice.
    pub fn check(&self) -> anyhow::Result<()> {
        for case in &self.list {
            let mut ids = BTreeSet::new();
            for row in &case.rows {
                let told = || format!("{} of {}: {:?}", case.fold, case.set, case.question);
                ensure!(row.features.len() == self.names.len(), "{}: a row has other features", told());
                ensure!(row.features.iter().all(|value| value.is_finite()), "{}: must be finite", told());
                ensure!(ids.insert(row.id), "{}: memory {} stands twice", told(), row.id);
            }
        }
        Ok(())
    }
}

/// The fold of the `at`-th question of a set that has no natural folds: every tenth belongs together.
pub fn tenth(at: usize) -> String {
    format!("tenth {}", at % 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn case(rows: &[(u64, f32)]) -> Case {
        let rows = rows.iter().map(|&(id, value)| Row { id, gold: id == 1, features: vec![value] });
        Case { fold: "f".into(), set: "s".into(), rows: rows.collect(), ..Case::default() }
    }

    #[test]
    fn rows_are_ranked_by_score_and_ties_by_name() {
        let ids = |case: &Case| -> Vec<u64> {
            case.ranked(|row| f64::from(row[0])).iter().map(|row| row.id).collect()
        };
        assert_eq!(ids(&case(&[(3, 0.5), (1, 0.5), (2, 0.9)])), [2, 1, 3]);
    }

    #[test]
    fn lines_are_read_as_they_were_written() {
        let cases = Cases { names: vec!["a".into()], list: vec![case(&[(1, 0.25), (2, 1e-7)])] };
        let text: Vec<String> = cases.lines().collect::<Result<_, _>>().unwrap();
        assert_eq!(Cases::read(text.join("\n").as_bytes()).unwrap(), cases);
    }

    #[test]
    fn cases_that_cannot_be_fitted_are_refused() {
        let refused = |names: &[&str], list: Vec<Case>| {
            let names = names.iter().map(|&name| name.into()).collect();
            Cases { names, list }.check().unwrap_err().to_string()
        };
        assert!(refused(&["a", "b"], vec![case(&[(1, 0.0)])]).contains("other features"));
        assert!(refused(&["a"], vec![case(&[(1, f32::NAN)])]).contains("finite"));
        assert!(refused(&["a"], vec![case(&[(1, 0.0), (1, 0.0)])]).contains("twice"));
        assert!(Cases::read("".as_bytes()).is_err());
        let mut cases = Cases { names: vec!["a".into()], list: Vec::new() };
        assert!(cases.append(Cases { names: vec!["b".into()], list: Vec::new() }).is_err());
    }
}
