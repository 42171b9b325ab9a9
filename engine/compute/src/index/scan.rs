//! Scans of an index: the exact one over all rows, and those over some of them.
//!
//! The device lists the rows whose scores may be highest, three times as many as are wanted and some more; their exact scores then
//! tell the best, and whether a row that was not listed could be among them. If so, the device lists more; and if thousands
//! of rows cannot be told apart by their codes, every row is scored.
//!
//! Where only some cells are looked into, the same holds among the rows looked at: those of the cells, and those in no cell.

use crate::Result;
use crate::backend::Reads;
use crate::device::Device;
use crate::index::Search;
use crate::index::cells::{Asked as CellsAsked, Cells, Partition};
use crate::index::rows::{Rows, Scratch, masks_within, room};
use crate::index::settling::{Candidate, Settling};
use crate::kernels::shared::ranked::NO_ROW;
use crate::kernels::similarity_topk::{self, K_MAX, Lists, Masks, mask_words};
use crate::parallel::map_in_parallel;
use crate::recording::{Readback, Recording};
use std::borrow::Cow;

/// Rows listed at first for so many wanted ones: enough for nearly every query on embeddings of texts.
fn listed_at_first(k: usize) -> usize {
    (3 * k + 30).min(K_MAX)
}

/// A call that leaves one query in so many unsettled makes the next ones list more at first; others make them list less again.
const LEFT_PART: usize = 16;

/// Queries whose lists one task settles.
const TASK_QUERIES: usize = 16;

/// Queries that a card takes at once: enough to fill it, and few enough that hosts settle some of a large batch while it lists others.
const CARD_QUERIES: usize = 512;

/// Which rows a scan looks at.
#[derive(Clone, Copy)]
pub(super) enum Among<'a> {
    /// All.
    All,
    /// Those that have a bit.
    Some(&'a [u64]),
    /// Those of the cells nearest to the query, so many, and those in no cell.
    Cells(&'a Cells, &'a Partition, usize),
}

/// What a scan found.
pub(super) struct Scanned {
    /// For each query (row, score), best first.
    pub lists: Vec<Vec<(u32, f32)>>,
    /// Places of cells that were looked at, all queries together.
    pub looked: u64,
}

/// The queries of a search, as a device takes them.
struct Asked<'a> {
    /// `[count][padded]`.
    queries: Cow<'a, [f32]>,
    settlings: Vec<Settling>,
    /// Over the rows of shards: none, one for all, or one each.
    masks: Vec<Vec<u64>>,
    /// The shards are looked at.
    by_shards: bool,
    cells: Option<InCells<'a>>,
    padded: usize,
}

/// What is looked at in cells.
struct InCells<'a> {
    partition: &'a Partition,
    probes: usize,
    masks: Vec<Vec<u64>>,
}

/// What was listed for one query, over all parts.
#[derive(Clone)]
struct Listed {
    rows: Vec<Candidate>,
    /// The most that the score of another row can be.
    unlisted: f32,
}

/// The best rows for each query.
pub(super) fn scan(
    rows: &mut Rows,
    device: &mut Device,
    search: &Search<'_>,
    among: Among<'_>,
) -> Result<Scanned> {
    let (dim, len) = (rows.dim(), rows.len());
    let asked = Asked::new(rows, search, among);
    let mut looked = 0;
    let count = asked.settlings.len();
    let mut left: Vec<usize> = (0..count).collect();
    let Some(originals) = search.originals else {
        let mut lists = Vec::with_capacity(count);
        looked += asked.list(rows, device, &left, listed_at_first(search.k), |some, listed| {
            let settlings = some.iter().map(|of| &asked.settlings[*of]);
            lists.extend(settlings.zip(listed).map(|(of, listed)| of.estimated(&listed.rows)));
        })?;
        return Ok(Scanned { lists, looked });
    };
    let query = |of: usize| &search.queries[of * dim..][..dim];
    let mut lists = vec![Vec::new(); count];
    // Where many rows are alike, codes cannot tell the best from more of them than elsewhere.
    let first = listed_at_first(search.k).max(rows.listed_lately);
    let mut steps = vec![first, (8 * first).min(K_MAX), K_MAX];
    steps.dedup();
    for listed_max in steps {
        let mut still_left = Vec::new();
        looked += asked.list(rows, device, &left, listed_max, |some, listed| {
            let pairs: Vec<(usize, Listed)> = some.iter().copied().zip(listed).collect();
            let settled = map_in_parallel(&pairs, TASK_QUERIES, |pairs| {
                let settle = |(of, listed): &(usize, Listed)| {
                    asked.settlings[*of].settle(originals, query(*of), &listed.rows, listed.unlisted)
                };
                pairs.iter().map(settle).collect()
            });
            for ((of, _), settled) in pairs.into_iter().zip(settled) {
                match settled {
                    Some(list) => lists[of] = list,
                    None => still_left.push(of),
                }
            }
        })?;
        left = still_left;
        if listed_max == first {
            let many = left.len() * LEFT_PART > count;
            rows.listed_lately = if many { (2 * first).min(K_MAX) } else { rows.listed_lately / 16 * 15 };
        }
        if left.is_empty() {
            break;
        }
    }
    for of in left {
        // Of all rows, also where only some were looked at.
        let masks = asked.cells.as_ref().map_or(&asked.masks, |cells| &cells.masks);
        let mask = masks.get(of).or(masks.first()).map(Vec::as_slice);
        lists[of] = originals.scan(query(of), len, mask, search.k, search.score_min);
    }
    Ok(Scanned { lists, looked })
}

impl Default for Listed {
    fn default() -> Self {
        Listed { rows: Vec::new(), unlisted: f32::NEG_INFINITY }
    }
}

impl<'a> Asked<'a> {
    fn new(rows: &Rows, search: &Search<'a>, among: Among<'a>) -> Self {
        let queries = rows.padded(search.queries);
        let padded = queries.len() / (search.queries.len() / rows.dim());
        let settling = |query| Settling::new(query, search.k, search.score_min);
        let settlings = queries.chunks_exact(padded).map(settling).collect();
        let masks = |only| masks_within(search.masks, only, rows.len());
        let (masks, by_shards, cells) = match among {
            Among::All => (masks(None), true, None),
            Among::Some(only) => (masks(Some(only)), true, None),
            Among::Cells(cells, partition, probes) => {
                let in_cells = InCells { partition, probes, masks: masks(None) };
                let by_shards = cells.tail_len() > 0;
                let of_tail = if by_shards { masks(Some(cells.tail())) } else { Vec::new() };
                (of_tail, by_shards, Some(in_cells))
            }
        };
        Asked { queries, settlings, masks, by_shards, cells, padded }
    }

    /// For some of the queries, the `listed_max` rows of the highest upper ends, told as they come, in order.
    fn list(
        &self,
        rows: &mut Rows,
        device: &mut Device,
        some: &[usize],
        listed_max: usize,
        mut take: impl FnMut(&[usize], Vec<Listed>),
    ) -> Result<u64> {
        // A batch of queries, and of their lists, must fit a buffer.
        let longest = 4 * self.padded.max(listed_max) as u64;
        let fitting = (device.info().binding_bytes_max / longest).clamp(1, u32::MAX.into()) as usize;
        let together = if device.info().is_card() { fitting.min(CARD_QUERIES) } else { fitting };
        let in_cells = |cells: &InCells<'_>| cells.partition.queries_max(device, cells.probes, listed_max);
        let together = together.min(self.cells.as_ref().map_or(usize::MAX, in_cells));
        // The cells first, if there are any; then the shards.
        let parts = usize::from(self.cells.is_some());
        let parts = parts + if self.by_shards { rows.parts().0.count() } else { 0 };
        if parts == 0 {
            take(some, vec![Listed::default(); some.len()]);
        }
        let batches = some.chunks(together).flat_map(|some| (0..parts).map(move |part| (some, part)));
        let mut lists: Vec<Listed> = Vec::new();
        let mut looked = 0;
        device.run_ahead(
            batches,
            |device, (some, part)| {
                let (recording, listing) = self.record(rows, device, some, part, listed_max)?;
                Ok((recording, (some, part, listing)))
            },
            |reads, (some, part, listing)| {
                if part == 0 {
                    lists = vec![Listed::default(); some.len()];
                }
                listing.add_to(&mut lists, &reads, listed_max);
                if let (Some(near), Some(cells)) = (&listing.near, &self.cells) {
                    looked += cells.partition.places_of(reads.get(near));
                }
                if part + 1 == parts {
                    let order =
                        |a: &Candidate, b: &Candidate| b.upper.total_cmp(&a.upper).then(a.row.cmp(&b.row));
                    if parts > 1 {
                        lists.iter_mut().for_each(|list| list.rows.sort_unstable_by(order));
                    }
                    take(some, std::mem::take(&mut lists));
                }
            },
        )?;
        Ok(looked)
    }

    /// A search of the cells or of one shard for some of the queries.
    fn record(
        &self,
        rows: &mut Rows,
        device: &mut Device,
        some: &[usize],
        part: usize,
        k: usize,
    ) -> Result<(Recording, Listing)> {
        let count = some.len();
        let queries: Vec<f32> =
            some.iter().flat_map(|of| &self.queries[of * self.padded..][..self.padded]).copied().collect();
        let floors: Vec<f32> = some.iter().map(|of| self.settlings[*of].least()).collect();
        let len = rows.len();
        let (mut shards, scratch) = rows.parts();
        let cells = self.cells.as_ref().filter(|_| part == 0);
        let shard = part - usize::from(self.cells.is_some() && part > 0);
        let (shard, first, shard_rows) = shards.nth(shard).expect("one of those counted; this is a bug");
        let (first, searched) = if cells.is_some() { (0, len) } else { (first, shard_rows) };
        let of_all = cells.map_or(&self.masks, |cells| &cells.masks);
        let words = first / 64..first / 64 + mask_words(searched);
        let masks: Vec<&[u64]> = match of_all.as_slice() {
            [] => Vec::new(),
            [shared] => vec![&shared[words]],
            masks => some.iter().map(|of| &masks[*of][words.clone()]).collect(),
        };
        let bits = masks.concat();
        let Scratch { queries: asked, masks: mask, ids, scores, estimates, floors: least, near, .. } =
            scratch;
        let asked = room(device, asked, "queries", queries.len())?;
        let mask = room(device, mask, "row masks", bits.len())?;
        let least = room(device, least, "floors", count)?;
        let ids = room(device, ids, "top ids", count * k)?;
        let uppers = room(device, scores, "top scores", count * k)?;
        let estimates = room(device, estimates, "top estimates", count * k)?;
        let mut recording = Recording::new();
        recording.write(asked, 0, &queries);
        recording.write(mask, 0, &bits);
        recording.write(least, 0, &floors);
        let masks = match of_all.len() {
            0 => Masks::None,
            1 => Masks::Shared(mask),
            _ => Masks::PerQuery(mask),
        };
        let lists = Lists { ids, uppers, estimates };
        let near = match cells {
            Some(InCells { partition, probes, .. }) => {
                let asked =
                    CellsAsked { queries: asked, count, floors: least, masks, rows: len, probes: *probes, k };
                Some(partition.record(device, &mut recording, near, &asked, &lists)?)
            }
            None => {
                let search = similarity_topk::Search {
                    shard,
                    rows: searched,
                    row_base: first as u32,
                    queries: asked,
                    query_count: count,
                    masks,
                    floors: least,
                    k,
                };
                similarity_topk::record(&mut recording, &search, &lists);
                None
            }
        };
        let ids = recording.read(ids, 0, count * k);
        let (uppers, estimates) =
            (recording.read(uppers, 0, count * k), recording.read(estimates, 0, count * k));
        Ok((recording, Listing { ids, uppers, estimates, near }))
    }
}

/// What a search of one part reads, `[queries][k]` each.
struct Listing {
    ids: Readback<u32>,
    uppers: Readback<f32>,
    estimates: Readback<f32>,
    /// Cells that were looked into, `[queries][probes]`.
    near: Option<Readback<u32>>,
}

impl Listing {
    /// Adds the rows of each query to its list.
    fn add_to(&self, lists: &mut [Listed], reads: &Reads, k: usize) {
        let (ids, uppers, estimates) =
            (reads.get(&self.ids), reads.get(&self.uppers), reads.get(&self.estimates));
        for (query, list) in lists.iter_mut().enumerate() {
            let places = (query * k..(query + 1) * k).take_while(|place| ids[*place] != NO_ROW);
            let before = list.rows.len();
            list.rows.extend(places.map(|place| Candidate {
                row: ids[place],
                upper: uppers[place],
                estimate: estimates[place],
            }));
            if list.rows.len() - before == k {
                list.unlisted = list.unlisted.max(list.rows[list.rows.len() - 1].upper);
            }
        }
    }
}
