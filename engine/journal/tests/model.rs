//! Any sequence of calls does what a plain vector would do.

use cortexkg_journal::sim::SimStorage;
use cortexkg_journal::{Log, LogOptions, SegmentLog, Seq, snapshot, verify};
use proptest::prelude::*;
use std::io::{Read, Write};

#[derive(Clone, Debug)]
enum Action {
    Append(Vec<Vec<u8>>),
    /// To a place given as a fraction of the records there are.
    Trim(f64),
    Snapshot(Vec<u8>),
    Mark,
    Close,
    Kill,
    PowerCut(u64),
    Read(f64),
}

fn action() -> impl Strategy<Value = Action> {
    let payload = prop::collection::vec(any::<u8>(), 0..200);
    prop_oneof![
        8 => prop::collection::vec(payload.clone(), 0..6).prop_map(Action::Append),
        1 => (0.0..=1.0).prop_map(Action::Trim),
        1 => payload.prop_map(Action::Snapshot),
        1 => Just(Action::Mark),
        1 => Just(Action::Close),
        1 => Just(Action::Kill),
        1 => any::<u64>().prop_map(Action::PowerCut),
        3 => (0.0..=1.0).prop_map(Action::Read),
    ]
}

/// What the log should hold: everything ever appended, and what of it may be gone.
#[derive(Default)]
struct Model {
    records: Vec<Vec<u8>>,
    /// The log answers at least from here on.
    trimmed_to: u64,
    snapshot: Option<(Seq, Vec<u8>)>,
}

impl Model {
    fn check(&self, log: &SegmentLog<SimStorage>, from: Seq) {
        assert_eq!(log.tail(), Seq(self.records.len() as u64));
        assert!(log.first() <= Seq(self.trimmed_to.max(1)));
        let found: Vec<_> = log.read(from).expect("in range").map(|record| record.expect("sound")).collect();
        let expected: Vec<_> = (from.0..=self.records.len() as u64)
            .map(|n| (Seq(n), self.records[n as usize - 1].clone()))
            .collect();
        assert_eq!(found, expected);
    }

    /// The sequence at a fraction of the way, up to the one after the tail.
    fn at(&self, fraction: f64) -> Seq {
        Seq(1 + (fraction * self.records.len() as f64) as u64)
    }
}

proptest! {
    #[test]
    fn the_log_is_a_vector(
        segment_bytes_max in 256u64..2000,
        actions in prop::collection::vec(action(), 1..60),
    ) {
        let options = LogOptions { segment_bytes_max };
        let mut storage = SimStorage::new(0);
        let mut log = SegmentLog::open(storage.clone(), options).unwrap();
        let mut model = Model::default();
        for action in actions {
            let mut reopen = None;
            match action {
                Action::Append(batch) => {
                    let refs: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
                    let seq = log.append(&refs, log.tail()).unwrap();
                    model.records.extend(batch);
                    prop_assert_eq!(seq.0 as usize, model.records.len());
                }
                Action::Trim(fraction) => {
                    let to = model.at(fraction);
                    log.trim(to).unwrap();
                    model.trimmed_to = model.trimmed_to.max(to.0);
                }
                Action::Snapshot(content) => {
                    snapshot::write(&storage, log.tail(), |out| out.write_all(&content)).unwrap();
                    model.snapshot = Some((log.tail(), content));
                }
                Action::Mark => log.mark().unwrap(),
                Action::Close => {
                    log.close().unwrap();
                    reopen = Some(storage.clone());
                    log = SegmentLog::open(SimStorage::new(0), options).unwrap();
                }
                Action::Kill => reopen = Some(storage.clone()),
                Action::PowerCut(seed) => reopen = Some(storage.crash(seed)),
                Action::Read(fraction) => model.check(&log, model.at(fraction).max(log.first())),
            }
            if let Some(next) = reopen {
                drop(log);
                storage = next;
                log = SegmentLog::open(storage.clone(), options).unwrap();
                prop_assert_eq!(log.recovery().truncated_bytes, 0);
            }
        }
        model.check(&log, log.first());
        let latest = snapshot::latest(&storage).unwrap().map(|mut snapshot| {
            let mut content = Vec::new();
            snapshot.read_to_end(&mut content).unwrap();
            (snapshot.seq(), content)
        });
        prop_assert_eq!(latest, model.snapshot);
        let report = verify::verify(&storage).unwrap();
        prop_assert_eq!(&report.problems, &[]);
        prop_assert_eq!((report.first, report.tail), (log.first(), log.tail()));
        prop_assert_eq!((report.bytes, report.epoch, report.torn_bytes), (log.bytes(), log.epoch(), 0));
    }
}
