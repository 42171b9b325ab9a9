//! Stores many memories: batches, several in flight, answers in the order of the questions.
//!
//! Every answer is durable when it comes back. A full queue (another client is busy too) is waited out and the batch is
//! sent again; any other failure of a whole batch ends the run, since the engine no longer serves.

use std::collections::VecDeque;
use std::thread;
use std::time::Duration;

use cortexkg_engine::answer::Stored;
use cortexkg_engine::request::Store;
use cortexkg_engine::{Call, EngineHandle, Error, Ticket};

/// Batches in flight: one computes, one waits its turn, one is being answered, one is being read.
const IN_FLIGHT_MAX: usize = 4;

/// A run of stores. `T` says what a row was, for whoever takes the answers.
pub struct Pipeline<'a, T, F> {
    engine: &'a EngineHandle,
    batch_len: usize,
    gathered: (Vec<T>, Vec<Store>),
    in_flight: VecDeque<Batch<T>>,
    answered: F,
}

struct Batch<T> {
    rows: Vec<T>,
    /// Kept to send them again when the queue was full.
    stores: Vec<Store>,
    ticket: Ticket<Vec<Result<Stored, Error>>>,
}

impl<'a, T, F> Pipeline<'a, T, F>
where
    F: FnMut(T, Result<Stored, Error>) -> anyhow::Result<()>,
{
    /// Batches of `batch_len` rows; every answer is given to `answered`.
    pub fn new(engine: &'a EngineHandle, batch_len: u32, answered: F) -> Self {
        assert!(batch_len > 0, "settings refuse empty batches; this is a bug");
        Pipeline {
            engine,
            batch_len: batch_len as usize,
            gathered: (Vec::new(), Vec::new()),
            in_flight: VecDeque::new(),
            answered,
        }
    }

    /// Adds a row; may wait for answers to earlier ones.
    pub fn push(&mut self, row: T, store: Store) -> anyhow::Result<()> {
        self.gathered.0.push(row);
        self.gathered.1.push(store);
        if self.gathered.0.len() == self.batch_len {
            self.send()?;
        }
        Ok(())
    }

    /// Sends what is left and waits for all answers.
    pub fn finish(mut self) -> anyhow::Result<()> {
        self.send()?;
        while !self.in_flight.is_empty() {
            self.take_answer()?;
        }
        Ok(())
    }

    fn send(&mut self) -> anyhow::Result<()> {
        if self.gathered.0.is_empty() {
            return Ok(());
        }
        if self.in_flight.len() == IN_FLIGHT_MAX {
            self.take_answer()?;
        }
        let (rows, stores) = std::mem::take(&mut self.gathered);
        let ticket = self.engine.store_batch(stores.clone(), Call::default());
        self.in_flight.push_back(Batch { rows, stores, ticket });
        Ok(())
    }

    fn take_answer(&mut self) -> anyhow::Result<()> {
        let Some(Batch { rows, stores, ticket }) = self.in_flight.pop_front() else { return Ok(()) };
        let answers = settle(ticket, || self.engine.store_batch(stores.clone(), Call::default()))?;
        assert_eq!(answers.len(), rows.len(), "every row of a batch has an answer; this is a bug");
        rows.into_iter().zip(answers).try_for_each(|(row, answer)| (self.answered)(row, answer))
    }
}

/// Waits for an answer, and asks `again` for as long as the queue is full.
pub fn settle<T>(mut ticket: Ticket<T>, again: impl Fn() -> Ticket<T>) -> Result<T, Error> {
    loop {
        match ticket.wait() {
            Err(Error::Overloaded { retry_after_ms, .. }) => {
                thread::sleep(Duration::from_millis(retry_after_ms.max(1)));
                ticket = again();
            }
            other => return other,
        }
    }
}
