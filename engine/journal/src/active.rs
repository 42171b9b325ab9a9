//! The segment being written. Every call is one append and one sync; the log around it sees to what a failure
//! means.

use crate::Seq;
use crate::chain::Chain;
use crate::control::{Mark, Seal};
use crate::error::Result;
use crate::frame::{FRAME_EXTRA_BYTES, Kind, Place, push_frame};
use crate::storage::StorageFile;

/// The write buffer keeps at most this much between batches.
const BUFFER_KEPT_BYTES: usize = 8 << 20;

pub(crate) struct ActiveSegment<F> {
    file: F,
    first: Seq,
    /// The last record; the one before `first` when there is none.
    tail: Seq,
    /// Where the next frame goes. All before is durable.
    end: Place,
    /// Over every frame so far.
    chain: Chain,
    buffer: Vec<u8>,
}

impl<F: StorageFile> ActiveSegment<F> {
    /// Goes on behind the record before `next`, at `end`, up to which `file` must be durable.
    pub(crate) fn new(file: F, first: Seq, next: Seq, end: Place, chain: Chain) -> ActiveSegment<F> {
        ActiveSegment { file, first, tail: Seq(next.0 - 1), end, chain, buffer: Vec::new() }
    }

    pub(crate) fn tail(&self) -> Seq {
        self.tail
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.end.offset
    }

    pub(crate) fn has_records(&self) -> bool {
        self.tail >= self.first
    }

    /// Bytes that `batch` adds to a segment.
    pub(crate) fn frames_bytes(batch: &[&[u8]]) -> u64 {
        batch.iter().map(|payload| (payload.len() + FRAME_EXTRA_BYTES) as u64).sum()
    }

    /// Durable on return.
    pub(crate) fn append(&mut self, batch: &[&[u8]]) -> Result<()> {
        let (first, last) = (self.tail.next(), self.tail.plus(batch.len() as u64));
        let frames = batch.iter().zip(first.0..).map(|(payload, seq)| (Kind::Record, Seq(seq), *payload));
        self.write(frames, Self::frames_bytes(batch) as usize)?;
        self.tail = last;
        Ok(())
    }

    pub(crate) fn mark(&mut self, mark: Mark) -> Result<()> {
        self.control(Kind::Mark, &mark.encode())
    }

    /// The chain after the seal that [`ActiveSegment::seal`] would write now.
    pub(crate) fn chain_when_sealed(&self, epoch: u64) -> Chain {
        let seal = self.seal_payload(epoch);
        push_frame(&mut Vec::new(), self.end, Kind::Seal, self.tail, self.end.offset, &seal, self.chain)
    }

    /// Ends the segment.
    pub(crate) fn seal(&mut self, epoch: u64) -> Result<()> {
        let seal = self.seal_payload(epoch);
        self.control(Kind::Seal, &seal)
    }

    fn seal_payload(&self, epoch: u64) -> [u8; Seal::BYTES] {
        Seal { records: self.tail.0 + 1 - self.first.0, chain: self.chain, epoch }.encode()
    }

    fn control(&mut self, kind: Kind, payload: &[u8]) -> Result<()> {
        self.write(std::iter::once((kind, self.tail, payload)), payload.len() + FRAME_EXTRA_BYTES)
    }

    fn write<'a>(&mut self, frames: impl Iterator<Item = (Kind, Seq, &'a [u8])>, bytes: usize) -> Result<()> {
        self.buffer.clear();
        self.buffer.reserve(bytes);
        let mut chain = self.chain;
        for (kind, seq, payload) in frames {
            // Everything before this batch was synced before it: that is what its frames can vouch for.
            chain = push_frame(&mut self.buffer, self.end, kind, seq, self.end.offset, payload, chain);
        }
        self.file.append(&self.buffer)?;
        self.file.sync()?;
        self.end.offset += self.buffer.len() as u64;
        self.chain = chain;
        self.buffer.clear();
        self.buffer.shrink_to(BUFFER_KEPT_BYTES);
        Ok(())
    }
}
