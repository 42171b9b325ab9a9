//! The command line: names here are an interface that scripts rely on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::commands::{
    bench, bench_allocation, bench_search, bench_spiking, bench_spread, config, doctor, eval,
    eval_allocation, eval_claims, eval_everyday, eval_fit, export, health, import, mcp, model, recall,
    reembed, simulate, verify,
};
use crate::settings::{Device, Flag, Settings};
use crate::{serve, telemetry};

/// Associative long-term memory for AI agents: one binary, one data folder, MCP and gRPC at the door.
#[derive(Parser)]
#[command(name = "cortexkg", version)]
pub struct Cli {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(subcommand)]
    command: Command,
}

/// Flags that every command takes.
#[derive(Args)]
struct SettingsArgs {
    /// Settings file; `cortexkg config` prints every key.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Data folder [default: ./data].
    #[arg(long, global = true, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Device that computes [default: auto].
    #[arg(long, global = true, value_name = "auto|cpu|wgpu|cuda", value_parser = device)]
    device: Option<Device>,
    /// Threads of CPU kernels; 0 means one a core [default: 0].
    #[arg(long, global = true, value_name = "N")]
    threads: Option<u32>,
    /// Embedding model: default, static, http, a name that `model add` knows, or a folder [default: default].
    #[arg(long, global = true, value_name = "MODEL")]
    model: Option<String>,
}

#[derive(Subcommand)]
enum Command {
    /// Serve MCP over HTTP, gRPC, health and metrics until told to stop.
    Serve(ServeArgs),
    /// Serve MCP over standard input and output.
    Mcp,
    /// Store files: JSON lines, Markdown, text, the memory file of the MCP memory server.
    Import(import::ImportArgs),
    /// Ask, and see what is remembered.
    Recall(recall::RecallArgs),
    /// Write every live memory as JSON lines that `import` reads.
    Export(export::ExportArgs),
    /// Check the data folder without changing it; exits with 1 when something is wrong.
    Verify(JsonArgs),
    /// Measure how well memories are found.
    #[command(subcommand)]
    Eval(EvalCommand),
    /// Measure pace.
    #[command(subcommand)]
    Bench(BenchCommand),
    /// Run a network of spiking neurons from a file, and tell how it fires.
    Simulate(simulate::SimulateArgs),
    /// Print every setting with its default and its meaning, as a settings file.
    Config,
    /// Ask a running server how it fares; exits with 1 unless it is ready.
    Health(health::HealthArgs),
    /// Tell what works here and what does not.
    Doctor(JsonArgs),
    /// Embedding models: what is here, and how to get more.
    #[command(subcommand)]
    Model(model::ModelCommand),
    /// Embed every memory anew with the configured model.
    Reembed(JsonArgs),
}

/// Addresses of `serve`.
#[derive(Args)]
pub struct ServeArgs {
    /// Address of HTTP: MCP, health [default: 127.0.0.1:8080].
    #[arg(long, value_name = "ADDR")]
    pub http: Option<SocketAddr>,
    /// Address of gRPC [default: 127.0.0.1:50051].
    #[arg(long, value_name = "ADDR")]
    pub grpc: Option<SocketAddr>,
    /// Address of Prometheus metrics [default: 127.0.0.1:9090].
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
}

/// The choice between words and JSON.
#[derive(Args)]
pub struct JsonArgs {
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    pub json: bool,
}

#[derive(Subcommand)]
enum EvalCommand {
    /// Recall@k of gold passages or evidence turns, through the real engine.
    Retrieval(eval::RetrievalArgs),
    /// Worlds of everyday memory, asked as a client does who says nothing.
    Everyday(eval_everyday::EverydayArgs),
    /// How well a new text is told to be the same, an update, related or new, beside thresholds of cosine similarity.
    Allocation(eval_allocation::AllocationArgs),
    /// Fit the weights that recall ranks with, and judge them on what was held out.
    Fit(eval_fit::FitArgs),
    /// Is what the store says of its memories right: duplicates, contradictions, what supersedes what?
    Claims(eval_claims::ClaimsArgs),
}

#[derive(Subcommand)]
enum BenchCommand {
    /// Store generated texts with durable acknowledgement, then reopen.
    Ingest(bench::BenchArgs),
    /// Recall from generated texts, one client.
    Recall(bench::BenchArgs),
    /// Let columns compete for generated memories.
    Allocation(bench_allocation::AllocationArgs),
    /// Search vectors of .npy files, exactly or over the graph.
    Search(bench_search::SearchArgs),
    /// Run a network that simulators of spiking neurons are compared on.
    Spiking(bench_spiking::SpikingArgs),
    /// Spread activation over a graph with a power law of degrees.
    Spread(bench_spread::SpreadArgs),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let settings =
            Settings::load(self.settings.config.as_deref(), unicode_variables(), self.settings.flags())?;
        telemetry::start(&settings.logging, matches!(self.command, Command::Serve(_) | Command::Mcp))?;
        match self.command {
            Command::Serve(args) => serve::run(settings, &args),
            Command::Mcp => mcp::run(settings),
            Command::Import(args) => import::run(settings, &args),
            Command::Recall(args) => recall::run(settings, &args),
            Command::Export(args) => export::run(settings, &args),
            Command::Verify(args) => verify::run(&settings, args.json),
            Command::Eval(EvalCommand::Retrieval(args)) => eval::run(&settings, &args),
            Command::Eval(EvalCommand::Everyday(args)) => eval_everyday::run(&settings, &args),
            Command::Eval(EvalCommand::Allocation(args)) => eval_allocation::run(&settings, &args),
            Command::Eval(EvalCommand::Fit(args)) => eval_fit::run(&settings, &args),
            Command::Eval(EvalCommand::Claims(args)) => eval_claims::run(&settings, &args),
            Command::Bench(BenchCommand::Ingest(args)) => bench::ingest(&settings, &args),
            Command::Bench(BenchCommand::Recall(args)) => bench::recall(&settings, &args),
            Command::Bench(BenchCommand::Allocation(args)) => bench_allocation::run(&settings, &args),
            Command::Bench(BenchCommand::Search(args)) => bench_search::run(&settings, &args),
            Command::Bench(BenchCommand::Spiking(args)) => bench_spiking::run(&settings, &args),
            Command::Bench(BenchCommand::Spread(args)) => bench_spread::run(&settings, &args),
            Command::Simulate(args) => simulate::run(&settings, &args),
            Command::Config => config::run(),
            Command::Health(args) => health::run(&settings, &args),
            Command::Doctor(args) => doctor::run(&settings, args.json),
            Command::Model(command) => model::run(&settings, &command),
            Command::Reembed(args) => reembed::run(&settings, args.json),
        }
    }
}

impl SettingsArgs {
    fn flags(&self) -> Vec<Flag> {
        let mut flags = Vec::new();
        let mut set = |flag, key, value| flags.push(Flag { flag, key, value });
        if let Some(data) = &self.data {
            set("--data", ("database", "knowledge_graph_path"), data.to_string_lossy().into_owned().into());
        }
        if let Some(device) = self.device {
            set("--device", ("performance", "device"), format!("{device:?}").to_lowercase().into());
        }
        if let Some(threads) = self.threads {
            set("--threads", ("performance", "threads"), i64::from(threads).into());
        }
        if let Some(model) = &self.model {
            set("--model", ("neural_networks", "model"), model.clone().into());
        }
        flags
    }
}

fn device(word: &str) -> Result<Device, String> {
    match word {
        "auto" => Ok(Device::Auto),
        "cpu" => Ok(Device::Cpu),
        "wgpu" => Ok(Device::Wgpu),
        "cuda" => Ok(Device::Cuda),
        _ => Err("must be one of auto, cpu, wgpu, cuda".into()),
    }
}

/// The environment without what is no text; a setting that is no text cannot be ours.
fn unicode_variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
