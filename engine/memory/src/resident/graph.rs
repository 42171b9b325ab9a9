//! The graph on the device: the same arrays as in State, patched where they changed.
//!
//! Knows arrays alone, no memories, so that a graph without texts can be spread over and measured.

use cortexkg_compute::{Buffer, Device, Recording};

use crate::Error;
use crate::resident::make_room;
use crate::state::graph::Graph;

/// Device arrays of the graph.
#[derive(Default)]
pub struct GraphCopy {
    pub(super) nodes: Option<Buffer<u32>>,
    pub(super) owners: Option<Buffer<u32>>,
    pub(super) edges: Option<Buffer<u32>>,
    pub(super) nodes_len: usize,
}

impl GraphCopy {
    /// Writes what changed. `owners` holds a word a node; entities carry the highest bit.
    pub fn sync(&mut self, device: &mut Device, graph: &mut Graph, owners: &[u32]) -> Result<(), Error> {
        assert_eq!(graph.nodes_len(), owners.len(), "an owner for each node; this is a bug");
        let dirty = graph.take_dirty();
        if !dirty.all && dirty.nodes.is_empty() && dirty.edges.is_empty() {
            return Ok(());
        }
        let nodes: &[u32] = bytemuck::cast_slice(graph.nodes());
        let edges: &[u32] = bytemuck::cast_slice(graph.edges());
        make_room(device, &mut self.nodes, "graph nodes", nodes.len())?;
        make_room(device, &mut self.owners, "graph owners", owners.len())?;
        make_room(device, &mut self.edges, "graph edges", edges.len())?;
        let (Some(node_buffer), Some(owner_buffer), Some(edge_buffer)) =
            (&self.nodes, &self.owners, &self.edges)
        else {
            unreachable!("made above; this is a bug")
        };
        let mut recording = Recording::new();
        if dirty.all {
            recording.write(node_buffer, 0, nodes);
            recording.write(owner_buffer, 0, owners);
            recording.write(edge_buffer, 0, edges);
        } else {
            for run in dirty.nodes.chunk_by(|a, b| a + 1 == *b) {
                let (start, end) = (run[0] as usize, run[0] as usize + run.len());
                recording.write(node_buffer, start * 4, &nodes[start * 4..end * 4]);
                recording.write(owner_buffer, start, &owners[start..end]);
            }
            for &(start, end) in &dirty.edges {
                recording.write(
                    edge_buffer,
                    start as usize * 2,
                    &edges[start as usize * 2..end as usize * 2],
                );
            }
        }
        device.run(recording)?;
        self.nodes_len = owners.len();
        Ok(())
    }
}
