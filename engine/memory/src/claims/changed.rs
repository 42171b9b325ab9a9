//! A value that changed, as told: "the deadline moved to 9 June", "retry_max is 8 now".

use super::line::{Line, weight};
use super::token::{Pause, Sort};
use super::value::{Fit, Kind, Value};
use super::{Claims, are_of_a_kind_apart, are_strangers, cue, is_of_known, is_setting, shared};

/// Points that must be shared.
const POINTS: u32 = 3;
/// Points that passages must share.
const POINTS_PASSAGE: u32 = 6;

/// Whether the new text tells that a value of the known one changed.
pub(super) fn changed(new: &Claims, known: &Claims) -> bool {
    new.lines.iter().any(|line| {
        line.values.iter().any(|value| {
            let (from, to) = line.clause(value.from, value.to);
            if line.is_open(from, to)
                || !is_of_known(new, line, known)
                || holds(&known.lines, value)
                || value.kind == Kind::Colour
            {
                return false;
            }
            let assigned = assigned(line, value);
            let cue = cue::cue(&line.tokens, from, value.from, (to + 3).min(line.tokens.len()));
            let assigned = assigned.filter(|_| cue.is_none());
            let Some(marks) = cue.or_else(|| assigned.map(|_| Vec::new())) else { return false };
            let told = Told { line, value, from, to, marks, assigned };
            known
                .lines
                .iter()
                .any(|other| other.values.iter().any(|old| told.changes(new, (known, other, old))))
        })
    })
}

/// Whether a value stands in a text already: it is nothing new.
fn holds(lines: &[Line], value: &Value) -> bool {
    lines.iter().flat_map(|line| &line.values).any(|there| there.equals(value))
}

/// A value with its clause, in which something says that it changed.
struct Told<'a> {
    line: &'a Line,
    value: &'a Value,
    from: usize,
    to: usize,
    marks: Vec<usize>,
    /// The key that is given the value, if nothing but that says that it changed.
    assigned: Option<&'a str>,
}

impl Told<'_> {
    fn changes(&self, new: &Claims, (known, other, old): (&Claims, &Line, &Value)) -> bool {
        let (line, value) = (self.line, self.value);
        let fit = value.fit(old);
        let (old_from, old_to) = other.clause(old.from, old.to);
        if fit == Fit::None || value.equals(old) || other.is_open(old_from, old_to) {
            return false;
        }
        if self.assigned.is_some() && self.assigned != assigned(other, old) {
            return false;
        }
        let whole = self.own(self.from);
        let actor = actor(line, self.from, value.from);
        let topic = (self.from..value.from)
            .rev()
            .find(|&at| line.tokens[at].pause == Pause::Colon)
            .map_or(self.from, |at| at + 1);
        let apart_from_value: Vec<usize> = whole.iter().copied().filter(|&at| at + 1 != value.from).collect();
        let is_about = |from: usize| self.is_about(&self.own(from), fit, new, (known, other, old));
        (is_about(self.from)
            || (actor > self.from && is_about(actor))
            || (topic > self.from && self.marks.iter().any(|&at| at >= topic) && is_about(topic)))
            && !are_strangers((new, line, &whole), (known, other), old.from..old.to)
            && !self.is_numbered_apart(other, old)
            && !are_of_a_kind_apart(line, &apart_from_value, other, old.from..old.to)
    }

    /// "Room 12" and "room 14": another number of the same word is another subject.
    fn is_numbered_apart(&self, other: &Line, old: &Value) -> bool {
        let numbers = |line: &'_ Line, slot: &Value| -> Vec<Value> {
            let is_other = |value: &&Value| {
                value.from != slot.from && value.kind == Kind::Amount && value.label.is_some()
            };
            line.values.iter().filter(is_other).cloned().collect()
        };
        let there = numbers(other, old);
        let own = numbers(self.line, self.value);
        let label = |value: &Value| value.label.clone().filter(|label| !self.is_slot_label(label));
        own.iter().filter(|value| value.to <= self.value.from).any(|value| {
            let same: Vec<&Value> =
                there.iter().filter(|other| label(other).is_some() && label(other) == label(value)).collect();
            !same.is_empty() && !same.iter().any(|other| other.equals(value))
        })
    }

    fn is_slot_label(&self, label: &str) -> bool {
        self.value.label.as_deref() == Some(label)
    }

    /// Places of the clause, from one on, that say what it is about.
    fn own(&self, from: usize) -> Vec<usize> {
        let line = self.line;
        let in_value = |at: usize| {
            line.values.iter().any(|value| (value.from..value.to).contains(&at) && is_slot(value, at))
        };
        let whole = (from..self.to)
            .filter(|&at| !self.marks.contains(&at) && !in_value(at) && !is_change_at(line, at))
            .collect::<Vec<usize>>();
        // What follows the value explains it, unless it says for whom it holds.
        let before: Vec<usize> = whole.iter().copied().filter(|&at| at < self.value.from).collect();
        let is_for = line
            .tokens
            .get(self.value.to)
            .is_some_and(|next| matches!(next.folded.as_str(), "for" | "of" | "if" | "when"));
        let says = before.iter().any(|&at| weight(&line.tokens[at]).is_some());
        let has_key = before.iter().any(|&at| line.tokens[at].sort == Sort::Key);
        if says && (!is_for || has_key) { before } else { whole }
    }

    /// Whether the known sentence is about the same.
    fn is_about(
        &self,
        own: &[usize],
        fit: Fit,
        new: &Claims,
        (known, other, old): (&Claims, &Line, &Value),
    ) -> bool {
        let (line, value) = (self.line, self.value);
        let apart = old.from..old.from + 1;
        let found = shared(line, own.iter().copied(), other, apart.clone());
        let bonus = match (fit, value.kind) {
            (Fit::Loose, Kind::Place | Kind::Code) if is_renumbered(&value.form, &old.form) => 2,
            (Fit::Loose, Kind::Place) if !shapes_agree(value, old) => return false,
            (Fit::Loose, Kind::Place) => 0,
            (Fit::Loose, _) if !found.has_key => return false,
            (Fit::Loose, _) => 0,
            _ => 1,
        };
        let first = own.iter().copied().find(|&at| weight(&line.tokens[at]).is_some());
        let first_shared = first.is_some_and(|at| shared(line, std::iter::once(at), other, apart).points > 0);
        let needed = if new.is_passage() || known.is_passage() { POINTS_PASSAGE } else { POINTS };
        // "Standup is at 9:30", "standup is at 10:15 now": there is nothing else in either.
        let is_whole = fit == Fit::Close
            && !new.is_passage()
            && !known.is_passage()
            && found.points == found.of
            && found.points > 0
            && (0..old.from).filter_map(|at| weight(&other.tokens[at])).sum::<u32>() <= found.points
            && !other.points_back()
            && first_shared;
        if is_whole {
            return true;
        }
        (found.points >= 2 || (bonus == 2 && found.points == found.of && found.points > 0))
            && found.points + bonus >= needed
            && found.is_most()
            && (first_shared || found.has_key || (is_intro(line) && found.points >= 2))
            && !(found.has_key && is_of_another(other, new))
    }
}

/// "dovecote has KEY": the key is another's, unless the new text names it too.
fn is_of_another(other: &Line, new: &Claims) -> bool {
    let [first, verb, ..] = &other.tokens[..] else { return false };
    matches!(verb.folded.as_str(), "has" | "sets" | "uses" | "keeps" | "wants" | "needs")
        && first.sort != Sort::Small
        && !new.tokens().any(|token| token.folded == first.folded)
}

/// Whether a place is the value's number itself; its unit says what it is of.
fn is_slot(value: &Value, at: usize) -> bool {
    value.kind != Kind::Amount || value.unit.is_none() || at + 1 < value.to || value.to == value.from + 1
}

/// Where what is changed starts: after "Dr Wiersma raised".
fn actor(line: &Line, from: usize, value: usize) -> usize {
    let verb = (from..value).find(|&at| is_change_at(line, at));
    match verb {
        Some(verb) if (verb + 1..value).any(|at| weight(&line.tokens[at]).is_some()) => verb,
        _ => from,
    }
}

fn is_change_at(line: &Line, at: usize) -> bool {
    cue::is_change(&line.tokens[at].folded)
}

/// The key of a configuration that a value is given to: `retry_max: 5`, "retry_max of ledgerd is 8".
fn assigned<'a>(line: &'a Line, value: &Value) -> Option<&'a str> {
    let mut before = line.tokens[..value.from].iter().rev().skip_while(|token| {
        matches!(token.folded.as_str(), "is" | "are" | "to" | "at" | "set" | "now" | "equals" | "stays")
    });
    let mut token = before.next()?;
    if token.sort != Sort::Key
        && before.next().is_some_and(|of| matches!(of.folded.as_str(), "of" | "in" | "for"))
    {
        token = before.next()?;
    }
    (token.sort == Sort::Key && is_setting(&token.text)).then_some(&token.text)
}

/// Whether a line starts with its circumstances: "because of the drought", "after our claim".
fn is_intro(line: &Line) -> bool {
    matches!(
        line.tokens[0].folded.as_str(),
        "because" | "after" | "with" | "due" | "since" | "from" | "in" | "for"
    )
}

/// `stg-pg-01` and `stg-pg-04`: the same but for digits.
fn is_renumbered(a: &str, b: &str) -> bool {
    let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "0");
    shape(a) == shape(b)
}

/// Two addresses, or two paths.
fn shapes_agree(a: &Value, b: &Value) -> bool {
    let shape = |text: &str| (text.contains("://"), text.contains('@'), text.contains('/'));
    shape(&a.form) == shape(&b.form)
}
