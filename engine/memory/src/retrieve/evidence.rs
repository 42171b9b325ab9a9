//! The evidence that a memory answers, as numbers that a linear scorer can weigh: words, meaning, neighbours, names, times, spikes.

use rustc_hash::FxHashMap;

use crate::ids::MemoryId;
use crate::request::Kind;
use crate::resident::Fired;
use crate::retrieve::pool::{Candidate, Pool};
use crate::retrieve::query::Query;
use crate::retrieve::strength;
use crate::retrieve::succession::{self, Pair};
use crate::state::State;
use crate::state::graph::{EdgeClass, Side};
use crate::state::{Owner, items::Item};
use crate::text::names::split_title;
use crate::text::words::words;

/// Numbers of one memory.
pub const EVIDENCE: usize = 23;

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
    "words_beside",
    "meaning_beside",
    "spike_reached",
    "spike_own",
    "names",
    "subject",
    "time",
    "speaker",
    "wanted",
    "length",
    "fused",
];

/// Numbers that are the same for all memories beside a query.
pub const QUERY_FACTS: usize = 2;
/// Their names: share of the query's rarity that nothing in the store holds; memories, logarithmic. How long a query is would tell the
/// questions of a data set apart, not what can be answered.
pub static QUERY_FACT_NAMES: [&str; QUERY_FACTS] = ["unknown", "memories"];

/// Candidates that are looked at for what the question wants: the best.
const READ: usize = 48;

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

    /// Told from the memory itself.
    pub fn of(item: &Item) -> Self {
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
    /// Which.
    pub memory: MemoryId,
    /// What it reads like.
    pub form: Form,
    /// The numbers, as in [`NAMES`].
    pub values: [f32; EVIDENCE],
}

/// All that is known of a query's candidates.
#[derive(Clone, Debug, PartialEq)]
pub struct Gathered {
    /// One for each candidate, in their order.
    pub evidence: Vec<Evidence>,
    /// Candidates that may have replaced one another.
    pub pairs: Vec<Pair>,
    /// Whether the query asks for what was.
    pub asks_for_past: bool,
    /// As in [`QUERY_FACT_NAMES`].
    pub query: [f32; QUERY_FACTS],
}

/// Gathers the evidence for every candidate of a pool. `fired` holds the spread's spikes.
pub fn gather(state: &State, query: &Query, pool: &Pool, fired: &[Fired]) -> Gathered {
    let spikes: FxHashMap<u32, &Fired> = fired.iter().map(|fired| (fired.node, fired)).collect();
    let whole = Whole::of(state, query, pool);
    let evidence = pool.candidates.iter().enumerate();
    let evidence =
        evidence.map(|(place, candidate)| whole.evidence(candidate, place < READ, &spikes)).collect();
    let unknown = query.lexical.terms.iter().filter(|term| term.alternatives.is_empty());
    let unknown = unknown.map(|term| term.idf).sum::<f32>() / whole.idf_all;
    Gathered {
        evidence,
        pairs: succession::pairs(state, pool),
        asks_for_past: query.asks_for_past,
        query: [unknown, whole.texts_log / 8.0],
    }
}

/// What is the same for all candidates.
struct Whole<'a> {
    state: &'a State,
    query: &'a Query,
    pool: &'a Pool,
    bm25_best: f32,
    /// Rarity of all terms of the query.
    idf_all: f32,
    /// Share of it that some candidate matches: low where the store has other words for it.
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
            bm25_best: best(|candidate| candidate.words.bm25).max(1e-6),
            idf_all,
            known: best(|candidate| candidate.words.matched_idf) / idf_all,
            cosine_best: best(|candidate| candidate.cosine),
            terms: query.lexical.terms.len().max(1) as f32,
            texts_log: (state.memories() as f32 + 2.0).ln(),
            rarity: query.entities.iter().map(|entity| entity.rarity).sum::<f32>().max(1e-6),
        }
    }

    fn evidence(&self, candidate: &Candidate, read: bool, spikes: &FxHashMap<u32, &Fired>) -> Evidence {
        let item = self.state.items.get(candidate.row);
        let matched = candidate.words;
        let idf_share = matched.matched_idf / self.idf_all;
        let stands_out = self.pool.background.stands_out(candidate.cosine) / 4.0;
        let (words_beside, meaning_beside) = self.beside(item);
        let (spike, reached) = match spikes.get(&item.node) {
            Some(fired) => (strength(fired.time_ms), fired.parent.is_some()),
            None => (0.0, false),
        };
        let (names, subject) = self.names(item);
        let phrase = matched.phrase && self.query.lexical.holds(&item.content);
        let values = [
            matched.bm25 / self.idf_all,
            matched.bm25 / self.bm25_best,
            idf_share,
            matched.matched / self.terms,
            matched.rarest / self.texts_log,
            idf_share * self.known,
            f32::from(u8::from(phrase)),
            candidate.cosine,
            stands_out,
            candidate.cosine - self.cosine_best,
            candidate.centred,
            stands_out * (1.0 - self.known),
            words_beside,
            meaning_beside,
            if reached { spike } else { 0.0 },
            if reached { 0.0 } else { spike },
            names,
            subject,
            self.time(item),
            f32::from(candidate.speaker),
            if read { self.wanted(item) } else { 0.0 },
            (item.content.len() as f32 + 1.0).ln() / 8.0,
            candidate.fused,
        ];
        Evidence { memory: item.id, form: Form::of(item), values }
    }

    /// The most that the memories before and after it in a sequence have of the query's words and meaning.
    fn beside(&self, item: &Item) -> (f32, f32) {
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
    fn names(&self, item: &Item) -> (f32, f32) {
        let (mut mentioned, mut about) = (0.0, 0.0);
        if self.query.entities.is_empty() {
            return (0.0, 0.0);
        }
        for edge in self.state.graph.row(item.node, Side::Near) {
            let asked = self
                .query
                .entities
                .iter()
                .find(|entity| self.state.entities.get(entity.ix).node == edge.target);
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
        const DAYS_US: f32 = 2.0 * 86_400e6;
        let distances = self.query.times.iter().map(|span| span.distance_us(item.time()));
        distances.min().map_or(0.0, |distance| (-(distance as f32) / DAYS_US).exp())
    }

    /// 1 if it holds the kind of thing that the question wants, -1 if not, 0 if nothing is wanted.
    fn wanted(&self, item: &Item) -> f32 {
        match self.query.wanted {
            Some(wanted) if wanted.is_in(&words(&item.content)) => 1.0,
            Some(_) => -1.0,
            None => 0.0,
        }
    }
}
