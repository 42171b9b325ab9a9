//! `graph_unlink`: takes rows out of the graph and repairs what led to them.
//!
//! - Input: codes and factors of a `RowShard`; `gone`, one bit a row in words of 64 rows.
//! - A row that stays and has edges to gone rows gets a new list: its other edges and the edges of those gone rows to rows
//!   that stay, all of them while they are at most as many as the list was long, else those that `diversify` keeps; sorted by estimated
//!   inner product with the row, then by row. A longer list would lead to what others lead to as well, and cost every walk. Other lists of
//!   staying rows are left as they are. Gone rows lose their edges.
//! - Output: `edges` of a `GraphShard`. Nothing leads to a gone row any more: its place may be given to another.
//! - Tolerance: none, as in `graph_search`.

use super::graph_backlink::estimated;
use super::graph_search::{ABSENT, Graph, drawn_edges};
use super::shared::diversify::{Near, list_of, sort};
use super::shared::graph_shard::{CodedRows, listed, probe_of, write_list};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::kernels::encode_rows::{Rows, encoded};
use crate::kernels::similarity_topk::mask_words;
use crate::parallel::map_in_parallel;
use crate::recording::Recording;

crate::params! {
    /// Parameters of `graph_unlink`.
    pub struct Params {
        /// Dimensions of a row.
        pub dim: u32,
        /// Rows of the shard that exist.
        pub rows: u32,
        /// Edges of a row.
        pub degree: u32,
        /// See `graph_link`.
        pub alpha: f32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_unlink",
    bindings: &[
        Binding::read("codes", Element::U32),
        Binding::read("factors", Element::F32),
        Binding::read("gone", Element::U64),
        Binding::read_write("edges", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [32, 1, 1],
    grid: Grid::per("rows", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[],
    absent: ABSENT,
    cases,
};

/// Records the removal of the rows whose bits are set in `gone`.
pub fn record(recording: &mut Recording, graph: &Graph<'_>, gone: &Buffer<u64>, alpha: f32) {
    graph.check();
    assert!(gone.len() >= mask_words(graph.rows), "{} for {} rows, this is a bug", gone.erase(), graph.rows);
    if graph.rows == 0 {
        return;
    }
    let params = Params {
        dim: graph.shard.dim() as u32,
        rows: graph.rows as u32,
        degree: graph.graph.degree() as u32,
        alpha,
    };
    let (codes, factors) = (graph.shard.codes.erase(), graph.shard.factors.erase());
    recording.dispatch(&KERNEL, &params, &[codes, factors, gone.erase(), graph.graph.edges.erase()]);
}

fn is_gone(gone: &[u64], row: u32) -> bool {
    gone[row as usize / 64] >> (row % 64) & 1 == 1
}

/// Rows that the edges of `row` lead to.
fn others(edges: &[u32], degree: usize, row: u32) -> impl Iterator<Item = u32> {
    listed(&edges[row as usize * degree..][..degree])
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, degree) = (params.dim as usize, params.degree as usize);
    let codes: &[u8] = bytemuck::cast_slice(args.read::<u32>(0));
    let rows = CodedRows { simd: args.simd(), dim, codes, factors: args.read(1) };
    let (gone, edges): (&[u64], &mut [u32]) = (args.read(2), args.write(3));
    let before = edges.to_vec();
    for row in 0..params.rows {
        let list = &mut edges[row as usize * degree..][..degree];
        if is_gone(gone, row) {
            list.fill(0);
            continue;
        }
        if others(&before, degree, row).all(|other| !is_gone(gone, other)) {
            continue;
        }
        let mut own = Vec::new();
        let probe = probe_of(&rows, row, &mut own);
        let mut together = Vec::new();
        for other in others(&before, degree, row) {
            let through =
                if is_gone(gone, other) { others(&before, degree, other).collect() } else { vec![other] };
            for other in through {
                if other != row && !is_gone(gone, other) {
                    together.push(Near { row: other, score: rows.plain_estimate(other, &probe) });
                }
            }
        }
        sort(&mut together);
        let long = others(&before, degree, row).count();
        write_list(list, list_of(&rows, row, &together, long, params.alpha, &mut Vec::new()));
    }
}

/// Rows of one task.
const TASK_ROWS: usize = 64;

fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, degree) = (params.dim as usize, params.degree as usize);
    let codes: &[u8] = bytemuck::cast_slice(args.read::<u32>(0));
    let rows = CodedRows { simd: args.simd(), dim, codes, factors: args.read(1) };
    let (gone, edges): (&[u64], &mut [u32]) = (args.read(2), args.write(3));
    let before: &[u32] = edges;
    let torn: Vec<u32> = (0..params.rows)
        .filter(|&row| !is_gone(gone, row) && others(before, degree, row).any(|other| is_gone(gone, other)))
        .collect();
    let lists = map_in_parallel(&torn, TASK_ROWS, |torn| {
        let (mut own, mut codes, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let (mut reached, mut together): (Vec<u32>, Vec<Near>) = (Vec::new(), Vec::new());
        let mend = |&row: &u32| {
            reached.clear();
            let long = others(before, degree, row).count();
            for other in others(before, degree, row) {
                if is_gone(gone, other) {
                    reached.extend(others(before, degree, other).filter(|&next| next != row));
                } else {
                    reached.push(other);
                }
            }
            reached.retain(|&other| !is_gone(gone, other));
            reached.sort_unstable();
            reached.dedup();
            reached.iter().for_each(|&other| rows.fetch(other));
            let probe = probe_of(&rows, row, &mut own);
            estimated(&rows, &reached, &probe, &mut sums, &mut together);
            list_of(&rows, row, &together, long, params.alpha, &mut codes)
        };
        torn.iter().map(mend).collect()
    });
    for (row, kept) in torn.iter().zip(lists) {
        write_list(&mut edges[*row as usize * degree..][..degree], kept);
    }
    for row in (0..params.rows).filter(|&row| is_gone(gone, row)) {
        edges[row as usize * degree..][..degree].fill(0);
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |stored: Rows, rows: usize, one_in: usize, alpha: f32| {
        let (dim, degree) = (64, 6);
        let values = stored.draw(draw, rows, dim);
        let (codes, factors) = encoded(&values, dim);
        let edges = drawn_edges(draw, &values, dim, degree);
        let mut gone = vec![0u64; mask_words(rows).max(1)];
        for row in 0..rows {
            gone[row / 64] |= u64::from(draw.below(one_in) == 0) << (row % 64);
        }
        let params = Params { dim: dim as u32, rows: rows as u32, degree: degree as u32, alpha };
        cases.push(
            Case::new(format!("{stored:?} {rows} rows, one in {one_in} goes"), &params)
                .bind(&codes)
                .bind(&factors)
                .bind(&gone)
                .bind(&edges),
        );
    };
    for stored in Rows::ALL {
        case(stored, 150, 3, 1.0);
        case(stored, 150, 20, 1.2);
    }
    for rows in [0, 1, 2, 63, 64, 65, 129] {
        case(Rows::Uniform, rows, 2, 1.1);
    }
    case(Rows::Uniform, 90, 1, 1.1);
    case(Rows::Uniform, 90, 1_000_000, 1.1);
    cases
}
