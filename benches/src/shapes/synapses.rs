//! Kernels over rows of synapses: fading, scaling, learning from pairs of spikes.

use cortexkg_compute::kernels::shared::plasticity::WEIGHT_MAX;
use cortexkg_compute::kernels::stdp_update::{Curve, NO_SPIKE};
use cortexkg_compute::kernels::{homeostasis, stdp_update, weight_decay};
use cortexkg_compute::{Case, Draw};

use super::{Shape, Size, numbers, params};
use crate::work::Work;

/// Synapses of a row.
const ROW: usize = 64;
/// Ticks of the learning curve.
const WINDOW: usize = 64;

/// From small to large.
pub fn shapes() -> Vec<Shape> {
    let mut all = Vec::new();
    for (size, count) in [(Size::Small, 1 << 16), (Size::Medium, 1 << 22), (Size::Large, 1 << 27)] {
        all.push(Shape {
            kernel: &weight_decay::KERNEL,
            size,
            name: format!("{count} synapses"),
            item: "synapse",
            items: count as u64,
            workgroups_max: u64::MAX,
            make: Box::new(move || fading(count)),
            count: count_fading,
        });
    }
    for (size, nodes) in [(Size::Small, 1 << 10), (Size::Medium, 1 << 16), (Size::Large, 1 << 20)] {
        let shape = |kernel, make, count| Shape {
            kernel,
            size,
            name: format!("{nodes} rows of {ROW}"),
            item: "synapse",
            items: (nodes * ROW) as u64,
            workgroups_max: u64::MAX,
            make,
            count,
        };
        all.push(shape(&homeostasis::KERNEL, Box::new(move || scaling(nodes)), count_scaling));
        all.push(shape(&stdp_update::KERNEL, Box::new(move || learning(nodes)), count_learning));
    }
    all
}

fn weights(draw: &mut Draw, count: usize) -> Vec<u32> {
    draw.many(count, |draw| draw.below(WEIGHT_MAX as usize + 1) as u32)
}

fn offsets(nodes: usize) -> Vec<u32> {
    (0..=nodes).map(|node| (node * ROW) as u32).collect()
}

fn fading(count: usize) -> Case {
    let params = weight_decay::Params { synapses: count as u32, share: 1 << 20, round: 7 };
    Case::new("fading", &params).bind(&weights(&mut Draw::new(1), count))
}

fn count_fading(case: &Case, _: &[Vec<u8>]) -> Work {
    let synapses = u64::from(params::<weight_decay::Params>(case).synapses);
    // Nine for the drawn bits, eight for the share, two for the weight, four for the loop.
    (Work::read(4) + Work::write(4) + Work::integer(23)) * synapses + Work::launches(1)
}

fn scaling(nodes: usize) -> Case {
    // The first dispatch scales every row; later ones find the bound kept, and move as much.
    let params = homeostasis::Params { nodes: nodes as u32, sum_max: WEIGHT_MAX };
    Case::new("scaling", &params).bind(&offsets(nodes)).bind(&weights(&mut Draw::new(2), nodes * ROW))
}

fn count_scaling(case: &Case, _: &[Vec<u8>]) -> Work {
    let nodes = u64::from(params::<homeostasis::Params>(case).nodes);
    let synapses = case.buffers[1].len() as u64 / 4;
    // Two passes over a row; each of 64 threads folds the sum (sixteen) and works out the factor (twelve).
    let row = Work::read(4) + Work::integer(28 * 64);
    row * nodes
        + (Work::read(4) + Work::again(4) + Work::write(4) + Work::integer(13)) * synapses
        + Work::barriers(2)
        + Work::launches(1)
}

fn learning(nodes: usize) -> Case {
    let draw = &mut Draw::new(3);
    let params =
        stdp_update::Params { nodes: nodes as u32, window: WINDOW as u32, weight_max: WEIGHT_MAX, round: 7 };
    let spike = |draw: &mut Draw| if draw.below(4) == 0 { NO_SPIKE } else { draw.below(2 * WINDOW) as u32 };
    let curve = Curve::exponential(WINDOW, (0.01, 16.8), (-0.008, 33.7));
    Case::new("learning", &params)
        .bind(&offsets(nodes))
        .bind(&draw.many(nodes * ROW, |draw| draw.below(nodes) as u32))
        .bind(&draw.many(nodes, spike))
        .bind(curve.entries())
        .bind(&weights(draw, nodes * ROW))
}

fn count_learning(case: &Case, _: &[Vec<u8>]) -> Work {
    let nodes = u64::from(params::<stdp_update::Params>(case).nodes);
    let targets: Vec<u32> = numbers(&case.buffers[1]);
    // Of a synapse its target, the target's spike, its weight twice; 35 for the distance, the drawn bits, the share and the loop. The curve
    // stays in the first cache.
    let synapse = Work::read(8) + Work::write(4) + Work::gather(1) + Work::integer(35);
    (Work::read(8) + Work::integer(8)) * nodes + synapse * targets.len() as u64 + Work::launches(1)
}
