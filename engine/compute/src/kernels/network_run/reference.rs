//! The law in plain loops: step by step, synapse by synapse.

use crate::args::Args;
use crate::simd::{FLUSH_STEPS, Real, TILE, philox::philox};

use super::tables::{Form, Network};
use super::{DRIVES, INBOX, PLASTIC, RELEASES, SPIKES, STATE, STATE_VALUES};

pub(super) fn reference<T: Real>(args: &mut Args<'_>) {
    let network: Network<'_, T> = Network::of(args);
    let params = network.params;
    let (neurons, ring) = (params.neurons as usize, params.ring_steps as usize);
    let drives: &[T] = args.read(DRIVES);
    let (inbox, state): (&mut [i32], &mut [T]) = (args.write(INBOX), args.write(STATE));
    let (releases, spikes): (&mut [i32], &mut [u32]) = (args.write(RELEASES), args.write(SPIKES));
    let plastic: &mut [T] = args.write(PLASTIC);
    for replica in 0..params.replicas as usize {
        let mut copy = Replica {
            network,
            replica,
            drives: &drives[replica * neurons..][..neurons],
            inbox: &mut inbox[replica * 2 * neurons..][..2 * neurons],
            state: &mut state[replica * STATE_VALUES * neurons..][..STATE_VALUES * neurons],
            releases: &mut releases[replica * neurons..][..neurons],
            spikes: &mut spikes[replica * ring * neurons / 32..][..ring * neurons / 32],
            plastic: &mut plastic[replica * params.plastic as usize..][..params.plastic as usize],
        };
        for step in params.step..params.step + params.steps {
            let mut sums = vec![0; 2 * neurons];
            if step == params.step {
                sums.copy_from_slice(copy.inbox);
                copy.inbox.fill(0);
            }
            copy.arrive(step, &mut sums);
            copy.add_noise(step, &mut sums);
            copy.integrate(step, &sums);
        }
    }
}

struct Replica<'a, T> {
    network: Network<'a, T>,
    replica: usize,
    drives: &'a [T],
    inbox: &'a mut [i32],
    state: &'a mut [T],
    releases: &'a mut [i32],
    spikes: &'a mut [u32],
    plastic: &'a mut [T],
}

impl<T: Real> Replica<'_, T> {
    /// If a neuron fired `ago` steps before `step`.
    fn fired(&self, step: u32, ago: u32, neuron: usize) -> bool {
        let words = self.network.params.neurons as usize / 32;
        let Some(step) = step.checked_sub(ago) else { return false };
        let row = (step % self.network.params.ring_steps) as usize * words;
        self.spikes[row + neuron / 32] >> (neuron % 32) & 1 == 1
    }

    fn arrive(&mut self, step: u32, sums: &mut [i32]) {
        let network = self.network;
        for number in 0..network.params.bundles as usize {
            let bundle = network.bundle(number);
            if bundle.form == Form::Procedural {
                self.make(step, number, sums);
                continue;
            }
            for block in 0..network.params.blocks as usize {
                if bundle.form == Form::Plastic {
                    self.learn(step, number, block, sums);
                    continue;
                }
                let rows = network.rows(&bundle, block);
                let first =
                    network.block(block).start + bundle.channel as usize * network.params.neurons as usize;
                for source in 0..bundle.sources as usize {
                    for (class, &delay) in network.delays(&bundle).iter().enumerate() {
                        if !self.fired(step, delay, bundle.source_first as usize + source) {
                            continue;
                        }
                        let row = source * bundle.delays_len as usize + class;
                        for position in rows[row] as usize..rows[row + 1] as usize {
                            let (target, quanta) = match bundle.form {
                                Form::Uniform => (network.targets()[position] as usize, bundle.quanta),
                                _ => {
                                    let packed = network.weighted()[position];
                                    ((packed & 0xffff) as usize, packed as i32 >> 16)
                                }
                            };
                            sums[first + target] = sums[first + target].wrapping_add(quanta);
                        }
                    }
                }
            }
        }
    }

    /// Rows of a procedural bundle arrive, synapse by synapse.
    fn make(&self, step: u32, number: usize, sums: &mut [i32]) {
        let network = self.network;
        let bundle = network.bundle(number);
        let recipe = network.recipe(&bundle);
        let first = bundle.channel as usize * network.params.neurons as usize + recipe.target_first as usize;
        for source in 0..bundle.sources {
            for (class, &delay) in network.delays(&bundle).iter().enumerate() {
                if !self.fired(step, delay, (bundle.source_first + source) as usize) {
                    continue;
                }
                let fan = network.fanout(&bundle, &recipe, source, class);
                for k in 0..fan.count {
                    let quanta = network.made_quanta(&bundle, &recipe, fan.weight_bits(k));
                    let sum = &mut sums[first + fan.target(k) as usize];
                    *sum = sum.wrapping_add(quanta);
                }
            }
        }
    }

    fn learn(&mut self, step: u32, number: usize, block: usize, sums: &mut [i32]) {
        let network = self.network;
        let (bundle, rule) = (network.bundle(number), network.rule(number));
        let (rows, delay) = (network.rows(&bundle, block), network.delays(&bundle)[0]);
        let (members, columns) = (network.block(block), network.column_starts(&bundle));
        let [weights, x, y] = network.places(&bundle, block);
        let fade = network.fade(&bundle, step % bundle.turn_steps);
        if step.is_multiple_of(bundle.turn_steps) {
            let whole = network.fade(&bundle, bundle.turn_steps);
            let sources = (x..x + bundle.sources as usize).map(|at| (at, whole.source));
            let targets = (y..y + members.len()).map(|at| (at, whole.target));
            for (at, fade) in sources.chain(targets) {
                let trace = self.plastic[at] * fade;
                self.plastic[at] = if trace < T::TINY { T::ZERO } else { trace };
            }
        }
        let targets_fired: Vec<usize> =
            members.clone().filter(|&target| self.fired(step, 2 * delay, target)).collect();
        for &target in &targets_fired {
            for &[source, place] in &network.columns()[columns[target] as usize..columns[target + 1] as usize]
            {
                let at = weights + place as usize;
                let raised =
                    self.plastic[at] + (rule.raise * self.plastic[x + source as usize]) * fade.source;
                self.plastic[at] = if raised > rule.weight_max { rule.weight_max } else { raised };
            }
        }
        let first = members.start + bundle.channel as usize * network.params.neurons as usize;
        for source in 0..bundle.sources as usize {
            if self.fired(step, delay, bundle.source_first as usize + source) {
                for position in rows[source]..rows[source + 1] {
                    let at = weights + (position - rows[0]) as usize;
                    let target = network.targets()[position as usize] as usize;
                    let lowered = self.plastic[at] - (rule.lower * fade.target) * self.plastic[y + target];
                    self.plastic[at] = if lowered < T::ZERO { T::ZERO } else { lowered };
                    let quanta = (self.plastic[at] * rule.per_pa).nearest();
                    sums[first + target] = sums[first + target].wrapping_add(quanta);
                }
                self.plastic[x + source] = self.plastic[x + source] + fade.source_rise;
            }
        }
        for target in targets_fired {
            let at = y + target - members.start;
            self.plastic[at] = self.plastic[at] + fade.target_rise;
        }
    }

    fn add_noise(&self, step: u32, sums: &mut [i32]) {
        for number in 0..self.network.params.populations as usize {
            let population = self.network.population(number);
            let Some(noise) = self.network.noise(&population, self.replica) else { continue };
            for neuron in population.tile_first as usize * TILE..population.tile_end as usize * TILE {
                let counter = [(neuron / 64 * 16 + neuron % 16) as u32, step, 0, 0];
                let bits = philox(counter, noise.key)[neuron % 64 / 16];
                let events = noise.chances.iter().filter(|&&chance| bits >= chance).count();
                let sum = &mut sums[noise.channel * self.network.params.neurons as usize + neuron];
                *sum = sum.wrapping_add(events as i32 * noise.quanta);
            }
        }
    }

    fn integrate(&mut self, step: u32, sums: &[i32]) {
        let neurons = self.network.params.neurons as usize;
        let row = (step % self.network.params.ring_steps) as usize * (neurons / 32);
        self.spikes[row..row + neurons / 32].fill(0);
        for number in 0..self.network.params.populations as usize {
            let (population, m) = (self.network.population(number), self.network.membrane(number));
            for neuron in population.tile_first as usize * TILE..population.tile_end as usize * TILE {
                let at = [0, 1, 2].map(|value| value * neurons + neuron);
                if step as i32 % FLUSH_STEPS == 0 {
                    for at in at {
                        let value = self.state[at];
                        let small = value < T::TINY && value > T::ZERO - T::TINY;
                        self.state[at] = if small { T::ZERO } else { value };
                    }
                }
                let [v, e, i] = at.map(|at| self.state[at]);
                let moved = v * m.leak + e * m.coupling[0] + i * m.coupling[1] + self.drives[neuron];
                let mut v = if self.releases[neuron] <= step as i32 { moved } else { v };
                if v >= m.threshold {
                    v = m.reset;
                    self.releases[neuron] = (step + 1 + population.refractory_steps) as i32;
                    self.spikes[row + neuron / 32] |= 1 << (neuron % 32);
                }
                self.state[at[0]] = v;
                self.state[at[1]] = e * m.decay[0] + T::of_int(sums[neuron]) * m.quantum[0];
                self.state[at[2]] = i * m.decay[1] + T::of_int(sums[neurons + neuron]) * m.quantum[1];
            }
        }
    }
}
