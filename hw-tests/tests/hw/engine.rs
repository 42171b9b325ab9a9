//! The engine on pairs of devices that must agree: an import, many recalls, changes, analyses; and for as long as is asked.

use std::time::{Duration, Instant};

use cortexkg_compute::DeviceChoice;
use cortexkg_engine::{Call, EngineHandle};
use cortexkg_hw_tests::world::{Answer, World, analyze, engine, memories};
use cortexkg_hw_tests::{options, twins};

use super::alone;

/// Everything an engine is asked for, and what it recalled.
fn everything(engine: &EngineHandle) -> Vec<Answer> {
    let mut world = World::new(1);
    let ids = world.import(engine, memories()).expect("an import");
    let mut answers = world.recalls(engine, 200).expect("recalls");
    let left = world.change(engine, ids).expect("changes");
    answers.extend(world.recalls(engine, 50).expect("recalls"));
    analyze(engine).expect("analyses");
    engine.checkpoint(Call::default()).wait().expect("a snapshot");
    assert_eq!(engine.health().memories, left.len() as u64);
    answers
}

/// If the engine computed on its device to the end. A kernel that has no form for a card yet is said and forgiven; what fails in
/// another way is not.
fn stayed(engine: &EngineHandle, asked: &DeviceChoice) -> bool {
    let device = engine.health().device;
    match device.fallback {
        Some(why) if why.contains("does not run on") => {
            println!("SKIPPED {asked}: {why}");
            false
        }
        fallback => {
            assert!(
                fallback.is_none() && device.failures == 0,
                "{asked}: {fallback:?}, {} failures",
                device.failures
            );
            println!("{asked}: all on {}", device.name);
            true
        }
    }
}

#[test]
fn an_import_and_many_recalls_agree_on_two_devices() {
    let _alone = alone();
    let folder = tempfile::tempdir().expect("a folder");
    let alone = everything(&engine(&folder.path().join("alone"), options(DeviceChoice::Cpu, 4 << 30)));
    assert!(
        alone.iter().filter(|answer| !answer.is_empty()).count() > alone.len() / 2,
        "hardly anything is recalled"
    );
    for (number, twin) in twins().into_iter().enumerate() {
        let both = engine(&folder.path().join(number.to_string()), options(twin.clone(), 4 << 30));
        let answers = everything(&both);
        // The left side is taken for right, and a CPU is on the left.
        assert!(answers == alone, "{twin} recalls something else");
        stayed(&both, &twin);
    }
}

#[test]
fn soak() {
    let _alone = alone();
    let minutes = std::env::var("CORTEXKG_SOAK_MINUTES").ok();
    let minutes = minutes.map(|text| text.parse::<f64>().expect("CORTEXKG_SOAK_MINUTES is a number"));
    let folder = tempfile::tempdir().expect("a folder");
    for (number, twin) in twins().into_iter().enumerate() {
        let place = folder.path().join(number.to_string());
        let mut both = engine(&place, options(twin.clone(), 4 << 30));
        let mut world = World::new(2);
        let (begun, mut rounds, mut kept) = (Instant::now(), 0u64, Vec::new());
        let mut highest = 0;
        loop {
            // What is remembered stays about as much, so that what grows nevertheless is seen.
            let added = world.import(&both, 40).expect("an import");
            kept.extend(added);
            kept = world.change(&both, kept).expect("changes");
            world.recalls(&both, 40).expect("recalls");
            if rounds % 8 == 7 {
                analyze(&both).expect("analyses");
                both.checkpoint(Call::default()).wait().expect("a snapshot");
            }
            if rounds % 16 == 15 {
                // As after a power cut, on the same folder.
                both.close();
                both = engine(&place, options(twin.clone(), 4 << 30));
            }
            rounds += 1;
            let health = both.health();
            assert_eq!(health.memories, kept.len() as u64, "round {rounds}");
            assert_eq!(health.queue_rows, 0, "round {rounds}");
            highest = highest.max(both.metrics().device_bytes);
            if !stayed(&both, &twin) {
                break;
            }
            match minutes {
                Some(minutes) if begun.elapsed() < Duration::from_secs_f64(60.0 * minutes) => {}
                None if rounds < 3 => {}
                _ => break,
            }
        }
        // A tenth of each round's memories goes, so some four hundred stay; with all arrays grown to twice, 64 KiB each is plenty.
        assert!(highest < 64 << 20, "{twin}: {highest} bytes on the device after {rounds} rounds");
        println!("{twin}: {rounds} rounds, at most {highest} bytes on the device");
    }
}
