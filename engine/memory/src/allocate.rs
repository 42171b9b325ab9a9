//! Where a new memory belongs: columns compete for it by first spike (DESIGN 4.2; SPEC 2.1 to 2.4).
//!
//! Every memory that resembles the new one speaks for the column that holds it. Four scorers give it a current; a vacant
//! column is driven by novelty, so the earliest spike answers "is this new?" too. What the new memory is (member, repeat, what
//! supersedes or contradicts another) is then read off the texts, because similarity cannot tell a repeat from a changed value;
//! for that, memories are looked at that spoke for no column.

use crate::answer::{Allocation, Contender, Role, Scorer};
use crate::claims::Clash;
use crate::ids::{ColumnId, MemoryId, Timestamp};
use crate::relation::{Evidence, Statement};
use crate::request::Place;
use crate::scorers::{self, Spot};
use crate::state::State;
use crate::state::items::Item;

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

/// Most memories that are looked at for what the new one changes: the nearest is not always the one whose value it changes.
pub const KNOWN_MAX: usize = 16;
/// Similarity below which a memory is not looked at for that.
pub const KNOWN_MIN: f32 = 0.2;
/// A day, us.
const DAY_US: i64 = 86_400_000_000;

/// When and where a new memory is told.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// When it is stored.
    pub now: Timestamp,
    /// When it happened.
    pub occurred_at: Option<Timestamp>,
    /// Its place in a sequence.
    pub place: Option<&'a Place>,
}

impl Told<'_> {
    fn time(&self) -> Timestamp {
        self.occurred_at.unwrap_or(self.now)
    }

    /// Whether both are told of one day, or in one session without a day.
    fn is_as(&self, item: &Item) -> bool {
        match (self.occurred_at, item.occurred_at) {
            (Some(own), Some(other)) => own.0.div_euclid(DAY_US) == other.0.div_euclid(DAY_US),
            (None, None) => match (self.place, item.place.as_deref()) {
                (Some(own), Some(other)) => own.sequence == other.sequence,
                _ => false,
            },
            _ => false,
        }
    }
}

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

/// Settles what the new memory is, in the state as it is when its turn comes. A twin has the same words as its only rival;
/// `clashes` are the memories that the new one claims otherwise than.
pub fn settle(
    state: &State,
    told: &Told<'_>,
    is_twin: bool,
    rivals: &[Rival],
    clashes: &[(MemoryId, Clash)],
    outcome: &Outcome,
) -> Allocation {
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
    let changed = changed(state, told, clashes);
    let winner = outcome.winner.map(|at| &rivals[at]);
    let nearest = winner.map(|winner| item_of(winner.id).expect("rivals are live; this is a bug"));
    if let (Some(winner), Some(nearest)) = (winner, nearest) {
        let found = (nearest.column, outcome.column);
        assert!(found.0 == found.1, "{} is in {}, not {}; this is a bug", winner.id, found.0, found.1);
    }
    // What was said before holds again if something else was said meanwhile.
    let is_repeat = is_twin
        && match (changed, nearest) {
            (Some(Role::Supersedes(other)), Some(nearest)) => {
                item_of(other).is_none_or(|other| other.time() <= nearest.time())
            }
            _ => true,
        };
    if let (true, Some(nearest)) = (is_repeat, nearest) {
        return settled(Role::DuplicateOf(first_of(state, nearest)), Scorer::Semantic);
    }
    if let Some(role) = changed {
        return settled(role, Scorer::Exception);
    }
    let Some(winner) = winner else { return settled(Role::Founder, Scorer::Semantic) };
    let contribution = |at: usize| winner.scores[at] * SCORER_WEIGHTS[at];
    let by = [Scorer::Semantic, Scorer::Structural, Scorer::Temporal]
        .into_iter()
        .enumerate()
        .max_by(|a, b| contribution(a.0).total_cmp(&contribution(b.0)))
        .map_or(Scorer::Semantic, |(_, scorer)| scorer);
    settled(Role::Member, by)
}

/// The memory that a repeat of this one stands for.
fn first_of(state: &State, item: &Item) -> MemoryId {
    match item.role {
        Role::DuplicateOf(first) if state.items.find(first).is_some() => first,
        _ => item.id,
    }
}

/// What the new memory changes: of what it supersedes the newest, else what it contradicts. What is newer than the new memory
/// is left as it is.
fn changed(state: &State, told: &Told<'_>, clashes: &[(MemoryId, Clash)]) -> Option<Role> {
    let mut superseded: Option<&Item> = None;
    let mut contradicted: Option<&Item> = None;
    for &(id, clash) in clashes {
        let Some(item) = state.items.find(id).map(|row| state.items.get(row)) else { continue };
        if item.time() > told.time() {
            continue;
        }
        let is_at_once = match clash {
            Clash::Told => false,
            Clash::Value => told.is_as(item),
            // Without a time, a denial does not say that anything changed.
            Clash::Denied => told.is_as(item) || (told.occurred_at.is_none() && item.occurred_at.is_none()),
        };
        let best = if is_at_once { &mut contradicted } else { &mut superseded };
        if best.is_none_or(|best| (best.time(), best.id) < (item.time(), item.id)) {
            *best = Some(item);
        }
    }
    let supersedes = superseded.map(|item| Role::Supersedes(first_of(state, item)));
    supersedes.or(contradicted.map(|item| Role::ExceptionTo(first_of(state, item))))
}

fn order(spike_ms: Option<f32>) -> f32 {
    spike_ms.unwrap_or(f32::INFINITY)
}
