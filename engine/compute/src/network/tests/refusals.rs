//! What breaks a rule is refused by name, before memory is taken, and leaves nothing behind.

use super::super::*;
use crate::{DeviceChoice, DeviceOptions, Error};

fn refusal(device: &mut Device, description: &Description) -> String {
    let used = device.used_bytes();
    let refused = match Network::<f32>::build(device, description, &[1]) {
        Ok(network) => {
            network.destroy(device);
            None
        }
        Err(refused) => Some(refused),
    };
    assert_eq!(device.used_bytes(), used, "something was left behind");
    match refused {
        Some(Error::Network { field, rule }) => format!("{field}: {rule}"),
        Some(other) => panic!("{other}"),
        None => String::new(),
    }
}

#[test]
fn fields_are_named() {
    let mut device =
        Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() }).unwrap();
    let good = known::vogels_abbott(100);
    assert_eq!(refusal(&mut device, &good), "");
    type Change = fn(&mut Description);
    let stdp = Stdp { tau_plus_ms: 20.0, tau_minus_ms: 20.0, lambda: 0.1, alpha: 1.0, weight_max_pa: 100.0 };
    let with_stdp = |change: fn(&mut Stdp)| {
        let mut stdp = stdp;
        change(&mut stdp);
        let mut description = known::vogels_abbott(100);
        description.projections[0].stdp = Some(stdp);
        description
    };
    let mut made = with_stdp(|_| ());
    made.projections[0].wiring = Wiring::OutDegree { count: 3, autapses: true, procedural: true };
    assert!(refusal(&mut device, &made).starts_with("projections[0].procedural: "));
    let changes: &[(&str, Change)] = &[
        ("step_ms", |d| d.step_ms = 0.0),
        ("step_ms", |d| d.step_ms = f64::NAN),
        ("populations", |d| d.populations.clear()),
        ("populations[0].size", |d| d.populations[0].size = 0),
        ("populations", |d| d.populations[0].size = u32::MAX),
        ("populations[1].name", |d| d.populations[1].name = d.populations[0].name.clone()),
        ("populations[0].tau_m_ms", |d| d.populations[0].neuron.tau_m_ms = -1.0),
        ("populations[0].tau_ex_ms", |d| d.populations[0].neuron.tau_ex_ms = f64::NAN),
        ("populations[0].tau_ex_ms", |d| d.populations[0].neuron.tau_ex_ms = 1e-9),
        ("populations[1].reset_mv", |d| d.populations[1].neuron.reset_mv = -40.0),
        ("populations[1].reset_mv", |d| {
            let neuron = &mut d.populations[1].neuron;
            neuron.reset_mv = neuron.threshold_mv - 1e-9;
        }),
        ("populations[0].c_pf", |d| d.populations[0].neuron.c_pf = 1e-300),
        ("populations[1].threshold_mv", |d| d.populations[1].neuron.threshold_mv = f64::INFINITY),
        ("populations[0].refractory_ms", |d| d.populations[0].neuron.refractory_ms = -0.1),
        ("populations[0].current_pa", |d| d.populations[0].current_pa = Values::Each(vec![1.0; 3])),
        ("populations[0].current_pa[2]", |d| {
            let mut currents = vec![0.0; 80];
            currents[2] = f64::NAN;
            d.populations[0].current_pa = Values::Each(currents);
        }),
        ("populations[0].potential_mv.low", |d| {
            d.populations[0].potential_mv = Values::Uniform { low: 2.0, high: 1.0, seed: None };
        }),
        ("populations[0].potential_mv.seed", |d| {
            d.populations[0].potential_mv = Values::Uniform { low: 1.0, high: 2.0, seed: Some(1 << 24) };
        }),
        ("populations[0].poisson.rate_hz", |d| {
            d.populations[0].poisson = Some(Poisson { rate_hz: 1e9, weight_pa: 1.0 });
        }),
        ("projections[0].source", |d| d.projections[0].source = 2),
        ("projections[1].delay_ms", |d| d.projections[1].delay_ms = Values::All(0.04)),
        ("projections[1].delay_ms", |d| d.projections[1].delay_ms = Values::All(f64::NAN)),
        ("projections[1].delay_ms", |d| d.projections[1].delay_ms = Values::All(1e5)),
        ("projections[1].delay_ms", |d| d.projections[1].delay_ms = Values::Each(vec![1.0])),
        ("projections[0].weight_pa", |d| {
            d.projections[0].weight_pa = Values::Uniform { low: -1.0, high: 1.0, seed: None };
        }),
        ("projections[0].pairs[1]", |d| d.projections[0].wiring = Wiring::Pairs(vec![[0, 0], [80, 0]])),
        ("projections[0].probability", |d| {
            d.projections[0].wiring = Wiring::Probability { p: 1.5, autapses: true };
        }),
        ("projections[0].in_degree", |d| {
            d.projections[0].wiring = Wiring::Hashed { in_degree: u32::MAX, first: 1, seed: 1 };
        }),
        ("projections", |d| {
            d.projections[0].wiring = Wiring::InDegree { count: u32::MAX, autapses: true };
        }),
        ("projections[0].out_degree", |d| {
            d.projections[0].wiring = Wiring::OutDegree { count: u32::MAX, autapses: true, procedural: true };
        }),
        ("projections[0].autapses", |d| {
            d.populations[0].size = 1;
            d.projections.truncate(1);
            d.projections[0].wiring = Wiring::OutDegree { count: 1, autapses: false, procedural: true };
        }),
        ("projections[1].out_degree", |d| {
            d.projections[0].wiring = Wiring::OutDegree { count: 1 << 26, autapses: true, procedural: true };
            d.projections[1].wiring = Wiring::OutDegree { count: 1, autapses: true, procedural: true };
        }),
        ("projections", |d| {
            d.projections[0].wiring = Wiring::OutDegree { count: 1 << 26, autapses: true, procedural: false };
        }),
    ];
    for (field, change) in changes {
        let mut description = good.clone();
        change(&mut description);
        let refusal = refusal(&mut device, &description);
        assert!(refusal.starts_with(&format!("{field}: must ")), "{field}: {refusal:?}");
    }
    type Worse = fn(&mut Stdp);
    let learning: &[(&str, Worse)] = &[
        ("projections[0].stdp.tau_plus_ms", |s| s.tau_plus_ms = 0.0),
        ("projections[0].stdp.lambda", |s| s.lambda = f64::NAN),
        ("projections[0].stdp.weight_max_pa", |s| s.weight_max_pa = -1.0),
        ("projections[0].weight_pa", |s| s.weight_max_pa = 1.0),
    ];
    for (field, change) in learning {
        let refusal = refusal(&mut device, &with_stdp(*change));
        assert!(refusal.starts_with(&format!("{field}: must ")), "{field}: {refusal:?}");
    }
}

#[test]
fn a_network_beyond_the_memory_is_refused_before_it_is_made() {
    let options =
        DeviceOptions { choice: DeviceChoice::Cpu, memory_bytes_max: 1 << 20, ..Default::default() };
    let mut device = Device::open(&options).unwrap();
    assert!(refusal(&mut device, &known::vogels_abbott(20_000)).starts_with("network: takes about"));
    // Most replicas of little.
    let refused = Network::<f32>::build(&mut device, &known::vogels_abbott(100), &vec![1; 1 << 20]).err();
    assert!(matches!(refused, Some(Error::Network { .. })), "{refused:?}");
    assert_eq!(device.used_bytes(), 0);
}

#[test]
fn questions_out_of_range_change_nothing() {
    let mut device =
        Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() }).unwrap();
    let mut network: Network<f32> = Network::build(&mut device, &known::vogels_abbott(100), &[1]).unwrap();
    let before = network.potentials_mv(&mut device, 0).unwrap();
    assert!(network.inject(&mut device, 1, 0, 1.0).is_err());
    assert!(network.inject(&mut device, 0, 100, 1.0).is_err());
    assert!(network.inject(&mut device, 0, 0, f64::NAN).is_err());
    assert!(network.inject(&mut device, 0, 0, 1e30).is_err());
    assert!(network.inject(&mut device, 0, 0, 1e-9).is_err(), "less than half a quantum would be nothing");
    assert!(network.set_current(&mut device, 0, 0, f64::INFINITY).is_err());
    assert!(network.potentials_mv(&mut device, 1).is_err());
    assert!(network.weights(&mut device, 0, 0).is_err());
    assert!(network.trace(&mut device, 0, &[100], 1).is_err());
    assert!(network.run(&mut device, u32::MAX).is_err());
    assert_eq!((network.step(), network.potentials_mv(&mut device, 0).unwrap()), (0, before));
    network.destroy(&mut device);
}

#[test]
fn a_hardly_possible_synapse_is_no_endless_search() {
    let mut device =
        Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() }).unwrap();
    let mut description = known::vogels_abbott(100);
    for projection in &mut description.projections {
        projection.wiring = Wiring::Probability { p: 1e-17, autapses: false };
    }
    let network = Network::<f32>::build(&mut device, &description, &[1]).unwrap();
    assert_eq!(network.synapses(), 0);
    network.destroy(&mut device);
}
