//! What changes no bit: threads, how a run is cut into calls, who else is in the batch, vector instructions.

use proptest::prelude::*;

use super::super::*;
use crate::kernels::network_run::random_description;
use crate::simd::Simd;
use crate::{DeviceChoice, DeviceOptions, Draw};

pub fn device(choice: DeviceChoice, threads: usize) -> Device {
    Device::open(&DeviceOptions { choice, threads, ..Default::default() }).unwrap()
}

/// Spikes, potentials and weights after so many steps, run in parts.
pub type Told = (Vec<Spike>, Vec<Vec<f64>>, Vec<Vec<Learned>>);

pub fn told<T: Precision>(
    device: &mut Device,
    description: &Description,
    seeds: &[u64],
    parts: &[u32],
) -> Told {
    let mut network: Network<T> = Network::build(device, description, seeds).unwrap();
    let mut spikes = Vec::new();
    for &part in parts {
        spikes.extend(network.run(device, part).unwrap());
    }
    let replicas = 0..seeds.len() as u32;
    let potentials =
        replicas.clone().map(|replica| network.potentials_mv(device, replica).unwrap()).collect();
    let mut weights = Vec::new();
    for replica in replicas {
        for (place, projection) in description.projections.iter().enumerate() {
            if projection.stdp.is_some() {
                let mut of = network.weights(device, replica, place).unwrap();
                // Blocks, and so the order, depend on threads.
                of.sort_by(|a, b| {
                    (a.source, a.target).cmp(&(b.source, b.target)).then(a.weight_pa.total_cmp(&b.weight_pa))
                });
                weights.push(of);
            }
        }
    }
    network.destroy(device);
    (spikes, potentials, weights)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn threads_and_cuts_and_forms_change_nothing(seed: u64, cuts in prop::collection::vec(1u32..200, 1..6)) {
        let mut draw = Draw::new(seed);
        let description = random_description(&mut draw);
        let steps = cuts.iter().sum();
        let whole = told::<f32>(&mut device(DeviceChoice::Cpu, 1), &description, &[seed, 7], &[steps]);
        prop_assert_eq!(&whole, &told::<f32>(&mut device(DeviceChoice::Cpu, 1), &description, &[seed, 7], &cuts));
        prop_assert_eq!(&whole, &told::<f32>(&mut device(DeviceChoice::Cpu, 3), &description, &[seed, 7], &cuts));
        prop_assert_eq!(&whole, &told::<f32>(&mut device(DeviceChoice::CpuReference, 1), &description, &[seed, 7], &[steps]));
        for simd in Simd::available() {
            let options = DeviceOptions { choice: DeviceChoice::Cpu, threads: 2, simd, ..Default::default() };
            prop_assert_eq!(&whole, &told::<f32>(&mut Device::open(&options).unwrap(), &description, &[seed, 7], &[steps]));
        }
        let wide = told::<f64>(&mut device(DeviceChoice::Cpu, 2), &description, &[seed, 7], &cuts);
        prop_assert_eq!(&wide, &told::<f64>(&mut device(DeviceChoice::CpuReference, 1), &description, &[seed, 7], &[steps]));
    }

    #[test]
    fn a_replica_is_the_same_in_any_batch(seed: u64) {
        let mut draw = Draw::new(seed);
        let description = random_description(&mut draw);
        let mut device = device(DeviceChoice::Cpu, 2);
        let seeds = [seed, 1, 2];
        let (spikes, potentials, weights) = told::<f32>(&mut device, &description, &seeds, &[120, 60]);
        let of_each = weights.len() / 3;
        for (replica, &seed) in seeds.iter().enumerate() {
            let alone = told::<f32>(&mut device, &description, &[seed], &[180]);
            let mine = spikes.iter().filter(|spike| spike.replica == replica as u32);
            let mine: Vec<Spike> = mine.map(|spike| Spike { replica: 0, ..*spike }).collect();
            prop_assert_eq!(&mine, &alone.0);
            prop_assert_eq!(&potentials[replica], &alone.1[0]);
            prop_assert_eq!(&weights[replica * of_each..][..of_each], &alone.2[..]);
        }
    }
}

#[test]
fn random_networks_fire_and_learn() {
    // Else the properties above would be about nothing.
    let mut device = device(DeviceChoice::Cpu, 1);
    let (mut fired, mut learned) = (0, 0);
    for seed in 0..20 {
        let description = random_description(&mut Draw::new(seed));
        let before = told::<f32>(&mut device, &description, &[1], &[1]);
        let after = told::<f32>(&mut device, &description, &[1], &[500]);
        fired += usize::from(after.0.len() > 100);
        learned += usize::from(before.2 != after.2);
    }
    assert!(fired >= 10 && learned >= 3, "{fired} fired, {learned} learned");
}

#[test]
fn a_team_of_threads_equals_one() {
    // Large enough that the members of a team do meet.
    let description = known::vogels_abbott(4_000);
    let one = told::<f32>(&mut device(DeviceChoice::Cpu, 1), &description, &[1], &[500]);
    assert!(one.0.len() > 500);
    for (threads, parts) in [(2, &[500][..]), (3, &[100, 399, 1])] {
        assert_eq!(one, told::<f32>(&mut device(DeviceChoice::Cpu, threads), &description, &[1], parts));
    }
}

#[test]
fn what_is_injected_and_set_arrives_once_and_in_its_replica() {
    let mut device = device(DeviceChoice::Cpu, 1);
    let neuron = known::vogels_abbott(100).populations[0].neuron;
    let population = Population {
        name: "quiet".into(),
        size: 3,
        neuron: Lif { rest_mv: -60.0, ..neuron },
        current_pa: Values::All(0.0),
        potential_mv: Values::All(-60.0),
        poisson: None,
    };
    let description = Description { step_ms: 0.1, populations: vec![population], ..Description::default() };
    let mut network: Network<f64> = Network::build(&mut device, &description, &[1, 2]).unwrap();
    assert_eq!(network.run(&mut device, 300).unwrap(), []);
    network.inject(&mut device, 1, 2, 5_000.0).unwrap();
    let spikes = network.run(&mut device, 100).unwrap();
    assert!(
        !spikes.is_empty() && spikes.iter().all(|spike| (spike.replica, spike.neuron) == (1, 2)),
        "{spikes:?}"
    );
    // The current it left decays; afterwards nothing fires by itself.
    network.run(&mut device, 3_000).unwrap();
    assert_eq!(network.run(&mut device, 300).unwrap(), []);
    network.set_current(&mut device, 0, 1, 500.0).unwrap();
    let (spikes, traces) = network.trace(&mut device, 0, &[0, 1], 500).unwrap();
    assert!(
        !spikes.is_empty() && spikes.iter().all(|spike| (spike.replica, spike.neuron) == (0, 1)),
        "{spikes:?}"
    );
    assert_eq!(traces.len(), 500);
    assert!(traces.iter().all(|trace| trace[0] < -59.9) && traces[0][1] > -60.0);
    // An inhibitory event goes down.
    network.inject(&mut device, 0, 0, -500.0).unwrap();
    network.run(&mut device, 50).unwrap();
    assert!(network.potentials_mv(&mut device, 0).unwrap()[0] < -60.5);
    network.destroy(&mut device);
    assert_eq!(device.used_bytes(), 0);
}

/// With the rows of its out-degrees made when they are read, where they do not learn, or stored.
fn with_rows(description: &Description, made: bool) -> Description {
    let mut description = description.clone();
    for projection in &mut description.projections {
        if let Wiring::OutDegree { procedural, .. } = &mut projection.wiring {
            *procedural = made && projection.stdp.is_none();
        }
    }
    description
}

/// A balanced network whose neurons fan out, some of them by weights and delays that vary.
fn fanned_out() -> Description {
    let mut description = known::vogels_abbott(4_000);
    for projection in &mut description.projections {
        let targets = description.populations[projection.target].size;
        projection.wiring = Wiring::OutDegree { count: targets / 50, autapses: false, procedural: true };
    }
    description.projections[0].weight_pa = Values::Normal { mean: 16.2, sd: 4.0 };
    description.projections[1].delay_ms = Values::Uniform { low: 0.1, high: 3.0, seed: None };
    description
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn made_rows_are_stored_rows(seed: u64) {
        let description = random_description(&mut Draw::new(seed));
        let told = |made: bool, threads: usize| {
            told::<f32>(&mut device(DeviceChoice::Cpu, threads), &with_rows(&description, made), &[seed], &[300])
        };
        prop_assert_eq!(told(true, 1), told(false, 1));
        prop_assert_eq!(told(true, 3), told(false, 2));
    }
}

#[test]
fn a_network_that_stores_nothing_runs_as_one_that_does() {
    let description = fanned_out();
    let stored =
        told::<f32>(&mut device(DeviceChoice::Cpu, 1), &with_rows(&description, false), &[1], &[500]);
    assert!(stored.0.len() > 500, "{} spikes", stored.0.len());
    for threads in [1, 2, 3] {
        assert_eq!(
            stored,
            told::<f32>(&mut device(DeviceChoice::Cpu, threads), &description, &[1], &[200, 300])
        );
    }
    let mut device = device(DeviceChoice::Cpu, 1);
    let network = Network::<f32>::build(&mut device, &description, &[1]).unwrap();
    let kept = Network::<f32>::build(&mut device, &with_rows(&description, false), &[1]).unwrap();
    assert_eq!(network.out_degrees(), kept.out_degrees());
    assert_eq!(network.synapses(), 4_000 * 80);
    // The weights that are drawn from.
    assert_eq!(network.synapse_bytes(), 2 << 16);
}

#[test]
fn made_synapses_may_be_more_than_there_is_room_for() {
    let mut description = known::vogels_abbott(100);
    description.projections.truncate(1);
    description.projections[0].wiring =
        Wiring::OutDegree { count: 1 << 26, autapses: false, procedural: true };
    let mut device = device(DeviceChoice::Cpu, 1);
    let network = Network::<f32>::build(&mut device, &description, &[1]).unwrap();
    assert_eq!((network.synapses(), network.synapse_bytes()), (80 << 26, 0));
}
