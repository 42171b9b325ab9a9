//! Projections made ready, and their synapses one after the other.

use std::ops::Range;

use super::description::{Description, Projection, Stdp, Values, Wiring};
use super::draw::{Divisor, Spread, normal_table, splitmix64, uniform_table, unit};
use crate::simd::{Fanout, Made, Simd, pitch};

/// A projection with its weights and delays ready to be looked up.
pub struct Wired<'a> {
    /// Place of the source population.
    pub source: usize,
    /// Place of the target population.
    pub target: usize,
    /// The rule by which weights learn.
    pub stdp: Option<Stdp>,
    /// Weights, pA.
    pub weights: Spread<f64>,
    /// Delays, steps.
    pub delays: Spread<u32>,
    /// If its synapses are made when they are read.
    pub procedural: bool,
    wiring: &'a Wiring,
    /// Of pairs, places by target.
    order: Vec<u32>,
    /// Of an out-degree, by delay.
    shares: Vec<Share>,
    /// Of an out-degree: if no neuron is its own target.
    pub spares: bool,
    sources: u32,
    /// Number of the first target through all populations.
    target_first: u64,
    /// Differs from projection to projection.
    key: u64,
}

/// What each source has of an out-degree with one delay.
#[derive(Clone, Copy)]
pub struct Share {
    /// Steps.
    pub delay: u32,
    /// Synapses.
    pub count: u32,
    /// Of their stretches.
    pub pitch: u64,
    /// What finds the delay in the distribution.
    delay_bits: u16,
}

/// What is random about a synapse.
#[derive(Clone, Copy)]
pub struct Chance {
    /// Place in the list, of pairs.
    pub place: usize,
    bits: u32,
}

impl Chance {
    /// For the weight.
    #[inline(always)]
    pub fn weight_bits(self) -> u16 {
        self.bits as u16
    }

    /// For the delay.
    #[inline(always)]
    pub fn delay_bits(self) -> u16 {
        (self.bits >> 16) as u16
    }
}

impl<'a> Wired<'a> {
    /// The projection at `place` of a description that keeps the rules.
    pub fn new(description: &'a Description, place: usize) -> Self {
        let projection = &description.projections[place];
        let Projection { source, target, wiring, weight_pa, delay_ms, stdp } = projection;
        let populations = &description.populations;
        let order = match wiring {
            Wiring::Pairs(pairs) => {
                let mut order: Vec<u32> = (0..pairs.len() as u32).collect();
                order.sort_by_key(|&place| (pairs[place as usize][1], place));
                order
            }
            _ => Vec::new(),
        };
        let (low, high) = match (weight_pa, stdp) {
            (_, Some(stdp)) => (0.0, stdp.weight_max_pa),
            (Values::Normal { mean, .. }, _) if *mean < 0.0 => (f64::NEG_INFINITY, 0.0),
            _ => (0.0, f64::INFINITY),
        };
        let step_ms = description.step_ms;
        let steps = |delay: f64| (delay / step_ms).round().max(1.0) as u32;
        let delays = spread(delay_ms, step_ms / 2.0, f64::INFINITY).map(steps);
        let (shares, spares) = match *wiring {
            Wiring::OutDegree { count, autapses, .. } => {
                let spares = !autapses && source == target;
                (shares(&delays, count, populations[*target].size - u32::from(spares)), spares)
            }
            _ => (Vec::new(), false),
        };
        Wired {
            source: *source,
            target: *target,
            stdp: *stdp,
            weights: spread(weight_pa, low, high),
            delays,
            procedural: projection.is_procedural(),
            wiring,
            order,
            shares,
            spares,
            sources: populations[*source].size,
            target_first: populations[..*target].iter().map(|population| u64::from(population.size)).sum(),
            key: splitmix64(description.seed ^ splitmix64(place as u64)),
        }
    }

    /// What each source has of an out-degree, by delay.
    pub fn shares(&self) -> &[Share] {
        &self.shares
    }

    /// Of an out-degree: what a source has with one delay.
    pub fn fanout(&self, source: u32, share: &Share) -> Fanout {
        let spared = if self.spares { source } else { u32::MAX };
        let Share { delay, count, pitch, .. } = *share;
        Fanout { key: self.key_words(), source, delay, count, pitch, spared }
    }

    /// What tells projections apart.
    pub fn key_words(&self) -> [u32; 2] {
        [self.key as u32, (self.key >> 32) as u32]
    }

    /// Calls `each(source, target, chance)` for every synapse to targets of a range: those of a source and delay in the order of
    /// targets.
    #[inline(always)]
    pub fn each(&self, targets: Range<u32>, mut each: impl FnMut(u32, u32, Chance)) {
        let recurrent = self.source == self.target;
        let n = self.sources;
        let next = |source: u32| if source + 1 == n { 0 } else { source + 1 };
        match *self.wiring {
            Wiring::Pairs(ref pairs) => {
                let before =
                    |target: u32| self.order.partition_point(|&place| pairs[place as usize][1] < target);
                for &place in &self.order[before(targets.start)..before(targets.end)] {
                    let [source, target] = pairs[place as usize];
                    let bits = splitmix64(self.key.wrapping_add(u64::from(place))) as u32;
                    each(source, target, Chance { place: place as usize, bits });
                }
            }
            Wiring::InDegree { count, autapses } => {
                for target in targets {
                    let first = self.key.wrapping_add(u64::from(target) * u64::from(count));
                    for k in 0..count {
                        let bits = splitmix64(first.wrapping_add(u64::from(k)));
                        let mut source = (((bits >> 32) * u64::from(n)) >> 32) as u32;
                        if !autapses && recurrent && source == target {
                            source = next(source);
                        }
                        each(source, target, Chance { place: 0, bits: bits as u32 });
                    }
                }
            }
            Wiring::OutDegree { .. } => {
                let (simd, mut made) = (Simd::detect(), Made::default());
                for source in 0..n {
                    for share in &self.shares {
                        self.fanout(source, share).each(simd, &targets, true, &mut made, |target, bits| {
                            let bits = u32::from(share.delay_bits) << 16 | u32::from(bits);
                            each(source, target, Chance { place: 0, bits });
                        });
                    }
                }
            }
            Wiring::Probability { p, autapses } => {
                // Of the smallest p too, where 1 - p is 1.
                let scale = (-p).ln_1p();
                for target in targets.filter(|_| p > 0.0) {
                    let mut bits = splitmix64(self.key ^ splitmix64(u64::from(target)));
                    let mut source = 0.0;
                    loop {
                        bits = splitmix64(bits);
                        // How many sources are passed over is distributed geometrically.
                        source += ((1.0 - unit(bits)).ln() / scale).floor();
                        if source >= f64::from(n) {
                            break;
                        }
                        bits = splitmix64(bits);
                        if autapses || !recurrent || source as u32 != target {
                            each(source as u32, target, Chance { place: 0, bits: bits as u32 });
                        }
                        source += 1.0;
                    }
                }
            }
            Wiring::Hashed { in_degree, first, seed } => {
                let by = Divisor::new(n);
                for target in targets {
                    let row = seed << 40 | (self.target_first + u64::from(target)) << 16;
                    for k in first..first + in_degree {
                        let hash = splitmix64(row | u64::from(k));
                        let mut source = by.remainder(hash);
                        if recurrent && source == target {
                            source = next(source);
                        }
                        let bits = (hash ^ hash >> 32).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
                        each(source, target, Chance { place: 0, bits: bits as u32 });
                    }
                }
            }
        }
    }
}

/// An out-degree over a number of targets, by delay: synapse k of n has the delay that (k + 1/2) / n of all are below.
fn shares(delays: &Spread<u32>, count: u32, targets: u32) -> Vec<Share> {
    let values = delays.values();
    let (mut atom, mut before, mut shares) = (0, 0, Vec::new());
    for run in values.chunk_by(|a, b| a == b) {
        let delay_bits = atom as u16;
        atom += ((run.len() << 16) / values.len()) as u64;
        // Of 2^16 equally likely delays, so many synapses have the first `atom`.
        let end = (atom * u64::from(count) + (1 << 15) - 1) >> 16;
        let own = (end - before) as u32;
        before = end;
        if own > 0 {
            shares.push(Share { delay: run[0], count: own, pitch: pitch(own, targets), delay_bits });
        }
    }
    shares
}

/// Values made ready; what is drawn from a normal distribution stays within the bounds.
fn spread(values: &Values, low: f64, high: f64) -> Spread<f64> {
    match values {
        Values::All(value) => Spread::All(*value),
        Values::Each(values) => Spread::Each(values.clone()),
        Values::Uniform { low, high, .. } => Spread::Table(uniform_table(*low, *high)),
        Values::Normal { mean, sd: 0.0 } => Spread::All(*mean),
        Values::Normal { mean, sd } => Spread::Table(normal_table(*mean, *sd, low, high)),
    }
}

/// One value for each of `count` neurons, numbered from `first` through all populations, in the replica of `seed`. `kind` tells
/// apart what is drawn.
pub fn neuron_values(values: &Values, first: u64, count: u32, seed: u64, kind: u64) -> Vec<f64> {
    let key = splitmix64(seed ^ splitmix64(kind));
    let drawn = |i: u64| splitmix64(key.wrapping_add(i));
    let numbers = first..first + u64::from(count);
    match values {
        Values::All(value) => vec![*value; count as usize],
        Values::Each(values) => values.clone(),
        Values::Uniform { low, high, seed } => {
            let bits = |i: u64| seed.map_or_else(|| drawn(i), |seed| splitmix64(seed << 40 | i));
            numbers.map(|i| low + (high - low) * unit(bits(i))).collect()
        }
        Values::Normal { mean, sd } => {
            let table = normal_table(*mean, *sd, f64::NEG_INFINITY, f64::INFINITY);
            numbers.map(|i| table[(drawn(i) >> 48) as usize]).collect()
        }
    }
}
