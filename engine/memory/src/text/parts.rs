//! Long texts cut into parts at the bounds of sentences, so that each part can be embedded for itself: one vector of four
//! hundred words is like everything a little and like nothing much.

use std::ops::Range;

/// Longest part, words.
pub const PART_WORDS_MAX: usize = 90;
/// Most parts of one text; longer texts have longer parts.
pub const PARTS_MAX: usize = 64;
/// Characters that count as one word where words are not set apart.
const CHARS_OF_WORD: usize = 2;
/// Longest run of other characters that counts as one word: beyond it lies no word but data.
const RUN_CHARS_MAX: usize = 40;

/// What a text may be cut at, best last.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Bound {
    Word,
    Sentence,
    Paragraph,
}

/// A word, or what counts as one, with all that follows until the next.
struct Unit {
    start: usize,
    /// What lies between it and the one before.
    bound: Bound,
}

/// The parts of a text in order, as bytes, together all of it: one if it is short.
pub fn parts(text: &str) -> Vec<Range<usize>> {
    let units = units(text);
    let count = units.len().div_ceil(PART_WORDS_MAX);
    if count <= 1 {
        return std::iter::once(0..text.len()).collect();
    }
    // Even parts: the last of a text of a hundred words has fifty, not ten.
    let longest = match count <= PARTS_MAX {
        true => PART_WORDS_MAX,
        false => units.len().div_ceil(PARTS_MAX),
    };
    let mut parts: Vec<Range<usize>> = Vec::with_capacity(count);
    let (mut first, mut start) = (0, 0);
    while units.len() - first > longest {
        let left = units.len() - first;
        let room = PARTS_MAX - parts.len();
        let wanted = left.div_ceil(left.div_ceil(longest));
        // No shorter than half of what is wanted, nor so short that what is left would need more parts than may be.
        let least = (wanted / 2).max(1).max(left.saturating_sub((room - 1) * longest));
        let end = (least..=longest.min(left - 1))
            .max_by_key(|&len| (units[first + len].bound, std::cmp::Reverse(len.abs_diff(wanted))))
            .expect("a part takes at least one word; this is a bug");
        first += end;
        parts.push(start..units[first].start);
        start = units[first].start;
    }
    parts.push(start..text.len());
    parts
}

fn units(text: &str) -> Vec<Unit> {
    let mut units: Vec<Unit> = Vec::with_capacity(text.len() / 6 + 1);
    let mut bound = Bound::Paragraph;
    // Characters of the word at hand, and whether they are of a script that sets no words apart.
    let mut run: Option<(usize, bool)> = None;
    let mut stopped = false;
    for (at, c) in text.char_indices() {
        if !c.is_alphanumeric() {
            // A full stop ends a sentence where white space follows; those of other scripts need none.
            match c {
                '\n' => {
                    bound =
                        bound.max(if text[..at].ends_with('\n') { Bound::Paragraph } else { Bound::Sentence })
                }
                '。' | '！' | '？' | '．' | '।' | '۔' => bound = bound.max(Bound::Sentence),
                '.' | '!' | '?' | '…' => stopped = true,
                c if c.is_whitespace() && stopped => bound = bound.max(Bound::Sentence),
                _ => {}
            }
            // Apostrophes and dots within a word do not end it.
            if !matches!(c, '\'' | '’' | '.' | '-' | '_') {
                run = None;
            }
            continue;
        }
        let dense = is_dense(c);
        run = match run {
            Some((len, of)) if of == dense && len < if dense { CHARS_OF_WORD } else { RUN_CHARS_MAX } => {
                Some((len + 1, dense))
            }
            _ => {
                units.push(Unit { start: at, bound });
                Some((1, dense))
            }
        };
        (bound, stopped) = (Bound::Word, false);
    }
    units
}

/// Of a script that writes words without anything between them.
fn is_dense(c: char) -> bool {
    matches!(u32::from(c),
        0x0e00..=0x0eff | 0x1000..=0x109f | 0x1780..=0x17ff | 0x3040..=0x30ff | 0x3400..=0x9fff
        | 0xf900..=0xfaff | 0x20000..=0x3ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check(text: &str) -> Vec<&str> {
        let parts = parts(text);
        assert!(!parts.is_empty() && parts.len() <= PARTS_MAX);
        assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, text.len()));
        assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start));
        parts.into_iter().map(|part| &text[part]).collect()
    }

    fn words(text: &str) -> usize {
        text.split_whitespace().count()
    }

    #[test]
    fn short_texts_stay_whole_and_long_ones_are_cut_between_sentences() {
        assert_eq!(check(""), [""]);
        assert_eq!(check("One short text. Of two sentences."), ["One short text. Of two sentences."]);
        let sentence = "The caravan reached well number 7 and rested before the next stretch of sand. ";
        let text = sentence.repeat(25);
        let parts = check(&text);
        assert_eq!(parts.len(), 5);
        for part in parts {
            assert!((40..=PART_WORDS_MAX).contains(&words(part)), "{} words", words(part));
            assert!(part.starts_with("The caravan") && part.trim_end().ends_with("sand."), "{part}");
        }
        let paragraphs = [sentence.repeat(3), sentence.repeat(5), sentence.repeat(4)].join("\n\n");
        assert_eq!(check(&paragraphs).len(), 3);
        assert!(check(&paragraphs)[0].ends_with("\n\n"));
    }

    #[test]
    fn texts_without_spaces_and_huge_ones_are_cut_too() {
        let text = "東京の会議は金曜日の午後三時に始まる。".repeat(20);
        let parts = check(&text);
        assert!(parts.len() >= 2, "{} parts", parts.len());
        assert!(parts.iter().all(|part| part.ends_with('。') && part.chars().count() <= 200));
        assert_eq!(check(&"x".repeat(10_000)).len(), 3);
        assert_eq!(check(&"word ".repeat(100_000)).len(), PARTS_MAX);
        assert_eq!(check(&"字".repeat(100_000)).len(), PARTS_MAX);
    }

    proptest! {
        #[test]
        fn any_text_is_covered_and_no_character_is_cut(text in "(?s)([a-z]{1,8}[ .。\n]{0,3}|\\PC){0,400}") {
            let parts = check(&text);
            prop_assert!(parts.len() == 1 || parts.iter().all(|part| units(part).len() <= PART_WORDS_MAX + 1));
        }
    }
}
