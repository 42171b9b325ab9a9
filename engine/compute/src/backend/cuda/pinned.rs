//! `Pinned`: host memory that the card reads and writes by itself, of one submission. From other memory it copies only once what
//! came before is done.

use std::cmp::Reverse;
use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::{CudaContext, DriverError, PinnedHostSlice};

type Result<T> = std::result::Result<T, DriverError>;

/// Writes of more than this are not worth keeping pinned: they fill a store that opens, and come once.
pub(super) const WRITTEN_BYTES_MAX: usize = 64 << 20;
/// Pieces come in powers of two from here on.
const BYTES_MIN: usize = 1 << 16;
/// Pieces kept for later: reads and writes of two submissions.
const SPARES_MAX: usize = 4;

/// Memory of one submission, used from its beginning on.
pub(super) struct Pinned {
    /// What is read, one after the other.
    read: Option<PinnedHostSlice<u8>>,
    read_bytes: usize,
    /// What is written, likewise; the driver makes its own copies if there is none.
    written: Option<PinnedHostSlice<u8>>,
    written_bytes: usize,
}

impl Pinned {
    pub fn new(read: Option<PinnedHostSlice<u8>>, written: Option<PinnedHostSlice<u8>>) -> Self {
        Pinned { read, read_bytes: 0, written, written_bytes: 0 }
    }

    /// A place for what is read next.
    pub fn read_next(&mut self, len: usize) -> Range<usize> {
        self.read_bytes += len;
        self.read_bytes - len..self.read_bytes
    }

    /// Keeps what is written next; where the card finds it.
    pub fn keep<'a>(&'a mut self, bytes: &'a [u8]) -> Result<&'a [u8]> {
        let Some(written) = &mut self.written else { return Ok(bytes) };
        let kept = &mut written.as_mut_slice()?[self.written_bytes..][..bytes.len()];
        kept.copy_from_slice(bytes);
        self.written_bytes += bytes.len();
        Ok(kept)
    }

    /// Where all that is read goes, if it is anything.
    pub fn read_place(&mut self) -> Result<Option<&mut [u8]>> {
        let len = self.read_bytes;
        self.read.as_mut().map(|read| Ok(&mut read.as_mut_slice()?[..len])).transpose()
    }

    /// All that was read, once that is done.
    pub fn bytes_read(&self) -> Result<&[u8]> {
        self.read.as_ref().map_or(Ok(&[]), |read| Ok(&read.as_slice()?[..self.read_bytes]))
    }
}

/// Pieces that no submission uses, the shortest first.
#[derive(Default)]
pub(super) struct Spares(Vec<PinnedHostSlice<u8>>);

impl Spares {
    /// At least so many bytes, if it is any.
    pub fn take(&mut self, bytes: usize, context: &Arc<CudaContext>) -> Result<Option<PinnedHostSlice<u8>>> {
        if bytes == 0 {
            return Ok(None);
        }
        if let Some(at) = self.0.iter().position(|spare| spare.len() >= bytes) {
            return Ok(Some(self.0.remove(at)));
        }
        let bytes = bytes.next_power_of_two().max(BYTES_MIN);
        // SAFETY: it is looked at only where the card or this host has written. No flags: hosts read it, so it must be cached.
        unsafe { context.alloc_pinned_with_flags(bytes, 0).map(Some) }
    }

    /// Takes back what a submission used that is done. Of many the longest stay.
    pub fn put_back(&mut self, pinned: Pinned) {
        self.0.extend(pinned.read.into_iter().chain(pinned.written));
        self.0.sort_by_key(|spare| Reverse(spare.len()));
        self.0.truncate(SPARES_MAX);
        self.0.reverse();
    }
}
