//! What speaks for a memory as an answer, as numbers that a linear scorer can weigh: words, meaning, neighbours, names, times, spikes.

use rustc_hash::FxHashMap;

use crate::request::Kind;
use crate::resident::Fired;
use crate::retrieve::pool::{Candidate, Pool};
use crate::retrieve::query::Query;
use crate::retrieve::succession::Succession;
use crate::retrieve::strength;
use crate::state::State;
use crate::state::graph::{EdgeClass, Side};
use crate::state::{Owner, items::Item};
use crate::text::names::split_title;

/// Numbers of one memory.
pub const EVIDENCE: usize = 26;

/// Their names, in order.
pub static NAMES: [&str; EVIDENCE] = [
    "bm25",
    "bm25_of_best",
    "idf_share",
    "terms_share",
    "rarest",
    "idf_share_if_known",
    "phrase",
    "cosine",
    "cosine_stands_out",
    "cosine_below_best",
    "centred",
    "stands_out_if_unknown",
    "words_of_neighbours",
    "meaning_of_neighbours",
    "spike",
    "spike_reached",
    "spike_own",
    "entities",
    "subject",
    "time",
    "speaker",
    "heir",
    "left",
    "superseded",
    "length",
    "fused",
];

/// What a memory reads like; kinds differ in what counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Form {
    /// A text without a title: a fact, a preference, a short record.
    Note,
    /// A text under a title: a passage of a document or an encyclopedia.
    Passage,
    /// A turn of a conversation.
    Turn,
}

impl Form {
    /// All of them, in the order of the weights.
    pub const ALL: [Form; 3] = [Form::Note, Form::Passage, Form::Turn];

    fn of(item: &Item) -> Self {
        match item.kind {
            Kind::Turn => Form::Turn,
            Kind::Passage if split_title(&item.content).0.is_some() => Form::Passage,
            Kind::Passage => Form::Note,
        }
    }
}

/// The evidence for one memory.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evidence {
    /// Its row.
    pub row: u32,
    /// What it reads like.
    pub form: Form,
    /// The numbers, as in [`NAMES`].
    pub values: [f32; EVIDENCE],
}

/// Weighs nothing yet: gathers the evidence for every candidate of a pool. `fired` holds the spread's spikes.
pub fn gather(state: &State, query: &Query, pool: &Pool, fired: &[Fired]) -> Vec<Evidence> {
    let spikes: FxHashMap<u32, &Fired> = fired.iter().map(|fired| (fired.node, fired)).collect();
    let all = Whole::of(state, query, pool);
    let succession = Succession::of(state, query, pool);
    pool.candidates.iter().map(|candidate| all.evidence(candidate, &spikes, &succession)).collect()
}

/// What is the same for all candidates.
struct Whole<'a> {
    state: &'a State,
    query: &'a Query,
    pool: &'a Pool,
    /// BM25 of a text that holds every term of the query once.
    bm25_full: f32,
    bm25_best: f32,
    idf_all: f32,
    /// Share of the query's rarity that some candidate matches: low where the store has other words for it.
    known: f32,
    cosine_best: f32,
    terms: f32,
    texts_log: f32,
    rarity: f32,
}

impl<'a> Whole<'a> {
    fn of(state: &'a State, query: &'a Query, pool: &'a Pool) -> Self {
        let idf_all: f32 = query.lexical.terms.iter().map(|term| term.idf).sum::<f32>().max(1e-6);
        let best = |of: fn(&Candidate) -> f32| pool.candidates.iter().map(of).fold(0.0f32, f32::max);
        Whole {
            state,
            query,
            pool,
            bm25_full: idf_all,
            bm25_best: best(|candidate| candidate.words.bm25).max(1e-6),
            idf_all,
            known: best(|candidate| candidate.words.matched_idf) / idf_all,
            cosine_best: best(|candidate| candidate.cosine),
            terms: query.lexical.terms.len().max(1) as f32,
            texts_log: (state.memories() as f32 + 2.0).ln(),
            rarity: query.entities.iter().map(|entity| entity.rarity).sum::<f32>().max(1e-6),
        }
    }

    fn evidence(
        &self,
        candidate: &Candidate,
        spikes: &FxHashMap<u32, &Fired>,
        succession: &Succession,
    ) -> Evidence {
        let item = self.state.items.get(candidate.row);
        let words = candidate.words;
        let idf_share = words.matched_idf / self.idf_all;
        let stands_out = self.pool.background.stands_out(candidate.cosine);
        let (beside_words, beside_meaning) = self.neighbours(item);
        let (spike, reached) = match spikes.get(&item.node) {
            Some(fired) => (strength(fired.time_ms), fired.parent.is_some()),
            None => (0.0, false),
        };
        let (entities, subject) = self.entities(item);
        let place = succession.of_row(candidate.row);
        let values = [
            words.bm25 / self.bm25_full,
            words.bm25 / self.bm25_best,
            idf_share,
            words.matched / self.terms,
            words.rarest / self.texts_log,
            idf_share * self.known,
            f32::from(u8::from(words.phrase)),
            candidate.cosine,
            stands_out / 4.0,
            candidate.cosine - self.cosine_best,
            candidate.centred,
            stands_out / 4.0 * (1.0 - self.known),
            beside_words,
            beside_meaning,
            spike,
            if reached { spike } else { 0.0 },
            if reached { 0.0 } else { spike },
            entities,
            subject,
            self.time(item),
            f32::from(candidate.speaker),
            place.heir,
            place.left,
            0.0,
            (item.content.len() as f32 + 1.0).ln() / 8.0,
            candidate.fused,
        ];
        Evidence { row: candidate.row, form: Form::of(item), values }
    }

    /// The most that the memories before and after it in a sequence have of the query's words and meaning.
    fn neighbours(&self, item: &Item) -> (f32, f32) {
        let mut most = (0.0f32, 0.0f32);
        for edge in self.state.graph.row(item.node, Side::Far) {
            if edge.class() != EdgeClass::Sequence as u32 {
                continue;
            }
            let Owner::Memory(row) = self.state.owner(edge.target) else { continue };
            if let Some(beside) = self.pool.find(row) {
                most.0 = most.0.max(beside.words.matched_idf / self.idf_all);
                most.1 = most.1.max(self.pool.background.stands_out(beside.cosine) / 4.0);
            }
        }
        most
    }

    /// Share of the query's names that a memory mentions, by rarity, and that it is about.
    fn entities(&self, item: &Item) -> (f32, f32) {
        let (mut mentioned, mut about) = (0.0, 0.0);
        for edge in self.state.graph.row(item.node, Side::Near) {
            let asked = self.query.entities.iter().find(|entity| {
                self.state.entities.get(entity.ix).node == edge.target
            });
            if let Some(entity) = asked {
                mentioned += entity.rarity;
                if self.state.graph.row(edge.target, Side::Near).iter().any(|back| back.target == item.node) {
                    about += entity.rarity;
                }
            }
        }
        (mentioned / self.rarity, about / self.rarity)
    }

    /// Whether it happened at a time that the query names; 0 where it names none.
    fn time(&self, item: &Item) -> f32 {
        const DAY_US: f32 = 86_400e6;
        let distances = self.query.times.iter().map(|span| span.distance_us(item.time()));
        distances.min().map_or(0.0, |distance| (-(distance as f32) / (2.0 * DAY_US)).exp())
    }
}
