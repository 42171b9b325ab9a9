//! What a text is indexed by and asked with: one reading for both, so that what is stored and what is asked always meet.
//!
//! A unit is a word, or a few words that also mean something together: an identifier, a number, a version, a date, a time.

use super::chars::{Class, class_of, is_han, is_katakana};
use super::clock::time_at;
use super::dates::{Date, date_at};
use super::fold::{fold, fold_umlauts};
use super::stopwords::is_stopword;
use super::words::{Word, words};

/// Longest spelling of several words as one, bytes.
const WHOLE_BYTES_MAX: usize = 64;
/// Most words of one identifier or path.
const RUN_WORDS_MAX: usize = 16;
/// Most parts a word is split into by its digits.
const PARTS_MAX: usize = 6;

/// What sort of unit it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// One word.
    Word,
    /// A function word: it counts where nothing else does.
    Function,
    /// One word that is written as several, as `retryBudgetMs` is.
    Camel,
    /// Words joined by signs, as in `retry-budget` or `src/main.rs`.
    Joined,
    /// A number or a version: its value is all of it.
    Value,
    /// A day, a month, a time of day.
    Time,
    /// A segment of a script without spaces: its parts stand for it where it is not known.
    Segment,
}

/// One unit of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unit {
    /// What sort it is.
    pub kind: Kind,
    /// The words it covers, by index: one past the last.
    pub span: (usize, usize),
    /// Its words in order, where they are its own; a unit over several words leaves them to those.
    pub words: Vec<String>,
    /// What it is as a whole, best first: other spellings, values, dates.
    pub wholes: Vec<String>,
}

impl Unit {
    fn over(kind: Kind, span: (usize, usize), wholes: Vec<String>) -> Self {
        Unit { kind, span, words: Vec::new(), wholes }
    }
}

/// The units of a text: those of single words in order, then those over several.
pub fn units(text: &str) -> Vec<Unit> {
    units_of(text, &words(text))
}

/// The units of words already cut.
pub fn units_of(text: &str, cut: &[Word<'_>]) -> Vec<Unit> {
    let mut found: Vec<Unit> = cut.iter().enumerate().map(|(at, word)| unit_of(at, word)).collect();
    add_times(text, cut, &mut found);
    add_runs(text, cut, &mut found);
    add_bigrams(text, cut, &mut found);
    if found.is_empty() {
        found.extend(signs(text));
    }
    found
}

fn unit_of(at: usize, word: &Word<'_>) -> Unit {
    let span = (at, at + 1);
    let first = word.text.chars().next().unwrap_or(' ');
    match class_of(first) {
        Class::EastAsian | Class::SouthEastAsian | Class::Hangul => {
            return Unit { kind: Kind::Segment, span, words: vec![word.folded.clone()], wholes: Vec::new() };
        }
        _ => {}
    }
    if is_stopword(&word.folded) {
        return Unit { kind: Kind::Function, span, words: vec![word.folded.clone()], wholes: Vec::new() };
    }
    let humps = humps(word.text);
    if humps.len() > 1 {
        let words = humps.iter().map(|hump| fold(hump)).filter(|hump| !hump.is_empty()).collect();
        return Unit { kind: Kind::Camel, span, words, wholes: vec![word.folded.clone()] };
    }
    let mut wholes: Vec<String> = fold_umlauts(word.text).into_iter().collect();
    if let Some((article, rest)) = word.text.split_once(['\'', '’'])
        && article.len() <= 2
        && rest.len() > 2
    {
        // French and Italian articles: `l'école` is a school.
        wholes.push(fold(rest));
    }
    Unit { kind: Kind::Word, span, words: vec![word.folded.clone()], wholes }
}

/// The parts of a word by its capitals: `HTTPServerName` is `HTTP`, `Server`, `Name`. A name such as `McDonald` is split too.
fn humps(word: &str) -> Vec<&str> {
    let bytes = word.as_bytes();
    if bytes.len() < 3 || !bytes.is_ascii() || !bytes[1..].iter().any(u8::is_ascii_uppercase) {
        return vec![word];
    }
    let mut parts = Vec::new();
    let mut start = 0;
    for at in 1..bytes.len() {
        let rises =
            bytes[at].is_ascii_uppercase() && !bytes[at - 1].is_ascii_uppercase() && bytes[at - 1] != b'\'';
        let ends_capitals = at + 1 < bytes.len()
            && bytes[at].is_ascii_uppercase()
            && bytes[at - 1].is_ascii_uppercase()
            && bytes[at + 1].is_ascii_lowercase()
            // A plural of capitals is no hump: `URLs`.
            && &word[at + 1..] != "s";
        if rises || ends_capitals {
            parts.push(&word[start..at]);
            start = at;
        }
    }
    parts.push(&word[start..]);
    parts
}

/// Letters and digits of a word apart, where it mixes them: `12kg`, `utf8`.
pub fn digit_parts(folded: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    let mut was_digit = folded.starts_with(|c: char| c.is_ascii_digit());
    for (at, c) in folded.char_indices() {
        if c.is_ascii_digit() != was_digit {
            parts.push(&folded[start..at]);
            start = at;
            was_digit = !was_digit;
        }
    }
    parts.push(&folded[start..]);
    if parts.len() == 1 || parts.len() > PARTS_MAX {
        return Vec::new();
    }
    parts.retain(|part| part.len() > 1 || part.as_bytes()[0].is_ascii_digit());
    parts
}

/// Dates and times of day.
fn add_times(text: &str, cut: &[Word<'_>], found: &mut Vec<Unit>) {
    let mut at = 0;
    while at < cut.len() {
        let rest = &cut[at..];
        if let Some((taken, minutes)) = time_at(text, rest) {
            let whole = format!("@{:02}:{:02}", minutes / 60, minutes % 60);
            found.push(Unit::over(Kind::Time, (at, at + taken), vec![whole]));
            at += taken;
            continue;
        }
        match date_at(text, rest) {
            Some((taken, date)) if date.month.is_some() => {
                found.push(Unit::over(Kind::Time, (at, at + taken), date_terms(date)));
                at += taken;
            }
            _ => at += 1,
        }
    }
}

/// The terms of a date: the day, the other day it could be, the day of any year, the month.
fn date_terms(date: Date) -> Vec<String> {
    let mut terms = Vec::new();
    let readings = [Some(date), date.other()];
    for read in readings.into_iter().flatten() {
        if let (Some(month), Some(day)) = (read.month, read.day) {
            terms.extend(read.year.map(|year| format!("@{year}-{month:02}-{day:02}")));
        }
    }
    for read in readings.into_iter().flatten() {
        if let (Some(month), Some(day)) = (read.month, read.day) {
            terms.push(format!("@-{month:02}-{day:02}"));
        }
    }
    if let (Some(year), Some(month)) = (date.year, date.month) {
        terms.push(format!("@{year}-{month:02}"));
    }
    terms
}

/// What lies between two words.
fn between<'a>(text: &'a str, a: &Word<'_>, b: &Word<'_>) -> &'a str {
    text.get(a.start + a.text.len()..b.start).unwrap_or(" ")
}

/// Signs that join words to an identifier, a path, a number.
fn joins(sign: &str) -> bool {
    !sign.is_empty() && sign.len() <= 3 && sign.bytes().all(|byte| b"_-./\\:@#+~=&?%'".contains(&byte))
}

/// Identifiers, paths, addresses, numbers and versions.
fn add_runs(text: &str, cut: &[Word<'_>], found: &mut Vec<Unit>) {
    let mut start = 0;
    while start < cut.len() {
        let mut end = start + 1;
        while end < cut.len() && joins(between(text, &cut[end - 1], &cut[end])) {
            end += 1;
        }
        if end - start > 1 && end - start <= RUN_WORDS_MAX {
            add_run(text, cut, (start, end), found);
        }
        start = end;
    }
    add_numbers(text, cut, found);
}

fn add_run(text: &str, cut: &[Word<'_>], (start, end): (usize, usize), found: &mut Vec<Unit>) {
    if let Some(wholes) = version(text, &cut[start..end]) {
        found.push(Unit::over(Kind::Value, (start, end), wholes));
        return;
    }
    let mut whole = |from: usize, to: usize| {
        let joined: String = cut[from..to].iter().map(|word| word.folded.as_str()).collect();
        if to - from > 1 && joined.len() <= WHOLE_BYTES_MAX && !is_stopword(&joined) {
            found.push(Unit::over(Kind::Joined, (from, to), vec![joined]));
        }
    };
    whole(start, end);
    // The last and the middle parts of a path or an address are asked for by themselves.
    let is_border =
        |at: usize| between(text, &cut[at - 1], &cut[at]).contains(['/', '\\', ':', '@', '?', '&', '=']);
    let mut from = start;
    for at in start + 1..=end {
        if at == end || is_border(at) {
            if (from, at) != (start, end) {
                whole(from, at);
            }
            from = at;
        }
    }
}

/// `1.20.3` or `v1.20`: the whole, then its heads, each with its points, so that 1.2 is not 1.20.
fn version(text: &str, run: &[Word<'_>]) -> Option<Vec<String>> {
    let digits = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let first = run[0].folded.strip_prefix('v').unwrap_or(&run[0].folded);
    if !digits(first) {
        return None;
    }
    let mut heads = Vec::new();
    let mut head = first.to_owned();
    for at in 1..run.len() {
        if between(text, &run[at - 1], &run[at]) != "." || !digits(&run[at].folded) {
            break;
        }
        head.push('.');
        head.push_str(&run[at].folded);
        heads.push(head.clone());
    }
    heads.reverse();
    // What ends in three digits may be a number with its thousands marked.
    if run.len() == heads.len() + 1 && run[1..].iter().all(|word| word.folded.len() == 3) && first.len() <= 3
    {
        heads.push(head.replace('.', ""));
    }
    (!heads.is_empty()).then_some(heads)
}

/// Numbers with marks or spaces between their thousands, and decimals with a comma.
fn add_numbers(text: &str, cut: &[Word<'_>], found: &mut Vec<Unit>) {
    let is_group = |word: &Word<'_>, len: usize| word.is_number() && word.folded.len() <= len;
    let mut at = 0;
    while at + 1 < cut.len() {
        let sign = between(text, &cut[at], &cut[at + 1]);
        let marks = matches!(sign, "," | " " | "'" | "’" | "_" | "\u{a0}" | "\u{202f}" | "\u{2009}");
        if !marks || !is_group(&cut[at], 3) || cut[at].folded.starts_with('0') {
            at += 1;
            continue;
        }
        let mut end = at + 1;
        while end < cut.len()
            && between(text, &cut[end - 1], &cut[end]) == sign
            && is_group(&cut[end], 3)
            && cut[end].folded.len() == 3
        {
            end += 1;
        }
        if end > at + 1 {
            let value: String = cut[at..end].iter().map(|word| word.folded.as_str()).collect();
            found.push(Unit::over(Kind::Value, (at, end), vec![value]));
        } else if sign == "," && cut[end].is_number() {
            let value = format!("{}.{}", cut[at].folded, cut[end].folded);
            found.push(Unit::over(Kind::Value, (at, at + 2), vec![value]));
        }
        at = end;
    }
}

/// Pairs of characters across segments: a segmenter may cut the same word differently in another sentence. They are units
/// without words, since the segments count already.
fn add_bigrams(text: &str, cut: &[Word<'_>], found: &mut Vec<Unit>) {
    for at in 1..cut.len() {
        let (a, b) = (&cut[at - 1], &cut[at]);
        if between(text, a, b).is_empty()
            && let (Some(last), Some(first)) = (a.folded.chars().last(), b.folded.chars().next())
            && class_of(last) == Class::EastAsian
            && class_of(first) == Class::EastAsian
        {
            let pair = [last, first].iter().collect();
            found.push(Unit::over(Kind::Segment, (at - 1, at + 1), vec![pair]));
        }
    }
}

/// The parts by which a segment is found where it is not known as a whole: pairs of characters; of scripts whose letters
/// carry little, threes.
pub fn pieces(segment: &str) -> Vec<String> {
    let chars: Vec<char> = segment.chars().collect();
    let size = match chars.first().map(|c| class_of(*c)) {
        Some(Class::SouthEastAsian) => 3,
        _ => 2,
    };
    if chars.len() <= size {
        Vec::new()
    } else {
        chars.windows(size).map(|piece| piece.iter().collect()).collect()
    }
}

/// The single characters of a segment that are words of their own often enough: Han ones.
pub fn han_of(segment: &str) -> impl Iterator<Item = String> {
    segment.chars().filter(|c| is_han(*c)).map(String::from)
}

/// Whether a segment is a word of its own whatever stands beside it.
pub fn is_katakana_word(segment: &str) -> bool {
    segment.chars().all(is_katakana)
}

/// A text without any word is found by its signs.
fn signs(text: &str) -> Vec<Unit> {
    let visible = |c: &char| class_of(*c) == Class::Other && !c.is_whitespace() && !c.is_control();
    let sign =
        |c: char| Unit { kind: Kind::Word, span: (0, 0), words: vec![c.to_string()], wholes: Vec::new() };
    text.chars().filter(visible).map(sign).collect()
}
