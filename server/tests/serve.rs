//! The server as a whole: doors, health, stopping.

mod common;

use std::io::{Read, Write};
use std::net::TcpStream;

use common::{Place, Server, call_tool, get};
use serde_json::{Value, json};

#[test]
fn it_serves_says_how_it_is_and_keeps_what_was_stored() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    assert_eq!(server.get("/livez"), (200, "alive\n".into()));
    let (status, ready) = server.get("/readyz");
    assert_eq!((status, serde_json::from_str::<Value>(&ready).unwrap()["ready"].clone()), (200, true.into()));

    let stored =
        call_tool(&server.http, "store_memory", json!({ "content": "The kettle lives on the top shelf." }));
    assert_ne!(stored["result"]["isError"], true, "{stored}");
    let found = call_tool(
        &server.http,
        "retrieve_memory",
        json!({ "query": "Where is the kettle?", "threshold": 0.0 }),
    );
    assert!(found.to_string().contains("top shelf"), "{found}");

    let (status, health) = server.get("/health");
    let health: Value = serde_json::from_str(&health).unwrap();
    assert_eq!((status, &health["memories"]), (200, &1.into()), "{health}");
    assert!(health["device"].is_string() && health["model"].is_string());
    let (status, metrics) = get(&server.metrics);
    assert_eq!(status, 200);
    for line in ["cortex_kg_memories 1", r#"cortex_kg_requests_total{op="store",outcome="ok"} 1"#] {
        assert!(metrics.lines().any(|found| found == line), "{line} is missing in\n{metrics}");
    }
    assert!(metrics.contains("process_cpu_seconds_total"));

    let (code, said) = server.stop();
    assert_eq!(code, Some(0), "{said}");
    let answer = place.run(&["recall", "kettle", "--threshold", "0", "--json"]).code(0).json();
    assert_eq!(answer["memories"].as_array().unwrap().len(), 1);
}

#[test]
fn an_idle_connection_does_not_delay_the_end() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let address = server.http.trim_start_matches("http://").to_owned();
    let mut idle = TcpStream::connect(&address).unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = [0; 12];
    idle.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    let (code, said) = server.stop();
    assert_eq!(code, Some(0));
    assert!(!said.contains("still open"), "{said}");
}

#[test]
fn a_second_signal_exits_at_once() {
    let place = Place::new();
    let mut server = Server::start(&place, &[]);
    // A client that never answers the farewell, so that the first signal has something to wait for.
    let mut silent = TcpStream::connect(&server.grpc).unwrap();
    silent.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").unwrap();
    silent.read_exact(&mut [0; 9]).unwrap();
    server.signal("TERM");
    server.hear("a second signal exits at once");
    server.signal("TERM");
    assert_eq!(server.child.wait().unwrap().code(), Some(128 + 15));
}

#[test]
fn a_held_folder_and_a_taken_port_are_told_with_the_way_out() {
    let place = Place::new();
    let server = Server::start(&place, &[]);
    let held = place.run(&["recall", "anything"]).code(1);
    assert!(
        held.stderr().contains("another process holds ./data") && held.stderr().contains("/mcp"),
        "{}",
        held.stderr()
    );
    let http = server.http.trim_start_matches("http://");
    let other = Place::new();
    let any = "127.0.0.1:0";
    let taken = other.run(&["serve", "--http", http, "--grpc", any, "--metrics", any]).code(1);
    assert!(
        taken.stderr().contains(&format!("{http} is taken by another process; choose another with --http"))
    );
    // Looking without changing is possible beside a server.
    place.run(&["verify", "--json"]).code(0).json();
}

#[test]
fn a_temporary_folder_is_gone_at_the_end() {
    let place = Place::new();
    let server = Server::start(&place, &["--data", ":memory:"]);
    call_tool(&server.http, "store_memory", json!({ "content": "Nothing stays." }));
    assert_eq!(server.stop().0, Some(0));
    assert!(!place.path("data").exists() && !place.path(":memory:").exists());
}

#[test]
fn mcp_over_stdio_speaks_protocol_only_and_ends_with_its_client() {
    let place = Place::new();
    let mut child = place.command(["mcp"]).stdin(std::process::Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let initialize = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {
        "protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } } });
    let ready = json!({ "jsonrpc": "2.0", "method": "notifications/initialized" });
    let list = json!({ "jsonrpc": "2.0", "id": 2, "method": "tools/list" });
    for message in [initialize, ready, list] {
        writeln!(input, "{message}").unwrap();
    }
    let mut out = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut answers = Vec::new();
    while answers.len() < 2 {
        let mut line = String::new();
        assert_ne!(std::io::BufRead::read_line(&mut out, &mut line).unwrap(), 0, "it ended early");
        answers.push(serde_json::from_str::<Value>(&line).unwrap());
    }
    assert_eq!(answers[1]["result"]["tools"].as_array().unwrap().len(), 7, "{}", answers[1]);
    drop(input);
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "");
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
