//! A graph such as texts make, without texts: names follow Zipf's law, so degrees follow a power law; and recalls over it.
//!
//! Nodes are numbered at random and what a recall drives is drawn at random too: no text lies beside its neighbours in memory
//! and no two seeds share more names than chance has it, which is the worst a store can do to the caches.

use cortexkg_engine::RecallSettings;
use cortexkg_engine::spread::{Edge, EdgeClass, Graph, HUB_BIT, Side, SpreadLane};

use crate::corpus::Random;

/// Names in a recall.
const NAMES: usize = 3;

/// A graph and its numbering.
pub struct Workload {
    /// Rows of all nodes.
    pub graph: Graph,
    /// A word a node: the memory, or the entity with the highest bit.
    pub owners: Vec<u32>,
    /// Number of memories.
    pub memories: u32,
    nodes_of_memories: Vec<u32>,
    nodes_of_entities: Vec<u32>,
    draw: Random,
}

impl Workload {
    /// Three memories to two entities. Every memory is about one entity and mentions others, drawn with a chance that falls
    /// as one over their rank.
    pub fn generate(nodes: u32, edges: u32, seed: u64) -> Self {
        let memories = nodes / 5 * 3;
        let entities = (nodes - memories) as usize;
        let mut draw = Random(seed);
        let mut order: Vec<u32> = (0..nodes).collect();
        for place in (1..order.len()).rev() {
            order.swap(place, below(&mut draw, place + 1));
        }
        let (of_memories, of_entities) = order.split_at(memories as usize);
        let mut owners = vec![0; nodes as usize];
        of_memories.iter().zip(0..).for_each(|(&node, memory)| owners[node as usize] = memory);
        of_entities.iter().zip(0..).for_each(|(&node, entity)| owners[node as usize] = entity | HUB_BIT);

        // The first mention of a memory is its subject.
        let mut mentions: Vec<Vec<u32>> = vec![Vec::new(); memories as usize];
        for (memory, row) in mentions.iter_mut().enumerate() {
            let share = |memory: u64| memory * u64::from(edges) / 2 / u64::from(memories);
            let wanted = (share(memory as u64 + 1) - share(memory as u64)).min(entities as u64 / 2) as usize;
            row.reserve_exact(wanted);
            while row.len() < wanted {
                let entity =
                    if row.is_empty() { below(&mut draw, entities) } else { by_rank(&mut draw, entities) };
                let node = of_entities[entity];
                if !row.contains(&node) {
                    row.push(node);
                }
            }
        }
        let mut degrees = vec![[0; 2]; nodes as usize];
        for row in &mentions {
            row.iter().enumerate().for_each(|(at, &entity)| degrees[entity as usize][(at > 0) as usize] += 1);
        }
        let mut graph = Graph::default();
        for _ in 0..nodes {
            graph.add_node();
        }
        for (&node, row) in of_memories.iter().zip(&mentions) {
            graph.reserve(node, Side::Near, row.len());
        }
        for &node in of_entities {
            graph.reserve(node, Side::Near, degrees[node as usize][0]);
            graph.reserve(node, Side::Far, degrees[node as usize][1]);
        }
        for (&node, row) in of_memories.iter().zip(&mentions) {
            for (at, &entity) in row.iter().enumerate() {
                let (side, class) = match at {
                    0 => (Side::Near, EdgeClass::SubjectOf),
                    _ => (Side::Far, EdgeClass::MentionedBy),
                };
                graph.push(node, Side::Near, Edge::new(entity, EdgeClass::Mentions, 1.0));
                graph.push(entity, side, Edge::new(node, class, 1.0));
            }
        }
        let (nodes_of_memories, nodes_of_entities) = (of_memories.to_vec(), of_entities.to_vec());
        Workload { graph, owners, memories, nodes_of_memories, nodes_of_entities, draw }
    }

    /// Directed edges.
    pub fn edges(&self) -> usize {
        self.graph.edges().len()
    }

    /// Edges along which a spike of a node goes.
    pub fn handed_on(&self, node: u32, degree_max: u32) -> usize {
        let is_hub = self.owners[node as usize] & HUB_BIT != 0;
        let far = !is_hub || self.graph.degree(node) <= degree_max as usize;
        self.graph.row_len(node, Side::Near) + if far { self.graph.row_len(node, Side::Far) } else { 0 }
    }

    /// Recalls that drive so many memories each, by a similarity that falls with the rank as it does on the development sets
    /// (0.9 for the best, 0.6 for the tenth, 0.25 for the last), and some names by their rarity.
    pub fn recalls(&mut self, count: u32, seeds: u32, settings: &RecallSettings) -> Vec<SpreadLane> {
        (0..count).map(|_| self.recall(seeds, settings)).collect()
    }

    fn recall(&mut self, seeds: u32, settings: &RecallSettings) -> SpreadLane {
        let mut lane = SpreadLane::default();
        for rank in 0..seeds {
            let node = self.nodes_of_memories[below(&mut self.draw, self.nodes_of_memories.len())];
            let fused = 0.9 * (1.0 + rank as f32).powf(-0.2);
            lane.seed(node, settings.drive * fused.powi(settings.drive_power_passage), fused);
        }
        for _ in 0..NAMES {
            let node = self.nodes_of_entities[by_rank(&mut self.draw, self.nodes_of_entities.len())];
            let degree = self.graph.degree(node).max(1) as f32;
            let (rarity, rarest) =
                ((self.memories as f32 / degree).ln().max(0.0), (self.memories as f32).ln());
            lane.seed(node, settings.entity_drive * rarity / rarest, 0.0);
        }
        lane
    }
}

fn below(draw: &mut Random, n: usize) -> usize {
    (draw.below_one() * n as f64) as usize
}

/// A rank from 0, with a chance that falls as one over the rank.
fn by_rank(draw: &mut Random, n: usize) -> usize {
    ((n as f64).powf(draw.below_one()) as usize).clamp(1, n) - 1
}
