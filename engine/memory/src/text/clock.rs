//! Times of day as texts write them: `3pm`, `3:30 p.m.`, `15:00`, `noon`.

use super::words::{Gap, Word};

/// Reads a time of day at the first of some words of `text`: how many words it takes, and minutes since midnight.
pub fn time_at(text: &str, words: &[Word<'_>]) -> Option<(usize, u32)> {
    let first = words.first()?;
    match first.folded.as_str() {
        "noon" => return Some((1, 12 * 60)),
        "midnight" => return Some((1, 0)),
        _ => {}
    }
    if !first.folded.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    // `3pm`
    if let Some((hour, half)) = split_half(&first.folded) {
        return Some((1, minutes(hour.parse().ok()?, 0, Some(half))?));
    }
    if first.folded.len() > 2 {
        return None;
    }
    let hour: u32 = first.folded.parse().ok()?;
    // `3 pm`, `3 p.m.`
    if let Some((taken, half)) = half_at(&words[1..]) {
        return Some((1 + taken, minutes(hour, 0, Some(half))?));
    }
    // `15:00`, `3:30pm`, `3:30 pm`, `3.30pm`
    let second = words.get(1)?;
    let parted = text.get(first.start + first.text.len()..second.start)?;
    if !matches!(parted, ":" | ".") || second.folded.len() < 2 {
        return None;
    }
    if let Some((minute, half)) = split_half(&second.folded) {
        return Some((2, minutes(hour, minute.parse().ok()?, Some(half))?));
    }
    if second.folded.len() != 2 || !second.is_number() {
        return None;
    }
    let minute = second.folded.parse().ok()?;
    match half_at(&words[2..]) {
        Some((taken, half)) => Some((2 + taken, minutes(hour, minute, Some(half))?)),
        None if parted == ":" => Some((2, minutes(hour, minute, None)?)),
        None => None,
    }
}

/// `3pm` as `3` and whether it is after noon.
fn split_half(folded: &str) -> Option<(&str, bool)> {
    let (number, half) = match folded.strip_suffix("pm") {
        Some(number) => (number, true),
        None => (folded.strip_suffix("am")?, false),
    };
    ((1..=2).contains(&number.len()) && number.bytes().all(|byte| byte.is_ascii_digit()))
        .then_some((number, half))
}

/// `pm`, or `p.m.` cut in two.
fn half_at(words: &[Word<'_>]) -> Option<(usize, bool)> {
    match words {
        [a, ..] if a.gap == Gap::Joined && a.folded == "pm" => Some((1, true)),
        [a, ..] if a.gap == Gap::Joined && a.folded == "am" => Some((1, false)),
        [a, m, ..]
            if a.gap == Gap::Joined && a.folded == "p" && m.folded == "m" && m.start == a.start + 2 =>
        {
            Some((2, true))
        }
        [a, m, ..]
            if a.gap == Gap::Joined && a.folded == "a" && m.folded == "m" && m.start == a.start + 2 =>
        {
            Some((2, false))
        }
        _ => None,
    }
}

fn minutes(hour: u32, minute: u32, after_noon: Option<bool>) -> Option<u32> {
    let hour = match after_noon {
        None => hour,
        Some(_) if !(1..=12).contains(&hour) => return None,
        Some(late) => hour % 12 + if late { 12 } else { 0 },
    };
    (hour < 24 && minute < 60).then_some(hour * 60 + minute)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::words::words;

    #[test]
    fn one_time_in_many_forms() {
        for text in ["3pm", "3 PM", "3 p.m.", "15:00", "3:00pm", "3:00 pm", "3.00 p.m."] {
            assert_eq!(time_at(text, &words(text)).map(|(_, at)| at), Some(900), "{text}");
        }
        assert_eq!(time_at("noon", &words("noon")), Some((1, 720)));
        for text in ["3", "25:00", "3:5", "3.15", "3pmx", "13 pm", "2023"] {
            assert_eq!(time_at(text, &words(text)), None, "{text}");
        }
    }
}
