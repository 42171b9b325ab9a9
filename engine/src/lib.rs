//! The engine: one handle, one queue, one worker that owns everything below.
//!
//! [`EngineHandle`] checks, counts and queues calls; two threads turn texts into vectors; the worker takes what waits, decides
//! it on the state, makes it durable with one sync and replies. Above the handle is tokio's world, below it are plain
//! threads and no locks around anything that computes.
//!
//! This crate must not know tokio, tonic, JSON or HTTP.

mod code_folder;
pub mod columns;
mod config;
mod error;
mod front;
mod graph_file;
mod handle;
mod history;
mod metrics;
mod opener;
mod queue;
pub mod spread;
mod ticket;
mod trial;
pub mod vectors;
mod worker;

pub use config::{Config, DeviceKind};
pub use cortexkg_compute::network;
pub use cortexkg_embed::{HttpEndpoint, ModelChoice, ModelIdentity};
pub use cortexkg_memory::retrieve::scoring;
pub use cortexkg_memory::{ColumnId, MemoryId, RecallSettings, TenantId, Timestamp, answer, request};
pub use cortexkg_memory::{allocate, relation};
pub use error::{Error, ErrorKind};
pub use handle::{Call, DeviceHealth, EngineHandle, Health, Statistics, reembed};
pub use history::{Verified, verify};
pub use metrics::{CallMetrics, HistogramSnapshot, Metrics, Performance, Timing};
pub use ticket::Ticket;
