//! The MCP door: seven tools, over streamable HTTP and over stdio, for both eras of the protocol.
//!
//! Revision 2026-07-28 is stateless: each request stands alone and is answered with JSON. Clients from before it open a
//! session with `initialize`. Prompts and resources are not declared, and asking for them is method-not-found.

mod arguments;
mod encode;
mod handler;
mod http;
mod malformed;
mod results;
mod schema;
mod sessions;
mod stdio;
mod tools;

pub use http::http_routes;
pub use stdio::{serve_lines, serve_stdio};
