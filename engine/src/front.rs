//! Before the worker: two threads that turn texts into vectors, one for recalls and one for writes, so that a long import
//! through a slow model does not hold up a question. A batch is what gathered while the model was busy; there is no timer.

use std::sync::Arc;
use std::thread::JoinHandle;

use cortexkg_embed::Embedder;
use cortexkg_memory::answer;
use cortexkg_memory::embedding::Reading;
use cortexkg_memory::request::Store;

use crate::Error;
use crate::metrics::Counters;
use crate::queue::{Entry, Job, Recall, Write};

/// Texts that one call of the model takes at most.
const EMBED_LEN_MAX: usize = 512;

/// A recall before it has a vector.
pub(crate) type WaitingRecall = Entry<Recall, answer::Retrieved>;

/// What is to be embedded of a write; none if it is only known once the writes before it are decided.
fn readings(write: &Write) -> Option<Vec<Reading>> {
    let of = |store: &Store| Reading::of(&store.content, store.context.as_deref());
    match write {
        Write::Store(entry) => Some(vec![of(&entry.request)]),
        Write::StoreBatch(entry) => Some(entry.request.rows.iter().flatten().map(of).collect()),
        Write::Update(entry) => match (&entry.request.content, &entry.request.context) {
            (Some(content), Some(context)) => Some(vec![Reading::of(content, Some(context))]),
            (None, None) => Some(Vec::new()),
            // The other half of the text is the worker's to tell.
            _ => None,
        },
        Write::Delete(_) | Write::Configure(_) => Some(Vec::new()),
    }
}

/// Starts the thread that embeds queries.
pub(crate) fn recalls(
    embedder: Arc<dyn Embedder>,
    waiting: flume::Receiver<WaitingRecall>,
    worker: flume::Sender<Job>,
    counters: Arc<Counters>,
) -> JoinHandle<()> {
    spawn("embed-recalls", move || {
        while let Some(batch) = gather(&waiting, |_| 1) {
            let batch: Vec<WaitingRecall> =
                batch.into_iter().filter_map(|entry| counters.still_wanted(entry)).collect();
            let queries: Vec<&str> = batch.iter().map(|entry| entry.request.request.query.as_str()).collect();
            match embed(&*embedder, &queries) {
                Ok(vectors) => {
                    for (entry, vector) in batch.into_iter().zip(vectors) {
                        if worker.send(Job::Recall(entry, vector)).is_err() {
                            return;
                        }
                    }
                }
                Err(error) => batch.into_iter().for_each(|entry| counters.answer(entry, Err(error.clone()))),
            }
        }
    })
}

/// Starts the thread that embeds what is written, keeping the order of arrival.
pub(crate) fn writes(
    embedder: Arc<dyn Embedder>,
    waiting: flume::Receiver<Write>,
    worker: flume::Sender<Job>,
    counters: Arc<Counters>,
) -> JoinHandle<()> {
    spawn("embed-writes", move || {
        while let Some(batch) = gather(&waiting, Write::rows) {
            let batch: Vec<Write> =
                batch.into_iter().filter_map(|write| write.still_wanted(&counters)).collect();
            let mut ready: Vec<(Write, Vec<Reading>)> = Vec::with_capacity(batch.len());
            for write in batch {
                let known = match readings(&write) {
                    Some(known) => known,
                    None => {
                        // All writes go through this thread, so once those before this one are sent, the worker's answer
                        // holds until this one is decided.
                        if !forward(&*embedder, std::mem::take(&mut ready), &worker, &counters) {
                            return;
                        }
                        match text_after(&write, &worker) {
                            Some((content, context)) => vec![Reading::of(&content, context.as_deref())],
                            None => Vec::new(),
                        }
                    }
                };
                ready.push((write, known));
            }
            if !forward(&*embedder, ready, &worker, &counters) {
                return;
            }
        }
    })
}

/// Asks the worker what an update leaves of a memory's text: nothing if it leaves the text as it is, or there is no memory.
fn text_after(write: &Write, worker: &flume::Sender<Job>) -> Option<(String, Option<String>)> {
    let Write::Update(entry) = write else { return None };
    let (reply, told) = flume::bounded(1);
    worker.send(Job::Text(entry.request.clone(), reply)).ok()?;
    told.recv().ok().flatten()
}

/// Embeds writes and hands them to the worker; those whose texts cannot be embedded are refused. False once there is no worker.
fn forward(
    embedder: &dyn Embedder,
    writes: Vec<(Write, Vec<Reading>)>,
    worker: &flume::Sender<Job>,
    counters: &Counters,
) -> bool {
    let texts = writes.iter().flat_map(|(_, readings)| readings).flat_map(|reading| &reading.texts);
    let texts: Vec<&str> = texts.map(String::as_str).collect();
    let mut vectors = match embed(embedder, &texts) {
        Ok(vectors) => vectors.into_iter(),
        Err(error) => {
            writes.into_iter().for_each(|(write, _)| write.refuse(counters, &error));
            return true;
        }
    };
    writes.into_iter().all(|(write, readings)| {
        let embedded =
            |reading: &Reading| reading.embedded(vectors.by_ref().take(reading.texts.len()).collect());
        let embedded = readings.iter().map(embedded).collect();
        worker.send(Job::Write(write, embedded)).is_ok()
    })
}

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    std::thread::Builder::new().name(name.into()).spawn(run).expect("a thread could not be started")
}

/// Waits for one and takes what else is there; none once every sender is gone.
fn gather<T>(waiting: &flume::Receiver<T>, rows: impl Fn(&T) -> usize) -> Option<Vec<T>> {
    let first = waiting.recv().ok()?;
    let mut len = rows(&first);
    let mut batch = vec![first];
    while len < EMBED_LEN_MAX {
        let Ok(next) = waiting.try_recv() else { break };
        len += rows(&next);
        batch.push(next);
    }
    Some(batch)
}

pub(crate) fn embed(embedder: &dyn Embedder, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
    let mut vectors = Vec::with_capacity(texts.len());
    for chunk in texts.chunks(EMBED_LEN_MAX) {
        let embedded = embedder.embed(chunk).map_err(|error| Error::Embed(error.to_string()))?;
        vectors.extend((0..chunk.len()).map(|row| embedded.row(row).to_vec()));
    }
    Ok(vectors)
}
