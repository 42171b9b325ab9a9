//! Another name in one role: "Lotte owns the matcher package now", "the new dentist is Dr Aksoy", "helmets now come from Lidden".

use super::line::Line;
use super::line::weight;
use super::token::Sort;
use super::{Claims, are_of_a_kind_apart, are_strangers, cue, is_of_known, shared};

/// Stems of roles that one holds at a time.
const ROLES: [&str; 34] = [
    "accountant",
    "architect",
    "bookkeep",
    "boss",
    "captain",
    "ceo",
    "chair",
    "coach",
    "contact",
    "cto",
    "dentist",
    "director",
    "doctor",
    "gardener",
    "gp",
    "head",
    "insur",
    "landlord",
    "lawyer",
    "lead",
    "leader",
    "mainten",
    "manag",
    "owner",
    "physician",
    "presid",
    "provid",
    "secretari",
    "sponsor",
    "supplier",
    "teacher",
    "tutor",
    "vendor",
    "vet",
];

/// The role that a word names, if any.
fn role(line: &Line, at: usize) -> Option<&'static str> {
    let token = &line.tokens[at];
    match token.folded.as_str() {
        "owns" | "owner" | "maintains" | "maintainer" => return Some("owner"),
        "looks" if line.tokens.get(at + 1).is_some_and(|next| next.folded == "after") => {
            return Some("owner");
        }
        "manages" | "manager" => return Some("manag"),
        "leads" => return Some("lead"),
        _ => {}
    }
    ROLES.iter().copied().find(|&role| role == token.stem && token.sort != Sort::Key)
}

/// Whether the new text gives a role of the known one to somebody else.
pub(super) fn named(new: &Claims, known: &Claims) -> bool {
    if new.is_passage() || known.is_passage() {
        return false;
    }
    new.lines.iter().any(|line| {
        known.lines.iter().any(|other| {
            is_of_known(new, line, known)
                && (takes_over(new, line, known, other) || comes_from(new, line, known, other))
        })
    })
}

/// Runs of names in a line, as ranges. A capital at the start counts if a role's verb follows.
fn runs(line: &Line) -> Vec<std::ops::Range<usize>> {
    let mut found: Vec<std::ops::Range<usize>> = Vec::new();
    let is_name = |at: usize| {
        let token = &line.tokens[at];
        let starts = at == 0 && token.sort == Sort::Word && token.text.starts_with(char::is_uppercase);
        let is_subject = starts
            && line.tokens.get(1).is_some_and(|next| {
                next.sort == Sort::Name
                    || matches!(
                        next.folded.as_str(),
                        "is" | "owns" | "looks" | "manages" | "becomes" | "leads" | "maintains"
                    )
            });
        (token.sort == Sort::Name && !super::is_calendar(token)) || is_subject
    };
    for at in (0..line.tokens.len()).filter(|&at| is_name(at)) {
        match found.last_mut() {
            Some(run) if run.end == at && !line.tokens[at - 1].is_owner => run.end = at + 1,
            _ => found.push(at..at + 1),
        }
    }
    found
}

/// "NAME is ROLE", "the ROLE is NAME": the run of names that holds the role.
fn holder(line: &Line, from: usize, to: usize) -> Option<(&'static str, usize, std::ops::Range<usize>)> {
    let (at, role) = (from..to).find_map(|at| role(line, at).map(|role| (at, role)))?;
    let is_link = |range: std::ops::Range<usize>| {
        range.into_iter().all(|at| {
            line.tokens[at].sort == Sort::Small
                || matches!(
                    line.tokens[at].folded.as_str(),
                    "dr" | "mr" | "mrs" | "ms" | "becomes" | "became" | "new" | "tech" | "team" | "product"
                )
        })
    };
    let before = runs(line)
        .into_iter()
        .filter(|run| run.end <= at && run.start >= from)
        .find(|run| is_link(run.end..at));
    let after = || {
        runs(line).into_iter().find(|run| {
            run.start > at
                && run.start <= at + 6
                && (at + 1..run.start)
                    .rev()
                    .find(|&at| {
                        !matches!(line.tokens[at].folded.as_str(), "dr" | "mr" | "mrs" | "ms" | "now" | "the")
                    })
                    .is_some_and(|at| matches!(line.tokens[at].folded.as_str(), "is" | "becomes"))
        })
    };
    before.or_else(after).map(|run| (role, at, run))
}

fn takes_over(new: &Claims, line: &Line, known: &Claims, other: &Line) -> bool {
    let Some((role, at, run)) = holder(line, 0, line.tokens.len()) else { return false };
    let Some((old_role, _, old_run)) = holder(other, 0, other.tokens.len()) else { return false };
    if role != old_role || is_one_name(line, &run, other, &old_run) {
        return false;
    }
    let (from, to) = line.clause(at.min(run.start), (at + 1).max(run.end));
    let is_told = cue::cue(&line.tokens, from, line.tokens.len().min(at + 1), to);
    let becomes = (from..to).any(|at| matches!(line.tokens[at].folded.as_str(), "becomes" | "became"));
    let marks = match is_told {
        Some(marks) => marks,
        None if becomes => Vec::new(),
        None => return false,
    };
    let own: Vec<usize> = (from..to)
        .filter(|&place| !run.contains(&place) && place != at && !marks.contains(&place))
        .filter(|&place| !cue::is_change(&line.tokens[place].folded))
        .collect();
    let found = shared(line, own.iter().copied(), other, old_run.clone());
    found.is_most()
        && !line.is_open(from, to)
        && !is_past(line)
        && !is_past(other)
        && !are_strangers((new, line, &own), (known, other), old_run.clone())
        && !are_of_a_kind_apart(line, &own, other, old_run)
}

fn is_one_name(
    line: &Line,
    run: &std::ops::Range<usize>,
    other: &Line,
    old: &std::ops::Range<usize>,
) -> bool {
    line.tokens[run.clone()]
        .iter()
        .any(|token| other.tokens[old.clone()].iter().any(|there| there.folded == token.folded))
}

/// "S now comes from NAME", "S moved to NAME", "switched S to NAME".
fn comes_from(new: &Claims, line: &Line, known: &Claims, other: &Line) -> bool {
    runs(line).into_iter().any(|run| {
        let Some(family) = preposition(line, run.start) else { return false };
        if line.tokens[run.clone()].iter().any(|token| known.names.contains(&token.folded)) {
            return false;
        }
        let (from, to) = line.clause(run.start, run.end);
        let Some(marks) = cue::cue(&line.tokens, from, run.start, to) else { return false };
        runs(other).into_iter().any(|old_run| {
            let Some(old_family) = preposition(other, old_run.start) else { return false };
            if other.tokens[old_run.clone()]
                .iter()
                .any(|token| line.tokens[from..to].iter().any(|there| there.folded == token.folded))
                || !(family == old_family || family == "to")
            {
                return false;
            }
            let own: Vec<usize> = (from..to)
                .filter(|&at| {
                    !run.contains(&at) && !marks.contains(&at) && !cue::is_change(&line.tokens[at].folded)
                })
                .collect();
            let found = shared(line, own.iter().copied(), other, old_run.clone());
            let home = family == "to" && is_home(other, old_run.start) && is_move(line, run.start);
            let whole = (switched(line) || family == old_family)
                && found.points == found.of
                && is_subject(other, line, &own);
            let needed = if home || whole { 1 } else { 2 };
            found.points >= needed
                && found.is_most()
                && !line.is_open(from, to)
                && !is_past(line)
                && !is_past(other)
                && (found.points > 2 || home || whole || family == old_family || switched(line))
                && !are_strangers((new, line, &own), (known, other), old_run.clone())
                && !are_of_a_kind_apart(line, &own, other, old_run)
        })
    })
}

/// The preposition before a name.
fn preposition(line: &Line, at: usize) -> Option<&'static str> {
    let mut before = line.tokens[..at].iter().rev();
    let mut token = before.next()?;
    while matches!(token.folded.as_str(), "dr" | "mr" | "mrs" | "ms" | "the" | "hotel" | "a") {
        token = before.next()?;
    }
    match token.folded.as_str() {
        "to" => Some("to"),
        "from" | "by" | "through" => Some("from"),
        "in" | "at" | "on" => Some("in"),
        "with" => Some("with"),
        "for" => Some("for"),
        _ => None,
    }
}

fn is_home(line: &Line, run: usize) -> bool {
    line.tokens[..run].iter().any(|token| {
        matches!(token.folded.as_str(), "live" | "lives" | "living" | "address" | "home" | "based")
    })
}

fn is_move(line: &Line, run: usize) -> bool {
    line.tokens[..run]
        .iter()
        .any(|token| matches!(token.folded.as_str(), "moved" | "moves" | "relocated" | "live" | "lives"))
}

fn switched(line: &Line) -> bool {
    line.tokens.iter().any(|token| matches!(token.folded.as_str(), "switched" | "migrated" | "changed"))
}

/// Whether the first word of meaning of the known line is among what is switched.
fn is_subject(other: &Line, line: &Line, own: &[usize]) -> bool {
    let first = other.tokens.iter().find(|token| weight(token).is_some());
    first.is_some_and(|first| own.iter().any(|&at| line.tokens[at].folded == first.folded))
}

/// Whether a line tells of what was.
fn is_past(line: &Line) -> bool {
    line.tokens.iter().any(|token| matches!(token.folded.as_str(), "was" | "were" | "had" | "served" | "ago"))
}
