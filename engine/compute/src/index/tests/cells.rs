//! Pruned scans: what they look into is all of the cells they should and what is in no cell, whatever was written while cells were made.

use super::truth::Truth;
use super::*;
use crate::cards::cards;
use crate::kernels::encode_rows::halves;

/// No multiple of what codes come in.
const DIM: usize = 40;
/// As many as can be asked for: every cell.
const EVERY: usize = 2_048;

/// Options of an index that parts its rows into cells, on any device.
fn parted(rows_min: usize) -> IndexOptions {
    IndexOptions { linked: false, pruned_min: rows_min, ..IndexOptions::new(DIM) }
}

/// An index beside what it should hold.
struct Parted {
    device: Device,
    index: VectorIndex,
    truth: Truth,
}

impl Parted {
    fn new(device: Device, rows_min: usize) -> Parted {
        let index = VectorIndex::new(&device, parted(rows_min));
        Parted { device, index, truth: Truth::new(DIM) }
    }

    fn write(&mut self, first: usize, values: &[f32]) {
        self.index.write(&mut self.device, first, &halves(values)).expect("memory");
        self.truth.write(first, values);
    }

    fn tend(&mut self, rows_max: usize) -> usize {
        self.index.tend(&mut self.device, rows_max, self.truth.originals()).expect("memory")
    }

    fn part(&mut self) {
        while self.tend(1_000) > 0 {}
    }

    fn search(&mut self, queries: &[f32], masks: &[Vec<u64>], probes: usize, way: Way) -> Found {
        let search = Search { masks, probes, ..ten_of_all(self.truth.originals(), queries, way) };
        self.index.search(&mut self.device, &search).expect("memory")
    }

    fn destroy(mut self) {
        self.index.destroy(&mut self.device);
        assert_eq!(self.device.used_bytes(), 0, "something was left");
    }
}

/// Every device that parts rows: all of them, if it is asked for.
fn devices() -> Vec<Device> {
    let mut devices = cards();
    devices.push(open(&cpu_options(2)));
    devices
}

#[test]
fn with_every_cell_looked_into_no_row_is_missed() {
    for device in devices() {
        let draw = &mut Draw::new(seed());
        let clusters = Clusters::new(draw, 12, DIM);
        let device_is_card = device.info().is_card();
        let mut parted = Parted::new(device, 600);
        let (mut made, mut making, mut meanwhile) = (0, 0, 0);
        // A card that a program plays is slow.
        for _ in 0..if device_is_card { 50 } else { 200 } {
            let rows = parted.truth.len();
            // Rows come, in ones and in hundreds, and some are written over.
            let first = if rows > 100 && draw.below(3) == 0 { draw.below(rows - 100) } else { rows };
            let count = [1, 7, 90][draw.below(3)];
            parted.write(first, &clusters.draw(draw, count));
            let left = parted.tend(1 + draw.below(60));
            made += usize::from(making > 0 && left == 0);
            making = left;
            let (rows, asked) = (parted.truth.len(), 1 + draw.below(4));
            let masks: Vec<Vec<u64>> = (0..[0, 1, asked][draw.below(3)])
                .map(|_| mask_of(rows, (0..rows as u32).filter(|_| draw.below(4) > 0)))
                .collect();
            let queries = clusters.draw(draw, asked);
            let found = parted.search(&queries, &masks, EVERY, Way::Pruned);
            assert_eq!(found.way, if made > 0 { Way::Pruned } else { Way::Exact });
            meanwhile += usize::from(made > 0 && making > 0);
            for (query, list) in found.lists.iter().enumerate() {
                let mask = masks.get(query).or(masks.first());
                let allowed = |row| mask.is_none_or(|mask| is_allowed(mask, row));
                let asked = &queries[query * DIM..][..DIM];
                assert_eq!(list, &parted.truth.best(asked, 10, f32::NEG_INFINITY, allowed));
            }
        }
        println!("{}: {made} partitions, {meanwhile} searches while one was made", parted.device.info().name);
        assert!(made > 1 && meanwhile > 1, "{made} partitions, {meanwhile} searches while one was made");
        parted.destroy();
    }
}

#[test]
fn a_few_cells_hold_nearly_all_of_the_best_rows() {
    let draw = &mut Draw::new(seed());
    let clusters = Clusters::new(draw, 200, DIM);
    let rows = 20_000;
    let mut parted = Parted::new(open(&cpu_options(2)), 1);
    parted.write(0, &clusters.draw(draw, rows));
    parted.part();
    let queries = clusters.draw(draw, 200);
    let exact = parted.search(&queries, &[], 0, Way::Exact);
    let mut before = (0, 0);
    for probes in [1, 8, 64, EVERY] {
        let found = parted.search(&queries, &[], probes, Way::Pruned);
        let common: usize = found.lists.iter().zip(&exact.lists).map(|(a, b)| in_common(a, b)).sum();
        let share = found.looked as f64 / (200 * rows) as f64;
        println!("{probes} cells: {common} of 2,000, {share:.3} of the rows looked at");
        assert!(common >= before.0 && found.looked > before.1, "more cells found less");
        // A list of few cells has what these hold, by exact scores.
        let scored = |(list, query): (&Vec<(u32, f32)>, &[f32])| {
            list.iter().all(|row| parted.truth.score(query, row.0) == Some(row.1))
        };
        assert!(found.lists.iter().zip(queries.chunks_exact(DIM)).all(scored));
        match probes {
            64 => assert!(common >= 1_800 && share < 0.3, "{common} of 2,000 in {share} of the rows"),
            EVERY => assert_eq!(found.lists, exact.lists),
            _ => {}
        }
        before = (common, found.looked);
    }
}

#[test]
fn a_row_is_found_as_soon_as_it_is_written() {
    for device in devices() {
        let draw = &mut Draw::new(seed());
        let clusters = Clusters::new(draw, 9, DIM);
        let mut parted = Parted::new(device, 1);
        parted.write(0, &clusters.draw(draw, 900));
        parted.part();
        for first in [900, 17, 901] {
            let value = clusters.draw(draw, 1);
            let twice: Vec<f32> = value.iter().map(|number| 2.0 * number).collect();
            parted.write(first, &twice);
            let found = parted.search(&value, &[], 1, Way::Pruned);
            assert_eq!((found.way, found.lists[0][0].0), (Way::Pruned, first as u32));
        }
        parted.destroy();
    }
}

#[test]
fn the_same_rows_give_the_same_cells_however_they_were_made() {
    let answer = |threads: usize, rows_max: usize| {
        let draw = &mut Draw::new(seed());
        let clusters = Clusters::new(draw, 30, DIM);
        let mut parted = Parted::new(open(&cpu_options(threads)), 1);
        parted.write(0, &clusters.draw(draw, 3_000));
        while parted.tend(rows_max) > 0 {}
        let found = parted.search(&clusters.draw(draw, 40), &[], 2, Way::Pruned);
        (found.looked, found.lists)
    };
    let expected = answer(1, usize::MAX);
    assert!(answer(2, 1) == expected && answer(2, 37) == expected);
}

#[test]
fn auto_prunes_large_stores_and_searches_of_most_rows_alone() {
    let draw = &mut Draw::new(seed());
    let clusters = Clusters::new(draw, 9, DIM);
    let mut parted = Parted::new(open(&cpu_options(1)), 1_000);
    let queries = clusters.draw(draw, 3);
    parted.write(0, &clusters.draw(draw, 999));
    assert_eq!(parted.tend(100), 0, "too few");
    assert_eq!(parted.search(&queries, &[], 1, Way::Pruned).way, Way::Exact, "there are no cells");
    parted.write(999, &clusters.draw(draw, 1));
    assert_eq!(parted.index.tend(&mut parted.device, 100, None).expect("memory"), 0, "of what?");
    parted.part();
    for (one_in, way) in [(1, Way::Pruned), (2, Way::Pruned), (3, Way::Exact)] {
        let mask = mask_of(1_000, (0..1_000).filter(|row| row % one_in == 0));
        assert_eq!(parted.search(&queries, &[mask], 0, Way::Auto).way, way, "one in {one_in}");
    }
    assert_eq!(parted.search(&queries, &[], 0, Way::Auto).way, Way::Pruned);
    assert_eq!(parted.search(&queries, &[], 0, Way::Exact).way, Way::Exact);
    assert_eq!(parted.search(&queries, &[], 0, Way::Graph).way, Way::Exact);
}

#[test]
fn without_memory_for_cells_there_are_none_and_nothing_is_left_behind() {
    let draw = &mut Draw::new(seed());
    let clusters = Clusters::new(draw, 9, DIM);
    let (values, queries) = (clusters.draw(draw, 1_000), clusters.draw(draw, 3));
    let (mut refused, mut made) = (0, 0);
    for spare in (0..1_600_000).step_by(80_000) {
        let device = open(&DeviceOptions { memory_bytes_max: 4 << 20, ..cpu_options(1) });
        let mut parted = Parted::new(device, 1);
        parted.write(0, &values);
        let exact = parted.search(&queries, &[], 0, Way::Exact).lists;
        let hog = parted.device.free_bytes() - spare;
        let hog = parted.device.create::<u32>("hog", hog as usize / 4).expect("what is free");
        parted.part();
        parted.device.destroy(hog);
        let found = parted.search(&queries, &[], EVERY, Way::Pruned);
        assert_eq!(found.lists, exact);
        if found.way == Way::Exact {
            refused += 1;
            // With twice as many there is another try.
            parted.part();
            assert_eq!(parted.search(&queries, &[], 0, Way::Pruned).way, Way::Exact);
            parted.write(1_000, &values);
            parted.part();
            assert_eq!(parted.search(&queries, &[], 0, Way::Pruned).way, Way::Pruned);
        } else {
            made += 1;
        }
        parted.destroy();
    }
    println!("{refused} refused, {made} made");
    assert!(refused > 0 && made > 0, "{refused} refused, {made} made");
}

#[test]
#[should_panic(expected = "0 cells a query")]
fn no_cell_at_all_is_refused() {
    VectorIndex::new(&open(&cpu_options(1)), IndexOptions { probes: 0, ..parted(1) });
}
