//! Times that a text names: years, months, days. Everything is UTC; no clock is read.

use crate::ids::Timestamp;
use crate::text::words::{Word, words};

const MONTHS: [&str; 12] = [
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
const DAY_US: i64 = 86_400_000_000;

/// A stretch of time as a text named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// As written.
    pub text: String,
    /// First instant.
    pub start: Timestamp,
    /// One past the last.
    pub end: Timestamp,
}

impl Span {
    /// How far an instant lies outside, us.
    pub fn distance_us(&self, at: Timestamp) -> u64 {
        if at < self.start {
            self.start.0.abs_diff(at.0)
        } else if at >= self.end {
            at.0.abs_diff(self.end.0)
        } else {
            0
        }
    }
}

/// Finds `2023`, `May 2023`, `8 May 2023`, `May 8, 2023` and `2023-05-08`, each place once.
pub fn spans(text: &str) -> Vec<Span> {
    let cut = words(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < cut.len() {
        match [date_at, month_at, year_at].iter().find_map(|read| read(&cut[at..])) {
            Some((taken, start, end)) => {
                let last = &cut[at + taken - 1];
                let text = text[cut[at].start..last.start + last.text.len()].to_owned();
                found.push(Span { text, start: Timestamp(start * DAY_US), end: Timestamp(end * DAY_US) });
                at += taken;
            }
            None => at += 1,
        }
    }
    found
}

type Read = (usize, i64, i64);

fn date_at(words: &[Word<'_>]) -> Option<Read> {
    let [a, b, c, ..] = words else { return None };
    let (year, month, day) = if a.is_year() && number(b).is_some() {
        (year(a)?, number(b)?, number(c)?)
    } else if let Some(month) = month(b) {
        (year(c)?, month, number(a)?)
    } else {
        (year(c)?, month(a)?, number(b)?)
    };
    if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let start = days_from_civil(year, month, day);
    Some((3, start, start + 1))
}

fn month_at(words: &[Word<'_>]) -> Option<Read> {
    let [a, b, ..] = words else { return None };
    let (year, month) = (year(b)?, month(a)?);
    let (next_year, next_month) = if month == 12 { (year + 1, 1) } else { (year, month + 1) };
    Some((2, days_from_civil(year, month, 1), days_from_civil(next_year, next_month, 1)))
}

fn year_at(words: &[Word<'_>]) -> Option<Read> {
    let year = year(words.first()?)?;
    Some((1, days_from_civil(year, 1, 1), days_from_civil(year + 1, 1, 1)))
}

fn year(word: &Word<'_>) -> Option<i64> {
    if word.is_year() { word.folded.parse().ok() } else { None }
}

fn month(word: &Word<'_>) -> Option<i64> {
    MONTHS
        .iter()
        .position(|month| {
            *month == word.folded || (word.folded.len() == 3 && month.starts_with(&word.folded))
        })
        .map(|at| at as i64 + 1)
}

fn number(word: &Word<'_>) -> Option<i64> {
    let digits = word.folded.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if digits.len() > 2 || digits.is_empty() { None } else { digits.parse().ok() }
}

/// Days from 1970-01-01 to a day of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_months_and_years() {
        let days = |text: &str| -> Vec<(i64, i64)> {
            spans(text).iter().map(|span| (span.start.0 / DAY_US, span.end.0 / DAY_US)).collect()
        };
        assert_eq!(days("on 2 January 1970"), [(1, 2)]);
        assert_eq!(days("Jan 2nd, 1970 and 1970-01-03"), [(1, 2), (2, 3)]);
        assert_eq!(days("in May 2023?"), [(19_478, 19_509)]);
        assert_eq!(days("since 1969"), [(-365, 0)]);
        assert_eq!(days("room 12, 99 bottles, may I"), []);
    }

    #[test]
    fn distance_is_zero_inside() {
        let span = &spans("1970")[0];
        assert_eq!(span.distance_us(Timestamp(5)), 0);
        assert_eq!(span.distance_us(Timestamp(-7)), 7);
        assert_eq!(span.distance_us(Timestamp(366 * DAY_US)), DAY_US as u64);
    }
}
