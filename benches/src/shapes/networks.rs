//! Spiking networks: balanced ones of Brunel's kind, some hundred steps of them.

use cortexkg_compute::kernels::network_run::{
    self, BUNDLE_WORDS, Form, NetworkParams, POPULATION_WORDS, RECIPE_WORDS,
};
use cortexkg_compute::kernels::network_run_f64;
use cortexkg_compute::network::known::BRUNEL_NEURON;
use cortexkg_compute::network::{Description, Population, Projection, Values, Wiring};
use cortexkg_compute::{Case, Element};

use super::{Shape, Size, numbers, params};
use crate::work::Work;

/// Steps of a dispatch, .1 ms each.
const STEPS: u32 = 200;
const TABLES: usize = 1;
const SYNAPSES: usize = 3;
const SPIKES: usize = 9;
/// Words of a bundle's record.
const FORM: usize = 3;
const RECIPE: usize = 11;

/// From small to large. The last is as large as the microcircuit of Potjans and Diesmann.
pub fn shapes() -> Vec<Shape> {
    let mut all = Vec::new();
    let sizes = [(Size::Small, 1_000, 100), (Size::Medium, 20_000, 1_000), (Size::Large, 77_000, 3_900)];
    for (size, neurons, degree) in sizes {
        let shape = |kernel, procedural: bool, make: Box<dyn Fn() -> Case>| Shape {
            kernel,
            size,
            name: format!(
                "{neurons} neurons of {degree} {}synapses, {STEPS} steps",
                if procedural { "procedural " } else { "" }
            ),
            item: "neuron step",
            items: u64::from(neurons) * u64::from(STEPS),
            workgroups_max: u64::MAX,
            make,
            count,
        };
        for procedural in [false, true] {
            let make = Box::new(move || beginning::<f32>(neurons, degree, procedural));
            all.push(shape(&network_run::KERNEL, procedural, make));
        }
        if size < Size::Large {
            let make = Box::new(move || beginning::<f64>(neurons, degree, false));
            all.push(shape(&network_run_f64::KERNEL, false, make));
        }
    }
    all
}

fn beginning<T: cortexkg_compute::simd::Real>(neurons: u32, degree: u32, procedural: bool) -> Case {
    let population = |name: &str, size| Population {
        name: name.to_owned(),
        size,
        neuron: BRUNEL_NEURON,
        current_pa: Values::All(375.0),
        potential_mv: Values::Uniform { low: 10.0, high: 20.0, seed: None },
        poisson: None,
    };
    let excitatory = neurons / 5 * 4;
    // The weight that keeps the network balanced falls as the number of synapses rises.
    let weight = 122.895 * 400.0 / f64::from(degree);
    let projection = |source: usize, target: usize| Projection {
        source,
        target,
        wiring: match procedural {
            true => Wiring::OutDegree {
                count: degree / 5 * if target == 0 { 4 } else { 1 },
                autapses: true,
                procedural: true,
            },
            false => Wiring::InDegree { count: degree / 5 * if source == 0 { 4 } else { 1 }, autapses: true },
        },
        weight_pa: Values::All(if source == 0 { weight } else { -8.0 * weight }),
        delay_ms: Values::All(1.5),
        stdp: None,
    };
    let description = Description {
        step_ms: 0.1,
        seed: 10,
        populations: vec![population("E", excitatory), population("I", neurons - excitatory)],
        projections: vec![projection(0, 0), projection(0, 1), projection(1, 0), projection(1, 1)],
    };
    network_run::beginning::<T>(&description, STEPS, 2).expect("a network that keeps the rules")
}

/// Synapses that are made for each neuron that fires.
fn made_degree(case: &Case) -> u64 {
    let NetworkParams { populations, bundles, .. } = params(case);
    let tables: Vec<u32> = numbers(&case.buffers[TABLES]);
    let records = tables[populations as usize * POPULATION_WORDS..].chunks(BUNDLE_WORDS);
    let made = records.take(bundles as usize).filter(|record| record[FORM] == Form::Procedural as u32);
    let counts = made.map(|record| u64::from(tables[record[RECIPE] as usize + RECIPE_WORDS]));
    // Every population has as many bundles as there are populations.
    counts.sum::<u64>() / u64::from(populations)
}

fn count(case: &Case, played: &[Vec<u8>]) -> Work {
    let NetworkParams { steps, neurons, bundles, blocks, horizon, .. } = params(case);
    let [steps, neurons, bundles, blocks] = [steps, neurons, bundles, blocks].map(u64::from);
    // Drives lie beside a number a neuron.
    let width = (case.buffers[5].len() as u64) / neurons;
    let spikes: Vec<u32> = numbers(&played[SPIKES]);
    // What fires within the last delay arrives after the end.
    let arriving = (steps - u64::from(horizon).min(steps)) * neurons / 32;
    let fired: u64 = spikes[..arriving as usize].iter().map(|word| u64::from(word.count_ones())).sum();
    let synapses = case.buffers[SYNAPSES].len() as u64 / 2;
    let made = made_degree(case);
    let events = fired * (synapses / neurons + made);
    // Sums, then state, drive and release; instructions of arrive and rise for each bundle, integrate.
    let arithmetic = match width as usize == Element::F64.bytes() {
        true => Work::double(14),
        false => Work::float(14),
    };
    let neuron = Work::again(8 + 8 + 6 * width + width + 4) + arithmetic + Work::integer(50 + 14 * bundles);
    // A target is read, or drawn: a fourth of Philox's seven rounds, and a place in 64 bits.
    let event = Work::atomic(1)
        + if made > 0 { Work::integer(7 * 10 / 4 + 14) } else { Work::again(2) + Work::integer(8) };
    let row = Work::gather(2) + Work::integer(12);
    let once = Work::read(neurons * (8 + 4 * width + 4)) + Work::write(neurons * (8 + 3 * width + 4));
    // Rows of those who fire more than once are read again.
    let synapses = Work { read_bytes: (2 * events).min(2 * synapses), ..Work::default() };
    once + synapses
        + neuron * (neurons * steps)
        + Work::write(neurons / 8 * steps)
        + event * events
        + row * (fired * blocks)
        // None of these networks learns, so a step has two.
        + Work::meetings(2 * steps)
        + Work::launches(2)
}
