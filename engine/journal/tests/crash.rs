//! Power cuts at every kind of moment, and bit flips in what survived.
//!
//! A world is a log with snapshots on a simulated disk. It works until its power is cut at a random
//! operation; then the disk is looked at as several different cuts might have left it, and each must hold
//! what was acknowledged. One of them is worked on further, so recovery is cut short as well. In each, one
//! durable bit is flipped, and that must be noticed.
//!
//! `CORTEXKG_CRASH_POINTS` sets the number of cuts looked at (default 100,000), `CORTEXKG_TEST_SEED` the
//! first seed; a failure prints the seed of its world: run that one alone with `CORTEXKG_CRASH_POINTS=1`.

use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use cortexkg_journal::sim::{Fault, Random, SimStorage};
use cortexkg_journal::{
    Corruption, Error, Log, LogOptions, Result, SegmentLog, Seq, Storage, snapshot, verify,
};

const GENERATIONS: u64 = 4;
const CUTS_PER_GENERATION: u64 = 3;

#[test]
fn nothing_acknowledged_is_lost_and_no_flip_goes_unseen() {
    let points = from_env("CORTEXKG_CRASH_POINTS", 100_000);
    let first_seed = from_env("CORTEXKG_TEST_SEED", 1);
    println!("{points} crash points from CORTEXKG_TEST_SEED={first_seed}");
    let mut seen = Seen::default();
    let mut seed = first_seed;
    while seen.cuts < points {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| live(seed, &mut seen))) {
            eprintln!("failed in the world of CORTEXKG_TEST_SEED={seed}");
            resume_unwind(panic);
        }
        seed += 1;
    }
    println!("{seen:?}");
    if points >= 10_000 {
        // The test must have had something to find.
        for (what, count) in seen.counts() {
            assert!(count > 0, "the workload never met: {what}");
        }
    }
}

fn from_env(name: &str, default: u64) -> u64 {
    match std::env::var(name) {
        Ok(value) => value.parse().unwrap_or_else(|_| panic!("{name} must be a number, not {value:?}")),
        Err(_) => default,
    }
}

/// What the worlds went through.
#[derive(Debug, Default)]
struct Seen {
    cuts: u64,
    cuts_while_opening: u64,
    torn_tails: u64,
    unacknowledged_found: u64,
    failed_operations: u64,
    trims: u64,
    interrupted_trims: u64,
    snapshots: u64,
    flips: u64,
    flips_found_by_one_bit: u64,
    flips_found_by_voucher: u64,
    flips_found_elsewhere: u64,
}

impl Seen {
    fn counts(&self) -> [(&'static str, u64); 11] {
        [
            ("a cut while opening", self.cuts_while_opening),
            ("a torn tail", self.torn_tails),
            ("an unacknowledged record that survived", self.unacknowledged_found),
            ("a failed operation", self.failed_operations),
            ("a trim", self.trims),
            ("a trim cut short", self.interrupted_trims),
            ("a snapshot", self.snapshots),
            ("a flip", self.flips),
            ("a flip found by one-bit repair", self.flips_found_by_one_bit),
            ("a flip found by a later frame", self.flips_found_by_voucher),
            ("a flip found otherwise", self.flips_found_elsewhere),
        ]
    }
}

/// What the disk must hold.
#[derive(Clone, Default)]
struct Model {
    acknowledged: Vec<Vec<u8>>,
    /// Appended without an answer; a first part may be there.
    in_flight: Vec<Vec<u8>>,
    /// Written, with its answer.
    snapshot: Option<Seq>,
    /// Without an answer; may be there.
    snapshot_in_flight: Option<Seq>,
    /// The log must answer from here on.
    trimmed_to: Seq,
}

fn live(seed: u64, seen: &mut Seen) {
    let mut random = Random::new(seed);
    let options = LogOptions { segment_bytes_max: 256 + random.below(6000) };
    let mut storage = SimStorage::new(random.bits());
    let mut model = Model::default();
    for _ in 0..1 + random.below(GENERATIONS) {
        work(&storage, options, &mut model, &mut random, seen);
        let mut next = None;
        for _ in 0..CUTS_PER_GENERATION {
            let left = storage.crash(random.bits());
            let (opened, after) = check(&left, options, &model, seen);
            flip(&left, options, &opened, &mut random, seen);
            seen.cuts += 1;
            next = Some((if random.one_in(2) { opened } else { left }, after));
        }
        let (next_storage, next_model) = next.expect("at least one cut");
        // What is worked on again may be the disk before anybody opened it: then the unanswered is still
        // open.
        storage = next_storage;
        model = next_model;
    }
}

/// Opens and works until the power goes.
fn work(storage: &SimStorage, options: LogOptions, model: &mut Model, random: &mut Random, seen: &mut Seen) {
    let fails = random.one_in(3);
    if fails {
        storage.fail_at(storage.ops() + random.below(60), Fault::DeviceFails);
    }
    // Often early, so that opening is hit; sometimes late, so that there is something to lose. Set last: it
    // must come.
    let reach = [8, 30, 120][random.below(3) as usize];
    storage.fail_at(storage.ops() + random.below(reach), Fault::PowerCut);
    loop {
        let mut log = match SegmentLog::open(storage.clone(), options) {
            Ok(log) => log,
            Err(Error::Io { .. }) => {
                seen.cuts_while_opening += 1;
                return;
            }
            Err(Error::DeviceFailed { .. }) if fails => {
                seen.failed_operations += 1;
                continue;
            }
            Err(e) => panic!("a log that was never damaged does not open: {e}"),
        };
        settle(&log, model);
        match work_on(&mut log, model, random, seen) {
            // The process dies; the power stays on.
            Ok(()) => {}
            Err(Error::Io { .. }) => return,
            Err(Error::DeviceFailed { .. }) if fails => {
                seen.failed_operations += 1;
                let poisoned = log.append(&[b"x"], log.tail()).err();
                assert!(
                    matches!(poisoned, None | Some(Error::Poisoned { .. } | Error::Io { .. })),
                    "after a failed write: {poisoned:?}"
                );
                if poisoned.is_none() {
                    // The failure was one that leaves the log usable: a removal, or a snapshot's.
                    model.acknowledged.push(b"x".to_vec());
                } else if matches!(poisoned, Some(Error::Io { .. })) {
                    model.in_flight = vec![b"x".to_vec()];
                }
            }
            Err(e) => panic!("an operation failed for no reason: {e}"),
        }
        if random.one_in(3) && log.close().is_err_and(|e| matches!(e, Error::Io { .. })) {
            return;
        }
    }
}

/// After an open that succeeded, what was found counts as acknowledged: a reader may have acted on it.
fn settle(log: &SegmentLog<SimStorage>, model: &mut Model) {
    let extra =
        log.tail().0.checked_sub(model.acknowledged.len() as u64).expect("acknowledged records are there");
    assert!(extra <= model.in_flight.len() as u64, "records nobody wrote");
    model.acknowledged.extend(model.in_flight.drain(..).take(extra as usize));
    model.in_flight.clear();
    let found = snapshot::latest(log.storage()).map(|found| found.map(|found| found.seq()));
    if let Ok(found) = found
        && (found == model.snapshot || found == model.snapshot_in_flight)
    {
        model.snapshot = found;
        model.snapshot_in_flight = None;
    }
}

fn work_on(
    log: &mut SegmentLog<SimStorage>,
    model: &mut Model,
    random: &mut Random,
    seen: &mut Seen,
) -> Result<()> {
    for _ in 0..1 + random.below(20) {
        match random.below(12) {
            0 => {
                let seq = Seq(model.acknowledged.len() as u64);
                model.snapshot_in_flight = Some(seq);
                snapshot::write(log.storage(), seq, |out| out.write_all(&snapshot_content(seq)))?;
                (model.snapshot, model.snapshot_in_flight) = (Some(seq), None);
                seen.snapshots += 1;
            }
            1 => {
                if let Some(snapshot) = model.snapshot {
                    model.trimmed_to = model.trimmed_to.max(snapshot.next());
                    let trimmed = log.trim(snapshot.next());
                    seen.trims += 1;
                    seen.interrupted_trims += u64::from(trimmed.is_err());
                    trimmed?;
                }
            }
            2 => log.mark()?,
            _ => {
                let batch: Vec<Vec<u8>> = (0..1 + random.below(5)).map(|_| payload(random)).collect();
                let refs: Vec<&[u8]> = batch.iter().map(Vec::as_slice).collect();
                let tail = Seq(model.acknowledged.len() as u64);
                model.in_flight = batch.clone();
                let last = log.append(&refs, tail)?;
                model.in_flight.clear();
                model.acknowledged.extend(batch);
                assert_eq!(last.0 as usize, model.acknowledged.len());
            }
        }
    }
    Ok(())
}

/// Sizes around sector borders, empty ones, contents that are noise, zeros or text.
fn payload(random: &mut Random) -> Vec<u8> {
    let bytes = match random.below(4) {
        0 => random.below(4),
        1 => random.below(100),
        2 => 512 * (1 + random.below(3)) + random.below(80) - 60,
        _ => random.below(1500),
    };
    let mut payload = vec![0; bytes as usize];
    match random.below(3) {
        0 => random.fill(&mut payload),
        1 => payload.fill(b' '),
        _ => {}
    }
    payload
}

fn snapshot_content(seq: Seq) -> Vec<u8> {
    let mut content = vec![0; (seq.0 * 37 % 900) as usize];
    Random::new(seq.0).fill(&mut content);
    content
}

/// Opens a copy of what a cut left and compares it with the model. Returns the copy, and what it must hold
/// from now on.
fn check(left: &SimStorage, options: LogOptions, model: &Model, seen: &mut Seen) -> (SimStorage, Model) {
    let report = verify::verify(left).expect("readable");
    assert_eq!(report.problems, [], "a power cut is no corruption");
    let opened = left.crash(0);
    let log = SegmentLog::open(opened.clone(), options).expect("a power cut never keeps a log from opening");
    assert_eq!(log.recovery().truncated_bytes, report.torn_bytes);
    seen.torn_tails += u64::from(report.torn_bytes > 0);

    let mut after = model.clone();
    settle(&log, &mut after);
    seen.unacknowledged_found += (after.acknowledged.len() - model.acknowledged.len()) as u64;
    assert!(log.first() <= model.trimmed_to.max(Seq::FIRST), "trimmed more than allowed");
    let mut next = log.first();
    for record in log.read(next).expect("in range") {
        let (seq, payload) = record.expect("sound");
        assert_eq!(seq, next);
        assert!(payload == after.acknowledged[seq.0 as usize - 1], "record {seq} is another one");
        next = seq.next();
    }
    assert_eq!(next, log.tail().next());

    let latest = snapshot::latest(left).expect("no half snapshot has a name");
    let found = latest.as_ref().map(snapshot::Snapshot::seq);
    assert!(
        found == model.snapshot || found == model.snapshot_in_flight,
        "snapshot {found:?} is not the newest"
    );
    if let Some(mut latest) = latest {
        let seq = latest.seq();
        let mut content = Vec::new();
        while let Some(block) = latest.next_block().expect("sound") {
            content.extend_from_slice(block);
        }
        assert!(content == snapshot_content(seq));
        assert!(log.first() <= seq.next(), "records between snapshot and log are gone");
    }
    (opened, after)
}

/// Flips one bit of what a cut left, anywhere but in the torn tail, and expects it to be found.
fn flip(left: &SimStorage, options: LogOptions, opened: &SimStorage, random: &mut Random, seen: &mut Seen) {
    let bad = left.crash(0);
    let torn_bytes = verify::verify(&bad).expect("readable").torn_bytes;
    // Segments that opening removes (the remains of a trim) are nobody's any more.
    let kept = opened.list().expect("readable");
    let mut names = bad.list().expect("readable");
    names.retain(|name| kept.contains(name) && (name.ends_with(".seg") || name.ends_with(".snap")));
    let Some(last_segment) = names.iter().filter(|name| name.ends_with(".seg")).max().cloned() else {
        return;
    };
    // Half of them in the last segment: its end is the hard part.
    let name =
        if random.one_in(2) { &last_segment } else { &names[random.below(names.len() as u64) as usize] };
    let durable = bad.bytes(name).len() as u64 - if *name == last_segment { torn_bytes } else { 0 };
    let byte =
        if random.one_in(2) { random.below(durable) } else { durable - 1 - random.below(durable.min(80)) };
    bad.flip_bit(name, byte, random.below(8) as u8);

    seen.flips += 1;
    let report = verify::verify(&bad).expect("readable");
    assert!(!report.problems.is_empty(), "verify does not see byte {byte} of {name}");
    match inspect(&bad, options) {
        Ok(()) => panic!("byte {byte} of {name} was read as good, or cut as torn"),
        Err(Error::Corrupt { why: Corruption::FlippedBit { .. }, .. }) => seen.flips_found_by_one_bit += 1,
        Err(Error::Corrupt { why: Corruption::VouchedFor { .. }, .. }) => seen.flips_found_by_voucher += 1,
        Err(Error::Corrupt { .. }) => seen.flips_found_elsewhere += 1,
        Err(e) => panic!("byte {byte} of {name}: {e}"),
    }
}

/// Reads everything.
fn inspect(storage: &SimStorage, options: LogOptions) -> Result<()> {
    let log = SegmentLog::open(storage.clone(), options)?;
    log.read(log.first())?.try_for_each(|record| record.map(drop))?;
    for seq in snapshot::list(storage)? {
        let mut snapshot = snapshot::open(storage, seq)?;
        while snapshot.next_block()?.is_some() {}
    }
    Ok(())
}
