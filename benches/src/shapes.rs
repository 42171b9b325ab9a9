//! The table of what is measured: kernels and shapes of input, from small to large, with what each asks of a card.
//!
//! Sizes: `Small` is over in a moment everywhere, `Medium` fills a card, `Large` fills its memory's bandwidth. A kernel with a
//! device text has one shape of the first two sizes at least; those that only hosts play are measured whole, by `cortexkg bench search`.

pub mod cells;
pub mod columns;
pub mod graphs;
pub mod networks;
pub mod rows;
pub mod spread;
pub mod synapses;

use bytemuck::Pod;
use clap::ValueEnum;
use cortexkg_compute::{Case, Kernel, Limits, Params, Target};

use crate::card::{H200, Spread};
use crate::work::Work;

/// How large an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub enum Size {
    /// Over in a moment everywhere.
    Small,
    /// Fills a card.
    Medium,
    /// Fills its memory's bandwidth.
    Large,
}

/// An input of a kernel, made when it is wanted.
pub struct Shape {
    /// The kernel.
    pub kernel: &'static Kernel,
    /// How large it is.
    pub size: Size,
    /// What it is, for people.
    pub name: String,
    /// What there are many of.
    pub item: &'static str,
    /// How many.
    pub items: u64,
    /// Workgroups that find something to do, at most.
    pub workgroups_max: u64,
    /// Makes it, always the same.
    pub make: Box<dyn Fn() -> Case>,
    /// Counts what a dispatch does, from the input and from what it left in every binding.
    pub count: fn(&Case, &[Vec<u8>]) -> Work,
}

/// Threads that a multiprocessor holds of a kernel without a text.
const THREADS_MIN: u32 = 768;

/// What the CUDA back end allows a dispatch of a kernel, on a card as large as `card::H200`.
fn limits(kernel: &Kernel) -> Limits {
    let threads_min = kernel.source(Target::Cuda).map_or(THREADS_MIN, |source| source.threads_min);
    let resident = H200.multiprocessors as u32 * (threads_min / kernel.workgroup.iter().product::<u32>());
    Limits { groups: [i32::MAX as u32, 65_535], resident, scratch_words: (1 << 30) / 4 }
}

impl Shape {
    /// Its kernel, size and name.
    pub fn title(&self) -> String {
        format!("{}/{}", self.kernel.name, self.name)
    }

    /// How the CUDA text is spread over a card.
    pub fn spread(&self, case: &Case) -> Spread {
        let limits = limits(self.kernel);
        let workgroups = match self.kernel.source(Target::Cuda) {
            Ok(source) => {
                let ([x, y], _) = source.workgroups(self.kernel, &case.params, &limits);
                u64::from(x) * u64::from(y)
            }
            Err(_) => self.kernel.workgroups(&case.params).iter().map(|&groups| u64::from(groups)).product(),
        };
        Spread { workgroups: workgroups.min(self.workgroups_max), at_once: limits.resident.into() }
    }
}

/// All of them, by kernel.
pub fn all() -> Vec<Shape> {
    let mut all = spread::shapes();
    all.extend(cells::shapes());
    all.extend(columns::shapes());
    all.extend(graphs::shapes());
    all.extend(networks::shapes());
    all.extend(rows::shapes());
    all.extend(synapses::shapes());
    all.sort_by_key(|shape| (shape.kernel.name, shape.size));
    all
}

/// The parameters of a case.
fn params<P: Params>(case: &Case) -> P {
    P::of(&case.params)
}

/// The numbers of a binding.
fn numbers<T: Pod>(bytes: &[u8]) -> Vec<T> {
    bytes.chunks_exact(size_of::<T>()).map(bytemuck::pod_read_unaligned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, KERNELS};

    #[test]
    fn every_kernel_that_a_card_plays_has_a_small_and_a_medium_shape() {
        let shapes = all();
        for kernel in KERNELS.iter().filter(|kernel| !kernel.sources.is_empty()) {
            for size in [Size::Small, Size::Medium] {
                let found = shapes.iter().any(|shape| shape.kernel.name == kernel.name && shape.size == size);
                assert!(found, "{} has no {size:?} shape", kernel.name);
            }
        }
        let titles: Vec<String> = shapes.iter().map(Shape::title).collect();
        assert!((1..titles.len()).all(|at| !titles[..at].contains(&titles[at])), "two of one title");
    }

    #[test]
    fn small_shapes_play_and_every_count_holds_what_bindings_do() {
        let options = DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() };
        let mut device = Device::open(&options).expect("the CPU");
        for shape in all().into_iter().filter(|shape| shape.size == Size::Small) {
            let case = (shape.make)();
            let played = case.play(shape.kernel, &mut device).expect("a small shape");
            let changed = played.iter().zip(&case.buffers).any(|(after, before)| after != before);
            assert!(changed, "{} does nothing", shape.title());
            let work = (shape.count)(&case, &played);
            // No count says that more moves at least than all bindings hold.
            let bytes: usize = case.buffers.iter().map(Vec::len).sum();
            assert!(work.least_bytes() > 0 && shape.items > 0, "{}", shape.title());
            assert!(work.least_bytes() <= 2 * bytes as u64, "{}: {work:?} of {bytes}", shape.title());
            assert!(work.asked_bytes >= work.least_bytes(), "{}: {work:?}", shape.title());
            assert!(work.launches > 0, "{}", shape.title());
        }
    }
}
