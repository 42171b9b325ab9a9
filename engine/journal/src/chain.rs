//! A running 64-bit value over the checksums of all frames, carried from segment to segment.
//!
//! It shows that the frames of a segment are the ones that were there when it was sealed, that none was
//! exchanged, dropped or doubled, and that segments follow each other as they were written: chance gets past
//! it once in 2^64. It proves nothing against someone who edits the log on purpose and recomputes it; that
//! needs a keyed or cryptographic hash, which can take this field's place under a new format version.

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chain(pub u64);

impl Chain {
    /// Before the first frame of a log.
    pub(crate) const START: Chain = Chain(0);

    /// Adds one frame. Each step is a bijection of the value so far, so no history is forgotten by later
    /// frames.
    pub(crate) fn link(self, header_crc: u32, payload_crc: u32) -> Chain {
        let frame = u64::from(header_crc) << 32 | u64::from(payload_crc);
        Chain((self.0 ^ frame).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_number_of_frames_matter() {
        let (a, b) = ((1, 2), (3, 4));
        let ab = Chain::START.link(a.0, a.1).link(b.0, b.1);
        let ba = Chain::START.link(b.0, b.1).link(a.0, a.1);
        assert_ne!(ab, ba);
        assert_ne!(ab, ab.link(0, 0));
        assert_ne!(Chain::START, Chain::START.link(0, 1));
    }
}
