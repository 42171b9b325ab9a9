//! Machine code as it is kept in a [`CodeCache`]: under a name that says all it depends on, and sealed.

use sha2::{Digest, Sha256};

use super::nvrtc;
use crate::code_cache::CodeCache;

/// Raised when the form of what is kept changes.
const FORM: &[u8] = b"cortexkg cuda code 1";
/// Bytes of a seal.
const SEAL_BYTES: usize = 32;

/// The name of the code of a text: a hash of the text with its numbers, the architecture, the options and the compiler.
pub(super) fn key(text: &str, arch: &str, (major, minor): (i32, i32)) -> String {
    let compiler = format!("{major}.{minor}");
    let options = nvrtc::OPTIONS.join(" ");
    hex(&hash(&[FORM, text.as_bytes(), arch.as_bytes(), options.as_bytes(), compiler.as_bytes()]))
}

/// The code under a key, if all of it came back.
pub(super) fn get(cache: &dyn CodeCache, key: &str) -> Option<Vec<u8>> {
    let kept = cache.get(key)?;
    let (seal, code) = kept.split_at_checked(SEAL_BYTES)?;
    (seal == hash(&[key.as_bytes(), code])).then(|| code.to_vec())
}

/// Keeps code under a key. The seal is of both, so that code under another's name is noticed as well.
pub(super) fn put(cache: &dyn CodeCache, key: &str, code: &[u8]) {
    let seal = hash(&[key.as_bytes(), code]);
    cache.put(key, &[&seal[..], code].concat());
}

/// SHA-256 of parts, each after its length, so that no two lists of parts are the same bytes.
fn hash(parts: &[&[u8]]) -> [u8; SEAL_BYTES] {
    let mut state = Sha256::new();
    for part in parts {
        state.update((part.len() as u64).to_le_bytes());
        state.update(part);
    }
    state.finalize().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::HashMap;
    use std::sync::Mutex;

    use proptest::prelude::*;

    use super::*;

    /// A cache in memory, which counts what it was asked.
    #[derive(Debug, Default)]
    pub struct InMemory {
        pub entries: Mutex<HashMap<String, Vec<u8>>>,
        pub puts: Mutex<usize>,
    }

    impl CodeCache for InMemory {
        fn get(&self, key: &str) -> Option<Vec<u8>> {
            self.entries.lock().expect("no panic in a test").get(key).cloned()
        }

        fn put(&self, key: &str, bytes: &[u8]) {
            *self.puts.lock().expect("no panic in a test") += 1;
            self.entries.lock().expect("no panic in a test").insert(key.to_owned(), bytes.to_vec());
        }
    }

    #[test]
    fn the_name_depends_on_all_that_the_code_depends_on() {
        let name = key("text", "sm_90", (13, 0));
        assert!(name.len() == 64 && name.bytes().all(|byte| byte.is_ascii_hexdigit()), "{name}");
        assert_eq!(name, key("text", "sm_90", (13, 0)));
        let others = [
            key("texts", "sm_90", (13, 0)),
            key("text", "sm_100", (13, 0)),
            key("text", "sm_90", (13, 1)),
            key("texts", "m_90", (13, 0)),
        ];
        assert!(!others.contains(&name));
    }

    proptest! {
        #[test]
        fn what_does_not_come_back_whole_does_not_come_back(
            code in prop::collection::vec(any::<u8>(), 0..300),
            place in any::<prop::sample::Index>(),
            bit in 0..8u32,
        ) {
            let cache = InMemory::default();
            put(&cache, "name", &code);
            prop_assert_eq!(get(&cache, "name"), Some(code));
            prop_assert_eq!(get(&cache, "other"), None);
            let whole = cache.get("name").expect("put before");
            let damaged = |bytes: &[u8], name: &str| {
                cache.put(name, bytes);
                get(&cache, name).is_none()
            };
            prop_assert!(damaged(&whole, "another name"));
            prop_assert!(damaged(&whole[..place.index(whole.len())], "name"));
            prop_assert!(damaged(&[&whole[..], &[0]].concat(), "name"));
            let mut wrong = whole.clone();
            wrong[place.index(whole.len())] ^= 1 << bit;
            prop_assert!(damaged(&wrong, "name"));
        }
    }
}
