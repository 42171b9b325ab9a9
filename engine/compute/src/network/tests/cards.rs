//! A network on a card runs as one on the CPU does, to the bit.

use super::super::*;
use super::invariance::{device, told};
use crate::DeviceChoice;
use crate::cards::cards;

/// A balanced network that stores its synapses, one that makes them, with weights and delays that vary, and one that learns too. They
/// fire some ten times a second: a program that plays a card ends the loops of an invocation after 65,535 rounds.
fn networks() -> [Description; 3] {
    let stored = known::vogels_abbott(400);
    let mut made = stored.clone();
    for projection in &mut made.projections {
        projection.wiring = Wiring::OutDegree { count: 9, autapses: false, procedural: true };
    }
    made.projections[0].weight_pa = Values::Normal { mean: 16.2, sd: 4.0 };
    made.projections[3].delay_ms = Values::Uniform { low: 0.1, high: 3.0, seed: None };
    let mut learning = made.clone();
    learning.projections[1] = stored.projections[1].clone();
    learning.projections[1].stdp =
        Some(Stdp { tau_plus_ms: 20.0, tau_minus_ms: 2.0, lambda: 0.05, alpha: 1.1, weight_max_pa: 40.0 });
    [stored, made, learning]
}

#[test]
fn networks_run_on_cards_as_on_the_cpu() {
    for (number, description) in networks().iter().enumerate() {
        let expected = told::<f32>(&mut device(DeviceChoice::Cpu, 2), description, &[1, 3], &[400, 1, 300]);
        assert!(expected.0.len() > 400, "{} spikes", expected.0.len());
        for mut card in cards() {
            let found = told::<f32>(&mut card, description, &[1, 3], &[300, 401]);
            let apart = found.0.iter().zip(&expected.0).find(|(found, expected)| found != expected);
            assert_eq!(apart, None, "network {number}");
            assert!(found == expected, "network {number}: other potentials or weights");
            assert_eq!(card.used_bytes(), 0);
        }
    }
}

#[test]
fn long_runs_keep_two_dispatches_under_way() {
    let mut description = known::vogels_abbott(100);
    for projection in &mut description.projections {
        projection.wiring = Wiring::OutDegree { count: 2, autapses: false, procedural: true };
    }
    // More steps than one dispatch takes.
    let parts = [12_345, 9_999];
    let expected = told::<f32>(&mut device(DeviceChoice::Cpu, 1), &description, &[1], &parts);
    assert!(expected.0.len() > 1_000, "{} spikes", expected.0.len());
    for mut card in cards() {
        assert!(told::<f32>(&mut card, &description, &[1], &parts) == expected, "on {}", card.info().name);
    }
}
