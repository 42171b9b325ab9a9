//! Updates a CPU second of the plasticity kernels over a million synapses and more: `plasticity [NODES] [ROW]`. Prints CSV.

use cortexkg_compute::kernels::shared::plasticity::{WEIGHT_MAX, share};
use cortexkg_compute::kernels::stdp_update::{Curve, Synapses};
use cortexkg_compute::kernels::{homeostasis, stdp_update, weight_decay};
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Draw, Recording};

/// User and system seconds of this process, all threads.
fn cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Passes of one measurement.
const ROUNDS: u32 = 10;
/// Measurements, of which the best counts.
const TRIES: usize = 5;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let nodes: usize = arguments.next().map_or(Ok(100_000), |text| text.parse())?;
    let row: usize = arguments.next().map_or(Ok(100), |text| text.parse())?;
    let synapses = nodes * row;
    let mut draw = Draw::new(1);
    let mut device =
        Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, threads: 1, ..Default::default() })?;
    let offsets: Vec<u32> = (0..=nodes).map(|node| (node * row) as u32).collect();
    let offsets = device.upload("offsets", &offsets)?;
    let targets = device.upload("targets", &draw.many(synapses, |draw| draw.below(nodes) as u32))?;
    let weights =
        device.upload("weights", &draw.many(synapses, |draw| draw.below(WEIGHT_MAX as usize) as u32))?;
    let spikes = device.upload("spikes", &draw.many(nodes, |draw| draw.below(1_280) as u32))?;
    let curve = Curve::exponential(1_280, (0.01, 16.8 * 64.0), (-0.008, 33.7 * 64.0));
    let curve = device.upload("curve", curve.entries())?;
    println!("kernel,synapses,million_updates_per_cpu_s");
    let mut measure =
        |name: &str, record: &dyn Fn(&mut Recording, u32)| -> Result<(), cortexkg_compute::Error> {
            let mut best = f64::INFINITY;
            for _ in 0..TRIES {
                let mut recording = Recording::new();
                (0..ROUNDS).for_each(|round| record(&mut recording, round));
                let began = cpu_s();
                device.run(recording)?;
                best = best.min(cpu_s() - began);
            }
            println!("{name},{synapses},{:.0}", synapses as f64 * f64::from(ROUNDS) / best / 1e6);
            Ok(())
        };
    let rows = Synapses { nodes, offsets: &offsets, targets: &targets, weights: &weights };
    measure("stdp_update", &|recording, round| {
        stdp_update::record(recording, rows, &spikes, &curve, WEIGHT_MAX, round);
    })?;
    measure("weight_decay", &|recording, round| {
        weight_decay::record(recording, &weights, synapses, share(0.001), round);
    })?;
    // A bound that rows come back over, since decay alone would leave nothing to do after the first pass.
    measure("homeostasis", &|recording, round| {
        homeostasis::record(recording, nodes, &offsets, &weights, WEIGHT_MAX - 1_000 * (round % 10));
    })?;
    Ok(())
}
