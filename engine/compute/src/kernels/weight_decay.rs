//! `weight_decay`: all synapses lose a share of their weight.
//!
//! - In place: `weights`, u32 a synapse, up to 65,535 (more is cut); `share` of each is lost, 1.0 = 2^32, by the arithmetic of
//!   `shared::plasticity` with the synapse's place and `round` as what bits are drawn from. Right on average however small weight and
//!   share are: a thousand small steps come to what one large one does.
//! - Tolerance: exact.

use super::shared::csr::check_len;
use super::shared::plasticity::{self, WEIGHT_MAX, depressed, dither};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::parallel::in_parallel;
use crate::recording::Recording;
use crate::source::{Source, Text};

crate::params! {
    /// Parameters of `weight_decay`.
    pub struct Params {
        /// Synapses.
        pub synapses: u32,
        /// Share that is lost, 1.0 = 2^32.
        pub share: u32,
        /// What bits are drawn from, beside the synapse; another one each time.
        pub round: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "weight_decay",
    bindings: &[Binding::read_write("weights", Element::U32)],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("synapses", 64),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[Source::wgsl(&[&plasticity::WGSL, &WGSL]), Source::cuda(&[&plasticity::CUDA, &CUDA])],
    absent: &[],
    cases,
};

/// Its own part of the WGSL form.
static WGSL: Text = Text { constants: &[], text: include_str!("../../../../shaders/weight_decay.wgsl") };
/// And of the CUDA form.
static CUDA: Text = Text { constants: &[], text: include_str!("../../../../kernels/weight_decay.cu") };

/// Records the fading of the first `synapses` weights.
pub fn record(recording: &mut Recording, weights: &Buffer<u32>, synapses: usize, share: u32, round: u32) {
    check_len(KERNEL.name, weights, synapses);
    if synapses > 0 {
        let params = Params { synapses: synapses as u32, share, round };
        recording.dispatch(&KERNEL, &params, &[weights.erase()]);
    }
}

fn reference(args: &mut Args<'_>) {
    let Params { synapses, share, round } = args.params();
    let weights = args.write::<u32>(0);
    for synapse in 0..synapses {
        let weight = &mut weights[synapse as usize];
        *weight = depressed((*weight).min(WEIGHT_MAX), share, dither(synapse, round));
    }
}

/// Synapses of one task.
const TASK_SYNAPSES: usize = 1 << 16;

fn cpu(args: &mut Args<'_>) {
    let Params { synapses, share, round } = args.params();
    let weights = &mut args.write::<u32>(0)[..synapses as usize];
    in_parallel(weights.chunks_mut(TASK_SYNAPSES).enumerate().collect(), |(task, weights)| {
        for (synapse, weight) in ((task * TASK_SYNAPSES) as u32..).zip(weights) {
            *weight = depressed((*weight).min(WEIGHT_MAX), share, dither(synapse, round));
        }
    });
}

fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let mut cases = Vec::new();
    for (name, synapses, share) in [
        ("none", 0, 1 << 31),
        ("one", 1, 1 << 31),
        ("little", 1_000, 4_294_967),
        ("next to nothing", 1_000, 1),
        ("nothing", 100, 0),
        ("all", 100, u32::MAX),
        ("many", 150_001, 1 << 20),
    ] {
        let weights = draw.many(synapses, |draw| draw.below(WEIGHT_MAX as usize + 9) as u32);
        let params = Params { synapses: synapses as u32, share, round: draw.bits() as u32 };
        cases.push(Case::new(name, &params).bind(&weights));
    }
    cases
}
