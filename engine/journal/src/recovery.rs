//! Opening a folder: find out what is durable, refuse what is corrupt, cut what was torn.
//!
//! Two rules keep this honest. Everything is checked before anything is changed. And nothing that is merely
//! *seen* is taken for durable: after a process died, or a sync failed, reads may show bytes and names that
//! never reached the device. So the folder is synced before its listing is believed, and the bytes that no
//! frame vouches for are handed to the device again before a mark says they are there.

use crate::active::ActiveSegment;
use crate::chain::Chain;
use crate::control::{Mark, Seal};
use crate::error::{Corruption, Error, Result};
use crate::frame::{FRAME_EXTRA_BYTES, FRAME_HEADER_BYTES, FrameHeader, Kind, Place};
use crate::segment::{PreparedSegment, SegmentHeader};
use crate::storage::{Storage, StorageFile};
use crate::walk::{Step, Walk};
use crate::{Seq, damage, names};

/// How much is rewritten at once.
const REWRITE_BYTES: usize = 1 << 20;

/// What opening a log found and did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Records the log holds.
    pub records: u64,
    /// The first of them (or the first to come, when there is none).
    pub first: Seq,
    /// The last of them.
    pub tail: Seq,
    /// Segment files, the active one included.
    pub segments: u64,
    /// Bytes of a torn write that were cut from the end; no record in them was ever acknowledged.
    pub truncated_bytes: u64,
    /// Segments removed to finish a trim that was interrupted.
    pub trimmed_segments: u64,
    /// The epoch of this writer: larger than that of every writer before it.
    pub epoch: u64,
}

pub(crate) struct Recovered<F> {
    /// Kept segments in order, with their lengths; the last is the active one.
    pub segments: Vec<SegmentFile>,
    pub active: ActiveSegment<F>,
    pub log_first: Seq,
    pub report: Recovery,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SegmentFile {
    pub first: Seq,
    /// Of a sealed segment; the active one knows its own.
    pub bytes: u64,
}

/// The caller holds the lock.
pub(crate) fn recover<S: Storage>(storage: &S) -> Result<Recovered<S::File>> {
    storage.sync_folder()?;
    let names = storage.list()?;
    let newest_snapshot = names::snapshots(&names).last().copied().unwrap_or(Seq::ZERO);
    let found = names::segments(&names);
    let Some(&last) = found.last() else {
        check_not_behind(newest_snapshot, Seq::ZERO, Seq::FIRST, 0)?;
        return create(storage, &names);
    };

    // 1. Check.
    let mut walk = Walk::open(storage, last)?;
    find_end(&mut walk)?;
    let end = walk.place.offset;
    let truncated_bytes = walk.window.file_bytes() - end;
    let (stale, kept): (Vec<Seq>, Vec<Seq>) = found.into_iter().partition(|first| *first < walk.log_first);
    if kept.first() != Some(&walk.log_first) {
        let why = Corruption::SegmentMissing { expected: walk.log_first };
        return Err(Error::corrupt(&names::segment(walk.log_first), 0, why));
    }
    let mut segments = check_sealed(storage, &kept)?;
    segments.push(SegmentFile { first: last, bytes: end });
    let tail = Seq(walk.next.0 - 1);
    check_not_behind(newest_snapshot, tail, last, end)?;
    let has_prepared = names.iter().any(|name| name == names::SEGMENT_TEMP);
    let prepared = if walk.sealed { Some(prepared(storage, &walk, has_prepared)?) } else { None };

    // 2. Make true on the device what was read.
    let name = walk.name();
    let mut file = storage.open_append(&name)?;
    if truncated_bytes > 0 {
        file.truncate(end)?;
    }
    while walk.vouched < end {
        let bytes = walk.window.at(walk.vouched, REWRITE_BYTES.min((end - walk.vouched) as usize))?;
        storage.rewrite(&name, walk.vouched, bytes)?;
        walk.vouched += bytes.len() as u64;
    }
    file.sync()?;
    for first in &stale {
        storage.remove(&names::segment(*first))?;
    }
    if !stale.is_empty() {
        storage.sync_folder()?;
    }

    // 3. Begin a new epoch.
    let (epoch, log_first) = (walk.epoch + 1, walk.log_first);
    let mut active = match prepared {
        Some(prepared) => {
            segments.push(SegmentFile { first: walk.next, bytes: 0 });
            let (file, place) = prepared.publish(storage)?;
            ActiveSegment::new(file, walk.next, walk.next, place, walk.chain)
        }
        None => {
            if has_prepared {
                storage.remove(names::SEGMENT_TEMP)?;
            }
            ActiveSegment::new(file, last, walk.next, walk.place, walk.chain)
        }
    };
    active.mark(Mark { epoch, log_first })?;
    let report = Recovery {
        records: walk.next.0 - log_first.0,
        first: log_first,
        tail,
        segments: segments.len() as u64,
        truncated_bytes,
        trimmed_segments: stale.len() as u64,
        epoch,
    };
    Ok(Recovered { segments, active, log_first, report })
}

fn create<S: Storage>(storage: &S, names: &[String]) -> Result<Recovered<S::File>> {
    if names.iter().any(|name| name == names::SEGMENT_TEMP) {
        storage.remove(names::SEGMENT_TEMP)?;
    }
    let (first, chain) = (Seq::FIRST, Chain::START);
    let header = SegmentHeader { first, epoch: 1, log_first: first, chain };
    let (file, place) = header.prepare(storage)?.publish(storage)?;
    let active = ActiveSegment::new(file, first, first, place, chain);
    let report = Recovery { first, segments: 1, epoch: 1, ..Recovery::default() };
    Ok(Recovered { segments: vec![SegmentFile { first, bytes: 0 }], active, log_first: first, report })
}

/// The segment that was made ready before the last one was sealed. Since it always is, a sealed segment
/// without a successor, named or prepared, has lost it.
fn prepared<S: Storage>(
    storage: &S,
    sealed: &Walk<S::File>,
    exists: bool,
) -> Result<PreparedSegment<S::File>> {
    if !exists {
        let why = Corruption::SegmentMissing { expected: sealed.next };
        return Err(Error::corrupt(&names::segment(sealed.next), 0, why));
    }
    let file = storage.open_append(names::SEGMENT_TEMP)?;
    let (header, salt) = SegmentHeader::read_prepared(&file, sealed.next)?;
    SegmentEnd::of(sealed).check_follows(&header)?;
    Ok(PreparedSegment { file, first: header.first, salt })
}

/// Walks the last segment up to its end or to where a write was torn.
pub(crate) fn find_end<F: StorageFile>(walk: &mut Walk<F>) -> Result<()> {
    loop {
        match walk.step()? {
            Step::Record { .. } | Step::Control => {}
            Step::End => return Ok(()),
            Step::Flaw(why) => {
                let name = walk.name();
                return match damage::judge(&mut walk.window, &name, walk.place, why)? {
                    Some(why) => Err(walk.corrupt(why)),
                    None => Ok(()),
                };
            }
        }
    }
}

/// Checks headers, seals and the links between segments, without reading the records between.
fn check_sealed<S: Storage>(storage: &S, firsts: &[Seq]) -> Result<Vec<SegmentFile>> {
    let mut sealed = Vec::new();
    for pair in firsts.windows(2) {
        let (first, next) = (pair[0], pair[1]);
        let name = names::segment(first);
        let file = storage.open(&name)?;
        let (header, salt) = SegmentHeader::read(&file, first)?;
        let bytes = file.len()?;
        let offset = bytes.saturating_sub((FRAME_EXTRA_BYTES + Seal::BYTES) as u64);
        let mut frame = [0; FRAME_EXTRA_BYTES + Seal::BYTES];
        let read = file.read_at(offset, &mut frame)?;
        let (frame_header, seal) = seal_in(&frame[..read], Place { salt, offset })
            .ok_or_else(|| Error::corrupt(&name, offset, Corruption::NotSealed))?;
        let (next_header, _) = SegmentHeader::read(&storage.open(&names::segment(next))?, next)?;
        let ended = SegmentEnd {
            next: header.first.plus(seal.records),
            chain: frame_header.link(seal.chain),
            epoch: seal.epoch,
        };
        ended.check_follows(&next_header)?;
        sealed.push(SegmentFile { first, bytes });
    }
    Ok(sealed)
}

fn seal_in(frame: &[u8], place: Place) -> Option<(FrameHeader, Seal)> {
    let (header, body) = frame.split_first_chunk::<FRAME_HEADER_BYTES>()?;
    let header = FrameHeader::decode(header, place).ok().filter(|header| header.kind == Kind::Seal)?;
    if header.frame_bytes() != frame.len() as u64 || header.check_body(body).is_err() {
        return None;
    }
    Some((header, Seal::decode(&body[..Seal::BYTES]).ok()?))
}

/// How a sealed segment ended, to be met by the next one's header.
pub(crate) struct SegmentEnd {
    pub next: Seq,
    pub chain: Chain,
    pub epoch: u64,
}

impl SegmentEnd {
    pub(crate) fn of<F: StorageFile>(sealed: &Walk<F>) -> SegmentEnd {
        SegmentEnd { next: sealed.next, chain: sealed.chain, epoch: sealed.epoch }
    }

    pub(crate) fn check_follows(&self, header: &SegmentHeader) -> Result<()> {
        if header.first > self.next {
            let why = Corruption::SegmentMissing { expected: self.next };
            return Err(Error::corrupt(&names::segment(self.next), 0, why));
        }
        if header.first < self.next || header.chain != self.chain || header.epoch < self.epoch {
            return Err(Error::corrupt(&names::segment(header.first), 0, Corruption::Chain));
        }
        Ok(())
    }
}

/// A snapshot is only written of records that are durable, so one beyond the tail means that the tail is
/// lost.
fn check_not_behind(snapshot: Seq, tail: Seq, segment: Seq, offset: u64) -> Result<()> {
    if snapshot > tail {
        let why = Corruption::LogBehindSnapshot { snapshot, tail };
        return Err(Error::corrupt(&names::segment(segment), offset, why));
    }
    Ok(())
}
