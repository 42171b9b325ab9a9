//! Who fired in the last steps, as lists: what bit rows would be too slow to scan for every delay.

use crate::simd::Real;

use super::Plan;

/// Lists by step, as far back as the longest look.
#[derive(Clone)]
pub struct History {
    /// Place `step % len`.
    lists: Vec<List>,
}

#[derive(Clone, Default)]
struct List {
    /// Ascending.
    neurons: Vec<u32>,
    /// Where in `neurons` each population ends.
    ends: Vec<u32>,
}

impl History {
    /// What the bit rows tell of the steps before a dispatch.
    pub fn load<T: Real>(plan: &Plan<'_, T>, spikes: &[u32]) -> Self {
        let params = plan.network.params;
        let words = params.neurons as usize / 32;
        let mut history =
            History { lists: vec![List::default(); (params.horizon + params.interval) as usize] };
        for step in params.step.saturating_sub(params.horizon)..params.step {
            let row = &spikes[(step % params.ring_steps) as usize * words..][..words];
            let mut fired = Vec::new();
            for (word, &bits) in row.iter().enumerate() {
                let mut bits = bits;
                while bits != 0 {
                    fired.push(word as u32 * 32 + bits.trailing_zeros());
                    bits &= bits - 1;
                }
            }
            history.append(plan, step, [fired.as_slice()]);
        }
        history
    }

    /// Notes who fired in a step, from lists that follow each other; gives the whole list.
    pub fn append<'l, T: Real>(
        &mut self,
        plan: &Plan<'_, T>,
        step: u32,
        lists: impl IntoIterator<Item = &'l [u32]>,
    ) -> &[u32] {
        let place = step as usize % self.lists.len();
        let List { neurons, ends } = &mut self.lists[place];
        neurons.clear();
        lists.into_iter().for_each(|list| neurons.extend_from_slice(list));
        ends.clear();
        ends.extend(
            plan.populations
                .iter()
                .map(|(population, _)| neurons.partition_point(|&n| n < population.tile_end * 64) as u32),
        );
        neurons
    }

    /// Members of a population that fired `ago` steps before `step`.
    pub fn fired(&self, step: u32, ago: u32, population: usize) -> &[u32] {
        let Some(step) = step.checked_sub(ago) else { return &[] };
        let List { neurons, ends } = &self.lists[step as usize % self.lists.len()];
        let first =
            population.checked_sub(1).and_then(|before| ends.get(before)).map_or(0, |&end| end as usize);
        &neurons[first..ends.get(population).map_or(0, |&end| end as usize)]
    }

    /// All neurons of a range that fired `ago` steps before `step`.
    pub fn fired_within(&self, step: u32, ago: u32, range: &std::ops::Range<usize>) -> &[u32] {
        let Some(step) = step.checked_sub(ago) else { return &[] };
        let neurons = &self.lists[step as usize % self.lists.len()].neurons;
        let before = |end: usize| neurons.partition_point(|&n| (n as usize) < end);
        &neurons[before(range.start)..before(range.end)]
    }
}
