//! Kernels over vectors: encoding rows, searching them.

use cortexkg_compute::kernels::{encode_rows, similarity_topk};
use cortexkg_compute::simd::{BLOCK_ROWS, CODE_MAX, CODE_ZERO};
use cortexkg_compute::{Case, Draw, Target};
use half::f16;

use super::{Shape, Size, limits, params};
use crate::work::Work;

/// Dimensions of a row.
pub(super) const DIM: usize = 384;
/// Places of a list.
pub(super) const K: usize = 10;

/// From small to large.
pub fn shapes() -> Vec<Shape> {
    let mut all = Vec::new();
    for (size, rows) in [(Size::Small, 1 << 10), (Size::Medium, 1 << 16), (Size::Large, 1 << 20)] {
        all.push(Shape {
            kernel: &encode_rows::KERNEL,
            size,
            name: format!("{rows} rows of {DIM}"),
            item: "row",
            items: rows as u64,
            workgroups_max: u64::MAX,
            make: Box::new(move || encoding(rows)),
            count: count_encoding,
        });
    }
    let searches = [
        (Size::Small, 1 << 12, [1, 64].as_slice()),
        (Size::Medium, 1 << 17, [1, 64, 256].as_slice()),
        (Size::Large, 1 << 20, [1, 64, 4_096].as_slice()),
    ];
    for (size, rows, batches) in searches {
        for &queries in batches {
            all.push(Shape {
                kernel: &similarity_topk::KERNEL,
                size,
                name: format!("{rows} rows of {DIM}, {queries} queries"),
                item: "query",
                items: queries as u64,
                workgroups_max: u64::MAX,
                make: Box::new(move || searching(rows, queries)),
                count: count_searching,
            });
        }
    }
    all
}

fn encoding(rows: usize) -> Case {
    let params = encode_rows::Params { dim: DIM as u32, rows: rows as u32, row_first: 0 };
    let row = |draw: &mut Draw| f16::from_f32(draw.signed());
    Case::new("encoding", &params)
        .bind(&Draw::new(4).many(rows * DIM, row))
        .bind(&vec![0u32; rows * DIM / 4])
        .bind(&vec![0f32; rows * 3])
}

/// Stages of the rotation of `dim` numbers.
fn stages(dim: u64) -> u64 {
    dim.trailing_zeros().into()
}

/// What rotating `dim` numbers in scratch takes: signs, stages, scale.
fn rotation(dim: u64) -> Work {
    let stages = stages(dim);
    (Work::again(8 + 8 * stages + 8) + Work::integer(12 + 5 * stages) + Work::float(stages + 1)) * dim
        + Work::barriers(stages + 2)
}

fn count_encoding(case: &Case, _: &[Vec<u8>]) -> Work {
    let encode_rows::Params { dim, rows, .. } = params(case);
    let (dim, rows) = (u64::from(dim), u64::from(rows));
    // To f32 and to scratch; the largest; the code (a division of eight), what it leaves and both squares.
    let number = Work::read(2)
        + Work::write(1)
        + Work::again(4 + 4 + 4)
        + Work::integer(8 + 4 + 10)
        + Work::float(1 + 8 + 9 + 3);
    let row = number * dim + rotation(dim) + Work::write(12) + Work::barriers(7);
    let groups = Work { barriers: row.barriers, ..row * rows };
    groups + Work::launches(1)
}

fn searching(rows: usize, queries: usize) -> Case {
    let draw = &mut Draw::new(5);
    let params = similarity_topk::Params {
        dim: DIM as u32,
        rows: rows as u32,
        row_base: 0,
        queries: queries as u32,
        k: K as u32,
        masks: 0,
        mask_words: similarity_topk::mask_words(rows) as u32,
    };
    let (codes, factors) = coded(draw, rows);
    Case::new("searching", &params)
        .bind(&codes)
        .bind(&factors)
        .bind(&draw.many(queries * DIM, Draw::signed))
        .bind(&[0u64])
        .bind(&vec![f32::NEG_INFINITY; queries])
        .bind(&vec![0u32; queries * K])
        .bind(&vec![0f32; queries * K])
        .bind(&vec![0f32; queries * K])
}

fn count_searching(case: &Case, _: &[Vec<u8>]) -> Work {
    let similarity_topk::Params { dim, rows, queries, k, .. } = params(case);
    let [dim, rows, queries, k] = [dim, rows, queries, k].map(u64::from);
    let kernel = &similarity_topk::KERNEL;
    // Without a text a share is all rows.
    let source = kernel.source(Target::Cuda);
    let groups = source.map(|source| source.workgroups(kernel, &case.params, &limits(kernel)).0);
    let [blocks, shares] =
        groups.map_or([1, 1], |groups| [u64::from(groups[0]) * u64::from(groups[1]), u64::from(groups[1])]);
    let threads = u64::from(kernel.workgroup[0]);
    // Products that a warp makes of its rows with a tile, each of eight queries, and tiles.
    let products = if queries > 8 { 8 } else { 1 };
    let tiles = queries.div_ceil(8 * products);
    let pairs = tile(dim, products) * (rows.div_ceil(32) * tiles);
    let coding = coding(dim);
    // When the first round has filled a list, which raises the floor so far that few follow, and at the end what these made of it.
    let cuts = cut(threads) + cut(4 * k);
    let sort = sort(4 * k);
    let merge = sort + (Work::again(8) + Work::integer(20)) * (k * shares);
    let all = pairs + (coding + cuts * shares + merge) * queries;
    let least = Work::read(rows * (dim + 12) + 4 * dim * queries) + Work::write(12 * k * queries);
    let barriers = coding.barriers
        + 2 * rows.div_ceil(threads * shares)
        + (sort.barriers + 2 * (k * shares).div_ceil(threads)) * queries.div_ceil(blocks);
    // What is read at least is part of what is asked for.
    Work { asked_bytes: all.asked_bytes.max(least.asked_bytes), barriers, ..all + least } + Work::launches(3)
}

/// What 32 rows take that a warp multiplies with so many products of eight queries.
pub(super) fn tile(dim: u64, products: u64) -> Work {
    // Sixty-four codes of each: four vectors a lane with their addresses and what guards them, and of each product a vector of the
    // queries, which stay in the first-level cache, and four instructions.
    let chunk = Work::again(32 * 64)
        + (Work::integer(4 * 6 + 4) + (Work::integer(3) + Work::tensor(4)) * products) * 32;
    // What a row is worth to a query.
    let pair = Work::integer(4) + Work::float(7);
    chunk * dim.div_ceil(64) + Work::again(32 * 12) + Work::integer(80 * 32) + pair * (32 * 8 * products)
}

/// Coding a query.
pub(super) fn coding(dim: u64) -> Work {
    (Work::again(4 + 4 + 4) + Work::integer(12) + Work::double(8) + Work::float(3)) * dim
        + rotation(dim)
        + Work::barriers(12)
}

/// Cutting a list by some sixteen counts and one move. Warps do not wait for each other meanwhile.
pub(super) fn cut(entries: u64) -> Work {
    (Work::integer(4) + Work::again(4)) * (16 * entries) + (Work::integer(10) + Work::again(24)) * entries
}

/// Sorting what is left over the highest floor of all lists: by ten instructions a pair, with a barrier after each of its rounds.
pub(super) fn sort(entries: u64) -> Work {
    let size = entries.next_power_of_two();
    let rounds = u64::from(size.ilog2() * (size.ilog2() + 1) / 2);
    Work::integer(10 * rounds * size / 2) + Work::again(24 * rounds * size / 2) + Work::barriers(rounds + 4)
}

/// Codes and factors as rows of random numbers have them: the steps of a row are 1 / 63 of its largest number.
pub(super) fn coded(draw: &mut Draw, rows: usize) -> (Vec<u32>, Vec<f32>) {
    let byte = |draw: &mut Draw| (CODE_ZERO + draw.below(2 * CODE_MAX as usize + 1) as i32 - CODE_MAX) as u8;
    let codes = draw.many(rows * DIM / 4, |draw| u32::from_le_bytes(std::array::from_fn(|_| byte(draw))));
    let block = [[0.016f32; BLOCK_ROWS], [0.09; BLOCK_ROWS], [11.3; BLOCK_ROWS]];
    let factors =
        block.iter().flatten().copied().cycle().take(rows.next_multiple_of(BLOCK_ROWS) * 3).collect();
    (codes, factors)
}
