//! What stands where in the tables of a network.

use crate::args::Args;
use crate::simd::{Fanout, Membrane, Noise, Real, TILE};

use super::{COLUMNS, CONSTANTS, NetworkParams, STARTS, SYNAPSES, TABLES};

/// Words of a population's record.
pub const POPULATION_WORDS: usize = 7;
/// Words of a bundle's record.
pub const BUNDLE_WORDS: usize = 12;
/// Words of a recipe, and then of each of its delays.
pub const RECIPE_WORDS: usize = 6;
/// Instead of a place of weights: none are drawn.
pub const NO_WEIGHTS: u32 = u32::MAX;
/// Words of a delay of a recipe.
pub const FAN_WORDS: usize = 3;
/// Numbers of a population.
pub const MEMBRANE_VALUES: usize = 9;
/// Numbers of a bundle.
pub const RULE_VALUES: usize = 4;
/// Numbers of a step within a turn.
pub const FADE_VALUES: usize = 4;

/// Record of a population.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Population {
    /// Its first tile.
    pub tile_first: u32,
    /// One past its last tile.
    pub tile_end: u32,
    /// Steps for which a neuron that has fired stays at its reset.
    pub refractory_steps: u32,
    /// What an event of its noise brings, quanta.
    pub noise_quanta: i32,
    /// Channel of its noise.
    pub noise_channel: u32,
    /// Where in the tables its noise's chances begin.
    pub chances: u32,
    /// How many; none without noise.
    pub chances_len: u32,
}

impl Population {
    /// From the first of some words of the tables.
    pub fn of(words: &[u32]) -> Self {
        let &[tile_first, tile_end, refractory_steps, quanta, noise_channel, chances, chances_len] =
            &words[..POPULATION_WORDS]
        else {
            unreachable!("so many words")
        };
        let noise_quanta = quanta as i32;
        Population {
            tile_first,
            tile_end,
            refractory_steps,
            noise_quanta,
            noise_channel,
            chances,
            chances_len,
        }
    }

    /// As it stands in the tables.
    pub fn words(&self) -> [u32; POPULATION_WORDS] {
        let Population {
            tile_first,
            tile_end,
            refractory_steps,
            noise_quanta,
            noise_channel,
            chances,
            chances_len,
        } = *self;
        [tile_first, tile_end, refractory_steps, noise_quanta as u32, noise_channel, chances, chances_len]
    }
}

/// How a bundle's synapses are stored. Positions count u16 halves of `synapses` but for `Varied`, where they count words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u32)]
pub enum Form {
    /// u16: target within the block. All have the bundle's weight.
    #[default]
    Uniform = 0,
    /// u32: target in the lower half, weight in quanta (i16) in the upper.
    Varied = 1,
    /// u16: target. Weights stand in `plastic`, in the order of positions.
    Plastic = 2,
    /// Not at all: rows are made by a [`Recipe`] when they are read.
    Procedural = 3,
}

/// Record of a bundle. Source, target and start counts are of whole tiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bundle {
    /// Number of the first neuron of the source population.
    pub source_first: u32,
    /// Neurons of it.
    pub sources: u32,
    /// 0 excitatory, 1 inhibitory.
    pub channel: u32,
    /// How its synapses are stored.
    pub form: Form,
    /// Weight of each, if uniform.
    pub quanta: i32,
    /// Where in the tables its delays begin: steps, ascending; a plastic bundle has one.
    pub delays: u32,
    /// How many.
    pub delays_len: u32,
    /// Where in `starts` the positions begin: `[blocks][sources][delays] + 1` a block, then `neurons + 1` places in `columns` if
    /// plastic.
    pub starts: u32,
    /// Where in the tables begin, for each block, the places of weights, source traces and target traces in `plastic`.
    pub places: u32,
    /// Where in the constants the fades of a turn begin.
    pub fades: u32,
    /// Steps of a turn.
    pub turn_steps: u32,
    /// Where in the tables its recipe is, if it is procedural.
    pub recipe: u32,
}

impl Bundle {
    /// From the first of some words of the tables.
    pub fn of(words: &[u32]) -> Self {
        let &[
            source_first,
            sources,
            channel,
            form,
            quanta,
            delays,
            delays_len,
            starts,
            places,
            fades,
            turn_steps,
            recipe,
        ] = &words[..BUNDLE_WORDS]
        else {
            unreachable!("so many words")
        };
        let form = match form {
            0 => Form::Uniform,
            1 => Form::Varied,
            2 => Form::Plastic,
            3 => Form::Procedural,
            other => panic!("form {other} of a bundle, this is a bug"),
        };
        let quanta = quanta as i32;
        Bundle {
            source_first,
            sources,
            channel,
            form,
            quanta,
            delays,
            delays_len,
            starts,
            places,
            fades,
            turn_steps,
            recipe,
        }
    }

    /// As it stands in the tables.
    pub fn words(&self) -> [u32; BUNDLE_WORDS] {
        let Bundle {
            source_first,
            sources,
            channel,
            form,
            quanta,
            delays,
            delays_len,
            starts,
            places,
            fades,
            turn_steps,
            recipe,
        } = *self;
        [
            source_first,
            sources,
            channel,
            form as u32,
            quanta as u32,
            delays,
            delays_len,
            starts,
            places,
            fades,
            turn_steps,
            recipe,
        ]
    }
}

/// How rows of a procedural bundle are made, which [`Fanout`] says in full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    /// Number of the first target.
    pub target_first: u32,
    /// Targets.
    pub targets: u32,
    /// Tells projections apart.
    pub key: [u32; 2],
    /// 1 if no neuron is its own target.
    pub spares: u32,
    /// Where in `synapses` the 2^16 weights begin that are drawn from, in quanta, two a word; [`NO_WEIGHTS`] if all have the bundle's.
    pub weights: u32,
}

impl Recipe {
    /// As it stands in the tables, before the synapses of each delay and the pitch of their stretches, lower half first.
    pub fn words(&self) -> [u32; RECIPE_WORDS] {
        let Recipe { target_first, targets, key: [first, second], spares, weights } = *self;
        [target_first, targets, first, second, spares, weights]
    }
}

/// Pair rule of a plastic bundle.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rule<T> {
    /// pA that a source's trace of 1 adds at a spike of the target.
    pub raise: T,
    /// pA that a target's trace of 1 takes at a spike of the source.
    pub lower: T,
    /// No weight is above this, pA.
    pub weight_max: T,
    /// Quanta in a pA.
    pub per_pa: T,
}

/// What traces of a plastic bundle are worth in a step, of what they were worth when the turn began.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Fade<T> {
    /// Of a source's: exp(-n / tau_plus), `n` steps into the turn.
    pub source: T,
    /// Of a target's: exp(-n / tau_minus).
    pub target: T,
    /// What a source's rises by: exp(n / tau_plus).
    pub source_rise: T,
    /// What a target's rises by.
    pub target_rise: T,
}

/// A population's numbers as they stand in `constants`.
pub fn membrane_values<T: Real>(m: &Membrane<T>) -> [T; MEMBRANE_VALUES] {
    let ([e, i], [f, j], [q, r]) = (m.coupling, m.decay, m.quantum);
    [m.leak, e, i, f, j, q, r, m.threshold, m.reset]
}

/// A bundle's numbers as they stand in `constants`.
pub fn rule_values<T: Real>(r: &Rule<T>) -> [T; RULE_VALUES] {
    [r.raise, r.lower, r.weight_max, r.per_pa]
}

/// A step's numbers as they stand in `constants`.
pub fn fade_values<T: Real>(f: &Fade<T>) -> [T; FADE_VALUES] {
    [f.source, f.target, f.source_rise, f.target_rise]
}

/// The network as both forms read it.
#[derive(Clone, Copy)]
pub struct Network<'a, T> {
    pub params: NetworkParams,
    constants: &'a [T],
    tables: &'a [u32],
    starts: &'a [u32],
    synapses: &'a [u32],
    columns: &'a [u32],
}

impl<'a, T: Real> Network<'a, T> {
    pub fn of(args: &Args<'a>) -> Self {
        Network {
            params: args.params(),
            constants: args.read(CONSTANTS),
            tables: args.read(TABLES),
            starts: args.read(STARTS),
            synapses: args.read(SYNAPSES),
            columns: args.read(COLUMNS),
        }
    }

    pub fn population(&self, population: usize) -> Population {
        Population::of(&self.tables[population * POPULATION_WORDS..])
    }

    pub fn membrane(&self, population: usize) -> Membrane<T> {
        let values = &self.constants[population * MEMBRANE_VALUES..][..MEMBRANE_VALUES];
        let &[leak, e, i, f, j, q, r, threshold, reset] = values else { unreachable!("so many numbers") };
        Membrane { leak, coupling: [e, i], decay: [f, j], quantum: [q, r], threshold, reset }
    }

    /// Noise of a population in a replica, if it has any.
    pub fn noise(&self, population: &Population, replica: usize) -> Option<Noise<'a>> {
        let chances = &self.tables[population.chances as usize..][..population.chances_len as usize];
        let seeds = &self.tables[self.blocks_at() + self.params.blocks as usize + 1..];
        let key = [seeds[2 * replica], seeds[2 * replica + 1]];
        let channel = population.noise_channel as usize;
        (!chances.is_empty()).then_some(Noise { chances, quanta: population.noise_quanta, channel, key })
    }

    pub fn bundle(&self, bundle: usize) -> Bundle {
        let first = self.params.populations as usize * POPULATION_WORDS + bundle * BUNDLE_WORDS;
        Bundle::of(&self.tables[first..])
    }

    pub fn recipe(&self, bundle: &Bundle) -> Recipe {
        let words = &self.tables[bundle.recipe as usize..][..RECIPE_WORDS];
        let &[target_first, targets, first, second, spares, weights] = words else {
            unreachable!("so many words")
        };
        Recipe { target_first, targets, key: [first, second], spares, weights }
    }

    /// What leaves a source, told in its population, by one of the bundle's delays.
    pub fn fanout(&self, bundle: &Bundle, recipe: &Recipe, source: u32, class: usize) -> Fanout {
        let at = bundle.recipe as usize + RECIPE_WORDS + class * FAN_WORDS;
        let &[count, low, high] = &self.tables[at..][..FAN_WORDS] else { unreachable!("so many words") };
        Fanout {
            key: recipe.key,
            source,
            delay: self.delays(bundle)[class],
            count,
            pitch: u64::from(high) << 32 | u64::from(low),
            spared: if recipe.spares == 1 { source } else { u32::MAX },
        }
    }

    /// Weight of a procedural synapse with these bits, quanta.
    pub fn made_quanta(&self, bundle: &Bundle, recipe: &Recipe, bits: u16) -> i32 {
        if recipe.weights == NO_WEIGHTS {
            return bundle.quanta;
        }
        let weights: &[i16] = bytemuck::cast_slice(self.synapses);
        i32::from(weights[2 * recipe.weights as usize + bits as usize])
    }

    pub fn rule(&self, bundle: usize) -> Rule<T> {
        let first = self.params.populations as usize * MEMBRANE_VALUES + bundle * RULE_VALUES;
        let &[raise, lower, weight_max, per_pa] = &self.constants[first..][..RULE_VALUES] else {
            unreachable!("so many numbers")
        };
        Rule { raise, lower, weight_max, per_pa }
    }

    pub fn delays(&self, bundle: &Bundle) -> &'a [u32] {
        &self.tables[bundle.delays as usize..][..bundle.delays_len as usize]
    }

    fn blocks_at(&self) -> usize {
        self.params.populations as usize * POPULATION_WORDS + self.params.bundles as usize * BUNDLE_WORDS
    }

    /// Neurons of a block.
    pub fn block(&self, block: usize) -> std::ops::Range<usize> {
        let tiles = &self.tables[self.blocks_at() + block..][..2];
        tiles[0] as usize * TILE..tiles[1] as usize * TILE
    }

    /// Where in `plastic` a bundle's weights, source traces and target traces of a block begin.
    pub fn places(&self, bundle: &Bundle, block: usize) -> [usize; 3] {
        let places = &self.tables[bundle.places as usize + 3 * block..][..3];
        [places[0] as usize, places[1] as usize, places[2] as usize]
    }

    /// Of a plastic bundle, so many steps into a turn.
    pub fn fade(&self, bundle: &Bundle, into_turn: u32) -> Fade<T> {
        let first = bundle.fades as usize + into_turn as usize * FADE_VALUES;
        let &[source, target, source_rise, target_rise] = &self.constants[first..][..FADE_VALUES] else {
            unreachable!("so many numbers")
        };
        Fade { source, target, source_rise, target_rise }
    }

    /// Positions where the row parts of a block begin, `[sources][delays]` and the end.
    pub fn rows(&self, bundle: &Bundle, block: usize) -> &'a [u32] {
        let count = bundle.sources as usize * bundle.delays_len as usize + 1;
        &self.starts[bundle.starts as usize + block * count..][..count]
    }

    /// For each neuron the place of its first entry in `columns`, and the end.
    pub fn column_starts(&self, bundle: &Bundle) -> &'a [u32] {
        let rows = bundle.sources as usize * bundle.delays_len as usize + 1;
        let first = bundle.starts as usize + self.params.blocks as usize * rows;
        &self.starts[first..][..self.params.neurons as usize + 1]
    }

    /// All positions.
    pub fn starts(&self) -> &'a [u32] {
        self.starts
    }

    /// Source and place among the weights, entry by entry.
    pub fn columns(&self) -> &'a [[u32; 2]] {
        bytemuck::cast_slice(&self.columns[..self.columns.len() & !1])
    }

    /// Targets by position; of `Uniform` and `Plastic`.
    pub fn targets(&self) -> &'a [u16] {
        bytemuck::cast_slice(self.synapses)
    }

    /// Targets and weights by position; of `Varied`.
    pub fn weighted(&self) -> &'a [u32] {
        self.synapses
    }
}
