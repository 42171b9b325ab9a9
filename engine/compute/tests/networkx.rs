//! Analyses against networkx 3.6.1 on small graphs: `networkx/graphs.json` was written by `networkx/make.py`.

use cortexkg_compute::analytics::{Analytics, communities, modularity};
use cortexkg_compute::kernels::shared::csr::Csr;
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions};
use serde_json::Value;

fn graphs() -> Vec<(String, Csr, Value)> {
    let text = include_str!("networkx/graphs.json");
    let Value::Object(graphs) = serde_json::from_str(text).expect("JSON") else { panic!("an object") };
    let graph = |(name, facts): (String, Value)| {
        let number = |value: &Value| value.as_u64().expect("a number") as u32;
        let edges: Vec<(u32, u32)> =
            list(&facts["edges"]).iter().map(|edge| (number(&edge[0]), number(&edge[1]))).collect();
        (name, Csr::from_edges(number(&facts["nodes"]) as usize, edges.into_iter()), facts)
    };
    graphs.into_iter().map(graph).collect()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().expect("a list")
}

fn floats(value: &Value) -> Vec<f64> {
    list(value).iter().map(|value| value.as_f64().expect("a number")).collect()
}

fn device(threads: usize) -> Device {
    Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, threads, ..Default::default() })
        .expect("the CPU")
}

/// Same values, as far as the f32 arrays in between can tell.
fn same(what: &str, ours: &[f64], theirs: &Value, tolerance: f64) {
    let theirs = floats(theirs);
    assert_eq!(ours.len(), theirs.len(), "{what}");
    for (node, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
        assert!((ours - theirs).abs() <= tolerance, "{what} of {node}: {ours}, networkx {theirs}");
    }
}

#[test]
fn every_measure_is_that_of_networkx() {
    let mut device = device(2);
    for (name, graph, facts) in graphs() {
        let nodes: Vec<u32> = (0..graph.nodes() as u32).collect();
        let mut analytics = Analytics::new(&mut device, &graph).unwrap();

        let labels = analytics.components().unwrap();
        let mut lowest = labels.clone();
        lowest.sort_unstable();
        lowest.dedup();
        assert_eq!(Value::from(lowest), facts["components"], "{name}");
        assert!(
            nodes.iter().all(|&a| graph.row(a).iter().all(|&b| labels[a as usize] == labels[b as usize]))
        );

        let triangles = analytics.triangles().unwrap();
        let counts: Vec<f64> = triangles.iter().map(|&count| f64::from(count)).collect();
        same(&format!("{name}: triangles"), &counts, &facts["triangles"], 0.0);
        let clustering: Vec<f64> =
            nodes.iter().map(|&node| analytics.clustering(&triangles, node).unwrap_or(0.0)).collect();
        same(&format!("{name}: clustering"), &clustering, &facts["clustering"], 1e-11);

        let distances = analytics.distances(nodes.clone()).unwrap();
        let close = |ours: Option<f64>, theirs: &Value| {
            (ours.expect("pairs") - theirs.as_f64().expect("a number")).abs() < 1e-11
        };
        assert!(close(distances.mean(), &facts["mean_distance"]), "{name}: {:?}", distances.mean());
        assert!(close(distances.efficiency(), &facts["efficiency"]), "{name}: {:?}", distances.efficiency());
        assert_eq!(Value::from(distances.longest()), facts["diameter"], "{name}");
        let closeness: Vec<f64> = nodes.iter().map(|&node| distances.closeness(node)).collect();
        same(&format!("{name}: closeness"), &closeness, &facts["closeness"], 1e-11);

        let betweenness = analytics.betweenness(&nodes).unwrap();
        same(&format!("{name}: betweenness"), &betweenness.values, &facts["betweenness"], 1e-6);
        assert_eq!(betweenness.sources, graph.nodes());

        let pagerank = analytics.pagerank(0.85, 200).unwrap();
        assert!(pagerank.settled, "{name}");
        same(&format!("{name}: PageRank"), &pagerank.values, &facts["pagerank"], 1e-6);

        if !facts["eigenvector"].is_null() {
            let power = analytics.eigenvector(2_000).unwrap();
            assert!(power.settled, "{name}");
            let length = power.values.iter().map(|value| value * value).sum::<f64>().sqrt();
            let unit: Vec<f64> = power.values.iter().map(|value| value / length).collect();
            same(&format!("{name}: eigenvector"), &unit, &facts["eigenvector"], 1e-4);
        }
        drop(analytics);
        assert_eq!(device.used_bytes(), 0, "{name} left buffers behind");
    }
}

#[test]
fn communities_come_near_the_best_of_twenty_runs_of_louvain() {
    for (name, graph, facts) in graphs() {
        let partition: Vec<u32> = floats(&facts["partition"]).iter().map(|&group| group as u32).collect();
        let theirs = facts["partition_modularity"].as_f64().unwrap();
        let same = modularity(&graph, &partition).expect("edges");
        assert!((same - theirs).abs() < 1e-11, "{name}: modularity {same}, networkx {theirs}");

        let found = communities(&graph, 100);
        let (ours, best) = (found.modularity.unwrap(), facts["best_modularity"].as_f64().unwrap());
        println!("{name}: {ours}, the best of networkx {best}");
        assert!(ours > best - 0.015, "{name}: {ours}, the best of networkx {best}");
        assert_eq!(found.sizes.iter().sum::<u32>() as usize, graph.nodes(), "{name}");
        assert!(found.sizes.is_sorted_by(|a, b| a >= b), "{name}");
        // Each hangs together: within the community, the lowest node reaches all others.
        let inside = |a: u32| graph.row(a).iter().filter(move |&&b| b > a).map(move |&b| (a, b));
        let of = &found.of;
        let kept =
            (0..graph.nodes() as u32).flat_map(inside).filter(|&(a, b)| of[a as usize] == of[b as usize]);
        let apart = Csr::from_edges(graph.nodes(), kept.collect::<Vec<_>>().into_iter());
        let mut device = device(1);
        let mut labels = Analytics::new(&mut device, &apart).unwrap().components().unwrap();
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels.len(), found.sizes.len(), "{name}: a community falls apart");
    }
}
