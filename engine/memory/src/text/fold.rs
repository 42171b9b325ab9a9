//! One form of a word, whichever way it was typed: lower case, compatibility forms unified, accents dropped, nothing
//! invisible. Folding happens here and nowhere else, and folding twice is folding once.

use unicode_normalization::UnicodeNormalization;

use super::chars::{digit, is_accent, is_ignorable, is_mark, is_skin_tone};

/// The folded form of a word; a possessive ending and apostrophes go too.
pub fn fold(word: &str) -> String {
    let mut folded = if word.is_ascii() { word.to_ascii_lowercase() } else { fold_any(word) };
    if folded.ends_with("'s") {
        folded.truncate(folded.len() - 2);
    }
    folded.retain(|c| c != '\'');
    folded
}

fn fold_any(word: &str) -> String {
    let mut folded = String::with_capacity(word.len());
    let mut base = '\0';
    for c in word.nfkd() {
        if is_ignorable(c) || is_skin_tone(c) {
            continue;
        }
        if is_mark(c) {
            match c {
                // Candrabindu is written as anusvara as often as not.
                '\u{901}' => folded.push('\u{902}'),
                c if !is_accent(base, c) => folded.push(c),
                _ => {}
            }
            continue;
        }
        base = c;
        for lower in c.to_lowercase() {
            push(&mut folded, lower);
        }
    }
    folded.nfc().collect()
}

/// Letters that are not a base and an accent to Unicode, yet are typed as other letters.
fn push(folded: &mut String, c: char) {
    match c {
        'ß' => folded.push_str("ss"),
        'æ' => folded.push_str("ae"),
        'œ' => folded.push_str("oe"),
        'þ' => folded.push_str("th"),
        'ø' => folded.push('o'),
        'đ' | 'ð' => folded.push('d'),
        'ł' => folded.push('l'),
        'ħ' => folded.push('h'),
        'ı' => folded.push('i'),
        'ς' => folded.push('σ'),
        '’' | 'ʼ' | 'ʹ' => folded.push('\''),
        'ٱ' => folded.push('ا'),
        'ى' | 'ی' => folded.push('ي'),
        'ة' => folded.push('ه'),
        'ک' => folded.push('ك'),
        // Tatweel only stretches a word; marks of lower case letters come out of a second look.
        'ـ' => {}
        c if is_mark(c) => {}
        c => match digit(c) {
            Some(value) => folded.push((b'0' + value as u8) as char),
            None => folded.push(c),
        },
    }
}

/// The form in which umlauts are written as two letters, if a word has any: `groessenau` of `Größenau`.
pub fn fold_umlauts(word: &str) -> Option<String> {
    if word.is_ascii() {
        return None;
    }
    let composed: String = word.nfc().collect();
    if !composed.contains(['ä', 'ö', 'ü', 'å', 'ø', 'Ä', 'Ö', 'Ü', 'Å', 'Ø']) {
        return None;
    }
    let spelled: String = composed
        .chars()
        .flat_map(|c| {
            let two = match c {
                'ä' | 'Ä' => ['a', 'e'],
                'ö' | 'Ö' | 'ø' | 'Ø' => ['o', 'e'],
                'ü' | 'Ü' => ['u', 'e'],
                'å' | 'Å' => ['a', 'a'],
                c => [c, '\0'],
            };
            two.into_iter().filter(|c| *c != '\0')
        })
        .collect();
    Some(fold(&spelled))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_form_for_every_way_of_typing() {
        for (typed, folded) in [
            ("Straße", "strasse"),
            ("STRASSE", "strasse"),
            ("Größenau", "grossenau"),
            ("co\u{ad}op\u{ad}eration", "cooperation"),
            ("ﬁre", "fire"),
            ("Ｔｏｋｙｏ", "tokyo"),
            ("ｶﾞﾗｽ", "ガラス"),
            ("Łódź", "lodz"),
            ("ёлка", "елка"),
            ("чай", "чай"),
            ("سُرقت", "سرقت"),
            ("أحمد", "احمد"),
            ("٣٢", "32"),
            ("👩🏽\u{200d}🚒", "👩🚒"),
            ("हाँ", "हां"),
        ] {
            assert_eq!(fold(typed), folded, "{typed}");
        }
    }

    #[test]
    fn vowel_signs_and_voicing_tell_words_apart() {
        assert_ne!(fold("दिन"), fold("दान"));
        assert_ne!(fold("カラス"), fold("ガラス"));
        assert_eq!(fold("बाज़ार"), fold("बाजार"));
    }

    #[test]
    fn umlauts_are_also_two_letters() {
        assert_eq!(fold_umlauts("Größenau").as_deref(), Some("groessenau"));
        assert_eq!(fold_umlauts("Gro\u{308}ße").as_deref(), Some("groesse"));
        assert_eq!(fold_umlauts("Straße"), None);
    }

    #[test]
    fn folding_twice_is_folding_once_for_every_character() {
        for c in (0..=0x10ffff).filter_map(char::from_u32) {
            let once = fold(&c.to_string());
            assert_eq!(fold(&once), once, "U+{:04X}", c as u32);
        }
    }
}
