//! `cortexkg health`: asks a running server how it fares, for scripts and for the health checks of containers, which have no other
//! program to ask with.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::Args;

use super::print;
use crate::settings::Settings;

/// Longest wait for the server to answer or to go on with its answer.
const PATIENCE: Duration = Duration::from_secs(3);

/// Arguments of `health`.
#[derive(Args)]
pub struct HealthArgs {
    /// Address of the server's HTTP door [default: where `serve` listens with these settings].
    #[arg(long, value_name = "ADDR")]
    http: Option<SocketAddr>,
}

/// Prints what the server says of itself, one JSON object. Exits with 1 when it is not ready or does not answer.
pub fn run(settings: &Settings, args: &HealthArgs) -> anyhow::Result<ExitCode> {
    let own = || format!("{}:{}", settings.server.host, settings.server.port).parse::<SocketAddr>();
    let address = match args.http {
        Some(address) => address,
        None => own().context("server.host is no address; name one with --http ADDR")?,
    };
    let (ready, body) = ask(address).with_context(|| format!("no server answers at {address}"))?;
    print(&body)?;
    Ok(if ready { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the server is ready, and its own words.
fn ask(address: SocketAddr) -> anyhow::Result<(bool, String)> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    // The old protocol ends an answer with the connection, so there is nothing to take apart.
    let asked = format!("GET /health HTTP/1.0\r\nHost: {address}\r\n\r\n");
    stream.write_all(asked.as_bytes())?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(|| anyhow!("that is no answer of HTTP"))?;
    let status = head.split_ascii_whitespace().nth(1).unwrap_or_default();
    match status {
        "200" | "503" => Ok((status == "200", body.to_owned())),
        _ => Err(anyhow!("it answers {}", head.lines().next().unwrap_or_default())),
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What `ask` makes of an answer.
    fn answered(answer: &'static str) -> anyhow::Result<(bool, String)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let server = std::thread::spawn(move || -> std::io::Result<String> {
            let (mut stream, _) = listener.accept()?;
            // To the last of it: a connection that ends with words unread may take the answer with it.
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                asked.extend(byte);
            }
            stream.write_all(answer.as_bytes())?;
            Ok(String::from_utf8_lossy(&asked).into_owned())
        });
        let told = ask(address);
        assert!(server.join().expect("no panic")?.starts_with("GET /health "));
        told
    }

    #[test]
    fn a_server_is_ready_or_says_why_not() {
        let ready =
            answered("HTTP/1.0 200 OK\r\ncontent-length: 14\r\n\r\n{\"ready\":true}").expect("an answer");
        assert_eq!(ready, (true, "{\"ready\":true}".to_owned()));
        let unwell = answered("HTTP/1.1 503 Service Unavailable\r\n\r\n{}").expect("an answer");
        assert_eq!(unwell, (false, "{}".to_owned()));
        assert!(
            answered("HTTP/1.1 404 Not Found\r\n\r\n").is_err_and(|error| error.to_string().contains("404"))
        );
        assert!(answered("what?").is_err());
    }

    #[test]
    fn nobody_there_is_an_error() {
        let free = TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
        assert!(ask(free.expect("a port")).is_err());
    }
}
