//! A sentence with its values, and who speaks it.

use super::cue::is_open;
use super::token::{Pause, Sort, Token};
use super::value::{Value, values};

/// One sentence.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its tokens.
    pub tokens: Vec<Token>,
    /// Its values, in order.
    pub values: Vec<Value>,
    /// Is, or stands beside, a question.
    pub asks: bool,
    /// Names of earlier sentences, for one that says "his" or "it".
    pub carried: Vec<String>,
}

/// Words that point back.
const BACK: [&str; 9] = ["he", "her", "his", "it", "its", "she", "their", "they", "them"];
/// Words that say too little to tell one subject from another.
const VAGUE: [&str; 53] = [
    "again", "already", "alway", "also", "anyth", "back", "bit", "come", "cost", "day", "everi", "everyth",
    "famili", "first", "get", "give", "good", "got", "great", "ident", "keep", "kind", "later", "like",
    "made", "make", "need", "new", "number", "old", "one", "order", "peopl", "pay", "put", "realli",
    "remain", "run", "said", "say", "see", "someth", "stay", "still", "take", "thing", "time", "today",
    "tomorrow", "use", "way", "week", "year",
];

impl Line {
    /// Reads a sentence.
    pub fn of(tokens: Vec<Token>, asks: bool) -> Self {
        let values = values(&tokens);
        Line { tokens, values, asks, carried: Vec::new() }
    }

    /// Whether it points back to an earlier sentence.
    pub fn points_back(&self) -> bool {
        self.tokens.iter().any(|token| BACK.contains(&token.folded.as_str()))
    }

    /// Names in it.
    pub fn names(&self) -> impl Iterator<Item = &Token> {
        self.tokens.iter().filter(|token| token.sort == Sort::Name && !super::is_calendar(token))
    }

    /// Whether the tokens from one place to another ask, wish or suppose instead of saying.
    pub fn is_open(&self, from: usize, to: usize) -> bool {
        self.asks || is_open(self.tokens[from..to].iter())
    }

    /// Bounds of the clause around a token: from the last semicolon or dash to the next pause or "because".
    pub fn clause(&self, from: usize, to: usize) -> (usize, usize) {
        let starts = |at: &usize| {
            self.tokens[at - 1].pause >= Pause::Clause
                || (self.tokens[at - 1].pause == Pause::Comma
                    && matches!(
                        self.tokens[*at].folded.as_str(),
                        "so" | "but" | "and" | "therefore" | "then"
                    ))
        };
        let start = (1..=from).rev().find(starts).unwrap_or(0);
        let ends = |at: usize| {
            self.tokens[at - 1].pause >= Pause::Comma
                || matches!(
                    self.tokens[at].folded.as_str(),
                    "because"
                        | "since"
                        | "so"
                        | "until"
                        | "till"
                        | "after"
                        | "while"
                        | "as"
                        | "and"
                        | "but"
                        | "when"
                        | "which"
                )
        };
        let end = (to..self.tokens.len()).find(|&at| ends(at)).unwrap_or(self.tokens.len());
        (start, end)
    }
}

/// Weight of a name.
pub const NAME: u32 = 2;

/// How much a token says about what a sentence is about; none if nothing.
pub fn weight(token: &Token) -> Option<u32> {
    match token.sort {
        Sort::Key => Some(3),
        Sort::Name if super::is_calendar(token) => None,
        Sort::Name => Some(NAME),
        Sort::Word if VAGUE.contains(&token.stem.as_str()) => None,
        Sort::Word => Some(1),
        Sort::Small if matches!(token.folded.as_str(), "i" | "my" | "me" | "im" | "ive") => Some(1),
        _ => None,
    }
}

/// What of a token is compared; the speaker is one, however written.
pub fn mark(token: &Token) -> &str {
    match token.sort {
        Sort::Small => "@me",
        _ => &token.stem,
    }
}
