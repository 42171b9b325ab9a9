//! The pool of a recall: memories near the query in words or in meaning, each with both similarities and their sum.

use rustc_hash::FxHashMap;

use crate::Error;
use crate::request::{Kind, Retrieve};
use crate::resident::Resident;
use crate::retrieve::query::Query;
use crate::settings::RecallSettings;
use crate::state::State;
use crate::state::graph::{EdgeClass, Side};
use crate::text::names::speaker;
use crate::text::words::words;

/// What so many of the best candidates lead to joins the pool, so that its own similarity gates what reaches it. Otherwise nobody could tell
/// it from what is unlike the query, and among many unrelated texts most of what is reached would be such.
const NEIGHBOURS_OF: usize = 20;
/// Of the memories about an entity, so many join.
const SUBJECTS_MAX: usize = 8;

/// One memory that resembles the query.
#[derive(Clone, Copy, Debug)]
pub struct Candidate {
    /// Its row.
    pub row: u32,
    /// BM25 over the best of the pool, 0..=1.
    pub lexical: f32,
    /// Cosine with the query, -1..=1.
    pub cosine: f32,
    /// Both together, 0..=1.
    pub fused: f32,
}

/// Candidates of one query, best fused first, ties by row.
#[derive(Clone, Debug, Default)]
pub struct Pool {
    /// The candidates.
    pub candidates: Vec<Candidate>,
    /// One bit a row that passed the filters.
    pub mask: Vec<u64>,
    /// How many rows passed the filters.
    pub searched: u32,
    place: FxHashMap<u32, u32>,
}

impl Pool {
    /// Whether a row passed the filters.
    pub fn allows(&self, row: u32) -> bool {
        self.mask.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The candidate of a row.
    pub fn find(&self, row: u32) -> Option<&Candidate> {
        self.place.get(&row).map(|&place| &self.candidates[place as usize])
    }
}

/// Makes the pools of a batch: one search of all vectors, one look at listed rows.
pub fn pools(
    state: &State,
    resident: &mut Resident,
    settings: &RecallSettings,
    requests: &[Retrieve],
    queries: &[Query],
    vectors: &[&[f32]],
) -> Result<Vec<Pool>, Error> {
    let mean = state.vectors.mean();
    let centred: Vec<Vec<f32>> =
        vectors.iter().map(|vector| vector.iter().zip(&mean).map(|(v, m)| v - m).collect()).collect();
    let masks: Vec<Vec<u64>> =
        requests.iter().map(|request| state.items.mask(&request.tag_filter, request.time_range)).collect();
    let nearest = resident.nearest(&state.vectors, &centred, &masks, settings.pool_vector)?;

    let mut scores = Vec::new();
    let mut lists = Vec::with_capacity(requests.len());
    for ((query, mask), near) in queries.iter().zip(masks).zip(nearest) {
        let mut list = List::new(mask);
        near.into_iter().for_each(|(row, _)| list.add(row, 0.0));
        list.add_lexical(state, settings, query, &mut scores);
        list.add_related(state, query, &scores);
        lists.push(list);
    }
    // One more query for every request: the mean, which turns the raw products into centred cosines.
    let rows: Vec<Vec<u32>> = lists.iter().flat_map(|list| [list.rows.clone(), list.rows.clone()]).collect();
    let probes: Vec<f32> = vectors.iter().flat_map(|vector| [vector, mean.as_slice()].concat()).collect();
    let products = state.vectors.originals().scores(&probes, &rows);
    let mean_square = dot(&mean, &mean);
    Ok(lists
        .into_iter()
        .zip(queries)
        .zip(vectors)
        .zip(products.chunks_exact(2))
        .map(|(((list, query), vector), products)| {
            let query_mean = dot(vector, &mean);
            let query_norm = (1.0 - 2.0 * query_mean + mean_square).max(1e-6).sqrt();
            let cosines = |at: usize| {
                let (cosine, row_mean) = (products[0][at], products[1][at]);
                let norm = (1.0 - 2.0 * row_mean + mean_square).max(1e-6).sqrt();
                (cosine, (cosine - query_mean - row_mean + mean_square) / (query_norm * norm))
            };
            list.into_pool(state, settings, query, cosines)
        })
        .collect())
}

/// What similarity counts of each row: less of turns in which others speak than whom the query names, if whom it names speaks in any.
fn speaker_gates(state: &State, settings: &RecallSettings, query: &Query, rows: &[u32]) -> Vec<f32> {
    let mut known: Vec<(&str, bool)> = Vec::new();
    let mut is_named = |name| match known.iter().find(|(other, _)| *other == name) {
        Some(&(_, named)) => named,
        None => {
            let named = words(name).iter().any(|word| query.words.contains(&word.folded));
            known.push((name, named));
            named
        }
    };
    let of_row = |&row: &u32| {
        let item = state.items.get(row);
        let name = (item.kind == Kind::Turn).then(|| speaker(&item.content)).flatten();
        name.map(&mut is_named)
    };
    let named: Vec<Option<bool>> = rows.iter().map(of_row).collect();
    let any = named.contains(&Some(true));
    let gate =
        |named: Option<bool>| if any && named == Some(false) { settings.gate_other_speaker } else { 1.0 };
    named.into_iter().map(gate).collect()
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// Rows on their way into a pool.
struct List {
    mask: Vec<u64>,
    rows: Vec<u32>,
    lexical: Vec<f32>,
    place: FxHashMap<u32, u32>,
}

impl List {
    fn new(mask: Vec<u64>) -> Self {
        List { mask, rows: Vec::new(), lexical: Vec::new(), place: FxHashMap::default() }
    }

    fn add(&mut self, row: u32, lexical: f32) {
        if self.mask[row as usize / 64] >> (row % 64) & 1 == 0 {
            return;
        }
        match self.place.get(&row) {
            Some(&at) => self.lexical[at as usize] = self.lexical[at as usize].max(lexical),
            None => {
                self.place.insert(row, self.rows.len() as u32);
                self.rows.push(row);
                self.lexical.push(lexical);
            }
        }
    }

    /// Adds the best lexical matches; `scores` then holds the score of every row.
    fn add_lexical(
        &mut self,
        state: &State,
        settings: &RecallSettings,
        query: &Query,
        scores: &mut Vec<f32>,
    ) {
        let mut touched = state.lexical.score(&query.terms, scores);
        touched.retain(|&row| self.mask[row as usize / 64] >> (row % 64) & 1 == 1);
        let better = |a: &u32, b: &u32| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b));
        if touched.len() > settings.pool_lexical {
            touched.select_nth_unstable_by(settings.pool_lexical, better);
            touched.truncate(settings.pool_lexical);
        }
        touched.sort_unstable_by(better);
        // The nearest vectors may match words too.
        for at in 0..self.rows.len() {
            self.lexical[at] = scores[self.rows[at] as usize];
        }
        touched.into_iter().for_each(|row| self.add(row, scores[row as usize]));
    }

    /// Adds what spikes are likely to reach: neighbours of the best matches, memories about the query's entities, and memories about
    /// whatever these and the best matches mention.
    fn add_related(&mut self, state: &State, query: &Query, scores: &[f32]) {
        let mut best: Vec<u32> = self.rows.clone();
        best.sort_unstable_by(|a, b| scores[*b as usize].total_cmp(&scores[*a as usize]).then(a.cmp(b)));
        best.truncate(NEIGHBOURS_OF);
        best.extend(self.rows.iter().take(NEIGHBOURS_OF).copied().collect::<Vec<_>>());
        let memory = |node: u32| match state.owner(node) {
            crate::state::Owner::Memory(row) => Some(row),
            crate::state::Owner::Entity(_) => None,
        };
        let mut related = Vec::new();
        for &row in &best {
            let far = state.graph.row(state.items.get(row).node, Side::Far).iter();
            related.extend(
                far.filter(|edge| edge.class() == EdgeClass::Sequence as u32)
                    .filter_map(|edge| memory(edge.target)),
            );
        }
        let about = |node: u32| {
            let near = state.graph.row(node, Side::Near).iter();
            near.take(SUBJECTS_MAX).filter_map(|edge| memory(edge.target))
        };
        for entity in &query.entities {
            let subjects = about(state.entities.get(entity.ix).node);
            related.extend(subjects.clone());
            best.extend(subjects);
        }
        for row in best {
            let mentioned = state.graph.row(state.items.get(row).node, Side::Near).iter();
            related.extend(mentioned.flat_map(|edge| about(edge.target)));
        }
        related.into_iter().for_each(|row| self.add(row, scores.get(row as usize).copied().unwrap_or(0.0)));
    }

    fn into_pool(
        self,
        state: &State,
        settings: &RecallSettings,
        query: &Query,
        cosines: impl Fn(usize) -> (f32, f32),
    ) -> Pool {
        let searched = self.mask.iter().map(|word| word.count_ones()).sum();
        let could_be: f32 = query.terms.iter().filter_map(|term| state.lexical.idf(term)).sum();
        let lexical_best =
            self.lexical.iter().copied().fold(settings.lexical_floor * could_be, f32::max).max(1e-6);
        let vector_best =
            (0..self.rows.len()).map(|at| cosines(at).1).fold(settings.vector_floor, f32::max).max(1e-6);
        let gates = speaker_gates(state, settings, query, &self.rows);
        let mut candidates: Vec<Candidate> = self
            .rows
            .iter()
            .enumerate()
            .map(|(at, &row)| {
                let (cosine, centred) = cosines(at);
                let lexical = self.lexical[at] / lexical_best;
                let vector = (centred / vector_best).max(0.0);
                let fused = settings.lexical_share * lexical + (1.0 - settings.lexical_share) * vector;
                Candidate { row, lexical, cosine, fused: fused.min(1.0) * gates[at] }
            })
            .collect();
        // Seeds fill the whole range: the best candidate stands for 1 unless a floor says that it is weak.
        let best = candidates.iter().map(|candidate| candidate.fused).fold(0.0f32, f32::max);
        if best > 0.0 && settings.lexical_floor == 0.0 && settings.vector_floor == 0.0 {
            candidates.iter_mut().for_each(|candidate| candidate.fused /= best);
        }
        candidates.sort_unstable_by(|a, b| b.fused.total_cmp(&a.fused).then(a.row.cmp(&b.row)));
        let place = candidates.iter().enumerate().map(|(at, candidate)| (candidate.row, at as u32)).collect();
        Pool { candidates, mask: self.mask, searched, place }
    }
}
