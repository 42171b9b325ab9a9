//! Which of its nearest rows a row keeps edges to (robust pruning: Subramanya and others, DiskANN, 2019).
//!
//! Candidates are taken nearest first. One is passed over if a row kept before is nearer to it, `alpha` times, than the
//! row itself: a walk gets there by way of the kept one. What room is left goes to the nearest passed over. Distances are
//! squared Euclidean ones between coded rows, in f32 and in this order of operations, so that every form decides alike.

use super::graph_shard::{CodedRows, probe_of};

/// A candidate and its estimated inner product with the row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Near {
    pub row: u32,
    pub score: f32,
}

/// Best first: higher score, then lower row.
pub(crate) fn sort(candidates: &mut Vec<Near>) {
    candidates.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
    candidates.dedup_by_key(|near| near.row);
}

/// Squared distance of two rows with these lengths and inner product.
pub(crate) fn distance(norm_a: f32, norm_b: f32, product: f32) -> f32 {
    norm_a * norm_a + norm_b * norm_b - 2.0 * product
}

/// Rows kept of `candidates`, which are sorted, as edges of `row`; `codes` is room.
pub(crate) fn diversify(
    rows: &CodedRows<'_>,
    row: u32,
    candidates: &[Near],
    degree: usize,
    alpha: f32,
    codes: &mut Vec<i8>,
) -> Vec<u32> {
    let mut kept: Vec<u32> = Vec::with_capacity(degree);
    let (mut passed_over, mut sums): (Vec<u32>, Vec<i32>) = (Vec::new(), Vec::new());
    for near in candidates {
        if kept.len() == degree {
            break;
        }
        let norm = rows.norm(near.row);
        let own = distance(norm, rows.norm(row), near.score);
        let probe = probe_of(rows, near.row, codes);
        let occluded = kept.chunks(4).any(|four| {
            let products = rows.estimates(four, &probe, &mut sums);
            let nearer =
                |(kept, product): (&u32, f32)| alpha * distance(norm, rows.norm(*kept), product) < own;
            four.iter().zip(products).any(nearer)
        });
        if occluded { passed_over.push(near.row) } else { kept.push(near.row) }
    }
    let room = degree - kept.len();
    kept.extend(passed_over.into_iter().take(room));
    kept
}
