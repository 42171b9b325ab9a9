//! `Recording`: ordered commands over buffers, as plain data.
//!
//! Whoever has work for a device writes it down here without knowing the device; a back end only plays it. A
//! recording is not a graph: commands run in order, nothing is fused or reordered. Shapes are checked while
//! recording, against the typed handles, so that a mistake panics in the code that made it.

use std::fmt;
use std::marker::PhantomData;

use crate::buffer::{AnyBuffer, Buffer};
use crate::element::{Element, Stored};
use crate::kernel::{Kernel, Params};

/// One step of a recording. Offsets and lengths are in bytes.
#[derive(Clone, Debug)]
pub enum Command {
    /// Host bytes to a buffer.
    Write {
        /// Where to.
        target: AnyBuffer,
        /// First byte written.
        offset: usize,
        /// What is written.
        bytes: Vec<u8>,
    },
    /// One run of a kernel.
    Dispatch {
        /// Which.
        kernel: &'static Kernel,
        /// Its parameter struct as 4-byte words.
        params: Vec<u32>,
        /// Its buffers in binding order.
        buffers: Vec<AnyBuffer>,
    },
    /// Commands run several times. A parameter field named `step` is raised by the number of the round, from 0.
    Repeat {
        /// How many rounds.
        times: u32,
        /// What is run in each.
        commands: Vec<Command>,
    },
    /// Bytes of a buffer to another one.
    Copy {
        /// Where from.
        source: AnyBuffer,
        /// First byte read.
        source_offset: usize,
        /// Where to.
        target: AnyBuffer,
        /// First byte written.
        target_offset: usize,
        /// Bytes copied.
        len: usize,
    },
    /// Bytes of a buffer back to the host.
    Read {
        /// Where from.
        source: AnyBuffer,
        /// First byte read.
        offset: usize,
        /// Bytes read.
        len: usize,
    },
}

/// Where in the [`Reads`](crate::Reads) of a recording a read will be found.
#[derive(Debug)]
pub struct Readback<T> {
    pub(crate) place: usize,
    elements: PhantomData<T>,
}

/// Ordered commands, to be played once.
#[derive(Clone, Debug, Default)]
pub struct Recording {
    commands: Vec<Command>,
    reads: usize,
    /// Depth of `repeat`: a read inside would have no single answer.
    depth: usize,
}

impl Recording {
    /// No commands yet.
    pub fn new() -> Self {
        Recording::default()
    }

    /// The commands so far.
    pub fn commands(&self) -> &[Command] {
        &self.commands
    }

    /// True if nothing was recorded.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    pub(crate) fn push(&mut self, command: Command) {
        self.commands.push(command);
    }

    /// Writes `values` to elements `first..` of `target`. For element types under 4 bytes, place and length must
    /// come to whole 4-byte words, which is what devices can copy.
    pub fn write<T: Stored>(&mut self, target: &Buffer<T>, first: usize, values: &[T]) {
        if values.is_empty() {
            return;
        }
        let target = target.erase();
        let offset = checked_range(&target, first, values.len());
        self.commands.push(Command::Write { target, offset, bytes: bytemuck::cast_slice(values).to_vec() });
    }

    /// Copies `len` elements. Source and target must be two buffers.
    pub fn copy<T: Stored>(
        &mut self,
        source: &Buffer<T>,
        source_first: usize,
        target: &Buffer<T>,
        target_first: usize,
        len: usize,
    ) {
        if len == 0 {
            return;
        }
        let (source, target) = (source.erase(), target.erase());
        assert!(source.id != target.id, "copy of {source} onto itself, this is a bug");
        self.commands.push(Command::Copy {
            source,
            source_offset: checked_range(&source, source_first, len),
            target,
            target_offset: checked_range(&target, target_first, len),
            len: len * T::ELEMENT.bytes(),
        });
    }

    /// Reads `len` elements from `first` once everything recorded before is done.
    pub fn read<T: Stored>(&mut self, source: &Buffer<T>, first: usize, len: usize) -> Readback<T> {
        assert!(self.depth == 0, "read inside a repeat, this is a bug");
        let source = source.erase();
        let offset = if len == 0 { 0 } else { checked_range(&source, first, len) };
        self.commands.push(Command::Read { source, offset, len: len * T::ELEMENT.bytes() });
        self.reads += 1;
        Readback { place: self.reads - 1, elements: PhantomData }
    }

    /// Reads a whole buffer.
    pub fn read_all<T: Stored>(&mut self, source: &Buffer<T>) -> Readback<T> {
        self.read(source, 0, source.len())
    }

    /// One run of `kernel`. Kernels offer `record` functions that check their shapes and call this.
    ///
    /// A buffer that is written may be bound only once: no device defines what aliased writes do.
    pub fn dispatch<P: Params>(&mut self, kernel: &'static Kernel, params: &P, buffers: &[AnyBuffer]) {
        let name = kernel.name;
        assert!(P::FIELDS == kernel.params, "{name}: parameters of another kernel, this is a bug");
        assert!(
            buffers.len() == kernel.bindings.len(),
            "{name}: {} buffers for {} bindings, this is a bug",
            buffers.len(),
            kernel.bindings.len()
        );
        for (slot, (buffer, binding)) in buffers.iter().zip(kernel.bindings).enumerate() {
            assert!(
                buffer.element == binding.element,
                "{name}: {buffer} holds {:?}, binding {} wants {:?}, this is a bug",
                buffer.element,
                binding.name,
                binding.element
            );
            let aliased = buffers.iter().enumerate().any(|(other, b)| other != slot && b.id == buffer.id);
            assert!(
                !(binding.access.writes() && aliased),
                "{name}: {buffer} written and bound twice, this is a bug"
            );
        }
        let params: Vec<u32> = bytemuck::cast_slice(bytemuck::bytes_of(params)).to_vec();
        self.commands.push(Command::Dispatch { kernel, params, buffers: buffers.to_vec() });
    }

    /// Records what `body` records, to be run `times` times on the device without returning to the host. A
    /// parameter field named `step` rises by one each round.
    pub fn repeat(&mut self, times: u32, body: impl FnOnce(&mut Recording)) {
        let mut inner = Recording { depth: self.depth + 1, ..Recording::default() };
        body(&mut inner);
        if times > 0 && !inner.commands.is_empty() {
            self.commands.push(Command::Repeat { times, commands: inner.commands });
        }
    }

    /// Calls `visit` on each command in the order of running, with repeats unrolled and steps counted.
    pub fn play<E>(&self, mut visit: impl FnMut(&Command) -> Result<(), E>) -> Result<(), E> {
        play_commands(&self.commands, 0, &mut visit)
    }

    /// Every kernel it dispatches.
    pub fn kernels(&self) -> Vec<&'static Kernel> {
        let mut found = Vec::new();
        collect_kernels(&self.commands, &mut found);
        found
    }
}

fn play_commands<E>(
    commands: &[Command],
    step: u32,
    visit: &mut impl FnMut(&Command) -> Result<(), E>,
) -> Result<(), E> {
    for command in commands {
        match command {
            Command::Repeat { times, commands } => {
                for round in 0..*times {
                    play_commands(commands, round, visit)?;
                }
            }
            Command::Dispatch { kernel, params, buffers } if step > 0 && kernel.field("step").is_some() => {
                let mut params = params.clone();
                let place = kernel.field("step").expect("asked above");
                params[place] = params[place].wrapping_add(step);
                visit(&Command::Dispatch { kernel, params, buffers: buffers.clone() })?;
            }
            other => visit(other)?,
        }
    }
    Ok(())
}

fn collect_kernels(commands: &[Command], found: &mut Vec<&'static Kernel>) {
    for command in commands {
        match command {
            Command::Dispatch { kernel, .. } if !found.iter().any(|known| known.name == kernel.name) => {
                found.push(kernel);
            }
            Command::Repeat { commands, .. } => collect_kernels(commands, found),
            _ => {}
        }
    }
}

/// First byte of the range, after checking that it lies in the buffer and on whole words.
fn checked_range(buffer: &AnyBuffer, first: usize, len: usize) -> usize {
    let fits = first.checked_add(len).is_some_and(|end| end <= buffer.len);
    assert!(fits, "elements {first}+{len} of {buffer}, which has {}, this is a bug", buffer.len);
    let (offset, bytes) = (first * buffer.element.bytes(), len * buffer.element.bytes());
    assert!(offset.is_multiple_of(4) && bytes.is_multiple_of(4), "part of a word of {buffer}, this is a bug");
    offset
}

impl fmt::Display for Recording {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_commands(f, &self.commands, 0)
    }
}

fn write_commands(f: &mut fmt::Formatter<'_>, commands: &[Command], indent: usize) -> fmt::Result {
    for command in commands {
        write!(f, "{:indent$}", "")?;
        match command {
            Command::Write { target, offset, bytes } => {
                writeln!(f, "write {target} {offset}..{}", offset + bytes.len())?;
            }
            Command::Dispatch { kernel, params, buffers } => {
                write!(f, "dispatch {}(", kernel.name)?;
                for (place, (field, &word)) in kernel.params.iter().zip(params).enumerate() {
                    let comma = if place > 0 { ", " } else { "" };
                    write!(f, "{comma}{}: ", field.name)?;
                    match field.element {
                        Element::F32 => write!(f, "{}", f32::from_bits(word))?,
                        Element::I32 => write!(f, "{}", word as i32)?,
                        _ => write!(f, "{word}")?,
                    }
                }
                write!(f, ")")?;
                for (buffer, binding) in buffers.iter().zip(kernel.bindings) {
                    let mark = if binding.access.writes() { "*" } else { "" };
                    write!(f, " {mark}{}={buffer}", binding.name)?;
                }
                writeln!(f)?;
            }
            Command::Repeat { times, commands } => {
                writeln!(f, "repeat {times}")?;
                write_commands(f, commands, indent + 2)?;
            }
            Command::Copy { source, source_offset, target, target_offset, len } => {
                writeln!(
                    f,
                    "copy {source} {source_offset}..{} to {target} {target_offset}..{}",
                    source_offset + len,
                    target_offset + len
                )?;
            }
            Command::Read { source, offset, len } => writeln!(f, "read {source} {offset}..{}", offset + len)?,
        }
    }
    Ok(())
}
