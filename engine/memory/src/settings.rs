//! Numbers of recall. They differ by kind of memory, never by data set.
//!
//! They were chosen by random search over the development halves (150 MuSiQue and 99 HotpotQA questions, three LoCoMo conversations) with
//! `cortexkg eval retrieval`: some 360 settings for passages and 750 for turns, of which a rounded middle of the best dozen was taken. The
//! lexical floor and length came from some thirty tries, the three numbers of subjects and mentions from 45, each judged with and without
//! 100,000 unrelated texts beside; those of sequences and speakers from 120. The PageRank beside it (`retrieve/pagerank.rs`) has the settings
//! that 290 tries found for it, the best in the mean of the three sets.

use crate::retrieve::scoring::{SHIPPED, Scorer};
use serde::{Deserialize, Serialize};

/// How a recall finds its seeds and how spikes spread from them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RecallSettings {
    /// Nearest vectors taken into the pool.
    pub pool_vector: usize,
    /// Best lexical matches taken into the pool.
    pub pool_lexical: usize,
    /// Share of lexical similarity in the fused one; the rest is vector similarity.
    pub lexical_share: f32,
    /// The best lexical score is taken for at least this share of what the query's terms could give at once.
    pub lexical_floor: f32,
    /// The best centred cosine is taken for at least this.
    pub vector_floor: f32,
    /// Current of a memory with fused similarity 1, per ms.
    pub drive: f32,
    /// Passages are driven by similarity to this power.
    pub drive_power_passage: i32,
    /// Turns are driven by similarity to this power.
    pub drive_power_turn: i32,
    /// Current of the rarest entity of the query, per ms.
    pub entity_drive: f32,
    /// Spikes of memories reach an entity of the query this much weaker: they are no news to it.
    pub entity_damp: f32,
    /// Memory to the entities it mentions, shared out by rarity.
    pub gain_mentions: f32,
    /// Entity to the memories it is the subject of, shared out.
    pub gain_subject: f32,
    /// Gate of that synapse for memories unlike the query.
    pub gate_subject: f32,
    /// Entity to passages that mention it, over the root of its degree.
    pub gain_mentioned: f32,
    /// Entity to turns that mention it, over the root of its degree.
    pub gain_mentioned_turn: f32,
    /// Gate of those synapses for memories unlike the query.
    pub gate_mentioned: f32,
    /// Turn or part to the next and previous one.
    pub gain_sequence: f32,
    /// Gate of that synapse for memories unlike the query.
    pub gate_sequence: f32,
    /// Of a turn's similarity, what counts of a query that names somebody who speaks, but not in this turn: people speak of themselves.
    pub gate_other_speaker: f32,
    /// Memory to one that says nearly the same.
    pub gain_similar: f32,
    /// Memory to one that use has tied to it.
    pub gain_learned: f32,
    /// Gate of both.
    pub gate_related: f32,
    /// Time constant of the membrane, ms.
    pub tau_ms: u32,
    /// Time constant of the synaptic current, ms: what reaches a node by little makes it fire late, not never.
    pub synapse_ms: u32,
    /// A spread ends once so many memories have fired.
    pub fired_max: u32,
    /// A spread ends after so long, ms.
    pub spread_ms: u32,
    /// Entities of more than this share of all memories (but at least 20 and at most 1,024) tie nothing together, unless they are a
    /// subject.
    pub stop_share: f32,
    /// Memories that SpreadingActivation drives.
    pub seeds_few: usize,
    /// Weights of the evidence.
    pub scorer: Scorer,
}

impl Default for RecallSettings {
    fn default() -> Self {
        RecallSettings {
            pool_vector: 256,
            pool_lexical: 400,
            lexical_share: 0.55,
            lexical_floor: 0.4,
            vector_floor: 0.4,
            drive: 0.15,
            drive_power_passage: 2,
            drive_power_turn: 1,
            entity_drive: 0.3,
            entity_damp: 0.3,
            gain_mentions: 100.0,
            gain_subject: 7.0,
            gate_subject: 0.3,
            gain_mentioned: 3.0,
            gain_mentioned_turn: 0.4,
            gate_mentioned: 0.9,
            gain_sequence: 4.0,
            gate_sequence: 0.45,
            gate_other_speaker: 0.7,
            gain_similar: 0.3,
            gain_learned: 1.0,
            gate_related: 0.2,
            tau_ms: 50,
            synapse_ms: 8,
            fired_max: 50,
            spread_ms: 60,
            stop_share: 0.03,
            seeds_few: 4,
            scorer: SHIPPED,
        }
    }
}

/// Time constant of the TTFS code (SPEC 2.1), ms: a first spike at t means a strength of exp(-t / 20).
pub const TTFS_TAU_MS: f32 = 20.0;
