//! A bundle that learns, in one block. Weights are brought up to date when their rows are read.

use std::ops::Range;

use crate::simd::{EARLIER, RECENT, Real, Row, TARGETS, fetch, raised};

use super::Plan;
use super::history::History;

/// More than any fade: the mark of a source that has not fired in this turn.
const NO_MARK: f64 = 2.0;
/// Rows ahead of which synapses are fetched.
const AHEAD: usize = 2;

/// The bundle's numbers in the block, and what its targets did that weights do not know yet. Rows are touched once, in order, instead
/// of each weight for itself: before its row is read nobody looks at it. A target that is told more than is remembered has its
/// oldest spike taken to the weights that still wait for it. Turns and dispatches begin with nothing pending.
pub struct Learner<'a, T> {
    /// Number of the bundle and of its source population.
    bundle: usize,
    population: usize,
    block: usize,
    members: Range<usize>,
    /// In the order of positions.
    weights: &'a mut [T],
    /// Traces.
    sources: &'a mut [T],
    targets: &'a mut [T],
    /// Of each target the fades of its last spikes, the latest first, 0 for none, and its trace; room behind for all a u16 can name.
    recent: Vec<[T; RECENT + 1]>,
    /// Of each target the spikes before them; such room, too.
    earlier: Vec<[T; EARLIER]>,
    /// Of each source the fade of its last spike.
    marks: Vec<T>,
    /// Spikes that targets were told of.
    told: usize,
    /// Weights of a row in quanta.
    quanta: Vec<i32>,
}

impl<'a, T: Real> Learner<'a, T> {
    /// Of the `learning`th bundle that learns; takes its numbers from the front of `plastic`.
    pub fn new(plan: &Plan<'_, T>, learning: usize, block: usize, plastic: &mut &'a mut [T]) -> Self {
        let (number, population) = plan.plastic[learning];
        let bundle = &plan.bundles[number].0;
        let (members, rows) = (plan.network.block(block), plan.network.rows(bundle, block));
        let sources = bundle.sources as usize;
        let mut take = |len| plastic.split_off_mut(..len).expect("the numbers of a bundle, this is a bug");
        let weights = take((rows[sources] - rows[0]) as usize);
        let (sources, targets) = (take(sources), take(members.len()));
        let mut recent = vec![[T::ZERO; RECENT + 1]; members.len() + TARGETS];
        recent.iter_mut().zip(&*targets).for_each(|(recent, &trace)| recent[RECENT] = trace);
        Learner {
            bundle: number,
            population,
            block,
            earlier: vec![[T::ZERO; EARLIER]; members.len() + TARGETS],
            marks: vec![T::of(NO_MARK); sources.len()],
            members,
            weights,
            sources,
            targets,
            recent,
            told: 0,
            quanta: Vec::new(),
        }
    }

    /// Channel of its synapses.
    pub fn channel(&self, plan: &Plan<'_, T>) -> usize {
        plan.bundles[self.bundle].0.channel as usize
    }

    /// One step; what arrives is added to `sums` of the bundle's channel.
    pub fn step(&mut self, plan: &Plan<'_, T>, step: u32, history: &History, sums: &mut [i32; TARGETS]) {
        let (network, (bundle, rule)) = (&plan.network, &plan.bundles[self.bundle]);
        let delay = network.delays(bundle)[0];
        if step.is_multiple_of(bundle.turn_steps) {
            self.turn(plan);
        }
        let fade = network.fade(bundle, step % bundle.turn_steps);
        let targets_fired = history.fired_within(step, 2 * delay, &self.members);
        for &target in targets_fired {
            self.tell(plan, target as usize - self.members.start, fade.source);
        }
        let fired = history.fired(step, delay, self.population);
        let rows = network.rows(bundle, self.block);
        for (place, &neuron) in fired.iter().enumerate() {
            if let Some(next) = fired.get(place + AHEAD) {
                let next = (next - bundle.source_first) as usize;
                let (start, end) = (rows[next] as usize, rows[next + 1] as usize);
                fetch(&network.targets()[start..end]);
                fetch(&self.weights[start - rows[0] as usize..end - rows[0] as usize]);
            }
            let source = (neuron - bundle.source_first) as usize;
            let targets = self.read(plan, source, rule.lower * fade.target);
            for (&target, &quanta) in targets.iter().zip(&self.quanta) {
                sums[target as usize] = sums[target as usize].wrapping_add(quanta);
            }
            self.sources[source] = self.sources[source] + fade.source_rise;
            self.marks[source] = fade.source;
        }
        for &target in targets_fired {
            let trace = &mut self.recent[target as usize - self.members.start][RECENT];
            *trace = *trace + fade.target_rise;
        }
    }

    /// After the steps of a dispatch.
    pub fn end(&mut self, plan: &Plan<'_, T>) {
        self.settle(plan);
        self.targets.iter_mut().zip(&self.recent).for_each(|(trace, recent)| *trace = recent[RECENT]);
    }

    /// Brings a row's weights up to date, lowers them by their targets' traces, and tells them in quanta. Gives the row's targets.
    fn read<'p>(&mut self, plan: &Plan<'p, T>, source: usize, lower: T) -> &'p [u16] {
        let (bundle, rule) = &plan.bundles[self.bundle];
        let rows = plan.network.rows(bundle, self.block);
        let (start, end) = (rows[source] as usize, rows[source + 1] as usize);
        let targets = &plan.network.targets()[start..end];
        self.quanta.resize(targets.len(), 0);
        let mut row = Row {
            weights: &mut self.weights[start - rows[0] as usize..end - rows[0] as usize],
            targets,
            recent: self.recent[..TARGETS].try_into().expect("so long"),
            earlier: self.earlier[..TARGETS].try_into().expect("so long"),
            mark: self.marks[source],
            raise: rule.raise * self.sources[source],
            weight_max: rule.weight_max,
            lower,
            per_pa: rule.per_pa,
            quanta: &mut self.quanta,
        };
        T::learn(plan.simd, &mut row);
        targets
    }

    /// Remembers a spike of a target.
    fn tell(&mut self, plan: &Plan<'_, T>, target: usize, fade: T) {
        self.raise(plan, target, self.earlier[target][EARLIER - 1]);
        self.earlier[target].copy_within(..EARLIER - 1, 1);
        self.earlier[target][0] = self.recent[target][RECENT - 1];
        self.recent[target].copy_within(..RECENT - 1, 1);
        self.recent[target][0] = fade;
        self.told += 1;
    }

    /// Raises the weights to a target for a spike of it, where it is pending.
    fn raise(&mut self, plan: &Plan<'_, T>, target: usize, fade: T) {
        if fade == T::ZERO {
            return;
        }
        let (network, (bundle, rule)) = (&plan.network, &plan.bundles[self.bundle]);
        let starts = &network.column_starts(bundle)[self.members.start + target..][..2];
        let column = &network.columns()[starts[0] as usize..starts[1] as usize];
        for &[source, place] in column.iter().filter(|entry| fade < self.marks[entry[0] as usize]) {
            let weight = &mut self.weights[place as usize];
            *weight = raised(*weight, rule.raise * self.sources[source as usize], fade, rule.weight_max);
        }
    }

    /// Lets all weights know all spikes.
    fn settle(&mut self, plan: &Plan<'_, T>) {
        // To read all rows costs about what the columns of a fourth of the targets do.
        if self.told > self.members.len() / 4 {
            // Weights that are lowered by nothing stay as they are.
            for source in 0..self.sources.len() {
                self.read(plan, source, T::ZERO);
            }
        } else if self.told > 0 {
            for target in 0..self.members.len() {
                for place in (0..EARLIER).rev() {
                    self.raise(plan, target, self.earlier[target][place]);
                }
                for place in (0..RECENT).rev() {
                    self.raise(plan, target, self.recent[target][place]);
                }
            }
        }
        if self.told > 0 {
            let count = self.members.len();
            self.recent[..count].iter_mut().for_each(|recent| recent[..RECENT].fill(T::ZERO));
            self.earlier[..count].fill([T::ZERO; EARLIER]);
        }
        self.marks.fill(T::of(NO_MARK));
        self.told = 0;
    }

    /// Begins a turn.
    fn turn(&mut self, plan: &Plan<'_, T>) {
        self.settle(plan);
        let bundle = &plan.bundles[self.bundle].0;
        let fade = plan.network.fade(bundle, bundle.turn_steps);
        let brought = |trace: &mut T, fade: T| {
            *trace = *trace * fade;
            if *trace < T::TINY {
                *trace = T::ZERO;
            }
        };
        self.sources.iter_mut().for_each(|trace| brought(trace, fade.source));
        self.recent[..self.members.len()]
            .iter_mut()
            .for_each(|recent| brought(&mut recent[RECENT], fade.target));
    }
}
