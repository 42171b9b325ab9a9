//! The lexical index: BM25 over stemmed terms (Robertson and Zaragoza 2009), kept up to date with every memory.
//!
//! What is indexed comes from [`crate::text::terms::index_terms`]; nothing here cannot be made again from the texts.

mod distance;
mod near;
mod query;
mod search;
#[cfg(test)]
mod tests;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::text::chars::{is_east_asian, is_mark};
use crate::text::stem::stem;
use crate::text::stopwords::is_stopword;
use crate::text::terms::BESIDE;
use near::Vocabulary;
pub use query::{LexicalQuery, QueryTerm};
pub use search::LexicalMatch;

/// Saturation of repeated terms.
const K1: f32 = 1.2;
/// How much long texts are held back: less than is usual. Of .3, .4 and .75, chosen on the development sets.
const B: f32 = 0.4;
/// Texts of more than so many usual lengths are held back no further: a few documents among many one-liners are found too.
const LENGTHS_MAX: f32 = 3.0;

/// Memories that hold a term, ascending, with how often (at most 255).
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Postings {
    rows: Vec<u32>,
    counts: Vec<u8>,
}

/// Terms, their postings, and the length of every text.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Lexical {
    by_term: FxHashMap<Box<str>, u32>,
    postings: Vec<Postings>,
    vocabulary: Vocabulary,
    lens: Vec<u16>,
    len_sum: u64,
    len_squares: u64,
    texts: u64,
}

/// Whether a word is looked for by its letters too: no numbers, dates or characters that are words by themselves.
fn is_spelled(word: &str) -> bool {
    let is_letter = |c: char| (c.is_alphabetic() || is_mark(c)) && !is_east_asian(c);
    word.len() >= 3 && word.chars().all(is_letter) && !is_stopword(word)
}

/// The term of a word that is none of the vocabulary. What is no word keeps its form: dates, values, function words.
fn term_of(word: &str) -> String {
    if word.contains(['@', '.']) || is_stopword(word) { word.to_owned() } else { stem(word) }
}

impl Lexical {
    /// An index of so many rows, each with its terms; none of those that were deleted.
    pub fn of(rows: impl Iterator<Item = Option<Vec<String>>>) -> Self {
        let mut lexical = Lexical::default();
        for (terms, row) in rows.zip(0..) {
            match terms {
                Some(terms) => lexical.add(row, &terms),
                None => lexical.lens.push(0),
            }
        }
        lexical
    }

    /// Adds a row, which must hold nothing yet; `terms` are its [`index_terms`](crate::text::terms::index_terms).
    pub fn add(&mut self, row: u32, terms: &[String]) {
        if self.lens.len() <= row as usize {
            self.lens.resize(row as usize + 1, 0);
        }
        let len = terms.iter().filter(|term| !term.starts_with(BESIDE)).count().min(u16::MAX as usize) as u16;
        self.lens[row as usize] = len;
        self.len_sum += u64::from(len);
        self.len_squares += u64::from(len) * u64::from(len);
        self.texts += 1;
        let mut found: Vec<(u32, u8)> = Vec::with_capacity(terms.len());
        for (word, count) in counted(terms) {
            let ix = if is_spelled(word) {
                let Lexical { by_term, postings, vocabulary, .. } = self;
                vocabulary.add(word, || place_of(by_term, postings, &stem(word)))
            } else {
                place_of(&mut self.by_term, &mut self.postings, &term_of(word))
            };
            found.push((ix, count));
        }
        for (ix, count) in merged(found) {
            let postings = &mut self.postings[ix as usize];
            // Rows come in ascending order, except where a content was replaced.
            match postings.rows.last() {
                Some(&last) if last >= row => {
                    let at = postings.rows.partition_point(|&known| known < row);
                    postings.rows.insert(at, row);
                    postings.counts.insert(at, count);
                }
                _ => {
                    postings.rows.push(row);
                    postings.counts.push(count);
                }
            }
        }
    }

    /// Takes a row out; `terms` are those it was added with.
    pub fn remove(&mut self, row: u32, terms: &[String]) {
        for (word, _) in counted(terms) {
            let ix = if is_spelled(word) {
                self.vocabulary.remove(word)
            } else {
                self.by_term.get(term_of(word).as_str()).copied()
            };
            let Some(ix) = ix else { continue };
            let postings = &mut self.postings[ix as usize];
            // Two inflections share a term, which goes with the first.
            if let Ok(at) = postings.rows.binary_search(&row) {
                postings.rows.remove(at);
                postings.counts.remove(at);
            }
        }
        let len = u64::from(self.lens[row as usize]);
        self.len_sum -= len;
        self.len_squares -= len * len;
        self.lens[row as usize] = 0;
        self.texts -= 1;
    }

    /// Inverse document frequency of a term; none if no memory holds it.
    pub fn idf(&self, term: &str) -> Option<f32> {
        let df = self.rows(term).len();
        (df > 0).then(|| self.idf_of(df))
    }

    /// Inverse document frequency of a term that so many memories hold.
    fn idf_of(&self, df: usize) -> f32 {
        (1.0 + (self.texts as f32 - df as f32 + 0.5).max(0.0) / (df as f32 + 0.5)).ln()
    }

    /// Rows that hold a term, ascending.
    pub fn rows(&self, term: &str) -> &[u32] {
        self.by_term.get(term).map_or(&[], |&ix| &self.postings[ix as usize].rows)
    }

    /// How many rows hold the term of an index.
    fn df(&self, ix: u32) -> usize {
        self.postings[ix as usize].rows.len()
    }

    /// The index of a word's term, if some memory holds it.
    fn find(&self, word: &str) -> Option<u32> {
        let ix = match self.vocabulary.term(word) {
            Some(ix) => ix,
            None => *self.by_term.get(term_of(word).as_str())?,
        };
        (self.df(ix) > 0).then_some(ix)
    }

    /// Number of distinct terms held by some memory.
    pub fn terms_len(&self) -> usize {
        self.postings.iter().filter(|postings| !postings.rows.is_empty()).count()
    }

    /// Scores all rows that share a term with the query, into `scores` (one a row, zero before); returns the rows touched.
    pub fn score(&self, query: &[String], scores: &mut Vec<f32>) -> Vec<u32> {
        scores.clear();
        scores.resize(self.lens.len(), 0.0);
        let pivot = self.pivot();
        let mut touched = Vec::new();
        for (term, times) in counted(query) {
            let Some(idf) = self.idf(term) else { continue };
            let postings = &self.postings[self.by_term[term] as usize];
            for (&row, &count) in postings.rows.iter().zip(&postings.counts) {
                let score = &mut scores[row as usize];
                if *score == 0.0 {
                    touched.push(row);
                }
                *score += f32::from(times) * idf * self.saturated(row, count, pivot);
            }
        }
        touched
    }

    /// What so many occurrences of a term count in a row, 0..K1 + 1.
    fn saturated(&self, row: u32, count: u8, pivot: f32) -> f32 {
        let lengths = (f32::from(self.lens[row as usize]) / pivot).min(LENGTHS_MAX);
        let count = f32::from(count);
        count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * lengths))
    }

    /// The length that counts as usual: that of the text in which a term lies on average. With the plain mean, 100,000
    /// one-line texts make every passage a long one (15 points of lexical R@5 on MuSiQue).
    fn pivot(&self) -> f32 {
        (self.len_squares as f32 / self.len_sum.max(1) as f32).max(1.0)
    }

    /// Bytes of all arrays; the hash table is counted by its capacity.
    pub fn bytes(&self) -> usize {
        let postings: usize = self.postings.iter().map(|p| p.rows.capacity() * 4 + p.counts.capacity()).sum();
        let keys: usize = self.by_term.keys().map(|term| term.len()).sum();
        postings
            + keys
            + self.vocabulary.bytes()
            + self.postings.capacity() * size_of::<Postings>()
            + self.by_term.capacity() * (size_of::<Box<str>>() + 5)
            + self.lens.capacity() * 2
    }
}

/// The place of a term, made if it is new.
fn place_of(by_term: &mut FxHashMap<Box<str>, u32>, postings: &mut Vec<Postings>, term: &str) -> u32 {
    if let Some(&ix) = by_term.get(term) {
        return ix;
    }
    by_term.insert(term.into(), postings.len() as u32);
    postings.push(Postings::default());
    postings.len() as u32 - 1
}

/// Counts of the same term added up, ascending by term.
fn merged(mut found: Vec<(u32, u8)>) -> Vec<(u32, u8)> {
    found.sort_unstable();
    found.dedup_by(|next, kept| {
        let same = next.0 == kept.0;
        if same {
            kept.1 = kept.1.saturating_add(next.1);
        }
        same
    });
    found
}

/// Distinct words with how often each comes, beside the text or in it, in order of first appearance.
fn counted(terms: &[String]) -> Vec<(&str, u8)> {
    let mut counts: Vec<(&str, u8)> = Vec::with_capacity(terms.len());
    let mut seen: FxHashMap<&str, usize> = FxHashMap::default();
    for term in terms.iter().map(|term| term.strip_prefix(BESIDE).unwrap_or(term)) {
        match seen.get(term) {
            Some(&at) => counts[at].1 = counts[at].1.saturating_add(1),
            None => {
                seen.insert(term, counts.len());
                counts.push((term, 1));
            }
        }
    }
    counts
}
