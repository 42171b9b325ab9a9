//! The CPU form: a query a task, block by block. It stands in where a partition is searched without a card, and batches share nothing.

use super::{Params, looked_into, write_lists};
use crate::args::Args;
use crate::kernels::shared::leaders::{Leader, Leaders};
use crate::kernels::shared::queries::Queries;
use crate::kernels::shared::ranked::NO_ROW;
use crate::kernels::shared::row_shard::code_block;
use crate::parallel::collect_in_parallel;
use crate::simd::{BLOCK_ROWS, RowFactors, score_bound};

pub(super) fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, count) = (params.dim as usize, params.queries as usize);
    let (codes, factors): (&[u32], &[f32]) = (args.read(0), args.read(1));
    let (names, starts): (&[u32], &[u32]) = (args.read(2), args.read(3));
    let queries = &args.read::<f32>(4)[..count * dim];
    let (probes, masks, floors): (&[u32], &[u64], &[f32]) = (args.read(5), args.read(6), args.read(7));
    let simd = args.simd();
    let lists = collect_in_parallel(count, |query| {
        let coded = Queries::new(simd, &queries[query * dim..][..dim], dim);
        let (norm, error) = coded.bounds(0);
        let mut floor = floors[query];
        let mut list = Leaders::new(params.k as usize);
        let (mut scratch, mut hits, mut estimates) = (Vec::new(), [0u32], [0.0; BLOCK_ROWS]);
        let own = &probes[query * params.probes as usize..][..params.probes as usize];
        for cell in looked_into(own, params.cells) {
            for block in starts[cell as usize] as usize..starts[cell as usize + 1] as usize {
                let rows = &names[block * BLOCK_ROWS..][..BLOCK_ROWS];
                let counts = |row: u32| row != NO_ROW && params.allows(masks, query, row);
                if !rows.iter().any(|row| counts(*row)) {
                    continue;
                }
                let codes = code_block(codes, factors, dim, block);
                simd.scan_block(&codes, &coded.scan(&[floor]), &[0], &mut scratch, &mut hits, &mut estimates);
                for lane in (0..BLOCK_ROWS).filter(|lane| hits[0] >> lane & 1 == 1 && counts(rows[*lane])) {
                    let factor = |kind: usize| codes.factors[kind * BLOCK_ROWS + lane];
                    let factors = RowFactors { scale: factor(0), error: factor(1), norm: factor(2) };
                    let bound = score_bound(&factors, norm, error);
                    // Rows come in no order, so one at the last place of the list may be a lower row.
                    let mut last = floor;
                    list.push(Leader::new(rows[lane], estimates[lane], bound), &mut last);
                    floor = if last > floor { floor.max(last.next_down()) } else { floor };
                }
            }
        }
        list.finish(&mut floor)
    });
    write_lists(args, lists);
}
