//! How device forms cut their work: a workgroup takes a tile of queries and a share of the rows.

use super::Params;
use crate::kernel::{Extent, Grid};
use crate::kernels::shared::row_shard::DIM_MAX;

/// Queries of a tile in WGSL, where there is memory for all their codes.
pub(super) const WGSL_QUERIES: u64 = 8;

/// Scratch of a workgroup of the WGSL form: a list for each query of a tile, and one query's numbers while they are coded.
pub(super) fn wgsl_words(params: &[u32]) -> u64 {
    let params = Params::of(params);
    let dim = u64::from(params.dim);
    let lists = u64::from(params.queries).min((DIM_MAX as u64 / dim).clamp(1, WGSL_QUERIES));
    let room = u64::from(2 * params.k.next_power_of_two()).max(512);
    lists * (1 + 3 * room) + dim
}

/// Queries in CUDA, whose products with some rows tensor cores keep in registers; smaller batches take one product of eight.
pub(super) const QUERIES: u64 = 64;
/// Rows that the warps of a workgroup multiply before lists are looked after.
const ROUND_ROWS: u64 = 256;
/// Fewest rows of a share: two rounds, of which the second knows what the first found.
const SHARE_ROWS: u32 = 512;
/// Dimensions that lanes read together.
const CHUNK: u64 = 64;

pub(super) const GRID: Grid = Grid {
    x: Extent::Per { field: "queries", items: QUERIES as u32 },
    y: Extent::Per { field: "rows", items: SHARE_ROWS },
};

/// Codes of all queries in whole chunks and tiles, and four numbers of each.
pub(super) fn dispatch_words(params: &[u32]) -> u64 {
    let params = Params::of(params);
    let queries = u64::from(params.queries);
    let padded = queries.next_multiple_of(if queries > 8 { QUERIES } else { 8 });
    padded * (u64::from(params.dim).div_ceil(CHUNK) * CHUNK / 4 + 4)
}

/// A list for each query of a tile, and one query's numbers while they are coded.
pub(super) fn workgroup_words(params: &[u32]) -> u64 {
    let params = Params::of(params);
    let lists = u64::from(params.queries).min(QUERIES);
    // What makes a list full and what a round may add.
    let k = u64::from(params.k);
    let room = (k + (k / 2).max(128) + ROUND_ROWS).next_power_of_two();
    (lists * (2 + 3 * room) + u64::from(params.dim)).next_multiple_of(4)
}
