//! The CPU form.
//!
//! Work is cut into tasks of a range of rows by a group of queries. In a task, each block of codes is loaded once and meets every
//! query of the group while it is in the first-level cache. Rows over the query's floor enter its list; the floor rises with
//! the list. How the work was cut, and by how many threads, cannot be seen in the result.

use std::sync::atomic::{AtomicU32, Ordering};

use super::Params;
use crate::args::Args;
use crate::kernels::shared::leaders::{Leader, Leaders};
use crate::kernels::shared::queries::Queries;
use crate::kernels::shared::ranked::{ascending, from_ascending};
use crate::kernels::shared::row_shard::code_block;
use crate::parallel::collect_in_parallel;
use crate::simd::{BLOCK_ROWS, CodeBlock, RowFactors, Simd, fetch, score_bound};

/// Queries that share a pass over the codes: their own codes stay in the second-level cache.
const GROUP_QUERIES: usize = 256;
/// Fewest blocks of a task. Each task starts without a floor, so short ones keep too much.
const TASK_BLOCKS_MIN: usize = 64;
/// The same in rows.
pub(super) const TASK_ROWS_MIN: usize = TASK_BLOCKS_MIN * BLOCK_ROWS;
/// Up to so many allowed rows of a block are looked at one by one.
const SPARSE_ROWS: u32 = 6;
/// So many blocks ahead of their turn they are asked for.
const BLOCKS_AHEAD: usize = 8;
/// Tasks for each thread, so that a thread that was held up does not hold up the rest.
const TASKS_PER_THREAD: usize = 2;

/// What all tasks of a dispatch look at.
struct Scan<'a> {
    params: Params,
    simd: &'static Simd,
    codes: &'a [u32],
    factors: &'a [f32],
    masks: &'a [u64],
    floors: &'a [f32],
}

pub(super) fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, count) = (params.dim as usize, params.queries as usize);
    let queries = &args.read::<f32>(2)[..count * dim];
    let scan = Scan {
        params,
        simd: args.simd(),
        codes: args.read(0),
        factors: args.read(1),
        masks: args.read(3),
        floors: args.read(4),
    };
    let groups: Vec<&[f32]> = queries.chunks(GROUP_QUERIES * dim).collect();
    let groups = collect_in_parallel(groups.len(), |group| Queries::new(scan.simd, groups[group], dim));
    let blocks = (params.rows as usize).div_ceil(BLOCK_ROWS);
    let part_blocks = part_blocks(blocks, groups.len(), rayon::current_num_threads());
    let parts = blocks.div_ceil(part_blocks).max(1);
    let floors: Vec<SharedFloor> = (0..count).map(|_| SharedFloor::default()).collect();
    let tasks = collect_in_parallel(groups.len() * parts, |task| {
        let (group, part) = (task / parts, task % parts);
        let range = part * part_blocks..((part + 1) * part_blocks).min(blocks);
        scan.task(&groups[group], group * GROUP_QUERIES, range, &floors)
    });
    let lists = (0..count).map(|query| {
        let (group, place) = (query / GROUP_QUERIES, query % GROUP_QUERIES);
        let mut list: Vec<Leader> =
            tasks[group * parts..][..parts].iter().flat_map(|part| &part[place]).copied().collect();
        if parts > 1 {
            list.sort_unstable_by(Leader::order);
        }
        list
    });
    super::write_lists(args, lists);
}

fn row_factors(block: &CodeBlock<'_>, lane: usize) -> RowFactors {
    let factor = |kind: usize| block.factors[kind * BLOCK_ROWS + lane];
    RowFactors { scale: factor(0), error: factor(1), norm: factor(2) }
}

/// Blocks of rows in each task.
fn part_blocks(blocks: usize, groups: usize, threads: usize) -> usize {
    if threads == 1 {
        return blocks.max(1);
    }
    let parts = (threads * TASKS_PER_THREAD).div_ceil(groups.max(1));
    blocks.div_ceil(parts).max(TASK_BLOCKS_MIN)
}

/// A query's highest floor so far, as the bits of a float in an order that integers share.
struct SharedFloor(AtomicU32);

impl Default for SharedFloor {
    fn default() -> Self {
        SharedFloor(AtomicU32::new(ascending(f32::NEG_INFINITY)))
    }
}

impl SharedFloor {
    /// Rows at the floor itself may still win their tie, by id; so it is told a little lower.
    fn get(&self) -> f32 {
        from_ascending(self.0.load(Ordering::Relaxed)).next_down()
    }

    fn raise(&self, floor: f32) {
        self.0.fetch_max(ascending(floor), Ordering::Relaxed);
    }
}

impl Scan<'_> {
    /// Best rows of a range of blocks for each query of a group whose first is query `first` of the dispatch.
    fn task(
        &self,
        queries: &Queries,
        first: usize,
        blocks: std::ops::Range<usize>,
        shared: &[SharedFloor],
    ) -> Vec<Vec<Leader>> {
        let (dim, k) = (self.params.dim as usize, self.params.k as usize);
        let count = queries.len();
        let floor = |query: usize| self.floors[first + query].max(shared[first + query].get());
        let mut floors: Vec<f32> = (0..count).map(floor).collect();
        let mut lists: Vec<Leaders> = (0..count).map(|_| Leaders::new(k)).collect();
        let mut active: Vec<u32> = Vec::with_capacity(count);
        let mut allowed = vec![0u32; count];
        let mut hits = vec![0u32; count];
        let mut estimates = vec![0.0; count * BLOCK_ROWS];
        let mut scratch = Vec::new();
        let one_mask = self.params.masks < 2;
        let blocks_end = blocks.end;
        for block in blocks {
            // 1. Rows that count in this block, and the queries for which there are any.
            active.clear();
            if one_mask {
                self.fetch_ahead(first, block + BLOCKS_AHEAD, blocks_end);
                allowed.fill(self.allowed(first, block));
                active.extend((0..count as u32).filter(|_| allowed[0] != 0));
            } else {
                for query in 0..count {
                    let rows = self.allowed(first + query, block);
                    if rows != 0 {
                        allowed[active.len()] = rows;
                        active.push(query as u32);
                    }
                }
            }
            if active.is_empty() {
                continue;
            }
            // 2. Estimates of the rows whose upper end is over the floor.
            let codes = code_block(self.codes, self.factors, dim, block);
            let (hits, estimates) = (&mut hits[..active.len()], &mut estimates[..active.len() * BLOCK_ROWS]);
            let sparse = allowed[..active.len()].iter().all(|rows| rows.count_ones() <= SPARSE_ROWS);
            if sparse {
                for (place, &query) in active.iter().enumerate() {
                    let estimates = &mut estimates[place * BLOCK_ROWS..(place + 1) * BLOCK_ROWS];
                    let query = query as usize;
                    let floor = floors[query];
                    hits[place] = self.look_at(allowed[place], &codes, queries, query, floor, estimates);
                }
            } else {
                self.simd.scan_block(&codes, &queries.scan(&floors), &active, &mut scratch, hits, estimates);
            }
            // 3. They go to the lists.
            for (place, &query) in active.iter().enumerate() {
                let mut rows = hits[place] & allowed[place];
                if rows == 0 {
                    continue;
                }
                let query = query as usize;
                let (norm, error) = queries.bounds(query);
                while rows != 0 {
                    let lane = rows.trailing_zeros() as usize;
                    rows &= rows - 1;
                    let bound = score_bound(&row_factors(&codes, lane), norm, error);
                    let row = (block * BLOCK_ROWS + lane) as u32;
                    let leader = Leader::new(row, estimates[place * BLOCK_ROWS + lane], bound);
                    lists[query].push(leader, &mut floors[query]);
                }
            }
        }
        let finish = |(query, list): (usize, Leaders)| {
            let best = list.finish(&mut floors[query]);
            shared[first + query].raise(floors[query]);
            best
        };
        lists.into_iter().enumerate().map(finish).collect()
    }

    /// Asks for the rows of a block that will be looked at one by one.
    fn fetch_ahead(&self, query: usize, block: usize, blocks_end: usize) {
        if self.params.masks == 0 || block >= blocks_end {
            return;
        }
        let (rows, dim) = (self.allowed(query, block), self.params.dim as usize);
        if rows.count_ones() <= SPARSE_ROWS {
            for lane in (0..BLOCK_ROWS).filter(|lane| rows >> lane & 1 == 1) {
                fetch(&self.codes[(block * BLOCK_ROWS + lane) * dim / 4..][..dim / 4]);
            }
        }
    }

    /// As `Simd::scan_block`, for some rows of a block and one query.
    fn look_at(
        &self,
        rows: u32,
        block: &CodeBlock<'_>,
        queries: &Queries,
        query: usize,
        floor: f32,
        estimates: &mut [f32],
    ) -> u32 {
        let (mut lanes, mut sums, mut count) = ([0u32; BLOCK_ROWS], [0; BLOCK_ROWS], 0);
        for lane in (0..BLOCK_ROWS as u32).filter(|lane| rows >> lane & 1 == 1) {
            lanes[count] = lane;
            count += 1;
        }
        let probe = queries.probe(query);
        self.simd.dot_codes(block.codes, &lanes[..count], probe.codes, &mut sums[..count]);
        let (norm, error) = queries.bounds(query);
        let mut hits = 0;
        for (&lane, &sum) in lanes[..count].iter().zip(&sums) {
            let factors = row_factors(block, lane as usize);
            let estimate = probe.estimate(sum, factors.scale);
            estimates[lane as usize] = estimate;
            hits |= u32::from(estimate + score_bound(&factors, norm, error) > floor) << lane;
        }
        hits
    }

    /// Bits of the rows of a block that exist and that the query's mask lets through.
    fn allowed(&self, query: usize, block: usize) -> u32 {
        let first_row = block * BLOCK_ROWS;
        let exist = (self.params.rows as usize - first_row).min(BLOCK_ROWS);
        let exist = u32::MAX >> (BLOCK_ROWS - exist);
        match self.params.mask_first(query) {
            None => exist,
            Some(first) => (self.masks[first + first_row / 64] >> (first_row % 64)) as u32 & exist,
        }
    }
}
