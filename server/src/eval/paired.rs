//! Is one ranking better than another? Differences question by question, and how low the mean could lie by chance: the 5th
//! percentile of means over questions drawn with replacement, which is the lower end of a 90 % interval.

use std::collections::BTreeMap;

use serde::Serialize;

use super::score::Found;
use crate::corpus::Random;
use crate::percentile::round;

/// Draws of all questions.
const RESAMPLES: usize = 10_000;
/// Share of means below the lower end.
const TAIL: f64 = 0.05;
const SEED: u64 = 20_261_201;
/// Kinds of questions are told apart where there are so many.
const KIND_MIN: usize = 100;
/// What is compared.
const MEASURES: usize = 3;

/// What a question belongs to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its data set.
    pub set: String,
    /// Its kind.
    pub group: String,
}

/// Percentage points by which one is better.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Difference {
    /// Over questions.
    pub mean: f64,
    /// Lower end.
    pub low: f64,
}

/// Differences over some of the questions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Compared {
    /// Which questions: `all`, a set, or `type: KIND`.
    pub over: String,
    /// How many.
    pub questions: usize,
    /// In recall at five.
    pub r5: Difference,
    /// At ten.
    pub r10: Difference,
    /// In how often the first is gold.
    pub any1: Difference,
}

/// Ours against theirs, all in the order of `asked`: pooled, by set, and by kind where there are enough of it.
pub fn compare(asked: &[Asked], ours: &[Found], theirs: &[Found]) -> Vec<Compared> {
    assert!(asked.len() == ours.len() && asked.len() == theirs.len(), "lists are aligned; this is a bug");
    let difference = |(ours, theirs): (&Found, &Found)| {
        [ours.r5() - theirs.r5(), ours.r10() - theirs.r10(), ours.any1 - theirs.any1]
    };
    let differences: Vec<[f64; MEASURES]> = ours.iter().zip(theirs).map(difference).collect();
    let grouped = |name: &dyn Fn(&Asked) -> String| {
        let mut groups: BTreeMap<String, Vec<[f64; MEASURES]>> = BTreeMap::new();
        for (asked, difference) in asked.iter().zip(&differences) {
            groups.entry(name(asked)).or_default().push(*difference);
        }
        groups
    };
    let sets = grouped(&|asked| asked.set.clone());
    let mut kinds = grouped(&|asked| format!("type: {}", asked.group));
    kinds.retain(|_, list| list.len() >= KIND_MIN);
    let mut compared = vec![Compared::of("all".into(), &differences)];
    compared.extend(sets.into_iter().chain(kinds).map(|(name, list)| Compared::of(name, &list)));
    compared
}

/// A table for people.
pub fn table(ours: &str, theirs: &str, compared: &[Compared]) -> String {
    let mut text = format!(
        "{:<28}{:>6}{:>8}{:>7}{:>8}{:>7}{:>8}{:>7}\n",
        format!("{ours} - {theirs}"),
        "n",
        "R@5",
        "low",
        "R@10",
        "low",
        "any@1",
        "low"
    );
    for Compared { over, questions, r5, r10, any1 } in compared {
        text.push_str(&format!("{over:<28}{questions:>6}"));
        for Difference { mean, low } in [r5, r10, any1] {
            text.push_str(&format!("{mean:>+8.1}{low:>+7.1}"));
        }
        text.push('\n');
    }
    text
}

impl Compared {
    fn of(over: String, differences: &[[f64; MEASURES]]) -> Compared {
        let [r5, r10, any1] = bootstrap(differences);
        Compared { over, questions: differences.len(), r5, r10, any1 }
    }
}

fn bootstrap(differences: &[[f64; MEASURES]]) -> [Difference; MEASURES] {
    let count = differences.len();
    let mut random = Random(SEED);
    let mut means: [Vec<f64>; MEASURES] = std::array::from_fn(|_| Vec::with_capacity(RESAMPLES));
    for _ in 0..RESAMPLES {
        let mut sums = [0.0; MEASURES];
        for _ in 0..count {
            let drawn = differences[random.below(count)];
            sums.iter_mut().zip(drawn).for_each(|(sum, value)| *sum += value);
        }
        means.iter_mut().zip(sums).for_each(|(means, sum)| means.push(sum / count as f64));
    }
    std::array::from_fn(|at| {
        means[at].sort_by(f64::total_cmp);
        let mean = differences.iter().map(|difference| difference[at]).sum::<f64>() / count as f64;
        let low = means[at][(TAIL * RESAMPLES as f64) as usize];
        Difference { mean: round(100.0 * mean, 2), low: round(100.0 * low, 2) }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(any1: f64) -> Found {
        Found { any1, recall: [any1; 4], ..Found::default() }
    }

    fn asked(count: usize, set: &str, group: &str) -> Vec<Asked> {
        vec![Asked { set: set.into(), group: group.into() }; count]
    }

    #[test]
    fn the_lower_end_is_that_of_the_normal_law() {
        // 400 questions, 100 won, 60 lost: mean .1, deviation sqrt(.4 - .01) = .6245, lower end .1 - 1.645 * .6245 / 20.
        let ours: Vec<Found> = (0..400).map(|at| found(f64::from(u8::from(at < 100)))).collect();
        let theirs: Vec<Found> = (0..400).map(|at| found(f64::from(u8::from(at >= 340)))).collect();
        let compared = compare(&asked(400, "s", "t"), &ours, &theirs);
        assert_eq!(compared[0].any1.mean, 10.0);
        assert!((compared[0].any1.low - 4.86).abs() < 0.4, "{:?}", compared[0]);
        assert_eq!(compared[0].r5.mean, 10.0);
        // The same twice: seeded.
        assert_eq!(compared, compare(&asked(400, "s", "t"), &ours, &theirs));
    }

    #[test]
    fn sets_are_told_apart_and_kinds_only_where_they_are_many() {
        let mut of = asked(120, "a", "many");
        of.extend(asked(30, "b", "few"));
        let ours = vec![found(1.0); 150];
        let theirs: Vec<Found> = (0..150).map(|at| found(f64::from(u8::from(at < 120)))).collect();
        let compared = compare(&of, &ours, &theirs);
        let over: Vec<&str> = compared.iter().map(|compared| compared.over.as_str()).collect();
        assert_eq!(over, ["all", "a", "b", "type: many"]);
        assert_eq!((compared[1].any1.mean, compared[2].any1.mean), (0.0, 100.0));
        assert_eq!(table("x", "y", &compared).lines().count(), 5);
    }
}
