//! Thousands of random steps: rows are written, overwritten, retired, written again and linked a few at a time, and every search in
//! between is held against a plain scan.

use super::truth::Truth;
use super::*;
use crate::kernels::encode_rows::halves;

const DIM: usize = 64;
const WAYS: [Way; 3] = [Way::Exact, Way::Graph, Way::Auto];

/// An index and what it should hold.
struct Churn {
    draw: Draw,
    clusters: Clusters,
    device: Device,
    index: VectorIndex,
    truth: Truth,
    tally: Tally,
    /// The graph as it was some time ago.
    saved: Option<Vec<u8>>,
    restarts: usize,
}

/// How much of the best was found, by the share of rows that the mask let through, and which ways were taken.
#[derive(Default)]
struct Tally {
    buckets: Vec<(&'static str, usize, usize)>,
    auto_walked: usize,
    auto_scanned: usize,
}

impl Tally {
    fn note(&mut self, asked: Way, taken: Way) {
        assert!(taken != Way::Auto && (asked != Way::Exact || taken == Way::Exact));
        if asked == Way::Auto {
            let walked = usize::from(taken == Way::Graph);
            self.auto_walked += walked;
            self.auto_scanned += 1 - walked;
        }
    }

    fn count(&mut self, bucket: &'static str, found: usize, wanted: usize) {
        match self.buckets.iter_mut().find(|known| known.0 == bucket) {
            Some(known) => (known.1, known.2) = (known.1 + found, known.2 + wanted),
            None => self.buckets.push((bucket, found, wanted)),
        }
    }

    fn recall(buckets: &[(&'static str, usize, usize)]) -> f64 {
        let sum =
            |of: fn(&(&'static str, usize, usize)) -> usize| buckets.iter().map(of).sum::<usize>() as f64;
        sum(|bucket| bucket.1) / sum(|bucket| bucket.2)
    }
}

impl Churn {
    fn new(seed: u64, device: Device) -> Self {
        let mut draw = Draw::new(seed);
        let clusters = Clusters::new(&mut draw, 40, DIM);
        let index = small_index(&device, DIM);
        let (truth, tally) = (Truth::new(DIM), Tally::default());
        Churn { draw, clusters, device, index, truth, tally, saved: None, restarts: 0 }
    }

    fn write(&mut self, first: usize, count: usize) {
        let values = self.clusters.draw(&mut self.draw, count);
        self.index.write(&mut self.device, first, &halves(&values)).expect("memory");
        self.truth.write(first, &values);
    }

    fn retire(&mut self, rows: Vec<u32>) {
        rows.iter().for_each(|row| self.truth.retire(*row));
        self.index.retire(rows);
    }

    fn tend(&mut self, rows_max: usize) {
        self.index.tend(&mut self.device, rows_max, None).expect("memory");
    }

    /// Up to `count` different rows that are live, or that are not.
    fn pick(&mut self, live: bool, count: usize) -> Vec<u32> {
        let live_rows = self.truth.live();
        let mut rows = match live {
            true => live_rows,
            false => {
                (0..self.truth.len() as u32).filter(|row| live_rows.binary_search(row).is_err()).collect()
            }
        };
        let count = count.min(rows.len());
        for place in 0..count {
            let other = place + self.draw.below(rows.len() - place);
            rows.swap(place, other);
        }
        rows.truncate(count);
        rows
    }

    /// Rows that a search may find: only live ones, and of those as many as the filter leaves.
    fn filter(&mut self) -> (&'static str, Vec<u64>) {
        // Narrow ones less often: a walk that finds few rows goes everywhere.
        let (name, one_in) = match self.draw.below(10) {
            0..4 => ("all", 1),
            4..7 => ("half", 2),
            7 => ("a tenth", 10),
            8 => ("a hundredth", 100),
            _ => ("one", usize::MAX),
        };
        let live = self.truth.live();
        let mut allowed: Vec<u32> = live.iter().copied().filter(|_| self.draw.below(one_in) == 0).collect();
        if one_in == usize::MAX {
            allowed = self.pick(true, 1);
        }
        (name, mask_of(self.truth.len(), allowed))
    }

    /// Some queries with their masks, in every way.
    fn search(&mut self) {
        let count = 1 + self.draw.below(3);
        let queries = self.clusters.draw(&mut self.draw, count);
        let k = [1, 10, 10, 10, 40][self.draw.below(5)];
        let masks = if self.draw.below(2) == 0 { 1 } else { count };
        let (names, masks): (Vec<_>, Vec<_>) = (0..masks).map(|_| self.filter()).unzip();
        let score_min = if self.draw.below(4) == 0 { 0.3 } else { f32::NEG_INFINITY };
        let mask = |query: usize| &masks[query.min(masks.len() - 1)];
        let best = |query: usize| {
            let allowed = |row| is_allowed(mask(query), row);
            self.truth.best(&queries[query * DIM..][..DIM], k, score_min, allowed)
        };
        let best: Vec<_> = (0..count).map(best).collect();
        for way in WAYS {
            let search = Search {
                queries: &queries,
                originals: self.truth.originals(),
                masks: &masks,
                k,
                score_min,
                width: 64,
                probes: 0,
                way,
            };
            let found = self.index.search(&mut self.device, &search).expect("memory");
            assert_eq!(found.lists.len(), count);
            self.tally.note(way, found.way);
            for (query, list) in found.lists.iter().enumerate() {
                self.check(&queries[query * DIM..][..DIM], mask(query), &search, list);
                if found.way == Way::Exact {
                    assert_eq!(list, &best[query], "what a plain scan finds");
                } else {
                    let ten = &best[query][..best[query].len().min(10)];
                    let name = names[query.min(masks.len() - 1)];
                    self.tally.count(name, in_common(&list[..list.len().min(10)], ten), ten.len());
                }
            }
        }
    }

    /// Whatever the way: best first, nothing twice, nothing outside the mask or below the threshold, and the scores that the rows
    /// have now.
    fn check(&self, query: &[f32], mask: &[u64], search: &Search<'_>, list: &[(u32, f32)]) {
        assert!(list.len() <= search.k, "{} of {} rows", list.len(), search.k);
        for pair in list.windows(2) {
            let ordered = pair[0].1 > pair[1].1 || pair[0].1 == pair[1].1 && pair[0].0 < pair[1].0;
            assert!(ordered, "{pair:?} in {:?}", search.way);
        }
        for &(row, score) in list {
            assert!(is_allowed(mask, row), "row {row} is outside the mask of {:?}", search.way);
            assert_eq!(Some(score), self.truth.score(query, row), "row {row} in {:?}", search.way);
            assert!(score >= search.score_min);
        }
    }

    /// A row that was just written is found by its own vector, in every way.
    fn finds_at_once(&mut self, first: usize, count: usize) {
        let row = first + self.draw.below(count);
        let values = self.clusters.draw(&mut self.draw, 1);
        self.index.write(&mut self.device, row, &halves(&values)).expect("memory");
        self.truth.write(row, &values);
        let mask = [mask_of(self.truth.len(), self.truth.live())];
        for way in WAYS {
            let search = Search { masks: &mask, k: 1, ..ten_of_all(self.truth.originals(), &values, way) };
            let found = self.index.search(&mut self.device, &search).expect("memory");
            let score = self.truth.score(&values, row as u32).expect("live");
            assert_eq!(found.lists, [[(row as u32, score)]], "{way:?}");
        }
    }

    fn save(&mut self) {
        let saved = self.index.checkpoint(&mut self.device).expect("memory");
        self.saved = saved.map(|saved| saved.encode()).or(self.saved.take());
    }

    /// A new index of the rows as they are, with the graph that was saved last.
    fn restart(&mut self) {
        let Some(saved) = &self.saved else { return };
        let index = small_index(&self.device, DIM);
        std::mem::replace(&mut self.index, index).destroy(&mut self.device);
        self.index.write(&mut self.device, 0, self.truth.values()).expect("memory");
        let live = self.truth.live();
        let gone = (0..self.truth.len() as u32).filter(|row| live.binary_search(row).is_err());
        self.index.retire(gone);
        let saved = Checkpoint::decode(saved).expect("what was encoded");
        let linked = self.index.restore(&mut self.device, &saved).expect("its own graph");
        assert_eq!(linked, saved.linked());
        self.restarts += 1;
    }

    fn step(&mut self, rows_max: usize) {
        match self.draw.below(80) {
            0 => self.save(),
            1 => self.restart(),
            _ => {}
        }
        match self.draw.below(16) {
            0..3 => {
                let (first, count) = (self.truth.len(), 1 + self.draw.below(20));
                if first + count <= rows_max {
                    self.write(first, count);
                    self.finds_at_once(first, count);
                }
            }
            3 => {
                let count = 1 + self.draw.below(8);
                self.pick(true, count).into_iter().for_each(|row| self.write(row as usize, 1));
            }
            4 => {
                // A run of neighbours, live or not.
                let count = 1 + self.draw.below(12);
                let first = self.draw.below(self.truth.len() - count);
                self.write(first, count);
                self.finds_at_once(first, count);
            }
            5 | 6 => {
                let count = 1 + self.draw.below(10);
                let rows = self.pick(true, count);
                self.retire(rows);
            }
            7 => {
                let count = 1 + self.draw.below(15);
                self.pick(false, count).into_iter().for_each(|row| self.write(row as usize, 1));
            }
            8..11 => {
                let rows_max = [0, 1, 5, 50, 300, usize::MAX][self.draw.below(6)];
                self.tend(rows_max);
            }
            _ => self.search(),
        }
    }
}

#[test]
fn whatever_was_written_and_retired_before_a_search_finds_what_is_there_now() {
    let cpu = open(&cpu_options(1));
    let mut churn = Churn::new(seed(), cpu);
    churn.write(0, 3_000);
    churn.search();
    churn.tend(usize::MAX);
    for _ in 0..2_500 {
        churn.step(5_000);
    }
    let Tally { buckets, auto_walked, auto_scanned } = &churn.tally;
    println!("recall@10 of walks: {buckets:?}; auto walked {auto_walked}, scanned {auto_scanned}");
    println!(
        "{} rows, {} live, {} linked",
        churn.index.len(),
        churn.truth.live().len(),
        churn.index.linked()
    );
    assert!(Tally::recall(buckets) >= 0.9, "{buckets:?}");
    assert!(
        buckets.len() == 5 && buckets.iter().all(|bucket| Tally::recall(&[*bucket]) >= 0.9),
        "{buckets:?}"
    );
    assert!(*auto_walked > 50 && *auto_scanned > 50, "both ways are tried");
    assert!(churn.restarts > 10, "{} restarts", churn.restarts);
    churn.index.destroy(&mut churn.device);
    assert_eq!(churn.device.used_bytes(), 0, "everything is freed");
}

#[test]
fn every_kernel_agrees_with_its_reference_on_an_index_that_is_churned() {
    let twin = DeviceChoice::Twin(Box::new(DeviceChoice::CpuReference), Box::new(DeviceChoice::Cpu));
    let device = open(&DeviceOptions { choice: twin, threads: 2, ..Default::default() });
    let mut churn = Churn::new(seed() ^ 1, device);
    churn.write(0, 100);
    for _ in 0..150 {
        churn.step(250);
    }
    assert!(churn.index.linked() > 0);
}
