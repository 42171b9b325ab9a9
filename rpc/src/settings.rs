//! Limits of the doors. What a memory may hold is the domain's business and not found here.

use std::time::Duration;

/// Limits of both doors.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Every call is answered within this time; a shorter deadline of the caller wins.
    pub request_timeout: Duration,
    /// Largest request, bytes: a larger one is answered with HTTP 413 or gRPC OUT_OF_RANGE, and not read to its end.
    pub message_bytes_max: usize,
    /// Host names and addresses that /mcp answers to. Others are refused, so that no web page can reach a local server
    /// under a name of its own (DNS rebinding).
    pub hosts: Vec<String>,
    /// Web origins that may call /mcp, such as `http://localhost:*`. A request that names another origin is refused;
    /// clients that are not browsers name none.
    pub origins: Vec<String>,
    /// Most sessions of MCP clients from before revision 2026-07-28; the one unused for longest makes room.
    /// 0 serves those clients without sessions.
    pub sessions_max: usize,
    /// A session unused for this long ends.
    pub session_idle: Duration,
    /// Most items of one gRPC stream that are worked on at a time.
    pub stream_in_flight_max: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            request_timeout: Duration::from_secs(30),
            message_bytes_max: 4 << 20,
            hosts: ["localhost", "127.0.0.1", "::1"].map(String::from).to_vec(),
            origins: ["localhost", "127.0.0.1", "[::1]"]
                .iter()
                .flat_map(|host| ["http", "https"].map(|scheme| format!("{scheme}://{host}:*")))
                .collect(),
            sessions_max: 256,
            session_idle: Duration::from_secs(300),
            stream_in_flight_max: 64,
        }
    }
}
