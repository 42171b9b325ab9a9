//! The rows an index should hold and a plain scan of them.

use crate::kernels::similarity_topk::sum_in_lanes;
use half::f16;

/// Rows as they are stored, in f64.
pub struct Truth {
    dim: usize,
    rows: Vec<Option<Vec<f64>>>,
}

impl Truth {
    pub fn new(dim: usize) -> Self {
        Truth { dim, rows: Vec::new() }
    }

    pub fn write(&mut self, first: usize, values: &[f32]) {
        let stored = |value: &f32| f64::from(f16::from_f32(value.clamp(-65_504.0, 65_504.0)));
        for (row, values) in (first..).zip(values.chunks_exact(self.dim)) {
            self.rows.resize_with(self.rows.len().max(row + 1), || None);
            self.rows[row] = Some(values.iter().map(stored).collect());
        }
    }

    pub fn retire(&mut self, row: u32) {
        self.rows[row as usize] = None;
    }

    /// Rows ever written: one more than the highest.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Rows written and not retired.
    pub fn live(&self) -> Vec<u32> {
        (0..).zip(&self.rows).filter(|(_, row)| row.is_some()).map(|(row, _)| row).collect()
    }

    /// A live row.
    pub fn vector(&self, row: u32) -> Vec<f32> {
        let row = self.rows[row as usize].as_ref().expect("live");
        row.iter().map(|value| *value as f32).collect()
    }

    /// The score as the kernels define it: products summed in f64 in their order, rounded to f32, one zero only. None for a row
    /// that is not live.
    pub fn score(&self, query: &[f32], row: u32) -> Option<f32> {
        let row = self.rows.get(row as usize)?.as_ref()?;
        let products = row.iter().zip(query).map(|(value, asked)| value * f64::from(*asked));
        Some(sum_in_lanes(products) as f32 + 0.0)
    }

    /// The best `k` live rows that `allowed` lets through.
    pub fn best(
        &self,
        query: &[f32],
        k: usize,
        score_min: f32,
        allowed: impl Fn(u32) -> bool,
    ) -> Vec<(u32, f32)> {
        let rows = (0..self.rows.len() as u32).filter(|row| allowed(*row));
        let mut list: Vec<(u32, f32)> = rows.filter_map(|row| Some((row, self.score(query, row)?))).collect();
        list.retain(|row| row.1 >= score_min);
        list.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        list.truncate(k);
        list
    }
}
