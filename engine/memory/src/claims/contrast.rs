//! Words that set two subjects apart: what is said of one of them is not said of the other.

use super::token::Token;

/// Each row holds words of which a subject has one at most.
const CONTRASTS: [&[&str]; 24] = [
    &[
        "staging",
        "production",
        "prod",
        "development",
        "dev",
        "testing",
        "test",
        "sandbox",
        "local",
        "preview",
    ],
    &["morning", "noon", "afternoon", "evening", "night"],
    &["breakfast", "lunch", "dinner", "supper"],
    &["left", "right"],
    &["north", "south", "east", "west"],
    &["summer", "winter", "spring", "autumn"],
    &["first", "second", "third", "fourth", "fifth", "last"],
    &["minimum", "maximum", "min", "max"],
    &["lower", "upper"],
    &["front", "back", "rear"],
    &["daily", "weekly", "monthly", "yearly", "hourly"],
    &["home", "work", "office"],
    &["internal", "external"],
    &["client", "server"],
    &["read", "write"],
    &["adult", "adults", "child", "children", "kids"],
    &["mother", "father", "sister", "brother", "son", "daughter", "wife", "husband"],
    &["ios", "android", "windows", "linux", "macos"],
    &["weekday", "weekdays", "weekend", "weekends"],
    &["buy", "sell"],
    &["start", "starts", "begin", "begins", "end", "ends", "open", "opens", "close", "closes"],
    &["import", "export"],
    &["input", "output"],
    &["debug", "release"],
];

/// Whether each has a word of a contrast that the other lacks.
pub fn are_apart(a: &[&Token], b: &[&Token]) -> bool {
    let has = |tokens: &[&Token], word: &str| tokens.iter().any(|token| token.folded == word);
    CONTRASTS.iter().any(|row| {
        let only =
            |own: &[&Token], other: &[&Token]| row.iter().any(|word| has(own, word) && !has(other, word));
        only(a, b) && only(b, a)
    })
}
