//! The domain of CortexKG: memories, columns, the knowledge graph, recall.
//!
//! [`State`] is the truth: the fold of all [`record::Entry`]s, on the host, as arrays. [`resident::Resident`] is the device's
//! copy of what kernels read. One module a tool decides on them: [`store`], [`retrieve`], [`change`], [`analyze`], and
//! [`learn`] for what recall teaches. Deciding may be refused; applying may not.
//!
//! This crate must not know files, threads, the network, the time of day (a `now` comes in) or a model (vectors come in).

pub mod allocate;
mod error;
mod ids;
mod links;
mod scorers;

pub mod analyze;
pub mod answer;
pub mod change;
pub mod claims;
pub mod embedding;
pub mod learn;
pub mod normal_form;
pub mod record;
pub mod relation;
pub mod request;
pub mod resident;
pub mod retrieve;
pub mod settings;
pub mod state;
pub mod store;
pub mod text;

pub use error::Error;
pub use ids::{ColumnId, MemoryId, TenantId, Timestamp};
pub use settings::RecallSettings;
pub use state::State;
