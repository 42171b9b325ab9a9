//! From text to what can be counted: words, terms, names.

pub mod names;
pub mod parts;
pub mod reading;
pub mod stopwords;
pub mod terms;
pub mod times;
pub mod words;

/// Version of all that turns text into terms and names. What was derived from texts by another version is derived anew.
pub const ANALYSER_VERSION: u32 = 1;
