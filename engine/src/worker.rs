//! The one thread that owns state, device and log. Each turn it takes what is waiting, answers recalls in one submission,
//! decides writes in order of arrival, makes them durable with one sync, and only then replies.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cortexkg_compute::Device;
use cortexkg_compute::index::IndexOptions;
use cortexkg_journal::Storage;
use cortexkg_memory::embedding::Embedded;
use cortexkg_memory::record::Entry as LogEntry;
use cortexkg_memory::resident::Resident;
use cortexkg_memory::store::{Decision, NewMemory, store_batch};
use cortexkg_memory::{RecallSettings, State, TenantId, Timestamp, analyze, answer, change, learn, retrieve};

use crate::code_folder::CodeFolder;
use crate::graph_file::GraphFile;
use crate::handle::{Shared, Statistics};
use crate::history::History;
use crate::opener::Opener;
use crate::queue::{Entry, Job, Look, Recall, Write};
use crate::{Config, Error};

/// How long a quiet worker waits before it vouches for the last batch with a mark.
const IDLE: Duration = Duration::from_millis(500);

/// How long a worker must have been quiet before it works on the graph: a client that asks again at once never waits for it.
const TEND_AFTER: Duration = Duration::from_millis(20);

/// Rows that an idle worker brings into the graph before it looks for jobs again: a few milliseconds of work.
const TENDED_ROWS_MAX: usize = 16;

/// Everything below the handle.
pub(crate) struct Worker<S: Storage> {
    pub(crate) history: History<S>,
    pub(crate) state: State,
    pub(crate) resident: Resident,
    pub(crate) settings: RecallSettings,
    pub(crate) batch_len_max: usize,
    pub(crate) learn_from_recall: bool,
    pub(crate) jobs: flume::Receiver<Job>,
    pub(crate) own: flume::WeakSender<Job>,
    pub(crate) shared: Arc<Shared>,
    pub(crate) opener: Opener,
    pub(crate) graph_file: GraphFile<S>,
    /// See `Config`.
    pub(crate) scanned_max: Option<usize>,
}

/// A reply that waits for the log.
type Pending = Box<dyn FnOnce(Result<u64, Error>)>;

/// Writes of one turn: records in order, and who is answered once they are durable.
#[derive(Default)]
struct Turn {
    entries: Vec<LogEntry>,
    /// Index of the first record of each reply, and the reply.
    pending: Vec<(usize, Pending)>,
}

pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(since.as_micros() as i64)
}

impl<S: Storage> Worker<S> {
    /// Runs until told to close, then drains and leaves a snapshot.
    pub(crate) fn run(mut self) {
        let (mut closing, mut untended, mut quiet_since) = (false, true, Instant::now());
        while !closing {
            let wait = if untended { TEND_AFTER.saturating_sub(quiet_since.elapsed()) } else { IDLE };
            match self.jobs.recv_timeout(wait) {
                Ok(job) => {
                    closing = self.turn(job);
                    (untended, quiet_since) = (true, Instant::now());
                }
                Err(flume::RecvTimeoutError::Timeout) => {
                    untended = untended && self.tend();
                    if quiet_since.elapsed() >= IDLE {
                        self.history.vouch();
                        self.publish();
                        quiet_since = Instant::now();
                    }
                }
                Err(flume::RecvTimeoutError::Disconnected) => break,
            }
        }
        while let Ok(job) = self.jobs.try_recv() {
            self.turn(job);
        }
        if let Err(error) = self.history.snapshot(&self.state) {
            tracing::warn!(%error, "no snapshot was written while closing; the log holds everything");
        }
        if self.resident.unsaved() > 0 {
            self.save_graph();
        }
        self.graph_file.finish();
        self.history.close();
    }

    /// A little work on the graph of vectors; true if more is left.
    fn tend(&mut self) -> bool {
        let tended = self.on_device(|state, resident, _| {
            resident.sync(state)?;
            resident.tend(state, TENDED_ROWS_MAX)
        });
        match tended {
            Ok(left) => {
                if self.graph_file.wants(self.resident.linked(), self.resident.unsaved()) {
                    self.save_graph();
                }
                left > 0
            }
            Err(error) => {
                // Searches scan what is not in the graph.
                tracing::warn!(%error, "the graph of vectors was not tended");
                false
            }
        }
    }

    /// Leaves the graph of vectors for the next start. While the log is out of order the folder may be another's.
    fn save_graph(&mut self) {
        if self.history.failure().is_some() {
            return;
        }
        match self.on_device(|_, resident, _| resident.checkpoint()) {
            Ok(Some(graph)) => self.graph_file.write(graph),
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "the graph of vectors was not saved"),
        }
    }

    /// One turn; true if it was told to close.
    fn turn(&mut self, first: Job) -> bool {
        let started = Instant::now();
        let (mut recalls, mut writes, mut looks) = (Vec::new(), Vec::new(), Vec::new());
        let mut texts = Vec::new();
        let (mut closing, mut rows) = (false, 0);
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Recall(entry, vector) => {
                    rows += 1;
                    recalls.extend(self.shared.counters.still_wanted(entry).map(|entry| (entry, vector)));
                }
                Job::Write(write, vectors) => {
                    rows += write.rows();
                    writes.extend(write.still_wanted(&self.shared.counters).map(|write| (write, vectors)));
                }
                Job::Look(look) => looks.push(look),
                Job::Text(update, reply) => texts.push((update, reply)),
                Job::Snapshot(Ok(seq)) => self.history.snapshot_written(seq),
                Job::Snapshot(Err(error)) => {
                    tracing::error!(%error, "a snapshot could not be written; the log goes on growing")
                }
                Job::Close => closing = true,
            }
            next = if rows < self.batch_len_max { self.jobs.try_recv().ok() } else { None };
        }
        if rows > 0 {
            self.shared.counters.batch_len.observe_len(rows as u64);
        }
        self.recall(recalls);
        self.write(writes);
        for (update, reply) in texts {
            // The caller may be gone with its call.
            let _ = reply.send(change::text_after(&self.state, &update));
        }
        looks.into_iter().for_each(|look| self.look(look));
        if self.history.wants_snapshot()
            && let Some(own) = self.own.upgrade()
        {
            self.history.snapshot_in_background(&self.state, move |written| {
                // The worker may have closed meanwhile; then nobody needs to know.
                let _ = own.send(Job::Snapshot(written));
            });
        }
        self.publish();
        if rows > 0 {
            self.shared.admission.finished(rows as u64, started.elapsed().as_secs_f64());
        }
        closing
    }

    fn recall(&mut self, recalls: Vec<(Entry<Recall, answer::Retrieved>, Vec<f32>)>) {
        let tail = self.history.tail();
        let (ready, early): (Vec<_>, Vec<_>) =
            recalls.into_iter().partition(|(entry, _)| entry.at_least.is_none_or(|asked| asked <= tail));
        for (entry, _) in early {
            let asked = entry.at_least.unwrap_or_default();
            self.shared.counters.answer(entry, Err(Error::NotYet { asked, newest: tail }));
        }
        if ready.is_empty() {
            return;
        }
        let requests: Vec<_> = ready.iter().map(|(entry, _)| entry.request.request.clone()).collect();
        let vectors: Vec<&[f32]> = ready.iter().map(|(_, vector)| vector.as_slice()).collect();
        let answered = self.on_device(|state, resident, settings| {
            retrieve::answer_batch(state, resident, settings, &requests, &vectors, now())
        });
        match answered {
            Ok(answers) => {
                let mut lessons = Vec::new();
                for ((entry, _), mut recalled) in ready.into_iter().zip(answers) {
                    recalled.sequence = tail;
                    if entry.request.may_learn && self.learn_from_recall && self.history.failure().is_none() {
                        lessons.push(recalled.clone());
                    }
                    self.shared.counters.answer(entry, Ok(recalled));
                }
                self.learn(&lessons);
            }
            Err(error) => ready
                .into_iter()
                .for_each(|(entry, _)| self.shared.counters.answer(entry, Err(error.clone()))),
        }
    }

    /// What recalls teach is a write of its own; nobody waits for it.
    fn learn(&mut self, lessons: &[answer::Retrieved]) {
        let entries: Vec<LogEntry> = lessons
            .iter()
            .flat_map(|recalled| learn::from_recall(&mut self.state, recalled, TenantId::default(), now()))
            .collect();
        if let Err(error) = self.append(&entries) {
            tracing::error!(%error, "what was recalled could not be learned");
        }
    }

    fn write(&mut self, writes: Vec<(Write, Vec<Embedded>)>) {
        if writes.is_empty() {
            return;
        }
        match self.history.heal(&mut self.state) {
            Ok(false) => {}
            Ok(true) => self.refill(),
            Err(error) => {
                writes.into_iter().for_each(|(write, _)| write.refuse(&self.shared.counters, &error));
                return;
            }
        }
        let mut turn = Turn::default();
        let mut stores = Vec::new();
        for (write, vectors) in writes {
            // Stores in a row are decided together; anything else keeps its place among them.
            match write {
                Write::Store(_) | Write::StoreBatch(_) => stores.push((write, vectors)),
                other => {
                    self.store(std::mem::take(&mut stores), &mut turn);
                    self.change(other, vectors, &mut turn);
                }
            }
        }
        self.store(stores, &mut turn);
        let appended = self.append(&turn.entries);
        // Who is told of a write finds it counted.
        self.publish();
        for (at, reply) in turn.pending {
            reply(appended.clone().map(|first| first + at as u64));
        }
    }

    fn store(&mut self, stores: Vec<(Write, Vec<Embedded>)>, turn: &mut Turn) {
        if stores.is_empty() {
            return;
        }
        let rows = |write: &Write| -> Vec<Result<cortexkg_memory::request::Store, Error>> {
            match write {
                Write::Store(entry) => vec![Ok(entry.request.clone())],
                Write::StoreBatch(entry) => entry.request.rows.clone(),
                _ => unreachable!("only stores come here; this is a bug"),
            }
        };
        let requests: Vec<Vec<Result<_, Error>>> = stores.iter().map(|(write, _)| rows(write)).collect();
        let batch: Vec<NewMemory<'_>> = requests
            .iter()
            .zip(&stores)
            .flat_map(|(rows, (_, vectors))| rows.iter().flatten().zip(vectors))
            .map(|(request, of)| NewMemory { request, vector: &of.vector, parts: &of.parts })
            .collect();
        let decided = self
            .on_device(|state, resident, _| store_batch(state, resident, &batch, TenantId::default(), now()));
        let decisions = match decided {
            Ok(decisions) => decisions,
            Err(error) => {
                stores.into_iter().for_each(|(write, _)| write.refuse(&self.shared.counters, &error));
                return;
            }
        };
        let tail = self.history.tail();
        let mut decisions = decisions.into_iter();
        for ((write, _), rows) in stores.into_iter().zip(requests) {
            let first = turn.entries.len();
            let mut answers: Vec<Result<(answer::Stored, Option<usize>), Error>> =
                Vec::with_capacity(rows.len());
            for row in rows {
                answers.push(row.map(|_| {
                    match decisions.next().expect("a decision for each row; this is a bug") {
                        Decision::Record(entry, stored) => {
                            turn.entries.push(*entry);
                            (*stored, Some(turn.entries.len() - 1 - first))
                        }
                        Decision::Repeated(stored) => (*stored, None),
                    }
                }));
            }
            let shared = Arc::clone(&self.shared);
            turn.pending.push((
                first,
                Box::new(move |appended| {
                    let answers = appended.map(|at| {
                        let sequenced = |(mut stored, offset): (answer::Stored, Option<usize>)| {
                            stored.sequence =
                                offset.map_or(tail.max(at.saturating_sub(1)), |offset| at + offset as u64);
                            stored
                        };
                        answers.into_iter().map(|answer| answer.map(sequenced)).collect::<Vec<_>>()
                    });
                    match write {
                        Write::Store(entry) => {
                            let one = answers.and_then(|mut all| {
                                all.pop().expect("one answer for one row; this is a bug")
                            });
                            shared.counters.answer(entry, one);
                        }
                        Write::StoreBatch(entry) => shared.counters.answer(entry, answers),
                        _ => unreachable!("only stores come here; this is a bug"),
                    }
                }),
            ));
        }
    }

    fn change(&mut self, write: Write, embedded: Vec<Embedded>, turn: &mut Turn) {
        let tenant = TenantId::default();
        let shared = Arc::clone(&self.shared);
        let tail = self.history.tail();
        let at = turn.entries.len();
        match write {
            Write::Update(entry) => {
                let request = entry.request.clone();
                let embedded = embedded.into_iter().next();
                let decided = self.on_device(|state, resident, _| {
                    change::update(state, resident, &request, embedded.as_ref(), tenant, now())
                });
                match decided {
                    Ok((record, mut updated)) => {
                        let wrote = record.is_some();
                        turn.entries.extend(record);
                        turn.pending.push((
                            at,
                            Box::new(move |appended| {
                                let answer = appended.map(|sequence| {
                                    updated.sequence = if wrote { sequence } else { tail };
                                    updated
                                });
                                shared.counters.answer(entry, answer);
                            }),
                        ));
                    }
                    Err(error) => shared.counters.answer(entry, Err(error)),
                }
            }
            Write::Delete(entry) => match change::delete(&mut self.state, &entry.request, tenant, now()) {
                Ok((record, mut deleted)) => {
                    turn.entries.push(record);
                    turn.pending.push((
                        at,
                        Box::new(move |appended| {
                            let answer = appended.map(|sequence| {
                                deleted.sequence = sequence;
                                deleted
                            });
                            shared.counters.answer(entry, answer);
                        }),
                    ));
                }
                Err(error) => shared.counters.answer(entry, Err(error.into())),
            },
            Write::Configure(entry) => {
                let (record, mut configured) = change::configure(&mut self.state, &entry.request, tenant);
                let wrote = record.is_some();
                turn.entries.extend(record);
                turn.pending.push((
                    at,
                    Box::new(move |appended| {
                        let answer = appended.map(|sequence| {
                            configured.sequence = if wrote { sequence } else { tail };
                            configured
                        });
                        shared.counters.answer(entry, answer);
                    }),
                ));
            }
            Write::Store(_) | Write::StoreBatch(_) => {
                unreachable!("stores are decided together; this is a bug")
            }
        }
    }

    fn look(&mut self, look: Look) {
        let shared = Arc::clone(&self.shared);
        let tail = self.history.tail();
        let early = |asked: Option<u64>| match asked {
            Some(asked) if asked > tail => Err(Error::NotYet { asked, newest: tail }),
            _ => Ok(()),
        };
        match look {
            Look::Get(entry) => {
                let answer = early(entry.at_least).and_then(|()| Ok(self.state.get(entry.request)?));
                shared.counters.answer(entry, answer);
            }
            Look::Analyze(entry) => {
                let answer = early(entry.at_least).and_then(|()| {
                    self.on_device(|state, resident, _| analyze::analyze(state, resident, &entry.request))
                });
                shared.counters.answer(entry, answer);
            }
            Look::Stats(entry) => {
                let answer = early(entry.at_least).map(|()| Statistics {
                    state: analyze::stats(&self.state, &entry.request, self.resident.bytes()),
                    performance: entry.request.include_performance.then(|| shared.counters.performance()),
                    learning: self.state.learning(),
                    model: shared.model.clone(),
                    device: self.resident.device().name.clone(),
                    uptime_s: shared.opened.elapsed().as_secs_f64(),
                    sequence: tail,
                });
                shared.counters.answer(entry, answer);
            }
            Look::Page(entry) => {
                let (after, limit) = entry.request;
                let answer = early(entry.at_least).map(|()| self.state.page(after, limit as usize));
                shared.counters.answer(entry, answer);
            }
            Look::Checkpoint(entry) => {
                let answer = self.history.snapshot(&self.state);
                shared.counters.answer(entry, answer);
            }
        }
    }

    /// Runs something on the device. A device that fails is opened again, filled from the state, and asked once more; if that fails
    /// as well, the CPU takes its place.
    pub(crate) fn on_device<T>(
        &mut self,
        run: impl Fn(&mut State, &mut Resident, &RecallSettings) -> Result<T, cortexkg_memory::Error>,
    ) -> Result<T, Error> {
        let why = match run(&mut self.state, &mut self.resident, &self.settings) {
            Err(cortexkg_memory::Error::Device(why)) => why,
            other => return Ok(other?),
        };
        self.opener.failed(&why);
        let again = match self.opener.open() {
            Ok(device) => {
                self.fill(device).and_then(|()| run(&mut self.state, &mut self.resident, &self.settings))
            }
            Err(error) => Err(cortexkg_memory::Error::Device(error.to_string())),
        };
        let why = match again {
            Err(cortexkg_memory::Error::Device(why)) => why,
            other => return Ok(other?),
        };
        let Some(cpu) = self.opener.fall_back(&why) else { return Err(Error::Device(why)) };
        self.fill(cpu?)?;
        Ok(run(&mut self.state, &mut self.resident, &self.settings)?)
    }

    /// Starts over with an empty device.
    fn fill(&mut self, device: Device) -> Result<(), cortexkg_memory::Error> {
        let dim = self.state.model().map_or(1, |model| model.dim as usize);
        self.resident = Resident::new(device, index_options(dim, self.scanned_max));
        self.state.mark_all_stale();
        self.resident.sync(&mut self.state)?;
        self.restore_graph();
        Ok(())
    }

    /// Takes up the graph of vectors that was saved, for a device that was just filled.
    pub(crate) fn restore_graph(&mut self) {
        let Some(saved) = self.graph_file.read() else { return };
        match self.resident.restore(&saved) {
            Ok(vectors) => tracing::debug!(vectors, "the saved graph of vectors was taken up"),
            Err(error) => {
                tracing::warn!(%error, "the saved graph of vectors cannot be used; it is built anew")
            }
        }
    }

    /// After the state was folded anew: it may hold less than the device was told, so the device starts over.
    fn refill(&mut self) {
        let opened = self.opener.open();
        let opened = opened.or_else(|error| self.opener.fall_back(&error.to_string()).unwrap_or(Err(error)));
        let filled = opened.and_then(|device| Ok(self.fill(device)?));
        if let Err(error) = filled {
            tracing::error!(%error, "the device could not be filled anew");
        }
    }

    /// Makes records durable; answers the sequence of the first.
    fn append(&mut self, entries: &[LogEntry]) -> Result<u64, Error> {
        let appended = self.history.append(entries, &mut self.state);
        if appended.is_err() {
            self.refill();
        }
        appended
    }

    /// Tells health and metrics what is so now.
    pub(crate) fn publish(&self) {
        self.shared.publish_device(self.resident.device(), &self.opener);
        self.shared.publish(
            self.history.tail(),
            self.state.memories(),
            || self.state.bytes(),
            (self.resident.bytes(), self.resident.linked() as u64),
            self.history.failure(),
            (self.history.syncs, self.history.bytes),
        );
    }
}

/// How vectors of so many numbers are found, with a graph of more than `scanned_max` if that is given.
pub(crate) fn index_options(dim: usize, scanned_max: Option<usize>) -> IndexOptions {
    let usual = IndexOptions::new(dim);
    IndexOptions { scanned_max: scanned_max.unwrap_or(usual.scanned_max), ..usual }
}

impl Config {
    /// The compute crate's choice for this setting.
    pub(crate) fn device_options(&self) -> cortexkg_compute::DeviceOptions {
        use cortexkg_compute::DeviceChoice;
        let named = match self.device {
            crate::DeviceKind::Auto => DeviceChoice::Auto,
            crate::DeviceKind::Cpu => DeviceChoice::Cpu,
            crate::DeviceKind::Wgpu => DeviceChoice::Wgpu,
            crate::DeviceKind::Cuda => DeviceChoice::Cuda,
        };
        cortexkg_compute::DeviceOptions {
            choice: self.device_under_test.clone().unwrap_or(named),
            software: self.device_under_test.is_some(),
            memory_bytes_max: self.device_bytes_max,
            threads: self.threads,
            lost_after: self.device_lost_after,
            code_cache: Some(Arc::new(CodeFolder::at(self.data.join("compiled")))),
            ..Default::default()
        }
    }
}
