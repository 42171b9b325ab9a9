//! CPU seconds of every analysis over a graph: `analytics EDGES [SOURCES]`, where each line of EDGES is `a b`. Prints CSV.

use std::time::Instant;

use cortexkg_compute::analytics::{Analytics, communities, sample};
use cortexkg_compute::kernels::shared::csr::Csr;
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions};

/// User and system seconds of this process, all threads.
fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

fn measured<T>(what: &str, run: impl FnOnce() -> T, tell: impl FnOnce(&T) -> String) -> T {
    let (wall, cpu) = (Instant::now(), cpu_s());
    let result = run();
    let (wall, cpu) = (wall.elapsed().as_secs_f64(), cpu_s() - cpu);
    println!("{what},{cpu:.3},{wall:.3},{}", tell(&result));
    result
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let file = arguments.next().ok_or("which file of edges?")?;
    let sources: usize = arguments.next().map_or(Ok(64), |text| text.parse())?;
    let text = std::fs::read_to_string(file)?;
    let mut edges: Vec<(u32, u32)> = Vec::new();
    for line in text.lines() {
        let (a, b) = line.split_once(' ').ok_or("a line is no edge")?;
        edges.push((a.parse()?, b.parse()?));
    }
    let nodes = edges.iter().map(|&(a, b)| a.max(b) as usize + 1).max().unwrap_or(0);
    println!("what,cpu_s,wall_s,found");
    let graph = measured(
        "rows",
        || Csr::from_edges(nodes, edges.iter().copied()),
        |graph| format!("{} nodes {} edges", graph.nodes(), graph.ends() / 2),
    );
    let mut device = Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() })?;
    let mut analytics = Analytics::new(&mut device, &graph)?;
    let count = |labels: &Vec<u32>| {
        let own = labels.iter().zip(0..).filter(|&(&label, node)| label == node).count();
        format!("{own} components")
    };
    measured("components", || analytics.components().expect("memory"), count);
    measured(
        "triangles",
        || analytics.triangles().expect("memory"),
        |counts| format!("{} triangles", counts.iter().map(|&count| u64::from(count)).sum::<u64>() / 3),
    );
    let from = sample(nodes, sources);
    measured(
        &format!("distances from {}", from.len()),
        || analytics.distances(from.clone()).expect("memory"),
        |found| {
            format!(
                "mean {:.4} efficiency {:.5}",
                found.mean().unwrap_or(0.0),
                found.efficiency().unwrap_or(0.0)
            )
        },
    );
    let few = sample(nodes, sources.div_ceil(4));
    let highest = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    measured(
        &format!("betweenness from {}", few.len()),
        || analytics.betweenness(&few).expect("memory"),
        |found| format!("highest {:.6}", highest(&found.values)),
    );
    measured(
        "pagerank",
        || analytics.pagerank(0.85, 100).expect("memory"),
        |found| format!("highest {:.6e} in {} rounds", highest(&found.values), found.rounds),
    );
    measured(
        "eigenvector",
        || analytics.eigenvector(200).expect("memory"),
        |found| {
            format!(
                "highest {:.6e} in {} rounds settled {}",
                highest(&found.values),
                found.rounds,
                found.settled
            )
        },
    );
    for rounds_max in [1, 10] {
        measured(
            &format!("communities in {rounds_max}"),
            || communities(&graph, rounds_max),
            |found| format!("{} with modularity {:.4}", found.sizes.len(), found.modularity.unwrap_or(0.0)),
        );
    }
    Ok(())
}
