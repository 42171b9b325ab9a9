//! Slips between two words: letters left out, added, changed, or neighbours swapped (Damerau-Levenshtein, no letter touched
//! twice).

/// Longest word compared, letters.
const LETTERS_MAX: usize = 32;

/// Number of slips between two words, if at most `most`.
pub(super) fn distance(a: &[char], b: &[char], most: usize) -> Option<usize> {
    if a.len().abs_diff(b.len()) > most || b.len() > LETTERS_MAX {
        return None;
    }
    let mut before = [0u8; LETTERS_MAX + 1];
    let mut last = [0u8; LETTERS_MAX + 1];
    let mut row = [0u8; LETTERS_MAX + 1];
    (0..=b.len()).for_each(|at| last[at] = at as u8);
    for i in 1..=a.len() {
        row[0] = i as u8;
        let mut least = row[0];
        for j in 1..=b.len() {
            let changed = last[j - 1] + u8::from(a[i - 1] != b[j - 1]);
            let mut slips = changed.min(last[j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                slips = slips.min(before[j - 2] + 1);
            }
            row[j] = slips;
            least = least.min(slips);
        }
        if usize::from(least) > most {
            return None;
        }
        (before, last, row) = (last, row, before);
    }
    let slips = usize::from(last[b.len()]);
    (slips <= most).then_some(slips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slip_counts_once() {
        for (a, b, slips) in [
            ("team", "team", Some(0)),
            ("tema", "team", Some(1)),
            ("cae", "cake", Some(1)),
            ("nystrm", "nystrom", Some(1)),
            ("kofelr", "kofler", Some(1)),
            ("abcd", "badc", Some(2)),
            ("house", "mouses", Some(2)),
            ("a", "xyz", None),
            ("", "ab", Some(2)),
        ] {
            let letters = |word: &str| word.chars().collect::<Vec<char>>();
            assert_eq!(distance(&letters(a), &letters(b), 2), slips, "{a} {b}");
            assert_eq!(distance(&letters(b), &letters(a), 2), slips, "{b} {a}");
        }
    }
}
