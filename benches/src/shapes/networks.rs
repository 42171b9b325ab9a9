//! Spiking networks, some hundred steps of them: balanced ones of Brunel's kind, and the microcircuit.

use cortexkg_compute::kernels::network_run::{
    self, BUNDLE_WORDS, Bundle, Form, NetworkParams, POPULATION_WORDS, Population as Record, RECIPE_WORDS,
    RING_WORDS_MAX,
};
use cortexkg_compute::kernels::network_run_f64;
use cortexkg_compute::network::known::{self, BRUNEL_NEURON};
use cortexkg_compute::network::{Description, Population, Projection, Values, Wiring};
use cortexkg_compute::simd::Real;
use cortexkg_compute::{Case, Element};

use super::{Shape, Size, numbers, params};
use crate::work::Work;

/// Steps of a dispatch, .1 ms each.
const STEPS: u32 = 200;
const TABLES: usize = 1;
const STARTS: usize = 2;
const SPIKES: usize = 9;

/// From small to large.
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
            let make = Box::new(move || balanced::<f32>(neurons, degree, procedural));
            all.push(shape(&network_run::KERNEL, procedural, make));
        }
        if size < Size::Large {
            let make = Box::new(move || balanced::<f64>(neurons, degree, false));
            all.push(shape(&network_run_f64::KERNEL, false, make));
        }
    }
    // The microcircuit of Potjans and Diesmann, which the field measures itself by: delays from one step on, every neuron with noise.
    let microcircuit = known::microcircuit(1.0, false);
    let neurons: u64 = microcircuit.populations.iter().map(|population| u64::from(population.size)).sum();
    all.push(Shape {
        kernel: &network_run::KERNEL,
        size: Size::Large,
        name: format!("the microcircuit of 299 million synapses, {STEPS} steps"),
        item: "neuron step",
        items: neurons * u64::from(STEPS),
        workgroups_max: u64::MAX,
        make: Box::new(move || first_steps::<f32>(&microcircuit)),
        count,
    });
    all
}

fn first_steps<T: Real>(description: &Description) -> Case {
    network_run::beginning::<T>(description, STEPS, 2).expect("a network that keeps the rules")
}

fn balanced<T: Real>(neurons: u32, degree: u32, procedural: bool) -> Case {
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
    first_steps::<T>(&description)
}

/// Synapses of a network: stored ones with the bytes they take, and how many are made for each neuron that fires.
struct Synapses {
    stored: u64,
    bytes: u64,
    made_degree: u64,
    /// Row parts of each source, by delay, all bundles together.
    delays: u64,
}

impl Synapses {
    fn of(case: &Case) -> Self {
        let NetworkParams { populations, bundles, blocks, .. } = params(case);
        let tables: Vec<u32> = numbers(&case.buffers[TABLES]);
        let starts: Vec<u32> = numbers(&case.buffers[STARTS]);
        let mut all = Synapses { stored: 0, bytes: 0, made_degree: 0, delays: 0 };
        let records = tables[populations as usize * POPULATION_WORDS..].chunks(BUNDLE_WORDS);
        for bundle in records.take(bundles as usize).map(Bundle::of) {
            all.delays += u64::from(bundle.delays_len);
            if bundle.form == Form::Procedural {
                all.made_degree += u64::from(tables[bundle.recipe as usize + RECIPE_WORDS]);
                continue;
            }
            let rows = (bundle.sources * bundle.delays_len) as usize + 1;
            let blocks = starts[bundle.starts as usize..].chunks(rows).take(blocks as usize);
            let stored: u64 = blocks.map(|rows_of| u64::from(rows_of[rows - 1] - rows_of[0])).sum();
            all.stored += stored;
            all.bytes += stored * if bundle.form == Form::Varied { 4 } else { 2 };
        }
        // Every population has as many procedural bundles as there are populations.
        all.made_degree /= u64::from(populations);
        all.delays /= u64::from(populations);
        all
    }
}

fn count(case: &Case, played: &[Vec<u8>]) -> Work {
    let NetworkParams { steps, neurons, populations, bundles, blocks, horizon, interval, .. } = params(case);
    let [steps, neurons, bundles, blocks] = [steps, neurons, bundles, blocks].map(u64::from);
    let ring = u64::from(horizon + interval);
    assert!(2 * ring * neurons <= RING_WORDS_MAX.into(), "a network whose rows are read when they arrive");
    // Drives lie beside a number a neuron.
    let width = (case.buffers[5].len() as u64) / neurons;
    let spikes: Vec<u32> = numbers(&played[SPIKES]);
    // What fires within the last delay arrives after the end, and is not pushed.
    let arriving = (steps - u64::from(horizon).min(steps)) * neurons / 32;
    let fired: u64 = spikes[..arriving as usize].iter().map(|word| u64::from(word.count_ones())).sum();
    let Synapses { stored, bytes, made_degree, delays } = Synapses::of(case);
    let events = fired * (stored / neurons + made_degree);
    let arithmetic = match width as usize == Element::F64.bytes() {
        true => Work::double(14),
        false => Work::float(14),
    };
    // Seven rounds of Philox, and a look at each chance.
    let tables: Vec<u32> = numbers(&case.buffers[TABLES]);
    let records = tables.chunks(POPULATION_WORDS).take(populations as usize);
    let chances = records.map(|record| Record::of(record).chances_len);
    let noise = chances.max().map_or(0, |chances| if chances > 0 { 70 + 2 * u64::from(chances) } else { 0 });
    // Sums, then state, drive and release.
    let neuron = Work::again(8 + 8 + 6 * width + width + 4) + arithmetic + Work::integer(50 + noise);
    // A target is read, or drawn: a fourth of Philox's seven rounds, and a place in 64 bits.
    let event = Work::atomic(1)
        + match made_degree > 0 {
            true => Work::integer(7 * 10 / 4 + 14),
            false => Work::again(bytes / stored) + Work::integer(8),
        };
    // All threads of a tile look at its bundles, and at every part of a row.
    let row =
        Work::gather(2 * delays * blocks) + Work::integer(64 * (14 * bundles + (10 + 12 * blocks) * delays));
    let once = Work::read(neurons * (8 + 4 * width + 4)) + Work::write(neurons * (8 + 3 * width + 4));
    // Rows of those who fire more than once are read again.
    let synapses = Work { read_bytes: bytes.min(events * bytes / stored.max(1)), ..Work::default() };
    once + synapses
        // The ring begins with zeros.
        + Work::again(8 * ring * neurons)
        + neuron * (neurons * steps)
        + Work::write(neurons / 8 * steps)
        + event * events
        + row * fired
        + Work::barriers(steps)
        // None of these networks learns.
        + Work::meetings(1 + steps.div_ceil(interval.into()))
        + Work::launches(2)
}
