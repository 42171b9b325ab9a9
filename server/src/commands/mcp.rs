//! `cortexkg mcp`: MCP over standard input and output. Standard output carries the protocol and nothing else.

use std::process::ExitCode;
use std::time::Duration;

use crate::engine::Engine;
use crate::serve::rpc_settings;
use crate::settings::Settings;
use crate::shutdown;

/// Serves until the client closes its end or a signal comes.
pub fn run(settings: Settings) -> anyhow::Result<ExitCode> {
    let engine = Engine::open(&settings)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let rpc = rpc_settings(&settings);
    let served = runtime.block_on(async {
        let stopping = shutdown::on_signals()?;
        tokio::select! {
            served = cortexkg_rpc::mcp::serve_stdio((*engine).clone(), &rpc) => Ok(served?),
            () = stopping.cancelled() => Ok(()),
        }
    });
    // A thread may still wait for input that never comes.
    runtime.shutdown_timeout(Duration::ZERO);
    served.map(|()| ExitCode::SUCCESS)
}
