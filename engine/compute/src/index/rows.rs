//! The rows of an index, in shards.

use crate::Result;
use crate::buffer::Buffer;
use crate::device::Device;
use crate::element::Stored;
use crate::index::originals::Originals;
use crate::kernels::shared::graph_shard::sketch_words;
use crate::kernels::shared::row_shard::{DIM_MULTIPLE, RowShard};
use crate::kernels::{encode_rows, similarity_topk};
use crate::recording::Recording;
use half::f16;
use std::borrow::Cow;

/// Rows that one upload takes at most, so that a rebuild needs no second copy of everything.
const UPLOAD_ROWS: usize = 1 << 14;
/// Longest upload buffer that is kept, numbers.
const UPLOAD_KEPT_MAX: usize = 1 << 16;
/// First capacity of a shard, rows.
const SHARD_ROWS_MIN: usize = 1 << 10;
/// Most rows of a shard whatever the binding limit.
const SHARD_ROWS_MAX: u64 = 1 << 26;

/// All rows.
pub(super) struct Rows {
    dim: usize,
    padded: usize,
    shard_rows_max: usize,
    upload_rows_max: usize,
    shards: Vec<RowShard>,
    len: usize,
    scratch: Scratch,
    /// How many rows scans list at first, because of what earlier ones needed; 0 for what is usual.
    pub listed_lately: usize,
}

/// Buffers that searches share, each as long as was ever needed.
#[derive(Default)]
pub(super) struct Scratch {
    upload: Option<Buffer<f16>>,
    pub queries: Option<Buffer<f32>>,
    pub masks: Option<Buffer<u64>>,
    pub ids: Option<Buffer<u32>>,
    pub scores: Option<Buffer<f32>>,
    pub looked: Option<Buffer<u32>>,
    pub estimates: Option<Buffer<f32>>,
    pub floors: Option<Buffer<f32>>,
    pub near: Near,
}

/// Of a scan of some cells: those nearest to each query.
#[derive(Default)]
pub(super) struct Near {
    pub cells: Option<Buffer<u32>>,
    pub uppers: Option<Buffer<f32>>,
    pub estimates: Option<Buffer<f32>>,
    pub floors: Option<Buffer<f32>>,
}

/// The buffer, made anew if it is too short; what it held is lost.
pub(super) fn room<'a, T: Stored>(
    device: &mut Device,
    buffer: &'a mut Option<Buffer<T>>,
    label: &'static str,
    len: usize,
) -> Result<&'a Buffer<T>> {
    if buffer.as_ref().is_none_or(|buffer| buffer.len() < len) {
        if let Some(short) = buffer.take() {
            device.destroy(short);
        }
        *buffer = Some(device.create(label, len.max(1))?);
    }
    Ok(buffer.as_ref().expect("made above"))
}

impl Rows {
    pub fn new(device: &Device, dim: usize, degree: usize) -> Self {
        let padded = dim.next_multiple_of(DIM_MULTIPLE);
        // A graph over a shard must fit as well: its words are four times as long as codes.
        let widest = padded.max(4 * degree).max(4 * sketch_words(padded));
        let fits =
            RowShard::capacity_max(widest, device.info().binding_bytes_max).min(SHARD_ROWS_MAX as usize);
        // Masks want whole words of 64 rows.
        let shard_rows_max = (fits / 64 * 64).max(64);
        // Rows that come are twice as long as their codes.
        let upload_rows_max = (fits / 2).clamp(1, UPLOAD_ROWS);
        Rows {
            dim,
            padded,
            shard_rows_max,
            upload_rows_max,
            shards: Vec::new(),
            len: 0,
            scratch: Scratch::default(),
            listed_lately: 0,
        }
    }

    pub fn dim(&self) -> usize {
        self.dim
    }

    pub fn len(&self) -> usize {
        self.len
    }

    /// The shard, if all rows are in one and always will be as long as they fit it.
    pub fn only_shard(&self) -> Option<&RowShard> {
        match self.shards.as_slice() {
            [shard] => Some(shard),
            _ => None,
        }
    }

    pub fn write(&mut self, device: &mut Device, first: usize, values: &[f16]) -> Result<()> {
        assert!(values.len().is_multiple_of(self.dim), "part of a vector, this is a bug");
        let end = first + values.len() / self.dim;
        self.make_room(device, end)?;
        let mut at = first;
        while at < end {
            let shard = at / self.shard_rows_max;
            let stop = end.min((shard + 1) * self.shard_rows_max).min(at + self.upload_rows_max);
            let part = &values[(at - first) * self.dim..(stop - first) * self.dim];
            let place = at % self.shard_rows_max;
            encode(device, &mut self.scratch.upload, self.dim, part, &self.shards[shard], place)?;
            at = stop;
        }
        // Only writes of few rows are so frequent that their buffer is worth keeping.
        if let Some(upload) = self.scratch.upload.take_if(|upload| upload.len() > UPLOAD_KEPT_MAX) {
            device.destroy(upload);
        }
        self.len = self.len.max(end);
        Ok(())
    }

    /// Codes vectors, `[count][dim]`, as rows `first..` of another shard.
    pub fn encode(
        &mut self,
        device: &mut Device,
        values: &[f16],
        shard: &RowShard,
        first: usize,
    ) -> Result<()> {
        for (part, values) in values.chunks(self.upload_rows_max * self.dim).enumerate() {
            let place = first + part * self.upload_rows_max;
            encode(device, &mut self.scratch.upload, self.dim, values, shard, place)?;
        }
        Ok(())
    }

    fn make_room(&mut self, device: &mut Device, rows: usize) -> Result<()> {
        while self.shards.len() * self.shard_rows_max < rows {
            let first = SHARD_ROWS_MIN.min(self.shard_rows_max);
            if let Some(last) = self.shards.last_mut() {
                last.grow(device, self.shard_rows_max)?;
            }
            self.shards.push(RowShard::create(device, self.padded, first)?);
        }
        if let Some(last) = self.shards.len().checked_sub(1) {
            // Rows written over again may all lie before the last shard.
            let wanted = rows.saturating_sub(last * self.shard_rows_max);
            if self.shards[last].capacity() < wanted {
                let room = (wanted + wanted / 16).min(self.shard_rows_max);
                self.shards[last].grow(device, room)?;
            }
        }
        Ok(())
    }

    /// Queries as the device takes them.
    pub fn padded<'a>(&self, queries: &'a [f32]) -> Cow<'a, [f32]> {
        pad(queries, self.dim, self.padded)
    }

    /// Holds vectors that a caller passes to what was written.
    pub fn check(&self, originals: Originals<'_>) {
        let fits = originals.dim() == self.dim && originals.rows() >= self.len;
        assert!(fits, "{} originals of {} rows, this is a bug", originals.rows(), self.len);
    }

    /// Numbers of a vector on the device.
    pub fn padded_dim(&self) -> usize {
        self.padded
    }

    pub fn scratch(&mut self) -> &mut Scratch {
        &mut self.scratch
    }

    pub fn shard_and_scratch(&mut self) -> (&RowShard, &mut Scratch) {
        (&self.shards[0], &mut self.scratch)
    }

    /// The shards, each with the id of its first row and the number of its rows, and the buffers that searches share.
    pub fn parts(&mut self) -> (impl Iterator<Item = (&RowShard, usize, usize)>, &mut Scratch) {
        let (len, most) = (self.len, self.shard_rows_max);
        let shards = self.shards.iter().enumerate();
        let parts =
            shards.map(move |(number, shard)| (shard, number * most, (len - number * most).min(most)));
        (parts, &mut self.scratch)
    }

    pub fn destroy(self, device: &mut Device) {
        self.shards.into_iter().for_each(|shard| shard.destroy(device));
        let Scratch { upload, queries, masks, ids, scores, looked, estimates, floors, near } = self.scratch;
        let floats = [queries, scores, estimates, floors, near.uppers, near.estimates, near.floors];
        floats.into_iter().flatten().for_each(|buffer| device.destroy(buffer));
        [ids, looked, near.cells].into_iter().flatten().for_each(|buffer| device.destroy(buffer));
        upload.into_iter().for_each(|buffer| device.destroy(buffer));
        masks.into_iter().for_each(|buffer| device.destroy(buffer));
    }
}

/// The masks of a search over the first `rows` rows, each within `only`.
pub(super) fn masks_within(masks: &[Vec<u64>], only: Option<&[u64]>, rows: usize) -> Vec<Vec<u64>> {
    let words = similarity_topk::mask_words(rows);
    match (masks, only) {
        ([], None) => Vec::new(),
        ([], Some(only)) => vec![within(&vec![u64::MAX; words], only)],
        (masks, only) => {
            let shared = masks.windows(2).all(|pair| pair[0] == pair[1]);
            let masks = if shared { &masks[..1] } else { masks };
            let masks = masks.iter().map(|mask| &mask[..words]);
            masks.map(|mask| only.map_or_else(|| mask.to_vec(), |only| within(mask, only))).collect()
        }
    }
}

fn within(mask: &[u64], only: &[u64]) -> Vec<u64> {
    mask.iter().zip(only.iter().chain(std::iter::repeat(&0))).map(|(a, b)| a & b).collect()
}

/// Codes vectors as rows `place..` of a shard, by way of a buffer.
fn encode(
    device: &mut Device,
    upload: &mut Option<Buffer<f16>>,
    dim: usize,
    values: &[f16],
    shard: &RowShard,
    place: usize,
) -> Result<()> {
    let part = pad(values, dim, shard.dim());
    let upload = room(device, upload, "row upload", part.len())?;
    let mut recording = Recording::new();
    recording.write(upload, 0, &part);
    encode_rows::record(&mut recording, upload, values.len() / dim, shard, place);
    device.run(recording).map(|_| ())
}

/// Vectors with zeros behind each.
pub(super) fn pad<T: Copy + Default>(values: &[T], dim: usize, padded: usize) -> Cow<'_, [T]> {
    if dim == padded {
        return Cow::Borrowed(values);
    }
    let mut rows = Vec::with_capacity(values.len() / dim * padded);
    for row in values.chunks_exact(dim) {
        rows.extend_from_slice(row);
        rows.resize(rows.len() + padded - dim, T::default());
    }
    Cow::Owned(rows)
}
