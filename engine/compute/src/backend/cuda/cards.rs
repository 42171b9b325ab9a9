//! Cards: what the CUDA driver shows on this machine.

use std::panic::catch_unwind;

use cudarc::driver::{CudaContext, DriverError};

use super::{LACKING, driver_is_there, words};

/// A card that answered. Its warps have 32 lanes, it computes with 16-bit floats and tells how long work took: all do.
#[derive(Clone, Debug)]
pub struct CardFound {
    /// Its name.
    pub name: String,
    /// Its memory.
    pub memory_bytes: u64,
    /// Major and minor.
    pub compute_capability: (i32, i32),
}

/// Every card, the one that would be opened first, or what is missing.
pub fn cards() -> Result<Vec<CardFound>, String> {
    driver_is_there()?;
    let found = catch_unwind(look).map_err(|_| LACKING.to_owned())?;
    found.map_err(|error| format!("the CUDA driver refuses: {}", words(error)))
}

fn look() -> Result<Vec<CardFound>, DriverError> {
    let look_at = |ordinal: i32| {
        let context = CudaContext::new(ordinal as usize)?;
        let (name, memory_bytes) = (context.name()?, context.total_mem()? as u64);
        Ok(CardFound { name, memory_bytes, compute_capability: context.compute_capability()? })
    };
    (0..CudaContext::device_count()?).map(look_at).collect()
}
