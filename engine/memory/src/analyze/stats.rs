//! The state's part of get_memory_stats.

use crate::answer::{Role, Stats};
use crate::request::{Kind, StatsQuery};
use crate::state::State;

/// Tags that a breakdown lists.
const TAGS_MAX: usize = 50;

/// Answers the state's part of get_memory_stats.
pub fn stats(state: &State, request: &StatsQuery, device_bytes: u64) -> Stats {
    let plain = state.plain_counts();
    let (edges, learned) = state.edge_counts();
    let mut stats = Stats {
        tombstones: state.items.len() as u64 - state.items.alive_len(),
        entities: plain.entities,
        edges,
        learned,
        columns: state.columns.allocated(),
        terms: state.lexical.terms_len() as u64,
        text_bytes: state.items.text_bytes(),
        state_bytes: state.bytes(),
        device_bytes,
        ..Stats::default()
    };
    let mut kinds = [0u64; 2];
    let alive = state.items.list().iter().filter(|item| item.alive);
    for item in alive.filter(|item| request.time_range.is_none_or(|range| range.contains(item.time()))) {
        stats.memories += 1;
        let role = match item.role {
            Role::Founder => 0,
            Role::Member => 1,
            Role::DuplicateOf(_) => 2,
            Role::ExceptionTo(_) => 3,
            Role::Supersedes(_) => 4,
        };
        stats.roles[role] += 1;
        kinds[(item.kind == Kind::Turn) as usize] += 1;
    }
    if request.detailed_breakdown {
        stats.by_kind = vec![(Kind::Passage, kinds[0]), (Kind::Turn, kinds[1])];
        stats.by_tag =
            state.items.tag_counts().filter(|(_, n)| *n > 0).map(|(tag, n)| (tag.to_owned(), n)).collect();
        stats.by_tag.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        stats.by_tag.truncate(TAGS_MAX);
    }
    stats
}
