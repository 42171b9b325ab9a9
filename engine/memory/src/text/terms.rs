//! Text to terms of the lexical index: folded, stemmed, without words that carry no meaning of their own.

use rust_stemmers::{Algorithm, Stemmer};

use super::stopwords::is_stopword;
use super::words::{Word, words};

/// The terms of a text in order, repeats included.
pub fn terms(text: &str) -> Vec<String> {
    terms_of(&words(text))
}

/// The terms of words already cut.
pub fn terms_of(words: &[Word<'_>]) -> Vec<String> {
    let stemmer = Stemmer::create(Algorithm::English);
    words
        .iter()
        .filter(|word| !is_stopword(&word.folded))
        .map(|word| stemmer.stem(&word.folded).into_owned())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflections_meet_and_function_words_go() {
        assert_eq!(terms("The cats were running"), terms("cat runs"));
        assert!(terms("what is the of and").is_empty());
    }
}
