//! How the graph of an index becomes a checkpoint, and a graph again.

use super::{ENTRIES_MAX, Links};
use crate::device::Device;
use crate::index::checkpoint::Checkpoint;
use crate::index::rows::room;
use crate::kernels::graph_sketch;
use crate::kernels::shared::graph_shard::GraphShard;
use crate::kernels::shared::row_shard::RowShard;
use crate::recording::Recording;
use crate::{Error, Result};

/// Rows whose edges are written at once.
const RESTORED_ROWS: usize = 1 << 14;

impl Links {
    /// The graph as it is, if there is one.
    pub fn checkpoint(&mut self, device: &mut Device, dim: usize) -> Result<Option<Checkpoint>> {
        let Some(graph) = self.graph.as_ref().filter(|_| self.linked.len() > 0) else { return Ok(None) };
        let (degree, rows) = (self.degree, self.prints.len().min(graph.capacity()));
        let mut recording = Recording::new();
        let edges = recording.read(&graph.edges, 0, rows * degree);
        let edges = device.run(recording)?.get(&edges).to_vec();
        self.unsaved = 0;
        let (linked, mut prints) = (self.linked.clone(), self.prints[..rows].to_vec());
        // The edges of a row that was written anew are not those of the vector it has now.
        self.retired.iter().for_each(|row| prints[row as usize] = !prints[row as usize]);
        Ok(Some(Checkpoint { dim, degree, linked, prints, edges }))
    }

    /// The graph as it was, for rows that were written since; those that are not what they were wait to be linked anew. Nothing was linked
    /// yet.
    pub fn restore(&mut self, device: &mut Device, shard: &RowShard, saved: &Checkpoint) -> Result<()> {
        assert!(self.graph.is_none(), "a graph that is there already, this is a bug");
        let rows = saved.prints.len();
        if saved.degree != self.degree || rows > self.prints.len() {
            let why = format!(
                "{} edges a row and {rows} rows, where {} and {} are wanted",
                saved.degree,
                self.degree,
                self.prints.len()
            );
            return Err(Error::Checkpoint { why });
        }
        let graph = device.all_or_nothing(|device| {
            let graph = GraphShard::create(device, shard.dim(), self.degree, shard.capacity())?;
            let linked: Vec<u32> = saved.linked.iter().collect();
            let listed = device.upload("linked rows", &linked)?;
            for (part, edges) in saved.edges.chunks(RESTORED_ROWS * self.degree).enumerate() {
                let mut recording = Recording::new();
                recording.write(&graph.edges, part * RESTORED_ROWS * self.degree, edges);
                device.run(recording)?;
            }
            let mut recording = Recording::new();
            graph_sketch::record(&mut recording, shard, &graph, &listed, linked.len());
            device.run(recording)?;
            device.destroy(listed);
            room(device, &mut self.entry_rows, "graph entries", ENTRIES_MAX)?;
            Ok(graph)
        })?;
        self.graph = Some(graph);
        for row in saved.linked.iter() {
            self.linked.insert(row);
            self.offer_entry(row);
            // Who does not wait was deleted.
            if saved.prints[row as usize] != self.prints[row as usize] || !self.waiting.contains(row) {
                self.retired.insert(row);
            } else {
                self.waiting.remove(row);
            }
        }
        self.choose_entries();
        self.upload_entries(device)
    }
}
