//! MCP over streamable HTTP, at /mcp.
//!
//! Plain calls are answered with JSON: an SSE stream costs a second segment, and 40 ms where Nagle meets delayed
//! acknowledgement. Host and Origin are checked, since a web page can make a browser call a local server.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use cortexkg_engine::EngineHandle;
use rmcp::ErrorData;
use rmcp::model::{RequestId, ServerJsonRpcMessage};
use rmcp::transport::{StreamableHttpServerConfig, StreamableHttpService};
use tokio_util::sync::CancellationToken;

use super::handler::Handler;
use super::malformed;
use super::sessions::Sessions;
use crate::Settings;

/// The route /mcp. Cancelling `shutdown` ends sessions and streams that are open.
pub fn http_routes(engine: EngineHandle, settings: &Settings, shutdown: CancellationToken) -> Router {
    let config = StreamableHttpServerConfig::default()
        .with_json_response(true)
        .with_legacy_session_mode(settings.sessions_max > 0)
        .with_allowed_hosts(settings.hosts.clone())
        .with_allowed_origins(settings.origins.clone())
        .enforce_origin_validation()
        .with_max_request_body_bytes(settings.message_bytes_max)
        .with_cancellation_token(shutdown);
    let handler = Handler::new(engine, settings);
    let sessions = Arc::new(Sessions::new(settings.sessions_max, settings.session_idle));
    let service = StreamableHttpService::new(move || Ok(handler.clone()), sessions, config);
    Router::new()
        .route_service("/mcp", service)
        .layer(middleware::from_fn_with_state(settings.message_bytes_max, refuse_malformed))
        .layer(middleware::from_fn(end_of_session))
}

/// Says that a session has ended; rmcp answers that it will (202), which the Python SDK takes for a failure.
async fn end_of_session(request: Request, next: Next) -> Response {
    let ends = request.method() == Method::DELETE;
    let mut response = next.run(request).await;
    if ends && response.status() == StatusCode::ACCEPTED {
        *response.status_mut() = StatusCode::NO_CONTENT;
    }
    response
}

/// Answers what is no message with a JSON-RPC error that names the fault; rmcp answers 415 to all of it.
async fn refuse_malformed(State(bytes_max): State<usize>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST || !is_json(request.headers()) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    let Ok(bytes) = axum::body::to_bytes(body, bytes_max).await else {
        return refusal(StatusCode::PAYLOAD_TOO_LARGE, None, malformed::oversize(bytes_max));
    };
    let response = next.run(Request::from_parts(parts, Body::from(bytes.clone()))).await;
    if response.status() != StatusCode::UNSUPPORTED_MEDIA_TYPE {
        return response;
    }
    let malformed = malformed::diagnose(&bytes);
    refusal(StatusCode::BAD_REQUEST, malformed.id, malformed.error)
}

fn is_json(headers: &HeaderMap) -> bool {
    let essence = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next());
    essence.is_some_and(|essence| essence.trim().eq_ignore_ascii_case("application/json"))
}

fn refusal(status: StatusCode, id: Option<RequestId>, error: ErrorData) -> Response {
    let body = serde_json::to_vec(&ServerJsonRpcMessage::error(error, id))
        .expect("errors have string keys; this is a bug");
    (status, [(header::CONTENT_TYPE, "application/json")], Bytes::from(body)).into_response()
}
