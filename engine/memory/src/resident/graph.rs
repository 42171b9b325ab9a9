//! The graph on the device: the same arrays as in State, patched where they changed.

use cortexkg_compute::{Buffer, Device, Recording};

use crate::Error;
use crate::resident::make_room;
use crate::state::State;

/// Device arrays of the graph.
#[derive(Default)]
pub struct GraphCopy {
    pub nodes: Option<Buffer<u32>>,
    pub owners: Option<Buffer<u32>>,
    pub edges: Option<Buffer<u32>>,
}

impl GraphCopy {
    /// Writes what changed.
    pub fn sync(&mut self, device: &mut Device, state: &mut State) -> Result<(), Error> {
        let dirty = state.graph.take_dirty();
        if !dirty.all && dirty.nodes.is_empty() && dirty.edges.is_empty() {
            return Ok(());
        }
        let nodes: &[u32] = bytemuck::cast_slice(state.graph.nodes());
        let edges: &[u32] = bytemuck::cast_slice(state.graph.edges());
        let owners = state.owners();
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
        Ok(())
    }
}
