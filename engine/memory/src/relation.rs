//! What a new memory is to one that is known: the same, an update of it, related, or new.
//!
//! Similarity alone cannot tell a repeat from a changed value, so words are compared too. Eight features of two texts are
//! weighed by multinomial logistic regression; which weights, and from what, stands at [`WEIGHTS`]. Rarity of words is left
//! out on purpose: it gained nothing where that was measured, and it would make a decision depend on what else is stored.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use crate::text::stopwords::{is_calendar_word, is_stopword};
use crate::text::terms::terms_of;
use crate::text::words::{Gap, Word, words};

/// Features of two texts, see [`Evidence::features`].
pub const FEATURES: usize = 8;
/// Relations there are.
pub const RELATIONS: usize = 4;

/// What a new memory is to a known one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Relation {
    /// It is about something else.
    New,
    /// It is about the same thing and says something else of it.
    Related,
    /// It says the same with another value: a number, a name, a negation.
    Update,
    /// It says the same.
    Same,
}

impl Relation {
    /// All of them, in the order of [`WEIGHTS`].
    pub const ALL: [Relation; RELATIONS] =
        [Relation::New, Relation::Related, Relation::Update, Relation::Same];
}

/// Words that turn a statement round, sorted.
const NEGATIONS: [&str; 24] = [
    "arent", "cannot", "cant", "couldnt", "didnt", "doesnt", "dont", "hadnt", "hasnt", "havent", "isnt",
    "neither", "never", "no", "nobody", "not", "nothing", "nowhere", "shouldnt", "wasnt", "werent",
    "without", "wont", "wouldnt",
];

/// What of a text is compared: hashes of words, since only whether two are equal counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Statement {
    /// Stemmed words that carry meaning, sorted, each once. Numbers and dates are values, compared by themselves: counted as
    /// terms they would make all turns of a day alike.
    terms: Vec<u64>,
    /// Words with a digit in them, sorted, each once.
    numbers: Vec<u64>,
    /// Capitalised words inside sentences, sorted, each once.
    names: Vec<u64>,
    /// All words, sorted, each once.
    words: Vec<u64>,
    is_negated: bool,
}

fn hashed<'a>(words: impl Iterator<Item = &'a str>) -> Vec<u64> {
    let mut list: Vec<u64> = words.map(|word| FxBuildHasher.hash_one(word)).collect();
    list.sort_unstable();
    list.dedup();
    list
}

fn has(list: &[u64], word: &u64) -> bool {
    list.binary_search(word).is_ok()
}

fn has_digit(word: &str) -> bool {
    word.bytes().any(|byte| byte.is_ascii_digit())
}

impl Statement {
    /// Takes a text apart.
    pub fn of(text: &str) -> Self {
        let cut = words(text);
        let folded = |keep: fn(&Word<'_>) -> bool| {
            hashed(cut.iter().filter(|word| keep(word)).map(|word| word.folded.as_str()))
        };
        let negations = cut.iter().filter(|word| NEGATIONS.binary_search(&word.folded.as_str()).is_ok());
        let is_value = |word: &&Word<'_>| has_digit(&word.folded) || is_calendar_word(&word.folded);
        let meaning: Vec<Word<'_>> = cut.iter().filter(|word| !is_value(word)).cloned().collect();
        Statement {
            terms: hashed(terms_of(&meaning).iter().map(String::as_str)),
            numbers: folded(|word| has_digit(&word.folded)),
            names: folded(|word| {
                word.capital
                    && word.gap != Gap::Sentence
                    && !is_stopword(&word.folded)
                    && !has_digit(&word.folded)
            }),
            words: folded(|_| true),
            // Turned round twice, it says what it said.
            is_negated: negations.count() % 2 == 1,
        }
    }

    /// Whether it denies something, all in all.
    pub fn is_negated(&self) -> bool {
        self.is_negated
    }
}

/// How a new text compares with a known one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Cosine similarity of their vectors, -1..=1.
    pub similarity: f32,
    /// Share of the terms of both that both have (Jaccard), 0..=1.
    pub overlap: f32,
    /// Terms that the new one adds, and that it leaves out.
    pub adds: u32,
    /// Terms of the known one that the new one lacks.
    pub drops: u32,
    /// Each has a number that the other lacks.
    pub is_number_changed: bool,
    /// Each has a name whose word the other lacks, and they have a name in common.
    pub is_name_changed: bool,
    /// Each has names, and none of them is a word of the other.
    pub are_names_apart: bool,
    /// One denies what the other says.
    pub is_denied: bool,
}

impl Evidence {
    /// Compares two texts whose vectors have this cosine similarity.
    pub fn of(new: &Statement, known: &Statement, similarity: f32) -> Self {
        let both = new.terms.iter().filter(|term| has(&known.terms, term)).count();
        let either = new.terms.len() + known.terms.len() - both;
        let lacks = |own: &[u64], other: &[u64]| own.iter().any(|word| !has(other, word));
        let all_lacked = |own: &[u64], other: &[u64]| own.iter().all(|word| !has(other, word));
        let named = !new.names.is_empty() && !known.names.is_empty();
        let are_names_apart =
            named && all_lacked(&new.names, &known.words) && all_lacked(&known.names, &new.words);
        Evidence {
            similarity,
            // Without any word that carries meaning, only the vectors can tell.
            overlap: if either == 0 { similarity.clamp(0.0, 1.0) } else { both as f32 / either as f32 },
            adds: (new.terms.len() - both) as u32,
            drops: (known.terms.len() - both) as u32,
            is_number_changed: lacks(&new.numbers, &known.numbers) && lacks(&known.numbers, &new.numbers),
            is_name_changed: !are_names_apart
                && lacks(&new.names, &known.words)
                && lacks(&known.names, &new.words),
            are_names_apart,
            is_denied: new.is_negated != known.is_negated,
        }
    }

    /// The numbers that are weighed. Counts of terms grow by less and less.
    pub fn features(&self) -> [f32; FEATURES] {
        let count = |terms: u32| (terms as f32).ln_1p();
        [
            self.similarity,
            self.overlap,
            count(self.adds.min(self.drops)),
            count(self.adds.max(self.drops)),
            f32::from(u8::from(self.is_number_changed)),
            f32::from(u8::from(self.is_name_changed)),
            f32::from(u8::from(self.are_names_apart)),
            f32::from(u8::from(self.is_denied)),
        ]
    }

    /// Chances of the relations, in the order of [`Relation::ALL`]; they add up to one.
    pub fn chances(&self) -> [f32; RELATIONS] {
        chances(&WEIGHTS, &self.features())
    }

    /// The likeliest relation.
    pub fn relation(&self) -> Relation {
        let chances = self.chances();
        let best = (0..RELATIONS).max_by(|&a, &b| chances[a].total_cmp(&chances[b]));
        Relation::ALL[best.expect("there are four; this is a bug")]
    }

    /// Whether it may be shown in place of the other: it says the same, surely enough for [`REPEAT_MIN`].
    pub fn is_repeat(&self) -> bool {
        self.chances()[Relation::Same as usize] >= REPEAT_MIN
    }
}

/// Weights of the features and, last, the bias, for each relation.
pub type Weights = [[f32; FEATURES + 1]; RELATIONS];

/// Softmax of weighted features (multinomial logistic regression).
pub fn chances(weights: &Weights, features: &[f32; FEATURES]) -> [f32; RELATIONS] {
    let sums = weights.map(|row| {
        row[..FEATURES]
            .iter()
            .zip(features)
            .fold(row[FEATURES], |sum, (weight, feature)| sum + weight * feature)
    });
    let largest = sums.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let powers = sums.map(|sum| (sum - largest).exp());
    let whole: f32 = powers.iter().sum();
    powers.map(|power| power / whole)
}

/// What `cortexkg eval allocation --fit` finds on the training half of the STS and SICK pairs, with the default embedder.
pub const WEIGHTS: Weights = [
    [-7.589, -7.999, 0.641, -0.096, 0.267, -0.493, 1.629, -0.674, 5.305],
    [1.470, 1.506, -0.441, 1.064, -1.029, -1.179, -0.104, -1.983, 0.103],
    [2.271, 2.884, -0.137, -1.004, 3.178, 3.951, -0.726, 5.677, -3.455],
    [3.847, 3.610, -0.063, 0.036, -2.416, -2.279, -0.799, -3.020, -1.953],
];

/// Chance of being the same from which a memory counts as a repeat: somewhat surer than 0.793, from where on the training half
/// four of five such pairs have a grade that rounds to the top. Those pairs were chosen to be hard.
pub const REPEAT_MIN: f32 = 0.85;

#[cfg(test)]
mod tests {
    use super::*;

    fn evidence(new: &str, known: &str, similarity: f32) -> Evidence {
        Evidence::of(&Statement::of(new), &Statement::of(known), similarity)
    }

    #[test]
    fn the_negations_are_sorted() {
        assert!(NEGATIONS.is_sorted());
    }

    #[test]
    fn values_that_differ_are_told_from_values_that_are_added() {
        let moved = evidence("Today Ana Reyes lives in Rome", "Today Ana Reyes lives in Paris", 0.9);
        assert!(moved.is_name_changed && !moved.are_names_apart && !moved.is_number_changed);
        let later = evidence("the meeting is at 10", "the meeting is at 9", 0.95);
        assert!(later.is_number_changed && !later.is_name_changed);
        assert!(evidence("penguins do not fly", "penguins fly", 0.9).is_denied);
        let more = evidence("Today Ana lives in Paris since 2019", "Today Ana lives in Paris", 0.9);
        assert!(!more.is_number_changed && !more.is_name_changed && !more.is_denied);
        let others = evidence("here lives Ana", "here lives Bob", 0.9);
        assert!(others.are_names_apart && !others.is_name_changed);
    }

    #[test]
    fn order_and_case_change_nothing_and_chances_add_up() {
        let same = evidence("The cat sat on the mat.", "On the mat the CAT sat", 1.0);
        assert_eq!((same.overlap, same.adds, same.drops), (1.0, 0, 0));
        assert!((same.chances().iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert_eq!(evidence("", "!", 0.25).overlap, 0.25);
    }

    #[test]
    fn plain_examples_are_what_they_seem() {
        let home = "Ana Reyes lives in Paris and works as a nurse.";
        assert_eq!(evidence(home, home, 1.0).relation(), Relation::Same);
        assert!(evidence(home, home, 1.0).is_repeat());
        let moved = "Ana Reyes lives in Rome and works as a nurse.";
        assert_eq!(evidence(moved, home, 0.93).relation(), Relation::Update);
        assert_eq!(evidence("Photosynthesis turns light into sugar.", home, 0.05).relation(), Relation::New);
        let other = "Ana Reyes sold her old car to a neighbour.";
        assert_eq!(evidence(other, home, 0.55).relation(), Relation::Related);
    }
}
