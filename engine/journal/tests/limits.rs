//! Where the line between a torn write and corruption runs, exactly.

use cortexkg_journal::sim::SimStorage;
use cortexkg_journal::{
    Corruption, Error, Log, LogOptions, SegmentLog, Seq, Storage, StorageFile, snapshot, verify,
};

const SEGMENT: &str = "00000000000000000001.seg";
const FRAME_EXTRA_BYTES: u64 = 40;

fn open(storage: &SimStorage) -> Result<SegmentLog<SimStorage>, Error> {
    SegmentLog::open(storage.clone(), LogOptions::default())
}

/// Two acknowledged batches; then the power goes. Nothing was written after the second.
fn two_batches() -> (SimStorage, u64) {
    let storage = SimStorage::new(0);
    let mut log = open(&storage).unwrap();
    log.append(&[&[1; 300]], Seq(0)).unwrap();
    let second_at = log.bytes();
    log.append(&[&[2; 300]], Seq(1)).unwrap();
    (storage, second_at)
}

fn flip(storage: &SimStorage, bytes: &[u64]) {
    for byte in bytes {
        storage.flip_bit(SEGMENT, *byte, 3);
    }
}

fn why(opened: Result<SegmentLog<SimStorage>, Error>) -> Corruption {
    match opened.expect_err("refused") {
        Error::Corrupt { why, file, .. } if file == SEGMENT => why,
        e => panic!("{e}"),
    }
}

#[test]
fn one_flipped_bit_in_the_last_batch_is_corruption() {
    let (storage, second_at) = two_batches();
    for byte in 0..FRAME_EXTRA_BYTES + 300 {
        let storage = storage.crash(0);
        flip(&storage, &[second_at + byte]);
        assert_eq!(why(open(&storage)), Corruption::FlippedBit { bit: byte * 8 + 3 });
    }
}

#[test]
fn wider_damage_in_the_last_batch_before_a_power_cut_is_the_limit() {
    let (storage, second_at) = two_batches();
    flip(&storage, &[second_at + 50, second_at + 60]);
    let log = open(&storage).expect("taken for a torn write");
    assert_eq!((log.tail(), log.recovery().truncated_bytes), (Seq(1), FRAME_EXTRA_BYTES + 300));
}

#[test]
fn any_damage_before_the_last_batch_is_corruption() {
    let (storage, second_at) = two_batches();
    flip(&storage, &[second_at - 50, second_at - 60, second_at - 70]);
    assert_eq!(why(open(&storage)), Corruption::VouchedFor { by: second_at });
}

#[test]
fn a_close_a_mark_and_the_next_open_each_vouch_for_the_last_batch() {
    let vouchers: [fn(&SimStorage); 3] = [
        |storage| open(storage).unwrap().close().unwrap(),
        |storage| open(storage).unwrap().mark().unwrap(),
        |storage| drop(open(storage).unwrap()),
    ];
    for vouch in vouchers {
        let (storage, second_at) = two_batches();
        vouch(&storage);
        flip(&storage, &[second_at + 50, second_at + 60]);
        assert!(matches!(why(open(&storage)), Corruption::VouchedFor { .. }));
    }
}

#[test]
fn an_end_cut_off_at_a_frame_border_shows_only_against_a_snapshot() {
    for with_snapshot in [false, true] {
        let (storage, second_at) = two_batches();
        if with_snapshot {
            snapshot::write(&storage, Seq(2), |_| Ok(())).unwrap();
        }
        let mut file = storage.open_append(SEGMENT).unwrap();
        file.truncate(second_at).unwrap();
        file.sync().unwrap();
        if with_snapshot {
            let expected = Corruption::LogBehindSnapshot { snapshot: Seq(2), tail: Seq(1) };
            assert_eq!(verify::verify(&storage).unwrap().problems.len(), 1);
            assert_eq!(why(open(&storage)), expected);
        } else {
            assert_eq!(open(&storage).unwrap().tail(), Seq(1), "nothing is left that knew of it");
        }
    }
}

/// The one torn write that is taken for corruption: a whole sector inside a payload with a single set bit,
/// lost as zeros while all the rest of its frame arrived. Refusing to open is the safer mistake.
#[test]
fn a_lost_sector_that_held_a_single_bit_errs_on_the_side_of_stopping() {
    let storage = SimStorage::new(0);
    let mut log = open(&storage).unwrap();
    let payload_at = log.bytes() + FRAME_EXTRA_BYTES - 2;
    let mut payload = vec![0; 2000];
    let in_sector = (1024 + 100 - payload_at) as usize;
    payload[in_sector] = 1 << 5;
    log.append(&[&payload], Seq(0)).unwrap();
    storage.flip_bit(SEGMENT, 1024 + 100, 5);
    assert!(storage.bytes(SEGMENT)[1024..1536].iter().all(|&byte| byte == 0));
    assert!(matches!(why(open(&storage.crash(0))), Corruption::FlippedBit { .. }));
}

/// A payload that is itself a log, stored in a log, must not vouch for anything in it.
#[test]
fn a_log_inside_a_torn_record_is_not_taken_for_frames() {
    let inner = two_batches().0.bytes(SEGMENT);
    let storage = SimStorage::new(0);
    let mut log = open(&storage).unwrap();
    let at = log.bytes();
    log.append(&[&inner], Seq(0)).unwrap();
    drop(log);
    flip(&storage, &[at, at + 1, at + 2]);
    let log = open(&storage).unwrap();
    assert_eq!(
        (log.tail(), log.recovery().truncated_bytes),
        (Seq(0), FRAME_EXTRA_BYTES + inner.len() as u64)
    );
}
