//! The lexical index: BM25 over stemmed terms (Robertson and Zaragoza 2009), kept up to date with every memory.

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

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
    lens: Vec<u16>,
    len_sum: u64,
    texts: u64,
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

    /// Adds the terms of a row, which must hold none yet.
    pub fn add(&mut self, row: u32, terms: &[String]) {
        if self.lens.len() <= row as usize {
            self.lens.resize(row as usize + 1, 0);
        }
        let len = terms.len().min(u16::MAX as usize) as u16;
        self.lens[row as usize] = len;
        self.len_sum += u64::from(len);
        self.texts += 1;
        for (term, count) in counted(terms) {
            let ix = match self.by_term.get(term) {
                Some(&ix) => ix,
                None => {
                    self.by_term.insert(term.into(), self.postings.len() as u32);
                    self.postings.push(Postings::default());
                    self.postings.len() as u32 - 1
                }
            };
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

    /// Takes the terms of a row out; `terms` are those it was added with.
    pub fn remove(&mut self, row: u32, terms: &[String]) {
        for (term, _) in counted(terms) {
            let Some(&ix) = self.by_term.get(term) else { continue };
            let postings = &mut self.postings[ix as usize];
            if let Ok(at) = postings.rows.binary_search(&row) {
                postings.rows.remove(at);
                postings.counts.remove(at);
            }
        }
        self.len_sum -= u64::from(self.lens[row as usize]);
        self.lens[row as usize] = 0;
        self.texts -= 1;
    }

    /// Inverse document frequency of a term; none if no memory holds it.
    pub fn idf(&self, term: &str) -> Option<f32> {
        let df = self.rows(term).len();
        (df > 0).then(|| (1.0 + (self.texts as f32 - df as f32 + 0.5) / (df as f32 + 0.5)).ln())
    }

    /// Rows that hold a term, ascending.
    pub fn rows(&self, term: &str) -> &[u32] {
        self.by_term.get(term).map_or(&[], |&ix| &self.postings[ix as usize].rows)
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
                let lengths = (f32::from(self.lens[row as usize]) / pivot).min(LENGTHS_MAX);
                let count = f32::from(count);
                let score = &mut scores[row as usize];
                if *score == 0.0 {
                    touched.push(row);
                }
                *score +=
                    f32::from(times) * idf * count * (K1 + 1.0) / (count + K1 * (1.0 - B + B * lengths));
            }
        }
        touched
    }

    /// The length that counts as usual: that of the text in which a term lies on average. With the plain mean, 100,000
    /// one-line texts make every passage a long one (15 points of lexical R@5 on MuSiQue).
    fn pivot(&self) -> f32 {
        let squares: u64 = self.lens.iter().map(|&len| u64::from(len) * u64::from(len)).sum();
        (squares as f32 / self.len_sum.max(1) as f32).max(1.0)
    }

    /// Bytes of all arrays; the hash table is counted by its capacity.
    pub fn bytes(&self) -> usize {
        let postings: usize = self.postings.iter().map(|p| p.rows.capacity() * 4 + p.counts.capacity()).sum();
        let keys: usize = self.by_term.keys().map(|term| term.len()).sum();
        postings
            + keys
            + self.postings.capacity() * size_of::<Postings>()
            + self.by_term.capacity() * (size_of::<Box<str>>() + 5)
            + self.lens.capacity() * 2
    }
}

/// Distinct terms with how often each comes, in order of first appearance.
fn counted(terms: &[String]) -> Vec<(&str, u8)> {
    let mut counts: Vec<(&str, u8)> = Vec::with_capacity(terms.len());
    let mut seen: FxHashMap<&str, usize> = FxHashMap::default();
    for term in terms {
        match seen.get(term.as_str()) {
            Some(&at) => counts[at].1 = counts[at].1.saturating_add(1),
            None => {
                seen.insert(term, counts.len());
                counts.push((term, 1));
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terms(text: &str) -> Vec<String> {
        text.split(' ').map(String::from).collect()
    }

    fn scores(index: &Lexical, query: &str) -> Vec<f32> {
        let mut scores = Vec::new();
        index.score(&terms(query), &mut scores);
        scores
    }

    #[test]
    fn a_long_text_with_both_words_beats_short_ones_with_one() {
        let mut lexical = Lexical::default();
        let long = format!("needle haystack {}", (0..200).map(|n| format!("w{n} ")).collect::<String>());
        lexical.add(0, &terms(long.trim()));
        for row in 1..1_000 {
            let word = if row <= 10 { "needle" } else { "straw" };
            lexical.add(row, &terms(&format!("{word} x{row} y{row}")));
        }
        let scores = scores(&lexical, "needle haystack");
        let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
        assert_eq!(best, Some(0), "{:?}", &scores[..12]);
    }

    #[test]
    fn rare_terms_and_short_texts_weigh_more() {
        let mut index = Lexical::default();
        index.add(0, &terms("cat dog"));
        index.add(1, &terms("cat dog dog bird fish tree house"));
        index.add(2, &terms("cat"));
        let found = scores(&index, "cat bird");
        assert!(found[1] > found[2] && found[2] > found[0], "{found:?}");
        // idf of a term in 1 of 3 texts: ln(1 + 2.5 / 1.5).
        assert!((index.idf("bird").unwrap() - (1.0f32 + 2.5 / 1.5).ln()).abs() < 1e-6);
    }

    #[test]
    fn a_removed_row_leaves_the_index_as_if_never_added() {
        let mut once = Lexical::default();
        once.add(0, &terms("a b c"));
        once.add(2, &terms("c d"));
        let mut twice = once.clone();
        twice.add(1, &terms("b b d e"));
        twice.remove(1, &terms("b b d e"));
        for query in ["a", "b c", "d e"] {
            assert_eq!(scores(&once, query), scores(&twice, query));
        }
        twice.add(1, &terms("c"));
        assert_eq!(twice.rows("c"), [0, 1, 2]);
    }
}
