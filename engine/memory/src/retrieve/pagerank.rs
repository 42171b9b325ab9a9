//! Personalised PageRank over the same graph, seeds and entities: the yardstick that the spread is measured against.
//!
//! Settings are the best of a random search on the development sets, as told in `settings`; the shape is that of
//! HippoRAG (Gutierrez and others 2024) with subject edges, so that both methods know the same.

use crate::retrieve::pool::Pool;
use crate::retrieve::query::Query;
use crate::retrieve::rank::{Ranked, sorted};
use crate::settings::RecallSettings;
use crate::state::graph::{EdgeClass, Side};
use crate::state::{Owner, State};

/// Memories that seed the walk.
const SEEDS: usize = 3;
/// Seeds weigh by fused similarity to this power.
const SEED_POWER: i32 = 6;
/// Entities of the query together weigh so much against all seeds.
const ENTITY_WEIGHT: f64 = 0.5;
/// Share of the walk that goes on.
const DAMPING: f64 = 0.8;
/// Edges weigh by the rarity of their entity to this power.
const RARITY_POWER: i32 = 2;
/// Edges between an entity and a memory about it weigh so much more.
const SUBJECT_FACTOR: f64 = 8.0;
/// Neighbours in a sequence weigh so much.
const SEQUENCE_WEIGHT: f64 = 30.0;
/// Share of fused similarity beside the walk, which orders what it does not reach.
const FUSED_SHARE: f32 = 3e-3;
/// Steps of the power iteration.
const STEPS: usize = 25;

/// Ranks all memories of the graph by the walk.
pub fn rank(state: &State, settings: &RecallSettings, pool: &Pool, query: &Query) -> Vec<Ranked> {
    let nodes = state.graph.nodes_len();
    let mut restart = vec![0.0f64; nodes];
    let seeds: f64 = pool.candidates.iter().take(SEEDS).map(|c| f64::from(c.fused).powi(SEED_POWER)).sum();
    for candidate in pool.candidates.iter().take(SEEDS) {
        restart[state.items.get(candidate.row).node as usize] +=
            f64::from(candidate.fused).powi(SEED_POWER) / seeds.max(1e-12);
    }
    let rarities: f64 = query.entities.iter().map(|entity| f64::from(entity.rarity)).sum();
    for entity in &query.entities {
        restart[state.entities.get(entity.ix).node as usize] +=
            ENTITY_WEIGHT * f64::from(entity.rarity) / rarities.max(1e-12);
    }
    let total: f64 = restart.iter().sum();
    if total == 0.0 {
        return sorted(pool.candidates.iter().map(|candidate| (candidate.row, candidate.fused)));
    }
    restart.iter_mut().for_each(|weight| *weight /= total);

    let edges: Vec<Vec<(u32, f64)>> =
        (0..nodes as u32).map(|node| weighted_edges(state, settings, node)).collect();
    let mut mass = restart.clone();
    for _ in 0..STEPS {
        let mut next: Vec<f64> = restart.iter().map(|weight| weight * (1.0 - DAMPING)).collect();
        for (node, edges) in edges.iter().enumerate() {
            let sum: f64 = edges.iter().map(|(_, weight)| weight).sum();
            if mass[node] == 0.0 || sum == 0.0 {
                continue;
            }
            for &(target, weight) in edges {
                next[target as usize] += DAMPING * mass[node] * weight / sum;
            }
        }
        mass = next;
    }
    let rows = (0..state.items.len() as u32).filter(|&row| state.items.get(row).alive);
    let best =
        rows.clone().map(|row| mass[state.items.get(row).node as usize]).fold(0.0, f64::max).max(1e-12);
    sorted(rows.map(|row| {
        let fused = pool.find(row).map_or(0.0, |candidate| candidate.fused);
        (row, (mass[state.items.get(row).node as usize] / best) as f32 + FUSED_SHARE * fused)
    }))
}

fn weighted_edges(state: &State, settings: &RecallSettings, node: u32) -> Vec<(u32, f64)> {
    let memories = state.memories().max(1) as f64;
    let rarity = |entity: u32| {
        let (near, far) = (state.graph.row_len(entity, Side::Near), state.graph.row_len(entity, Side::Far));
        let degree = near + far;
        let is_stop = near == 0
            && (degree < 2 || degree as f64 > (f64::from(settings.stop_share) * memories).max(20.0));
        if is_stop { 0.0 } else { (memories / degree as f64).ln().max(0.0) }
    };
    let about = |entity: u32, memory: u32| {
        state.graph.row(entity, Side::Near).iter().any(|edge| edge.target == memory)
    };
    [Side::Near, Side::Far]
        .into_iter()
        .flat_map(|side| state.graph.row(node, side))
        .map(|edge| {
            let entity_edge = |entity: u32, memory: u32| {
                let factor = if about(entity, memory) { SUBJECT_FACTOR } else { 1.0 };
                factor * rarity(entity).powi(RARITY_POWER)
            };
            let weight = match (state.owner(node), state.owner(edge.target)) {
                (Owner::Memory(_), Owner::Entity(_)) => entity_edge(edge.target, node),
                (Owner::Entity(_), _) => entity_edge(node, edge.target),
                _ if edge.class() == EdgeClass::Sequence as u32 => SEQUENCE_WEIGHT,
                _ => f64::from(edge.weight()),
            };
            (edge.target, weight)
        })
        .collect()
}
