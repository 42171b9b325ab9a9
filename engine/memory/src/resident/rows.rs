//! Vectors on the device, in shards no larger than one binding, and the searches over them.

use cortexkg_compute::kernels::shared::row_shard::RowShard;
use cortexkg_compute::kernels::{encode_rows, similarity_rows, similarity_topk};
use cortexkg_compute::{Device, Recording};

use crate::Error;
use crate::state::State;

/// Rows that one upload takes at most, so that a rebuild needs no second copy of everything.
const UPLOAD_ROWS: usize = 1 << 14;
/// First capacity of a shard, rows.
const SHARD_ROWS_MIN: usize = 1 << 10;

/// Vectors of all rows.
pub struct Rows {
    dim: usize,
    padded: usize,
    shard_rows_max: usize,
    shards: Vec<RowShard>,
    len: usize,
}

impl Rows {
    /// No rows yet.
    pub fn new(device: &Device, dim: usize) -> Self {
        let padded = dim.next_multiple_of(32);
        // The vectors are the largest array of a shard: two bytes a number. Masks want whole words of 64 rows.
        let fits = (device.info().binding_bytes_max / (padded as u64 * 2)).min(1 << 24) as usize;
        Rows { dim, padded, shard_rows_max: (fits / 64 * 64).max(64), shards: Vec::new(), len: 0 }
    }

    /// Encodes the rows that changed.
    pub fn sync(&mut self, device: &mut Device, state: &mut State) -> Result<(), Error> {
        let mut stale = std::mem::take(&mut state.stale_rows);
        stale.sort_unstable();
        stale.dedup();
        // What was not told the device stays stale if it fails, since the caller then opens another device.
        self.make_room(device, state.vectors.len())?;
        for run in stale.chunk_by(|a, b| a + 1 == *b).flat_map(|run| run.chunks(UPLOAD_ROWS)) {
            let mut at = run[0] as usize;
            let end = at + run.len();
            while at < end {
                let shard = at / self.shard_rows_max;
                let stop = end.min((shard + 1) * self.shard_rows_max);
                let values = self.pad((at..stop).map(|row| state.vectors.row(row as u32)));
                let upload = device.upload("row upload", &values)?;
                let mut recording = Recording::new();
                encode_rows::record(
                    &mut recording,
                    &upload,
                    stop - at,
                    &self.shards[shard],
                    at % self.shard_rows_max,
                );
                device.run(recording)?;
                device.destroy(upload);
                at = stop;
            }
        }
        self.len = state.vectors.len();
        Ok(())
    }

    fn make_room(&mut self, device: &mut Device, rows: usize) -> Result<(), Error> {
        while self.shards.len() * self.shard_rows_max < rows {
            let first = SHARD_ROWS_MIN.min(self.shard_rows_max);
            if let Some(last) = self.shards.last_mut() {
                last.grow(device, self.shard_rows_max)?;
            }
            self.shards.push(RowShard::create(device, self.padded, first)?);
        }
        if let Some(last) = self.shards.len().checked_sub(1) {
            let wanted = rows - last * self.shard_rows_max;
            if self.shards[last].capacity() < wanted {
                let room = (wanted + wanted / 16).min(self.shard_rows_max);
                self.shards[last].grow(device, room)?;
            }
        }
        Ok(())
    }

    /// Rows as the device takes them: padded with zeros.
    fn pad(&self, rows: impl Iterator<Item = Vec<f32>>) -> Vec<f32> {
        let mut values = Vec::with_capacity(rows.size_hint().0 * self.padded);
        for row in rows {
            assert_eq!(row.len(), self.dim, "a vector of another dimension; this is a bug");
            let start = values.len();
            values.extend_from_slice(&row);
            values.resize(start + self.padded, 0.0);
        }
        values
    }

    /// See `Resident::nearest`. `masks` are one for all queries or one a query.
    pub fn nearest(
        &self,
        device: &mut Device,
        queries: &[Vec<f32>],
        masks: &[Vec<u64>],
        k: usize,
        score_min: f32,
    ) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let mut lists = vec![Vec::new(); queries.len()];
        if queries.is_empty() || self.len == 0 {
            return Ok(lists);
        }
        let k = k.clamp(1, similarity_topk::K_MAX);
        let shared = masks.len() == 1 || masks.windows(2).all(|pair| pair[0] == pair[1]);
        let probes = device.upload("queries", &self.pad(queries.iter().cloned()))?;
        for (shard_ix, shard) in self.shards.iter().enumerate() {
            let base = shard_ix * self.shard_rows_max;
            let rows = (self.len - base).min(self.shard_rows_max);
            let words = base / 64..base / 64 + similarity_topk::mask_words(rows);
            let bits: Vec<u64> = masks
                .iter()
                .take(if shared { 1 } else { masks.len() })
                .flat_map(|mask| mask[words.clone()].to_vec())
                .collect();
            let mask = device.upload("row masks", &bits)?;
            let found = self.search(
                device,
                &similarity_topk::Search {
                    shard,
                    rows,
                    row_base: base as u32,
                    queries: &probes,
                    query_count: queries.len(),
                    masks: if shared {
                        similarity_topk::Masks::Shared(&mask)
                    } else {
                        similarity_topk::Masks::PerQuery(&mask)
                    },
                    k,
                    score_min,
                },
            )?;
            device.destroy(mask);
            lists.iter_mut().zip(found).for_each(|(list, found)| list.extend(found));
        }
        device.destroy(probes);
        if self.shards.len() > 1 {
            lists.iter_mut().for_each(|list| best(list, k));
        }
        Ok(lists)
    }

    /// See `Resident::nearest_to_batch`.
    pub fn nearest_to_batch(
        &self,
        device: &mut Device,
        batch: &[Vec<f32>],
        alive: &[u64],
        k: usize,
        score_min: f32,
    ) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let mut lists = self.nearest(device, batch, std::slice::from_ref(&alive.to_vec()), k, score_min)?;
        if batch.len() < 2 {
            return Ok(lists);
        }
        // Inside the batch, each looks only at those that came before it.
        let shard = RowShard::create(device, self.padded, batch.len())?;
        let probes = device.upload("queries", &self.pad(batch.iter().cloned()))?;
        let words = similarity_topk::mask_words(batch.len());
        let bits: Vec<u64> = (0..batch.len())
            .flat_map(|own| (0..words).map(move |word| mask_below(own.saturating_sub(word * 64))))
            .collect();
        let masks = device.upload("row masks", &bits)?;
        let mut recording = Recording::new();
        encode_rows::record(&mut recording, &probes, batch.len(), &shard, 0);
        device.run(recording)?;
        let found = self.search(
            device,
            &similarity_topk::Search {
                shard: &shard,
                rows: batch.len(),
                row_base: self.len as u32,
                queries: &probes,
                query_count: batch.len(),
                masks: similarity_topk::Masks::PerQuery(&masks),
                k,
                score_min,
            },
        )?;
        for (list, found) in lists.iter_mut().zip(found) {
            list.extend(found);
            best(list, k);
        }
        device.destroy(masks);
        device.destroy(probes);
        shard.destroy(device);
        Ok(lists)
    }

    fn search(
        &self,
        device: &mut Device,
        search: &similarity_topk::Search<'_>,
    ) -> Result<Vec<Vec<(u32, f32)>>, Error> {
        let places = search.query_count * search.k;
        let ids = device.create("top ids", places)?;
        let scores = device.create("top scores", places)?;
        let mut recording = Recording::new();
        similarity_topk::record(&mut recording, search, &ids, &scores);
        let (ids_read, scores_read) = (recording.read_all(&ids), recording.read_all(&scores));
        let reads = device.run(recording)?;
        let lists = reads
            .get(&ids_read)
            .chunks_exact(search.k)
            .zip(reads.get(&scores_read).chunks_exact(search.k))
            .map(|(ids, scores)| {
                ids.iter()
                    .zip(scores)
                    .take_while(|(id, _)| **id != u32::MAX)
                    .map(|(id, score)| (*id, *score))
                    .collect()
            })
            .collect();
        device.destroy(ids);
        device.destroy(scores);
        Ok(lists)
    }

    /// See `Resident::similarities`.
    pub fn similarities(
        &self,
        device: &mut Device,
        queries: &[Vec<f32>],
        rows: &[Vec<u32>],
    ) -> Result<Vec<Vec<f32>>, Error> {
        let mut products: Vec<Vec<f32>> = rows.iter().map(|rows| vec![0.0; rows.len()]).collect();
        if rows.iter().all(Vec::is_empty) {
            return Ok(products);
        }
        let mut offsets = vec![0u32];
        offsets.extend(rows.iter().scan(0, |sum, rows| {
            *sum += rows.len() as u32;
            Some(*sum)
        }));
        let listed: Vec<u32> = rows.iter().flatten().copied().collect();
        let probes = device.upload("queries", &self.pad(queries.iter().cloned()))?;
        let offsets = device.upload("pair offsets", &offsets)?;
        let ids = device.upload("pair ids", &listed)?;
        let scores = device.create("pair scores", listed.len())?;
        let pairs = similarity_rows::Pairs {
            queries: &probes,
            query_count: queries.len(),
            offsets: &offsets,
            ids: &ids,
            pair_count: listed.len(),
        };
        let mut recording = Recording::new();
        for (shard_ix, shard) in self.shards.iter().enumerate() {
            let base = shard_ix * self.shard_rows_max;
            let here = (self.len - base).min(self.shard_rows_max);
            similarity_rows::record(&mut recording, shard, here, base as u32, &pairs, &scores);
        }
        let read = recording.read_all(&scores);
        let reads = device.run(recording)?;
        let mut values = reads.get(&read);
        for products in &mut products {
            let (own, rest) = values.split_at(products.len());
            products.copy_from_slice(own);
            values = rest;
        }
        device.destroy(probes);
        device.destroy(offsets);
        device.destroy(ids);
        device.destroy(scores);
        Ok(products)
    }
}

/// The lowest `n` bits, all of them from 64 on.
fn mask_below(n: usize) -> u64 {
    if n >= 64 { u64::MAX } else { (1 << n) - 1 }
}

fn best(list: &mut Vec<(u32, f32)>, k: usize) {
    list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    list.truncate(k);
}
