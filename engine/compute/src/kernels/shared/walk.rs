//! The CPU form of a walk over the graph (the law is in `graph_search`).
//!
//! The beam is one array, best first, of 64-bit keys: score and id decide the order, three bits tell what is known of the row.
//! It ends with the `width`-th allowed row.

use super::graph_shard::{CodedRows, Probe, sketch_words};
use super::ranked::{ascending, from_ascending};
use crate::args::Args;
use crate::simd::{Likely, SketchProbe, fetch, fetch_line};

/// Where a walk goes.
#[derive(Clone, Copy)]
pub(crate) struct Terrain<'a> {
    pub rows: CodedRows<'a>,
    /// Row + 1, `[rows][degree]`.
    pub edges: &'a [u32],
    pub degree: usize,
    /// As in `GraphShard`.
    pub sketches: &'a [u32],
    /// Rows where every walk begins.
    pub entries: &'a [u32],
    /// Rows there are.
    pub count: usize,
}

impl<'a> Terrain<'a> {
    /// What the first five bindings of a kernel that walks hold.
    pub(crate) fn of(args: &Args<'a>, dim: u32, degree: u32, entries: u32, rows: u32) -> Self {
        let codes: &[u8] = bytemuck::cast_slice(args.read::<u32>(0));
        Terrain {
            rows: CodedRows { simd: args.simd(), dim: dim as usize, codes, factors: args.read(1) },
            edges: args.read(2),
            degree: degree as usize,
            sketches: args.read(3),
            entries: &args.read::<u32>(4)[..entries as usize],
            count: rows as usize,
        }
    }

    /// Edge words of a row; the list ends at the first 0.
    pub fn edges(&self, row: u32) -> &'a [u32] {
        &self.edges[row as usize * self.degree..][..self.degree]
    }
}

/// How far a walk goes.
#[derive(Clone, Copy)]
pub(crate) struct Reach<'a> {
    /// Bits of rows that count; all if there are none.
    pub mask: Option<&'a [u64]>,
    /// Allowed rows it keeps.
    pub width: usize,
    /// Rows it looks at before it gives up.
    pub looked_max: usize,
}

/// Room for walks, one after the other.
#[derive(Default)]
pub(crate) struct Walk {
    /// Rows met, in order.
    looked: Vec<u32>,
    /// A bit for each of them: a byte a row would not stay in cache among millions.
    met: Vec<u64>,
    beam: Vec<u64>,
    /// Allowed rows in `beam`.
    found: usize,
    /// No row before this place of `beam` waits for anything.
    cursor: usize,
    /// Keys that are not under this one have no place in the beam.
    limit: u64,
    /// Those met just now that may have a place in the beam, and their estimates.
    likely: Likely,
    /// Keys on their way into the beam.
    entering: Vec<u64>,
}

/// The row's edges were followed.
const EXPANDED: u64 = 1;
/// Its score comes from its codes, not from its sketch.
const FINE: u64 = 2;
/// The mask leaves it out.
const DENIED: u64 = 4;

/// Rows are asked for so many places ahead of their turn to be refined.
const FETCH_AHEAD: usize = 3;

fn key(score: f32, row: u32) -> u64 {
    u64::from(!ascending(score)) << 32 | u64::from(row) << 3
}

fn row_of(key: u64) -> u32 {
    key as u32 >> 3
}

fn score_of(key: u64) -> f32 {
    from_ascending(!((key >> 32) as u32))
}

impl Walk {
    /// Walks towards `probe`. What was found is there until the next walk.
    pub fn run(&mut self, terrain: &Terrain<'_>, probe: &Probe<'_>, reach: &Reach<'_>) {
        self.forget();
        self.met.resize(self.met.len().max(terrain.count.div_ceil(64)), 0);
        self.beam.clear();
        (self.found, self.cursor, self.limit) = (0, 0, u64::MAX);

        let sketched = &probe.sketched();
        self.meet(terrain, sketched, reach, terrain.entries, 0);
        while let Some(place) = self.next() {
            // One more row comes near its turn.
            if let Some(ahead) = self.beam.get(place + FETCH_AHEAD).filter(|key| *key & FINE == 0) {
                terrain.rows.fetch(row_of(*ahead));
            }
            let key = self.beam[place];
            if key & FINE == 0 {
                self.refine(terrain, probe, place, reach.width);
                continue;
            }
            if self.looked.len() >= reach.looked_max {
                break;
            }
            self.beam[place] |= EXPANDED;
            self.cursor = place + 1;
            self.meet(terrain, sketched, reach, terrain.edges(row_of(key)), 1);
        }
    }

    /// The allowed rows found, best first, with their estimates.
    pub fn found(&self) -> impl Iterator<Item = (u32, f32)> {
        // A walk that gave up leaves rows it has only a sketch of.
        let fine = self.beam.iter().filter(|&key| key & (DENIED | FINE) == FINE);
        fine.map(|&key| (row_of(key), score_of(key)))
    }

    /// How many rows were looked at.
    pub fn looked(&self) -> usize {
        self.looked.len()
    }

    /// Leaves no row met.
    fn forget(&mut self) {
        // Among few rows all bits are cleared sooner than those of rows here and there.
        if self.met.len() < 8 * self.looked.len() {
            self.met.fill(0);
        } else {
            self.looked.iter().for_each(|row| self.met[*row as usize / 64] = 0);
        }
        self.looked.clear();
    }

    /// Place of the best row that waits to be refined or expanded.
    fn next(&mut self) -> Option<usize> {
        while self.beam.get(self.cursor)? & EXPANDED != 0 {
            self.cursor += 1;
        }
        Some(self.cursor)
    }

    /// Estimates rows that were not met before by their sketches and places them. `words` are rows + `one`; a list of edges, where
    /// that is 1, ends at 0.
    fn meet(
        &mut self,
        terrain: &Terrain<'_>,
        probe: &SketchProbe<'_>,
        reach: &Reach<'_>,
        words: &[u32],
        one: u32,
    ) {
        let (simd, dim, sketches) = (terrain.rows.simd, terrain.rows.dim, terrain.sketches);
        let stride = sketch_words(dim);
        let before = self.looked.len();
        self.looked.resize(before + words.len(), 0);
        let (fresh, met) = (&mut self.looked[before..], self.met.as_mut_slice());
        assert!(met.len() * 64 >= terrain.count && sketches.len() >= terrain.count * stride);
        // Half of all rows were met before, without a pattern that a processor could foresee: each is written, and the next one
        // over it if it was.
        let mut count = 0;
        for &word in words {
            if word < one {
                break;
            }
            let row = word - one;
            assert!(
                (row as usize) < terrain.count,
                "a walk to row {row} of {}, this is a bug",
                terrain.count
            );
            fetch_line(sketches.as_ptr().wrapping_add(row as usize * stride));
            // SAFETY: the row is below `terrain.count`, for which `met` was checked above; `count` is at most the number of words
            // that came before, and there is room for all.
            unsafe {
                let met = met.get_unchecked_mut(row as usize / 64);
                *fresh.get_unchecked_mut(count) = row;
                count += usize::from(*met >> (row % 64) & 1 == 0);
                *met |= 1 << (row % 64);
            }
        }
        self.looked.truncate(before + count);
        let fresh = &self.looked[before..];
        for line in (16..stride).step_by(16) {
            for &row in fresh {
                fetch_line(sketches.as_ptr().wrapping_add(row as usize * stride + line));
            }
        }
        let floor = if self.limit == u64::MAX { f32::NEG_INFINITY } else { score_of(self.limit) };
        simd.likely(sketches, stride, fresh, probe, floor, &mut self.likely);
        for (row, score) in self.likely.iter() {
            let key = key(score, row);
            if key < self.limit {
                let allowed = reach.mask.is_none_or(|mask| mask[row as usize / 64] >> (row % 64) & 1 == 1);
                self.entering.push(if allowed { key } else { key | DENIED });
            }
        }
        // What there is no place for needs no order.
        if reach.mask.is_none() && self.entering.len() > reach.width {
            self.entering.select_nth_unstable(reach.width);
            self.entering.truncate(reach.width);
        }
        self.merge(terrain);
        self.trim(reach.width);
    }

    /// Gives a row the score of its codes.
    fn refine(&mut self, terrain: &Terrain<'_>, probe: &Probe<'_>, place: usize, width: usize) {
        let old = self.beam[place];
        let row = row_of(old);
        // It will be expanded next, unless its estimate falls behind.
        fetch(terrain.edges(row));
        let mut sum = [0];
        terrain.rows.simd.dot_codes(terrain.rows.codes, &[row], probe.codes, &mut sum);
        let score = probe.estimate(sum[0], terrain.rows.scale(row));
        let new = key(score, row) | FINE | old & DENIED;
        // Its estimate was not far off: its new place is near.
        let mut to = place;
        while to > 0 && self.beam[to - 1] > new {
            self.beam[to] = self.beam[to - 1];
            to -= 1;
        }
        while to + 1 < self.beam.len() && self.beam[to + 1] < new {
            self.beam[to] = self.beam[to + 1];
            to += 1;
        }
        self.beam[to] = new;
        self.cursor = self.cursor.min(to);
        self.trim(width);
    }

    /// Moves the entering keys to their places in the beam, all in one pass from its end.
    fn merge(&mut self, terrain: &Terrain<'_>) {
        self.entering.sort_unstable();
        self.found += self.entering.iter().filter(|&key| key & DENIED == 0).count();
        let soon = self.cursor + FETCH_AHEAD;
        let mut end = self.beam.len();
        self.beam.resize(end + self.entering.len(), 0);
        let mut to = self.beam.len();
        for &key in self.entering.iter().rev() {
            to -= 1;
            while end > 0 && self.beam[end - 1] > key {
                self.beam[to] = self.beam[end - 1];
                (end, to) = (end - 1, to - 1);
            }
            self.beam[to] = key;
            if to < soon {
                terrain.rows.fetch(row_of(key));
            }
        }
        self.cursor = self.cursor.min(to);
        self.entering.clear();
    }

    /// Ends the beam with the last allowed row that there is room for.
    fn trim(&mut self, width: usize) {
        if self.found >= width {
            while self.found > width || self.beam.last().is_some_and(|last| last & DENIED != 0) {
                let gone = self.beam.pop().expect("longer than the width");
                self.found -= usize::from(gone & DENIED == 0);
            }
            self.limit = self.beam[self.beam.len() - 1];
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_order_by_score_then_row_and_give_both_back() {
        let scores = [f32::NEG_INFINITY, -2.0, -1e-40, 0.0, 1e-40, 0.5, 3.0, f32::INFINITY];
        for pair in scores.windows(2) {
            assert!(key(pair[1], 9) < key(pair[0], 0));
        }
        for score in scores {
            assert!(key(score, 3) < key(score, 4));
            let key = key(score, (1 << 29) - 1) | EXPANDED | FINE | DENIED;
            assert_eq!((score_of(key), row_of(key)), (score, (1 << 29) - 1));
        }
    }
}
