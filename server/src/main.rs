//! The binary `cortexkg`: reads settings, opens the engine, runs one command.
//!
//! What it must not hold: anything about memories. That is the engine's; here are doors, files and words for people.

mod cli;
mod commands;
mod corpus;
mod engine;
mod eval;
mod health;
mod import;
mod listen;
mod metrics;
mod model_choice;
mod npy;
mod percentile;
mod pipeline;
mod process;
mod serve;
mod settings;
mod shutdown;
mod spiking;
mod telemetry;
mod whole_file;

use std::io;
use std::process::ExitCode;

use clap::Parser;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match cli::Cli::parse().run() {
        Ok(code) => code,
        // `cortexkg export | head` is no failure of ours.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    let kinds = error.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).map(io::Error::kind);
    kinds.into_iter().any(|kind| kind == io::ErrorKind::BrokenPipe)
}
