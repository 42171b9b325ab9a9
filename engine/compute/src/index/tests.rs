//! What an index promises: the exact way finds what a plain scan finds, walks find nearly all of it and nothing wrong, whatever
//! was written, retired and linked in between.
//!
//! `CORTEXKG_TEST_SEED` repeats a run of the seeded tests.

mod cards;
mod cells;
mod checkpoints;
mod churn;
mod exact;
mod groups;
mod limits;
mod same_answers;
mod truth;
mod turnover;

use super::*;
use crate::case::Draw;
use crate::device::{DeviceChoice, DeviceOptions};
use crate::kernels::similarity_topk::mask_words;
use crate::simd::Simd;

fn seed() -> u64 {
    let seed = match std::env::var("CORTEXKG_TEST_SEED") {
        Ok(text) => text.parse().expect("CORTEXKG_TEST_SEED is a number"),
        Err(_) => 20_261_121,
    };
    println!("CORTEXKG_TEST_SEED={seed}");
    seed
}

fn cpu_options(threads: usize) -> DeviceOptions {
    DeviceOptions { choice: DeviceChoice::Cpu, threads, ..Default::default() }
}

fn open(options: &DeviceOptions) -> Device {
    Device::open(options).expect("the CPU is there")
}

/// An index that makes a graph however few rows there are.
fn small_index(device: &Device, dim: usize) -> VectorIndex {
    VectorIndex::new(device, IndexOptions { scanned_max: 0, ..IndexOptions::new(dim) })
}

fn tend_until_done(index: &mut VectorIndex, device: &mut Device) {
    while index.tend(device, usize::MAX, None).expect("memory") > 0 {}
}

/// A search for the best ten over all rows.
fn ten_of_all<'a>(originals: Option<Originals<'a>>, queries: &'a [f32], way: Way) -> Search<'a> {
    Search { queries, originals, masks: &[], k: 10, score_min: f32::NEG_INFINITY, width: 64, probes: 0, way }
}

/// Bits of some of `rows` rows.
fn mask_of(rows: usize, allowed: impl IntoIterator<Item = u32>) -> Vec<u64> {
    let mut mask = vec![0; mask_words(rows)];
    allowed.into_iter().for_each(|row| mask[row as usize / 64] |= 1 << (row % 64));
    mask
}

fn is_allowed(mask: &[u64], row: u32) -> bool {
    mask[row as usize / 64] >> (row % 64) & 1 == 1
}

/// Vectors of unit length around centres that are drawn once, loosely enough that they do not part into islands, as embeddings
/// of texts do not.
struct Clusters {
    dim: usize,
    centres: Vec<f32>,
}

impl Clusters {
    fn new(draw: &mut Draw, count: usize, dim: usize) -> Self {
        Clusters { dim, centres: draw.many(count * dim, Draw::normal) }
    }

    fn draw(&self, draw: &mut Draw, rows: usize) -> Vec<f32> {
        let mut values = Vec::with_capacity(rows * self.dim);
        for _ in 0..rows {
            let centre = draw.below(self.centres.len() / self.dim);
            let centre = &self.centres[centre * self.dim..][..self.dim];
            let row: Vec<f32> = centre.iter().map(|value| value + draw.normal()).collect();
            let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
            values.extend(row.iter().map(|value| value / length));
        }
        values
    }
}

/// The share of rows of `best` that are in `found`, in rows.
fn in_common(found: &[(u32, f32)], best: &[(u32, f32)]) -> usize {
    best.iter().filter(|(row, _)| found.iter().any(|(other, _)| other == row)).count()
}
