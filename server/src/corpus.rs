//! Generated texts for measuring pace: short facts about people, places and things, all different, from a seed.
//!
//! They are realistic in what costs time: length (8 to 25 words), names that recur in several facts and so become shared
//! entities, a vocabulary with common and rare words. They say nothing about quality; that is what `eval` measures.

use std::collections::HashSet;

/// SplitMix64 (Steele, Lea and Flood, 2014): enough for choosing words, equal on every machine.
pub struct Random(pub u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// From 0 up to 1.
    pub fn below_one(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Uniform in 0..n.
    pub fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn of<'a>(&mut self, words: &[&'a str]) -> &'a str {
        words[self.below(words.len())]
    }
}

/// Endless facts and questions.
pub struct Corpus {
    random: Random,
    seen: HashSet<u64>,
    /// People met so far: every third fact is about one of them.
    people: Vec<String>,
}

impl Corpus {
    /// The same seed gives the same texts.
    pub fn new(seed: u64) -> Self {
        Corpus { random: Random(seed), seen: HashSet::new(), people: Vec::new() }
    }

    /// A fact that was not given before.
    pub fn fact(&mut self) -> String {
        loop {
            let fact = self.any_fact();
            if self.seen.insert(fingerprint(&fact)) {
                return fact;
            }
        }
    }

    /// A question about a person or place of the kind that facts are about.
    pub fn question(&mut self) -> String {
        let person = self.person();
        let (thing, town) = (self.thing(), self.town());
        match self.random.below(5) {
            0 => format!("Where does {person} work?"),
            1 => format!("What did {person} say about the {thing}?"),
            2 => format!("When was the {thing} in {town} repaired?"),
            3 => format!("Who looks after the {thing} in {town}?"),
            _ => format!("What does {person} like to do in {town}?"),
        }
    }

    fn any_fact(&mut self) -> String {
        let person = self.person();
        let (town, trade, thing, year) = (self.town(), self.random.of(TRADES), self.thing(), self.year());
        let (quality, habit) = (self.random.of(QUALITIES), self.random.of(HABITS));
        match self.random.below(10) {
            0 => {
                format!("{person} has worked as a {trade} in {town} since {year} and lives near the {thing}.")
            }
            1 => format!(
                "In {year} {person} repaired the {quality} {thing} in {town} together with a {trade}."
            ),
            2 => format!(
                "{person} told the {trade} that the {thing} is {quality} and should not be moved before {year}."
            ),
            3 => format!(
                "The {thing} of {town} was built in {year} by {person}, a {trade} with {quality} ideas."
            ),
            4 => format!(
                "Every week {person} likes to {habit} in {town}, usually beside the {quality} {thing}."
            ),
            5 => format!(
                "{person} prefers a {quality} {thing} because the {trade} from {town} recommended it in {year}."
            ),
            6 => {
                let other = self.person();
                format!(
                    "{person} met {other} in {town} in {year}, when both wanted to {habit} near the {thing}."
                )
            }
            7 => format!(
                "The {trade} {person} keeps the keys of the {thing} in {town} since the {quality} winter of {year}."
            ),
            8 => format!("After {year} {person} stopped trying to {habit} and became a {trade} in {town}."),
            _ => format!(
                "{person} ordered a {quality} {thing} from {town} for the {trade}; it arrives in {year}."
            ),
        }
    }

    fn person(&mut self) -> String {
        if self.random.below(3) == 0 && !self.people.is_empty() {
            let at = self.random.below(self.people.len());
            return self.people[at].clone();
        }
        let family = format!("{}{}", self.random.of(FAMILY_BEGIN), self.random.of(FAMILY_END));
        let person = format!("{} {family}", self.random.of(GIVEN));
        self.people.push(person.clone());
        person
    }

    fn town(&mut self) -> String {
        format!("{}{}", self.random.of(TOWN_BEGIN), self.random.of(TOWN_END))
    }

    fn thing(&mut self) -> String {
        format!("{} {}", self.random.of(MATERIALS), self.random.of(THINGS))
    }

    fn year(&mut self) -> usize {
        1_900 + self.random.below(130)
    }
}

/// FNV-1a; a set of hashes instead of a set of texts keeps the generator small beside what is measured.
fn fingerprint(text: &str) -> u64 {
    text.bytes()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}

const GIVEN: &[&str] = &[
    "Ada", "Amir", "Anouk", "Bela", "Boris", "Carla", "Chen", "Dara", "Diego", "Edith", "Emeka", "Farah",
    "Felix", "Greta", "Hana", "Hugo", "Ines", "Ivan", "Jamal", "Jonas", "Kaya", "Lena", "Liam", "Mara",
    "Mateo", "Mina", "Nadia", "Nils", "Olga", "Omar", "Paula", "Petra", "Quinn", "Rafael", "Rosa", "Sami",
    "Selma", "Tariq", "Tove", "Uma", "Viktor", "Wanda", "Xenia", "Yara", "Yusuf", "Zoe",
];
const FAMILY_BEGIN: &[&str] = &[
    "Ander", "Berg", "Brand", "Castel", "Dorn", "Eker", "Falken", "Grim", "Hartl", "Holm", "Iver", "Jansen",
    "Kallen", "Lind", "Marlow", "Nord", "Oster", "Pell", "Quist", "Rosen", "Sander", "Thorn", "Ulrich",
    "Vander", "Wester", "Yel",
];
const FAMILY_END: &[&str] = &[
    "son", "berg", "feld", "ing", "mann", "ova", "ström", "ton", "well", "wick", "wood", "worth", "hoff",
    "dahl", "by",
];
const TOWN_BEGIN: &[&str] = &[
    "Ash", "Black", "Bright", "Clear", "Deep", "East", "Fair", "Glen", "High", "Iron", "King", "Lake",
    "Marsh", "New", "Oak", "Pine", "Red", "Salt", "Stone", "Thorn", "West", "Winter",
];
const TOWN_END: &[&str] = &[
    "bridge", "brook", "bury", "dale", "field", "ford", "gate", "ham", "haven", "hill", "mouth", "port",
    "stead", "ton", "vale", "wick",
];
const TRADES: &[&str] = &[
    "baker",
    "carpenter",
    "cartographer",
    "chemist",
    "clockmaker",
    "dentist",
    "editor",
    "electrician",
    "farmer",
    "gardener",
    "geologist",
    "glazier",
    "lawyer",
    "librarian",
    "locksmith",
    "mechanic",
    "musician",
    "nurse",
    "optician",
    "painter",
    "pharmacist",
    "photographer",
    "pilot",
    "plumber",
    "potter",
    "surveyor",
    "tailor",
    "teacher",
    "translator",
    "weaver",
];
const MATERIALS: &[&str] = &[
    "brass", "bronze", "ceramic", "cherry", "copper", "cotton", "glass", "granite", "leather", "linen",
    "marble", "oak", "paper", "pewter", "silver", "slate", "steel", "straw", "walnut", "woollen",
];
const THINGS: &[&str] = &[
    "archive",
    "barometer",
    "bell",
    "bicycle",
    "boiler",
    "cabinet",
    "camera",
    "canoe",
    "carousel",
    "chandelier",
    "clock",
    "compass",
    "fountain",
    "gate",
    "globe",
    "harp",
    "kettle",
    "lantern",
    "ledger",
    "loom",
    "mirror",
    "organ",
    "printing press",
    "pump",
    "sextant",
    "staircase",
    "sundial",
    "telescope",
    "turbine",
    "weathervane",
    "well",
    "windmill",
];
const QUALITIES: &[&str] = &[
    "ancient", "borrowed", "broken", "careful", "cold", "crooked", "curious", "delicate", "dusty", "elegant",
    "famous", "fragile", "heavy", "hidden", "hollow", "long", "noisy", "patient", "quiet", "rare", "rusty",
    "sturdy", "thin", "unusual",
];
const HABITS: &[&str] = &[
    "bake bread",
    "build kites",
    "catalogue moths",
    "climb hills",
    "collect stamps",
    "draw maps",
    "fly gliders",
    "grow herbs",
    "keep bees",
    "learn Finnish",
    "play chess",
    "press flowers",
    "read tide tables",
    "record birdsong",
    "repair radios",
    "restore furniture",
    "sail dinghies",
    "sketch bridges",
    "study mosses",
    "teach children to swim",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_distinct_repeatable_and_short() {
        let facts = |seed| {
            let mut corpus = Corpus::new(seed);
            (0..5_000).map(|_| corpus.fact()).collect::<Vec<_>>()
        };
        let first = facts(1);
        assert_eq!(first, facts(1));
        assert_ne!(first, facts(2));
        assert_eq!(first.iter().collect::<HashSet<_>>().len(), first.len());
        assert!(first.iter().all(|fact| (30..250).contains(&fact.len())));
    }

    #[test]
    fn questions_are_short_enough_to_ask() {
        let mut corpus = Corpus::new(1);
        assert!(
            (0..1_000)
                .map(|_| corpus.question())
                .all(|question| question.ends_with('?') && question.len() < 200)
        );
    }
}
