//! Whether a text tells that something changed. English alone.

use super::words::Word;

/// Words and phrases that tell a change, folded, words apart by one space.
const CHANGES: &[&str] = &[
    "after all",
    "all done with",
    "any more",
    "anymore",
    "as of",
    "back down",
    "back to",
    "back up",
    "became",
    "become",
    "becomes",
    "bumped",
    "cancelled",
    "change of plan",
    "changed",
    "changes to",
    "correction",
    "cut to",
    "decided to",
    "down to",
    "dropped",
    "effective",
    "ended",
    "extended",
    "for the time being",
    "from april",
    "from august",
    "from december",
    "from february",
    "from friday",
    "from january",
    "from july",
    "from june",
    "from march",
    "from may",
    "from monday",
    "from next",
    "from november",
    "from now on",
    "from october",
    "from september",
    "from this",
    "from thursday",
    "from today",
    "from tomorrow",
    "from tuesday",
    "from wednesday",
    "gave up",
    "given up",
    "goes to",
    "gone",
    "gone off",
    "gone up",
    "got rid of",
    "has left",
    "has moved",
    "in place of",
    "increased",
    "instead",
    "is called",
    "is off",
    "is over",
    "just got",
    "lowered",
    "merged into",
    "migrated",
    "moved",
    "moves to",
    "new",
    "no longer",
    "no more",
    "now",
    "only from",
    "over to",
    "postponed",
    "promoted",
    "pushed back",
    "pushed to",
    "quit",
    "raised",
    "reduced",
    "removed",
    "renamed",
    "replaced",
    "replaces",
    "rescheduled",
    "retired",
    "scrapped",
    "set to",
    "shifted",
    "shifts to",
    "shortened",
    "slipped",
    "sold",
    "starting",
    "stepped down",
    "stopped",
    "stops",
    "swapped",
    "switched",
    "switches to",
    "taken over",
    "takes over",
    "these days",
    "took over",
    "turned into",
    "until further notice",
    "up to",
    "updated",
    "upgraded",
    "used to be",
    "went up",
    "will now",
    "with effect",
];

/// Whether a text, cut into words, tells a change: "now", "no longer", "moved to".
pub fn tells_change(words: &[Word<'_>]) -> bool {
    holds_one(words, CHANGES)
}

fn holds_one(words: &[Word<'_>], phrases: &[&str]) -> bool {
    phrases.iter().any(|phrase| {
        let wanted = phrase.split(' ').count();
        words.windows(wanted).any(|span| span.iter().map(|word| word.folded.as_str()).eq(phrase.split(' ')))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::words;

    #[test]
    fn changes_are_told_by_whole_words() {
        let tells = |text: &str| tells_change(&words(text));
        assert!(tells("Docs now live in the repo.") && tells("He no longer eats fish"));
        assert!(tells("The limit was raised to 40."));
        assert!(!tells("The knowledge base is in the cellar.") && !tells(""));
    }
}
