//! The rows an index should hold and a plain scan of them.

use half::f16;

use crate::index::Originals;
use crate::kernels::encode_rows::halves;

/// Rows as they are stored.
pub struct Truth {
    dim: usize,
    values: Vec<f16>,
    live: Vec<bool>,
}

impl Truth {
    pub fn new(dim: usize) -> Self {
        Truth { dim, values: Vec::new(), live: Vec::new() }
    }

    pub fn write(&mut self, first: usize, values: &[f32]) {
        let end = first + values.len() / self.dim;
        self.live.resize(self.live.len().max(end), false);
        self.values.resize(self.live.len() * self.dim, f16::ZERO);
        self.live[first..end].fill(true);
        self.values[first * self.dim..end * self.dim].copy_from_slice(&halves(values));
    }

    pub fn retire(&mut self, row: u32) {
        self.live[row as usize] = false;
    }

    /// Rows ever written: one more than the highest.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Rows written and not retired.
    pub fn live(&self) -> Vec<u32> {
        (0..).zip(&self.live).filter(|(_, live)| **live).map(|(row, _)| row).collect()
    }

    /// A live row.
    pub fn vector(&self, row: u32) -> Vec<f32> {
        assert!(self.live[row as usize]);
        self.values[row as usize * self.dim..][..self.dim].iter().map(|value| value.to_f32()).collect()
    }

    /// All rows, as searches want them.
    pub fn originals(&self) -> Option<Originals<'_>> {
        Some(Originals::new(self.dim, &self.values))
    }

    /// All rows, retired ones too.
    pub fn values(&self) -> &[f16] {
        &self.values
    }

    /// The score as it is defined: products summed in f64 in their order, rounded to f32, one zero only. None for a row that is not
    /// live.
    pub fn score(&self, query: &[f32], row: u32) -> Option<f32> {
        let row =
            self.live.get(row as usize)?.then(|| &self.values[row as usize * self.dim..][..self.dim])?;
        let mut sums = [0.0; 16];
        for (d, (value, asked)) in row.iter().zip(query).enumerate() {
            sums[d % 16] += value.to_f64() * f64::from(*asked);
        }
        for width in [8, 4, 2, 1] {
            for lane in 0..width {
                sums[lane] += sums[lane + width];
            }
        }
        Some(sums[0] as f32 + 0.0)
    }

    /// The best `k` live rows that `allowed` lets through.
    pub fn best(
        &self,
        query: &[f32],
        k: usize,
        score_min: f32,
        allowed: impl Fn(u32) -> bool,
    ) -> Vec<(u32, f32)> {
        let rows = (0..self.live.len() as u32).filter(|row| allowed(*row));
        let mut list: Vec<(u32, f32)> = rows.filter_map(|row| Some((row, self.score(query, row)?))).collect();
        list.retain(|row| row.1 >= score_min);
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.truncate(k);
        list
    }
}
