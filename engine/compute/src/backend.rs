//! `Backend`: the narrow waist between recordings and hardware.
//!
//! Six methods, none of which knows a kernel. What varies between kernels is data in `Kernel`; what varies between
//! devices is behind this trait. Callers use [`Device`](crate::Device), which checks recordings before a back end
//! sees them, so a back end may trust ids, ranges and bindings.

pub(crate) mod cpu;
#[cfg(feature = "cuda")]
pub(crate) mod cuda;
pub(crate) mod lossy;
pub(crate) mod twin;
#[cfg(feature = "wgpu")]
pub(crate) mod wgpu;

use crate::Result;
use crate::aligned::AlignedBytes;
use crate::buffer::BufferId;
use crate::element::Stored;
use crate::kernel::{Kernel, Target};
use crate::recording::{Readback, Recording};

/// A player of recordings.
pub trait Backend: Send {
    /// What it is and what it can hold.
    fn info(&self) -> &BackendInfo;

    /// Makes a buffer of `bytes` zero bytes, a multiple of 4, under an id chosen by the caller.
    fn create_buffer(&mut self, id: BufferId, label: &'static str, bytes: u64) -> Result<()>;

    /// Frees a buffer.
    fn destroy_buffer(&mut self, id: BufferId);

    /// Makes a kernel ready to be dispatched: compiles it where there is something to compile.
    fn prepare(&mut self, kernel: &'static Kernel) -> Result<()>;

    /// Starts a recording. Its commands run in order, after those of earlier submissions.
    fn submit(&mut self, recording: Recording) -> Result<Receipt>;

    /// Blocks until a submission is done and gives what it read.
    fn wait(&mut self, receipt: Receipt) -> Result<Reads>;
}

/// What a back end says of itself.
#[derive(Clone, Debug)]
pub struct BackendInfo {
    /// Name for people, such as `cpu (avx2, 8 threads)`.
    pub name: String,
    /// Largest buffer that can be bound; larger arrays are sharded by the caller.
    pub binding_bytes_max: u64,
    /// Host threads it computes with; 0 for a GPU.
    pub threads: usize,
    /// Languages in which it wants a kernel's text; none where host forms are played.
    pub targets: Vec<Target>,
}

/// A submission under way. Must be waited for: what it read is held until then.
#[derive(Debug)]
#[must_use = "a submission keeps its reads until it is waited for"]
pub struct Receipt(pub(crate) u64);

/// What a recording read back, in host memory.
#[derive(Default)]
pub struct Reads {
    pub(crate) parts: Vec<AlignedBytes>,
    pub(crate) device_ns: Option<u64>,
}

impl Reads {
    /// Nanoseconds from the first command to the end of the last by the device's own clock, where it has one.
    pub fn device_ns(&self) -> Option<u64> {
        self.device_ns
    }

    /// The elements of one read.
    pub fn get<T: Stored>(&self, readback: &Readback<T>) -> &[T] {
        let part = self.parts.get(readback.place);
        let part =
            part.unwrap_or_else(|| panic!("read {} of another recording, this is a bug", readback.place));
        bytemuck::cast_slice(part.bytes())
    }
}
