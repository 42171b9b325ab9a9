//! Little-endian fields of fixed layouts. Host order must never reach a file.

pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("this is a bug: a slice of N bytes is an array of N bytes")
}

/// Fills a fixed layout from the front.
pub(crate) struct Layout<const N: usize> {
    bytes: [u8; N],
    filled: usize,
}

impl<const N: usize> Layout<N> {
    pub(crate) fn new() -> Layout<N> {
        Layout { bytes: [0; N], filled: 0 }
    }

    pub(crate) fn put(mut self, field: &[u8]) -> Layout<N> {
        self.bytes[self.filled..self.filled + field.len()].copy_from_slice(field);
        self.filled += field.len();
        self
    }

    /// Leaves bytes zero, reserved for later versions.
    pub(crate) fn reserve(mut self, bytes: usize) -> Layout<N> {
        self.filled += bytes;
        self
    }

    /// What stands before the next field; the input of a closing checksum.
    pub(crate) fn so_far(&self) -> &[u8] {
        &self.bytes[..self.filled]
    }

    pub(crate) fn done(self) -> [u8; N] {
        assert_eq!(self.filled, N, "this is a bug: a layout was not filled");
        self.bytes
    }
}
