//! A row of learning synapses whose source fires: weights rise by what their targets did since the source fired last, then fall by
//! the traces of their targets, and are told in quanta.

#![allow(clippy::needless_range_loop, reason = "lanes are indexed, which is what compilers make vectors of")]

use super::Real;

/// Targets that a row can name.
pub const TARGETS: usize = 1 << 16;
/// Steps for which a source's trace lasts.
pub const DECAYS: usize = 1 << 14;
/// Spikes of a target that are remembered until rows ask for them.
pub const EVENTS: usize = 8;
/// Synapses that are worked on together.
const LANES: usize = 16;

/// What targets did: for each target the last [`EVENTS`] times it told of a spike, the latest first, 0 for none. Times are one more
/// than steps. Each list is long enough for any u16 target, so that no look-up needs a check.
pub type Events<'a> = [&'a [i32; TARGETS]; EVENTS];

/// One row part.
pub struct Row<'a, T> {
    /// pA.
    pub weights: &'a mut [T],
    /// Target of each.
    pub targets: &'a [u16],
    /// What they did.
    pub events: Events<'a>,
    /// When the source's trace rose last; what was told after it is still to be added.
    pub mark: i32,
    /// The source's trace as it was then.
    pub trace: T,
    /// What is left of it after 0, 1, ... steps.
    pub decays: &'a [T; DECAYS],
    /// pA that a source's trace of 1 adds.
    pub raise: T,
    /// No weight rises above this.
    pub weight_max: T,
    /// Trace of each target.
    pub traces: &'a [T; TARGETS],
    /// pA that a target's trace of 1 takes; no weight falls below 0.
    pub lower: T,
    /// Quanta in a pA.
    pub per_pa: T,
    /// Gets each weight in quanta.
    pub quanta: &'a mut [i32],
}

/// A weight after a target's spike, `age` steps after the source's trace was `trace`.
#[inline(always)]
pub fn raised<T: Real>(weight: T, age: i32, trace: T, decays: &[T; DECAYS], raise: T, weight_max: T) -> T {
    let left = decays[(age as u32).min(DECAYS as u32 - 1) as usize];
    let raised = weight + raise * (trace * left);
    if raised > weight_max { weight_max } else { raised }
}

#[inline(always)]
pub(super) fn learn<T: Real>(row: &mut Row<'_, T>) {
    let count = row.weights.len();
    let whole = count - count % LANES;
    for first in (0..whole).step_by(LANES) {
        let targets: [u16; LANES] = row.targets[first..][..LANES].try_into().expect("so long");
        let weights: [T; LANES] = row.weights[first..][..LANES].try_into().expect("so long");
        let (weights, quanta) = learn_lanes(row, &targets, weights);
        row.weights[first..][..LANES].copy_from_slice(&weights);
        row.quanta[first..][..LANES].copy_from_slice(&quanta);
    }
    if whole < count {
        // What is over of the last lanes is worked on and thrown away.
        let (mut targets, mut weights) = ([0u16; LANES], [T::ZERO; LANES]);
        targets[..count - whole].copy_from_slice(&row.targets[whole..]);
        weights[..count - whole].copy_from_slice(&row.weights[whole..]);
        let (weights, quanta) = learn_lanes(row, &targets, weights);
        row.weights[whole..].copy_from_slice(&weights[..count - whole]);
        row.quanta[whole..].copy_from_slice(&quanta[..count - whole]);
    }
}

/// New weights, and these in quanta.
#[inline(always)]
fn learn_lanes<T: Real>(
    row: &Row<'_, T>,
    targets: &[u16; LANES],
    mut weights: [T; LANES],
) -> ([T; LANES], [i32; LANES]) {
    let mut ages = [[0i32; LANES]; EVENTS];
    let mut levels = 0;
    while levels < EVENTS {
        let ages = &mut ages[levels];
        for lane in 0..LANES {
            ages[lane] = row.events[levels][targets[lane] as usize];
        }
        let mut youngest = i32::MIN;
        for age in ages {
            *age -= row.mark;
            youngest = youngest.max(*age);
        }
        if youngest <= 0 {
            break;
        }
        levels += 1;
    }
    for ages in ages[..levels].iter().rev() {
        let mut left = [T::ZERO; LANES];
        for lane in 0..LANES {
            left[lane] = row.decays[(ages[lane].max(0) as usize).min(DECAYS - 1)];
        }
        for lane in 0..LANES {
            let after = weights[lane] + row.raise * (row.trace * left[lane]);
            let after = if after > row.weight_max { row.weight_max } else { after };
            weights[lane] = if ages[lane] > 0 { after } else { weights[lane] };
        }
    }
    let mut fall = [T::ZERO; LANES];
    for lane in 0..LANES {
        fall[lane] = row.traces[targets[lane] as usize];
    }
    let mut quanta = [0i32; LANES];
    for lane in 0..LANES {
        let lowered = weights[lane] - row.lower * fall[lane];
        weights[lane] = if lowered < T::ZERO { T::ZERO } else { lowered };
        quanta[lane] = (weights[lane] * row.per_pa).nearest();
    }
    (weights, quanta)
}
