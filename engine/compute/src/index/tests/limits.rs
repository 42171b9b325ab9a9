//! Where buffers, memory or the graph come to an end, searches are right all the same.

use super::truth::Truth;
use super::*;
use crate::Error;
use crate::kernels::encode_rows::halves;

const DIM: usize = 32;

fn write(index: &mut VectorIndex, truth: &mut Truth, device: &mut Device, first: usize, values: &[f32]) {
    index.write(device, first, &halves(values)).expect("memory");
    truth.write(first, values);
}

/// Every way gives the best ten, whichever it takes. The width is such that a walk meets all rows.
fn assert_all_found(index: &mut VectorIndex, truth: &Truth, device: &mut Device, queries: &[f32]) {
    for way in [Way::Exact, Way::Graph, Way::Auto] {
        let search = Search { width: index.len(), ..ten_of_all(truth.originals(), queries, way) };
        let found = index.search(device, &search).expect("memory");
        for (query, list) in queries.chunks_exact(DIM).zip(&found.lists) {
            assert_eq!(list, &truth.best(query, 10, f32::NEG_INFINITY, |_| true), "{way:?}");
        }
    }
}

#[test]
fn rows_beyond_the_graph_are_found_before_it_grows() {
    let draw = &mut Draw::new(seed());
    let mut device = open(&cpu_options(1));
    let (mut index, mut truth) = (small_index(&device, DIM), Truth::new(DIM));
    let clusters = Clusters::new(draw, 5, DIM);
    // Masks of one word more than the rows in the graph need, too.
    for (first, count) in [(0, 900), (900, 300), (1_200, 1_000)] {
        write(&mut index, &mut truth, &mut device, first, &clusters.draw(draw, count));
        let queries = clusters.draw(draw, 3);
        assert_all_found(&mut index, &truth, &mut device, &queries);
        let masks: Vec<Vec<u64>> = (0..3)
            .map(|_| mask_of(index.len(), (0..index.len() as u32).filter(|_| draw.below(3) == 0)))
            .collect();
        let search =
            Search { masks: &masks, width: 2_000, ..ten_of_all(truth.originals(), &queries, Way::Graph) };
        let found = index.search(&mut device, &search).expect("memory");
        for (query, list) in found.lists.iter().enumerate() {
            let allowed = |row| is_allowed(&masks[query], row);
            assert_eq!(list, &truth.best(&queries[query * DIM..][..DIM], 10, f32::NEG_INFINITY, allowed));
        }
        tend_until_done(&mut index, &mut device);
    }
}

#[test]
fn a_shard_holds_no_more_rows_than_a_graph_over_it_can() {
    let draw = &mut Draw::new(seed());
    // A vector of 32 numbers takes less than its edges do.
    let mut device = open(&DeviceOptions { binding_bytes_max: Some(1 << 16), ..cpu_options(1) });
    let (mut index, mut truth) = (small_index(&device, DIM), Truth::new(DIM));
    let clusters = Clusters::new(draw, 5, DIM);
    // In one shard, then in several.
    for (first, count) in [(0, 400), (400, 300), (700, 2_000)] {
        write(&mut index, &mut truth, &mut device, first, &clusters.draw(draw, count));
        assert_all_found(&mut index, &truth, &mut device, &clusters.draw(draw, 3));
        tend_until_done(&mut index, &mut device);
        assert_all_found(&mut index, &truth, &mut device, &clusters.draw(draw, 3));
    }
    // Early rows written over again, with later shards there.
    write(&mut index, &mut truth, &mut device, 10, &clusters.draw(draw, 20));
    assert_all_found(&mut index, &truth, &mut device, &clusters.draw(draw, 3));
    index.destroy(&mut device);
    assert_eq!(device.used_bytes(), 0);
}

#[test]
fn tending_without_memory_leaves_nothing_behind_and_is_made_up_for() {
    let draw = &mut Draw::new(seed());
    let clusters = Clusters::new(draw, 5, DIM);
    let (values, queries) = (clusters.draw(draw, 500), clusters.draw(draw, 3));
    let mut refused = 0;
    for spare in (0..16_000).step_by(500) {
        let mut device = open(&DeviceOptions { memory_bytes_max: 4 << 20, ..cpu_options(1) });
        let (mut index, mut truth) = (small_index(&device, DIM), Truth::new(DIM));
        write(&mut index, &mut truth, &mut device, 0, &values);
        index.tend(&mut device, 300, None).expect("memory");
        write(&mut index, &mut truth, &mut device, 100, &clusters.draw(draw, 50));
        assert_all_found(&mut index, &truth, &mut device, &queries);
        let hog = device.free_bytes() - spare;
        let hog = device.create::<u32>("hog", hog as usize / 4).expect("what is free");
        let used = device.used_bytes();
        for _ in 0..2 {
            if let Err(error) = index.tend(&mut device, usize::MAX, None) {
                assert!(matches!(error, Error::OutOfMemory { .. }), "{error}");
                refused += 1;
            }
            assert_eq!(device.used_bytes(), used, "nothing is left behind");
        }
        device.destroy(hog);
        assert_all_found(&mut index, &truth, &mut device, &queries);
        tend_until_done(&mut index, &mut device);
        assert_eq!(index.linked(), 500);
        assert_all_found(&mut index, &truth, &mut device, &queries);
    }
    println!("{refused} refused");
    assert!(refused > 0);
}

#[test]
fn rows_far_from_the_query_are_found_where_only_they_are_allowed() {
    let draw = &mut Draw::new(seed());
    let mut device = open(&cpu_options(1));
    let (mut index, mut truth) = (small_index(&device, DIM), Truth::new(DIM));
    let (clusters, rows) = (Clusters::new(draw, 5, DIM), 3_000);
    write(&mut index, &mut truth, &mut device, 0, &clusters.draw(draw, rows));
    tend_until_done(&mut index, &mut device);
    // The worse half of all rows for one query, the better half for the next. Walks to the former meet all others first, and give
    // up.
    let queries = clusters.draw(draw, 20);
    let order = |query| truth.best(query, rows, f32::NEG_INFINITY, |_| true);
    let half = |(place, query)| order(query)[rows / 2 * ((place + 1) % 2)..][..rows / 2].to_vec();
    let halves: Vec<_> = queries.chunks_exact(DIM).enumerate().map(half).collect();
    let masks: Vec<_> = halves.iter().map(|half| mask_of(rows, half.iter().map(|row| row.0))).collect();
    let (mut gave_up, mut common) = (0, 0);
    // A batch of all would be scanned for.
    for (two, (halves, masks)) in queries.chunks(2 * DIM).zip(halves.chunks(2).zip(masks.chunks(2))) {
        let search = Search { masks, k: 10, width: 16, ..ten_of_all(truth.originals(), two, Way::Auto) };
        let found = index.search(&mut device, &search).expect("memory");
        assert_eq!(found.way, Way::Graph);
        assert_eq!(found.lists[0], halves[0][..10], "what was scanned for instead is exact");
        gave_up += found.gave_up;
        common += in_common(&found.lists[1], &halves[1][..10]);
    }
    assert!((10..15).contains(&gave_up), "{gave_up} of 20 gave up");
    assert!(common >= 40, "{common} of 100 found among the better halves");
}

#[test]
fn rows_that_are_nearly_the_same_are_found_by_walks_too() {
    let draw = &mut Draw::new(seed());
    let mut device = open(&cpu_options(1));
    // Copies, which hide nothing from each other, and rows that differ by less than their codes can tell.
    for (groups, each, noise) in [(100, 30, 0.0), (30, 100, 0.01)] {
        let centres = draw.many(groups * DIM, Draw::normal);
        let near_one = |draw: &mut Draw| {
            let first = draw.below(groups) * DIM;
            let row: Vec<f32> =
                centres[first..first + DIM].iter().map(|centre| centre + noise * draw.normal()).collect();
            let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
            row.into_iter().map(move |x| x / length)
        };
        let rows: Vec<f32> = (0..groups * each).flat_map(|_| near_one(draw)).collect();
        let rows = halves(&rows);
        let mut index = small_index(&device, DIM);
        index.write(&mut device, 0, &rows).expect("memory");
        tend_until_done(&mut index, &mut device);
        let queries: Vec<f32> = (0..100).flat_map(|_| near_one(draw)).collect();
        let mut search = |way| {
            let search = Search { width: 256, ..ten_of_all(Some(Originals::new(DIM, &rows)), &queries, way) };
            index.search(&mut device, &search).expect("memory").lists
        };
        let (exact, walked) = (search(Way::Exact), search(Way::Graph));
        let mut found = 0;
        for (exact, walked) in exact.iter().zip(&walked) {
            found += walked.iter().filter(|row| row.1 >= exact[9].1).count();
        }
        assert!(found >= 970, "{found} of 1,000 among {groups} times {each}");
    }
}
