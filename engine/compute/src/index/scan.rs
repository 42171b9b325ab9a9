//! The exact scan over all rows of an index.
//!
//! The device lists the rows whose scores may be highest, three times as many as are wanted and some more; their exact scores then
//! tell the best, and whether a row that was not listed could be among them. If so, the device lists more; and if thousands
//! of rows cannot be told apart by their codes, every row is scored.

use crate::Result;
use crate::device::Device;
use crate::index::Search;
use crate::index::rows::{Rows, Scratch, masks_within, room};
use crate::index::settling::{Candidate, Settling};
use crate::kernels::shared::ranked::NO_ROW;
use crate::kernels::similarity_topk::{self, K_MAX, Lists, Masks, mask_words};
use crate::parallel::map_in_parallel;
use crate::recording::Recording;
use std::borrow::Cow;

/// Rows listed at first for so many wanted ones: enough for nearly every query on embeddings of texts.
fn listed_at_first(k: usize) -> usize {
    (3 * k + 30).min(K_MAX)
}

/// A call that leaves one query in so many unsettled makes the next ones list more at first; others make them list less again.
const LEFT_PART: usize = 16;

/// Queries whose lists one task settles.
const TASK_QUERIES: usize = 16;

/// The queries of a search, as a device takes them.
struct Asked<'a> {
    /// `[count][padded]`.
    queries: Cow<'a, [f32]>,
    settlings: Vec<Settling>,
    /// None, one for all, or one each.
    masks: Vec<Vec<u64>>,
    padded: usize,
}

/// What was listed for one query, over all shards.
#[derive(Clone)]
struct Listed {
    rows: Vec<Candidate>,
    /// The most that the score of another row can be.
    unlisted: f32,
}

/// The best rows for each query; of those in `only`, if that is given.
pub(super) fn scan(
    rows: &mut Rows,
    device: &mut Device,
    search: &Search<'_>,
    only: Option<&[u64]>,
) -> Result<Vec<Vec<(u32, f32)>>> {
    let (dim, len) = (rows.dim(), rows.len());
    let asked = Asked::new(rows, search, masks_within(search.masks, only, len));
    let count = asked.settlings.len();
    let mut left: Vec<usize> = (0..count).collect();
    let Some(originals) = search.originals else {
        let listed = asked.list(rows, device, &left, listed_at_first(search.k))?;
        let lists = listed.iter().zip(&asked.settlings).map(|(listed, of)| of.estimated(&listed.rows));
        return Ok(lists.collect());
    };
    let query = |of: usize| &search.queries[of * dim..][..dim];
    let mut lists = vec![Vec::new(); count];
    // Where many rows are alike, codes cannot tell the best from more of them than elsewhere.
    let first = listed_at_first(search.k).max(rows.listed_lately);
    let mut steps = vec![first, (8 * first).min(K_MAX), K_MAX];
    steps.dedup();
    for listed_max in steps {
        let listed = asked.list(rows, device, &left, listed_max)?;
        let pairs: Vec<(usize, Listed)> = left.iter().copied().zip(listed).collect();
        let settled = map_in_parallel(&pairs, TASK_QUERIES, |pairs| {
            let settle = |(of, listed): &(usize, Listed)| {
                asked.settlings[*of].settle(originals, query(*of), &listed.rows, listed.unlisted)
            };
            pairs.iter().map(settle).collect()
        });
        left.clear();
        for ((of, _), settled) in pairs.into_iter().zip(settled) {
            match settled {
                Some(list) => lists[of] = list,
                None => left.push(of),
            }
        }
        if listed_max == first {
            let many = left.len() * LEFT_PART > count;
            rows.listed_lately = if many { (2 * first).min(K_MAX) } else { rows.listed_lately / 16 * 15 };
        }
        if left.is_empty() {
            break;
        }
    }
    for of in left {
        let mask = asked.masks.get(of).or(asked.masks.first()).map(Vec::as_slice);
        lists[of] = originals.scan(query(of), len, mask, search.k, search.score_min);
    }
    Ok(lists)
}

impl<'a> Asked<'a> {
    fn new(rows: &Rows, search: &Search<'a>, masks: Vec<Vec<u64>>) -> Self {
        let queries = rows.padded(search.queries);
        let padded = queries.len() / (search.queries.len() / rows.dim());
        let settling = |query| Settling::new(query, search.k, search.score_min);
        let settlings = queries.chunks_exact(padded).map(settling).collect();
        Asked { queries, settlings, masks, padded }
    }

    /// For some of the queries, the `listed_max` rows of the highest upper ends.
    fn list(
        &self,
        rows: &mut Rows,
        device: &mut Device,
        some: &[usize],
        listed_max: usize,
    ) -> Result<Vec<Listed>> {
        // A batch of queries, and of their lists, must fit a buffer.
        let longest = 4 * self.padded.max(listed_max) as u64;
        let together =
            (device.info().binding_bytes_max / longest).clamp(1, some.len().max(1) as u64) as usize;
        let mut lists = Vec::with_capacity(some.len());
        for some in some.chunks(together) {
            lists.extend(self.list_together(rows, device, some, listed_max)?);
        }
        Ok(lists)
    }

    fn list_together(
        &self,
        rows: &mut Rows,
        device: &mut Device,
        some: &[usize],
        listed_max: usize,
    ) -> Result<Vec<Listed>> {
        let (count, k) = (some.len(), listed_max);
        let queries: Vec<f32> =
            some.iter().flat_map(|of| &self.queries[of * self.padded..][..self.padded]).copied().collect();
        let floors: Vec<f32> = some.iter().map(|of| self.settlings[*of].least()).collect();
        let mut lists = vec![Listed { rows: Vec::new(), unlisted: f32::NEG_INFINITY }; count];
        let (parts, scratch) = rows.parts();
        let mut shards = 0;
        for (shard, first, shard_rows) in parts {
            shards += 1;
            let words = first / 64..first / 64 + mask_words(shard_rows);
            let masks: Vec<&[u64]> = match self.masks.as_slice() {
                [] => Vec::new(),
                [shared] => vec![&shared[words]],
                masks => some.iter().map(|of| &masks[*of][words.clone()]).collect(),
            };
            let bits = masks.concat();
            let Scratch { queries: probes, masks: mask, ids, scores, estimates, floors: least, .. } =
                &mut *scratch;
            let probes = room(device, probes, "queries", queries.len())?;
            let mask = room(device, mask, "row masks", bits.len())?;
            let least = room(device, least, "floors", count)?;
            let ids = room(device, ids, "top ids", count * k)?;
            let uppers = room(device, scores, "top scores", count * k)?;
            let estimates = room(device, estimates, "top estimates", count * k)?;
            let mut recording = Recording::new();
            recording.write(probes, 0, &queries);
            recording.write(mask, 0, &bits);
            recording.write(least, 0, &floors);
            let search = similarity_topk::Search {
                shard,
                rows: shard_rows,
                row_base: first as u32,
                queries: probes,
                query_count: count,
                masks: match self.masks.len() {
                    0 => Masks::None,
                    1 => Masks::Shared(mask),
                    _ => Masks::PerQuery(mask),
                },
                floors: least,
                k,
            };
            similarity_topk::record(&mut recording, &search, &Lists { ids, uppers, estimates });
            let (ids, uppers) = (recording.read(ids, 0, count * k), recording.read(uppers, 0, count * k));
            let estimates = recording.read(estimates, 0, count * k);
            let reads = device.run(recording)?;
            let (ids, uppers, estimates) = (reads.get(&ids), reads.get(&uppers), reads.get(&estimates));
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
        if shards > 1 {
            let order = |a: &Candidate, b: &Candidate| b.upper.total_cmp(&a.upper).then(a.row.cmp(&b.row));
            lists.iter_mut().for_each(|list| list.rows.sort_unstable_by(order));
        }
        Ok(lists)
    }
}
