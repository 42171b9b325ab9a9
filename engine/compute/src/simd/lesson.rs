//! Synapses that learn from the order of two spikes, many at a time (the law is in `kernels::stdp_update`).

#![allow(clippy::needless_range_loop, reason = "lanes are indexed, which is what compilers make vectors of")]

use crate::kernels::shared::plasticity::{dither, share_of};

/// Synapses that are taught together.
pub const PUPILS: usize = 64;

/// What is taught.
pub struct Lesson<'a> {
    /// `[2][window]` shares, and a 0 behind them for synapses that learn nothing.
    pub curve: &'a [i32],
    /// Ticks from which spikes are too far apart, at least 1.
    pub window: u32,
    /// Largest weight.
    pub weight_max: u32,
    /// What bits are drawn from, beside the synapse.
    pub round: u32,
}

/// Consecutive synapses.
pub struct Pupils {
    /// Number of the first.
    pub first: u32,
    /// When the presynaptic node of each spiked; u32::MAX for never.
    pub own: [u32; PUPILS],
    /// When the postsynaptic one did.
    pub other: [u32; PUPILS],
    /// Their weights.
    pub weights: [u32; PUPILS],
}

#[inline(always)]
pub(super) fn teach(lesson: &Lesson<'_>, pupils: &mut Pupils) {
    let Lesson { curve, window, weight_max, round } = *lesson;
    let mut places = [0u32; PUPILS];
    for i in 0..PUPILS {
        let (own, other) = (pupils.own[i], pupils.other[i]);
        let apart = own.abs_diff(other);
        let side = if own < other { 0 } else { window };
        let both = (own != u32::MAX) & (other != u32::MAX);
        let teaches = both & (apart.wrapping_sub(1) < window - 1);
        places[i] = if teaches { side + apart } else { 2 * window };
    }
    let mut entries = [0i32; PUPILS];
    for i in 0..PUPILS {
        entries[i] = curve[places[i] as usize];
    }
    for i in 0..PUPILS {
        let entry = entries[i];
        // -1.0 has no positive twin in Q31.
        let share = entry.unsigned_abs().min(i32::MAX as u32) << 1;
        let weight = pupils.weights[i].min(weight_max);
        let amount = if entry >= 0 { weight_max - weight } else { weight };
        // Of a share of 0 nothing comes, whatever is drawn.
        let change = share_of(amount, share, dither(pupils.first.wrapping_add(i as u32), round));
        pupils.weights[i] = if entry >= 0 { weight + change } else { weight - change };
    }
}
