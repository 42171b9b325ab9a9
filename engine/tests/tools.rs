//! The seven tools through the handle, on a real folder.

mod common;

use common::{ask, config, fact};
use cortexkg_engine::answer::{Report, Role, StepNode};
use cortexkg_engine::request::{
    Analysis, Analyze, CleanupMode, ConfigureLearning, Delete, Kind, LearningMode, Place, Retrieve,
    StatsQuery, Store, Strategy, Update,
};
use cortexkg_engine::{Call, EngineHandle, Error, ErrorKind, MemoryId, Timestamp};

fn open(folder: &tempfile::TempDir) -> EngineHandle {
    EngineHandle::open(config(folder.path())).expect("a sound folder opens")
}

fn store(engine: &EngineHandle, request: Store) -> cortexkg_engine::answer::Stored {
    engine.store(request, Call::default()).wait().expect("stored")
}

#[test]
fn what_is_stored_is_recalled_over_two_hops_and_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    store(&engine, fact("Zorvan Telk\nZorvan Telk is a glass blower who was born in Brimholt."));
    let town = store(
        &engine,
        fact("Brimholt\nBrimholt is a harbour town on the river Oss, known for its salt market."),
    );
    for other in [
        "The cat sat on the mat.",
        "Rain is expected in the afternoon.",
        "Quarterly numbers are due on Friday.",
    ] {
        store(&engine, fact(other));
    }
    let check = |engine: &EngineHandle| {
        let recalled = engine
            .retrieve(ask("On which river lies the town where Zorvan Telk was born?"), Call::default())
            .wait()
            .unwrap();
        assert_eq!(recalled.query_entities, ["zorvan telk"]);
        let town = recalled.memories.iter().take(2).find(|recalled| recalled.memory.id == town.id);
        let town = town.unwrap_or_else(|| panic!("the second hop is missing: {recalled:#?}"));
        let entities = town
            .path
            .iter()
            .filter(|step| matches!(&step.node, StepNode::Entity(name) if name == "brimholt"));
        assert_eq!(entities.count(), 1, "the spikes went over the town's name: {:?}", town.path);
        assert!(town.path.windows(2).all(|pair| pair[0].spike_ms <= pair[1].spike_ms));
    };
    check(&engine);
    engine.close();
    assert_eq!(
        engine.store(fact("too late"), Call::default()).wait().unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    let again = open(&folder);
    check(&again);
    assert_eq!(again.health().memories, 5);
}

#[test]
fn a_single_memory_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let only = store(&engine, fact("Ana lives in Quillmere."));
    let found = |query: &str| -> Vec<MemoryId> {
        let request = Retrieve { query: query.into(), ..Retrieve::default() };
        let recalled = engine.retrieve(request, Call::default()).wait().unwrap();
        recalled.memories.iter().map(|recalled| recalled.memory.id).collect()
    };
    assert_eq!(found("Where does Ana live?"), [only.id]);
}

#[test]
fn two_facts_are_enough_for_two_hops() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let birth = store(&engine, fact("Zorvan Telk was born in Brimholt."));
    let town = store(&engine, fact("Brimholt\nBrimholt lies on the river Oss."));
    let query = "On which river does the town lie where Zorvan Telk was born?".into();
    let recalled = engine.retrieve(Retrieve { query, ..Retrieve::default() }, Call::default());
    let recalled = recalled.wait().unwrap();
    let mut found: Vec<MemoryId> = recalled.memories.iter().map(|recalled| recalled.memory.id).collect();
    found.sort();
    assert_eq!(found, [birth.id, town.id]);
}

#[test]
fn a_word_that_texts_seldom_write_as_a_name_ties_none_together() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    for place in ["garden", "harbour", "station", "museum", "market", "school", "chapel", "bakery", "mill"] {
        store(&engine, fact(&format!("The {place} lies in an area that nobody visits.")));
    }
    store(&engine, fact("area\nA part of a structure with some use of its own."));
    store(&engine, fact("Brimholt\nBrimholt is a harbour town on the river Oss."));
    let edges = |text: &str| store(&engine, fact(text)).edges_added;
    let plain = edges("Letters for Marta Quell go through the office.");
    assert_eq!(edges("Letters for Ilse Vorn go through the Area office."), plain, "tied by a common word");
    assert_eq!(edges("Letters for Ruben Tok go through the Brimholt office."), plain + 1, "tied by a name");
}

#[test]
fn a_repeat_a_change_and_something_new_find_their_places() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let first = store(&engine, fact("Ana Reyes lives in Paris and works as a nurse."));
    let repeat = store(&engine, fact("Ana Reyes  lives in Paris, and works as a nurse"));
    let change = store(&engine, fact("Ana Reyes lives in Rome and works as a nurse."));
    let new = store(&engine, fact("Photosynthesis turns light into sugar."));
    let role = |stored: &cortexkg_engine::answer::Stored| stored.allocation.as_ref().unwrap().role;
    assert_eq!(role(&first), Role::Founder);
    assert_eq!(role(&repeat), Role::DuplicateOf(first.id));
    assert_eq!(role(&change), Role::Supersedes(first.id), "{change:#?}");
    assert_eq!(role(&new), Role::Founder);
    for stored in [&first, &repeat, &change, &new] {
        let confidence = stored.allocation.as_ref().unwrap().confidence;
        assert!((0.0..=1.0).contains(&confidence));
    }
    // The repeat is kept, and shown beside the first rather than instead of it.
    let recalled = engine.retrieve(ask("Where does Ana Reyes live?"), Call::default()).wait().unwrap();
    let shown: Vec<MemoryId> = recalled.memories.iter().map(|recalled| recalled.memory.id).collect();
    assert_eq!(shown.iter().filter(|id| [first.id, repeat.id].contains(id)).count(), 1);
    assert!(shown.contains(&change.id));
    assert!(engine.get(repeat.id, Call::default()).wait().is_ok());
}

/// A fact told on a day of 2026.
fn on_day(day: i64, text: &str) -> Store {
    let at = Timestamp((20_454 + day) * 86_400_000_000);
    Store { occurred_at: Some(at), ..fact(text) }
}

#[test]
fn a_chain_of_values_ends_with_the_one_that_holds() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let role = |stored: &cortexkg_engine::answer::Stored| stored.allocation.as_ref().unwrap().role;
    let superseded_by = |id: MemoryId| engine.get(id, Call::default()).wait().unwrap().superseded_by;
    let first = store(&engine, on_day(1, "The sprint review is on Thursdays at 15:00."));
    let second = store(&engine, on_day(40, "The sprint review moved to Tuesdays at 11:00."));
    let third = store(&engine, on_day(80, "The sprint review is on Fridays at 9:00 now."));
    assert_eq!(role(&second), Role::Supersedes(first.id));
    assert_eq!(role(&third), Role::Supersedes(second.id));
    // Told late, of an earlier day: what is known of later days stays.
    let late = store(&engine, on_day(20, "The sprint review is on Mondays at 14:00 now."));
    assert_ne!(role(&late), Role::Supersedes(third.id));
    assert_eq!(superseded_by(third.id), None);
    assert!(superseded_by(first.id).is_some() && superseded_by(second.id) == Some(third.id));
    // Without the one in the middle the chain holds together; a delete that changes a value back is no question of force.
    let delete = |id| Delete { id, force: false, cleanup: CleanupMode::Standard };
    engine.delete(delete(second.id), Call::default()).wait().unwrap();
    assert!(superseded_by(first.id).is_some());
    engine.delete(delete(third.id), Call::default()).wait().unwrap();
    assert_ne!(superseded_by(first.id), Some(third.id));
}

#[test]
fn a_duplicate_never_hides_another_text() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let role = |id: MemoryId| engine.get(id, Call::default()).wait().unwrap().role;
    let shown = |query: &str| -> Vec<MemoryId> {
        let found = engine.retrieve(ask(query), Call::default()).wait().unwrap();
        found.memories.iter().map(|recalled| recalled.memory.id).collect()
    };
    let before = store(&engine, fact("Take the pill before breakfast."));
    let after = store(&engine, fact("Take the pill after breakfast."));
    let found = shown("When to take the pill?");
    assert!(found.contains(&before.id) && found.contains(&after.id));
    let first = store(&engine, fact("The anvil in shed four is red."));
    let repeat = store(&engine, fact("The anvil in shed four is red"));
    assert_eq!(role(repeat.id), Role::DuplicateOf(first.id));
    let content = Some("The forge in shed four needs coal.".into());
    engine.update(Update { content, ..Update::of(first.id) }, Call::default()).wait().unwrap();
    assert!(!matches!(role(repeat.id), Role::DuplicateOf(_)));
    let found = shown("What is in shed four?");
    assert!(found.contains(&first.id) && found.contains(&repeat.id), "{found:?}");
}

#[test]
fn what_happened_on_three_days_is_three_memories() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    for day in [3, 40, 90] {
        let stored = store(&engine, on_day(day, "The pump in hall two was serviced."));
        let role = stored.allocation.unwrap().role;
        assert!(matches!(role, Role::Founder | Role::Member), "{role:?}");
    }
    // What is, told again, is a repeat, whenever.
    let first = store(&engine, on_day(1, "The anvil in shed four is red."));
    let again = store(&engine, on_day(90, "The anvil in shed four is red."));
    assert_eq!(again.allocation.unwrap().role, Role::DuplicateOf(first.id));
}

#[test]
fn told_of_one_day_two_values_contradict_each_other() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let eight = store(&engine, on_day(5, "The shop opens at 8:00."));
    let nine = store(&engine, on_day(5, "The shop opens at 9:00."));
    assert_eq!(nine.allocation.unwrap().role, Role::ExceptionTo(eight.id));
    let name = store(&engine, fact("my name is Alma"));
    let other = store(&engine, fact("my name is Bruna"));
    assert_eq!(other.allocation.unwrap().role, Role::Supersedes(name.id));
    // Said again after something else was said, it holds again.
    let again = store(&engine, fact("my name is Alma"));
    assert_eq!(again.allocation.unwrap().role, Role::Supersedes(other.id));
    let memory = engine.get(other.id, Call::default()).wait().unwrap();
    assert_eq!(memory.superseded_by, Some(again.id));
}

#[test]
fn a_batch_decides_as_one_by_one_would() {
    let texts: Vec<String> = (0..40)
        .map(|n| match n % 4 {
            0 => format!("Harbour master Oda Lind signed order {} in Veldt.", n / 8),
            1 => format!("The ferry to Veldt leaves at {} o'clock.", n % 12),
            2 => "Salt prices rose again.".to_owned(),
            _ => format!("Note {n}: ask Oda Lind about the ferry."),
        })
        .collect();
    let (one, many) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (one, many) = (open(&one), open(&many));
    let singly: Vec<_> = texts.iter().map(|text| store(&one, fact(text))).collect();
    let together =
        many.store_batch(texts.iter().map(|text| fact(text)).collect(), Call::default()).wait().unwrap();
    for (alone, batched) in singly.iter().zip(together) {
        let (a, b) = (alone.allocation.as_ref().unwrap(), batched.unwrap().allocation.unwrap());
        assert_eq!((a.column, a.role), (b.column, b.role), "memory {}", alone.id);
    }
}

#[test]
fn one_bad_row_fails_alone_and_a_repeated_key_stores_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let keyed = Store { idempotency_key: Some("k1".into()), ..fact("kept once") };
    let batch = vec![keyed.clone(), fact("   "), keyed.clone(), fact("another")];
    let answers = engine.store_batch(batch, Call::default()).wait().unwrap();
    let first = answers[0].as_ref().unwrap();
    assert!(matches!(
        &answers[1],
        Err(Error::Memory(cortexkg_memory::Error::Invalid { field: "content", .. }))
    ));
    assert!(answers[2].as_ref().unwrap().repeated && answers[2].as_ref().unwrap().id == first.id);
    assert!(answers[3].is_ok());
    engine.close();
    let engine = open(&folder);
    let again = store(&engine, keyed);
    assert!(again.repeated && again.id == first.id);
    assert_eq!(engine.health().memories, 2);
}

#[test]
fn updates_are_found_by_their_new_words_only() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let stored = store(
        &engine,
        Store { tags: vec!["old".into(), "both".into()], ..fact("The archive key hangs beside the boiler.") },
    );
    let update = Update {
        content: Some("The archive key lies inside the piano.".into()),
        add_tags: vec!["new".into()],
        remove_tags: vec!["old".into()],
        confidence: Some(0.5),
        ..Update::of(stored.id)
    };
    let updated = engine.update(update.clone(), Call::default()).wait().unwrap();
    let fields: Vec<&str> = updated.changes.iter().map(|change| change.field).collect();
    assert_eq!((fields, updated.version), (vec!["confidence", "tags", "content"], 2));
    assert_eq!(engine.update(update, Call::default()).wait().unwrap().changes, []);
    let terms = |query: &str| {
        let recall = Retrieve { strategy: Strategy::Lexical, threshold: Some(0.1), ..ask(query) };
        engine.retrieve(recall, Call::default()).wait().unwrap().memories.len()
    };
    assert_eq!((terms("boiler"), terms("piano")), (0, 1));
    let memory = engine.get(stored.id, Call::default()).wait().unwrap();
    assert_eq!(
        (memory.tags, memory.confidence, memory.version),
        (vec!["both".to_owned(), "new".to_owned()], 0.5, 2)
    );
    let missing =
        engine.update(Update { confidence: Some(0.1), ..Update::of(MemoryId(99)) }, Call::default()).wait();
    assert_eq!(missing.unwrap_err().kind(), ErrorKind::NotFound);
}

#[test]
fn deletion_asks_first_where_others_lean_on_a_memory() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let subject = store(&engine, fact("Veldt\nVeldt is a harbour town."));
    for n in 0..4 {
        store(&engine, fact(&format!("Report {n}: a storm passed near Veldt last night, wave {n}.")));
    }
    let delete = Delete { id: subject.id, force: false, cleanup: CleanupMode::Standard };
    let refused = engine.delete(delete, Call::default()).wait().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Refused);
    assert!(
        refused.to_string().contains("veldt") && refused.to_string().contains("force_delete"),
        "{refused}"
    );
    let deleted = engine.delete(Delete { force: true, ..delete }, Call::default()).wait().unwrap();
    assert!(deleted.edges_removed > 0);
    assert_eq!(engine.get(subject.id, Call::default()).wait().unwrap_err().kind(), ErrorKind::NotFound);
    let recalled = engine.retrieve(ask("Veldt harbour"), Call::default()).wait().unwrap();
    assert!(recalled.memories.iter().all(|recalled| recalled.memory.id != subject.id));
    let integrity = Analyze {
        analysis: Analysis::MemoryIntegrity,
        memory_ids: vec![],
        include_pathways: false,
        max_depth: 10,
    };
    let checked = engine.analyze(integrity, Call::default()).wait().unwrap();
    let Report::MemoryIntegrity(checked) = checked.report else { panic!("{:?}", checked.report) };
    assert!(checked.findings.iter().all(|finding| finding.problems.is_empty()), "{:?}", checked.findings);
    assert_eq!(checked.score, Some(1.0));
}

#[test]
fn filters_hold_before_anything_is_ranked() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    for n in 0..30i64 {
        let tags = if n % 10 == 0 { vec!["rare".to_owned()] } else { vec![] };
        store(
            &engine,
            Store {
                tags,
                occurred_at: Some(Timestamp(n * 1_000_000)),
                ..fact(&format!("Ferry log {n}: calm sea."))
            },
        );
    }
    let mut recall = ask("calm sea ferry");
    recall.tag_filter = vec!["rare".into()];
    let found = engine.retrieve(recall.clone(), Call::default()).wait().unwrap();
    assert_eq!((found.memories.len(), found.searched), (3, 3));
    recall.time_range = Some(cortexkg_engine::request::TimeRange {
        start: Some(Timestamp(10_000_000)),
        end: Some(Timestamp(20_000_000)),
    });
    assert_eq!(engine.retrieve(recall.clone(), Call::default()).wait().unwrap().memories.len(), 1);
    recall.tag_filter = vec!["never used".into()];
    assert_eq!(engine.retrieve(recall, Call::default()).wait().unwrap().memories.len(), 0);
}

#[test]
fn a_turn_brings_its_neighbours() {
    let lines = [
        "Ben: Did anything odd happen at the lighthouse?",
        "Ada: A seal walked in and slept on the stairs.",
        "Ben: Odd, the lighthouse is never open!",
        "Ada: We should paint the fence.",
    ];
    // The same turns with and without their order; the query names nothing that the answer says.
    let rank = |ordered: bool| {
        let folder = tempfile::tempdir().unwrap();
        let engine = open(&folder);
        let place = |part| ordered.then(|| Place { sequence: "s1".into(), part, parts: None });
        let turns = lines.iter().zip(0..).map(|(line, part)| Store {
            kind: Kind::Turn,
            place: place(part),
            ..fact(line)
        });
        engine.store_batch(turns.collect(), Call::default()).wait().unwrap();
        let recalled = engine
            .retrieve(ask("What odd thing happened at the lighthouse?"), Call::default())
            .wait()
            .unwrap();
        let at = recalled.memories.iter().position(|recalled| recalled.memory.content.contains("seal"));
        at.map(|at| recalled.memories[at].clone())
    };
    let (alone, beside) = (rank(false), rank(true).expect("recalled"));
    assert!(beside.score > alone.map_or(0.0, |recalled| recalled.score), "its neighbours' spikes reached it");
}

#[test]
fn learning_is_configured_measured_and_only_for_those_who_may() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let set = ConfigureLearning {
        learning_rate: Some(0.5),
        activation_threshold: Some(0.0),
        learning_mode: Some(LearningMode::Hebbian),
        ..Default::default()
    };
    let configured = engine.configure_learning(set, Call::default()).wait().unwrap();
    assert_eq!(configured.changes.len(), 3);
    for text in [
        "The red kite nests in the oak.",
        "The red kite hunts over the marsh.",
        "Tax forms are due in April.",
    ] {
        store(&engine, fact(text));
    }
    let learned = |engine: &EngineHandle| {
        engine.stats(StatsQuery::default(), Call::default()).wait().unwrap().state.learned
    };
    engine.retrieve(ask("red kite"), Call::default()).wait().unwrap();
    assert_eq!(learned(&engine), 0, "a reader changes nothing");
    engine.retrieve(ask("red kite"), Call { may_learn: true, ..Call::default() }).wait().unwrap();
    let tied = learned(&engine);
    assert!(tied > 0);
    engine.close();
    assert_eq!(learned(&open(&folder)), tied, "what was learned is in the log");
}

#[test]
fn a_read_can_ask_for_its_own_write_and_is_told_when_it_is_not_there() {
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    let stored = store(&engine, fact("a fact"));
    let call = |at_least| Call { at_least: Some(at_least), ..Call::default() };
    assert!(engine.get(stored.id, call(stored.sequence)).wait().is_ok());
    assert!(matches!(engine.get(stored.id, call(stored.sequence + 1)).wait(), Err(Error::NotYet { .. })));
}

#[test]
fn a_folder_of_another_model_is_refused_with_the_way_out() {
    let folder = tempfile::tempdir().unwrap();
    {
        use cortexkg_journal::{DiskStorage, Log, LogOptions, SegmentLog, Seq};
        use cortexkg_memory::record::{Entry, ModelTag, Record};
        let storage = DiskStorage::create(folder.path()).unwrap();
        let mut log = SegmentLog::open(storage, LogOptions::default()).unwrap();
        let model = ModelTag { name: "another".into(), dim: 8, fingerprint: "feed".into() };
        let founded = Entry { tenant: Default::default(), record: Record::Founded(model) }.encode();
        log.append(&[&founded], Seq::ZERO).unwrap();
    }
    let refused = EngineHandle::open(config(folder.path())).err().expect("refused");
    assert!(
        refused.to_string().contains("another") && refused.to_string().contains("cortexkg reembed"),
        "{refused}"
    );
    assert_eq!(cortexkg_engine::reembed(&config(folder.path()), &mut |_, _| {}).unwrap(), 0);
    assert!(EngineHandle::open(config(folder.path())).is_ok());
}

#[test]
fn every_analysis_answers_between_other_calls() {
    use Analysis::*;
    let folder = tempfile::tempdir().unwrap();
    let engine = open(&folder);
    store(&engine, fact("Veldt\nVeldt is a harbour town."));
    for analysis in
        [Connectivity, Centrality, Clustering, PathwayEfficiency, SynapticStrength, MemoryIntegrity]
    {
        let request = Analyze { analysis, memory_ids: vec![], include_pathways: true, max_depth: 3 };
        let counts = engine.analyze(request, Call::default()).wait().unwrap().counts;
        assert_eq!((counts.memories, counts.entities, counts.edges, counts.components), (1, 1, 1, 1));
    }
    let recalled = engine.retrieve(ask("Veldt harbour"), Call::default()).wait().unwrap();
    assert_eq!(recalled.memories.len(), 1);
}
