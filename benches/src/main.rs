//! Benches of kernels: one matrix of kernels, shapes and devices, and what a card could do at best.
//!
//! Dated figures are kept in `record/MACHINE/`. `cargo bench -p cortexkg-benches` measures every kernel on its own test cases instead.

mod card;
mod implied;
mod matrix;
mod measure;
mod record;
mod shapes;
mod work;

use std::process::ExitCode;

use clap::{Parser, Subcommand, ValueEnum};
use cortexkg_compute::{KERNELS, Target};

#[derive(Parser)]
#[command(name = "cortexkg-benches", version, about = "Benches of kernels on devices")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Play kernels on devices: CPU seconds, wall, device time, bytes and their share of what the device copies.
    Matrix(matrix::MatrixArgs),
    /// What the CUDA texts ask of an H200, counted, and the least time that this takes.
    Implied(implied::ImpliedArgs),
    /// Names of the kernels that have a text for a language.
    Kernels {
        /// Which.
        #[arg(value_enum)]
        language: Language,
    },
}

#[derive(Clone, Copy, ValueEnum)]
enum Language {
    Wgsl,
    Cuda,
}

fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Matrix(args) => matrix::run(&args),
        Command::Implied(args) => implied::run(&args),
        Command::Kernels { language } => {
            let target = match language {
                Language::Wgsl => Target::Wgsl,
                Language::Cuda => Target::Cuda,
            };
            for kernel in KERNELS.iter().filter(|kernel| kernel.source(target).is_ok()) {
                println!("{}", kernel.name);
            }
            Ok(ExitCode::SUCCESS)
        }
    }
}
