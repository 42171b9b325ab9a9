//! The networks that simulators are compared on, by formula, so that every simulator gets the same wiring and start.

use super::{Description, Lif, Poisson, Population, Projection, Stdp, Values, Wiring};

/// Length of a step, ms.
const STEP_MS: f64 = 0.1;
/// Delay of all but the microcircuit, ms.
const DELAY_MS: f64 = 1.5;

/// Excitatory neurons, a quarter as many inhibitory ones, each with sources from both by the hash formula.
struct Balanced {
    neurons: u32,
    in_degrees: [u32; 2],
    neuron: Lif,
    /// pA, excitatory and inhibitory.
    weights: [f64; 2],
    current_pa: f64,
    poisson: Option<Poisson>,
    /// Of excitatory synapses on excitatory neurons.
    stdp: Option<Stdp>,
}

impl Balanced {
    fn describe(self) -> Description {
        let excitatory = self.neurons / 5 * 4;
        let Lif { reset_mv: low, threshold_mv: high, .. } = self.neuron;
        let population = |name: &str, size| Population {
            name: name.to_owned(),
            size,
            neuron: self.neuron,
            current_pa: Values::All(self.current_pa),
            potential_mv: Values::Uniform { low, high, seed: Some(77) },
            poisson: self.poisson,
        };
        let populations = vec![population("E", excitatory), population("I", self.neurons - excitatory)];
        let projection = |source: usize, target: usize| Projection {
            source,
            target,
            wiring: Wiring::Hashed {
                in_degree: self.in_degrees[source],
                first: if source == 0 { 0 } else { self.in_degrees[0] },
                seed: 1,
            },
            weight_pa: Values::All(self.weights[source]),
            delay_ms: Values::All(DELAY_MS),
            stdp: self.stdp.filter(|_| source == 0 && target == 0),
        };
        let projections = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(from, to)| projection(from, to)).into();
        Description { step_ms: STEP_MS, seed: 1, populations, projections }
    }
}

/// The current-based network of Vogels and Abbott as in Brette et al. 2007, driven by a resting potential over the threshold.
pub fn vogels_abbott(neurons: u32) -> Description {
    let neuron = Lif {
        c_pf: 200.0,
        tau_m_ms: 20.0,
        tau_ex_ms: 5.0,
        tau_in_ms: 10.0,
        rest_mv: -49.0,
        threshold_mv: -50.0,
        reset_mv: -60.0,
        refractory_ms: 5.0,
    };
    let weights = [16.2, -90.0];
    Balanced { neurons, in_degrees: [64, 16], neuron, weights, current_pa: 0.0, poisson: None, stdp: None }
        .describe()
}

/// What drives a network of Brunel's kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drive {
    /// Constant current.
    Constant,
    /// Poisson events of the same mean.
    Poisson,
    /// Poisson events, and excitatory synapses between excitatory neurons that learn.
    Learning,
}

/// The neuron of networks of Brunel's kind.
pub const BRUNEL_NEURON: Lif = Lif {
    c_pf: 250.0,
    tau_m_ms: 20.0,
    tau_ex_ms: 0.5,
    tau_in_ms: 0.5,
    rest_mv: 0.0,
    threshold_mv: 20.0,
    reset_mv: 10.0,
    refractory_ms: 2.0,
};

/// A balanced network of Brunel's kind: a tenth of the neurons are sources of each.
pub fn brunel(neurons: u32, drive: Drive) -> Description {
    let neuron = BRUNEL_NEURON;
    let in_degrees = [neurons * 8 / 100, neurons * 2 / 100];
    let eta = if neurons < 10_000 { 1.5 } else { 2.0 };
    let (c, tau_m, tau_s) = (neuron.c_pf, neuron.tau_m_ms, neuron.tau_ex_ms);
    // A peak of 0.1 mV at 2,000 sources, and as the root of fewer.
    let peak_mv = 0.1 * (2_000.0 / f64::from(in_degrees[0] + in_degrees[1])).sqrt();
    let peak_ms = tau_m * tau_s / (tau_m - tau_s) * (tau_m / tau_s).ln();
    let shape = (-peak_ms / tau_m).exp() - (-peak_ms / tau_s).exp();
    let peak_of_1_pa = tau_m * tau_s / (c * (tau_m - tau_s)) * shape;
    let weight = (peak_mv / peak_of_1_pa * 1e3).round() / 1e3;
    let current_pa = eta * c * neuron.threshold_mv / tau_m;
    let rate_hz = (current_pa / (weight * tau_s * 1e-3) * 10.0).round() / 10.0;
    let constant = drive == Drive::Constant;
    Balanced {
        neurons,
        in_degrees,
        neuron,
        weights: [weight, -8.0 * weight],
        current_pa: if constant { current_pa } else { 0.0 },
        poisson: (!constant).then_some(Poisson { rate_hz, weight_pa: weight }),
        stdp: (drive == Drive::Learning).then_some(Stdp {
            tau_plus_ms: 20.0,
            tau_minus_ms: 20.0,
            lambda: 0.002,
            alpha: 1.1,
            weight_max_pa: 3.0 * weight,
        }),
    }
    .describe()
}

/// Populations of the microcircuit.
const LAYERS: [&str; 8] = ["L23E", "L23I", "L4E", "L4I", "L5E", "L5I", "L6E", "L6I"];
const SIZES: [f64; 8] = [20_683.0, 5_834.0, 21_915.0, 5_479.0, 4_850.0, 1_065.0, 14_395.0, 2_948.0];
/// Chance that a pair is connected at least once, by target, then source.
const CHANCES: [[f64; 8]; 8] = [
    [0.1009, 0.1689, 0.0437, 0.0818, 0.0323, 0.0, 0.0076, 0.0],
    [0.1346, 0.1371, 0.0316, 0.0515, 0.0755, 0.0, 0.0042, 0.0],
    [0.0077, 0.0059, 0.0497, 0.135, 0.0067, 0.0003, 0.0453, 0.0],
    [0.0691, 0.0029, 0.0794, 0.1597, 0.0033, 0.0, 0.1057, 0.0],
    [0.1004, 0.0622, 0.0505, 0.0057, 0.0831, 0.3726, 0.0204, 0.0],
    [0.0548, 0.0269, 0.0257, 0.0022, 0.06, 0.3158, 0.0086, 0.0],
    [0.0156, 0.0066, 0.0211, 0.0166, 0.0572, 0.0197, 0.0396, 0.2252],
    [0.0364, 0.001, 0.0034, 0.0005, 0.0277, 0.008, 0.0658, 0.1443],
];
/// Sources outside the circuit, of 8 Hz each.
const OUTSIDE: [f64; 8] = [1_600.0, 1_500.0, 2_100.0, 1_900.0, 2_000.0, 1_900.0, 2_900.0, 2_100.0];
/// Rates of the full circuit, Hz, which current makes up for where there are fewer sources.
const RATES: [f64; 8] = [0.903, 2.965, 4.414, 5.876, 7.569, 8.633, 1.105, 7.829];
/// Mean and deviation of potentials at the start, mV, near what they come to.
const STARTS: [[f64; 2]; 8] = [
    [-68.28, 5.36],
    [-63.16, 4.57],
    [-63.33, 4.74],
    [-63.45, 4.94],
    [-63.11, 4.94],
    [-61.66, 4.55],
    [-66.72, 5.46],
    [-61.43, 4.48],
];

/// The cortical microcircuit of Potjans and Diesmann 2014. With `scale` below 1 there are fewer neurons and fewer sources of each;
/// weights and a current make up for those (van Albada et al. 2015). At full scale `constant` drives it by current.
pub fn microcircuit(scale: f64, constant: bool) -> Description {
    let neuron = Lif {
        c_pf: 250.0,
        tau_m_ms: 10.0,
        tau_ex_ms: 0.5,
        tau_in_ms: 0.5,
        rest_mv: -65.0,
        threshold_mv: -50.0,
        reset_mv: -65.0,
        refractory_ms: 2.0,
    };
    let (c, tau_m, tau_s) = (neuron.c_pf, neuron.tau_m_ms, neuron.tau_ex_ms);
    let ratio: f64 = tau_s / tau_m;
    let shape = ratio.powf(tau_s / (tau_m - tau_s)) - ratio.powf(tau_m / (tau_m - tau_s));
    // A peak of 0.15 mV.
    let weight = 0.15 / (tau_m * tau_s / (c * (tau_m - tau_s)) * shape);
    let full_weight = |target: usize, source: usize| match (target, source) {
        (0, 2) => 2.0 * weight,
        (_, source) if source % 2 == 0 => weight,
        _ => -4.0 * weight,
    };
    let in_degree = |target: usize, source: usize| {
        let pairs = SIZES[target] * SIZES[source];
        (1.0 - CHANCES[target][source]).ln() / (1.0 - 1.0 / pairs).ln() / SIZES[target]
    };
    let lost = tau_s * 1e-3 * (1.0 - scale.sqrt());
    let outside_pa = |layer: usize| weight * OUTSIDE[layer] * 8.0;
    let populations = (0..8).map(|layer| {
        let inside: f64 = (0..8).map(|s| full_weight(layer, s) * in_degree(layer, s) * RATES[s]).sum();
        let made_up = lost * (inside + outside_pa(layer));
        let rate_hz = 8.0 * (OUTSIDE[layer] * scale).round();
        Population {
            name: LAYERS[layer].to_owned(),
            size: (SIZES[layer] * scale).round().max(1.0) as u32,
            neuron,
            current_pa: Values::All(if constant {
                made_up + tau_s * 1e-3 * scale.sqrt() * outside_pa(layer)
            } else {
                made_up
            }),
            potential_mv: Values::Normal { mean: STARTS[layer][0], sd: STARTS[layer][1] },
            poisson: (!constant).then_some(Poisson { rate_hz, weight_pa: weight / scale.sqrt() }),
        }
    });
    let pairs = (0..8).flat_map(|target| (0..8).map(move |source| (target, source)));
    let projections = pairs.filter_map(|(target, source)| {
        let count = (in_degree(target, source) * scale).round() as u32;
        let mean = full_weight(target, source) / scale.sqrt();
        let delay = if source % 2 == 0 { 1.5 } else { 0.75 };
        (count > 0).then_some(Projection {
            source,
            target,
            wiring: Wiring::InDegree { count, autapses: true },
            weight_pa: Values::Normal { mean, sd: mean.abs() * 0.1 },
            delay_ms: Values::Normal { mean: delay, sd: delay / 2.0 },
            stdp: None,
        })
    });
    Description {
        step_ms: STEP_MS,
        seed: 55,
        populations: populations.collect(),
        projections: projections.collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_give_the_published_numbers() {
        let net = brunel(4_000, Drive::Poisson);
        assert_eq!(net.projections[0].weight_pa, Values::All(122.895));
        assert_eq!(net.populations[0].poisson.map(|poisson| poisson.rate_hz), Some(6_102.8));
        let full = microcircuit(1.0, false);
        assert_eq!(full.populations.iter().map(|population| population.size).sum::<u32>(), 77_169);
        let synapses = full.projections.iter().map(|projection| match projection.wiring {
            Wiring::InDegree { count, .. } => u64::from(count * full.populations[projection.target].size),
            _ => 0,
        });
        let millions = synapses.sum::<u64>() as f64 / 1e6;
        assert!((millions - 299.0).abs() < 1.0, "{millions}");
    }
}
