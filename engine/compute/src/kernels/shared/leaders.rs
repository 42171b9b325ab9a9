//! The rows of the highest upper ends: while rows are scanned, and as searches write them.

use std::cmp::Ordering;

use crate::kernels::shared::ranked::{NO_ROW, NO_SCORE};

/// A row, with its estimated score and the most that its score can be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Leader {
    pub row: u32,
    pub upper: f32,
    pub estimate: f32,
}

impl Leader {
    pub fn new(row: u32, estimate: f32, bound: f32) -> Self {
        // One zero only: places are found by comparing bits and by comparing numbers.
        Leader { row, upper: estimate + bound + 0.0, estimate }
    }

    /// Highest upper end first, then the lower row.
    pub fn order(&self, other: &Leader) -> Ordering {
        other.upper.total_cmp(&self.upper).then(self.row.cmp(&other.row))
    }
}

/// The best `k` of all rows pushed, and some that are on their way out.
pub(crate) struct Leaders {
    k: usize,
    rows: Vec<Leader>,
}

impl Leaders {
    pub fn new(k: usize) -> Self {
        Leaders { k, rows: Vec::new() }
    }

    /// Rows held before the worse ones go: their places are looked for once in as many rows.
    fn capacity(&self) -> usize {
        2 * self.k + 32
    }

    /// Adds a row over `floor`, which rises to the k-th upper end now and then. Rows come in rising order, so that one at the floor
    /// loses to those that made it.
    pub fn push(&mut self, leader: Leader, floor: &mut f32) {
        // The floor may have risen since the row was found.
        if leader.upper > *floor {
            self.rows.push(leader);
            if self.rows.len() >= self.capacity() {
                self.cut(floor);
            }
        }
    }

    fn cut(&mut self, floor: &mut f32) {
        if self.rows.len() >= self.k {
            let (_, last, _) = self.rows.select_nth_unstable_by(self.k - 1, Leader::order);
            *floor = floor.max(last.upper);
            self.rows.truncate(self.k);
        }
    }

    /// The best k, best first. The floor is then the last of them, if there are so many.
    pub fn finish(mut self, floor: &mut f32) -> Vec<Leader> {
        self.cut(floor);
        self.rows.sort_unstable_by(Leader::order);
        self.rows
    }
}

/// Where the lists of all queries go, each `[queries][k]`.
pub(crate) struct Places<'a> {
    pub ids: &'a mut [u32],
    pub uppers: &'a mut [f32],
    pub estimates: &'a mut [f32],
}

impl Places<'_> {
    /// Fills `k` places of each query with its rows, best first, counted from `row_base`.
    pub fn fill(self, k: usize, row_base: u32, lists: impl ExactSizeIterator<Item = Vec<Leader>>) {
        let Places { ids, uppers, estimates } = self;
        let places = lists.len() * k;
        ids[..places].fill(NO_ROW);
        uppers[..places].fill(NO_SCORE);
        estimates[..places].fill(NO_SCORE);
        for (query, list) in lists.enumerate() {
            for (place, leader) in (query * k..).zip(list.into_iter().take(k)) {
                ids[place] = row_base + leader.row;
                (uppers[place], estimates[place]) = (leader.upper, leader.estimate);
            }
        }
    }
}
