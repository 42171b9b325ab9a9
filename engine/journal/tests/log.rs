//! What the log does, call by call.

use cortexkg_journal::sim::{Counts, Fault, SimStorage};
use cortexkg_journal::{
    Corruption, DiskStorage, Error, Log, LogOptions, PAYLOAD_BYTES_MAX, Result, SegmentLog, Seq, Storage,
    snapshot, verify,
};

fn small() -> LogOptions {
    LogOptions { segment_bytes_max: 512 }
}

fn open(storage: &SimStorage) -> SegmentLog<SimStorage> {
    SegmentLog::open(storage.clone(), small()).expect("opens")
}

/// Appends records of 100 bytes, one batch each, so that about three share a segment.
fn append_each(log: &mut impl Log, count: u64) {
    for _ in 0..count {
        let payload = [log.tail().next().0 as u8; 100];
        log.append(&[&payload], log.tail()).expect("appends");
    }
}

fn read_all(log: &impl Log, from: u64) -> Vec<(u64, Vec<u8>)> {
    let records: Result<Vec<_>> = log.read(Seq(from)).expect("in range").collect();
    records.expect("sound").into_iter().map(|(seq, payload)| (seq.0, payload)).collect()
}

fn segments(storage: &SimStorage) -> Vec<String> {
    storage.list().unwrap().into_iter().filter(|name| name.ends_with(".seg")).collect()
}

#[test]
fn a_new_log_is_empty_and_begins_at_one() {
    let mut log = open(&SimStorage::new(0));
    assert_eq!((log.first(), log.tail(), log.epoch()), (Seq(1), Seq(0), 1));
    assert_eq!(log.read(Seq(1)).unwrap().count(), 0);
    assert_eq!(log.append(&[], Seq(0)).unwrap(), Seq(0), "an empty batch is no write");
    assert_eq!(log.append(&[b"", b"x"], Seq(0)).unwrap(), Seq(2));
    assert_eq!(read_all(&log, 1), [(1, vec![]), (2, b"x".to_vec())]);
    assert_eq!(read_all(&log, 2), [(2, b"x".to_vec())]);
}

#[test]
fn a_batch_costs_one_write_and_one_sync() {
    let storage = SimStorage::new(0);
    let mut log = SegmentLog::open(storage.clone(), LogOptions::default()).unwrap();
    let before = storage.counts();
    log.append(&[&[1u8; 600][..]; 5000], Seq(0)).unwrap();
    let after = storage.counts();
    let cost =
        Counts { appends: before.appends + 1, syncs: before.syncs + 1, folder_syncs: before.folder_syncs };
    assert_eq!(after, cost);
}

#[test]
fn the_expected_tail_must_be_the_tail() {
    let mut log = open(&SimStorage::new(0));
    append_each(&mut log, 3);
    for wrong in [0, 2, 4] {
        let refused = log.append(&[b"x"], Seq(wrong)).unwrap_err();
        assert!(matches!(refused, Error::TailMoved { expected, tail: Seq(3) } if expected == Seq(wrong)));
    }
    assert_eq!(log.append(&[b"x"], Seq(3)).unwrap(), Seq(4), "a refusal poisons nothing");
}

#[test]
fn a_record_too_large_is_refused_whole() {
    let mut log = open(&SimStorage::new(0));
    let large = vec![0; PAYLOAD_BYTES_MAX + 1];
    let refused = log.append(&[b"small", &large], Seq(0)).unwrap_err();
    assert!(matches!(refused, Error::RecordTooLarge { index: 1, .. }));
    assert_eq!(log.append(&[b"small"], Seq(0)).unwrap(), Seq(1));
}

#[test]
fn a_bad_option_names_its_field() {
    let options = LogOptions { segment_bytes_max: 255 };
    let refused = SegmentLog::open(SimStorage::new(0), options).unwrap_err();
    assert_eq!(refused.to_string(), "segment_bytes_max must be at least 256 bytes");
}

#[test]
fn segments_rotate_and_are_read_as_one() {
    let storage = SimStorage::new(0);
    let mut log = open(&storage);
    append_each(&mut log, 20);
    assert!(segments(&storage).len() > 4);
    let all = read_all(&log, 1);
    assert_eq!(all.len(), 20);
    assert!(all.iter().zip(1..).all(|((seq, payload), n)| *seq == n && payload == &[n as u8; 100]));
    for from in 1..=21 {
        assert_eq!(read_all(&log, from), all[from as usize - 1..]);
    }
    let used: u64 = segments(&storage).iter().map(|name| storage.bytes(name).len() as u64).sum();
    assert_eq!(log.bytes(), used);
}

#[test]
fn reopening_finds_everything_in_a_new_epoch() {
    let storage = SimStorage::new(0);
    for epoch in 1..=6 {
        let mut log = open(&storage);
        assert_eq!((log.epoch(), log.recovery().truncated_bytes), (epoch, 0));
        assert_eq!(log.tail(), Seq(4 * (epoch - 1)));
        assert_eq!(log.recovery().records, 4 * (epoch - 1));
        append_each(&mut log, 4);
        if epoch % 2 == 0 {
            log.close().unwrap();
        }
    }
    assert_eq!(read_all(&open(&storage), 1).len(), 24);
}

#[test]
fn one_writer_at_a_time() {
    let storage = SimStorage::new(0);
    let log = open(&storage);
    let second = SegmentLog::open(storage.clone(), small()).unwrap_err();
    assert!(matches!(second, Error::Locked { .. }));
    drop(log);
    open(&storage);
}

#[test]
fn trimming_removes_whole_segments_and_is_remembered() {
    let storage = SimStorage::new(0);
    let mut log = open(&storage);
    append_each(&mut log, 20);
    let before = segments(&storage);
    log.trim(Seq(1)).unwrap();
    assert_eq!(segments(&storage), before, "nothing lies wholly before the first record");
    log.trim(Seq(10)).unwrap();
    let first = log.first();
    assert!(first > Seq(1) && first <= Seq(10));
    assert!(segments(&storage).len() < before.len());
    assert_eq!(read_all(&log, first.0).len() as u64, 21 - first.0);
    for outside in [0, 1, first.0 - 1, 22] {
        let refused = log.read(Seq(outside)).unwrap_err();
        assert!(matches!(refused, Error::OutOfRange { asked, tail: Seq(20), .. } if asked == Seq(outside)));
    }
    assert!(matches!(log.trim(Seq(22)), Err(Error::OutOfRange { .. })));
    drop(log);
    let mut log = open(&storage);
    assert_eq!((log.first(), log.tail()), (first, Seq(20)));
    log.trim(Seq(21)).unwrap();
    assert_eq!(segments(&storage).len(), 1, "the active segment stays");
    append_each(&mut log, 1);
    assert_eq!(log.tail(), Seq(21));
}

#[test]
fn a_reader_keeps_its_range_while_the_log_goes_on() {
    let storage = SimStorage::new(0);
    let mut log = open(&storage);
    append_each(&mut log, 10);
    let mut reader = log.read(Seq(5)).unwrap();
    assert_eq!(reader.next_record().unwrap().unwrap().0, Seq(5));
    append_each(&mut log, 10);
    let rest: Vec<u64> = reader.map(|record| record.unwrap().0.0).collect();
    assert_eq!(rest, [6, 7, 8, 9, 10]);
}

#[test]
fn a_reader_overtaken_by_a_trim_says_so() {
    let storage = SimStorage::new(0);
    let mut log = open(&storage);
    append_each(&mut log, 20);
    let mut reader = log.read(Seq(1)).unwrap();
    log.trim(Seq(20)).unwrap();
    assert!(matches!(reader.next_record(), Err(Error::OutOfRange { asked: Seq(1), .. })));
}

#[test]
fn any_failed_operation_of_an_append_is_final_until_reopened() {
    // With a batch that also rotates: create, header, sync, folder sync, seal, sync, rename, folder sync,
    // frames, sync.
    for op in 0..10 {
        let storage = SimStorage::new(op);
        let mut log = open(&storage);
        append_each(&mut log, 3);
        storage.fail_at(storage.ops() + op, Fault::DeviceFails);
        assert!(
            matches!(log.append(&[&[4; 100]], Seq(3)), Err(Error::DeviceFailed { .. })),
            "operation {op}"
        );
        assert_eq!(log.tail(), Seq(3));
        assert!(matches!(log.append(&[b"x"], Seq(3)), Err(Error::Poisoned { .. })));
        assert!(matches!(log.mark(), Err(Error::Poisoned { .. })));
        assert!(matches!(log.trim(Seq(1)), Err(Error::Poisoned { .. })));
        assert_eq!(read_all(&log, 1).len(), 3, "reading goes on");
        drop(log);
        let mut log = open(&storage);
        assert!(log.tail() == Seq(3) || log.tail() == Seq(4), "the unacknowledged record may be there");
        append_each(&mut log, 3);
        // Whatever the failed sync dropped, what was found on reopening is durable now.
        let tail = log.tail();
        for seed in 0..20 {
            assert_eq!(open(&storage.crash(seed)).tail(), tail, "operation {op}, crash {seed}");
        }
    }
}

#[test]
fn what_reopening_shows_after_a_failed_sync_survives_a_power_cut() {
    for seed in 0..50 {
        let storage = SimStorage::new(seed);
        let mut log = open(&storage);
        append_each(&mut log, 1);
        storage.fail_at(storage.ops() + 1, Fault::DeviceFails);
        log.append(&[&[2; 100]], Seq(1)).unwrap_err();
        drop(log);
        let log = open(&storage);
        assert_eq!(log.tail(), Seq(2), "the pages are still seen");
        assert_eq!(read_all(&open(&storage.crash(seed)), 1), read_all(&log, 1));
    }
}

#[test]
fn a_full_disk_ends_writing_until_there_is_room() {
    let storage = SimStorage::new(0);
    let mut log = open(&storage);
    append_each(&mut log, 2);
    storage.set_room(Some(storage.used_bytes() + 60));
    assert!(matches!(log.append(&[&[3; 100]], Seq(2)), Err(Error::DiskFull { .. })));
    assert!(matches!(log.append(&[b""], Seq(2)), Err(Error::Poisoned { .. })));
    drop(log);
    let log = open(&storage);
    assert_eq!((log.tail(), log.recovery().truncated_bytes), (Seq(2), 60), "there is room for the mark");
    drop(log);
    assert!(matches!(SegmentLog::open(storage.clone(), small()), Err(Error::DiskFull { .. })));
    storage.set_room(None);
    let mut log = open(&storage);
    append_each(&mut log, 2);
    assert_eq!(read_all(&log, 1).len(), 4);
}

#[test]
fn a_reader_stops_for_good_at_damage() {
    let storage = SimStorage::new(0);
    let mut log = open(&storage);
    append_each(&mut log, 10);
    storage.flip_bit(&segments(&storage)[1], 100, 0);
    let mut reader = log.read(Seq(1)).unwrap();
    let good = reader.by_ref().take_while(Result::is_ok).count();
    assert!(good > 0 && good < 10);
    assert!(reader.next().is_none(), "nothing behind the damage is served");
}

#[test]
fn a_rotation_cut_short_is_finished_on_opening() {
    // The rename that names the new segment is the seventh operation.
    let storage = SimStorage::new(0);
    let mut log = open(&storage);
    append_each(&mut log, 3);
    storage.fail_at(storage.ops() + 6, Fault::PowerCut);
    log.append(&[&[4; 100]], Seq(3)).unwrap_err();
    let left = storage.crash(0);
    assert_eq!(verify::verify(&left).unwrap().problems, []);
    let mut log = open(&left.crash(0));
    assert_eq!((log.tail(), log.recovery().segments), (Seq(3), 2));
    append_each(&mut log, 3);
    assert_eq!(read_all(&log, 1).len(), 6);
    for byte in 0..64 {
        let bad = left.crash(0);
        bad.flip_bit("segment.tmp", byte, 1);
        assert_eq!(verify::verify(&bad).unwrap().problems.len(), 1);
        assert!(matches!(SegmentLog::open(bad, small()), Err(Error::Corrupt { .. })));
    }
}

#[test]
fn missing_files_are_corruption() {
    let storage = SimStorage::new(0);
    let mut log = open(&storage);
    append_each(&mut log, 10);
    log.close().unwrap();
    let names = segments(&storage);
    for name in &names {
        let storage = storage.crash(0);
        storage.remove(name).unwrap();
        let refused = SegmentLog::open(storage, small()).expect_err("refused");
        let Error::Corrupt { file, why: Corruption::SegmentMissing { .. }, .. } = &refused else {
            panic!("without {name}: {refused}");
        };
        assert_eq!(file, name);
    }
}

#[test]
fn a_log_that_ends_before_its_snapshot_is_corrupt() {
    let storage = SimStorage::new(0);
    let mut log = open(&storage);
    append_each(&mut log, 2);
    snapshot::write(&storage, Seq(2), |_| Ok(())).unwrap();
    log.close().unwrap();
    let name = &segments(&storage)[0];
    storage.remove(name).unwrap();
    let refused = SegmentLog::open(storage, small()).expect_err("refused");
    let why = Corruption::LogBehindSnapshot { snapshot: Seq(2), tail: Seq(0) };
    assert!(matches!(refused, Error::Corrupt { why: found, .. } if found == why));
}

#[test]
fn segments_of_another_log_do_not_fit() {
    let make = |byte: u8| {
        let storage = SimStorage::new(0);
        let mut log = open(&storage);
        for _ in 0..8 {
            log.append(&[&[byte; 100]], log.tail()).unwrap();
        }
        storage
    };
    let (mine, other) = (make(1), make(2));
    let names = segments(&mine);
    for name in &names[..names.len() - 1] {
        let files: Vec<_> = names
            .iter()
            .map(|n| (n.clone(), if n == name { other.bytes(n) } else { mine.bytes(n) }))
            .collect();
        let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
        let refused = SegmentLog::open(SimStorage::with_files(&files), small()).expect_err("refused");
        assert!(matches!(refused, Error::Corrupt { why: Corruption::Chain, .. }), "{refused}");
    }
}

#[test]
fn the_same_on_a_real_folder() {
    let folder = tempfile::tempdir().unwrap();
    let storage = || DiskStorage::create(folder.path().join("log")).unwrap();
    let mut log = SegmentLog::open(storage(), small()).unwrap();
    append_each(&mut log, 10);
    assert!(matches!(SegmentLog::open(storage(), small()), Err(Error::Locked { .. })));
    let reader = log.read(Seq(4)).unwrap();
    log.trim(Seq(4)).unwrap();
    assert_eq!(
        std::thread::spawn(move || reader.count()).join().unwrap(),
        7,
        "readers may move to other threads"
    );
    log.close().unwrap();
    let mut log = SegmentLog::open(storage(), small()).unwrap();
    assert_eq!((log.first(), log.tail(), log.epoch()), (Seq(4), Seq(10), 2));
    append_each(&mut log, 1);
    drop(log);
    // What a killed process leaves: half a frame.
    let last = storage().list().unwrap().into_iter().filter(|name| name.ends_with(".seg")).max().unwrap();
    let path = folder.path().join("log").join(last);
    let len = std::fs::metadata(&path).unwrap().len();
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len - 5).unwrap();
    let log = SegmentLog::open(storage(), small()).unwrap();
    assert_eq!((log.tail(), log.recovery().truncated_bytes), (Seq(10), 135));
    assert_eq!(read_all(&log, 4).len(), 7);
}
