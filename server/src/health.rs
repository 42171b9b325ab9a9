//! Health over HTTP, read without waiting for the engine: `/livez` (the process answers), `/readyz` (it serves),
//! `/health` (what it is and how it fares). A watcher tells changes to the log and to whoever listens.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use axum::routing::get;
use cortexkg_engine::EngineHandle;
use serde_json::json;
use tokio_util::sync::CancellationToken;

/// What the routes look at.
#[derive(Clone)]
pub struct Watched {
    engine: EngineHandle,
    stopping: CancellationToken,
}

/// Whether calls are served, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness {
    /// Calls are served.
    pub ready: bool,
    /// Writes are served as well.
    pub accepting_writes: bool,
    /// What is wrong, if anything.
    pub why: Option<String>,
}

impl Watched {
    /// Looks at `engine`; once `stopping` is cancelled nothing is ready any more.
    pub fn new(engine: EngineHandle, stopping: CancellationToken) -> Self {
        Watched { engine, stopping }
    }

    /// As of now.
    pub fn readiness(&self) -> Readiness {
        if self.stopping.is_cancelled() {
            return Readiness { ready: false, accepting_writes: false, why: Some("shutting down".into()) };
        }
        let health = self.engine.health();
        Readiness { ready: health.ready, accepting_writes: health.accepting_writes, why: health.why }
    }

    /// Calls `changed` at once and at every change seen, the last time when stopping has begun.
    pub async fn watch(self, every: Duration, changed: impl AsyncFn(&Readiness)) {
        let mut last = self.readiness();
        changed(&last).await;
        while !self.stopping.is_cancelled() {
            let _ = tokio::time::timeout(every, self.stopping.cancelled()).await;
            let now = self.readiness();
            if now == last {
                continue;
            }
            if now.ready && now.accepting_writes {
                tracing::info!("healthy again");
            } else if !self.stopping.is_cancelled() {
                tracing::error!(
                    ready = now.ready,
                    accepting_writes = now.accepting_writes,
                    why = now.why,
                    "unwell"
                );
            }
            changed(&now).await;
            last = now;
        }
    }
}

/// The routes.
pub fn routes(watched: Watched) -> Router {
    Router::new()
        .route("/livez", get(|| async { "alive\n" }))
        .route("/readyz", get(readyz))
        .route("/health", get(health))
        .with_state(watched)
}

async fn readyz(State(watched): State<Watched>) -> Response {
    let Readiness { ready, accepting_writes, why } = watched.readiness();
    (status(ready), Json(json!({ "ready": ready, "accepting_writes": accepting_writes, "why": why })))
        .into_response()
}

async fn health(State(watched): State<Watched>) -> Response {
    let Readiness { ready, accepting_writes, why } = watched.readiness();
    let health = watched.engine.health();
    let body = json!({
        "ready": ready,
        "accepting_writes": accepting_writes,
        "why": why,
        "version": env!("CARGO_PKG_VERSION"),
        "uptime_s": health.uptime_s,
        "device": health.device.name,
        "device_why": health.device.why,
        "device_failures": health.device.failures,
        "device_fallback": health.device.fallback,
        "model": health.model,
        "memories": health.memories,
        "sequence": health.sequence,
        "queue_rows": health.queue_rows,
        "queue_bytes": health.queue_bytes,
    });
    (status(ready), Json(body)).into_response()
}

fn status(ready: bool) -> StatusCode {
    if ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
}
