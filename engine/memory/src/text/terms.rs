//! Text to terms: the words that carry meaning, stemmed; and, for the lexical index, everything a text can be found by.

use super::chars::{Class, class_of};
use super::stem::stem;
use super::stopwords::is_stopword;
use super::units::{Kind, Unit, digit_parts, han_of, pieces, units, units_of};
use super::words::{Word, words};

/// Marks an entry of [`index_terms`] that stands beside the words of the text: it is found, but adds nothing to the length.
pub const BESIDE: char = '\u{1}';

/// The terms of a text in order, repeats included: stems of words that carry meaning of their own.
pub fn terms(text: &str) -> Vec<String> {
    terms_of(&words(text))
}

/// The terms of words already cut.
pub fn terms_of(words: &[Word<'_>]) -> Vec<String> {
    words.iter().filter(|word| !is_stopword(&word.folded)).map(|word| stem(&word.folded)).collect()
}

/// What a text is indexed by: its words, folded and not stemmed, and beside them (marked by [`BESIDE`]) function words, other
/// spellings, identifiers as wholes, values, dates, parts of segments.
pub fn index_terms(text: &str) -> Vec<String> {
    flatten(&units(text))
}

/// As [`index_terms`] for words already cut.
pub fn index_terms_of(text: &str, words: &[Word<'_>]) -> Vec<String> {
    flatten(&units_of(text, words))
}

/// Whether anything can find a text: false for one of white space and invisible characters alone.
pub fn is_findable(text: &str) -> bool {
    text.chars().any(|c| class_of(c) != Class::Ignorable && !c.is_whitespace() && !c.is_control())
        && !index_terms(text).is_empty()
}

fn flatten(units: &[Unit]) -> Vec<String> {
    let mut found = Vec::with_capacity(units.len() + units.len() / 4);
    for unit in units {
        for word in &unit.words {
            match unit.kind {
                Kind::Function => found.push(beside(word)),
                Kind::Camel if is_stopword(word) => found.push(beside(word)),
                Kind::Segment => {
                    found.push(word.clone());
                    found.extend(pieces(word).iter().map(|piece| beside(piece)));
                    if word.chars().nth(1).is_some() {
                        found.extend(han_of(word).map(|c| beside(&c)));
                    }
                }
                _ => {
                    found.push(word.clone());
                    found.extend(digit_parts(word).into_iter().map(beside));
                }
            }
        }
        found.extend(unit.wholes.iter().map(|whole| beside(whole)));
    }
    found
}

fn beside(word: &str) -> String {
    let mut marked = String::with_capacity(word.len() + 1);
    marked.push(BESIDE);
    marked.push_str(word);
    marked
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflections_meet_and_function_words_go() {
        assert_eq!(terms("The cats were running"), terms("cat runs"));
        assert!(terms("what is the of and").is_empty());
    }

    #[test]
    fn only_what_shows_something_can_be_found() {
        for text in ["\u{200b}", " \n", "\u{ad}\u{2060}", "\u{fe0f}"] {
            assert!(!is_findable(text), "{text:?}");
        }
        for text in ["a", "the", "🦊", "?!", "→", "眼", "\u{200b}x"] {
            assert!(is_findable(text), "{text:?}");
        }
    }

    #[test]
    fn wholes_stand_beside_the_words() {
        let has = |text: &str, term: &str| {
            let found = index_terms(text);
            assert!(found.contains(&format!("{BESIDE}{term}")), "{text}: {found:?}");
        };
        has("parse_invoice_date", "parseinvoicedate");
        has("parseInvoiceDate()", "parseinvoicedate");
        has("PARSE-INVOICE-DATE", "parseinvoicedate");
        has("8,726 people", "8726");
        has("8 726 people", "8726");
        has("v1.20.3", "1.20");
        has("1.20.3", "1.20.3");
        has("Größenau", "groessenau");
        has("June 26th, 2023", "@2023-06-26");
        has("at 3pm", "@15:00");
        has("src/text/words.rs", "wordsrs");
        has("l'école", "ecole");
    }
}
