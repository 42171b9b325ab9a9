//! Which candidate says anew what an older one said: pairs of short memories, what they share, and whether the newer tells a change.
//!
//! Only notes are compared: passages of documents are replaced as documents are, and who speaks of the same thing twice in a conversation
//! rarely takes anything back.

use crate::ids::{MemoryId, Timestamp};
use crate::retrieve::evidence::Form;
use crate::retrieve::pool::{Candidate, Pool};
use crate::state::State;
use crate::state::vectors::widen;
use crate::text::change::tells_change;
use crate::text::terms::terms_of;
use crate::text::words::words;

/// Candidates that may have been replaced: the best.
const OLDER: usize = 10;
/// Candidates that may replace them.
const NEWER: usize = 40;
/// Longer texts say more than one thing, bytes.
const TEXT_BYTES_MAX: usize = 600;
/// Numbers of a pair.
pub const PAIR: usize = 9;

/// Two memories, of which the newer may have replaced the older.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pair {
    /// Place of the older among the candidates.
    pub older: u32,
    /// Place of the newer.
    pub newer: u32,
    /// Whether the store holds for certain that the newer replaced the older.
    pub is_told: bool,
    /// Rarity of the words that both hold, logarithmic; the rarest of them; cosine, centred, and its square; whether the newer tells a
    /// change, alone and times the cosine; whether each has a number that the other lacks; lengths in words, logarithmic.
    pub values: [f32; PAIR],
}

struct Text {
    place: u32,
    id: MemoryId,
    superseded_by: Option<MemoryId>,
    when: (Timestamp, u32),
    tells_change: bool,
    terms: Vec<(String, f32)>,
    numbers: Vec<String>,
    centred: Vec<f32>,
    len_log: f32,
}

/// Compares the best candidates of a pool with each other.
pub fn pairs(state: &State, pool: &Pool) -> Vec<Pair> {
    let mean = state.vectors.mean();
    let best = pool.candidates.iter().take(NEWER).enumerate();
    let texts: Vec<Text> =
        best.filter_map(|(place, one)| Text::of(state, place as u32, one, &mean)).collect();
    let mut pairs = Vec::new();
    for (at, one) in texts.iter().enumerate().take(OLDER) {
        for other in &texts[at + 1..] {
            let (older, newer) = if one.when < other.when { (one, other) } else { (other, one) };
            if let Some(values) = older.beside(newer) {
                pairs.push(Pair {
                    older: older.place,
                    newer: newer.place,
                    is_told: newer.replaces(older),
                    values,
                });
            }
        }
    }
    pairs
}

impl Text {
    fn of(state: &State, place: u32, candidate: &Candidate, mean: &[f32]) -> Option<Self> {
        let item = state.items.get(candidate.row);
        if Form::of(item) != Form::Note || item.content.len() > TEXT_BYTES_MAX {
            return None;
        }
        let cut = words(&item.content);
        let mut found = terms_of(&cut);
        found.sort_unstable();
        found.dedup();
        let mut numbers: Vec<String> = cut
            .iter()
            .filter(|word| word.folded.bytes().any(|byte| byte.is_ascii_digit()))
            .map(|word| word.folded.clone())
            .collect();
        numbers.sort_unstable();
        let terms = found.into_iter().map(|term| {
            let idf = state.lexical.idf(&term).unwrap_or(0.0);
            (term, idf)
        });
        let mut centred = widen(state.vectors.bits(candidate.row));
        centred.iter_mut().zip(mean).for_each(|(value, mean)| *value -= mean);
        let norm = centred.iter().map(|value| value * value).sum::<f32>().sqrt().max(1e-6);
        centred.iter_mut().for_each(|value| *value /= norm);
        Some(Text {
            place,
            id: item.id,
            superseded_by: state.items.superseded_by(candidate.row),
            when: (item.time(), candidate.row),
            tells_change: tells_change(&cut),
            terms: terms.collect(),
            numbers,
            centred,
            len_log: (cut.len().max(1) as f32).ln(),
        })
    }

    fn replaces(&self, older: &Text) -> bool {
        older.superseded_by == Some(self.id)
    }

    /// Evidence that a newer text replaced this one; none if they share no word.
    fn beside(&self, newer: &Text) -> Option<[f32; PAIR]> {
        let (mut shared, mut rarest) = (0.0f32, 0.0f32);
        for (term, idf) in &self.terms {
            if newer.terms.binary_search_by(|(known, _)| known.cmp(term)).is_ok() {
                shared += idf;
                rarest = rarest.max(*idf);
            }
        }
        if shared == 0.0 {
            return None;
        }
        let meaning: f32 = self.centred.iter().zip(&newer.centred).map(|(a, b)| a * b).sum();
        let cue = f32::from(u8::from(newer.tells_change));
        let lacks = |own: &[String], other: &[String]| own.iter().any(|one| !other.contains(one));
        let renumbered = lacks(&self.numbers, &newer.numbers) && lacks(&newer.numbers, &self.numbers);
        Some([
            shared.ln_1p(),
            rarest / 5.0,
            meaning,
            meaning.max(0.0).powi(2),
            cue,
            cue * meaning,
            f32::from(u8::from(renumbered)),
            self.len_log / 4.0,
            newer.len_log / 4.0,
        ])
    }
}
