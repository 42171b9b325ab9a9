//! The CUDA player: NVIDIA cards, through the driver and the run-time compiler that are found when it opens.
//!
//! Nothing of CUDA is needed to build it or to start a program that has it. A recording becomes work in one stream: what it writes
//! is copied from pinned memory, what it reads is gathered on the card and comes back in one copy to pinned memory; so several
//! recordings are under way at once, and nobody waits before it is asked for.
//! Memory is taken and freed in the order of the stream, so what is under way still has what it uses. The back end knows no kernel:
//! texts are compiled for the card at hand when they are first wanted, and kept as long as the device, or longer in a cache that
//! whoever opens it brings; a kernel takes one struct, its `Arguments`, by value.
//!
//! A failure half-way through a recording leaves buffers in a state nobody knows, so whatever fails there but for memory loses the
//! device, and memory is taken before anything of a recording has begun. A device that is lost stays lost.

mod arguments;
mod cards;
mod kept;
mod nvrtc;
mod pinned;

use std::collections::HashMap;
use std::panic::catch_unwind;
use std::sync::Arc;

use cudarc::driver::result::memset_d8_async;
use cudarc::driver::sys::CUdevice_attribute::CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT;
use cudarc::driver::sys::{CUevent_flags, CUresult};
use cudarc::driver::{
    CudaContext, CudaEvent, CudaFunction, CudaSlice, CudaStream, DevicePtr, DriverError, LaunchConfig,
    PinnedHostSlice, PushKernelArg, sys,
};
use cudarc::nvrtc::Ptx;

pub use self::cards::{CardFound, cards};

use self::arguments::Arguments;
use self::pinned::{Pinned, Spares, WRITTEN_BYTES_MAX};
use super::{Backend, BackendInfo, Reads, Receipt};
use crate::aligned::AlignedBytes;
use crate::buffer::{AnyBuffer, BufferId};
use crate::code_cache::CodeCache;
use crate::kernel::{Kernel, Target};
use crate::recording::{Command, Recording};
use crate::source::{Limits, Scratch, Source};
use crate::{Error, Result};

/// Largest buffer: texts count elements, of two bytes at least, in 32 bits.
const BINDING_BYTES_MAX: u64 = 8 << 30;
/// Scratch that workgroups share out among them unless one alone wants more; with more of it more of them run at once.
const SCRATCH_BYTES_MAX: u64 = 1 << 30;
/// Buffers are made of whole ones of these, so that texts may look at them as vectors of four words.
const VECTOR_BYTES: usize = 16;
/// The oldest compiler that takes the texts: arguments that stay constant memory.
const COMPILER_MAJOR_MIN: i32 = 12;
/// The oldest cards whose tensor cores multiply as texts have it, Ampere: major number of their compute capability.
const CAPABILITY_MAJOR_MIN: i32 = 8;
/// Most workgroups in x and y that CUDA starts at once.
const WORKGROUPS_MAX: [u32; 2] = [i32::MAX as u32, 65_535];

pub(crate) struct Cuda {
    info: BackendInfo,
    /// Compute capability of the card, major and minor.
    capability: (i32, i32),
    /// Major and minor number of the compiler.
    compiler: (i32, i32),
    code_cache: Option<Arc<dyn CodeCache>>,
    context: Arc<CudaContext>,
    stream: Arc<CudaStream>,
    buffers: HashMap<BufferId, CudaSlice<u8>>,
    kernels: HashMap<&'static str, Prepared>,
    scratch: Option<CudaSlice<u8>>,
    /// Where reads are gathered. Submissions follow one another, so one does for all.
    gathered: Option<CudaSlice<u8>>,
    /// Pinned memory that no submission uses.
    spares: Spares,
    pending: HashMap<u64, Pending>,
    submissions: u64,
    lost: Option<String>,
}

/// A kernel, ready to be dispatched.
struct Prepared {
    source: &'static Source,
    /// One an entry of the source.
    entries: Vec<CudaFunction>,
    /// Workgroups of any of them that the card has room for at once.
    resident: u32,
}

/// A submission under way. It is kept until `done`, since the card reads and writes pinned memory before.
struct Pending {
    begun: CudaEvent,
    done: CudaEvent,
    /// Bytes of each read.
    lens: Vec<usize>,
    pinned: Pinned,
}

impl Cuda {
    /// Opens the first card that CUDA shows, or says what is missing.
    pub fn open(code_cache: Option<Arc<dyn CodeCache>>) -> std::result::Result<Self, String> {
        driver_is_there()?;
        if !nvrtc::is_present() {
            return Err("no CUDA compiler found (libnvrtc of CUDA 13)".into());
        }
        let (major, minor) = catch_unwind(nvrtc::version).map_err(|_| LACKING.to_owned())??;
        if major < COMPILER_MAJOR_MIN {
            return Err(format!(
                "the CUDA compiler found is {major}.{minor}, older than {COMPILER_MAJOR_MIN}"
            ));
        }
        let opened = catch_unwind(|| Cuda::connect((major, minor))).map_err(|_| LACKING.to_owned())?;
        let mut opened = opened.map_err(|error| format!("the CUDA driver refuses: {}", words(error)))?;
        if opened.capability.0 < CAPABILITY_MAJOR_MIN {
            let (major, minor) = opened.capability;
            return Err(format!(
                "the card has compute capability {major}.{minor}, and CUDA kernels want {CAPABILITY_MAJOR_MIN}.0; wgpu may do"
            ));
        }
        opened.code_cache = code_cache;
        Ok(opened)
    }

    fn connect(compiler: (i32, i32)) -> std::result::Result<Self, DriverError> {
        let context = CudaContext::new(0)?;
        // SAFETY: all memory is used by one stream alone, so nobody has to wait for others' use of it.
        unsafe { context.disable_event_tracking() };
        let stream = context.new_stream()?;
        let (major, minor) = context.compute_capability()?;
        let binding_bytes_max = (context.total_mem()? as u64).min(BINDING_BYTES_MAX);
        let info = BackendInfo {
            name: format!("cuda ({}, {})", context.name()?, arch((major, minor))),
            binding_bytes_max,
            threads: 0,
            targets: vec![Target::Cuda],
        };
        let (buffers, kernels, pending) = (HashMap::new(), HashMap::new(), HashMap::new());
        let (scratch, gathered, spares) = (None, None, Spares::default());
        Ok(Cuda {
            info,
            capability: (major, minor),
            compiler,
            code_cache: None,
            context,
            stream,
            buffers,
            kernels,
            scratch,
            gathered,
            spares,
            pending,
            submissions: 0,
            lost: None,
        })
    }

    fn check(&self) -> Result<()> {
        match &self.lost {
            Some(why) => Err(Error::DeviceLost { device: self.info.name.clone(), why: why.clone() }),
            None => Ok(()),
        }
    }

    /// What came of work on the card, with the end of the device noted.
    fn settle<T>(&mut self, done: std::result::Result<T, DriverError>) -> Result<T> {
        // Memory that could not be freed is told by the next who asks.
        let done = done.and_then(|done| self.context.check_err().map(|()| done));
        done.map_err(|error| {
            let why = self.lost.get_or_insert(words(error)).clone();
            Error::DeviceLost { device: self.info.name.clone(), why }
        })
    }

    /// What came of a wish for memory.
    fn granted<T>(
        &mut self,
        label: &'static str,
        bytes: u64,
        made: std::result::Result<T, DriverError>,
    ) -> Result<T> {
        match made {
            Err(DriverError(CUresult::CUDA_ERROR_OUT_OF_MEMORY)) => {
                let free = self.context.mem_get_info().map_or(0, |(free, _)| free as u64);
                Err(Error::OutOfMemory { label, asked: bytes, free })
            }
            made => self.settle(made),
        }
    }

    /// Memory of at least so many bytes in place of what `held` has, if that is less.
    fn at_least(
        &mut self,
        label: &'static str,
        bytes: u64,
        held: impl Fn(&mut Cuda) -> &mut Option<CudaSlice<u8>>,
    ) -> Result<()> {
        if bytes > 0 && held(self).as_ref().is_none_or(|held| (held.len() as u64) < bytes) {
            // The old one goes first, in the order of the stream.
            *held(self) = None;
            let made = self.stream.alloc_zeros((bytes as usize).next_multiple_of(VECTOR_BYTES));
            *held(self) = Some(self.granted(label, bytes, made)?);
        }
        Ok(())
    }

    /// Bytes of scratch that a recording's most demanding dispatch takes.
    fn scratch_bytes(&self, recording: &Recording) -> Result<u64> {
        let limit = self.info.binding_bytes_max;
        let mut most = 0;
        recording.play(|command| {
            let Command::Dispatch { kernel, params, .. } = command else { return Ok(()) };
            let asked = 4 * self.workgroups(kernel, params).1;
            most = most.max(asked);
            if asked > limit {
                return Err(Error::BufferTooLarge { label: kernel.name, asked, limit });
            }
            Ok(())
        })?;
        Ok(most)
    }

    fn workgroups(&self, kernel: &'static Kernel, params: &[u32]) -> ([u32; 2], u64) {
        let Prepared { source, resident, .. } = self.kernels[kernel.name];
        let limits = Limits { groups: WORKGROUPS_MAX, resident, scratch_words: SCRATCH_BYTES_MAX / 4 };
        source.workgroups(kernel, params, &limits)
    }

    /// A kernel's text as code on the card, or why there is none.
    fn compiled(&self, kernel: &'static Kernel) -> std::result::Result<Prepared, String> {
        let source = kernel.source(Target::Cuda)?;
        let (text, arch, cache) = (source.text(kernel), arch(self.capability), self.code_cache.as_deref());
        let key = cache.map(|_| kept::key(&text, &arch, self.compiler));
        let kept = cache.zip(key.as_deref());
        // Code that the driver refuses is compiled anew, like code that is not there.
        let found = kept.and_then(|(cache, key)| kept::get(cache, key));
        if let Some(Ok(prepared)) = found.map(|code| self.loaded(kernel, source, code)) {
            return Ok(prepared);
        }
        let code = nvrtc::compile(kernel.name, &text, &arch)?;
        let prepared = self.loaded(kernel, source, code.clone())?;
        if let Some((cache, key)) = kept {
            kept::put(cache, key, &code);
        }
        Ok(prepared)
    }

    /// Machine code on the card.
    fn loaded(
        &self,
        kernel: &Kernel,
        source: &'static Source,
        code: Vec<u8>,
    ) -> std::result::Result<Prepared, String> {
        let module = self.context.load_module(Ptx::from_binary(code)).map_err(words)?;
        let entry = |name: &&str| module.load_function(&format!("kernel_{name}")).map_err(words);
        let entries: Vec<_> = source.entries.iter().map(entry).collect::<std::result::Result<_, String>>()?;
        let threads = kernel.workgroup.iter().product();
        let room =
            |entry: &CudaFunction| entry.occupancy_max_active_blocks_per_multiprocessor(threads, 0, None);
        let mut each = u32::MAX;
        for entry in entries.iter().filter(|_| source.resident) {
            each = each.min(room(entry).map_err(words)?);
        }
        let multiprocessors =
            self.context.attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT).map_err(words)?;
        Ok(Prepared { source, entries, resident: each.saturating_mul(multiprocessors as u32) })
    }

    fn buffer(&self, id: BufferId) -> &CudaSlice<u8> {
        self.buffers.get(&id).unwrap_or_else(|| panic!("{id:?} was destroyed, this is a bug"))
    }

    /// Puts a command into the stream; reads go to `gathered`, where `pinned` has them later.
    fn enqueue(&mut self, command: &Command, pinned: &mut Pinned) -> std::result::Result<(), DriverError> {
        match command {
            Command::Write { target, offset, bytes } => {
                let buffer = self.buffers.get_mut(&target.id);
                let buffer = buffer.unwrap_or_else(|| panic!("{target} was destroyed, this is a bug"));
                // Of memory that is not pinned the driver has made a copy when this returns.
                let kept = pinned.keep(bytes)?;
                self.stream.memcpy_htod(kept, &mut buffer.slice_mut(*offset..offset + bytes.len()))
            }
            Command::Copy { source, source_offset, target, target_offset, len } => {
                let both = self.buffers.get_disjoint_mut([&source.id, &target.id]);
                let [Some(from), Some(to)] = both else {
                    panic!("{source} or {target} was destroyed, this is a bug")
                };
                let from = from.slice(*source_offset..source_offset + len);
                self.stream.memcpy_dtod(&from, &mut to.slice_mut(*target_offset..target_offset + len))
            }
            Command::Read { source, offset, len } => {
                if *len == 0 {
                    return Ok(());
                }
                let from = self.buffers[&source.id].slice(*offset..offset + len);
                let gathered = self.gathered.as_mut().expect("made for all reads; this is a bug");
                self.stream.memcpy_dtod(&from, &mut gathered.slice_mut(pinned.read_next(*len)))
            }
            Command::Dispatch { kernel, params, buffers } => self.dispatch(kernel, params, buffers),
            Command::Repeat { .. } => unreachable!("play unrolls repeats, this is a bug"),
        }
    }

    fn dispatch(
        &self,
        kernel: &'static Kernel,
        params: &[u32],
        buffers: &[AnyBuffer],
    ) -> std::result::Result<(), DriverError> {
        let ([x, y], scratch_words) = self.workgroups(kernel, params);
        let Prepared { source, entries, .. } = &self.kernels[kernel.name];
        let mut memory: Vec<&CudaSlice<u8>> = buffers.iter().map(|buffer| self.buffer(buffer.id)).collect();
        if !matches!(source.scratch, Scratch::None) {
            memory.push(self.scratch.as_ref().expect("made before anything began; this is a bug"));
        }
        let pointers: Vec<u64> = memory.iter().map(|memory| memory.device_ptr(&self.stream).0).collect();
        if let (Scratch::Zeros(_), Some(&scratch)) = (source.scratch, pointers.last()) {
            // SAFETY: scratch is at least so long, and whatever used it before went into the same stream.
            unsafe { memset_d8_async(scratch, 0, scratch_words as usize * 4, self.stream.cu_stream())? };
        }
        let threads = kernel.workgroup.iter().product();
        let shape = LaunchConfig { grid_dim: (x, y, 1), block_dim: (threads, 1, 1), shared_mem_bytes: 0 };
        let arguments = Arguments::new(kernel, &pointers, params);
        for entry in entries {
            // SAFETY: the entry takes one struct, which is laid out as `Arguments` says; its pointers are to live memory of
            // this stream, which is freed in the stream's order; that it keeps within that memory is the law of the kernel,
            // whose shapes were checked when the dispatch was recorded.
            unsafe {
                let mut launch = self.stream.launch_builder(entry);
                launch.arg(&arguments);
                if source.resident { launch.launch_cooperative(shape)? } else { launch.launch(shape)? }
            };
        }
        Ok(())
    }

    /// Pinned memory of at least so many bytes, if it is any.
    fn pinned(&mut self, bytes: usize) -> Result<Option<PinnedHostSlice<u8>>> {
        let made = self.spares.take(bytes, &self.context);
        self.granted("pinned", bytes as u64, made)
    }

    /// All of a recording in the stream, between two events. On failure too, nothing uses pinned memory any more.
    fn play(
        &mut self,
        recording: &Recording,
        mut pinned: Pinned,
    ) -> std::result::Result<Pending, DriverError> {
        let timed = Some(CUevent_flags::CU_EVENT_DEFAULT);
        let mut lens = Vec::new();
        let mut enqueue_all = || {
            let begun = self.stream.record_event(timed)?;
            recording.play(|command| {
                if let Command::Read { len, .. } = command {
                    lens.push(*len);
                }
                self.enqueue(command, &mut pinned)
            })?;
            if let (Some(to), Some(gathered)) = (pinned.read_place()?, &self.gathered) {
                self.stream.memcpy_dtoh(&gathered.slice(..to.len()), to)?;
            }
            Ok((begun, self.stream.record_event(timed)?))
        };
        match enqueue_all() {
            Ok((begun, done)) => Ok(Pending { begun, done, lens, pinned }),
            Err(error) => {
                // The copy may be under way; of a second failure nothing more can be made.
                _ = self.stream.synchronize();
                Err(error)
            }
        }
    }

    /// What a submission read, once it is done.
    fn finish(&mut self, pending: Pending) -> std::result::Result<Reads, DriverError> {
        let Pending { begun, done, lens, pinned } = pending;
        done.synchronize()?;
        let mut reads = Reads { parts: Vec::new(), device_ns: Some((begun.elapsed_ms(&done)? * 1e6) as u64) };
        let mut rest = pinned.bytes_read()?;
        for len in lens {
            let (own, after) = rest.split_at(len);
            reads.parts.push(AlignedBytes::copy_of(own));
            rest = after;
        }
        self.spares.put_back(pinned);
        Ok(reads)
    }
}

impl Drop for Cuda {
    fn drop(&mut self) {
        // Whichever thread this is, what follows is freed in the card's context, once nothing uses it. Nobody is left to be told.
        _ = self.context.bind_to_thread();
        _ = self.stream.synchronize();
    }
}

/// cudarc panics where a library lacks a function: each is looked up when it is first called.
const LACKING: &str = "the CUDA libraries found lack functions of CUDA 13.0";

/// It panics as well where it calls into a library that is not there, so it is asked first.
fn driver_is_there() -> std::result::Result<(), String> {
    // SAFETY: loading the driver's library runs what it runs in every program that uses it.
    let is_there = unsafe { sys::is_culib_present() };
    is_there.then_some(()).ok_or_else(|| "no CUDA driver found (libcuda)".to_owned())
}

/// What the compiler calls cards of a compute capability, such as `sm_90`.
fn arch((major, minor): (i32, i32)) -> String {
    format!("sm_{major}{minor}")
}

/// An error of the driver, in its own words.
fn words(error: DriverError) -> String {
    let text = error.error_string().map(|text| text.to_string_lossy().into_owned());
    text.map_or_else(|_| format!("{:?}", error.0), |text| format!("{text} ({:?})", error.0))
}

impl Backend for Cuda {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn create_buffer(&mut self, id: BufferId, label: &'static str, bytes: u64) -> Result<()> {
        self.check()?;
        let made = self.stream.alloc_zeros((bytes as usize).next_multiple_of(VECTOR_BYTES));
        let buffer = self.granted(label, bytes, made)?;
        let old = self.buffers.insert(id, buffer);
        assert!(old.is_none(), "buffer {label} created twice, this is a bug");
        Ok(())
    }

    fn destroy_buffer(&mut self, id: BufferId) {
        // What is under way still uses it, so it goes when the stream has come so far. A failure is told by the next who asks.
        self.context.record_err(self.context.bind_to_thread());
        let old = self.buffers.remove(&id);
        assert!(old.is_some(), "buffer {id:?} destroyed twice, this is a bug");
    }

    fn prepare(&mut self, kernel: &'static Kernel) -> Result<()> {
        self.check()?;
        if self.kernels.contains_key(kernel.name) {
            return Ok(());
        }
        let prepared = self.compiled(kernel);
        let device = || self.info.name.clone();
        let no_form = |why| Error::NoForm { kernel: kernel.name, device: device(), why };
        self.kernels.insert(kernel.name, prepared.map_err(no_form)?);
        Ok(())
    }

    fn submit(&mut self, recording: Recording) -> Result<Receipt> {
        self.check()?;
        let (mut read_bytes, mut written_bytes) = (0, 0);
        recording.play(|command| {
            match command {
                Command::Read { len, .. } => read_bytes += len,
                Command::Write { bytes, .. } => written_bytes += bytes.len(),
                _ => {}
            }
            Ok::<(), Error>(())
        })?;
        let scratch_bytes = self.scratch_bytes(&recording)?;
        self.at_least("scratch", scratch_bytes, |cuda| &mut cuda.scratch)?;
        self.at_least("readback", read_bytes as u64, |cuda| &mut cuda.gathered)?;
        let read = self.pinned(read_bytes)?;
        // More is left to the driver.
        let written = self.pinned(if written_bytes <= WRITTEN_BYTES_MAX { written_bytes } else { 0 })?;
        let played = self.play(&recording, Pinned::new(read, written));
        let pending = self.settle(played)?;
        self.submissions += 1;
        self.pending.insert(self.submissions, pending);
        Ok(Receipt(self.submissions))
    }

    fn wait(&mut self, receipt: Receipt) -> Result<Reads> {
        let pending = self.pending.remove(&receipt.0);
        let pending = pending.unwrap_or_else(|| panic!("{receipt:?} of another device, this is a bug"));
        self.check()?;
        let finished = self.finish(pending);
        self.settle(finished)
    }
}

#[cfg(test)]
mod tests;
