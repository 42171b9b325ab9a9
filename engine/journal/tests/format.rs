//! A folder written by format version 1 opens, byte for byte as it was.
//!
//! The files under `golden/v1` are never rewritten. When the format changes, this release's files go beside
//! them as `golden/v2` (`cargo test -p cortexkg-journal --test format -- --ignored` writes the newest), and
//! both must be read.

use std::io::{Read, Write};
use std::path::PathBuf;

use cortexkg_journal::sim::SimStorage;
use cortexkg_journal::{Error, Log, LogOptions, SegmentLog, Seq, Storage, snapshot, verify};

const FILES: [&str; 3] =
    ["00000000000000000001.seg", "00000000000000000003.seg", "00000000000000000002.snap"];

fn golden(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(file)
}

fn options() -> LogOptions {
    LogOptions { segment_bytes_max: 300 }
}

fn records() -> [Vec<u8>; 4] {
    [b"the first record".to_vec(), (0..=255).collect(), Vec::new(), "vierter \u{2713}".into()]
}

/// A sealed and an active segment, two epochs, a snapshot: one of each.
fn written_now() -> SimStorage {
    let storage = SimStorage::new(0);
    let [first, second, third, fourth] = records();
    let mut log = SegmentLog::open(storage.clone(), options()).unwrap();
    log.append(&[&first, &second], Seq(0)).unwrap();
    snapshot::write(&storage, Seq(2), |out| out.write_all(b"snapshot of two records")).unwrap();
    log.append(&[&third], Seq(2)).unwrap();
    log.close().unwrap();
    let mut log = SegmentLog::open(storage.clone(), options()).unwrap();
    log.append(&[&fourth], Seq(3)).unwrap();
    storage
}

fn kept() -> SimStorage {
    let bytes = FILES.map(|file| std::fs::read(golden(file)).expect("the golden file is checked in"));
    let files: Vec<_> = FILES.iter().zip(&bytes).map(|(file, bytes)| (*file, bytes.as_slice())).collect();
    SimStorage::with_files(&files)
}

#[test]
fn version_1_is_read() {
    let storage = kept();
    let report = verify::verify(&storage).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.segments, report.records, report.epoch, report.torn_bytes), (2, 4, 2, 0));

    let mut log = SegmentLog::open(storage.clone(), options()).unwrap();
    assert_eq!((log.first(), log.tail(), log.epoch()), (Seq(1), Seq(4), 3));
    let found: Vec<Vec<u8>> = log.read(Seq(1)).unwrap().map(|record| record.unwrap().1).collect();
    assert_eq!(found, records());
    let mut content = String::new();
    let mut latest = snapshot::latest(&storage).unwrap().unwrap();
    assert_eq!(latest.seq(), Seq(2));
    latest.read_to_string(&mut content).unwrap();
    assert_eq!(content, "snapshot of two records");
    log.append(&[b"and it goes on"], Seq(4)).unwrap();
}

#[test]
fn version_1_is_what_is_written() {
    let (kept, now) = (kept(), written_now());
    for file in FILES {
        assert_eq!(kept.bytes(file), now.bytes(file), "{file}: a changed format needs a new version");
    }
}

/// The layout of the crate header, read by hand.
#[test]
fn the_documented_bytes_are_the_bytes() {
    let bytes = kept().bytes(FILES[0]);
    assert_eq!(&bytes[..10], b"CKseg\r\n\0\x01\0");
    assert_eq!(&bytes[16..32], [1, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0], "first record, epoch");
    let frame = &bytes[64..];
    assert_eq!(&frame[..10], b"CKfr\x01\x01\x10\0\0\0", "magic, version, kind, length");
    assert_eq!(&frame[14..30], [1, 0, 0, 0, 0, 0, 0, 0, 64, 0, 0, 0, 0, 0, 0, 0], "sequence, durable before");
    assert_eq!(&frame[38..54], b"the first record");
    assert_eq!(&frame[54..56], [0xC5, 0x3A]);
    let crc = |bytes: &[u8]| crc32c::crc32c(bytes).to_le_bytes();
    assert_eq!(bytes[60..64], crc(&bytes[..60]));
    assert_eq!(frame[30..34], crc(b"the first record"));
    let bound = [&bytes[60..64], &64u64.to_le_bytes(), &frame[..34]].concat();
    assert_eq!(frame[34..38], crc(&bound));
}

#[test]
fn a_later_version_is_refused_untouched() {
    let mut bytes = kept().bytes(FILES[0]);
    bytes[8] = 2;
    let crc = crc32c::crc32c(&bytes[..60]).to_le_bytes();
    bytes[60..64].copy_from_slice(&crc);
    let storage = SimStorage::with_files(&[(FILES[0], &bytes)]);
    let refused = SegmentLog::open(storage.clone(), options()).unwrap_err();
    assert!(matches!(refused, Error::UnsupportedVersion { found: 2, known: 1, .. }));
    assert_eq!(storage.bytes(FILES[0]), bytes);
    assert_eq!(verify::verify(&storage).unwrap().problems.len(), 1);
}

#[test]
#[ignore = "writes the golden files of a new format version"]
fn write_golden() {
    let storage = written_now();
    assert_eq!(storage.list().unwrap().len(), FILES.len());
    for file in FILES {
        assert!(!golden(file).exists(), "{file}: golden files are never rewritten");
        std::fs::create_dir_all(golden(file).parent().unwrap()).unwrap();
        std::fs::write(golden(file), storage.bytes(file)).unwrap();
    }
}
