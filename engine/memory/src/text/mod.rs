//! From text to what can be counted: words, terms, names.

pub mod change;
pub mod names;
pub mod reading;
pub mod stopwords;
pub mod terms;
pub mod times;
pub mod words;
