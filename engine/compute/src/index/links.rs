//! The graph of an index: which rows are in it, how they get in and out, walks over it.

mod saving;

use crate::Result;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::index::bits::Bits;
use crate::index::checkpoint::fingerprint;
use crate::index::rows::{Rows, Scratch, masks_within, room};
use crate::index::settling::Settling;
use crate::index::{Found, Search, Way};
use crate::kernel::Kernel;
use crate::kernels::graph_backlink::Requests;
use crate::kernels::graph_link::Linking;
use crate::kernels::graph_search::Graph;
use crate::kernels::shared::graph_shard::GraphShard;
use crate::kernels::shared::ranked::best;
use crate::kernels::shared::row_shard::RowShard;
use crate::kernels::similarity_topk::{Masks, mask_words};
use crate::kernels::{graph_backlink, graph_link, graph_search, graph_sketch, graph_unlink};
use crate::recording::Recording;
use half::f16;

/// Rows where walks begin: one in so many of those linked, so that tight groups of rows have some. A walk that begins outside a group
/// may find no edge that leads into it.
const ENTRY_PART: usize = 64;
/// At least so many, ...
const ENTRIES_MIN: usize = 64;
/// ... and at most: all are met by every walk.
const ENTRIES_MAX: usize = 1 << 8;
/// Rows of one batch do not see each other, so it is a small part of those linked before, one in so many, ...
const BATCH_PART: usize = 24;
/// ... and at most so many.
const BATCH_MAX: usize = 1 << 12;
/// Rows of a batch lie so far apart at most, counted in rows that wait: further would take longer to find.
const APART_MAX: usize = 64;
/// Retired rows are taken out before others come in once they are one in so many of those linked.
const RETIRED_PART: usize = 16;
/// A walk meets about so many rows for each that it keeps.
const LOOKED_PER_KEPT: usize = 30;
/// A walk that ends among rows which codes cannot tell from the best is taken again so many times wider, ...
const WIDER: usize = 4;
/// ... and again, up to this width.
const WIDTH_MAX: usize = 1 << 10;
/// How much worse than the last row wanted an estimate may be to be among the best, as a share of both lengths, times the root of
/// the dimensions.
const DOUBT: f32 = 0.2;
/// Time to meet a row on a walk, in the time a scan takes for one.
const MEET_UNITS: f64 = 2.0;
/// Time to look at a single row, likewise.
const LOOK_UNITS: f64 = 4.0;

pub(super) struct Links {
    degree: usize,
    rows_min: usize,
    linking: Linking,
    graph: Option<GraphShard>,
    /// Rows where walks begin, with the hash that chose them, lowest first.
    entries: Vec<(u32, u32)>,
    entry_rows: Option<Buffer<u32>>,
    linked: Bits,
    waiting: Bits,
    /// Linked, and to be taken out.
    retired: Bits,
    /// `[rows]`, of the vectors that were written.
    prints: Vec<u32>,
    /// Rows that came in or went since the last checkpoint.
    unsaved: usize,
}

/// What walks came to.
struct Walked {
    found: Found,
    /// Queries whose walks gave up.
    tired: Vec<usize>,
    /// Queries whose beams held nothing that could not be among the best.
    blind: Vec<usize>,
}

impl Links {
    /// What a device must play to have a graph.
    pub const KERNELS: [&'static Kernel; 5] = [
        &graph_search::KERNEL,
        &graph_sketch::KERNEL,
        &graph_link::KERNEL,
        &graph_backlink::KERNEL,
        &graph_unlink::KERNEL,
    ];

    pub fn new(degree: usize, rows_min: usize, linking: Linking) -> Self {
        Links {
            degree,
            rows_min,
            linking,
            graph: None,
            entries: Vec::new(),
            entry_rows: None,
            linked: Bits::default(),
            waiting: Bits::default(),
            retired: Bits::default(),
            prints: Vec::new(),
            unsaved: 0,
        }
    }

    pub fn linked(&self) -> usize {
        self.linked.len()
    }

    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    pub fn waiting_bits(&self) -> &[u64] {
        self.waiting.words()
    }

    /// Takes note of rows `first..`, `[count][dim]`. A row that is linked and written anew is found by the scan until it is linked anew,
    /// unless it was written as it is.
    pub fn written(&mut self, first: usize, values: &[f16], dim: usize) {
        let end = first + values.len() / dim;
        if self.prints.len() < end {
            self.prints.resize(end, 0);
        }
        for (row, vector) in (first..end).zip(values.chunks_exact(dim)) {
            let print = fingerprint(vector);
            let same = std::mem::replace(&mut self.prints[row], print) == print;
            let row = row as u32;
            if self.linked.contains(row) {
                if same && !self.retired.contains(row) {
                    continue;
                }
                self.retired.insert(row);
            }
            self.waiting.insert(row);
        }
    }

    pub fn retire(&mut self, rows: impl IntoIterator<Item = u32>) {
        for row in rows {
            self.waiting.remove(row);
            if self.linked.contains(row) {
                self.retired.insert(row);
            }
        }
    }

    pub fn tend(
        &mut self,
        device: &mut Device,
        shard: &RowShard,
        rows: usize,
        rows_max: usize,
    ) -> Result<usize> {
        if self.graph.is_none() && rows <= self.rows_min {
            return Ok(0);
        }
        match &mut self.graph {
            Some(graph) => graph.grow(device, shard.capacity())?,
            none => *none = Some(GraphShard::create(device, shard.dim(), self.degree, shard.capacity())?),
        }
        let due = self.retired.len() * RETIRED_PART > self.linked.len() || self.waiting.len() == 0;
        if due && self.retired.len() > 0 {
            let gone = self.retired.iter().take(rows_max).collect::<Vec<_>>();
            self.unlink(device, shard, rows, &gone)?;
        }
        let mut left = rows_max.min(self.waiting.len());
        while left > 0 {
            let batch = (self.linked.len() / BATCH_PART).clamp(1, BATCH_MAX).min(left);
            // Rows that were written one after the other are often alike, and those of one batch do not see each other: it takes
            // them from here and there.
            let apart = (self.waiting.len() / batch).clamp(1, APART_MAX);
            let joining: Vec<u32> = self.waiting.iter().step_by(apart).take(batch).collect();
            // What is written anew must be out before it can come in.
            let anew: Vec<u32> = joining.iter().copied().filter(|&row| self.retired.contains(row)).collect();
            if !anew.is_empty() {
                self.unlink(device, shard, rows, &anew)?;
            }
            self.link(device, shard, rows, &joining)?;
            left -= joining.len();
        }
        Ok(self.waiting.len() + self.retired.len())
    }

    fn graph<'a>(&'a self, shard: &'a RowShard, rows: usize) -> Graph<'a> {
        Graph {
            shard,
            rows,
            graph: self.graph.as_ref().expect("made by tend"),
            entries: self.entry_rows.as_ref().expect("made by tend"),
            entry_count: self.entries.len(),
        }
    }

    fn link(&mut self, device: &mut Device, shard: &RowShard, rows: usize, joining: &[u32]) -> Result<()> {
        room(device, &mut self.entry_rows, "graph entries", ENTRIES_MAX)?;
        let (join, picks) = device.all_or_nothing(|device| {
            let join = device.upload("joining rows", joining)?;
            Ok((join, device.create("picked edges", joining.len() * self.degree)?))
        })?;
        let (mut recording, graph) = (Recording::new(), self.graph(shard, rows));
        graph_sketch::record(&mut recording, shard, graph.graph, &join, joining.len());
        graph_link::record(&mut recording, &graph, &self.linking, &join, joining.len(), &picks);
        let read = recording.read_all(&picks);
        let picked = device.run(recording)?;
        device.destroy(join);
        device.destroy(picks);

        // Every pick asks for an edge back, and the rows that join ask for their own.
        let lists = picked.get(&read).chunks_exact(self.degree);
        let mut asked: Vec<(u32, u32)> = Vec::new();
        for (&row, picks) in joining.iter().zip(lists) {
            for pick in picks.iter().take_while(|pick| **pick > 0).map(|pick| pick - 1) {
                asked.push((pick, row));
                asked.push((row, pick));
            }
        }
        asked.sort_unstable();
        self.ask(device, shard, rows, &asked)?;
        for &row in joining {
            self.waiting.remove(row);
            self.linked.insert(row);
            self.offer_entry(row);
        }
        self.choose_entries();
        self.unsaved += joining.len();
        self.upload_entries(device)
    }

    /// Edges from the first of each pair to the second; pairs are sorted.
    fn ask(
        &mut self,
        device: &mut Device,
        shard: &RowShard,
        rows: usize,
        asked: &[(u32, u32)],
    ) -> Result<()> {
        let (mut targets, mut offsets) = (Vec::new(), vec![0u32]);
        for of_one in asked.chunk_by(|a, b| a.0 == b.0) {
            targets.push(of_one[0].0);
            offsets.push(offsets[offsets.len() - 1] + of_one.len() as u32);
        }
        let sources: Vec<u32> = asked.iter().map(|pair| pair.1).collect();
        if targets.is_empty() {
            return Ok(());
        }
        let (targets, offsets, sources) = device.all_or_nothing(|device| {
            let targets = device.upload("asked rows", &targets)?;
            let offsets = device.upload("asking offsets", &offsets)?;
            Ok((targets, offsets, device.upload("asking rows", &sources)?))
        })?;
        let requests =
            Requests { targets: &targets, target_count: targets.len(), offsets: &offsets, sources: &sources };
        let mut recording = Recording::new();
        graph_backlink::record(&mut recording, &self.graph(shard, rows), &requests, self.linking.alpha);
        device.run(recording)?;
        device.destroy(targets);
        device.destroy(offsets);
        device.destroy(sources);
        Ok(())
    }

    fn unlink(&mut self, device: &mut Device, shard: &RowShard, rows: usize, going: &[u32]) -> Result<()> {
        let mut bits = vec![0u64; mask_words(rows)];
        going.iter().for_each(|row| bits[*row as usize / 64] |= 1 << (row % 64));
        let gone = device.upload("gone rows", &bits)?;
        let mut recording = Recording::new();
        graph_unlink::record(&mut recording, &self.graph(shard, rows), &gone, self.linking.alpha);
        device.run(recording)?;
        device.destroy(gone);
        for &row in going {
            self.linked.remove(row);
            self.retired.remove(row);
        }
        self.unsaved += going.len();
        self.entries.retain(|(_, row)| self.linked.contains(*row));
        self.choose_entries();
        self.upload_entries(device)
    }

    /// Entries wanted: a power of two, so that more of them are seldom chosen.
    fn entries_wanted(&self) -> usize {
        (self.linked.len() / ENTRY_PART).next_power_of_two().clamp(ENTRIES_MIN, ENTRIES_MAX)
    }

    /// Chooses entries among all rows that are linked, where there are fewer than there should be.
    fn choose_entries(&mut self) {
        let wanted = self.entries_wanted();
        if self.entries.len() < wanted {
            let all = self.linked.iter().map(|row| (hash(row), row));
            self.entries = all.collect();
            self.entries.sort_unstable();
            self.entries.truncate(wanted);
        }
    }

    /// Entries are the rows of the lowest hashes: a sample of all that were linked.
    fn offer_entry(&mut self, row: u32) {
        let (offer, wanted) = ((hash(row), row), self.entries_wanted());
        let place = self.entries.partition_point(|entry| *entry < offer);
        if place < wanted && self.entries.get(place) != Some(&offer) {
            self.entries.insert(place, offer);
            self.entries.truncate(wanted);
        }
    }

    fn upload_entries(&mut self, device: &mut Device) -> Result<()> {
        let rows: Vec<u32> = self.entries.iter().map(|entry| entry.1).collect();
        let buffer = room(device, &mut self.entry_rows, "graph entries", ENTRIES_MAX)?;
        let mut recording = Recording::new();
        recording.write(buffer, 0, &rows);
        device.run(recording).map(|_| ())
    }

    /// Rows that came in or went since there was last a checkpoint.
    pub fn unsaved(&self) -> usize {
        self.unsaved
    }

    /// Bytes beside those on the device.
    pub fn host_bytes(&self) -> usize {
        let bits = [&self.linked, &self.waiting, &self.retired].map(|bits| 8 * bits.words().len());
        4 * self.prints.capacity() + bits.iter().sum::<usize>()
    }

    /// Rows a walk should meet, if the mask has nothing to do with the query.
    pub fn met(search: &Search<'_>, allowed: usize, rows: usize) -> f64 {
        let share = allowed.max(1) as f64 / rows as f64;
        // Measured: with half of the rows denied a walk meets 1.6 times as many.
        (search.width.max(search.k) * LOOKED_PER_KEPT) as f64 * share.powf(-0.7)
    }

    /// Whether a walk should take less time than a scan. The unit is the time a scan for one query takes for a row.
    pub fn is_cheaper(met: f64, queries: usize, allowed: usize, rows: usize) -> bool {
        // A scan for many queries reads each row once.
        let scanned_together = match queries {
            0..8 => 1.0,
            8..64 => 0.4,
            _ => 0.2,
        };
        // Where few rows are allowed the others are not read, but each that is costs a jump.
        let scan = (rows as f64).min(allowed as f64 * LOOK_UNITS) * scanned_together;
        met * MEET_UNITS < scan
    }

    /// The best linked rows, and the queries whose walks gave up.
    ///
    /// Rows enter a beam by their sketches. Where so many are so alike that all a walk kept could be among the best, sketches have
    /// chosen it blindly: it is taken again with a wider beam.
    pub fn walk(
        &self,
        device: &mut Device,
        rows: &mut Rows,
        search: &Search<'_>,
        looked_max: usize,
    ) -> Result<(Found, Vec<usize>)> {
        let dim = rows.dim();
        let Walked { mut found, mut tired, mut blind } = self.walk_once(device, rows, search, looked_max)?;
        let mut width = search.width.max(search.k);
        while !blind.is_empty() && width < WIDTH_MAX {
            width = (width * WIDER).min(WIDTH_MAX);
            let one = |query: &usize| search.queries[query * dim..][..dim].iter().copied();
            let queries: Vec<f32> = blind.iter().flat_map(one).collect();
            let masks: Vec<Vec<u64>> = match search.masks {
                masks @ ([] | [_]) => masks.to_vec(),
                masks => blind.iter().map(|&query| masks[query].clone()).collect(),
            };
            let wider = Search { queries: &queries, masks: &masks, width, ..*search };
            let again = self.walk_once(device, rows, &wider, looked_max)?;
            found.looked += again.found.looked;
            for (&query, list) in blind.iter().zip(again.found.lists) {
                found.lists[query] = list;
            }
            tired.extend(again.tired.iter().map(|&place| blind[place]));
            blind = again.blind.iter().map(|&place| blind[place]).collect();
        }
        Ok((found, tired))
    }

    fn walk_once(
        &self,
        device: &mut Device,
        rows: &mut Rows,
        search: &Search<'_>,
        looked_max: usize,
    ) -> Result<Walked> {
        let queries = rows.padded(search.queries);
        // Rows written since the graph last grew are not in it yet.
        let len = rows.len().min(self.graph.as_ref().map_or(0, GraphShard::capacity));
        let count = search.queries.len() / rows.dim();
        let masks = masks_within(search.masks, None, len);
        let width = search.width.max(search.k);
        // What two codes leave out is about .02 of the lengths, spread over all dimensions: eight deviations of that. Four would do
        // for the list; where a beam is to be found blind, sketches leave out more.
        let margin = DOUBT / (rows.dim() as f32).sqrt();
        let padded = queries.len() / count;
        let (shard, scratch) = rows.shard_and_scratch();
        let Scratch { queries: probes, masks: mask, ids, scores, looked, .. } = scratch;
        let probes = room(device, probes, "queries", queries.len())?;
        let mask = room(device, mask, "row masks", masks.len() * mask_words(len))?;
        let ids = room(device, ids, "top ids", count * width)?;
        let scores = room(device, scores, "top scores", count * width)?;
        let looked = room(device, looked, "rows looked at", count)?;
        let mut recording = Recording::new();
        recording.write(probes, 0, &queries);
        if !masks.is_empty() {
            recording.write(mask, 0, &masks.concat());
        }
        let walk = graph_search::Search {
            graph: self.graph(shard, len),
            row_base: 0,
            queries: probes,
            query_count: count,
            masks: match masks.len() {
                0 => Masks::None,
                1 => Masks::Shared(mask),
                _ => Masks::PerQuery(mask),
            },
            k: width,
            width,
            wanted: search.k,
            margin,
            looked_max,
        };
        graph_search::record(&mut recording, &walk, ids, scores, looked);
        let (ids, scores) = (recording.read(ids, 0, count * width), recording.read(scores, 0, count * width));
        let looked = recording.read(looked, 0, count);
        let reads = device.run(recording)?;
        let looked = reads.get(&looked);
        let listed = |ids: &[u32]| ids.iter().copied().take_while(|id| *id != u32::MAX).collect();
        let listed: Vec<Vec<u32>> = reads.get(&ids).chunks_exact(width).map(listed).collect();
        let full: Vec<bool> = listed.iter().map(|list| list.len() == width).collect();
        let scores: Vec<Vec<f32>> = match search.originals {
            Some(originals) => originals.scores(search.queries, &listed),
            None => {
                let estimates = reads.get(&scores).chunks_exact(width).zip(queries.chunks_exact(padded));
                let scaled = |(estimates, query): (&[f32], &[f32])| {
                    let settling = Settling::new(query, search.k, search.score_min);
                    estimates.iter().map(|estimate| settling.score(*estimate)).collect()
                };
                estimates.map(scaled).collect()
            }
        };
        let list = |(rows, scores): (Vec<u32>, Vec<f32>)| {
            let mut list: Vec<(u32, f32)> =
                rows.into_iter().zip(scores).filter(|row| row.1 >= search.score_min).collect();
            best(&mut list, search.k);
            list
        };
        let found = Found {
            lists: listed.into_iter().zip(scores).map(list).collect(),
            way: Way::Graph,
            gave_up: 0,
            looked: looked.iter().map(|looked| u64::from(*looked)).sum(),
        };
        let (tired, others): (Vec<usize>, Vec<usize>) =
            (0..count).partition(|query| looked[*query] as usize >= looked_max);
        let blind = others.into_iter().filter(|query| full[*query]).collect();
        Ok(Walked { found, tired, blind })
    }

    pub fn destroy(self, device: &mut Device) {
        if let Some(graph) = self.graph {
            graph.destroy(device);
        }
        if let Some(entries) = self.entry_rows {
            device.destroy(entries);
        }
    }
}

/// Mixes a row's number (the finaliser of MurmurHash3).
fn hash(row: u32) -> u32 {
    let mut bits = row.wrapping_add(1).wrapping_mul(0x9e37_79b9);
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
    bits ^ (bits >> 16)
}
