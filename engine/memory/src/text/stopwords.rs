//! English function words: they carry no meaning of their own and start no name.

/// Sorted, so that membership is a binary search.
const STOPWORDS: [&str; 162] = [
    "a", "about", "above", "after", "again", "against", "all", "also", "am", "an", "and", "any", "are", "arent", "as", "at",
    "be", "because", "been", "before", "being", "below", "between", "both", "but", "by", "can", "cannot", "cant", "could",
    "couldnt", "did", "didnt", "do", "does", "doesnt", "doing", "dont", "down", "during", "each", "either", "few", "for",
    "from", "further", "had", "hadnt", "has", "hasnt", "have", "havent", "having", "he", "hed", "her", "here", "hers",
    "herself", "hes", "him", "himself", "his", "how", "however", "i", "id", "if", "im", "in", "into", "is", "isnt", "it", "its",
    "itself", "ive", "just", "let", "lets", "me", "more", "most", "much", "my", "myself", "no", "nor", "not", "of", "off", "oh",
    "on", "once", "only", "or", "other", "our", "ours", "ourselves", "out", "over", "own", "same", "she", "shes", "should",
    "so", "some", "such", "than", "that", "thats", "the", "their", "theirs", "them", "themselves", "then", "there", "theres",
    "these", "they", "theyre", "this", "those", "through", "to", "too", "under", "until", "up", "us", "very", "was", "wasnt",
    "we", "were", "werent", "weve", "what", "whats", "when", "where", "which", "while", "who", "whom", "whose", "why", "will",
    "with", "wont", "would", "wow", "yes", "you", "your", "youre", "yours", "yourself", "yourselves",
];

/// Whether a folded word is a function word.
pub fn is_stopword(folded: &str) -> bool {
    STOPWORDS.binary_search(&folded).is_ok()
}

/// Names of months and days: capitalised, yet no names of things.
pub fn is_calendar_word(folded: &str) -> bool {
    const CALENDAR: [&str; 19] = [
        "april", "august", "december", "february", "friday", "january", "july", "june", "march", "may", "monday", "november",
        "october", "saturday", "september", "sunday", "thursday", "tuesday", "wednesday",
    ];
    CALENDAR.binary_search(&folded).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted() {
        assert!(STOPWORDS.is_sorted());
        assert!(is_stopword("the") && is_stopword("yourselves") && is_stopword("a") && !is_stopword("boat"));
        assert!(is_calendar_word("may") && is_calendar_word("wednesday") && !is_calendar_word("maybe"));
    }
}
