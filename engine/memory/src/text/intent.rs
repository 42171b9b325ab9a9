//! What a question is after, as far as its words tell: something that is no longer so, or a time. English only.

use super::words::words;

/// Words that ask for what was, wherever they stand.
const PAST: [&str; 14] = [
    "earlier",
    "earliest",
    "ex",
    "former",
    "formerly",
    "initial",
    "initially",
    "once",
    "original",
    "originally",
    "prior",
    "previous",
    "previously",
    "old",
];
/// Verbs that tell of the past.
const PAST_VERBS: [&str; 4] = ["did", "had", "was", "were"];

/// Before `used to` these make it something of today.
const USED_NOW: [&str; 8] = ["am", "are", "be", "been", "get", "getting", "is", "m"];

/// Whether a query asks for what was so before and may no longer be: `What did Ana use before?`, `my old address`.
pub fn asks_for_past(query: &str) -> bool {
    let cut = words(query);
    let folded: Vec<&str> = cut.iter().map(|word| word.folded.as_str()).collect();
    let has = |word: &str| folded.contains(&word);
    let is_past = PAST_VERBS.iter().any(|verb| has(verb));
    let said = |at: usize, word: &str| folded.get(at) == Some(&word);
    folded.iter().enumerate().any(|(at, &word)| match word {
        // `How old is she?`, `six years old`
        "old" => at > 0 && !matches!(folded[at - 1], "how" | "years" | "year" | "months" | "weeks" | "days"),
        // `once a week` is no past.
        "once" => is_past && !said(at + 1, "a"),
        "first" => is_past || said(at + 1, "version"),
        // What is used to do something is a tool; who is used to it, a habit.
        "used" => said(at + 1, "to") && !folded[..at].iter().any(|before| USED_NOW.contains(before)),
        "use" => said(at + 1, "to") && has("did"),
        // `before` that closes a question looks back; before a noun it is a place in an order.
        "before" => {
            is_past
                && (at + 1 == folded.len()
                    || matches!(
                        folded[at + 1],
                        "that" | "this" | "it" | "the" | "we" | "i" | "they" | "she" | "he"
                    ))
        }
        "anymore" | "longer" => has("no") || has("not") || word == "anymore",
        word => PAST.contains(&word),
    })
}

/// Whether a query asks for a time.
pub fn asks_when(query: &str) -> bool {
    let cut = words(query);
    let folded: Vec<&str> = cut.iter().map(|word| word.folded.as_str()).collect();
    const OF_WHAT: [&str; 9] = ["time", "day", "date", "year", "month", "week", "hour", "weekday", "days"];
    folded.iter().enumerate().any(|(at, &word)| match word {
        // A clause (`when it rains`) asks for nothing: the question begins with it, or after a preposition.
        "when" => {
            at == 0
                || matches!(
                    folded[at - 1],
                    "since" | "until" | "till" | "by" | "know" | "remember" | "me" | "and"
                )
        }
        "what" | "which" => folded.get(at + 1).is_some_and(|next| OF_WHAT.contains(next)),
        "how" => folded.get(at + 1).is_some_and(|next| *next == "long") && folded.contains(&"ago"),
        _ => false,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn questions_about_what_was() {
        for query in [
            "Where did I live before?",
            "What did we use to eat?",
            "Where did she used to work?",
            "What was the original plan?",
            "my previous doctor",
            "Who was her former boss?",
            "What was my first car?",
            "What is my old address?",
            "Which database was chosen initially?",
            "What did he say earlier?",
            "Where was the office before the move?",
        ] {
            assert!(asks_for_past(query), "{query}");
        }
        for query in [
            "How old is our cat?",
            "Who is six years old?",
            "What is my address?",
            "Take the pill before breakfast",
            "What is bleach used to clean?",
            "What is the first step?",
            "How long is the pool?",
            "What runs once a week?",
        ] {
            assert!(!asks_for_past(query), "{query}");
        }
    }

    #[test]
    fn questions_for_a_time() {
        for query in [
            "When is the launch?",
            "Since when does it leak?",
            "On which day is it closed?",
            "What time is lunch?",
            "Do you know when we met?",
        ] {
            assert!(asks_when(query), "{query}");
        }
        for query in ["What happens when it rains?", "Where is it?", "How long is it?"] {
            assert!(!asks_when(query), "{query}");
        }
    }
}
