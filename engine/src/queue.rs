//! Admission: how much may wait, counted in rows and bytes over every path, and what waits.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use cortexkg_memory::embedding::Embedded;
use cortexkg_memory::{MemoryId, answer, request};

use crate::Error;
use crate::handle::Statistics;
use crate::metrics::Counters;
use crate::ticket::Reply;

/// Bounds and counts of what waits, shared by all ends.
pub(crate) struct Admission {
    rows_max: u64,
    bytes_max: u64,
    rows: AtomicU64,
    bytes: AtomicU64,
    /// Rows finished a second, smoothed; 0 before the first batch.
    pace: AtomicU64,
}

/// Room taken in the queue; given back when dropped.
pub(crate) struct Permit {
    rows: u64,
    bytes: u64,
    admission: std::sync::Arc<Admission>,
}

impl Admission {
    pub(crate) fn new(rows_max: usize, bytes_max: usize) -> Self {
        Admission {
            rows_max: rows_max as u64,
            bytes_max: bytes_max as u64,
            rows: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            pace: AtomicU64::new(0),
        }
    }

    /// Takes room, or says when to come back. One call larger than the whole queue is let in when nothing else waits.
    pub(crate) fn admit(self: &std::sync::Arc<Self>, rows: u64, bytes: u64) -> Result<Permit, Error> {
        let waiting = self.rows.fetch_add(rows, Ordering::AcqRel);
        let held = self.bytes.fetch_add(bytes, Ordering::AcqRel);
        let permit = Permit { rows, bytes, admission: std::sync::Arc::clone(self) };
        if waiting > 0 && (waiting + rows > self.rows_max || held + bytes > self.bytes_max) {
            drop(permit);
            return Err(Error::Overloaded { rows: waiting, retry_after_ms: self.retry_after_ms(waiting) });
        }
        Ok(permit)
    }

    fn retry_after_ms(&self, rows: u64) -> u64 {
        let pace = self.pace.load(Ordering::Relaxed).max(1);
        (rows * 1000 / pace).clamp(10, 30_000)
    }

    /// Learns how fast rows are finished.
    pub(crate) fn finished(&self, rows: u64, seconds: f64) {
        let now = (rows as f64 / seconds.max(1e-6)) as u64;
        let before = self.pace.load(Ordering::Relaxed);
        self.pace.store(if before == 0 { now } else { (before * 7 + now) / 8 }, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> (u64, u64) {
        (self.rows.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.admission.rows.fetch_sub(self.rows, Ordering::AcqRel);
        self.admission.bytes.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

/// A call on its way, with its room, its start and its reply end.
pub(crate) struct Entry<Q, A> {
    pub(crate) request: Q,
    pub(crate) reply: Reply<A>,
    pub(crate) at_least: Option<u64>,
    pub(crate) started: Instant,
    pub(crate) op: Op,
    /// Room in the queue, given back when the entry is done with.
    pub(crate) permit: Permit,
}

/// Kinds of calls that are counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Op {
    Store,
    StoreBatch,
    Retrieve,
    Get,
    Update,
    Delete,
    Analyze,
    Stats,
    ConfigureLearning,
    Page,
    Checkpoint,
}

impl Op {
    pub(crate) const ALL: [(Op, &'static str); 11] = [
        (Op::Store, "store"),
        (Op::StoreBatch, "store_batch"),
        (Op::Retrieve, "retrieve"),
        (Op::Get, "get"),
        (Op::Update, "update"),
        (Op::Delete, "delete"),
        (Op::Analyze, "analyze"),
        (Op::Stats, "stats"),
        (Op::ConfigureLearning, "configure_learning"),
        (Op::Page, "page"),
        (Op::Checkpoint, "checkpoint"),
    ];
}

/// Rows to store; those refused at the door keep their place.
pub(crate) struct StoreRows {
    pub(crate) rows: Vec<Result<request::Store, Error>>,
}

/// A recall, and whether it may teach.
pub(crate) struct Recall {
    pub(crate) request: request::Retrieve,
    pub(crate) may_learn: bool,
}

/// Calls that change something, in order of arrival.
pub(crate) enum Write {
    Store(Entry<request::Store, answer::Stored>),
    StoreBatch(Entry<StoreRows, Vec<Result<answer::Stored, Error>>>),
    Update(Entry<request::Update, answer::Updated>),
    Delete(Entry<request::Delete, answer::Deleted>),
    Configure(Entry<request::ConfigureLearning, answer::Configured>),
}

impl Write {
    /// Rows it brings.
    pub(crate) fn rows(&self) -> usize {
        match self {
            Write::StoreBatch(entry) => entry.request.rows.len(),
            _ => 1,
        }
    }

    /// None if nobody waits for it any more or its deadline has passed.
    pub(crate) fn still_wanted(self, counters: &Counters) -> Option<Self> {
        match self {
            Write::Store(entry) => counters.still_wanted(entry).map(Write::Store),
            Write::StoreBatch(entry) => counters.still_wanted(entry).map(Write::StoreBatch),
            Write::Update(entry) => counters.still_wanted(entry).map(Write::Update),
            Write::Delete(entry) => counters.still_wanted(entry).map(Write::Delete),
            Write::Configure(entry) => counters.still_wanted(entry).map(Write::Configure),
        }
    }

    /// Answers it with an error.
    pub(crate) fn refuse(self, counters: &Counters, error: &Error) {
        match self {
            Write::Store(entry) => counters.answer(entry, Err(error.clone())),
            Write::StoreBatch(entry) => counters.answer(entry, Err(error.clone())),
            Write::Update(entry) => counters.answer(entry, Err(error.clone())),
            Write::Delete(entry) => counters.answer(entry, Err(error.clone())),
            Write::Configure(entry) => counters.answer(entry, Err(error.clone())),
        }
    }
}

/// Calls that only look.
pub(crate) enum Look {
    Get(Entry<MemoryId, answer::Memory>),
    Analyze(Entry<request::Analyze, answer::Analyzed>),
    Stats(Entry<request::StatsQuery, Statistics>),
    Page(Entry<(Option<MemoryId>, u32), Vec<answer::Memory>>),
    Checkpoint(Entry<(), u64>),
}

/// What reaches the worker.
pub(crate) enum Job {
    /// A write, with the embedding of each text it brings.
    Write(Write, Vec<Embedded>),
    /// What an update that is not sent yet will leave of a memory's text, in the light of all writes sent before.
    Text(request::Update, flume::Sender<Option<(String, Option<String>)>>),
    /// A recall, with its query's vector.
    Recall(Entry<Recall, answer::Retrieved>, Vec<f32>),
    /// A call that needs no vector.
    Look(Look),
    /// A snapshot became durable, or failed.
    Snapshot(Result<u64, Error>),
    /// Finish what is here, then stop.
    Close,
}
