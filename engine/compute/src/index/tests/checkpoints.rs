//! A graph that was saved is there again, for whatever rows it finds.

use super::truth::Truth;
use super::*;
use crate::Error;
use crate::kernels::encode_rows::halves;

const DIM: usize = 32;
const ROWS: usize = 1_500;

/// An index, and what it should find.
struct Kept {
    device: Device,
    index: VectorIndex,
    truth: Truth,
}

impl Kept {
    fn new(threads: usize, values: &[f32]) -> Self {
        let device = open(&cpu_options(threads));
        let index = small_index(&device, DIM);
        let mut kept = Kept { device, index, truth: Truth::new(DIM) };
        kept.write(0, values);
        kept
    }

    /// All rows linked.
    fn linked(values: &[f32]) -> Self {
        let mut kept = Kept::new(2, values);
        tend_until_done(&mut kept.index, &mut kept.device);
        kept
    }

    fn write(&mut self, first: usize, values: &[f32]) {
        self.index.write(&mut self.device, first, &halves(values)).expect("memory");
        self.truth.write(first, values);
    }

    fn save(&mut self) -> Vec<u8> {
        let saved = self.index.checkpoint(&mut self.device).expect("memory").expect("a graph");
        assert_eq!(self.index.unsaved(), 0);
        let bytes = saved.encode();
        assert_eq!(Checkpoint::decode(&bytes).expect("what was encoded"), saved);
        bytes
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<usize> {
        self.index.restore(&mut self.device, &Checkpoint::decode(bytes)?)
    }

    fn search(&mut self, queries: &[f32], width: usize) -> Found {
        let search = Search { width, ..ten_of_all(self.truth.originals(), queries, Way::Graph) };
        self.index.search(&mut self.device, &search).expect("memory")
    }
}

fn drawn(draw: &mut Draw) -> (Clusters, Vec<f32>, Vec<f32>) {
    let clusters = Clusters::new(draw, 20, DIM);
    let (values, queries) = (clusters.draw(draw, ROWS), clusters.draw(draw, 100));
    (clusters, values, queries)
}

#[test]
fn a_graph_is_there_again_to_the_bit() {
    let (_, values, queries) = drawn(&mut Draw::new(seed()));
    let mut before = Kept::linked(&values);
    assert!(before.index.unsaved() >= ROWS);
    let bytes = before.save();
    let mut after = Kept::new(1, &values);
    assert_eq!(after.index.linked(), 0);
    assert_eq!(after.restore(&bytes).expect("its own graph"), ROWS);
    assert_eq!(after.index.unsaved(), 0);
    assert_eq!(
        after.index.tend(&mut after.device, usize::MAX, None).expect("memory"),
        0,
        "nothing is left to link"
    );
    let (found, again) = (before.search(&queries, 64), after.search(&queries, 64));
    assert_eq!((found.lists, found.looked), (again.lists, again.looked));
    assert_eq!(after.save(), bytes);
}

#[test]
fn rows_that_changed_meanwhile_are_found_as_they_are() {
    let draw = &mut Draw::new(seed() ^ 1);
    let (clusters, mut values, queries) = drawn(draw);
    let mut before = Kept::linked(&values);
    let bytes = before.save();
    // Every fifth is another one, every seventh was deleted, some are new.
    for row in (0..ROWS).step_by(5) {
        values[row * DIM..][..DIM].copy_from_slice(&clusters.draw(draw, 1));
    }
    values.extend(clusters.draw(draw, 200));
    let gone: Vec<u32> = (0..ROWS as u32).step_by(7).collect();
    let mut after = Kept::new(2, &values);
    after.index.retire(gone.iter().copied());
    gone.iter().for_each(|row| after.truth.retire(*row));
    after.restore(&bytes).expect("a graph of these rows");

    let live = mask_of(after.index.len(), (0..after.index.len() as u32).filter(|row| !gone.contains(row)));
    for _ in 0..2 {
        // At once, and when all that changed is linked anew.
        let search = Search {
            masks: std::slice::from_ref(&live),
            width: after.index.len(),
            ..ten_of_all(after.truth.originals(), &queries, Way::Graph)
        };
        let found = after.index.search(&mut after.device, &search).expect("memory");
        assert_eq!(found.way, Way::Graph);
        for (query, list) in queries.chunks_exact(DIM).zip(&found.lists) {
            assert_eq!(list, &after.truth.best(query, 10, f32::NEG_INFINITY, |_| true));
        }
        tend_until_done(&mut after.index, &mut after.device);
    }
    assert_eq!(after.index.linked(), ROWS + 200 - gone.len());
    assert!(after.index.unsaved() >= gone.len() + 200);
    let found = after.search(&queries, after.index.len());
    assert!(
        found.lists.iter().flatten().all(|(row, _)| !gone.contains(row)),
        "nothing leads to what is gone"
    );
}

#[test]
fn edges_of_what_a_row_was_are_not_taken_for_its_own() {
    let draw = &mut Draw::new(seed() ^ 5);
    let (clusters, mut values, _) = drawn(draw);
    let mut before = Kept::linked(&values);
    values[30 * DIM..40 * DIM].copy_from_slice(&clusters.draw(draw, 10));
    before.write(30, &values[30 * DIM..40 * DIM]);
    // Saved before the graph knows of it.
    let bytes = before.save();
    let mut after = Kept::new(1, &values);
    after.restore(&bytes).expect("its own graph");
    tend_until_done(&mut after.index, &mut after.device);
    assert_eq!(after.index.unsaved(), 20, "ten rows went and came");
}

#[test]
fn a_row_written_as_it_is_keeps_its_edges() {
    let draw = &mut Draw::new(seed() ^ 2);
    let (clusters, values, queries) = drawn(draw);
    let mut kept = Kept::linked(&values);
    let bytes = kept.save();
    let found = kept.search(&queries, 64);
    kept.write(0, &values);
    assert_eq!(kept.index.tend(&mut kept.device, usize::MAX, None).expect("memory"), 0);
    let again = kept.search(&queries, 64);
    assert_eq!((found.lists, found.looked), (again.lists, again.looked));
    assert_eq!(kept.save(), bytes);
    kept.write(3, &clusters.draw(draw, 1));
    // On its way out, and back as it was: linked anew all the same.
    kept.write(3, &values[3 * DIM..4 * DIM]);
    tend_until_done(&mut kept.index, &mut kept.device);
    assert_eq!((kept.index.linked(), kept.index.unsaved()), (ROWS, 2));
}

#[test]
fn bytes_that_are_no_graph_of_this_index_are_refused_and_change_nothing() {
    let draw = &mut Draw::new(seed() ^ 3);
    let (clusters, values, queries) = drawn(draw);
    let bytes = Kept::linked(&values).save();
    let refused = |kept: &mut Kept, bytes: &[u8]| {
        let used = kept.device.used_bytes();
        let error = kept.restore(bytes).expect_err("not its graph");
        assert!(matches!(error, Error::Checkpoint { .. }), "{error}");
        assert_eq!((kept.device.used_bytes(), kept.index.linked()), (used, 0));
    };
    let mut fewer = Kept::new(1, &values[..DIM * (ROWS - 1)]);
    refused(&mut fewer, &bytes);
    tend_until_done(&mut fewer.index, &mut fewer.device);
    assert_eq!(fewer.search(&queries, 64).way, Way::Graph);

    let device = open(&cpu_options(1));
    let options = IndexOptions { degree: 12, scanned_max: 0, ..IndexOptions::new(DIM) };
    let narrow = VectorIndex::new(&device, options);
    let mut narrow = Kept { device, index: narrow, truth: Truth::new(DIM) };
    narrow.write(0, &values);
    refused(&mut narrow, &bytes);
    let mut wide = small_index(&narrow.device, 2 * DIM);
    wide.write(&mut narrow.device, 0, &halves(&values)).expect("memory");
    let saved = Checkpoint::decode(&bytes).expect("what was encoded");
    assert!(matches!(wide.restore(&mut narrow.device, &saved), Err(Error::Checkpoint { .. })));

    let cut = (0..200).chain((200..bytes.len()).step_by(97));
    for len in cut {
        assert!(matches!(Checkpoint::decode(&bytes[..len]), Err(Error::Checkpoint { .. })), "{len}");
    }
    assert!(Checkpoint::decode(&[&bytes[..], &[0]].concat()).is_err());
    // Whatever else they say: an error, or a graph that can be walked and tended.
    let small = clusters.draw(draw, 40);
    let bytes = Kept::linked(&small).save();
    let mut taken = 0;
    for place in 0..bytes.len() {
        let mut bad = bytes.clone();
        bad[place] ^= 1 << draw.below(8);
        let mut kept = Kept::new(1, &small);
        if kept.restore(&bad).is_ok() {
            taken += 1;
            kept.search(&queries[..DIM], 40);
            tend_until_done(&mut kept.index, &mut kept.device);
            assert_eq!(kept.index.linked(), 40);
        }
    }
    println!("{taken} of {} changed bytes made another graph", bytes.len());
    assert!(taken > 0 && taken < bytes.len());
}

#[test]
fn a_graph_there_is_no_memory_for_leaves_nothing_behind() {
    let (_, values, queries) = drawn(&mut Draw::new(seed() ^ 4));
    let bytes = Kept::linked(&values).save();
    let saved = Checkpoint::decode(&bytes).expect("what was encoded");
    let mut refused = 0;
    for spare in (0..500_000).step_by(20_000) {
        let mut kept = Kept::new(1, &values);
        let hog = kept.device.free_bytes() - spare;
        let hog = kept.device.create::<u32>("hog", hog as usize / 4).expect("what is free");
        let used = kept.device.used_bytes();
        match kept.index.restore(&mut kept.device, &saved) {
            Err(error) => {
                assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
                assert_eq!((kept.device.used_bytes(), kept.index.linked()), (used, 0));
                refused += 1;
            }
            Ok(linked) => assert_eq!(linked, ROWS),
        }
        kept.device.destroy(hog);
        tend_until_done(&mut kept.index, &mut kept.device);
        assert_eq!(kept.index.linked(), ROWS);
        assert_eq!(kept.search(&queries[..DIM], 64).way, Way::Graph);
    }
    assert!((5..25).contains(&refused), "{refused} refused");
}
