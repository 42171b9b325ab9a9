//! Where a new memory belongs: columns compete for it by first spike (DESIGN 4.2; SPEC 2.1 to 2.4).
//!
//! Every memory that resembles the new one speaks for the column that holds it. Four scorers give it a current; a vacant
//! column is driven by novelty, so the earliest spike answers "is this new?" too. What the new memory is to the winner
//! (member, repeat, exception) is then read off the words, because similarity alone cannot tell a repeat from a changed value.

use crate::answer::{Allocation, Contender, Role, Scorer};
use crate::ids::{ColumnId, MemoryId};
use crate::relation::{Evidence, Relation, Statement};
use crate::request::Place;
use crate::scorers::{self, Spot};
use crate::state::State;

/// Weights of the scorers in a column's current: semantic, structural, temporal, exception.
///
/// `cortexkg eval allocation --fit` finds them: logistic regression of "not new" on the training half of the pairs (semantic,
/// structural, bias) and of "evidence for the same question" on two conversations (temporal beside them), scaled so that half
/// is where both are as likely and one is the current of equal texts. Contradiction was fitted too and drives nothing: what
/// contradicts a memory resembles it anyway.
pub const SCORER_WEIGHTS: [f32; 4] = [0.341, 0.358, 0.202, 0.0];
/// Current of a column without any score, found with them.
pub const BIAS: f32 = 0.300;
/// Most memories that speak for columns.
pub const RIVALS_MAX: usize = 5;
/// Similarity below which a memory does not speak for its column.
pub const RIVAL_MIN: f32 = 0.35;

/// A memory that speaks for its column.
#[derive(Clone, Debug)]
pub struct Rival {
    /// The memory.
    pub id: MemoryId,
    /// How the new one compares with it.
    pub evidence: Evidence,
    /// Scorer outputs, 0..=1.
    pub scores: [f32; 4],
}

/// What of a memory is compared.
pub struct Aspect<'a> {
    /// Its text, taken apart.
    pub statement: Statement,
    /// Where it stands in a document or session.
    pub spot: Option<Spot<'a>>,
}

/// The aspect of a text at a place.
pub fn aspect<'a>(text: &str, place: Option<&'a Place>) -> Aspect<'a> {
    Aspect { statement: Statement::of(text), spot: place.map(|place| (place.sequence.as_str(), place.part)) }
}

/// Compares a new memory with a known one that it resembles so much.
pub fn score(new: &Aspect<'_>, known: &Aspect<'_>, similarity: f32) -> (Evidence, [f32; 4]) {
    let evidence = Evidence::of(&new.statement, &known.statement, similarity);
    let scores = [
        scorers::semantic(&evidence),
        scorers::structural(&evidence),
        scorers::temporal(new.spot, known.spot),
        scorers::exception(&evidence),
    ];
    (evidence, scores)
}

/// Outcome of the competition for one new memory, as the kernels told it.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// First spike of each rival, ms; none if silent or inhibited.
    pub spikes_ms: Vec<Option<f32>>,
    /// Index of the winner among the rivals; none if the vacant column won.
    pub winner: Option<usize>,
    /// The column that takes the memory.
    pub column: ColumnId,
    /// Normalised lead of the winner, 0..=1.
    pub margin: f32,
}

/// Settles what the new memory is to the column that takes it, in the state as it is when its turn comes. A twin has the same
/// words as its only rival.
pub fn settle(state: &State, is_twin: bool, rivals: &[Rival], outcome: &Outcome) -> Allocation {
    let item_of = |id: MemoryId| state.items.find(id).map(|row| state.items.get(row));
    let mut contenders: Vec<Contender> = Vec::new();
    for (rival, &first_spike_ms) in rivals.iter().zip(&outcome.spikes_ms) {
        let Some(item) = item_of(rival.id) else { continue };
        let contender =
            Contender { column: item.column, nearest: rival.id, scores: rival.scores, first_spike_ms };
        match contenders.iter_mut().find(|known| known.column == contender.column) {
            Some(known) if order(known.first_spike_ms) > order(first_spike_ms) => *known = contender,
            Some(_) => {}
            None => contenders.push(contender),
        }
    }
    contenders.sort_by(|a, b| order(a.first_spike_ms).total_cmp(&order(b.first_spike_ms)));
    let settled = |role: Role, decided_by: Scorer| Allocation {
        column: outcome.column,
        role,
        confidence: outcome.margin,
        decided_by,
        contenders,
    };
    let Some(winner) = outcome.winner.map(|at| &rivals[at]) else {
        return settled(Role::Founder, Scorer::Semantic);
    };
    let nearest = item_of(winner.id).expect("rivals are live; this is a bug");
    let found = (nearest.column, outcome.column);
    assert!(found.0 == found.1, "{} is in {}, not {}; this is a bug", winner.id, found.0, found.1);
    // A repeat stands for the memory it repeats.
    let first = match nearest.role {
        Role::DuplicateOf(first) if item_of(first).is_some() => first,
        _ => winner.id,
    };
    if is_twin || winner.evidence.is_repeat() {
        return settled(Role::DuplicateOf(first), Scorer::Semantic);
    }
    if winner.evidence.relation() == Relation::Update {
        return settled(Role::ExceptionTo(first), Scorer::Exception);
    }
    let contribution = |at: usize| winner.scores[at] * SCORER_WEIGHTS[at];
    let by = [Scorer::Semantic, Scorer::Structural, Scorer::Temporal]
        .into_iter()
        .enumerate()
        .max_by(|a, b| contribution(a.0).total_cmp(&contribution(b.0)))
        .map_or(Scorer::Semantic, |(_, scorer)| scorer);
    settled(Role::Member, by)
}

fn order(spike_ms: Option<f32>) -> f32 {
    spike_ms.unwrap_or(f32::INFINITY)
}
