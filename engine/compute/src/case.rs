//! `Case`: one input of a kernel, on which all its forms are compared; `Draw`: the seeded numbers cases are made of.

use bytemuck::Pod;

use crate::Result;
use crate::buffer::{AnyBuffer, Buffer};
use crate::device::Device;
use crate::element::Stored;
use crate::kernel::{Binding, Kernel, Params};
use crate::recording::{Command, Recording};

/// Parameters and initial contents of every binding, in order.
#[derive(Clone, Debug)]
pub struct Case {
    /// Shape and distribution, as it is printed on failure.
    pub name: String,
    /// Parameter struct as 4-byte words.
    pub params: Vec<u32>,
    /// Bytes of each binding before the dispatch.
    pub buffers: Vec<Vec<u8>>,
}

impl Case {
    /// A case without buffers yet.
    pub fn new<P: Params>(name: impl Into<String>, params: &P) -> Self {
        let params = bytemuck::cast_slice(bytemuck::bytes_of(params)).to_vec();
        Case { name: name.into(), params, buffers: Vec::new() }
    }

    /// Adds the next binding.
    pub fn bind<T: Stored>(mut self, values: &[T]) -> Self {
        self.buffers.push(bytemuck::cast_slice(values).to_vec());
        self
    }

    /// Runs one dispatch of `kernel` on this case and gives the bytes of every binding afterwards.
    pub fn play(&self, kernel: &'static Kernel, device: &mut Device) -> Result<Vec<Vec<u8>>> {
        let mut recording = Recording::new();
        let placed = self.place(kernel, device, &mut recording)?;
        placed.dispatch(&mut recording);
        let reads: Vec<_> = placed.words.iter().map(|buffer| recording.read_all(buffer)).collect();
        let played = device.run(recording);
        placed.take_away(device);
        let played = played?;
        let bytes = |(read, initial): (_, &Vec<u8>)| {
            let mut bytes = bytemuck::cast_slice(played.get(read)).to_vec();
            bytes.truncate(initial.len());
            bytes
        };
        Ok(reads.iter().zip(&self.buffers).map(bytes).collect())
    }

    /// Makes its buffers on a device and records what fills them; all or none of them.
    pub fn place(
        &self,
        kernel: &'static Kernel,
        device: &mut Device,
        recording: &mut Recording,
    ) -> Result<Placed> {
        assert!(
            self.params.len() == kernel.params.len(),
            "{}: {}: params, this is a bug",
            kernel.name,
            self.name
        );
        let fits = self.buffers.len() == kernel.bindings.len();
        assert!(fits, "{}: {}: buffers, this is a bug", kernel.name, self.name);
        // Whole words, whatever the elements are; the kernel sees just the elements.
        let words = device.all_or_nothing(|device| {
            let create = |(bytes, binding): (&Vec<u8>, &Binding)| {
                device.create::<u32>(binding.name, bytes.len().div_ceil(4))
            };
            self.buffers.iter().zip(kernel.bindings).map(create).collect::<Result<Vec<_>>>()
        })?;
        let mut bound = Vec::new();
        for ((bytes, binding), buffer) in self.buffers.iter().zip(kernel.bindings).zip(&words) {
            let mut values: Vec<u32> = bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect();
            let rest = bytes.chunks_exact(4).remainder();
            let mut last = [0; 4];
            last[..rest.len()].copy_from_slice(rest);
            values.extend((!rest.is_empty()).then(|| u32::from_ne_bytes(last)));
            recording.write(buffer, 0, &values);
            let len = bytes.len() / binding.element.bytes();
            bound.push(AnyBuffer { element: binding.element, len, ..buffer.erase() });
        }
        Ok(Placed { kernel, params: self.params.clone(), bound, words })
    }
}

/// A case whose buffers lie on a device, for those who play it more than once.
#[derive(Debug)]
pub struct Placed {
    kernel: &'static Kernel,
    params: Vec<u32>,
    bound: Vec<AnyBuffer>,
    words: Vec<Buffer<u32>>,
}

impl Placed {
    /// Records one dispatch, on whatever the last one left.
    pub fn dispatch(&self, recording: &mut Recording) {
        let (params, buffers) = (self.params.clone(), self.bound.clone());
        recording.push(Command::Dispatch { kernel: self.kernel, params, buffers });
    }

    /// Frees its buffers.
    pub fn take_away(self, device: &mut Device) {
        self.words.into_iter().for_each(|buffer| device.destroy(buffer));
    }
}

/// Words of a binding that was played.
#[cfg(test)]
pub(crate) fn words_of(bytes: &[u8]) -> Vec<u32> {
    bytes.chunks_exact(4).map(bytemuck::pod_read_unaligned).collect()
}

/// Numbers from a seed, the same on every machine (SplitMix64: Steele, Lea and Flood 2014).
#[derive(Clone, Debug)]
pub struct Draw {
    state: u64,
}

impl Draw {
    /// A sequence of its own for each seed.
    pub fn new(seed: u64) -> Self {
        Draw { state: seed }
    }

    /// 64 uniform bits.
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform in `0..n`; `n` is small against 2^64, so the bias does not matter for tests.
    pub fn below(&mut self, n: usize) -> usize {
        (self.bits() % n as u64) as usize
    }

    /// Uniform in -1..1.
    pub fn signed(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 23) as f32 - 1.0
    }

    /// About normal with variance 1: the sum of twelve uniforms.
    pub fn normal(&mut self) -> f32 {
        let sum: f32 = (0..12).map(|_| self.signed()).sum();
        sum / 2.0
    }

    /// `n` values of `make`.
    pub fn many<T: Pod>(&mut self, n: usize, mut make: impl FnMut(&mut Draw) -> T) -> Vec<T> {
        (0..n).map(|_| make(self)).collect()
    }
}
