//! The CPU player: buffers are host memory, a dispatch is a function call, a submission is done when it returns.
//!
//! Kernels see the buffers themselves, without copies. A written buffer is moved out of the table for the time of
//! the call, which is how several of them can be borrowed at once without `unsafe`. Threads are rayon's: the pool
//! of the process, or one of the size asked for.

use rayon::{ThreadPool, ThreadPoolBuilder};
use rustc_hash::FxHashMap;

use super::{Backend, BackendInfo, Reads, Receipt};
use crate::aligned::AlignedBytes;
use crate::args::{Args, Slot};
use crate::buffer::{AnyBuffer, BufferId};
use crate::kernel::Kernel;
use crate::recording::{Command, Recording};
use crate::simd::Simd;
use crate::{Error, Result};

/// Which host form of a kernel plays its dispatches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// SIMD and threads: the product.
    Fast,
    /// Plain loops: the law, for tests and twins.
    Reference,
}

pub(crate) struct Cpu {
    form: Form,
    simd: &'static Simd,
    pool: Option<ThreadPool>,
    info: BackendInfo,
    buffers: FxHashMap<BufferId, AlignedBytes>,
    /// Finished submissions nobody waited for yet.
    done: FxHashMap<u64, Reads>,
    submissions: u64,
}

impl Cpu {
    /// `threads` 0 shares the process-wide pool.
    pub fn open(form: Form, simd: &'static Simd, threads: usize, binding_bytes_max: u64) -> Result<Self> {
        let pool = match (form, threads) {
            (Form::Reference, _) | (Form::Fast, 0) => None,
            (Form::Fast, threads) => {
                let builder = ThreadPoolBuilder::new().num_threads(threads);
                let builder = builder.thread_name(|thread| format!("compute-{thread}"));
                Some(builder.build().map_err(|source| Error::Threads { threads, source })?)
            }
        };
        let threads = match form {
            Form::Reference => 1,
            Form::Fast => {
                pool.as_ref().map_or_else(rayon::current_num_threads, ThreadPool::current_num_threads)
            }
        };
        let name = match form {
            Form::Reference => "cpu-reference".to_owned(),
            Form::Fast => format!("cpu ({}, {threads} threads)", simd.name()),
        };
        let info = BackendInfo { name, binding_bytes_max, threads, targets: Vec::new() };
        let (buffers, done) = (FxHashMap::default(), FxHashMap::default());
        Ok(Cpu { form, simd, pool, info, buffers, done, submissions: 0 })
    }

    fn buffer(&self, buffer: &AnyBuffer) -> &AlignedBytes {
        self.buffers.get(&buffer.id).unwrap_or_else(|| panic!("{buffer} was destroyed, this is a bug"))
    }

    fn buffer_mut(&mut self, buffer: &AnyBuffer) -> &mut AlignedBytes {
        self.buffers.get_mut(&buffer.id).unwrap_or_else(|| panic!("{buffer} was destroyed, this is a bug"))
    }

    fn dispatch(&mut self, kernel: &'static Kernel, params: &[u32], buffers: &[AnyBuffer]) {
        let mut written = Vec::new();
        for (buffer, binding) in buffers.iter().zip(kernel.bindings) {
            if binding.access.writes() {
                written.push(std::mem::take(self.buffer_mut(buffer)));
            }
        }
        let mut outputs = written.iter_mut();
        let slots = buffers.iter().zip(kernel.bindings).map(|(buffer, binding)| {
            // The allocation may be longer than the handle says by up to one word.
            if binding.access.writes() {
                let bytes = outputs.next().expect("collected above");
                Slot::Write(&mut bytes.bytes_mut()[..buffer.bytes()])
            } else {
                Slot::Read(&self.buffer(buffer).bytes()[..buffer.bytes()])
            }
        });
        let mut args = Args::new(kernel, params, slots.collect(), self.simd);
        let run = match self.form {
            Form::Fast => kernel.cpu,
            Form::Reference => kernel.reference,
        };
        match &self.pool {
            // What one workgroup does is no work for two threads, and handing it over would take longer than many a kernel.
            Some(pool) if kernel.workgroups(params) != [1, 1, 1] => pool.install(|| run(&mut args)),
            _ => run(&mut args),
        }
        let mut written = written.into_iter();
        for (buffer, binding) in buffers.iter().zip(kernel.bindings) {
            if binding.access.writes() {
                *self.buffer_mut(buffer) = written.next().expect("collected above");
            }
        }
    }
}

impl Backend for Cpu {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn create_buffer(&mut self, id: BufferId, label: &'static str, bytes: u64) -> Result<()> {
        let len = usize::try_from(bytes).ok();
        let memory = len.and_then(AlignedBytes::zeroed);
        // The allocator refused, and it does not say how much it would have given.
        let memory = memory.ok_or(Error::OutOfMemory { label, asked: bytes, free: 0 })?;
        let old = self.buffers.insert(id, memory);
        assert!(old.is_none(), "buffer {label} created twice, this is a bug");
        Ok(())
    }

    fn destroy_buffer(&mut self, id: BufferId) {
        let old = self.buffers.remove(&id);
        assert!(old.is_some(), "buffer {id:?} destroyed twice, this is a bug");
    }

    fn prepare(&mut self, _kernel: &'static Kernel) -> Result<()> {
        // Both host forms were compiled with the program.
        Ok(())
    }

    fn submit(&mut self, recording: Recording) -> Result<Receipt> {
        let mut reads = Reads::default();
        recording.play(|command| -> Result<()> {
            match command {
                Command::Write { target, offset, bytes } => {
                    self.buffer_mut(target).bytes_mut()[*offset..offset + bytes.len()].copy_from_slice(bytes);
                }
                Command::Dispatch { kernel, params, buffers } => self.dispatch(kernel, params, buffers),
                Command::Copy { source, source_offset, target, target_offset, len } => {
                    let mut to = std::mem::take(self.buffer_mut(target));
                    let from = &self.buffer(source).bytes()[*source_offset..source_offset + len];
                    to.bytes_mut()[*target_offset..target_offset + len].copy_from_slice(from);
                    *self.buffer_mut(target) = to;
                }
                Command::Read { source, offset, len } => {
                    let from = &self.buffer(source).bytes()[*offset..offset + len];
                    reads.parts.push(AlignedBytes::copy_of(from));
                }
                Command::Repeat { .. } => unreachable!("play unrolls repeats, this is a bug"),
            }
            Ok(())
        })?;
        self.submissions += 1;
        self.done.insert(self.submissions, reads);
        Ok(Receipt(self.submissions))
    }

    fn wait(&mut self, receipt: Receipt) -> Result<Reads> {
        let reads = self.done.remove(&receipt.0);
        Ok(reads.unwrap_or_else(|| panic!("{receipt:?} of another device, this is a bug")))
    }
}
