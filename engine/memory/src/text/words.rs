//! Cuts text into words with what lies between them, so that names can be told from sentences.
//!
//! A word is a run of letters and digits, with apostrophes inside it; in scripts without spaces a segment of
//! `icu_segmenter`; or one picture. Full stops after initials and common abbreviations do not end a sentence.

use icu_segmenter::WordSegmenter;
use icu_segmenter::options::WordBreakInvariantOptions;

use super::chars::{Class, JOINER, class_of, is_emoji, is_flag_half, is_ignorable, is_mark, is_skin_tone};
pub use super::fold::fold;

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

/// Cuts a text into words.
pub fn words(text: &str) -> Vec<Word<'_>> {
    let mut found: Vec<Word<'_>> = Vec::with_capacity(text.len() / 6 + 1);
    let mut gap = Gap::Sentence;
    let mut at = 0;
    while let Some(c) = text[at..].chars().next() {
        let class = class_of(c);
        let end = match class {
            Class::Ignorable => {
                at += c.len_utf8();
                continue;
            }
            Class::Other => {
                gap = widen(gap, c, found.last());
                at += c.len_utf8();
                continue;
            }
            Class::Emoji => emoji_end(text, at),
            _ => run_end(text, at, class),
        };
        let mut push = |start: usize, end: usize| {
            let word = &text[start..end];
            let folded = fold(word);
            if !folded.is_empty() {
                found.push(Word { text: word, start, folded, gap, capital: c.is_uppercase() });
                gap = Gap::Joined;
            }
        };
        match class {
            Class::EastAsian | Class::SouthEastAsian => segments(text, at, end, push),
            _ => push(at, end),
        }
        at = end;
    }
    found
}

/// Where a run of one class ends, marks and invisible characters included.
fn run_end(text: &str, start: usize, class: Class) -> usize {
    let mut end = start;
    for (at, c) in text[start..].char_indices().map(|(at, c)| (start + at, c)) {
        let own = class_of(c);
        let inside = own == class
            || is_mark(c)
            // A break that shows nothing still parts words where nothing else does.
            || (own == Class::Ignorable && !(c == '\u{200b}' && class == Class::SouthEastAsian))
            || (class == Class::Spaced && is_inner_apostrophe(text, at, c));
        if !inside {
            break;
        }
        end = at + c.len_utf8();
    }
    end
}

/// Where a picture ends: what it is joined with belongs to it, and so do its skin tone and its form.
fn emoji_end(text: &str, start: usize) -> usize {
    let mut chars = text[start..].char_indices().map(|(at, c)| (start + at, c)).peekable();
    let Some((_, first)) = chars.next() else { return start };
    let mut end = start + first.len_utf8();
    let mut joined = false;
    let mut flag = is_flag_half(first);
    while let Some(&(at, c)) = chars.peek() {
        let inside = is_ignorable(c)
            || is_skin_tone(c)
            || is_mark(c)
            || (joined && is_emoji(c))
            || (flag && is_flag_half(c));
        if !inside {
            break;
        }
        flag &= !is_flag_half(c);
        joined = c == JOINER;
        end = at + c.len_utf8();
        chars.next();
    }
    end
}

/// Cuts a run of a script without spaces.
fn segments(text: &str, start: usize, end: usize, mut push: impl FnMut(usize, usize)) {
    let segmenter = WordSegmenter::new_auto(WordBreakInvariantOptions::default());
    let mut from = start;
    for to in segmenter.segment_str(&text[start..end]).skip(1).map(|to| start + to) {
        push(from, to);
        from = to;
    }
}

/// An apostrophe between two letters belongs to the word.
fn is_inner_apostrophe(text: &str, at: usize, c: char) -> bool {
    matches!(c, '\'' | '’') && text[at + c.len_utf8()..].chars().next().is_some_and(char::is_alphanumeric)
}

/// The gap so far, after one more character that belongs to no word.
fn widen(gap: Gap, c: char, last: Option<&Word<'_>>) -> Gap {
    let step = match c {
        '.' if last.is_some_and(ends_nothing) => Gap::Joined,
        '.' | '!' | '?' | '\n' | '\r' | '。' | '！' | '？' | '｡' | '؟' | '۔' | '।' | '॥' => {
            Gap::Sentence
        }
        ',' | '、' | '，' | '،' => Gap::Comma,
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
    fn scripts_without_spaces_are_cut_and_pictures_are_words() {
        assert_eq!(folded("医生开了眼药水。").concat(), "医生开了眼药水");
        assert!(folded("ฉันชอบกินข้าว").len() > 2);
        assert_eq!(folded("3월 26일 12kg"), ["3", "월", "26", "일", "12kg"]);
        assert_eq!(folded("🦊👩🏽\u{200d}🚒 🇩🇪🇫🇷 ok"), ["🦊", "👩🚒", "🇩🇪", "🇫🇷", "ok"]);
        assert_eq!(folded("co\u{ad}op दिन \u{200b}x"), ["coop", "दिन", "x"]);
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
        for text in [
            "",
            "...",
            "\u{301}a\u{301}",
            "'''",
            "a'",
            "🦀x🦀",
            "\u{202e}abc",
            "x\u{0}y",
            "眼药水。",
            "ภาษาไทย\u{200b}",
            "👩🏽\u{200d}🚒🇩🇪🇫",
            "\u{200b}",
            "한국어3월",
        ] {
            for word in words(text) {
                assert_eq!(&text[word.start..word.start + word.text.len()], word.text);
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_cut_and_every_word_is_where_it_says(text in "\\PC{0,40}|[\u{0}-\u{10ffff}]{0,24}") {
            let mut last = 0;
            for word in words(&text) {
                proptest::prop_assert!(word.start >= last);
                last = word.start + word.text.len();
                proptest::prop_assert_eq!(&text[word.start..last], word.text);
                proptest::prop_assert_eq!(fold(&word.folded), word.folded.clone());
            }
        }
    }
}
