//! A folder that the release of November 2026 left behind opens, and holds what it held then (DESIGN 5, rule 6).
//!
//! `golden/v1/README.md` tells how the folder was made; `golden/v1/holds.txt` is what that release itself read from it.

mod common;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::{config, model};
use cortexkg_embed::{Embedder, Embeddings, ModelIdentity};
use cortexkg_engine::answer::Memory;
use cortexkg_engine::request::{Analysis, Analyze, Retrieve, StatsQuery, Store, Strategy};
use cortexkg_engine::{Call, EngineHandle, MemoryId, verify};
use cortexkg_journal::DiskStorage;

const SNAPSHOT: &str = "00000000000000000036.snap";
const SEGMENT: &str = "00000000000000000001.seg";
/// The model that made the folder's vectors.
const MODEL: (&str, u32, &str) =
    ("cortexkg-static-256", 256, "62d07d00050dc27aa367582dde25eb5a0e8760d2fccdb612af4b4634d0edf20e");

/// The folder's model by name: the vectors of the default one while it is still that, else of none.
struct OfTheFolder(ModelIdentity);

impl Embedder for OfTheFolder {
    fn identity(&self) -> &ModelIdentity {
        &self.0
    }

    fn embed(&self, texts: &[&str]) -> Result<Embeddings, cortexkg_embed::Error> {
        if model().identity().same_vectors(&self.0) {
            return model().embed(texts);
        }
        let dim = self.0.dim as usize;
        Ok(Embeddings { dim, values: vec![0.0; texts.len() * dim] })
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/v1").join(name)
}

/// A copy of some files of the golden folder.
fn copy(files: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for file in files {
        std::fs::copy(golden("data").join(file), folder.path().join(file)).unwrap();
    }
    folder
}

fn open(folder: &Path) -> EngineHandle {
    let (name, dim, fingerprint) = MODEL;
    let identity = ModelIdentity { name: name.into(), dim, fingerprint: fingerprint.into() };
    let storage = DiskStorage::create(folder).unwrap();
    EngineHandle::open_on(storage, Arc::new(OfTheFolder(identity)), config(folder))
        .expect("an old folder opens")
}

/// All that an engine holds, a memory a paragraph: fields that came later are not in it.
fn told(engine: &EngineHandle) -> String {
    let mut told = String::new();
    let mut line = |text: std::fmt::Arguments<'_>| writeln!(told, "{text}").unwrap();
    for memory in engine.page(None, 1_000, Call::default()).wait().unwrap() {
        let Memory { id, kind, place, confidence, importance, version, column, role, .. } = &memory;
        line(format_args!("{id} {kind:?} version {version}, {role:?} of {column}"));
        line(format_args!("  content {:?}", memory.content));
        line(format_args!(
            "  context {:?} source {:?} tags {:?}",
            memory.context, memory.source, memory.tags
        ));
        line(format_args!(
            "  confidence {confidence} importance {importance:?} entities {:?}",
            memory.entities
        ));
        let place = place.as_ref().map(|place| (&place.sequence, place.part, place.parts));
        line(format_args!("  place {place:?} occurred {:?}", memory.occurred_at.map(|at| at.0)));
        line(format_args!("  created {} updated {}", memory.created_at.0, memory.updated_at.0));
    }
    let query = StatsQuery { detailed_breakdown: true, ..StatsQuery::default() };
    let all = engine.stats(query, Call::default()).wait().unwrap();
    let stats = &all.state;
    line(format_args!(
        "memories {} roles {:?} tombstones {}",
        stats.memories,
        &stats.roles[..4],
        stats.tombstones
    ));
    line(format_args!("entities {} edges {} learned {}", stats.entities, stats.edges, stats.learned));
    line(format_args!("columns {} text bytes {}", stats.columns, stats.text_bytes));
    line(format_args!("kinds {:?} tags {:?}", stats.by_kind, stats.by_tag));
    let learning = &all.learning;
    line(format_args!("learning rate {} decay {}", learning.learning_rate, learning.decay_rate));
    line(format_args!(
        "from score {} within {} ms",
        learning.activation_threshold, learning.plasticity_window_ms
    ));
    line(format_args!("mode {:?} sequence {}", learning.learning_mode, all.sequence));
    told
}

fn check(folder: &Path) {
    let engine = open(folder);
    assert_eq!(told(&engine), std::fs::read_to_string(golden("holds.txt")).unwrap());
    let request = Analyze {
        analysis: Analysis::MemoryIntegrity,
        memory_ids: Vec::new(),
        include_pathways: false,
        max_depth: 3,
    };
    let report = engine.analyze(request, Call::default()).wait().unwrap().report;
    let cortexkg_engine::answer::Report::MemoryIntegrity(integrity) = report else { panic!("{report:?}") };
    for finding in integrity.findings {
        assert_eq!(finding.problems, Vec::<String>::new(), "{}", finding.check);
    }
    // Texts before an update, and those that were deleted, are in no index any more.
    for (words, found) in [
        ("village of weavers and dyers", Some(MemoryId(3))),
        ("Quarterly numbers due Monday", Some(MemoryId(16))),
        ("quarterly Friday numbers due", Some(MemoryId(16))),
        ("crème brûlée in Zürich", Some(MemoryId(17))),
        ("mayor elected in autumn", Some(MemoryId(27))),
        ("photosynthesis sugar", None),
        ("nests", None),
    ] {
        let request = Retrieve {
            query: words.into(),
            threshold: Some(0.01),
            strategy: Strategy::Lexical,
            ..Retrieve::default()
        };
        let recalled = engine.retrieve(request, Call::default()).wait().unwrap();
        assert_eq!(recalled.memories.first().map(|first| first.memory.id), found, "{words}");
    }
    // Idempotency keys outlive the release too, and so do ids.
    let again =
        Store { content: "anything".into(), idempotency_key: Some("key-1".into()), ..Store::default() };
    let again = engine.store(again, Call::default()).wait().unwrap();
    assert!(again.repeated, "{again:?}");
    let new = engine.store(Store { content: "Something new.".into(), ..Store::default() }, Call::default());
    let new = new.wait().unwrap().id;
    let before = told(&engine);
    engine.close();
    // What this release leaves behind reads the same.
    let verified = verify(folder).unwrap();
    assert_eq!(verified.problems, Vec::<String>::new());
    let engine = open(folder);
    assert_eq!(told(&engine), before);
    assert_eq!(engine.get(new, Call::default()).wait().unwrap().content, "Something new.");
}

#[test]
fn a_folder_of_the_first_format_opens_from_its_snapshot_and_the_log_behind_it() {
    check(copy(&[SEGMENT, SNAPSHOT]).path());
}

#[test]
fn a_folder_of_the_first_format_opens_from_its_log_alone() {
    check(copy(&[SEGMENT]).path());
}
