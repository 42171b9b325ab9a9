//! `graph_sketch`: sketches of rows.
//!
//! - Input: codes and factors of a `RowShard`; `listed`, u32 `[listed]`, rows, ascending, each once.
//! - Output: `sketches` of a `GraphShard`; of the listed rows they are as `shared::graph_shard` says, of others as before.
//! - Tolerance: none; a factor is one quotient and one product, each rounded once.

use super::graph_search::{ABSENT, drawn_sketches};
use super::shared::graph_shard::{CodedRows, GraphShard, sketch_words};
use super::shared::row_shard::RowShard;
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::kernels::encode_rows::{Rows, encoded};
use crate::parallel::in_parallel;
use crate::recording::Recording;

crate::params! {
    /// Parameters of `graph_sketch`.
    pub struct Params {
        /// Dimensions of a row.
        pub dim: u32,
        /// Rows that are listed.
        pub listed: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_sketch",
    bindings: &[
        Binding::read("codes", Element::U32),
        Binding::read("factors", Element::F32),
        Binding::read("listed", Element::U32),
        Binding::read_write("sketches", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [32, 1, 1],
    grid: Grid::per("listed", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[],
    absent: ABSENT,
    cases,
};

/// Records the sketches of the first `count` rows of `listed`.
pub fn record(
    recording: &mut Recording,
    shard: &RowShard,
    graph: &GraphShard,
    listed: &Buffer<u32>,
    count: usize,
) {
    assert!(listed.len() >= count, "{count} rows of {}, this is a bug", listed.erase());
    if count == 0 {
        return;
    }
    let params = Params { dim: shard.dim() as u32, listed: count as u32 };
    let buffers = [shard.codes.erase(), shard.factors.erase(), listed.erase(), graph.sketches.erase()];
    recording.dispatch(&KERNEL, &params, &buffers);
}

/// The coded rows, the listed ones, and all sketches.
fn parts<'a>(args: &mut Args<'a>) -> (CodedRows<'a>, &'a [u32], &'a mut [u32]) {
    let params: Params = args.params();
    let codes: &[u8] = bytemuck::cast_slice(args.read::<u32>(0));
    let rows = CodedRows { simd: args.simd(), dim: params.dim as usize, codes, factors: args.read(1) };
    (rows, &args.read(2)[..params.listed as usize], args.write(3))
}

fn reference(args: &mut Args<'_>) {
    let (rows, listed, sketches) = parts(args);
    let words = sketch_words(rows.dim);
    for &row in listed {
        rows.sketch(row, &mut sketches[row as usize * words..][..words]);
    }
}

/// Rows of one task.
const TASK_ROWS: usize = 1 << 10;

fn cpu(args: &mut Args<'_>) {
    let (rows, listed, mut sketches) = parts(args);
    let words = sketch_words(rows.dim);
    let mut tasks = Vec::new();
    // Rows before the sketches that no task has yet.
    let mut before = 0;
    for listed in listed.chunks(TASK_ROWS) {
        let end = listed[listed.len() - 1] as usize + 1;
        let (own, others) = sketches.split_at_mut((end - before) * words);
        tasks.push((listed, before, own));
        (sketches, before) = (others, end);
    }
    in_parallel(tasks, |(listed, before, sketches)| {
        for &row in listed {
            rows.sketch(row, &mut sketches[(row as usize - before) * words..][..words]);
        }
    });
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |stored: Rows, dim: usize, rows: usize, part: usize| {
        let (codes, factors) = encoded(&stored.draw(draw, rows, dim), dim);
        let listed: Vec<u32> = (0..rows as u32).filter(|_| draw.below(part) == 0).collect();
        let params = Params { dim: dim as u32, listed: listed.len() as u32 };
        let sketches = vec![7u32; drawn_sketches(&codes, &factors, dim).len()];
        cases.push(
            Case::new(format!("{} of {rows} {stored:?} rows of {dim}", listed.len()), &params)
                .bind(&codes)
                .bind(&factors)
                .bind(&[listed, vec![0]].concat())
                .bind(&sketches),
        );
    };
    for stored in Rows::ALL {
        case(stored, 64, 150, 1);
        case(stored, 480, 70, 3);
    }
    for (dim, rows, part) in [
        (32, 1, 1),
        (512, 33, 2),
        (32, 5_000, 1),
        (32, 5_000, 2),
        (96, 40, 1_000),
        (256, 40, 1),
        (384, 40, 1),
    ] {
        case(Rows::Uniform, dim, rows, part);
    }
    cases
}
