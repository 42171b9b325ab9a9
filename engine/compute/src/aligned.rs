//! Host memory aligned to a cache line, which SIMD loads and every element type can look at without a copy.

use bytemuck::{Pod, Zeroable};

/// One cache line; the alignment is what this type is for.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(64))]
struct Line([u8; 64]);

/// Zero-initialised bytes that start on a cache line.
#[derive(Clone, Default)]
pub(crate) struct AlignedBytes {
    lines: Vec<Line>,
    len: usize,
}

impl AlignedBytes {
    /// `len` zero bytes, or `None` if the machine has no memory for them.
    pub fn zeroed(len: usize) -> Option<Self> {
        let line_count = len.div_ceil(size_of::<Line>());
        let mut lines = Vec::new();
        lines.try_reserve_exact(line_count).ok()?;
        lines.resize(line_count, Line([0; 64]));
        Some(AlignedBytes { lines, len })
    }

    /// A copy of `bytes`; a readback is small, so running out of memory here aborts as any `Vec` does.
    pub fn copy_of(bytes: &[u8]) -> Self {
        let mut lines = vec![Line([0; 64]); bytes.len().div_ceil(size_of::<Line>())];
        bytemuck::cast_slice_mut(&mut lines)[..bytes.len()].copy_from_slice(bytes);
        AlignedBytes { lines, len: bytes.len() }
    }

    pub fn bytes(&self) -> &[u8] {
        &bytemuck::cast_slice(&self.lines)[..self.len]
    }

    pub fn bytes_mut(&mut self) -> &mut [u8] {
        &mut bytemuck::cast_slice_mut(&mut self.lines)[..self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_starts_on_a_cache_line_and_is_zero() {
        for len in [0, 1, 63, 64, 65, 1000] {
            let bytes = AlignedBytes::zeroed(len).expect("a few bytes");
            assert_eq!(bytes.bytes().len(), len);
            assert!(bytes.bytes().iter().all(|&byte| byte == 0));
            assert_eq!(bytes.bytes().as_ptr() as usize % 64, 0);
        }
    }
}
