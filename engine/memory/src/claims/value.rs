//! Values in a sentence: amounts, clocks, days, versions, addresses, switches.

use super::token::{Pause, Sort, Token};

/// What kind of value; only values of one kind exclude each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A number, with or without a unit.
    Amount,
    /// A time of day.
    Clock,
    /// A day of the week.
    Weekday,
    /// A day or a month of the year.
    Date,
    /// A version.
    Version,
    /// A telephone number.
    Phone,
    /// A path or an address.
    Place,
    /// On or off.
    Switch,
    /// Letters and digits.
    Code,
    /// A colour.
    Colour,
}

/// One value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    /// Its kind.
    pub kind: Kind,
    /// In one form, so that equal values are equal here.
    pub form: String,
    /// What is counted or measured, stemmed: `percent`, `row`.
    pub unit: Option<String>,
    /// The word before it, stemmed: `size 30`, `room 18`.
    pub label: Option<String>,
    /// First token.
    pub from: usize,
    /// One past its last token, the unit included.
    pub to: usize,
}

/// How far two values are of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fit {
    /// Not comparable.
    None,
    /// Numbers of which one is without a unit.
    Loose,
    /// The same unit, or a kind that needs none.
    Close,
}

const DAYS: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
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
const COLOURS: [&str; 14] = [
    "black", "blue", "brown", "cream", "gold", "green", "grey", "orange", "pink", "purple", "red", "silver",
    "white", "yellow",
];
const NUMBERS: [&str; 21] = [
    "zero",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
];
/// Units that number words count.
const MEASURES: [&str; 14] = [
    "second", "minut", "hour", "day", "week", "month", "year", "time", "percent", "euro", "dollar", "pound",
    "night", "digit",
];

impl Value {
    /// Whether both could fill one slot.
    pub fn fit(&self, other: &Value) -> Fit {
        if self.kind != other.kind {
            return Fit::None;
        }
        match (self.kind, &self.unit, &other.unit) {
            (Kind::Amount, Some(a), Some(b)) if a == b => Fit::Close,
            (Kind::Amount, Some(_), Some(_)) => Fit::None,
            (Kind::Amount, ..) if self.label.is_some() && self.label == other.label => Fit::Close,
            (Kind::Amount | Kind::Code | Kind::Place, ..) => {
                if self.kind == Kind::Code && self.label.is_some() && self.label == other.label {
                    Fit::Close
                } else {
                    Fit::Loose
                }
            }
            _ => Fit::Close,
        }
    }

    /// Whether both say the same.
    pub fn equals(&self, other: &Value) -> bool {
        self.kind == other.kind && self.form == other.form
    }
}

/// All values of a sentence, in order.
pub fn values(tokens: &[Token]) -> Vec<Value> {
    let mut found: Vec<Value> = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match one(tokens, at) {
            Some(value) => {
                at = value.to;
                found.push(value);
            }
            None => at += 1,
        }
    }
    found
}

/// The number of a month, 1..=12.
fn month(folded: &str) -> Option<usize> {
    let whole = MONTHS.iter().position(|&month| month == folded);
    let short = || {
        let is_short = folded.len() == 3 || folded == "sept";
        MONTHS.iter().position(|month| is_short && *month != "may" && month.starts_with(folded))
    };
    whole.or_else(short).map(|at| at + 1)
}

fn weekday(folded: &str) -> Option<usize> {
    let single = folded.strip_suffix('s').unwrap_or(folded);
    DAYS.iter().position(|&day| day == single || day == folded)
}

fn day_of_month(token: &Token) -> Option<u32> {
    let digits = token.folded.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let ending = &token.folded[digits.len()..];
    let is_day = matches!(ending, "" | "st" | "nd" | "rd" | "th");
    digits.parse().ok().filter(|day| is_day && (1..=31).contains(day))
}

fn year(token: &Token) -> Option<u32> {
    token.folded.parse().ok().filter(|year| token.folded.len() == 4 && (1000..2200).contains(year))
}

fn one(tokens: &[Token], at: usize) -> Option<Value> {
    let token = &tokens[at];
    let value = |kind: Kind, form: String, to: usize| Value {
        kind,
        form,
        unit: None,
        label: label(tokens, at),
        from: at,
        to,
    };
    if let Some((form, to)) = date(tokens, at) {
        return Some(value(Kind::Date, form, to));
    }
    if let Some(day) = weekday(&token.folded) {
        return Some(value(Kind::Weekday, DAYS[day].to_owned(), at + 1));
    }
    if let Some((form, to)) = clock(tokens, at) {
        return Some(value(Kind::Clock, form, to));
    }
    if let Some((form, to)) = phone(tokens, at) {
        return Some(value(Kind::Phone, form, to));
    }
    match token.sort {
        Sort::Number => Some(amount(tokens, at)),
        Sort::Key if is_place(&token.text) => Some(value(Kind::Place, token.text.clone(), at + 1)),
        Sort::Key if is_code(&token.text) => {
            let is_version =
                token.folded.starts_with('v') && token.folded[1..].starts_with(|c: char| c.is_ascii_digit());
            let kind = if is_version { Kind::Version } else { Kind::Code };
            Some(value(kind, token.text.clone(), at + 1))
        }
        Sort::Word if COLOURS.contains(&token.folded.as_str()) => {
            Some(value(Kind::Colour, token.folded.clone(), at + 1))
        }
        Sort::Word | Sort::Small => {
            if let Some(number) = NUMBERS.iter().position(|&word| word == token.folded)
                && let Some(next) = tokens.get(at + 1)
                && MEASURES.contains(&next.stem.as_str())
            {
                return Some(Value {
                    unit: Some(next.stem.clone()),
                    ..value(Kind::Amount, number.to_string(), at + 2)
                });
            }
            switch(tokens, at).map(|form| value(Kind::Switch, form.to_owned(), at + 1))
        }
        _ => None,
    }
}

/// `20 March 2026`, `March 20th`, `2026-03-20`, `20.03.2026`; a month alone only before a year.
fn date(tokens: &[Token], at: usize) -> Option<(String, usize)> {
    let token = &tokens[at];
    let next = tokens.get(at + 1);
    let with_year = |day: u32, month: usize, to: usize| {
        let year = tokens.get(to).filter(|_| tokens[to - 1].pause <= Pause::Comma).and_then(year);
        match year {
            Some(year) => (format!("{month}-{day}-{year}"), to + 1),
            None => (format!("{month}-{day}"), to),
        }
    };
    if let (Some(day), Some(month)) = (day_of_month(token), next.and_then(|next| month(&next.folded))) {
        return Some(with_year(day, month, at + 2));
    }
    if let Some(month) = month(&token.folded) {
        if let Some(day) = next.filter(|_| token.pause == Pause::None).and_then(day_of_month) {
            return Some(with_year(day, month, at + 2));
        }
        if let Some(year) = next.and_then(year) {
            return Some((format!("{month}--{year}"), at + 2));
        }
    }
    let parts: Vec<&str> = token.folded.split(['-', '.', '/']).collect();
    let [a, b, c] = parts[..] else { return None };
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !parts.iter().all(|part| is_number(part)) {
        return None;
    }
    let plain = |part: &str| part.trim_start_matches('0').to_owned();
    match (a.len(), c.len()) {
        (4, 1..=2) => Some((format!("{}-{}-{a}", plain(b), plain(c)), at + 1)),
        (1..=2, 4) => Some((format!("{}-{}-{c}", plain(b), plain(a)), at + 1)),
        _ => None,
    }
}

/// `14:00`, `2 pm`, `9am`, `noon`.
fn clock(tokens: &[Token], at: usize) -> Option<(String, usize)> {
    let token = &tokens[at];
    match token.folded.as_str() {
        "noon" | "midnight" | "dawn" | "dusk" => return Some((token.folded.clone(), at + 1)),
        _ => {}
    }
    let (digits, mut half) = match token.folded.find(|c: char| c.is_ascii_alphabetic()) {
        Some(end) => token.folded.split_at(end),
        None => (token.folded.as_str(), ""),
    };
    let mut to = at + 1;
    let is_half = |token: &Token| matches!(token.text.as_str(), "am" | "pm" | "AM" | "PM" | "a.m" | "p.m");
    if half.is_empty() && tokens.get(at + 1).is_some_and(is_half) {
        half = if tokens[at + 1].folded.starts_with('p') { "pm" } else { "am" };
        to = at + 2;
    }
    let (hour, minute) = match digits.split_once(':') {
        Some((hour, minute)) if minute.len() == 2 => (hour.parse::<u32>().ok()?, minute.parse::<u32>().ok()?),
        Some(_) => return None,
        None if matches!(half, "am" | "pm") => (digits.parse::<u32>().ok()?, 0),
        None => return None,
    };
    let hour = match half {
        "pm" if hour < 12 => hour + 12,
        "am" | "pm" | "" | "h" => hour,
        _ => return None,
    };
    (hour <= 24 && minute < 60).then(|| (format!("{hour}:{minute:02}"), to))
}

/// Three groups of digits and more, or a country's sign before them.
fn phone(tokens: &[Token], at: usize) -> Option<(String, usize)> {
    let is_group = |token: &Token| {
        let digits = token.text.strip_prefix('+').unwrap_or(&token.text);
        digits.len() >= 2 && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-')
    };
    let mut to = at;
    while to < tokens.len() && is_group(&tokens[to]) {
        to += 1;
        if tokens[to - 1].pause != Pause::None {
            break;
        }
    }
    let form: String =
        tokens[at..to].iter().flat_map(|token| token.text.chars()).filter(|c| *c != '-').collect();
    let starts = tokens[at].text.starts_with(['+', '0']) || tokens[at].text.matches('-').count() >= 1;
    (starts && form.len() >= 7 && (to - at >= 2 || tokens[at].text.contains('-'))).then_some((form, to))
}

fn amount(tokens: &[Token], at: usize) -> Value {
    let token = &tokens[at];
    let text = token.text.as_str();
    let signed = text.trim_start_matches(['€', '$', '£']);
    let end = signed.find(|c: char| !(c.is_ascii_digit() || "+-.,".contains(c))).unwrap_or(signed.len());
    let (digits, glued) = signed.split_at(end);
    let mut form = digits.replace(',', "");
    if form.contains('.') && form.matches('.').count() == 1 && form.ends_with('0') && form.ends_with(".0") {
        form.truncate(form.len() - 2);
    }
    let is_version = form.matches('.').count() >= 2;
    let money = ['€', '$', '£'].iter().position(|&sign| text.starts_with(sign));
    let mut to = at + 1;
    let unit = if let Some(money) = money {
        Some(["euro", "dollar", "pound"][money].to_owned())
    } else if !glued.is_empty() {
        Some(alias(&glued.to_lowercase()).to_owned())
    } else {
        tokens
            .get(at + 1)
            .filter(|next| token.pause == Pause::None && (next.sort == Sort::Word || is_unit(&next.text)))
            .filter(|next| !is_verb(&next.folded))
            .map(|next| {
                to = at + 2;
                let stem = if is_unit(&next.text) { next.text.to_lowercase() } else { next.stem.clone() };
                alias(&stem).to_owned()
            })
    };
    Value {
        kind: if is_version { Kind::Version } else { Kind::Amount },
        form,
        unit,
        label: label(tokens, at),
        from: at,
        to,
    }
}

/// Units that do not look like words.
fn is_unit(text: &str) -> bool {
    matches!(
        text,
        "kWh"
            | "MB"
            | "GB"
            | "KB"
            | "TB"
            | "ms"
            | "s"
            | "m"
            | "km"
            | "cm"
            | "mm"
            | "kg"
            | "g"
            | "mg"
            | "ml"
            | "l"
            | "h"
            | "EUR"
            | "USD"
            | "GBP"
            | "MiB"
            | "GiB"
    )
}

/// Verbs that may follow a number.
fn is_verb(folded: &str) -> bool {
    matches!(folded, "said" | "goes" | "come" | "comes" | "needs" | "means" | "makes" | "starts" | "begins")
}

/// One word for one unit.
fn alias(unit: &str) -> &str {
    match unit {
        "%" | "percent" | "pct" => "percent",
        "eur" | "€" => "euro",
        "usd" => "dollar",
        "gbp" => "pound",
        "min" | "mins" | "minut" => "minut",
        "h" | "hr" | "hrs" | "hour" => "hour",
        "s" | "sec" | "secs" | "second" => "second",
        "metr" | "meter" | "m" => "meter",
        _ => unit,
    }
}

/// The word that names what follows: `size 30`, `port: 8080`, `retry_max is 8`.
fn label(tokens: &[Token], at: usize) -> Option<String> {
    let mut before = tokens[..at].iter().rev();
    let mut token = before.next()?;
    while matches!(token.folded.as_str(), "is" | "are" | "now" | "to" | "at" | "of" | "the" | "a" | "set") {
        token = before.next()?;
    }
    (matches!(token.sort, Sort::Word | Sort::Key | Sort::Name) && token.pause <= Pause::Colon)
        .then(|| token.stem.clone())
}

/// A folder, a file, a host, an address.
fn is_place(text: &str) -> bool {
    const ENDINGS: [&str; 24] = [
        "com", "csv", "dev", "example", "go", "html", "internal", "io", "js", "json", "lan", "local", "md",
        "net", "org", "pdf", "py", "rs", "sh", "toml", "ts", "txt", "yaml", "yml",
    ];
    // Without one of these, what holds a full stop is a key.
    let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending);
    text.contains('/') || text.contains('@') || ENDINGS.contains(&ending)
}

fn is_code(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit()) && !text.contains('_') && !text.contains('/')
}

/// `is on`, `switched off`, `= true`.
fn switch(tokens: &[Token], at: usize) -> Option<&'static str> {
    let form = match tokens[at].folded.as_str() {
        "on" | "enabled" | "true" => "on",
        "off" | "disabled" | "false" => "off",
        _ => return None,
    };
    let before = at.checked_sub(1).map(|before| &tokens[before])?;
    let verb = matches!(
        before.folded.as_str(),
        "is" | "are" | "switched" | "turned" | "now" | "stays" | "remains" | "set" | "currently"
    ) || before.pause == Pause::Colon
        || (before.folded == "to" && form != "on")
        || (before.sort == Sort::Key && form != "on");
    // "is on the table" is no switch.
    let ends = tokens[at].pause != Pause::None
        || tokens.get(at + 1).is_none_or(|next| {
            matches!(
                next.folded.as_str(),
                "everywhere"
                    | "for"
                    | "by"
                    | "in"
                    | "since"
                    | "again"
                    | "now"
                    | "and"
                    | "because"
                    | "until"
                    | "from"
                    | "at"
            )
        });
    (verb && (ends || matches!(tokens[at].folded.as_str(), "enabled" | "disabled"))).then_some(form)
}
