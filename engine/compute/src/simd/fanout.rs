//! Synapses that leave a neuron as functions of its number: rows that can be stored, or made whenever they are read
//! (*procedural connectivity*, Knight and Nowotny 2021).
//!
//! A fan-out of `count` synapses cuts the targets into as many stretches of equal length and draws one place in each. So every target
//! is equally likely, a row is in order of targets, and the part of it that leads to a range of targets can be made alone. Bits
//! are Philox's: synapse `k` has word `k % 4` of counter (`k / 4`, source, delay, 0) for its target, and of (.., 1) for its weight.

#![allow(clippy::needless_range_loop, reason = "lanes are indexed, which is what compilers make vectors of")]

use std::ops::Range;

use super::Simd;
use super::philox::philox;

/// Counters that are taken at a time.
const LANES: usize = 16;
/// Synapses that are made at a time.
const MADE: usize = 4 * LANES;
/// And until they are delivered, while they are in the first cache.
const PIECE: usize = 32 * MADE;

/// Bits of a counter that serve targets, and weights.
#[derive(Clone, Copy)]
enum Purpose {
    Target = 0,
    Weight = 1,
}

/// What leaves one neuron with one delay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fanout {
    /// Tells projections apart.
    pub key: [u32; 2],
    /// The neuron, in its population.
    pub source: u32,
    /// Steps.
    pub delay: u32,
    /// Synapses.
    pub count: u32,
    /// Length of a stretch, 1.0 = 2^32: see [`pitch`].
    pub pitch: u64,
    /// A target that is passed over; `u32::MAX` if none is.
    pub spared: u32,
}

/// Length of a stretch where `count` synapses, at least 1, go to `targets` neurons, without one that is passed over.
pub fn pitch(count: u32, targets: u32) -> u64 {
    (u64::from(targets) << 32) / u64::from(count)
}

impl Fanout {
    /// The target of synapse `k`, in its population.
    pub fn target(&self, k: u32) -> u32 {
        self.place(u64::from(k) * self.pitch, self.word(k, Purpose::Target))
    }

    /// 16 bits for the weight of synapse `k`.
    pub fn weight_bits(&self, k: u32) -> u16 {
        (self.word(k, Purpose::Weight) >> 16) as u16
    }

    /// The synapses whose targets may be in a range: all that are, and at either end perhaps one that is not.
    pub fn within(&self, targets: &Range<u32>) -> Range<u32> {
        let [start, end] =
            [targets.start, targets.end].map(|bound| u64::from(bound - u32::from(bound > self.spared)) << 32);
        if self.count == 0 || start >= end {
            return 0..0;
        }
        let count = u64::from(self.count);
        let first = (start / self.pitch).min(count);
        first as u32..end.div_ceil(self.pitch).min(count) as u32
    }

    /// Calls `each(target, weight bits)` for every synapse to a range of targets, in order; the bits mean nothing unless `weighted`.
    #[inline(always)]
    pub fn each(
        &self,
        simd: &Simd,
        targets: &Range<u32>,
        weighted: bool,
        made: &mut Made,
        mut each: impl FnMut(u32, u16),
    ) {
        let ks = self.within(targets);
        let mut from = ks.start / 4 * 4;
        while from < ks.end {
            let len = ((ks.end - from) as usize).min(PIECE);
            made.resize(len.next_multiple_of(MADE));
            (simd.fan_targets)(self, from / 4, &mut made.targets);
            if weighted {
                (simd.fan_weights)(self, from / 4, &mut made.bits);
            }
            let some = ks.start.saturating_sub(from) as usize..len;
            for (target, bits) in made.targets[some.clone()].iter().zip(&made.bits[some]) {
                if targets.contains(target) {
                    each(*target, (bits >> 16) as u16);
                }
            }
            from += len as u32;
        }
    }

    /// The target that `bits` draw from the stretch that begins at `first`, 1.0 = 2^32. Behind the last stretch it is no target.
    #[inline(always)]
    fn place(&self, first: u64, bits: u32) -> u32 {
        let (low, high) = (self.pitch & u64::from(u32::MAX), self.pitch >> 32);
        let within = u64::from(bits) * high + ((u64::from(bits) * low) >> 32);
        let place = (first.wrapping_add(within) >> 32) as u32;
        place.wrapping_add(u32::from(place >= self.spared))
    }

    fn word(&self, k: u32, purpose: Purpose) -> u32 {
        philox([k / 4, self.source, self.delay, purpose as u32], self.key)[k as usize % 4]
    }

    /// Bits of [`MADE`] synapses from `4 * counter`.
    #[inline(always)]
    fn words(&self, counter: u32, purpose: Purpose) -> [u32; MADE] {
        let mut words = [0; MADE];
        for lane in 0..LANES {
            let counter = [counter.wrapping_add(lane as u32), self.source, self.delay, purpose as u32];
            let four = philox(counter, self.key);
            for word in 0..4 {
                words[4 * lane + word] = four[word];
            }
        }
        words
    }
}

/// Targets of the synapses from `4 * counter`, whole groups of [`MADE`], wherever the fan-out ends.
#[inline(always)]
pub(super) fn fan_targets(fan: &Fanout, counter: u32, targets: &mut [u32]) {
    let steps: [u64; MADE] = std::array::from_fn(|place| (place as u64).wrapping_mul(fan.pitch));
    for (group, made) in targets.as_chunks_mut::<MADE>().0.iter_mut().enumerate() {
        let first = counter + (group * LANES) as u32;
        let words = fan.words(first, Purpose::Target);
        let base = (u64::from(first) * 4).wrapping_mul(fan.pitch);
        for place in 0..MADE {
            made[place] = fan.place(base.wrapping_add(steps[place]), words[place]);
        }
    }
}

/// Bits for their weights, in the upper half of each word.
#[inline(always)]
pub(super) fn fan_weights(fan: &Fanout, counter: u32, bits: &mut [u32]) {
    for (group, made) in bits.as_chunks_mut::<MADE>().0.iter_mut().enumerate() {
        *made = fan.words(counter + (group * LANES) as u32, Purpose::Weight);
    }
}

/// Room for synapses that are made.
#[derive(Default)]
pub struct Made {
    targets: Vec<u32>,
    bits: Vec<u32>,
}

impl Made {
    fn resize(&mut self, len: usize) {
        self.targets.resize(len, 0);
        self.bits.resize(len, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fan(source: u32, count: u32, targets: u32, spared: Option<u32>) -> Fanout {
        let pitch = pitch(count, targets - u32::from(spared.is_some()));
        Fanout { key: [7, 9], source, delay: 15, count, pitch, spared: spared.unwrap_or(u32::MAX) }
    }

    #[test]
    fn every_table_makes_what_single_synapses_are() {
        let shapes =
            [(1, 1), (1, 1 << 26), (3, 1_000), (64, 64), (1_000, 1_000_000), (1_000, 90), (5_000, 70_001)];
        for simd in Simd::available() {
            for (count, targets) in shapes {
                for spared in [None, (targets > 1).then_some(targets / 3)] {
                    let fan = fan(3, count, targets, spared);
                    let mut all = Vec::new();
                    fan.each(simd, &(0..targets), true, &mut Made::default(), |target, bits| {
                        all.push((target, bits))
                    });
                    let singly: Vec<(u32, u16)> =
                        (0..count).map(|k| (fan.target(k), fan.weight_bits(k))).collect();
                    assert_eq!(all, singly, "{count} to {targets} without {spared:?} on {simd:?}");
                    assert!(all.is_sorted_by_key(|(target, _)| *target));
                    assert!(all.iter().all(|(target, _)| *target < targets && Some(*target) != spared));
                }
            }
        }
    }

    #[test]
    fn ranges_of_targets_make_up_the_row() {
        for (count, targets, cuts) in
            [(700, 10_000, vec![0, 1, 64, 65, 5_000, 9_999, 10_000]), (900, 40, vec![0, 3, 40])]
        {
            let fan = fan(11, count, targets, Some(64.min(targets - 1)));
            let mut made = Made::default();
            let mut parts = Vec::new();
            for cut in cuts.windows(2) {
                fan.each(Simd::detect(), &(cut[0]..cut[1]), false, &mut made, |target, _| parts.push(target));
            }
            assert_eq!(parts, (0..count).map(|k| fan.target(k)).collect::<Vec<u32>>());
        }
    }

    #[test]
    fn targets_are_equally_likely_whatever_the_stretch() {
        // Two thirds of a target a synapse: stretches begin within targets.
        for (count, targets, spared) in [(150, 100, false), (60, 100, false), (60, 101, true)] {
            let sources = 20_000;
            let mut degrees = vec![0u32; targets as usize];
            for source in 0..sources {
                let fan = fan(source, count, targets, spared.then_some(40));
                (0..count).for_each(|k| degrees[fan.target(k) as usize] += 1);
            }
            let mean = f64::from(sources * count) / 100.0;
            // Synapses of a source lie apart, so there is less chance in a degree than if all were drawn.
            let likely = |degree: u32| (f64::from(degree) - mean).abs() < 5.0 * mean.sqrt();
            let wrong = degrees.iter().enumerate().filter(|(target, degree)| match spared && *target == 40 {
                true => **degree != 0,
                false => !likely(**degree),
            });
            assert_eq!(wrong.count(), 0, "{count} of {targets}: {degrees:?}");
        }
    }

    #[test]
    fn neurons_delays_and_projections_draw_apart() {
        let one = fan(3, 1_000, 100_000, None);
        for other in
            [Fanout { source: 4, ..one }, Fanout { delay: 16, ..one }, Fanout { key: [7, 10], ..one }]
        {
            let same = (0..1_000).filter(|&k| one.target(k) == other.target(k)).count();
            // One in a hundred by chance.
            assert!((1..40).contains(&same), "{same} of 1,000 in common");
        }
    }
}
