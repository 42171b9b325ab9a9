//! One block for some steps: what arrives is gathered, then the neurons are taken through.

use std::ops::Range;

use crate::simd::{Made, Real, Span, TARGETS, fetch};

use super::super::tables::{Bundle, Form, NO_WEIGHTS};
use super::Plan;
use super::history::History;
use super::learner::Learner;

/// Row parts ahead of which the positions, and then the synapses, are fetched.
const AHEAD: [usize; 2] = [16, 6];
/// Bytes of a row part that are fetched ahead; the rest follows by itself.
const FETCHED: usize = 512;
/// Bytes of sums that are gathered before neurons take them: so much stays in the second cache beside them.
const SUMS_BYTES_MAX: usize = 512 << 10;

/// One block of one replica.
pub struct Block<'a, T> {
    pub number: usize,
    pub replica: usize,
    pub members: Range<usize>,
    pub drives: &'a [T],
    pub inbox: [&'a mut [i32]; 2],
    pub potentials: &'a mut [T],
    pub currents: [&'a mut [T]; 2],
    pub releases: &'a mut [i32],
    /// Bundles that learn.
    pub learners: Vec<Learner<'a, T>>,
    /// `[steps][2][stride]`, and room behind, so that any u16 is a place from the start of any row: no look-up needs a check.
    pub sums: Vec<i32>,
    /// Row parts that arrive in a step: place in `starts`, bundle.
    pub parts: Vec<(usize, usize)>,
    /// Room for rows that are made.
    pub made: Made,
}

impl<T: Real> Block<'_, T> {
    /// From one row of sums to the next: an odd number of cache lines, as a power of two would put all rows' heads in one set of the
    /// cache.
    fn stride(&self) -> usize {
        self.members.len() + 16
    }

    /// Steps that neurons take at a time.
    fn steps_together(&self, plan: &Plan<'_, T>) -> usize {
        let fit = SUMS_BYTES_MAX / (2 * size_of::<i32>() * self.stride());
        fit.clamp(1, plan.network.params.interval as usize)
    }

    /// Before the steps of a dispatch: what was left in the inbox arrives in the first.
    pub fn begin(&mut self, plan: &Plan<'_, T>) {
        let (len, stride) = (self.members.len(), self.stride());
        self.sums = vec![0; self.steps_together(plan) * 2 * stride + TARGETS];
        for (channel, inbox) in self.inbox.iter_mut().enumerate() {
            self.sums[channel * stride..][..len].copy_from_slice(inbox);
            inbox.fill(0);
        }
    }

    /// Takes the block through as many steps as there are lists in `fired`, at most an interval, from `step`.
    pub fn run(&mut self, plan: &Plan<'_, T>, mut step: u32, history: &History, fired: &mut [Vec<u32>]) {
        for fired in fired.chunks_mut(self.steps_together(plan)) {
            self.run_together(plan, step, history, fired);
            step += fired.len() as u32;
        }
    }

    fn run_together(&mut self, plan: &Plan<'_, T>, step: u32, history: &History, fired: &mut [Vec<u32>]) {
        let stride = self.stride();
        for place in 0..fired.len() {
            self.arrive(plan, step + place as u32, place, history);
            for learner in &mut self.learners {
                let first = (place * 2 + learner.channel(plan)) * stride;
                let sums = (&mut self.sums[first..][..TARGETS]).try_into().expect("so long");
                learner.step(plan, step + place as u32, history, sums);
            }
        }
        for (number, (population, membrane)) in plan.populations.iter().enumerate() {
            let first = (population.tile_first as usize * 64).max(self.members.start);
            let end = (population.tile_end as usize * 64).min(self.members.end);
            if first >= end {
                continue;
            }
            let own = first - self.members.start..end - self.members.start;
            let [e, i] = &mut self.currents;
            let mut span = Span {
                membrane: *membrane,
                refractory_steps: population.refractory_steps as i32,
                noise: plan.network.noise(&plan.populations[number].0, self.replica),
                first: first as u32,
                step: step as i32,
                potentials: &mut self.potentials[own.clone()],
                currents: [&mut e[own.clone()], &mut i[own.clone()]],
                releases: &mut self.releases[own.clone()],
                drives: &self.drives[own.clone()],
                sums: &mut self.sums[own.start..],
                stride,
                fired,
            };
            T::integrate(plan.simd, &mut span);
        }
    }

    /// The sums of a channel in a step, and what lies behind them.
    fn row(&mut self, place: usize, channel: usize) -> &mut [i32; TARGETS] {
        let first = (place * 2 + channel) * self.stride();
        (&mut self.sums[first..][..TARGETS]).try_into().expect("so long")
    }

    /// Adds up the rows of bundles that do not learn.
    fn arrive(&mut self, plan: &Plan<'_, T>, step: u32, place: usize, history: &History) {
        let network = &plan.network;
        let mut parts = std::mem::take(&mut self.parts);
        parts.clear();
        for path in &plan.paths {
            let fired = history.fired(step, path.delay, path.population);
            if fired.is_empty() {
                continue;
            }
            let bundle = &plan.bundles[path.bundle].0;
            if bundle.form == Form::Procedural {
                self.make(plan, bundle, path.class, place, fired);
                continue;
            }
            let classes = bundle.delays_len as usize;
            let rows =
                bundle.starts as usize + self.number * (bundle.sources as usize * classes + 1) + path.class;
            let part =
                |&neuron: &u32| (rows + (neuron - bundle.source_first) as usize * classes, path.bundle);
            parts.extend(fired.iter().map(part));
        }
        let (starts, targets, weighted) = (network.starts(), network.targets(), network.weighted());
        for now in 0..parts.len() {
            if let Some(&(start, _)) = parts.get(now + AHEAD[0]) {
                fetch(&starts[start..start + 2]);
            }
            if let Some(&(start, bundle)) = parts.get(now + AHEAD[1]) {
                let (first, end) = (starts[start] as usize, starts[start + 1] as usize);
                match plan.bundles[bundle].0.form {
                    Form::Varied => fetch(&weighted[first..end.min(first + FETCHED / 4)]),
                    _ => fetch(&targets[first..end.min(first + FETCHED / 2)]),
                }
            }
            let (start, bundle) = parts[now];
            let range = starts[start] as usize..starts[start + 1] as usize;
            let bundle = &plan.bundles[bundle].0;
            let row = self.row(place, bundle.channel as usize);
            match bundle.form {
                Form::Varied => add_weighted(row, &weighted[range]),
                _ => add_uniform(row, &targets[range], bundle.quanta),
            }
        }
        self.parts = parts;
    }

    /// Makes the rows of those who fired, and adds up what of them leads here.
    fn make(&mut self, plan: &Plan<'_, T>, bundle: &Bundle, class: usize, place: usize, fired: &[u32]) {
        let network = &plan.network;
        let recipe = network.recipe(bundle);
        // Targets are told in their population, sums lie by place in the block.
        let within = |neuron: usize| (neuron as u32).saturating_sub(recipe.target_first).min(recipe.targets);
        let targets = within(self.members.start)..within(self.members.end);
        let shift = recipe.target_first.wrapping_sub(self.members.start as u32);
        let weighted = recipe.weights != NO_WEIGHTS;
        let mut made = std::mem::take(&mut self.made);
        let row = self.row(place, bundle.channel as usize);
        for &neuron in fired {
            let fan = network.fanout(bundle, &recipe, neuron - bundle.source_first, class);
            fan.each(plan.simd, &targets, weighted, &mut made, |target, bits| {
                let quanta =
                    if weighted { network.made_quanta(bundle, &recipe, bits) } else { bundle.quanta };
                let sum = &mut row[target.wrapping_add(shift) as u16 as usize];
                *sum = sum.wrapping_add(quanta);
            });
        }
        self.made = made;
    }
}

/// Adds the same weight to each target.
fn add_uniform(row: &mut [i32; TARGETS], targets: &[u16], quanta: i32) {
    let eights = targets.chunks_exact(8);
    for &target in eights.remainder() {
        row[target as usize] = row[target as usize].wrapping_add(quanta);
    }
    for eight in eights {
        for &target in eight {
            row[target as usize] = row[target as usize].wrapping_add(quanta);
        }
    }
}

/// Adds to each target its weight.
fn add_weighted(row: &mut [i32; TARGETS], synapses: &[u32]) {
    let eights = synapses.chunks_exact(8);
    for &packed in eights.remainder() {
        let sum = &mut row[(packed & 0xffff) as usize];
        *sum = sum.wrapping_add(packed as i32 >> 16);
    }
    for eight in eights {
        for &packed in eight {
            let sum = &mut row[(packed & 0xffff) as usize];
            *sum = sum.wrapping_add(packed as i32 >> 16);
        }
    }
}
