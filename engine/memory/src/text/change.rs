//! Whether a text tells that something changed, and whether a query asks for what was before.

use super::words::words;

/// Words and phrases that tell a change, folded, words apart by one space.
const CHANGES: &[&str] = &[
    "all done with", "anymore", "any more", "as of", "back down", "back to", "back up", "became", "become",
    "becomes", "bumped", "cancelled", "change of plan", "changed", "changes to", "corrected", "correction",
    "cut to", "decided to", "down to", "dropped", "effective", "ended", "extended", "for now", "from now on",
    "from today", "gave up", "given up", "gone", "gone off", "got rid of", "grew to", "has left", "in place of",
    "increased", "instead", "is now", "is off", "is over", "it is now", "its now", "just got", "left for", "lowered",
    "merged into", "migrated", "moved", "moves to", "new", "no longer", "no more", "not any", "now", "only from",
    "over to", "postponed", "promoted", "pushed back", "pushed to", "quit", "raised", "reduced", "removed",
    "renamed", "replaced", "replaces", "rescheduled", "retired", "scrapped", "set to", "shifted", "shortened",
    "since last", "since this", "since yesterday", "slipped", "sold", "starting", "stepped down", "stopped",
    "stops", "swapped", "switched", "switches to", "taken over", "takes over", "the new", "these days", "took over",
    "turned into", "up to date", "updated", "upgraded", "went up", "will be", "will now",
];

/// Words and phrases of queries that ask for what was.
const PAST: &[&str] = &[
    "at first", "before", "did we use before", "earlier", "former", "formerly", "in the past", "initial",
    "initially", "last year", "no longer", "old", "older", "once", "original", "originally", "past", "previous",
    "previously", "prior", "replaced", "to begin with", "used to", "was the first",
];

/// Whether a text tells a change: "now", "no longer", "moved to".
pub fn tells_change(text: &str) -> bool {
    holds_one(text, CHANGES)
}

/// Whether a query asks for what was: "before", "used to", "originally".
pub fn asks_for_past(query: &str) -> bool {
    holds_one(query, PAST)
}

fn holds_one(text: &str, phrases: &[&str]) -> bool {
    let folded: Vec<String> = words(text).into_iter().map(|word| word.folded).collect();
    let padded = format!(" {} ", folded.join(" "));
    phrases.iter().any(|phrase| padded.contains(&format!(" {phrase} ")))
}
