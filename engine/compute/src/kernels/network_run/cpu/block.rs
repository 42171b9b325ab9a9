//! One block for some steps: what arrives is gathered, then the neurons are taken through.

use std::ops::Range;

use crate::simd::{DECAYS, EVENTS, FLUSH_STEPS, Real, Row, Span, TARGETS, fetch, raised};

use super::super::tables::Form;
use super::Plan;
use super::history::History;

/// Row parts ahead of which the positions, and then the synapses, are fetched.
const AHEAD: [usize; 2] = [16, 6];
/// Bytes of a row part that are fetched ahead; the rest follows by itself.
const FETCHED: usize = 512;

/// What targets of a plastic bundle did that weights do not know yet. A weight is brought up to date when its row is read, so that
/// rows are touched once, in order, instead of each weight for itself: before its row is read nobody looks at it. A target that is
/// told more than is remembered has its oldest spike taken to the weights that still wait for it.
pub struct Pending<T> {
    /// Traces of targets, with as much room behind as a u16 can name.
    traces: Vec<T>,
    /// For each of the last spikes of a target, the latest first, one more than the step in which it was told; such room, too.
    events: Vec<Vec<i32>>,
}

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
    pub plastic: &'a mut [T],
    pub marks: &'a mut [i32],
    /// `[interval][2][members]`, and room behind, so that any u16 is a place from the start of any row: no look-up needs a check.
    pub sums: Vec<i32>,
    /// Row parts that arrive in a step: place in `starts`, bundle.
    pub parts: Vec<(usize, usize)>,
    /// Of each plastic bundle, while a dispatch runs.
    pub pending: Vec<Pending<T>>,
    /// Weights of a row in quanta.
    pub quanta: Vec<i32>,
}

impl<T: Real> Block<'_, T> {
    /// Before the steps of a dispatch: what was left in the inbox arrives in the first.
    pub fn begin(&mut self, plan: &Plan<'_, T>) {
        let len = self.members.len();
        self.sums = vec![0; plan.network.params.interval as usize * 2 * len + TARGETS];
        for (channel, inbox) in self.inbox.iter_mut().enumerate() {
            self.sums[channel * len..][..len].copy_from_slice(inbox);
            inbox.fill(0);
        }
        for &(bundle, _) in &plan.plastic {
            let [_, _, y, _] = self.places(plan, bundle);
            let mut traces = vec![T::ZERO; len + TARGETS];
            traces[..len].copy_from_slice(&self.plastic[y..][..len]);
            self.pending.push(Pending { traces, events: vec![vec![0; len + TARGETS]; EVENTS] });
        }
    }

    /// After them: weights learn what they do not know yet.
    pub fn end(&mut self, plan: &Plan<'_, T>) {
        for (learning, pending) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            for target in 0..self.members.len() {
                for events in pending.events.iter().rev() {
                    self.settle(plan, learning, target, events[target]);
                }
            }
            let [_, _, y, _] = self.places(plan, plan.plastic[learning].0);
            self.plastic[y..][..self.members.len()].copy_from_slice(&pending.traces[..self.members.len()]);
        }
    }

    /// Where a bundle's weights, source traces and target traces begin in `plastic`, and its sources in `marks`.
    fn places(&self, plan: &Plan<'_, T>, bundle: usize) -> [usize; 4] {
        let (network, plastic) = (&plan.network, plan.network.plastic(self.number).start);
        let [weights, x, y, marks] = network.places(&plan.bundles[bundle].0, self.number);
        [weights - plastic, x - plastic, y - plastic, marks - network.marks(self.number).start]
    }

    /// Raises weights of synapses on a target for a spike told at `time`, where their rows were not read since.
    fn settle(&mut self, plan: &Plan<'_, T>, learning: usize, target: usize, time: i32) {
        if time == 0 {
            return;
        }
        let number = plan.plastic[learning].0;
        let (network, (bundle, rule)) = (&plan.network, &plan.bundles[number]);
        let [weights, x, _, marks] = self.places(plan, number);
        let marks = &self.marks[marks..][..bundle.sources as usize];
        let (starts, decays) = (network.column_starts(bundle), network.decays(bundle));
        let target = self.members.start + target;
        let column = &network.columns()[starts[target] as usize..starts[target + 1] as usize];
        for &[source, place] in column.iter().filter(|entry| marks[entry[0] as usize] < time) {
            let (trace, age) = (self.plastic[x + source as usize], time - marks[source as usize]);
            let weight = &mut self.plastic[weights + place as usize];
            *weight = raised(*weight, age, trace, decays, rule.raise, rule.weight_max);
        }
    }

    /// Takes the block through as many steps as there are lists in `fired`, from `step`.
    pub fn run(&mut self, plan: &Plan<'_, T>, step: u32, history: &History, fired: &mut [Vec<u32>]) {
        for place in 0..fired.len() {
            self.arrive(plan, step + place as u32, place, history);
            for learning in 0..plan.plastic.len() {
                self.learn(plan, learning, step + place as u32, place, history);
            }
        }
        let len = self.members.len();
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
                stride: len,
                fired,
            };
            T::integrate(plan.simd, &mut span);
        }
    }

    /// The sums of a channel in a step, and what lies behind them.
    fn row(&mut self, place: usize, channel: usize) -> &mut [i32; TARGETS] {
        let first = (place * 2 + channel) * self.members.len();
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

    /// One step of a bundle that learns.
    fn learn(&mut self, plan: &Plan<'_, T>, learning: usize, step: u32, place: usize, history: &History) {
        let network = &plan.network;
        let (number, population) = plan.plastic[learning];
        let (bundle, rule) = &plan.bundles[number];
        let (rows, delay) = (network.rows(bundle, self.number), network.delays(bundle)[0]);
        let time = step as i32 + 1;
        decay(&mut self.pending[learning].traces[..self.members.len()], rule.target_decay, step);

        let targets_fired = history.fired_within(step, 2 * delay, &self.members);
        for &target in targets_fired {
            let target = target as usize - self.members.start;
            let oldest = self.pending[learning].events[EVENTS - 1][target];
            self.settle(plan, learning, target, oldest);
            let events = &mut self.pending[learning].events;
            for level in (1..EVENTS).rev() {
                events[level][target] = events[level - 1][target];
            }
            events[0][target] = time;
        }

        let [weights, x, _, marks] = self.places(plan, number);
        let sums = (place * 2 + bundle.channel as usize) * self.members.len();
        let sums: &mut [i32; TARGETS] = (&mut self.sums[sums..][..TARGETS]).try_into().expect("so long");
        let Pending { traces, events } = &mut self.pending[learning];
        let events: [&[i32; TARGETS]; EVENTS] =
            std::array::from_fn(|level| events[level][..TARGETS].try_into().expect("so long"));
        let decays = network.decays(bundle);
        // In the order in which the layout keeps them.
        let (weights, others) = self.plastic[weights..].split_at_mut(x - weights);
        for &neuron in history.fired(step, delay, population) {
            let source = (neuron - bundle.source_first) as usize;
            let (start, end) = (rows[source] as usize, rows[source + 1] as usize);
            let targets = &network.targets()[start..end];
            let (trace, mark) = (&mut others[source], &mut self.marks[marks + source]);
            self.quanta.resize(targets.len(), 0);
            let mut row = Row {
                weights: &mut weights[start - rows[0] as usize..end - rows[0] as usize],
                targets,
                events,
                mark: *mark,
                trace: *trace,
                decays,
                raise: rule.raise,
                weight_max: rule.weight_max,
                traces: traces[..TARGETS].try_into().expect("so long"),
                lower: rule.lower,
                per_pa: rule.per_pa,
                quanta: &mut self.quanta,
            };
            T::learn(plan.simd, &mut row);
            for (&target, &quanta) in targets.iter().zip(&self.quanta) {
                sums[target as usize] = sums[target as usize].wrapping_add(quanta);
            }
            *trace = *trace * decays[((time - *mark) as usize).min(DECAYS - 1)] + T::ONE;
            *mark = time;
        }
        for &target in targets_fired {
            let trace = &mut traces[target as usize - self.members.start];
            *trace = *trace + T::ONE;
        }
    }
}

fn decay<T: Real>(traces: &mut [T], left: T, step: u32) {
    if step as i32 % FLUSH_STEPS == 0 {
        for trace in traces {
            *trace = if *trace < T::TINY { T::ZERO } else { *trace * left };
        }
    } else {
        traces.iter_mut().for_each(|trace| *trace = *trace * left);
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
