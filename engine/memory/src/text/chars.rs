//! What a character is to the cutter and to the folder. Ranges are those of Unicode blocks; where a block is no answer the
//! tables of `icu_properties` are asked.

use icu_properties::CodePointSetData;
use icu_properties::props::{DefaultIgnorableCodePoint, ExtendedPictographic};

/// Joins emoji to one picture.
pub const JOINER: char = '\u{200d}';

/// What a character is to the cutter of words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// A letter, digit or mark of a script that parts its words by spaces.
    Spaced,
    /// Hangul: words are parted by spaces, but their particles are written on to them.
    Hangul,
    /// Han and kana: no spaces, every character carries much.
    EastAsian,
    /// Thai, Lao, Khmer, Burmese and their kin: no spaces, letters carry little.
    SouthEastAsian,
    /// Begins a picture.
    Emoji,
    /// Shows nothing: soft hyphens, joiners, direction marks.
    Ignorable,
    /// All else: white space, punctuation, symbols.
    Other,
}

/// The class of a character.
pub fn class_of(c: char) -> Class {
    if c.is_ascii() {
        return if c.is_ascii_alphanumeric() { Class::Spaced } else { Class::Other };
    }
    if is_ignorable(c) {
        Class::Ignorable
    } else if is_east_asian(c) {
        Class::EastAsian
    } else if is_hangul(c) {
        Class::Hangul
    } else if is_south_east_asian(c) {
        Class::SouthEastAsian
    } else if is_emoji(c) {
        Class::Emoji
    } else if c.is_alphanumeric() {
        Class::Spaced
    } else {
        Class::Other
    }
}

/// Han, kana, and what is written among them as letters.
pub fn is_east_asian(c: char) -> bool {
    is_han(c) || is_kana(c)
}

/// A Han character.
pub fn is_han(c: char) -> bool {
    matches!(c, '\u{2e80}'..='\u{2fdf}' | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{3029}' | '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Hiragana, katakana, half-width katakana and their voicing marks.
pub fn is_kana(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{309f}' | '\u{30a1}'..='\u{30fa}' | '\u{30fc}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}'
        | '\u{ff66}'..='\u{ff9f}')
}

/// Katakana, in which Japanese writes words from abroad.
pub fn is_katakana(c: char) -> bool {
    is_kana(c) && !matches!(c, '\u{3041}'..='\u{309f}')
}

/// Hangul syllables and letters.
pub fn is_hangul(c: char) -> bool {
    matches!(c, '\u{1100}'..='\u{11ff}' | '\u{3131}'..='\u{318e}' | '\u{a960}'..='\u{a97c}' | '\u{ac00}'..='\u{d7fb}'
        | '\u{ffa1}'..='\u{ffdc}')
}

/// Scripts of South-East Asia that know no spaces; their digits are digits like any.
fn is_south_east_asian(c: char) -> bool {
    let is_block = matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{1950}'..='\u{19df}' | '\u{1a20}'..='\u{1aaf}' | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aadf}');
    is_block && digit(c).is_none() && (c.is_alphanumeric() || is_mark(c))
}

/// A picture, or one half of a flag.
pub fn is_emoji(c: char) -> bool {
    is_flag_half(c) || (c >= '\u{2300}' && CodePointSetData::new::<ExtendedPictographic>().contains(c))
}

/// A regional indicator: two of them are a flag.
pub fn is_flag_half(c: char) -> bool {
    matches!(c, '\u{1f1e6}'..='\u{1f1ff}')
}

/// A skin tone, which makes no other picture.
pub fn is_skin_tone(c: char) -> bool {
    matches!(c, '\u{1f3fb}'..='\u{1f3ff}')
}

/// Shows nothing wherever it stands.
pub fn is_ignorable(c: char) -> bool {
    c == '\u{ad}' || (c > '\u{300}' && CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c))
}

/// A combining mark of any kind.
pub fn is_mark(c: char) -> bool {
    c >= '\u{300}' && unicode_normalization::char::is_combining_mark(c)
}

/// A mark that may be left out without making another word: accents, Arabic and Hebrew points, the dot below of borrowed
/// sounds in Indic scripts. Vowel signs and voicing marks are letters in all but name and stay.
pub fn is_accent(base: char, mark: char) -> bool {
    match mark {
        // й and ў are letters of their own.
        '\u{306}' => !matches!(base, 'и' | 'И' | 'у' | 'У'),
        '\u{300}'..='\u{36f}' | '\u{483}'..='\u{489}' | '\u{591}'..='\u{5c7}' => true,
        '\u{610}'..='\u{61a}' | '\u{64b}'..='\u{65f}' | '\u{670}' | '\u{6d6}'..='\u{6ed}' => true,
        '\u{711}' | '\u{730}'..='\u{74a}' | '\u{8d3}'..='\u{8ff}' => true,
        '\u{93c}' | '\u{9bc}' | '\u{a3c}' | '\u{abc}' | '\u{b3c}' | '\u{cbc}' => true,
        '\u{1ab0}'..='\u{1aff}'
        | '\u{1dc0}'..='\u{1dff}'
        | '\u{20d0}'..='\u{20ff}'
        | '\u{fe20}'..='\u{fe2f}' => true,
        _ => false,
    }
}

/// The value of a decimal digit of any script.
pub fn digit(c: char) -> Option<u32> {
    const ZEROS: [u32; 22] = [
        0x30, 0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6,
        0xe50, 0xed0, 0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0xff10,
    ];
    let at = ZEROS.partition_point(|&zero| zero <= c as u32).checked_sub(1)?;
    let value = c as u32 - ZEROS[at];
    (value < 10).then_some(value)
}
