//! Host memory aligned to a cache line, which SIMD loads and every element type can look at without a copy.

use bytemuck::{Pod, Zeroable};

/// One cache line; the alignment is what this type is for.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Zero-initialised bytes that start on a cache line.
pub(crate) struct AlignedBytes {
    memory: Memory,
    len: usize,
}

enum Memory {
    Heap(Vec<Line>),
    #[cfg(target_os = "linux")]
    Mapped(mapping::Mapping),
}

impl Default for AlignedBytes {
    fn default() -> Self {
        AlignedBytes { memory: Memory::Heap(Vec::new()), len: 0 }
    }
}

impl AlignedBytes {
    /// `len` zero bytes, or `None` if the machine has no memory for them.
    pub fn zeroed(len: usize) -> Option<Self> {
        #[cfg(target_os = "linux")]
        if len >= mapping::LEN_MIN {
            return mapping::Mapping::zeroed(len)
                .map(|mapping| AlignedBytes { memory: Memory::Mapped(mapping), len });
        }
        let line_count = len.div_ceil(size_of::<Line>());
        let mut lines = Vec::new();
        lines.try_reserve_exact(line_count).ok()?;
        lines.resize(line_count, Line([0; 64]));
        Some(AlignedBytes { memory: Memory::Heap(lines), len })
    }

    /// A copy of `bytes`; a readback is small, so running out of memory here aborts as any `Vec` does.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let (whole, rest) = bytes.as_chunks();
        let mut lines: Vec<Line> = whole.iter().map(|&line| Line(line)).collect();
        if !rest.is_empty() {
            let mut last = Line([0; 64]);
            last.0[..rest.len()].copy_from_slice(rest);
            lines.push(last);
        }
        AlignedBytes { memory: Memory::Heap(lines), len: bytes.len() }
    }

    pub fn bytes(&self) -> &[u8] {
        let bytes: &[u8] = match &self.memory {
            Memory::Heap(lines) => bytemuck::cast_slice(lines),
            #[cfg(target_os = "linux")]
            Memory::Mapped(mapping) => mapping.bytes(),
        };
        &bytes[..self.len]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        let bytes: &mut [u8] = match &mut self.memory {
            Memory::Heap(lines) => bytemuck::cast_slice_mut(lines),
            #[cfg(target_os = "linux")]
            Memory::Mapped(mapping) => mapping.bytes_mut(),
        };
        &mut bytes[..self.len]
    }
}

/// Large arrays straight from the system, in pages of 2 MiB where it has them: walks jump from row to row, and with small pages
/// most jumps would miss the translation cache as well. What is dropped goes back to the system at once.
#[cfg(target_os = "linux")]
mod mapping {
    use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

    const HUGE: usize = 2 << 20;
    /// Shorter arrays would leave most of a page unused.
    pub const LEN_MIN: usize = HUGE;

    pub struct Mapping {
        start: *mut u8,
        len: usize,
        /// Bytes before the first whole page.
        skipped: usize,
    }

    // SAFETY: the mapping is memory of this program that only its owner refers to; nothing ties it to a thread.
    unsafe impl Send for Mapping {}
    // SAFETY: it changes through `&mut` alone.
    unsafe impl Sync for Mapping {}

    impl Mapping {
        /// At least `len` zero bytes from the start of a page.
        pub fn zeroed(len: usize) -> Option<Self> {
            let len = len.checked_add(HUGE)?;
            let protection = ProtFlags::READ | ProtFlags::WRITE;
            // SAFETY: a new private mapping wherever the system likes, which touches nothing that exists.
            let start =
                unsafe { mmap_anonymous(std::ptr::null_mut(), len, protection, MapFlags::PRIVATE) }.ok()?;
            let start = start.cast::<u8>();
            let skipped = (start as usize).next_multiple_of(HUGE) - start as usize;
            // SAFETY: the range lies within the mapping made above, and the advice changes no contents. A system without such
            // pages refuses, and nothing is lost.
            let _ =
                unsafe { madvise(start.wrapping_add(skipped).cast(), len - skipped, Advice::LinuxHugepage) };
            Some(Mapping { start, len, skipped })
        }

        pub fn bytes(&self) -> &[u8] {
            // SAFETY: the mapping is there until it is dropped, and readable; zero bytes are valid bytes.
            unsafe { std::slice::from_raw_parts(self.start.add(self.skipped), self.len - self.skipped) }
        }

        pub fn bytes_mut(&mut self) -> &mut [u8] {
            // SAFETY: as in `bytes`, and nobody else refers to it.
            unsafe { std::slice::from_raw_parts_mut(self.start.add(self.skipped), self.len - self.skipped) }
        }
    }

    impl Drop for Mapping {
        fn drop(&mut self) {
            // SAFETY: the whole mapping, which nobody refers to any more.
            let unmapped = unsafe { munmap(self.start.cast(), self.len) };
            debug_assert!(unmapped.is_ok(), "a mapping that is ours can be given back");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_starts_on_a_cache_line_and_is_zero_and_holds_what_is_written() {
        for len in [0, 1, 63, 64, 65, 1000, (4 << 20) - 1, 4 << 20, (5 << 20) + 7] {
            let mut bytes = AlignedBytes::zeroed(len).expect("a few bytes");
            assert_eq!(bytes.bytes().len(), len);
            assert!(bytes.bytes().iter().all(|&byte| byte == 0));
            assert_eq!(bytes.bytes().as_ptr() as usize % 64, 0);
            bytes.bytes_mut().fill(7);
            assert!(bytes.bytes().iter().all(|&byte| byte == 7));
        }
    }

    #[test]
    fn more_than_there_is_is_refused() {
        assert!(AlignedBytes::zeroed(usize::MAX / 2).is_none());
        assert!(AlignedBytes::zeroed(usize::MAX - 5).is_none());
    }
}
