//! What can go wrong on a device through no fault of the calling code.

use crate::compare::Difference;

/// Failure of a device, as data the caller can act on. Back ends may add variants.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The device asked for is not there, or this build has no back end for it.
    #[error("no device `{asked}`: {why}")]
    NoDevice {
        /// The choice, as it is written in settings.
        asked: String,
        /// Why it cannot be opened here.
        why: String,
    },
    /// The name of a device is none that exists.
    #[error("device: `{given}` is none of auto, cpu, cpu-reference, wgpu, cuda, twin(A,B)")]
    UnknownChoice {
        /// The text that was given.
        given: String,
    },
    /// A buffer does not fit in the memory budget, or the machine has no memory left.
    #[error("out of device memory for `{label}`: asked for {asked} bytes, {free} free")]
    OutOfMemory {
        /// What the buffer was for.
        label: &'static str,
        /// Bytes asked for.
        asked: u64,
        /// Bytes left of the budget.
        free: u64,
    },
    /// A buffer is larger than one binding can hold: the caller has to shard it.
    #[error("buffer `{label}` of {asked} bytes is over the device's binding limit of {limit} bytes")]
    BufferTooLarge {
        /// What the buffer was for.
        label: &'static str,
        /// Bytes asked for.
        asked: u64,
        /// `DeviceInfo::binding_bytes_max`.
        limit: u64,
    },
    /// The bytes of a graph are not what they should be, or not of this index.
    #[error("checkpoint of a graph: {why}")]
    Checkpoint {
        /// What is wrong.
        why: String,
    },
    /// The worker threads of the CPU player could not be started.
    #[error("cannot start {threads} compute threads")]
    Threads {
        /// Threads asked for.
        threads: usize,
        /// What the thread pool said.
        source: rayon::ThreadPoolBuildError,
    },
    /// The device stopped working: what its buffers held is gone, and only a new device helps.
    #[error("device `{device}` is lost: {why}")]
    DeviceLost {
        /// Its name.
        device: String,
        /// What the driver said.
        why: String,
    },
    /// A kernel has no form for this device, or the device is too small for it.
    #[error("kernel `{kernel}` does not run on `{device}`: {why}")]
    NoForm {
        /// Which.
        kernel: &'static str,
        /// Name of the device.
        device: String,
        /// The reason, in words.
        why: String,
    },
    /// The driver refused something that ought to work.
    #[error("device `{device}`: {why}")]
    Driver {
        /// Its name.
        device: String,
        /// What the driver said.
        why: String,
    },
    /// The two sides of a twin device disagree.
    #[error("twin devices differ: {0}")]
    TwinDiffers(Box<Difference>),
    /// The description of a network breaks a rule. Nothing was built or changed.
    #[error("{field}: {rule}")]
    Network {
        /// What is wrong, as a path into the description.
        field: String,
        /// What it must be.
        rule: String,
    },
}
