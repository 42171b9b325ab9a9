//! Words that say that something is otherwise than it was.

use super::token::{Pause, Sort, Token};

/// Verbs of change, as written. What follows "to" after them is the new value.
const CHANGES: [&str; 48] = [
    "became",
    "become",
    "becomes",
    "bumped",
    "change",
    "changed",
    "changes",
    "converted",
    "cut",
    "delayed",
    "downgraded",
    "extended",
    "go",
    "goes",
    "gone",
    "lowered",
    "migrated",
    "move",
    "moved",
    "moves",
    "moving",
    "postponed",
    "pushed",
    "put",
    "raised",
    "raises",
    "reduced",
    "relocated",
    "renamed",
    "rescheduled",
    "reset",
    "set",
    "shifted",
    "shifts",
    "shortened",
    "slipped",
    "slips",
    "swapped",
    "switch",
    "switched",
    "switches",
    "switching",
    "transferred",
    "trimmed",
    "updated",
    "upgraded",
    "upgrading",
    "upped",
];
/// Words that leave open whether a thing is so.
const OPEN: [&str; 27] = [
    "could",
    "couldnt",
    "consider",
    "considering",
    "hope",
    "hopes",
    "hoping",
    "if",
    "maybe",
    "may",
    "might",
    "perhaps",
    "propose",
    "proposed",
    "proposes",
    "should",
    "suggest",
    "suggested",
    "suggests",
    "tried",
    "unless",
    "want",
    "wanted",
    "wants",
    "wish",
    "would",
    "wouldnt",
];

/// Whether it is a verb of change.
pub fn is_change(folded: &str) -> bool {
    CHANGES.binary_search(&folded).is_ok()
}

/// Whether a sentence asks, wishes or supposes instead of saying.
pub fn is_open<'a>(mut tokens: impl Iterator<Item = &'a Token>) -> bool {
    tokens.any(|token| OPEN.contains(&token.folded.as_str()) && token.text != "May")
}

/// Tokens of a clause that carry a cue of change; none if there is no cue. `value` is where the new value starts.
pub fn cue(tokens: &[Token], from: usize, value: usize, to: usize) -> Option<Vec<usize>> {
    let mut marks = Vec::new();
    let word = |at: usize| tokens.get(at).map_or("", |token| token.folded.as_str());
    let mut found = false;
    for at in from..to {
        match word(at) {
            "now" => {
                let before = at.checked_sub(1).map_or("", word);
                if !matches!(before, "right" | "by" | "until" | "til" | "till" | "just" | "for" | "even") {
                    found = true;
                    marks.push(at);
                }
            }
            "from" | "since" => {
                let next = word(at + 1);
                let is_cue = matches!(next, "now" | "today" | "tomorrow")
                    || (next == "this"
                        && matches!(word(at + 2), "week" | "month" | "year" | "morning" | "term"))
                    || (next == "next" && matches!(word(at + 2), "week" | "month" | "year" | "term"))
                    || (word(at) == "from" && from_day(tokens, at + 1) && at + 1 != value);
                if is_cue {
                    found = true;
                    marks.extend([at, at + 1, at + 2]);
                }
            }
            "this" if word(at + 1) == "time" && at > value => {
                found = true;
                marks.extend([at, at + 1]);
            }
            "as" if word(at + 1) == "of"
                && (matches!(word(at + 2), "now" | "today" | "tomorrow" | "this" | "next")
                    || from_day(tokens, at + 2)) =>
            {
                found = true;
                marks.extend([at, at + 1, at + 2]);
            }
            "no" if matches!(word(at + 1), "longer" | "more") => {
                found = true;
                marks.extend([at, at + 1]);
            }
            "longer" | "anymore" | "instead" => {
                found = true;
                marks.push(at);
            }
            "new"
                if at < value
                    && tokens[at].sort != Sort::Name
                    && tokens.get(at + 1).is_some_and(|next| next.sort != Sort::Name) =>
            {
                found = true;
                marks.push(at);
            }
            verb if is_change(verb) && at < value && leads_to(tokens, at, value) => {
                found = true;
                marks.push(at);
            }
            "down" | "back" if at < value && word(at + 1) == "to" && value <= at + 3 => {
                found = true;
                marks.push(at);
            }
            _ => {}
        }
    }
    found.then_some(marks)
}

/// A day, or a day with its month: `from 1 April`, `from May`; not `from 1 to 4 April`, nor a day of a year, which may be long past.
fn from_day(tokens: &[Token], at: usize) -> bool {
    let is_year =
        |token: &Token| token.folded.len() == 4 && token.folded.bytes().all(|byte| byte.is_ascii_digit());
    let after = &tokens[at.min(tokens.len())..(at + 5).min(tokens.len())];
    let is_span =
        after.iter().any(|token| matches!(token.folded.as_str(), "to" | "until" | "till" | "through"));
    if is_span || after.iter().take(4).any(is_year) || is_past(tokens) {
        return false;
    }
    let is_month = |at: usize| {
        tokens.get(at).is_some_and(|token| {
            token.text.starts_with(char::is_uppercase)
                && crate::text::stopwords::is_calendar_word(&token.folded)
        })
    };
    is_month(at) || (tokens.get(at).is_some_and(|token| token.sort == Sort::Number) && is_month(at + 1))
}

/// Whether it tells of what was.
pub fn is_past(tokens: &[Token]) -> bool {
    tokens.iter().any(|token| {
        matches!(token.folded.as_str(), "was" | "were" | "had" | "aired" | "ran" | "held" | "served" | "ago")
    })
}

/// Whether the verb's "to" stands right before the value, with no other thought between.
fn leads_to(tokens: &[Token], verb: usize, value: usize) -> bool {
    if matches!(tokens[verb].folded.as_str(), "become" | "becomes" | "became") {
        return value <= verb + 3;
    }
    let between = &tokens[verb + 1..value];
    let near = &between[between.len().saturating_sub(3)..];
    let to = near.iter().rposition(|token| token.folded == "to");
    let is_to = to.is_some() || near.last().is_some_and(|last| last.pause == Pause::Colon);
    let is_switch = matches!(tokens[verb].folded.as_str(), "switched" | "turned") && between.is_empty();
    is_switch || (is_to && between.len() <= 9 && !between.iter().any(|token| token.pause >= Pause::Clause))
}
