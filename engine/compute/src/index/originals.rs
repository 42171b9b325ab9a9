//! `Originals`: stored vectors as they were given, in half precision, in the hands of whoever keeps them.
//!
//! A device holds codes alone; of a search, the last word on a few rows is spoken here.
//!
//! The exact score of a row is the sum over d of vector[d] * query[d] in f64, rounded to f32; -0 counts as 0, and beyond the
//! range of f32 it is infinite. Products are exact; they are summed in `simd::LANES` partial sums, whatever the machine.

use half::f16;

use crate::kernels::shared::ranked::{Ranked, score_of};
use crate::parallel::{collect_in_parallel, map_in_parallel};
use crate::simd::{LANES, Simd, fetch};

/// Rows that are asked for ahead of their turn.
const FETCH_AHEAD: usize = 2;
/// Queries of one task.
const TASK_QUERIES: usize = 16;
/// Rows of one task of a full scan.
const TASK_ROWS: usize = 1 << 13;

/// Vectors by row, `[rows][dim]`.
#[derive(Clone, Copy, Debug)]
pub struct Originals<'a> {
    dim: usize,
    values: &'a [f16],
}

impl<'a> Originals<'a> {
    /// All rows, one after the other.
    pub fn new(dim: usize, values: &'a [f16]) -> Self {
        assert!(dim > 0 && values.len().is_multiple_of(dim), "part of a vector, this is a bug");
        Originals { dim, values }
    }

    /// Numbers of a vector.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// How many there are.
    pub fn rows(&self) -> usize {
        self.values.len() / self.dim
    }

    /// A vector as it was given.
    pub(super) fn values_of(&self, row: usize) -> &'a [f16] {
        &self.values[row * self.dim..][..self.dim]
    }

    fn row(&self, row: u32) -> &'a [f16] {
        self.values_of(row as usize)
    }

    /// Asks for a row that will be scored soon.
    pub(super) fn fetch(&self, row: u32) {
        fetch(self.row(row));
    }

    /// The exact score of a row.
    pub(super) fn score(&self, row: u32, query: &Wide) -> f32 {
        let row = self.row(row);
        let simd = Simd::detect();
        if row.len() == query.0.len() {
            return score_of(simd.dot(row, &query.0));
        }
        let mut padded = row.to_vec();
        padded.resize(query.0.len(), f16::ZERO);
        score_of(simd.dot(&padded, &query.0))
    }

    /// Exact scores of each query, `[query_count][dim]`, with the rows listed for it.
    pub fn scores(&self, queries: &[f32], rows: &[Vec<u32>]) -> Vec<Vec<f32>> {
        let asked: Vec<(&[f32], &Vec<u32>)> = queries.chunks_exact(self.dim).zip(rows).collect();
        assert!(asked.len() == rows.len(), "{} lists for {} queries, this is a bug", rows.len(), asked.len());
        map_in_parallel(&asked, TASK_QUERIES, |asked| {
            let of_query = |&(query, rows): &(&[f32], &Vec<u32>)| {
                let query = Wide::new(query);
                let score = |(place, row): (usize, &u32)| {
                    rows.get(place + FETCH_AHEAD).into_iter().for_each(|soon| self.fetch(*soon));
                    self.score(*row, &query)
                };
                rows.iter().enumerate().map(score).collect()
            };
            asked.iter().map(of_query).collect()
        })
    }

    /// The best `k` of the first `rows` rows that score `score_min` at least, best first, ties by row.
    pub(super) fn scan(
        &self,
        query: &[f32],
        rows: usize,
        mask: Option<&[u64]>,
        k: usize,
        score_min: f32,
    ) -> Vec<(u32, f32)> {
        let query = Wide::new(query);
        let parts = collect_in_parallel(rows.div_ceil(TASK_ROWS), |part| {
            let rows = part * TASK_ROWS..((part + 1) * TASK_ROWS).min(rows);
            let rows = rows.filter(|row| mask.is_none_or(|mask| mask[row / 64] >> (row % 64) & 1 == 1));
            let scored = rows.map(|row| Ranked { id: row as u32, score: self.score(row as u32, &query) });
            first(scored.filter(|row| row.score >= score_min).collect(), k)
        });
        let best = first(parts.into_iter().flatten().collect(), k);
        best.into_iter().map(|row| (row.id, row.score)).collect()
    }
}

fn first(mut rows: Vec<Ranked>, k: usize) -> Vec<Ranked> {
    rows.sort_unstable_by(Ranked::order);
    rows.truncate(k);
    rows
}

/// A query in f64, as long as products want it.
pub(super) struct Wide(Vec<f64>);

impl Wide {
    pub fn new(query: &[f32]) -> Self {
        let mut values: Vec<f64> = query.iter().map(|&value| f64::from(value)).collect();
        values.resize(query.len().next_multiple_of(LANES), 0.0);
        Wide(values)
    }
}
