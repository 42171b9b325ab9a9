//! `similarity_topk`: exact top-k by inner product over the rows of one shard.
//!
//! - Input: `rows` rows of a `RowShard` (f16 vectors, codes, factors); `queries`, f32 `[queries][dim]`; `masks`, one
//!   bit a row in words of 64 rows (bit r % 64 of word r / 64, of `mask_words` words each): none, one for all queries, or one
//!   a query. A row whose bit is 0 is not looked at. Callers refuse NaN and infinity in queries.
//! - Score of a row: the sum over d of vector[d] * query[d] in f64, rounded to f32; -0 counts as 0. Beyond the range of
//!   f32 it is infinite.
//! - Output: for each query `k` places (1..=1,024), best first: `ids` = `row_base` + row, and `scores`. Equal scores
//!   are ordered by lower id. Rows scoring below `score_min` are left out. Places without a row hold u32::MAX and -inf.
//! - Every form returns the same rows as a full scan: codes only exclude rows whose error bound proves that they cannot be
//!   among the best.
//! - Tolerance: forms that sum in f64 agree bit for bit (tests demand it of `cpu`). A form that sums 8,192 products in
//!   f32 by a tree of depth 13 is off by at most 13 half-ulps of the sum of magnitudes, which for normalised rows is within
//!   64 ulp of the list's largest score; ranks may swap among scores that close. Every id must be there otherwise.

mod cases;
mod scan;
mod shortlist;

use half::f16;

use super::shared::ranked::{NO_ROW, NO_SCORE, Ranked, score_of};
use super::shared::row_shard::RowShard;
use crate::args::Args;
use crate::buffer::Buffer;
use crate::element::Element;
use crate::kernel::{Binding, Extent, Grid, Kernel, Params as _, Target, Tolerance};
use crate::recording::Recording;

/// Longest list.
pub const K_MAX: usize = 1_024;

crate::params! {
    /// Parameters of `similarity_topk`.
    pub struct Params {
        /// Dimensions of a row.
        pub dim: u32,
        /// Rows searched: the first of the shard.
        pub rows: u32,
        /// Id of the shard's first row.
        pub row_base: u32,
        /// Queries.
        pub queries: u32,
        /// Places in each list.
        pub k: u32,
        /// 0 if every row counts, 1 for one mask, else as many as queries.
        pub masks: u32,
        /// 64-bit words of one mask.
        pub mask_words: u32,
        /// Lowest score returned; -inf for all.
        pub score_min: f32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "similarity_topk",
    bindings: &[
        Binding::read("vectors", Element::F16),
        Binding::read("codes", Element::U32),
        Binding::read("factors", Element::F32),
        Binding::read("queries", Element::F32),
        Binding::read("masks", Element::U64),
        Binding::write("ids", Element::U32),
        Binding::write("scores", Element::F32),
    ],
    params: Params::FIELDS,
    workgroup: [256, 1, 1],
    grid: Grid {
        x: Extent::Per { field: "queries", items: 1 },
        y: Extent::Per { field: "rows", items: scan::TASK_ROWS_MIN as u32 },
    },
    tolerance: Tolerance::TopK { min_recall: 1.0, score_ulp: 64 },
    reference,
    cpu: scan::cpu,
    sources: &[],
    absent: &[(Target::Wgsl, "comes with the GPU back ends"), (Target::Cuda, "comes with the GPU back ends")],
    cases: cases::cases,
};

/// Which rows a search looks at.
#[derive(Clone, Copy, Debug)]
pub enum Masks<'a> {
    /// All.
    None,
    /// One mask for every query: `[mask_words(rows)]`.
    Shared(&'a Buffer<u64>),
    /// A mask for each query: `[queries][mask_words(rows)]`.
    PerQuery(&'a Buffer<u64>),
}

/// 64-bit words of a mask over `rows` rows.
pub fn mask_words(rows: usize) -> usize {
    rows.div_ceil(64)
}

/// One search.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Where the rows are.
    pub shard: &'a RowShard,
    /// How many of them count, from the first.
    pub rows: usize,
    /// Id of the shard's first row.
    pub row_base: u32,
    /// f32 `[query_count][dim]`, no NaN.
    pub queries: &'a Buffer<f32>,
    /// How many.
    pub query_count: usize,
    /// Which rows are looked at.
    pub masks: Masks<'a>,
    /// Places in each list, 1..=1,024.
    pub k: usize,
    /// Lowest score returned; `f32::NEG_INFINITY` for all.
    pub score_min: f32,
}

/// Records a search; lists go to `ids` and `scores`, each `[query_count][k]`.
pub fn record(recording: &mut Recording, search: &Search<'_>, ids: &Buffer<u32>, scores: &Buffer<f32>) {
    let Search { shard, rows, row_base, queries, query_count, masks, k, score_min } = *search;
    let dim = shard.dim();
    assert!((1..=K_MAX).contains(&k), "top {k}, this is a bug");
    assert!(rows <= shard.capacity(), "{rows} rows of a shard of {}, this is a bug", shard.capacity());
    assert!(row_base as u64 + rows as u64 <= u64::from(NO_ROW), "row ids over 32 bits, this is a bug");
    assert!(
        queries.len() >= query_count * dim,
        "{query_count} queries in {}, this is a bug",
        queries.erase()
    );
    assert!(!score_min.is_nan(), "score_min is NaN, this is a bug");
    let lists = query_count * k;
    assert!(ids.len() >= lists && scores.len() >= lists, "room for {lists} places, this is a bug");
    let words = mask_words(rows);
    let (mask_count, mask_buffer) = match masks {
        Masks::None => (0, shard.codes.erase().stand_in(Element::U64)),
        Masks::Shared(buffer) => (1, buffer.erase()),
        Masks::PerQuery(buffer) => (query_count, buffer.erase()),
    };
    let enough = mask_count == 0 || mask_buffer.len >= mask_count * words;
    assert!(enough, "{mask_count} masks of {words} words in {mask_buffer}, this is a bug");
    if query_count == 0 {
        return;
    }
    let params = Params {
        dim: dim as u32,
        rows: rows as u32,
        row_base,
        queries: query_count as u32,
        k: k as u32,
        masks: mask_count as u32,
        mask_words: words as u32,
        score_min,
    };
    let (vectors, codes, factors) = (shard.vectors.erase(), shard.codes.erase(), shard.factors.erase());
    let buffers = [vectors, codes, factors, queries.erase(), mask_buffer, ids.erase(), scores.erase()];
    recording.dispatch(&KERNEL, &params, &buffers);
}

impl Params {
    /// Index of the first mask word of a query, if there are masks.
    fn mask_first(&self, query: usize) -> Option<usize> {
        match self.masks {
            0 => None,
            1 => Some(0),
            _ => Some(query * self.mask_words as usize),
        }
    }
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, k) = (params.dim as usize, params.k as usize);
    let (vectors, queries): (&[f16], &[f32]) = (args.read(0), args.read(3));
    let masks: &[u64] = args.read(4);
    let (ids, scores): (&mut [u32], &mut [f32]) = (args.write(5), args.write(6));
    for query in 0..params.queries as usize {
        let mut ranked = Vec::new();
        for row in 0..params.rows as usize {
            let masked =
                params.mask_first(query).is_some_and(|first| masks[first + row / 64] >> (row % 64) & 1 == 0);
            if masked {
                continue;
            }
            let products =
                (0..dim).map(|d| vectors[row * dim + d].to_f64() * f64::from(queries[query * dim + d]));
            let score = score_of(sum_in_lanes(products));
            if score >= params.score_min {
                ranked.push(Ranked { id: params.row_base + row as u32, score });
            }
        }
        ranked.sort_by(Ranked::order);
        for place in 0..k {
            let (id, score) = ranked.get(place).map_or((NO_ROW, NO_SCORE), |row| (row.id, row.score));
            ids[query * k + place] = id;
            scores[query * k + place] = score;
        }
    }
}

/// The order of summation that defines a score: 16 partial sums by position, then halves added.
pub(crate) fn sum_in_lanes(products: impl Iterator<Item = f64>) -> f64 {
    let mut sums = [0.0; 16];
    for (d, product) in products.enumerate() {
        sums[d % 16] += product;
    }
    for width in [8, 4, 2, 1] {
        for lane in 0..width {
            sums[lane] += sums[lane + width];
        }
    }
    sums[0]
}

#[cfg(test)]
mod tests;
