//! Listening sockets of all doors: bound before anything is called ready, without Nagle's delay, and with one bound on
//! the number of open connections.
//!
//! Without TCP_NODELAY a small answer waits for the peer's delayed acknowledgement: 44 ms at the median.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::anyhow;
use futures::Stream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::server::{Connected, TcpConnectInfo};

/// Pause after a failed accept, such as too many open files: trying again at once would only spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A bound socket that hands out connections while there is room.
pub struct Door {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

/// A connection; its room is free again when it is dropped.
pub struct Connection {
    stream: TcpStream,
    _room: OwnedSemaphorePermit,
}

impl Door {
    /// Binds `address`; a refusal names the flag that changes it.
    pub async fn bind(address: SocketAddr, flag: &str, room: Arc<Semaphore>) -> anyhow::Result<Door> {
        let listener = TcpListener::bind(address).await.map_err(|error| match error.kind() {
            io::ErrorKind::AddrInUse => {
                anyhow!("{address} is taken by another process; choose another with {flag} ADDR")
            }
            _ => anyhow!("{address} cannot be listened on ({error}); choose another with {flag} ADDR"),
        })?;
        Ok(Door { listener, room })
    }

    /// Where it listens, with the port the system chose if 0 was asked for.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The next connection. Waits while all room is taken; the system's backlog holds who comes meanwhile.
    pub async fn next(&self) -> (Connection, SocketAddr) {
        let room = Arc::clone(&self.room).acquire_owned().await;
        let room = room.unwrap_or_else(|_| unreachable!("nobody closes the semaphore; this is a bug"));
        loop {
            match self.listener.accept().await {
                Ok((stream, peer)) => {
                    if let Err(error) = stream.set_nodelay(true) {
                        tracing::debug!(%peer, %error, "connection lost before it was used");
                        continue;
                    }
                    return (Connection { stream, _room: room }, peer);
                }
                Err(error) if is_of_the_peer(&error) => {}
                Err(error) => {
                    tracing::warn!(%error, "accept failed");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            }
        }
    }
}

fn is_of_the_peer(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

impl axum::serve::Listener for Door {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        self.next().await
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.address()
    }
}

impl Door {
    /// The connections as tonic takes them; it never ends by itself.
    pub fn into_incoming(self) -> impl Stream<Item = io::Result<Connection>> {
        futures::stream::unfold(self, |door| async {
            let (connection, _) = door.next().await;
            Some((Ok(connection), door))
        })
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        self.stream.connect_info()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn any_port() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 0))
    }

    #[tokio::test]
    async fn a_taken_port_names_the_flag() {
        let room = Arc::new(Semaphore::new(1));
        let door = Door::bind(any_port(), "--http", Arc::clone(&room)).await.unwrap();
        let taken = door.address().unwrap();
        let refusal = Door::bind(taken, "--grpc", room).await.err().unwrap().to_string();
        assert_eq!(refusal, format!("{taken} is taken by another process; choose another with --grpc ADDR"));
    }

    #[tokio::test]
    async fn connections_have_no_delay_and_wait_for_room() {
        let room = Arc::new(Semaphore::new(1));
        let door = Door::bind(any_port(), "--http", Arc::clone(&room)).await.unwrap();
        let address = door.address().unwrap();
        let _clients =
            (TcpStream::connect(address).await.unwrap(), TcpStream::connect(address).await.unwrap());
        let (first, _) = door.next().await;
        assert!(first.stream.nodelay().unwrap());
        assert_eq!(room.available_permits(), 0);
        let mut second = Box::pin(door.next());
        assert!(futures_are_pending(&mut second).await, "a connection was accepted beyond the bound");
        drop(first);
        second.await;
    }

    async fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
        std::future::poll_fn(|cx| Poll::Ready(Pin::new(&mut *future).poll(cx).is_pending())).await
    }
}
