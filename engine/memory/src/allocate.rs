//! Where a new memory belongs: columns compete for it by first spike (DESIGN 4.2; SPEC 2.1 to 2.4).
//!
//! Every memory that resembles the new one speaks for the column that holds it. Four scorers give it a current; a vacant
//! column is driven by novelty. The earliest spike wins; what the new memory is to the winner (member, duplicate,
//! exception) is then read off the words, because similarity alone cannot tell a repeat from a changed value.

use crate::answer::{Allocation, Contender, Role, Scorer};
use crate::contrast::Claim;
use crate::ids::{ColumnId, MemoryId};
use crate::state::State;

/// Weights of the scorers in a column's current: semantic, structural, temporal, exception.
pub const SCORER_WEIGHTS: [f32; 4] = [0.7, 0.2, 0.05, 0.05];
/// Most memories that speak for columns.
pub const RIVALS_MAX: usize = 8;
/// Similarity below which a memory does not speak for its column.
pub const RIVAL_MIN: f32 = 0.35;
/// Similarity from which words are compared.
const COMPARE_MIN: f32 = 0.75;
/// Similarity from which equal values make a duplicate, whatever the wording (anchors/memory, section 6).
const DUPLICATE_MIN: f32 = 0.95;
/// Contradiction from which a memory is an exception.
const EXCEPTION_MIN: f32 = 0.5;
/// Memories whose words are compared with the new one's, most similar first.
const COMPARED_MAX: usize = 3;

/// A memory that speaks for its column.
#[derive(Clone, Debug)]
pub struct Rival {
    /// The memory.
    pub id: MemoryId,
    /// Cosine similarity with the new one, -1..=1.
    pub similarity: f32,
    /// Scorer outputs, 0..=1.
    pub scores: [f32; 4],
}

/// What the new memory brings to the comparison.
pub struct Newcomer<'a> {
    /// Its text.
    pub text: &'a str,
    /// Names of the entities it mentions.
    pub names: Vec<&'a str>,
    /// When it happened, us.
    pub time_us: i64,
    /// Sequence and part.
    pub place: Option<(&'a str, u32)>,
}

/// What a rival is compared by.
pub struct Known<'a> {
    /// Its text.
    pub text: &'a str,
    /// Names of the entities it mentions.
    pub names: Vec<&'a str>,
    /// When it happened, us.
    pub time_us: i64,
    /// Sequence and part.
    pub place: Option<(&'a str, u32)>,
}

/// Share of entities that both mention, 0..=1.
fn structural(new: &Newcomer<'_>, known: &Known<'_>) -> f32 {
    let both = new.names.iter().filter(|name| known.names.contains(name)).count();
    let either = new.names.len() + known.names.len() - both;
    if either == 0 { 0.0 } else { both as f32 / either as f32 }
}

/// Nearness in a sequence, else in time with a time constant of one hour (SPEC 2.7, short term), 0..=1.
fn temporal(new: &Newcomer<'_>, known: &Known<'_>) -> f32 {
    if let (Some((sequence, part)), Some((other, other_part))) = (new.place, known.place)
        && sequence == other
    {
        return 1.0 / (1.0 + (f64::from(part) - f64::from(other_part)).abs() as f32);
    }
    (-((new.time_us - known.time_us).abs() as f64 / 3.6e9)).exp() as f32
}

/// Scores the rivals of a newcomer; `rivals` are (similarity, facts), most similar first.
pub fn score<'a>(new: &Newcomer<'_>, rivals: impl Iterator<Item = (MemoryId, f32, Known<'a>)>) -> Vec<Rival> {
    let mut claim = None;
    rivals
        .enumerate()
        .map(|(rank, (id, similarity, known))| {
            let exception = if rank < COMPARED_MAX && similarity >= COMPARE_MIN {
                claim.get_or_insert_with(|| Claim::of(new.text)).exception_to(&Claim::of(known.text))
            } else {
                0.0
            };
            let scores =
                [similarity.clamp(0.0, 1.0), structural(new, &known), temporal(new, &known), exception];
            Rival { id, similarity, scores }
        })
        .collect()
}

/// Outcome of the competition for one newcomer, as the kernel told it.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// First spike of each rival, ms; none if silent or inhibited.
    pub spikes_ms: Vec<Option<f32>>,
    /// First spike of the vacant column.
    pub vacant_ms: Option<f32>,
    /// Index of the winner among the rivals; none if the vacant column won or nothing spiked.
    pub winner: Option<usize>,
    /// Normalised lead of the winner, 0..=1.
    pub margin: f32,
}

/// Settles where the newcomer goes, in the state as it is when its turn comes. `twins` are live memories with the same words.
pub fn settle(state: &State, text: &str, twins: &[u32], rivals: &[Rival], outcome: &Outcome) -> Allocation {
    let column_of = |id: MemoryId| state.items.find(id).map(|row| state.items.get(row).column);
    let mut contenders: Vec<Contender> = Vec::new();
    for (rival, &first_spike_ms) in rivals.iter().zip(&outcome.spikes_ms) {
        let Some(column) = column_of(rival.id) else { continue };
        let contender = Contender { column, nearest: rival.id, scores: rival.scores, first_spike_ms };
        match contenders.iter_mut().find(|known| known.column == column) {
            Some(known) if later(known.first_spike_ms, first_spike_ms) => *known = contender,
            Some(_) => {}
            None => contenders.push(contender),
        }
    }
    contenders.sort_by(|a, b| order(a.first_spike_ms).total_cmp(&order(b.first_spike_ms)));

    let settled = |column: ColumnId, role: Role, confidence: f32, decided_by: Scorer| Allocation {
        column,
        role,
        confidence,
        decided_by,
        contenders: contenders.clone(),
    };
    // Word for word the same: no competition can say more.
    if let Some(&twin) = twins.first() {
        let twin = state.items.get(twin);
        let first = match twin.role {
            Role::DuplicateOf(first) if state.items.find(first).is_some() => first,
            _ => twin.id,
        };
        return settled(twin.column, Role::DuplicateOf(first), 1.0, Scorer::Semantic);
    }
    let winner = outcome.winner.map(|at| &rivals[at]).and_then(|rival| Some((rival, column_of(rival.id)?)));
    let Some((winner, column)) = winner else {
        return settled(state.columns.vacant(), Role::Founder, outcome.margin, Scorer::Semantic);
    };
    // Words are compared with the nearest memory of the winning column.
    let nearest = state.items.find(winner.id).map(|row| state.items.get(row)).expect("found above");
    // A repeat stands for the memory it repeats.
    let first = match nearest.role {
        Role::DuplicateOf(first) if state.items.find(first).is_some() => first,
        _ => winner.id,
    };
    if winner.scores[3] >= EXCEPTION_MIN {
        return settled(column, Role::ExceptionTo(first), outcome.margin, Scorer::Exception);
    }
    if winner.similarity >= DUPLICATE_MIN && Claim::of(text).repeats(&Claim::of(&nearest.content)) {
        return settled(column, Role::DuplicateOf(first), outcome.margin, Scorer::Semantic);
    }
    let contribution = |at: usize| winner.scores[at] * SCORER_WEIGHTS[at];
    let by = [Scorer::Semantic, Scorer::Structural, Scorer::Temporal]
        .into_iter()
        .enumerate()
        .max_by(|a, b| contribution(a.0).total_cmp(&contribution(b.0)))
        .map_or(Scorer::Semantic, |(_, scorer)| scorer);
    settled(column, Role::Member, outcome.margin, by)
}

/// Novelty: the current of the vacant column, 0..=1, from the similarities of all rivals.
pub fn novelty(similarities: impl Iterator<Item = f32>) -> f32 {
    1.0 - similarities.fold(0.0f32, f32::max).min(1.0)
}

fn order(spike_ms: Option<f32>) -> f32 {
    spike_ms.unwrap_or(f32::INFINITY)
}

fn later(a: Option<f32>, b: Option<f32>) -> bool {
    order(a) > order(b)
}
