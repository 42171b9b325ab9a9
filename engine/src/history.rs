//! The folder: log and snapshots on one side, the state they add up to on the other.
//!
//! State may run ahead of the log by the batch in hand. If the log refuses that batch, the state is folded anew from what
//! the log acknowledged, so nobody ever reads what is not durable.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use cortexkg_journal::{Log, LogOptions, Reader, SegmentLog, Seq, Storage, snapshot};
use cortexkg_memory::State;
use cortexkg_memory::record::{Entry, ModelTag};

use crate::Error;

/// After a failure the folder is opened again at most this often.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

/// Log and snapshots of one folder, with exactly one writer.
pub(crate) struct History<S: Storage> {
    storage: S,
    options: LogOptions,
    /// None after a failure, until the folder could be opened again.
    log: Option<SegmentLog<S>>,
    failed: Option<(Instant, String)>,
    tail: Seq,
    /// Newest record that a mark stands behind.
    vouched: Seq,
    snapshot_seq: Seq,
    log_bytes_since: u64,
    snapshot_log_bytes: u64,
    snapshot_running: Arc<AtomicBool>,
    pub(crate) syncs: u64,
    pub(crate) bytes: u64,
}

impl<S: Storage> History<S> {
    /// Opens a folder and folds everything in it.
    pub(crate) fn open(
        storage: S,
        options: LogOptions,
        snapshot_log_bytes: u64,
    ) -> Result<(Self, State), Error> {
        let log = SegmentLog::open(storage.clone(), options).map_err(journal)?;
        let recovery = *log.recovery();
        if recovery.truncated_bytes > 0 {
            tracing::warn!(
                bytes = recovery.truncated_bytes,
                "cut a write that was torn by a crash; nothing in it was acknowledged"
            );
        }
        let (state, snapshot_seq) = fold(&storage, &log)?;
        let log_bytes_since = log.bytes();
        let history = History {
            storage,
            options,
            tail: log.tail(),
            vouched: log.tail(),
            log: Some(log),
            failed: None,
            snapshot_seq,
            log_bytes_since,
            snapshot_log_bytes,
            snapshot_running: Arc::new(AtomicBool::new(false)),
            syncs: 0,
            bytes: 0,
        };
        Ok((history, state))
    }

    /// The newest durable record.
    pub(crate) fn tail(&self) -> u64 {
        self.tail.0
    }

    /// Why writes are refused, if they are.
    pub(crate) fn failure(&self) -> Option<&str> {
        self.failed.as_ref().map(|(_, why)| why.as_str())
    }

    /// Makes a batch durable with one sync; answers the sequence of its first record. On failure `state` is folded anew.
    pub(crate) fn append(&mut self, entries: &[Entry], state: &mut State) -> Result<u64, Error> {
        let first = self.tail.0 + 1;
        if entries.is_empty() {
            return Ok(first);
        }
        let encoded: Vec<Vec<u8>> = entries.iter().map(Entry::encode).collect();
        let batch: Vec<&[u8]> = encoded.iter().map(Vec::as_slice).collect();
        let Some(log) = &mut self.log else { return Err(self.refusal()) };
        match log.append(&batch, self.tail) {
            Ok(tail) => {
                self.tail = tail;
                let bytes: u64 = encoded.iter().map(|bytes| bytes.len() as u64).sum();
                self.syncs += 1;
                self.bytes += bytes;
                self.log_bytes_since += bytes;
                Ok(first)
            }
            Err(error) => {
                // The failed log still serves what it acknowledged.
                let folded = fold(&self.storage, log);
                self.fail(error.to_string());
                *state = folded?.0;
                Err(self.refusal())
            }
        }
    }

    /// Marks the log once it is quiet, so that damage to the last batch can be told from a torn write.
    pub(crate) fn vouch(&mut self) {
        if self.vouched == self.tail {
            return;
        }
        if let Some(log) = &mut self.log {
            match log.mark() {
                Ok(()) => self.vouched = self.tail,
                Err(error) => self.fail(error.to_string()),
            }
        }
    }

    fn fail(&mut self, why: String) {
        tracing::error!(%why, "the log failed; no more writes are accepted until the folder opens again");
        self.failed = Some((Instant::now(), why));
        self.log = None;
    }

    /// After a failure: tries to open the folder again, now and then. True if the state was folded anew.
    pub(crate) fn heal(&mut self, state: &mut State) -> Result<bool, Error> {
        let Some((at, why)) = &self.failed else { return Ok(false) };
        if self.log.is_none() && at.elapsed() < REOPEN_EVERY {
            return Err(self.refusal());
        }
        let why = why.clone();
        match SegmentLog::open(self.storage.clone(), self.options) {
            Ok(log) => {
                *state = fold(&self.storage, &log)?.0;
                self.tail = log.tail();
                self.vouched = self.tail;
                self.log = Some(log);
                self.failed = None;
                tracing::info!("the folder opened again; writes are accepted");
                Ok(true)
            }
            Err(error) => {
                self.failed = Some((Instant::now(), format!("{why}; opening again: {error}")));
                Err(self.refusal())
            }
        }
    }

    fn refusal(&self) -> Error {
        Error::Journal(self.failure().unwrap_or("closed").to_owned())
    }

    /// Whether enough log has gathered for a snapshot.
    pub(crate) fn wants_snapshot(&self) -> bool {
        self.log_bytes_since >= self.snapshot_log_bytes
            && self.log.is_some()
            && !self.snapshot_running.load(Ordering::Acquire)
    }

    /// Writes a snapshot beside the work; `done` is called with its sequence when it is durable.
    pub(crate) fn snapshot_in_background(
        &mut self,
        state: &State,
        done: impl FnOnce(Result<u64, Error>) + Send + 'static,
    ) {
        let (storage, seq, bytes) = (self.storage.clone(), self.tail, state.to_bytes());
        self.log_bytes_since = 0;
        let running = Arc::clone(&self.snapshot_running);
        running.store(true, Ordering::Release);
        std::thread::spawn(move || {
            let written = snapshot::write(&storage, seq, |writer| writer.write_all(&bytes));
            running.store(false, Ordering::Release);
            done(written.map(|_| seq.0).map_err(journal));
        });
    }

    /// Writes a snapshot and waits for it.
    pub(crate) fn snapshot(&mut self, state: &State) -> Result<u64, Error> {
        if self.snapshot_seq == self.tail {
            return Ok(self.tail.0);
        }
        while self.snapshot_running.load(Ordering::Acquire) {
            std::thread::sleep(Duration::from_millis(2));
        }
        if self.log.is_none() {
            return Err(self.refusal());
        }
        let (seq, bytes) = (self.tail, state.to_bytes());
        snapshot::write(&self.storage, seq, |writer| writer.write_all(&bytes)).map_err(journal)?;
        self.log_bytes_since = 0;
        self.snapshot_written(seq.0);
        Ok(seq.0)
    }

    /// Lets go of the log that the older of the two snapshots makes needless: should the newer one be damaged, the older and
    /// the log behind it still hold everything.
    pub(crate) fn snapshot_written(&mut self, seq: u64) {
        self.snapshot_seq = Seq(seq);
        let older = snapshot::list(&self.storage).ok().and_then(|all| all.iter().rev().nth(1).copied());
        if let (Some(log), Some(older)) = (&mut self.log, older)
            && let Err(error) = log.trim(older.next())
        {
            tracing::warn!(%error, "old log segments could not be removed");
        }
    }

    /// Marks the end of the log and gives the folder back.
    pub(crate) fn close(self) {
        if let Some(log) = self.log
            && let Err(error) = log.close()
        {
            tracing::warn!(%error, "the log could not be marked as closed; it will be checked when it is opened");
        }
    }
}

/// Folds the newest whole snapshot and the log behind it.
fn fold<S: Storage>(storage: &S, log: &SegmentLog<S>) -> Result<(State, Seq), Error> {
    let mut start = (State::default(), Seq::ZERO);
    for seq in snapshot::list(storage).map_err(journal)?.into_iter().rev() {
        match read_snapshot(storage, seq) {
            Ok(state) => {
                start = (state, seq);
                break;
            }
            Err(error) => tracing::error!(%error, seq = seq.0, "a snapshot is damaged; using what is older"),
        }
    }
    let (mut state, seq) = start;
    fold_records(&mut state, log.read(seq.next()).map_err(journal)?)?;
    Ok((state, seq))
}

fn read_snapshot<S: Storage>(storage: &S, seq: Seq) -> Result<State, Error> {
    let mut snapshot = snapshot::open(storage, seq).map_err(journal)?;
    let mut bytes = Vec::with_capacity(snapshot.content_bytes() as usize);
    snapshot.read_to_end(&mut bytes).map_err(|error| Error::Journal(error.to_string()))?;
    Ok(State::from_bytes(&bytes)?)
}

pub(crate) fn journal(error: cortexkg_journal::Error) -> Error {
    Error::Journal(error.to_string())
}

/// What a check of a folder found.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verified {
    /// Log segments.
    pub segments: u64,
    /// Records.
    pub records: u64,
    /// First record that can be read.
    pub sequence_first: u64,
    /// Last record.
    pub sequence_last: u64,
    /// Bytes of log.
    pub log_bytes: u64,
    /// Snapshots, by the record they reach to.
    pub snapshots: Vec<u64>,
    /// Model named by the log.
    pub model: Option<String>,
    /// Live memories.
    pub memories: u64,
    /// What is wrong, with its place.
    pub problems: Vec<String>,
}

/// Checks every byte of a folder without changing anything: frames, seals, snapshots, and whether the state they add up to
/// agrees with itself. May run beside a writer.
pub fn verify(data: &Path) -> Result<Verified, Error> {
    let storage = cortexkg_journal::DiskStorage::open(data).map_err(journal)?;
    let report = cortexkg_journal::verify::verify(&storage).map_err(journal)?;
    let mut verified = Verified {
        segments: report.segments,
        records: report.records,
        sequence_first: report.first.0,
        sequence_last: report.tail.0,
        log_bytes: report.bytes,
        snapshots: report.snapshots.iter().map(|seq| seq.0).collect(),
        problems: report.problems.iter().map(ToString::to_string).collect(),
        ..Verified::default()
    };
    if !verified.problems.is_empty() {
        return Ok(verified);
    }
    match fold_read_only(&storage, report.tail) {
        Ok(state) => {
            verified.model = state.model().map(model_name);
            verified.memories = state.memories();
            for finding in cortexkg_memory::analyze::integrity(&state) {
                verified.problems.extend(finding.problems.iter().map(|problem| format!("state: {problem}")));
            }
        }
        Err(error) => verified.problems.push(error.to_string()),
    }
    Ok(verified)
}

fn fold_read_only<S: Storage>(storage: &S, tail: Seq) -> Result<State, Error> {
    let (mut state, mut seq) = (State::default(), Seq::ZERO);
    if let Some(newest) = snapshot::list(storage).map_err(journal)?.last().copied() {
        state = read_snapshot(storage, newest)?;
        seq = newest;
    }
    fold_records(&mut state, cortexkg_journal::verify::read(storage, seq.next(), tail).map_err(journal)?)?;
    Ok(state)
}

fn fold_records(state: &mut State, mut reader: Reader) -> Result<(), Error> {
    while let Some((seq, bytes)) = reader.next_record().map_err(journal)? {
        let entry = Entry::decode(bytes).map_err(|error| Error::Journal(format!("record {seq}: {error}")))?;
        state.apply(&entry.record);
    }
    Ok(())
}

/// A model as people read it.
pub(crate) fn model_name(model: &ModelTag) -> String {
    let short: String = model.fingerprint.chars().take(12).collect();
    format!("{} ({} dimensions, {short})", model.name, model.dim)
}
