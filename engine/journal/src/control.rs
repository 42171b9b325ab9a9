//! The payloads of the log's own frames.

use crate::chain::Chain;
use crate::le::{Layout, u64_at};
use crate::{Corruption, Seq};

/// Written when a log is opened, closed or trimmed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Of the writer.
    pub epoch: u64,
    /// The first record the log still answers for; segments wholly below it may be gone.
    pub log_first: Seq,
}

impl Mark {
    pub(crate) const BYTES: usize = 16;

    pub(crate) fn encode(self) -> [u8; Self::BYTES] {
        Layout::<{ Self::BYTES }>::new()
            .put(&self.epoch.to_le_bytes())
            .put(&self.log_first.0.to_le_bytes())
            .done()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Mark, Corruption> {
        match bytes.len() {
            Self::BYTES => Ok(Mark { epoch: u64_at(bytes, 0), log_first: Seq(u64_at(bytes, 8)) }),
            _ => Err(Corruption::FrameOrder),
        }
    }
}

/// Ends a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Seal {
    /// Records in this segment.
    pub records: u64,
    /// Over every frame of the log before this one.
    pub chain: Chain,
    /// Of the writer.
    pub epoch: u64,
}

impl Seal {
    pub(crate) const BYTES: usize = 24;

    pub(crate) fn encode(self) -> [u8; Self::BYTES] {
        Layout::<{ Self::BYTES }>::new()
            .put(&self.records.to_le_bytes())
            .put(&self.chain.0.to_le_bytes())
            .put(&self.epoch.to_le_bytes())
            .done()
    }

    pub(crate) fn decode(bytes: &[u8]) -> Result<Seal, Corruption> {
        match bytes.len() {
            Self::BYTES => Ok(Seal {
                records: u64_at(bytes, 0),
                chain: Chain(u64_at(bytes, 8)),
                epoch: u64_at(bytes, 16),
            }),
            _ => Err(Corruption::Seal),
        }
    }
}
