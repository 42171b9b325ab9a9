//! The binary as a user runs it, on a folder of its own.
#![allow(dead_code, reason = "every test file uses its own part")]

use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// A folder with data and files; gone at the end of the test.
pub struct Place {
    root: tempfile::TempDir,
}

impl Place {
    pub fn new() -> Self {
        Place { root: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    }

    /// The binary with this folder's `data`, apart from the environment of whoever runs the tests.
    pub fn command<S: AsRef<std::ffi::OsStr>>(&self, args: impl IntoIterator<Item = S>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_cortexkg"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CORTEXKG__") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.root.path()).args(["--device", "cpu"]).args(args);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran(self.command(args).output().unwrap(), args.join(" "))
    }
}

/// What a command did.
pub struct Ran(pub Output, pub String);

impl Ran {
    pub fn stdout(&self) -> String {
        String::from_utf8(self.0.stdout.clone()).unwrap()
    }

    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.0.stderr).into_owned()
    }

    #[track_caller]
    pub fn code(self, code: i32) -> Self {
        assert_eq!(
            self.0.status.code(),
            Some(code),
            "cortexkg {}\n{}\n{}",
            self.1,
            self.stdout(),
            self.stderr()
        );
        self
    }

    /// The one JSON object on standard output; fails on anything beside it.
    #[track_caller]
    pub fn json(self) -> Value {
        let text = self.stdout();
        assert_eq!(
            text.trim_end().lines().count(),
            1,
            "cortexkg {} printed\n{text}\n{}",
            self.1,
            self.stderr()
        );
        let value: Value = serde_json::from_str(&text).unwrap();
        assert!(value.is_object(), "{text}");
        value
    }
}

/// A running server; killed when the test ends.
pub struct Server {
    pub child: Child,
    pub http: String,
    pub grpc: String,
    pub metrics: String,
    stderr: BufReader<std::process::ChildStderr>,
    pub said: String,
}

impl Server {
    /// Starts `serve` on ports the system chooses, and returns when it says ready.
    pub fn start(place: &Place, more: &[&str]) -> Server {
        let any = "127.0.0.1:0";
        let args = ["serve", "--http", any, "--grpc", any, "--metrics", any];
        let mut child = place.command(args.iter().chain(more)).spawn().unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut said = String::new();
        while said.lines().next_back() != Some("ready") {
            assert_ne!(
                stderr.read_line(&mut said).unwrap(),
                0,
                "the server ended before it was ready:\n{said}"
            );
        }
        let after = |word: &str| {
            let line = said.lines().find_map(|line| line.trim().strip_prefix(word));
            line.unwrap_or_else(|| panic!("no {word} in\n{said}")).trim().to_owned()
        };
        let (http, grpc, metrics) = (after("MCP"), after("gRPC"), after("metrics"));
        Server { child, http: http.trim_end_matches("/mcp").to_owned(), grpc, metrics, stderr, said }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(status.success());
    }

    /// Reads what the server says until a line holds `words`.
    pub fn hear(&mut self, words: &str) {
        let mut line = String::new();
        while !line.contains(words) {
            line.clear();
            assert_ne!(self.stderr.read_line(&mut line).unwrap(), 0, "it ended without saying {words:?}");
        }
    }

    /// Sends SIGTERM and waits for the end; answers exit code and what was said on the way.
    pub fn stop(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        let mut rest = String::new();
        self.stderr.read_to_string(&mut rest).unwrap();
        (self.child.wait().unwrap().code(), rest)
    }

    pub fn get(&self, path: &str) -> (u16, String) {
        get(&format!("{}{path}", self.http))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone when the test stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn get(url: &str) -> (u16, String) {
    let agent: ureq::Agent = ureq::Agent::config_builder().http_status_as_error(false).build().into();
    let mut answer = agent.get(url).call().unwrap();
    (answer.status().as_u16(), answer.body_mut().read_to_string().unwrap())
}

/// Calls an MCP tool without a session, as clients of the stateless revision do.
pub fn call_tool(http: &str, name: &str, arguments: Value) -> Value {
    let version = "2026-07-28";
    let body = serde_json::json!({
        "jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {
            "name": name, "arguments": arguments,
            "_meta": {
                "io.modelcontextprotocol/protocolVersion": version,
                "io.modelcontextprotocol/clientCapabilities": {},
            },
        },
    });
    let mut answer = ureq::post(format!("{http}/mcp"))
        .header("Accept", "application/json, text/event-stream")
        .header("MCP-Protocol-Version", version)
        .header("Mcp-Method", "tools/call")
        .header("Mcp-Name", name)
        .send_json(body)
        .unwrap();
    answer.body_mut().read_json().unwrap()
}

/// Exported lines without what an import decides anew, sorted.
pub fn told(export: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(export).unwrap();
    let mut lines: Vec<String> = text
        .lines()
        .map(|line| {
            let mut fields: serde_json::Map<String, Value> = serde_json::from_str(line).unwrap();
            for decided in ["id", "created_at", "updated_at", "version", "role", "entities"] {
                fields.remove(decided);
            }
            Value::Object(fields).to_string()
        })
        .collect();
    lines.sort();
    lines
}
