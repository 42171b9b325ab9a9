//! The log is the database: whatever was decided, folding the records gives the same state, from the start or from a snapshot.

use cortexkg_compute::index::IndexOptions;
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Draw};
use cortexkg_memory::change::{configure, delete, text_after, update};
use cortexkg_memory::embedding::Embedded;
use cortexkg_memory::record::{Entry, ModelTag, Part, Record};
use cortexkg_memory::request::{
    CleanupMode, ConfigureLearning, Delete, Kind, Place, Retrieve, StatsQuery, Store, Update,
};
use cortexkg_memory::resident::Resident;
use cortexkg_memory::retrieve::answer_batch;
use cortexkg_memory::state::searchable;
use cortexkg_memory::state::vectors::narrow;
use cortexkg_memory::store::{Decision, NewMemory, store_batch};
use cortexkg_memory::{MemoryId, RecallSettings, State, TenantId, Timestamp, analyze, learn};

const DIM: usize = 32;
const NAMES: [&str; 8] =
    ["Ana Reyes", "Brimholt", "Veldt", "Oda Lind", "Zorvan Telk", "River Oss", "Salt House", "Kestrel"];
const WORDS: [&str; 10] =
    ["ferry", "storm", "salt", "market", "letter", "bridge", "winter", "painted", "sold", "7"];

fn text(draw: &mut Draw) -> String {
    let title = if draw.below(3) == 0 { format!("{}\n", NAMES[draw.below(8)]) } else { String::new() };
    let words: Vec<&str> = (0..draw.below(6) + 2).map(|_| WORDS[draw.below(10)]).collect();
    format!("{title}The {} saw {} in {}.", words.join(" "), NAMES[draw.below(8)], NAMES[draw.below(8)])
}

/// A direction that the same text always has.
fn vector(text: &str) -> Vec<f32> {
    let seed = text.bytes().fold(7u64, |sum, byte| sum.wrapping_mul(31).wrapping_add(u64::from(byte)));
    let mut draw = Draw::new(seed % 50);
    let values: Vec<f32> = (0..DIM).map(|_| draw.normal()).collect();
    let norm = values.iter().map(|value| value * value).sum::<f32>().sqrt();
    values.into_iter().map(|value| value / norm).collect()
}

/// Parts, where the text is one of the longer.
fn parts(text: &str) -> Vec<Part> {
    let part = |start: usize, end: usize| Part {
        start: start as u32,
        end: end as u32,
        vector: narrow(&vector(&text[start..end])),
    };
    if text.len() > 60 { vec![part(0, 20), part(20, text.len())] } else { Vec::new() }
}

struct World {
    state: State,
    resident: Resident,
    log: Vec<Entry>,
    now: i64,
}

impl World {
    fn new() -> Self {
        let device =
            Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, threads: 1, ..Default::default() })
                .unwrap();
        let mut state = State::default();
        let founded =
            Record::Founded(ModelTag { name: "test".into(), dim: DIM as u32, fingerprint: "00".into() });
        state.apply(&founded);
        let log = vec![Entry { tenant: TenantId::default(), record: founded }];
        World { state, resident: Resident::new(device, IndexOptions::new(DIM)), log, now: 0 }
    }

    fn step(&mut self, draw: &mut Draw) {
        self.now += draw.below(4_000_000_000) as i64;
        let (now, tenant) = (Timestamp(self.now), TenantId::default());
        let any = MemoryId(draw.below(self.log.len()) as u64 + 1);
        match draw.below(10) {
            0 => {
                let cleanup =
                    [CleanupMode::Minimal, CleanupMode::Standard, CleanupMode::Aggressive][draw.below(3)];
                let request = Delete { id: any, force: draw.below(2) == 0, cleanup };
                self.log.extend(delete(&mut self.state, &request, tenant, now).ok().map(|(entry, _)| entry));
            }
            1 | 2 => {
                let content = (draw.below(2) == 0).then(|| text(draw));
                let context = (draw.below(3) == 0).then(|| text(draw));
                let request = Update { content, context, add_tags: vec!["t".into()], ..Update::of(any) };
                let embedded = text_after(&self.state, &request).map(|(content, context)| Embedded {
                    vector: vector(&searchable(&content, context.as_deref())),
                    parts: parts(&content),
                });
                let updated =
                    update(&mut self.state, &mut self.resident, &request, embedded.as_ref(), tenant, now);
                self.log.extend(updated.ok().and_then(|(entry, _)| entry));
            }
            3 => {
                let request = ConfigureLearning {
                    learning_rate: Some(draw.below(100) as f32 / 100.0),
                    activation_threshold: Some(0.0),
                    ..Default::default()
                };
                self.log.extend(configure(&mut self.state, &request, tenant).0);
            }
            4 | 5 => {
                let query = text(draw);
                let request = Retrieve { query: query.clone(), threshold: Some(0.0), ..Retrieve::default() };
                let recalled = answer_batch(
                    &mut self.state,
                    &mut self.resident,
                    &RecallSettings::default(),
                    &[request],
                    &[&vector(&query)],
                    now,
                );
                self.log.extend(learn::from_recall(&mut self.state, &recalled.unwrap()[0], tenant, now));
            }
            _ => {
                let requests: Vec<Store> = (0..draw.below(5) + 1)
                    .map(|part| Store {
                        content: text(draw),
                        kind: if draw.below(2) == 0 { Kind::Turn } else { Kind::Passage },
                        place: (draw.below(2) == 0).then(|| Place {
                            sequence: "s".into(),
                            part: draw.below(40) as u32 + part as u32,
                            parts: None,
                        }),
                        tags: vec![["a", "b"][draw.below(2)].into()],
                        ..Store::default()
                    })
                    .collect();
                let vectors: Vec<Vec<f32>> =
                    requests.iter().map(|request| vector(&request.content)).collect();
                let parts: Vec<Vec<Part>> = requests.iter().map(|request| parts(&request.content)).collect();
                let batch: Vec<NewMemory<'_>> = requests
                    .iter()
                    .zip(&vectors)
                    .zip(&parts)
                    .map(|((request, vector), parts)| NewMemory { request, vector, parts })
                    .collect();
                for decision in store_batch(&mut self.state, &mut self.resident, &batch, tenant, now).unwrap()
                {
                    if let Decision::Record(entry, _) = decision {
                        self.log.push(*entry);
                    }
                }
            }
        }
    }
}

fn assert_same(left: &State, right: &State, what: &str) {
    assert_eq!(left.page(None, usize::MAX), right.page(None, usize::MAX), "{what}: memories");
    let all = StatsQuery { detailed_breakdown: true, ..StatsQuery::default() };
    let counted = |state: &State| {
        let mut stats = analyze::stats(state, &all, 0);
        // Capacities depend on how the arrays grew.
        stats.state_bytes = 0;
        stats
    };
    assert_eq!(counted(left), counted(right), "{what}: counts");
    assert_eq!(left.parts_held(), right.parts_held(), "{what}: parts");
    assert_eq!(left.learning(), right.learning(), "{what}: learning");
    assert_eq!(left.next_id(), right.next_id(), "{what}: next id");
}

fn replay(mut state: State, log: &[Entry]) -> State {
    for entry in log {
        state.apply(&Entry::decode(&entry.encode()).expect("our own record").record);
    }
    state
}

#[test]
fn the_state_is_the_fold_of_its_records() {
    for seed in 0..12 {
        let mut draw = Draw::new(seed);
        let mut world = World::new();
        let mut snapshot = (world.state.to_bytes(), world.log.len());
        for _ in 0..60 {
            world.step(&mut draw);
            if draw.below(20) == 0 {
                snapshot = (world.state.to_bytes(), world.log.len());
            }
        }
        assert_same(&world.state, &replay(State::default(), &world.log), &format!("seed {seed}, whole log"));
        let restored = State::from_bytes(&snapshot.0).expect("our own snapshot");
        assert_same(
            &world.state,
            &replay(restored, &world.log[snapshot.1..]),
            &format!("seed {seed}, snapshot and tail"),
        );
        for finding in analyze::integrity(&world.state) {
            assert_eq!(finding.problems, Vec::<String>::new(), "seed {seed}: {}", finding.check);
        }
    }
}

#[test]
fn the_device_copy_follows_the_state() {
    let mut draw = Draw::new(99);
    let mut world = World::new();
    for _ in 0..80 {
        world.step(&mut draw);
    }
    // A device filled anew answers as the one that was kept up to date.
    let mut fresh = World::new();
    fresh.state = State::from_bytes(&world.state.to_bytes()).unwrap();
    for _ in 0..20 {
        let query = text(&mut draw);
        let request = Retrieve {
            query: query.clone(),
            threshold: Some(0.0),
            include_reasoning: true,
            ..Retrieve::default()
        };
        let ask = |world: &mut World| {
            answer_batch(
                &mut world.state,
                &mut world.resident,
                &RecallSettings::default(),
                std::slice::from_ref(&request),
                &[&vector(&query)],
                Timestamp(0),
            )
            .unwrap()
        };
        let (kept, filled) = (ask(&mut world), ask(&mut fresh));
        assert_eq!(kept, filled);
    }
}

#[test]
fn a_damaged_snapshot_is_refused() {
    let mut world = World::new();
    let mut draw = Draw::new(5);
    (0..10).for_each(|_| world.step(&mut draw));
    let bytes = world.state.to_bytes();
    assert!(State::from_bytes(&bytes[..bytes.len() / 2]).is_err());
    assert!(State::from_bytes(&[]).is_err());
    assert!(State::from_bytes(&[200]).is_err());
}
