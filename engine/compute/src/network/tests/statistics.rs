//! Drawn networks fire as other simulators say they do, and synapses are distributed as they were described.

use super::super::known::vogels_abbott;
use super::super::*;
use crate::{DeviceChoice, DeviceOptions};

fn device() -> Device {
    Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, threads: 1, ..Default::default() }).unwrap()
}

#[test]
fn vogels_and_abbott_fire_as_in_nest() {
    // NEST 3.10 and Brian2 2.9 give 5.08 to 5.14 Hz and a CV of 0.60 to 0.61 on this wiring and start.
    let mut device = device();
    let mut network: Network<f32> = Network::build(&mut device, &vogels_abbott(4_000), &[1]).unwrap();
    network.run(&mut device, 1_000).unwrap();
    let spikes = network.run(&mut device, 10_000).unwrap();
    let rate = spikes.len() as f64 / 4_000.0;
    assert!((rate / 5.14 - 1.0).abs() < 0.02, "{rate} Hz");
    let mut trains = vec![Vec::new(); 4_000];
    spikes.iter().for_each(|spike| trains[spike.neuron as usize].push(f64::from(spike.step)));
    let cv = |train: &Vec<f64>| {
        let intervals: Vec<f64> = train.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let mean = intervals.iter().sum::<f64>() / intervals.len() as f64;
        (intervals.iter().map(|i| (i - mean).powi(2)).sum::<f64>() / intervals.len() as f64).sqrt() / mean
    };
    let cvs: Vec<f64> = trains.iter().filter(|train| train.len() >= 4).map(cv).collect();
    let cv = cvs.iter().sum::<f64>() / cvs.len() as f64;
    assert!((cv - 0.613).abs() < 0.02, "{cv}");
    network.destroy(&mut device);
}

#[test]
fn poisson_events_have_the_mean_and_variance_of_their_rate() {
    // A membrane that neither leaks nor fires counts: events of 1 pA with a current that decays at once.
    let neuron = Lif {
        c_pf: 1.0,
        tau_m_ms: 1e9,
        tau_ex_ms: 0.01,
        tau_in_ms: 0.01,
        rest_mv: 0.0,
        threshold_mv: 1e6,
        reset_mv: 0.0,
        refractory_ms: 0.0,
    };
    for rate_hz in [500.0, 8_000.0, 30_000.0, 200_000.0] {
        let population = Population {
            name: "counters".into(),
            size: 2_000,
            neuron,
            current_pa: Values::All(0.0),
            potential_mv: Values::All(0.0),
            poisson: Some(Poisson { rate_hz, weight_pa: 1.0 }),
        };
        let description =
            Description { step_ms: 0.1, populations: vec![population], ..Description::default() };
        let mut device = device();
        let mut network: Network<f64> = Network::build(&mut device, &description, &[3]).unwrap();
        network.run(&mut device, 1_001).unwrap();
        let counts = network.potentials_mv(&mut device, 0).unwrap();
        let mean = counts.iter().sum::<f64>() / 2_000.0;
        let variance = counts.iter().map(|c| (c - mean).powi(2)).sum::<f64>() / 2_000.0;
        // Each event adds what a current of 1 pA, decaying with 0.01 ms, adds to 1 pF.
        let each = 0.01;
        let expected = rate_hz * 0.1;
        let error = 5.0 * (expected / 2_000.0).sqrt();
        assert!((mean / each - expected).abs() < error, "{rate_hz}: {} of {expected}", mean / each);
        let fano = variance / mean / each;
        assert!((fano - 1.0).abs() < 5.0 * (2.0 / 2_000f64).sqrt(), "{rate_hz}: {fano}");
        network.destroy(&mut device);
    }
}

#[test]
fn synapses_are_as_many_as_described() {
    let base = vogels_abbott(1_000);
    let count = |wiring: Wiring| {
        let mut description = base.clone();
        description.projections.truncate(1);
        description.projections[0].wiring = wiring;
        let mut device = device();
        let network: Network<f32> = Network::build(&mut device, &description, &[1]).unwrap();
        (network.synapses(), network.out_degrees().to_vec())
    };
    let (synapses, degrees) = count(Wiring::InDegree { count: 50, autapses: false });
    assert_eq!(synapses, 800 * 50);
    // Sources are drawn evenly: out-degrees are binomial with mean 50.
    let variance = degrees[..800].iter().map(|&d| (f64::from(d) - 50.0).powi(2)).sum::<f64>() / 800.0;
    assert!((variance / 50.0 - 1.0).abs() < 0.25, "{variance}");
    for p in [0.0, 0.01, 0.3, 1.0] {
        let (synapses, _) = count(Wiring::Probability { p, autapses: true });
        let expected = 640_000.0 * p;
        let error = 5.0 * (expected * (1.0 - p)).sqrt();
        assert!((synapses as f64 - expected).abs() <= error, "{p}: {synapses} of {expected}");
    }
    let (synapses, _) = count(Wiring::Probability { p: 1.0, autapses: false });
    assert_eq!(synapses, 800 * 799);
}

#[test]
fn pairs_of_spikes_change_weights_as_the_rule_says() {
    // One source, one target, both fired by injected events.
    let neuron = Lif { rest_mv: -60.0, ..vogels_abbott(100).populations[0].neuron };
    let population = |name: &str| Population {
        name: name.into(),
        size: 1,
        neuron,
        current_pa: Values::All(0.0),
        potential_mv: Values::All(-60.0),
        poisson: None,
    };
    let stdp = Stdp { tau_plus_ms: 20.0, tau_minus_ms: 30.0, lambda: 0.01, alpha: 2.0, weight_max_pa: 4.0 };
    let projection = Projection {
        source: 0,
        target: 1,
        wiring: Wiring::Pairs(vec![[0, 0]]),
        weight_pa: Values::All(1.0),
        delay_ms: Values::All(1.5),
        stdp: Some(stdp),
    };
    let description = Description {
        step_ms: 0.1,
        seed: 0,
        populations: vec![population("source"), population("target")],
        projections: vec![projection],
    };
    // Enough to fire a neuron.
    const EVENT_PA: f64 = 60_000.0;
    // The last two meet across the beginning of a turn of 4,096 steps.
    let meetings = [
        (0, 1, 50, 0),
        (1, 0, 50, 0),
        (0, 1, 200, 0),
        (1, 0, 15, 0),
        (0, 1, 1, 0),
        (0, 1, 80, 4_000),
        (1, 0, 80, 4_030),
    ];
    for (first, second, gap, idle) in meetings {
        let mut device = device();
        let mut network: Network<f64> = Network::build(&mut device, &description, &[1]).unwrap();
        let mut fired = [Vec::new(), Vec::new()];
        assert!(network.run(&mut device, idle).unwrap().is_empty());
        network.inject(&mut device, 0, first, EVENT_PA).unwrap();
        for spike in network.run(&mut device, gap).unwrap() {
            fired[spike.neuron as usize].push(spike.step);
        }
        network.inject(&mut device, 0, second, EVENT_PA).unwrap();
        for spike in network.run(&mut device, 400).unwrap() {
            fired[spike.neuron as usize].push(spike.step);
        }
        // Pairs counted one by one, as they meet at the synapse.
        let mut events: Vec<(u32, bool)> = fired[0].iter().map(|&step| (step, true)).collect();
        events.extend(fired[1].iter().map(|&step| (step + 15, false)));
        events.sort();
        let mut expected = 1.0f64;
        let now = network.step();
        for &(at, is_source) in events.iter().filter(|event| event.0 + 15 <= now) {
            let others = events.iter().filter(|&&(step, source)| source != is_source && step < at);
            let tau = if is_source { stdp.tau_minus_ms } else { stdp.tau_plus_ms };
            let trace: f64 = others.map(|&(step, _)| (-0.1 * f64::from(at - step) / tau).exp()).sum();
            let change = stdp.lambda * stdp.weight_max_pa * trace;
            expected = if is_source {
                (expected - stdp.alpha * change).max(0.0)
            } else {
                (expected + change).min(4.0)
            };
        }
        let found = network.weights(&mut device, 0, 0).unwrap();
        assert!(fired.iter().all(|steps| !steps.is_empty()) && expected != 1.0);
        assert!(
            (found[0].weight_pa - expected).abs() < 1e-9,
            "{first} {gap} {idle}: {found:?} of {expected}, {fired:?}"
        );
        network.destroy(&mut device);
    }
}
