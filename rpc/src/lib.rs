//! The two doors of CortexKG: MCP for agents, gRPC for throughput. Both decode, call the engine, encode.
//!
//! What a request may hold is decided by the domain (`request::*::check`, run inside the engine); a door refuses only what
//! it cannot translate: a wrong type, an unknown name, an unreadable time. Parameters carry the same names at both doors,
//! so one refusal reads the same at either. A function longer than half a screen belongs in another crate.
//!
//! This crate must not know devices, kernels, the log or settings files, and takes no decision of its own.

mod call;
mod error;
mod ids;
mod settings;
mod times;

pub mod grpc;
pub mod mcp;
pub mod status;

pub use error::Error;
pub use settings::Settings;
