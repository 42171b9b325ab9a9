//! Sessions of MCP clients from before revision 2026-07-28, bounded in number.
//!
//! Such a client may open sessions and never close them. rmcp ends idle ones after a while but sets no limit, so at the
//! limit the session unused for longest makes room; its client, if there still is one, is told 404 and opens another, as
//! the protocol demands of it.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures::Stream;
use rmcp::model::{ClientJsonRpcMessage, ServerJsonRpcMessage};
use rmcp::transport::streamable_http_server::session::local::LocalSessionManager;
use rmcp::transport::streamable_http_server::session::{ServerSseMessage, SessionId, SessionManager};

/// See the module.
pub(super) struct Sessions {
    inner: LocalSessionManager,
    sessions_max: usize,
    uses: Mutex<Uses>,
}

/// When each session was last used, on a clock that ticks once a use.
#[derive(Default)]
struct Uses {
    clock: u64,
    last: HashMap<SessionId, u64>,
}

impl Uses {
    fn touch(&mut self, id: &SessionId) {
        self.clock += 1;
        self.last.insert(id.clone(), self.clock);
    }

    fn oldest(&self) -> Option<SessionId> {
        self.last.iter().min_by_key(|(_, used)| **used).map(|(id, _)| id.clone())
    }
}

impl Sessions {
    pub(super) fn new(sessions_max: usize, idle: Duration) -> Self {
        let mut inner = LocalSessionManager::default();
        inner.session_config.keep_alive = Some(idle);
        Sessions { inner, sessions_max, uses: Mutex::default() }
    }

    fn uses(&self) -> std::sync::MutexGuard<'_, Uses> {
        // Each change is one whole operation on a map: what a panicking thread left is sound.
        self.uses.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends sessions until one more fits.
    async fn make_room(&self) -> Result<(), <Self as SessionManager>::Error> {
        loop {
            let oldest = {
                let uses = self.uses();
                if uses.last.len() < self.sessions_max { None } else { uses.oldest() }
            };
            let Some(oldest) = oldest else { return Ok(()) };
            tracing::warn!(sessions_max = self.sessions_max, "ended the MCP session unused for longest");
            self.close_session(&oldest).await?;
        }
    }
}

impl SessionManager for Sessions {
    type Error = <LocalSessionManager as SessionManager>::Error;
    type Transport = <LocalSessionManager as SessionManager>::Transport;

    async fn create_session(&self) -> Result<(SessionId, Self::Transport), Self::Error> {
        self.make_room().await?;
        let (id, transport) = self.inner.create_session().await?;
        self.uses().touch(&id);
        Ok((id, transport))
    }

    async fn initialize_session(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<ServerJsonRpcMessage, Self::Error> {
        self.inner.initialize_session(id, message).await
    }

    async fn has_session(&self, id: &SessionId) -> Result<bool, Self::Error> {
        let known = self.inner.has_session(id).await?;
        if known {
            self.uses().touch(id);
        }
        Ok(known)
    }

    async fn close_session(&self, id: &SessionId) -> Result<(), Self::Error> {
        self.uses().last.remove(id);
        self.inner.close_session(id).await
    }

    async fn create_stream(
        &self,
        id: &SessionId,
        message: ClientJsonRpcMessage,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.create_stream(id, message).await
    }

    async fn accept_message(&self, id: &SessionId, message: ClientJsonRpcMessage) -> Result<(), Self::Error> {
        self.inner.accept_message(id, message).await
    }

    async fn create_standalone_stream(
        &self,
        id: &SessionId,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.create_standalone_stream(id).await
    }

    async fn resume(
        &self,
        id: &SessionId,
        last_event_id: String,
    ) -> Result<impl Stream<Item = ServerSseMessage> + Send + Sync + 'static, Self::Error> {
        self.inner.resume(id, last_event_id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_session_unused_for_longest_makes_room() {
        let sessions = Sessions::new(2, Duration::from_secs(300));
        let (first, _first) = sessions.create_session().await.unwrap();
        let (second, _second) = sessions.create_session().await.unwrap();
        assert!(sessions.has_session(&first).await.unwrap());
        let (third, _third) = sessions.create_session().await.unwrap();
        assert!(sessions.has_session(&first).await.unwrap());
        assert!(!sessions.has_session(&second).await.unwrap());
        assert!(sessions.has_session(&third).await.unwrap());
    }

    #[tokio::test]
    async fn a_closed_session_leaves_nothing_behind() {
        let sessions = Sessions::new(2, Duration::from_secs(300));
        let (id, _transport) = sessions.create_session().await.unwrap();
        sessions.close_session(&id).await.unwrap();
        assert!(sessions.uses().last.is_empty());
        assert!(sessions.inner.sessions.read().await.is_empty());
    }
}
