//! Files to memories. Each format is one reader that turns a file into rows to store; none of them touches the engine.

pub mod documents;
pub mod front_matter;
pub mod identity;
pub mod jsonl;
pub mod markdown;
pub mod passage;
pub mod server_memory;
pub mod sources;
pub mod text;

use std::collections::BTreeMap;

use cortexkg_engine::request::Store;
use serde::Serialize;

/// A row of a file, ready to be stored.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// Where it begins, from 1.
    pub line: u64,
    /// What to store; its idempotency key is added later (`identity`).
    pub store: Store,
}

/// A row that cannot be stored. It fails alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The line, from 1; absent when the whole file is meant.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u64>,
    /// Which field.
    pub field: String,
    /// The rule it broke.
    pub rule: String,
}

impl Refusal {
    /// A broken rule on a line.
    pub fn at(line: u64, field: impl Into<String>, rule: impl Into<String>) -> Self {
        Refusal { line: Some(line), field: field.into(), rule: rule.into() }
    }
}

/// What a reader gives, row by row.
pub type Parsed = Result<Row, Refusal>;

/// Fields that rows had and nobody reads, with how often they were met.
pub type IgnoredFields = BTreeMap<String, u64>;
