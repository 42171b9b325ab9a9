//! `graph_backlink`: edges back to rows that have edges to a row.
//!
//! - Input: codes and factors of a `RowShard`; in CSR, for each of `targets`, u32 `[targets]`, all different, the rows that
//!   ask for an edge: `offsets`, u32 `[targets + 1]` from 0, and `sources`, u32.
//! - While a target's edges and its sources are at most `degree` together, new ones go behind the others in their order. Else the list becomes
//!   the seven eighths of `degree` that `diversify` keeps of all, by estimated inner product with the target, then by row.
//! - Output: `edges` of a `GraphShard`, the lists of the targets alone.
//! - Tolerance: none, as in `graph_search`.

use super::graph_search::{ABSENT, Graph, drawn_edges};
use super::shared::diversify::{FAR_PART, Near, diversify, sort};
use super::shared::graph_shard::{CodedRows, Probe, listed, probe_of, write_list};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::kernels::encode_rows::{Rows, encoded};
use crate::parallel::map_in_parallel;
use crate::recording::Recording;

crate::params! {
    /// Parameters of `graph_backlink`.
    pub struct Params {
        /// Dimensions of a row.
        pub dim: u32,
        /// Edges of a row.
        pub degree: u32,
        /// Rows whose lists change.
        pub targets: u32,
        /// See `graph_link`.
        pub alpha: f32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_backlink",
    bindings: &[
        Binding::read("codes", Element::U32),
        Binding::read("factors", Element::F32),
        Binding::read("targets", Element::U32),
        Binding::read("offsets", Element::U32),
        Binding::read("sources", Element::U32),
        Binding::read_write("edges", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [32, 1, 1],
    grid: Grid::per("targets", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[],
    absent: ABSENT,
    cases,
};

/// Who asks for edges back.
#[derive(Clone, Copy, Debug)]
pub struct Requests<'a> {
    /// Rows whose lists change, all different, `[target_count]`.
    pub targets: &'a Buffer<u32>,
    /// How many.
    pub target_count: usize,
    /// Where the sources of each begin, `[target_count + 1]`.
    pub offsets: &'a Buffer<u32>,
    /// Rows that ask.
    pub sources: &'a Buffer<u32>,
}

/// Records the change of the lists of all targets.
pub fn record(recording: &mut Recording, graph: &Graph<'_>, requests: &Requests<'_>, alpha: f32) {
    graph.check();
    let Requests { targets, target_count, offsets, sources } = *requests;
    let room = targets.len() >= target_count && offsets.len() > target_count;
    assert!(room, "{target_count} targets in {}, this is a bug", targets.erase());
    if target_count == 0 {
        return;
    }
    let params = Params {
        dim: graph.shard.dim() as u32,
        degree: graph.graph.degree() as u32,
        targets: target_count as u32,
        alpha,
    };
    let (codes, factors) = (graph.shard.codes.erase(), graph.shard.factors.erase());
    let lists = [targets.erase(), offsets.erase(), sources.erase()];
    let edges = graph.graph.edges.erase();
    recording.dispatch(&KERNEL, &params, &[codes, factors, lists[0], lists[1], lists[2], edges]);
}

/// What is kept of a list that grew too long: not all there is room for, or every edge that comes later would have the whole list chosen
/// anew.
fn kept(degree: usize) -> usize {
    degree - degree / 8
}

/// The edges of a list and those asked for, into `together`, each once.
fn join(list: &[u32], asking: &[u32], together: &mut Vec<u32>) {
    together.clear();
    together.extend(listed(list));
    for &source in asking {
        if !together.contains(&source) {
            together.push(source);
        }
    }
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, degree) = (params.dim as usize, params.degree as usize);
    let codes: &[u8] = bytemuck::cast_slice(args.read::<u32>(0));
    let rows = CodedRows { simd: args.simd(), dim, codes, factors: args.read(1) };
    let (targets, offsets): (&[u32], &[u32]) = (args.read(2), args.read(3));
    let (sources, edges): (&[u32], &mut [u32]) = (args.read(4), args.write(5));
    for target in 0..params.targets as usize {
        let row = targets[target];
        let list = &mut edges[row as usize * degree..][..degree];
        let mut own = Vec::new();
        let probe = probe_of(&rows, row, &mut own);
        let near = |row: u32| Near { row, score: rows.plain_estimate(row, &probe) };
        let asking = &sources[offsets[target] as usize..offsets[target + 1] as usize];
        let mut together = Vec::new();
        join(list, asking, &mut together);
        if together.len() > degree {
            let mut near: Vec<Near> = together.into_iter().map(near).collect();
            sort(&mut near);
            let (kept, codes) = (kept(degree), &mut Vec::new());
            together = diversify(&rows, row, &near, kept, kept / FAR_PART, params.alpha, codes);
        }
        write_list(list, together);
    }
}

/// Targets of one task.
const TASK_TARGETS: usize = 32;

fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, degree) = (params.dim as usize, params.degree as usize);
    let codes: &[u8] = bytemuck::cast_slice(args.read::<u32>(0));
    let rows = CodedRows { simd: args.simd(), dim, codes, factors: args.read(1) };
    let targets = &args.read::<u32>(2)[..params.targets as usize];
    let (offsets, sources): (&[u32], &[u32]) = (args.read(3), args.read(4));
    let edges: &mut [u32] = args.write(5);
    let places: Vec<usize> = (0..targets.len()).collect();
    let before: &[u32] = edges;
    let lists = map_in_parallel(&places, TASK_TARGETS, |places| {
        let (mut own, mut codes, mut sums) = (Vec::new(), Vec::new(), Vec::new());
        let (mut together, mut near) = (Vec::new(), Vec::new());
        let list = |&target: &usize| {
            let row = targets[target];
            let asking = &sources[offsets[target] as usize..offsets[target + 1] as usize];
            join(&before[row as usize * degree..][..degree], asking, &mut together);
            if together.len() <= degree {
                return together.clone();
            }
            together.iter().for_each(|&other| rows.fetch(other));
            let probe = probe_of(&rows, row, &mut own);
            estimated(&rows, &together, &probe, &mut sums, &mut near);
            let kept = kept(degree);
            diversify(&rows, row, &near, kept, kept / FAR_PART, params.alpha, &mut codes)
        };
        places.iter().map(list).collect()
    });
    for (row, kept) in targets.iter().zip(lists) {
        write_list(&mut edges[*row as usize * degree..][..degree], kept);
    }
}

/// Rows with their estimates, sorted, in `near`; `sums` is room.
pub(crate) fn estimated(
    rows: &CodedRows<'_>,
    others: &[u32],
    probe: &Probe<'_>,
    sums: &mut Vec<i32>,
    near: &mut Vec<Near>,
) {
    let scores = rows.estimates(others, probe, sums);
    near.clear();
    near.extend(others.iter().zip(scores).map(|(&row, score)| Near { row, score }));
    sort(near);
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let mut case =
        |degree: usize, stored: Rows, rows: usize, target_count: usize, asking_max: usize, alpha: f32| {
            let dim = 64;
            let values = stored.draw(draw, rows, dim);
            let (codes, factors) = encoded(&values, dim);
            let edges = drawn_edges(draw, &values, dim, degree);
            let targets: Vec<u32> =
                (0..target_count).map(|target| (target * rows / target_count) as u32).collect();
            let (mut offsets, mut sources) = (vec![0u32], Vec::new());
            for &target in &targets {
                for _ in 0..draw.below(asking_max + 1) {
                    // Some ask twice, or have an edge already.
                    let source = draw.below(rows) as u32;
                    sources.extend((source != target).then_some(source));
                }
                offsets.push(sources.len() as u32);
            }
            sources.push(0);
            let params =
                Params { dim: dim as u32, degree: degree as u32, targets: target_count as u32, alpha };
            cases.push(
                Case::new(
                    format!("{stored:?} {target_count} of {rows}, up to {asking_max} ask {degree}"),
                    &params,
                )
                .bind(&codes)
                .bind(&factors)
                .bind(&[targets, vec![0]].concat())
                .bind(&offsets)
                .bind(&sources)
                .bind(&edges),
            );
        };
    for stored in Rows::ALL {
        case(6, stored, 120, 40, 5, 1.0);
        case(6, stored, 120, 100, 20, 1.2);
        case(20, stored, 120, 50, 8, 1.1);
    }
    for targets in [0, 1, 31, 32, 33, 65] {
        case(6, Rows::Uniform, 66, targets, 3, 1.1);
        case(17, Rows::Uniform, 66, targets, 9, 1.1);
    }
    cases
}
