//! /mcp without a socket: requests go straight into the router.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Request, StatusCode};
use cortexkg_rpc::{Settings, mcp};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

use super::Engine;

/// An answer, read to its end.
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub text: String,
}

impl Reply {
    /// The JSON-RPC message, from JSON or from the last event of a stream.
    pub fn message(&self) -> Value {
        let is_stream = self.headers.get("content-type").is_some_and(|kind| kind == "text/event-stream");
        let json = match is_stream {
            true => self.text.lines().filter_map(|line| line.strip_prefix("data:")).next_back().unwrap_or(""),
            false => &self.text,
        };
        serde_json::from_str(json.trim()).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }
}

pub fn router(engine: &Engine, settings: &Settings) -> Router {
    mcp::http_routes(engine.handle.clone(), settings, CancellationToken::new())
}

/// Posts `body` with the headers that every MCP client sends, and `extra` ones, which may replace them.
pub async fn post(router: &Router, extra: &[(&str, &str)], body: impl Into<Body>) -> Reply {
    let standard = [
        ("host", "127.0.0.1:8080"),
        ("content-type", "application/json"),
        ("accept", "application/json, text/event-stream"),
    ];
    send(router, "POST", &standard, extra, body).await
}

pub async fn send(
    router: &Router,
    method: &str,
    standard: &[(&str, &str)],
    extra: &[(&str, &str)],
    body: impl Into<Body>,
) -> Reply {
    let mut request = Request::builder().method(method).uri("/mcp");
    let replaced = |name: &str| extra.iter().any(|(other, _)| *other == name);
    for (name, value) in standard.iter().filter(|(name, _)| !replaced(name)).chain(extra) {
        request = request.header(*name, *value);
    }
    let response = router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
    let (parts, body) = response.into_parts();
    let bytes = axum::body::to_bytes(body, 64 << 20).await.unwrap();
    Reply { status: parts.status, headers: parts.headers, text: String::from_utf8(bytes.to_vec()).unwrap() }
}

/// A request of revision 2026-07-28.
pub async fn modern(router: &Router, method: &str, mut params: Value) -> Reply {
    let name = params.get("name").and_then(Value::as_str).map(str::to_owned);
    params["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": "2026-07-28",
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "0"},
    });
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let mut headers = vec![("mcp-protocol-version", "2026-07-28"), ("mcp-method", method)];
    if let Some(name) = &name {
        headers.push(("mcp-name", name));
    }
    post(router, &headers, body).await
}

/// A call of a tool in revision 2026-07-28.
pub async fn call(router: &Router, tool: &str, arguments: Value) -> Reply {
    modern(router, "tools/call", json!({"name": tool, "arguments": arguments})).await
}
