//! `similarity_cells`: the rows that may resemble a query most, among those of the cells it looks into (an inverted file: Jégou and others
//! 2011).
//!
//! - Input: a partition of rows into `cells`. Codes and factors lie in a `RowShard` by place, cell after cell, each in whole blocks of 32:
//!   cell c has blocks starts[c]..starts[c + 1] of `starts`, u32 `[cells + 1]`, rising. `names`, u32 `[places]`: the id of the row at
//!   a place, NO_ROW where there is none; an id stands at one place alone.
//! - `queries`, f32 `[queries][dim]`, coded and scored as in `similarity_topk`. `probes`, u32 `[queries][probes]`: the cells that a query
//!   looks into. What names no cell, and a cell that is named again, does not count; so they may be the `ids` of a `similarity_topk`
//!   over what stands for the cells.
//! - `masks`, one bit a row id in words of 64, of `mask_words` words each: none, one for all queries, or one a query. A row whose bit is
//!   0 is not looked at.
//! - Output, as there: for each query `k` places (1..=2,048), the rows of the highest upper ends over the query's floor in `floors`, f32
//!   `[queries]`, of all cells it looks into. Highest first, equal ones by lower id: `ids`, `uppers` and `estimates`. Places without
//!   a row hold u32::MAX and -inf.
//! - So of the rows looked at none that is not listed can be better than the last upper end. Of the others nothing is said.
//! - Tolerance: that of `similarity_topk`, and for its reasons.

mod cases;
mod cpu;

use super::shared::graph_shard::CodedRows;
use super::shared::leaders::{Leader, Places};
use super::shared::queries::Queries;
use super::shared::ranked::NO_ROW;
use super::shared::row_shard::RowShard;
use super::shared::search_texts::{
    CUDA_LISTS, CUDA_PRODUCTS, LISTS, NUMBERS, PRODUCT, PRODUCT_BY_SUBGROUPS, QUERY_CODES, SCORES,
};
use super::shared::tiles;
use super::similarity_topk::{Lists, Masks, mask_words};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::element::Element;
use crate::kernel::{Binding, Extent, Grid, Kernel, Params as _, Tolerance};
use crate::recording::Recording;
use crate::simd::{BLOCK_ROWS, Simd, rotation, score_bound};
use crate::source::{Scratch, Source, Text};

crate::params! {
    /// Parameters of `similarity_cells`.
    pub struct Params {
        /// Dimensions of a row.
        pub dim: u32,
        /// Cells of the partition.
        pub cells: u32,
        /// Queries.
        pub queries: u32,
        /// Cells that each names.
        pub probes: u32,
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
    name: "similarity_cells",
    bindings: &[
        Binding::read("codes", Element::U32),
        Binding::read("factors", Element::F32),
        Binding::read("names", Element::U32),
        Binding::read("starts", Element::U32),
        Binding::read("queries", Element::F32),
        Binding::read("probes", Element::U32),
        Binding::read("masks", Element::U64),
        Binding::read("floors", Element::F32),
        Binding::write("ids", Element::U32),
        Binding::write("uppers", Element::F32),
        Binding::write("estimates", Element::F32),
    ],
    params: Params::FIELDS,
    workgroup: [256, 1, 1],
    // A query looks into a few in a hundred: most of eight are nobody's.
    grid: Grid { x: Extent::Per { field: "cells", items: 8 }, y: Extent::One },
    tolerance: Tolerance::TopK { min_recall: 1.0, score_ulp: 4 },
    reference,
    cpu: cpu::cpu,
    sources: &[
        Source {
            entries: &["code", "group", "scan", "merge"],
            scratch: Scratch::Both { dispatch: wgsl_dispatch_words, workgroup: wgsl_workgroup_words },
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
            entries: &["code", "group", "scan", "merge"],
            scratch: Scratch::Both { dispatch: cuda_dispatch_words, workgroup: cuda_workgroup_words },
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
static WGSL: Text = Text { constants: &[], text: include_str!("../../../../shaders/similarity_cells.wgsl") };
/// Own part of the CUDA form.
static CUDA: Text = Text { constants: &[], text: include_str!("../../../../kernels/similarity_cells.cu") };

/// Rows in cells.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    /// The rows, by place.
    pub shard: &'a RowShard,
    /// Ids by place, `[capacity]`; u32::MAX where no row is.
    pub names: &'a Buffer<u32>,
    /// First block of each cell, and the end of the last, `[count + 1]`.
    pub starts: &'a Buffer<u32>,
    /// How many there are.
    pub count: usize,
    /// One more than the highest id, which masks have bits for.
    pub rows: usize,
}

/// One search.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Where the rows are.
    pub cells: Cells<'a>,
    /// f32 `[query_count][dim]`, no NaN.
    pub queries: &'a Buffer<f32>,
    /// How many.
    pub query_count: usize,
    /// Cells that a query looks into, `[query_count][probe_count]`.
    pub probes: &'a Buffer<u32>,
    /// How many for each.
    pub probe_count: usize,
    /// Which rows are looked at, by id.
    pub masks: Masks<'a>,
    /// f32 `[query_count]`, times the query's unit: rows whose upper end is not over it are left out.
    pub floors: &'a Buffer<f32>,
    /// Places in each list, 1..=2,048.
    pub k: usize,
}

/// Most words that a device form keeps beside its bindings and what its workgroups have: whoever searches asks for no more queries
/// together than a device has room for.
pub fn scratch_words(dim: usize, cells: usize, queries: usize, probes: usize, k: usize) -> u64 {
    let [dim, cells, queries, probes, k] = [dim, cells, queries, probes, k].map(|count| count as u32);
    let params = Params { dim, cells, queries, probes, k, masks: 0, mask_words: 0 };
    params.wgsl_words().max(params.cuda_words())
}

/// Records a search.
pub fn record(recording: &mut Recording, search: &Search<'_>, lists: &Lists<'_>) {
    let Search { cells, queries, query_count, probes, probe_count, masks, floors, k } = *search;
    let Cells { shard, names, starts, count, rows } = cells;
    let found = lists.bound(query_count, k);
    let dim = shard.dim();
    assert!(
        names.len() >= shard.capacity() && starts.len() > count,
        "{count} cells in {starts:?}, this is a bug"
    );
    let pairs = query_count * probe_count;
    let asked = queries.len() >= query_count * dim && floors.len() >= query_count && probes.len() >= pairs;
    assert!(asked, "{query_count} queries of {probe_count} cells, fewer given, this is a bug");
    assert!(pairs < NO_ROW as usize, "{pairs} pairs of a query and a cell, this is a bug");
    let words = mask_words(rows);
    let (mask_count, mask_buffer) = masks.bound(shard, query_count, words);
    if query_count == 0 {
        return;
    }
    let params = Params {
        dim: dim as u32,
        cells: count as u32,
        queries: query_count as u32,
        probes: probe_count as u32,
        k: k as u32,
        masks: mask_count as u32,
        mask_words: words as u32,
    };
    let rows = [shard.codes.erase(), shard.factors.erase(), names.erase(), starts.erase()];
    let asked = [queries.erase(), probes.erase(), mask_buffer, floors.erase()];
    recording.dispatch(&KERNEL, &params, &[&rows[..], &asked, &found].concat());
}

impl Params {
    fn pairs(&self) -> u64 {
        u64::from(self.queries) * u64::from(self.probes)
    }

    /// Queries, the pairs of each cell and the list of each pair.
    fn wgsl_words(&self) -> u64 {
        let (cells, queries) = (u64::from(self.cells), u64::from(self.queries));
        let coded = queries * (u64::from(self.dim) / 4 + 4);
        coded + cells + cells * queries + self.pairs() * (1 + 3 * u64::from(self.k))
    }

    /// The same, with the least key of each query and the parts that pairs make.
    fn cuda_words(&self) -> u64 {
        let (cells, queries) = (u64::from(self.cells), u64::from(self.queries));
        let coded = tiles::coded_words(self.queries, self.dim);
        let parts = 1 + 2 * self.pairs();
        coded + queries + cells + parts + cells * queries + self.pairs() * (2 + 3 * u64::from(self.k))
    }

    /// Whether a query's mask lets a row through.
    fn allows(&self, masks: &[u64], query: usize, row: u32) -> bool {
        let first = if self.masks > 1 { query * self.mask_words as usize } else { 0 };
        self.masks == 0 || masks[first + row as usize / 64] >> (row % 64) & 1 == 1
    }
}

fn wgsl_dispatch_words(params: &[u32]) -> u64 {
    Params::of(params).wgsl_words()
}

fn wgsl_workgroup_words(params: &[u32]) -> u64 {
    let params = Params::of(params);
    tiles::wgsl_workgroup_words(params.queries, params.dim, params.k)
}

fn cuda_dispatch_words(params: &[u32]) -> u64 {
    // Whole vectors, for the sake of who reads codes.
    Params::of(params).cuda_words().next_multiple_of(4)
}

fn cuda_workgroup_words(params: &[u32]) -> u64 {
    let params = Params::of(params);
    tiles::cuda_workgroup_words(params.queries, params.dim, params.k)
}

/// The cells that a query looks into, each once.
fn looked_into(probes: &[u32], cells: u32) -> Vec<u32> {
    let mut looked: Vec<u32> = Vec::with_capacity(probes.len());
    for &cell in probes {
        if cell < cells && !looked.contains(&cell) {
            looked.push(cell);
        }
    }
    looked
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, count) = (params.dim as usize, params.queries as usize);
    let codes: &[u8] = bytemuck::cast_slice(args.read::<u32>(0));
    let rows = CodedRows { simd: Simd::portable(), dim, codes, factors: args.read(1) };
    let (names, starts): (&[u32], &[u32]) = (args.read(2), args.read(3));
    let coded = Queries::new(Simd::portable(), &args.read::<f32>(4)[..count * dim], dim);
    let (probes, masks, floors): (&[u32], &[u64], &[f32]) = (args.read(5), args.read(6), args.read(7));
    let mut lists = Vec::new();
    for (query, &floor) in floors[..count].iter().enumerate() {
        let probe = coded.probe(query);
        let (norm, error) = coded.bounds(query);
        let mut list = Vec::new();
        let own = &probes[query * params.probes as usize..][..params.probes as usize];
        for cell in looked_into(own, params.cells) {
            let [first, end] = [cell, cell + 1].map(|cell| starts[cell as usize] as usize * BLOCK_ROWS);
            for (place, &row) in (first as u32..).zip(&names[first..end]) {
                if row == NO_ROW || !params.allows(masks, query, row) {
                    continue;
                }
                let estimate = rows.plain_estimate(place, &probe);
                let leader = Leader::new(row, estimate, score_bound(&rows.factors(place), norm, error));
                if leader.upper > floor {
                    list.push(leader);
                }
            }
        }
        list.sort_by(Leader::order);
        lists.push(list);
    }
    write_lists(args, lists);
}

/// Fills the places of all queries with their rows, best first.
fn write_lists(args: &mut Args<'_>, lists: Vec<Vec<Leader>>) {
    let k = args.params::<Params>().k as usize;
    let places = Places { ids: args.write(8), uppers: args.write(9), estimates: args.write(10) };
    places.fill(k, 0, lists.into_iter());
}

#[cfg(test)]
mod tests;
