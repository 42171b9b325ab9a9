//! Philox4x32-7: random bits as a function of a counter and a key (Salmon, Moraes, Dror and Shaw 2011; seven rounds are the
//! fewest that pass their tests). No state, so any neuron's noise at any step is the same on every device.

use crate::source::Text;

/// The same for WGSL forms.
pub static WGSL: Text = Text { constants: &[], text: include_str!("../../../../shaders/shared/philox.wgsl") };
/// And for CUDA forms.
pub static CUDA: Text = Text { constants: &[], text: include_str!("../../../../kernels/shared/philox.cuh") };

/// Four words of random bits.
#[inline(always)]
pub fn philox(counter: [u32; 4], key: [u32; 2]) -> [u32; 4] {
    let ([mut a, mut b, mut c, mut d], [mut k, mut l]) = (counter, key);
    for _ in 0..7 {
        let left = u64::from(a) * 0xd251_1f53;
        let right = u64::from(c) * 0xcd9e_8d57;
        (a, b, c, d) = ((right >> 32) as u32 ^ b ^ k, right as u32, (left >> 32) as u32 ^ d ^ l, left as u32);
        (k, l) = (k.wrapping_add(0x9e37_79b9), l.wrapping_add(0xbb67_ae85));
    }
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::philox;

    #[test]
    fn words_are_those_of_the_authors() {
        // The known answers that come with the authors' library, for seven rounds.
        assert_eq!(philox([0; 4], [0; 2]), [0x5f6f_b709, 0x0d89_3f64, 0x4f12_1f81, 0x4f73_0a48]);
        assert_eq!(philox([!0; 4], [!0; 2]), [0x5207_ddc2, 0x4516_5e59, 0x4d8e_e751, 0x8c52_f662]);
    }
}
