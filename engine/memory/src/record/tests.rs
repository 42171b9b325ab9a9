use proptest::prelude::*;

use super::fields::Writer;
use super::*;
use crate::request::LearningMode;

fn text() -> impl Strategy<Value = String> {
    "\\PC{0,12}"
}

fn id() -> impl Strategy<Value = MemoryId> {
    any::<u64>().prop_map(MemoryId)
}

fn at() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(Timestamp)
}

fn unit() -> impl Strategy<Value = f32> {
    0.0f32..=1.0
}

fn vector() -> impl Strategy<Value = Vector> {
    prop::collection::vec(any::<u16>(), 0..6).prop_map(Vector)
}

fn parts() -> impl Strategy<Value = Vec<Part>> {
    let part =
        (any::<u32>(), any::<u32>(), vector()).prop_map(|(start, end, vector)| Part { start, end, vector });
    prop::collection::vec(part, 0..3)
}

fn role() -> impl Strategy<Value = Role> {
    prop_oneof![
        Just(Role::Founder),
        Just(Role::Member),
        id().prop_map(Role::DuplicateOf),
        id().prop_map(Role::ExceptionTo),
    ]
}

fn place() -> impl Strategy<Value = Place> {
    (text(), any::<u32>(), any::<Option<u32>>()).prop_map(|(sequence, part, parts)| Place {
        sequence,
        part,
        parts,
    })
}

fn links() -> impl Strategy<Value = Links> {
    (
        prop::collection::vec(text(), 0..3),
        prop::collection::vec((text(), any::<u32>()), 0..3),
        prop::collection::vec((any::<u32>(), id()), 0..3),
        prop::collection::vec(id(), 0..3),
        prop::collection::vec((id(), unit()), 0..3),
    )
        .prop_map(|(subjects, mentions, mentioned_by, neighbours, similar)| Links {
            subjects,
            mentions,
            mentioned_by,
            neighbours,
            similar,
        })
}

fn model() -> impl Strategy<Value = ModelTag> {
    (text(), any::<u32>(), text()).prop_map(|(name, dim, fingerprint)| ModelTag { name, dim, fingerprint })
}

fn stored() -> impl Strategy<Value = Record> {
    let words =
        (text(), prop::option::of(text()), prop::option::of(text()), prop::collection::vec(text(), 0..3));
    let facts = (unit(), prop::option::of(unit()), any::<bool>(), prop::option::of(place()));
    let keys = (prop::option::of(at()), prop::option::of(text()));
    let decided = (vector(), parts(), links(), any::<u32>(), role());
    (id(), at(), words, facts, keys, decided).prop_map(|(id, at, words, facts, keys, decided)| {
        let (content, context, source, tags) = words;
        let (confidence, importance, is_turn, place) = facts;
        let (vector, parts, links, column, role) = decided;
        Record::Stored(Box::new(StoredRecord {
            id,
            at,
            content,
            context,
            source,
            confidence,
            importance,
            tags,
            kind: if is_turn { Kind::Turn } else { Kind::Passage },
            place,
            occurred_at: keys.0,
            key: keys.1,
            vector,
            parts,
            links,
            column: ColumnId(column),
            role,
        }))
    })
}

fn updated() -> impl Strategy<Value = Record> {
    let new = (text(), vector(), parts(), links(), any::<u32>(), role(), unit()).prop_map(
        |(content, vector, parts, links, column, role, keep)| NewContent {
            content,
            vector,
            parts,
            links,
            column: ColumnId(column),
            role,
            keep,
        },
    );
    let embedding = (vector(), parts()).prop_map(|(vector, parts)| Embedding { vector, parts });
    let texts = (prop::option::of(new), prop::option::of(text()), prop::option::of(embedding));
    let tags = prop::option::of(prop::collection::vec(text(), 0..3));
    (id(), at(), texts, prop::option::of(unit()), prop::option::of(unit()), tags).prop_map(
        |(id, at, (content, context, embedding), confidence, importance, tags)| {
            Record::Updated(Box::new(UpdatedRecord {
                id,
                at,
                content,
                context,
                embedding,
                confidence,
                importance,
                tags,
            }))
        },
    )
}

fn small() -> impl Strategy<Value = Record> {
    let cleanup =
        prop::sample::select(vec![CleanupMode::Minimal, CleanupMode::Standard, CleanupMode::Aggressive]);
    let deleted = (id(), at(), cleanup)
        .prop_map(|(id, at, cleanup)| Record::Deleted(DeletedRecord { id, at, cleanup }));
    let modes = vec![LearningMode::Hebbian, LearningMode::AntiHebbian, LearningMode::Homeostatic];
    let learning = (unit(), unit(), unit(), prop::sample::select(modes), unit()).prop_map(
        |(learning_rate, decay_rate, activation_threshold, learning_mode, plasticity_window_ms)| {
            Record::Configured(Learning {
                learning_rate,
                decay_rate,
                activation_threshold,
                learning_mode,
                plasticity_window_ms,
            })
        },
    );
    let learned = (at(), prop::option::of(unit()), prop::collection::vec((id(), id(), unit()), 0..4))
        .prop_map(|(at, fade, weights)| Record::Learned(LearnedRecord { at, fade, weights }));
    let new = (id(), vector(), parts()).prop_map(|(id, vector, parts)| Reembedding { id, vector, parts });
    let reembedded = prop::collection::vec(new, 0..4).prop_map(Record::Reembedded);
    prop_oneof![
        model().prop_map(Record::Founded),
        model().prop_map(Record::ModelChanged),
        deleted,
        learning,
        learned,
        reembedded
    ]
}

fn entry() -> impl Strategy<Value = Entry> {
    let record = prop_oneof![stored(), updated(), small()];
    (0u32..3, record).prop_map(|(tenant, record)| Entry { tenant: TenantId(tenant), record })
}

proptest! {
    #[test]
    fn every_record_reads_back(entry in entry()) {
        prop_assert_eq!(Entry::decode(&entry.encode()).unwrap(), entry);
    }

    #[test]
    fn a_field_of_a_later_release_is_skipped_or_refused_as_its_number_says(entry in entry(), value in text()) {
        for (number, is_skipped) in [(2, true), (15, false), (1000, true), (1001, false)] {
            let mut later = Writer::after(entry.encode());
            later.put(number, &value);
            match Entry::decode(&later.into_bytes()) {
                Ok(read) => prop_assert!(is_skipped && read == entry),
                Err(error) => prop_assert!(!is_skipped, "{}", error),
            }
        }
    }

    #[test]
    fn damage_never_panics(entry in entry(), at in any::<prop::sample::Index>(), bits in 1u8.., cut in any::<prop::sample::Index>()) {
        let mut bytes = entry.encode();
        let _ = Entry::decode(&bytes[..cut.index(bytes.len())]);
        let at = at.index(bytes.len());
        bytes[at] ^= bits;
        let _ = Entry::decode(&bytes);
        // The same bytes taken for another version.
        bytes[0] = 1;
        let _ = Entry::decode(&bytes);
    }
}

/// Written by hand from the description of the format: a change of these bytes needs a new version.
#[test]
fn the_bytes_of_version_2_stay_as_they_are() {
    let deleted = DeletedRecord { id: MemoryId(300), at: Timestamp(-1), cleanup: CleanupMode::Aggressive };
    let entry = Entry { tenant: TenantId(5), record: Record::Deleted(deleted) };
    assert_eq!(entry.encode(), [2, 4, 1, 1, 5, 17, 2, 0xac, 2, 19, 1, 1, 21, 1, 2]);
    let roles = [Role::Founder, Role::Member, Role::DuplicateOf(MemoryId(9)), Role::ExceptionTo(MemoryId(9))];
    let bytes: [&[u8]; 4] = [&[0], &[1], &[2, 9], &[3, 9]];
    assert_eq!(roles.map(|role| fields::encode(&role)), bytes);
    assert_eq!([Kind::Passage, Kind::Turn].map(|kind| fields::encode(&kind)), [[0], [1]]);
    let modes = [
        LearningMode::Hebbian,
        LearningMode::AntiHebbian,
        LearningMode::Stdp,
        LearningMode::Homeostatic,
        LearningMode::MetaLearning,
    ];
    assert_eq!(modes.map(|mode| fields::encode(&mode)), [[0], [1], [2], [3], [4]]);
    assert_eq!(fields::encode(&Vector(vec![0x3c00, 1])), [4, 0, 0x3c, 1, 0]);
}

/// Positional: tenant, variant, id, time (zigzag), variant.
#[test]
fn version_1_is_read_for_ever() {
    let old = [1, 0, 3, 0xac, 2, 1, 2];
    let deleted = DeletedRecord { id: MemoryId(300), at: Timestamp(-1), cleanup: CleanupMode::Aggressive };
    assert_eq!(
        Entry::decode(&old).unwrap(),
        Entry { tenant: TenantId::default(), record: Record::Deleted(deleted) }
    );
    for cut in 0..old.len() {
        assert!(Entry::decode(&old[..cut]).is_err(), "cut at {cut} went unnoticed");
    }
    assert!(Entry::decode(&[&old[..], &[0]].concat()).is_err());
}

#[test]
fn what_this_release_does_not_know_is_told() {
    assert!(matches!(Entry::decode(&[9, 0]), Err(Error::Format { why }) if why.contains("version 9")));
    assert!(matches!(Entry::decode(&[2, 99]), Err(Error::Format { why }) if why.contains("kind 99")));
    assert!(
        matches!(Entry::decode(&[2, 4, 17, 1, 7]), Err(Error::Format { why }) if why.contains("19 is missing"))
    );
    assert!(Entry::decode(&[]).is_err());
}
