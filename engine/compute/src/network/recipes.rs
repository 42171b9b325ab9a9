//! Procedural projections laid out: what makes their rows when they are read.

use super::draw::Spread;
use super::layout::{Gathered, Layout, channel_of};
use super::quanta::{QUANTA_MAX, in_quanta, weight_in_quanta};
use super::wiring::Wired;
use crate::kernels::network_run::{Bundle, Form, NO_WEIGHTS, Recipe};
use crate::simd::{Real, TILE};

impl Gathered {
    /// What a procedural projection gives to a bundle of its own.
    pub(super) fn procedural(place: usize, wired: &Wired<'_>) -> Self {
        let channel = usize::from(wired.weights.values().iter().any(|&weight| channel_of(weight) == 1));
        let mut gathered = Gathered::new(vec![place], wired.source, channel, Form::Procedural);
        gathered.delays = wired.shares().iter().map(|share| share.delay).collect();
        gathered
    }
}

/// Bytes of the weights that are drawn from when rows are made.
pub(super) fn drawn_bytes(wired: &Wired<'_>) -> f64 {
    match &wired.weights {
        Spread::All(_) => 0.0,
        drawn => (drawn.values().len() * size_of::<i16>()) as f64,
    }
}

impl<T: Real> Layout<T> {
    /// The bundle of a procedural projection, and its recipe as it stands in the tables.
    pub(super) fn recipe(&mut self, gathered: &Gathered, wired: &Wired<'_>) -> (Bundle, Vec<u32>) {
        let (source, target) = (&self.places[gathered.source], &self.places[wired.target]);
        let mut bundle = Bundle {
            source_first: source.first,
            sources: source.neurons.len().next_multiple_of(TILE) as u32,
            channel: gathered.channel as u32,
            form: Form::Procedural,
            delays_len: gathered.delays.len() as u32,
            ..Bundle::default()
        };
        let mut recipe = Recipe {
            target_first: target.first,
            targets: target.neurons.len() as u32,
            key: wired.key_words(),
            spares: wired.spares.into(),
            weights: NO_WEIGHTS,
        };
        let degree: u32 = wired.shares().iter().map(|share| share.count).sum();
        for neuron in source.neurons.clone() {
            self.out_degrees[neuron as usize] += degree;
        }
        match &wired.weights {
            Spread::All(weight) => bundle.quanta = weight_in_quanta(*weight, self.quanta),
            drawn => {
                recipe.weights = self.synapses.len() as u32;
                let quanta = in_quanta(drawn, self.quanta);
                let halves: Vec<i16> = quanta
                    .values()
                    .iter()
                    .map(|&quanta| quanta.clamp(-QUANTA_MAX, QUANTA_MAX) as i16)
                    .collect();
                self.synapses
                    .extend(halves.as_chunks::<2>().0.iter().map(|&two| bytemuck::cast::<_, u32>(two)));
            }
        }
        let fans = wired
            .shares()
            .iter()
            .flat_map(|share| [share.count, share.pitch as u32, (share.pitch >> 32) as u32]);
        (bundle, recipe.words().into_iter().chain(fans).collect())
    }
}
