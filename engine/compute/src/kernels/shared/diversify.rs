//! Which of its nearest rows a row keeps edges to (robust pruning: Subramanya and others, DiskANN, 2019).
//!
//! Candidates are taken nearest first. One is passed over if a row kept before is nearer to it, `alpha` times, than the
//! row itself: a walk gets there by way of the kept one. What room is left goes to the nearest passed over. A few places of a full
//! list are for the farthest candidates: where many rows are the same, none hides another, and the nearest alone would make islands
//! that no walk leads to. Distances are squared Euclidean ones between coded rows, in f32 and in this order of operations, so
//! that every form decides alike.

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

/// Rows kept of `candidates`, which are sorted, as edges of `row`, nearest first; `far` of them are the farthest candidates.
/// `codes` is room.
pub(crate) fn diversify(
    rows: &CodedRows<'_>,
    row: u32,
    candidates: &[Near],
    degree: usize,
    far: usize,
    alpha: f32,
    codes: &mut Vec<i8>,
) -> Vec<u32> {
    let mut taken = vec![false; candidates.len()];
    let (mut kept, mut sums): (Vec<u32>, Vec<i32>) = (Vec::with_capacity(degree), Vec::new());
    for (near, taken) in candidates.iter().zip(&mut taken) {
        if kept.len() + far == degree {
            break;
        }
        let norm = rows.norm(near.row);
        let own = distance(norm, rows.norm(row), near.score);
        let probe = probe_of(rows, near.row, codes);
        *taken = !kept.chunks(4).any(|four| {
            let products = rows.estimates(four, &probe, &mut sums);
            let nearer =
                |(kept, product): (&u32, f32)| alpha * distance(norm, rows.norm(*kept), product) < own;
            four.iter().zip(products).any(nearer)
        });
        if *taken {
            kept.push(near.row);
        }
    }
    let open: Vec<usize> = (0..candidates.len()).filter(|&place| !taken[place]).collect();
    let room = degree - kept.len();
    let far = far.min(room);
    let filling = open.iter().rev().take(far).chain(open.iter().take(room - far));
    filling.for_each(|&place| taken[place] = true);
    candidates.iter().zip(taken).filter(|(_, taken)| *taken).map(|(near, _)| near.row).collect()
}

/// One in so many edges of a full list leads far.
pub(crate) const FAR_PART: usize = 16;

/// The list of `row` once all of `together`, which are sorted, are offered: all while they are at most `degree`, else so many of them.
pub(crate) fn list_of(
    rows: &CodedRows<'_>,
    row: u32,
    together: &[Near],
    degree: usize,
    alpha: f32,
    codes: &mut Vec<i8>,
) -> Vec<u32> {
    if together.len() > degree {
        return diversify(rows, row, together, degree, degree / FAR_PART, alpha, codes);
    }
    together.iter().map(|near| near.row).collect()
}
