//! The host form. A team of threads shares a replica; each member owns blocks and touches no other target, so there are no
//! atomics. Within an interval, which no delay is shorter than, a block needs nothing from the others: it gathers what arrives in
//! each of the steps, then takes its neurons through all of them while they are in cache; then the team meets and tells who
//! fired.
//!
//! There is no ring of future sums: a spike is remembered, and its row part of delay `d` is read `d` steps later, into sums of a
//! single step that fit a cache. That is one pass over memory for each synaptic event, and it is fetched ahead.

mod block;
mod history;
mod learner;

use std::sync::RwLock;

use crate::args::Args;
use crate::parallel::{in_lockstep, in_parallel};
use crate::simd::{Made, Membrane, Real, Simd};

use super::tables::{Bundle, Form, Network, Population, Rule};
use super::{DRIVES, INBOX, PLASTIC, RELEASES, SPIKES, STATE, STATE_VALUES};
use block::Block;
use history::History;
use learner::Learner;

/// Neuron steps of a dispatch below which a second thread costs more than it gives.
const ALONE_MAX: u64 = 1 << 16;

/// The tables, decoded once a dispatch.
struct Plan<'a, T> {
    network: Network<'a, T>,
    simd: &'static Simd,
    populations: Vec<(Population, Membrane<T>)>,
    bundles: Vec<(Bundle, Rule<T>)>,
    /// Delays of bundles that do not learn.
    paths: Vec<Path>,
    /// Bundles that learn, with their source population.
    plastic: Vec<(usize, usize)>,
}

/// One delay of one bundle.
#[derive(Clone, Copy)]
struct Path {
    delay: u32,
    population: usize,
    bundle: usize,
    class: usize,
}

impl<'a, T: Real> Plan<'a, T> {
    fn new(network: Network<'a, T>, simd: &'static Simd) -> Self {
        let params = &network.params;
        let populations: Vec<(Population, Membrane<T>)> = (0..params.populations as usize)
            .map(|number| (network.population(number), network.membrane(number)))
            .collect();
        let bundles: Vec<(Bundle, Rule<T>)> = (0..params.bundles as usize)
            .map(|number| (network.bundle(number), network.rule(number)))
            .collect();
        let (mut paths, mut plastic) = (Vec::new(), Vec::new());
        for (number, (bundle, _)) in bundles.iter().enumerate() {
            let is_source = |(p, _): &(Population, _)| {
                p.tile_first * 64 == bundle.source_first && p.tile_end > p.tile_first
            };
            let population =
                populations.iter().position(is_source).expect("a source population, this is a bug");
            if bundle.form == Form::Plastic {
                plastic.push((number, population));
            } else {
                let delays = network.delays(bundle).iter().enumerate();
                paths.extend(delays.map(|(class, &delay)| Path { delay, population, bundle: number, class }));
            }
        }
        paths.sort_by_key(|path| path.delay);
        Plan { network, simd, populations, bundles, paths, plastic }
    }
}

pub(super) fn cpu<T: Real>(args: &mut Args<'_>) {
    let plan: Plan<'_, T> = Plan::new(Network::of(args), args.simd());
    let params = plan.network.params;
    let neurons = params.neurons as usize;
    if neurons == 0 || params.steps == 0 {
        return;
    }
    let drives: &[T] = args.read(DRIVES);
    let (inbox, state): (&mut [i32], &mut [T]) = (args.write(INBOX), args.write(STATE));
    let (releases, spikes): (&mut [i32], &mut [u32]) = (args.write(RELEASES), args.write(SPIKES));
    let mut plastic: Option<&mut [T]> = Some(args.write(PLASTIC));
    let parts = drives
        .chunks(neurons)
        .zip(inbox.chunks_mut(2 * neurons))
        .zip(state.chunks_mut(STATE_VALUES * neurons))
        .zip(releases.chunks_mut(neurons))
        .zip(spikes.chunks_mut(params.ring_steps as usize * neurons / 32));
    let replicas: Vec<Replica<'_, T>> = parts
        .take(params.replicas as usize)
        .enumerate()
        .map(|(number, ((((drives, inbox), state), releases), spikes))| {
            let plastic = split_off(&mut plastic, params.plastic as usize);
            Replica { number, drives, inbox, state, releases, spikes, plastic }
        })
        .collect();
    let threads = rayon::current_num_threads();
    let alone = params.replicas as usize >= threads || neurons as u64 * u64::from(params.steps) < ALONE_MAX;
    let team = if alone { 1 } else { threads.min(params.blocks as usize) };
    if alone && neurons as u64 * u64::from(params.steps) * u64::from(params.replicas) >= ALONE_MAX {
        in_parallel(replicas, |replica| replica.run(&plan, 1));
    } else {
        replicas.into_iter().for_each(|replica| replica.run(&plan, team));
    }
}

/// Takes the first `len` elements out of a slice.
fn split_off<'a, T>(rest: &mut Option<&'a mut [T]>, len: usize) -> &'a mut [T] {
    let (first, others) = rest.take().unwrap_or_default().split_at_mut(len);
    *rest = Some(others);
    first
}

/// What belongs to one copy of the network.
struct Replica<'a, T> {
    number: usize,
    drives: &'a [T],
    inbox: &'a mut [i32],
    state: &'a mut [T],
    releases: &'a mut [i32],
    spikes: &'a mut [u32],
    plastic: &'a mut [T],
}

/// One thread's share of a replica.
struct Member<'a, T> {
    number: usize,
    blocks: Vec<Block<'a, T>>,
    history: History,
    /// The first member writes down who fired.
    spikes: Option<&'a mut [u32]>,
}

impl<T: Real> Replica<'_, T> {
    fn run(self, plan: &Plan<'_, T>, team: usize) {
        let params = plan.network.params;
        let blocks = params.blocks as usize;
        let history = History::load(plan, self.spikes);
        let mut members: Vec<Member<'_, T>> = (0..team)
            .map(|number| Member { number, blocks: Vec::new(), history: history.clone(), spikes: None })
            .collect();
        members[0].spikes = Some(self.spikes);
        let (left, right) = self.inbox.split_at_mut(self.drives.len());
        let (potentials, currents) = self.state.split_at_mut(self.drives.len());
        let (first, second) = currents.split_at_mut(self.drives.len());
        let [mut left, mut right] = [Some(left), Some(right)];
        let [mut potentials, mut first, mut second] = [Some(potentials), Some(first), Some(second)];
        let (mut releases, mut plastic) = (Some(self.releases), self.plastic);
        for number in 0..blocks {
            let range = plan.network.block(number);
            let len = range.len();
            let mut block = Block {
                number,
                replica: self.number,
                drives: &self.drives[range.clone()],
                inbox: [split_off(&mut left, len), split_off(&mut right, len)],
                potentials: split_off(&mut potentials, len),
                currents: [split_off(&mut first, len), split_off(&mut second, len)],
                releases: split_off(&mut releases, len),
                learners: (0..plan.plastic.len())
                    .map(|learning| Learner::new(plan, learning, number, &mut plastic))
                    .collect(),
                members: range,
                sums: Vec::new(),
                parts: Vec::new(),
                made: Made::default(),
            };
            block.begin(plan);
            // In order, so that who fired is told in order.
            members[number * team / blocks].blocks.push(block);
        }
        let told: Vec<[RwLock<Vec<Vec<u32>>>; 2]> = (0..team).map(|_| Default::default()).collect();
        in_lockstep(members, |mut member, barrier| {
            let mut step = params.step;
            let end = params.step + params.steps;
            for turn in 0.. {
                let steps = params.interval.min(end - step);
                // Two slots in turn: what is told now is read by the others after they meet, while the next is being told.
                let mut fired = told[member.number][turn % 2].write().expect("no member panicked");
                fired.resize(steps as usize, Vec::new());
                fired.iter_mut().for_each(Vec::clear);
                for block in &mut member.blocks {
                    block.run(plan, step, &member.history, &mut fired);
                }
                drop(fired);
                barrier.wait();
                let all: Vec<_> =
                    told.iter().map(|slots| slots[turn % 2].read().expect("no member panicked")).collect();
                for place in 0..steps {
                    let lists = all.iter().map(|fired| fired[place as usize].as_slice());
                    let list = member.history.append(plan, step + place, lists);
                    if let Some(spikes) = &mut member.spikes {
                        note(spikes, step + place, params.ring_steps, params.neurons, list);
                    }
                }
                step += steps;
                if step == end {
                    break;
                }
            }
            let learners = member.blocks.iter_mut().flat_map(|block| &mut block.learners);
            learners.for_each(|learner| learner.end(plan));
        });
    }
}

/// Writes down who fired in a step.
fn note(spikes: &mut [u32], step: u32, ring_steps: u32, neurons: u32, fired: &[u32]) {
    let words = neurons as usize / 32;
    let row = &mut spikes[(step % ring_steps) as usize * words..][..words];
    row.fill(0);
    for &neuron in fired {
        row[neuron as usize / 32] |= 1 << (neuron % 32);
    }
}
