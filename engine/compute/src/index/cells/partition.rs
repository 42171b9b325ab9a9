//! `Partition`: rows in cells on a device, and scans of some of them.

use std::ops::Range;

use crate::Result;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::index::rows::{Near, room};
use crate::kernels::shared::ranked::NO_ROW;
use crate::kernels::shared::row_shard::RowShard;
use crate::kernels::similarity_cells;
use crate::kernels::similarity_topk::{self, K_MAX, Lists, Masks};
use crate::recording::{Readback, Recording};
use crate::simd::BLOCK_ROWS;

/// Words of scratch that a batch of queries may take on a device, 256 MB.
const SCRATCH_WORDS_MAX: u64 = 1 << 26;

/// Rows in cells.
pub(in crate::index) struct Partition {
    /// Codes by place.
    pub(super) shard: RowShard,
    /// What stands for the cells: those whose means a query resembles most are looked into.
    pub(super) means: RowShard,
    pub(super) names: Buffer<u32>,
    pub(super) starts: Buffer<u32>,
    /// First block of each cell, and the end of the last.
    pub(super) blocks: Vec<u32>,
    /// Place of each row, NO_ROW of those in no cell.
    pub(super) places: Vec<u32>,
}

/// What a scan of some cells asks, in buffers.
#[derive(Clone, Copy)]
pub(in crate::index) struct Asked<'a> {
    pub queries: &'a Buffer<f32>,
    pub count: usize,
    pub floors: &'a Buffer<f32>,
    pub masks: Masks<'a>,
    /// One more than the highest row that masks have bits for.
    pub rows: usize,
    pub probes: usize,
    pub k: usize,
}

impl Partition {
    /// Cells.
    pub fn len(&self) -> usize {
        self.blocks.len() - 1
    }

    /// How many cells a query looks into, of so many it should.
    pub fn probes(&self, wanted: usize) -> usize {
        wanted.clamp(1, self.len().min(K_MAX))
    }

    /// Queries that a device has room for together.
    pub fn queries_max(&self, device: &Device, probes: usize, k: usize) -> usize {
        let words = (device.info().binding_bytes_max / 8).min(SCRATCH_WORDS_MAX);
        let of_one = similarity_cells::scratch_words(self.shard.dim(), self.len(), 1, probes, k);
        (words / of_one).max(1) as usize
    }

    /// Takes rows out of their cells.
    pub fn leave(&mut self, device: &mut Device, rows: Range<u32>) -> Result<()> {
        let mut recording = Recording::new();
        for row in rows {
            let held = self.places.get_mut(row as usize);
            let place = held.map_or(NO_ROW, |place| std::mem::replace(place, NO_ROW));
            if place != NO_ROW {
                recording.write(&self.names, place as usize, &[NO_ROW]);
            }
        }
        if recording.is_empty() { Ok(()) } else { device.run(recording).map(|_| ()) }
    }

    /// Records a scan of the cells nearest to each query. Gives where these will be read, `[count][probes]`.
    pub fn record(
        &self,
        device: &mut Device,
        recording: &mut Recording,
        near: &mut Near,
        asked: &Asked<'_>,
        lists: &Lists<'_>,
    ) -> Result<Readback<u32>> {
        let Asked { queries, count, floors, masks, rows, probes, k } = *asked;
        let places = count * probes;
        let cells = room(device, &mut near.cells, "near cells", places)?;
        let uppers = room(device, &mut near.uppers, "near uppers", places)?;
        let estimates = room(device, &mut near.estimates, "near estimates", places)?;
        let none = room(device, &mut near.floors, "no floors", count)?;
        recording.write(none, 0, &vec![f32::NEG_INFINITY; count]);
        let nearest = similarity_topk::Search {
            shard: &self.means,
            rows: self.len(),
            row_base: 0,
            queries,
            query_count: count,
            masks: Masks::None,
            floors: none,
            k: probes,
        };
        similarity_topk::record(recording, &nearest, &Lists { ids: cells, uppers, estimates });
        let search = similarity_cells::Search {
            cells: similarity_cells::Cells {
                shard: &self.shard,
                names: &self.names,
                starts: &self.starts,
                count: self.len(),
                rows,
            },
            queries,
            query_count: count,
            probes: cells,
            probe_count: probes,
            masks,
            floors,
            k,
        };
        similarity_cells::record(recording, &search, lists);
        Ok(recording.read(cells, 0, places))
    }

    /// Places of some cells, those without a row too.
    pub fn places_of(&self, cells: &[u32]) -> u64 {
        let blocks = |cell: usize| self.blocks[cell + 1] - self.blocks[cell];
        let named = cells.iter().map(|cell| *cell as usize).filter(|cell| *cell < self.len());
        named.map(|cell| u64::from(blocks(cell))).sum::<u64>() * BLOCK_ROWS as u64
    }

    pub fn host_bytes(&self) -> usize {
        4 * (self.blocks.len() + self.places.len())
    }

    pub fn destroy(self, device: &mut Device) {
        self.shard.destroy(device);
        self.means.destroy(device);
        device.destroy(self.names);
        device.destroy(self.starts);
    }
}
