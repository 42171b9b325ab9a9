//! Which model made a vector.
//!
//! Vectors of two models must never meet in one index. The identity goes into the log when a data folder is made, and a
//! folder is refused when the model at hand is another one; what counts is the fingerprint, not the name.

use std::fmt;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// Name, width and fingerprint of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelIdentity {
    /// For people: `cortexkg-static-256`, the folder's name, or the endpoint's model.
    pub name: String,
    /// Length of its vectors.
    pub dim: u32,
    /// sha256, in hex, of everything local that shapes a vector (weights, tokenizer, pooling, truncation); `url#model`
    /// for an endpoint, whose weights cannot be seen.
    pub fingerprint: String,
}

impl ModelIdentity {
    /// Whether vectors of the two models may be compared: same fingerprint and width, whatever the names.
    pub fn same_vectors(&self, other: &Self) -> bool {
        self.fingerprint == other.fingerprint && self.dim == other.dim
    }
}

impl fmt::Display for ModelIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} dimensions, {})", self.name, self.dim, self.fingerprint)
    }
}

/// A running hash over named parts; names and lengths are hashed too, so that no two lists of parts run together.
pub(crate) struct Fingerprint(Sha256);

impl Fingerprint {
    pub(crate) fn new() -> Self {
        Self(Sha256::new())
    }

    pub(crate) fn part(mut self, name: &str, bytes: &[u8]) -> Self {
        for piece in [name.as_bytes(), bytes] {
            self.0.update((piece.len() as u64).to_le_bytes());
            self.0.update(piece);
        }
        self
    }

    pub(crate) fn hex(self) -> String {
        to_hex(&self.0.finalize())
    }
}

/// Lower-case hex.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    use fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("this is a bug: writing to a String failed");
        hex
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_do_not_run_together() {
        let of = |parts: &[(&str, &str)]| {
            parts.iter().fold(Fingerprint::new(), |f, (n, b)| f.part(n, b.as_bytes())).hex()
        };
        let all = [
            of(&[("a", "bc"), ("d", "")]),
            of(&[("ab", "c"), ("d", "")]),
            of(&[("a", "bcd")]),
            of(&[("d", ""), ("a", "bc")]),
        ];
        for (i, x) in all.iter().enumerate() {
            assert_eq!(x.len(), 64);
            assert!(all[i + 1..].iter().all(|y| y != x));
        }
    }

    #[test]
    fn the_name_does_not_make_a_model() {
        let a = ModelIdentity { name: "minilm".into(), dim: 384, fingerprint: "f".into() };
        assert!(a.same_vectors(&ModelIdentity { name: "other".into(), ..a.clone() }));
        assert!(!a.same_vectors(&ModelIdentity { fingerprint: "g".into(), ..a.clone() }));
        assert!(!a.same_vectors(&ModelIdentity { dim: 256, ..a.clone() }));
    }
}
