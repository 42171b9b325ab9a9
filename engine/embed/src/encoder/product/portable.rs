//! The product in plain Rust: sixteen sums side by side, which compilers make vectors of.

use super::{CHANNELS, Packed, TAPS};

pub(super) fn product(codes: &[u8], weights: &Packed, out: &mut [i32]) {
    let (depth, width) = (weights.depth, weights.width());
    for (block, packed) in weights.codes.chunks_exact(CHANNELS * depth).enumerate() {
        for (code, out) in codes.chunks_exact(depth).zip(out.chunks_exact_mut(width)) {
            let mut sums = [0i32; CHANNELS];
            for (taps, packed) in code.chunks_exact(TAPS).zip(packed.as_chunks::<{ CHANNELS * TAPS }>().0) {
                let taps = [taps[0], taps[1], taps[2], taps[3]].map(i16::from);
                for (sum, packed) in sums.iter_mut().zip(packed.as_chunks::<TAPS>().0) {
                    // A product is at most 127 * 127, so it fits in 16 bits.
                    *sum += i32::from(taps[0] * i16::from(packed[0]))
                        + i32::from(taps[1] * i16::from(packed[1]))
                        + i32::from(taps[2] * i16::from(packed[2]))
                        + i32::from(taps[3] * i16::from(packed[3]));
                }
            }
            out[block * CHANNELS..(block + 1) * CHANNELS].copy_from_slice(&sums);
        }
    }
}
