//! Words that device forms of a search keep beside their bindings: coded queries, and a list for each query of a tile.

use crate::kernels::shared::row_shard::DIM_MAX;

/// Queries of a tile in WGSL, where there is memory for all their codes.
pub(crate) const WGSL_QUERIES: u64 = 8;

/// A list of a workgroup of a WGSL form: how many rows it holds, keys, rows and estimates.
fn wgsl_list_words(k: u64) -> u64 {
    let room = (2 * k.next_power_of_two()).max(512);
    1 + 3 * room
}

/// Of a workgroup in WGSL: a list for each query of a tile, and one query's numbers while they are coded.
pub(crate) fn wgsl_workgroup_words(queries: u32, dim: u32, k: u32) -> u64 {
    let dim = u64::from(dim);
    let lists = u64::from(queries).min((DIM_MAX as u64 / dim).clamp(1, WGSL_QUERIES));
    lists * wgsl_list_words(k.into()) + dim
}

/// Queries in CUDA, whose products with some rows tensor cores keep in registers; smaller batches take one product of eight.
pub(crate) const QUERIES: u64 = 64;
/// Rows that the warps of a workgroup multiply before lists are looked after.
const ROUND_ROWS: u64 = 256;
/// Dimensions that lanes read together.
const CHUNK: u64 = 64;

/// In CUDA: codes of all queries in whole chunks and tiles, and four numbers of each.
pub(crate) fn coded_words(queries: u32, dim: u32) -> u64 {
    let queries = u64::from(queries);
    let padded = queries.next_multiple_of(if queries > 8 { QUERIES } else { 8 });
    padded * (u64::from(dim).div_ceil(CHUNK) * CHUNK / 4 + 4)
}

/// Of a block in CUDA: a list for each query of a tile, and one query's numbers while they are coded.
pub(crate) fn cuda_workgroup_words(queries: u32, dim: u32, k: u32) -> u64 {
    let lists = u64::from(queries).min(QUERIES);
    // What makes a list full and what a round may add.
    let k = u64::from(k);
    let room = (k + (k / 2).max(128) + ROUND_ROWS).next_power_of_two();
    (lists * (2 + 3 * room) + u64::from(dim)).next_multiple_of(4)
}
