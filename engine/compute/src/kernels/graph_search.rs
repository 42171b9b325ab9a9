//! `graph_search`: approximate top-k by a walk over the proximity graph of one shard.
//!
//! - Input: codes and factors of a `RowShard`, edges and sketches of a `GraphShard`, `entries`, u32 `[entries]`, rows where
//!   walks begin; `queries`, f32 `[queries][dim]`, without NaN and infinity; `masks` as in `similarity_topk`.
//! - A walk keeps a beam: the best `width` *allowed* rows it has met and the denied ones among them; what falls out of the beam
//!   is forgotten. Better is the higher estimate, then the lower row. A row enters with the estimate of its sketch. At first the
//!   entries enter. Then, again and again, the best row of the beam that is not done takes a step: one estimated by its sketch is
//!   estimated anew by its codes, and moves; one estimated by its codes is done, and the rows its edges lead to enter, unless
//!   they were met before. The walk ends when all are done, or when it should follow edges having met `looked_max` rows or more.
//! - An estimate is the integer product of codes, or of codes and the levels of a sketch, times both factors, in f32.
//! - Of the allowed rows that were estimated by their codes, a query gets the best, as many as there are places, but none below the
//!   estimate of the `wanted`-th by more than `margin` times the length of that row (as coded) and the query's: whoever wants the
//!   truth of the first few scores these exactly.
//! - Output: for each query `k` places, best first: `ids` = `row_base` + row and the estimates as `scores`; places without a
//!   row hold u32::MAX and -inf. `looked`, u32 `[queries]`: rows met; `looked_max` and more means that it gave up.
//! - Tolerance: none. Integer products are exact and what is made of them is rounded in one order.

use std::cell::RefCell;

use super::shared::graph_shard::{
    CodedRows, GRAPH_ROWS_MAX, GraphShard, Probe, listed, sketch_level, sketch_words,
};
use super::shared::queries::Queries;
use super::shared::ranked::{NO_ROW, NO_SCORE};
use super::shared::row_shard::RowShard;
use super::shared::walk::{Reach, Terrain, Walk};
use crate::args::Args;
use crate::buffer::{AnyBuffer, Buffer};
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Target, Tolerance};
use crate::kernels::encode_rows::{Rows, encoded};
use crate::kernels::similarity_topk::{Masks, mask_words};
use crate::parallel::in_parallel;
use crate::recording::Recording;
use crate::simd::Simd;

crate::params! {
    /// Parameters of `graph_search`.
    pub struct Params {
        /// Dimensions of a row.
        pub dim: u32,
        /// Rows of the shard that exist.
        pub rows: u32,
        /// Id of the shard's first row.
        pub row_base: u32,
        /// Edges of a row.
        pub degree: u32,
        /// Rows where walks begin.
        pub entries: u32,
        /// Queries.
        pub queries: u32,
        /// Places in each list.
        pub k: u32,
        /// Allowed rows a walk keeps.
        pub width: u32,
        /// Rows that are wanted in the end.
        pub wanted: u32,
        /// How much worse than the last of them an estimate may be to be returned.
        pub margin: f32,
        /// Rows a walk looks at before it gives up.
        pub looked_max: u32,
        /// 0 if every row counts, 1 for one mask, else as many as queries.
        pub masks: u32,
        /// 64-bit words of one mask.
        pub mask_words: u32,
    }
}

/// Why walks have no device text.
pub(crate) const ABSENT: &[(Target, &str)] = &[
    (Target::Wgsl, "a GPU scans millions of rows exactly in less time than it walks"),
    (Target::Cuda, "a GPU scans millions of rows exactly in less time than it walks"),
];

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "graph_search",
    bindings: &[
        Binding::read("codes", Element::U32),
        Binding::read("factors", Element::F32),
        Binding::read("edges", Element::U32),
        Binding::read("sketches", Element::U32),
        Binding::read("entries", Element::U32),
        Binding::read("queries", Element::F32),
        Binding::read("masks", Element::U64),
        Binding::write("ids", Element::U32),
        Binding::write("scores", Element::F32),
        Binding::write("looked", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [32, 1, 1],
    grid: Grid::per("queries", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[],
    absent: ABSENT,
    cases,
};

/// A graph over the rows of a shard.
#[derive(Clone, Copy, Debug)]
pub struct Graph<'a> {
    /// The rows.
    pub shard: &'a RowShard,
    /// How many of them count, from the first.
    pub rows: usize,
    /// Their edges.
    pub graph: &'a GraphShard,
    /// Where walks begin.
    pub entries: &'a Buffer<u32>,
    /// How many of them count.
    pub entry_count: usize,
}

impl Graph<'_> {
    /// Panics unless the shapes fit together.
    pub(crate) fn check(&self) {
        let room = self.rows <= self.shard.capacity().min(self.graph.capacity()).min(GRAPH_ROWS_MAX);
        assert!(room && self.entry_count <= self.entries.len(), "graph of other shapes, this is a bug");
    }

    /// What walks read, in the order of bindings.
    pub(crate) fn buffers(&self) -> [AnyBuffer; 5] {
        let (edges, sketches) = (self.graph.edges.erase(), self.graph.sketches.erase());
        [self.shard.codes.erase(), self.shard.factors.erase(), edges, sketches, self.entries.erase()]
    }
}

/// One search.
#[derive(Clone, Copy, Debug)]
pub struct Search<'a> {
    /// Where.
    pub graph: Graph<'a>,
    /// Id of the shard's first row.
    pub row_base: u32,
    /// f32 `[query_count][dim]`, no NaN.
    pub queries: &'a Buffer<f32>,
    /// How many.
    pub query_count: usize,
    /// Which rows may be found.
    pub masks: Masks<'a>,
    /// Places in each list, at most `width`.
    pub k: usize,
    /// Allowed rows a walk keeps.
    pub width: usize,
    /// Rows that are wanted in the end, at least 1.
    pub wanted: usize,
    /// How much worse than the last of them an estimate may be to be returned, as a share of both lengths.
    pub margin: f32,
    /// Rows a walk looks at before it gives up.
    pub looked_max: usize,
}

/// Records a search; lists go to `ids` and `scores`, each `[query_count][k]`, counts to `looked`.
pub fn record(
    recording: &mut Recording,
    search: &Search<'_>,
    ids: &Buffer<u32>,
    scores: &Buffer<f32>,
    looked: &Buffer<u32>,
) {
    let Search { graph, row_base, queries, query_count, masks, k, width, wanted, margin, looked_max } =
        *search;
    graph.check();
    let dim = graph.shard.dim();
    assert!((1..=width).contains(&k), "{k} of {width} rows, this is a bug");
    assert!(
        queries.len() >= query_count * dim,
        "{query_count} queries in {}, this is a bug",
        queries.erase()
    );
    let places = query_count * k;
    let room = ids.len() >= places && scores.len() >= places && looked.len() >= query_count;
    assert!(room, "room for {places} places, this is a bug");
    let words = mask_words(graph.rows);
    let (mask_count, mask_buffer) = masks.bound(graph.shard, query_count, words);
    if query_count == 0 {
        return;
    }
    let params = Params {
        dim: dim as u32,
        rows: graph.rows as u32,
        row_base,
        degree: graph.graph.degree() as u32,
        entries: graph.entry_count as u32,
        queries: query_count as u32,
        k: k as u32,
        width: width as u32,
        wanted: wanted as u32,
        margin,
        looked_max: looked_max.min(u32::MAX as usize) as u32,
        masks: mask_count as u32,
        mask_words: words as u32,
    };
    let [codes, factors, edges, sketches, entries] = graph.buffers();
    let (ids, scores, looked) = (ids.erase(), scores.erase(), looked.erase());
    recording.dispatch(
        &KERNEL,
        &params,
        &[codes, factors, edges, sketches, entries, queries.erase(), mask_buffer, ids, scores, looked],
    );
}

impl Params {
    /// Mask words of a query, if there are masks.
    fn mask<'a>(&self, masks: &'a [u64], query: usize) -> Option<&'a [u64]> {
        let words = self.mask_words as usize;
        match self.masks {
            0 => None,
            1 => Some(&masks[..words]),
            _ => Some(&masks[query * words..][..words]),
        }
    }

    fn reach<'a>(&self, mask: Option<&'a [u64]>) -> Reach<'a> {
        Reach { mask, width: self.width as usize, looked_max: self.looked_max as usize }
    }
}

/// A row in the beam, in the reference.
struct Met {
    row: u32,
    score: f32,
    allowed: bool,
    fine: bool,
    expanded: bool,
}

/// The law of walks: the allowed rows of the beam with estimates by their codes, best first, and how many rows were met.
pub(crate) fn reference_walk(
    terrain: &Terrain<'_>,
    probe: &Probe<'_>,
    reach: &Reach<'_>,
) -> (Vec<(u32, f32)>, usize) {
    let rows = terrain.rows;
    let words = sketch_words(rows.dim);
    let mut beam: Vec<Met> = Vec::new();
    let mut met: Vec<u32> = Vec::new();
    let mut entering: Vec<u32> = terrain.entries.to_vec();
    loop {
        for row in std::mem::take(&mut entering) {
            if met.contains(&row) {
                continue;
            }
            met.push(row);
            let sketch = &terrain.sketches[row as usize * words..][..words];
            let sum = (0..rows.dim)
                .map(|d| sketch_level(sketch, rows.dim, d) * i32::from(probe.codes[d]))
                .sum::<i32>();
            let score = sum as f32 * (f32::from_bits(sketch[words - 1]) * probe.scale);
            let allowed = reach.mask.is_none_or(|mask| mask[row as usize / 64] >> (row % 64) & 1 == 1);
            beam.push(Met { row, score, allowed, fine: false, expanded: false });
        }
        beam.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        let mut kept = 0;
        beam.retain(|row| {
            let stays = kept < reach.width;
            kept += usize::from(row.allowed);
            stays
        });
        let Some(next) = beam.iter_mut().find(|row| !row.expanded) else { break };
        if !next.fine {
            (next.score, next.fine) = (rows.plain_estimate(next.row, probe), true);
        } else if met.len() < reach.looked_max {
            next.expanded = true;
            entering = listed(terrain.edges(next.row)).collect();
        } else {
            break;
        }
    }
    let found = beam.iter().filter(|row| row.allowed && row.fine).map(|row| (row.row, row.score));
    (found.collect(), met.len())
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, k) = (params.dim as usize, params.k as usize);
    let terrain = Terrain::of(args, params.dim, params.degree, params.entries, params.rows);
    let queries = &args.read::<f32>(5)[..params.queries as usize * dim];
    let masks: &[u64] = args.read(6);
    let (ids, scores): (&mut [u32], &mut [f32]) = (args.write(7), args.write(8));
    let counts: &mut [u32] = args.write(9);
    let coded = Queries::new(Simd::portable(), queries, dim);
    for query in 0..params.queries as usize {
        let reach = params.reach(params.mask(masks, query));
        let probe = coded.probe(query);
        let (mut found, looked) = reference_walk(&terrain, &probe, &reach);
        if let Some(&(row, score)) = found.get(params.wanted as usize - 1) {
            let least = probe.doubt(score, terrain.rows.norm(row), params.margin);
            found.retain(|found| found.1 >= least);
        }
        counts[query] = looked as u32;
        for place in 0..k {
            let (id, score) =
                found.get(place).map_or((NO_ROW, NO_SCORE), |(row, score)| (params.row_base + row, *score));
            (ids[query * k + place], scores[query * k + place]) = (id, score);
        }
    }
}

thread_local! {
    /// Room of the walks of this thread: they leave it as they found it.
    static WALK: RefCell<Walk> = RefCell::default();
}

/// Queries of one task.
const TASK_QUERIES: usize = 16;

fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (dim, k, count) = (params.dim as usize, params.k as usize, params.queries as usize);
    let terrain = Terrain::of(args, params.dim, params.degree, params.entries, params.rows);
    let (queries, masks) = (&args.read::<f32>(5)[..count * dim], args.read::<u64>(6));
    let ids = &mut args.write::<u32>(7)[..count * k];
    let scores = &mut args.write::<f32>(8)[..count * k];
    let looked = &mut args.write::<u32>(9)[..count];
    let task = |(task, (((queries, ids), scores), looked)): (usize, Task<'_>)| {
        let coded = Queries::new(terrain.rows.simd, queries, dim);
        WALK.with_borrow_mut(|walk| {
            for (query, looked) in looked.iter_mut().enumerate() {
                let reach = params.reach(params.mask(masks, task * TASK_QUERIES + query));
                walk.run(&terrain, &coded.probe(query), &reach);
                *looked = walk.looked() as u32;
                let last = walk.found().nth(params.wanted as usize - 1);
                let least = last.map_or(f32::NEG_INFINITY, |(row, score)| {
                    coded.probe(query).doubt(score, terrain.rows.norm(row), params.margin)
                });
                let mut found = walk.found().take_while(|found| found.1 >= least);
                for place in query * k..(query + 1) * k {
                    let (id, score) = found
                        .next()
                        .map_or((NO_ROW, NO_SCORE), |(row, score)| (params.row_base + row, score));
                    (ids[place], scores[place]) = (id, score);
                }
            }
        });
    };
    let parts = queries
        .chunks(TASK_QUERIES * dim)
        .zip(ids.chunks_mut(TASK_QUERIES * k))
        .zip(scores.chunks_mut(TASK_QUERIES * k))
        .zip(looked.chunks_mut(TASK_QUERIES));
    in_parallel(parts.enumerate().collect(), task);
}

/// Queries, ids, scores and counts of a task.
type Task<'a> = (((&'a [f32], &'a mut [u32]), &'a mut [f32]), &'a mut [u32]);

/// Sketches of coded rows, for the cases of kernels over graphs.
pub(crate) fn drawn_sketches(codes: &[u32], factors: &[f32], dim: usize) -> Vec<u32> {
    let codes: &[u8] = bytemuck::cast_slice(codes);
    let rows = CodedRows { simd: Simd::portable(), dim, codes, factors };
    let mut sketches = vec![0; codes.len() / dim * sketch_words(dim)];
    for (row, sketch) in sketches.chunks_exact_mut(sketch_words(dim)).enumerate() {
        rows.sketch(row as u32, sketch);
    }
    sketches
}

/// Edges to the nearest rows, or to any, for the cases of kernels over graphs.
pub(crate) fn drawn_edges(draw: &mut Draw, rows: &[f32], dim: usize, degree: usize) -> Vec<u32> {
    let count = rows.len() / dim;
    let capacity = count.next_multiple_of(32).max(32);
    let mut edges = vec![0u32; capacity * degree];
    for row in 0..count {
        let product = |other: usize| -> f32 {
            let (a, b) = (&rows[row * dim..][..dim], &rows[other * dim..][..dim]);
            a.iter().zip(b).map(|(a, b)| a * b).sum()
        };
        let mut others: Vec<usize> = (0..count).filter(|other| *other != row).collect();
        if draw.below(4) > 0 {
            others.sort_by(|a, b| product(*b).total_cmp(&product(*a)));
        }
        let len = if draw.below(3) == 0 { draw.below(degree + 1) } else { degree };
        for (edge, other) in edges[row * degree..].iter_mut().zip(others.into_iter().take(len)) {
            *edge = other as u32 + 1;
        }
    }
    edges
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |dim: usize,
                    stored: Rows,
                    asked: Rows,
                    rows: usize,
                    shape: (usize, usize, usize),
                    masks: usize,
                    max: u32| {
        let (queries, degree) = (shape.0, 6);
        let values = stored.draw(draw, rows, dim);
        let (codes, factors) = encoded(&values, dim);
        let edges = drawn_edges(draw, &values, dim, degree);
        let entries: Vec<u32> = draw.many(rows.min(3), |draw| draw.below(rows) as u32);
        let words = mask_words(rows);
        let (k, width) = (shape.1 as u32, shape.2 as u32);
        let params = Params {
            dim: dim as u32,
            rows: rows as u32,
            row_base: 1_000,
            degree: degree as u32,
            entries: entries.len() as u32,
            queries: queries as u32,
            k,
            width,
            wanted: 1 + draw.below(4) as u32,
            margin: draw.below(3) as f32 * 0.1,
            looked_max: max,
            masks: masks as u32,
            mask_words: words as u32,
        };
        let mask = draw.many((masks * words).max(1), |draw| draw.bits() & draw.bits());
        let name =
            format!("{stored:?}/{asked:?} {rows} rows of {dim}, {shape:?}, {masks} masks, at most {max}");
        let places = queries * k as usize;
        cases.push(
            Case::new(name, &params)
                .bind(&codes)
                .bind(&factors)
                .bind(&edges)
                .bind(&drawn_sketches(&codes, &factors, dim))
                .bind(&[entries, vec![0]].concat())
                .bind(&asked.draw(draw, queries, dim))
                .bind(&mask)
                .bind(&vec![7u32; places + 1])
                .bind(&vec![7.0f32; places + 1])
                .bind(&vec![7u32; queries + 1]),
        );
    };
    for stored in Rows::ALL {
        for asked in [Rows::Uniform, Rows::Zero, Rows::Huge] {
            case(64, stored, asked, 200, (3, 10, 20), 0, u32::MAX);
        }
        case(64, stored, Rows::Clustered, 200, (3, 5, 12), 3, u32::MAX);
        case(64, stored, Rows::Clustered, 200, (4, 8, 8), 1, 60);
    }
    for rows in [0, 1, 2, 31, 33, 65] {
        case(64, Rows::Uniform, Rows::Uniform, rows, (2, 4, 7), 0, u32::MAX);
        case(64, Rows::Uniform, Rows::Uniform, rows, (2, 4, 4), 2, u32::MAX);
    }
    // As many second bits as there are dimensions, some, none, and more in the next line.
    for dim in [32, 96, 224, 256, 288, 384, 480, 512, 800] {
        case(dim, Rows::Clustered, Rows::Clustered, 90, (3, 5, 12), 0, u32::MAX);
        case(dim, Rows::Uniform, Rows::Huge, 90, (3, 5, 12), 1, u32::MAX);
    }
    for queries in [0, 1, 15, 16, 17, 40] {
        case(64, Rows::Uniform, Rows::Uniform, 120, (queries, 1, 1), 0, u32::MAX);
    }
    case(64, Rows::Uniform, Rows::Uniform, 300, (2, 300, 300), 0, u32::MAX);
    case(64, Rows::Uniform, Rows::Uniform, 300, (2, 3, 30), 0, 0);
    cases
}
