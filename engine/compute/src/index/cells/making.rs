//! `Making`: a partition on its way, a piece at a time.
//!
//! k-means on the sphere over rows at even distances, so that the same rows give the same cells: a row belongs to the cell whose mean it
//! resembles most, by codes, and a mean is brought to length one, so that long rows do not draw it to themselves. Then every row gets
//! its cell, and rows are coded anew, cell by cell.

use half::f16;

use crate::Result;
use crate::device::Device;
use crate::index::bits::Bits;
use crate::index::cells::partition::Partition;
use crate::index::originals::Originals;
use crate::index::rows::{Rows, Scratch, pad, room};
use crate::kernels::shared::ranked::NO_ROW;
use crate::kernels::shared::row_shard::RowShard;
use crate::kernels::similarity_topk::{self, Lists, Masks};
use crate::kernels::{encode_rows, similarity_cells};
use crate::recording::Recording;
use crate::simd::BLOCK_ROWS;

/// Rows of the sample for each cell, and times it is gone through: more found no more on embeddings of texts.
const SAMPLED_PER_CELL: usize = 64;
const ROUNDS: usize = 10;
/// Most rows of a piece, whatever is asked for: a megabyte or so each way.
const PIECE_ROWS: usize = 1 << 12;
/// Cells, in square roots of the rows. Measured at 2 to 9 of them (benches/record/2-core-avx512-vnni/2026-11-22-pruned.csv): about as many
/// cells must be looked into, so more of them are better until blocks of 32 rows are half empty.
const CELLS_PER_ROOT: f64 = 8.0;
const CELLS_MAX: f64 = (1 << 16) as f64;

pub(super) struct Making {
    rows: usize,
    /// `[cells][dim]`.
    values: Vec<f32>,
    means: RowShard,
    stage: Stage,
    /// Rows still to be gone through.
    left: usize,
}

enum Stage {
    /// Rounds to come, sampled rows that this one has gone through, sums of those of each cell.
    Means { rounds: usize, next: usize, sums: Vec<f32> },
    /// The cell of each row so far.
    Cells(Vec<u32>),
    /// Places coded so far.
    Places { shard: RowShard, names: Vec<u32>, blocks: Vec<u32>, next: usize },
}

/// A power of two near what is best for so many rows.
fn cells_for(rows: usize) -> usize {
    let wanted = (CELLS_PER_ROOT * (rows as f64).sqrt()).min(rows as f64 / BLOCK_ROWS as f64);
    1 << wanted.clamp(1.0, CELLS_MAX).log2().round() as usize
}

impl Making {
    /// Of all rows there are.
    pub fn begin(device: &mut Device, rows: &mut Rows, originals: Originals<'_>) -> Result<Making> {
        // Compiled now, rather than while a search waits.
        device.prepare(&[&similarity_cells::KERNEL])?;
        let (dim, count) = (rows.dim(), rows.len());
        let cells = cells_for(count);
        let means = RowShard::create(device, rows.padded_dim(), cells)?;
        let first =
            |cell: usize| originals.values_of(cell * count / cells).iter().map(|value| value.to_f32());
        let values: Vec<f32> = (0..cells).flat_map(first).collect();
        let stage = Stage::Means { rounds: ROUNDS, next: 0, sums: vec![0.0; cells * dim] };
        let mut making = Making { rows: count, values: vec![0.0; cells * dim], means, stage, left: 0 };
        making.left = ROUNDS * making.sampled() + 2 * count;
        making.move_means(dim, &values);
        match making.write_means(device, rows) {
            Ok(()) => Ok(making),
            Err(error) => {
                making.destroy(device);
                Err(error)
            }
        }
    }

    /// Rows still to be gone through.
    pub fn left(&self) -> usize {
        self.left
    }

    fn sampled(&self) -> usize {
        self.rows.min(SAMPLED_PER_CELL * cells_for(self.rows))
    }

    /// Goes through up to `rows_max` rows more.
    pub fn advance(
        &mut self,
        device: &mut Device,
        rows: &mut Rows,
        originals: Originals<'_>,
        rows_max: usize,
    ) -> Result<()> {
        let mut budget = rows_max;
        while budget > 0 && self.left > 0 {
            let gone = self.piece(device, rows, originals, budget.min(PIECE_ROWS))?;
            budget -= gone.min(budget);
            self.left -= gone.min(self.left);
        }
        Ok(())
    }

    /// Goes through a piece of at most so many rows; how many it had.
    fn piece(
        &mut self,
        device: &mut Device,
        rows: &mut Rows,
        originals: Originals<'_>,
        most: usize,
    ) -> Result<usize> {
        let (dim, count, sampled) = (rows.dim(), self.rows, self.sampled());
        match &mut self.stage {
            Stage::Means { rounds, next, sums } => {
                let end = (*next + most).min(sampled);
                let piece: Vec<u32> = (*next..end).map(|at| (at * count / sampled) as u32).collect();
                let cells = self.values.len() / dim;
                for (row, cell) in
                    piece.iter().zip(nearest(device, rows, &self.means, cells, originals, &piece)?)
                {
                    let sum = &mut sums[cell as usize * dim..][..dim];
                    sum.iter_mut()
                        .zip(originals.values_of(*row as usize))
                        .for_each(|(sum, value)| *sum += value.to_f32());
                }
                *next = end;
                if end == sampled {
                    let sums = std::mem::replace(sums, vec![0.0; cells * dim]);
                    *next = 0;
                    *rounds -= 1;
                    let done = *rounds == 0;
                    self.move_means(dim, &sums);
                    self.write_means(device, rows)?;
                    if done {
                        self.stage = Stage::Cells(Vec::with_capacity(count));
                    }
                }
                Ok(piece.len())
            }
            Stage::Cells(cells) => {
                let piece: Vec<u32> = (cells.len() as u32..(cells.len() + most).min(count) as u32).collect();
                let means = self.values.len() / dim;
                cells.extend(nearest(device, rows, &self.means, means, originals, &piece)?);
                if cells.len() == count {
                    let (names, blocks) = lay(cells, means);
                    let shard = RowShard::create(device, rows.padded_dim(), names.len())?;
                    self.stage = Stage::Places { shard, names, blocks, next: 0 };
                }
                Ok(piece.len())
            }
            Stage::Places { shard, names, blocks: _, next } => {
                let end = (*next + most).min(names.len());
                let mut values = Vec::with_capacity((end - *next) * dim);
                for row in &names[*next..end] {
                    match *row {
                        NO_ROW => values.resize(values.len() + dim, f16::ZERO),
                        row => values.extend_from_slice(originals.values_of(row as usize)),
                    }
                }
                rows.encode(device, &values, shard, *next)?;
                let gone = names[*next..end].iter().filter(|row| **row != NO_ROW).count();
                *next = end;
                // The last places may have no row, and are gone through all the same.
                Ok(if end == names.len() { self.left } else { gone.min(self.left - 1) })
            }
        }
    }

    /// Brings each mean to length one; that of a cell without rows stays where it is.
    fn move_means(&mut self, dim: usize, sums: &[f32]) {
        for (mean, sum) in self.values.chunks_exact_mut(dim).zip(sums.chunks_exact(dim)) {
            let length = sum.iter().map(|value| f64::from(*value).powi(2)).sum::<f64>().sqrt();
            if length > 0.0 && length.is_finite() {
                mean.iter_mut().zip(sum).for_each(|(mean, sum)| *mean = (f64::from(*sum) / length) as f32);
            }
        }
    }

    fn write_means(&self, device: &mut Device, rows: &mut Rows) -> Result<()> {
        let dim = rows.dim();
        for (piece, values) in self.values.chunks(PIECE_ROWS * dim).enumerate() {
            rows.encode(device, &encode_rows::halves(values), &self.means, piece * PIECE_ROWS)?;
        }
        Ok(())
    }

    /// The partition, without the rows that were written since.
    pub fn finish(self, device: &mut Device, fresh: &Bits) -> Result<Partition> {
        let Stage::Places { shard, mut names, blocks, .. } = self.stage else {
            unreachable!("finished before all places were coded, this is a bug")
        };
        let mut places = vec![NO_ROW; self.rows];
        for (place, name) in names.iter_mut().enumerate().filter(|(_, name)| **name != NO_ROW) {
            match fresh.contains(*name) {
                true => *name = NO_ROW,
                false => places[*name as usize] = place as u32,
            }
        }
        // As long as the shard has room.
        names.resize(shard.capacity(), NO_ROW);
        let tables = device.all_or_nothing(|device| {
            Ok((device.upload("cell names", &names)?, device.upload("cell starts", &blocks)?))
        });
        match tables {
            Ok((names, starts)) => Ok(Partition { shard, means: self.means, names, starts, blocks, places }),
            Err(error) => {
                shard.destroy(device);
                self.means.destroy(device);
                Err(error)
            }
        }
    }

    pub fn destroy(self, device: &mut Device) {
        self.means.destroy(device);
        if let Stage::Places { shard, .. } = self.stage {
            shard.destroy(device);
        }
    }
}

/// Rows in the order of their cells, each cell in whole blocks; and the first block of each cell, with the end of the last.
fn lay(cells: &[u32], count: usize) -> (Vec<u32>, Vec<u32>) {
    let mut sizes = vec![0usize; count];
    cells.iter().for_each(|cell| sizes[*cell as usize] += 1);
    let mut blocks = vec![0u32];
    for size in &sizes {
        blocks.push(blocks[blocks.len() - 1] + size.div_ceil(BLOCK_ROWS) as u32);
    }
    let mut names = vec![NO_ROW; blocks[count] as usize * BLOCK_ROWS];
    let mut next: Vec<usize> = blocks.iter().map(|block| *block as usize * BLOCK_ROWS).collect();
    for (row, cell) in (0u32..).zip(cells) {
        names[next[*cell as usize]] = row;
        next[*cell as usize] += 1;
    }
    (names, blocks)
}

/// The mean that each of some rows resembles most.
fn nearest(
    device: &mut Device,
    rows: &mut Rows,
    means: &RowShard,
    cells: usize,
    originals: Originals<'_>,
    piece: &[u32],
) -> Result<Vec<u32>> {
    let (count, dim, padded) = (piece.len(), rows.dim(), rows.padded_dim());
    let values: Vec<f32> =
        piece.iter().flat_map(|row| originals.values_of(*row as usize)).map(|value| value.to_f32()).collect();
    let values = pad(&values, dim, padded);
    let Scratch { queries, ids, scores, estimates, floors, .. } = rows.scratch();
    let queries = room(device, queries, "queries", values.len())?;
    let floors = room(device, floors, "floors", count)?;
    let ids = room(device, ids, "top ids", count)?;
    let uppers = room(device, scores, "top scores", count)?;
    let estimates = room(device, estimates, "top estimates", count)?;
    let mut recording = Recording::new();
    recording.write(queries, 0, &values);
    recording.write(floors, 0, &vec![f32::NEG_INFINITY; count]);
    let search = similarity_topk::Search {
        shard: means,
        rows: cells,
        row_base: 0,
        queries,
        query_count: count,
        masks: Masks::None,
        floors,
        k: 1,
    };
    similarity_topk::record(&mut recording, &search, &Lists { ids, uppers, estimates });
    let read = recording.read(ids, 0, count);
    Ok(device.run(recording)?.get(&read).to_vec())
}
