//! The reply end of a call: awaited by doors, blocked on by commands.

use std::time::Instant;

use crate::Error;

/// A promised answer. Dropping it withdraws the call if the engine has not reached it yet.
#[must_use = "dropping a ticket withdraws the call"]
pub struct Ticket<T> {
    answer: flume::Receiver<Result<T, Error>>,
    deadline: Option<Instant>,
}

/// The engine's end of a ticket.
pub(crate) struct Reply<T> {
    answer: flume::Sender<Result<T, Error>>,
    pub(crate) deadline: Option<Instant>,
}

pub(crate) fn ticket<T>(deadline: Option<Instant>) -> (Reply<T>, Ticket<T>) {
    let (sender, receiver) = flume::bounded(1);
    (Reply { answer: sender, deadline }, Ticket { answer: receiver, deadline })
}

impl<T> Ticket<T> {
    /// A ticket that is answered already.
    pub(crate) fn answered(result: Result<T, Error>) -> Self {
        let (reply, ticket) = ticket(None);
        reply.send(result);
        ticket
    }

    /// Awaits the answer on any executor.
    pub async fn answer(self) -> Result<T, Error> {
        self.answer.recv_async().await.unwrap_or(Err(Error::ShuttingDown))
    }

    /// Blocks until the answer is here or the deadline has passed.
    pub fn wait(self) -> Result<T, Error> {
        let received = match self.deadline {
            None => self.answer.recv().map_err(|_| Error::ShuttingDown),
            Some(deadline) => self.answer.recv_deadline(deadline).map_err(|error| match error {
                flume::RecvTimeoutError::Timeout => Error::DeadlineExceeded,
                flume::RecvTimeoutError::Disconnected => Error::ShuttingDown,
            }),
        };
        received.unwrap_or_else(Err)
    }
}

impl<T> Reply<T> {
    /// Answers; whether anyone still listens does not matter.
    pub(crate) fn send(self, result: Result<T, Error>) {
        let _ = self.answer.send(result);
    }

    /// Whether nobody waits for the answer any more.
    pub(crate) fn is_withdrawn(&self) -> bool {
        self.answer.is_disconnected()
    }

    /// Whether the deadline has passed.
    pub(crate) fn is_expired(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}
