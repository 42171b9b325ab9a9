//! Fitting on some, judging on others: every fold, or every set, is held out once.

use std::collections::BTreeSet;

use super::cases::Case;
use super::score::Score;

/// What is held out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// One fold; the others of its set stay in training.
    Fold,
    /// A whole set: what a fit does on data of a kind it has not seen.
    Set,
}

/// What came of one that was held out.
#[derive(Clone, Debug, PartialEq)]
pub struct Held<J> {
    /// Its set.
    pub set: String,
    /// Its name inside the set; empty where the set itself was held out.
    pub fold: String,
    /// Cases that were fitted on.
    pub trained_on: usize,
    /// Cases that were judged.
    pub cases: usize,
    /// The judgement.
    pub judged: J,
}

/// Holds out each fold (or set) in order of names, fits on the rest, judges what was held out.
pub fn leave_one_out<M, J>(
    cases: &[Case],
    by: By,
    mut fit: impl FnMut(&[&Case]) -> M,
    mut judge: impl FnMut(&M, &[&Case]) -> J,
) -> Vec<Held<J>> {
    let name = |case: &Case| match by {
        By::Fold => (case.set.clone(), case.fold.clone()),
        By::Set => (case.set.clone(), String::new()),
    };
    let names: BTreeSet<_> = cases.iter().map(name).collect();
    let held = |out: (String, String)| {
        let (tested, training): (Vec<&Case>, Vec<&Case>) = cases.iter().partition(|case| name(case) == out);
        let model = fit(&training);
        let judged = judge(&model, &tested);
        let (set, fold) = out;
        Held { set, fold, trained_on: training.len(), cases: tested.len(), judged }
    };
    names.into_iter().map(held).collect()
}

/// How well a scorer finds the gold of the answerable cases.
pub fn score(cases: &[&Case], mut of: impl FnMut(&[f32]) -> f64) -> Score {
    let mut score = Score::default();
    for case in cases.iter().filter(|case| case.answerable) {
        let mut gold: Vec<usize> =
            case.rows.iter().filter(|row| row.gold).map(|row| row.id as usize).collect();
        // Gold that is not among the rows has no name here; any that no row has will do.
        gold.extend((0..case.missed as usize).map(|at| usize::MAX - at));
        if !gold.is_empty() {
            let shown: Vec<usize> = case.ranked(&mut of).iter().map(|row| row.id as usize).collect();
            score.add(&gold, &shown);
        }
    }
    score
}

/// Sums of what was held out, by set in order of names.
pub fn by_set(held: &[Held<Score>]) -> Vec<(String, Score)> {
    let mut sums: Vec<(String, Score)> = Vec::new();
    for held in held {
        match sums.last_mut().filter(|(set, _)| *set == held.set) {
            Some((_, sum)) => sum.merge(&held.judged),
            None => sums.push((held.set.clone(), held.judged)),
        }
    }
    sums
}

/// A table of all that was held out, then of the sets.
pub fn table(held: &[Held<Score>]) -> String {
    let mut text = format!("{:<36}{:>9}{:>7}{}\n", "held out", "fitted on", "n", Score::head());
    let line = |name: &str, trained_on: String, score: &Score| {
        format!("{name:<36}{trained_on:>9}{:>7}{}\n", score.questions(), score.percent().columns())
    };
    for held in held {
        let name = format!("{} {}", held.set, held.fold);
        text.push_str(&line(name.trim_end(), held.trained_on.to_string(), &held.judged));
    }
    if held.iter().any(|held| !held.fold.is_empty()) {
        for (set, sum) in by_set(held) {
            text.push_str(&line(&format!("all of {set}"), String::new(), &sum));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::eval::cases::Row;

    fn case(set: &str, fold: &str, gold: f32, other: f32) -> Case {
        let row = |id, gold, value| Row { id, gold, features: vec![value] };
        Case {
            set: set.into(),
            fold: fold.into(),
            answerable: true,
            rows: vec![row(0, true, gold), row(1, false, other)],
            ..Case::default()
        }
    }

    #[test]
    fn what_is_held_out_is_never_fitted_on() {
        let cases = [case("a", "1", 1.0, 0.0), case("a", "2", 1.0, 0.0), case("b", "1", 1.0, 0.0)];
        let folds = |cases: &[&Case]| -> Vec<String> {
            cases.iter().map(|case| format!("{}{}", case.set, case.fold)).collect()
        };
        let held = |by| {
            leave_one_out(
                &cases,
                by,
                |training| folds(training),
                |fitted, tested| (fitted.join(" "), folds(tested).join(" ")),
            )
        };
        let judged = |by| -> Vec<(String, String)> { held(by).into_iter().map(|held| held.judged).collect() };
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(judged(By::Fold), [pair("a2 b1", "a1"), pair("a1 b1", "a2"), pair("a1 a2", "b1")]);
        assert_eq!(judged(By::Set), [pair("b1", "a1 a2"), pair("a1 a2", "b1")]);
        assert_eq!((held(By::Set)[0].trained_on, held(By::Set)[0].cases), (1, 2));
    }

    #[test]
    fn gold_that_no_row_holds_counts_as_missed() {
        let whole = case("a", "1", 1.0, 0.0);
        let missing = Case { missed: 1, ..whole.clone() };
        let unanswerable = Case { answerable: false, ..whole.clone() };
        let found = score(&[&whole, &missing, &unanswerable], |row| f64::from(row[0]));
        assert_eq!(found.questions(), 2);
        assert_eq!(found.percent().recall_at(5), 75.0);
    }

    #[test]
    fn sets_are_summed_and_listed_after_their_folds() {
        let cases = [case("a", "1", 1.0, 0.0), case("a", "2", 0.0, 1.0), case("b", "1", 1.0, 0.0)];
        let held =
            leave_one_out(&cases, By::Fold, |_| (), |(), tested| score(tested, |row| f64::from(row[0])));
        let sums = by_set(&held);
        assert_eq!((sums[0].0.as_str(), sums[0].1.percent().any1), ("a", 50.0));
        assert_eq!(sums[1].1.questions(), 1);
        let table = table(&held);
        assert_eq!(table.lines().count(), 1 + 3 + 2, "{table}");
        assert!(table.contains("all of a"), "{table}");
    }
}
