//! Something that ended, as told: "RabbitMQ is switched off", "Anna no longer works at Acme".

use super::line::{Line, weight};
use super::token::Sort;
use super::{Claims, are_of_a_kind_apart, are_strangers, is_of_known, shared};

/// Points that the sentence of the end must share with the known text.
const POINTS: u32 = 4;

/// Most words of a text that one end ends.
const WORDS_MAX: usize = 45;

/// Whether the new text says that what the known one tells of is over.
pub(super) fn ended(new: &Claims, known: &Claims) -> bool {
    if new.is_passage() || known.words > WORDS_MAX {
        return false;
    }
    new.lines.iter().any(|line| {
        let Some(end) = end(line).filter(|_| is_of_known(new, line, known)) else { return false };
        known.lines.iter().any(|other| is_over((new, line, end.clone()), (known, other)))
    })
}

/// Where the words of an end stand: after its subject.
fn end(line: &Line) -> Option<std::ops::Range<usize>> {
    let word = |at: usize| line.tokens.get(at).map_or("", |token| token.folded.as_str());
    let is = |at: usize| matches!(word(at), "is" | "are" | "has" | "have" | "been");
    (1..line.tokens.len()).find_map(|at| match word(at) {
        "gone" | "history" | "over" | "retired" | "discontinued" | "obsolete" | "closed" if is(at - 1) => {
            Some(at..at + 1)
        }
        "switched" | "turned" if word(at + 1) == "off" && is(at - 1) => Some(at..at + 2),
        "shut" if word(at + 1) == "down" && is(at - 1) => Some(at..at + 2),
        "no" if word(at + 1) == "longer" => Some(at..at + 2),
        _ => None,
    })
}

fn is_over(
    (new, line, end): (&Claims, &Line, std::ops::Range<usize>),
    (known, other): (&Claims, &Line),
) -> bool {
    let (from, to) = line.clause(end.start, end.end);
    let own: Vec<usize> = (from..to).filter(|at| !end.contains(at)).collect();
    let subject: Vec<usize> = own.iter().copied().filter(|&at| at < end.start).collect();
    let about = shared(line, subject.iter().copied(), other, 0..0);
    let clause = shared(line, own.iter().copied(), other, 0..0);
    if about.points < about.of || about.points == 0 || clause.points < clause.of {
        return false;
    }
    // What is over stands for the whole only if the two have more in common.
    let mut rest = 0;
    let mut seen: Vec<&str> = own.iter().map(|&at| line.tokens[at].stem.as_str()).collect();
    for token in new.tokens() {
        if seen.contains(&token.stem.as_str())
            || !matches!(token.sort, Sort::Word | Sort::Name | Sort::Key | Sort::Number)
        {
            continue;
        }
        seen.push(&token.stem);
        if other.tokens.iter().any(|there| there.stem == token.stem) {
            rest += weight(token).unwrap_or(1);
        }
    }
    let is_whole = clause.points >= POINTS && clause.of == clause.points && own.len() > subject.len();
    (is_whole || (rest >= 1 && (about.points + rest >= POINTS || about.tokens >= 2)))
        && !are_strangers((new, line, &own), (known, other), 0..0)
        && !line.is_open(from, to)
        && !are_of_a_kind_apart(line, &own, other, 0..0)
}
