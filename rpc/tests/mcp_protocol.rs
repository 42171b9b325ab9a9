//! What the MCP door owes its protocol, in both eras, and what it answers to those who break it.

mod common;

use axum::body::Body;
use axum::http::StatusCode;
use common::{Engine, http};
use cortexkg_rpc::Settings;
use serde_json::{Value, json};

const INITIALIZE: &str = r#"{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},"clientInfo":{"name":"test","version":"0"}}}"#;

fn open() -> (Engine, axum::Router) {
    let engine = Engine::open();
    let router = http::router(&engine, &Settings::default());
    (engine, router)
}

async fn memories(router: &axum::Router) -> Value {
    let message =
        http::call(router, "get_memory_stats", json!({"include_performance": false})).await.message();
    let result = &message["result"]["structuredContent"]["result"];
    json!([result["system_overview"]["total_memories"], result["sequence"], result["learning"]])
}

#[tokio::test]
async fn discovery_names_the_server_and_what_it_has() {
    let (_engine, router) = open();
    let reply = http::modern(&router, "server/discover", json!({})).await;
    assert_eq!(reply.status, StatusCode::OK);
    let result = &reply.message()["result"];
    let versions = result["supportedVersions"].as_array().unwrap();
    assert!(
        versions.contains(&json!("2026-07-28")) && versions.contains(&json!("2025-11-25")),
        "{versions:?}"
    );
    assert_eq!(result["capabilities"], json!({"tools": {}}));
    assert!(result.to_string().contains("\"name\":\"cortexkg\""), "{result}");
}

#[tokio::test]
async fn a_stateless_call_is_answered_with_json() {
    let (_engine, router) = open();
    let reply = http::call(&router, "get_memory_stats", json!({})).await;
    assert_eq!(reply.status, StatusCode::OK);
    assert_eq!(reply.headers["content-type"], "application/json");
    let result = &reply.message()["result"];
    assert_eq!(result["resultType"], "complete");
    let envelope = &result["structuredContent"];
    assert_eq!(envelope["request_id"], "1");
    let metadata = &envelope["processing_metadata"];
    assert_eq!(metadata["server_version"], env!("CARGO_PKG_VERSION"));
    assert!(metadata["processing_time_ms"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn seven_tools_are_listed_in_one_order_in_both_eras() {
    let (_engine, router) = open();
    let modern = http::modern(&router, "tools/list", json!({})).await.message();
    let modern = &modern["result"];
    assert_eq!(modern["cacheScope"], "public");
    let names: Vec<_> = modern["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(
        names,
        [
            "store_memory",
            "retrieve_memory",
            "update_memory",
            "delete_memory",
            "analyze_memory_graph",
            "get_memory_stats",
            "configure_learning"
        ]
    );
    let session = initialize(&router).await;
    let body = r#"{"jsonrpc":"2.0","id":2,"method":"tools/list"}"#;
    let legacy = http::post(&router, &[("mcp-session-id", &session)], body).await.message();
    assert_eq!(legacy["result"]["tools"], modern["tools"]);
}

async fn initialize(router: &axum::Router) -> String {
    let reply = http::post(router, &[], INITIALIZE).await;
    assert_eq!(reply.status, StatusCode::OK);
    let result = &reply.message()["result"];
    assert_eq!(result["protocolVersion"], "2025-11-25");
    assert_eq!(result["serverInfo"]["name"], "cortexkg");
    assert_eq!(result["capabilities"], json!({"tools": {}}));
    let session = reply.headers["mcp-session-id"].to_str().unwrap().to_owned();
    let initialized = r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#;
    let accepted = http::post(router, &[("mcp-session-id", &session)], initialized).await;
    assert_eq!(accepted.status, StatusCode::ACCEPTED);
    session
}

#[tokio::test]
async fn sessions_are_bounded_and_the_unused_make_room() {
    let engine = Engine::open();
    let settings = Settings { sessions_max: 2, ..Settings::default() };
    let router = http::router(&engine, &settings);
    let first = initialize(&router).await;
    let _second = initialize(&router).await;
    let third = initialize(&router).await;
    let ping = r#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#;
    let gone = http::post(&router, &[("mcp-session-id", &first)], ping).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
    let alive = http::post(&router, &[("mcp-session-id", &third)], ping).await;
    assert_eq!(alive.message()["result"], json!({}));
}

#[tokio::test]
async fn a_session_ends_when_its_client_says_so() {
    let (_engine, router) = open();
    let session = initialize(&router).await;
    let header = [("mcp-session-id", session.as_str())];
    let standard = [("host", "127.0.0.1:8080"), ("accept", "application/json, text/event-stream")];
    let ended = http::send(&router, "DELETE", &standard, &header, "").await;
    assert_eq!(ended.status, StatusCode::NO_CONTENT);
    let gone = http::post(&router, &header, r#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#).await;
    assert_eq!(gone.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn without_sessions_older_clients_are_served_statelessly() {
    let engine = Engine::open();
    let settings = Settings { sessions_max: 0, ..Settings::default() };
    let router = http::router(&engine, &settings);
    let reply = http::post(&router, &[], INITIALIZE).await;
    assert!(reply.headers.get("mcp-session-id").is_none());
    assert_eq!(reply.message()["result"]["protocolVersion"], "2025-11-25");
    let body = r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"get_memory_stats"}}"#;
    let called = http::post(&router, &[("mcp-protocol-version", "2025-11-25")], body).await;
    assert_eq!(called.headers["content-type"], "application/json");
    assert_eq!(called.message()["result"]["isError"], false);
}

#[tokio::test]
async fn what_is_not_declared_is_not_a_method() {
    let (_engine, router) = open();
    for method in
        ["prompts/list", "resources/list", "resources/templates/list", "completion/complete", "nonsense"]
    {
        let params = match method {
            "completion/complete" => {
                json!({"ref": {"type": "ref/prompt", "name": "x"}, "argument": {"name": "a", "value": "b"}})
            }
            _ => json!({}),
        };
        let reply = http::modern(&router, method, params).await;
        assert_eq!(reply.message()["error"]["code"], -32601, "{method}");
        assert_eq!(reply.status, StatusCode::NOT_FOUND, "{method}");
    }
}

#[tokio::test]
async fn an_unknown_tool_is_a_protocol_error() {
    let (_engine, router) = open();
    let error = &http::call(&router, "forget_everything", json!({})).await.message()["error"];
    assert_eq!(error["code"], -32602);
    assert_eq!(error["message"], "unknown tool: forget_everything");
}

#[tokio::test]
async fn a_call_of_another_shape_is_told_the_shape() {
    let (_engine, router) = open();
    for params in [json!({"name": "store_memory", "arguments": ["x"]}), json!({"arguments": {}})] {
        let message = http::modern(&router, "tools/call", params).await.message();
        assert_eq!(message["error"]["code"], -32602, "{message}");
    }
}

#[tokio::test]
async fn strangers_on_the_web_are_turned_away() {
    let (_engine, router) = open();
    let ping = r#"{"jsonrpc":"2.0","id":3,"method":"ping"}"#;
    for (header, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("host", "evil.example"),
        ("host", "127.0.0.1.evil.example:8080"),
    ] {
        let reply = http::post(&router, &[(header, value)], ping).await;
        assert_eq!(reply.status, StatusCode::FORBIDDEN, "{header}: {value}");
    }
    for origin in ["http://localhost:5173", "http://127.0.0.1:8080", "https://[::1]:9"] {
        let reply = http::post(&router, &[("origin", origin)], INITIALIZE).await;
        assert_eq!(reply.status, StatusCode::OK, "{origin}");
    }
}

/// Bodies that are no message: status, code, and words that name the rule.
#[tokio::test]
async fn what_is_no_message_is_named() {
    let (_engine, router) = open();
    let before = memories(&router).await;
    let deep_arguments = format!(
        r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"store_memory","arguments":{{"content":{}}}}}}}"#,
        "[".repeat(50_000)
    );
    let batch = format!("[{}]", vec![r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#; 10_000].join(","));
    let cases: [(&[u8], i64, &str); 8] = [
        (b"", -32700, "must be JSON"),
        (b"{\"jsonrpc\":\"2.0\",", -32700, "must be JSON"),
        (b"{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"\xff\xfe\"}", -32700, "UTF-8"),
        (b"{\"a\":1e999}", -32700, "out of range"),
        (deep_arguments.as_bytes(), -32700, "recursion limit"),
        (batch.as_bytes(), -32600, "one by one"),
        (b"42", -32600, "JSON-RPC 2.0"),
        (b"{\"jsonrpc\":\"1.0\",\"id\":1,\"method\":\"ping\"}", -32600, "JSON-RPC 2.0"),
    ];
    for (body, code, words) in cases {
        let reply = http::post(&router, &[("mcp-protocol-version", "2026-07-28")], body.to_vec()).await;
        let shown = String::from_utf8_lossy(&body[..body.len().min(60)]).into_owned();
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{shown}");
        let error = &reply.message()["error"];
        assert_eq!(error["code"], code, "{shown}: {error}");
        assert!(error["message"].as_str().unwrap().contains(words), "{shown}: {error}");
    }
    assert_eq!(memories(&router).await, before);
}

#[tokio::test]
async fn a_body_above_the_limit_is_refused_by_size() {
    let (_engine, router) = open();
    let large = vec![b' '; (4 << 20) + 1];
    let reply = http::post(&router, &[], Body::from(large)).await;
    assert_eq!(reply.status, StatusCode::PAYLOAD_TOO_LARGE);
    let message = reply.message();
    assert_eq!(message["error"]["message"], "message: must be at most 4194304 bytes");
}

/// What JSON can say and a parameter cannot be: for each tool, the field, then the rule.
#[tokio::test]
async fn arguments_of_wrong_types_and_names_are_refused_and_change_nothing() {
    let (_engine, router) = open();
    let before = memories(&router).await;
    let cases = [
        ("store_memory", json!({}), "content: is required"),
        ("store_memory", json!({"content": null}), "content: is required"),
        ("store_memory", json!({"content": 7}), "content: must be a string"),
        ("store_memory", json!({"content": ["x"]}), "content: must be a string"),
        (
            "store_memory",
            json!({"content": "x", "confidence": "high"}),
            "confidence: must be a number from 0.0 to 1.0",
        ),
        (
            "store_memory",
            json!({"content": "x", "confidence": 1e39}),
            "confidence: must be a number from 0.0 to 1.0",
        ),
        ("store_memory", json!({"content": "x", "tags": "a,b"}), "tags: must be a list of strings"),
        ("store_memory", json!({"content": "x", "tags": [1]}), "tags[0]: must be a string"),
        ("store_memory", json!({"content": "x", "kind": "Turn"}), "kind: is not a parameter"),
        ("retrieve_memory", json!({"query": "x", "limit": "5"}), "limit: must be an integer from 1 to 100"),
        ("retrieve_memory", json!({"query": "x", "limit": 1.5}), "limit: must be an integer from 1 to 100"),
        (
            "retrieve_memory",
            json!({"query": "x", "strategy": "Lexical"}),
            "strategy: must be one of Semantic",
        ),
        ("retrieve_memory", json!({"query": "x", "time_range": "today"}), "time_range: must be an object"),
        (
            "retrieve_memory",
            json!({"query": "x", "time_range": {"end": "today"}}),
            "time_range.end: must be an RFC 3339",
        ),
        ("retrieve_memory", json!({"query": "x", "k": 5}), "k: is not a parameter; retrieve_memory takes"),
        ("update_memory", json!({"memory_id": 3, "new_content": "x"}), "memory_id: must be a string"),
        ("update_memory", json!({"memory_id": "3", "new_content": "x"}), "memory_id: must look like m1f"),
        ("update_memory", json!({"memory_id": "m1", "content": "x"}), "content: is not a parameter"),
        (
            "delete_memory",
            json!({"memory_id": "m1", "force_delete": "yes"}),
            "force_delete: must be true or false",
        ),
        ("delete_memory", json!({"memory_id": "m1", "force": true}), "force: is not a parameter"),
        (
            "delete_memory",
            json!({"memory_id": "m1", "cleanup_mode": 2}),
            "cleanup_mode: must be one of Minimal",
        ),
        ("analyze_memory_graph", json!({}), "analysis_type: is required"),
        (
            "analyze_memory_graph",
            json!({"analysis_type": "All"}),
            "analysis_type: must be one of Connectivity",
        ),
        (
            "analyze_memory_graph",
            json!({"analysis_type": "Connectivity", "memory_ids": ["m1", "x"]}),
            "memory_ids[1]: must look like m1f",
        ),
        (
            "analyze_memory_graph",
            json!({"analysis_type": "Connectivity", "depth": 2}),
            "depth: is not a parameter",
        ),
        ("get_memory_stats", json!({"include_performance": 1}), "include_performance: must be true or false"),
        ("get_memory_stats", json!({"verbose": true}), "verbose: is not a parameter"),
        (
            "configure_learning",
            json!({"learning_rate": [0.1]}),
            "learning_rate: must be a number from 0.0 to 1.0",
        ),
        ("configure_learning", json!({"learning_mode": "Stdp"}), "learning_mode: must be one of Hebbian"),
        ("configure_learning", json!({"batch_size": 16}), "batch_size: is not a parameter"),
    ];
    for (tool, arguments, rule) in cases {
        let reply = http::call(&router, tool, arguments.clone()).await;
        assert_eq!(reply.status, StatusCode::OK);
        let result = &reply.message()["result"];
        assert_eq!(result["isError"], true, "{tool} {arguments}: {result}");
        let text = result["content"][0]["text"].as_str().unwrap();
        assert!(text.starts_with(rule), "{tool} {arguments}: {text:?} does not begin with {rule:?}");
    }
    assert_eq!(memories(&router).await, before);
}

#[tokio::test]
async fn a_call_that_cannot_be_in_time_is_an_error_the_model_can_read() {
    let engine = Engine::open();
    let settings = Settings { request_timeout: std::time::Duration::ZERO, ..Settings::default() };
    let router = http::router(&engine, &settings);
    let message = http::call(&router, "store_memory", json!({"content": "too late"})).await.message();
    let result = &message["result"];
    assert_eq!(result["isError"], true, "{message}");
    assert!(result["content"][0]["text"].as_str().unwrap().starts_with("deadline exceeded"), "{message}");
}

#[tokio::test]
async fn a_full_queue_is_an_error_the_model_can_read() {
    let engine = Engine::with(|config| config.queue_rows_max = 1);
    let router = http::router(&engine, &Settings::default());
    let filling = common::fill_queue(&engine);
    let message = http::call(&router, "store_memory", json!({"content": "no room"})).await.message();
    let result = &message["result"];
    assert_eq!(result["isError"], true, "{message}");
    let text = result["content"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("busy: ") && text.contains("try again in "), "{text}");
    drop(filling);
}
