//! What kind of thing a question asks for, and whether a text holds one: a time for "when", a number for "how many", a name for "who".
//!
//! English alone; of other questions nothing is said.

use super::intent::asks_when;
use super::stopwords::is_calendar_word;
use super::words::{Gap, Word};

/// A kind of thing asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A date or a time of day.
    Time,
    /// A number, perhaps with a unit.
    Number,
    /// A person or a thing with a name.
    Name,
}

const MEASURES: [&str; 14] = [
    "big", "deep", "far", "fast", "heavy", "high", "large", "long", "many", "much", "often", "old", "tall",
    "wide",
];
const NUMBERS: [&str; 20] = [
    "age",
    "amount",
    "balance",
    "budget",
    "code",
    "cost",
    "costs",
    "count",
    "fee",
    "height",
    "limit",
    "number",
    "port",
    "price",
    "rate",
    "size",
    "temperature",
    "version",
    "weight",
    "width",
];
const NUMERALS: [&str; 22] = [
    "dozen", "eight", "eighteen", "eleven", "fifteen", "fifty", "five", "four", "half", "hundred", "nine",
    "once", "one", "seven", "six", "ten", "thirty", "three", "twelve", "twenty", "twice", "two",
];
const PARTS_OF_DAY: [&str; 12] = [
    "afternoon",
    "dawn",
    "daily",
    "evening",
    "midnight",
    "monthly",
    "morning",
    "night",
    "noon",
    "today",
    "tomorrow",
    "weekly",
];

/// What a question asks for, given its words; none where nothing tells.
pub fn wanted(query: &str, cut: &[Word<'_>]) -> Option<Wanted> {
    if asks_when(query) {
        return Some(Wanted::Time);
    }
    let folded: Vec<&str> = cut.iter().map(|word| word.folded.as_str()).collect();
    for (at, word) in folded.iter().enumerate() {
        let next = folded.get(at + 1).copied().unwrap_or_default();
        match *word {
            "who" | "whose" | "whom" => return Some(Wanted::Name),
            "how" if MEASURES.contains(&next) => return Some(Wanted::Number),
            _ => {}
        }
    }
    folded.iter().any(|word| NUMBERS.contains(word)).then_some(Wanted::Number)
}

impl Wanted {
    /// Whether a text, cut into words, holds such a thing.
    pub fn is_in(self, text: &[Word<'_>]) -> bool {
        let has_digit = |word: &Word<'_>| word.folded.bytes().any(|byte| byte.is_ascii_digit());
        match self {
            Wanted::Time => text.iter().any(|word| {
                has_digit(word)
                    || is_calendar_word(&word.folded)
                    || PARTS_OF_DAY.contains(&word.folded.as_str())
            }),
            Wanted::Number => {
                text.iter().any(|word| has_digit(word) || NUMERALS.contains(&word.folded.as_str()))
            }
            Wanted::Name => text.iter().any(|word| word.capital && word.gap != Gap::Sentence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::words;

    #[test]
    fn questions_want_what_their_words_say() {
        let of = |query: &str| wanted(query, &words(query));
        assert_eq!(of("When does the ferry leave?"), Some(Wanted::Time));
        assert_eq!(of("what time is the meeting"), Some(Wanted::Time));
        assert_eq!(of("How many eggs are left?"), Some(Wanted::Number));
        assert_eq!(of("price of the blue lamp"), Some(Wanted::Number));
        assert_eq!(of("Who owns the boat?"), Some(Wanted::Name));
        assert_eq!(of("Why is the sky blue?"), None);
    }

    #[test]
    fn texts_hold_what_is_wanted() {
        let holds = |wanted: Wanted, text: &str| wanted.is_in(&words(text));
        assert!(holds(Wanted::Time, "It leaves on Friday") && holds(Wanted::Time, "at 9:15"));
        assert!(!holds(Wanted::Time, "It leaves from pier B"));
        assert!(holds(Wanted::Number, "two eggs") && !holds(Wanted::Number, "some eggs"));
        assert!(holds(Wanted::Name, "it belongs to Mira") && !holds(Wanted::Name, "It is ours"));
    }
}
