//! From a query to the rows that hold any of it.

use super::{Lexical, LexicalQuery};

/// One row that holds something of a query.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LexicalMatch {
    /// The row.
    pub row: u32,
    /// Its BM25 score; a term counts once, as its best alternative.
    pub bm25: f32,
    /// Sum of weight times idf of the terms it holds.
    pub matched_idf: f32,
    /// Sum of their weights: how many terms of the query it holds.
    pub matched: f32,
    /// The largest weight times idf among them.
    pub rarest: f32,
    /// Holds all words of every phrase of the query, which has one; whether they stand in order only the text can tell
    /// ([`LexicalQuery::holds`]).
    pub phrase: bool,
}

/// What a row got for the term in hand.
#[derive(Clone, Copy, Default)]
struct Best {
    /// One more than the place of the term; 0 before any.
    term: u32,
    bm25: f32,
    weight: f32,
}

/// A set of rows that knows how many lie before each.
struct Rows {
    bits: Vec<u64>,
    before: Vec<u32>,
    len: usize,
}

impl Rows {
    fn of<'a>(rows: usize, lists: impl Iterator<Item = &'a [u32]>) -> Self {
        let mut bits = vec![0u64; rows.div_ceil(64)];
        for list in lists {
            list.iter().for_each(|&row| bits[row as usize / 64] |= 1 << (row % 64));
        }
        let mut len = 0;
        let before = bits
            .iter()
            .map(|word| {
                let before = len;
                len += word.count_ones();
                before
            })
            .collect();
        Rows { bits, before, len: len as usize }
    }

    /// Place of a row of the set.
    fn place(&self, row: u32) -> usize {
        let (at, bit) = (row as usize / 64, row % 64);
        self.before[at] as usize + (self.bits[at] & ((1 << bit) - 1)).count_ones() as usize
    }

    /// The rows, ascending.
    fn iter(&self) -> impl Iterator<Item = u32> {
        self.bits.iter().enumerate().flat_map(|(at, &word)| {
            let mut word = word;
            std::iter::from_fn(move || {
                let bit = (word != 0).then(|| word.trailing_zeros())?;
                word &= word - 1;
                Some(at as u32 * 64 + bit)
            })
        })
    }
}

impl Lexical {
    /// Rows that hold any alternative of any term, ascending, each once.
    pub fn search(&self, query: &LexicalQuery) -> Vec<LexicalMatch> {
        let held = |&(ix, _): &(u32, f32)| self.postings[ix as usize].rows.as_slice();
        let rows =
            Rows::of(self.lens.len(), query.terms.iter().flat_map(|term| term.alternatives.iter().map(held)));
        let mut found = Vec::with_capacity(rows.len);
        found.extend(rows.iter().map(|row| LexicalMatch {
            row,
            bm25: 0.0,
            matched_idf: 0.0,
            matched: 0.0,
            rarest: 0.0,
            phrase: false,
        }));
        let mut bests = vec![Best::default(); found.len()];
        let pivot = self.pivot();
        for (at, term) in query.terms.iter().enumerate() {
            for &(ix, weight) in &term.alternatives {
                let postings = &self.postings[ix as usize];
                for (&row, &count) in postings.rows.iter().zip(&postings.counts) {
                    let place = rows.place(row);
                    let (found, best) = (&mut found[place], &mut bests[place]);
                    if best.term != at as u32 + 1 {
                        *best = Best { term: at as u32 + 1, ..Best::default() };
                    }
                    let bm25 = weight * term.idf * self.saturated(row, count, pivot);
                    if bm25 > best.bm25 {
                        found.bm25 += bm25 - best.bm25;
                        best.bm25 = bm25;
                    }
                    if weight > best.weight {
                        found.matched += weight - best.weight;
                        found.matched_idf += (weight - best.weight) * term.idf;
                        found.rarest = found.rarest.max(weight * term.idf);
                        best.weight = weight;
                    }
                }
            }
        }
        if !query.phrases.is_empty() {
            self.mark_phrases(query, &mut found);
        }
        found
    }

    fn mark_phrases(&self, query: &LexicalQuery, found: &mut [LexicalMatch]) {
        let held: Option<Vec<&[u32]>> = query
            .phrases
            .iter()
            .flatten()
            .map(|word| self.find(word).map(|ix| self.postings[ix as usize].rows.as_slice()))
            .collect();
        let Some(held) = held else { return };
        for found in found {
            found.phrase = held.iter().all(|rows| rows.binary_search(&found.row).is_ok());
        }
    }
}
