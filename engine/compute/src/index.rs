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
//! rows fit one shard. A device that has
//! no form of the graph's kernels has none: every search is a scan, and says so.

mod bits;
mod checkpoint;
mod links;
mod originals;
mod rows;
mod scan;
mod settling;

use crate::device::Device;
use crate::kernels::shared::ranked::best;
use crate::{Result, kernels::graph_link::Linking};
pub use checkpoint::Checkpoint;
use half::f16;
use links::Links;
pub use originals::Originals;
use rows::Rows;
use scan::scan;

/// Longest list of rows that can be asked for.
pub const WANTED_MAX: usize = 1_024;
/// A walk that meets so many times the rows it should is where its mask denies nearly all: it would go on for long, and find
/// little of the best.
const TIRED_PART: f64 = 2.0;

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
    /// Rows that walks looked at, all queries together.
    pub looked: u64,
}

/// Stored vectors on a device.
pub struct VectorIndex {
    rows: Rows,
    /// None where the device plays no graph.
    links: Option<Links>,
}

impl VectorIndex {
    /// No rows yet.
    pub fn new(device: &Device, options: IndexOptions) -> Self {
        let rows = Rows::new(device, options.dim, options.degree);
        let links = Links::KERNELS.iter().all(|kernel| device.plays(kernel));
        let links = links.then(|| Links::new(options.degree, options.scanned_max, options.linking));
        VectorIndex { rows, links }
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
        Ok(())
    }

    /// Takes rows out of the graph at the next opportunity. Searches that must not find them say so in their masks.
    pub fn retire(&mut self, rows: impl IntoIterator<Item = u32>) {
        if let Some(links) = &mut self.links {
            links.retire(rows);
        }
    }

    /// Brings the graph nearer to the rows: links up to `rows_max` that wait, and takes retired ones out once they are worth a
    /// pass. Gives how many still wait, 0 as long as there is no graph to wait for.
    pub fn tend(&mut self, device: &mut Device, rows_max: usize) -> Result<usize> {
        match (&mut self.links, self.rows.only_shard()) {
            (Some(links), Some(shard)) => links.tend(device, shard, self.rows.len(), rows_max),
            _ => Ok(0),
        }
    }

    /// Bytes that it takes beside those on the device.
    pub fn host_bytes(&self) -> usize {
        self.links.as_ref().map_or(0, Links::host_bytes)
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
            let fits = originals.dim() == self.rows.dim() && originals.rows() >= self.rows.len();
            assert!(fits, "{} originals of {} rows, this is a bug", originals.rows(), self.rows.len());
        }
        let search = Search { k: search.k.clamp(1, WANTED_MAX), ..*search };
        let one_shard = self.rows.only_shard().is_some();
        let links = self.links.as_ref().filter(|links| one_shard && links.linked() > 0);
        // How many rows a walk may meet before it gives up; none if there is to be no walk.
        let looked_max = match search.way {
            Way::Exact => None,
            Way::Graph => Some(usize::MAX),
            Way::Auto => worth_walking(&search, count, self.rows.len()),
        };
        let Some((links, looked_max)) = links.zip(looked_max) else {
            let lists = scan(&mut self.rows, device, &search, None)?;
            return Ok(Found { lists, way: Way::Exact, ..Found::default() });
        };
        let (mut found, tired) = links.walk(device, &mut self.rows, &search, looked_max)?;
        if links.waiting() > 0 {
            let fresh = scan(&mut self.rows, device, &search, Some(links.waiting_bits()))?;
            for (list, fresh) in found.lists.iter_mut().zip(fresh) {
                list.extend(fresh);
                best(list, search.k);
            }
        }
        for &query in &tired {
            let dim = self.rows.dim();
            let masks = if search.masks.len() > 1 { &search.masks[query..=query] } else { search.masks };
            let alone = Search { queries: &search.queries[query * dim..][..dim], masks, ..search };
            found.lists[query] = scan(&mut self.rows, device, &alone, None)?.swap_remove(0);
        }
        found.gave_up = tired.len();
        Ok(found)
    }

    /// Frees all arrays.
    pub fn destroy(self, device: &mut Device) {
        self.rows.destroy(device);
        if let Some(links) = self.links {
            links.destroy(device);
        }
    }
}

/// If walks among so many rows should take less time than a scan: after how many rows each gives up.
fn worth_walking(search: &Search<'_>, queries: usize, rows: usize) -> Option<usize> {
    let ones = |mask: &Vec<u64>| mask.iter().map(|word| word.count_ones() as usize).sum();
    // The fewest rows that any query of the batch may find.
    let allowed = search.masks.iter().map(ones).min().unwrap_or(rows);
    let met = Links::met(search, allowed, rows);
    Links::is_cheaper(met, queries, allowed, rows).then_some((TIRED_PART * met) as usize)
}

#[cfg(test)]
mod tests;
