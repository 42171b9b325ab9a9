//! Arithmetic of synaptic weights: integers that stay within bounds and do not drift.
//!
//! A weight is 0..=`WEIGHT_MAX` units; what a unit is worth is the caller's matter. It changes by a share of itself (weaker) or of the
//! room above it (stronger), so no sequence of changes leaves the bounds. A change is mostly a fraction of a unit: rounded to
//! nearest, small weights would never fade and small lessons never count. So the fraction is the chance of one unit more,
//! drawn from the synapse and the round: right on average, and the same on every machine and device.

use crate::source::{Constant, Text};

/// Largest weight: products with 16-bit numbers fit in 32 bits.
pub const WEIGHT_MAX: u32 = (1 << 16) - 1;

/// The same arithmetic for WGSL forms.
pub(crate) static WGSL: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../../shaders/shared/plasticity.wgsl") };

/// And for CUDA forms.
pub(crate) static CUDA: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../../kernels/shared/plasticity.cuh") };

const CONSTANTS: &[(&str, Constant)] = &[("WEIGHT_MAX", Constant::U32(WEIGHT_MAX))];

/// 16 bits drawn from a synapse and a round (the finisher of MurmurHash3: Appleby 2011).
#[inline]
pub fn dither(synapse: u32, round: u32) -> u32 {
    let mut bits = synapse.wrapping_mul(0x9e37_79b1) ^ round;
    bits = (bits ^ (bits >> 16)).wrapping_mul(0x85eb_ca6b);
    bits = (bits ^ (bits >> 13)).wrapping_mul(0xc2b2_ae35);
    bits >> 16
}

/// A share (1.0 = 2^32) of an amount up to `WEIGHT_MAX`, rounded up or down by 16 drawn bits; at most the amount.
#[inline]
pub fn share_of(amount: u32, share: u32, drawn: u32) -> u32 {
    // (2^16 - 1)^2 + (2^16 - 2) + (2^16 - 1) is below 2^32.
    let product = amount * (share >> 16) + ((amount * (share & 0xffff)) >> 16);
    (product + drawn) >> 16
}

/// A share in 0.0..1.0 as `share_of` takes it; what lies outside is cut.
pub fn share(value: f64) -> u32 {
    (value * 4_294_967_296.0).round().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// A weight that gains a share of the room above it.
#[inline]
pub fn potentiated(weight: u32, share: u32, weight_max: u32, drawn: u32) -> u32 {
    weight + share_of(weight_max - weight, share, drawn)
}

/// A weight that loses a share of itself.
#[inline]
pub fn depressed(weight: u32, share: u32, drawn: u32) -> u32 {
    weight - share_of(weight, share, drawn)
}

/// By what weights are multiplied, rounding down, so that a sum of them comes to a bound or just under it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scale {
    factor: u32,
    shift: u32,
}

impl Scale {
    /// For weights that add up to `sum`, none if that is within `sum_max` (up to `WEIGHT_MAX`). A sum may have saturated.
    #[inline]
    pub fn within(sum: u32, sum_max: u32) -> Option<Scale> {
        if sum <= sum_max {
            return None;
        }
        // Of a large sum 17 bits are kept, rounded up, so that the factor keeps 15 bits and never is too large.
        let shift = (32 - sum.leading_zeros()).saturating_sub(17);
        let divisor = (sum >> shift) + u32::from(sum & ((1 << shift) - 1) != 0);
        Some(Scale { factor: (sum_max << 16) / divisor, shift: 16 + shift })
    }

    /// One weight, scaled.
    #[inline]
    pub fn apply(self, weight: u32) -> u32 {
        // The factor is below 2^16, since the divisor is above sum_max or at least 2^16.
        (weight * self.factor).checked_shr(self.shift).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn changes_stay_within_bounds(weight in 0..=WEIGHT_MAX, part: u32, drawn in 0u32..1 << 16, max in 1..=WEIGHT_MAX) {
            let weight = weight.min(max);
            prop_assert!(potentiated(weight, part, max, drawn) <= max);
            prop_assert!(depressed(weight, part, drawn) <= weight);
            let exact = (u64::from(weight) * u64::from(part)) >> 32;
            prop_assert!(u64::from(share_of(weight, part, drawn)).abs_diff(exact) <= 1);
        }

        #[test]
        fn scaled_sums_come_to_their_bound(weights in prop::collection::vec(0..=WEIGHT_MAX, 1..3_000), max in 1..=WEIGHT_MAX) {
            let sum: u32 = weights.iter().sum();
            match Scale::within(sum, max) {
                None => prop_assert!(sum <= max),
                Some(scale) => {
                    let scaled: Vec<u32> = weights.iter().map(|&weight| scale.apply(weight)).collect();
                    let total: u32 = scaled.iter().sum();
                    prop_assert!(total <= max, "{total} over {max}");
                    for (&weight, &scaled) in weights.iter().zip(&scaled) {
                        let real = f64::from(weight) * f64::from(max) / f64::from(sum);
                        prop_assert!(f64::from(scaled) <= real && f64::from(scaled) > real * (1.0 - 1e-4 - 2.0 / f64::from(max)) - 1.0);
                    }
                }
            }
        }
    }

    #[test]
    fn drawn_bits_are_even_over_synapses_and_over_rounds() {
        for fixed in [0, 1, 77, u32::MAX] {
            let mut counts = [[0u32; 16]; 2];
            for n in 0..16_000 {
                counts[0][dither(n, fixed) as usize >> 12] += 1;
                counts[1][dither(fixed, n) as usize >> 12] += 1;
            }
            // Expected 1,000 in each, with a deviation of 31.
            assert!(counts.iter().flatten().all(|count| (850..1_150).contains(count)), "{fixed}: {counts:?}");
        }
    }

    #[test]
    fn extremes_do_not_overflow() {
        assert_eq!(share_of(WEIGHT_MAX, u32::MAX, 0xffff), WEIGHT_MAX);
        assert_eq!(share_of(0, u32::MAX, 0xffff), 0);
        assert_eq!(share_of(WEIGHT_MAX, 0, 0xffff), 0);
        assert_eq!((share(-1.0), share(0.5), share(2.0)), (0, 1 << 31, u32::MAX));
        let saturated = Scale::within(u32::MAX, WEIGHT_MAX).expect("over the bound");
        assert!(saturated.apply(WEIGHT_MAX) <= 1);
    }
}
