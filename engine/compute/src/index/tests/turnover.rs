//! Rows go and others come in their place: the graph stays as good as a fresh one, and no larger.

use super::truth::Truth;
use super::*;
use crate::kernels::encode_rows::halves;

const DIM: usize = 64;
const ROWS: usize = 2_500;

/// An index of some rows, all linked, and the rows themselves.
struct Stored {
    device: Device,
    index: VectorIndex,
    truth: Truth,
    clusters: Clusters,
}

impl Stored {
    fn new(draw: &mut Draw) -> Self {
        let device = open(&cpu_options(2));
        let index = small_index(&device, DIM);
        let clusters = Clusters::new(draw, 30, DIM);
        let mut stored = Stored { device, index, truth: Truth::new(DIM), clusters };
        let values = stored.clusters.draw(draw, ROWS);
        stored.write(0, &values);
        tend_until_done(&mut stored.index, &mut stored.device);
        stored
    }

    fn write(&mut self, first: usize, values: &[f32]) {
        self.index.write(&mut self.device, first, &halves(values)).expect("memory");
        self.truth.write(first, values);
    }

    fn retire(&mut self, rows: &[u32]) {
        self.index.retire(rows.iter().copied());
        rows.iter().for_each(|row| self.truth.retire(*row));
    }

    /// What walks without a mask find of the best ten live rows.
    fn recall(&mut self, queries: &[f32]) -> f64 {
        let search = ten_of_all(self.truth.originals(), queries, Way::Graph);
        let found = self.index.search(&mut self.device, &search).expect("memory");
        assert_eq!(found.way, Way::Graph);
        let best = |query| self.truth.best(query, 10, f32::NEG_INFINITY, |_| true);
        let best: Vec<_> = queries.chunks_exact(DIM).map(best).collect();
        let common: usize = found.lists.iter().zip(&best).map(|(list, best)| in_common(list, best)).sum();
        common as f64 / best.iter().map(Vec::len).sum::<usize>() as f64
    }
}

/// All rows in an order of their own, in ten parts.
fn tenths(draw: &mut Draw) -> Vec<Vec<u32>> {
    let mut rows: Vec<u32> = (0..ROWS as u32).collect();
    for place in (1..ROWS).rev() {
        rows.swap(place, draw.below(place + 1));
    }
    rows.chunks(ROWS / 10).map(<[u32]>::to_vec).collect()
}

#[test]
fn nothing_retired_is_walked_to_and_the_others_are_found_as_before() {
    let draw = &mut Draw::new(seed());
    let mut stored = Stored::new(draw);
    let queries = stored.clusters.draw(draw, 300);
    let before = stored.recall(&queries);
    let retired = tenths(draw)[..3].concat();
    // Their own vectors lead straight to them, if anything does.
    let own: Vec<f32> = retired.iter().flat_map(|row| stored.truth.vector(*row)).collect();
    stored.retire(&retired);
    tend_until_done(&mut stored.index, &mut stored.device);
    assert_eq!(stored.index.linked(), ROWS - retired.len());
    let search = ten_of_all(stored.truth.originals(), &own, Way::Graph);
    let found = stored.index.search(&mut stored.device, &search).expect("memory");
    for list in &found.lists {
        assert_eq!(list.len(), 10);
        let live = |row: &(u32, f32)| !retired.contains(&row.0);
        assert!(list.iter().all(live), "a retired row in {list:?}");
    }
    let after = stored.recall(&queries);
    println!("recall@10 {before} of all, {after} of the seven tenths that stay");
    assert!(before >= 0.9 && after >= before - 0.02, "recall@10 was {before} and is {after}");
}

#[test]
fn after_every_row_was_replaced_the_graph_is_as_good_as_a_fresh_one_and_no_larger() {
    let draw = &mut Draw::new(seed() ^ 1);
    let mut stored = Stored::new(draw);
    let queries = stored.clusters.draw(draw, 300);
    // Buffers of searches come to their size.
    stored.recall(&queries);
    let used = stored.device.used_bytes();
    for tenth in tenths(draw) {
        stored.retire(&tenth);
        stored.index.tend(&mut stored.device, 30, None).expect("memory");
        for row in tenth {
            let values = stored.clusters.draw(draw, 1);
            stored.write(row as usize, &values);
        }
        stored.index.tend(&mut stored.device, 200, None).expect("memory");
    }
    tend_until_done(&mut stored.index, &mut stored.device);
    assert_eq!(stored.index.linked(), ROWS);
    let replaced = stored.recall(&queries);
    let grown = stored.device.used_bytes() as f64 / used as f64;
    assert!(grown <= 1.03, "{grown} times the memory");

    let mut fresh = Stored { index: small_index(&stored.device, DIM), truth: Truth::new(DIM), ..stored };
    for row in 0..ROWS as u32 {
        fresh.write(row as usize, &stored.truth.vector(row));
    }
    tend_until_done(&mut fresh.index, &mut fresh.device);
    let fresh = fresh.recall(&queries);
    println!(
        "recall@10 {replaced} with every row replaced, {fresh} of a fresh index; {grown} times the memory"
    );
    assert!(fresh >= 0.9 && replaced >= fresh - 0.02, "recall@10 {replaced}, of a fresh index {fresh}");
}
