//! What a host form of a kernel is called with: parameters and views of the bound buffers.

use crate::element::Stored;
use crate::kernel::{Kernel, Params};
use crate::simd::Simd;

/// Arguments of one dispatch on the host. Views are zero-copy and start on a cache line.
pub struct Args<'a> {
    kernel: &'static Kernel,
    params: &'a [u32],
    slots: Vec<Slot<'a>>,
    simd: &'static Simd,
}

pub(crate) enum Slot<'a> {
    Read(&'a [u8]),
    Write(&'a mut [u8]),
    Taken,
}

impl<'a> Args<'a> {
    pub(crate) fn new(
        kernel: &'static Kernel,
        params: &'a [u32],
        slots: Vec<Slot<'a>>,
        simd: &'static Simd,
    ) -> Self {
        Args { kernel, params, slots, simd }
    }

    /// The parameter struct.
    pub fn params<P: Params>(&self) -> P {
        P::of(self.params)
    }

    /// The elements of a slot that the kernel declares `Read`. A buffer may be longer than the work: parameters
    /// say how much of it counts.
    pub fn read<T: Stored>(&self, slot: usize) -> &'a [T] {
        self.check::<T>(slot);
        match &self.slots[slot] {
            Slot::Read(bytes) => bytemuck::cast_slice(bytes),
            _ => panic!("{}: slot {slot} is not read-only, this is a bug", self.kernel.name),
        }
    }

    /// The elements of a slot that the kernel declares `Write` or `ReadWrite`. Can be taken once.
    pub fn write<T: Stored>(&mut self, slot: usize) -> &'a mut [T] {
        self.check::<T>(slot);
        match std::mem::replace(&mut self.slots[slot], Slot::Taken) {
            Slot::Write(bytes) => bytemuck::cast_slice_mut(bytes),
            _ => panic!("{}: slot {slot} is read-only or taken, this is a bug", self.kernel.name),
        }
    }

    /// The vector instructions this device may use.
    pub fn simd(&self) -> &'static Simd {
        self.simd
    }

    fn check<T: Stored>(&self, slot: usize) {
        let binding = &self.kernel.bindings[slot];
        let name = self.kernel.name;
        assert!(
            binding.element == T::ELEMENT,
            "{name}: {} holds {:?}, not {:?}, this is a bug",
            binding.name,
            binding.element,
            T::ELEMENT
        );
    }
}
