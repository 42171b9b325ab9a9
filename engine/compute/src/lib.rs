//! Devices, recordings and kernels: the compute floor of CortexKG.
//!
//! Five nouns. A [`Device`] is an opened back end with a memory budget. A [`Buffer`] is a typed array on it.
//! A [`Kernel`] is static data: what it binds, how exact it must be, its forms. A [`Recording`] is an ordered
//! list of commands over buffers, made anywhere and played by any back end. A [`Receipt`] is a submission under
//! way; waiting for it gives the [`Reads`].
//!
//! Back ends are deliberately dull: they know how to play commands and nothing about any kernel, so a new kernel
//! is one file in `kernels/` and one line in [`KERNELS`], and a new back end is one file in `backend/`.
//!
//! This crate must not know what a memory, a column or an edge means, and touches no files, no clock, no async
//! runtime and no randomness of its own. Wrong shapes and stale buffers are programmer errors and panic with
//! "this is a bug"; what a caller cannot foresee is an [`Error`].
//!
//! ```
//! use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Recording};
//!
//! # fn main() -> Result<(), cortexkg_compute::Error> {
//! let mut device = Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() })?;
//! let weights = device.upload("weights", &[1.0f32, 2.0, 3.0])?;
//! let mut recording = Recording::new();
//! recording.write(&weights, 1, &[5.0]);
//! let all = recording.read_all(&weights);
//! let reads = device.run(recording)?;
//! assert_eq!(reads.get(&all), &[1.0, 5.0, 3.0]);
//! # Ok(())
//! # }
//! ```

mod aligned;
pub mod analytics;
mod args;
mod backend;
mod buffer;
#[cfg(test)]
mod cards;
mod case;
mod code_cache;
mod compare;
mod device;
mod element;
mod error;
pub mod index;
mod kernel;
pub mod kernels;
pub mod network;
mod parallel;
mod recording;
pub mod simd;
mod source;

pub use args::Args;
#[cfg(feature = "cuda")]
pub use backend::cuda::{CardFound, cards};
#[cfg(feature = "wgpu")]
pub use backend::wgpu::{AdapterFound, adapters};
pub use backend::{Backend, BackendInfo, Reads, Receipt};
pub use buffer::{AnyBuffer, Buffer, BufferId};
pub use case::{Case, Draw, Placed};
pub use code_cache::CodeCache;
pub use compare::{Difference, Output, compare};
pub use device::{Device, DeviceChoice, DeviceInfo, DeviceOptions};
pub use element::{Element, Stored};
pub use error::Error;
pub use kernel::{Access, Binding, Extent, Field, Grid, Kernel, Params, Target, Tolerance};
pub use kernels::KERNELS;
pub use parallel::collect_in_parallel;
pub use recording::{Command, Readback, Recording};
pub use source::{Constant, Limits, Scratch, Source, Text};

/// Result of everything here that can fail for reasons a caller cannot foresee.
pub type Result<T> = std::result::Result<T, Error>;
