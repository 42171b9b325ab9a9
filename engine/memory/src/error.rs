//! What can go wrong in the domain. Every variant is the caller's to act on.

use crate::ids::MemoryId;

/// Errors of the memory domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A parameter broke a rule; nothing was changed.
    #[error("{field}: {rule}")]
    Invalid {
        /// The parameter as the caller named it.
        field: &'static str,
        /// The rule it broke, in words.
        rule: String,
    },
    /// No live memory has this id.
    #[error("memory_id: no memory {0} exists, or it was deleted")]
    NotFound(MemoryId),
    /// The call is understood and valid, but may not be done as asked.
    #[error("{why}")]
    Refused {
        /// What stands in the way and what would help.
        why: String,
    },
    /// A part of the interface that does not exist yet.
    #[error("{what} is not available yet")]
    NotAvailable {
        /// The thing that was asked for.
        what: String,
    },
    /// A stored record or snapshot that this release cannot read.
    #[error("record format: {why}")]
    Format {
        /// What was found.
        why: String,
    },
    /// The compute device failed.
    #[error("device: {0}")]
    Device(String),
}

impl Error {
    /// A broken rule of one parameter.
    pub fn invalid(field: &'static str, rule: impl Into<String>) -> Self {
        Error::Invalid { field, rule: rule.into() }
    }
}
