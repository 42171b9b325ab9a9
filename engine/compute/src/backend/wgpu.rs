//! The wgpu player: any card with a Vulkan driver, and software ones.
//!
//! A recording becomes one command buffer. What it writes and the parameters of its dispatches travel in staging buffers, what it
//! reads comes back in one buffer that is mapped when somebody waits. wgpu orders dispatches that share a buffer. The back end knows
//! no kernel: layouts follow from descriptors, texts are compiled when they are first wanted.
//!
//! Errors that the driver reports by callback are looked for after every call, so that none is lost and none ends the program.
//! A device that is lost stays lost.

mod adapter;
mod faults;
mod pipelines;
mod staging;

use std::collections::HashMap;
use std::future::Future;
use std::task::{Context, Poll, Waker};

use wgpu::{
    BindGroup, BindGroupDescriptor, BindGroupEntry, BindGroupLayout, BindingResource, BufferBinding,
    BufferDescriptor, BufferUsages, CommandEncoder, CommandEncoderDescriptor, ComputePass,
    ComputePassDescriptor, MapMode, PollType, QuerySet, QuerySetDescriptor, QueryType, SubmissionIndex,
};

use self::faults::Faults;
use self::pipelines::{Prepared, params_layout, prepare};
use self::staging::{Place, Staging};
use super::{Backend, BackendInfo, Reads, Receipt};
use crate::aligned::AlignedBytes;
use crate::buffer::{AnyBuffer, BufferId};
use crate::kernel::{Kernel, Target};
use crate::recording::{Command, Recording};
use crate::source::{Limits, Round, Scratch};
use crate::{Error, Result};

pub use self::adapter::{AdapterFound, adapters};

/// Scratch that workgroups share out among them unless one alone wants more; with more of it more of them run at once.
const SCRATCH_BYTES_MAX: u64 = 256 << 20;
/// The same where tests want few of them.
const SCRATCH_BYTES_MODEST: u64 = 1 << 17;
/// Buffers are made of whole ones of these, so that texts may look at them as vectors of four words.
const VECTOR_BYTES: u64 = 16;

pub(crate) struct Wgpu {
    info: BackendInfo,
    device: wgpu::Device,
    queue: wgpu::Queue,
    faults: Faults,
    buffers: HashMap<BufferId, wgpu::Buffer>,
    kernels: HashMap<&'static str, Prepared>,
    params: BindGroupLayout,
    scratch: Option<wgpu::Buffer>,
    /// Scratch that workgroups share out among them.
    scratch_bytes_max: u64,
    /// Most workgroups of a dispatch in one direction.
    workgroups_max: u32,
    pending: HashMap<u64, Pending>,
    submissions: u64,
}

/// A submission under way.
struct Pending {
    index: SubmissionIndex,
    reads: Vec<Read>,
    readback: Option<wgpu::Buffer>,
    /// If the first two words of 8 bytes are times.
    timed: bool,
}

struct Read {
    offset: u64,
    len: usize,
}

impl Wgpu {
    /// Opens the best adapter there is, a program that plays a card if `software` allows it, or says why there is none. Its lanes
    /// pass each other numbers if they can, and scratch is long, unless it is to be `modest`.
    pub fn open(software: bool, modest: bool) -> std::result::Result<Self, String> {
        let adapter::Opened { name, device, queue } = adapter::open(software, !modest)?;
        let faults = Faults::of(&device);
        let binding_bytes_max = adapter::binding_bytes_max(&device.limits());
        let (name, targets) = (format!("wgpu ({name})"), vec![Target::Wgsl]);
        let info = BackendInfo { name, binding_bytes_max, threads: 0, targets };
        let params = params_layout(&device);
        let workgroups_max = device.limits().max_compute_workgroups_per_dimension;
        let (buffers, kernels, pending) = (HashMap::new(), HashMap::new(), HashMap::new());
        Ok(Wgpu {
            info,
            device,
            queue,
            faults,
            buffers,
            kernels,
            params,
            scratch: None,
            scratch_bytes_max: if modest { SCRATCH_BYTES_MODEST } else { SCRATCH_BYTES_MAX },
            workgroups_max,
            pending,
            submissions: 0,
        })
    }

    fn check(&self) -> Result<()> {
        self.faults.check(&self.info.name)
    }

    fn buffer(&self, id: BufferId) -> &wgpu::Buffer {
        self.buffers.get(&id).unwrap_or_else(|| panic!("{id:?} was destroyed, this is a bug"))
    }

    /// A new buffer, or the error for having no memory.
    fn allocate(&self, label: &'static str, bytes: u64, usage: BufferUsages) -> Result<wgpu::Buffer> {
        let descriptor =
            BufferDescriptor { label: Some(label), size: bytes, usage, mapped_at_creation: false };
        let buffer = self.device.create_buffer(&descriptor);
        match self.faults.take(&self.info.name) {
            None => Ok(buffer),
            // The driver does not say how much it would have given.
            Some((_, true)) => Err(Error::OutOfMemory { label, asked: bytes, free: 0 }),
            Some((error, false)) => Err(error),
        }
    }

    /// Workgroups of a dispatch and the bytes of their scratch, after making room for it.
    fn workgroups(&mut self, kernel: &'static Kernel, params: &[u32]) -> Result<([u32; 3], u64)> {
        let limit = self.info.binding_bytes_max;
        let source = self.kernels[kernel.name].source;
        let limits = Limits {
            groups: [self.workgroups_max; 2],
            resident: 1,
            scratch_words: self.scratch_bytes_max.min(limit) / 4,
        };
        let ([x, y], words) = source.workgroups(kernel, params, &limits);
        let groups = [x, y, 1];
        if words == 0 {
            return Ok((groups, 0));
        }
        let bytes = (words * 4).next_multiple_of(VECTOR_BYTES);
        if bytes > limit {
            return Err(Error::BufferTooLarge { label: kernel.name, asked: bytes, limit });
        }
        if self.scratch.as_ref().is_none_or(|scratch| scratch.size() < bytes) {
            // The old one lives on as long as what was recorded with it.
            let room = bytes.next_power_of_two().clamp(VECTOR_BYTES, limit);
            let usage = BufferUsages::STORAGE | BufferUsages::COPY_DST;
            self.scratch = Some(self.allocate("scratch", room, usage)?);
        }
        Ok((groups, bytes))
    }

    /// The bind group of a dispatch's arrays.
    fn arrays(&self, kernel: &'static Kernel, buffers: &[AnyBuffer]) -> BindGroup {
        let prepared = &self.kernels[kernel.name];
        let bound = buffers.iter().map(|buffer| self.buffer(buffer.id));
        let scratch = match prepared.source.scratch {
            Scratch::None => None,
            _ => self.scratch.as_ref(),
        };
        let entries: Vec<BindGroupEntry<'_>> = bound
            .chain(scratch)
            .zip(0..)
            .map(|(buffer, binding)| BindGroupEntry { binding, resource: buffer.as_entire_binding() })
            .collect();
        let (label, layout) = (Some(kernel.name), &prepared.arrays);
        self.device.create_bind_group(&BindGroupDescriptor { label, layout, entries: &entries })
    }

    fn times(&self) -> Option<QuerySet> {
        self.device.features().contains(adapter::TIMESTAMPS).then(|| {
            let (label, ty) = (Some("times"), QueryType::Timestamp);
            self.device.create_query_set(&QuerySetDescriptor { label, ty, count: 2 })
        })
    }
}

/// A recording on its way to a command buffer.
struct Encoding {
    /// Open while one dispatch follows another. Dropped before the encoder, of which it is a part.
    pass: Option<ComputePass<'static>>,
    encoder: CommandEncoder,
    staging: Staging,
    readback: Option<wgpu::Buffer>,
    reads: Vec<Read>,
    /// First free byte of `readback`.
    read_bytes: u64,
    /// Bind groups of the recording: those of its dispatches, and one of parameters a staging buffer.
    arrays: HashMap<(&'static str, Vec<BufferId>), BindGroup>,
    params: HashMap<usize, BindGroup>,
}

impl Encoding {
    /// Between passes, where bytes are copied.
    fn between(&mut self) -> &mut CommandEncoder {
        self.pass = None;
        &mut self.encoder
    }

    fn pass(&mut self) -> &mut ComputePass<'static> {
        let encoder = &mut self.encoder;
        self.pass.get_or_insert_with(|| {
            encoder.begin_compute_pass(&ComputePassDescriptor::default()).forget_lifetime()
        })
    }
}

impl Wgpu {
    fn encode(&mut self, encoding: &mut Encoding, command: &Command) -> Result<()> {
        match command {
            Command::Write { target, offset, bytes } => {
                let place = self.stage(encoding, bytes)?;
                encoding.pass = None;
                let (from, to) = (encoding.staging.buffer(place), self.buffer(target.id));
                let (len, offset) = (bytes.len() as u64, *offset as u64);
                encoding.encoder.copy_buffer_to_buffer(from, place.offset, to, offset, len);
            }
            Command::Copy { source, source_offset, target, target_offset, len } => {
                let (from, to) = (self.buffer(source.id), self.buffer(target.id));
                let (offsets, len) = ([*source_offset as u64, *target_offset as u64], *len as u64);
                encoding.between().copy_buffer_to_buffer(from, offsets[0], to, offsets[1], len);
            }
            Command::Read { source, offset, len } => {
                let read = Read { offset: encoding.read_bytes, len: *len };
                if *len > 0 {
                    encoding.pass = None;
                    let to = encoding.readback.as_ref().expect("made for all reads; this is a bug");
                    let (from, len) = (self.buffer(source.id), *len as u64);
                    encoding.encoder.copy_buffer_to_buffer(from, *offset as u64, to, read.offset, len);
                    encoding.read_bytes += len;
                }
                encoding.reads.push(read);
            }
            Command::Dispatch { kernel, params, buffers } => {
                self.dispatch(encoding, kernel, params, buffers)?;
            }
            Command::Repeat { .. } => unreachable!("play unrolls repeats, this is a bug"),
        }
        Ok(())
    }

    fn stage(&self, encoding: &mut Encoding, bytes: &[u8]) -> Result<Place> {
        let place = encoding.staging.put(&self.device, bytes);
        let asked = bytes.len() as u64;
        place.map_or_else(
            || self.check().and(Err(Error::OutOfMemory { label: "staging", asked, free: 0 })),
            Ok,
        )
    }

    fn dispatch(
        &mut self,
        encoding: &mut Encoding,
        kernel: &'static Kernel,
        params: &[u32],
        buffers: &[AnyBuffer],
    ) -> Result<()> {
        let scratch_before = self.scratch.clone();
        let ([x, y, z], scratch_bytes) = self.workgroups(kernel, params)?;
        if self.scratch != scratch_before {
            encoding.arrays.clear();
        }
        let ids = buffers.iter().map(|buffer| buffer.id).collect();
        let arrays =
            encoding.arrays.entry((kernel.name, ids)).or_insert_with(|| self.arrays(kernel, buffers));
        let arrays = arrays.clone();
        let source = self.kernels[kernel.name].source;
        if let (Scratch::Zeros(_), Some(scratch)) = (source.scratch, &self.scratch) {
            encoding.between().clear_buffer(scratch, 0, Some(scratch_bytes));
        }
        let field = |name: &str| {
            kernel
                .field(name)
                .unwrap_or_else(|| panic!("{}: no parameter {name}, this is a bug", kernel.name))
        };
        let Some(schedule) = source.schedule else {
            return self.launch(encoding, kernel, params, &arrays, [x, y, z], 0..source.entries.len());
        };
        let mut of_round = params.to_vec();
        for Round { ahead, entries } in schedule(params) {
            of_round[field("step")] = params[field("step")] + ahead;
            of_round[field("steps")] = params[field("steps")] - ahead;
            self.launch(encoding, kernel, &of_round, &arrays, [x, y, z], entries.iter().copied())?;
        }
        Ok(())
    }

    /// Entries of a kernel one after the other, with the same parameters.
    fn launch(
        &self,
        encoding: &mut Encoding,
        kernel: &'static Kernel,
        params: &[u32],
        arrays: &BindGroup,
        [x, y, z]: [u32; 3],
        entries: impl Iterator<Item = usize>,
    ) -> Result<()> {
        let place = self.stage(encoding, bytemuck::cast_slice(params))?;
        let uniform = self.uniform(encoding, place);
        let pass = encoding.pass();
        pass.set_bind_group(0, arrays, &[]);
        pass.set_bind_group(1, &uniform, &[place.offset as u32]);
        for entry in entries {
            pass.set_pipeline(&self.kernels[kernel.name].pipelines[entry]);
            pass.dispatch_workgroups(x, y, z);
        }
        Ok(())
    }

    /// The bind group that parameters in a staging buffer are told by.
    fn uniform(&self, encoding: &mut Encoding, place: Place) -> BindGroup {
        let buffer = encoding.staging.buffer(place);
        let made = encoding.params.entry(place.chunk).or_insert_with(|| {
            let window = BufferBinding { buffer, offset: 0, size: Some(staging::PARAMS_BYTES) };
            let entries = [BindGroupEntry { binding: 0, resource: BindingResource::Buffer(window) }];
            let (label, layout) = (Some("params"), &self.params);
            self.device.create_bind_group(&BindGroupDescriptor { label, layout, entries: &entries })
        });
        made.clone()
    }
}

impl Backend for Wgpu {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn create_buffer(&mut self, id: BufferId, label: &'static str, bytes: u64) -> Result<()> {
        self.check()?;
        let usage = BufferUsages::STORAGE | BufferUsages::COPY_SRC | BufferUsages::COPY_DST;
        let buffer = self.allocate(label, bytes.next_multiple_of(VECTOR_BYTES), usage)?;
        let old = self.buffers.insert(id, buffer);
        assert!(old.is_none(), "buffer {label} created twice, this is a bug");
        Ok(())
    }

    fn destroy_buffer(&mut self, id: BufferId) {
        // What is under way still uses it, so it goes when that is done.
        let old = self.buffers.remove(&id);
        assert!(old.is_some(), "buffer {id:?} destroyed twice, this is a bug");
    }

    fn prepare(&mut self, kernel: &'static Kernel) -> Result<()> {
        self.check()?;
        if !self.kernels.contains_key(kernel.name) {
            let device = self.info.name.clone();
            let prepared = prepare(&self.device, &self.params, kernel);
            let prepared = prepared.map_err(|why| Error::NoForm { kernel: kernel.name, device, why })?;
            self.check()?;
            self.kernels.insert(kernel.name, prepared);
        }
        Ok(())
    }

    fn submit(&mut self, recording: Recording) -> Result<Receipt> {
        self.check()?;
        let times = self.times();
        let time_bytes = if times.is_some() { 16 } else { 0 };
        let read_bytes = |command: &Command| match command {
            Command::Read { len, .. } => *len as u64,
            _ => 0,
        };
        let bytes = time_bytes + recording.commands().iter().map(read_bytes).sum::<u64>();
        let readback_usage = BufferUsages::COPY_DST | BufferUsages::MAP_READ;
        let readback = (bytes > 0).then(|| self.allocate("readback", bytes, readback_usage)).transpose()?;
        let mut encoding = Encoding {
            encoder: self.device.create_command_encoder(&CommandEncoderDescriptor::default()),
            pass: None,
            staging: Staging::new(&self.device),
            readback,
            reads: Vec::new(),
            read_bytes: time_bytes,
            arrays: HashMap::new(),
            params: HashMap::new(),
        };
        if let Some(times) = &times {
            encoding.encoder.write_timestamp(times, 0);
        }
        recording.play(|command| self.encode(&mut encoding, command))?;
        if let (Some(times), Some(readback)) = (&times, &encoding.readback.clone()) {
            let usage = BufferUsages::QUERY_RESOLVE | BufferUsages::COPY_SRC;
            let resolved = self.allocate("times", time_bytes, usage)?;
            let encoder = encoding.between();
            encoder.write_timestamp(times, 1);
            encoder.resolve_query_set(times, 0..2, &resolved, 0);
            encoder.copy_buffer_to_buffer(&resolved, 0, readback, 0, time_bytes);
        }
        encoding.pass = None;
        encoding.staging.close();
        let index = self.queue.submit([encoding.encoder.finish()]);
        self.check()?;
        let Encoding { readback, reads, .. } = encoding;
        self.submissions += 1;
        self.pending.insert(self.submissions, Pending { index, reads, readback, timed: times.is_some() });
        Ok(Receipt(self.submissions))
    }

    fn wait(&mut self, receipt: Receipt) -> Result<Reads> {
        let pending = self.pending.remove(&receipt.0);
        let Pending { index, reads, readback, timed } =
            pending.unwrap_or_else(|| panic!("{receipt:?} of another device, this is a bug"));
        let driver = |why: String| Error::Driver { device: self.info.name.clone(), why };
        if let Some(readback) = &readback {
            // How it went shows when the bytes are looked at.
            readback.slice(..).map_async(MapMode::Read, |_| {});
        }
        let polled = self.device.poll(PollType::Wait { submission_index: Some(index), timeout: None });
        self.check()?;
        polled.map_err(|error| driver(error.to_string()))?;
        let mut done = Reads::default();
        let Some(readback) = readback else { return Ok(done) };
        let bytes = readback.slice(..).get_mapped_range().map_err(|error| driver(error.to_string()))?;
        if timed {
            let [from, to] = [0, 8].map(|at| bytemuck::pod_read_unaligned::<u64>(&bytes[at..at + 8]));
            let ticks_ns = f64::from(self.queue.get_timestamp_period());
            done.device_ns = Some((to.saturating_sub(from) as f64 * ticks_ns) as u64);
        }
        for Read { offset, len } in reads {
            done.parts.push(AlignedBytes::copy_of(&bytes[offset as usize..][..len]));
        }
        Ok(done)
    }
}

/// The output of a future of wgpu, which outside browsers is there at once.
fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => unreachable!("a future of wgpu that has to be waited for, this is a bug"),
    }
}

#[cfg(test)]
mod tests;
