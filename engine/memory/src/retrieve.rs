//! Recall: seeds from words and vectors, a spiking spread over the graph, the order of first spikes.

mod background;
mod evidence;
mod pagerank;
mod pool;
mod query;
mod rank;
mod scorer;
mod succession;
mod weights;

use crate::Error;
use crate::answer::{Recalled, Retrieved, Step, StepNode, Verdict};
use crate::ids::Timestamp;
use crate::request::{Retrieve, Strategy};
use crate::resident::{Fired, Resident, SpreadLane};
use crate::settings::{RecallSettings, TTFS_TAU_MS};
use crate::state::{Owner, State};
use evidence::{Form, Gathered};
use pool::Pool;
use query::Query;
use rank::{Ranked, collapse_duplicates};
use rustc_hash::FxHashMap;

/// What recall weighs and by which weights, for what fits and judges them.
pub mod scoring {
    pub use super::ANSWER_MIN;
    pub use super::evidence::{EVIDENCE, Evidence, Form, Gathered, NAMES, QUERY_FACT_NAMES};
    pub use super::scorer::{BELIEF, BELIEF_NAMES, FORMS, Scored, Scorer, Strengths, belief_inputs};
    pub use super::succession::{PAIR, Pair};
    pub use super::weights::SHIPPED;
}

/// Chance of an answer below which a recall without a threshold of its own shows nothing: it is likelier then that nothing stored answers.
/// Only where the best is a note: of turns and passages no set has told yet what cannot be answered.
pub const ANSWER_MIN: f32 = 0.5;

/// Answers a batch of recalls over one state. `vectors` holds one embedding a request.
pub fn answer_batch(
    state: &mut State,
    resident: &mut Resident,
    settings: &RecallSettings,
    requests: &[Retrieve],
    vectors: &[&[f32]],
    now: Timestamp,
) -> Result<Vec<Retrieved>, Error> {
    assert_eq!(requests.len(), vectors.len(), "a vector for each request; this is a bug");
    resident.sync(state)?;
    let queries: Vec<Query> = requests.iter().map(|request| Query::understand(state, request, now)).collect();
    let pools = pool::pools(state, resident, settings, requests, &queries, vectors)?;
    let lanes: Vec<Option<SpreadLane>> = requests
        .iter()
        .zip(&queries)
        .zip(&pools)
        .map(|((request, query), (pool, _))| {
            let few = match request.strategy {
                Strategy::HybridApproach => usize::MAX,
                Strategy::SpreadingActivation => settings.seeds_few,
                _ => return None,
            };
            Some(lane(state, settings, query, pool, few))
        })
        .collect();
    let driven: Vec<&SpreadLane> = lanes.iter().flatten().collect();
    let filtered =
        requests.iter().any(|request| !request.tag_filter.is_empty() || request.time_range.is_some());
    let mut spikes = resident.spread(state, settings, &driven, filtered)?.into_iter();
    let mut answers = Vec::with_capacity(requests.len());
    for (((request, query), (mut pool, probe)), lane) in requests.iter().zip(&queries).zip(pools).zip(&lanes)
    {
        let fired =
            lane.as_ref().map(|_| spikes.next().expect("a list of spikes for each lane; this is a bug"));
        pool.add_fired(state, settings, &probe, fired.as_deref().unwrap_or_default());
        answers.push(answer(state, settings, request, query, &pool, fired.as_deref(), now));
    }
    Ok(answers)
}

/// What a query drives: memories by similarity, its entities by rarity.
fn lane(state: &State, settings: &RecallSettings, query: &Query, pool: &Pool, few: usize) -> SpreadLane {
    let mut lane = SpreadLane::default();
    for (place, candidate) in pool.candidates.iter().enumerate() {
        let item = state.items.get(candidate.row);
        let power = match item.kind {
            crate::request::Kind::Passage => settings.drive_power_passage,
            crate::request::Kind::Turn => settings.drive_power_turn,
        };
        let drive = if place < few { settings.drive * candidate.fused.powi(power) } else { 0.0 };
        lane.seed(item.node, drive, candidate.fused);
    }
    let rarest = query.entities.iter().map(|entity| entity.rarity).fold(0.0f32, f32::max);
    for entity in &query.entities {
        if rarest > 0.0 {
            lane.seed(
                state.entities.get(entity.ix).node,
                settings.entity_drive * entity.rarity / rarest,
                0.0,
            );
        }
    }
    lane
}

fn answer(
    state: &State,
    settings: &RecallSettings,
    request: &Retrieve,
    query: &Query,
    pool: &Pool,
    fired: Option<&[Fired]>,
    now: Timestamp,
) -> Retrieved {
    let weighs = request.strategy == Strategy::HybridApproach;
    let gathered = weighs.then(|| evidence::gather(state, query, pool, fired.unwrap_or_default()));
    let mut ranked = match (request.strategy, fired) {
        _ if weighs => by_evidence(state, settings, pool, gathered.as_ref(), fired.unwrap_or_default()),
        (_, Some(fired)) => rank::by_first_spike(state, pool, fired),
        (Strategy::SemanticSimilarity, _) => rank::by(pool, |candidate| candidate.cosine.max(0.0)),
        (Strategy::Lexical, _) => rank::by(pool, |candidate| candidate.lexical),
        (Strategy::TemporalProximity, _) => rank::by_time(state, pool, &query.times, now),
        (Strategy::StructuralMatching, _) => rank::by_entities(state, pool, query),
        (Strategy::PageRank, _) => pagerank::rank(state, settings, pool, query),
        _ => rank::by(pool, |candidate| candidate.fused),
    };
    ranked.retain(|ranked| pool.allows(ranked.row));
    let is_note = |best: &Ranked| Form::of(state.items.get(best.row)) == Form::Note;
    let abstains = weighs && ranked.first().is_some_and(is_note);
    let verdict = cut(&mut ranked, request, pool, abstains);
    let shown = collapse_duplicates(state, ranked);
    let by_node: FxHashMap<u32, &Fired> =
        fired.unwrap_or_default().iter().map(|fired| (fired.node, fired)).collect();
    let hops = |row: u32| trace(&by_node, state.items.get(row).node).len().saturating_sub(1) as u32;
    let total_found = shown.len() as u32;
    let hops_max =
        shown.iter().take(request.limit as usize).map(|(ranked, _)| hops(ranked.row)).max().unwrap_or(0);
    let memories = shown
        .into_iter()
        .take(request.limit as usize)
        .map(|(Ranked { row, score, first_spike_ms }, duplicates)| Recalled {
            memory: state.memory(row),
            score,
            similarity: pool.find(row).map(|candidate| candidate.cosine),
            first_spike_ms,
            path: if request.include_reasoning { path(state, &by_node, row) } else { Vec::new() },
            duplicates,
        })
        .collect();
    Retrieved {
        memories,
        strategy: request.strategy,
        total_found,
        searched: pool.searched,
        query_entities: query
            .entities
            .iter()
            .map(|entity| state.entities.get(entity.ix).name.to_string())
            .collect(),
        query_terms: query
            .lexical
            .terms
            .iter()
            .filter(|term| !term.alternatives.is_empty())
            .map(|term| term.text.clone())
            .collect(),
        query_times: query.times.iter().map(|span| span.text.clone()).collect(),
        verdict,
        gathered: gathered.filter(|_| request.include_reasoning).map(Box::new),
        nodes_fired: fired.map_or(0, <[Fired]>::len) as u32,
        hops_max,
        sequence: 0,
    }
}

/// By weighed evidence; each with its first spike, if it fired.
fn by_evidence(
    state: &State,
    settings: &RecallSettings,
    pool: &Pool,
    gathered: Option<&Gathered>,
    fired: &[Fired],
) -> Vec<Ranked> {
    let spikes: FxHashMap<u32, f32> = fired.iter().map(|fired| (fired.node, fired.time_ms)).collect();
    let scored = gathered.map(|gathered| settings.scorer.rank(gathered)).unwrap_or_default();
    let ranked = scored.into_iter().map(|one| {
        let row = pool.candidates[one.place as usize].row;
        let first_spike_ms = spikes.get(&state.items.get(row).node).copied();
        Ranked { row, score: one.chance, first_spike_ms }
    });
    ranked.collect()
}

/// Leaves out what scores below the threshold. Without one, all is left out if the best is too unlikely to answer, else nothing.
fn cut(ranked: &mut Vec<Ranked>, request: &Retrieve, pool: &Pool, abstains: bool) -> Verdict {
    let Some(best) = ranked.first().map(|best| best.score) else {
        return if pool.searched == 0 { Verdict::NothingSearched } else { Verdict::NothingAlike };
    };
    match request.threshold {
        Some(threshold) => ranked.retain(|ranked| ranked.score >= threshold),
        None if abstains && best < ANSWER_MIN => ranked.clear(),
        None => {}
    }
    if ranked.is_empty() { Verdict::TooUnlikely } else { Verdict::Answered }
}

/// Nodes from the first cause to `node`, as spikes went.
fn trace<'a>(by_node: &FxHashMap<u32, &'a Fired>, node: u32) -> Vec<&'a Fired> {
    let mut steps = Vec::new();
    let mut next = Some(node);
    while let Some(fired) = next.and_then(|node| by_node.get(&node)) {
        steps.push(*fired);
        next = fired.parent;
        // Causes come before effects, so this ends; a list cut short by the device may lack a cause.
        assert!(steps.len() <= by_node.len(), "a cause after its effect; this is a bug");
    }
    steps.reverse();
    steps
}

fn path(state: &State, by_node: &FxHashMap<u32, &Fired>, row: u32) -> Vec<Step> {
    trace(by_node, state.items.get(row).node)
        .into_iter()
        .map(|fired| Step {
            node: match state.owner(fired.node) {
                Owner::Memory(row) => StepNode::Memory(state.items.get(row).id),
                Owner::Entity(ix) => StepNode::Entity(state.entities.get(ix).name.to_string()),
            },
            spike_ms: fired.time_ms,
        })
        .collect()
}

/// Strength that a first spike stands for (SPEC 2.1).
pub fn strength(first_spike_ms: f32) -> f32 {
    (-first_spike_ms / TTFS_TAU_MS).exp()
}
