//! Checks every byte of a folder without the lock and without changing anything.
//!
//! It may run beside a writer: a batch that is being written may then show as a torn tail, which is no
//! problem in itself, and a segment trimmed meanwhile makes it start over.

use std::fmt;

use crate::error::{Corruption, Error, Result};
use crate::reader::{Reader, SegmentSource};
use crate::recovery::{self, SegmentEnd};
use crate::segment::SegmentHeader;
use crate::storage::{Storage, StorageFile};
use crate::walk::{Step, Walk};
use crate::{Seq, names, snapshot};

/// How often a listing may go stale under the check before it gives up.
const ATTEMPTS_MAX: usize = 5;

/// What a folder holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Segment files.
    pub segments: u64,
    /// Good records.
    pub records: u64,
    /// The first record that can be read; [`Seq::ZERO`] in an empty folder.
    pub first: Seq,
    /// The last good record.
    pub tail: Seq,
    /// Bytes in segment files.
    pub bytes: u64,
    /// Of the last writer.
    pub epoch: u64,
    /// The sequences of the snapshots, ascending.
    pub snapshots: Vec<Seq>,
    /// Bytes at the end that a torn write left; the next open cuts them.
    pub torn_bytes: u64,
    /// What does not hold, each with its place. Empty: the folder is sound.
    pub problems: Vec<Problem>,
}

/// One thing that does not hold. Only the first of each file is given: behind it nothing is certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file.
    pub file: String,
    /// The first byte of the frame, block or header concerned.
    pub offset: u64,
    /// What is wrong, in words.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at byte {}: {}", self.file, self.offset, self.what)
    }
}

/// Checks every frame, every seal and chain, and every snapshot.
///
/// # Errors
/// Only storage errors, such as an unreadable folder; what does not hold is in the report.
pub fn verify<S: Storage>(storage: &S) -> Result<Report> {
    let mut attempt = 1;
    loop {
        match verify_listed(storage) {
            Err(e) if e.is_not_found() && attempt < ATTEMPTS_MAX => attempt += 1,
            done => return done,
        }
    }
}

/// Reads the records `from` to `until` of a folder that someone else may be writing, without its lock. `until` is a tail that
/// [`verify`] reported.
///
/// # Errors
/// [`Error::OutOfRange`] if `from` was trimmed away; storage errors.
pub fn read<S: Storage>(storage: &S, from: Seq, until: Seq) -> Result<Reader> {
    let segments = names::segments(&storage.list()?);
    let first = segments.first().copied().unwrap_or(Seq::FIRST);
    if from < first {
        return Err(Error::OutOfRange { asked: from, first, tail: until });
    }
    let holds = segments.partition_point(|segment| *segment <= from).saturating_sub(1);
    Ok(Reader::new(SegmentSource::new(storage.clone(), segments.into_iter().skip(holds), from, until)))
}

fn verify_listed<S: Storage>(storage: &S) -> Result<Report> {
    let names = storage.list()?;
    let mut report = Report { snapshots: names::snapshots(&names), ..Report::default() };
    let mut segments = names::segments(&names);
    if let Some(last) = segments.pop() {
        verify_segments(storage, &segments, last, &mut report)?;
    }
    for seq in report.snapshots.clone() {
        report.note(|report| verify_snapshot(storage, seq, report))?;
    }
    Ok(report)
}

/// A segment that was walked to its end.
struct Walked {
    header: SegmentHeader,
    /// Present when it is sealed.
    end: Option<SegmentEnd>,
}

fn verify_segments<S: Storage>(storage: &S, earlier: &[Seq], last: Seq, report: &mut Report) -> Result<()> {
    // The last one first: it knows from where on the log answers. What lies before is left from an
    // interrupted trim.
    let last = report.note(|report| verify_segment(storage, last, true, report))?;
    let expected = report.first;
    let kept = earlier.partition_point(|first| *first < expected);
    let mut walked = Vec::new();
    for first in &earlier[kept..] {
        walked.push(report.note(|report| verify_segment(storage, *first, false, report))?);
    }
    if let Some(header) =
        walked.iter().chain([&last]).next().and_then(|first| first.as_ref().map(|w| &w.header))
        && header.first > expected
    {
        report.problem(&names::segment(expected), 0, &Corruption::SegmentMissing { expected });
    }
    walked.push(last);
    for pair in walked.windows(2) {
        // A segment with a problem of its own has no end to compare with.
        if let [Some(Walked { end: Some(end), .. }), Some(next)] = pair {
            report.note(|_| end.check_follows(&next.header))?;
        }
    }
    if let Some(Some(Walked { end: Some(end), .. })) = walked.last() {
        report.note(|_| check_prepared(storage, end))?;
    }
    report.records = (report.tail.0 + 1).saturating_sub(report.first.0);
    Ok(())
}

fn verify_segment<S: Storage>(storage: &S, first: Seq, is_last: bool, report: &mut Report) -> Result<Walked> {
    let mut walk = Walk::open(storage, first)?;
    report.segments += 1;
    report.bytes += walk.window.file_bytes();
    let walked = verify_frames(&mut walk, is_last, report);
    report.tail = report.tail.max(Seq(walk.next.0 - 1));
    report.epoch = report.epoch.max(walk.epoch);
    report.first = report.first.max(walk.log_first);
    walked?;
    Ok(Walked { end: walk.sealed.then(|| SegmentEnd::of(&walk)), header: walk.header })
}

fn verify_frames<F: StorageFile>(walk: &mut Walk<F>, is_last: bool, report: &mut Report) -> Result<()> {
    if is_last {
        recovery::find_end(walk)?;
        report.torn_bytes = walk.window.file_bytes() - walk.place.offset;
        return Ok(());
    }
    loop {
        match walk.step()? {
            Step::Record { .. } | Step::Control => {}
            Step::Flaw(why) => return Err(walk.corrupt(why)),
            Step::End if walk.sealed => return Ok(()),
            Step::End => return Err(walk.corrupt(Corruption::NotSealed)),
        }
    }
}

/// A sealed last segment has its successor prepared, or lost it.
fn check_prepared<S: Storage>(storage: &S, end: &SegmentEnd) -> Result<()> {
    let checked = storage.open(names::SEGMENT_TEMP).and_then(|file| {
        let (header, _) = SegmentHeader::read_prepared(&file, end.next)?;
        end.check_follows(&header)
    });
    match checked {
        // A writer has gone on since the folder was listed.
        Err(_) if names::segments(&storage.list()?).contains(&end.next) => Ok(()),
        Err(e) if e.is_not_found() => {
            let why = Corruption::SegmentMissing { expected: end.next };
            Err(Error::corrupt(&names::segment(end.next), 0, why))
        }
        checked => checked,
    }
}

fn verify_snapshot<S: Storage>(storage: &S, seq: Seq, report: &mut Report) -> Result<()> {
    let mut snapshot = snapshot::open(storage, seq)?;
    while snapshot.next_block()?.is_some() {}
    if seq > report.tail {
        let why = Corruption::LogBehindSnapshot { snapshot: seq, tail: report.tail };
        report.problem(&names::snapshot(seq), 0, &why);
    }
    Ok(())
}

impl Report {
    /// Runs a check. What it finds wrong becomes a problem; what keeps it from looking stays an error.
    fn note<T>(&mut self, check: impl FnOnce(&mut Report) -> Result<T>) -> Result<Option<T>> {
        match check(self) {
            Ok(found) => Ok(Some(found)),
            Err(Error::Corrupt { file, offset, why }) => {
                self.problem(&file, offset, &why);
                Ok(None)
            }
            Err(Error::UnsupportedVersion { file, found, known }) => {
                let what = format!("format version {found}, this release reads up to {known}");
                self.problem(&file, 0, &what);
                Ok(None)
            }
            Err(e) => Err(e),
        }
    }

    fn problem(&mut self, file: &str, offset: u64, what: &dyn fmt::Display) {
        self.problems.push(Problem { file: file.to_owned(), offset, what: what.to_string() });
    }
}
