//! Embeddings of all rows in half precision, with their running mean.

use cortexkg_compute::index::Originals;
use cortexkg_compute::kernels::encode_rows::halves;
use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::record::Vector;

/// Embeddings, one row a memory.
#[derive(Clone, Debug, Default)]
pub struct Vectors {
    dim: usize,
    rows: Vector,
    sum: Vec<f64>,
    counted: u64,
}

impl Vectors {
    /// No rows of a dimension.
    pub fn new(dim: usize) -> Self {
        Vectors { dim, rows: Vector::default(), sum: vec![0.0; dim], counted: 0 }
    }

    /// Rows with their running sum, as [`rows`](Self::rows) and [`sum`](Self::sum) gave them.
    pub fn from_rows(dim: usize, rows: Vector, sum: Vec<f64>, counted: u64) -> Self {
        assert!(sum.len() == dim && (rows.0.len().checked_rem(dim)).unwrap_or(rows.0.len()) == 0);
        Vectors { dim, rows, sum, counted }
    }

    /// All rows, one after another.
    pub fn rows(&self) -> &[u16] {
        &self.rows.0
    }

    /// Sum of the rows that count, and how many there are: as it came to be, since sums of floats depend on their order.
    pub fn sum(&self) -> (&[f64], u64) {
        (&self.sum, self.counted)
    }

    /// Numbers a row.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Number of rows, deleted ones included.
    pub fn len(&self) -> usize {
        self.rows.0.len().checked_div(self.dim).unwrap_or(0)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.rows.0.is_empty()
    }

    /// A row as stored.
    pub fn bits(&self, row: u32) -> &[u16] {
        &self.rows.0[row as usize * self.dim..][..self.dim]
    }

    /// All rows, as searches on a device want them.
    pub fn originals(&self) -> Originals<'_> {
        Originals::new(self.dim, bytemuck::cast_slice(&self.rows.0))
    }

    /// A row in single precision.
    pub fn row(&self, row: u32) -> Vec<f32> {
        widen(self.bits(row))
    }

    /// Adds a row.
    pub fn push(&mut self, vector: &Vector) {
        assert_eq!(vector.0.len(), self.dim, "a vector of another dimension; this is a bug");
        make_room(&mut self.rows.0, self.dim);
        self.rows.0.extend_from_slice(&vector.0);
        self.count(self.len() as u32 - 1, 1.0);
    }

    /// Replaces a row that counts.
    pub fn replace(&mut self, row: u32, vector: &Vector) {
        assert_eq!(vector.0.len(), self.dim, "a vector of another dimension; this is a bug");
        self.count(row, -1.0);
        self.rows.0[row as usize * self.dim..][..self.dim].copy_from_slice(&vector.0);
        self.count(row, 1.0);
    }

    /// Takes a row out of the mean; it keeps its place.
    pub fn retire(&mut self, row: u32) {
        self.count(row, -1.0);
    }

    /// Starts over in another dimension; every row is zero until it is replaced.
    pub fn change_dim(&mut self, dim: usize, retired: impl Fn(u32) -> bool) {
        let len = self.len();
        *self = Vectors { dim, rows: Vector(vec![0; len * dim]), sum: vec![0.0; dim], counted: 0 };
        self.counted = (0..len as u32).filter(|&row| !retired(row)).count() as u64;
    }

    /// Mean of all rows that count, drawn towards zero while they are few: the mean of one row is that row, and nothing would
    /// be left of it.
    pub fn mean(&self) -> Vec<f32> {
        const ZEROS: u64 = 2;
        self.sum.iter().map(|sum| (sum / (self.counted + ZEROS) as f64) as f32).collect()
    }

    /// Bytes of all arrays.
    pub fn bytes(&self) -> usize {
        self.rows.0.capacity() * 2
    }

    fn count(&mut self, row: u32, sign: f64) {
        let values = self.row(row);
        for (sum, value) in self.sum.iter_mut().zip(values) {
            *sum += sign * f64::from(value);
        }
        self.counted = if sign > 0.0 { self.counted + 1 } else { self.counted - 1 };
    }
}

/// Room for `more` items in one of the two largest arrays: by sixteenths, since doubling would leave up to half of it unused.
pub(super) fn make_room<T>(items: &mut Vec<T>, more: usize) {
    if items.capacity() - items.len() < more {
        items.reserve_exact(more.max(items.len() / 16).max(1 << 12));
    }
}

/// Half-precision bits to single precision.
pub fn widen(bits: &[u16]) -> Vec<f32> {
    let mut values = vec![0.0; bits.len()];
    let halves: &[f16] = bytemuck::cast_slice(bits);
    halves.convert_to_f32_slice(&mut values);
    values
}

/// Single precision to half-precision bits; beyond its range the largest there is.
pub fn narrow(values: &[f32]) -> Vector {
    Vector(halves(values).into_iter().map(f16::to_bits).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_follows_every_change() {
        let mut vectors = Vectors::new(2);
        vectors.push(&narrow(&[1.0, 0.0]));
        vectors.push(&narrow(&[0.0, 0.5]));
        assert_eq!(vectors.mean(), [0.25, 0.125]);
        vectors.replace(0, &narrow(&[0.0, 1.0]));
        assert_eq!(vectors.mean(), [0.0, 0.375]);
        vectors.retire(1);
        assert_eq!(vectors.mean(), [0.0, (1.0f64 / 3.0) as f32]);
        assert_eq!(vectors.row(1), [0.0, 0.5]);
    }
}
