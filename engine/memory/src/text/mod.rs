//! From text to what can be counted: words, terms, names.

pub mod change;
pub mod chars;
pub mod clock;
pub mod dates;
pub mod fold;
pub mod intent;
pub mod names;
pub mod openers;
pub mod parts;
pub mod reading;
pub mod stem;
pub mod stopwords;
pub mod terms;
pub mod times;
pub mod units;
pub mod wanted;
pub mod words;

pub use terms::is_findable;

/// Version of all that turns text into terms and names. What was derived from texts by another version is derived anew.
pub const ANALYSER_VERSION: u32 = 2;
