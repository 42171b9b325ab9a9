//! Analyses of a graph: components, clustering, distances, centralities, communities.
//!
//! [`Analytics`] is the one way in: it holds a graph on a device for the time of an analysis and plays the kernels over it.
//! Distances and betweenness start from chosen nodes: from all of them they are exact, from a [`sample`] they are estimates that say
//! how many there were. Communities ([`communities`]) and cut nodes ([`cuts`]) are found
//! on the host, because the algorithms are sequential.
//!
//! Nothing here is weighted, and nothing knows what a node means. Results are equal for any number of threads.

mod communities;
mod cuts;
mod distances;
mod power;

pub use communities::{Communities, communities, modularity};
pub use cuts::cuts;
pub use distances::{Betweenness, Distances};
pub use power::Power;

use crate::Result;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::kernels::shared::csr::{Csr, CsrBuffers};
use crate::kernels::{graph_components, graph_triangles};
use crate::recording::Recording;

/// Rounds of labelling between two looks at whether anything still changes; even, so that both arrays take turns.
const LABEL_ROUNDS: u32 = 4;

/// A graph on a device.
pub struct Analytics<'a> {
    device: &'a mut Device,
    graph: &'a Csr,
    buffers: Option<(Buffer<u32>, Buffer<u32>)>,
}

impl<'a> Analytics<'a> {
    /// Brings a graph to a device.
    pub fn new(device: &'a mut Device, graph: &'a Csr) -> Result<Self> {
        let buffers = device.all_or_nothing(|device| {
            let offsets = if graph.nodes() == 0 { &[0] } else { graph.offsets() };
            Ok((device.upload("graph offsets", offsets)?, device.upload("graph targets", graph.targets())?))
        })?;
        Ok(Analytics { device, graph, buffers: Some(buffers) })
    }

    /// The lowest node of each node's connected component.
    pub fn components(&mut self) -> Result<Vec<u32>> {
        let own: Vec<u32> = (0..self.graph.nodes() as u32).collect();
        self.with_device(|device, graph| {
            let labels = device.upload("component labels", &own)?;
            let next = device.upload("component labels, next", &own)?;
            let found = loop {
                let mut recording = Recording::new();
                recording.repeat(LABEL_ROUNDS / 2, |recording| {
                    graph_components::record(recording, &graph, &labels, &next);
                    graph_components::record(recording, &graph, &next, &labels);
                });
                let (before, after) = (recording.read_all(&next), recording.read_all(&labels));
                let reads = device.run(recording)?;
                if reads.get(&before) == reads.get(&after) {
                    break reads.get(&after).to_vec();
                }
            };
            [labels, next].into_iter().for_each(|buffer| device.destroy(buffer));
            Ok(found)
        })
    }

    /// The number of triangles at each node.
    pub fn triangles(&mut self) -> Result<Vec<u32>> {
        let forward = self.graph.forward();
        let nodes = self.graph.nodes();
        self.with_device(|device, _| {
            let offsets = device.upload("forward offsets", forward.offsets())?;
            let targets = device.upload("forward targets", forward.targets())?;
            let counts = device.create("triangle counts", nodes)?;
            let graph = CsrBuffers { nodes, offsets: &offsets, targets: &targets };
            let mut recording = Recording::new();
            graph_triangles::record(&mut recording, &graph, &counts);
            let read = recording.read_all(&counts);
            let found = device.run(recording)?.get(&read).to_vec();
            [offsets, targets, counts].into_iter().for_each(|buffer| device.destroy(buffer));
            Ok(found)
        })
    }

    /// Local clustering coefficient of a node of at least two neighbours (Watts and Strogatz 1998): the share of pairs of
    /// neighbours that are neighbours themselves. `triangles` as [`Analytics::triangles`] counted them.
    pub fn clustering(&self, triangles: &[u32], node: u32) -> Option<f64> {
        let degree = f64::from(self.graph.degree(node));
        (degree >= 2.0).then(|| f64::from(triangles[node as usize]) / (degree * (degree - 1.0) / 2.0))
    }

    /// Plays `run` with the graph's buffers; whatever it created is destroyed if it fails.
    fn with_device<T>(&mut self, run: impl FnOnce(&mut Device, CsrBuffers<'_>) -> Result<T>) -> Result<T> {
        let (offsets, targets) = self.buffers.as_ref().expect("held until the end; this is a bug");
        let graph = CsrBuffers { nodes: self.graph.nodes(), offsets, targets };
        self.device.all_or_nothing(|device| run(device, graph))
    }
}

impl Drop for Analytics<'_> {
    fn drop(&mut self) {
        if let Some((offsets, targets)) = self.buffers.take() {
            self.device.destroy(offsets);
            self.device.destroy(targets);
        }
    }
}

/// About evenly spread nodes of a graph of `nodes`, `wanted` of them or all: those whose numbers hash lowest, so that the
/// same graph gives the same sample and no rhythm in the numbering shows in it. Ascending.
pub fn sample(nodes: usize, wanted: usize) -> Vec<u32> {
    let mut chosen: Vec<u32> = (0..nodes as u32).collect();
    if wanted < nodes {
        let hash = |node: &u32| {
            let bits = node.wrapping_mul(0x9e37_79b1);
            let bits = (bits ^ (bits >> 15)).wrapping_mul(0x85eb_ca6b);
            (bits ^ (bits >> 13), *node)
        };
        chosen.select_nth_unstable_by_key(wanted, hash);
        chosen.truncate(wanted);
        chosen.sort_unstable();
    }
    chosen
}

#[cfg(test)]
mod tests;
