//! Before the worker: two threads that turn texts into vectors, one for recalls and one for writes, so that a long import
//! through a slow model does not hold up a question. A batch is what gathered while the model was busy; there is no timer.

use std::sync::Arc;
use std::thread::JoinHandle;

use cortexkg_embed::Embedder;
use cortexkg_memory::answer;
use cortexkg_memory::state::searchable;

use crate::Error;
use crate::metrics::Counters;
use crate::queue::{Entry, Job, Recall, Write};

/// Texts that one call of the model takes at most.
const EMBED_LEN_MAX: usize = 512;

/// A recall before it has a vector.
pub(crate) type WaitingRecall = Entry<Recall, answer::Retrieved>;

/// The text that a write brings, each to be embedded.
fn texts(write: &Write) -> Vec<String> {
    match write {
        Write::Store(entry) => vec![searchable(&entry.request.content, entry.request.context.as_deref())],
        Write::StoreBatch(entry) => entry
            .request
            .rows
            .iter()
            .flatten()
            .map(|row| searchable(&row.content, row.context.as_deref()))
            .collect(),
        Write::Update(entry) => entry
            .request
            .content
            .iter()
            .map(|content| searchable(content, entry.request.context.as_deref()))
            .collect(),
        Write::Delete(_) | Write::Configure(_) => Vec::new(),
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
            let texts: Vec<Vec<String>> = batch.iter().map(texts).collect();
            let all: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
            let mut vectors = match embed(&*embedder, &all) {
                Ok(vectors) => vectors.into_iter(),
                Err(error) => {
                    batch.into_iter().for_each(|write| write.refuse(&counters, &error));
                    continue;
                }
            };
            for (write, texts) in batch.into_iter().zip(&texts) {
                let own = vectors.by_ref().take(texts.len()).collect();
                if worker.send(Job::Write(write, own)).is_err() {
                    return;
                }
            }
        }
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

fn embed(embedder: &dyn Embedder, texts: &[&str]) -> Result<Vec<Vec<f32>>, Error> {
    let mut vectors = Vec::with_capacity(texts.len());
    for chunk in texts.chunks(EMBED_LEN_MAX) {
        let embedded = embedder.embed(chunk).map_err(|error| Error::Embed(error.to_string()))?;
        vectors.extend((0..chunk.len()).map(|row| embedded.row(row).to_vec()));
    }
    Ok(vectors)
}
