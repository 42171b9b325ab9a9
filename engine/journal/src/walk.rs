//! Goes through one segment frame by frame and checks everything a frame states.
//!
//! Used by readers, recovery and verification alike; they differ only in what a flaw means to them. It never
//! decides whether a flaw is a torn write (`damage` does), and it never writes.

use crate::Seq;
use crate::chain::Chain;
use crate::control::{Mark, Seal};
use crate::error::{Corruption, Error, Result};
use crate::frame::{FRAME_HEADER_BYTES, FRAME_VERSION, FrameHeader, Kind, NoHeader, Place};
use crate::names;
use crate::segment::{SEGMENT_HEADER_BYTES, SegmentHeader};
use crate::storage::{Storage, StorageFile};
use crate::window::Window;

pub(crate) struct Walk<F> {
    pub window: Window<F>,
    pub header: SegmentHeader,
    /// Where the next frame stands: everything before is good.
    pub place: Place,
    /// The next record's sequence.
    pub next: Seq,
    pub chain: Chain,
    pub epoch: u64,
    pub log_first: Seq,
    /// Bytes that some frame says were durable.
    pub vouched: u64,
    pub sealed: bool,
}

/// What was found at the next frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A record; its payload is at this place (see [`Walk::payload`]).
    Record { seq: Seq, payload_at: u64, payload_bytes: usize },
    /// One of the log's own frames.
    Control,
    /// The file ends here, between frames.
    End,
    /// What stands at [`Walk::place`] is not the frame it should be.
    Flaw(Corruption),
}

impl<F: StorageFile> Walk<F> {
    /// Stands before the first frame of the segment named for `first`.
    pub(crate) fn open<S: Storage<File = F>>(storage: &S, first: Seq) -> Result<Walk<F>> {
        let file = storage.open(&names::segment(first))?;
        let (header, salt) = SegmentHeader::read(&file, first)?;
        Ok(Walk {
            window: Window::new(file)?,
            place: Place { salt, offset: SEGMENT_HEADER_BYTES as u64 },
            next: first,
            chain: header.chain,
            epoch: header.epoch,
            log_first: header.log_first,
            vouched: SEGMENT_HEADER_BYTES as u64,
            sealed: false,
            header,
        })
    }

    pub(crate) fn name(&self) -> String {
        names::segment(self.header.first)
    }

    /// The segment's records so far.
    pub(crate) fn records(&self) -> u64 {
        self.next.0 - self.header.first.0
    }

    pub(crate) fn corrupt(&self, why: Corruption) -> Error {
        Error::corrupt(&self.name(), self.place.offset, why)
    }

    /// Checks the next frame and moves behind it, unless it has a flaw.
    pub(crate) fn step(&mut self) -> Result<Step> {
        match self.checked_step() {
            Ok(step) => Ok(step),
            Err(Stop::Flaw(why)) => Ok(Step::Flaw(why)),
            Err(Stop::Failed(e)) => Err(e),
        }
    }

    fn checked_step(&mut self) -> std::result::Result<Step, Stop> {
        let Place { offset, .. } = self.place;
        let bytes = self.window.at(offset, FRAME_HEADER_BYTES)?;
        if bytes.is_empty() {
            return Ok(Step::End);
        }
        if self.sealed {
            return Err(Stop::Flaw(Corruption::AfterSeal));
        }
        let bytes = bytes.try_into().map_err(|_| Corruption::FrameCut)?;
        let frame = FrameHeader::decode(bytes, self.place).map_err(|fault| match fault {
            NoHeader::Damaged => Stop::Flaw(Corruption::FrameHeader),
            NoHeader::Version(found) => Stop::Failed(self.later_version(found)),
        })?;
        let payload_at = offset + FRAME_HEADER_BYTES as u64;
        let payload_bytes = frame.payload_bytes as usize;
        let body_bytes = frame.frame_bytes() as usize - FRAME_HEADER_BYTES;
        let body = self.window.at(payload_at, body_bytes)?;
        if body.len() < body_bytes {
            return Err(Stop::Flaw(Corruption::FrameCut));
        }
        frame.check_body(body)?;
        // From here the frame is as it was written; what is left to check is whether it belongs here.
        if frame.durable_before < self.vouched || frame.durable_before > offset {
            return Err(Stop::Flaw(Corruption::FrameOrder));
        }
        let expected = if frame.kind == Kind::Record { self.next } else { Seq(self.next.0 - 1) };
        if frame.seq != expected {
            return Err(Stop::Flaw(Corruption::SeqOrder { expected, found: frame.seq }));
        }
        let step = match frame.kind {
            Kind::Record => {
                self.next = self.next.next();
                Step::Record { seq: frame.seq, payload_at, payload_bytes }
            }
            Kind::Mark => {
                let mark = Mark::decode(&body[..payload_bytes])?;
                if mark.epoch < self.epoch || mark.log_first < self.log_first {
                    return Err(Stop::Flaw(Corruption::FrameOrder));
                }
                (self.epoch, self.log_first) = (mark.epoch, mark.log_first);
                Step::Control
            }
            Kind::Seal => {
                let seal = Seal::decode(&body[..payload_bytes])?;
                if seal != (Seal { records: self.records(), chain: self.chain, epoch: self.epoch }) {
                    return Err(Stop::Flaw(Corruption::Seal));
                }
                self.sealed = true;
                Step::Control
            }
        };
        self.chain = frame.link(self.chain);
        self.vouched = frame.durable_before;
        self.place.offset += frame.frame_bytes();
        Ok(step)
    }

    /// The payload of the record that the last step found.
    pub(crate) fn payload(&mut self, payload_at: u64, payload_bytes: usize) -> Result<&[u8]> {
        self.window.at(payload_at, payload_bytes)
    }

    fn later_version(&self, found: u8) -> Error {
        Error::UnsupportedVersion { file: self.name(), found: found.into(), known: FRAME_VERSION.into() }
    }
}

/// Why a step did not come off.
enum Stop {
    Flaw(Corruption),
    Failed(Error),
}

impl From<Corruption> for Stop {
    fn from(why: Corruption) -> Stop {
        Stop::Flaw(why)
    }
}

impl From<Error> for Stop {
    fn from(e: Error) -> Stop {
        Stop::Failed(e)
    }
}
