//! What is embedded is what is stored: the whole text of a memory as it stands after the write, long texts by their parts.

mod common;

use std::sync::{Arc, Mutex};

use common::{ask, config, fact, model};
use cortexkg_embed::{Embedder, Embeddings, ModelIdentity};
use cortexkg_engine::request::{Store, Strategy, Update};
use cortexkg_engine::{Call, EngineHandle, MemoryId};
use cortexkg_journal::sim::SimStorage;

/// The default model, with every text that it was asked to read.
struct Listener(Mutex<Vec<String>>);

impl Embedder for Listener {
    fn identity(&self) -> &ModelIdentity {
        // The model lives as long as the program.
        Box::leak(Box::new(model())).identity()
    }

    fn embed(&self, texts: &[&str]) -> Result<Embeddings, cortexkg_embed::Error> {
        self.0.lock().unwrap().extend(texts.iter().map(|&text| text.to_owned()));
        model().embed(texts)
    }
}

fn open() -> (EngineHandle, Arc<Listener>) {
    let listener = Arc::new(Listener(Mutex::default()));
    let folder = common::SIMULATED.as_ref();
    let engine = EngineHandle::open_on(SimStorage::new(7), listener.clone(), config(folder)).expect("opens");
    (engine, listener)
}

fn told(content: &str, context: &str) -> Store {
    Store { context: Some(context.into()), ..fact(content) }
}

#[test]
fn an_update_embeds_the_text_that_it_leaves() {
    let (engine, listener) = open();
    let update = |request: Update| engine.update(request, Call::default());
    let of = Update::of;
    // All at once: each must see what those before it leave, whether they are decided yet or not.
    let id = MemoryId(1);
    let early = update(Update { content: Some("too early".into()), ..of(id) });
    let stored = engine.store(told("first words", "told at lunch"), Call::default());
    let calls = [
        update(Update { content: Some("second words".into()), ..of(id) }),
        update(Update { context: Some("told at dinner".into()), ..of(id) }),
        update(Update { content: Some("third words".into()), context: Some("told at tea".into()), ..of(id) }),
        update(Update { content: Some("fourth words".into()), ..of(id) }),
        update(Update { confidence: Some(0.1), ..of(id) }),
        update(Update { content: Some("fourth words".into()), ..of(id) }),
    ];
    assert_eq!(early.wait().unwrap_err().kind(), cortexkg_engine::ErrorKind::NotFound);
    assert_eq!(stored.wait().unwrap().id, id);
    assert_eq!(calls.map(|ticket| ticket.wait().unwrap().version), [2, 3, 4, 5, 6, 6]);
    let read = listener.0.lock().unwrap().clone();
    assert_eq!(
        read,
        [
            "first words\ntold at lunch",
            "second words\ntold at lunch",
            "second words\ntold at dinner",
            "third words\ntold at tea",
            "fourth words\ntold at tea"
        ]
    );
    // The vector of a context that changed alone is found by.
    engine
        .update(Update { context: Some("painted red and sold".into()), ..of(id) }, Call::default())
        .wait()
        .unwrap();
    let query = cortexkg_engine::request::Retrieve {
        strategy: Strategy::SemanticSimilarity,
        ..ask("fourth words\npainted red and sold")
    };
    let found = engine.retrieve(query, Call::default()).wait().unwrap();
    assert!(found.memories[0].similarity.unwrap() > 0.999, "{found:#?}");
}

#[test]
fn a_long_text_is_read_by_its_parts() {
    let (engine, listener) = open();
    let sand =
        "The caravan reached the well and rested before the next stretch of sand and stone. ".repeat(8);
    let sea =
        "Three ferries crossed the bay at night while the fishermen mended nets on the pier. ".repeat(8);
    let stored = engine.store(fact(&format!("{sand}\n\n{sea}")), Call::default()).wait().unwrap();
    let read = listener.0.lock().unwrap().clone();
    assert!(read.len() >= 2 && read.iter().all(|text| text.split_whitespace().count() <= 90), "{read:#?}");
    assert!(!read.iter().any(|text| text.contains("caravan") && text.contains("ferries")), "{read:#?}");
    let found = engine.retrieve(ask("ferries in the bay"), Call::default()).wait().unwrap();
    assert_eq!(found.memories[0].memory.id, stored.id);
}

#[test]
fn a_hundred_of_six_hundred_that_are_alike_are_recalled() {
    let (engine, _) = open();
    let rows = (0..600)
        .map(|n| fact(&format!("The ferry to Quillmere left the pier on time on day {n}.")))
        .collect();
    let stored = engine.store_batch(rows, Call::default()).wait().unwrap();
    assert!(stored.iter().all(Result::is_ok));
    for strategy in [Strategy::HybridApproach, Strategy::SemanticSimilarity, Strategy::Lexical] {
        let request = cortexkg_engine::request::Retrieve {
            limit: 100,
            strategy,
            ..ask("Did the ferry to Quillmere leave on time?")
        };
        let found = engine.retrieve(request, Call::default()).wait().unwrap();
        println!("{strategy:?}: {} of {}", found.memories.len(), found.total_found);
        assert_eq!(found.memories.len(), 100, "{strategy:?}");
    }
}
