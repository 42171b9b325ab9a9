//! The grid of cortical columns as kernels see it: four words a column, states and their allowed changes (SPEC 2.2), places
//! in three dimensions (SPEC 2.4), and how a request names the columns that compete for it.
//!
//! A column's place follows from its number, so it takes no memory: `GRID_SIDE` columns to a row, as many rows to a layer,
//! and one layer more whenever the last is full. Numbers and places never change while the grid grows.

use crate::buffer::Buffer;

/// Words of a column: state, silent before this tick, spikes so far, tick of the last spike.
pub const COLUMN_WORDS: usize = 4;
/// Columns of a row and rows of a layer: 100 x 100 x 6 is the grid of SPEC 2.2, with layers added as needed.
pub const GRID_SIDE: u32 = 100;
/// Columns further apart than this leave each other alone (SPEC 2.4).
pub const RADIUS: u32 = 3;

/// Holds nothing.
pub const AVAILABLE: u32 = 0;
/// Driven by a new memory.
pub const ACTIVATED: u32 = 1;
/// In competition with others.
pub const COMPETING: u32 = 2;
/// Holds a concept.
pub const ALLOCATED: u32 = 3;
/// Recovering; takes nothing.
pub const REFRACTORY: u32 = 4;

/// Candidate that stands for whichever column is vacant when the request's turn comes.
pub const VACANT: u32 = u32::MAX;
/// Marks a candidate as the column that an earlier request of the batch got; the other bits number that request.
pub const REQUEST: u32 = 1 << 31;
/// No column.
pub const NO_COLUMN: u32 = u32::MAX;

/// Whether SPEC 2.2 allows a column in state `from` to change to `to`.
pub fn may_change(from: u32, to: u32) -> bool {
    matches!(
        (from, to),
        (AVAILABLE, ACTIVATED | AVAILABLE)
            | (ACTIVATED, COMPETING | AVAILABLE)
            | (COMPETING, ALLOCATED | AVAILABLE | REFRACTORY)
            | (ALLOCATED, REFRACTORY | ALLOCATED)
            | (REFRACTORY, AVAILABLE | REFRACTORY)
    )
}

/// Follows a chain of states.
pub(crate) fn follow(state: &mut u32, steps: &[u32]) {
    for &next in steps {
        assert!(may_change(*state, next), "column from state {state} to {next}, this is a bug");
        *state = next;
    }
}

/// Square of the distance of two columns on the grid.
pub fn distance_squared(a: u32, b: u32) -> u32 {
    let place =
        |column: u32| [column % GRID_SIDE, column / GRID_SIDE % GRID_SIDE, column / (GRID_SIDE * GRID_SIDE)];
    let (a, b) = (place(a), place(b));
    // A layer is at most 2^32 / 10^4 away: past 2^16 the square would not fit, and far is far.
    (0..3).map(|axis| a[axis].abs_diff(b[axis]).min(1 << 14).pow(2)).sum()
}

/// Requests and the columns that compete for each, on a device.
#[derive(Clone, Copy, Debug)]
pub struct Requests<'a> {
    /// `[request_count + 1]`, from 0 to `candidate_count`.
    pub offsets: &'a Buffer<u32>,
    /// How many requests, in order of arrival.
    pub request_count: usize,
    /// `[candidate_count]`: a column, `VACANT`, or `REQUEST` and the number of an earlier request.
    pub candidates: &'a Buffer<u32>,
    /// Candidates of all requests.
    pub candidate_count: usize,
}

impl Requests<'_> {
    /// Programmer errors that every kernel of the competition would suffer from.
    pub(crate) fn check(&self) {
        let fits = self.offsets.len() > self.request_count && self.candidates.len() >= self.candidate_count;
        assert!(fits, "{self:?} in shorter buffers, this is a bug");
    }
}

/// Requests that one task takes: some microseconds of work.
const TASK_REQUESTS: usize = 64;

/// Cuts the offsets of requests into those of tasks, ends included in each.
pub(crate) fn tasks_of(offsets: &[u32]) -> impl Iterator<Item = &[u32]> {
    let requests = offsets.len() - 1;
    (0..requests)
        .step_by(TASK_REQUESTS)
        .map(move |first| &offsets[first..=(first + TASK_REQUESTS).min(requests)])
}

/// Offsets of requests with so many candidates each.
pub(crate) fn offsets_of(lens: impl Iterator<Item = usize>) -> Vec<u32> {
    let mut end = 0;
    let ends = lens.map(|len| {
        end += len as u32;
        end
    });
    std::iter::once(0).chain(ends).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_follow_from_numbers() {
        assert_eq!(distance_squared(0, 0), 0);
        assert_eq!(distance_squared(7, 10), 9);
        // The end of a row and the start of the next are far apart.
        assert_eq!(distance_squared(99, 100), 99 * 99 + 1);
        assert_eq!(distance_squared(5, 5 + 2 * GRID_SIDE + 2 * GRID_SIDE * GRID_SIDE), 8);
        assert!(distance_squared(0, u32::MAX) > 1 << 28);
    }

    #[test]
    #[should_panic(expected = "this is a bug")]
    fn a_change_that_is_not_allowed_is_refused() {
        follow(&mut { AVAILABLE }, &[ALLOCATED]);
    }
}
