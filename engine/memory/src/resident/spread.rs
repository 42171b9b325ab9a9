//! The spiking spread: recall settings to fixed point, lanes to seeds, spikes back to nodes and times.

use cortexkg_compute::kernels::activation_spread::{
    self as kernel, CLASSES, Class, FIRED_WORDS, NONE, Norm, ONE, STEP_PARTS, SpreadBuffers, SpreadParams,
};
use cortexkg_compute::{Device, Recording};
use rustc_hash::FxHashMap;

use crate::Error;
use crate::resident::{GraphCopy, sent};
use crate::settings::RecallSettings;
use crate::state::graph::EdgeClass;

/// Entities below this many memories are never stop words, however small the store.
const STOP_MIN: u32 = 20;
/// Entities above this many memories are stop words, however large the store: what each of so many gets from one spike is under a
/// twelfth of the threshold, and reaching them is most of the work of a recall.
const STOP_MAX: u32 = 1_024;
/// Times as many memories may fire when filters will leave most of them out.
const FILTERED_FACTOR: u32 = 4;
/// Entities that fire for each memory that does, at most; the list of a lane holds so many.
const ENTITIES_A_MEMORY: u32 = 12;

/// What one query drives.
#[derive(Clone, Debug, Default)]
pub struct SpreadLane {
    seeds: Vec<(u32, f32, f32)>,
    place: FxHashMap<u32, usize>,
}

/// A node that fired.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fired {
    /// The node.
    pub node: u32,
    /// Its first spike, ms after onset.
    pub time_ms: f32,
    /// The node whose spike gave it most; none if the query did.
    pub parent: Option<u32>,
}

impl SpreadLane {
    /// Drives a node with a current a ms, and opens its gate so far (both 0..=1). Named twice, the stronger counts.
    pub fn seed(&mut self, node: u32, drive: f32, gate: f32) {
        match self.place.get(&node) {
            Some(&at) => {
                let seed = &mut self.seeds[at];
                *seed = (node, seed.1.max(drive), seed.2.max(gate));
            }
            None => {
                self.place.insert(node, self.seeds.len());
                self.seeds.push((node, drive, gate));
            }
        }
    }
}

fn gain(value: f32) -> u32 {
    (value.clamp(0.0, 127.0) * 256.0).round() as u32
}

fn unit(value: f32) -> u32 {
    (value.clamp(0.0, 1.0) * ONE as f32).round() as u32
}

/// Strengths of all edge classes, in the kernel's numbers.
fn classes(settings: &RecallSettings) -> [Class; CLASSES] {
    let mut classes = [Class::SILENT; CLASSES];
    let mut set = |class: EdgeClass, value: f32, norm: Norm, floor: f32| {
        classes[class as usize] = Class { gain: gain(value), norm, gate_floor: unit(floor) };
    };
    set(EdgeClass::Mentions, settings.gain_mentions, Norm::Share, 1.0);
    set(EdgeClass::SubjectOf, settings.gain_subject, Norm::Row, settings.gate_subject);
    set(EdgeClass::MentionedBy, settings.gain_mentioned, Norm::Root, settings.gate_mentioned);
    set(EdgeClass::MentionedByTurn, settings.gain_mentioned_turn, Norm::Root, settings.gate_mentioned);
    set(EdgeClass::Sequence, settings.gain_sequence, Norm::Weight, settings.gate_sequence);
    set(EdgeClass::Similar, settings.gain_similar, Norm::Weight, settings.gate_related);
    set(EdgeClass::Learned, settings.gain_learned, Norm::Weight, settings.gate_related);
    classes
}

/// How a spread goes.
#[derive(Clone, Copy, Debug)]
pub struct Spreading<'a> {
    /// Strengths, time constants and ends.
    pub settings: &'a RecallSettings,
    /// Memories in the graph, for rarity.
    pub memories: u32,
    /// Whether filters will leave most memories out.
    pub filtered: bool,
}

impl Spreading<'_> {
    /// Entities of more edges than this hand nothing on to what mentions them.
    pub fn degree_max(&self) -> u32 {
        ((self.memories as f32 * self.settings.stop_share) as u32).clamp(STOP_MIN, STOP_MAX)
    }

    fn params(&self, lanes: usize, nodes: usize) -> SpreadParams {
        let settings = self.settings;
        let leaves_max = settings.fired_max * if self.filtered { FILTERED_FACTOR } else { 1 };
        SpreadParams {
            lanes: lanes as u32,
            nodes: nodes as u32,
            fired_max: leaves_max * (1 + ENTITIES_A_MEMORY),
            leaves_max,
            steps_max: settings.spread_ms,
            leak_div: settings.tau_ms.max(1),
            synapse_div: settings.synapse_ms.max(1),
            degree_max: self.degree_max(),
            // In a store of a few, what all mention is no less a name for it.
            leaves_total: self.memories.max(STOP_MIN),
            driven_damp: unit(settings.entity_damp),
        }
    }
}

impl GraphCopy {
    /// Spreads all lanes; for each, what fired, by time.
    pub fn spread(
        &self,
        device: &mut Device,
        spreading: Spreading<'_>,
        lanes: &[&SpreadLane],
    ) -> Result<Vec<Vec<Fired>>, Error> {
        let (Some(nodes), Some(owners), Some(edges)) = (&self.nodes, &self.owners, &self.edges) else {
            return Ok(vec![Vec::new(); lanes.len()]);
        };
        if lanes.is_empty() {
            return Ok(Vec::new());
        }
        let params = spreading.params(lanes.len(), self.nodes_len);
        let (mut starts, mut seed_nodes, mut drives, mut gates) =
            (vec![0u32], Vec::new(), Vec::new(), Vec::new());
        for lane in lanes {
            for &(node, drive, gate) in &lane.seeds {
                seed_nodes.push(node);
                drives.push(unit(drive));
                gates.push(unit(gate).min(ONE - 1));
            }
            starts.push(seed_nodes.len() as u32);
        }
        let mut recording = Recording::new();
        let table = Class::table(&classes(spreading.settings));
        let classes = sent(device, &mut recording, "spread classes", &table)?;
        let lane_starts = sent(device, &mut recording, "spread lanes", &starts)?;
        let seed_nodes = sent(device, &mut recording, "spread seeds", &seed_nodes)?;
        let seed_drives = sent(device, &mut recording, "spread drives", &drives)?;
        let seed_gates = sent(device, &mut recording, "spread gates", &gates)?;
        let fired_len = device.create("spread fired_len", lanes.len())?;
        let fired = device.create("spread fired", lanes.len() * params.fired_max as usize * FIRED_WORDS)?;
        kernel::record(
            &mut recording,
            &params,
            &SpreadBuffers {
                nodes,
                owners,
                edges,
                classes: &classes,
                lane_starts: &lane_starts,
                seed_nodes: &seed_nodes,
                seed_drives: &seed_drives,
                seed_gates: &seed_gates,
                fired_len: &fired_len,
                fired: &fired,
            },
        );
        let (len_read, fired_read) = (recording.read_all(&fired_len), recording.read_all(&fired));
        let reads = device.run(recording)?;
        let lists = reads
            .get(&len_read)
            .iter()
            .zip(reads.get(&fired_read).chunks_exact(params.fired_max as usize * FIRED_WORDS))
            .map(|(&len, list)| {
                let fits = len.min(params.fired_max) as usize;
                list.chunks_exact(FIRED_WORDS).take(fits).map(read_fired).collect()
            })
            .collect();
        for buffer in [classes, lane_starts, seed_nodes, seed_drives, seed_gates, fired_len, fired] {
            device.destroy(buffer);
        }
        Ok(lists)
    }
}

fn read_fired(entry: &[u32]) -> Fired {
    Fired {
        node: entry[0],
        // A step is a millisecond.
        time_ms: entry[1] as f32 / STEP_PARTS as f32,
        parent: (entry[2] != NONE).then_some(entry[2]),
    }
}
