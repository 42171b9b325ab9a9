//! Power cuts and failing disks under the whole engine: nothing acknowledged is lost, nothing unacknowledged is served.

mod common;

use common::{ask, config, fact, model, on_disk};
use cortexkg_engine::request::Update;
use cortexkg_engine::{Call, Config, DeviceKind, EngineHandle, ErrorKind};
use cortexkg_journal::Storage;
use cortexkg_journal::sim::{Fault, Random, SimStorage};

#[test]
fn every_acknowledged_memory_survives_a_power_cut() {
    let worlds = std::env::var("CORTEXKG_ENGINE_CRASHES").ok().and_then(|n| n.parse().ok()).unwrap_or(30u64);
    for seed in 1..=worlds {
        let mut chance = Random::new(seed);
        let disk = SimStorage::new(seed);
        let engine = on_disk(&disk).expect("an empty disk opens");
        let mut acknowledged = Vec::new();
        let mut in_flight = Vec::new();
        for n in 0..12 {
            let ticket = engine.store(fact(&format!("Memory {n} of world {seed}.")), Call::default());
            if chance.one_in(2) {
                acknowledged.push(ticket.wait().expect("stored"));
            } else {
                in_flight.push(ticket);
            }
            if chance.one_in(4) {
                engine.checkpoint(Call::default()).wait().expect("snapshot");
            }
        }
        // The power goes while some are still on their way.
        let after = disk.crash(chance.bits());
        let again = on_disk(&after).unwrap_or_else(|error| panic!("world {seed} does not open: {error}"));
        for stored in &acknowledged {
            let memory = again.get(stored.id, Call::default()).wait();
            assert!(memory.is_ok(), "world {seed} lost {}", stored.id);
        }
        drop(in_flight);
    }
}

#[test]
fn a_failed_sync_stops_writes_keeps_reads_right_and_heals() {
    let disk = SimStorage::new(7);
    let engine = on_disk(&disk).expect("opens");
    let kept = engine.store(fact("The first one is safe."), Call::default()).wait().unwrap();
    // Whatever the next write does to the disk fails.
    (0..4).for_each(|ahead| disk.fail_at(disk.ops() + ahead, Fault::DeviceFails));
    let lost = engine.store(fact("The second one is not."), Call::default()).wait().unwrap_err();
    assert_eq!(lost.kind(), ErrorKind::Unavailable);
    let recalled = engine.retrieve(ask("Which one is not safe?"), Call::default()).wait().unwrap();
    let found: Vec<_> = recalled.memories.iter().map(|recalled| recalled.memory.id).collect();
    assert_eq!(found, [kept.id], "what was not acknowledged is not served");
    assert!(!engine.health().accepting_writes);
    let healed = (0..40).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(100));
        engine.store(fact("The third one is safe again."), Call::default()).wait().is_ok()
    });
    assert!(healed, "writes are accepted again once the disk works");
    engine.close();
    assert_eq!(on_disk(&disk).unwrap().health().memories, 2);
}

#[test]
fn a_full_disk_refuses_and_recovers() {
    let disk = SimStorage::new(9);
    let engine = on_disk(&disk).expect("opens");
    engine.store(fact("Before it was full."), Call::default()).wait().unwrap();
    disk.set_room(Some(disk.used_bytes() + 100));
    assert_eq!(
        engine.store(fact("No room for this."), Call::default()).wait().unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    assert_eq!(engine.health().memories, 1);
    disk.set_room(None);
    std::thread::sleep(std::time::Duration::from_millis(1100));
    assert!(engine.store(fact("Room again."), Call::default()).wait().is_ok());
    assert_eq!(engine.health().memories, 2);
}

/// An engine whose devices are lost after so many submissions, each anew.
fn engine_losing(device_lost_after: Option<u64>) -> EngineHandle {
    // Not the CPU by name, for which nothing else could step in.
    let device = DeviceKind::Auto;
    let config = config(common::SIMULATED.as_ref());
    let config = Config { device, device_lost_after, learn_from_recall: false, ..config };
    EngineHandle::open_on(SimStorage::new(3), model(), config).expect("an empty disk opens")
}

#[test]
fn a_device_that_is_lost_is_opened_again_or_makes_way_and_nobody_notices() {
    // Lost again and again after some work; lost at every use, so that the CPU must take its place.
    for (lost_after, falls_back) in [(40, false), (1, true)] {
        let (sure, lossy) = (engine_losing(None), engine_losing(Some(lost_after)));
        let mut answers = Vec::new();
        for engine in [&sure, &lossy] {
            let mut recalled = Vec::new();
            for n in 0..12 {
                let text = format!("Keeper {n} of lighthouse {} polishes lens {n}.", n % 4);
                engine.store(fact(&text), Call::default()).wait().expect("stored");
                let found = engine.retrieve(ask(&format!("Who polishes lens {n}?")), Call::default()).wait();
                let found = found.expect("recalled").memories;
                recalled.push(
                    found
                        .into_iter()
                        .map(|found| (found.memory.content, found.score.to_bits()))
                        .collect::<Vec<_>>(),
                );
            }
            answers.push(recalled);
        }
        assert_eq!(answers[0], answers[1], "lost after {lost_after}");
        let device = lossy.health().device;
        assert!(device.failures > 0 && device.fallback.is_some() == falls_back, "{device:?}");
        assert_eq!(
            (lossy.metrics().device_failures, lossy.metrics().device_fell_back),
            (device.failures, falls_back)
        );
    }
}

#[test]
fn writes_that_the_log_refused_are_forgotten_by_the_device_too() {
    let disk = SimStorage::new(11);
    let engine = on_disk(&disk).expect("opens");
    let say = |engine: &EngineHandle, text: &str| engine.store(fact(text), Call::default()).wait();
    let first = say(&engine, "The ferry to Runde leaves at nine.").expect("stored").id;
    for round in 0..3 {
        (0..4).for_each(|ahead| disk.fail_at(disk.ops() + ahead, Fault::DeviceFails));
        // Between two stores an update: the device is told of the first before the second is decided.
        let tickets: Vec<_> = (0..8)
            .map(|n| {
                let stored =
                    engine.store(fact(&format!("Nobody sees {n} of round {round}.")), Call::default());
                let content = Some(format!("The ferry to Runde leaves at {n}."));
                let updated = engine.update(Update { content, ..Update::of(first) }, Call::default());
                (stored, updated)
            })
            .collect();
        for (stored, updated) in tickets {
            assert!(stored.wait().is_err() && updated.wait().is_err(), "the disk failed");
        }
        let recalled = engine.retrieve(ask("Who sees nobody?"), Call::default()).wait().expect("reads go on");
        let unseen = format!("of round {round}");
        assert!(recalled.memories.iter().all(|found| !found.memory.content.contains(&unseen)));
        let healed = (0..200).any(|_| {
            std::thread::sleep(std::time::Duration::from_millis(50));
            say(&engine, &format!("Lamp {round} of the pier was lit.")).is_ok()
        });
        assert!(healed, "writes are accepted again");
    }
    // What was written of a refused batch may turn up again; either way the device knows what one that is filled anew knows.
    let files = disk.list().expect("a list").into_iter().map(|name| (name.clone(), disk.bytes(&name)));
    let files: Vec<(String, Vec<u8>)> = files.collect();
    let copy: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (&**name, &**bytes)).collect();
    let anew = on_disk(&SimStorage::with_files(&copy)).expect("opens");
    let mut pages = Vec::new();
    for engine in [&engine, &anew] {
        for n in 0..5 {
            say(engine, &format!("Boat {n} was painted by the keeper of lamp {n}.")).expect("stored");
        }
        let page = engine.page(None, 100, Call::default()).wait().expect("a page");
        pages.push(page.into_iter().map(|memory| (memory.content, memory.column)).collect::<Vec<_>>());
    }
    assert_eq!(pages[0], pages[1]);
}
