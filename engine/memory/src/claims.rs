//! What a text claims, sentence by sentence, and whether another text claims otherwise.
//!
//! Two claims clash when they are about the same attribute of the same subject and their values exclude each other. Words are
//! not counted over whole texts: a sentence with a value is held against a sentence with a value of the same kind. Without a
//! certain reason nothing is said.

mod changed;
mod contrast;
mod cue;
mod ended;
mod line;
mod named;
mod replaced;
mod token;
mod value;

use std::collections::BTreeSet;

use line::Line;
use token::{Sort, Token};

/// Words from which a text is too long for claims to be read off it.
const LONG: usize = 220;
/// Words from which a text is a passage: more must agree.
const PASSAGE: usize = 60;

/// How two claims differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clash {
    /// The newer text says that a value changed, or that something ended.
    Told,
    /// The same words with another value, nothing said about a change.
    Value,
    /// The same words, denied.
    Denied,
}

/// A text taken apart for its claims.
#[derive(Clone, Debug, Default)]
pub struct Claims {
    lines: Vec<Line>,
    speaker: Option<String>,
    names: BTreeSet<String>,
    words: usize,
}

impl Claims {
    /// Reads a text.
    pub fn of(text: &str) -> Self {
        let (speaker, said) = spoken(text);
        let words = said.split_whitespace().count();
        if words == 0 || words > LONG {
            return Claims { words, ..Claims::default() };
        }
        let mut lines: Vec<Line> = Vec::new();
        for tokens in token::sentences(said) {
            let mut line = Line::of(tokens, said.contains('?'));
            if line.points_back() {
                line.carried = lines.iter().flat_map(Line::names).map(|name| name.stem.clone()).collect();
            }
            lines.push(line);
        }
        let names = lines.iter().flat_map(Line::names).map(|name| name.folded.clone()).collect();
        Claims { lines, speaker: speaker.map(str::to_owned), names, words }
    }

    /// Whether this text, told later, claims otherwise than a known one.
    pub fn clash(&self, known: &Claims) -> Option<Clash> {
        if self.lines.is_empty() || known.lines.is_empty() || self.speaker != known.speaker {
            return None;
        }
        replaced::replaced(self, known)
            .or_else(|| changed::changed(self, known).then_some(Clash::Told))
            .or_else(|| named::named(self, known).then_some(Clash::Told))
            .or_else(|| ended::ended(self, known).then_some(Clash::Told))
    }

    fn is_passage(&self) -> bool {
        self.words > PASSAGE
    }

    fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.lines.iter().flat_map(|line| &line.tokens)
    }
}

/// Whether a text tells of something that happened, so that told again of another day it is another event.
pub fn is_event(text: &str) -> bool {
    const STATES: [&str; 14] = [
        "are", "can", "cannot", "costs", "has", "have", "is", "lives", "must", "need", "needs", "uses",
        "will", "works",
    ];
    const PAST: [&str; 34] = [
        "ate", "bought", "broke", "brought", "came", "did", "drove", "fell", "flew", "found", "gave", "got",
        "had", "held", "left", "lost", "made", "met", "paid", "ran", "rode", "said", "sang", "sat", "saw",
        "sent", "slept", "sold", "spoke", "took", "was", "went", "were", "won",
    ];
    let (_, said) = spoken(text);
    let tokens: Vec<Token> = token::sentences(said).into_iter().flatten().collect();
    let is = |list: &[&str]| tokens.iter().any(|token| list.contains(&token.folded.as_str()));
    let ends_past = || {
        tokens
            .iter()
            .any(|token| token.sort == Sort::Word && token.folded.len() > 4 && token.folded.ends_with("ed"))
    };
    !is(&STATES) && (is(&PAST) || ends_past())
}

/// `[date] speaker: what is said`.
fn spoken(text: &str) -> (Option<&str>, &str) {
    let Some(end) = text.strip_prefix('[').and_then(|_| text.find(']')) else { return (None, text) };
    let said = text[end + 1..].trim_start();
    match said.split_once(": ") {
        Some((speaker, said)) if speaker.split_whitespace().count() <= 3 => (Some(speaker), said),
        _ => (None, said),
    }
}

/// The points that two sentences share, and those of the first in all.
struct Shared {
    points: u32,
    of: u32,
    tokens: u32,
    tokens_of: u32,
    has_key: bool,
}

impl Shared {
    /// Whether two of three tokens are shared, by number and by weight.
    fn is_most(&self) -> bool {
        3 * self.points >= 2 * self.of && 3 * self.tokens >= 2 * self.tokens_of
    }
}

/// Compares the tokens at `own` places of a line with another line.
fn shared(
    line: &Line,
    own: impl Iterator<Item = usize>,
    other: &Line,
    apart: std::ops::Range<usize>,
) -> Shared {
    let mut seen: Vec<&str> = Vec::new();
    let mut all = Shared { points: 0, of: 0, tokens: 0, tokens_of: 0, has_key: false };
    for at in own {
        let token = &line.tokens[at];
        let Some(mut weight) = line::weight(token) else { continue };
        let mark = line::mark(token);
        if seen.contains(&mark) {
            continue;
        }
        seen.push(mark);
        let twin = other.tokens.iter().enumerate().find(|(place, token)| {
            !apart.contains(place) && line::weight(token).is_some() && same(line::mark(token), mark)
        });
        if let Some((_, twin)) = twin {
            weight = weight.max(line::weight(twin).unwrap_or(0));
        }
        let is_carried = other.carried.iter().any(|name| name == mark);
        if is_carried {
            weight = weight.max(line::NAME);
        }
        let is_there = twin.is_some() || is_carried;
        all.of += weight;
        all.tokens_of += 1;
        if is_there {
            all.points += weight;
            all.tokens += 1;
            all.has_key |= token.sort == Sort::Key && is_setting(&token.text);
        }
    }
    all
}

/// A key of code or of a configuration, not the number of a road.
fn is_setting(text: &str) -> bool {
    !text.contains('/')
        && (text.contains(['_', '.']) || text.chars().skip(1).any(char::is_uppercase))
        && text.starts_with(|c: char| c.is_alphabetic())
}

/// Equal stems, or one with a plural ending more.
fn same(a: &str, b: &str) -> bool {
    a == b || a.strip_suffix('s') == Some(b) || b.strip_suffix('s') == Some(a)
}

/// Whether a sentence that starts with "it" or "she" follows one whose subject the known text has too.
fn is_of_known(new: &Claims, line: &Line, known: &Claims) -> bool {
    const BACK: [&str; 8] = ["he", "her", "his", "it", "its", "she", "their", "they"];
    let points_back = line.tokens.first().is_some_and(|token| BACK.contains(&token.folded.as_str()));
    let subject = || new.tokens().find(|token| line::weight(token).is_some());
    !points_back
        || subject().is_some_and(|subject| known.tokens().any(|token| same(&token.stem, &subject.stem)))
}

/// Whether both sentences name something that the other text lacks: they may be about two subjects.
fn are_strangers(
    (new, line, own): (&Claims, &Line, &[usize]),
    (known, other): (&Claims, &Line),
    apart: std::ops::Range<usize>,
) -> bool {
    let lacks = |text: &Claims, token: &Token| {
        !text.tokens().any(|there| same(&there.folded, &token.folded)) && !text.names.contains(&token.folded)
    };
    let is_sign = |token: &Token| matches!(token.sort, Sort::Name | Sort::Key) && !is_calendar(token);
    let new_lacked =
        own.iter().map(|&at| &line.tokens[at]).any(|token| is_sign(token) && lacks(known, token));
    let known_lacked = other
        .tokens
        .iter()
        .enumerate()
        .any(|(at, token)| !apart.contains(&at) && is_sign(token) && lacks(new, token));
    if new.is_passage() || known.is_passage() {
        return new_lacked || known_lacked;
    }
    new_lacked && known_lacked
}

fn is_calendar(token: &Token) -> bool {
    crate::text::stopwords::is_calendar_word(token.folded.trim_end_matches('s'))
}

/// Whether the two speak of two of a kind: morning and evening, staging and production.
fn are_of_a_kind_apart(line: &Line, own: &[usize], other: &Line, apart: std::ops::Range<usize>) -> bool {
    let own: Vec<&Token> = own.iter().map(|&at| &line.tokens[at]).collect();
    let near = apart.start.saturating_sub(3)..apart.end;
    let there: Vec<&Token> = other
        .tokens
        .iter()
        .enumerate()
        .filter(|(at, _)| !near.contains(at))
        .map(|(_, token)| token)
        .collect();
    contrast::are_apart(&own, &there)
}
