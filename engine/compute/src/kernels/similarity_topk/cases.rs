//! Inputs of `similarity_topk`: sizes around blocks, distributions that strain the bound, masks, floors, shards.

use super::{Params, mask_words};
use crate::case::{Case, Draw};
use crate::kernels::encode_rows::{Rows, encoded};

#[derive(Clone, Debug)]
pub(super) struct Shape {
    pub rows: usize,
    pub dim: usize,
    pub queries: usize,
    pub k: usize,
    pub masks: usize,
    pub floor: f32,
    pub row_base: u32,
}

const SMALL: Shape =
    Shape { rows: 300, dim: 64, queries: 7, k: 10, masks: 0, floor: f32::NEG_INFINITY, row_base: 0 };

pub(super) fn case(draw: &mut Draw, name: &str, stored: Rows, asked: Rows, shape: &Shape) -> Case {
    let values = stored.draw(draw, shape.rows, shape.dim);
    case_of(draw, &format!("{name} {stored:?}"), &values, asked, shape)
}

fn case_of(draw: &mut Draw, name: &str, values: &[f32], asked: Rows, shape: &Shape) -> Case {
    let &Shape { rows, dim, queries, k, masks, floor, row_base } = shape;
    let (codes, factors) = encoded(values, dim);
    let words = mask_words(rows);
    let params = Params {
        dim: dim as u32,
        rows: rows as u32,
        row_base,
        queries: queries as u32,
        k: k as u32,
        masks: masks as u32,
        mask_words: words as u32,
    };
    // Sparse in places, so that whole blocks fall away.
    let mask = draw.many((masks * words).max(1), |draw| match draw.below(3) {
        0 => 0,
        1 => draw.bits(),
        _ => draw.bits() & draw.bits() & draw.bits() & draw.bits(),
    });
    let name = format!("{name}/{asked:?} {rows} x {dim}, {queries} queries, k {k}");
    Case::new(name, &params)
        .bind(&codes)
        .bind(&factors)
        .bind(&asked.draw(draw, queries, dim))
        .bind(&mask)
        .bind(&vec![floor; queries])
        .bind(&vec![7u32; queries * k + 3])
        .bind(&vec![7.0f32; queries * k + 3])
        .bind(&vec![7.0f32; queries * k + 3])
}

/// Rows that are all one, after some that are hardly any: the lowest of the best are not in the first share.
fn alike_after(draw: &mut Draw, others: usize, shape: &Shape) -> Case {
    let one = draw.many(shape.dim, Draw::signed);
    let mut values = draw.many(others * shape.dim, |draw| 0.01 * draw.signed());
    values.extend(one.iter().cycle().take((shape.rows - others) * shape.dim));
    case_of(draw, &format!("alike after {others}"), &values, Rows::Uniform, shape)
}

pub(super) fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    for stored in Rows::ALL {
        for asked in [Rows::Uniform, Rows::Zero, Rows::Ties, Rows::Huge, Rows::Denormal] {
            cases.push(case(draw, "kinds", stored, asked, &SMALL));
        }
    }
    for rows in [0, 1, 31, 32, 33, 63, 64, 65, 997] {
        cases.push(case(draw, "sizes", Rows::Uniform, Rows::Uniform, &Shape { rows, ..SMALL }));
    }
    for queries in [1, 2, 3, 4, 5, 6, 8, 13, 257] {
        cases.push(case(draw, "batch", Rows::Clustered, Rows::Uniform, &Shape { queries, ..SMALL }));
    }
    for k in [1, 2, 100, 300, 301, 2_048] {
        cases.push(case(draw, "k", Rows::Clustered, Rows::Clustered, &Shape { k, ..SMALL }));
        cases.push(case(
            draw,
            "k",
            Rows::Duplicated,
            Rows::Uniform,
            &Shape { k, rows: 2_500, queries: 2, ..SMALL },
        ));
    }
    for masks in [1, 7] {
        cases.push(case(draw, "masks", Rows::Uniform, Rows::Uniform, &Shape { masks, rows: 1_000, ..SMALL }));
        cases.push(case(draw, "masks", Rows::Ties, Rows::Ties, &Shape { masks, rows: 70, k: 70, ..SMALL }));
    }
    for floor in [-1.0, 0.0, 3.0, 1e30] {
        cases.push(case(draw, "floor", Rows::Uniform, Rows::Uniform, &Shape { floor, ..SMALL }));
        cases.push(case(draw, "floor", Rows::Ties, Rows::Ties, &Shape { floor, ..SMALL }));
    }
    cases.push(case(draw, "shard", Rows::Ties, Rows::Ties, &Shape { row_base: u32::MAX - 300, ..SMALL }));
    for dim in [32, 96, 384, 2_048, 8_192] {
        cases.push(case(draw, "dim", Rows::Uniform, Rows::Uniform, &Shape { dim, rows: 65, ..SMALL }));
    }
    for others in [300, 600, 2_300] {
        cases.push(alike_after(draw, others, &Shape { rows: 5_000, dim: 32, k: 50, ..SMALL }));
    }
    // Enough rows for several tasks.
    cases.push(case(draw, "large", Rows::Uniform, Rows::Uniform, &Shape { rows: 20_011, dim: 32, ..SMALL }));
    cases.push(case(draw, "large", Rows::Ties, Rows::Ties, &Shape { rows: 9_001, dim: 32, k: 50, ..SMALL }));
    cases
}
