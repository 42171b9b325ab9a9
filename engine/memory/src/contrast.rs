//! Tells "the same", "the same with another value" and "something else" apart where similarity cannot: by the words that
//! differ. A changed number, name or negation makes two near-identical sentences contradict, not repeat, each other.

use std::collections::BTreeSet;

use crate::text::stopwords::is_stopword;
use crate::text::words::words;

/// Words that turn a statement round.
const NEGATIONS: [&str; 14] = [
    "cannot", "cant", "didnt", "doesnt", "dont", "isnt", "neither", "never", "no", "not", "nothing", "wasnt",
    "without", "wont",
];

/// What of a text decides whether it repeats or contradicts another.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Claim {
    words: BTreeSet<String>,
    numbers: BTreeSet<String>,
    names: BTreeSet<String>,
    negated: bool,
}

impl Claim {
    /// Takes a text apart.
    pub fn of(text: &str) -> Self {
        let mut claim = Claim::default();
        let mut opening = true;
        for word in words(text) {
            let folded = word.folded.clone();
            if NEGATIONS.contains(&folded.as_str()) {
                claim.negated = !claim.negated;
            } else if folded.bytes().any(|byte| byte.is_ascii_digit()) {
                claim.numbers.insert(folded);
            } else if word.capital && !opening && !is_stopword(&folded) {
                claim.names.insert(folded);
            } else if !is_stopword(&folded) {
                claim.words.insert(folded);
            }
            opening = false;
        }
        claim
    }

    /// Share of words that both have, 0..=1; numbers and names left out.
    fn overlap(&self, other: &Claim) -> f32 {
        let both = self.words.intersection(&other.words).count();
        let either = self.words.union(&other.words).count();
        if either == 0 { 1.0 } else { both as f32 / either as f32 }
    }

    /// Whether numbers, names or polarity differ.
    fn differs(&self, other: &Claim) -> bool {
        self.numbers != other.numbers || self.negated != other.negated || self.names != other.names
    }

    /// How strongly it says otherwise about the same thing, 0..=1: the share of common words if a value differs, else 0. A text
    /// that only adds values to the other's contradicts nothing.
    pub fn exception_to(&self, other: &Claim) -> f32 {
        let adds = self.numbers.is_superset(&other.numbers)
            && self.names.is_superset(&other.names)
            && self.negated == other.negated;
        if !self.differs(other) || adds || self.anchors_apart(other) { 0.0 } else { self.overlap(other) }
    }

    /// Whether it says the same: equal values and nearly equal words.
    pub fn repeats(&self, other: &Claim) -> bool {
        !self.differs(other) && self.overlap(other) >= 0.6
    }

    /// Names that both lack in common although both have some: they speak of different things.
    fn anchors_apart(&self, other: &Claim) -> bool {
        !self.names.is_empty() && !other.names.is_empty() && self.names.is_disjoint(&other.names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(new: &str, old: &str) -> f32 {
        Claim::of(new).exception_to(&Claim::of(old))
    }

    #[test]
    fn a_changed_value_contradicts() {
        assert!(exception("Today Ana lives in Rome", "Today Ana lives in Paris") > 0.9);
        assert!(exception("the meeting is at 10", "the meeting is at 9") > 0.9);
        assert!(exception("penguins do not fly", "penguins fly") > 0.9);
    }

    #[test]
    fn repeats_additions_and_other_things_do_not() {
        let (a, b) = (Claim::of("The cat sat on the mat."), Claim::of("On the mat the cat sat"));
        assert!(a.repeats(&b) && a.exception_to(&b) == 0.0);
        assert_eq!(exception("Today Ana lives in Paris since 2019", "Today Ana lives in Paris"), 0.0);
        assert_eq!(exception("here lives Ana", "here lives Bob"), 0.0);
        assert!(!Claim::of("it costs 5").repeats(&Claim::of("it costs 6")));
    }
}
