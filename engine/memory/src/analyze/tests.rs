use cortexkg_compute::index::IndexOptions;
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions};

use super::*;
use crate::answer::{Correlation, Role};
use crate::ids::{ColumnId, MemoryId, Timestamp};
use crate::record::{DeletedRecord, LearnedRecord, Links, ModelTag, Record, StoredRecord, Vector};
use crate::request::{CleanupMode, Kind};

const ONE: MemoryId = MemoryId(1);
const TWO: MemoryId = MemoryId(2);
const THREE: MemoryId = MemoryId(3);
const ALONE: MemoryId = MemoryId(4);

/// A record of a memory of dimension 32.
pub(crate) fn stored(id: MemoryId, mentions: &[&str], neighbours: &[MemoryId]) -> Record {
    Record::Stored(Box::new(StoredRecord {
        id,
        at: Timestamp(id.0 as i64 * 1_000_000),
        content: format!("memory {id}"),
        context: None,
        source: None,
        confidence: 0.8,
        importance: None,
        tags: Vec::new(),
        kind: Kind::Passage,
        place: None,
        occurred_at: None,
        key: None,
        vector: Vector(vec![half::f16::from_f32(1.0 / (1.0 + id.0 as f32)).to_bits(); 32]),
        parts: Vec::new(),
        links: Links {
            mentions: mentions.iter().map(|&name| (name.to_owned(), 1)).collect(),
            neighbours: neighbours.to_vec(),
            ..Links::default()
        },
        column: ColumnId(id.0 as u32),
        role: Role::Founder,
    }))
}

/// A path of five: m1, Ana, m2, Brim, m3; m4 by itself; m5 was deleted.
fn world() -> (State, Resident) {
    let mut state = State::default();
    state.apply(&Record::Founded(ModelTag { name: "test".into(), dim: 32, fingerprint: "00".into() }));
    state.apply(&stored(ONE, &["Ana"], &[]));
    state.apply(&stored(TWO, &["Ana", "Brim"], &[]));
    state.apply(&stored(THREE, &["Brim"], &[]));
    state.apply(&stored(ALONE, &[], &[]));
    state.apply(&stored(MemoryId(5), &["Ana", "Brim"], &[ONE]));
    let deleted = DeletedRecord { id: MemoryId(5), at: Timestamp(6), cleanup: CleanupMode::Standard };
    state.apply(&Record::Deleted(deleted));
    let options = DeviceOptions { choice: DeviceChoice::Cpu, threads: 1, ..Default::default() };
    (state, Resident::new(Device::open(&options).unwrap(), IndexOptions::new(32)))
}

fn ask(analysis: Analysis, memory_ids: &[MemoryId]) -> Analyze {
    Analyze { analysis, memory_ids: memory_ids.to_vec(), include_pathways: true, max_depth: 10 }
}

fn whole(analysis: Analysis) -> Analyzed {
    let (state, mut resident) = world();
    let analyzed = analyze(&state, &mut resident, &ask(analysis, &[])).unwrap();
    assert_eq!(resident.bytes(), 0, "an analysis leaves nothing on the device");
    analyzed
}

fn near(ours: f64, expected: f64) -> bool {
    (ours - expected).abs() < 1e-5
}

#[test]
fn connectivity_tells_degrees_and_paths() {
    let found = whole(Analysis::Connectivity);
    let expected = GraphCounts {
        memories: 4,
        entities: 2,
        edges: 4,
        components: 2,
        largest_component: 5,
        isolated: 1,
        degree_mean: 8.0 / 6.0,
        degree_max: 2,
    };
    assert_eq!(found.counts, expected);
    assert!(near(found.counts.density().unwrap(), 4.0 / 15.0));
    let Report::Connectivity(report) = found.report else { panic!("{:?}", found.report) };
    let path = report.path_length.unwrap();
    assert!(near(path.mean, 2.0) && path.samples == 20 && report.path_longest == 4);
    let clustering = report.clustering.unwrap();
    assert!(near(clustering.mean, 0.0) && clustering.samples == 3);
    assert_eq!(report.hubs[..3].iter().map(|hub| hub.1).collect::<Vec<_>>(), [2, 2, 2]);
    let isolated = &found.insights[0];
    assert_eq!((isolated.kind, &isolated.memories[..]), ("isolated", &[ALONE][..]));
    assert_eq!(found.recommendations.len(), 1);
}

#[test]
fn centrality_puts_the_middle_first() {
    let Report::Centrality(report) = whole(Analysis::Centrality).report else { panic!("Centrality") };
    let top = |ranking: &crate::answer::Ranking| (ranking.top[0].name.clone(), ranking.top[0].value);
    let (name, value) = top(&report.betweenness);
    assert!(name == "m2" && near(value, 0.4), "{name} {value}");
    // Of five others four are reached, at 1.5 in the mean.
    let (name, value) = top(&report.closeness);
    assert!(name == "m2" && near(value, 0.8 / 1.5), "{name} {value}");
    assert_eq!((report.betweenness.sources, report.pagerank.sources), (6, 6));
    let sum: f64 = report.pagerank.top.iter().map(|scored| scored.value).sum();
    assert!(near(sum, 1.0));
    let (name, _) = top(&report.eigenvector.expect("a path comes to rest"));
    assert_eq!(name, "m2");
}

#[test]
fn clustering_assigns_every_memory() {
    let found = whole(Analysis::Clustering);
    let Report::Clustering(report) = found.report else { panic!("Clustering") };
    assert_eq!(report.assignments.iter().map(|of| of.0).collect::<Vec<_>>(), [ONE, TWO, THREE, ALONE]);
    assert_ne!(report.assignments[0].1, report.assignments[2].1);
    // Two of three and two ends of four edges, cut in one place.
    assert!(
        report.communities == 2
            && near(report.modularity.unwrap(), 0.75 - (0.625f64.powi(2) + 0.375f64.powi(2)))
    );
    let sizes: Vec<u64> =
        report.largest.iter().map(|community| community.memories + community.entities).collect();
    assert_eq!(sizes, [3, 2]);
    let (state, mut resident) = world();
    let named = analyze(&state, &mut resident, &ask(Analysis::Clustering, &[THREE])).unwrap();
    let Report::Clustering(named) = named.report else { panic!("Clustering") };
    assert_eq!(named.assignments.len(), 1, "{:?}", named.assignments);
}

#[test]
fn efficiency_names_what_cuts_the_graph() {
    let found = whole(Analysis::PathwayEfficiency);
    let Report::PathwayEfficiency(report) = found.report else { panic!("PathwayEfficiency") };
    let efficiency = report.efficiency.unwrap();
    assert!(near(efficiency.mean, 2.0 * (4.0 + 3.0 / 2.0 + 2.0 / 3.0 + 1.0 / 4.0) / 30.0), "{efficiency:?}");
    let first = &report.bottlenecks[0];
    assert!(first.name == "m2" && near(first.share, 0.4) && first.cuts_off == 2, "{first:?}");
    assert_eq!((report.bottlenecks.len(), report.sources), (3, 6));
    assert_eq!(found.insights[0].kind, "bottleneck");
}

#[test]
fn strength_tells_weights_and_what_they_go_with() {
    let (mut state, mut resident) = world();
    let weights =
        vec![(ONE, TWO, 0.5), (TWO, ONE, 0.25), (TWO, THREE, 0.25), (THREE, TWO, 0.125), (ONE, THREE, 0.99)];
    state.apply(&Record::Learned(LearnedRecord { at: Timestamp(9), fade: None, weights }));
    let found = analyze(&state, &mut resident, &ask(Analysis::SynapticStrength, &[])).unwrap();
    let Report::SynapticStrength(report) = &found.report else { panic!("SynapticStrength") };
    let learned = &report.weights[0];
    assert_eq!((learned.class, learned.count, learned.quantiles[0]), ("learned", 5, 0.125));
    assert!(learned.quantiles[4] > 0.98 && near(learned.quantiles[2], 0.25));
    assert_eq!(
        report.weights.iter().map(|weights| weights.class).collect::<Vec<_>>(),
        ["learned", "mentions"]
    );
    let with: Vec<&str> = report.correlations.iter().map(|correlation| correlation.with).collect();
    assert_eq!(with, ["weight of the way back", "similarity of the memories", "age of the younger memory"]);
    let sound = |correlation: &Correlation| correlation.samples == 5 && correlation.coefficient.abs() <= 1.0;
    assert!(report.correlations.iter().all(sound));
    assert_eq!(found.insights[0].kind, "saturated");
}

#[test]
fn integrity_scores_what_was_checked() {
    let (mut state, mut resident) = world();
    let found = analyze(&state, &mut resident, &ask(Analysis::MemoryIntegrity, &[])).unwrap();
    let Report::MemoryIntegrity(report) = found.report else { panic!("MemoryIntegrity") };
    assert_eq!((report.score, found.insights.len()), (Some(1.0), 0));

    // An edge without its way back.
    let (one, four) = (state.items.get(0).node, state.items.get(3).node);
    state.graph.push(
        one,
        crate::state::graph::Side::Far,
        crate::state::graph::Edge::new(four, crate::state::graph::EdgeClass::Similar, 1.0),
    );
    let found = analyze(&state, &mut resident, &ask(Analysis::MemoryIntegrity, &[])).unwrap();
    let Report::MemoryIntegrity(report) = found.report else { panic!("MemoryIntegrity") };
    let failed: u64 = report.findings.iter().map(|finding| finding.failed).sum();
    let examined: u64 = report.findings.iter().map(|finding| finding.examined).sum();
    assert_eq!((failed, report.score), (1, Some(1.0 - 1.0 / examined as f64)));
    assert_eq!((found.insights[0].kind, found.recommendations.len()), ("inconsistent", 1));
}

#[test]
fn a_scope_ends_at_its_depth_and_pathways_lead_between_memories() {
    let (state, mut resident) = world();
    let near_one = Analyze { max_depth: 2, ..ask(Analysis::Connectivity, &[ONE]) };
    let found = analyze(&state, &mut resident, &near_one).unwrap();
    assert_eq!((found.counts.memories, found.counts.entities, found.counts.edges), (2, 1, 2));
    let between = analyze(&state, &mut resident, &ask(Analysis::Connectivity, &[ONE, THREE])).unwrap();
    assert_eq!(
        between.pathways,
        [["m1", "Ana", "m2", "Brim", "m3"]].map(|way| way.map(String::from).to_vec())
    );
    let missing = analyze(&state, &mut resident, &ask(Analysis::Centrality, &[MemoryId(5)]));
    assert_eq!(missing, Err(Error::NotFound(MemoryId(5))));
    let empty = State::default();
    for analysis in
        [Analysis::Connectivity, Analysis::Centrality, Analysis::Clustering, Analysis::PathwayEfficiency]
    {
        assert_eq!(
            analyze(&empty, &mut resident, &ask(analysis, &[])).unwrap().counts,
            GraphCounts::default()
        );
    }
}

#[test]
fn a_device_without_room_refuses_and_stays() {
    let (state, _) = world();
    let options = DeviceOptions {
        choice: DeviceChoice::Cpu,
        threads: 1,
        memory_bytes_max: 1 << 20,
        ..Default::default()
    };
    let mut resident = Resident::new(Device::open(&options).unwrap(), IndexOptions::new(32));
    let refused = analyze(&state, &mut resident, &ask(Analysis::Centrality, &[])).unwrap_err();
    assert!(matches!(refused, Error::Refused { .. }), "{refused}");
}
