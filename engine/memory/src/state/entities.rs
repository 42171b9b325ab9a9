//! Entities: the names that tie memories together, and how a text is searched for those that are known.

use rustc_hash::FxHashMap;

use crate::text::names::{NAME_WORDS_MAX, is_part_of_name, is_written_as_name};
use crate::text::words::Word;

/// One entity.
#[derive(Clone, Debug)]
pub struct Entity {
    /// Its folded name.
    pub name: Box<str>,
    /// Its node in the graph.
    pub node: u32,
    /// Whether some memory is about it, or once was.
    pub is_subject: bool,
}

/// All entities, found by name.
#[derive(Clone, Debug, Default)]
pub struct Entities {
    list: Vec<Entity>,
    /// Hash of the folded words to entity; on a clash the next free hash.
    by_hash: FxHashMap<u64, u32>,
    /// Hash of the first word of subjects to the length of the longest that begins so, words.
    starts: FxHashMap<u64, u8>,
}

/// A known entity met in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Met {
    /// Index of the entity.
    pub entity: u32,
    /// First word, and one past the last.
    pub span: (usize, usize),
    /// One word of a longer name, which more often than not is another's: "Toby" in "Toby Wallace".
    pub is_part: bool,
}

/// Hash of a run of words, extended word by word.
fn extend(hash: u64, word: &str) -> u64 {
    // FNV-1a over the bytes and a separator.
    word.bytes()
        .chain([b' '])
        .fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

const SEED: u64 = 0xcbf2_9ce4_8422_2325;

fn hash_name(name: &str) -> u64 {
    name.split(' ').fold(SEED, extend)
}

impl Entities {
    /// All entities, removed ones included.
    pub fn list(&self) -> &[Entity] {
        &self.list
    }

    /// Number of entities, removed ones included.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// The entity at an index.
    pub fn get(&self, ix: u32) -> &Entity {
        &self.list[ix as usize]
    }

    /// Finds an entity by its folded name.
    pub fn find(&self, name: &str) -> Option<u32> {
        self.probe(hash_name(name), |known| known == name)
    }

    /// Adds an entity that is not there yet.
    pub fn add(&mut self, name: &str, node: u32) -> u32 {
        let ix = self.list.len() as u32;
        let mut hash = hash_name(name);
        while self.by_hash.contains_key(&hash) {
            hash = hash.wrapping_add(1);
        }
        self.by_hash.insert(hash, ix);
        self.list.push(Entity { name: name.into(), node, is_subject: false });
        ix
    }

    /// Notes that a memory is about it, so that it is looked for in every text from now on.
    pub fn mark_subject(&mut self, ix: u32) {
        let entity = &mut self.list[ix as usize];
        if entity.is_subject {
            return;
        }
        entity.is_subject = true;
        let words = entity.name.split(' ').count();
        if words > NAME_WORDS_MAX {
            return;
        }
        let first = entity.name.split(' ').next().unwrap_or_default();
        let longest = self.starts.entry(extend(SEED, first)).or_default();
        *longest = (*longest).max(words as u8);
    }

    /// Known subjects that stand word for word in a text and are written like names there, longest first at each place;
    /// a shorter one inside a longer one counts too. `lenient` accepts several words in lower case (questions typed in haste).
    pub fn meet(&self, words: &[Word<'_>], lenient: bool) -> Vec<Met> {
        let mut met = Vec::new();
        for start in 0..words.len() {
            let first = extend(SEED, &words[start].folded);
            let Some(&longest) = self.starts.get(&first) else { continue };
            let mut hash = SEED;
            let mut found = Vec::new();
            for end in start + 1..=(start + longest as usize).min(words.len()) {
                hash = extend(hash, &words[end - 1].folded);
                let span = &words[start..end];
                if let Some(entity) = self.probe(hash, |known| is_name_of(known, span)) {
                    let named = is_written_as_name(span) || (lenient && span.len() > 1);
                    if self.list[entity as usize].is_subject && named {
                        let is_part = is_part_of_name(words, start..end);
                        found.push(Met { entity, span: (start, end), is_part });
                    }
                }
            }
            met.extend(found.into_iter().rev());
        }
        met
    }

    /// Bytes of all arrays.
    pub fn bytes(&self) -> usize {
        self.list.iter().map(|entity| entity.name.len()).sum::<usize>()
            + self.list.capacity() * size_of::<Entity>()
            + self.by_hash.capacity() * 13
            + self.starts.capacity() * 10
    }

    fn probe(&self, mut hash: u64, is_it: impl Fn(&str) -> bool) -> Option<u32> {
        loop {
            let &ix = self.by_hash.get(&hash)?;
            if is_it(&self.list[ix as usize].name) {
                return Some(ix);
            }
            hash = hash.wrapping_add(1);
        }
    }
}

fn is_name_of(name: &str, words: &[Word<'_>]) -> bool {
    let mut rest = name;
    for (at, word) in words.iter().enumerate() {
        if at > 0 {
            let Some(after) = rest.strip_prefix(' ') else { return false };
            rest = after;
        }
        let Some(after) = rest.strip_prefix(word.folded.as_str()) else { return false };
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::words;

    fn met(entities: &Entities, text: &str, lenient: bool) -> Vec<String> {
        entities
            .meet(&words(text), lenient)
            .iter()
            .map(|met| entities.get(met.entity).name.to_string())
            .collect()
    }

    #[test]
    fn subjects_are_met_where_they_are_written_as_names() {
        let mut entities = Entities::default();
        for (node, name) in ["new york", "york", "chess", "new york city ballet"].into_iter().enumerate() {
            let ix = entities.add(name, node as u32);
            entities.mark_subject(ix);
        }
        entities.add("only mentioned", 9);
        assert_eq!(met(&entities, "He left New York for chess.", false), ["new york", "york"]);
        assert_eq!(
            met(&entities, "the New York City Ballet of Chess", false),
            ["new york city ballet", "new york", "york", "chess"]
        );
        assert_eq!(met(&entities, "in new york, only mentioned", false), Vec::<String>::new());
        assert_eq!(met(&entities, "in new york, Only Mentioned", true), ["new york"]);
    }

    #[test]
    fn clashing_hashes_stay_apart() {
        let mut entities = Entities::default();
        let a = entities.add("a", 0);
        // A clash made by hand: the place of "b" is taken by another entity.
        entities.by_hash.insert(hash_name("b"), a);
        let b = entities.add("b", 1);
        assert_eq!((entities.find("a"), entities.find("b"), entities.find("c")), (Some(a), Some(b), None));
    }
}
