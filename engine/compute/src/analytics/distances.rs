//! What searches from many nodes tell: path lengths, efficiency, closeness, betweenness.

use super::Analytics;
use crate::Result;
use crate::kernels::graph_betweenness;
use crate::kernels::graph_levels::{self, Found, LANES, LEVELS_MAX};
use crate::recording::Recording;

/// Sources of one dispatch of `graph_levels`.
const LEVEL_SOURCES: usize = 16 * LANES;
/// Values of one dispatch of `graph_betweenness`: 64 MiB.
const FLOW_VALUES: usize = 1 << 24;
/// Sources of one dispatch of `graph_betweenness`.
const FLOW_SOURCES: usize = 256;

/// Distances from some nodes, or all, to all that they reach.
#[derive(Clone, Debug, PartialEq)]
pub struct Distances {
    /// Pairs of a source and a node, by distance in edges; at 0 the sources themselves.
    pub histogram: Vec<u64>,
    sources: Vec<u32>,
    nodes: usize,
    sums: Vec<u32>,
    reached: Vec<u32>,
}

impl Distances {
    /// How many nodes distances were measured from.
    pub fn sources(&self) -> usize {
        self.sources.len()
    }

    /// Pairs of different nodes, one of them a source, with a path between them.
    pub fn pairs(&self) -> u64 {
        self.histogram.iter().skip(1).sum()
    }

    /// Mean distance over those pairs; none if there is no such pair.
    pub fn mean(&self) -> Option<f64> {
        let sum: u64 = self.histogram.iter().zip(0u64..).map(|(&pairs, level)| pairs * level).sum();
        (self.pairs() > 0).then(|| sum as f64 / self.pairs() as f64)
    }

    /// The largest distance that was met.
    pub fn longest(&self) -> usize {
        self.histogram.iter().rposition(|&pairs| pairs > 0).unwrap_or(0)
    }

    /// Mean of 1 / distance over all pairs of a source and another node, 0 where there is no path (global efficiency: Latora and
    /// Marchiori 2001); none below two nodes.
    pub fn efficiency(&self) -> Option<f64> {
        let pairs = self.sources.len() * self.nodes.saturating_sub(1);
        let sum: f64 = self
            .histogram
            .iter()
            .enumerate()
            .skip(1)
            .map(|(level, &pairs)| pairs as f64 / level as f64)
            .sum();
        (pairs > 0).then(|| sum / pairs as f64)
    }

    /// Closeness of a node: share of the sources that it reaches over its mean distance to them (Wasserman and Faust 1994);
    /// 0 if it reaches none.
    pub fn closeness(&self, node: u32) -> f64 {
        let (sum, reached) = (f64::from(self.sums[node as usize]), f64::from(self.reached[node as usize]));
        let others = self.sources.len() - usize::from(self.sources.binary_search(&node).is_ok());
        if reached == 0.0 { 0.0 } else { reached / others as f64 * (reached / sum) }
    }
}

/// Betweenness centrality.
#[derive(Clone, Debug, PartialEq)]
pub struct Betweenness {
    /// Of each node: the share of shortest paths between two others that lead through it, 0..=1.
    pub values: Vec<f64>,
    /// How many nodes paths were followed from.
    pub sources: usize,
}

impl Analytics<'_> {
    /// Distances from `sources` (ascending, each once, at most 65,536).
    pub fn distances(&mut self, sources: Vec<u32>) -> Result<Distances> {
        assert!(sources.is_sorted_by(|a, b| a < b) && sources.len() <= 1 << 16, "sources; this is a bug");
        let nodes = self.graph.nodes();
        let levels_max = nodes.clamp(1, LEVELS_MAX);
        let mut histogram = vec![0u64; levels_max];
        let (sums, reached) = self.with_device(|device, graph| {
            let sums = device.create("distance sums", nodes)?;
            let reached = device.create("reached", nodes)?;
            let words = sources.len().min(LEVEL_SOURCES).div_ceil(LANES);
            let counts = device.create("distance histogram", words * levels_max)?;
            for part in sources.chunks(LEVEL_SOURCES) {
                let from = device.upload("sources", part)?;
                let mut recording = Recording::new();
                let found = Found { histogram: &counts, distances: &sums, reached: &reached };
                graph_levels::record(&mut recording, &graph, &from, part.len(), levels_max, found);
                let read = recording.read(&counts, 0, part.len().div_ceil(LANES) * levels_max);
                let reads = device.run(recording)?;
                for counts in reads.get(&read).chunks_exact(levels_max) {
                    histogram.iter_mut().zip(counts).for_each(|(sum, &count)| *sum += u64::from(count));
                }
                device.destroy(from);
            }
            let (at_sums, at_reached) = (device.download(&sums)?, device.download(&reached)?);
            [sums, reached, counts].into_iter().for_each(|buffer| device.destroy(buffer));
            Ok((at_sums, at_reached))
        })?;
        histogram.truncate(histogram.iter().rposition(|&pairs| pairs > 0).map_or(0, |last| last + 1));
        Ok(Distances { histogram, sources, nodes, sums, reached })
    }

    /// Betweenness from `sources` (ascending, each once): exact from all nodes, else an estimate. Sources with too many paths to
    /// count are left out.
    pub fn betweenness(&mut self, sources: &[u32]) -> Result<Betweenness> {
        assert!(sources.is_sorted_by(|a, b| a < b), "sources; this is a bug");
        let nodes = self.graph.nodes();
        let mut sums = vec![0f64; nodes];
        // How often a node was a source itself, or nothing was told: none of these is a path past it.
        let mut own = vec![0u32; nodes];
        let mut told = 0;
        if nodes > 0 {
            self.with_device(|device, graph| {
                let lanes = (FLOW_VALUES / nodes).clamp(1, FLOW_SOURCES);
                let flows = device.create("dependencies", lanes.min(sources.len()) * nodes)?;
                for part in sources.chunks(lanes) {
                    let from = device.upload("sources", part)?;
                    let mut recording = Recording::new();
                    graph_betweenness::record(&mut recording, &graph, &from, part.len(), &flows);
                    let read = recording.read(&flows, 0, part.len() * nodes);
                    let reads = device.run(recording)?;
                    for (&source, flows) in part.iter().zip(reads.get(&read).chunks_exact(nodes)) {
                        if flows[0].is_nan() {
                            continue;
                        }
                        told += 1;
                        own[source as usize] += 1;
                        sums.iter_mut().zip(flows).for_each(|(sum, &flow)| *sum += f64::from(flow));
                    }
                    device.destroy(from);
                }
                device.destroy(flows);
                Ok(())
            })?;
        }
        let between = nodes.saturating_sub(2) as f64;
        let share = |(sum, own): (f64, u32)| {
            let pairs = f64::from(told - own) * between;
            if pairs > 0.0 { sum / pairs } else { 0.0 }
        };
        Ok(Betweenness { values: sums.into_iter().zip(own).map(share).collect(), sources: told as usize })
    }
}
