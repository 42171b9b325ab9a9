//! What callers ask for: the seven tools of SPEC 1.1 in domain terms.
//!
//! Every request is checked once, by its `check`, whichever door it came through; the doors only translate.
//! Limits are those of SPEC 1.1, in Unicode scalar values for text.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::ids::{MemoryId, Timestamp};
use crate::text::is_findable;

/// Longest content of one memory, characters.
pub const CONTENT_CHARS_MAX: usize = 10_000;
/// Longest context, characters.
pub const CONTEXT_CHARS_MAX: usize = 1_000;
/// Longest source, characters.
pub const SOURCE_CHARS_MAX: usize = 200;
/// Longest query, characters.
pub const QUERY_CHARS_MAX: usize = 1_000;
/// Most tags of one memory or one change.
pub const TAGS_MAX: usize = 20;
/// Most tags of one filter.
pub const TAG_FILTER_MAX: usize = 10;
/// Longest tag, characters.
pub const TAG_CHARS_MAX: usize = 50;
/// Most memories one recall returns.
pub const LIMIT_MAX: u32 = 100;
/// Confidence of a memory whose teller gave none (SPEC 1.1).
pub const CONFIDENCE_DEFAULT: f32 = 0.8;

/// What sort of text a memory is. Recall settings differ by kind, never by data set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// A fact, a note or a part of a document: it speaks about a subject of its own.
    #[default]
    Passage,
    /// One turn of a conversation: it leans on the turns before and after it.
    Turn,
}

/// A place in an ordered run of memories: a part of a document, a turn of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Names the document or session, 1..=200 characters.
    pub sequence: String,
    /// Position inside it, from 0.
    pub part: u32,
    /// How many parts there are, where that is known.
    pub parts: Option<u32>,
}

/// store_memory.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Store {
    /// The text to remember, 1..=10,000 characters, not blank.
    pub content: String,
    /// Circumstances, at most 1,000 characters.
    pub context: Option<String>,
    /// Where it comes from, at most 200 characters.
    pub source: Option<String>,
    /// How sure the teller is, 0..=1; 0.8 when absent.
    pub confidence: Option<f32>,
    /// Labels, at most 20 of at most 50 characters.
    pub tags: Vec<String>,
    /// How much it matters, 0..=1.
    pub importance: Option<f32>,
    /// Passage unless told otherwise.
    pub kind: Kind,
    /// Its place in a document or session.
    pub place: Option<Place>,
    /// When it happened, where that differs from when it is stored.
    pub occurred_at: Option<Timestamp>,
    /// A repeat with the same key answers as the first call did and stores nothing; 1..=200 characters.
    pub idempotency_key: Option<String>,
}

/// How a recall ranks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Strategy {
    /// Cosine similarity alone.
    SemanticSimilarity,
    /// Entities shared with the query, weighted by how rare they are.
    StructuralMatching,
    /// Lexical and vector similarity, drawn towards the times that the query names (or towards now).
    TemporalProximity,
    /// Lexical and vector seeds, spiking spread, first-spike order.
    #[default]
    HybridApproach,
    /// As HybridApproach, but only the few strongest seeds are driven: the rest must be reached along the graph.
    SpreadingActivation,
    /// BM25 alone; measured beside the others, not part of the MCP interface.
    Lexical,
    /// Scaled sum of lexical and vector similarity without the graph; measured beside the others.
    Fused,
    /// Personalised PageRank over the same graph and seeds; the yardstick of the spread.
    PageRank,
}

/// A span of time, either end open, `start < end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TimeRange {
    /// Not before.
    pub start: Option<Timestamp>,
    /// Before.
    pub end: Option<Timestamp>,
}

/// retrieve_memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Retrieve {
    /// What is looked for, 1..=1,000 characters, not blank.
    pub query: String,
    /// At most this many memories, 1..=100.
    pub limit: u32,
    /// Memories scoring below are left out, 0..=1. None: nothing is shown if the best is too unlikely to answer, else all.
    pub threshold: Option<f32>,
    /// Whether the path of the spikes is told.
    pub include_reasoning: bool,
    /// Only memories that carry all of these, at most 10.
    pub tag_filter: Vec<String>,
    /// Only memories of this span (by `occurred_at`, else by when they were stored).
    pub time_range: Option<TimeRange>,
    /// How to rank.
    pub strategy: Strategy,
}

impl Default for Retrieve {
    fn default() -> Self {
        Retrieve {
            query: String::new(),
            limit: 10,
            threshold: None,
            include_reasoning: false,
            tag_filter: Vec::new(),
            time_range: None,
            strategy: Strategy::default(),
        }
    }
}

/// How strongly an update reshapes what the memory is connected to (SPEC 1.1: 0.3, 0.6, 0.9).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PlasticityMode {
    /// Strength 0.3.
    Conservative,
    /// Strength 0.6.
    #[default]
    Adaptive,
    /// Strength 0.9.
    Aggressive,
}

/// update_memory.
#[derive(Clone, Debug, PartialEq)]
pub struct Update {
    /// Which memory.
    pub id: MemoryId,
    /// Replaces the content.
    pub content: Option<String>,
    /// Replaces the context.
    pub context: Option<String>,
    /// Replaces the confidence.
    pub confidence: Option<f32>,
    /// Added to the tags.
    pub add_tags: Vec<String>,
    /// Taken from the tags.
    pub remove_tags: Vec<String>,
    /// Replaces the importance.
    pub importance: Option<f32>,
    /// How far connections learned before give way to the new content.
    pub plasticity_mode: PlasticityMode,
}

impl Update {
    /// An update of `id` that changes nothing yet.
    pub fn of(id: MemoryId) -> Self {
        Update {
            id,
            content: None,
            context: None,
            confidence: None,
            add_tags: Vec::new(),
            remove_tags: Vec::new(),
            importance: None,
            plasticity_mode: PlasticityMode::default(),
        }
    }
}

/// How much of a deleted memory's surroundings goes with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CleanupMode {
    /// A tombstone: edges stay, the memory is never returned.
    Minimal,
    /// Its own edges go.
    #[default]
    Standard,
    /// Its edges go, entities that nothing mentions any more go, its column is released when empty.
    Aggressive,
}

/// delete_memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delete {
    /// Which memory.
    pub id: MemoryId,
    /// Delete although other memories are strongly connected to it.
    pub force: bool,
    /// How much goes with it.
    pub cleanup: CleanupMode,
}

/// Kinds of analyze_memory_graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Analysis {
    /// Degrees, clustering, path lengths.
    Connectivity,
    /// Betweenness, closeness, eigenvector, PageRank.
    Centrality,
    /// Communities and modularity.
    Clustering,
    /// Efficiency and bottlenecks.
    PathwayEfficiency,
    /// Weights and what they go together with.
    SynapticStrength,
    /// Consistency checks of the whole state.
    MemoryIntegrity,
}

/// analyze_memory_graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Analyze {
    /// What to compute.
    pub analysis: Analysis,
    /// Only these memories and what lies within `max_depth` of them; empty means the whole graph.
    pub memory_ids: Vec<MemoryId>,
    /// Whether example pathways are listed.
    pub include_pathways: bool,
    /// How many edges far, 1..=50.
    pub max_depth: u32,
}

/// get_memory_stats.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StatsQuery {
    /// Adds counts by tag, kind and column role.
    pub detailed_breakdown: bool,
    /// Counts only memories of this span; both ends are required.
    pub time_range: Option<TimeRange>,
    /// Adds the measured timings of this process.
    pub include_performance: bool,
}

impl Default for StatsQuery {
    fn default() -> Self {
        StatsQuery { detailed_breakdown: false, time_range: None, include_performance: true }
    }
}

/// How connections learn from use (SPEC 2.5).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LearningMode {
    /// Fire together, wire together: symmetric.
    Hebbian,
    /// Fire together, weaken.
    AntiHebbian,
    /// Earlier to later strengthens, later to earlier weakens.
    #[default]
    Stdp,
    /// As STDP, then each memory's learned weights are scaled back to a bounded sum.
    Homeostatic,
    /// Not available yet.
    MetaLearning,
}

/// configure_learning; absent fields stay as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ConfigureLearning {
    /// Step of one potentiation, 0..=1.
    pub learning_rate: Option<f32>,
    /// Share of a learned weight lost an hour, 0..=1.
    pub decay_rate: Option<f32>,
    /// Score from which a recalled memory takes part in learning, 0..=1.
    pub activation_threshold: Option<f32>,
    /// The rule.
    pub learning_mode: Option<LearningMode>,
    /// Spikes further apart than this teach nothing, 0.1..=1000 ms.
    pub plasticity_window_ms: Option<f32>,
}

impl Store {
    /// Checks every limit of SPEC 1.1.
    pub fn check(&self) -> Result<(), Error> {
        check_text("content", &self.content, CONTENT_CHARS_MAX)?;
        check_not_blank("content", &self.content)?;
        check_findable("content", &self.content)?;
        check_optional_text("context", self.context.as_deref(), CONTEXT_CHARS_MAX)?;
        check_optional_text("source", self.source.as_deref(), SOURCE_CHARS_MAX)?;
        check_unit("confidence", self.confidence)?;
        check_unit("importance", self.importance)?;
        check_tags("tags", &self.tags, TAGS_MAX)?;
        check_key("idempotency_key", self.idempotency_key.as_deref())?;
        if let Some(place) = &self.place {
            check_key("sequence", Some(&place.sequence))?;
            if place.parts.is_some_and(|parts| place.part >= parts) {
                return Err(Error::invalid("part", "must be below parts"));
            }
        }
        Ok(())
    }
}

impl Retrieve {
    /// Checks every limit of SPEC 1.1.
    pub fn check(&self) -> Result<(), Error> {
        check_text("query", &self.query, QUERY_CHARS_MAX)?;
        check_not_blank("query", &self.query)?;
        if !(1..=LIMIT_MAX).contains(&self.limit) {
            return Err(Error::invalid("limit", format!("must be 1 to {LIMIT_MAX}")));
        }
        check_unit("threshold", self.threshold)?;
        check_tags("tag_filter", &self.tag_filter, TAG_FILTER_MAX)?;
        if let Some(range) = &self.time_range {
            range.check("time_range")?;
        }
        Ok(())
    }
}

impl Update {
    /// Checks every limit of SPEC 1.1, and that something is to change.
    pub fn check(&self) -> Result<(), Error> {
        if let Some(content) = &self.content {
            check_text("new_content", content, CONTENT_CHARS_MAX)?;
            check_not_blank("new_content", content)?;
            check_findable("new_content", content)?;
        }
        check_optional_text("new_context", self.context.as_deref(), CONTEXT_CHARS_MAX)?;
        check_unit("new_confidence", self.confidence)?;
        check_unit("new_importance", self.importance)?;
        check_tags("add_tags", &self.add_tags, TAGS_MAX)?;
        check_tags("remove_tags", &self.remove_tags, TAGS_MAX)?;
        let changes = self.content.is_some()
            || self.context.is_some()
            || self.confidence.is_some()
            || self.importance.is_some()
            || !self.add_tags.is_empty()
            || !self.remove_tags.is_empty();
        if !changes {
            return Err(Error::invalid(
                "update_memory",
                "needs at least one of new_content, new_context, new_confidence, new_importance, add_tags, remove_tags",
            ));
        }
        Ok(())
    }
}

impl Analyze {
    /// Checks every limit of SPEC 1.1.
    pub fn check(&self) -> Result<(), Error> {
        if !(1..=50).contains(&self.max_depth) {
            return Err(Error::invalid("max_depth", "must be 1 to 50"));
        }
        Ok(())
    }
}

impl StatsQuery {
    /// Checks every limit of SPEC 1.1.
    pub fn check(&self) -> Result<(), Error> {
        let Some(range) = &self.time_range else { return Ok(()) };
        if range.start.is_none() || range.end.is_none() {
            return Err(Error::invalid("time_range", "needs both start and end here"));
        }
        range.check("time_range")
    }
}

impl ConfigureLearning {
    /// Checks every limit of SPEC 1.1, and that something is to change.
    pub fn check(&self) -> Result<(), Error> {
        check_unit("learning_rate", self.learning_rate)?;
        check_unit("decay_rate", self.decay_rate)?;
        check_unit("activation_threshold", self.activation_threshold)?;
        if self.plasticity_window_ms.is_some_and(|ms| !(0.1..=1000.0).contains(&ms)) {
            return Err(Error::invalid("plasticity_window_ms", "must be 0.1 to 1000"));
        }
        if self.learning_mode == Some(LearningMode::MetaLearning) {
            return Err(Error::NotAvailable { what: "learning_mode MetaLearning".into() });
        }
        if *self == ConfigureLearning::default() {
            return Err(Error::invalid("configure_learning", "needs at least one parameter"));
        }
        Ok(())
    }
}

impl TimeRange {
    /// Start before end.
    pub fn check(&self, field: &'static str) -> Result<(), Error> {
        match (self.start, self.end) {
            (Some(start), Some(end)) if start >= end => {
                Err(Error::invalid(field, "start must be before end"))
            }
            _ => Ok(()),
        }
    }

    /// Whether `at` lies in it.
    pub fn contains(&self, at: Timestamp) -> bool {
        self.start.is_none_or(|start| at >= start) && self.end.is_none_or(|end| at < end)
    }
}

fn check_text(field: &'static str, text: &str, chars_max: usize) -> Result<(), Error> {
    // Bytes bound characters from above, so the common case needs no counting.
    if text.len() > chars_max && text.chars().count() > chars_max {
        return Err(Error::invalid(field, format!("must be at most {chars_max} characters")));
    }
    if text.contains('\0') {
        return Err(Error::invalid(field, "must not contain the character U+0000"));
    }
    Ok(())
}

fn check_optional_text(field: &'static str, text: Option<&str>, chars_max: usize) -> Result<(), Error> {
    text.map_or(Ok(()), |text| check_text(field, text, chars_max))
}

fn check_not_blank(field: &'static str, text: &str) -> Result<(), Error> {
    if text.trim().is_empty() {
        return Err(Error::invalid(field, "must not be empty or blank"));
    }
    Ok(())
}

/// A text of invisible characters alone would be kept and never found.
fn check_findable(field: &'static str, text: &str) -> Result<(), Error> {
    if !is_findable(text) {
        return Err(Error::invalid(field, "must hold at least one visible character"));
    }
    Ok(())
}

fn check_key(field: &'static str, key: Option<&str>) -> Result<(), Error> {
    let Some(key) = key else { return Ok(()) };
    check_text(field, key, 200)?;
    check_not_blank(field, key)
}

fn check_unit(field: &'static str, value: Option<f32>) -> Result<(), Error> {
    // A NaN is in no range, so it is refused here too.
    if value.is_some_and(|value| !(0.0..=1.0).contains(&value)) {
        return Err(Error::invalid(field, "must be a number from 0.0 to 1.0"));
    }
    Ok(())
}

fn check_tags(field: &'static str, tags: &[String], tags_max: usize) -> Result<(), Error> {
    if tags.len() > tags_max {
        return Err(Error::invalid(field, format!("must be at most {tags_max} tags")));
    }
    for tag in tags {
        check_text(field, tag, TAG_CHARS_MAX)?;
        check_not_blank(field, tag)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule_of(result: Result<(), Error>) -> &'static str {
        match result {
            Err(Error::Invalid { field, .. }) => field,
            other => panic!("expected a refusal, got {other:?}"),
        }
    }

    #[test]
    fn limits_count_characters_not_bytes() {
        let long = Store { content: "é".repeat(CONTENT_CHARS_MAX), ..Store::default() };
        assert_eq!(long.check(), Ok(()));
        let longer = Store { content: "é".repeat(CONTENT_CHARS_MAX + 1), ..Store::default() };
        assert_eq!(rule_of(longer.check()), "content");
    }

    #[test]
    fn refusals_name_the_field() {
        let store = |change: fn(&mut Store)| {
            let mut store = Store { content: "a fact".into(), ..Store::default() };
            change(&mut store);
            rule_of(store.check())
        };
        assert_eq!(store(|s| s.content = " \n\t ".into()), "content");
        assert_eq!(store(|s| s.confidence = Some(f32::NAN)), "confidence");
        assert_eq!(store(|s| s.importance = Some(1.01)), "importance");
        assert_eq!(store(|s| s.tags = vec!["t".into(); 21]), "tags");
        assert_eq!(store(|s| s.tags = vec!["t".repeat(51)]), "tags");
        assert_eq!(store(|s| s.source = Some("s".repeat(201))), "source");
        assert_eq!(store(|s| s.idempotency_key = Some(" ".into())), "idempotency_key");
        assert_eq!(rule_of(Update::of(MemoryId(1)).check()), "update_memory");
        assert_eq!(rule_of(ConfigureLearning::default().check()), "configure_learning");
        let backwards = TimeRange { start: Some(Timestamp(2)), end: Some(Timestamp(2)) };
        assert_eq!(rule_of(backwards.check("time_range")), "time_range");
    }
}
