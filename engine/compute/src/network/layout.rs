//! A description laid out as the arrays that `network_run` reads.

use std::ops::Range;

use super::check::{DELAY_STEPS_MAX, EVENTS_MAX, check, refused};
use super::description::{Description, Lif, Poisson, Population as Described, Stdp};
use super::draw::Spread;
use super::limits::{check_neuron_bytes, check_sums, check_synapse_bytes};
use super::quanta::{QUANTA_MAX, in_quanta, quanta, weight_in_quanta};
use super::wiring::{Chance, Wired, neuron_values};
use crate::Result;
use crate::kernels::network_run::{
    BUNDLE_WORDS, Bundle, Fade, Form, NetworkParams, POPULATION_WORDS, Population, RULE_VALUES, Rule,
    STATE_VALUES, fade_values, membrane_values, rule_values,
};
use crate::parallel::{collect_in_parallel, in_parallel};
use crate::simd::{Membrane, Real, TILE};

/// Tiles of the largest block, whose targets a u16 can number.
const BLOCK_TILES_MAX: usize = (1 << 16) / TILE;
/// The longest interval, steps.
const INTERVAL_MAX: u32 = 64;
/// The longest turn of learning, steps.
const TURN_STEPS_MAX: u32 = 1 << 14;

/// Where a population lies.
#[derive(Clone, Debug)]
pub struct Place {
    /// Neurons of it as the caller numbers them.
    pub neurons: Range<u32>,
    /// Number of its first neuron in the arrays.
    pub first: u32,
}

/// Where the weights of a plastic projection lie.
#[derive(Clone, Debug)]
pub struct Learning {
    /// Place of the projection in the description.
    pub projection: usize,
    /// Its bundle.
    pub bundle: Bundle,
    /// For each block, where its weights begin among the plastic numbers of a replica.
    pub weights: Vec<usize>,
}

/// The arrays.
pub struct Layout<T> {
    pub params: NetworkParams,
    pub constants: Vec<T>,
    pub tables: Vec<u32>,
    pub starts: Vec<u32>,
    pub synapses: Vec<u32>,
    pub columns: Vec<u32>,
    pub drives: Vec<T>,
    pub state: Vec<T>,
    pub releases: Vec<i32>,
    pub plastic: Vec<T>,
    pub places: Vec<Place>,
    /// First neuron of each block, and the end.
    pub blocks: Vec<u32>,
    pub learning: Vec<Learning>,
    /// Synapses that leave each neuron, as the caller numbers them.
    pub out_degrees: Vec<u32>,
    /// pA of a quantum, by channel.
    pub quanta: [f64; 2],
}

/// Synapses that become one bundle.
pub(super) struct Gathered {
    /// Places of the projections.
    pub projections: Vec<usize>,
    pub source: usize,
    pub channel: usize,
    pub form: Form,
    pub delays: Vec<u32>,
    /// For each number of steps up to the longest, its place in `delays`.
    classes: Vec<u16>,
}

/// Lays out a description for as many replicas as there are seeds. `bytes_max` is what all arrays together may take.
pub fn lay_out<T: Real>(
    description: &Description,
    seeds: &[u64],
    threads: usize,
    bytes_max: u64,
) -> Result<Layout<T>> {
    check(description)?;
    for (place, Described { neuron, .. }) in description.populations.iter().enumerate() {
        // Potentials are computed from rest, and may fall together there.
        let from_rest = |mv: f64| T::of(mv - neuron.rest_mv);
        if from_rest(neuron.reset_mv) >= from_rest(neuron.threshold_mv) {
            let rule = "must be below threshold_mv in the numbers it is computed in";
            return Err(refused(format!("populations[{place}].reset_mv"), rule));
        }
    }
    if seeds.is_empty() || seeds.len() > 1 << 20 {
        return Err(refused("seeds", "must be from 1 to 1,048,576, one a replica"));
    }
    let places = places(&description.populations);
    let tiles: usize = description.populations.iter().map(tiles_of).sum();
    check_neuron_bytes::<T>(tiles, seeds.len(), bytes_max)?;
    let count = threads.max(tiles.div_ceil(BLOCK_TILES_MAX)).clamp(1, tiles);
    let blocks: Vec<u32> = (0..=count).map(|block| (tiles * block / count * TILE) as u32).collect();

    let wired: Vec<Wired<'_>> =
        (0..description.projections.len()).map(|place| Wired::new(description, place)).collect();
    let quanta = quanta(description, &wired);
    check_sums(description, &wired, quanta)?;
    let gathered = gather(&wired);
    check_synapse_bytes::<T>(description, &wired, &gathered, count, seeds.len(), bytes_max)?;

    let mut layout = Layout {
        params: NetworkParams {
            step: 0,
            steps: 0,
            replicas: seeds.len() as u32,
            neurons: (tiles * TILE) as u32,
            ring_steps: 0,
            populations: places.len() as u32,
            bundles: gathered.len() as u32,
            blocks: count as u32,
            plastic: 0,
            interval: interval(&gathered),
            horizon: gathered.iter().map(Gathered::look_back).max().unwrap_or(0),
        },
        constants: Vec::new(),
        tables: Vec::new(),
        starts: Vec::new(),
        synapses: Vec::new(),
        columns: Vec::new(),
        drives: Vec::new(),
        state: Vec::new(),
        releases: Vec::new(),
        plastic: Vec::new(),
        out_degrees: vec![0; places.last().map_or(0, |place| place.neurons.end) as usize],
        places,
        blocks,
        learning: Vec::new(),
        quanta,
    };
    let (mut bundles, mut weights, mut recipes) = (Vec::new(), Vec::new(), Vec::new());
    for gathered in &gathered {
        let (bundle, initial, recipe) = if gathered.form == Form::Procedural {
            let (bundle, recipe) = layout.recipe(gathered, &wired[gathered.projections[0]]);
            (bundle, Vec::new(), recipe)
        } else {
            let (bundle, initial) = layout.bundle(gathered, &wired)?;
            (bundle, initial, Vec::new())
        };
        bundles.push(bundle);
        weights.push(initial);
        recipes.push(recipe);
    }
    layout.tables(description, seeds, &gathered, &mut bundles, &weights, &recipes);
    layout.neurons(description, seeds);
    Ok(layout)
}

pub(super) fn tiles_of(population: &Described) -> usize {
    (population.size as usize).div_ceil(TILE)
}

fn places(populations: &[Described]) -> Vec<Place> {
    let (mut neuron, mut first) = (0, 0);
    let place = |population: &Described| {
        let place = Place { neurons: neuron..neuron + population.size, first };
        neuron += population.size;
        first += (tiles_of(population) * TILE) as u32;
        place
    };
    populations.iter().map(place).collect()
}

/// Bundles: what leaves a population by one channel, and each plastic projection by itself.
fn gather(wired: &[Wired<'_>]) -> Vec<Gathered> {
    let mut all: Vec<Gathered> = Vec::new();
    for (place, projection) in wired.iter().enumerate() {
        if projection.stdp.is_some() {
            all.push(Gathered::new(vec![place], projection.source, 0, Form::Plastic));
            continue;
        }
        if projection.procedural {
            if !projection.shares().is_empty() {
                all.push(Gathered::procedural(place, projection));
            }
            continue;
        }
        for channel in 0..2 {
            if !projection.weights.values().iter().any(|&weight| channel_of(weight) == channel) {
                continue;
            }
            let same = |g: &&mut Gathered| {
                matches!(g.form, Form::Uniform | Form::Varied)
                    && g.source == projection.source
                    && g.channel == channel
            };
            match all.iter_mut().find(same) {
                Some(gathered) => gathered.projections.push(place),
                None => all.push(Gathered::new(vec![place], projection.source, channel, Form::Varied)),
            }
        }
    }
    for gathered in all.iter_mut().filter(|gathered| gathered.form != Form::Procedural) {
        gathered.projections.sort_by_key(|&place| wired[place].target);
        let first = match wired[gathered.projections[0]].weights {
            Spread::All(weight) => Some(weight),
            _ => None,
        };
        let same =
            |&place: &usize| matches!(wired[place].weights, Spread::All(weight) if Some(weight) == first);
        if gathered.form == Form::Varied && gathered.projections.iter().all(same) {
            gathered.form = Form::Uniform;
        }
        let mut used = vec![false; DELAY_STEPS_MAX as usize * 2];
        for &place in &gathered.projections {
            wired[place].delays.values().iter().for_each(|&delay| used[delay as usize] = true);
        }
        gathered.delays = (0..used.len() as u32).filter(|&delay| used[delay as usize]).collect();
        gathered.classes = vec![0; used.len()];
        for (class, &delay) in gathered.delays.iter().enumerate() {
            gathered.classes[delay as usize] = class as u16;
        }
    }
    all
}

pub(super) fn channel_of(weight: f64) -> usize {
    usize::from(weight < 0.0)
}

impl Gathered {
    pub(super) fn new(projections: Vec<usize>, source: usize, channel: usize, form: Form) -> Self {
        Gathered { projections, source, channel, form, delays: Vec::new(), classes: Vec::new() }
    }

    /// How far back it looks for spikes, steps.
    fn look_back(&self) -> u32 {
        let longest = self.delays.last().copied().unwrap_or(0);
        if self.form == Form::Plastic { 2 * longest } else { longest }
    }
}

/// Steps that a block can take without hearing from the others.
fn interval(gathered: &[Gathered]) -> u32 {
    let delays = gathered.iter().filter_map(|gathered| gathered.delays.first().copied());
    delays.min().map_or(INTERVAL_MAX, |shortest| shortest.min(INTERVAL_MAX))
}

impl<T: Real> Layout<T> {
    /// Makes rows of a bundle in two passes over its synapses, one to count and one to fill. Gives the initial weights of each
    /// block if it is plastic.
    fn bundle(&mut self, gathered: &Gathered, wired: &[Wired<'_>]) -> Result<(Bundle, Vec<Vec<T>>)> {
        let source = &self.places[gathered.source];
        let (source_first, source_neurons) = (source.first, source.neurons.clone());
        let sources = (source_neurons.len()).next_multiple_of(TILE);
        let classes = gathered.delays.len();
        let blocks = self.blocks.len() - 1;
        let parts = collect_in_parallel(blocks, |block| {
            let mut starts = vec![0u32; sources * classes + 1];
            for wired in gathered.projections.iter().map(|&place| &wired[place]) {
                self.each(gathered, wired, block, |source, _, chance| {
                    let delay = wired.delays.at(chance.place, chance.delay_bits());
                    starts[source as usize * classes + gathered.classes[delay as usize] as usize + 1] += 1;
                });
            }
            let mut sum = 0u64;
            for start in &mut starts {
                sum += u64::from(*start);
                *start = sum as u32;
            }
            (starts, sum)
        });
        // Positions of halves or words; each part begins at a word.
        let halves = gathered.form != Form::Varied;
        let words = |synapses: u64| if halves { synapses.div_ceil(2) } else { synapses };
        let total: u64 = parts.iter().map(|(_, synapses)| words(*synapses)).sum();
        let mut first = self.synapses.len() as u64;
        let end = first + total;
        if (if halves { 2 * end } else { end }) > u64::from(u32::MAX) {
            return Err(refused("projections", "must have fewer synapses: positions are 32-bit numbers"));
        }
        self.synapses.resize(end as usize, 0);
        let mut bundle = Bundle {
            source_first,
            sources: sources as u32,
            channel: gathered.channel as u32,
            form: gathered.form,
            quanta: 0,
            delays: 0,
            delays_len: classes as u32,
            starts: self.starts.len() as u32,
            places: 0,
            fades: 0,
            turn_steps: 0,
            recipe: 0,
        };
        if let (Form::Uniform, Spread::All(weight)) = (gathered.form, &wired[gathered.projections[0]].weights)
        {
            bundle.quanta = weight_in_quanta(*weight, self.quanta);
        }
        for neuron in 0..source_neurons.len() {
            let degree = |starts: &[u32]| starts[(neuron + 1) * classes] - starts[neuron * classes];
            let degrees = parts.iter().map(|(starts, _)| degree(starts));
            self.out_degrees[source_neurons.start as usize + neuron] += degrees.sum::<u32>();
        }
        let mut synapses = std::mem::take(&mut self.synapses);
        let mut rest = &mut synapses[first as usize..];
        let mut tasks = Vec::new();
        for (block, (starts, count)) in parts.into_iter().enumerate() {
            let (own, others) = rest.split_at_mut(words(count) as usize);
            rest = others;
            let base = if halves { 2 * first } else { first } as u32;
            first += words(count);
            tasks.push((block, starts, own, base, Vec::new(), Vec::new()));
        }
        in_parallel(tasks.iter_mut().collect(), |(block, starts, own, base, weights, entries)| {
            self.fill(gathered, wired, *block, starts, own, weights, entries);
            starts.iter_mut().for_each(|start| *start += *base);
        });
        let mut initial = Vec::new();
        let mut column_starts = vec![0u32; self.params.neurons as usize + 1];
        let mut columns = Vec::new();
        for (block, starts, _, _, weights, entries) in tasks {
            self.starts.extend_from_slice(&starts);
            if gathered.form == Form::Plastic {
                initial.push(weights);
                transpose(
                    &entries,
                    self.blocks[block]..self.blocks[block + 1],
                    &mut column_starts,
                    &mut columns,
                );
            }
        }
        self.synapses = synapses;
        if gathered.form == Form::Plastic {
            let base = (self.columns.len() / 2) as u32;
            let mut sum = base;
            for start in &mut column_starts {
                sum += *start;
                *start = sum;
            }
            self.starts.extend_from_slice(&column_starts);
            self.columns.extend_from_slice(&columns);
        }
        Ok((bundle, initial))
    }

    /// Second pass: targets and weights go to their places. `starts` is moved on and put back. Of plastic synapses also gives the
    /// weights, and source and target of each.
    #[expect(clippy::too_many_arguments, reason = "one pass makes all of them")]
    fn fill(
        &self,
        gathered: &Gathered,
        wired: &[Wired<'_>],
        block: usize,
        starts: &mut [u32],
        own: &mut [u32],
        weights: &mut Vec<T>,
        entries: &mut Vec<[u32; 2]>,
    ) {
        let classes = gathered.delays.len();
        let count = starts[starts.len() - 1] as usize;
        if gathered.form == Form::Plastic {
            *weights = vec![T::ZERO; count];
            *entries = vec![[0; 2]; count];
        }
        for wired in gathered.projections.iter().map(|&place| &wired[place]) {
            let quanta = match gathered.form {
                Form::Varied => in_quanta(&wired.weights, self.quanta),
                _ => Spread::All(0),
            };
            self.each(gathered, wired, block, |source, target, chance| {
                let delay = wired.delays.at(chance.place, chance.delay_bits());
                let row = source as usize * classes + gathered.classes[delay as usize] as usize;
                let position = starts[row] as usize;
                starts[row] += 1;
                match gathered.form {
                    Form::Varied => {
                        let quanta =
                            quanta.at(chance.place, chance.weight_bits()).clamp(-QUANTA_MAX, QUANTA_MAX);
                        own[position] = (quanta as u32) << 16 | target;
                    }
                    Form::Uniform => bytemuck::cast_slice_mut::<u32, u16>(own)[position] = target as u16,
                    Form::Plastic => {
                        bytemuck::cast_slice_mut::<u32, u16>(own)[position] = target as u16;
                        weights[position] = T::of(wired.weights.at(chance.place, chance.weight_bits()));
                        entries[position] = [source, target];
                    }
                    Form::Procedural => unreachable!("nothing of it is stored, this is a bug"),
                }
            });
        }
        // Each row has moved on to where the next one begins.
        starts.copy_within(..starts.len() - 1, 1);
        starts[0] = 0;
    }

    /// Calls `each(source in its population, target in its block, chance)` for what a projection gives to a bundle in a block.
    #[inline(always)]
    fn each(
        &self,
        gathered: &Gathered,
        wired: &Wired<'_>,
        block: usize,
        mut each: impl FnMut(u32, u32, Chance),
    ) {
        let members = self.blocks[block]..self.blocks[block + 1];
        let target = &self.places[wired.target];
        let len = target.neurons.len() as u32;
        let within = |neuron: u32| neuron.saturating_sub(target.first).min(len);
        let shift = target.first.wrapping_sub(members.start);
        // A list may go to both channels.
        let mixed = gathered.form != Form::Plastic && matches!(wired.weights, Spread::Each(_));
        wired.each(within(members.start)..within(members.end), |source, target, chance| {
            if !mixed || channel_of(wired.weights.at(chance.place, 0)) == gathered.channel {
                each(source, target.wrapping_add(shift), chance);
            }
        });
    }

    /// Tables and constants, and where plastic numbers lie.
    fn tables(
        &mut self,
        description: &Description,
        seeds: &[u64],
        gathered: &[Gathered],
        bundles: &mut [Bundle],
        weights: &[Vec<Vec<T>>],
        recipes: &[Vec<u32>],
    ) {
        let blocks = self.blocks.len() - 1;
        let fixed = self.places.len() * POPULATION_WORDS
            + bundles.len() * BUNDLE_WORDS
            + (blocks + 1)
            + 2 * seeds.len();
        // What records refer to follows after them.
        let mut extras: Vec<u32> = Vec::new();
        let mut records = Vec::new();
        for (place, described) in self.places.iter().zip(&description.populations) {
            let mut record = Population {
                tile_first: place.first / TILE as u32,
                tile_end: place.first / TILE as u32 + tiles_of(described) as u32,
                refractory_steps: (described.neuron.refractory_ms / description.step_ms).round() as u32,
                ..Population::default()
            };
            if let Some(poisson) = described.poisson.filter(|poisson| poisson.rate_hz > 0.0) {
                let chances = chances(&poisson, description.step_ms);
                record.noise_quanta = weight_in_quanta(poisson.weight_pa, self.quanta);
                record.noise_channel = channel_of(poisson.weight_pa) as u32;
                record.chances = (fixed + extras.len()) as u32;
                record.chances_len = chances.len() as u32;
                extras.extend(chances);
            }
            records.extend(record.words());
            let membrane = membrane(&described.neuron, description.step_ms, self.quanta);
            self.constants.extend(membrane_values(&membrane).map(T::of));
        }
        let mut plastic: Vec<T> = Vec::new();
        for ((bundle, gathered), recipe) in bundles.iter_mut().zip(gathered).zip(recipes) {
            bundle.delays = (fixed + extras.len()) as u32;
            extras.extend(&gathered.delays);
            bundle.recipe = (fixed + extras.len()) as u32;
            extras.extend(recipe);
            if gathered.form == Form::Plastic {
                bundle.places = (fixed + extras.len()) as u32;
                extras.extend(vec![0; 3 * blocks]);
            }
        }
        for block in 0..blocks {
            for ((bundle, gathered), weights) in bundles.iter().zip(gathered).zip(weights) {
                if gathered.form != Form::Plastic {
                    continue;
                }
                let at = bundle.places as usize - fixed + 3 * block;
                extras[at] = plastic.len() as u32;
                plastic.extend_from_slice(&weights[block]);
                extras[at + 1] = plastic.len() as u32;
                plastic.resize(plastic.len() + bundle.sources as usize, T::ZERO);
                extras[at + 2] = plastic.len() as u32;
                let members = (self.blocks[block + 1] - self.blocks[block]) as usize;
                plastic.resize(plastic.len() + members, T::ZERO);
            }
        }
        self.params.plastic = plastic.len() as u32;
        let mut fades: Vec<T> = Vec::new();
        let fades_first = self.constants.len() + bundles.len() * RULE_VALUES;
        for (bundle, gathered) in bundles.iter_mut().zip(gathered) {
            if let Some(stdp) = wired_rule(description, gathered) {
                bundle.fades = (fades_first + fades.len()) as u32;
                bundle.turn_steps = turn_steps(&stdp, description.step_ms);
                fades.extend(fades_of(&stdp, description.step_ms).map(T::of));
            }
            records.extend(bundle.words());
            let rule = match wired_rule(description, gathered) {
                Some(stdp) => Rule {
                    raise: stdp.lambda * stdp.weight_max_pa,
                    lower: stdp.alpha * stdp.lambda * stdp.weight_max_pa,
                    weight_max: stdp.weight_max_pa,
                    per_pa: 1.0 / self.quanta[0],
                },
                None => Rule::default(),
            };
            self.constants.extend(rule_values(&rule).map(T::of));
            if gathered.form == Form::Plastic {
                let at = bundle.places as usize - fixed;
                self.learning.push(Learning {
                    projection: gathered.projections[0],
                    bundle: *bundle,
                    weights: (0..blocks).map(|block| extras[at + 3 * block] as usize).collect(),
                });
            }
        }
        records.extend(self.blocks.iter().map(|neuron| neuron / TILE as u32));
        records.extend(seeds.iter().flat_map(|&seed| [seed as u32, (seed >> 32) as u32]));
        assert!(records.len() == fixed, "records of another length, this is a bug");
        records.extend(extras);
        self.constants.extend(fades);
        self.tables = records;
        self.plastic = plastic.repeat(seeds.len());
    }

    /// Initial state of all replicas.
    fn neurons(&mut self, description: &Description, seeds: &[u64]) {
        let neurons = self.params.neurons as usize;
        self.drives = vec![T::ZERO; seeds.len() * neurons];
        self.state = vec![T::ZERO; seeds.len() * STATE_VALUES * neurons];
        // What is left over of a tile never integrates, and so never fires.
        self.releases = vec![i32::MAX; seeds.len() * neurons];
        for (replica, &seed) in seeds.iter().enumerate() {
            for (place, described) in self.places.iter().zip(&description.populations) {
                let (first, size) = (u64::from(place.neurons.start), described.size);
                let potentials = neuron_values(&described.potential_mv, first, size, seed, 1);
                let currents = neuron_values(&described.current_pa, first, size, seed, 2);
                let gain = drive_per_pa(&described.neuron, description.step_ms);
                let at = place.first as usize;
                for (i, (potential, current)) in potentials.into_iter().zip(currents).enumerate() {
                    self.state[replica * STATE_VALUES * neurons + at + i] =
                        T::of(potential - described.neuron.rest_mv);
                    self.drives[replica * neurons + at + i] = T::of(current * gain);
                    self.releases[replica * neurons + at + i] = 0;
                }
                let tail = at + size as usize..at + tiles_of(described) * TILE;
                let reset = T::of(described.neuron.reset_mv - described.neuron.rest_mv);
                self.state[replica * STATE_VALUES * neurons..][tail].fill(reset);
            }
        }
    }
}

fn wired_rule(description: &Description, gathered: &Gathered) -> Option<Stdp> {
    description.projections[gathered.projections[0]].stdp.filter(|_| gathered.form == Form::Plastic)
}

/// Steps of a turn: as many as traces can fade in without leaving what f32 tells apart, by e^32 at most.
pub(super) fn turn_steps(stdp: &Stdp, step_ms: f64) -> u32 {
    let steps = 32.0 * stdp.tau_plus_ms.min(stdp.tau_minus_ms) / step_ms;
    1 << steps.min(f64::from(TURN_STEPS_MAX)).log2() as u32
}

/// What traces are worth 0, 1, ... steps into a turn, up to the beginning of the next.
fn fades_of(stdp: &Stdp, step_ms: f64) -> impl Iterator<Item = f64> {
    let [plus, minus] = [stdp.tau_plus_ms, stdp.tau_minus_ms].map(|tau| step_ms / tau);
    (0..=turn_steps(stdp, step_ms)).flat_map(move |step| {
        let [plus, minus] = [plus, minus].map(|per_step| f64::from(step) * per_step);
        let [source, target] = [plus, minus].map(|age| (-age).exp());
        fade_values(&Fade { source, target, source_rise: plus.exp(), target_rise: minus.exp() })
    })
}

/// Adds a block's plastic synapses by target: counts to `starts` one place on, entries of source and place to `columns`.
fn transpose(entries: &[[u32; 2]], block: Range<u32>, starts: &mut [u32], columns: &mut Vec<u32>) {
    let mut firsts = vec![0usize; block.len() + 1];
    for &[_, target] in entries {
        firsts[target as usize + 1] += 1;
        starts[(block.start + target) as usize + 1] += 1;
    }
    let mut sum = columns.len() / 2;
    for first in &mut firsts {
        sum += *first;
        *first = sum;
    }
    columns.resize(columns.len() + 2 * entries.len(), 0);
    for (place, &[source, target]) in entries.iter().enumerate() {
        let at = &mut firsts[target as usize];
        columns[2 * *at..][..2].copy_from_slice(&[source, place as u32]);
        *at += 1;
    }
}

/// Exact integration over a step (Rotter and Diesmann 1999).
fn membrane(neuron: &Lif, step_ms: f64, quantum: [f64; 2]) -> Membrane<f64> {
    let leak = (-step_ms / neuron.tau_m_ms).exp();
    let decay = [neuron.tau_ex_ms, neuron.tau_in_ms].map(|tau| (-step_ms / tau).exp());
    let coupling = [neuron.tau_ex_ms, neuron.tau_in_ms].map(|tau| {
        let (tau_m, c) = (neuron.tau_m_ms, neuron.c_pf);
        if (tau - tau_m).abs() < 1e-6 * tau_m {
            // The limit of the other form.
            return step_ms / c * leak;
        }
        tau * tau_m / (c * (tau_m - tau)) * (leak - (-step_ms / tau).exp())
    });
    Membrane {
        leak,
        coupling,
        decay,
        quantum,
        threshold: neuron.threshold_mv - neuron.rest_mv,
        reset: neuron.reset_mv - neuron.rest_mv,
    }
}

/// mV that 1 pA of constant current adds within a step.
pub fn drive_per_pa(neuron: &Lif, step_ms: f64) -> f64 {
    neuron.tau_m_ms / neuron.c_pf * (1.0 - (-step_ms / neuron.tau_m_ms).exp())
}

/// Chances of at most 0, 1, ... events in a step, 1.0 = 2^32, up to where the rest rounds to nothing.
fn chances(poisson: &Poisson, step_ms: f64) -> Vec<u32> {
    let mean = poisson.rate_hz * step_ms / 1_000.0;
    assert!(mean <= EVENTS_MAX, "checked, this is a bug");
    let (mut share, mut sum, mut chances) = ((-mean).exp(), 0.0, Vec::new());
    for events in 1.. {
        sum += share;
        let chance = (sum * 4_294_967_296.0).round();
        if chance > f64::from(u32::MAX) {
            break;
        }
        chances.push(chance as u32);
        share *= mean / f64::from(events);
        if f64::from(events) > mean && share < 1e-11 {
            break;
        }
    }
    chances
}
