use proptest::prelude::*;

use super::sections::Section;
use super::*;
use crate::answer::Role;
use crate::ids::{ColumnId, MemoryId};
use crate::record::{DeletedRecord, LearnedRecord, Links, Record, StoredRecord};
use crate::request::{CleanupMode, Kind, Place};
use crate::text::ANALYSER_VERSION;
use crate::text::terms::terms;

/// A snapshot as the first releases wrote it, with the header and trailer of its file, which the journal checks.
const OLD: &[u8] = include_bytes!("../../../../tests/golden/v1/data/00000000000000000036.snap");

fn old() -> Vec<u8> {
    // One block: header (32), checksum (4), content, trailer (32).
    OLD[36..OLD.len() - 32].to_vec()
}

fn stored(id: u64, content: &str) -> Record {
    let part = |start, end| Part { start, end, vector: Vector(vec![0x3c00, id as u16]) };
    let long = content.len() as u32 > 20;
    Record::Stored(Box::new(StoredRecord {
        id: MemoryId(id),
        at: Timestamp(id as i64),
        content: content.into(),
        context: id.is_multiple_of(2).then(|| "context".into()),
        source: Some("source".into()),
        confidence: 0.5,
        importance: Some(0.25),
        tags: vec!["a".into(), format!("tag {}", id % 3)],
        kind: if id.is_multiple_of(3) { Kind::Turn } else { Kind::Passage },
        place: Some(Place { sequence: "s".into(), part: id as u32, parts: Some(99) }),
        occurred_at: Some(Timestamp(-7)),
        key: Some(format!("key {id}")),
        vector: Vector(vec![0x3c00, 0x3c00 + id as u16]),
        parts: if long { vec![part(0, 10), part(10, content.len() as u32)] } else { Vec::new() },
        links: Links {
            subjects: vec!["ana".into()],
            mentions: vec![("ana".into(), 1), (format!("name {}", id % 4), 2)],
            neighbours: vec![MemoryId(id - 1)],
            ..Links::default()
        },
        column: ColumnId((id % 3) as u32),
        role: if id <= 3 { Role::Founder } else { Role::DuplicateOf(MemoryId(id % 3)) },
    }))
}

fn state() -> State {
    let mut state = State::default();
    state.apply(&Record::Founded(ModelTag { name: "test".into(), dim: 2, fingerprint: "00".into() }));
    for (at, text) in
        ["one", "two words", "a text of a few words more", "salt market", "salt market"].iter().enumerate()
    {
        state.apply(&stored(at as u64 + 1, text));
    }
    let deleted = DeletedRecord { id: MemoryId(2), at: Timestamp(9), cleanup: CleanupMode::Standard };
    state.apply(&Record::Deleted(deleted));
    let weights = vec![(MemoryId(1), MemoryId(3), 0.5)];
    state.apply(&Record::Learned(LearnedRecord { at: Timestamp(10), fade: None, weights }));
    state
}

fn told(state: &State) -> String {
    let parts: Vec<_> = state.parts.rows().iter().map(|&row| state.parts.of(row).cloned()).collect();
    format!("{:#?} {:?} {:?} {parts:?}", state.page(None, 999), state.edge_counts(), state.vectors.mean())
}

fn body(sections: &[Section<'_>]) -> Vec<u8> {
    let mut bytes = vec![VERSION];
    sections.iter().for_each(|section| sections::put(&mut bytes, section));
    bytes
}

#[test]
fn a_snapshot_reads_back_and_is_the_same_when_written_again() {
    let state = state();
    let bytes = state.to_bytes();
    let read = State::from_bytes(&bytes).unwrap();
    assert_eq!(told(&read), told(&state));
    assert_eq!(read.items.keys(), state.items.keys());
    assert_eq!(read.owners, state.owners);
    assert_eq!(read.items.same_content(content_hash("salt market")), [3, 4]);
    assert_eq!(read.items.mask(&["tag 1".into()], None), state.items.mask(&["tag 1".into()], None));
    assert_eq!(State::from_bytes(&read.to_bytes()).map(|again| told(&again)), Ok(told(&state)));
    assert_eq!(State::from_bytes(&State::default().to_bytes()).map(|empty| empty.memories()), Ok(0));
}

#[test]
fn a_snapshot_of_the_first_release_is_read_and_its_terms_are_made_again() {
    let read = State::from_bytes(&old()).unwrap();
    assert_eq!(read.memories(), 23);
    for word in ["weavers", "monday", "zurich"] {
        let terms = terms(word);
        assert_eq!(read.lexical.rows(&terms[0]).len(), 1, "{word}");
    }
    assert!(read.lexical.rows(&terms("bread")[0]).is_empty(), "of a deleted memory");
    assert_eq!(State::from_bytes(&read.to_bytes()).map(|again| told(&again)), Ok(told(&read)));
}

#[test]
fn an_index_of_another_analyser_is_made_again() {
    let state = state();
    let bytes = state.to_bytes();
    let strange = encode_lexical(&Lexical::of([Some(vec!["strange".into()])].into_iter()));
    let mut all = sections::read(&bytes[1..]).unwrap();
    let lexical = all.iter_mut().find(|section| section.name == "lexical").unwrap();
    (lexical.version, lexical.bytes) = (ANALYSER_VERSION + 1, &strange);
    let read = State::from_bytes(&body(&all)).unwrap();
    assert!(read.lexical.rows("strange").is_empty());
    assert_eq!(read.lexical.rows(&terms("salt")[0]), [3, 4]);
    assert_eq!(read.lexical.terms_len(), state.lexical.terms_len());
    // Neither is one that cannot be read a reason to refuse the rest.
    let lexical = all.iter_mut().find(|section| section.name == "lexical").unwrap();
    (lexical.version, lexical.bytes) = (ANALYSER_VERSION, &[1, 2, 3]);
    let mut read = State::from_bytes(&body(&all)).unwrap();
    // The last row may be one that was deleted, and the next is added behind it.
    read.apply(&Record::Deleted(DeletedRecord {
        id: MemoryId(5),
        at: Timestamp(11),
        cleanup: CleanupMode::Standard,
    }));
    let bytes = read.to_bytes();
    let mut all = sections::read(&bytes[1..]).unwrap();
    all.retain(|section| section.name != "lexical");
    let mut read = State::from_bytes(&body(&all)).unwrap();
    read.apply(&stored(6, "salt market"));
    assert_eq!(read.lexical.rows(&terms("salt")[0]), [3, 5]);
}

fn encode_lexical(lexical: &Lexical) -> Vec<u8> {
    crate::record::fields::encode(lexical)
}

#[test]
fn sections_of_a_later_release_are_skipped_unless_they_must_be_understood() {
    let bytes = state().to_bytes();
    let with = |is_needed, name| {
        let mut all = sections::read(&bytes[1..]).unwrap();
        all.insert(2, Section { name, is_needed, version: 1, bytes: b"whatever" });
        State::from_bytes(&body(&all))
    };
    assert_eq!(with(false, "audit").map(|read| told(&read)), Ok(told(&state())));
    assert!(
        matches!(with(true, "audit"), Err(Error::Format { why }) if why.contains("section audit of version 1"))
    );
    assert!(matches!(with(false, "items"), Err(Error::Format { why }) if why.contains("items comes twice")));
    let mut all = sections::read(&bytes[1..]).unwrap();
    all.retain(|section| section.name != "graph");
    assert!(
        matches!(State::from_bytes(&body(&all)), Err(Error::Format { why }) if why.contains("graph is missing"))
    );
}

proptest! {
    #[test]
    fn damage_never_panics(is_old: bool, at in any::<prop::sample::Index>(), bits in 1u8.., cut in any::<prop::sample::Index>()) {
        let mut bytes = if is_old { old() } else { state().to_bytes() };
        let _ = State::from_bytes(&bytes[..cut.index(bytes.len())]);
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let _ = State::from_bytes(&bytes);
    }
}
