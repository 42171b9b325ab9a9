//! What makes a row of JSON lines the same row the next time: where it stands and what it says.
//!
//! The key of a row is the SHA-256 of the file's canonical path, the row's own place names and its content, and how many
//! equal rows came before it in the file. So importing twice, or again after a kill, stores nothing twice; a line put
//! in front of others changes no key but its own; and equal turns of one conversation all stay.

use std::collections::HashMap;
use std::path::Path;

use cortexkg_engine::request::Store;
use sha2::{Digest, Sha256};

/// Keys of one file.
pub struct Identity {
    source: String,
    seen: HashMap<[u8; 16], u32>,
}

impl Identity {
    /// Keys for rows of `file`.
    pub fn of(file: &Path) -> Self {
        let canonical = file.canonicalize().unwrap_or_else(|_| file.to_path_buf());
        Identity { source: canonical.to_string_lossy().into_owned(), seen: HashMap::new() }
    }

    /// The key of the next row.
    pub fn key(&mut self, store: &Store) -> String {
        let mut hash = Sha256::new();
        let sequence = store.place.as_ref().map_or("", |place| &place.sequence);
        for part in [&self.source, store.source.as_deref().unwrap_or(""), sequence, &store.content] {
            // Lengths first, so that no two lists of parts read the same.
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part.as_bytes());
        }
        let digest = hash.clone().finalize();
        let name: [u8; 16] =
            digest[..16].try_into().unwrap_or_else(|_| unreachable!("a digest has 32 bytes"));
        let nth = self.seen.entry(name).or_insert(0);
        hash.update(nth.to_le_bytes());
        *nth += 1;
        hash.finalize().iter().fold(String::from("import-"), |mut key, byte| {
            use std::fmt::Write;
            let _ = write!(key, "{byte:02x}");
            key
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortexkg_engine::request::Place;

    fn saying(content: &str) -> Store {
        Store { content: content.into(), ..Store::default() }
    }

    fn keys(path: &str, rows: &[Store]) -> Vec<String> {
        let mut identity = Identity::of(Path::new(path));
        rows.iter().map(|row| identity.key(row)).collect()
    }

    #[test]
    fn a_repeat_has_the_same_keys_and_an_insertion_only_its_own() {
        let first = keys("a", &[saying("one"), saying("two")]);
        assert_eq!(first, keys("a", &[saying("one"), saying("two")]));
        let later = keys("a", &[saying("zero"), saying("one"), saying("two")]);
        assert_eq!(later[1..], first[..]);
        assert!(!first.contains(&later[0]));
    }

    #[test]
    fn equal_texts_are_told_apart_by_order_file_source_and_session() {
        let mut sourced = saying("ok");
        sourced.source = Some("chat".into());
        let mut placed = saying("ok");
        placed.place = Some(Place { sequence: "s1".into(), part: 0, parts: None });
        let mut all = keys("a", &[saying("ok"), saying("ok"), sourced, placed]);
        all.extend(keys("b", &[saying("ok")]));
        let distinct: std::collections::HashSet<_> = all.iter().collect();
        assert_eq!(distinct.len(), all.len());
        assert!(all.iter().all(|key| key.len() <= 200));
    }
}
