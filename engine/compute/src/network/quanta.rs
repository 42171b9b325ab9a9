//! The size of a quantum: weights become whole numbers of it, so that their sums do not depend on order.

use super::description::{Description, Values};
use super::draw::Spread;
use super::wiring::Wired;

/// Largest weight that fits the upper half of a word.
pub const QUANTA_MAX: i32 = i16::MAX as i32;

/// pA of a quantum in the excitatory and the inhibitory channel.
///
/// If all weights of a channel are told one by one and are multiples of the smallest, that is the quantum: nothing is rounded.
/// Otherwise it is the smallest power of 2 of which the largest weight is at most 32,767; weights are rounded to it, which is one
/// part in 16,000 of the largest at worst.
pub fn quanta(description: &Description, wired: &[Wired<'_>]) -> [f64; 2] {
    let noise = description.populations.iter().filter_map(|population| population.poisson);
    let mut told: Vec<f64> = noise.map(|poisson| poisson.weight_pa).collect();
    let mut drawn: Vec<f64> = Vec::new();
    for (wired, projection) in wired.iter().zip(&description.projections) {
        let fixed = matches!(projection.weight_pa, Values::All(_) | Values::Each(_)) && wired.stdp.is_none();
        let weights = if fixed { &mut told } else { &mut drawn };
        weights.extend_from_slice(wired.weights.values());
        drawn.extend(wired.stdp.map(|stdp| stdp.weight_max_pa));
    }
    [1.0, -1.0].map(|sign| {
        let of_channel = |weights: &[f64]| -> Vec<f64> {
            weights.iter().map(|weight| weight * sign).filter(|&weight| weight > 0.0).collect()
        };
        quantum(&of_channel(&told), &of_channel(&drawn))
    })
}

fn quantum(told: &[f64], drawn: &[f64]) -> f64 {
    let largest = told.iter().chain(drawn).copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return 1.0;
    }
    let smallest = told.iter().copied().fold(f64::INFINITY, f64::min);
    let multiple = |&weight: &f64| (weight / smallest).round() * smallest == weight;
    if drawn.is_empty() && largest <= smallest * f64::from(QUANTA_MAX) && told.iter().all(multiple) {
        return smallest;
    }
    (largest / f64::from(QUANTA_MAX)).log2().ceil().exp2()
}

/// Weights in quanta, with their sign.
pub fn in_quanta(weights: &Spread<f64>, quanta: [f64; 2]) -> Spread<i32> {
    weights.map(|weight| weight_in_quanta(weight, quanta))
}

/// One weight in quanta, with its sign.
pub fn weight_in_quanta(weight: f64, quanta: [f64; 2]) -> i32 {
    (weight / quanta[usize::from(weight < 0.0)]).round() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantum_is_exact_where_it_can_be() {
        assert_eq!(quantum(&[122.895, 2.0 * 122.895], &[]), 122.895);
        assert_eq!(quantum(&[], &[]), 1.0);
        // Multiples of 1/2, but not of the smallest.
        let quantum_of_halves = quantum(&[60.0, 60.5, 89.5], &[]);
        assert!(
            [60.0, 60.5, 89.5].iter().all(|weight| weight % quantum_of_halves == 0.0),
            "{quantum_of_halves}"
        );
        for largest in [1e-6, 0.1, 1.0, 32_767.0, 32_768.0, 1e9] {
            let quantum = quantum(&[], &[largest, largest / 3.0]);
            assert!(largest / quantum <= 32_767.0 && largest / quantum > 16_000.0, "{largest}: {quantum}");
        }
    }
}
