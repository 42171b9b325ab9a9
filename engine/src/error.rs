//! What a call can be answered with instead of its result.

use std::path::PathBuf;

/// Errors of the engine: its own and those of the floors below.
#[derive(Debug, Clone, thiserror::Error)]
pub enum Error {
    /// The domain refused.
    #[error(transparent)]
    Memory(#[from] cortexkg_memory::Error),
    /// The text could not be embedded.
    #[error("embedding: {0}")]
    Embed(String),
    /// The log failed; nothing more is accepted until the folder is opened again.
    #[error("log: {0}")]
    Journal(String),
    /// The compute device failed.
    #[error("device: {0}")]
    Device(String),
    /// The queue is full.
    #[error("busy: {rows} calls are waiting; try again in {retry_after_ms} ms")]
    Overloaded {
        /// Rows waiting.
        rows: u64,
        /// When to come back: how long the present queue takes at the measured pace.
        retry_after_ms: u64,
    },
    /// The deadline passed before the call was reached.
    #[error("deadline exceeded before the call was reached; it changed nothing")]
    DeadlineExceeded,
    /// The engine is closing or closed.
    #[error("shutting down")]
    ShuttingDown,
    /// A read asked for a record that this engine has not seen.
    #[error("at_least: record {asked} is not here yet, the newest is {newest}")]
    NotYet {
        /// What was asked for.
        asked: u64,
        /// What is here.
        newest: u64,
    },
    /// The folder belongs to another model.
    #[error(
        "the memories in {folder} were embedded with {found}, but {given} is configured; start with that model, or run `cortexkg reembed` to embed them anew"
    )]
    OtherModel {
        /// The data folder.
        folder: PathBuf,
        /// Model named by the log.
        found: String,
        /// Model configured now.
        given: String,
    },
    /// A change of models was not finished.
    #[error(
        "{left} memories in {folder} still wait for the new model's vectors; run `cortexkg reembed` again to finish"
    )]
    Reembedding {
        /// The data folder.
        folder: PathBuf,
        /// Memories without a vector.
        left: u64,
    },
    /// A setting cannot be.
    #[error("{setting}: {rule}")]
    Setting {
        /// Its name.
        setting: &'static str,
        /// The rule it broke.
        rule: String,
    },
}

/// What an error means to a caller; each door has one table from this to its own codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The caller's parameters are wrong.
    Invalid,
    /// No such memory.
    NotFound,
    /// Valid, but may not be done as asked.
    Refused,
    /// Not built yet.
    NotAvailable,
    /// Come back later.
    Overloaded,
    /// Too late.
    DeadlineExceeded,
    /// This engine cannot serve now.
    Unavailable,
    /// Our fault.
    Internal,
}

impl Error {
    /// What it means to a caller.
    pub fn kind(&self) -> ErrorKind {
        use cortexkg_memory::Error as Domain;
        match self {
            Error::Memory(Domain::Invalid { .. }) => ErrorKind::Invalid,
            Error::Memory(Domain::NotFound(_)) => ErrorKind::NotFound,
            Error::Memory(Domain::Refused { .. }) => ErrorKind::Refused,
            Error::Memory(Domain::NotAvailable { .. }) => ErrorKind::NotAvailable,
            Error::Memory(Domain::Format { .. } | Domain::Device(_)) | Error::Device(_) => {
                ErrorKind::Internal
            }
            Error::Embed(_) | Error::Journal(_) | Error::ShuttingDown | Error::NotYet { .. } => {
                ErrorKind::Unavailable
            }
            Error::Overloaded { .. } => ErrorKind::Overloaded,
            Error::DeadlineExceeded => ErrorKind::DeadlineExceeded,
            Error::OtherModel { .. } | Error::Reembedding { .. } | Error::Setting { .. } => {
                ErrorKind::Invalid
            }
        }
    }
}
