//! MCP over a pair of byte streams: one JSON message a line.
//!
//! rmcp has such a transport, but it drops what does not parse and what is too long without a word, and leaves the client
//! waiting for an answer. This one answers.

use std::io;
use std::sync::Arc;

use cortexkg_engine::EngineHandle;
use rmcp::model::{ClientJsonRpcMessage, RequestId, ServerJsonRpcMessage};
use rmcp::service::{RoleServer, ServerInitializeError, ServiceExt};
use rmcp::transport::Transport;
use rmcp::{ErrorData, transport};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::Mutex;

use super::handler::Handler;
use super::malformed;
use crate::{Error, Settings};

/// Serves MCP on standard input and output until the input closes. Nothing else may be written to standard output.
pub async fn serve_stdio(engine: EngineHandle, settings: &Settings) -> Result<(), Error> {
    let (reader, writer) = transport::stdio_pipes();
    serve_lines(engine, settings, reader, writer).await
}

/// Serves MCP on any pair of byte streams until the reader ends; calls in flight are answered first.
pub async fn serve_lines<R, W>(
    engine: EngineHandle,
    settings: &Settings,
    reader: R,
    writer: W,
) -> Result<(), Error>
where
    R: AsyncRead + Send + Unpin + 'static,
    W: AsyncWrite + Send + Unpin + 'static,
{
    let lines = Lines::new(reader, writer, settings.message_bytes_max);
    let running = match Handler::new(engine, settings).serve(lines).await {
        Ok(running) => running,
        // A client that leaves before it has said anything has done nothing wrong.
        Err(ServerInitializeError::ConnectionClosed(_)) => return Ok(()),
        Err(error) => return Err(Error::Stdio(error.to_string())),
    };
    running.waiting().await.map_err(|error| Error::Stdio(error.to_string()))?;
    Ok(())
}

/// See the module.
struct Lines<R, W> {
    reader: BufReader<R>,
    /// Kept here because `receive` may be cancelled and called again.
    line: Vec<u8>,
    skipping: bool,
    line_bytes_max: usize,
    writer: Arc<Mutex<W>>,
}

/// How a line ended.
enum Line {
    Whole,
    TooLong,
    End,
}

impl<R, W> Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    fn new(reader: R, writer: W, line_bytes_max: usize) -> Self {
        Lines {
            reader: BufReader::new(reader),
            line: Vec::new(),
            skipping: false,
            line_bytes_max,
            writer: Arc::new(Mutex::new(writer)),
        }
    }

    /// Reads on until a line is whole in `self.line`. What was consumed is always kept, so cancelling loses nothing.
    async fn read_line(&mut self) -> io::Result<Line> {
        loop {
            let available = self.reader.fill_buf().await?;
            if available.is_empty() {
                return Ok(Line::End);
            }
            let newline = available.iter().position(|&byte| byte == b'\n');
            let taken = newline.map_or(available.len(), |at| at + 1);
            if self.line.len() + taken > self.line_bytes_max.saturating_add(1) {
                self.skipping = true;
                self.line = Vec::new();
            }
            if !self.skipping {
                self.line.extend_from_slice(&available[..taken]);
            }
            self.reader.consume(taken);
            if newline.is_some() {
                let skipped = std::mem::take(&mut self.skipping);
                return Ok(if skipped { Line::TooLong } else { Line::Whole });
            }
        }
    }

    /// Answers apart from reading, which may be cancelled in the middle of a write.
    fn refuse(&self, id: Option<RequestId>, error: ErrorData) {
        let writer = Arc::clone(&self.writer);
        tokio::spawn(async move { write(&writer, &ServerJsonRpcMessage::error(error, id)).await });
    }
}

impl<R, W> Transport<RoleServer> for Lines<R, W>
where
    R: AsyncRead + Send + Unpin,
    W: AsyncWrite + Send + Unpin + 'static,
{
    type Error = io::Error;

    fn send(
        &mut self,
        message: ServerJsonRpcMessage,
    ) -> impl Future<Output = io::Result<()>> + Send + 'static {
        let writer = Arc::clone(&self.writer);
        async move { write(&writer, &message).await }
    }

    async fn receive(&mut self) -> Option<ClientJsonRpcMessage> {
        loop {
            match self.read_line().await {
                Ok(Line::Whole) => {}
                Ok(Line::TooLong) => {
                    self.refuse(None, malformed::oversize(self.line_bytes_max));
                    continue;
                }
                Ok(Line::End) => return None,
                Err(error) => {
                    tracing::error!(%error, "reading MCP messages failed");
                    return None;
                }
            }
            let line = std::mem::take(&mut self.line);
            if line.trim_ascii().is_empty() {
                continue;
            }
            match serde_json::from_slice(&line) {
                Ok(message) => return Some(message),
                Err(_) => {
                    let malformed = malformed::diagnose(&line);
                    if malformed.is_request {
                        self.refuse(malformed.id, malformed.error);
                    }
                }
            }
        }
    }

    async fn close(&mut self) -> io::Result<()> {
        self.writer.lock().await.shutdown().await
    }
}

async fn write<W: AsyncWrite + Unpin>(writer: &Mutex<W>, message: &ServerJsonRpcMessage) -> io::Result<()> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    let mut writer = writer.lock().await;
    writer.write_all(&line).await?;
    writer.flush().await
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;

    const PING: &str = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;

    async fn answers_to(input: &[u8], line_bytes_max: usize) -> (usize, String) {
        let (mut client, server) = tokio::io::duplex(64);
        let (reader, writer) = tokio::io::split(server);
        let mut lines = Lines::new(reader, writer, line_bytes_max);
        let input = input.to_vec();
        let talk = async {
            client.write_all(&input).await.unwrap();
            client.shutdown().await.unwrap();
            let mut answers = String::new();
            client.read_to_string(&mut answers).await.unwrap();
            answers
        };
        let listen = async {
            let mut received = 0;
            while lines.receive().await.is_some() {
                received += 1;
            }
            // Refusals are written by tasks of their own, which hold the writer.
            while Arc::strong_count(&lines.writer) > 1 {
                tokio::task::yield_now().await;
            }
            lines.close().await.unwrap();
            received
        };
        let (received, answers) = tokio::join!(listen, talk);
        (received, answers)
    }

    #[tokio::test]
    async fn messages_pass_and_blank_lines_are_skipped() {
        let (received, answers) = answers_to(format!("{PING}\r\n\n  \n{PING}\n").as_bytes(), 1 << 20).await;
        assert_eq!((received, answers.as_str()), (2, ""));
    }

    #[tokio::test]
    async fn a_line_of_the_largest_length_passes_and_one_more_byte_does_not() {
        let (received, _) = answers_to(format!("{PING}\n").as_bytes(), PING.len()).await;
        assert_eq!(received, 1);
        let (received, answers) = answers_to(format!("{PING}\n").as_bytes(), PING.len() - 1).await;
        assert_eq!(received, 0);
        assert!(answers.contains("must be at most 39 bytes"), "{answers}");
    }

    #[tokio::test]
    async fn what_is_no_message_is_answered_and_the_next_one_still_read() {
        let deep = "[".repeat(10_000);
        let input =
            [b"{oops\n\"\xff\"\n".as_slice(), deep.as_bytes(), b"\n", PING.as_bytes(), b"\n"].concat();
        let (received, answers) = answers_to(&input, 1 << 20).await;
        assert_eq!(received, 1);
        assert_eq!(answers.lines().filter(|answer| answer.contains("-32700")).count(), 3, "{answers}");
    }
}
