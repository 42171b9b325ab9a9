//! What a new memory is to one that is known: the same, an update of it, related, or new.
//!
//! Similarity cannot tell a repeat from a changed value, and neither can counts of words. The same is what has the same normal
//! form ([`crate::normal_form`]); an update is what claims otherwise ([`crate::claims`]); whether two are related is a matter of
//! similarity and of shared terms. A relation follows from the two texts alone, never from what else is stored.

use std::hash::BuildHasher;

use rustc_hash::FxBuildHasher;

use crate::allocate::{BIAS, SCORER_WEIGHTS};
use crate::claims::{Claims, Clash};
use crate::normal_form::normal_form;
use crate::text::stopwords::is_calendar_word;
use crate::text::terms::terms_of;
use crate::text::words::{Word, words};

/// Relations there are.
pub const RELATIONS: usize = 4;
/// Current of a column from which a memory belongs to it rather than to a new one.
const RELATED_MIN: f32 = 0.5;

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
    /// All of them.
    pub const ALL: [Relation; RELATIONS] =
        [Relation::New, Relation::Related, Relation::Update, Relation::Same];
}

/// Words that turn a statement round, sorted.
const NEGATIONS: [&str; 24] = [
    "arent", "cannot", "cant", "couldnt", "didnt", "doesnt", "dont", "hadnt", "hasnt", "havent", "isnt",
    "neither", "never", "no", "nobody", "not", "nothing", "nowhere", "shouldnt", "wasnt", "werent",
    "without", "wont", "wouldnt",
];

/// What of a text is compared.
#[derive(Clone, Debug, Default)]
pub struct Statement {
    /// Hashes of the stemmed words that carry meaning, sorted, each once. Numbers and dates are values, compared by themselves:
    /// counted as terms they would make all turns of a day alike.
    terms: Vec<u64>,
    is_negated: bool,
    form: String,
    claims: Claims,
}

fn hashed<'a>(words: impl Iterator<Item = &'a str>) -> Vec<u64> {
    let mut list: Vec<u64> = words.map(|word| FxBuildHasher.hash_one(word)).collect();
    list.sort_unstable();
    list.dedup();
    list
}

impl Statement {
    /// Takes a text apart.
    pub fn of(text: &str) -> Self {
        let cut = words(text);
        let negations = cut.iter().filter(|word| NEGATIONS.binary_search(&word.folded.as_str()).is_ok());
        let is_value = |word: &&Word<'_>| {
            word.folded.bytes().any(|byte| byte.is_ascii_digit()) || is_calendar_word(&word.folded)
        };
        let meaning: Vec<Word<'_>> = cut.iter().filter(|word| !is_value(word)).cloned().collect();
        Statement {
            terms: hashed(terms_of(&meaning).iter().map(String::as_str)),
            // Turned round twice, it says what it said.
            is_negated: negations.count() % 2 == 1,
            form: normal_form(text),
            claims: Claims::of(text),
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
    /// One denies what the other says.
    pub is_denied: bool,
    /// Their normal forms are equal.
    pub is_same: bool,
    /// The new one, told later, claims otherwise.
    pub clash: Option<Clash>,
}

impl Evidence {
    /// Compares two texts whose vectors have this cosine similarity.
    pub fn of(new: &Statement, known: &Statement, similarity: f32) -> Self {
        let both = new.terms.iter().filter(|term| known.terms.binary_search(term).is_ok()).count();
        let either = new.terms.len() + known.terms.len() - both;
        let is_same = new.form == known.form;
        Evidence {
            similarity,
            // Without any word that carries meaning, only the vectors can tell.
            overlap: if either == 0 { similarity.clamp(0.0, 1.0) } else { both as f32 / either as f32 },
            is_denied: new.is_negated != known.is_negated,
            is_same,
            clash: if is_same { None } else { new.claims.clash(&known.claims) },
        }
    }

    /// Current of the known text's column, sequences left out.
    pub fn current(&self) -> f32 {
        BIAS + SCORER_WEIGHTS[0] * self.similarity.max(0.0) + SCORER_WEIGHTS[1] * self.overlap
    }

    /// What the new text is to the known one.
    pub fn relation(&self) -> Relation {
        match self {
            Evidence { is_same: true, .. } => Relation::Same,
            Evidence { clash: Some(_), .. } => Relation::Update,
            _ if self.current() >= RELATED_MIN => Relation::Related,
            _ => Relation::New,
        }
    }
}

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
    fn terms_are_shared_whatever_their_order() {
        let turned = evidence("The cat sat on the mat.", "On the mat the CAT sat", 1.0);
        assert_eq!((turned.overlap, turned.is_same), (1.0, false));
        assert_eq!(evidence("", "!", 0.25).overlap, 0.25);
    }

    #[test]
    fn plain_examples_are_what_they_seem() {
        let home = "Ana Reyes lives in Paris and works as a nurse.";
        assert_eq!(evidence(home, home, 1.0).relation(), Relation::Same);
        assert_eq!(
            evidence("ana reyes  lives in paris and works as a nurse", home, 0.9).relation(),
            Relation::Same
        );
        let moved = "Ana Reyes lives in Rome and works as a nurse.";
        assert_eq!(evidence(moved, home, 0.93).relation(), Relation::Update);
        assert_eq!(evidence("Photosynthesis turns light into sugar.", home, 0.05).relation(), Relation::New);
        let other = "Ana Reyes sold her old car to a neighbour.";
        assert_eq!(evidence(other, home, 0.55).relation(), Relation::Related);
    }
}
