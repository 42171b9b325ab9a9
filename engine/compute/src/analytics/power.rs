//! Centralities that are fixed points: PageRank and eigenvector centrality, by power iteration.

use super::Analytics;
use crate::Result;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::kernels::graph_rank::{self, Rule};
use crate::kernels::shared::csr::CsrBuffers;
use crate::recording::Recording;

/// Rounds between two looks at how much still changes; even, so that both arrays take turns.
const ROUNDS: u32 = 8;
/// Mean change of a round, of values that are 1 in the mean, at which an iteration ends: near what f32 resolves.
const SETTLED: f64 = 1e-6;

/// Where a power iteration came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Power {
    /// A value a node, adding up to 1.
    pub values: Vec<f64>,
    /// Rounds it took.
    pub rounds: u32,
    /// Whether it came to rest; if not, values are those of the last round.
    pub settled: bool,
}

/// Values before and after the last of some rounds.
struct Step {
    before: Vec<f32>,
    after: Vec<f32>,
}

impl Analytics<'_> {
    /// PageRank (Brin and Page 1998) with damping, in at most `rounds_max` rounds. Nodes without neighbours hand on to all alike.
    pub fn pagerank(&mut self, damping: f64, rounds_max: u32) -> Result<Power> {
        let nodes = self.graph.nodes();
        let degrees: Vec<u32> = (0..nodes as u32).map(|node| self.graph.degree(node)).collect();
        let factors: Vec<f32> = degrees.iter().map(|&degree| 1.0 / degree.max(1) as f32).collect();
        // What nodes without neighbours hand on is the same for all and constant: they have the base alone.
        let alone = degrees.iter().filter(|&&degree| degree == 0).count() as f64;
        let base = (1.0 - damping) / (1.0 - damping * alone / nodes.max(1) as f64);
        let rule = Rule { base: base as f32, keep: 0.0, gain: damping as f32 };
        self.iterate(&factors, rule, rounds_max, |_, _| {})
    }

    /// Eigenvector centrality (Bonacich 1972) in at most `rounds_max` rounds. The identity is added to the matrix, so that
    /// graphs with two sides come to rest too; a graph whose two largest eigenvalues are close may not.
    pub fn eigenvector(&mut self, rounds_max: u32) -> Result<Power> {
        let nodes = self.graph.nodes();
        let degree_max = (0..nodes as u32).map(|node| self.graph.degree(node)).max().unwrap_or(0);
        // No eigenvalue is larger, so nothing overflows before it is known better.
        let gain = 1.0 / (f64::from(degree_max) + 1.0);
        let rule = Rule { base: 0.0, keep: gain as f32, gain: gain as f32 };
        self.iterate(&vec![1.0; nodes], rule, rounds_max, |rule, step| {
            let sum = |values: &[f32]| values.iter().map(|&value| f64::from(value)).sum::<f64>();
            let gain = f64::from(rule.gain) * sum(&step.before) / sum(&step.after);
            (rule.keep, rule.gain) = (gain as f32, gain as f32);
            let scale = step.after.len() as f64 / sum(&step.after);
            step.after.iter_mut().for_each(|value| *value = (f64::from(*value) * scale) as f32);
        })
    }

    /// Rounds of a rule until nothing changes; `adjust` may turn it, and scale the values, in between.
    fn iterate(
        &mut self,
        factors: &[f32],
        mut rule: Rule,
        rounds_max: u32,
        adjust: impl Fn(&mut Rule, &mut Step),
    ) -> Result<Power> {
        let nodes = self.graph.nodes();
        self.with_device(|device, graph| {
            let factors = device.upload("rank factors", factors)?;
            let arrays = [device.upload("ranks", &vec![1f32; nodes])?, device.create("ranks, next", nodes)?];
            let (mut rounds, mut settled) = (0, nodes == 0);
            let mut values = vec![1f32; nodes];
            while !settled && rounds < rounds_max {
                let mut step = play(device, graph, rule, &factors, &arrays)?;
                rounds += ROUNDS;
                let (before, after) = (total(&step.before), total(&step.after));
                let change: f64 = step
                    .before
                    .iter()
                    .zip(&step.after)
                    .map(|(&old, &new)| (f64::from(old) / before - f64::from(new) / after).abs())
                    .sum();
                settled = change <= SETTLED;
                adjust(&mut rule, &mut step);
                values = step.after;
                let mut recording = Recording::new();
                recording.write(&arrays[0], 0, &values);
                device.run(recording)?;
            }
            arrays.into_iter().for_each(|buffer| device.destroy(buffer));
            device.destroy(factors);
            let total = total(&values);
            let values = values.into_iter().map(|value| f64::from(value) / total).collect();
            Ok(Power { values, rounds, settled })
        })
    }
}

fn total(values: &[f32]) -> f64 {
    values.iter().map(|&value| f64::from(value)).sum()
}

/// Some rounds, beginning and ending in the first array.
fn play(
    device: &mut Device,
    graph: CsrBuffers<'_>,
    rule: Rule,
    factors: &Buffer<f32>,
    [values, next]: &[Buffer<f32>; 2],
) -> Result<Step> {
    let mut recording = Recording::new();
    recording.repeat(ROUNDS / 2, |recording| {
        graph_rank::record(recording, &graph, rule, factors, values, next);
        graph_rank::record(recording, &graph, rule, factors, next, values);
    });
    let (before, after) = (recording.read_all(next), recording.read_all(values));
    let reads = device.run(recording)?;
    Ok(Step { before: reads.get(&before).to_vec(), after: reads.get(&after).to_vec() })
}
