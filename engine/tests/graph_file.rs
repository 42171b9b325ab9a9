//! The graph of vectors survives a restart; whatever became of its file, recalls answer as before.

mod common;

use std::time::{Duration, Instant};

use common::{ask, config, fact, model};
use cortexkg_engine::request::{CleanupMode, Delete};
use cortexkg_engine::{Call, Config, EngineHandle, MemoryId};
use cortexkg_journal::Storage;
use cortexkg_journal::sim::{Fault, SimStorage};

/// Enough for a file of a graph that is not closed.
const MEMORIES: usize = 4_400;
const NAME: &str = "graph.cache";

/// An engine with a graph of however few vectors, whose recalls teach it nothing.
fn opened(disk: &SimStorage) -> EngineHandle {
    let config = config(common::SIMULATED.as_ref());
    let config = Config { scanned_max: Some(0), learn_from_recall: false, ..config };
    EngineHandle::open_on(disk.clone(), model(), config).expect("a sound disk opens")
}

fn texts(range: std::ops::Range<usize>) -> Vec<String> {
    let trades = ["keeper", "baker", "smith", "pilot", "weaver", "miller", "cooper"];
    let text =
        |n: usize| format!("The {} number {n} of harbour {} owns boat {}.", trades[n % 7], n % 61, n / 3);
    range.map(text).collect()
}

fn store(engine: &EngineHandle, range: std::ops::Range<usize>) -> Vec<MemoryId> {
    let rows: Vec<_> = texts(range).iter().map(|text| fact(text)).collect();
    let mut stored = Vec::new();
    for rows in rows.chunks(500) {
        let answers = engine.store_batch(rows.to_vec(), Call::default()).wait().expect("stored");
        stored.extend(answers.into_iter().map(|answer| answer.expect("stored").id));
    }
    stored
}

fn recalled(engine: &EngineHandle) -> Vec<Vec<(MemoryId, u32)>> {
    let ask = |n: usize| ask(&format!("Which boat does number {n} of harbour {} own?", n % 61));
    let answer = |n: usize| engine.retrieve(ask(n), Call::default()).wait().expect("recalled").memories;
    let listed = |n: usize| answer(n).iter().map(|found| (found.memory.id, found.score.to_bits())).collect();
    (0..20).map(|n| listed(n * 200)).collect()
}

/// Waits until so many vectors are in the graph.
fn linked(engine: &EngineHandle, wanted: usize) {
    let begun = Instant::now();
    while engine.metrics().vectors_linked != wanted as u64 {
        let linked = engine.metrics().vectors_linked;
        assert!(begun.elapsed() < Duration::from_secs(300), "{linked} of {wanted} vectors are linked");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_graph_is_there_after_a_restart_whatever_happened_to_its_file() {
    let disk = SimStorage::new(5);
    let engine = opened(&disk);
    let ids = store(&engine, 0..MEMORIES);
    linked(&engine, MEMORIES);
    let before = recalled(&engine);
    // What is saved while it runs is all that a killed process leaves.
    let killed = disk.crash(1);
    engine.close();

    let again = opened(&disk);
    assert_eq!(again.metrics().vectors_linked, MEMORIES as u64, "all of it, before anything is asked");
    assert_eq!(recalled(&again), before);
    // Some go, some come: the graph that is saved at the end has the same rows as the state.
    for id in &ids[..40] {
        again
            .delete(Delete { id: *id, force: true, cleanup: CleanupMode::default() }, Call::default())
            .wait()
            .expect("deleted");
    }
    store(&again, MEMORIES..MEMORIES + 60);
    linked(&again, MEMORIES + 20);
    let after = recalled(&again);
    again.close();
    assert_eq!(recalled(&opened(&disk)), after);

    let part = opened(&killed);
    let linked_at_once = part.metrics().vectors_linked;
    assert!((4_096..=MEMORIES as u64).contains(&linked_at_once), "{linked_at_once} of a killed process");
    assert_eq!(recalled(&part), before);
    linked(&part, MEMORIES);
    part.close();

    // Damaged, of an older state, unreadable, gone.
    let damaged = disk.crash(2);
    damaged.flip_bit(NAME, disk.bytes(NAME).len() as u64 / 2, 3);
    let files: Vec<(String, Vec<u8>)> =
        disk.list().unwrap().into_iter().map(|name| (name.clone(), disk.bytes(&name))).collect();
    let with = |graph: &[u8]| {
        let files = files.iter().map(|(name, bytes)| (&**name, if name == NAME { graph } else { bytes }));
        SimStorage::with_files(&files.collect::<Vec<_>>())
    };
    let gone = disk.crash(3);
    gone.remove(NAME).unwrap();
    for (what, disk, at_once) in [
        ("damaged", damaged, 0..=0),
        ("older", with(&killed.bytes(NAME)), 4_000..=MEMORIES as u64),
        ("a text", with(b"not a graph at all"), 0..=0),
        ("empty", with(b""), 0..=0),
        ("gone", gone, 0..=0),
    ] {
        let engine = opened(&disk);
        let linked_at_once = engine.metrics().vectors_linked;
        assert!(at_once.contains(&linked_at_once), "{what}: {linked_at_once}");
        assert_eq!(recalled(&engine), after, "{what}");
        linked(&engine, MEMORIES + 20);
        assert_eq!(recalled(&engine), after, "{what}");
    }
}

#[test]
fn a_disk_that_takes_no_graph_is_no_failure() {
    let disk = SimStorage::new(6);
    let engine = opened(&disk);
    store(&engine, 0..200);
    linked(&engine, 200);
    let before = recalled(&engine);
    engine.checkpoint(Call::default()).wait().expect("room for a snapshot");
    // Neither snapshot nor graph finds room.
    disk.set_room(Some(disk.used_bytes() + 64));
    engine.close();
    disk.set_room(None);
    assert!(disk.list().unwrap().iter().all(|name| !name.starts_with("cache") && name != NAME));
    let again = opened(&disk);
    assert_eq!(again.metrics().vectors_linked, 0);
    assert_eq!(recalled(&again), before);
    linked(&again, 200);
    (0..6).for_each(|ahead| disk.fail_at(disk.ops() + ahead, Fault::DeviceFails));
    again.close();
    assert_eq!(recalled(&opened(&disk.crash(7))), before);
}
