//! Leaky integrate-and-fire neurons with exponential synapses, a few steps at a time: exact integration of the subthreshold
//! equations (Rotter and Diesmann 1999), in the order of operations of NEST's `iaf_psc_exp`.
//!
//! One text for all tables: it is compiled once for each set of instructions. Nothing is fused, so all give the same bits.
//! State is worked on in tiles of 64 neurons, which stay in the first cache for all steps of a call.

#![allow(clippy::needless_range_loop, reason = "lanes are indexed, which is what compilers make vectors of")]

use std::fmt::Debug;
use std::ops::{Add, Mul, Sub};

use super::Simd;
use super::learn::Row;
use super::philox::philox;
use crate::element::Stored;

/// Neurons of a tile. A tile belongs to one population.
pub const TILE: usize = 64;
/// Neurons whose state is held in registers while they take their steps: two vectors of 16 hide each other's latency.
const GROUP: usize = 32;
/// Every so many steps, what is smaller than [`Real::TINY`] becomes 0: arithmetic on denormal numbers takes a hundred times as long.
pub const FLUSH_STEPS: i32 = 64;

/// The numbers a network is computed in: f32 or f64.
pub trait Real:
    Stored + PartialOrd + Default + Add<Output = Self> + Sub<Output = Self> + Mul<Output = Self> + Debug
{
    /// Nothing that matters: far below the last bit of any potential or current.
    const TINY: Self;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;
    /// Rounded to nearest.
    fn of(value: f64) -> Self;
    /// Exactly.
    fn wide(self) -> f64;
    /// Rounded to nearest.
    fn of_int(value: i32) -> Self;
    /// The integer nearest to a number from 0 to 2^22, halves to even.
    fn nearest(self) -> i32;
    /// [`Span`] through its steps, with these instructions.
    fn integrate(simd: &Simd, span: &mut Span<'_, Self>);
    /// [`Row`] lowered, with these instructions.
    fn learn(simd: &Simd, row: &mut Row<'_, Self>);
}

macro_rules! real {
    ($ty:ty, $shift:expr, $integrate:ident, $learn:ident) => {
        impl Real for $ty {
            const TINY: Self = 1e-20;
            const ZERO: Self = 0.0;
            const ONE: Self = 1.0;
            #[inline(always)]
            fn of(value: f64) -> Self {
                value as $ty
            }
            #[inline(always)]
            fn wide(self) -> f64 {
                self.into()
            }
            #[inline(always)]
            fn of_int(value: i32) -> Self {
                value as $ty
            }
            #[inline(always)]
            fn nearest(self) -> i32 {
                // A number this large has no fraction; what is left of its bits is the integer. No cast, which would saturate.
                let shifted: $ty = self + $shift;
                shifted.to_bits().wrapping_sub(<$ty>::to_bits($shift)) as i32
            }
            fn integrate(simd: &Simd, span: &mut Span<'_, Self>) {
                span.check();
                (simd.$integrate)(span);
            }
            fn learn(simd: &Simd, row: &mut Row<'_, Self>) {
                (simd.$learn)(row);
            }
        }
    };
}
real!(f32, 8_388_608.0, integrate_f32, learn_f32);
real!(f64, 4_503_599_627_370_496.0, integrate_f64, learn_f64);

/// What neurons of one population have in common. Potentials are told from rest, in mV; currents in pA.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Membrane<T> {
    /// Of a potential, what is left after a step.
    pub leak: T,
    /// mV that a pA of each synaptic current adds within a step.
    pub coupling: [T; 2],
    /// Of each synaptic current, what is left after a step.
    pub decay: [T; 2],
    /// pA of one quantum that arrives, by channel.
    pub quantum: [T; 2],
    /// A neuron that reaches this fires.
    pub threshold: T,
    /// And starts anew from this.
    pub reset: T,
}

/// Independent Poisson input of each neuron.
#[derive(Clone, Copy, Debug)]
pub struct Noise<'a> {
    /// Chance of at most k events in a step, 1.0 = 2^32, for k = 0, 1, ...; more events than there are entries never come.
    pub chances: &'a [u32],
    /// What an event brings, in quanta of its channel.
    pub quanta: i32,
    /// 0 for the excitatory channel, 1 for the inhibitory.
    pub channel: usize,
    /// Seed of the replica.
    pub key: [u32; 2],
}

/// Neurons of one population, whole tiles, for a few steps.
pub struct Span<'a, T> {
    /// What they have in common.
    pub membrane: Membrane<T>,
    /// Steps for which a neuron that has fired stays at its reset.
    pub refractory_steps: i32,
    /// Their noise.
    pub noise: Option<Noise<'a>>,
    /// Number of the first neuron.
    pub first: u32,
    /// The first step.
    pub step: i32,
    /// mV from rest.
    pub potentials: &'a mut [T],
    /// pA of the two synaptic currents.
    pub currents: [&'a mut [T]; 2],
    /// First step in which a neuron integrates again.
    pub releases: &'a mut [i32],
    /// mV that constant current adds within a step.
    pub drives: &'a [T],
    /// Quanta that arrive, `[steps][2][stride]` from the first neuron; 0 afterwards.
    pub sums: &'a mut [i32],
    /// Neurons from one row of sums to the next.
    pub stride: usize,
    /// For each step, who fires is appended.
    pub fired: &'a mut [Vec<u32>],
}

impl<T> Span<'_, T> {
    fn check(&self) {
        let neurons = self.potentials.len();
        let lengths =
            [self.currents[0].len(), self.currents[1].len(), self.releases.len(), self.drives.len()];
        let whole = neurons.is_multiple_of(TILE) && (self.first as usize).is_multiple_of(TILE);
        let sums = neurons == 0
            || (self.fired.len() * 2).saturating_sub(1) * self.stride + neurons <= self.sums.len();
        assert!(whole && sums && lengths == [neurons; 4], "a span of odd shapes, this is a bug");
    }
}

/// How many Poisson events each neuron of a tile gets in a step.
#[inline(always)]
fn events(noise: &Noise<'_>, tile: u32, step: i32) -> [i32; TILE] {
    // One block of bits serves four neurons, sixteen apart.
    const LANES: usize = TILE / 4;
    let mut bits = [0u32; TILE];
    for lane in 0..LANES {
        let words =
            philox([tile.wrapping_mul(LANES as u32).wrapping_add(lane as u32), step as u32, 0, 0], noise.key);
        for word in 0..4 {
            bits[word * LANES + lane] = words[word];
        }
    }
    let mut counts = [0i32; TILE];
    for &chance in noise.chances {
        for lane in 0..TILE {
            counts[lane] = counts[lane].wrapping_add(i32::from(bits[lane] >= chance));
        }
    }
    counts
}

/// One step of one synaptic current: it decays, and what arrives is added.
#[inline(always)]
fn receive<T: Real>(current: &mut [T; GROUP], sums: &mut [i32; GROUP], decay: T, quantum: T) {
    for (current, sum) in current.iter_mut().zip(sums) {
        *current = *current * decay + T::of_int(*sum) * quantum;
        *sum = 0;
    }
}

/// One step of a group's potentials. Gives whether any neuron fires; those that do are released at `release`.
#[inline(always)]
fn advance<T: Real>(
    membrane: &Membrane<T>,
    step: i32,
    release: i32,
    potentials: &mut [T; GROUP],
    currents: [&[T; GROUP]; 2],
    releases: &mut [i32; GROUP],
    drives: &[T; GROUP],
) -> bool {
    let mut any = 0;
    for lane in 0..GROUP {
        let (v, e, i) = (potentials[lane], currents[0][lane], currents[1][lane]);
        let moved = v * membrane.leak + e * membrane.coupling[0] + i * membrane.coupling[1] + drives[lane];
        let v = if releases[lane] <= step { moved } else { v };
        let fires = v >= membrane.threshold;
        potentials[lane] = if fires { membrane.reset } else { v };
        releases[lane] = if fires { release } else { releases[lane] };
        any |= i32::from(fires);
    }
    any != 0
}

#[inline(always)]
fn flush<T: Real>(values: &mut [T]) {
    for value in values {
        let small = *value < T::TINY && *value > T::ZERO - T::TINY;
        *value = if small { T::ZERO } else { *value };
    }
}

/// So many elements of a slice from `first`.
#[inline(always)]
fn part<T, const N: usize>(values: &[T], first: usize) -> &[T; N] {
    values[first..][..N].try_into().expect("so long")
}

#[inline(always)]
fn part_mut<T, const N: usize>(values: &mut [T], first: usize) -> &mut [T; N] {
    (&mut values[first..][..N]).try_into().expect("so long")
}

/// Takes the neurons of a span through its steps.
#[inline(always)]
pub(super) fn integrate<T: Real>(span: &mut Span<'_, T>) {
    if let Some(noise) = span.noise {
        for first in (0..span.potentials.len()).step_by(TILE) {
            for place in 0..span.fired.len() {
                let counts =
                    events(&noise, (span.first + first as u32) / TILE as u32, span.step + place as i32);
                let sums: &mut [i32; TILE] =
                    part_mut(span.sums, (place * 2 + noise.channel) * span.stride + first);
                for lane in 0..TILE {
                    sums[lane] = sums[lane].wrapping_add(counts[lane].wrapping_mul(noise.quanta));
                }
            }
        }
    }
    for first in (0..span.potentials.len()).step_by(GROUP) {
        integrate_group(span, first);
    }
}

/// Takes the group of neurons at `first` through the steps of a span.
#[inline(always)]
fn integrate_group<T: Real>(span: &mut Span<'_, T>, first: usize) {
    let membrane = span.membrane;
    // Copies, which the compiler knows to be apart from each other.
    let mut potentials: [T; GROUP] = *part(span.potentials, first);
    let mut currents: [[T; GROUP]; 2] = [*part(span.currents[0], first), *part(span.currents[1], first)];
    let mut releases: [i32; GROUP] = *part(span.releases, first);
    let drives: [T; GROUP] = *part(span.drives, first);
    for (place, fired) in span.fired.iter_mut().enumerate() {
        let step = span.step + place as i32;
        if step % FLUSH_STEPS == 0 {
            flush(&mut potentials);
            currents.iter_mut().for_each(|current| flush(current));
        }
        let release = step + 1 + span.refractory_steps;
        let [e, i] = &currents;
        if advance(&membrane, step, release, &mut potentials, [e, i], &mut releases, &drives) {
            // Only who fires now is released then.
            for (lane, &of_lane) in releases.iter().enumerate() {
                if of_lane == release {
                    fired.push(span.first + (first + lane) as u32);
                }
            }
        }
        for (channel, current) in currents.iter_mut().enumerate() {
            let sums = part_mut(span.sums, (place * 2 + channel) * span.stride + first);
            receive(current, sums, membrane.decay[channel], membrane.quantum[channel]);
        }
    }
    *part_mut(span.potentials, first) = potentials;
    *part_mut(span.currents[0], first) = currents[0];
    *part_mut(span.currents[1], first) = currents[1];
    *part_mut(span.releases, first) = releases;
}
