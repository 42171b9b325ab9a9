use super::*;
use crate::case::Draw;
use crate::device::{DeviceChoice, DeviceOptions};
use proptest::prelude::*;

fn device(threads: usize) -> Device {
    Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, threads, ..Default::default() })
        .expect("the CPU")
}

fn random(seed: u64, nodes: usize, edges: usize) -> Csr {
    let mut draw = Draw::new(seed);
    let pairs: Vec<[u32; 2]> = draw.many(edges, |draw| [draw.below(nodes) as u32, draw.below(nodes) as u32]);
    Csr::from_edges(nodes, pairs.into_iter().map(|[a, b]| (a, b)))
}

#[test]
fn a_graph_without_nodes_or_edges_has_answers_too() {
    for graph in
        [Csr::default(), Csr::from_edges(0, std::iter::empty()), Csr::from_edges(3, std::iter::empty())]
    {
        let mut device = device(1);
        let nodes = graph.nodes();
        let all = sample(nodes, nodes);
        let mut analytics = Analytics::new(&mut device, &graph).unwrap();
        assert_eq!(analytics.components().unwrap(), all);
        assert_eq!(analytics.triangles().unwrap(), vec![0; nodes]);
        let distances = analytics.distances(all.clone()).unwrap();
        assert_eq!((distances.mean(), distances.longest()), (None, 0));
        assert_eq!(distances.efficiency(), (nodes > 1).then_some(0.0));
        assert!(all.iter().all(|&node| distances.closeness(node) == 0.0));
        assert_eq!(analytics.betweenness(&all).unwrap().values, vec![0.0; nodes]);
        let pagerank = analytics.pagerank(0.85, 100).unwrap();
        assert!(pagerank.values.iter().all(|value| (value - 1.0 / nodes as f64).abs() < 1e-6));
        analytics.eigenvector(100).unwrap();
        let found = communities(&graph, 100);
        assert_eq!((found.of.len(), found.modularity), (nodes, None));
    }
}

#[test]
fn threads_change_nothing() {
    let graph = random(5, 20_000, 60_000);
    let of = |threads: usize| {
        let mut device = device(threads);
        let mut analytics = Analytics::new(&mut device, &graph).unwrap();
        let sources = sample(graph.nodes(), 70);
        (
            analytics.components().unwrap(),
            analytics.triangles().unwrap(),
            analytics.distances(sources.clone()).unwrap(),
            analytics.betweenness(&sources[..9]).unwrap(),
            analytics.pagerank(0.85, 16).unwrap(),
            analytics.eigenvector(16).unwrap(),
        )
    };
    let one = of(1);
    assert_eq!(one, of(2));
    assert_eq!(one, of(5));
}

#[test]
fn a_sample_estimates_what_all_nodes_say() {
    let graph = random(11, 3_000, 12_000);
    let mut device = device(2);
    let mut analytics = Analytics::new(&mut device, &graph).unwrap();
    let nodes = graph.nodes();
    let (all, some) = (sample(nodes, nodes), sample(nodes, 300));
    assert_eq!((all.len(), some.len()), (3_000, 300));
    let (exact, estimate) =
        (analytics.distances(all.clone()).unwrap(), analytics.distances(some.clone()).unwrap());
    assert!((exact.mean().unwrap() - estimate.mean().unwrap()).abs() < 0.05);
    assert!((exact.efficiency().unwrap() - estimate.efficiency().unwrap()).abs() < 0.01);
    assert!(all.iter().all(|&node| (exact.closeness(node) - estimate.closeness(node)).abs() < 0.03));
    let (exact, estimate) = (analytics.betweenness(&all).unwrap(), analytics.betweenness(&some).unwrap());
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let together = |a: &[f64], b: &[f64]| -> f64 {
        let (mean_a, mean_b) = (mean(a), mean(b));
        a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum()
    };
    let (e, s) = (&exact.values[..], &estimate.values[..]);
    let correlation = together(e, s) / (together(e, e) * together(s, s)).sqrt();
    assert!(correlation > 0.8, "{correlation}");
    assert!((mean(s) / mean(e) - 1.0).abs() < 0.05);
}

#[test]
fn sources_with_too_many_paths_are_left_out() {
    // 2^130 paths from end to end, 2^65 from the middle.
    let diamonds = (0..130u32).flat_map(|d| {
        let a = 3 * d;
        [(a, a + 1), (a, a + 2), (a + 1, a + 3), (a + 2, a + 3)]
    });
    let graph = Csr::from_edges(391, diamonds);
    let mut device = device(1);
    let mut analytics = Analytics::new(&mut device, &graph).unwrap();
    let found = analytics.betweenness(&[0, 195, 390]).unwrap();
    assert_eq!(found.sources, 1);
    assert!(found.values.iter().all(|value| value.is_finite()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn communities_gain_on_single_nodes_and_on_the_whole(seed: u64, nodes in 2usize..60, edges in 1usize..150) {
        let graph = random(seed, nodes, edges);
        let found = communities(&graph, 100);
        if let Some(ours) = found.modularity {
            let alone: Vec<u32> = (0..nodes as u32).collect();
            prop_assert!(ours >= modularity(&graph, &alone).unwrap() - 1e-12);
            prop_assert!(ours >= -1e-12, "the whole graph has modularity 0");
            // No single move gains.
            for node in 0..nodes {
                for &other in graph.row(node as u32) {
                    let mut moved = found.of.clone();
                    moved[node] = found.of[other as usize];
                    prop_assert!(modularity(&graph, &moved).unwrap() <= ours + 1e-9);
                }
            }
        }
    }
}
