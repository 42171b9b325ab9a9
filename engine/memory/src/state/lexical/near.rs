//! Words of the index by their letters: which of them lie near a word that was typed wrong, begin or end with it, or make it up.
//!
//! Two tables lead to candidates, and every candidate is compared in full: all ways to leave one letter out of a short word
//! (two words one slip apart share one), and all runs of three letters (long words share most of theirs after any slip).

use rustc_hash::{FxHashMap, FxHasher};
use serde::{Deserialize, Serialize};
use std::hash::Hasher;

use super::distance::distance;

/// Words of so many letters are looked up by leaving one out.
const DELETES: std::ops::RangeInclusive<usize> = 3..=6;
/// Words of so many letters are looked up by their runs of three.
const GRAMS: std::ops::RangeInclusive<usize> = 4..=40;
/// Most letters of a word that may have been typed wrong.
const TYPED_MAX: usize = 24;
/// Most entries of gram lists read for one word that is not known, and for one that is.
const READ_MAX: [usize; 2] = [20_000, 300];
/// Most candidates compared in full.
const COMPARED_MAX: usize = 96;
/// Stand before the first and after the last letter.
const EDGES: [char; 2] = ['\u{2}', '\u{3}'];

/// One known word.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Known {
    text: Box<str>,
    /// The term it is an inflection of.
    term: u32,
    /// Texts that hold it.
    uses: u32,
}

/// Known words by their letters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(super) struct Vocabulary {
    words: Vec<Known>,
    /// Hash of a word to its place; on a clash the next free hash.
    by_hash: FxHashMap<u64, u32>,
    /// Three letters to the words that hold them.
    grams: FxHashMap<u64, Vec<u32>>,
    /// Hash of a word with a letter left out to the newest entry of `chain`.
    deletes: FxHashMap<u32, u32>,
    /// Word, and the entry before it with the same hash.
    chain: Vec<(u32, u32)>,
}

/// A known word near another.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Near {
    /// The term it belongs to.
    pub term: u32,
    /// How alike they are, 0..1.
    pub weight: f32,
}

fn hash(letters: impl Iterator<Item = char>) -> u64 {
    let mut hasher = FxHasher::default();
    letters.for_each(|c| hasher.write_u32(c as u32));
    hasher.finish()
}

fn short(hash: u64) -> u32 {
    (hash ^ (hash >> 32)) as u32
}

fn gram(letters: &[char]) -> u64 {
    letters.iter().fold(0, |key, &c| key << 21 | u64::from(c as u32))
}

/// Letters between their edges.
fn edged(word: &str) -> Vec<char> {
    [EDGES[0]].into_iter().chain(word.chars()).chain([EDGES[1]]).collect()
}

/// Hashes of a word and of the word without each of its letters, each once.
fn deletes(letters: &[char]) -> Vec<u32> {
    let mut found = vec![short(hash(letters.iter().copied()))];
    for skip in 0..letters.len() {
        found.push(short(hash(letters.iter().enumerate().filter(|(at, _)| *at != skip).map(|(_, c)| *c))));
    }
    found.sort_unstable();
    found.dedup();
    found
}

impl Vocabulary {
    /// The term of a known word.
    pub fn term(&self, word: &str) -> Option<u32> {
        self.place(word).map(|at| self.words[at as usize].term)
    }

    fn place(&self, word: &str) -> Option<u32> {
        let mut hash = hash(word.chars());
        loop {
            let &at = self.by_hash.get(&hash)?;
            if *self.words[at as usize].text == *word {
                return Some(at);
            }
            hash = hash.wrapping_add(1);
        }
    }

    /// Notes that one more text holds a word; `term` is asked for if the word is new.
    pub fn add(&mut self, word: &str, term: impl FnOnce() -> u32) -> u32 {
        if let Some(at) = self.place(word) {
            let known = &mut self.words[at as usize];
            known.uses += 1;
            return known.term;
        }
        let (term, at) = (term(), self.words.len() as u32);
        let mut key = hash(word.chars());
        while self.by_hash.contains_key(&key) {
            key = key.wrapping_add(1);
        }
        self.by_hash.insert(key, at);
        self.words.push(Known { text: word.into(), term, uses: 1 });
        let edged = edged(word);
        let len = edged.len() - 2;
        if GRAMS.contains(&len) {
            for letters in edged.windows(3) {
                let list = self.grams.entry(gram(letters)).or_default();
                if list.last() != Some(&at) {
                    list.push(at);
                }
            }
        }
        if DELETES.contains(&len) {
            for key in deletes(&edged[1..=len]) {
                let entry = self.chain.len() as u32;
                let before = self.deletes.insert(key, entry).unwrap_or(u32::MAX);
                self.chain.push((at, before));
            }
        }
        term
    }

    /// Notes that one text less holds a word; its term.
    pub fn remove(&mut self, word: &str) -> Option<u32> {
        let at = self.place(word)?;
        let known = &mut self.words[at as usize];
        known.uses = known.uses.saturating_sub(1);
        Some(known.term)
    }

    /// Known words that could be meant by one that is not known, most alike first; with `strict` only those one slip away.
    pub fn near(&self, word: &str, strict: bool) -> Vec<Near> {
        let edged = edged(word);
        let letters = &edged[1..edged.len() - 1];
        if letters.len() < 3 || letters.len() > TYPED_MAX {
            return Vec::new();
        }
        let mut candidates = Vec::new();
        if letters.len() <= DELETES.end() + 1 {
            for key in deletes(letters) {
                let mut next = self.deletes.get(&key).copied().unwrap_or(u32::MAX);
                while let Some(&(at, before)) = self.chain.get(next as usize) {
                    candidates.push(at);
                    next = before;
                }
            }
        }
        if letters.len() >= 5 && !(strict && letters.len() <= *DELETES.end()) {
            candidates.extend(self.sharing(&edged, READ_MAX[usize::from(strict)]));
        }
        candidates.sort_unstable();
        candidates.dedup();
        let mut found: Vec<Near> = Vec::new();
        let mut other: Vec<char> = Vec::new();
        for at in candidates {
            let known = &self.words[at as usize];
            if known.uses == 0 || *known.text == *word {
                continue;
            }
            if strict && known.text.len().abs_diff(word.len()) > 4 {
                continue;
            }
            other.clear();
            other.extend(known.text.chars());
            let Some(weight) = alike(letters, &other, strict) else { continue };
            match found.iter_mut().find(|near| near.term == known.term) {
                Some(near) => near.weight = near.weight.max(weight),
                None => found.push(Near { term: known.term, weight }),
            }
        }
        found.sort_by(|a, b| b.weight.total_cmp(&a.weight).then(a.term.cmp(&b.term)));
        found
    }

    /// The words that share most runs of three letters with one.
    fn sharing(&self, edged: &[char], read_max: usize) -> Vec<u32> {
        let mut lists: Vec<&[u32]> = edged
            .windows(3)
            .filter_map(|letters| self.grams.get(&gram(letters)).map(Vec::as_slice))
            .collect();
        lists.sort_unstable_by_key(|list| list.len());
        let mut counts: FxHashMap<u32, u8> = FxHashMap::default();
        let mut read = 0;
        for list in lists {
            read += list.len();
            if read > read_max && !counts.is_empty() {
                break;
            }
            list.iter().for_each(|&at| *counts.entry(at).or_default() += 1);
        }
        let mut found: Vec<(u8, u32)> =
            counts.into_iter().filter(|(_, count)| *count >= 2).map(|(at, count)| (count, at)).collect();
        found.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
        found.into_iter().take(COMPARED_MAX).map(|(_, at)| at).collect()
    }

    /// Known words that begin or end with a part, with what is left of each and whether the part is its end. More than `most`
    /// words that could be are not looked at.
    pub fn containing(&self, part: &str, most: usize) -> Vec<(u32, &str, bool)> {
        let edged = edged(part);
        let len = edged.len();
        if len < 5 {
            return Vec::new();
        }
        let mut found = Vec::new();
        for (is_end, letters) in [(false, &edged[..len - 1]), (true, &edged[1..])] {
            let lists = letters.windows(3).map(|letters| self.grams.get(&gram(letters)));
            // A run that no word has means that no word has them all.
            let Some(lists) = lists.collect::<Option<Vec<_>>>() else { continue };
            let Some(rarest) = lists.into_iter().min_by_key(|list| list.len()) else { continue };
            for &at in rarest.iter().take(most) {
                let known = &self.words[at as usize];
                let rest = if is_end { known.text.strip_suffix(part) } else { known.text.strip_prefix(part) };
                if let Some(rest) = rest
                    && !rest.is_empty()
                    && known.uses > 0
                {
                    found.push((known.term, rest, is_end));
                }
            }
        }
        found
    }

    /// Whether some text holds a word.
    pub fn has(&self, word: &str) -> bool {
        self.place(word).is_some_and(|at| self.words[at as usize].uses > 0)
    }

    /// Bytes of all arrays.
    pub fn bytes(&self) -> usize {
        self.words.iter().map(|known| known.text.len()).sum::<usize>()
            + self.words.capacity() * size_of::<Known>()
            + self.by_hash.capacity() * 13
            + self.grams.values().map(|list| list.capacity() * 4).sum::<usize>()
            + self.grams.capacity() * 33
            + self.deletes.capacity() * 9
            + self.chain.capacity() * 8
    }
}

/// How alike a typed word and a known one are; none if they are too far apart to be meant for each other.
fn alike(typed: &[char], known: &[char], strict: bool) -> Option<f32> {
    let slips_max = match typed.len() {
        _ if strict => 1,
        ..=4 => 1,
        5..=6 if known.len() < 5 => 1,
        5..=11 => 2,
        _ => 3,
    };
    let slips = distance(typed, known, slips_max);
    let same_start = typed.iter().zip(known).take_while(|(a, b)| a == b).count();
    let Some(slips) = slips else {
        // Another ending of the same word, in a language that is not stemmed.
        let longer = typed.len().max(known.len());
        let is_inflected = !strict && same_start >= 5 && same_start * 10 >= longer * 6;
        return is_inflected.then(|| 0.5 * same_start as f32 / longer as f32);
    };
    let mut weight: f32 = match slips {
        0 => return None,
        1 => 0.85,
        2 => 0.55,
        _ => 0.4,
    };
    if same_start == 0 {
        weight *= 0.85;
    }
    if typed.len() <= 4 {
        weight *= 0.85;
    }
    // In a short word a letter left out or doubled is likelier than another letter.
    if typed.len() <= 3 && typed.len() >= known.len() {
        return None;
    }
    Some(weight)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vocabulary(words: &str) -> Vocabulary {
        let mut vocabulary = Vocabulary::default();
        for (term, word) in words.split(' ').enumerate() {
            vocabulary.add(word, || term as u32);
        }
        vocabulary
    }

    #[test]
    fn slips_lead_to_the_word_meant() {
        let known = vocabulary("nystrom boathouse team cake hargrove pask rutherford house mulcahy");
        for (typed, term) in [
            ("nystrm", 0),
            ("boatthouse", 1),
            ("tema", 2),
            ("cae", 3),
            ("hargroev", 4),
            ("psk", 5),
            ("rutherforrd", 6),
            ("ritherford", 6),
            ("muulcahy", 8),
            ("mulcshy", 8),
        ] {
            assert_eq!(known.near(typed, false).first().map(|near| near.term), Some(term), "{typed}");
        }
        assert!(known.near("zebra", false).is_empty());
    }

    #[test]
    fn words_inside_words_are_found_from_either_end() {
        let known = vocabulary("heizkesselwartungsvertrag vertrag heizung");
        assert_eq!(known.containing("wartungsvertrag", 9), [(0, "heizkessel", true)]);
        assert_eq!(known.containing("heizkessel", 9), [(0, "wartungsvertrag", false)]);
        assert_eq!(known.containing("xyzzy", 9), []);
    }

    #[test]
    fn a_word_that_no_text_holds_any_more_is_near_nothing() {
        let mut known = vocabulary("nystrom");
        known.remove("nystrom");
        assert!(known.near("nystrm", false).is_empty());
        assert!(!known.has("nystrom"));
    }
}
