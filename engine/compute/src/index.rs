//! `VectorIndex`: stored vectors on a device, found exactly or by walking a graph.
//!
//! The device holds codes of vectors, at one byte a number. The vectors themselves stay with the caller, who passes them to a search
//! ([`Originals`]): they decide between the few rows that codes cannot tell apart, so that both ways rank by exact scores. Who has no
//! room for them gets estimates.
//!
//! Rows are numbered by the caller and lie in shards no larger than one binding. A row can be found as soon as it is
//! written: the exact scan sees it, and [`VectorIndex::tend`], called whenever there is time, links it into the proximity graph,
//! after which walks find it too. A search walks over the linked rows and scans the others, or scans all if that costs less:
//! the mask says how many rows are allowed, so what either would look at is known beforehand. Both apply masks before any
//! distance.
//!
//! The graph is made of rows alone and can be rebuilt from them at any time, or taken up again from a [`Checkpoint`]; it is kept where all
//! rows fit one shard. A device that has no form of the graph's kernels has none: every search is a scan, and says so. There, in stores
//! so large that an exact scan takes long, `tend` parts the rows into cells, and a search may look into those nearest to it alone
//! ([`Way::Pruned`]).

mod bits;
mod cells;
mod checkpoint;
mod links;
mod originals;
mod rows;
mod scaling;
mod scan;
mod settling;

use crate::device::Device;
use crate::kernels::shared::ranked::best;
use crate::{Result, kernels::graph_link::Linking};
use cells::Cells;
pub use checkpoint::Checkpoint;
use half::f16;
use links::Links;
pub use originals::Originals;
use rows::Rows;
pub use scaling::scaled_halves;
use scan::{Among, scan};

/// Longest list of rows that can be asked for.
pub const WANTED_MAX: usize = 1_024;
/// A walk that meets so many times the rows it should is where its mask denies nearly all: it would go on for long, and find
/// little of the best.
const TIRED_PART: f64 = 2.0;
/// What an idle moment has time for, in rows: finding a row's cell costs so much less than linking it.
const CELL_ROWS_PER_LINKED: usize = 64;
/// Cells are looked into where masks leave one row in so many at least: the best of fewer are spread over more cells.
const PRUNED_PART: usize = 2;

/// How an index is built.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct IndexOptions {
    /// Numbers of a vector.
    pub dim: usize,
    /// Most edges of a row.
    pub degree: usize,
    /// How rows are linked.
    pub linking: Linking,
    /// Up to so many rows no graph is made: linking and keeping it costs more than walks save.
    pub scanned_max: usize,
    /// Whether rows are linked where the device plays that. If not, they are parted into cells.
    pub linked: bool,
    /// From so many rows on they are parted into cells, where they are not linked.
    pub pruned_min: usize,
    /// Cells that a pruned scan looks into, 1..=2,048, unless the search says otherwise.
    pub probes: usize,
}

impl IndexOptions {
    /// Settings chosen among some thirty on sentence embeddings, 35,000 of 384 numbers and 100,000 of 256.
    pub fn new(dim: usize) -> Self {
        IndexOptions {
            dim,
            degree: 48,
            linking: Linking { width: 96, picks_max: 24, alpha: 1.1 },
            // A scan of 100,000 rows of 256 numbers takes a millisecond or two; their graph takes 14 CPU seconds and 260 bytes
            // a row.
            scanned_max: 1 << 17,
            linked: true,
            // Below, a card that reads 4 TB a second scans all codes in less than half a millisecond.
            pruned_min: 1 << 22,
            // Recall of the best ten is .958 with as many of 8,192 cells of 860,000 rows; .95 took 160 to 190 of 2,048 to 8,192.
            probes: 256,
        }
    }
}

/// Which way a search goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Way {
    /// The one that should cost less.
    #[default]
    Auto,
    /// Every allowed row is scored.
    Exact,
    /// A walk, and a scan of rows that are not linked yet.
    Graph,
    /// A scan of the cells nearest to the query, and of rows that are in no cell yet.
    Pruned,
}

/// A batch of searches.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// `[query_count][dim]`, no NaN or infinity.
    pub queries: &'a [f32],
    /// The vectors that were written, for exact scores; without them lists are by estimates from codes, which hold nearly all of the
    /// best rows.
    pub originals: Option<Originals<'a>>,
    /// Bits of the rows that may be found: none if all may, one mask, or one a query. A mask has a word for each 64 rows.
    pub masks: &'a [Vec<u64>],
    /// Rows wanted, at most 1,024.
    pub k: usize,
    /// Lowest score wanted; `f32::NEG_INFINITY` for all.
    pub score_min: f32,
    /// Allowed rows a walk keeps: more finds more of the best rows and takes longer. At least `k` are kept.
    pub width: usize,
    /// Cells a pruned scan looks into: more finds more of the best rows and takes longer. 0 for what the index was made with.
    pub probes: usize,
    /// Which way to go.
    pub way: Way,
}

/// What a search found.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// For each query (row, score), best first, ties by row.
    pub lists: Vec<Vec<(u32, f32)>>,
    /// The way that was taken, never `Auto`.
    pub way: Way,
    /// Queries that gave up walking and were scanned for.
    pub gave_up: usize,
    /// Rows that walks looked at, or places that pruned scans did, all queries together.
    pub looked: u64,
}

/// Stored vectors on a device.
pub struct VectorIndex {
    rows: Rows,
    /// None where the device plays no graph.
    links: Option<Links>,
    /// None where there is a graph.
    cells: Option<Cells>,
    probes: usize,
}

impl VectorIndex {
    /// No rows yet.
    pub fn new(device: &Device, options: IndexOptions) -> Self {
        let IndexOptions { dim, degree, linking, scanned_max, linked, pruned_min, probes } = options;
        assert!(
            (1..=crate::kernels::similarity_topk::K_MAX).contains(&probes),
            "{probes} cells a query, this is a bug"
        );
        let rows = Rows::new(device, dim, degree);
        let links = linked && Links::KERNELS.iter().all(|kernel| device.plays(kernel));
        let links = links.then(|| Links::new(degree, scanned_max, linking));
        let cells = links.is_none().then(|| Cells::new(pruned_min));
        VectorIndex { rows, links, cells, probes }
    }

    /// Rows written, retired ones included: one more than the highest.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows in the graph.
    pub fn linked(&self) -> usize {
        self.links.as_ref().map_or(0, Links::linked)
    }

    /// Writes rows `first..` from `[count][dim]` finite values, over what was there. They can be found at once.
    pub fn write(&mut self, device: &mut Device, first: usize, values: &[f16]) -> Result<()> {
        self.rows.write(device, first, values)?;
        if let Some(links) = &mut self.links {
            links.written(first, values, self.rows.dim());
        }
        match &mut self.cells {
            Some(cells) => cells.written(device, first, values.len() / self.rows.dim()),
            None => Ok(()),
        }
    }

    /// Takes rows out of the graph at the next opportunity. Searches that must not find them say so in their masks.
    pub fn retire(&mut self, rows: impl IntoIterator<Item = u32>) {
        if let Some(links) = &mut self.links {
            links.retire(rows);
        }
    }

    /// Brings the graph nearer to the rows: links up to `rows_max` that wait, and takes retired ones out once they are worth a
    /// pass. Without a graph, parts rows into cells, which takes the vectors that were written. Gives how many still wait, 0 as long
    /// as there is no graph or partition to wait for.
    pub fn tend(
        &mut self,
        device: &mut Device,
        rows_max: usize,
        originals: Option<Originals<'_>>,
    ) -> Result<usize> {
        if let (Some(cells), Some(originals)) = (&mut self.cells, originals) {
            self.rows.check(originals);
            return cells.tend(
                device,
                &mut self.rows,
                originals,
                rows_max.saturating_mul(CELL_ROWS_PER_LINKED),
            );
        }
        match (&mut self.links, self.rows.only_shard()) {
            (Some(links), Some(shard)) => links.tend(device, shard, self.rows.len(), rows_max),
            _ => Ok(0),
        }
    }

    /// Bytes that it takes beside those on the device.
    pub fn host_bytes(&self) -> usize {
        self.links.as_ref().map_or(0, Links::host_bytes) + self.cells.as_ref().map_or(0, Cells::host_bytes)
    }

    /// Rows that came into the graph or left it since it was last saved or restored.
    pub fn unsaved(&self) -> usize {
        self.links.as_ref().map_or(0, Links::unsaved)
    }

    /// The graph, to be kept until the index is made anew; none if there is no graph.
    pub fn checkpoint(&mut self, device: &mut Device) -> Result<Option<Checkpoint>> {
        let dim = self.rows.dim();
        self.links.as_mut().map_or(Ok(None), |links| links.checkpoint(device, dim))
    }

    /// Takes up a graph that was saved, once all rows are written and deleted ones retired, and before the first are linked. Rows that are
    /// not what they were are found by the scan until they are linked anew. Gives how many rows the graph has, 0 on a device that has none.
    ///
    /// # Errors
    /// [`Error::Checkpoint`](crate::Error::Checkpoint) if it is of another index; then, and if the device has no room for it, all is as
    /// before.
    pub fn restore(&mut self, device: &mut Device, saved: &Checkpoint) -> Result<usize> {
        if saved.dim != self.rows.dim() {
            let why = format!("{} numbers a vector, where {} are wanted", saved.dim, self.rows.dim());
            return Err(crate::Error::Checkpoint { why });
        }
        if let (Some(links), Some(shard)) = (&mut self.links, self.rows.only_shard()) {
            links.restore(device, shard, saved)?;
        }
        Ok(self.linked())
    }

    /// The best rows for each query.
    pub fn search(&mut self, device: &mut Device, search: &Search<'_>) -> Result<Found> {
        let count = search.queries.len() / self.rows.dim();
        if count == 0 || self.rows.len() == 0 {
            return Ok(Found { lists: vec![Vec::new(); count], way: Way::Exact, ..Found::default() });
        }
        if let Some(originals) = search.originals {
            self.rows.check(originals);
        }
        let search = Search { k: search.k.clamp(1, WANTED_MAX), ..*search };
        if let Some(found) = self.look_into_cells(device, &search, count)? {
            return Ok(found);
        }
        let one_shard = self.rows.only_shard().is_some();
        let links = self.links.as_ref().filter(|links| one_shard && links.linked() > 0);
        // How many rows a walk may meet before it gives up; none if there is to be no walk.
        let looked_max = match search.way {
            Way::Exact | Way::Pruned => None,
            Way::Graph => Some(usize::MAX),
            Way::Auto => worth_walking(&search, count, self.rows.len()),
        };
        let Some((links, looked_max)) = links.zip(looked_max) else {
            let lists = scan(&mut self.rows, device, &search, Among::All)?.lists;
            return Ok(Found { lists, way: Way::Exact, ..Found::default() });
        };
        let (mut found, tired) = links.walk(device, &mut self.rows, &search, looked_max)?;
        if links.waiting() > 0 {
            let fresh = scan(&mut self.rows, device, &search, Among::Some(links.waiting_bits()))?;
            for (list, fresh) in found.lists.iter_mut().zip(fresh.lists) {
                list.extend(fresh);
                best(list, search.k);
            }
        }
        for &query in &tired {
            let dim = self.rows.dim();
            let masks = if search.masks.len() > 1 { &search.masks[query..=query] } else { search.masks };
            let alone = Search { queries: &search.queries[query * dim..][..dim], masks, ..search };
            found.lists[query] = scan(&mut self.rows, device, &alone, Among::All)?.lists.swap_remove(0);
        }
        found.gave_up = tired.len();
        Ok(found)
    }

    /// The best rows of the cells nearest to each query, if there are cells and the search may go that way.
    fn look_into_cells(
        &mut self,
        device: &mut Device,
        search: &Search<'_>,
        count: usize,
    ) -> Result<Option<Found>> {
        let Some((cells, partition)) =
            self.cells.as_ref().and_then(|cells| Some((cells, cells.partition()?)))
        else {
            return Ok(None);
        };
        let rows = self.rows.len();
        let goes = match search.way {
            Way::Pruned => true,
            Way::Auto => fewest_allowed(search, rows) >= rows / PRUNED_PART,
            Way::Exact | Way::Graph => false,
        };
        if !goes {
            return Ok(None);
        }
        let probes = partition.probes(if search.probes > 0 { search.probes } else { self.probes });
        let scanned = scan(&mut self.rows, device, search, Among::Cells(cells, partition, probes))?;
        let looked = scanned.looked + (cells.tail_len() * count) as u64;
        Ok(Some(Found { lists: scanned.lists, way: Way::Pruned, gave_up: 0, looked }))
    }

    /// Frees all arrays.
    pub fn destroy(self, device: &mut Device) {
        self.rows.destroy(device);
        if let Some(cells) = self.cells {
            cells.destroy(device);
        }
        if let Some(links) = self.links {
            links.destroy(device);
        }
    }
}

/// The fewest rows that any query of a batch may find.
fn fewest_allowed(search: &Search<'_>, rows: usize) -> usize {
    let ones = |mask: &Vec<u64>| mask.iter().map(|word| word.count_ones() as usize).sum();
    search.masks.iter().map(ones).min().unwrap_or(rows)
}

/// If walks among so many rows should take less time than a scan: after how many rows each gives up.
fn worth_walking(search: &Search<'_>, queries: usize, rows: usize) -> Option<usize> {
    let allowed = fewest_allowed(search, rows);
    let met = Links::met(search, allowed, rows);
    Links::is_cheaper(met, queries, allowed, rows).then_some((TIRED_PART * met) as usize)
}

#[cfg(test)]
mod tests;
