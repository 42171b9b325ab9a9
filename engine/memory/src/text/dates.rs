//! Dates as texts write them, to year, month and day: `2023-06-26`, `June 26th, 2023`, `26. Juni 2023`, `6/26/2023`,
//! `26.06.2023`, `20230626`, `2023年6月26日`. No clock is read here: what is relative is none of this file's.

use super::words::{Gap, Word};

/// Names of months in the languages that write them out most, folded; three letters of the English ones are known too.
const MONTHS: [(&str, u8); 119] = [
    ("abril", 4),
    ("agosto", 8),
    ("aout", 8),
    ("april", 4),
    ("aprile", 4),
    ("august", 8),
    ("augustus", 8),
    ("avril", 4),
    ("december", 12),
    ("decembre", 12),
    ("dez", 12),
    ("dezember", 12),
    ("dezembro", 12),
    ("dicembre", 12),
    ("diciembre", 12),
    ("enero", 1),
    ("febbraio", 2),
    ("febrero", 2),
    ("februar", 2),
    ("februari", 2),
    ("february", 2),
    ("fevereiro", 2),
    ("fevrier", 2),
    ("gennaio", 1),
    ("giugno", 6),
    ("janeiro", 1),
    ("januar", 1),
    ("januari", 1),
    ("january", 1),
    ("janvier", 1),
    ("juillet", 7),
    ("juin", 6),
    ("julho", 7),
    ("juli", 7),
    ("julio", 7),
    ("july", 7),
    ("june", 6),
    ("junho", 6),
    ("juni", 6),
    ("junio", 6),
    ("luglio", 7),
    ("maart", 3),
    ("maggio", 5),
    ("mai", 5),
    ("maio", 5),
    ("march", 3),
    ("marco", 3),
    ("mars", 3),
    ("marz", 3),
    ("marzo", 3),
    ("may", 5),
    ("mayo", 5),
    ("mei", 5),
    ("mrz", 3),
    ("november", 11),
    ("novembre", 11),
    ("novembro", 11),
    ("noviembre", 11),
    ("octobre", 10),
    ("october", 10),
    ("octubre", 10),
    ("okt", 10),
    ("oktober", 10),
    ("ottobre", 10),
    ("outubro", 10),
    ("sept", 9),
    ("september", 9),
    ("septembre", 9),
    ("septiembre", 9),
    ("setembro", 9),
    ("settembre", 9),
    ("августа", 8),
    ("августе", 8),
    ("апреля", 4),
    ("апреле", 4),
    ("декабря", 12),
    ("декабре", 12),
    ("июле", 7),
    ("июля", 7),
    ("июне", 6),
    ("июня", 6),
    ("марта", 3),
    ("марте", 3),
    ("мая", 5),
    ("мае", 5),
    ("ноября", 11),
    ("ноябре", 11),
    ("октября", 10),
    ("октябре", 10),
    ("сентября", 9),
    ("сентябре", 9),
    ("февраля", 2),
    ("феврале", 2),
    ("января", 1),
    ("январе", 1),
    ("ابريل", 4),
    ("اغسطس", 8),
    ("اكتوبر", 10),
    ("ديسمبر", 12),
    ("سبتمبر", 9),
    ("فبراير", 2),
    ("مارس", 3),
    ("مايو", 5),
    ("نوفمبر", 11),
    ("يناير", 1),
    ("يوليو", 7),
    ("يونيو", 6),
    ("अक्टूबर", 10),
    ("अगस्त", 8),
    ("अप्रैल", 4),
    ("जनवरी", 1),
    ("जुलाई", 7),
    ("जून", 6),
    ("दिसंबर", 12),
    ("नवंबर", 11),
    ("फरवरी", 2),
    ("मई", 5),
    ("मार्च", 3),
    ("सितंबर", 9),
];
/// The English ones, whose first three letters stand for them.
const ENGLISH: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
/// Words that may stand between the parts of a date.
const BETWEEN: [&str; 8] = ["de", "del", "di", "do", "of", "the", "г", "года"];

/// A date as far as the text tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Date {
    /// The year, unless it was left out.
    pub year: Option<u16>,
    /// 1..=12; none if only a year is told.
    pub month: Option<u8>,
    /// 1..=31.
    pub day: Option<u8>,
    /// Day and month could be the other way round too: `4/5/2021`.
    pub is_ambiguous: bool,
}

impl Date {
    fn day(year: Option<u16>, month: u8, day: u8) -> Option<Self> {
        let longest = match month {
            2 => 29,
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => return None,
        };
        (1..=longest).contains(&day).then_some(Date {
            year,
            month: Some(month),
            day: Some(day),
            is_ambiguous: false,
        })
    }

    /// The same numbers with day and month changed round, where both readings are possible.
    pub fn other(self) -> Option<Self> {
        match (self.is_ambiguous, self.month, self.day) {
            (true, Some(month), Some(day)) => Date::day(self.year, day, month),
            _ => None,
        }
    }
}

/// Reads a date at the first of some words of `text`: how many words it takes, and the date.
pub fn date_at(text: &str, words: &[Word<'_>]) -> Option<(usize, Date)> {
    let first = words.first()?;
    let starts = first.folded.as_bytes().first()?;
    if starts.is_ascii_digit() {
        compact(first)
            .or_else(|| signs(text, words))
            .or_else(|| figures(text, words))
            .or_else(|| day_month(text, words))
            .or_else(|| {
                Some((1, Date { year: Some(year(first)?), month: None, day: None, is_ambiguous: false }))
            })
    } else {
        month_first(text, words)
    }
}

/// `20230626`
fn compact(word: &Word<'_>) -> Option<(usize, Date)> {
    if word.folded.len() != 8 || !word.is_number() {
        return None;
    }
    let year: u16 = word.folded[..4].parse().ok()?;
    let date = Date::day(Some(year), word.folded[4..6].parse().ok()?, word.folded[6..].parse().ok()?)?;
    (1900..2100).contains(&year).then_some((1, date))
}

/// `2023年6月26日`, `2023년 6월 26일`, with or without the day.
fn signs(text: &str, words: &[Word<'_>]) -> Option<(usize, Date)> {
    let [y, year_sign, m, month_sign, rest @ ..] = words else { return None };
    let is = |word: &Word<'_>, signs: [&str; 2]| signs.iter().any(|sign| word.folded == *sign);
    if !is(year_sign, ["年", "년"]) || !is(month_sign, ["月", "월"]) {
        return None;
    }
    let (year, month) = (year(y)?, small(m)?);
    if let [d, day_sign, ..] = rest
        && is(day_sign, ["日", "일"])
        && let (Some(day), Some(_)) = (small(d), text.get(d.start..))
    {
        return Some((6, Date::day(Some(year), month, day)?));
    }
    let date = Date { year: Some(year), month: Some(month), day: None, is_ambiguous: false };
    (1..=12).contains(&month).then_some((4, date))
}

/// `2023-06-26`, `26.06.2023`, `6/26/2023`, `26.06.23`
fn figures(text: &str, words: &[Word<'_>]) -> Option<(usize, Date)> {
    let [a, b, c, ..] = words else { return None };
    let sign = between(text, a, b);
    let joins = matches!(sign, "-" | "." | "/" | "–") || a.is_year() && sign == " ";
    if !joins || between(text, b, c) != sign {
        return None;
    }
    if !a.is_number() || !b.is_number() {
        return None;
    }
    // A time may be joined on: 2023-06-26T15:00.
    let last = c
        .folded
        .split_once('t')
        .filter(|(_, hour)| hour.len() == 2)
        .map_or(c.folded.as_str(), |(day, _)| day);
    if a.is_year() {
        let date = Date::day(Some(year(a)?), small(b)?, last.parse().ok().filter(|_| last.len() <= 2)?)?;
        return Some((3, date));
    }
    let year = match c.folded.len() {
        4 => year(c)?,
        2 if sign != "-" && c.is_number() => 2000 + c.folded.parse::<u16>().ok()?,
        _ => return None,
    };
    let (one, two) = (small(a)?, small(b)?);
    // Slashes are American unless that makes no date; dots and dashes are not.
    let (day_first, month_first) = (Date::day(Some(year), two, one), Date::day(Some(year), one, two));
    let is_ambiguous = day_first.is_some() && month_first.is_some() && one != two;
    let date = if sign == "/" { month_first.or(day_first) } else { day_first.or(month_first) }?;
    Some((3, Date { is_ambiguous, ..date }))
}

/// `26 June 2023`, `26th of June, 2023`, `26. Juni 2023`, `26 de junio de 2023`, `26 June`
fn day_month(text: &str, words: &[Word<'_>]) -> Option<(usize, Date)> {
    let day = small(&words[0])?;
    let at = skip(words, 1);
    let month_word = words.get(at)?;
    let month = month_of(&month_word.folded)?;
    if !follows(text, &words[at - 1], month_word) {
        return None;
    }
    let after = skip(words, at + 1);
    match words.get(after).filter(|word| follows(text, &words[after - 1], word)).and_then(year) {
        Some(year) => Some((after + 1, Date::day(Some(year), month, day)?)),
        // A comma or a sentence may lie between a number and a month that have nothing in common.
        None => (month_word.folded != "may" || month_word.capital)
            .then_some(())
            .and_then(|()| Some((at + 1, Date::day(None, month, day)?))),
    }
}

/// `June 26th, 2023`, `June 2023`, `June of 2023`, `June 26`
fn month_first(text: &str, words: &[Word<'_>]) -> Option<(usize, Date)> {
    let month = month_of(&words[0].folded)?;
    let at = skip(words, 1);
    let next = words.get(at).filter(|word| follows(text, &words[at - 1], word))?;
    if let Some(year) = year(next) {
        return Some((at + 1, Date { year: Some(year), month: Some(month), day: None, is_ambiguous: false }));
    }
    if at != 1 && words[1].folded != "the" {
        return None;
    }
    let day = small(next)?;
    let after = skip(words, at + 1);
    match words.get(after).filter(|word| follows(text, &words[after - 1], word)).and_then(year) {
        Some(year) => Some((after + 1, Date::day(Some(year), month, day)?)),
        None => words[0].capital.then_some(()).and_then(|()| Some((at + 1, Date::day(None, month, day)?))),
    }
}

/// Past one word that only joins the parts of a date.
fn skip(words: &[Word<'_>], at: usize) -> usize {
    match words.get(at) {
        Some(word) if word.gap == Gap::Joined && BETWEEN.contains(&word.folded.as_str()) => at + 1,
        _ => at,
    }
}

/// Whether a word stands near enough to the one before it to belong to one date.
fn follows(text: &str, before: &Word<'_>, word: &Word<'_>) -> bool {
    matches!(between(text, before, word).trim(), "" | "," | "." | "-" | "/" | "،")
        && !between(text, before, word).contains('\n')
}

fn between<'a>(text: &'a str, a: &Word<'_>, b: &Word<'_>) -> &'a str {
    text.get(a.start + a.text.len()..b.start).unwrap_or("\n")
}

fn year(word: &Word<'_>) -> Option<u16> {
    if word.is_year() { word.folded.parse().ok() } else { None }
}

/// A number of one or two digits, ordinal or not.
fn small(word: &Word<'_>) -> Option<u8> {
    let ending = word.folded.trim_start_matches(|c: char| c.is_ascii_digit());
    let digits = &word.folded[..word.folded.len() - ending.len()];
    if !(1..=2).contains(&digits.len()) || !matches!(ending, "" | "st" | "nd" | "rd" | "th" | "er" | "o") {
        return None;
    }
    digits.parse().ok()
}

/// The month that a folded word names.
pub fn month_of(folded: &str) -> Option<u8> {
    if folded.len() == 3
        && let Some(at) = ENGLISH.iter().position(|month| month.starts_with(folded))
    {
        return Some(at as u8 + 1);
    }
    MONTHS.iter().find(|(name, _)| *name == folded).map(|(_, month)| *month)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::words;

    fn read(text: &str) -> Option<(usize, Date)> {
        date_at(text, &words(text))
    }

    #[test]
    fn one_day_in_every_usual_form() {
        let day = Date { year: Some(2023), month: Some(6), day: Some(26), is_ambiguous: false };
        for text in [
            "2023-06-26",
            "June 26th, 2023",
            "26 June 2023",
            "Jun 26, 2023",
            "26.06.2023",
            "6/26/2023",
            "20230626",
            "26. Juni 2023",
            "26 de junio de 2023",
            "26 juin 2023",
            "the 26th of June, 2023",
            "2023/6/26",
            "26/06/2023",
            "2023年6月26日",
            "2023년 6월 26일",
            "26 июня 2023",
            "26 يونيو 2023",
            "26-06-2023",
            "26.06.23",
            "2023-06-26T15:00",
            "２０２３年６月２６日",
        ] {
            let text = text.strip_prefix("the ").unwrap_or(text);
            assert_eq!(read(text).map(|(_, date)| date), Some(day), "{text}");
        }
        assert_eq!(read("June 26").map(|(_, date)| date), Some(Date { year: None, ..day }));
        assert_eq!(read("May 2023").map(|(n, date)| (n, date.month, date.day)), Some((2, Some(5), None)));
    }

    #[test]
    fn what_could_be_read_both_ways_says_so() {
        let (_, date) = read("4/5/2021").unwrap();
        assert_eq!((date.month, date.day), (Some(4), Some(5)));
        assert_eq!(date.other().map(|date| (date.month, date.day)), Some((Some(5), Some(4))));
        assert!(read("26/06/2023").unwrap().1.other().is_none());
    }

    #[test]
    fn what_is_no_date_is_none() {
        for text in [
            "31 February 2023",
            "may 12 people",
            "12 apples",
            "1.2.3",
            "99/99/2023",
            "20231399",
            "12 monkeys 2023",
        ] {
            let found = read(text);
            assert!(found.is_none_or(|(_, date)| date.day.is_none()), "{text}: {found:?}");
        }
    }
}
