//! `graph_link`: edges for rows that come into the graph.
//!
//! - Input: codes and factors of a `RowShard`, edges and sketches of a `GraphShard`, `entries` (see `graph_search`); `joining`,
//!   u32 `[joining]`, rows without edges, and not entries.
//! - Each walks as in `graph_search` with its own codes as the query and no mask, keeping `width` rows, over the graph as it
//!   is: rows of one dispatch do not see each other. Of the rows found, `diversify` keeps up to `picks_max`.
//! - Output: `picks`, u32 `[joining][degree]`, edge words (row + 1, 0 for none), nearest first. The graph is not changed.
//! - Tolerance: none, as in `graph_search`.

use std::cell::RefCell;

use super::graph_search::{ABSENT, Graph, drawn_edges, drawn_sketches, reference_walk};
use super::shared::diversify::{Near, diversify};
use super::shared::graph_shard::{probe_of, write_list};
use super::shared::walk::{Reach, Terrain, Walk};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::kernels::encode_rows::{Rows, encoded};
use crate::parallel::map_in_parallel;
use crate::recording::Recording;

crate::params! {
    /// Parameters of `graph_link`.
    pub struct Params {
        /// Dimensions of a row.
        pub dim: u32,
        /// Rows of the shard that exist.
        pub rows: u32,
        /// Edges of a row.
        pub degree: u32,
        /// Rows where walks begin.
        pub entries: u32,
        /// Rows that join.
        pub joining: u32,
        /// Rows a walk keeps.
        pub width: u32,
        /// Edges a joining row gets.
        pub picks_max: u32,
        /// How much nearer to a kept row makes a candidate superfluous, at least 1.
        pub alpha: f32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_link",
    bindings: &[
        Binding::read("codes", Element::U32),
        Binding::read("factors", Element::F32),
        Binding::read("edges", Element::U32),
        Binding::read("sketches", Element::U32),
        Binding::read("entries", Element::U32),
        Binding::read("joining", Element::U32),
        Binding::write("picks", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [32, 1, 1],
    grid: Grid::per("joining", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[],
    absent: ABSENT,
    cases,
};

/// How rows are linked.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Linking {
    /// Rows a joining row's walk keeps.
    pub width: usize,
    /// Edges a joining row gets.
    pub picks_max: usize,
    /// See `shared::diversify`.
    pub alpha: f32,
}

/// Records the linking of the first `count` rows of `joining`; `picks` has room for as many lists.
pub fn record(
    recording: &mut Recording,
    graph: &Graph<'_>,
    linking: &Linking,
    joining: &Buffer<u32>,
    count: usize,
    picks: &Buffer<u32>,
) {
    graph.check();
    let degree = graph.graph.degree();
    let room = joining.len() >= count && picks.len() >= count * degree;
    assert!(room && linking.width > 0, "{count} rows join from {}, this is a bug", joining.erase());
    if count == 0 {
        return;
    }
    let params = Params {
        dim: graph.shard.dim() as u32,
        rows: graph.rows as u32,
        degree: degree as u32,
        entries: graph.entry_count as u32,
        joining: count as u32,
        width: linking.width as u32,
        picks_max: linking.picks_max.min(degree) as u32,
        alpha: linking.alpha,
    };
    let [codes, factors, edges, sketches, entries] = graph.buffers();
    let buffers = [codes, factors, edges, sketches, entries, joining.erase(), picks.erase()];
    recording.dispatch(&KERNEL, &params, &buffers);
}

impl Params {
    fn reach(&self) -> Reach<'static> {
        Reach { mask: None, width: self.width as usize, looked_max: usize::MAX }
    }
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let degree = params.degree as usize;
    let terrain = Terrain::of(args, params.dim, params.degree, params.entries, params.rows);
    let joining = &args.read::<u32>(5)[..params.joining as usize];
    let picks: &mut [u32] = args.write(6);
    for (place, &row) in joining.iter().enumerate() {
        let (mut own, rows) = (Vec::new(), terrain.rows);
        let probe = probe_of(&rows, row, &mut own);
        let (found, _) = reference_walk(&terrain, &probe, &params.reach());
        let found: Vec<Near> = found.into_iter().map(|(row, score)| Near { row, score }).collect();
        let kept = diversify(&rows, row, &found, params.picks_max as usize, 0, params.alpha, &mut Vec::new());
        write_list(&mut picks[place * degree..][..degree], kept);
    }
}

/// Rows of one task.
const TASK_ROWS: usize = 8;

#[derive(Default)]
struct Room {
    walk: Walk,
    own: Vec<i8>,
    codes: Vec<i8>,
    found: Vec<Near>,
}

thread_local! {
    static ROOM: RefCell<Room> = RefCell::default();
}

fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let degree = params.degree as usize;
    let terrain = Terrain::of(args, params.dim, params.degree, params.entries, params.rows);
    let rows = terrain.rows;
    let joining = &args.read::<u32>(5)[..params.joining as usize];
    let reach = params.reach();
    let lists = map_in_parallel(joining, TASK_ROWS, |joining| {
        ROOM.with_borrow_mut(|Room { walk, own, codes, found }| {
            let link = |&row: &u32| {
                let probe = probe_of(&rows, row, own);
                walk.run(&terrain, &probe, &reach);
                found.clear();
                found.extend(walk.found().map(|(row, score)| Near { row, score }));
                diversify(&rows, row, found, params.picks_max as usize, 0, params.alpha, codes)
            };
            joining.iter().map(link).collect()
        })
    });
    let picks: &mut [u32] = args.write(6);
    for (list, kept) in picks.chunks_exact_mut(degree).zip(lists) {
        write_list(list, kept);
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |stored: Rows, rows: usize, joining: usize, width: u32, alpha: f32| {
        let (dim, degree) = (64, 6);
        let values = stored.draw(draw, rows + joining, dim);
        let (codes, factors) = encoded(&values, dim);
        let mut edges = drawn_edges(draw, &values[..rows * dim], dim, degree);
        edges.resize((rows + joining).next_multiple_of(32).max(32) * degree, 0);
        let entries: Vec<u32> = draw.many(rows.min(2), |draw| draw.below(rows) as u32);
        let params = Params {
            dim: dim as u32,
            rows: (rows + joining) as u32,
            degree: degree as u32,
            entries: entries.len() as u32,
            joining: joining as u32,
            width,
            picks_max: 4,
            alpha,
        };
        let join: Vec<u32> = (rows..rows + joining).map(|row| row as u32).collect();
        cases.push(
            Case::new(format!("{stored:?} {joining} join {rows}, width {width}, alpha {alpha}"), &params)
                .bind(&codes)
                .bind(&factors)
                .bind(&edges)
                .bind(&drawn_sketches(&codes, &factors, dim))
                .bind(&[entries, vec![0]].concat())
                .bind(&[join, vec![0]].concat())
                .bind(&vec![7u32; (joining + 1) * degree]),
        );
    };
    for stored in Rows::ALL {
        case(stored, 150, 20, 16, 1.0);
        case(stored, 150, 3, 40, 1.3);
    }
    for (rows, joining) in [(0, 1), (0, 9), (1, 1), (2, 17), (70, 8), (70, 9)] {
        case(Rows::Uniform, rows, joining, 10, 1.2);
    }
    cases
}
