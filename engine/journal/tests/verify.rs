//! `verify` finds what is wrong, says where, and touches nothing.

use std::io::Write;

use cortexkg_journal::sim::SimStorage;
use cortexkg_journal::verify::{Report, verify};
use cortexkg_journal::{DiskStorage, Log, LogOptions, SegmentLog, Seq, Storage, snapshot};

/// Several sealed segments, two snapshots.
fn folder() -> SimStorage {
    let storage = SimStorage::new(0);
    let mut log = SegmentLog::open(storage.clone(), LogOptions { segment_bytes_max: 512 }).unwrap();
    for seq in 0..12 {
        log.append(&[&[seq as u8; 100]], Seq(seq)).unwrap();
        if seq % 5 == 4 {
            snapshot::write(&storage, Seq(seq + 1), |out| out.write_all(&[9; 50])).unwrap();
        }
    }
    log.close().unwrap();
    storage
}

fn problems(storage: &SimStorage) -> Vec<(String, u64)> {
    verify(storage).unwrap().problems.into_iter().map(|problem| (problem.file, problem.offset)).collect()
}

#[test]
fn an_empty_folder_is_sound() {
    assert_eq!(verify(&SimStorage::new(0)).unwrap(), Report::default());
}

#[test]
fn a_sound_folder_is_reported_as_it_is_and_left_so() {
    let storage = folder();
    let before = (storage.ops(), storage.list().unwrap());
    let report = verify(&storage).unwrap();
    assert_eq!((report.first, report.tail, report.records, report.epoch), (Seq(1), Seq(12), 12, 1));
    assert_eq!(report.snapshots, [Seq(5), Seq(10)]);
    assert_eq!((report.torn_bytes, report.problems), (0, vec![]));
    assert_eq!((storage.ops(), storage.list().unwrap()), before);
}

#[test]
fn each_damaged_file_is_named_with_its_place() {
    let storage = folder();
    let names: Vec<String> = storage.list().unwrap().into_iter().filter(|name| name != "lock").collect();
    assert!(names.len() > 5);
    for name in &names {
        storage.flip_bit(name, 70, 0);
    }
    let found = problems(&storage);
    let files: std::collections::BTreeSet<_> = found.iter().map(|(file, _)| file.clone()).collect();
    assert_eq!(files, names.into_iter().collect());
    for (file, offset) in found {
        let begins = if file.ends_with(".seg") { 64 } else { 32 };
        assert_eq!(offset, begins, "{file}: the frame or block that holds byte 70");
    }
}

#[test]
fn every_single_flip_anywhere_is_a_problem() {
    let storage = folder();
    for name in storage.list().unwrap() {
        for byte in 0..storage.bytes(&name).len() as u64 {
            let storage = storage.crash(0);
            storage.flip_bit(&name, byte, (byte % 8) as u8);
            assert_ne!(problems(&storage), [], "byte {byte} of {name}");
        }
    }
}

#[test]
fn a_missing_segment_is_named() {
    let storage = folder();
    for name in storage.list().unwrap().into_iter().filter(|name| name.ends_with(".seg")) {
        let storage = storage.crash(0);
        storage.remove(&name).unwrap();
        assert!(problems(&storage).contains(&(name.clone(), 0)), "{name}");
    }
}

#[test]
fn a_torn_tail_is_no_problem() {
    let storage = SimStorage::new(0);
    let mut log = SegmentLog::open(storage.clone(), LogOptions::default()).unwrap();
    log.append(&[b"acknowledged"], Seq(0)).unwrap();
    storage.set_room(Some(storage.used_bytes() + 45));
    log.append(&[&[1; 100]], Seq(1)).unwrap_err();
    let report = verify(&storage).unwrap();
    assert_eq!((report.tail, report.torn_bytes, report.problems), (Seq(1), 45, vec![]));
}

/// Beside a writer that appends, rotates and trims on a real folder, nothing sound is ever called a problem.
#[test]
fn a_busy_writer_is_no_problem() {
    let folder = tempfile::tempdir().unwrap();
    let storage = DiskStorage::open(folder.path()).unwrap();
    let mut log = SegmentLog::open(storage.clone(), LogOptions { segment_bytes_max: 2000 }).unwrap();
    let writer = std::thread::spawn(move || {
        for _ in 0..100 {
            log.append(&[&[1; 300], &[2; 300]], log.tail()).unwrap();
            if log.tail().0.is_multiple_of(40) {
                log.trim(Seq(log.tail().0 - 10)).unwrap();
            }
        }
    });
    let mut checks = 0;
    while !writer.is_finished() || checks == 0 {
        match verify(&storage) {
            Ok(report) => assert_eq!(report.problems, []),
            // Trimmed under the check again and again: an answer, if not the one hoped for.
            Err(e) => assert!(e.to_string().contains("cannot open"), "{e}"),
        }
        checks += 1;
    }
    writer.join().unwrap();
    assert_eq!(verify(&storage).unwrap().tail, Seq(200));
}
