//! Search over bare vectors, without texts or a log: what `bench search` measures is what recalls use.

pub use cortexkg_compute::Device;
pub use cortexkg_compute::Error as DeviceError;
pub use cortexkg_compute::index::{Found, IndexOptions, Originals, Search, VectorIndex, Way, scaled_halves};
pub use cortexkg_compute::kernels::encode_rows::halves;
#[cfg(feature = "wgpu")]
pub use cortexkg_compute::{AdapterFound, adapters};
#[cfg(feature = "cuda")]
pub use cortexkg_compute::{CardFound, cards};

use crate::{Config, Error};

/// The device these settings choose.
pub fn open_device(config: &Config) -> Result<Device, Error> {
    Device::open(&config.device_options()).map_err(|error| Error::Device(error.to_string()))
}
