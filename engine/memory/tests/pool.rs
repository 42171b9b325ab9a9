//! What joins the pool of a recall.

use cortexkg_compute::index::IndexOptions;
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions};
use cortexkg_memory::record::{ModelTag, Record};
use cortexkg_memory::request::{Retrieve, Store};
use cortexkg_memory::resident::Resident;
use cortexkg_memory::retrieve::answer_batch;
use cortexkg_memory::store::{NewMemory, store_batch};
use cortexkg_memory::{RecallSettings, State, TenantId, Timestamp};

const DIM: usize = 32;

/// The unit vector of a direction.
fn towards(direction: usize) -> [f32; DIM] {
    std::array::from_fn(|d| f32::from(u8::from(d == direction)))
}

#[test]
fn a_memory_two_hops_away_is_gated_by_its_own_similarity_however_many_resemble_the_query_more() {
    let options = DeviceOptions { choice: DeviceChoice::Cpu, threads: 1, ..Default::default() };
    let mut resident = Resident::new(Device::open(&options).expect("a CPU"), IndexOptions::new(DIM));
    let mut state = State::default();
    let model = ModelTag { name: "test".into(), dim: DIM as u32, fingerprint: "00".into() };
    state.apply(&Record::Founded(model));
    let texts = [
        ("Ana Reyes\nAs a girl Ana Reyes was taught by Bela Kovacs.", 0),
        ("Bela Kovacs\nBela Kovacs keeps bees in Brimholt.", 1),
        ("Oda Lind\nOda Lind was taught to swim.", 2),
        ("Zorvan Telk\nZorvan Telk was taught to sing.", 2),
    ];
    let vectors = texts.map(|(_, direction)| towards(direction));
    let requests = texts.map(|(content, _)| Store { content: content.into(), ..Default::default() });
    let batch: Vec<NewMemory<'_>> = requests
        .iter()
        .zip(&vectors)
        .map(|(request, vector)| NewMemory { request, vector, parts: &[] })
        .collect();
    store_batch(&mut state, &mut resident, &batch, TenantId::default(), Timestamp(0)).expect("memory");

    // Of the lists that fill the pool, each takes the best one alone, which is never the second text.
    let settings = RecallSettings { pool_vector: 1, pool_lexical: 1, ..Default::default() };
    let request = Retrieve {
        query: "Who taught Ana Reyes?".into(),
        limit: 4,
        threshold: Some(0.0),
        ..Default::default()
    };
    let answers =
        answer_batch(&mut state, &mut resident, &settings, &[request], &[&towards(0)], Timestamp(0));
    let answer = answers.expect("memory").pop().expect("one answer");
    let similarity = |name: &str| {
        let found = answer.memories.iter().find(|found| found.memory.content.starts_with(name));
        found.and_then(|found| found.similarity)
    };
    assert!(similarity("Ana Reyes").is_some_and(|cosine| cosine > 0.9));
    assert_eq!(similarity("Bela Kovacs"), Some(0.0), "in the pool, with its own cosine: {answer:?}");
}
