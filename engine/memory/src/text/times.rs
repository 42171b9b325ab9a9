//! Times that a text names: years, months, days, and those told from where the speaker stands (`last Friday`, `two weeks ago`).
//! Everything is UTC; no clock is read, the reference comes in.
//!
//! Crates were judged and none taken: `interim` and `chrono-english` read one expression that must be all of the string and give an
//! instant, so that `last month` is a moment; `two_timer` gives stretches, but also of a whole string alone, and brings a grammar
//! of regular expressions; `event_parser` makes one calendar event of a sentence. Here expressions are found inside running
//! text, and all that is needed is which stretch they mean.

use super::dates::{date_at, month_of};
use super::words::{Gap, Word, words};
use crate::ids::Timestamp;

const DAY_US: i64 = 86_400_000_000;
const HOUR_US: i64 = 3_600_000_000;
const WEEKDAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
const NUMBERS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve",
];
/// What may stand before a month that is meant as one; `march` and `may` are verbs elsewhere.
const BEFORE_MONTH: [&str; 10] =
    ["in", "since", "until", "till", "by", "during", "of", "from", "before", "after"];

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

/// Times that a text names, each place once; what is relative is meant as seen from `reference`.
pub fn spans(text: &str, reference: Timestamp) -> Vec<Span> {
    find(text, Some(reference))
}

/// Times that a text names by themselves: `2023`, `May 2023`, `8 May 2023`, `2023-05-08` and their like.
pub fn absolute(text: &str) -> Vec<Span> {
    find(text, None)
}

fn find(text: &str, reference: Option<Timestamp>) -> Vec<Span> {
    let cut = words(text);
    let mut found = Vec::new();
    let mut at = 0;
    while at < cut.len() {
        let rest = &cut[at..];
        let before = at.checked_sub(1).map(|at| cut[at].folded.as_str()).unwrap_or_default();
        let now = reference.map(Now::of);
        let read = now
            .and_then(|now| now.relative(rest, before))
            .or_else(|| dated(text, rest, now))
            .or_else(|| decade(rest))
            .or_else(|| quarter(rest));
        match read {
            Some(Read { taken, start, end }) => {
                let last = &cut[at + taken - 1];
                let text = text[cut[at].start..last.start + last.text.len()].to_owned();
                found.push(Span { text, start: Timestamp(start), end: Timestamp(end) });
                at += taken;
            }
            None => at += 1,
        }
    }
    found
}

/// So many words, and the stretch they mean in us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Read {
    taken: usize,
    start: i64,
    end: i64,
}

fn days(taken: usize, start: i64, end: i64) -> Option<Read> {
    Some(Read { taken, start: start * DAY_US, end: end * DAY_US })
}

fn months(taken: usize, year: i64, month: i64, count: i64) -> Option<Read> {
    days(taken, month_start(year, month), month_start(year, month + count))
}

/// Day on which a month begins; months beyond a year's are those of the next or the one before.
fn month_start(year: i64, month: i64) -> i64 {
    days_from_civil(year + (month - 1).div_euclid(12), (month - 1).rem_euclid(12) + 1, 1)
}

fn dated(text: &str, words: &[Word<'_>], now: Option<Now>) -> Option<Read> {
    let (taken, date) = date_at(text, words)?;
    match (date.year.map(i64::from), date.month.map(i64::from), date.day.map(i64::from)) {
        (Some(year), Some(month), Some(day)) => {
            let start = days_from_civil(year, month, day);
            days(taken, start, start + 1)
        }
        (Some(year), Some(month), None) => months(taken, year, month, 1),
        (Some(year), None, _) => months(taken, year, 1, 12),
        // Without a year, the nearest one.
        (None, Some(month), Some(day)) => {
            let now = now?;
            let starts = (now.year - 1..=now.year + 1).map(|year| days_from_civil(year, month, day));
            let start = starts.min_by_key(|start| (start - now.day).abs())?;
            days(taken, start, start + 1)
        }
        _ => None,
    }
}

/// `1990s`
fn decade(words: &[Word<'_>]) -> Option<Read> {
    let year: i64 = words.first()?.folded.strip_suffix('s').filter(|year| year.len() == 4)?.parse().ok()?;
    ((1000..2100).contains(&year) && year % 10 == 0).then(|| months(1, year, 1, 120))?
}

/// `Q3 2023`
fn quarter(words: &[Word<'_>]) -> Option<Read> {
    let [q, year, ..] = words else { return None };
    let quarter: i64 = q.folded.strip_prefix('q').filter(|q| q.len() == 1)?.parse().ok()?;
    let year = year.is_year().then(|| year.folded.parse().ok())??;
    (1..=4).contains(&quarter).then(|| months(2, year, quarter * 3 - 2, 3))?
}

/// Where the speaker stands.
#[derive(Clone, Copy, Debug)]
struct Now {
    at: i64,
    /// Days since 1970.
    day: i64,
    year: i64,
    month: i64,
    /// Monday is 0.
    weekday: i64,
}

/// Which of the like: the one before, the one in which we are, the one to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Which {
    Last,
    This,
    Next,
}

impl Which {
    fn of(word: &str) -> Option<Self> {
        match word {
            "last" | "past" | "previous" => Some(Which::Last),
            "this" | "current" => Some(Which::This),
            "next" | "coming" | "upcoming" | "following" => Some(Which::Next),
            _ => None,
        }
    }

    fn step(self) -> i64 {
        match self {
            Which::Last => -1,
            Which::This => 0,
            Which::Next => 1,
        }
    }
}

/// A length of time with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Length {
    Hour,
    Day,
    Week,
    Month,
    Year,
}

impl Length {
    fn of(word: &str) -> Option<Self> {
        Some(match word.strip_suffix('s').unwrap_or(word) {
            "hour" | "hr" => Length::Hour,
            "day" => Length::Day,
            "week" | "fortnight" => Length::Week,
            "month" => Length::Month,
            "year" => Length::Year,
            _ => return None,
        })
    }
}

impl Now {
    fn of(reference: Timestamp) -> Self {
        let day = reference.0.div_euclid(DAY_US);
        let (year, month) = civil_from_days(day);
        // 1970-01-01 was a Thursday.
        Now { at: reference.0, day, year, month, weekday: (day + 3).rem_euclid(7) }
    }

    fn relative(self, words: &[Word<'_>], before: &str) -> Option<Read> {
        self.named_day(words)
            .or_else(|| self.counted(words))
            .or_else(|| self.which(words))
            .or_else(|| self.bare_month(words, before))
    }

    /// `yesterday`, `the day before yesterday`, `this morning`, `last night`
    fn named_day(self, words: &[Word<'_>]) -> Option<Read> {
        let folded = |at: usize| {
            words.get(at).filter(|w| at == 0 || w.gap == Gap::Joined).map_or("", |w| w.folded.as_str())
        };
        let day = |taken, offset| days(taken, self.day + offset, self.day + offset + 1);
        let hours = |taken, offset: i64, from: i64, to: i64| {
            let start = (self.day + offset) * DAY_US;
            Some(Read { taken, start: start + from * HOUR_US, end: start + to * HOUR_US })
        };
        let part = |taken, offset, part: &str| match part {
            "morning" => hours(taken, offset, 0, 12),
            "afternoon" => hours(taken, offset, 12, 18),
            "evening" | "night" => hours(taken, offset, 17, 28),
            _ => None,
        };
        match (folded(0), folded(1), folded(2)) {
            ("day", "before", "yesterday") => day(3, -2),
            ("day", "after", "tomorrow") => day(3, 2),
            ("yesterday", p, _) => part(2, -1, p).or_else(|| day(1, -1)),
            ("tomorrow", p, _) => part(2, 1, p).or_else(|| day(1, 1)),
            ("last", "night", _) => part(2, -1, "night"),
            ("this", p, _) => part(2, 0, p),
            ("tonight", ..) => part(1, 0, "night"),
            ("today", ..) => day(1, 0),
            _ => None,
        }
    }

    /// `two weeks ago`, `in 2 days`, `3 months from now`, `the last ten days`
    fn counted(self, words: &[Word<'_>]) -> Option<Read> {
        let first = words.first()?.folded.as_str();
        let which = Which::of(first).filter(|which| *which != Which::This);
        let lead = usize::from(first == "in" || which.is_some());
        let (number, count) = number_at(&words[lead..])?;
        let length_word = words.get(lead + number)?;
        let length = Length::of(&length_word.folded)?;
        let count = if length_word.folded.starts_with("fortnight") { count * 2 } else { count };
        let taken = lead + number + 1;
        if let Some(which) = which {
            let (start, end) = (self.moved(length, count * which.step()), self.at);
            return Some(Read { taken, start: start.min(end), end: start.max(end) });
        }
        let follows = |at: usize, word: &str| words.get(taken + at).is_some_and(|next| next.folded == word);
        match () {
            () if first == "in" => self.around(taken, length, count),
            () if follows(0, "ago") => self.around(taken + 1, length, -count),
            () if follows(0, "from") && follows(1, "now") => self.around(taken + 2, length, count),
            () => None,
        }
    }

    /// The instant so many lengths from now, us.
    fn moved(self, length: Length, count: i64) -> i64 {
        let months = |months: i64| {
            let start = month_start(self.year, self.month + months);
            let in_month = self.day - month_start(self.year, self.month);
            let last = month_start(self.year, self.month + months + 1) - 1;
            (start + in_month).min(last) * DAY_US + self.at.rem_euclid(DAY_US)
        };
        match length {
            Length::Hour => self.at + count * HOUR_US,
            Length::Day => self.at + count * DAY_US,
            Length::Week => self.at + count * 7 * DAY_US,
            Length::Month => months(count),
            Length::Year => months(count * 12),
        }
    }

    /// The stretch meant by so many lengths from now: who says weeks does not count days.
    fn around(self, taken: usize, length: Length, count: i64) -> Option<Read> {
        let at = self.moved(length, count);
        let day = at.div_euclid(DAY_US);
        match length {
            Length::Hour => Some(Read { taken, start: at - HOUR_US / 2, end: at + HOUR_US / 2 }),
            Length::Day => days(taken, day, day + 1),
            Length::Week => days(taken, day - 3, day + 4),
            Length::Month => months(taken, self.year, self.month + count, 1),
            Length::Year => months(taken, self.year + count, 1, 12),
        }
    }

    /// `last week`, `this month`, `next Tuesday`, `last March`, `last summer`, `this weekend`
    fn which(self, words: &[Word<'_>]) -> Option<Read> {
        let [first, second, ..] = words else { return None };
        let which = Which::of(&first.folded).filter(|_| second.gap == Gap::Joined)?;
        let (step, name) = (which.step(), second.folded.as_str());
        let monday = self.day - self.weekday;
        if let Some(weekday) = WEEKDAYS.iter().position(|day| *day == name) {
            let weekday = weekday as i64;
            let day = match which {
                Which::Last => self.day - 1 - (self.weekday - weekday - 1).rem_euclid(7),
                Which::This => monday + weekday,
                Which::Next => self.day + 1 + (weekday - self.weekday - 1).rem_euclid(7),
            };
            return days(2, day, day + 1);
        }
        if let Some(month) = month_of(name).map(i64::from) {
            let year = match which {
                Which::Last if month >= self.month => self.year - 1,
                Which::Next if month <= self.month => self.year + 1,
                _ => self.year,
            };
            return months(2, year, month, 1);
        }
        match name {
            "week" => days(2, monday + step * 7, monday + step * 7 + 7),
            "weekend" => {
                // On a weekend the last one is the one before it.
                let saturday = monday + 5 + step * 7;
                days(2, saturday, saturday + 2)
            }
            "month" => months(2, self.year, self.month + step, 1),
            "quarter" => months(2, self.year, (self.month - 1) / 3 * 3 + 1 + step * 3, 3),
            "year" => months(2, self.year + step, 1, 12),
            "decade" => months(2, self.year / 10 * 10 + step * 10, 1, 120),
            _ => {
                let begins = match name {
                    "spring" => 3,
                    "summer" => 6,
                    "autumn" | "fall" => 9,
                    "winter" => 12,
                    _ => return None,
                };
                // Seasons are those of the north; the last one is over.
                let now = month_start(self.year, self.month);
                let over = |year: i64| month_start(year, begins + 3) <= now;
                let year = match which {
                    Which::Last => (self.year - 2..=self.year).rev().find(|year| over(*year))?,
                    Which::This => (self.year - 1..=self.year).find(|year| !over(*year))?,
                    Which::Next => {
                        (self.year..=self.year + 1).find(|year| month_start(*year, begins) > self.day)?
                    }
                };
                months(2, year, begins, 3)
            }
        }
    }

    /// `in March`: the one in which we are, or the last.
    fn bare_month(self, words: &[Word<'_>], before: &str) -> Option<Read> {
        let month = i64::from(month_of(&words.first()?.folded)?);
        let is_month = words[0].capital && BEFORE_MONTH.contains(&before);
        // A year or a day that follows is read with it.
        let is_more = words.get(1).is_some_and(|next| {
            next.gap != Gap::Sentence && next.folded.starts_with(|c: char| c.is_ascii_digit())
        });
        let year = if month > self.month { self.year - 1 } else { self.year };
        (is_month && !is_more).then(|| months(1, year, month, 1))?
    }
}

/// `3`, `two`, `a`, `a couple of`, `a few`: how many words, and how much.
fn number_at(words: &[Word<'_>]) -> Option<(usize, i64)> {
    let folded = |at: usize| words.get(at).map_or("", |word| word.folded.as_str());
    match (folded(0), folded(1), folded(2)) {
        ("a", "couple", "of") => return Some((3, 2)),
        ("a", "couple", _) => return Some((2, 2)),
        ("a", "few", _) => return Some((2, 3)),
        ("couple", "of", _) => return Some((2, 2)),
        ("few", ..) | ("several", ..) => return Some((1, 3)),
        ("a" | "an", ..) => return Some((1, 1)),
        _ => {}
    }
    let word = folded(0);
    let number = NUMBERS.iter().position(|number| *number == word).map(|at| at as i64);
    let number = number.or_else(|| word.parse().ok().filter(|_| word.len() <= 3))?;
    Some((1, number))
}

/// Days from 1970-01-01 to a day of the Gregorian calendar (Hinnant, "chrono-compatible low-level date algorithms").
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// Year and month of a day (the same source).
fn civil_from_days(day: i64) -> (i64, i64) {
    let shifted = day + 719_468;
    let era = shifted.div_euclid(146_097);
    let day_of_era = shifted.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn days_of(found: Vec<Span>) -> Vec<(i64, i64)> {
        found.iter().map(|span| (span.start.0 / DAY_US, span.end.0 / DAY_US)).collect()
    }

    #[test]
    fn dates_months_and_years() {
        let days = |text: &str| days_of(absolute(text));
        assert_eq!(days("on 2 January 1970"), [(1, 2)]);
        assert_eq!(days("Jan 2nd, 1970 and 1970-01-03"), [(1, 2), (2, 3)]);
        assert_eq!(days("in May 2023?"), [(19_478, 19_509)]);
        assert_eq!(days("since 1969"), [(-365, 0)]);
        assert_eq!(days("room 12, 99 bottles, may I"), []);
        assert_eq!(days("the 1970s, and Q1 1970"), [(0, 3_652), (0, 90)]);
        assert_eq!(days("last Friday, in March, on June 5"), []);
    }

    /// Wednesday, 2023-06-14, half past three in the afternoon.
    fn now() -> Timestamp {
        Timestamp(days_from_civil(2023, 6, 14) * DAY_US + 15 * HOUR_US + HOUR_US / 2)
    }

    #[test]
    fn relative_times_are_seen_from_the_reference() {
        let date = |year, month, day| days_from_civil(year, month, day);
        let one = |day: i64| (day, day + 1);
        let day = date(2023, 6, 14);
        for (text, wanted) in [
            ("What did I do yesterday?", one(day - 1)),
            ("the day before yesterday", one(day - 2)),
            ("what is on today", one(day)),
            ("what is due tomorrow", one(day + 1)),
            ("We met last Friday.", one(date(2023, 6, 9))),
            ("We met last Wednesday.", one(date(2023, 6, 7))),
            ("next Tuesday", one(date(2023, 6, 20))),
            ("this Friday", one(date(2023, 6, 16))),
            ("the meeting in March", (date(2023, 3, 1), date(2023, 4, 1))),
            ("the trip in August", (date(2022, 8, 1), date(2022, 9, 1))),
            ("last March", (date(2023, 3, 1), date(2023, 4, 1))),
            ("next March", (date(2024, 3, 1), date(2024, 4, 1))),
            ("two weeks ago", (date(2023, 5, 28), date(2023, 6, 4))),
            ("3 days ago", one(day - 3)),
            ("a month ago", (date(2023, 5, 1), date(2023, 6, 1))),
            ("in 2 days", one(day + 2)),
            ("3 years from now", (date(2026, 1, 1), date(2027, 1, 1))),
            ("last week", (date(2023, 6, 5), date(2023, 6, 12))),
            ("last month", (date(2023, 5, 1), date(2023, 6, 1))),
            ("this year", (date(2023, 1, 1), date(2024, 1, 1))),
            ("last weekend", (date(2023, 6, 10), date(2023, 6, 12))),
            ("last summer", (date(2022, 6, 1), date(2022, 9, 1))),
            ("last winter", (date(2022, 12, 1), date(2023, 3, 1))),
            ("on June 5", one(date(2023, 6, 5))),
            ("on 28 December", one(date(2022, 12, 28))),
            ("on 8 May 2020", one(date(2020, 5, 8))),
        ] {
            let found = spans(text, now());
            assert_eq!(found.len(), 1, "{text}: {found:?}");
            assert_eq!(days_of(found), [wanted], "{text}");
        }
        for text in ["you may go", "they march on", "the last one", "in two minds", "a week", "at last"] {
            assert_eq!(spans(text, now()), [], "{text}");
        }
    }

    #[test]
    fn parts_of_days_and_runs_of_days() {
        let at = |text: &str| {
            let found = spans(text, now());
            ((found[0].start.0 - now().0) / HOUR_US, (found[0].end.0 - now().0) / HOUR_US)
        };
        assert_eq!(at("this morning"), (-15, -3));
        assert_eq!(at("the last ten days"), (-240, 0));
        assert_eq!(at("the next 2 weeks"), (0, 336));
        assert_eq!(spans("since last night", now())[0].text, "last night");
    }

    #[test]
    fn every_day_has_the_year_and_month_it_came_from() {
        for day in (-800_000..800_000).step_by(13) {
            let (year, month) = civil_from_days(day);
            let start = days_from_civil(year, month, 1);
            assert!((start..start + 31).contains(&day), "{day}");
        }
    }

    #[test]
    fn distance_is_zero_inside() {
        let span = &absolute("1970")[0];
        assert_eq!(span.distance_us(Timestamp(5)), 0);
        assert_eq!(span.distance_us(Timestamp(-7)), 7);
        assert_eq!(span.distance_us(Timestamp(366 * DAY_US)), DAY_US as u64);
    }
}
