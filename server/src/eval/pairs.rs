//! Pairs of sentences with a grade of similarity (STS, SICK) or a verdict (MSRP), made into what a memory must tell apart.
//!
//! `[[set, a, b, grade]]`, JSON, gzipped or not: STS grades 0 to 5, SICK 1 to 5, MSRP 0 or 1.
//! - A grade that rounds to the top is *the same*, one that rounds to the bottom is *new*, the rest is *related*. As such files
//!   hold few unrelated pairs, each that is the same is joined by one *new* pair drawn from two of its set.
//! - *Updates* are made: of each pair that is the same, one value of the second text that the first has too is changed: digits
//!   of a number, a name where another one stays, or a "not" after the verb. Which kind is drawn among those possible.
//! - Left out: pairs of SICK of which one side is negated, since its grade is the same for a repeat and its denial. MSRP's
//!   verdict is looser than *the same* (most of its "paraphrases" have grades under 4 where STS took them over): it is only
//!   asked whether paraphrases come first.
//!
//! Pairs that share a sentence, however indirectly, are in the same half.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use anyhow::{Context, ensure};
use cortexkg_engine::relation::{Evidence, Relation, Statement};
use flate2::read::MultiGzDecoder;

use crate::corpus::Random;

/// What is known of a pair.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Gold {
    /// What the second text is to the first.
    Relation(Relation),
    /// Whether it was called a paraphrase.
    Paraphrase(bool),
}

/// Where a pair comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The file.
    File,
    /// One value was changed.
    Changed,
    /// Two texts that have nothing to do with each other.
    Drawn,
}

/// A text that is known and one that is new.
#[derive(Clone, Debug)]
pub struct Pair {
    /// The text that is known.
    pub known: String,
    /// The text that is new.
    pub new: String,
    /// What is true.
    pub gold: Gold,
    /// Where it comes from.
    pub origin: Origin,
    /// Whether it may be learned from.
    pub is_training: bool,
}

/// All pairs of a file.
#[derive(Debug)]
pub struct Pairs {
    /// Those that count.
    pub list: Vec<Pair>,
    /// Pairs left out, see above.
    pub left_out: usize,
}

/// Seed of what is drawn.
const SEED: u64 = 20_261_121;

impl Pairs {
    /// Reads a file.
    pub fn read(path: &Path) -> anyhow::Result<Pairs> {
        let mut text = String::new();
        let file = File::open(path).with_context(|| path.display().to_string())?;
        let mut reader: Box<dyn Read> = Box::new(BufReader::new(file));
        if path.extension().is_some_and(|extension| extension == "gz") {
            reader = Box::new(MultiGzDecoder::new(reader));
        }
        reader.read_to_string(&mut text).with_context(|| path.display().to_string())?;
        let rows: Vec<(String, String, String, f64)> = serde_json::from_str(&text)
            .with_context(|| format!("{}: expected [[set, text, text, grade]]", path.display()))?;
        ensure!(!rows.is_empty(), "{}: no pairs", path.display());
        Ok(Pairs::of(rows))
    }

    fn of(rows: Vec<(String, String, String, f64)>) -> Pairs {
        let clean = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let rows: Vec<_> =
            rows.into_iter().map(|(set, a, b, grade)| (set, clean(&a), clean(&b), grade)).collect();
        let halves = halves(&rows);
        let names = names_of_sets(&rows);
        let mut random = Random(SEED);
        let mut pairs = Pairs { list: Vec::new(), left_out: 0 };
        for (at, (set, known, new, grade)) in rows.iter().enumerate() {
            let pair = |new: String, gold: Gold, origin: Origin| Pair {
                known: known.clone(),
                new,
                gold,
                origin,
                is_training: halves[at].1,
            };
            let (a, b) = (Statement::of(known), Statement::of(new));
            let gold = gold(set, *grade);
            if set == "sick" && Evidence::of(&b, &a, 0.0).is_denied {
                pairs.left_out += 1;
                continue;
            }
            pairs.list.push(pair(new.clone(), gold, Origin::File));
            if gold != Gold::Relation(Relation::Same) {
                continue;
            }
            let may_deny = !a.is_negated() && !b.is_negated();
            let mut changed = changes(known, new, &names[set.as_str()], may_deny, &mut random);
            if !changed.is_empty() {
                let changed = changed.swap_remove(random.below(changed.len()));
                pairs.list.push(pair(changed, Gold::Relation(Relation::Update), Origin::Changed));
            }
            let strangers: Vec<usize> = (0..100).map(|_| random.below(rows.len())).collect();
            let fits = |other: &&usize| {
                rows[**other].0 == *set
                    && halves[**other].0 != halves[at].0
                    && halves[**other].1 == halves[at].1
            };
            if let Some(&stranger) = strangers.iter().find(fits) {
                pairs.list.push(pair(rows[stranger].2.clone(), Gold::Relation(Relation::New), Origin::Drawn));
            }
        }
        pairs
    }
}

fn gold(set: &str, grade: f64) -> Gold {
    if set.starts_with("msrp") {
        return Gold::Paraphrase(grade >= 0.5);
    }
    let lowest = if set == "sick" { 1.0 } else { 0.0 };
    Gold::Relation(match grade {
        grade if grade >= 4.5 => Relation::Same,
        grade if grade < lowest + 0.5 => Relation::New,
        _ => Relation::Related,
    })
}

/// For each row, its group of rows that share sentences, and whether the group is for training.
fn halves(rows: &[(String, String, String, f64)]) -> Vec<(usize, bool)> {
    let mut number: HashMap<&str, usize> = HashMap::new();
    let mut up: Vec<usize> = Vec::new();
    fn root(up: &mut [usize], mut at: usize) -> usize {
        while up[at] != at {
            up[at] = up[up[at]];
            at = up[at];
        }
        at
    }
    for (_, a, b, _) in rows {
        let [a, b] = [a.as_str(), b.as_str()].map(|text| {
            *number.entry(text).or_insert_with(|| {
                up.push(up.len());
                up.len() - 1
            })
        });
        let (a, b) = (root(&mut up, a), root(&mut up, b));
        up[a.max(b)] = a.min(b);
    }
    // The first sentence of a group stands for it.
    let mut texts: Vec<&str> = vec![""; up.len()];
    number.iter().for_each(|(text, &at)| texts[at] = text);
    rows.iter()
        .map(|(_, a, _, _)| {
            let group = root(&mut up, number[a.as_str()]);
            let hash = texts[group].bytes().fold(0xcbf2_9ce4_8422_2325u64, |hash, byte| {
                (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
            });
            (group, (hash >> 32) & 1 == 0)
        })
        .collect()
}

/// Names that the texts of each set write inside sentences.
fn names_of_sets(rows: &[(String, String, String, f64)]) -> BTreeMap<&str, Vec<String>> {
    let mut names: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (set, known, _, _) in rows {
        let of_text = spans(known, is_name).into_iter().map(|span| known[span].to_owned());
        names.entry(set).or_default().extend(of_text);
    }
    for list in names.values_mut() {
        list.sort_unstable();
        list.dedup();
    }
    names
}

/// Byte ranges of the words that `is` says yes to, given the text before the word, and the word.
fn spans(text: &str, is: fn(&str, &str) -> bool) -> Vec<std::ops::Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for (at, c) in text.char_indices().chain([(text.len(), ' ')]) {
        match (c.is_alphanumeric(), start) {
            (true, None) => start = Some(at),
            (false, Some(from)) => {
                if is(&text[..from], &text[from..at]) {
                    found.push(from..at);
                }
                start = None;
            }
            _ => {}
        }
    }
    found
}

fn is_number(_: &str, word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_digit())
}

/// A capital after a lower-case word or a comma.
fn is_name(before: &str, word: &str) -> bool {
    let mut chars = word.chars();
    let is_capital =
        chars.next().is_some_and(char::is_uppercase) && chars.next().is_some_and(char::is_lowercase);
    let inside = before.strip_suffix(' ').and_then(|before| before.chars().next_back());
    is_capital && inside.is_some_and(|c| c.is_lowercase() || c == ',')
}

fn is_auxiliary(_: &str, word: &str) -> bool {
    let auxiliaries = ["is", "are", "was", "were", "has", "have", "will", "can", "would", "should", "could"];
    auxiliaries.contains(&word)
}

/// The new text with one value changed, in every way that is possible; what is drawn is drawn.
fn changes(known: &str, new: &str, names: &[String], may_deny: bool, random: &mut Random) -> Vec<String> {
    let with =
        |span: &std::ops::Range<usize>, by: &str| format!("{}{by}{}", &new[..span.start], &new[span.end..]);
    let shared = |span: &std::ops::Range<usize>| {
        spans(known, |_, _| true).into_iter().any(|known_span| known[known_span] == new[span.clone()])
    };
    let mut changed = Vec::new();
    for span in spans(new, is_number).into_iter().filter(shared) {
        let other: String = new[span.clone()]
            .bytes()
            .map(|digit| char::from(b'0' + (digit - b'0' + 1 + random.below(9) as u8) % 10))
            .collect();
        changed.push(with(&span, &other));
    }
    let named: Vec<_> = spans(new, is_name).into_iter().filter(shared).collect();
    for span in named.iter().filter(|_| !names.is_empty()) {
        // Another name must stay, or the text would speak of somebody else.
        let stays = named.iter().any(|other| new[other.clone()] != new[span.clone()]);
        let other = &names[random.below(names.len())];
        if stays && !known.contains(other.as_str()) && !new.contains(other.as_str()) {
            changed.push(with(span, other));
        }
    }
    if may_deny && let Some(verb) = spans(new, is_auxiliary).first() {
        changed.push(with(verb, &format!("{} not", &new[verb.clone()])));
    }
    changed
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(set: &str, a: &str, b: &str, grade: f64) -> (String, String, String, f64) {
        (set.into(), a.into(), b.into(), grade)
    }

    #[test]
    fn grades_become_relations() {
        let relation = |set: &str, grade: f64| gold(set, grade);
        assert_eq!(relation("sts2012-OnWN", 0.4), Gold::Relation(Relation::New));
        assert_eq!(relation("sick", 1.4), Gold::Relation(Relation::New));
        assert_eq!(relation("sick", 1.5), Gold::Relation(Relation::Related));
        assert_eq!(relation("sts2013-FNWN", 4.5), Gold::Relation(Relation::Same));
        assert_eq!(relation("msrp-train", 1.0), Gold::Paraphrase(true));
    }

    #[test]
    fn pairs_that_share_a_sentence_are_in_one_half() {
        let rows: Vec<_> = (0..200)
            .map(|n| row("sick", &format!("text {}", n / 2), &format!("text {}", 1_000 + n % 100), 3.0))
            .chain([row("sick", "alone", "alone too", 3.0)])
            .collect();
        let halves = halves(&rows);
        for (at, other) in (0..rows.len()).flat_map(|at| (0..at).map(move |other| (at, other))) {
            if rows[at].1 == rows[other].1 || rows[at].2 == rows[other].2 {
                assert_eq!(halves[at], halves[other]);
            }
        }
        assert_ne!(halves[0].0, halves[200].0);
    }

    #[test]
    fn one_value_is_changed_and_the_rest_stays() {
        let (known, new) =
            ("In 2003 the firm of Ann Lee was sold to Rex", "It was sold to Rex by Lee in 2003");
        let names = vec!["Oslo".to_owned()];
        let changed = changes(known, new, &names, true, &mut Random(1));
        assert_eq!(changed.len(), 4, "{changed:?}");
        assert!(changed[0].starts_with("It was sold to Rex by Lee in ") && !changed[0].contains("2003"));
        assert_eq!(
            changed[1..3],
            ["It was sold to Oslo by Lee in 2003", "It was sold to Rex by Oslo in 2003"]
        );
        assert_eq!(changed[3], "It was not sold to Rex by Lee in 2003");
        assert_eq!(changes("a b", "c d", &names, false, &mut Random(1)), [""; 0]);
    }

    #[test]
    fn each_same_pair_brings_an_update_and_a_stranger() {
        let texts = |n: usize| (format!("the {n} dogs are at home"), format!("at home are the {n} dogs"));
        let rows = (0..40).map(|n| (texts(n), 4.8)).map(|((a, b), grade)| row("sick", &a, &b, grade));
        let denied = row("sick", "no dog is here", "a dog is here", 4.9);
        let pairs = Pairs::of(rows.chain([denied]).collect());
        assert_eq!(pairs.left_out, 1);
        let count = |origin: Origin| pairs.list.iter().filter(|pair| pair.origin == origin).count();
        assert_eq!((count(Origin::File), count(Origin::Changed)), (40, 40));
        assert!(count(Origin::Drawn) > 30);
        assert!(
            pairs.list.iter().any(|pair| pair.is_training) && pairs.list.iter().any(|pair| !pair.is_training)
        );
    }
}
