//! Inputs of `similarity_cells`: partitions with empty and full cells, probes that name cells twice or none, masks, floors, ties.

use super::Params;
use crate::case::{Case, Draw};
use crate::kernels::encode_rows::{Rows, encoded};
use crate::kernels::shared::ranked::NO_ROW;
use crate::kernels::similarity_topk::mask_words;
use crate::simd::BLOCK_ROWS;

#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub rows: usize,
    pub dim: usize,
    pub cells: usize,
    pub queries: usize,
    pub probes: usize,
    pub k: usize,
    pub masks: usize,
    pub floor: f32,
}

const SMALL: Shape =
    Shape { rows: 900, dim: 64, cells: 13, queries: 7, probes: 5, k: 10, masks: 0, floor: f32::NEG_INFINITY };

/// Rows in cells of very unequal sizes, ids in no order, here and there a place whose row has left.
fn partition(draw: &mut Draw, shape: &Shape) -> (Vec<u32>, Vec<u32>) {
    let mut cells = vec![Vec::new(); shape.cells];
    for row in 0..shape.rows as u32 {
        // Half of the rows are in an eighth of the cells, and some cells have none.
        let among = if draw.below(2) == 0 { shape.cells.div_ceil(8) } else { shape.cells };
        let cell = draw.below(among) / 2 * 2;
        cells[cell].push(if draw.below(16) == 0 { NO_ROW } else { row });
    }
    let (mut names, mut starts) = (Vec::new(), vec![0]);
    for mut cell in cells {
        for place in (1..cell.len()).rev() {
            cell.swap(place, draw.below(place + 1));
        }
        names.extend(cell);
        names.resize(names.len().next_multiple_of(BLOCK_ROWS), NO_ROW);
        starts.push((names.len() / BLOCK_ROWS) as u32);
    }
    names.resize(names.len().max(BLOCK_ROWS), NO_ROW);
    (names, starts)
}

/// Cells that queries look into: one in four names none, or one that it may have named before.
fn probes(draw: &mut Draw, shape: &Shape) -> Vec<u32> {
    let mut probes = Vec::with_capacity(shape.queries * shape.probes);
    for _ in 0..shape.queries {
        let first = draw.below(shape.cells.max(1));
        for place in 0..shape.probes {
            probes.push(match draw.below(8) {
                0 => *draw.many(1, |draw| [NO_ROW, shape.cells as u32][draw.below(2)]).first().expect("one"),
                1 => draw.below(shape.cells.max(1)) as u32,
                _ => ((first + place) % shape.cells.max(1)) as u32,
            });
        }
    }
    probes
}

pub(super) fn case(draw: &mut Draw, name: &str, stored: Rows, asked: Rows, shape: &Shape) -> Case {
    let &Shape { rows, dim, cells, queries, probes: probe_count, k, masks, floor } = shape;
    let (names, starts) = partition(draw, shape);
    let (codes, factors) = encoded(&stored.draw(draw, names.len(), dim), dim);
    let words = mask_words(rows);
    let params = Params {
        dim: dim as u32,
        cells: cells as u32,
        queries: queries as u32,
        probes: probe_count as u32,
        k: k as u32,
        masks: masks as u32,
        mask_words: words as u32,
    };
    let mask = draw.many((masks * words).max(1), |draw| if draw.below(3) == 0 { 0 } else { draw.bits() });
    let probes = probes(draw, shape);
    let name = format!(
        "{name} {stored:?}/{asked:?} {rows} x {dim} in {cells}, {queries} queries of {probe_count}, k {k}"
    );
    Case::new(name, &params)
        .bind(&codes)
        .bind(&factors)
        .bind(&names)
        .bind(&starts)
        .bind(&asked.draw(draw, queries, dim))
        .bind(&probes)
        .bind(&mask)
        .bind(&vec![floor; queries])
        .bind(&vec![7u32; queries * k + 3])
        .bind(&vec![7.0f32; queries * k + 3])
        .bind(&vec![7.0f32; queries * k + 3])
}

pub(super) fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let uniform =
        |draw: &mut Draw, name: &str, shape: Shape| case(draw, name, Rows::Uniform, Rows::Uniform, &shape);
    for stored in Rows::ALL {
        for asked in [Rows::Uniform, Rows::Zero, Rows::Ties, Rows::Huge, Rows::Denormal] {
            cases.push(case(draw, "kinds", stored, asked, &SMALL));
        }
    }
    for rows in [0, 1, 32, 33, 65] {
        cases.push(uniform(draw, "sizes", Shape { rows, ..SMALL }));
    }
    for (count, probes) in [(0, 3), (1, 1), (1, 4), (2, 2), (13, 0), (13, 13), (13, 40), (1_100, 30)] {
        let shape = Shape { cells: count, probes, rows: if count == 0 { 0 } else { SMALL.rows }, ..SMALL };
        cases.push(uniform(draw, "cells", shape));
    }
    for queries in [1, 2, 8, 9, 13, 64, 65, 150] {
        cases.push(case(draw, "batch", Rows::Clustered, Rows::Uniform, &Shape { queries, ..SMALL }));
    }
    for k in [1, 2, 100, 300, 2_048] {
        let shape = Shape { k, rows: 2_500, cells: 5, probes: 5, queries: 3, ..SMALL };
        cases.push(case(draw, "k", Rows::Clustered, Rows::Clustered, &shape));
        // Equal scores in all cells: the lowest ids must win, wherever they lie.
        cases.push(case(draw, "k", Rows::Duplicated, Rows::Uniform, &shape));
        cases.push(case(draw, "k", Rows::Zero, Rows::Uniform, &shape));
    }
    for masks in [1, 7] {
        cases.push(uniform(draw, "masks", Shape { masks, ..SMALL }));
        cases.push(case(draw, "masks", Rows::Ties, Rows::Ties, &Shape { masks, k: 70, ..SMALL }));
    }
    cases.push(uniform(draw, "masks", Shape { masks: 90, queries: 90, cells: 3, probes: 3, ..SMALL }));
    for floor in [-1.0, 0.0, 3.0, 1e30] {
        cases.push(uniform(draw, "floor", Shape { floor, ..SMALL }));
        cases.push(case(draw, "floor", Rows::Ties, Rows::Ties, &Shape { floor, ..SMALL }));
    }
    for dim in [32, 96, 384, 2_048, 8_192] {
        cases.push(uniform(draw, "dim", Shape { dim, rows: 150, cells: 3, probes: 3, ..SMALL }));
    }
    let large = Shape { rows: 9_001, dim: 32, cells: 6, probes: 6, k: 50, queries: 20, ..SMALL };
    cases.push(case(draw, "large", Rows::Ties, Rows::Ties, &large));
    cases
}
