//! Vectors on the device, kept like the state, and the searches over them.

use cortexkg_compute::Device;
use cortexkg_compute::index::{Checkpoint, IndexOptions, Originals, Search, VectorIndex, Way};
use cortexkg_compute::kernels::shared::ranked::best;

use crate::Error;
use crate::state::State;
use crate::state::vectors::narrow;

/// Rows that one upload takes at most, so that a rebuild needs no second copy of everything.
const UPLOAD_ROWS: usize = 1 << 14;
/// Rows that a walk keeps beside those that are asked for, at least: found so, recall of the nearest ten is .98 among 100,000 rows, .97
/// among a million, for a fifth of a millisecond.
const WIDTH_MIN: usize = 128;

/// Vectors of all rows.
pub struct Rows {
    options: IndexOptions,
    index: VectorIndex,
}

impl Rows {
    /// No rows yet.
    pub fn new(device: &Device, options: IndexOptions) -> Self {
        Rows { options, index: VectorIndex::new(device, options) }
    }

    /// Writes the rows that changed and retires those that were deleted.
    pub fn sync(&mut self, device: &mut Device, state: &mut State) -> Result<(), Error> {
        let mut stale = std::mem::take(&mut state.stale_rows);
        stale.sort_unstable();
        stale.dedup();
        // What was not told the device stays stale if it fails, since the caller then opens another device.
        for run in stale.chunk_by(|a, b| a + 1 == *b).flat_map(|run| run.chunks(UPLOAD_ROWS)) {
            let values: Vec<u16> = run.iter().flat_map(|&row| state.vectors.bits(row)).copied().collect();
            self.index.write(device, run[0] as usize, bytemuck::cast_slice(&values))?;
        }
        self.index.retire(stale.into_iter().filter(|&row| !state.items.get(row).alive));
        Ok(())
    }

    /// See `Resident::tend`.
    pub fn tend(
        &mut self,
        device: &mut Device,
        originals: Originals<'_>,
        rows_max: usize,
    ) -> Result<usize, Error> {
        Ok(self.index.tend(device, rows_max, Some(originals))?)
    }

    /// See `Resident::linked`.
    pub fn linked(&self) -> usize {
        self.index.linked()
    }

    /// See `Resident::unsaved`.
    pub fn unsaved(&self) -> usize {
        self.index.unsaved()
    }

    /// See `Resident::checkpoint`.
    pub fn checkpoint(&mut self, device: &mut Device) -> Result<Option<Checkpoint>, Error> {
        Ok(self.index.checkpoint(device)?)
    }

    /// See `Resident::restore`.
    pub fn restore(&mut self, device: &mut Device, saved: &Checkpoint) -> Result<usize, Error> {
        Ok(self.index.restore(device, saved)?)
    }

    /// See `Resident::nearest`. `masks` are one for all queries or one a query.
    pub fn nearest(
        &mut self,
        device: &mut Device,
        originals: Originals<'_>,
        queries: &[Vec<f32>],
        masks: &[Vec<u64>],
        k: usize,
    ) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let queries = queries.concat();
        let search = Search { way: Way::Auto, ..exactly(originals, &queries, masks, k, f32::NEG_INFINITY) };
        Ok(self.index.search(device, &search)?.lists)
    }

    /// See `Resident::nearest_to_batch`. What is decided from it must not depend on how far the graph has come: always exact.
    pub fn nearest_to_batch(
        &mut self,
        device: &mut Device,
        originals: Originals<'_>,
        batch: &[Vec<f32>],
        alive: &[u64],
        k: usize,
        score_min: f32,
    ) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let (queries, masks) = (batch.concat(), [alive.to_vec()]);
        let search = exactly(originals, &queries, &masks, k, score_min);
        let mut lists = self.index.search(device, &search)?.lists;
        if batch.len() < 2 {
            return Ok(lists);
        }
        // Inside the batch, each looks only at those that came before it.
        let rows = self.index.len() as u32;
        let words = batch.len().div_ceil(64);
        let earlier = |own: usize| (0..words).map(|word| mask_below(own.saturating_sub(word * 64))).collect();
        let masks: Vec<Vec<u64>> = (0..batch.len()).map(earlier).collect();
        let mut of_batch = VectorIndex::new(device, self.options);
        let values = narrow(&queries).0;
        let originals = Originals::new(self.options.dim, bytemuck::cast_slice(&values));
        of_batch.write(device, 0, bytemuck::cast_slice(&values))?;
        let found = of_batch.search(device, &exactly(originals, &queries, &masks, k, score_min))?.lists;
        of_batch.destroy(device);
        for (list, found) in lists.iter_mut().zip(found) {
            list.extend(found.into_iter().map(|(place, score)| (rows + place, score)));
            best(list, k);
        }
        Ok(lists)
    }
}

/// A search of all rows.
fn exactly<'a>(
    originals: Originals<'a>,
    queries: &'a [f32],
    masks: &'a [Vec<u64>],
    k: usize,
    score_min: f32,
) -> Search<'a> {
    let (originals, width) = (Some(originals), k.max(WIDTH_MIN));
    Search { queries, originals, masks, k, score_min, width, probes: 0, way: Way::Exact }
}

/// The lowest `n` bits, all of them from 64 on.
fn mask_below(n: usize) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
}
