//! Finds the names in a text without a model: capitalised phrases, quoted titles, years, and the subject.
//!
//! A stored subject met word for word in another text is a mention too, but only where it is written like a name
//! there: without that rule, dictionary words that became titles tie everything to everything.

use std::ops::Range;

use super::openers::{is_common, is_opener};
use super::stopwords::{is_calendar_word, is_stopword};
use super::words::{Gap, Word, words};

/// German function words.
const GERMAN: [&str; 24] = [
    "auf", "das", "dem", "der", "die", "ein", "eine", "einen", "fur", "hat", "ich", "im", "ist", "mit",
    "nicht", "sich", "sie", "und", "unsere", "von", "wird", "wir", "wurde", "zu",
];

/// Longest name looked for, words.
pub const NAME_WORDS_MAX: usize = 8;
/// Longest first line taken for a title, bytes.
const TITLE_BYTES_MAX: usize = 120;
/// Longest name of a speaker, words.
const SPEAKER_WORDS_MAX: usize = 3;
/// Longest quoted title, words.
const QUOTE_WORDS_MAX: usize = 8;

/// A text about what its title says says so within so many words.
const SUBJECT_WORDS: usize = 12;
/// Words that begin a question, which a first line may be.
const QUESTIONS: [&str; 12] =
    ["can", "could", "did", "do", "does", "how", "should", "what", "when", "where", "which", "why"];
/// Last words of headings that say what sort of text follows, not what it is about.
const HEADINGS: [&str; 22] = [
    "agenda",
    "background",
    "checklist",
    "details",
    "ideas",
    "info",
    "information",
    "introduction",
    "list",
    "log",
    "meeting",
    "minutes",
    "notes",
    "overview",
    "plan",
    "reminder",
    "schedule",
    "steps",
    "summary",
    "tasks",
    "todo",
    "update",
];
/// Names that end as verbs do.
const ING_NAMES: [&str; 12] = [
    "beijing",
    "boeing",
    "browning",
    "chongqing",
    "fleming",
    "golding",
    "harding",
    "kipling",
    "nanjing",
    "reading",
    "sterling",
    "stirling",
];

/// Words that join the parts of a name.
const CONNECTORS: [&str; 24] = [
    "and", "al", "bin", "da", "de", "del", "della", "der", "des", "di", "dos", "du", "el", "for", "in", "la",
    "le", "of", "on", "the", "to", "van", "von", "y",
];
/// Connectors that may also link two separate names; they join only inside titles, never in running text.
const LOOSE_CONNECTORS: [&str; 5] = ["and", "for", "in", "on", "to"];

/// The names of one text.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// What the text is about, most specific form first; empty where nothing stands out.
    pub subjects: Vec<String>,
    /// Every name met, folded, with how often; in order of first appearance.
    pub mentions: Vec<(String, u32)>,
}

/// Splits a first line that reads as a title from the rest.
pub fn split_title(text: &str) -> (Option<&str>, &str) {
    let trimmed = text.trim_start();
    let Some((first, rest)) = trimmed.split_once('\n') else { return (None, text) };
    let title = first.trim().trim_start_matches('#').trim();
    let is_sentence = title.ends_with(['.', '!', '?', ':', ';', ','])
        && !title.ends_with("Jr.")
        && !title.ends_with("Inc.");
    let is_title =
        !title.is_empty() && title.len() <= TITLE_BYTES_MAX && !is_sentence && !rest.trim().is_empty();
    if is_title && reads_as_title(first.trim(), title, rest) { (Some(title), rest) } else { (None, text) }
}

/// Whether a first line names something: no item of a list, no turn of a conversation, no question, no note to oneself such as
/// `buy stamps`. A heading that any note could have (`Notes`) is a title only if the text is about that word.
fn reads_as_title(line: &str, title: &str, rest: &str) -> bool {
    if line.starts_with(['-', '*', '>', '[', '•']) {
        return false;
    }
    let cut = words(title);
    let Some(first) = cut.first() else { return false };
    let is_cased = title.chars().any(char::is_lowercase);
    let capitals = cut.iter().skip(1).filter(|word| word.capital).count();
    let is_plain = is_cased && capitals == 0;
    if is_plain
        && (first.text.starts_with(char::is_lowercase) && cut.len() > 1 && !line.starts_with('#')
            || QUESTIONS.contains(&first.folded.as_str()))
    {
        return false;
    }
    if is_plain && speaker(title).is_some() {
        return false;
    }
    let is_everyday =
        |word: &Word<'_>| is_function(word) || is_opener(&word.folded) || is_common_form(&word.folded);
    let last = &cut[cut.len() - 1].folded;
    if !is_plain || !HEADINGS.contains(&last.as_str()) || !cut.iter().all(is_everyday) {
        return true;
    }
    words(rest).iter().take(SUBJECT_WORDS).any(|word| word.folded == *last)
}

/// A function word, or one with another written on to it: `I'll`, `They've`, `Didn't`.
fn is_function(word: &Word<'_>) -> bool {
    is_stopword(&word.folded)
        || word.text.split_once(['\'', '’']).is_some_and(|(bare, rest)| {
            let bare = bare.to_lowercase();
            is_stopword(&bare) || (rest == "t" && bare.ends_with('n'))
        })
}

/// An everyday word, in the plural too.
fn is_common_form(folded: &str) -> bool {
    is_common(folded) || folded.strip_suffix('s').is_some_and(is_common)
}

/// A month or a day, in the plural too: `Mondays`.
fn is_calendar_form(folded: &str) -> bool {
    is_calendar_word(folded) || folded.strip_suffix('s').is_some_and(is_calendar_word)
}

/// Folded words joined by spaces.
pub fn fold_name(name: &str) -> String {
    join(&words(name))
}

/// Finds the names of a text. `speaks` texts (turns of a conversation) have no subject of their own.
pub fn names(text: &str, has_subject: bool) -> Names {
    let (title, body) = split_title(text);
    let mut found = Names::default();
    if let Some(title) = title {
        for subject in title_forms(title) {
            found.mention(subject.clone());
            if has_subject && !found.subjects.contains(&subject) {
                found.subjects.push(subject);
            }
        }
    }
    let cut = words(body);
    for phrase in phrases(&cut) {
        let name = join(phrase);
        if has_subject && found.subjects.is_empty() && !phrase[0].is_number() {
            found.subjects.push(name.clone());
        }
        found.mention(name);
    }
    for quote in quotes(body) {
        found.mention(quote);
    }
    // Some are called as things are: Hope, Will.
    let speaker = if has_subject { None } else { speaker(text).map(fold_name) };
    if let Some(speaker) = speaker
        && !is_common_form(&speaker)
        && !found.mentions.iter().any(|(known, _)| *known == speaker)
    {
        found.mention(speaker);
    }
    found
}

impl Names {
    fn mention(&mut self, name: String) {
        if name.is_empty() || name.len() > 200 {
            return;
        }
        match self.mentions.iter_mut().find(|(known, _)| *known == name) {
            Some((_, times)) => *times += 1,
            None => self.mentions.push((name, 1)),
        }
    }
}

/// Who says a turn that is written like a script, `Name: ...`, after a time in brackets or not.
pub fn speaker(turn: &str) -> Option<&str> {
    let turn = turn.trim_start();
    let said = match turn.strip_prefix('[') {
        Some(dated) => dated.split_once(']')?.1.trim_start(),
        None => turn,
    };
    let (name, _) = said.split_once(": ")?;
    let is_name = |word: &str| word.starts_with(char::is_alphabetic);
    (name.split(' ').count() <= SPEAKER_WORDS_MAX && name.split(' ').all(is_name)).then_some(name)
}

/// A title as written, without its parenthesis, and the parenthesis-free head of a `Page > Section` path.
fn title_forms(title: &str) -> Vec<String> {
    let mut forms = Vec::new();
    let mut add = |form: &str| {
        let folded = strip_article(&fold_name(form)).to_owned();
        if !folded.is_empty() && !forms.contains(&folded) {
            forms.push(folded);
        }
    };
    add(title);
    if let Some((head, _)) = title.split_once(" (") {
        add(head);
    }
    if let Some((page, section)) = title.rsplit_once(" > ") {
        add(section);
        add(page);
    }
    forms
}

fn strip_article(folded: &str) -> &str {
    ["the ", "a ", "an "].iter().find_map(|article| folded.strip_prefix(article)).unwrap_or(folded)
}

fn join(words: &[Word<'_>]) -> String {
    let mut joined = String::new();
    for word in words {
        if !joined.is_empty() {
            joined.push(' ');
        }
        joined.push_str(&word.folded);
    }
    joined
}

/// Capitalised phrases and years, as runs of words.
pub fn phrases<'w, 'a>(words: &'w [Word<'a>]) -> Vec<&'w [Word<'a>]> {
    let mut found = Vec::new();
    // In a text that shouts, capitals tell nothing; in German every noun has one.
    let is_shouted = is_shouted(words);
    let is_german = !is_shouted && is_german(words);
    let mut at = 0;
    while at < words.len() {
        if !words[at].capital || is_shouted || is_no_start(words, at, is_german) {
            if words[at].is_year() {
                found.push(&words[at..=at]);
            }
            at += 1;
            continue;
        }
        let end = phrase_end(words, at);
        if let Some(phrase) = trim_phrase(&words[at..end])
            && !(phrase.len() == 1 && is_ordinary(words, at, is_german))
        {
            found.push(phrase);
        }
        at = end;
    }
    found
}

/// Whether a word stands where any word would be written with a capital letter: at the front of a sentence, after a colon, in
/// brackets.
fn is_in_front(word: &Word<'_>) -> bool {
    matches!(word.gap, Gap::Sentence | Gap::Phrase)
}

/// Whether a capitalised word begins no name: a function word anywhere; in front, a verb or the like.
fn is_no_start(words: &[Word<'_>], at: usize, is_german: bool) -> bool {
    let word = &words[at];
    let followed_by =
        |list: &[&str]| words.get(at + 1).is_some_and(|next| list.contains(&next.folded.as_str()));
    let is_verb = || {
        let folded = word.folded.as_str();
        let len = folded.len();
        let goes_on = words.get(at + 1).is_none_or(|next| next.gap != Gap::Joined || !next.capital);
        (folded.ends_with("ing") && len >= 6 && goes_on && !ING_NAMES.contains(&folded))
            || (folded.ends_with("ed")
                && len >= 5
                && followed_by(&["as", "at", "by", "for", "from", "in", "on", "to", "with"]))
            || (folded.ends_with("ly") && len >= 7 && goes_on && !matches!(folded, "beverly" | "kimberly"))
    };
    if is_german && GERMAN.contains(&word.folded.as_str()) {
        return true;
    }
    if is_function(word)
        && !(word.folded.len() > 1 && word.text.chars().all(char::is_uppercase) && !is_in_front(word))
    {
        return true;
    }
    // A function word with a capital letter after it makes it a title: `Take Me Home`.
    let is_title = words.get(at + 1).is_some_and(|next| {
        next.gap == Gap::Joined && next.capital && is_stopword(&next.folded) && !is_pronoun(next)
    });
    !is_title
        && is_in_front(word)
        && (is_opener(&word.folded) || is_drawled(&word.folded) || is_verb())
        && !is_named_inside(words, at)
}

/// `I`, alone or with a verb written on to it, which is capital wherever it stands.
fn is_pronoun(word: &Word<'_>) -> bool {
    word.text == "I" || word.text.starts_with("I'") || word.text.starts_with("I’")
}

/// `Awww`, `Hmmm`: no name has the same letter three times in a row.
fn is_drawled(folded: &str) -> bool {
    let letters: Vec<char> = folded.chars().collect();
    letters.windows(3).any(|three| three[0] == three[1] && three[1] == three[2] && three[0].is_alphabetic())
}

/// Whether a word is written with a capital letter inside a sentence of the same text.
fn is_named_inside(words: &[Word<'_>], at: usize) -> bool {
    words.iter().any(|word| word.capital && !is_in_front(word) && word.folded == words[at].folded)
}

/// Whether a single capitalised word is an everyday one.
fn is_ordinary(words: &[Word<'_>], at: usize, is_german: bool) -> bool {
    let word = &words[at];
    let is_capitals = word.text.chars().nth(1).is_some_and(char::is_uppercase);
    if is_common_form(&word.folded) && (is_capitals || is_in_front(word)) {
        return is_capitals || !is_named_inside(words, at);
    }
    // A German noun is a name after some few words alone.
    const BEFORE_NAMES: [&str; 8] = ["aus", "bei", "heisst", "in", "nach", "namens", "und", "von"];
    let before = at.checked_sub(1).map_or("", |before| words[before].folded.as_str());
    is_german && !is_capitals && !is_in_front(word) && !BEFORE_NAMES.contains(&before)
}

/// Whether most words of a text are written in capitals.
fn is_shouted(words: &[Word<'_>]) -> bool {
    let is_loud = |word: &&Word<'_>| {
        word.text.chars().nth(1).is_some() && word.text.chars().all(|c| !c.is_lowercase() && !c.is_numeric())
    };
    let cased =
        words.iter().filter(|word| word.text.chars().any(|c| c.is_lowercase() || c.is_uppercase())).count();
    cased >= 3 && words.iter().filter(is_loud).filter(|word| word.capital).count() * 2 > cased
}

/// Whether a text is German, by its function words.
fn is_german(words: &[Word<'_>]) -> bool {
    let german = words.iter().filter(|word| GERMAN.contains(&word.folded.as_str())).count();
    german >= 2 && german > words.iter().filter(|word| is_stopword(&word.folded)).count()
}

/// One past the last word of the phrase that starts at `start`.
fn phrase_end(words: &[Word<'_>], start: usize) -> usize {
    let mut end = start + 1;
    loop {
        let mut ahead = end;
        while ahead < words.len()
            && ahead < end + 2
            && words[ahead].gap == Gap::Joined
            && joins(&words[ahead])
        {
            ahead += 1;
        }
        // `Friday I went`, but `World War I ended`.
        let before = words[ahead - 1].folded.as_str();
        let is_new = words.get(ahead).is_some_and(is_pronoun)
            && (words[ahead].text.len() > 1
                || is_calendar_form(before)
                || is_opener(before)
                || before.ends_with("ly"));
        let goes_on = ahead < words.len()
            && !is_new
            && words[ahead].gap == Gap::Joined
            && (words[ahead].capital || (ahead == end && words[ahead].is_number()));
        if !goes_on {
            return end;
        }
        end = ahead + 1;
    }
}

fn joins(word: &Word<'_>) -> bool {
    !word.capital
        && CONNECTORS.contains(&word.folded.as_str())
        && !LOOSE_CONNECTORS.contains(&word.folded.as_str())
}

/// Drops months before a year, and phrases that name nothing.
fn trim_phrase<'w, 'a>(phrase: &'w [Word<'a>]) -> Option<&'w [Word<'a>]> {
    let is_date = |word: &Word<'_>| is_calendar_form(&word.folded) || word.is_number();
    if phrase.iter().all(is_date) {
        return phrase.last().is_some_and(Word::is_year).then(|| &phrase[phrase.len() - 1..]);
    }
    let first = phrase.first()?;
    (phrase.len() > 1 || first.folded.chars().count() > 1).then_some(phrase)
}

/// Titles in quotation marks.
fn quotes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open: Option<usize> = None;
    for (at, c) in text.char_indices() {
        match (c, open) {
            ('"' | '“', None) => open = Some(at + c.len_utf8()),
            ('"' | '”', Some(start)) => {
                let cut = words(&text[start..at]);
                if (1..=QUOTE_WORDS_MAX).contains(&cut.len()) && cut.iter().any(|word| word.capital) {
                    found.push(strip_article(&join(&cut)).to_owned());
                }
                open = None;
            }
            ('\n', Some(_)) => open = None,
            _ => {}
        }
    }
    found
}

/// Whether words are written like a name where they stand: one word capitalised and not opening a sentence; several words
/// with at least one capitalised.
pub fn is_written_as_name(words: &[Word<'_>]) -> bool {
    match words {
        [word] => word.capital && word.gap != Gap::Sentence,
        words => words.iter().any(|word| word.capital),
    }
}

/// Whether a span is one word that stands beside another of the same name: "Toby" in "Toby Wallace", "County" in "Crockett County".
pub fn is_part_of_name(words: &[Word<'_>], span: Range<usize>) -> bool {
    let beside = |at: usize, next: usize| {
        words[next].gap == Gap::Joined && words[at].capital && !is_stopword(&words[at].folded)
    };
    span.len() == 1
        && (span.start > 0 && beside(span.start - 1, span.start)
            || span.end < words.len() && beside(span.end, span.end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mentions(text: &str) -> Vec<String> {
        names(text, true).mentions.into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn capitalised_phrases_years_and_quotes() {
        assert_eq!(
            mentions(
                "The University of Vienna hired J. R. Tolkien in May 1914. He wrote \"The Lost Road\" in Stanley, North Dakota."
            ),
            ["university of vienna", "j r tolkien", "1914", "lost road", "stanley", "north dakota"]
                .map(String::from)
                .to_vec()
        );
    }

    #[test]
    fn the_title_line_is_the_subject() {
        let found = names("Lilu (mythology)\nA lilu is a demon in Akkadian myth.", true);
        assert_eq!(found.subjects, ["lilu mythology", "lilu"]);
        assert_eq!(names("Port Blair is the capital. It is big.", true).subjects, ["port blair"]);
        assert!(names("[8 May 2023] Caroline: Hey Mel!", false).subjects.is_empty());
    }

    #[test]
    fn who_speaks_stands_before_a_colon() {
        assert_eq!(speaker("[1:56 pm on 8 May, 2023] Caroline: Hey Mel!"), Some("Caroline"));
        assert_eq!(speaker("Jo van Dyk: it is late"), Some("Jo van Dyk"));
        for none in
            ["", "[8 May", "Hey Mel!", "at 1:56 pm", "What I mean to say is: no", "12: 30", ": x", "a:b"]
        {
            assert_eq!(speaker(none), None, "{none}");
        }
    }

    #[test]
    fn a_first_sentence_is_no_title() {
        assert_eq!(split_title("This is a sentence.\nAnd more").0, None);
        assert_eq!(split_title("# Heading\ntext").0, Some("Heading"));
        assert_eq!(split_title("only one line").0, None);
    }

    #[test]
    fn a_name_is_written_like_one() {
        let sentence = words("Chess is played. He likes chess and Chess clubs in new York");
        assert!(!is_written_as_name(&sentence[0..1]));
        assert!(!is_written_as_name(&sentence[5..6]));
        assert!(is_written_as_name(&sentence[7..8]));
        assert!(is_written_as_name(&sentence[10..12]));
    }

    #[test]
    fn a_word_of_a_longer_name_is_told_from_a_name() {
        let sentence =
            words("Then Toby Wallace of Vienna, The Area and Crockett County met Ann. In Rome we saw Ann");
        let part = |word: &str| {
            let at = sentence.iter().position(|other| other.text == word).unwrap();
            is_part_of_name(&sentence, at..at + 1)
        };
        for (word, is) in [
            ("Toby", true),
            ("Wallace", true),
            ("Vienna", false),
            ("Area", false),
            ("County", true),
            ("Rome", false),
        ] {
            assert_eq!(part(word), is, "{word}");
        }
        assert!(!is_part_of_name(&sentence, 1..3));
    }
}
