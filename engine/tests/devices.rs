//! A store on a card beside one on the CPU: the same life, and the same answers to the bit.
//! `CORTEXKG_TEST_DEVICE=twin(cpu,wgpu)` plays the other tests of the engine with every dispatch compared.
//!
//! A card that is missing is printed, and fails the test if `CORTEXKG_REQUIRE_DEVICE` names it. Programs that play cards count.

mod common;

use common::{config, fact, model};
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Draw};
use cortexkg_engine::answer::{Allocation, Retrieved};
use cortexkg_engine::request::{
    Analysis, Analyze, CleanupMode, Delete, Kind, Place, Retrieve, Store, Strategy, Update,
};
use cortexkg_engine::{Call, Config, EngineHandle, MemoryId, Timestamp};
use cortexkg_journal::sim::SimStorage;

const PEOPLE: [&str; 6] = ["Ana Reyes", "Oda Lind", "Zorvan Telk", "Marta Quell", "Ilse Vorn", "Ruben Tok"];
const PLACES: [&str; 6] = ["Brimholt", "Veldt", "Skagen", "Quillmere", "Sonneberg", "Kestrel"];
const DEEDS: [&str; 8] = [
    "sells salt in",
    "was born in",
    "repairs the lighthouse of",
    "keeps the archive of",
    "lives in",
    "wrote a letter to the mayor of",
    "missed the ferry to",
    "paints the harbour of",
];

fn text(draw: &mut Draw) -> String {
    let (who, deed, place) = (PEOPLE[draw.below(6)], DEEDS[draw.below(8)], PLACES[draw.below(6)]);
    match draw.below(4) {
        0 => format!("{place}\n{place} is known for the year {} and for {who}.", 1_900 + draw.below(20)),
        1 => format!("{who} {deed} {place}."),
        _ => format!("{who} {deed} {place} since {}.", 1_900 + draw.below(40)),
    }
}

fn memory(draw: &mut Draw, part: u32) -> Store {
    let is_turn = draw.below(4) == 0;
    let place = is_turn.then(|| Place { sequence: "talk".into(), part, parts: None });
    let kind = if is_turn { Kind::Turn } else { Kind::default() };
    let tags = if draw.below(5) == 0 { vec!["rare".to_owned()] } else { Vec::new() };
    // The clock tells two lives apart.
    let occurred_at = Some(Timestamp(i64::from(part) * 60_000_000));
    Store { kind, place, tags, occurred_at, ..fact(&text(draw)) }
}

/// A memory that was recalled: score, similarity, first spike and path, to the bit.
type Shown = (MemoryId, [Option<u32>; 3], String);

fn shown(retrieved: Retrieved) -> Vec<Shown> {
    let of = |found: cortexkg_engine::answer::Recalled| {
        let numbers = [Some(found.score), found.similarity, found.first_spike_ms];
        (found.memory.id, numbers.map(|number| number.map(f32::to_bits)), format!("{:?}", found.path))
    };
    retrieved.memories.into_iter().map(of).collect()
}

/// What one call answers.
#[derive(Debug, PartialEq)]
enum Said {
    Allocated(Option<Allocation>),
    Recalled(Vec<Shown>),
    Changed(String),
    Analyzed(String),
}

/// Stores, recalls, updates, deletes and analyses, drawn from a seed.
fn live(engine: &EngineHandle, seed: u64) -> Vec<Said> {
    let draw = &mut Draw::new(seed);
    let mut said = Vec::new();
    let mut part = 0;
    let mut ids = Vec::new();
    for round in 0..6 {
        let batch: Vec<Store> = (0..[1, 2, 40, 7, 70, 1][round])
            .map(|_| {
                part += 1;
                memory(draw, part)
            })
            .collect();
        for stored in engine.store_batch(batch, Call::default()).wait().expect("stored") {
            let stored = stored.expect("a sound row");
            ids.push(stored.id);
            said.push(Said::Allocated(stored.allocation));
        }
        for strategy in [
            Strategy::SemanticSimilarity,
            Strategy::StructuralMatching,
            Strategy::HybridApproach,
            Strategy::SpreadingActivation,
        ] {
            let tag_filter = if draw.below(3) == 0 { vec!["rare".to_owned()] } else { Vec::new() };
            let query = format!("Who {} {}?", DEEDS[draw.below(8)], PLACES[draw.below(6)]);
            let recall = Retrieve {
                query,
                strategy,
                tag_filter,
                threshold: Some(0.0),
                include_reasoning: true,
                ..Default::default()
            };
            let recalled = engine.retrieve(recall, Call::default()).wait().expect("recalled");
            said.push(Said::Recalled(shown(recalled)));
        }
        let id = ids[draw.below(ids.len())];
        let update = Update { content: Some(text(draw)), ..Update::of(id) };
        said.push(Said::Changed(match engine.update(update, Call::default()).wait() {
            Ok(updated) => format!("{id} {:?}", updated.changes),
            Err(error) => error.to_string(),
        }));
        let id = ids[draw.below(ids.len())];
        let delete = Delete { id, force: draw.below(2) == 0, cleanup: CleanupMode::Aggressive };
        said.push(Said::Changed(match engine.delete(delete, Call::default()).wait() {
            Ok(deleted) => format!("{id} {}", deleted.edges_removed),
            Err(error) => error.to_string(),
        }));
    }
    // Figures that are integers underneath; those of the other analyses are floats within their kernels' tolerances.
    for analysis in [Analysis::Connectivity, Analysis::Clustering, Analysis::MemoryIntegrity] {
        let request = Analyze { analysis, memory_ids: Vec::new(), include_pathways: true, max_depth: 10 };
        let analyzed = engine.analyze(request, Call::default()).wait().expect("analyzed");
        said.push(Said::Analyzed(format!("{:?} {:?}", analyzed.counts, analyzed.report)));
    }
    said
}

fn open(choice: DeviceChoice, seed: u64) -> EngineHandle {
    let config = Config {
        device_under_test: Some(choice),
        learn_from_recall: false,
        ..config(common::SIMULATED.as_ref())
    };
    EngineHandle::open_on(SimStorage::new(seed), model(), config).expect("an empty disk opens")
}

/// Whether a card opens here.
fn is_here(choice: &DeviceChoice) -> bool {
    let opened =
        Device::open(&DeviceOptions { choice: choice.clone(), software: true, ..Default::default() });
    let Err(error) = opened else { return true };
    let required = std::env::var("CORTEXKG_REQUIRE_DEVICE").unwrap_or_default();
    assert!(!required.split(',').any(|name| name == choice.to_string()), "{error}");
    println!("SKIPPED {error}");
    false
}

#[test]
fn a_store_on_a_card_answers_as_one_on_the_cpu() {
    for card in [DeviceChoice::Wgpu, DeviceChoice::Cuda] {
        if !is_here(&card) {
            continue;
        }
        for seed in [1, 2] {
            let expected = live(&open(DeviceChoice::Cpu, seed), seed);
            let found = |said: &&Said| matches!(said, Said::Recalled(shown) if !shown.is_empty());
            assert!(expected.iter().filter(found).count() > 10, "{expected:?}");
            let engine = open(card.clone(), seed);
            let said = live(&engine, seed);
            let device = engine.health().device;
            assert!(device.name.starts_with(&card.to_string()) && device.failures == 0, "{device:?}");
            assert_eq!(said.len(), expected.len());
            for (step, (card, cpu)) in said.iter().zip(&expected).enumerate() {
                assert_eq!(card, cpu, "step {step} of seed {seed}");
            }
        }
    }
}

#[test]
fn auto_times_a_card_before_it_takes_it() {
    let cards = [DeviceChoice::Cuda, DeviceChoice::Wgpu];
    let Some(card) = cards.into_iter().find(is_here) else { return };
    let device = open(DeviceChoice::Auto, 1).health().device;
    let why = device.why.as_deref().unwrap_or_default();
    let told = format!(" on {card} (");
    // Which of them answers sooner is the machine's affair.
    assert!(why.contains("a search of 4096 memories takes ") && why.contains(&told), "{device:?}");
}
