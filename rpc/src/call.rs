//! One call through a door: the engine, the deadline, the wait.

use std::time::{Duration, Instant};

use cortexkg_engine::{Call, EngineHandle, Ticket};

use crate::{Error, Settings};

/// How far an analysis looks when the caller does not say (SPEC 1.1).
pub(crate) const MAX_DEPTH_DEFAULT: u32 = 10;

/// The engine as a door sees it.
#[derive(Clone)]
pub(crate) struct Caller {
    pub(crate) engine: EngineHandle,
    request_timeout: Duration,
}

impl Caller {
    pub(crate) fn new(engine: EngineHandle, settings: &Settings) -> Self {
        Caller { engine, request_timeout: settings.request_timeout }
    }

    /// When a call that arrives now has to be answered.
    pub(crate) fn deadline(&self, allowed: Option<Duration>) -> Instant {
        Instant::now() + allowed.map_or(self.request_timeout, |allowed| allowed.min(self.request_timeout))
    }
}

/// Circumstances of a call. Callers have no identity yet, so each may write and its recalls may teach.
pub(crate) fn call(deadline: Instant, at_least: Option<u64>) -> Call {
    Call { deadline: Some(deadline), at_least, may_learn: true }
}

/// Awaits an answer until the deadline, however busy the engine is. Giving up drops the ticket, which withdraws a call
/// that has not been reached.
pub(crate) async fn answer<T>(ticket: Ticket<T>, deadline: Instant) -> Result<T, Error> {
    match tokio::time::timeout_at(deadline.into(), ticket.answer()).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Error::TimedOut),
    }
}
