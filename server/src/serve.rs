//! `cortexkg serve`: all doors over one engine.
//!
//! Order at the start: bind every port (a taken one is told before minutes of recovery), open the engine, serve, say
//! ready. Order at the end: not ready, accept nothing more, let calls in flight finish within the grace, close the
//! engine (sync and snapshot), exit 0.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use cortexkg_rpc::{grpc, mcp};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::cli::ServeArgs;
use crate::engine::Engine;
use crate::health::{self, Watched};
use crate::listen::Door;
use crate::settings::{Format, LOOPBACK_RULE, Settings, loopback};
use crate::{metrics, shutdown};

/// Where the doors are to listen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Addresses {
    http: SocketAddr,
    grpc: SocketAddr,
    metrics: Option<SocketAddr>,
}

/// The doors, bound.
struct Doors {
    http: Door,
    grpc: Door,
    metrics: Option<Door>,
}

/// Serves until a signal.
pub fn run(settings: Settings, args: &ServeArgs) -> anyhow::Result<ExitCode> {
    let addresses = Addresses::of(&settings, args)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve(settings, addresses))?;
    Ok(ExitCode::SUCCESS)
}

async fn serve(settings: Settings, addresses: Addresses) -> anyhow::Result<()> {
    let stopping = shutdown::on_signals()?;
    let doors = Doors::bind(addresses, settings.server.max_connections).await?;
    let opened = settings.clone();
    let engine = tokio::task::spawn_blocking(move || Engine::open(&opened)).await??;
    let banner = Banner::of(&settings, &engine, &doors)?;

    let sessions = CancellationToken::new();
    let tasks = start(&settings, &engine, doors, &stopping, &sessions);
    banner.show(settings.logging.format);

    stopping.cancelled().await;
    // Open MCP streams would hold their connections for ever.
    sessions.cancel();
    let grace = Duration::from_millis(settings.server.shutdown_grace_ms);
    if !shutdown::drain(tasks, grace).await {
        tracing::warn!(
            grace_ms = settings.server.shutdown_grace_ms,
            "connections were still open and are dropped"
        );
    }
    tokio::task::spawn_blocking(move || drop(engine)).await?;
    tracing::info!("closed");
    Ok(())
}

/// Starts every door and the health watcher. A door that fails stops them all.
fn start(
    settings: &Settings,
    engine: &Engine,
    doors: Doors,
    stopping: &CancellationToken,
    sessions: &CancellationToken,
) -> JoinSet<()> {
    let rpc = rpc_settings(settings);
    let watched = Watched::new((**engine).clone(), stopping.clone());
    let mut tasks = JoinSet::new();

    let app =
        health::routes(watched.clone()).merge(mcp::http_routes((**engine).clone(), &rpc, sessions.clone()));
    let http = axum::serve(doors.http, app).with_graceful_shutdown(stopping.clone().cancelled_owned());
    tasks.spawn(until_stopped("http", stopping.clone(), http.into_future()));

    let (routes, serving) = grpc::routes((**engine).clone(), &rpc);
    let grpc = grpc::server().add_routes(routes);
    let grpc =
        grpc.serve_with_incoming_shutdown(doors.grpc.into_incoming(), stopping.clone().cancelled_owned());
    tasks.spawn(until_stopped("grpc", stopping.clone(), grpc));

    if let Some(door) = doors.metrics {
        let metrics = axum::serve(door, metrics::routes((**engine).clone()))
            .with_graceful_shutdown(stopping.clone().cancelled_owned());
        tasks.spawn(until_stopped("metrics", stopping.clone(), metrics.into_future()));
    }

    let every = Duration::from_secs(settings.monitoring.health_check_interval_seconds.into());
    tasks.spawn(watched.watch(every, async move |readiness| serving.set(readiness.ready).await));
    tasks
}

async fn until_stopped<E: std::fmt::Display>(
    door: &'static str,
    stopping: CancellationToken,
    serving: impl Future<Output = Result<(), E>>,
) {
    if let Err(error) = serving.await {
        tracing::error!(door, %error, "door failed, stopping");
        stopping.cancel();
    }
}

/// What the doors need to know of the settings.
pub fn rpc_settings(settings: &Settings) -> cortexkg_rpc::Settings {
    cortexkg_rpc::Settings {
        request_timeout: Duration::from_millis(settings.server.request_timeout_ms),
        session_idle: Duration::from_secs(u64::from(settings.security.session_timeout_minutes) * 60),
        ..cortexkg_rpc::Settings::default()
    }
}

impl Addresses {
    fn of(settings: &Settings, args: &ServeArgs) -> anyhow::Result<Addresses> {
        let host = loopback(&settings.server.host)
            .unwrap_or_else(|| unreachable!("settings were checked when they were loaded; this is a bug"));
        let address = |flag: &str, given: Option<SocketAddr>, port: u16| match given {
            Some(address) if !address.ip().is_loopback() => bail!("{flag} {address}: {LOOPBACK_RULE}"),
            Some(address) => Ok(address),
            None => Ok(SocketAddr::new(host, port)),
        };
        let wants_metrics = settings.monitoring.enable_metrics || args.metrics.is_some();
        Ok(Addresses {
            http: address("--http", args.http, settings.server.port)?,
            grpc: address("--grpc", args.grpc, settings.server.grpc_port)?,
            metrics: match wants_metrics {
                true => Some(address("--metrics", args.metrics, settings.monitoring.metrics_port)?),
                false => None,
            },
        })
    }
}

impl Doors {
    async fn bind(addresses: Addresses, connections_max: u32) -> anyhow::Result<Doors> {
        let room = Arc::new(Semaphore::new(connections_max as usize));
        Ok(Doors {
            http: Door::bind(addresses.http, "--http", Arc::clone(&room)).await?,
            grpc: Door::bind(addresses.grpc, "--grpc", Arc::clone(&room)).await?,
            metrics: match addresses.metrics {
                Some(address) => Some(Door::bind(address, "--metrics", room).await?),
                None => None,
            },
        })
    }
}

/// What a person wants to know when the server is up.
struct Banner {
    data: String,
    memories: u64,
    device: String,
    device_why: Option<String>,
    model: String,
    http: SocketAddr,
    grpc: SocketAddr,
    metrics: Option<SocketAddr>,
}

impl Banner {
    fn of(settings: &Settings, engine: &Engine, doors: &Doors) -> anyhow::Result<Banner> {
        let health = engine.health();
        Ok(Banner {
            data: settings.data().display().to_string(),
            memories: health.memories,
            device: health.device.name,
            device_why: health.device.why,
            model: health.model,
            http: doors.http.address()?,
            grpc: doors.grpc.address()?,
            metrics: doors.metrics.as_ref().map(Door::address).transpose()?,
        })
    }

    fn show(&self, format: Format) {
        let Banner { data, memories, device, device_why, model, http, grpc, metrics } = self;
        if format == Format::Json {
            let metrics = metrics.map(|address| address.to_string());
            tracing::info!(data, memories, device, device_why, model, %http, %grpc, metrics, "ready");
            return;
        }
        let device = device_why.as_ref().map_or(device.clone(), |why| format!("{device}: {why}"));
        let metrics = metrics.map_or("off".into(), |address| format!("http://{address}/metrics"));
        eprintln!(
            "CortexKG {} with {memories} memories in {data}\n  MCP      http://{http}/mcp\n  gRPC     {grpc}\n  \
             health   http://{http}/health\n  metrics  {metrics}\n  device   {device}\n  model    {model}\nready",
            env!("CARGO_PKG_VERSION"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(http: Option<&str>, metrics: Option<&str>) -> ServeArgs {
        let address = |text: &str| text.parse().unwrap();
        ServeArgs { http: http.map(address), grpc: None, metrics: metrics.map(address) }
    }

    #[test]
    fn flags_win_over_settings_and_turn_metrics_on() {
        let mut settings = Settings::default();
        settings.monitoring.enable_metrics = false;
        let plain = Addresses::of(&settings, &args(None, None)).unwrap();
        assert_eq!(plain.http, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(plain.grpc, "127.0.0.1:50051".parse().unwrap());
        assert_eq!(plain.metrics, None);
        let flagged = Addresses::of(&settings, &args(Some("[::1]:1"), Some("127.0.0.1:2"))).unwrap();
        assert_eq!(flagged.http, "[::1]:1".parse().unwrap());
        assert_eq!(flagged.metrics, Some("127.0.0.1:2".parse().unwrap()));
    }

    #[test]
    fn nothing_listens_to_the_outside() {
        for outside in ["0.0.0.0:8080", "192.168.1.2:8080", "[::]:8080"] {
            let refusal =
                Addresses::of(&Settings::default(), &args(Some(outside), None)).unwrap_err().to_string();
            assert!(
                refusal.starts_with(&format!("--http {outside}: must be a loopback address")),
                "{refusal}"
            );
        }
    }
}
