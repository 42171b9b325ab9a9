//! One module a command: arguments, the work, and how the outcome is told.

pub mod bench;
pub mod bench_allocation;
pub mod bench_search;
pub mod bench_spiking;
pub mod bench_spread;
pub mod config;
pub mod doctor;
pub mod eval;
pub mod eval_allocation;
pub mod eval_claims;
pub mod eval_everyday;
pub mod eval_fit;
pub mod export;
pub mod health;
pub mod import;
pub mod mcp;
pub mod model;
pub mod recall;
pub mod reembed;
pub mod simulate;
pub mod verify;

use std::io::{self, Write};

use serde::Serialize;

/// Prints one JSON object on standard output, as scripts expect it.
fn print_json(object: &impl Serialize) -> anyhow::Result<()> {
    print(&serde_json::to_string(object)?)
}

/// Prints lines on standard output; a closed pipe is an error here rather than a panic.
fn print(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", text.trim_end())?;
    Ok(out.flush()?)
}
