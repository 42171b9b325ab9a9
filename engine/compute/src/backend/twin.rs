//! The twin player: every command on two back ends, outputs compared after every dispatch.
//!
//! The first dispatch whose outputs differ by more than the kernel's tolerance stops the recording and is named.
//! After a dispatch with a tolerance, the left side's outputs are written to the right side, so that each dispatch
//! is judged on equal inputs and no drift within one tolerance is blamed on a later, exact kernel. Twice the memory
//! and several times the time: for tests, canaries and bug hunts, never for serving.

use std::collections::HashMap;

use super::{Backend, BackendInfo, Reads, Receipt};
use crate::buffer::{AnyBuffer, Buffer, BufferId};
use crate::compare::{Output, compare};
use crate::element::Element;
use crate::kernel::{Kernel, Tolerance};
use crate::recording::{Command, Recording};
use crate::{Error, Result};

pub(crate) struct Twin {
    left: Box<dyn Backend>,
    right: Box<dyn Backend>,
    info: BackendInfo,
    done: HashMap<u64, Reads>,
    submissions: u64,
}

impl Twin {
    pub fn new(left: Box<dyn Backend>, right: Box<dyn Backend>) -> Self {
        let (a, b) = (left.info(), right.info());
        let info = BackendInfo {
            name: format!("twin of {} and {}", a.name, b.name),
            binding_bytes_max: a.binding_bytes_max.min(b.binding_bytes_max),
            threads: a.threads.max(b.threads),
            targets: a.targets.iter().chain(&b.targets).copied().collect(),
        };
        Twin { left, right, info, done: HashMap::new(), submissions: 0 }
    }

    /// Plays one command on both sides; gives what each read.
    fn both(&mut self, recording: Recording) -> Result<(Reads, Reads)> {
        let left = self.left.submit(recording.clone())?;
        let right = self.right.submit(recording)?;
        Ok((self.left.wait(left)?, self.right.wait(right)?))
    }

    fn dispatch(&mut self, kernel: &'static Kernel, params: &[u32], buffers: &[AnyBuffer]) -> Result<()> {
        let written: Vec<usize> =
            (0..buffers.len()).filter(|&slot| kernel.bindings[slot].access.writes()).collect();
        let mut recording = Recording::from_command(Command::Dispatch {
            kernel,
            params: params.to_vec(),
            buffers: buffers.to_vec(),
        });
        for &slot in &written {
            recording.read_words(buffers[slot]);
        }
        let (left, right) = self.both(recording)?;
        let outputs: Vec<Output<'_>> = written
            .iter()
            .zip(left.parts.iter().zip(&right.parts))
            .map(|(&slot, (left, right))| {
                let bytes = buffers[slot].bytes();
                Output { binding: slot, left: &left.bytes()[..bytes], right: &right.bytes()[..bytes] }
            })
            .collect();
        if let Some(mut difference) = compare(kernel, params, &outputs) {
            difference.devices = [self.left.info().name.clone(), self.right.info().name.clone()];
            return Err(Error::TwinDiffers(Box::new(difference)));
        }
        if kernel.tolerance != Tolerance::Exact {
            let mut align = Recording::new();
            for (&slot, part) in written.iter().zip(&left.parts) {
                let words: Buffer<u32> = words_of(buffers[slot]);
                align.write(&words, 0, bytemuck::cast_slice(part.bytes()));
            }
            let receipt = self.right.submit(align)?;
            self.right.wait(receipt)?;
        }
        Ok(())
    }
}

impl Recording {
    fn from_command(command: Command) -> Self {
        let mut recording = Recording::new();
        recording.push(command);
        recording
    }

    fn read_words(&mut self, source: AnyBuffer) {
        self.read_all(&words_of(source));
    }
}

/// The whole of a buffer as 4-byte words; allocations are whole words even where the elements are not.
fn words_of(buffer: AnyBuffer) -> Buffer<u32> {
    Buffer::new(buffer.id, buffer.label, buffer.bytes().div_ceil(Element::U32.bytes()))
}

impl Backend for Twin {
    fn info(&self) -> &BackendInfo {
        &self.info
    }

    fn create_buffer(&mut self, id: BufferId, label: &'static str, bytes: u64) -> Result<()> {
        self.left.create_buffer(id, label, bytes)?;
        self.right.create_buffer(id, label, bytes).inspect_err(|_| self.left.destroy_buffer(id))
    }

    fn destroy_buffer(&mut self, id: BufferId) {
        self.left.destroy_buffer(id);
        self.right.destroy_buffer(id);
    }

    fn prepare(&mut self, kernel: &'static Kernel) -> Result<()> {
        self.left.prepare(kernel)?;
        self.right.prepare(kernel)
    }

    fn submit(&mut self, recording: Recording) -> Result<Receipt> {
        let mut reads = Reads::default();
        recording.play(|command| -> Result<()> {
            match command {
                Command::Dispatch { kernel, params, buffers } => self.dispatch(kernel, params, buffers),
                other => {
                    let (left, _) = self.both(Recording::from_command(other.clone()))?;
                    reads.parts.extend(left.parts);
                    Ok(())
                }
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use crate::backend::cpu::{Cpu, Form};
    use crate::kernel::{Binding, Grid, Params as _, Target};
    use crate::simd::Simd;

    crate::params! {
        pub struct Add {
            pub count: u32,
            pub step: u32,
            pub wrong_from: u32,
        }
    }

    /// Adds its step to every value; the fast form is off by `far` at one place, from one step on.
    fn add(args: &mut Args<'_>, far: f32) {
        let Add { count, step, wrong_from } = args.params();
        let values: &mut [f32] = args.write(0);
        for value in &mut values[..count as usize] {
            *value += step as f32;
        }
        if step >= wrong_from {
            values[2] += far;
        }
    }

    const fn kernel(tolerance: Tolerance, cpu: fn(&mut Args<'_>)) -> Kernel {
        Kernel {
            name: "add",
            bindings: const { &[Binding::read_write("values", Element::F32)] },
            params: Add::FIELDS,
            workgroup: [64, 1, 1],
            grid: Grid::per("count", 64),
            tolerance,
            reference: |args| add(args, 0.0),
            cpu,
            sources: &[],
            absent: &[(Target::Wgsl, "for tests only"), (Target::Cuda, "for tests only")],
            cases: |_| Vec::new(),
        }
    }

    static EXACT: Kernel = kernel(Tolerance::Exact, |args| add(args, 0.5));
    static LOOSE: Kernel = kernel(Tolerance::Nmse(1e-6), |args| add(args, 1e-3));

    fn twin() -> (Twin, Buffer<f32>) {
        let open = |form| Box::new(Cpu::open(form, Simd::portable(), 1, 1 << 30).expect("threads"));
        let mut twin = Twin::new(open(Form::Reference), open(Form::Fast));
        twin.create_buffer(BufferId(0), "values", 20).expect("20 bytes");
        (twin, Buffer::new(BufferId(0), "values", 5))
    }

    fn run(twin: &mut Twin, recording: Recording) -> Result<Reads> {
        let receipt = twin.submit(recording)?;
        twin.wait(receipt)
    }

    #[test]
    fn the_first_dispatch_that_differs_is_named() {
        let (mut twin, values) = twin();
        let mut recording = Recording::new();
        recording.write(&values, 0, &[10.0f32; 5]);
        recording.repeat(4, |round| {
            round.dispatch(&EXACT, &Add { count: 5, step: 1, wrong_from: 3 }, &[values.erase()]);
        });
        // Steps 1, 2 and 3 in the first three rounds: 10 + 1 + 2 + 3 on the left.
        match run(&mut twin, recording) {
            Err(Error::TwinDiffers(difference)) => {
                let said = difference.to_string();
                assert!(
                    said.starts_with("add: values[2] is 16.0 on the left and 16.5 on the right"),
                    "{said}"
                );
                assert!(said.contains("cpu-reference") && said.contains("portable"), "{said}");
            }
            other => panic!("{:?}", other.err()),
        }
    }

    #[test]
    fn agreement_passes_and_reads_come_from_the_left() {
        let (mut twin, values) = twin();
        let mut recording = Recording::new();
        recording.dispatch(&EXACT, &Add { count: 4, step: 7, wrong_from: 8 }, &[values.erase()]);
        let read = recording.read_all(&values);
        assert_eq!(run(&mut twin, recording).expect("equal sides").get(&read), [7.0, 7.0, 7.0, 7.0, 0.0]);
    }

    #[test]
    fn drift_within_a_tolerance_does_not_add_up() {
        let (mut twin, values) = twin();
        let mut recording = Recording::new();
        recording.write(&values, 0, &[2.0f32; 5]);
        // One error of 1e-3 in 2 is within the tolerance, two or more on top of each other are not.
        recording.repeat(50, |round| {
            round.dispatch(&LOOSE, &Add { count: 0, step: 0, wrong_from: 0 }, &[values.erase()]);
        });
        if let Err(error) = run(&mut twin, recording) {
            panic!("{error}");
        }
    }
}
