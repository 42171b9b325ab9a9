//! The normal form of a text: two texts are duplicates when theirs are equal.
//!
//! Case, spacing and punctuation that carries no meaning go; everything else stays, since a sign, a digit, a small word, the
//! order of words or the case of a key can turn a statement round. The form itself is compared, never only its hash.

use unicode_normalization::UnicodeNormalization;

/// Punctuation that means nothing at the end of a word. A question mark makes another statement and stays.
const PLAIN: [char; 6] = ['.', ',', ';', ':', '!', '…'];
/// Quotation marks: around a word they mean nothing.
const QUOTES: [char; 9] = ['"', '“', '”', '„', '«', '»', '\'', '‘', '’'];

/// The normal form: words in order, one space between two.
pub fn normal_form(text: &str) -> String {
    let mut form = String::with_capacity(text.len());
    let unified: String = text.nfc().filter_map(unified).collect();
    for written in unified.split_whitespace() {
        let word = bare(written);
        // "red !" is "red!"; but a lone full stop names a folder.
        if word.is_empty() || (word.chars().count() == 1 && matches!(word, "," | ";" | ":" | "!" | "…")) {
            continue;
        }
        if !form.is_empty() {
            form.push(' ');
        }
        push_folded(&mut form, word);
    }
    form
}

/// Hash of a normal form (FNV-1a, 64 bits).
pub fn hash_of(form: &str) -> u64 {
    form.bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// One sign for what is written in several ways; what cannot be seen goes.
fn unified(c: char) -> Option<char> {
    match c {
        '\u{ad}' | '\u{200b}' | '\u{2060}' | '\u{feff}' => None,
        '‘' | '’' => Some('\''),
        '‐' | '‑' | '–' | '—' | '−' => Some('-'),
        '\u{3000}' | '\u{a0}' => Some(' '),
        c => Some(c),
    }
}

/// A word without the punctuation and the quotation marks around it.
fn bare(word: &str) -> &str {
    let mut bare = word.trim_start_matches(QUOTES);
    loop {
        let cut = bare.trim_end_matches(QUOTES);
        let ended = cut.trim_end_matches(PLAIN);
        // After a slash or a sign, a full stop is a folder or an operator.
        let means_nothing =
            ended.chars().next_back().is_some_and(|c| c.is_alphanumeric() || "\"'”)]}%`*_°€$£".contains(c));
        let next = if means_nothing { ended } else { cut };
        if next.len() == bare.len() {
            break;
        }
        bare = next;
    }
    if bare.is_empty() { word } else { bare }
}

/// Adds a word; runs of letters that are written as any sentence may write them lose their case.
fn push_folded(form: &mut String, word: &str) {
    let mut rest = word;
    while !rest.is_empty() {
        let is_part = rest.starts_with(char::is_alphanumeric);
        let end = rest.find(|c: char| c.is_alphanumeric() != is_part).unwrap_or(rest.len());
        let (part, after) = rest.split_at(end);
        if is_part && is_plain(part) {
            form.extend(part.chars().flat_map(char::to_lowercase));
        } else {
            form.push_str(part);
        }
        rest = after;
    }
}

/// Letters alone, in lower case, in upper case, or with one capital at the start. `aB3` and `camelCase` are keys.
fn is_plain(part: &str) -> bool {
    let tail = || part.chars().skip(1);
    !part.chars().any(char::is_numeric)
        && (!tail().any(char::is_uppercase) || !part.chars().any(char::is_lowercase))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_spacing_and_plain_punctuation_make_no_difference() {
        for same in [
            "The anvil is red.",
            "the  anvil is red",
            "The anvil is red",
            "THE ANVIL IS RED!",
            "The anvil, is red !",
        ] {
            assert_eq!(normal_form(same), "the anvil is red", "{same}");
        }
        assert_eq!(normal_form("Say “no” – always…"), normal_form("say \"no\" - always"));
        assert_eq!(normal_form("Cafe\u{301} O’Brien"), normal_form("café O'Brien"));
    }

    #[test]
    fn what_carries_meaning_makes_a_difference() {
        let apart = [
            ("Take the pill before breakfast.", "Take the pill after breakfast."),
            ("Anna owes Ben 20 euros.", "Ben owes Anna 20 euros."),
            ("The alarm is on.", "The alarm is off."),
            ("rm -rf build/", "rm -rf /build"),
            ("balance +300", "balance -300"),
            ("temperature: -5", "temperature: 5"),
            ("if x > 10: stop()", "if x < 10: stop()"),
            ("We chose Postgres over MySQL.", "We chose MySQL over Postgres."),
            ("use tabs, not spaces", "use spaces, not tabs"),
            ("The API key ends in aB3.", "The API key ends in Ab3."),
            ("The key is under the mat.", "The key was under the mat."),
            ("cd ..", "cd ."),
            ("rm -rf .", "rm -rf"),
            ("open foo/..", "open foo/"),
            ("5²", "52"),
            ("Is it red?", "Is it red."),
            ("पानी", "पान"),
            ("が", "か"),
            ("🦊", "🦋"),
        ];
        for (a, b) in apart {
            assert_ne!(normal_form(a), normal_form(b), "{a} / {b}");
        }
    }

    #[test]
    fn nothing_but_signs_is_still_something() {
        for text in ["...", "!!!", "?", "-", "'", "\u{1F98A}"] {
            assert!(!normal_form(text).is_empty() || text == "!", "{text}");
        }
        assert_eq!(normal_form(" \n"), "");
    }
}
