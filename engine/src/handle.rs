//! The one way in. Cloned freely, called from anywhere; every call is checked, counted and queued, and answered by ticket.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use cortexkg_compute::DeviceInfo;
use cortexkg_embed::{Embedder, ModelChoice};
use cortexkg_journal::{DiskStorage, LogOptions, Storage};
use cortexkg_memory::record::{Embedding, Entry as LogEntry, ModelTag, Record, Reembedding};
use cortexkg_memory::resident::Resident;
use cortexkg_memory::{MemoryId, State, TenantId, answer, request};

use crate::front::{self, WaitingRecall};
use crate::graph_file::GraphFile;
use crate::history::{History, journal, model_name};
use crate::metrics::{Counters, Metrics, Performance};
use crate::opener::Opener;
use crate::queue::{Admission, Entry, Job, Look, Op, Recall, StoreRows, Write};
use crate::ticket::{Ticket, ticket};
use crate::worker::{Worker, index_options};
use crate::{Config, Error};

/// Most memories of one page.
const PAGE_MAX: u32 = 1_000;
/// Counting the bytes of the state walks all of it, so it is done no more often than this.
const BYTES_EVERY: Duration = Duration::from_secs(5);

/// Circumstances of one call.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Answer by then or not at all.
    pub deadline: Option<Instant>,
    /// The answer must have seen this record.
    pub at_least: Option<u64>,
    /// Whether the caller may write, so that recall may strengthen what it used.
    pub may_learn: bool,
}

/// State of the engine, read without waiting.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// Serving.
    pub ready: bool,
    /// Whether writes are accepted.
    pub accepting_writes: bool,
    /// What is wrong, if anything.
    pub why: Option<String>,
    /// Newest record.
    pub sequence: u64,
    /// Live memories.
    pub memories: u64,
    /// Rows waiting.
    pub queue_rows: u64,
    /// Bytes waiting.
    pub queue_bytes: u64,
    /// The device.
    pub device: DeviceHealth,
    /// The model.
    pub model: String,
    /// Seconds since it was opened.
    pub uptime_s: f64,
}

/// How the device fares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceHealth {
    /// What computes now, in words.
    pub name: String,
    /// Why it was chosen, where nobody named it.
    pub why: Option<String>,
    /// Times a device failed and was opened again.
    pub failures: u64,
    /// Why the CPU computes in place of the device that was asked for.
    pub fallback: Option<String>,
}

/// Answer of get_memory_stats.
#[derive(Clone, Debug, PartialEq)]
pub struct Statistics {
    /// What the state knows.
    pub state: answer::Stats,
    /// What this process measured; absent unless asked for.
    pub performance: Option<Performance>,
    /// Learning parameters in force.
    pub learning: answer::Learning,
    /// The model's name.
    pub model: String,
    /// The device, in words.
    pub device: String,
    /// Seconds since it was opened.
    pub uptime_s: f64,
    /// Newest record.
    pub sequence: u64,
}

/// What all threads of an engine see.
pub(crate) struct Shared {
    pub(crate) admission: Arc<Admission>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) model: String,
    pub(crate) opened: Instant,
    device: Mutex<DeviceHealth>,
    closed: AtomicBool,
    sequence: AtomicU64,
    memories: AtomicU64,
    state_bytes: AtomicU64,
    device_bytes: AtomicU64,
    vectors_linked: AtomicU64,
    journal_syncs: AtomicU64,
    journal_bytes: AtomicU64,
    failure: Mutex<Option<String>>,
    counted: Mutex<Option<Instant>>,
}

/// The one way in.
#[derive(Clone)]
pub struct EngineHandle {
    inner: Arc<Inner>,
}

/// Ends of the queues. Dropping the senders is how the threads learn that nobody calls any more.
struct Inner {
    shared: Arc<Shared>,
    ends: Mutex<Option<Ends>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

#[derive(Clone)]
struct Ends {
    recalls: flume::Sender<WaitingRecall>,
    writes: flume::Sender<Write>,
    jobs: flume::Sender<Job>,
}

impl EngineHandle {
    /// Opens a folder: takes its lock, recovers, and answers when everything is ready.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::Embed`] if there is no such model, [`Error::Journal`] if the folder is held by another process
    /// or damaged, [`Error::OtherModel`] if its vectors come from another model.
    pub fn open(config: Config) -> Result<EngineHandle, Error> {
        config.check()?;
        // The model first: a model that is not there leaves no folder behind.
        let embedder: Arc<dyn Embedder> =
            cortexkg_embed::open(&config.model).map_err(|error| Error::Embed(error.to_string()))?.into();
        let storage = DiskStorage::create(&config.data).map_err(journal)?;
        Self::open_on(storage, embedder, config)
    }

    /// Opens on any storage with any model; what tests of faults use.
    pub fn open_on<S: Storage>(
        storage: S,
        embedder: Arc<dyn Embedder>,
        config: Config,
    ) -> Result<EngineHandle, Error>
    where
        S::File: Send,
        S::Lock: Send,
    {
        config.check()?;
        let options = LogOptions { segment_bytes_max: config.segment_bytes_max };
        let graph_file = GraphFile::new(storage.clone());
        let (mut history, mut state) = History::open(storage, options, config.snapshot_log_bytes)?;
        let embedder = settled(&state, embedder, &config)?;
        let tag = tag(&*embedder);
        found(&mut history, &mut state, &tag, &config)?;
        let opener = Opener::new(config.device_options(), state.memories());
        let scanned_max = config.scanned_max;
        let resident = Resident::new(opener.open()?, index_options(tag.dim as usize, scanned_max));

        let counters = Arc::new(Counters::default());
        let shared = Arc::new(Shared {
            admission: Arc::new(Admission::new(config.queue_rows_max, config.queue_bytes_max)),
            counters: Arc::clone(&counters),
            model: model_name(&tag),
            opened: Instant::now(),
            device: Mutex::new(DeviceHealth {
                name: resident.device().name.clone(),
                why: opener.why.clone(),
                failures: 0,
                fallback: None,
            }),
            closed: AtomicBool::new(false),
            sequence: AtomicU64::new(history.tail()),
            memories: AtomicU64::new(state.memories()),
            state_bytes: AtomicU64::new(0),
            device_bytes: AtomicU64::new(0),
            vectors_linked: AtomicU64::new(0),
            journal_syncs: AtomicU64::new(0),
            journal_bytes: AtomicU64::new(0),
            failure: Mutex::new(None),
            counted: Mutex::new(None),
        });
        // Admission bounds what waits; the channels themselves need no bound of their own.
        let (recalls, waiting_recalls) = flume::unbounded();
        let (writes, waiting_writes) = flume::unbounded();
        let (jobs, waiting_jobs) = flume::unbounded();
        let mut worker = Worker {
            history,
            state,
            resident,
            settings: config.recall.clone(),
            batch_len_max: config.batch_len_max,
            learn_from_recall: config.learn_from_recall,
            jobs: waiting_jobs,
            own: jobs.downgrade(),
            shared: Arc::clone(&shared),
            opener,
            graph_file,
            scanned_max,
        };
        // The first recall finds the device full.
        worker.on_device(|state, resident, _| resident.sync(state))?;
        worker.restore_graph();
        worker.publish();
        let threads = vec![
            front::recalls(Arc::clone(&embedder), waiting_recalls, jobs.clone(), Arc::clone(&counters)),
            front::writes(embedder, waiting_writes, jobs.clone(), counters),
            std::thread::Builder::new()
                .name("engine".into())
                .spawn(move || worker.run())
                .map_err(|error| Error::Device(format!("no thread could be started: {error}")))?,
        ];
        let ends = Mutex::new(Some(Ends { recalls, writes, jobs }));
        Ok(EngineHandle { inner: Arc::new(Inner { shared, ends, threads: Mutex::new(threads) }) })
    }

    /// store_memory.
    pub fn store(&self, request: request::Store, call: Call) -> Ticket<answer::Stored> {
        let bytes = text_bytes(&request);
        let checked = request.check().map(|()| request);
        self.enter(Op::Store, checked, 1, bytes, &call, |ends, entry| {
            ends.writes.send(Write::Store(entry)).is_ok()
        })
    }

    /// store_memory for many at once; each is answered for itself, in order.
    pub fn store_batch(
        &self,
        requests: Vec<request::Store>,
        call: Call,
    ) -> Ticket<Vec<Result<answer::Stored, Error>>> {
        let (len, bytes) = (requests.len() as u64, requests.iter().map(text_bytes).sum());
        let rows = requests.into_iter().map(|row| row.check().map(|()| row).map_err(Error::from)).collect();
        self.enter(Op::StoreBatch, Ok(StoreRows { rows }), len, bytes, &call, |ends, entry| {
            ends.writes.send(Write::StoreBatch(entry)).is_ok()
        })
    }

    /// retrieve_memory.
    pub fn retrieve(&self, request: request::Retrieve, call: Call) -> Ticket<answer::Retrieved> {
        let bytes = request.query.len() as u64;
        let checked = request.check().map(|()| Recall { request, may_learn: call.may_learn });
        self.enter(Op::Retrieve, checked, 1, bytes, &call, |ends, entry| ends.recalls.send(entry).is_ok())
    }

    /// One memory by name.
    pub fn get(&self, id: MemoryId, call: Call) -> Ticket<answer::Memory> {
        self.look(Op::Get, Ok(id), &call, Look::Get)
    }

    /// update_memory.
    pub fn update(&self, request: request::Update, call: Call) -> Ticket<answer::Updated> {
        let bytes = request.content.as_ref().map_or(0, |content| content.len() as u64);
        let checked = request.check().map(|()| request);
        self.enter(Op::Update, checked, 1, bytes, &call, |ends, entry| {
            ends.writes.send(Write::Update(entry)).is_ok()
        })
    }

    /// delete_memory.
    pub fn delete(&self, request: request::Delete, call: Call) -> Ticket<answer::Deleted> {
        self.enter(Op::Delete, Ok(request), 1, 0, &call, |ends, entry| {
            ends.writes.send(Write::Delete(entry)).is_ok()
        })
    }

    /// analyze_memory_graph.
    pub fn analyze(&self, request: request::Analyze, call: Call) -> Ticket<answer::Analyzed> {
        let checked = request.check().map(|()| request);
        self.look(Op::Analyze, checked, &call, Look::Analyze)
    }

    /// get_memory_stats.
    pub fn stats(&self, request: request::StatsQuery, call: Call) -> Ticket<Statistics> {
        let checked = request.check().map(|()| request);
        self.look(Op::Stats, checked, &call, Look::Stats)
    }

    /// configure_learning.
    pub fn configure_learning(
        &self,
        request: request::ConfigureLearning,
        call: Call,
    ) -> Ticket<answer::Configured> {
        let checked = request.check().map(|()| request);
        self.enter(Op::ConfigureLearning, checked, 1, 0, &call, |ends, entry| {
            ends.writes.send(Write::Configure(entry)).is_ok()
        })
    }

    /// Live memories after an id, in order of id; what an export reads.
    pub fn page(&self, after: Option<MemoryId>, limit: u32, call: Call) -> Ticket<Vec<answer::Memory>> {
        let checked = match limit {
            1..=PAGE_MAX => Ok((after, limit)),
            _ => Err(cortexkg_memory::Error::invalid("limit", format!("must be 1 to {PAGE_MAX}"))),
        };
        self.look(Op::Page, checked, &call, Look::Page)
    }

    /// Writes a snapshot now; answers the record it reaches to.
    pub fn checkpoint(&self, call: Call) -> Ticket<u64> {
        self.look(Op::Checkpoint, Ok(()), &call, Look::Checkpoint)
    }

    /// How things stand; never waits for the worker.
    pub fn health(&self) -> Health {
        let shared = &self.inner.shared;
        let closed = shared.closed.load(Ordering::Acquire);
        let failure = shared.failure.lock().map(|failure| failure.clone()).unwrap_or(None);
        let (queue_rows, queue_bytes) = shared.admission.waiting();
        Health {
            ready: !closed,
            accepting_writes: !closed && failure.is_none(),
            why: if closed { Some("shutting down".into()) } else { failure },
            sequence: shared.sequence.load(Ordering::Relaxed),
            memories: shared.memories.load(Ordering::Relaxed),
            queue_rows,
            queue_bytes,
            device: shared.device(),
            model: shared.model.clone(),
            uptime_s: shared.opened.elapsed().as_secs_f64(),
        }
    }

    /// Counters of this process; never waits for the worker.
    pub fn metrics(&self) -> Metrics {
        let shared = &self.inner.shared;
        let (queue_rows, queue_bytes) = shared.admission.waiting();
        Metrics {
            queue_rows,
            queue_bytes,
            journal_syncs: shared.journal_syncs.load(Ordering::Relaxed),
            journal_bytes: shared.journal_bytes.load(Ordering::Relaxed),
            memories: shared.memories.load(Ordering::Relaxed),
            state_bytes: shared.state_bytes.load(Ordering::Relaxed),
            device_bytes: shared.device_bytes.load(Ordering::Relaxed),
            vectors_linked: shared.vectors_linked.load(Ordering::Relaxed),
            device_failures: shared.device().failures,
            device_fell_back: shared.device().fallback.is_some(),
            ..shared.counters.metrics()
        }
    }

    /// Stops accepting, finishes what was accepted, leaves a snapshot, gives the folder back. May be called more than once.
    pub fn close(&self) {
        self.inner.close();
    }

    fn look<Q, A>(
        &self,
        op: Op,
        checked: Result<Q, cortexkg_memory::Error>,
        call: &Call,
        make: fn(Entry<Q, A>) -> Look,
    ) -> Ticket<A> {
        self.enter(op, checked, 1, 0, call, |ends, entry| ends.jobs.send(Job::Look(make(entry))).is_ok())
    }

    /// Counts, admits and queues a checked request; what is refused is answered at once.
    fn enter<Q, A>(
        &self,
        op: Op,
        checked: Result<Q, cortexkg_memory::Error>,
        rows: u64,
        bytes: u64,
        call: &Call,
        send: impl FnOnce(&Ends, Entry<Q, A>) -> bool,
    ) -> Ticket<A> {
        let shared = &self.inner.shared;
        let refuse = |error: Error| {
            shared.counters.refused(op, error.kind());
            Ticket::answered(Err(error))
        };
        let request = match checked {
            Ok(request) => request,
            Err(error) => return refuse(error.into()),
        };
        let permit = match shared.admission.admit(rows, bytes) {
            Ok(permit) => permit,
            Err(error) => return refuse(error),
        };
        let ends = self.inner.ends.lock().ok().and_then(|ends| ends.clone());
        let Some(ends) = ends else { return refuse(Error::ShuttingDown) };
        let (reply, ticket) = ticket(call.deadline);
        let entry = Entry { request, reply, at_least: call.at_least, started: Instant::now(), op, permit };
        // If the worker is gone the reply end was dropped with the entry, and the ticket says so.
        send(&ends, entry);
        ticket
    }
}

impl Inner {
    fn close(&self) {
        self.shared.closed.store(true, Ordering::Release);
        let ends = self.ends.lock().ok().and_then(|mut ends| ends.take());
        let threads =
            self.threads.lock().map(|mut threads| std::mem::take(&mut *threads)).unwrap_or_default();
        let Some(Ends { recalls, writes, jobs }) = ends else { return };
        // First what is still to be embedded reaches the worker, then the word to close does.
        drop((recalls, writes));
        let mut threads = threads.into_iter();
        for front in threads.by_ref().take(2) {
            let _ = front.join();
        }
        let _ = jobs.send(Job::Close);
        drop(jobs);
        for worker in threads {
            if worker.join().is_err() {
                tracing::error!("the engine's thread panicked; everything acknowledged is in the log");
            }
        }
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.close();
    }
}

impl Shared {
    fn device(&self) -> DeviceHealth {
        self.device.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn publish_device(&self, device: &DeviceInfo, opener: &Opener) {
        if let Ok(mut known) = self.device.lock()
            && (known.failures != opener.failures || known.fallback != opener.fallback)
        {
            *known = DeviceHealth {
                name: device.name.clone(),
                why: opener.why.clone(),
                failures: opener.failures,
                fallback: opener.fallback.clone(),
            };
        }
    }

    pub(crate) fn publish(
        &self,
        sequence: u64,
        memories: u64,
        state_bytes: impl FnOnce() -> u64,
        (device_bytes, vectors_linked): (u64, u64),
        failure: Option<&str>,
        (syncs, bytes): (u64, u64),
    ) {
        self.sequence.store(sequence, Ordering::Relaxed);
        self.memories.store(memories, Ordering::Relaxed);
        self.device_bytes.store(device_bytes, Ordering::Relaxed);
        self.vectors_linked.store(vectors_linked, Ordering::Relaxed);
        self.journal_syncs.store(syncs, Ordering::Relaxed);
        self.journal_bytes.store(bytes, Ordering::Relaxed);
        if let Ok(mut known) = self.failure.lock() {
            *known = failure.map(str::to_owned);
        }
        if let Ok(mut counted) = self.counted.lock()
            && counted.is_none_or(|at| at.elapsed() >= BYTES_EVERY)
        {
            *counted = Some(Instant::now());
            self.state_bytes.store(state_bytes(), Ordering::Relaxed);
        }
    }
}

fn text_bytes(request: &request::Store) -> u64 {
    (request.content.len() + request.context.as_ref().map_or(0, String::len)) as u64
}

fn tag(embedder: &dyn Embedder) -> ModelTag {
    let identity = embedder.identity();
    ModelTag { name: identity.name.clone(), dim: identity.dim, fingerprint: identity.fingerprint.clone() }
}

/// The model that a folder opens with: the given one, but for a folder of the default of old, the static table, which is in
/// the binary too. Under the setting `default` such a folder goes on as it is, and a line of the log says how to change that.
fn settled(state: &State, embedder: Arc<dyn Embedder>, config: &Config) -> Result<Arc<dyn Embedder>, Error> {
    let given = embedder.identity();
    let Some(known) = state.model().filter(|known| known.fingerprint != given.fingerprint) else {
        return Ok(embedder);
    };
    if !matches!(config.model, ModelChoice::Default) {
        return Ok(embedder);
    }
    let table =
        cortexkg_embed::open(&ModelChoice::Static).map_err(|error| Error::Embed(error.to_string()))?;
    if table.identity().fingerprint != known.fingerprint {
        return Ok(embedder);
    }
    tracing::warn!(
        folder = %config.data.display(),
        model = known.name,
        default = given.name,
        "the memories were embedded with the default model of an earlier version, which is used on; `cortexkg reembed` \
         changes them to the better one"
    );
    Ok(table.into())
}

/// A new folder gets its founding record; an old one must have been made with this model.
fn found<S: Storage>(
    history: &mut History<S>,
    state: &mut State,
    tag: &ModelTag,
    config: &Config,
) -> Result<(), Error> {
    match state.model() {
        Some(known) if known.fingerprint != tag.fingerprint || known.dim != tag.dim => {
            Err(Error::OtherModel {
                folder: config.data.clone(),
                found: model_name(known),
                given: model_name(tag),
            })
        }
        Some(_) if state.reembedding() > 0 => {
            Err(Error::Reembedding { folder: config.data.clone(), left: state.reembedding() })
        }
        Some(_) => Ok(()),
        None => {
            let record = Record::Founded(tag.clone());
            state.apply(&record);
            history.append(&[LogEntry { tenant: TenantId::default(), record }], state).map(|_| ())
        }
    }
}

/// Embeds every memory of a folder anew with the configured model. Killed half-way, it goes on where it stopped.
///
/// `progress` hears how many are done and how many there are. Answers how many were embedded.
pub fn reembed(config: &Config, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, Error> {
    /// Memories of one record.
    const CHUNK: usize = 256;
    let storage = DiskStorage::open(&config.data).map_err(journal)?;
    let embedder = cortexkg_embed::open(&config.model).map_err(|error| Error::Embed(error.to_string()))?;
    let options = LogOptions { segment_bytes_max: config.segment_bytes_max };
    let (mut history, mut state) = History::open(storage, options, config.snapshot_log_bytes)?;
    let tag = tag(&*embedder);
    let mut log = |state: &mut State, record: Record| {
        state.apply(&record);
        history.append(&[LogEntry { tenant: TenantId::default(), record }], state).map(|_| ())
    };
    if state.model() != Some(&tag) {
        log(&mut state, Record::ModelChanged(tag))?;
    }
    let total = state.reembedding();
    let mut done = 0;
    loop {
        let texts = state.to_reembed(CHUNK);
        if texts.is_empty() {
            break;
        }
        let all: Vec<&str> =
            texts.iter().flat_map(|(_, reading)| &reading.texts).map(String::as_str).collect();
        let mut vectors = front::embed(&*embedder, &all)?.into_iter();
        let rows = texts.iter().map(|(id, reading)| {
            let own = vectors.by_ref().take(reading.texts.len()).collect();
            let Embedding { vector, parts } = reading.embedded(own).to_record();
            Reembedding { id: *id, vector, parts }
        });
        log(&mut state, Record::Reembedded(rows.collect()))?;
        done += texts.len() as u64;
        progress(done, total);
    }
    history.snapshot(&state)?;
    history.close();
    Ok(done)
}
