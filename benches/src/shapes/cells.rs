//! Searches of some cells of a partition.

use cortexkg_compute::kernels::similarity_cells::{KERNEL, Params};
use cortexkg_compute::kernels::similarity_topk::mask_words;
use cortexkg_compute::simd::BLOCK_ROWS;
use cortexkg_compute::{Case, Draw, Target};

use super::rows::{DIM, K, coded, coding, cut, sort, tile};
use super::{Shape, Size, limits, numbers, params};
use crate::work::Work;

/// Queries that a block multiplies with rows together.
const TILE: u64 = 64;

/// From small to large: rows, cells, and into how many a query looks.
pub fn shapes() -> Vec<Shape> {
    let searches = [
        (Size::Small, 1 << 12, 64, 8, [1, 64].as_slice()),
        (Size::Medium, 1 << 17, 1 << 10, 64, [1, 64, 256].as_slice()),
        (Size::Large, 1 << 20, 1 << 13, 256, [1, 64, 512, 4_096].as_slice()),
    ];
    let mut all = Vec::new();
    for (size, rows, cells, probes, batches) in searches {
        for &queries in batches {
            all.push(Shape {
                kernel: &KERNEL,
                size,
                name: format!("{probes} of {cells} cells of {rows} rows of {DIM}, {queries} queries"),
                item: "query",
                items: queries as u64,
                workgroups_max: u64::MAX,
                make: Box::new(move || searching(rows, cells, probes, queries)),
                count,
            });
        }
    }
    all
}

/// Cells of one size, and queries that look into any of them.
fn searching(rows: usize, cells: usize, probes: usize, queries: usize) -> Case {
    let draw = &mut Draw::new(6);
    let params = Params {
        dim: DIM as u32,
        cells: cells as u32,
        queries: queries as u32,
        probes: probes as u32,
        k: K as u32,
        masks: 0,
        mask_words: mask_words(rows) as u32,
    };
    let (codes, factors) = coded(draw, rows);
    let blocks = rows / cells / BLOCK_ROWS;
    // Cells are a power of two, so odd steps come to each once.
    let mut near = Vec::with_capacity(queries * probes);
    for _ in 0..queries {
        let (first, step) = (draw.below(cells), 2 * draw.below(cells) + 1);
        near.extend((0..probes).map(|place| ((first + place * step) % cells) as u32));
    }
    Case::new("searching cells", &params)
        .bind(&codes)
        .bind(&factors)
        .bind(&(0..rows as u32).collect::<Vec<_>>())
        .bind(&(0..=cells).map(|cell| (cell * blocks) as u32).collect::<Vec<_>>())
        .bind(&draw.many(queries * DIM, Draw::signed))
        .bind(&near)
        .bind(&[0u64])
        .bind(&vec![f32::NEG_INFINITY; queries])
        .bind(&vec![0u32; queries * K])
        .bind(&vec![0f32; queries * K])
        .bind(&vec![0f32; queries * K])
}

fn count(case: &Case, _: &[Vec<u8>]) -> Work {
    let Params { dim, cells, queries, probes, k, .. } = params(case);
    let mut askers = vec![0u64; cells as usize];
    numbers::<u32>(&case.buffers[5]).into_iter().for_each(|cell| askers[cell as usize] += 1);
    let starts: Vec<u32> = numbers(&case.buffers[3]);
    let blocks_of = |cell: usize| u64::from(starts[cell + 1] - starts[cell]);
    let [dim, cells, queries, probes, k] = [dim, cells, queries, probes, k].map(u64::from);
    let groups = KERNEL
        .source(Target::Cuda)
        .map(|source| source.workgroups(&KERNEL, &case.params, &limits(&KERNEL)).0);
    let groups = groups.map_or(1, |groups| u64::from(groups[0]) * u64::from(groups[1]));
    let pairs = queries * probes;
    let warps = u64::from(KERNEL.workgroup[0]) / 32;
    // Parts of a tile, with the rounds of the longest of them.
    let (mut products, mut parts, mut rounds, mut blocks, mut looked) =
        (Work::default(), 0u64, 0u64, 0u64, 0u64);
    for (cell, &askers) in askers.iter().enumerate().filter(|(_, askers)| **askers > 0) {
        let own = blocks_of(cell);
        for first in (0..askers).step_by(TILE as usize) {
            // One of eight queries, or eight of them.
            products = products + tile(dim, if askers - first > 8 { 8 } else { 1 }) * own;
            parts += 1;
        }
        rounds = rounds.max(own.div_ceil(warps));
        blocks += own;
        looked += 1;
    }
    let rows = blocks * BLOCK_ROWS as u64;
    // A pair looks whether its cell was named before, counts itself in and is written down; what its query's codes left is read, and what
    // its cell gives is cut and copied.
    let group = (Work::again(4) + Work::integer(4)) * (probes / 2)
        + Work::integer(30)
        + Work::again(24)
        + Work::atomic(1);
    let found = cut((rows / looked.max(1)).min(4 * k)) + (Work::again(24) + Work::integer(10)) * k;
    let part = Work::again(28) + Work::integer(40);
    let coding = coding(dim);
    let sort = sort(4 * k);
    let merge = sort + (Work::again(8) + Work::integer(20)) * (k * probes);
    let clear = Work::again(4) * (queries + cells + 1);
    let all = products + (group + part + found) * pairs + (coding + merge) * queries + clear;
    let read = Work::read(rows * (dim + 12 + 4) + 4 * (cells + 1) + (4 * dim + 4 * probes + 4) * queries);
    let least = read + Work::write(12 * k * queries);
    let barriers = coding.barriers * queries.div_ceil(groups)
        + (2 * rounds + 2) * parts.div_ceil(groups)
        + (sort.barriers + 2 * (k * probes).div_ceil(32 * warps)) * queries.div_ceil(groups);
    // What is read at least is part of what is asked for.
    Work { asked_bytes: all.asked_bytes.max(least.asked_bytes), barriers, ..all + least } + Work::launches(4)
}
