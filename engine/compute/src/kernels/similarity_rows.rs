//! `similarity_rows`: exact scores of listed pairs of a query and a stored row.
//!
//! - Input: `vectors` of a `RowShard`; `queries`, f32 `[queries][dim]`, without NaN and infinity; the pairs in CSR:
//!   `offsets`, u32 `[queries + 1]`, rising from 0 to `pairs`, and `ids`, u32 `[pairs]`. Query q is paired with
//!   `ids[offsets[q]..offsets[q + 1]]`.
//! - Score: as in `similarity_topk`, the f64 sum rounded to f32, -0 counting as 0.
//! - Output: `scores`, f32 `[pairs]`. A pair whose id is outside `row_base..row_base + rows` is left as it was, so the
//!   same lists can be run over every shard and each fills in its own rows.
//! - Tolerance: forms that sum in f64 agree bit for bit. A form that sums n <= 8,192 products in f32 has a relative
//!   error of about 2^-24 sqrt(n) < 1e-5 of the sum of magnitudes; squared over squared scores, 1e-10 holds.

use super::shared::ranked::score_of;
use super::shared::row_shard::RowShard;
use super::similarity_topk::sum_in_lanes;
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Target, Tolerance};
use crate::kernels::encode_rows::{Rows, encoded};
use crate::parallel::in_parallel;
use crate::recording::Recording;
use crate::simd::fetch;
use half::f16;

crate::params! {
    /// Parameters of `similarity_rows`.
    pub struct Params {
        /// Dimensions of a row.
        pub dim: u32,
        /// Rows of the shard that exist.
        pub rows: u32,
        /// Id of the shard's first row.
        pub row_base: u32,
        /// Queries.
        pub queries: u32,
        /// Pairs.
        pub pairs: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "similarity_rows",
    bindings: &[
        Binding::read("vectors", Element::F16),
        Binding::read("queries", Element::F32),
        Binding::read("offsets", Element::U32),
        Binding::read("ids", Element::U32),
        Binding::write("scores", Element::F32),
    ],
    params: Params::FIELDS,
    workgroup: [256, 1, 1],
    grid: Grid::per("pairs", 256),
    tolerance: Tolerance::Nmse(1e-10),
    reference,
    cpu,
    sources: &[],
    absent: &[(Target::Wgsl, "comes with the GPU back ends"), (Target::Cuda, "comes with the GPU back ends")],
    cases,
};

/// Pairs of queries and rows, on a device.
#[derive(Clone, Copy, Debug)]
pub struct Pairs<'a> {
    /// f32 `[query_count][dim]`, no NaN.
    pub queries: &'a Buffer<f32>,
    /// How many.
    pub query_count: usize,
    /// `[query_count + 1]`, from 0 to `pair_count`.
    pub offsets: &'a Buffer<u32>,
    /// Row ids, `[pair_count]`.
    pub ids: &'a Buffer<u32>,
    /// How many.
    pub pair_count: usize,
}

/// Records the scoring of `pairs` over the first `rows` rows of a shard whose first row has id `row_base`.
pub fn record(
    recording: &mut Recording,
    shard: &RowShard,
    rows: usize,
    row_base: u32,
    pairs: &Pairs<'_>,
    scores: &Buffer<f32>,
) {
    let Pairs { queries, query_count, offsets, ids, pair_count } = *pairs;
    assert!(rows <= shard.capacity(), "{rows} rows of a shard of {}, this is a bug", shard.capacity());
    assert!(
        queries.len() >= query_count * shard.dim(),
        "{query_count} queries in {}, this is a bug",
        queries.erase()
    );
    assert!(offsets.len() > query_count, "{query_count} lists in {}, this is a bug", offsets.erase());
    let room = ids.len() >= pair_count && scores.len() >= pair_count;
    assert!(room, "{pair_count} pairs in {} and {}, this is a bug", ids.erase(), scores.erase());
    if pair_count == 0 {
        return;
    }
    let params = Params {
        dim: shard.dim() as u32,
        rows: rows as u32,
        row_base,
        queries: query_count as u32,
        pairs: pair_count as u32,
    };
    let lists = [queries.erase(), offsets.erase(), ids.erase()];
    recording.dispatch(
        &KERNEL,
        &params,
        &[shard.vectors.erase(), lists[0], lists[1], lists[2], scores.erase()],
    );
}

impl Params {
    /// Row of the shard with this id.
    fn row(&self, id: u32) -> Option<usize> {
        id.checked_sub(self.row_base).filter(|&row| row < self.rows).map(|row| row as usize)
    }
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let dim = params.dim as usize;
    let (vectors, queries): (&[f16], &[f32]) = (args.read(0), args.read(1));
    let (offsets, ids): (&[u32], &[u32]) = (args.read(2), args.read(3));
    let scores: &mut [f32] = args.write(4);
    for query in 0..params.queries as usize {
        for pair in offsets[query] as usize..offsets[query + 1] as usize {
            let Some(row) = params.row(ids[pair]) else { continue };
            let product = |d: usize| vectors[row * dim + d].to_f64() * f64::from(queries[query * dim + d]);
            scores[pair] = score_of(sum_in_lanes((0..dim).map(product)));
        }
    }
}

/// Rows that are asked for ahead of their turn.
const FETCH_AHEAD: usize = 2;
/// Most pairs of one task: enough to pay for widening the query, few enough to share a long list among threads.
const TASK_PAIRS_MAX: usize = 1_024;

fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, simd) = (params.dim as usize, args.simd());
    let (vectors, queries): (&[f16], &[f32]) = (args.read(0), args.read(1));
    let (offsets, ids): (&[u32], &[u32]) = (args.read(2), args.read(3));
    let mut scores: &mut [f32] = &mut args.write(4)[..params.pairs as usize];
    let mut tasks = Vec::new();
    for query in 0..params.queries as usize {
        let list = &ids[offsets[query] as usize..offsets[query + 1] as usize];
        let (own, rest) = scores.split_at_mut(list.len());
        scores = rest;
        let parts = list.chunks(TASK_PAIRS_MAX).zip(own.chunks_mut(TASK_PAIRS_MAX));
        tasks.extend(parts.map(|(ids, scores)| (query, ids, scores)));
    }
    in_parallel(tasks, |(query, ids, scores)| {
        let query = &queries[query * dim..(query + 1) * dim];
        let wide: Vec<f64> = query.iter().map(|&value| f64::from(value)).collect();
        for (place, (id, score)) in ids.iter().zip(scores).enumerate() {
            if let Some(row) = ids.get(place + FETCH_AHEAD).and_then(|id| params.row(*id)) {
                fetch(&vectors[row * dim..(row + 1) * dim]);
            }
            if let Some(row) = params.row(*id) {
                *score = score_of(simd.dot(&vectors[row * dim..(row + 1) * dim], &wide));
            }
        }
    });
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |stored: Rows, asked: Rows, (rows, dim): (usize, usize), lens: &[usize], row_base: u32| {
        let (vectors, ..) = encoded(&stored.draw(draw, rows, dim), dim);
        let mut offsets = vec![0u32];
        for len in lens {
            offsets.push(offsets[offsets.len() - 1] + *len as u32);
        }
        let pairs = offsets[lens.len()] as usize;
        // Some ids before the shard, some behind it, some that are no row.
        let ids = draw.many(pairs, |draw| match draw.below(10) {
            0 => u32::MAX,
            _ => (row_base + draw.below(rows + 10) as u32).wrapping_sub(5),
        });
        let (queries, rows) = (lens.len() as u32, rows as u32);
        let params = Params { dim: dim as u32, rows, row_base, queries, pairs: pairs as u32 };
        let name = format!("{stored:?}/{asked:?} {rows} x {dim}, lists {lens:?}");
        let asked = asked.draw(draw, lens.len(), dim);
        cases.push(
            Case::new(name, &params).bind(&vectors).bind(&asked).bind(&offsets).bind(&ids).bind(&vec![
                7.0f32;
                pairs
                    + 2
            ]),
        );
    };
    for stored in Rows::ALL {
        case(stored, Rows::Uniform, (100, 64), &[3, 0, 40], 0);
        case(Rows::Clustered, stored, (100, 64), &[20, 21], 1_000);
    }
    for lens in [&[][..], &[0], &[1], &[63], &[64], &[65], &[0, 0, 997, 0], &[2_500, 1]] {
        case(Rows::Uniform, Rows::Uniform, (50, 32), lens, 50);
    }
    case(Rows::Uniform, Rows::Uniform, (3, 8_192), &[10, 10], 0);
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::{Device, DeviceChoice, DeviceOptions};

    #[test]
    fn cpu_gives_the_bits_of_the_reference() {
        let open =
            |choice| Device::open(&DeviceOptions { choice, ..Default::default() }).expect("the CPU is there");
        let (mut cpu, mut law) = (open(DeviceChoice::Cpu), open(DeviceChoice::CpuReference));
        for case in cases(7) {
            let play = |device: &mut Device| case.play(&KERNEL, device).expect("a small case");
            assert_eq!(play(&mut cpu)[4], play(&mut law)[4], "{}", case.name);
        }
    }
}
