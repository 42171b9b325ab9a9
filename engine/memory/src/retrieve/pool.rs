//! The pool of a recall: memories near the query in words or in meaning, each with both similarities and their sum.

use rustc_hash::FxHashMap;

use crate::Error;
use crate::request::{Kind, Retrieve};
use crate::resident::{Fired, Resident};
use crate::retrieve::background::Background;
use crate::retrieve::query::Query;
use crate::settings::RecallSettings;
use crate::state::graph::{EdgeClass, Side};
use crate::state::lexical::LexicalMatch;
use crate::state::{Owner, State};
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
    /// How it matches in words.
    pub words: LexicalMatch,
    /// BM25 over the best of the pool, 0..=1.
    pub lexical: f32,
    /// Cosine with the query, -1..=1; of a long text, that of its best part.
    pub cosine: f32,
    /// The same after the store's mean was taken out of both.
    pub centred: f32,
    /// Both together, 0..=1.
    pub fused: f32,
    /// Whether it is a turn of a speaker whom the query names (1), or of another where some turn is of one named (-1), else 0.
    pub speaker: i8,
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
    /// What cosines with the query are usual in the store.
    pub background: Background,
    /// The scales that made similarities shares of one.
    scales: Scales,
    place: FxHashMap<u32, u32>,
}

/// What a similarity is divided by.
#[derive(Clone, Copy, Debug, Default)]
struct Scales {
    lexical: f32,
    vector: f32,
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

    /// Adds what fired without resembling the query enough to be in the pool, so that the same is known of all that is ranked.
    pub fn add_fired(&mut self, state: &State, settings: &RecallSettings, probe: &Probe, fired: &[Fired]) {
        let rows: Vec<u32> = fired
            .iter()
            .filter_map(|fired| match state.owner(fired.node) {
                Owner::Memory(row) => Some(row),
                Owner::Entity(_) => None,
            })
            .filter(|row| self.allows(*row) && !self.place.contains_key(row))
            .collect();
        for (at, cosine) in probe.cosines(state, &rows).into_iter().enumerate() {
            let words = unmatched(rows[at]);
            self.place.insert(rows[at], self.candidates.len() as u32);
            self.candidates.push(candidate(settings, self.scales, words, cosine, None));
        }
    }
}

/// The query's vector beside the mean of the store.
#[derive(Clone, Debug)]
pub struct Probe {
    vector: Vec<f32>,
    mean: Vec<f32>,
    query_mean: f32,
    mean_square: f32,
}

impl Probe {
    fn new(vector: &[f32], mean: &[f32]) -> Self {
        Probe {
            vector: vector.to_vec(),
            mean: mean.to_vec(),
            query_mean: dot(vector, mean),
            mean_square: dot(mean, mean),
        }
    }

    /// Cosine of each row with the query, plain and centred.
    fn cosines(&self, state: &State, rows: &[u32]) -> Vec<(f32, f32)> {
        if rows.is_empty() {
            return Vec::new();
        }
        // The mean is one more query: it turns plain products into centred cosines.
        let probes = [self.vector.as_slice(), self.mean.as_slice()].concat();
        let products = state.vectors.originals().scores(&probes, &[rows.to_vec(), rows.to_vec()]);
        let norm = |product: f32| (1.0 - 2.0 * product + self.mean_square).max(1e-6).sqrt();
        let query_norm = norm(self.query_mean);
        let both = products[0].iter().zip(&products[1]);
        both.zip(rows)
            .map(|((&cosine, &row_mean), &row)| {
                let centred = cosine - self.query_mean - row_mean + self.mean_square;
                let whole = (cosine, centred / (query_norm * norm(row_mean)));
                // A long text is as near as its best part.
                let best = state.parts.of(row).map(|parts| parts.best(&self.vector, &self.mean));
                best.map_or(whole, |(_, cosine, centred)| (whole.0.max(cosine), whole.1.max(centred)))
            })
            .collect()
    }
}

/// Makes the pools of a batch, and what asks for more of the same: one search of all vectors, one look at listed rows.
pub fn pools(
    state: &State,
    resident: &mut Resident,
    settings: &RecallSettings,
    requests: &[Retrieve],
    queries: &[Query],
    vectors: &[&[f32]],
) -> Result<Vec<(Pool, Probe)>, Error> {
    let mean = state.vectors.mean();
    let centred: Vec<Vec<f32>> =
        vectors.iter().map(|vector| vector.iter().zip(&mean).map(|(v, m)| v - m).collect()).collect();
    let masks: Vec<Vec<u64>> =
        requests.iter().map(|request| state.items.mask(&request.tag_filter, request.time_range)).collect();
    let nearest = resident.nearest(&state.vectors, &centred, &masks, settings.pool_vector)?;
    let sample = Background::sample(state);
    let mut pools = Vec::with_capacity(requests.len());
    for (((query, mask), near), vector) in queries.iter().zip(masks).zip(nearest).zip(vectors) {
        let probe = Probe::new(vector, &mean);
        let matches = state.lexical.search(&query.lexical);
        let mut list = List::new(mask, &matches);
        near.into_iter().for_each(|(row, _)| list.add(row));
        list.add_lexical(settings);
        list.add_related(state, query);
        let cosines = probe.cosines(state, &list.rows);
        let usual: Vec<f32> = probe.cosines(state, &sample).into_iter().map(|(cosine, _)| cosine).collect();
        pools.push((list.into_pool(state, settings, query, &cosines, Background::of(&usual)), probe));
    }
    Ok(pools)
}

/// Of each row, whether it is a turn of a speaker whom the query names: 1; of another, though some turn is of one named: -1; else 0.
fn speakers(state: &State, query: &Query, rows: &[u32]) -> Vec<i8> {
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
    let place = |named: Option<bool>| match named {
        Some(true) => 1,
        Some(false) if any => -1,
        _ => 0,
    };
    named.into_iter().map(place).collect()
}

/// A row that holds no word of the query.
fn unmatched(row: u32) -> LexicalMatch {
    LexicalMatch { row, bm25: 0.0, matched_idf: 0.0, matched: 0.0, rarest: 0.0, phrase: false }
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn candidate(
    settings: &RecallSettings,
    scales: Scales,
    words: LexicalMatch,
    (cosine, centred): (f32, f32),
    speaker: Option<i8>,
) -> Candidate {
    let speaker = speaker.unwrap_or(0);
    let lexical = words.bm25 / scales.lexical;
    let vector = (centred / scales.vector).max(0.0);
    let fused = (settings.lexical_share * lexical + (1.0 - settings.lexical_share) * vector).min(1.0);
    // People speak of themselves: turns of others say less of whom the query names.
    let gate = if speaker < 0 { settings.gate_other_speaker } else { 1.0 };
    Candidate { row: words.row, words, lexical, cosine, centred, fused: fused * gate, speaker }
}

/// Rows on their way into a pool.
struct List<'a> {
    mask: Vec<u64>,
    /// All lexical matches, by row.
    matches: &'a [LexicalMatch],
    rows: Vec<u32>,
    place: FxHashMap<u32, u32>,
}

impl<'a> List<'a> {
    fn new(mask: Vec<u64>, matches: &'a [LexicalMatch]) -> Self {
        List { mask, matches, rows: Vec::new(), place: FxHashMap::default() }
    }

    fn allows(&self, row: u32) -> bool {
        self.mask[row as usize / 64] >> (row % 64) & 1 == 1
    }

    fn add(&mut self, row: u32) {
        if self.allows(row) && !self.place.contains_key(&row) {
            self.place.insert(row, self.rows.len() as u32);
            self.rows.push(row);
        }
    }

    /// How a row matches in words.
    fn words(&self, row: u32) -> LexicalMatch {
        match self.matches.binary_search_by_key(&row, |one| one.row) {
            Ok(at) => self.matches[at],
            Err(_) => unmatched(row),
        }
    }

    /// Adds the best lexical matches.
    fn add_lexical(&mut self, settings: &RecallSettings) {
        let mut allowed: Vec<&LexicalMatch> =
            self.matches.iter().filter(|one| self.allows(one.row)).collect();
        let better = |a: &&LexicalMatch, b: &&LexicalMatch| b.bm25.total_cmp(&a.bm25).then(a.row.cmp(&b.row));
        if allowed.len() > settings.pool_lexical {
            allowed.select_nth_unstable_by(settings.pool_lexical, better);
            allowed.truncate(settings.pool_lexical);
        }
        allowed.sort_unstable_by(better);
        allowed.into_iter().for_each(|one| self.add(one.row));
    }

    /// Adds what spikes are likely to reach: neighbours of the best matches, memories about the query's entities, and memories about
    /// whatever these and the best matches mention.
    fn add_related(&mut self, state: &State, query: &Query) {
        let mut by_words: Vec<(f32, u32)> =
            self.rows.iter().map(|&row| (self.words(row).bm25, row)).collect();
        by_words.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut best: Vec<u32> = by_words.into_iter().take(NEIGHBOURS_OF).map(|(_, row)| row).collect();
        best.extend(self.rows.iter().take(NEIGHBOURS_OF));
        let memory = |node: u32| match state.owner(node) {
            Owner::Memory(row) => Some(row),
            Owner::Entity(_) => None,
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
        related.into_iter().for_each(|row| self.add(row));
    }

    fn into_pool(
        self,
        state: &State,
        settings: &RecallSettings,
        query: &Query,
        cosines: &[(f32, f32)],
        background: Background,
    ) -> Pool {
        let searched = self.mask.iter().map(|word| word.count_ones()).sum();
        let known = query.lexical.terms.iter().filter(|term| !term.alternatives.is_empty());
        let could_be: f32 = known.map(|term| term.idf).sum();
        let matched: Vec<LexicalMatch> = self.rows.iter().map(|&row| self.words(row)).collect();
        let lexical_best =
            matched.iter().map(|one| one.bm25).fold(settings.lexical_floor * could_be, f32::max);
        let vector_best = cosines.iter().map(|(_, centred)| *centred).fold(settings.vector_floor, f32::max);
        let scales = Scales { lexical: lexical_best.max(1e-6), vector: vector_best.max(1e-6) };
        let speakers = speakers(state, query, &self.rows);
        let mut candidates: Vec<Candidate> = matched
            .into_iter()
            .zip(cosines)
            .zip(speakers)
            .map(|((words, &cosine), speaker)| candidate(settings, scales, words, cosine, Some(speaker)))
            .collect();
        candidates.sort_unstable_by(|a, b| b.fused.total_cmp(&a.fused).then(a.row.cmp(&b.row)));
        let place = candidates.iter().enumerate().map(|(at, candidate)| (candidate.row, at as u32)).collect();
        Pool { candidates, mask: self.mask, searched, background, scales, place }
    }
}
