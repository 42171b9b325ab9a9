//! `GraphFile`: the graph of vectors in a file beside the log, so that a start need not build it again.
//!
//! It may be older than the records, damaged or not there: what does not fit any more is linked anew while recalls scan for it. Nothing
//! that fails here is an error to anybody.

use std::thread::JoinHandle;

use cortexkg_compute::index::Checkpoint;
use cortexkg_journal::{Storage, cache};

/// Name of the cache.
const NAME: &str = "graph";
/// A graph is worth saving again once so many of its rows came or went ...
const UNSAVED_MIN: usize = 1 << 12;
/// ... and one in so many of all: building a graph of a million rows saves it some forty times, eight times its size in bytes.
const UNSAVED_PART: usize = 8;

pub(crate) struct GraphFile<S: Storage> {
    storage: S,
    writing: Option<JoinHandle<()>>,
}

impl<S: Storage> GraphFile<S> {
    pub fn new(storage: S) -> Self {
        GraphFile { storage, writing: None }
    }

    /// What was saved last, if it is whole.
    pub fn read(&self) -> Option<Checkpoint> {
        let bytes = cache::read(&self.storage, NAME).map_err(|error| error.to_string());
        let saved = bytes.and_then(|bytes| {
            bytes.map(|bytes| Checkpoint::decode(&bytes)).transpose().map_err(|error| error.to_string())
        });
        saved.unwrap_or_else(|why| {
            tracing::warn!(why, "the saved graph of vectors cannot be used; it is built anew");
            None
        })
    }

    /// Whether a graph of so many rows, of which so many are not saved, should be saved while others wait.
    pub fn wants(&self, linked: usize, unsaved: usize) -> bool {
        let busy = self.writing.as_ref().is_some_and(|writing| !writing.is_finished());
        !busy && unsaved >= UNSAVED_MIN && unsaved * UNSAVED_PART > linked
    }

    /// Saves a graph, beside the work.
    pub fn write(&mut self, graph: Checkpoint) {
        self.finish();
        let storage = self.storage.clone();
        self.writing = Some(std::thread::spawn(move || {
            if let Err(error) = cache::write(&storage, NAME, &graph.encode()) {
                tracing::warn!(%error, "the graph of vectors was not saved; after a restart it is built anew");
            }
        }));
    }

    /// Waits until nothing is being written.
    pub fn finish(&mut self) {
        if let Some(Err(_)) = self.writing.take().map(JoinHandle::join) {
            tracing::error!("saving the graph of vectors panicked; this is a bug");
        }
    }
}
