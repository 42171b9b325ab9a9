//! The cells of an index: its rows parted by what they resemble, for scans that look into a few cells alone (an inverted file).
//!
//! For devices without the graph, in stores where an exact scan takes long. A partition is made of the rows there are, piece by piece:
//! means of cells from a sample, the cell of each row, then a second copy of the codes, cell by cell. Rows written since are in its
//! tail, which every search looks at where the rows were written, so each can be found at once; when the tail is long a new partition
//! is made beside the old one and takes its place. What the exact way reads stays as it is. Nothing is saved.

mod making;
mod partition;

use crate::device::Device;
use crate::index::bits::Bits;
use crate::index::originals::Originals;
use crate::index::rows::Rows;
use crate::{Error, Result};
use making::Making;
pub(super) use partition::{Asked, Partition};

/// A new partition is made when one in so many rows is in no cell: all look at those, which should be no more work than their cells.
const TAIL_PART: usize = 16;

/// A partition, what it leaves out, and the next one while it is made.
pub(super) struct Cells {
    /// Fewest rows that a partition is made of.
    rows_min: usize,
    partition: Option<Partition>,
    /// Rows in no cell of it.
    tail: Bits,
    making: Option<Making>,
    /// Rows written since that began.
    fresh: Bits,
}

impl Cells {
    pub fn new(rows_min: usize) -> Self {
        Cells { rows_min, partition: None, tail: Bits::default(), making: None, fresh: Bits::default() }
    }

    /// What there is to look into.
    pub fn partition(&self) -> Option<&Partition> {
        self.partition.as_ref()
    }

    /// Bits of the rows that are in no cell.
    pub fn tail(&self) -> &[u64] {
        self.tail.words()
    }

    /// How many these are.
    pub fn tail_len(&self) -> usize {
        self.tail.len()
    }

    /// Takes note of rows that were written: those that were in a cell leave it.
    pub fn written(&mut self, device: &mut Device, first: usize, count: usize) -> Result<()> {
        let rows = first as u32..(first + count) as u32;
        if self.making.is_some() {
            rows.clone().for_each(|row| self.fresh.insert(row));
        }
        let Some(partition) = &mut self.partition else { return Ok(()) };
        rows.clone().for_each(|row| self.tail.insert(row));
        partition.leave(device, rows)
    }

    /// Makes the next partition, if one is due, of up to `rows_max` rows more. Gives how many rows are still to be gone through, 0 if
    /// nothing is made. Where a device has no room for it there is no other try until rows are twice as many.
    pub fn tend(
        &mut self,
        device: &mut Device,
        rows: &mut Rows,
        originals: Originals<'_>,
        rows_max: usize,
    ) -> Result<usize> {
        if self.making.is_none() && !self.is_due(rows) {
            return Ok(0);
        }
        match self.advance(device, rows, originals, rows_max) {
            Ok(left) => Ok(left),
            Err(error) => {
                if let Some(making) = self.making.take() {
                    making.destroy(device);
                }
                self.rows_min = 2 * rows.len();
                match error {
                    Error::OutOfMemory { .. } | Error::BufferTooLarge { .. } | Error::NoForm { .. } => Ok(0),
                    other => Err(other),
                }
            }
        }
    }

    fn is_due(&self, rows: &Rows) -> bool {
        let stale = self.partition.is_none() || self.tail.len() * TAIL_PART > rows.len();
        stale && rows.len() >= self.rows_min && rows.only_shard().is_some()
    }

    fn advance(
        &mut self,
        device: &mut Device,
        rows: &mut Rows,
        originals: Originals<'_>,
        rows_max: usize,
    ) -> Result<usize> {
        if self.making.is_none() {
            self.fresh = Bits::default();
            self.making = Some(Making::begin(device, rows, originals)?);
        }
        let making = self.making.as_mut().expect("begun above");
        making.advance(device, rows, originals, rows_max.max(1))?;
        if making.left() > 0 {
            return Ok(making.left());
        }
        let made = self.making.take().expect("it was there").finish(device, &self.fresh)?;
        if let Some(old) = self.partition.replace(made) {
            old.destroy(device);
        }
        self.tail = std::mem::take(&mut self.fresh);
        Ok(0)
    }

    /// Bytes beside those on the device.
    pub fn host_bytes(&self) -> usize {
        let bits = 8 * (self.tail.words().len() + self.fresh.words().len());
        bits + self.partition.as_ref().map_or(0, Partition::host_bytes)
    }

    pub fn destroy(self, device: &mut Device) {
        self.partition.into_iter().for_each(|partition| partition.destroy(device));
        self.making.into_iter().for_each(|making| making.destroy(device));
    }
}
