//! A row of learning synapses whose source fires: weights rise by what their targets did since the source fired last, then fall by
//! the traces of their targets, and are told in quanta.

#![allow(clippy::needless_range_loop, reason = "lanes are indexed, which is what compilers make vectors of")]

use super::{LANES, Real};

/// Targets that a row can name.
pub const TARGETS: usize = 1 << 16;
/// Spikes of a target that lie beside its trace.
pub const RECENT: usize = 3;
/// Spikes of a target before those that are remembered until rows ask for them.
pub const EARLIER: usize = 5;

/// For every target a u16 can name.
pub type Recent<T> = [[T; RECENT + 1]; TARGETS];

/// One row part. Of a target's spike the fade of the step is remembered in which weights were told of it: fades fall from 1 within a
/// turn, so a spike came after another if its fade is less. 0 is no spike, and adds nothing.
pub struct Row<'a, T> {
    /// pA.
    pub weights: &'a mut [T],
    /// Target of each.
    pub targets: &'a [u16],
    /// Of each target the [`RECENT`] last spikes, the latest first, then its trace: one load. Long enough for any u16, so that no
    /// look-up needs a check.
    pub recent: &'a Recent<T>,
    /// The [`EARLIER`] spikes before them.
    pub earlier: &'a [[T; EARLIER]; TARGETS],
    /// Fade of the source's last spike, over 1 for none: spikes after it are still to be added.
    pub mark: T,
    /// pA that a target's spike adds of its fade.
    pub raise: T,
    /// No weight rises above this.
    pub weight_max: T,
    /// pA that a target's trace of 1 takes; no weight falls below 0.
    pub lower: T,
    /// Quanta in a pA.
    pub per_pa: T,
    /// Gets each weight in quanta.
    pub quanta: &'a mut [i32],
}

/// A weight after a target's spike.
#[inline(always)]
pub fn raised<T: Real>(weight: T, raise: T, fade: T, weight_max: T) -> T {
    let raised = weight + raise * fade;
    if raised > weight_max { weight_max } else { raised }
}

/// Turns the records of some targets into a vector of each entry.
#[inline(always)]
pub(super) fn look_up<T: Real>(recent: &Recent<T>, targets: &[u16; LANES]) -> [[T; LANES]; RECENT + 1] {
    let mut vectors = [[T::ZERO; LANES]; RECENT + 1];
    for lane in 0..LANES {
        for (vector, &value) in vectors.iter_mut().zip(&recent[targets[lane] as usize]) {
            vector[lane] = value;
        }
    }
    vectors
}

/// `LANES` synapses at a time, with this way to look up.
#[inline(always)]
pub(super) fn learn<T: Real>(
    row: &mut Row<'_, T>,
    look_up: impl Fn(&Recent<T>, &[u16; LANES]) -> [[T; LANES]; RECENT + 1],
) {
    let count = row.weights.len();
    let whole = count - count % LANES;
    for first in (0..whole).step_by(LANES) {
        let targets: [u16; LANES] = row.targets[first..][..LANES].try_into().expect("so long");
        let weights: [T; LANES] = row.weights[first..][..LANES].try_into().expect("so long");
        let (weights, quanta) = learn_lanes(row, &targets, look_up(row.recent, &targets), weights);
        row.weights[first..][..LANES].copy_from_slice(&weights);
        row.quanta[first..][..LANES].copy_from_slice(&quanta);
    }
    if whole < count {
        // What is over of the last lanes is worked on and thrown away.
        let (mut targets, mut weights) = ([0u16; LANES], [T::ZERO; LANES]);
        targets[..count - whole].copy_from_slice(&row.targets[whole..]);
        weights[..count - whole].copy_from_slice(&row.weights[whole..]);
        let (weights, quanta) = learn_lanes(row, &targets, look_up(row.recent, &targets), weights);
        row.weights[whole..].copy_from_slice(&weights[..count - whole]);
        row.quanta[whole..].copy_from_slice(&quanta[..count - whole]);
    }
}

/// New weights, and these in quanta.
#[inline(always)]
fn learn_lanes<T: Real>(
    row: &Row<'_, T>,
    targets: &[u16; LANES],
    recent: [[T; LANES]; RECENT + 1],
    before: [T; LANES],
) -> ([T; LANES], [i32; LANES]) {
    let mut weights = before;
    for fades in recent[..RECENT].iter().rev() {
        for lane in 0..LANES {
            let after = raised(weights[lane], row.raise, fades[lane], row.weight_max);
            weights[lane] = if fades[lane] < row.mark { after } else { weights[lane] };
        }
    }
    let mut many = 0u32;
    for lane in 0..LANES {
        let fade = recent[RECENT - 1][lane];
        many |= u32::from((fade < row.mark) & (fade > T::ZERO)) << lane;
    }
    while many != 0 {
        let lane = many.trailing_zeros() as usize;
        many &= many - 1;
        let earlier = &row.earlier[targets[lane] as usize];
        if earlier[0] < row.mark && earlier[0] > T::ZERO {
            // From the first of them on.
            let fades = recent[..RECENT].iter().map(|fades| fades[lane]).chain(*earlier);
            let pending = fades.filter(|&fade| fade < row.mark);
            weights[lane] = pending
                .rev()
                .fold(before[lane], |weight, fade| raised(weight, row.raise, fade, row.weight_max));
        }
    }
    let mut quanta = [0i32; LANES];
    for lane in 0..LANES {
        let lowered = weights[lane] - row.lower * recent[RECENT][lane];
        weights[lane] = if lowered < T::ZERO { T::ZERO } else { lowered };
        quanta[lane] = (weights[lane] * row.per_pa).nearest();
    }
    (weights, quanta)
}
