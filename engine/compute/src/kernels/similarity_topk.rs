//! `similarity_topk`: the rows of one shard that may resemble a query most, by their codes.
//!
//! - Input: codes and factors of the first `rows` rows of a `RowShard`; `queries`, f32 `[queries][dim]`; `masks`, one bit a row in
//!   words of 64 rows (bit r % 64 of word r / 64, of `mask_words` words each): none, one for all queries, or one a query. A row
//!   whose bit is 0 is not looked at. Callers refuse NaN and infinity in queries.
//! - A query is multiplied by its unit, the power of two that brings its largest magnitude into 1..2 (`shared::queries`), then
//!   rotated and coded in 7 bits as rows are. Scores, here, are of the query so multiplied.
//! - The estimate of a row is the integer product of codes times both scales, in f32. By Cauchy and Schwarz its score is off by at
//!   most a bound (`simd::score_bound`); estimate and bound, rounded once each and added, are its upper end.
//! - Output: for each query `k` places (1..=2,048): the rows of the highest upper ends over the query's floor in `floors`, f32
//!   `[queries]`. Highest first, equal ones by lower id: `ids` = `row_base` + row, `uppers` and `estimates`. Places without a row
//!   hold u32::MAX and -inf.
//! - So whoever knows exact scores of the listed rows knows the best of all as soon as enough of them are over the last upper end:
//!   no row that is not listed can be better (`index::Settling`).
//! - Tolerance: `cpu` agrees bit for bit (tests demand it). Where a compiler fuses products into sums, upper ends are half an ulp of
//!   their parts off, each at most twice as large as the list's largest: 4 ulp, and rows that close may change places.

mod cases;
mod scan;

use super::shared::graph_shard::CodedRows;
use super::shared::leaders::{Leader, Places};
use super::shared::queries::Queries;
use super::shared::ranked::NO_ROW;
use super::shared::row_shard::RowShard;
use super::shared::search_texts::{
    CUDA_LISTS, CUDA_PRODUCTS, LISTS, NUMBERS, PRODUCT, PRODUCT_BY_SUBGROUPS, QUERY_CODES, SCORES,
};
use super::shared::tiles;
use crate::args::Args;
use crate::buffer::{AnyBuffer, Buffer};
use crate::element::Element;
use crate::kernel::{Binding, Extent, Grid, Kernel, Params as _, Tolerance};
use crate::recording::Recording;
use crate::simd::{Simd, rotation, score_bound};
use crate::source::{Scratch, Source, Text};

/// Longest list.
pub const K_MAX: usize = 2_048;

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
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "similarity_topk",
    bindings: &[
        Binding::read("codes", Element::U32),
        Binding::read("factors", Element::F32),
        Binding::read("queries", Element::F32),
        Binding::read("masks", Element::U64),
        Binding::read("floors", Element::F32),
        Binding::write("ids", Element::U32),
        Binding::write("uppers", Element::F32),
        Binding::write("estimates", Element::F32),
    ],
    params: Params::FIELDS,
    workgroup: [256, 1, 1],
    grid: Grid {
        x: Extent::Per { field: "queries", items: 1 },
        y: Extent::Per { field: "rows", items: scan::TASK_ROWS_MIN as u32 },
    },
    tolerance: Tolerance::TopK { min_recall: 1.0, score_ulp: 4 },
    reference,
    cpu: scan::cpu,
    sources: &[
        Source {
            entries: &["scan", "merge"],
            scratch: Scratch::Workgroup(wgsl_words),
            subgroup_parts: Some(&[
                &NUMBERS,
                &rotation::WGSL,
                &QUERY_CODES,
                &LISTS,
                &SCORES,
                &PRODUCT_BY_SUBGROUPS,
                &WGSL,
            ]),
            ..Source::wgsl(&[&NUMBERS, &rotation::WGSL, &QUERY_CODES, &LISTS, &SCORES, &PRODUCT, &WGSL])
        },
        Source {
            entries: &["code", "scan", "merge"],
            scratch: Scratch::Both { dispatch: dispatch_words, workgroup: workgroup_words },
            grid: Some(Grid {
                x: Extent::Per { field: "queries", items: tiles::QUERIES as u32 },
                y: Extent::Per { field: "rows", items: SHARE_ROWS },
            }),
            // None waits for another, but more than there is room for would only hold more lists.
            resident: true,
            // Products of a tile stay in registers, so a thread has all it can have.
            threads_min: 256,
            ..Source::cuda(&[&NUMBERS, &rotation::CUDA, &CUDA_LISTS, &CUDA_PRODUCTS, &CUDA])
        },
    ],
    absent: &[],
    cases: cases::cases,
};

/// Own part of the WGSL form.
static WGSL: Text = Text { constants: &[], text: include_str!("../../../../shaders/similarity_topk.wgsl") };
/// Own part of the CUDA form.
static CUDA: Text = Text { constants: &[], text: include_str!("../../../../kernels/similarity_topk.cu") };

/// Fewest rows of a share in CUDA: two rounds, of which the second knows what the first found.
const SHARE_ROWS: u32 = 512;

fn wgsl_words(params: &[u32]) -> u64 {
    let params = Params::of(params);
    tiles::wgsl_workgroup_words(params.queries, params.dim, params.k)
}

fn dispatch_words(params: &[u32]) -> u64 {
    let params = Params::of(params);
    tiles::coded_words(params.queries, params.dim)
}

fn workgroup_words(params: &[u32]) -> u64 {
    let params = Params::of(params);
    tiles::cuda_workgroup_words(params.queries, params.dim, params.k)
}

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

impl Masks<'_> {
    /// How many there are, and what is bound for them: an array of `shard` stands in where there are none.
    pub(crate) fn bound(self, shard: &RowShard, queries: usize, words: usize) -> (usize, AnyBuffer) {
        let (count, buffer) = match self {
            Masks::None => (0, shard.codes.erase().stand_in(Element::U64)),
            Masks::Shared(buffer) => (1, buffer.erase()),
            Masks::PerQuery(buffer) => (queries, buffer.erase()),
        };
        let enough = count == 0 || buffer.len >= count * words;
        assert!(enough, "{count} masks of {words} words in {buffer}, this is a bug");
        (count, buffer)
    }
}

impl Lists<'_> {
    /// Holds them to so many queries; what is bound for them.
    pub(crate) fn bound(&self, queries: usize, k: usize) -> [AnyBuffer; 3] {
        assert!((1..=K_MAX).contains(&k), "top {k}, this is a bug");
        let Lists { ids, uppers, estimates } = self;
        let bound = [ids.erase(), uppers.erase(), estimates.erase()];
        let room = bound.iter().all(|buffer| buffer.len >= queries * k);
        assert!(room, "room for {k} places of {queries} queries, this is a bug");
        bound
    }
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
    /// f32 `[query_count]`, times the query's unit: rows whose upper end is not over it are left out.
    pub floors: &'a Buffer<f32>,
    /// Places in each list, 1..=2,048.
    pub k: usize,
}

/// Where the lists of a search go, each `[query_count][k]`.
#[derive(Clone, Copy, Debug)]
pub struct Lists<'a> {
    /// Row ids.
    pub ids: &'a Buffer<u32>,
    /// Upper ends of their scores.
    pub uppers: &'a Buffer<f32>,
    /// Estimates of their scores.
    pub estimates: &'a Buffer<f32>,
}

/// Records a search.
pub fn record(recording: &mut Recording, search: &Search<'_>, lists: &Lists<'_>) {
    let Search { shard, rows, row_base, queries, query_count, masks, floors, k } = *search;
    let found = lists.bound(query_count, k);
    let dim = shard.dim();
    assert!(rows <= shard.capacity(), "{rows} rows of a shard of {}, this is a bug", shard.capacity());
    assert!(row_base as u64 + rows as u64 <= u64::from(NO_ROW), "row ids over 32 bits, this is a bug");
    let asked = queries.len() >= query_count * dim && floors.len() >= query_count;
    assert!(
        asked,
        "{query_count} queries in {}, floors in {}, this is a bug",
        queries.erase(),
        floors.erase()
    );
    let words = mask_words(rows);
    let (mask_count, mask_buffer) = masks.bound(shard, query_count, words);
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
    };
    let (codes, factors) = (shard.codes.erase(), shard.factors.erase());
    recording.dispatch(
        &KERNEL,
        &params,
        &[codes, factors, queries.erase(), mask_buffer, floors.erase(), found[0], found[1], found[2]],
    );
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
    let (dim, count) = (params.dim as usize, params.queries as usize);
    let coded = Queries::new(Simd::portable(), &args.read::<f32>(2)[..count * dim], dim);
    let codes: &[u8] = bytemuck::cast_slice(args.read::<u32>(0));
    let rows = CodedRows { simd: Simd::portable(), dim, codes, factors: args.read(1) };
    let (masks, floors): (&[u64], &[f32]) = (args.read(3), args.read(4));
    let mut lists = Vec::new();
    for (query, &floor) in floors[..count].iter().enumerate() {
        let probe = coded.probe(query);
        let (norm, error) = coded.bounds(query);
        let mut list = Vec::new();
        for row in 0..params.rows {
            let word = |first| masks[first + row as usize / 64];
            if params.mask_first(query).is_some_and(|first| word(first) >> (row % 64) & 1 == 0) {
                continue;
            }
            let estimate = rows.plain_estimate(row, &probe);
            let leader = Leader::new(row, estimate, score_bound(&rows.factors(row), norm, error));
            if leader.upper > floor {
                list.push(leader);
            }
        }
        list.sort_by(Leader::order);
        lists.push(list);
    }
    write_lists(args, lists.into_iter());
}

/// Fills the places of all queries with their rows, best first.
fn write_lists(args: &mut Args<'_>, lists: impl ExactSizeIterator<Item = Vec<Leader>>) {
    let Params { row_base, k, .. } = args.params();
    let places = Places { ids: args.write(5), uppers: args.write(6), estimates: args.write(7) };
    places.fill(k as usize, row_base, lists);
}

#[cfg(test)]
mod tests;
