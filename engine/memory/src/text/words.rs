//! Cuts text into words with what lies between them, so that names can be told from sentences.
//!
//! A word is a run of letters and digits, with apostrophes inside it. Full stops after initials and common
//! abbreviations do not end a sentence. Folding (lower case, no diacritics) happens here and nowhere else.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

/// What separates a word from the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// Start of the text, end of a sentence, a line break.
    Sentence,
    /// Punctuation that ends a phrase but not a sentence.
    Phrase,
    /// A comma, which titles may contain.
    Comma,
    /// White space, a hyphen or an ampersand: the phrase goes on.
    Joined,
}

/// One word of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Word<'a> {
    /// As written.
    pub text: &'a str,
    /// Byte offset in the text.
    pub start: usize,
    /// Lower case, without diacritics and without a possessive ending.
    pub folded: String,
    /// What stands before it.
    pub gap: Gap,
    /// Begins with an upper-case letter.
    pub capital: bool,
}

impl Word<'_> {
    /// All digits.
    pub fn is_number(&self) -> bool {
        self.folded.bytes().all(|byte| byte.is_ascii_digit())
    }

    /// A number that reads as a year.
    pub fn is_year(&self) -> bool {
        self.folded.len() == 4 && self.is_number() && (b'1'..=b'2').contains(&self.folded.as_bytes()[0])
    }
}

/// Abbreviations whose full stop ends nothing.
const ABBREVIATIONS: [&str; 16] =
    ["mr", "mrs", "ms", "dr", "st", "mt", "jr", "sr", "prof", "rev", "gen", "lt", "col", "capt", "vs", "no"];

/// Lower case, compatibility forms unified, diacritics dropped, possessive ending dropped.
pub fn fold(word: &str) -> String {
    let mut folded = if word.is_ascii() {
        word.to_ascii_lowercase()
    } else {
        word.nfkd()
            .filter(|c| !is_combining_mark(*c))
            .flat_map(char::to_lowercase)
            .map(|c| if c == '’' { '\'' } else { c })
            .collect()
    };
    if folded.ends_with("'s") {
        folded.truncate(folded.len() - 2);
    }
    folded.retain(|c| c != '\'');
    folded
}

/// Cuts a text into words.
pub fn words(text: &str) -> Vec<Word<'_>> {
    let mut found: Vec<Word<'_>> = Vec::with_capacity(text.len() / 6 + 1);
    let mut gap = Gap::Sentence;
    let mut chars = text.char_indices().peekable();
    while let Some((start, c)) = chars.next() {
        if !c.is_alphanumeric() {
            gap = widen(gap, c, found.last());
            continue;
        }
        let mut end = start + c.len_utf8();
        while let Some(&(at, next)) = chars.peek() {
            let inside =
                next.is_alphanumeric() || is_combining_mark(next) || is_inner_apostrophe(text, at, next);
            if !inside {
                break;
            }
            end = at + next.len_utf8();
            chars.next();
        }
        let word = &text[start..end];
        let folded = fold(word);
        if !folded.is_empty() {
            found.push(Word { text: word, start, folded, gap, capital: c.is_uppercase() });
            gap = Gap::Joined;
        }
    }
    found
}

/// An apostrophe between two letters belongs to the word.
fn is_inner_apostrophe(text: &str, at: usize, c: char) -> bool {
    matches!(c, '\'' | '’') && text[at + c.len_utf8()..].chars().next().is_some_and(char::is_alphanumeric)
}

/// The gap so far, after one more character that belongs to no word.
fn widen(gap: Gap, c: char, last: Option<&Word<'_>>) -> Gap {
    let step = match c {
        '.' if last.is_some_and(ends_nothing) => Gap::Joined,
        '.' | '!' | '?' | '\n' | '\r' => Gap::Sentence,
        ',' => Gap::Comma,
        c if c.is_whitespace() => Gap::Joined,
        '-' | '‐' | '‑' | '&' | '\'' | '’' | '_' => Gap::Joined,
        _ => Gap::Phrase,
    };
    match (gap, step) {
        (Gap::Sentence, _) | (_, Gap::Sentence) => Gap::Sentence,
        (Gap::Phrase, _) | (_, Gap::Phrase) => Gap::Phrase,
        (Gap::Comma, _) | (_, Gap::Comma) => Gap::Comma,
        _ => Gap::Joined,
    }
}

/// An initial or an abbreviation: its full stop ends nothing.
fn ends_nothing(word: &Word<'_>) -> bool {
    (word.capital && word.text.chars().count() == 1) || ABBREVIATIONS.contains(&word.folded.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folded(text: &str) -> Vec<String> {
        words(text).into_iter().map(|word| word.folded).collect()
    }

    #[test]
    fn folds_case_diacritics_and_possessives() {
        assert_eq!(folded("São Paulo’s Ünïted CLUB's"), ["sao", "paulo", "united", "club"]);
        assert_eq!(folded("don't O'Brien"), ["dont", "obrien"]);
        assert_eq!(folded("ﬁre 5 x²"), ["fire", "5", "x2"]);
    }

    #[test]
    fn initials_do_not_end_sentences() {
        let text = "J. R. R. Tolkien met Dr. Who. Then, later: he left";
        let gaps: Vec<Gap> = words(text).into_iter().map(|word| word.gap).collect();
        use Gap::*;
        assert_eq!(
            gaps,
            [Sentence, Joined, Joined, Joined, Joined, Joined, Joined, Sentence, Comma, Phrase, Joined]
        );
    }

    #[test]
    fn hostile_text_is_cut_without_loss_of_place() {
        for text in ["", "...", "\u{301}a\u{301}", "'''", "a'", "🦀x🦀", "\u{202e}abc", "x\u{0}y"] {
            for word in words(text) {
                assert_eq!(&text[word.start..word.start + word.text.len()], word.text);
            }
        }
    }
}
