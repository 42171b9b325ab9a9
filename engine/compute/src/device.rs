//! `Device`: an opened back end with a memory budget, owned by one worker.
//!
//! Everything a recording could get wrong against this device (stale buffers, sizes) is checked here, once, so that
//! back ends stay stupid. A device is not shared and has no lock: whoever owns it runs it.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::backend::cpu::{Cpu, Form};
#[cfg(feature = "cuda")]
use crate::backend::cuda::Cuda;
use crate::backend::lossy::Lossy;
use crate::backend::twin::Twin;
#[cfg(feature = "wgpu")]
use crate::backend::wgpu::Wgpu;
use crate::backend::{Backend, Reads, Receipt};
use crate::buffer::{AnyBuffer, Buffer, BufferId};
use crate::code_cache::CodeCache;
use crate::element::Stored;
use crate::kernel::Kernel;
use crate::recording::{Command, Recording};
use crate::simd::Simd;
use crate::{Error, Result};

/// Which device to open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The CPU, and why no card.
    #[default]
    Auto,
    /// SIMD and threads.
    Cpu,
    /// The plain reference loops, for tests and twins.
    CpuReference,
    /// A GPU through wgpu.
    Wgpu,
    /// An NVIDIA GPU through CUDA.
    Cuda,
    /// Two devices that must agree, the left one taken for right.
    Twin(Box<DeviceChoice>, Box<DeviceChoice>),
}

impl fmt::Display for DeviceChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DeviceChoice::Auto => f.write_str("auto"),
            DeviceChoice::Cpu => f.write_str("cpu"),
            DeviceChoice::CpuReference => f.write_str("cpu-reference"),
            DeviceChoice::Wgpu => f.write_str("wgpu"),
            DeviceChoice::Cuda => f.write_str("cuda"),
            DeviceChoice::Twin(left, right) => write!(f, "twin({left},{right})"),
        }
    }
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let unknown = || Error::UnknownChoice { given: text.to_owned() };
        Ok(match text.trim() {
            "auto" => DeviceChoice::Auto,
            "cpu" => DeviceChoice::Cpu,
            "cpu-reference" => DeviceChoice::CpuReference,
            "wgpu" => DeviceChoice::Wgpu,
            "cuda" => DeviceChoice::Cuda,
            other => {
                let inner = other.strip_prefix("twin(").and_then(|rest| rest.strip_suffix(')'));
                let inner = inner.ok_or_else(unknown)?;
                // The comma that separates the two sides is the one outside any inner parentheses.
                let mut depth = 0;
                let comma = inner.char_indices().find(|&(_, c)| {
                    depth += i32::from(c == '(') - i32::from(c == ')');
                    c == ',' && depth == 0
                });
                let (comma, _) = comma.ok_or_else(unknown)?;
                let side = |text: &str| Ok::<_, Error>(Box::new(text.parse()?));
                DeviceChoice::Twin(side(&inner[..comma])?, side(&inner[comma + 1..])?)
            }
        })
    }
}

/// How to open a device.
#[derive(Clone, Debug)]
pub struct DeviceOptions {
    /// Which.
    pub choice: DeviceChoice,
    /// Bytes all its buffers together may take.
    pub memory_bytes_max: u64,
    /// Host threads of CPU kernels; 0 shares the process-wide pool.
    pub threads: usize,
    /// Lowers the device's limit of one buffer, so that tests can reach shard boundaries.
    pub binding_bytes_max: Option<u64>,
    /// Vector instructions the CPU forms may use: what was detected, unless a test asks for less.
    pub simd: &'static Simd,
    /// Lets `Wgpu` be a program that plays a card, for tests: such programs are slower than the CPU forms, and not right about
    /// large work.
    pub software: bool,
    /// Makes `Wgpu` as modest as adapters may be, for tests: its lanes pass each other nothing, and scratch is so short that few
    /// workgroups do all the work.
    pub modest: bool,
    /// Where code compiled for a card is kept from one opening to the next; nowhere unless the caller knows a place.
    pub code_cache: Option<Arc<dyn CodeCache>>,
    /// Loses the device when so many submissions are under way: a fault for tests of those who must survive it.
    pub lost_after: Option<u64>,
}

impl Default for DeviceOptions {
    fn default() -> Self {
        DeviceOptions {
            choice: DeviceChoice::Auto,
            memory_bytes_max: 4 << 30,
            threads: 0,
            binding_bytes_max: None,
            simd: Simd::detect(),
            software: false,
            modest: false,
            code_cache: None,
            lost_after: None,
        }
    }
}

/// What was opened, for people and for sharding.
#[derive(Clone, Debug)]
pub struct DeviceInfo {
    /// Name of the back end, with its instruction set or card.
    pub name: String,
    /// What was asked for.
    pub asked: DeviceChoice,
    /// Why it was chosen; `None` where the caller named it.
    pub why: Option<String>,
    /// Largest buffer; larger arrays are sharded by the caller.
    pub binding_bytes_max: u64,
    /// Host threads it computes with; 0 for a GPU.
    pub threads: usize,
    /// Budget for all buffers together.
    pub memory_bytes_max: u64,
}

impl DeviceInfo {
    /// If it is a GPU.
    pub fn is_card(&self) -> bool {
        self.threads == 0
    }
}

/// An opened back end.
pub struct Device {
    backend: Box<dyn Backend>,
    info: DeviceInfo,
    buffers: FxHashMap<BufferId, Allocation>,
    prepared: FxHashSet<&'static str>,
    next_id: u32,
    used_bytes: u64,
    peak_bytes: u64,
}

#[derive(Clone, Copy)]
struct Allocation {
    label: &'static str,
    bytes: u64,
}

/// The most a CPU buffer may hold unless told otherwise: no hardware limit stands behind it, but sizes beyond the
/// memory of any machine are mistakes.
const CPU_BINDING_BYTES_MAX: u64 = 1 << 46;

/// Why `Auto` leaves cards alone: from which size of work on they pay has to be timed, and here is no clock.
const NO_CARD_UNASKED: &str = "chosen by auto, which leaves cards to those who can time them";

impl Device {
    /// Opens the device asked for, or says why it cannot.
    pub fn open(options: &DeviceOptions) -> Result<Device> {
        let (mut backend, why) = open_backend(&options.choice, options)?;
        if let Some(submissions) = options.lost_after {
            backend = Box::new(Lossy::new(backend, submissions));
        }
        Ok(Device::over(backend, why, options))
    }

    /// A device that plays on an opened back end.
    pub(crate) fn over(backend: Box<dyn Backend>, why: Option<String>, options: &DeviceOptions) -> Device {
        let limit = backend.info().binding_bytes_max;
        let info = DeviceInfo {
            name: backend.info().name.clone(),
            asked: options.choice.clone(),
            why,
            binding_bytes_max: options.binding_bytes_max.map_or(limit, |asked| asked.min(limit)),
            threads: backend.info().threads,
            memory_bytes_max: options.memory_bytes_max,
        };
        let (buffers, prepared) = (FxHashMap::default(), FxHashSet::default());
        Device { backend, info, buffers, prepared, next_id: 0, used_bytes: 0, peak_bytes: 0 }
    }

    /// What was opened.
    pub fn info(&self) -> &DeviceInfo {
        &self.info
    }

    /// Bytes in buffers now.
    pub fn used_bytes(&self) -> u64 {
        self.used_bytes
    }

    /// Whether it has a form of a kernel.
    pub fn plays(&self, kernel: &Kernel) -> bool {
        self.backend.info().targets.iter().all(|target| kernel.source(*target).is_ok())
    }

    /// Most bytes that were in buffers at once.
    pub fn peak_bytes(&self) -> u64 {
        self.peak_bytes
    }

    /// Bytes left of the budget.
    pub fn free_bytes(&self) -> u64 {
        self.info.memory_bytes_max - self.used_bytes
    }

    /// Bytes in use by label, largest first.
    pub fn usage(&self) -> Vec<(&'static str, u64)> {
        let mut by_label: HashMap<&'static str, u64> = HashMap::new();
        for allocation in self.buffers.values() {
            *by_label.entry(allocation.label).or_default() += allocation.bytes;
        }
        let mut usage: Vec<_> = by_label.into_iter().collect();
        usage.sort_by_key(|&(label, bytes)| (std::cmp::Reverse(bytes), label));
        usage
    }

    /// A buffer of `len` zero elements. Fails if it is over the binding limit or the budget.
    pub fn create<T: Stored>(&mut self, label: &'static str, len: usize) -> Result<Buffer<T>> {
        // Devices copy whole words and bind nothing empty.
        let bytes = (len as u64 * T::ELEMENT.bytes() as u64).next_multiple_of(4).max(4);
        if bytes > self.info.binding_bytes_max {
            return Err(Error::BufferTooLarge { label, asked: bytes, limit: self.info.binding_bytes_max });
        }
        if bytes > self.free_bytes() {
            return Err(Error::OutOfMemory { label, asked: bytes, free: self.free_bytes() });
        }
        let id = BufferId(self.next_id);
        self.backend.create_buffer(id, label, bytes)?;
        self.next_id += 1;
        self.buffers.insert(id, Allocation { label, bytes });
        self.used_bytes += bytes;
        self.peak_bytes = self.peak_bytes.max(self.used_bytes);
        Ok(Buffer::new(id, label, len))
    }

    /// A buffer that holds `values`.
    pub fn upload<T: Stored>(&mut self, label: &'static str, values: &[T]) -> Result<Buffer<T>> {
        let whole_words = (values.len() * T::ELEMENT.bytes()).is_multiple_of(4);
        assert!(whole_words, "upload of part of a word to {label}, this is a bug");
        let buffer = self.create(label, values.len())?;
        let mut recording = Recording::new();
        recording.write(&buffer, 0, values);
        self.run(recording)?;
        Ok(buffer)
    }

    /// The elements of a buffer, once all that was submitted is done.
    pub fn download<T: Stored>(&mut self, buffer: &Buffer<T>) -> Result<Vec<T>> {
        let mut recording = Recording::new();
        let all = recording.read_all(buffer);
        Ok(self.run(recording)?.get(&all).to_vec())
    }

    /// Makes a buffer longer: a new one, a copy on the device, the old one freed. Both exist for a moment, so the
    /// budget must hold both. On failure the buffer is as it was.
    pub fn grow<T: Stored>(&mut self, buffer: &mut Buffer<T>, len: usize) -> Result<()> {
        assert!(
            len >= buffer.len(),
            "{} would shrink from {} to {len}, this is a bug",
            buffer.label(),
            buffer.len()
        );
        let longer = self.create(buffer.label(), len)?;
        let mut recording = Recording::new();
        recording.copy(buffer, 0, &longer, 0, buffer.len());
        if let Err(error) = self.run(recording) {
            self.destroy(longer);
            return Err(error);
        }
        self.destroy(std::mem::replace(buffer, longer));
        Ok(())
    }

    /// Frees a buffer.
    pub fn destroy<T: Stored>(&mut self, buffer: Buffer<T>) {
        let allocation = self.buffers.remove(&buffer.id());
        let allocation =
            allocation.unwrap_or_else(|| panic!("{} of another device, this is a bug", buffer.erase()));
        self.backend.destroy_buffer(buffer.id());
        self.used_bytes -= allocation.bytes;
    }

    /// What `make` creates, or nothing of it if it fails half-way.
    pub fn all_or_nothing<T>(&mut self, make: impl FnOnce(&mut Device) -> Result<T>) -> Result<T> {
        let first = self.next_id;
        let made = make(self);
        if made.is_err() {
            for id in (first..self.next_id).map(BufferId) {
                if let Some(allocation) = self.buffers.remove(&id) {
                    self.backend.destroy_buffer(id);
                    self.used_bytes -= allocation.bytes;
                }
            }
        }
        made
    }

    /// Makes kernels ready ahead of their first use, where a device has something to compile.
    pub fn prepare(&mut self, kernels: &[&'static Kernel]) -> Result<()> {
        for &kernel in kernels {
            if !self.prepared.contains(kernel.name) {
                self.backend.prepare(kernel)?;
                self.prepared.insert(kernel.name);
            }
        }
        Ok(())
    }

    /// Starts a recording; several may be under way, in order.
    pub fn submit(&mut self, recording: Recording) -> Result<Receipt> {
        check_alive(&self.buffers, recording.commands());
        self.prepare(&recording.kernels())?;
        self.backend.submit(recording)
    }

    /// Blocks until a submission is done.
    pub fn wait(&mut self, receipt: Receipt) -> Result<Reads> {
        self.backend.wait(receipt)
    }

    /// Runs as many recordings as there are items, each submitted before the one before it is waited for: while a card works on one,
    /// the host records the next and takes what the last one read. `record` says what a recording's reads are to be taken with.
    pub fn run_ahead<I, W>(
        &mut self,
        items: impl IntoIterator<Item = I>,
        mut record: impl FnMut(&mut Device, I) -> Result<(Recording, W)>,
        mut take: impl FnMut(Reads, W),
    ) -> Result<()> {
        let mut under_way = None;
        let mut outcome = Ok(());
        for item in items {
            let next = record(self, item)
                .and_then(|(recording, with)| self.submit(recording).map(|receipt| (receipt, with)));
            let before = under_way.take().map_or(Ok(()), |before| self.take(before, &mut take));
            outcome = before.and(next.map(|next| under_way = Some(next)));
            if outcome.is_err() {
                break;
            }
        }
        // What is under way is waited for whatever happened: nobody else will.
        outcome.and(under_way.map_or(Ok(()), |last| self.take(last, &mut take)))
    }

    fn take<W>(&mut self, (receipt, with): (Receipt, W), take: &mut impl FnMut(Reads, W)) -> Result<()> {
        take(self.wait(receipt)?, with);
        Ok(())
    }

    /// Submits and waits.
    pub fn run(&mut self, recording: Recording) -> Result<Reads> {
        let receipt = self.submit(recording)?;
        self.wait(receipt)
    }
}

/// The back end for a choice and, for `Auto`, why it is that one.
fn open_backend(
    choice: &DeviceChoice,
    options: &DeviceOptions,
) -> Result<(Box<dyn Backend>, Option<String>)> {
    let cpu = |form| -> Result<Box<dyn Backend>> {
        Ok(Box::new(Cpu::open(form, options.simd, options.threads, CPU_BINDING_BYTES_MAX)?))
    };
    let no_back_end = |why: &str| Error::NoDevice { asked: choice.to_string(), why: why.to_owned() };
    match choice {
        DeviceChoice::Auto => Ok((cpu(Form::Fast)?, Some(NO_CARD_UNASKED.to_owned()))),
        DeviceChoice::Cpu => Ok((cpu(Form::Fast)?, None)),
        DeviceChoice::CpuReference => Ok((cpu(Form::Reference)?, None)),
        #[cfg(feature = "wgpu")]
        DeviceChoice::Wgpu => Ok((
            Box::new(Wgpu::open(options.software, options.modest).map_err(|why| no_back_end(&why))?),
            None,
        )),
        #[cfg(not(feature = "wgpu"))]
        DeviceChoice::Wgpu => Err(no_back_end("this build has no wgpu back end")),
        #[cfg(feature = "cuda")]
        DeviceChoice::Cuda => {
            let opened = Cuda::open(options.code_cache.clone()).map_err(|why| no_back_end(&why))?;
            Ok((Box::new(opened), None))
        }
        #[cfg(not(feature = "cuda"))]
        DeviceChoice::Cuda => Err(no_back_end("this build has no CUDA back end")),
        DeviceChoice::Twin(left, right) => {
            let (left, _) = open_backend(left, options)?;
            let (right, _) = open_backend(right, options)?;
            Ok((Box::new(Twin::new(left, right)), None))
        }
    }
}

fn check_alive(buffers: &FxHashMap<BufferId, Allocation>, commands: &[Command]) {
    let check = |buffer: &AnyBuffer| {
        let known = buffers.get(&buffer.id);
        let known = known.unwrap_or_else(|| panic!("{buffer} is not on this device, this is a bug"));
        assert!(buffer.bytes() as u64 <= known.bytes, "{buffer} is shorter than its handle, this is a bug");
    };
    for command in commands {
        match command {
            Command::Write { target, .. } => check(target),
            Command::Dispatch { buffers, .. } => buffers.iter().for_each(check),
            Command::Repeat { commands, .. } => check_alive(buffers, commands),
            Command::Copy { source, target, .. } => {
                check(source);
                check(target);
            }
            Command::Read { source, .. } => check(source),
        }
    }
}
