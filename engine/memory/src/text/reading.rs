//! A text taken apart: all that can be said of it without knowing what is stored.

use super::names::{Names, names};
use super::terms::index_terms_of;
use super::words::{Word, words};
use crate::state::content_hash;

/// Names, words and terms of one text.
pub struct Reading<'a> {
    /// The text itself.
    pub text: &'a str,
    /// Its own names.
    pub names: Names,
    /// Its words in order.
    pub words: Vec<Word<'a>>,
    /// What the lexical index holds of it, see [`index_terms_of`].
    pub terms: Vec<String>,
    /// Hash of the content alone, see [`content_hash`].
    pub content_hash: u64,
}

impl<'a> Reading<'a> {
    /// Reads a searchable text that begins with `content`; `has_subject` as for [`names`].
    pub fn of(text: &'a str, content: &str, has_subject: bool) -> Self {
        let words = words(text);
        Reading {
            text,
            names: names(text, has_subject),
            terms: index_terms_of(text, &words),
            content_hash: content_hash(content),
            words,
        }
    }

    /// The names without their counts.
    pub fn own_names(&self) -> Vec<&str> {
        self.names.mentions.iter().map(|(name, _)| name.as_str()).collect()
    }
}
