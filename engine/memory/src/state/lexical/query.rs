//! What a query asks for in words: each of its words, and what else may stand for it in the texts.

use super::Lexical;
use super::near::Near;
use crate::text::stopwords::is_stopword;
use crate::text::units::{Kind, Unit, digit_parts, is_katakana_word, pieces, units_of};
use crate::text::words::{Word, words};

/// Most alternatives of one term.
const ALTERNATIVES_MAX: usize = 8;
/// Most terms of one query.
const TERMS_MAX: usize = 256;
/// Letters from which a word may be part of a longer one.
const PART_LETTERS_MIN: usize = 5;
/// Letters from which it may be whatever the rest of the longer one is.
const LONG_LETTERS_MIN: usize = 8;
/// What a word counts as the end of a longer one, which names the kind of thing, and as its beginning.
const PART_WEIGHTS: [f32; 2] = [0.7, 0.5];
/// A known word is taken for one typed wrong if another, one slip away, is in so many times as many memories, or as few.
const SLIP_RATIO: usize = 4;
/// Letters between the parts of a German compound.
const LINKS: [&str; 7] = ["", "s", "n", "en", "es", "er", "e"];
/// Most words looked at to find those that begin or end with one that is not known, and with one that is.
const CONTAINED_MAX: [usize; 2] = [4_096, 256];
/// Most words of a query that are tried as one.
const JOINED_MAX: usize = 4;

/// What a query asks for in words.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct LexicalQuery {
    /// What is looked for, each once.
    pub terms: Vec<QueryTerm>,
    /// Exact phrases, which the query has in quotation marks: their folded words. The index holds no positions, so
    /// [`Lexical::search`] tells only whether all words are there; [`LexicalQuery::holds`] compares with a text.
    pub phrases: Vec<Vec<String>>,
}

/// One thing looked for.
#[derive(Clone, Debug, PartialEq)]
pub struct QueryTerm {
    /// As asked, folded.
    pub text: String,
    /// Inverse document frequency of the best alternative; of a term that nothing holds, that of no memory.
    pub idf: f32,
    /// Terms of the index that stand for it, by index, and how well, 0..=1: the exact one first.
    pub alternatives: Vec<(u32, f32)>,
}

impl LexicalQuery {
    /// Whether a text holds every phrase of the query word for word.
    pub fn holds(&self, text: &str) -> bool {
        if self.phrases.is_empty() {
            return true;
        }
        let cut = words(text);
        self.phrases.iter().all(|phrase| {
            cut.windows(phrase.len()).any(|span| span.iter().map(|word| &word.folded).eq(phrase))
        })
    }
}

impl Lexical {
    /// Reads a query as the texts were read, and looks up what may stand for words that no text holds: words typed wrong, other
    /// spellings, compounds and their parts.
    pub fn understand(&self, query: &str) -> LexicalQuery {
        let cut = words(query);
        let units = units_of(query, &cut);
        let mut reader =
            Reader { index: self, query: LexicalQuery::default(), taken: vec![false; cut.len()] };
        reader.query.phrases = phrases(query);
        units
            .iter()
            .filter(|unit| matches!(unit.kind, Kind::Time | Kind::Value))
            .for_each(|unit| reader.value(unit));
        units.iter().for_each(|unit| reader.unit(&cut, unit));
        reader.joined(&cut);
        if reader.query.terms.iter().all(|term| term.alternatives.is_empty()) {
            units
                .iter()
                .filter(|unit| unit.kind == Kind::Function)
                .for_each(|unit| reader.exact(&unit.words[0]));
        }
        reader.query.terms.truncate(TERMS_MAX);
        reader.query
    }
}

/// A query on its way into terms.
struct Reader<'a> {
    index: &'a Lexical,
    query: LexicalQuery,
    /// Words that a value or a date stands for.
    taken: Vec<bool>,
}

impl Reader<'_> {
    fn push(&mut self, text: &str, mut alternatives: Vec<(u32, f32)>) {
        if self.query.terms.iter().any(|term| term.text == text) {
            return;
        }
        // The exact term stays first; one term is told once, at its best.
        alternatives.sort_by(|a, b| b.1.total_cmp(&a.1).then(self.index.df(b.0).cmp(&self.index.df(a.0))));
        let mut seen = Vec::new();
        alternatives.retain(|(ix, _)| {
            !seen.contains(ix) && {
                seen.push(*ix);
                true
            }
        });
        alternatives.truncate(ALTERNATIVES_MAX);
        let idf = self.index.idf_of(alternatives.first().map_or(0, |(ix, _)| self.index.df(*ix)));
        self.query.terms.push(QueryTerm { text: text.to_owned(), idf, alternatives });
    }

    fn exact(&mut self, word: &str) {
        let found = self.index.find(word);
        self.push(word, found.into_iter().map(|ix| (ix, 1.0)).collect());
    }

    /// A number, a version, a date or a time takes the place of its words, where some text holds it.
    fn value(&mut self, unit: &Unit) {
        let known = unit.wholes.iter().enumerate().filter_map(|(at, whole)| {
            // Of a date the day counts, and a little the month; of a version a little its head, but a number without its marks is
            // the same number.
            let is_same = at == 0 || unit.kind == Kind::Value && !whole.contains('.');
            Some((self.index.find(whole)?, if is_same { 1.0 } else { 0.4 }))
        });
        let known: Vec<(u32, f32)> = known.collect();
        let is_exact = known.iter().any(|(_, weight)| *weight == 1.0);
        if !is_exact && unit.kind == Kind::Value || known.is_empty() {
            return;
        }
        if is_exact {
            self.taken[unit.span.0..unit.span.1].fill(true);
        }
        self.push(&unit.wholes[0], known);
    }

    /// A text that holds the whole holds its parts, whichever way it is written there.
    fn stands_for<'w>(&mut self, whole: u32, weight: f32, parts: impl Iterator<Item = &'w String>) {
        for part in parts {
            if let Some(term) = self.query.terms.iter_mut().find(|term| term.text == *part)
                && term.alternatives.iter().all(|(ix, _)| *ix != whole)
            {
                term.alternatives.push((whole, weight));
                if term.alternatives.len() == 1 {
                    term.idf = self.index.idf_of(self.index.df(whole));
                }
            }
        }
    }

    fn unit(&mut self, cut: &[Word<'_>], unit: &Unit) {
        if self.taken[unit.span.0.min(self.taken.len())..unit.span.1.min(self.taken.len())]
            .iter()
            .any(|taken| *taken)
        {
            return;
        }
        match unit.kind {
            Kind::Function | Kind::Time | Kind::Value => {}
            Kind::Joined => {
                if let Some(ix) = self.index.find(&unit.wholes[0]) {
                    self.push(&unit.wholes[0], vec![(ix, 1.0)]);
                    self.stands_for(ix, 1.0, cut[unit.span.0..unit.span.1].iter().map(|word| &word.folded));
                }
            }
            Kind::Camel => self.camel(unit),
            Kind::Segment => self.segment(unit),
            Kind::Word => self.word(unit),
        }
    }

    /// A word of several humps: as a whole where it is known, and its parts.
    fn camel(&mut self, unit: &Unit) {
        let whole = self.index.find(&unit.wholes[0]);
        let weight = if whole.is_some() { 0.5 } else { 1.0 };
        if let Some(ix) = whole {
            self.push(&unit.wholes[0], vec![(ix, 1.0)]);
        }
        for word in unit.words.iter().filter(|word| !is_stopword(word)) {
            let found = self.index.find(word);
            match (found, whole) {
                (Some(ix), _) => self.push(word, vec![(ix, weight)]),
                (None, None) => self.guessed(word),
                (None, Some(_)) => {}
            }
        }
        if let Some(ix) = whole {
            self.stands_for(ix, weight, unit.words.iter());
        }
    }

    /// A segment of a script without spaces: as it is cut where that is a word of its own, else by its parts.
    fn segment(&mut self, unit: &Unit) {
        // A pair across two segments has no word: it only tells more of where they stand side by side.
        let Some(word) = unit.words.first() else { return };
        let parts = pieces(word);
        let known = self.index.find(word);
        let is_whole = known.is_some() && (parts.is_empty() || is_katakana_word(word));
        let is_spelled = super::is_spelled(word);
        if is_whole || is_spelled && known.is_some() {
            let mut alternatives: Vec<(u32, f32)> = known.into_iter().map(|ix| (ix, 1.0)).collect();
            // Korean words with other endings begin alike.
            alternatives.extend(parts.first().and_then(|part| self.index.find(part)).map(|ix| (ix, 0.5)));
            return self.push(word, alternatives);
        }
        if parts.is_empty() {
            return self.exact(word);
        }
        parts.iter().for_each(|part| self.exact(part));
    }

    fn word(&mut self, unit: &Unit) {
        let word = &unit.words[0];
        let mut alternatives: Vec<(u32, f32)> = [word]
            .into_iter()
            .chain(&unit.wholes)
            .filter_map(|form| self.index.find(form))
            .map(|ix| (ix, 1.0))
            .collect();
        if alternatives.is_empty() {
            return self.guessed(word);
        }
        self.add_compounds(word, true, &mut alternatives);
        self.add_slips(word, &mut alternatives);
        self.push(word, alternatives);
    }

    /// A word that no text holds.
    fn guessed(&mut self, word: &str) {
        let parts = digit_parts(word);
        if !parts.is_empty() {
            return parts.into_iter().for_each(|part| self.exact(part));
        }
        if !super::is_spelled(word) {
            return self.push(word, Vec::new());
        }
        let near = self.index.vocabulary.near(word, false);
        let is_slip = near.first().is_some_and(|near| near.weight > 0.7);
        let mut alternatives: Vec<(u32, f32)> = near
            .into_iter()
            .filter(|near| self.index.df(near.term) > 0)
            .map(|Near { term, weight }| (term, weight))
            .take(ALTERNATIVES_MAX)
            .collect();
        if !is_slip && let Some(parts) = self.split(word) {
            return parts.into_iter().for_each(|part| self.exact(&part));
        }
        self.add_compounds(word, false, &mut alternatives);
        if !is_slip {
            alternatives.extend(self.known_end(word));
        }
        self.push(word, alternatives);
    }

    /// Longer words that begin or end with a word. Of a word that is known only those whose rest is a word too, or of long ones,
    /// since short words begin and end many that have nothing to do with them.
    fn add_compounds(&self, word: &str, is_known: bool, alternatives: &mut Vec<(u32, f32)>) {
        let letters = word.chars().count();
        if letters < PART_LETTERS_MIN || !super::is_spelled(word) {
            return;
        }
        let mut found: Vec<(u32, f32)> = Vec::new();
        for (term, rest, is_end) in
            self.index.vocabulary.containing(word, CONTAINED_MAX[usize::from(is_known)])
        {
            let rest_letters = rest.chars().count();
            let is_word = || {
                rest_letters >= 3
                    && LINKS.iter().any(|link| {
                        let bare = if is_end { rest.strip_suffix(link) } else { rest.strip_prefix(link) };
                        bare.is_some_and(|bare| bare.len() >= 3 && self.index.vocabulary.has(bare))
                    })
            };
            let is_long = rest_letters >= 3 && (letters >= LONG_LETTERS_MIN || !is_known);
            if is_long || is_word() {
                found.push((term, PART_WEIGHTS[usize::from(!is_end)]));
            }
        }
        found.retain(|(ix, _)| self.index.df(*ix) > 0);
        found.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        alternatives.extend(found.into_iter().take(ALTERNATIVES_MAX / 2));
    }

    /// Words one slip away from a known one, if one of the two is far rarer: then the rarer is likely typed wrong.
    fn add_slips(&self, word: &str, alternatives: &mut Vec<(u32, f32)>) {
        if word.chars().count() < PART_LETTERS_MIN || !super::is_spelled(word) {
            return;
        }
        let df = self.index.df(alternatives[0].0);
        let near = self.index.vocabulary.near(word, true);
        let is_slip = |near: &Near| {
            let other = self.index.df(near.term);
            other > 0 && (df <= 2 && other >= SLIP_RATIO * df || other <= 2 && df >= SLIP_RATIO * other)
        };
        alternatives
            .extend(near.into_iter().filter(is_slip).map(|near| (near.term, near.weight * 0.6)).take(2));
    }

    /// A word as two or three known ones, with what German puts between them.
    fn split(&self, word: &str) -> Option<Vec<String>> {
        let starts = |from: usize| word.char_indices().map(|(at, _)| at).filter(move |at| *at >= from + 3);
        let known = |part: &str| part.len() >= 3 && self.index.vocabulary.has(part);
        let bare = |part: &str| {
            LINKS
                .iter()
                .find_map(|link| part.strip_suffix(link).filter(|bare| known(bare)).map(str::to_owned))
        };
        // The longest end first: it says what kind of thing it is.
        for at in starts(0) {
            if !known(&word[at..]) || word.len() - at < 4 && at < 4 {
                continue;
            }
            if let Some(head) = bare(&word[..at]) {
                return Some(vec![head, word[at..].to_owned()]);
            }
            for middle in starts(0).filter(|middle| middle + 3 <= at) {
                if let (Some(head), Some(body)) = (bare(&word[..middle]), bare(&word[middle..at])) {
                    return Some(vec![head, body, word[at..].to_owned()]);
                }
            }
        }
        None
    }

    /// The longest known word that an unknown one ends with.
    fn known_end(&self, word: &str) -> Option<(u32, f32)> {
        let ends = word.char_indices().skip(3).map(|(at, _)| &word[at..]);
        ends.filter(|end| end.chars().count() >= PART_LETTERS_MIN && self.index.vocabulary.has(end))
            .find_map(|end| Some((self.index.find(end)?, 0.5)))
    }

    /// Words side by side that some text writes as one: `boat house`, `retry budget ms`.
    fn joined(&mut self, cut: &[Word<'_>]) {
        for start in 0..cut.len() {
            let mut whole = cut[start].folded.clone();
            for (at, word) in cut.iter().enumerate().skip(start + 1).take(JOINED_MAX - 1) {
                whole.push_str(&word.folded);
                let is_plain =
                    cut[start..=at].iter().all(|word| word.folded.len() >= 2 && word.folded.is_ascii());
                let carries = cut[start..=at].iter().filter(|word| !is_stopword(&word.folded)).count() >= 2;
                if is_plain
                    && carries
                    && whole.len() >= 6
                    && let Some(ix) = self.index.find(&whole)
                {
                    self.push(&whole, vec![(ix, 1.0)]);
                    self.stands_for(ix, 1.0, cut[start..=at].iter().map(|word| &word.folded));
                }
            }
        }
    }
}

/// Folded words of what stands in quotation marks.
fn phrases(query: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    let mut open: Option<(usize, char)> = None;
    for (at, c) in query.char_indices() {
        match open {
            Some((start, close)) if c == close || (close == '”' && c == '“') => {
                let phrase: Vec<String> =
                    words(&query[start..at]).into_iter().map(|word| word.folded).collect();
                if !phrase.is_empty() {
                    found.push(phrase);
                }
                open = None;
            }
            Some(_) => {}
            None => {
                let close = match c {
                    '"' => '"',
                    '“' | '„' => '”',
                    '«' => '»',
                    '「' => '」',
                    '『' => '』',
                    _ => continue,
                };
                open = Some((at + c.len_utf8(), close));
            }
        }
    }
    found
}
