//! What happens to an index before it is measured: rows go, rows come again, rows are left out.

use std::ops::Range;
use std::time::Instant;

use cortexkg_engine::vectors::{Device, Originals, VectorIndex};
use half::f16;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use crate::corpus::Random;
use crate::npy::Matrix;
use crate::percentile::round;

/// Rows brought into the graph between two looks at the clock.
const TENDED_ROWS: usize = 2_048;
/// Masks of a filter: enough that no query is favoured by its own.
const MASKS: usize = 16;

/// Deletions before measuring.
pub struct Changes {
    /// Share of the rows that goes.
    pub delete: f64,
    /// Every row goes and comes again.
    pub turnover: bool,
}

impl Changes {
    /// Makes them, tells in `report` what they took, and gives the rows that are gone, a bit each.
    pub fn make(
        &self,
        device: &mut Device,
        index: &mut VectorIndex,
        base: &Matrix<f16>,
        linked: bool,
        report: &mut Value,
    ) -> anyhow::Result<Vec<u64>> {
        let mut dead = vec![0u64; base.rows.div_ceil(64)];
        let originals = Originals::new(base.cols, &base.values);
        let mut draw = Random(0x5eed);
        let begun = Instant::now();
        if self.turnover {
            let tenth = base.rows.div_ceil(10);
            for first in (0..base.rows).step_by(tenth) {
                let rows = first..(first + tenth).min(base.rows);
                index.retire(rows.clone().map(|row| row as u32));
                if linked {
                    tend(device, index, originals, "taking rows out", true)?;
                }
                index.write(device, first, &base.values[first * base.cols..rows.end * base.cols])?;
                if linked {
                    tend(device, index, originals, "linking", true)?;
                }
            }
        }
        let gone: Vec<u32> = (0..base.rows as u32).filter(|_| draw.below_one() < self.delete).collect();
        gone.iter().for_each(|row| dead[*row as usize / 64] |= 1 << (row % 64));
        index.retire(gone.iter().copied());
        if linked && !gone.is_empty() {
            tend(device, index, originals, "taking rows out", true)?;
        }
        if self.turnover || !gone.is_empty() {
            report["tidy_s"] = round(begun.elapsed().as_secs_f64(), 3).into();
        }
        Ok(dead)
    }
}

/// Brings the graph, or the cells, up to date.
pub fn tend(
    device: &mut Device,
    index: &mut VectorIndex,
    originals: Originals<'_>,
    doing: &'static str,
    quiet: bool,
) -> anyhow::Result<()> {
    let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(index.len() as u64) };
    bar.set_style(ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {per_sec}, {eta} left")?);
    bar.set_message(doing);
    loop {
        let left = index.tend(device, TENDED_ROWS, Some(originals))? as u64;
        // Cells take several passes over the rows.
        bar.set_length(bar.length().unwrap_or_default().max(left));
        bar.set_position(bar.length().unwrap_or_default() - left);
        if left == 0 {
            bar.finish_and_clear();
            return Ok(());
        }
    }
}

/// Rows that queries may find.
pub struct Masks(Vec<Vec<u64>>);

impl Masks {
    /// A share of the rows that are not dead, drawn anew for each of a few masks.
    pub fn draw(rows: usize, share: f64, dead: &[u64]) -> Masks {
        let any_dead = dead.iter().any(|word| *word != 0);
        if share >= 1.0 && !any_dead {
            return Masks(Vec::new());
        }
        let mut draw = Random(0xf117e5);
        let count = if share < 1.0 { MASKS } else { 1 };
        let mask = |_| {
            let mut mask = vec![0u64; rows.div_ceil(64)];
            for row in 0..rows {
                let kept = share >= 1.0 || draw.below_one() < share;
                mask[row / 64] |= u64::from(kept && dead[row / 64] >> (row % 64) & 1 == 0) << (row % 64);
            }
            mask
        };
        Masks((0..count).map(mask).collect())
    }

    /// Whether every row may be found.
    pub fn all(&self) -> bool {
        self.0.is_empty()
    }

    /// The masks of some queries, as a search takes them.
    pub fn of(&self, queries: Range<usize>) -> Vec<Vec<u64>> {
        match self.0.as_slice() {
            [] => Vec::new(),
            [one] => vec![one.clone()],
            many => queries.map(|query| many[query % many.len()].clone()).collect(),
        }
    }
}
