//! What a kernel is called with on a card.

use cudarc::driver::DeviceRepr;

use crate::kernel::Kernel;

/// A kernel's `Arguments` as its text declares them: pointers, then parameters. Room for any kernel; of it, CUDA copies what the
/// kernel declares.
#[repr(C)]
pub(super) struct Arguments(pub [u64; Arguments::WORDS]);

// SAFETY: plain words without padding, and the text's struct has the same layout: pointers of 8 bytes in binding order, then
// parameters of 4 bytes.
unsafe impl DeviceRepr for Arguments {}

impl Arguments {
    const WORDS: usize = 64;

    pub fn new(kernel: &Kernel, pointers: &[u64], params: &[u32]) -> Arguments {
        let words = pointers.len() + params.len().div_ceil(2);
        assert!(words <= Arguments::WORDS, "{}: {words} words of arguments, this is a bug", kernel.name);
        let mut arguments = [0u64; Arguments::WORDS];
        arguments[..pointers.len()].copy_from_slice(pointers);
        let rest: &mut [u32] = bytemuck::cast_slice_mut(&mut arguments[pointers.len()..]);
        rest[..params.len()].copy_from_slice(params);
        Arguments(arguments)
    }
}
