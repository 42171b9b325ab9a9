//! One list of scenarios, through every door, with the same outcomes.

mod common;

use common::Engine;
use common::doors::{Counts, Door, Grpc, LegacyLines, ModernHttp};
use cortexkg_engine::{MemoryId, Timestamp, request};

fn memory(content: &str) -> request::Store {
    request::Store { content: content.into(), ..Default::default() }
}

/// A recall that leaves nothing out for being weak.
fn query(query: &str) -> request::Retrieve {
    request::Retrieve { query: query.into(), threshold: Some(0.0), ..Default::default() }
}

async fn counts(door: &impl Door) -> Counts {
    let query = request::StatsQuery { include_performance: false, ..Default::default() };
    door.stats(&query).await.expect("counts")
}

async fn what_is_stored_is_recalled(door: &impl Door) {
    let ada = door.store(&memory("Ada Lovelace wrote the first program in 1843.")).await.unwrap();
    let tea = door.store(&memory("Grace prefers green tea over coffee.")).await.unwrap();
    assert!(tea.sequence > ada.sequence);
    let recalled = door.retrieve(&query("Who wrote the first program?")).await.unwrap();
    assert_eq!(recalled[0].id, ada.id);
    assert_eq!(recalled[0].content, "Ada Lovelace wrote the first program in 1843.");
    let scores: Vec<_> = recalled.iter().map(|recalled| recalled.score).collect();
    assert!(scores.iter().all(|score| (0.0..=1.0).contains(score)), "{scores:?}");
    assert!(scores.is_sorted_by(|better, worse| better >= worse), "{scores:?}");
}

async fn every_call_reads_the_writes_before_it(door: &impl Door) {
    for number in 0..5 {
        let content = format!("Locker {number} belongs to student Quill{number}.");
        let stored = door.store(&memory(&content)).await.unwrap();
        let recalled = door.retrieve(&query(&format!("locker of student Quill{number}"))).await.unwrap();
        assert!(recalled.iter().any(|recalled| recalled.id == stored.id), "{number}");
        assert_eq!(counts(door).await.memories, number + 1);
    }
}

async fn a_recall_says_why_when_asked(door: &impl Door) {
    door.store(&memory("The lighthouse keeper of Skagen is called Birgit.")).await.unwrap();
    let silent = door.retrieve(&query("lighthouse keeper")).await.unwrap();
    assert_eq!(silent[0].steps, 0);
    let asked = request::Retrieve { include_reasoning: true, ..query("lighthouse keeper") };
    assert!(door.retrieve(&asked).await.unwrap()[0].steps > 0);
}

async fn filters_leave_out_what_does_not_fit(door: &impl Door) {
    let tagged =
        request::Store { tags: vec!["ship".into(), "blue".into()], ..memory("The barge Otter is blue.") };
    let tagged = door.store(&tagged).await.unwrap();
    door.store(&memory("The barge Heron is red.")).await.unwrap();

    let both = request::Retrieve { tag_filter: vec!["ship".into(), "blue".into()], ..query("barge") };
    let recalled = door.retrieve(&both).await.unwrap();
    assert_eq!(recalled.iter().map(|recalled| recalled.id).collect::<Vec<_>>(), [tagged.id]);
    assert_eq!(recalled[0].tags, ["blue", "ship"]);

    let none = request::Retrieve { tag_filter: vec!["ship".into(), "green".into()], ..query("barge") };
    assert_eq!(door.retrieve(&none).await.unwrap(), []);

    let long_ago = request::TimeRange { start: None, end: Some(Timestamp(0)) };
    let before = request::Retrieve { time_range: Some(long_ago), ..query("barge") };
    assert_eq!(door.retrieve(&before).await.unwrap(), []);
    let since = request::TimeRange { start: Some(Timestamp(0)), end: None };
    let after = request::Retrieve { time_range: Some(since), ..query("barge") };
    assert_eq!(door.retrieve(&after).await.unwrap().len(), 2);

    let one = request::Retrieve { limit: 1, ..query("barge") };
    assert_eq!(door.retrieve(&one).await.unwrap().len(), 1);
}

async fn every_strategy_of_the_specification_answers(door: &impl Door) {
    let stored =
        door.store(&memory("The observatory of Sonneberg photographs variable stars.")).await.unwrap();
    for strategy in [
        request::Strategy::SemanticSimilarity,
        request::Strategy::StructuralMatching,
        request::Strategy::TemporalProximity,
        request::Strategy::HybridApproach,
        request::Strategy::SpreadingActivation,
    ] {
        let asked = request::Retrieve { strategy, ..query("observatory of Sonneberg") };
        let recalled = door.retrieve(&asked).await.unwrap();
        let ids: Vec<_> = recalled.iter().map(|recalled| recalled.id).collect();
        assert_eq!(ids, [stored.id], "{strategy:?}");
    }
}

async fn an_update_changes_what_it_names(door: &impl Door) {
    let stored = door.store(&memory("The meeting room is called Neptune.")).await.unwrap();
    let update = request::Update {
        content: Some("The meeting room is called Saturn.".into()),
        add_tags: vec!["office".into()],
        ..request::Update::of(stored.id)
    };
    let changed = door.update(&update).await.unwrap();
    assert_eq!(changed.len(), 2, "{changed:?}");
    let recalled = door.retrieve(&query("meeting room")).await.unwrap();
    assert_eq!(recalled[0].id, stored.id);
    assert_eq!(recalled[0].content, "The meeting room is called Saturn.");
    assert_eq!(recalled[0].tags, ["office"]);
    assert_eq!(door.update(&update).await.unwrap(), Vec::<String>::new(), "the second time changes nothing");
}

async fn a_deleted_memory_is_gone(door: &impl Door) {
    let stored = door.store(&memory("The spare key lies under the third flowerpot.")).await.unwrap();
    let delete = request::Delete { id: stored.id, force: true, cleanup: request::CleanupMode::Standard };
    assert_eq!(door.delete(&delete).await.unwrap(), stored.id);
    assert_eq!(door.retrieve(&query("spare key flowerpot")).await.unwrap(), []);
    assert_eq!(counts(door).await.memories, 0);
    let gone = format!("memory_id: no memory {} exists, or it was deleted", stored.id);
    assert_eq!(door.delete(&delete).await.unwrap_err(), gone);
    let update = request::Update { confidence: Some(0.5), ..request::Update::of(stored.id) };
    assert_eq!(door.update(&update).await.unwrap_err(), gone);
}

async fn the_graph_can_be_looked_at(door: &impl Door) {
    door.store(&memory("Marie Curie discovered polonium in Paris.")).await.unwrap();
    door.store(&memory("Pierre Curie taught physics in Paris.")).await.unwrap();
    let whole = |analysis| request::Analyze {
        analysis,
        memory_ids: Vec::new(),
        include_pathways: true,
        max_depth: 10,
    };
    use request::Analysis::*;
    // A path of five: Marie Curie, a memory, Paris, a memory, Pierre Curie.
    let expected = [
        (Connectivity, 2.0),
        (Centrality, 2.0 / 3.0),
        (Clustering, 7.0 / 32.0),
        (PathwayEfficiency, 77.0 / 120.0),
        (SynapticStrength, 1.0),
        (MemoryIntegrity, 1.0),
    ];
    for (analysis, figure) in expected {
        let analyzed = door.analyze(&whole(analysis)).await.unwrap();
        assert_eq!(analyzed.memories, 2);
        assert!((analyzed.figure - figure).abs() < 1e-5, "{analysis:?} tells {}", analyzed.figure);
    }
    let missing = request::Analyze { memory_ids: vec![MemoryId(0xdead)], ..whole(Connectivity) };
    let refused = door.analyze(&missing).await.unwrap_err();
    assert!(refused.starts_with("memory_id: no memory mdead exists"), "{refused}");
}

async fn counts_follow_what_happened(door: &impl Door) {
    let before = counts(door).await;
    assert_eq!((before.memories, before.has_performance), (0, false));
    let stored = door.store(&memory("Counted once.")).await.unwrap();
    let after = counts(door).await;
    assert_eq!((after.memories, after.sequence), (1, stored.sequence));
    assert!(door.stats(&request::StatsQuery::default()).await.unwrap().has_performance);
    let long_ago = request::TimeRange { start: Some(Timestamp(0)), end: Some(Timestamp(1)) };
    let none = request::StatsQuery { time_range: Some(long_ago), ..Default::default() };
    assert_eq!(door.stats(&none).await.unwrap().memories, 0);
}

async fn learning_is_configured_at_once(door: &impl Door) {
    let faster = request::ConfigureLearning { learning_rate: Some(0.05), ..Default::default() };
    assert_eq!(door.configure(&faster).await.unwrap(), ["learning_rate"]);
    assert!((counts(door).await.learning_rate - 0.05).abs() < 1e-6);
    assert_eq!(door.configure(&faster).await.unwrap(), Vec::<String>::new());
    let meta = request::ConfigureLearning {
        learning_mode: Some(request::LearningMode::MetaLearning),
        ..Default::default()
    };
    let refused = door.configure(&meta).await.unwrap_err();
    assert!(refused.ends_with("is not available yet"), "{refused}");
}

/// Each refusal begins with the field at fault and leaves the store as it was.
async fn bad_input_is_refused_and_changes_nothing(door: &impl Door) {
    let stored = door.store(&memory("The one that stays as it is.")).await.unwrap();
    let before = counts(door).await;

    let tags = |count: usize| (0..count).map(|tag| format!("tag{tag}")).collect::<Vec<_>>();
    let store = memory("fine");
    let bad_stores = [
        ("content", memory("")),
        ("content", memory(" \t\n ")),
        ("content", memory(&"x".repeat(10_001))),
        ("content", memory("nul \0 byte")),
        ("context", request::Store { context: Some("x".repeat(1_001)), ..store.clone() }),
        ("source", request::Store { source: Some("x".repeat(201)), ..store.clone() }),
        ("confidence", request::Store { confidence: Some(1.5), ..store.clone() }),
        ("importance", request::Store { importance: Some(-0.1), ..store.clone() }),
        ("tags", request::Store { tags: tags(21), ..store.clone() }),
        ("tags", request::Store { tags: vec!["x".repeat(51)], ..store.clone() }),
        ("tags", request::Store { tags: vec![" ".into()], ..store }),
    ];
    for (field, bad) in bad_stores {
        refuses(field, door.store(&bad).await);
    }

    let backwards = request::TimeRange { start: Some(Timestamp(2_000_000)), end: Some(Timestamp(1_000_000)) };
    let bad_queries = [
        ("query", query("")),
        ("query", query(&"x".repeat(1_001))),
        ("limit", request::Retrieve { limit: 0, ..query("x") }),
        ("limit", request::Retrieve { limit: 101, ..query("x") }),
        ("threshold", request::Retrieve { threshold: Some(1.01), ..query("x") }),
        ("tag_filter", request::Retrieve { tag_filter: tags(11), ..query("x") }),
        ("time_range", request::Retrieve { time_range: Some(backwards), ..query("x") }),
    ];
    for (field, bad) in bad_queries {
        refuses(field, door.retrieve(&bad).await);
    }

    let update = request::Update::of(stored.id);
    let bad_updates = [
        ("update_memory", update.clone()),
        ("new_content", request::Update { content: Some(" ".into()), ..update.clone() }),
        ("new_context", request::Update { context: Some("x".repeat(1_001)), ..update.clone() }),
        ("new_confidence", request::Update { confidence: Some(2.0), ..update.clone() }),
        ("new_importance", request::Update { importance: Some(2.0), ..update.clone() }),
        ("add_tags", request::Update { add_tags: tags(21), ..update.clone() }),
        ("remove_tags", request::Update { remove_tags: vec!["x".repeat(51)], ..update }),
    ];
    for (field, bad) in bad_updates {
        refuses(field, door.update(&bad).await);
    }

    let analyze = request::Analyze {
        analysis: request::Analysis::Connectivity,
        memory_ids: Vec::new(),
        include_pathways: false,
        max_depth: 51,
    };
    refuses("max_depth", door.analyze(&analyze).await);
    let half_open = request::TimeRange { start: Some(Timestamp(0)), end: None };
    let bad_stats = request::StatsQuery { time_range: Some(half_open), ..Default::default() };
    refuses("time_range", door.stats(&bad_stats).await);
    refuses("configure_learning", door.configure(&request::ConfigureLearning::default()).await);
    let window = request::ConfigureLearning { plasticity_window_ms: Some(0.0), ..Default::default() };
    refuses("plasticity_window_ms", door.configure(&window).await);

    assert_eq!(counts(door).await, before);
    let recalled = door.retrieve(&query("the one that stays")).await.unwrap();
    assert_eq!(recalled[0].content, "The one that stays as it is.");
}

fn refuses<T: std::fmt::Debug>(field: &str, outcome: Result<T, String>) {
    let text = outcome.expect_err(field);
    assert!(text.starts_with(&format!("{field}: ")), "{field} is not named first in {text:?}");
    assert!(text.len() > field.len() + 10, "no rule in {text:?}");
}

macro_rules! scenarios {
    ($($scenario:ident)*) => {
        scenarios!(@door mcp_modern_http ModernHttp $($scenario)*);
        scenarios!(@door mcp_legacy_lines LegacyLines $($scenario)*);
        scenarios!(@door grpc Grpc $($scenario)*);
    };
    (@door $module:ident $door:ident $($scenario:ident)*) => {
        mod $module {
            use super::{Door, Engine};
            $(
                #[tokio::test]
                async fn $scenario() {
                    let engine = Engine::open();
                    super::$scenario(&super::$door::open(&engine).await).await;
                }
            )*
        }
    };
}

scenarios! {
    what_is_stored_is_recalled
    every_call_reads_the_writes_before_it
    a_recall_says_why_when_asked
    filters_leave_out_what_does_not_fit
    every_strategy_of_the_specification_answers
    an_update_changes_what_it_names
    a_deleted_memory_is_gone
    the_graph_can_be_looked_at
    counts_follow_what_happened
    learning_is_configured_at_once
    bad_input_is_refused_and_changes_nothing
}
