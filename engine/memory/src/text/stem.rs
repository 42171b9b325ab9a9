//! Words to their stems: inflections of one word meet. The stemmer follows the script, since a word alone does not tell its
//! language: all of Latin script is stemmed as English, which does other languages little good and little harm.

use rust_stemmers::{Algorithm, Stemmer};

use super::chars::is_hangul;

/// Particles written on to a Korean noun, longest first.
const PARTICLES: [&str; 29] = [
    "에게서",
    "으로서",
    "으로써",
    "까지는",
    "에서는",
    "에서",
    "에게",
    "한테",
    "으로",
    "부터",
    "까지",
    "처럼",
    "보다",
    "마다",
    "조차",
    "이나",
    "라고",
    "은",
    "는",
    "이",
    "가",
    "을",
    "를",
    "에",
    "의",
    "도",
    "로",
    "와",
    "과",
];

/// The stem of a folded word.
pub fn stem(folded: &str) -> String {
    let Some(first) = folded.chars().next() else { return String::new() };
    let algorithm = match first {
        c if c.is_ascii() => Algorithm::English,
        '\u{370}'..='\u{3ff}' => Algorithm::Greek,
        '\u{400}'..='\u{4ff}' => Algorithm::Russian,
        '\u{600}'..='\u{6ff}' => Algorithm::Arabic,
        '\u{b80}'..='\u{bff}' => Algorithm::Tamil,
        c if is_hangul(c) => return without_particle(folded).to_owned(),
        _ => return folded.to_owned(),
    };
    let stem = Stemmer::create(algorithm).stem(folded).into_owned();
    if stem.is_empty() { folded.to_owned() } else { stem }
}

/// A Korean word without its particle, where two syllables or more are left.
fn without_particle(word: &str) -> &str {
    let bare = |particle: &&str| word.strip_suffix(*particle).filter(|bare| bare.chars().count() >= 2);
    PARTICLES.iter().find_map(bare).unwrap_or(word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inflections_meet_in_many_scripts() {
        for (a, b) in
            [("running", "runs"), ("고양이는", "고양이가"), ("книги", "книга"), ("القوارب", "قوارب")]
        {
            assert_eq!(stem(a), stem(b));
        }
        assert_ne!(stem("दिन"), stem("दान"));
    }
}
