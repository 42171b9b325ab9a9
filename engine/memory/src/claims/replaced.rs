//! The same sentence with one value replaced, or denied: "my name is Alma", "my name is Bruna".

use super::line::Line;
use super::token::{Sort, Token};
use super::value::{Kind, Value, values};
use super::{Claims, Clash, is_calendar};

/// Most tokens of texts that are compared token by token.
const TOKENS_MAX: usize = 40;
/// Verbs that give a subject one value at a time.
const STATES: [&str; 43] = [
    "allows", "am", "are", "based", "begins", "belongs", "called", "charges", "closes", "cost", "costs",
    "defaults", "earns", "ends", "equals", "expires", "hangs", "has", "have", "is", "listens", "live",
    "lives", "measures", "named", "needs", "opens", "owes", "pays", "reports", "requires", "runs", "sits",
    "stands", "starts", "stays", "takes", "uses", "weighs", "wears", "work", "works", "=",
];
/// Words that tell of something past.
const PAST: [&str; 12] =
    ["was", "were", "had", "did", "ago", "yesterday", "went", "came", "got", "took", "made", "met"];
/// Subjects that may be anybody.
const ANYBODY: [&str; 16] = [
    "a", "an", "he", "it", "one", "she", "some", "somebody", "someone", "that", "there", "these", "they",
    "this", "those", "you",
];
/// What happens once, so that two days exclude each other.
const ONCE: [&str; 20] = [
    "anniversary",
    "appointment",
    "birthday",
    "cutover",
    "deadline",
    "delivery",
    "departure",
    "due",
    "exam",
    "expires",
    "expiry",
    "flight",
    "graduation",
    "interview",
    "launch",
    "migration",
    "operation",
    "release",
    "surgery",
    "wedding",
];

/// How two texts differ that are the same but for one value.
pub(super) fn replaced(new: &Claims, known: &Claims) -> Option<Clash> {
    let (a, b): (Vec<Token>, Vec<Token>) =
        (new.tokens().cloned().collect(), known.tokens().cloned().collect());
    let is_said =
        |claims: &Claims| claims.lines.iter().all(|line: &Line| !line.is_open(0, line.tokens.len()));
    if a.len() > TOKENS_MAX
        || b.len() > TOKENS_MAX
        || a.len() < 2
        || b.len() < 2
        || !is_said(new)
        || !is_said(known)
    {
        return None;
    }
    let first = a.first()?;
    if ANYBODY.contains(&first.folded.as_str()) && first.sort == Sort::Small {
        return None;
    }
    if is_denied(&a, &b) {
        return Some(Clash::Denied);
    }
    let head = a.iter().zip(&b).take_while(|(a, b)| a.stem == b.stem).count();
    let most = a.len().min(b.len()) - head;
    let tail = a.iter().rev().zip(b.iter().rev()).take(most).take_while(|(a, b)| a.stem == b.stem).count();
    let (mine, theirs) = (head..a.len() - tail, head..b.len() - tail);
    if mine.is_empty() || theirs.is_empty() || mine.len() > 4 || theirs.len() > 4 || head == 0 {
        return None;
    }
    if a.iter().chain(&b).any(|token| PAST.contains(&token.folded.as_str())) {
        return None;
    }
    let is_assigned = head == 1 && a[0].pause == super::token::Pause::Colon;
    if head + tail < 2 && !is_assigned {
        return None;
    }
    let is_replaced = is_value(&a, &mine, &b, &theirs, head) || is_name(&a, &mine, &b, &theirs);
    is_replaced.then_some(Clash::Value)
}

fn slot(tokens: &[Token], span: &std::ops::Range<usize>) -> Option<Value> {
    values(tokens).into_iter().find(|value| value.from <= span.start && span.end <= value.to)
}

fn is_value(
    a: &[Token],
    mine: &std::ops::Range<usize>,
    b: &[Token],
    theirs: &std::ops::Range<usize>,
    head: usize,
) -> bool {
    let (Some(new), Some(old)) = (slot(a, mine), slot(b, theirs)) else { return false };
    if new.kind != old.kind || new.equals(&old) || new.unit != old.unit {
        return false;
    }
    let has = |list: &[&str]| a[..head].iter().any(|token| list.contains(&token.folded.as_str()));
    let is_assigned = head > 0 && a[head - 1].pause == super::token::Pause::Colon && head <= 4;
    let has_subject = a[..head].iter().any(|token| super::line::weight(token).is_some());
    match new.kind {
        Kind::Weekday | Kind::Date => {
            has_subject
                && (has(&STATES) || is_assigned)
                && a.iter().any(|token| ONCE.contains(&token.folded.as_str()))
        }
        Kind::Code => has_subject && is_assigned,
        Kind::Colour => {
            has_subject && a[..head].last().is_some_and(|last| matches!(last.folded.as_str(), "is" | "are"))
        }
        _ => has_subject && (has(&STATES) || is_assigned),
    }
}

/// Another name in a place that holds one: "lives in", "works at", "name is", "the capital is".
fn is_name(a: &[Token], mine: &std::ops::Range<usize>, b: &[Token], theirs: &std::ops::Range<usize>) -> bool {
    let is_named = |tokens: &[Token], span: &std::ops::Range<usize>| {
        tokens[span.clone()].iter().all(|token| token.sort == Sort::Name && !is_calendar(token))
    };
    if !is_named(a, mine) || !is_named(b, theirs) || mine.start < 2 {
        return false;
    }
    let before: Vec<&str> = a[..mine.start].iter().rev().take(3).map(|token| token.folded.as_str()).collect();
    let has_subject = a[..mine.start].iter().any(|token| super::line::weight(token).is_some());
    let starts_the = matches!(a[0].folded.as_str(), "the" | "my" | "our")
        || a[0].is_owner
        || a.get(1).is_some_and(|token| token.is_owner);
    has_subject
        && match before[..] {
            ["in", "lives" | "live" | "based" | "resides", ..]
            | ["at" | "for", "works" | "work", ..]
            | ["to", "reports" | "belongs", ..]
            | ["to", "married", ..]
            | ["is", "name", ..]
            | ["called" | "named", "is", ..] => true,
            ["is", ..] => starts_the,
            _ => false,
        }
}

/// Whether the same words stand in both, in order, and one denies them.
fn is_denied(a: &[Token], b: &[Token]) -> bool {
    const NEGATIONS: [&str; 13] = [
        "not", "never", "isnt", "arent", "doesnt", "dont", "cannot", "cant", "wont", "hasnt", "havent",
        "mustnt", "shouldnt",
    ];
    const HELPERS: [&str; 9] = ["do", "does", "is", "are", "can", "will", "has", "have", "must"];
    let said = |tokens: &[Token]| -> (Vec<String>, usize) {
        let denials = tokens.iter().filter(|token| NEGATIONS.contains(&token.folded.as_str())).count();
        let words = tokens
            .iter()
            .filter(|token| {
                !NEGATIONS.contains(&token.folded.as_str()) && !HELPERS.contains(&token.folded.as_str())
            })
            .map(|token| token.stem.clone())
            .collect();
        (words, denials)
    };
    let ((mine, denied), (theirs, denied_there)) = (said(a), said(b));
    mine.len() >= 2 && mine == theirs && denied % 2 != denied_there % 2 && denied.max(denied_there) == 1
}
