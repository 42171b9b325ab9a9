//! A text as sentences of tokens: what is a name, what is a key of code, and where one thought ends.

use std::collections::BTreeSet;

use rust_stemmers::{Algorithm, Stemmer};

use crate::text::stopwords::is_stopword;
use crate::text::words::fold;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sort {
    /// A function word.
    Small,
    /// A word with a meaning of its own.
    Word,
    /// Written with a capital where a sentence needs none.
    Name,
    /// A key, path, address or other sign of code.
    Key,
    /// Holds a number.
    Number,
}

/// What follows a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Pause {
    /// A space.
    None,
    /// A comma or a bracket.
    Comma,
    /// A colon or an equals sign.
    Colon,
    /// A semicolon or a dash.
    Clause,
    /// The end of a sentence.
    Sentence,
}

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// As written, without the punctuation around it.
    pub text: String,
    /// Lower case, without diacritics and without a possessive ending.
    pub folded: String,
    /// Its stem; keys are their own.
    pub stem: String,
    /// What it is.
    pub sort: Sort,
    /// What follows.
    pub pause: Pause,
    /// Had a possessive ending.
    pub is_owner: bool,
}

/// Words after whose full stop a sentence goes on.
const ABBREVIATIONS: [&str; 14] =
    ["dr", "mr", "mrs", "ms", "prof", "st", "no", "vs", "e.g", "i.e", "etc", "approx", "ca", "jr"];
/// Signs around a token.
const AROUND: &[char] = &[
    '"', '\'', '“', '”', '‘', '’', '(', ')', '[', ']', '{', '}', '<', '>', ',', '.', ';', ':', '!', '?', '*',
    '`', '…', '«', '»', '„', '|', '#',
];

/// Cuts a text into sentences.
pub fn sentences(text: &str) -> Vec<Vec<Token>> {
    let stemmer = Stemmer::create(Algorithm::English);
    let mut found: Vec<Vec<Token>> = Vec::new();
    for line in text.lines() {
        let mut sentence: Vec<Token> = Vec::new();
        for written in line.split_whitespace().flat_map(assigned) {
            push(&mut sentence, written, &stemmer);
            if sentence.last().is_some_and(|last| last.pause == Pause::Sentence) {
                found.push(std::mem::take(&mut sentence));
            }
        }
        if !sentence.is_empty() {
            found.push(sentence);
        }
    }
    // A word at the start of a sentence is a name if it is one elsewhere.
    let named: BTreeSet<String> = found
        .iter()
        .flatten()
        .filter(|token| token.sort == Sort::Name)
        .map(|token| token.folded.clone())
        .collect();
    for token in found.iter_mut().filter_map(|sentence| sentence.first_mut()) {
        if token.sort == Sort::Word && named.contains(&token.folded) {
            token.sort = Sort::Name;
        }
    }
    found
}

/// `key=value` as three.
fn assigned(written: &str) -> Vec<&str> {
    match written.split_once('=') {
        Some((key, value))
            if !key.is_empty()
                && !value.is_empty()
                && !value.starts_with('=')
                && key.ends_with(|c: char| c.is_alphanumeric() || c == '_')
                && !key.contains("://") =>
        {
            vec![key, "=", value]
        }
        _ => vec![written],
    }
}

fn push(sentence: &mut Vec<Token>, written: &str, stemmer: &Stemmer) {
    if matches!(written, "=" | ":" | "->" | "=>" | "→") {
        pause(sentence, Pause::Colon);
        return;
    }
    let opens = written.starts_with(['(', '[']);
    let bare = written.trim_matches(AROUND);
    let tail = &written[written.rfind(bare).unwrap_or(0) + bare.len()..];
    if opens {
        pause(sentence, Pause::Comma);
    }
    if !bare.chars().any(char::is_alphanumeric) {
        let ends = match written {
            "-" | "–" | "—" | ";" => Pause::Clause,
            "." | "!" | "?" => Pause::Sentence,
            "+" | "-/" | "/" => Pause::None,
            _ => Pause::Comma,
        };
        pause(sentence, ends);
        return;
    }
    let folded = fold(bare);
    let is_owner =
        bare.ends_with("'s") || bare.ends_with("’s") || bare.ends_with("s'") || bare.ends_with("s’");
    let is_first = sentence.is_empty();
    let sort = sort_of(bare, written, &folded, is_first, is_owner);
    let stem = match sort {
        Sort::Key => bare.to_owned(),
        Sort::Word | Sort::Name => stemmer.stem(&folded).into_owned(),
        _ => folded.clone(),
    };
    let pause = if tail.contains(['!', '?'])
        || (tail.contains('.') && !ABBREVIATIONS.contains(&folded.as_str()) && !is_initial(bare))
    {
        Pause::Sentence
    } else if tail.contains(';') {
        Pause::Clause
    } else if tail.contains(':') {
        Pause::Colon
    } else if tail.contains([',', ')', ']']) {
        Pause::Comma
    } else {
        Pause::None
    };
    sentence.push(Token { text: bare.to_owned(), folded, stem, sort, pause, is_owner });
}

fn pause(sentence: &mut [Token], pause: Pause) {
    if let Some(last) = sentence.last_mut() {
        last.pause = last.pause.max(pause);
    }
}

fn is_initial(word: &str) -> bool {
    word.chars().count() == 1 && word.starts_with(char::is_uppercase)
}

fn sort_of(bare: &str, written: &str, folded: &str, is_first: bool, is_owner: bool) -> Sort {
    let has_digit = bare.bytes().any(|byte| byte.is_ascii_digit());
    let has_letter = bare.chars().any(char::is_alphabetic);
    if is_key(bare) {
        return Sort::Key;
    }
    if has_digit && (!has_letter || bare.starts_with(|c: char| c.is_ascii_digit() || "+-€$£".contains(c)))
    {
        return Sort::Number;
    }
    // B14, FL-3307-19
    if has_digit {
        return Sort::Key;
    }
    let is_title = matches!(folded, "dr" | "mr" | "mrs" | "ms" | "prof");
    if is_title || is_stopword(folded) || bare.chars().count() == 1 {
        return Sort::Small;
    }
    let capital = bare.starts_with(char::is_uppercase);
    let shouted = bare.chars().count() > 1 && !bare.chars().any(char::is_lowercase);
    let inner_capital = bare.chars().skip(1).any(char::is_uppercase);
    if capital && (!is_first || is_owner || shouted || inner_capital || written.starts_with(['"', '“'])) {
        return Sort::Name;
    }
    Sort::Word
}

/// `snake_case`, `dotted.key`, `a/path`, `camelCase`, an address.
fn is_key(bare: &str) -> bool {
    let inner = |sign: &str| {
        bare.match_indices(sign).any(|(at, _)| {
            let before = bare[..at].chars().next_back();
            let after = bare[at + sign.len()..].chars().next();
            before.is_some_and(char::is_alphanumeric) && after.is_some_and(char::is_alphanumeric)
        })
    };
    let has_letter = bare.chars().any(char::is_alphabetic);
    let starts_small = bare.starts_with(char::is_lowercase);
    has_letter
        && (bare.contains('_')
            || bare.contains("://")
            || inner("@")
            || inner("::")
            || (inner(".")
                && bare.matches('.').all(|_| true)
                && bare.split('.').any(|part| part.len() > 2)
                && !bare.starts_with(|c: char| c.is_ascii_digit()))
            || bare.starts_with('/')
            || bare.ends_with('/')
            || (bare.matches('/').count() >= 2)
            || (starts_small && bare.chars().skip(1).any(char::is_uppercase)))
}
