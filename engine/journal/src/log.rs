//! The log: four verbs, and their form over segment files.

use std::fmt;

use crate::active::ActiveSegment;
use crate::control::Mark;
use crate::error::{Error, Result};
use crate::frame::PAYLOAD_BYTES_MAX;
use crate::reader::{Reader, SegmentSource};
use crate::recovery::{self, Recovery, SegmentFile};
use crate::segment::SegmentHeader;
use crate::storage::Storage;
use crate::{Seq, names};

/// One ordered log of opaque records. The trait has no file in it: a distributed log can take its place.
pub trait Log: Send {
    /// Adds `batch` behind record `expected_tail`, durably, and returns the sequence of its last record.
    ///
    /// On an error nothing of the batch is acknowledged; a first part of it may still be found after
    /// reopening, never a later part without the earlier. An empty batch does nothing and returns the tail.
    ///
    /// # Errors
    /// [`Error::TailMoved`] if the log does not end at `expected_tail`, [`Error::RecordTooLarge`]: nothing
    /// happened. A storage error, then [`Error::Poisoned`] for everything that follows until the log is
    /// reopened.
    fn append(&mut self, batch: &[&[u8]], expected_tail: Seq) -> Result<Seq>;

    /// Reads from record `from` to the tail as it is now.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if `from` was trimmed away or lies beyond the record after the tail.
    fn read(&self, from: Seq) -> Result<Reader>;

    /// The last acknowledged record; [`Seq::ZERO`] when there never was one.
    fn tail(&self) -> Seq;

    /// Allows the log to forget the records before `to`. It keeps some of them if they share a file with
    /// later ones.
    ///
    /// # Errors
    /// [`Error::OutOfRange`] if `to` lies beyond the record after the tail; storage errors.
    fn trim(&mut self, to: Seq) -> Result<()>;
}

/// Settings of a [`SegmentLog`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogOptions {
    /// A segment that has reached this size is sealed and the next one begun. A batch is never split, so a
    /// segment may be larger by less than one batch. Default 64 MiB, at least 256.
    pub segment_bytes_max: u64,
}

impl Default for LogOptions {
    fn default() -> LogOptions {
        LogOptions { segment_bytes_max: 64 << 20 }
    }
}

impl LogOptions {
    fn validate(&self) -> Result<()> {
        if self.segment_bytes_max < 256 {
            return Err(Error::InvalidOption { field: "segment_bytes_max", rule: "at least 256 bytes" });
        }
        Ok(())
    }
}

/// A log in segment files of one folder, with exactly one writer.
pub struct SegmentLog<S: Storage> {
    storage: S,
    options: LogOptions,
    /// In order; the last is the active one, whose length is in `active`.
    segments: Vec<SegmentFile>,
    active: ActiveSegment<S::File>,
    log_first: Seq,
    recovery: Recovery,
    /// Why no more is written.
    poison: Option<String>,
    _lock: S::Lock,
}

impl<S: Storage> SegmentLog<S> {
    /// Takes the folder's lock, recovers the log in it (or begins one), and starts a new epoch.
    ///
    /// Reads the last segment whole, and header and seal of the others; their records are checked when they
    /// are read, or by [`crate::verify::verify`].
    ///
    /// # Errors
    /// [`Error::Locked`]; [`Error::Corrupt`], with nothing changed; [`Error::UnsupportedVersion`]; storage
    /// errors (a full disk needs room for a mark of 56 bytes).
    pub fn open(storage: S, options: LogOptions) -> Result<SegmentLog<S>> {
        options.validate()?;
        let lock = storage.lock(names::LOCK)?;
        let recovered = recovery::recover(&storage)?;
        Ok(SegmentLog {
            storage,
            options,
            segments: recovered.segments,
            active: recovered.active,
            log_first: recovered.log_first,
            recovery: recovered.report,
            poison: None,
            _lock: lock,
        })
    }

    /// What opening found and did.
    #[must_use]
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The first record that can be read (or the first to come, when there is none).
    #[must_use]
    pub fn first(&self) -> Seq {
        self.log_first
    }

    /// Grows with each open; every segment and mark carries it.
    #[must_use]
    pub fn epoch(&self) -> u64 {
        self.recovery.epoch
    }

    /// The folder, for writing snapshots beside the log.
    #[must_use]
    pub fn storage(&self) -> &S {
        &self.storage
    }

    /// Bytes in all segment files: what a snapshot and a trim could win back.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        let (_, sealed) =
            self.segments.split_last().expect("this is a bug: there is always an active segment");
        sealed.iter().map(|segment| segment.bytes).sum::<u64>() + self.active.bytes()
    }

    /// Writes and syncs a frame that vouches for everything before it. Worth a call when the log has been
    /// quiet: until something follows the last batch, damage to it of more than one bit cannot be told from a
    /// torn write.
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn mark(&mut self) -> Result<()> {
        let mark = Mark { epoch: self.epoch(), log_first: self.log_first };
        self.write(|log| log.active.mark(mark))
    }

    /// Marks the end and gives the folder back. Dropping a log without this is a crash as far as the log can
    /// tell: safe, with one witness less (see [`SegmentLog::mark`]).
    ///
    /// # Errors
    /// As [`Log::append`].
    pub fn close(mut self) -> Result<()> {
        self.mark()
    }

    /// Runs a write unless an earlier one failed; a failure is final.
    fn write(&mut self, write: impl FnOnce(&mut SegmentLog<S>) -> Result<()>) -> Result<()> {
        self.check_healthy()?;
        let written = write(self);
        if let Err(e) = &written {
            self.poison = Some(e.to_string());
        }
        written
    }

    fn check_healthy(&self) -> Result<()> {
        match &self.poison {
            Some(cause) => Err(Error::Poisoned { cause: cause.clone() }),
            None => Ok(()),
        }
    }

    /// Seals the active segment and begins the next one. The next one is made ready first: then a seal
    /// without a successor always means that a file was lost.
    fn rotate(&mut self) -> Result<()> {
        let (epoch, first) = (self.epoch(), self.active.tail().next());
        let chain = self.active.chain_when_sealed(epoch);
        let prepared =
            SegmentHeader { first, epoch, log_first: self.log_first, chain }.prepare(&self.storage)?;
        self.active.seal(epoch)?;
        let (file, place) = prepared.publish(&self.storage)?;
        self.segments.last_mut().expect("this is a bug: there is always an active segment").bytes =
            self.active.bytes();
        self.active = ActiveSegment::new(file, first, first, place, chain);
        self.segments.push(SegmentFile { first, bytes: 0 });
        Ok(())
    }

    fn check_range(&self, asked: Seq, first: Seq) -> Result<()> {
        let tail = self.tail();
        if asked < first || asked > tail.next() {
            return Err(Error::OutOfRange { asked, first: self.log_first, tail });
        }
        Ok(())
    }

    /// Index of the segment that holds `seq`, or that will.
    fn segment_of(&self, seq: Seq) -> usize {
        self.segments.partition_point(|segment| segment.first <= seq).saturating_sub(1)
    }
}

impl<S: Storage> fmt::Debug for SegmentLog<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SegmentLog")
            .field("first", &self.log_first)
            .field("tail", &self.tail())
            .field("epoch", &self.epoch())
            .field("segments", &self.segments.len())
            .field("poison", &self.poison)
            .finish_non_exhaustive()
    }
}

impl<S: Storage> Log for SegmentLog<S> {
    /// One write and one sync for the batch (and a few more when a segment is full).
    fn append(&mut self, batch: &[&[u8]], expected_tail: Seq) -> Result<Seq> {
        self.check_healthy()?;
        let tail = self.tail();
        if expected_tail != tail {
            return Err(Error::TailMoved { expected: expected_tail, tail });
        }
        if let Some((index, payload)) =
            batch.iter().enumerate().find(|(_, payload)| payload.len() > PAYLOAD_BYTES_MAX)
        {
            return Err(Error::RecordTooLarge { index, bytes: payload.len(), bytes_max: PAYLOAD_BYTES_MAX });
        }
        if batch.is_empty() {
            return Ok(tail);
        }
        let bytes = self.active.bytes() + ActiveSegment::<S::File>::frames_bytes(batch);
        self.write(|log| {
            if log.active.has_records() && bytes > log.options.segment_bytes_max {
                log.rotate()?;
            }
            log.active.append(batch)
        })?;
        Ok(self.tail())
    }

    fn read(&self, from: Seq) -> Result<Reader> {
        self.check_range(from, self.log_first)?;
        let segments = self.segments[self.segment_of(from)..].iter().map(|segment| segment.first);
        Ok(Reader::new(SegmentSource::new(self.storage.clone(), segments, from, self.tail())))
    }

    fn tail(&self) -> Seq {
        self.active.tail()
    }

    /// Removes the segments that lie wholly before `to`, after a durable mark that says so.
    ///
    /// If removing a file fails, the error is returned, the log stays usable and the next open removes it.
    fn trim(&mut self, to: Seq) -> Result<()> {
        self.check_healthy()?;
        self.check_range(to, Seq::ZERO)?;
        let kept = self.segment_of(to);
        if kept == 0 {
            return Ok(());
        }
        let log_first = self.segments[kept].first;
        self.write(|log| log.active.mark(Mark { epoch: log.recovery.epoch, log_first }))?;
        self.log_first = log_first;
        for segment in self.segments.drain(..kept) {
            self.storage.remove(&names::segment(segment.first))?;
        }
        self.storage.sync_folder()
    }
}
