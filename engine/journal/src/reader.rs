//! Reading records in order.
//!
//! A reader covers what the log held when it was made and owns its file handles, so it may be used while the
//! log is appended to, and on another thread. It holds one record and a read-ahead of 256 KiB in memory.

use std::collections::VecDeque;
use std::fmt;

use crate::error::{Corruption, Error, Result};
use crate::recovery::SegmentEnd;
use crate::storage::Storage;
use crate::walk::{Step, Walk};
use crate::{Seq, names};

/// Records from a log, in order. Either call [`Reader::next_record`], which lends, or iterate, which copies.
pub struct Reader {
    source: Box<dyn RecordSource>,
    /// An error was given out: nothing behind it can be trusted to be next.
    failed: bool,
}

/// Where a [`Reader`] gets its records: a log implementation's own reading side.
pub trait RecordSource: Send {
    /// The next record, or `None` after the last. After an error the source is not used again.
    fn next_record(&mut self) -> Result<Option<(Seq, &[u8])>>;
}

impl Reader {
    /// A reader over any source.
    pub fn new(source: impl RecordSource + 'static) -> Reader {
        Reader { source: Box::new(source), failed: false }
    }

    /// The next record, checked; `None` after the last and after an error.
    ///
    /// # Errors
    /// [`Error::Corrupt`] at the first byte that does not hold; [`Error::OutOfRange`] if the segment was
    /// trimmed away since the reader was made; [`Error::Io`] and its kin.
    pub fn next_record(&mut self) -> Result<Option<(Seq, &[u8])>> {
        if self.failed {
            return Ok(None);
        }
        let record = self.source.next_record();
        self.failed = record.is_err();
        record
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reader").field("failed", &self.failed).finish_non_exhaustive()
    }
}

impl Iterator for Reader {
    type Item = Result<(Seq, Vec<u8>)>;

    /// As [`Reader::next_record`], with a copy of the payload.
    fn next(&mut self) -> Option<Self::Item> {
        self.next_record().map(|record| record.map(|(seq, payload)| (seq, payload.to_vec()))).transpose()
    }
}

/// The records `from` to `until` of a segment log.
pub(crate) struct SegmentSource<S: Storage> {
    storage: S,
    /// First sequences of the segments still to be opened.
    segments: VecDeque<Seq>,
    walk: Option<Walk<S::File>>,
    from: Seq,
    /// The last record to give: acknowledged, so everything up to it must be there and whole.
    until: Seq,
}

impl<S: Storage> SegmentSource<S> {
    /// `segments` must begin with the one that holds `from`.
    pub(crate) fn new(
        storage: S,
        segments: impl Iterator<Item = Seq>,
        from: Seq,
        until: Seq,
    ) -> SegmentSource<S> {
        SegmentSource { storage, segments: segments.collect(), walk: None, from, until }
    }

    /// Goes on to the next segment, which must follow the one that was read.
    fn next_segment(&mut self) -> Result<&mut Walk<S::File>> {
        let ended = match self.walk.take() {
            Some(walk) if !walk.sealed => return Err(walk.corrupt(Corruption::NotSealed)),
            Some(walk) => Some(SegmentEnd::of(&walk)),
            None => None,
        };
        let first = self.segments.pop_front().expect("this is a bug: the last segment holds the tail");
        let walk = Walk::open(&self.storage, first).map_err(|e| self.trimmed_or(e, first))?;
        if let Some(ended) = ended {
            ended.check_follows(&walk.header)?;
        }
        Ok(self.walk.insert(walk))
    }

    /// Checks what follows the last record in a sealed segment, when the segment behind it holds none: no
    /// record is left to be found there, but a reader that has read everything has seen every byte.
    fn finish(&mut self) -> Result<()> {
        let Some(walk) = self.walk.as_mut().filter(|_| !self.segments.is_empty()) else {
            return Ok(());
        };
        loop {
            match walk.step()? {
                Step::Record { .. } | Step::Control => {}
                Step::Flaw(why) => return Err(walk.corrupt(why)),
                Step::End => return Ok(()),
            }
        }
    }

    /// A segment that is gone while later ones stand was trimmed; otherwise the error stays what it is.
    fn trimmed_or(&self, e: Error, first: Seq) -> Error {
        let later = || self.storage.list().ok().map(|names| names::segments(&names));
        match later().and_then(|firsts| firsts.first().copied()) {
            Some(begins) if e.is_not_found() && begins > first => {
                Error::OutOfRange { asked: first, first: begins, tail: self.until }
            }
            _ => e,
        }
    }
}

impl<S: Storage> RecordSource for SegmentSource<S> {
    fn next_record(&mut self) -> Result<Option<(Seq, &[u8])>> {
        if self.from > self.until {
            self.finish()?;
            return Ok(None);
        }
        if self.walk.is_none() {
            self.next_segment()?;
        }
        loop {
            let walk = self.walk.as_mut().expect("this is a bug: a segment was opened above");
            match walk.step()? {
                Step::Record { seq, payload_at, payload_bytes } if seq == self.from => {
                    self.from = seq.next();
                    let walk = self.walk.as_mut().expect("this is a bug: the walk was just used");
                    return Ok(Some((seq, walk.payload(payload_at, payload_bytes)?)));
                }
                Step::Record { .. } | Step::Control => {}
                Step::Flaw(why) => return Err(walk.corrupt(why)),
                Step::End if self.segments.is_empty() => {
                    return Err(walk.corrupt(Corruption::RecordMissing { expected: walk.next }));
                }
                Step::End => {
                    self.next_segment()?;
                }
            }
        }
    }
}
