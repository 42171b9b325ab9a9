//! The product of 7-bit activations and 8-bit weights, in the forms that processors offer.
//!
//! | form | needs | inner step |
//! |---|---|---|
//! | `reference` | nothing | one multiplication after another: what the others are held to |
//! | `portable` | nothing | the packed layout, sixteen output channels at a time |
//! | `avx2` | AVX2 | `vpmaddubsw`, `vpmaddwd`, eight channels a register |
//! | `avx-vnni` | AVX2 and AVX-VNNI | `vpdpbusd`, eight channels a register |
//! | `avx512-vnni` | AVX-512 F, BW, VL and VNNI | `vpdpbusd`, sixteen channels a register |
//!
//! All give the same integers. Nothing saturates: `vpmaddubsw` adds two products in 16 bits, and a code of at most 127
//! times a weight of at most 127 in magnitude makes at most 2 * 127 * 127 = 32,258 of them, below 32,767; [`Packed::new`]
//! refuses -128. Sums run in 32 bits over at most [`DEPTH_MAX`] terms of at most 16,129.

mod portable;
#[cfg(target_arch = "x86_64")]
mod x86;

use std::sync::OnceLock;

/// Output channels that lie together in the packed layout.
pub(super) const CHANNELS: usize = 16;
/// Input channels that lie together: what one 32-bit lane of a vector holds.
pub(super) const TAPS: usize = 4;
/// Largest activation code.
pub(super) const CODE_MAX: u8 = 127;
/// Most input channels: 2^17 terms of 127 * 127 stay below 2^31.
pub(super) const DEPTH_MAX: usize = 1 << 17;

/// Weights in the order in which they are read: blocks of [`CHANNELS`] output channels; inside one, for every [`TAPS`]
/// input channels, the taps of each output channel after another's.
pub(super) struct Packed {
    codes: Vec<i8>,
    /// Sum of each output channel's codes: what an activation's zero point is multiplied by.
    sums: Vec<i32>,
    depth: usize,
}

impl Packed {
    /// Packs a row-major matrix, a row per output channel. The error names the rule that is broken.
    pub(super) fn new(rows: &[i8], width: usize, depth: usize) -> Result<Self, String> {
        assert_eq!(rows.len(), width * depth, "this is a bug: a matrix is not of its shape");
        if !width.is_multiple_of(CHANNELS) || !depth.is_multiple_of(TAPS) || width == 0 || depth == 0 {
            return Err(format!("multiples of {CHANNELS} outputs and of {TAPS} inputs"));
        }
        if depth > DEPTH_MAX {
            return Err(format!("at most {DEPTH_MAX} inputs"));
        }
        if rows.contains(&i8::MIN) {
            return Err("codes from -127 to 127".into());
        }
        let mut codes = Vec::with_capacity(rows.len());
        for block in rows.chunks_exact(CHANNELS * depth) {
            for tap in (0..depth).step_by(TAPS) {
                for row in block.chunks_exact(depth) {
                    codes.extend_from_slice(&row[tap..tap + TAPS]);
                }
            }
        }
        let sums = rows.chunks_exact(depth).map(|row| row.iter().map(|&c| i32::from(c)).sum()).collect();
        Ok(Self { codes, sums, depth })
    }

    /// Output channels.
    pub(super) fn width(&self) -> usize {
        self.sums.len()
    }

    /// Input channels.
    pub(super) fn depth(&self) -> usize {
        self.depth
    }

    /// Sum of each output channel's codes.
    pub(super) fn sums(&self) -> &[i32] {
        &self.sums
    }
}

/// A form of the product. One can only be had from the functions below, which is what makes calling it sound.
#[derive(Clone, Copy)]
pub struct Form {
    name: &'static str,
    run: fn(&[u8], &Packed, &mut [i32]),
}

impl Form {
    /// The fastest one that this machine runs; looked up once.
    pub fn best() -> Self {
        static BEST: OnceLock<Form> = OnceLock::new();
        *BEST.get_or_init(|| *Self::available().last().expect("this is a bug: the portable form is gone"))
    }

    /// All that this machine runs, slowest first; the reference is not among them.
    pub fn available() -> Vec<Self> {
        let mut forms = vec![Self { name: "portable", run: portable::product }];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx2") {
                forms.push(Self { name: "avx2", run: x86::product_avx2 });
                if is_x86_feature_detected!("avxvnni") {
                    forms.push(Self { name: "avx-vnni", run: x86::product_avx_vnni });
                }
            }
            if is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512vnni")
            {
                forms.push(Self { name: "avx512-vnni", run: x86::product_avx512_vnni });
            }
        }
        forms
    }

    /// Its name, as in the table above.
    pub fn name(self) -> &'static str {
        self.name
    }

    /// `out[r][n] = sum over k of codes[r][k] * weights[n][k]`; codes are at most [`CODE_MAX`].
    pub(super) fn product(self, codes: &[u8], weights: &Packed, out: &mut [i32]) {
        assert!(
            codes.len().is_multiple_of(weights.depth)
                && out.len() == codes.len() / weights.depth * weights.width(),
            "this is a bug: shapes of a product do not match"
        );
        debug_assert!(codes.iter().all(|&c| c <= CODE_MAX), "this is a bug: an activation code has 8 bits");
        (self.run)(codes, weights, out);
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The product by its definition, from the weights as they were before packing.
    fn reference(codes: &[u8], rows: &[i8], depth: usize) -> Vec<i32> {
        codes
            .chunks_exact(depth)
            .flat_map(|code| {
                rows.chunks_exact(depth)
                    .map(|row| code.iter().zip(row).map(|(&c, &w)| i32::from(c) * i32::from(w)).sum())
            })
            .collect()
    }

    fn check(codes: &[u8], rows: &[i8], width: usize, depth: usize) {
        let packed = Packed::new(rows, width, depth).unwrap();
        let expected = reference(codes, rows, depth);
        for form in Form::available() {
            let mut out = vec![i32::MIN; expected.len()];
            form.product(codes, &packed, &mut out);
            assert!(out == expected, "{} differs at {width} x {depth}", form.name());
        }
    }

    #[test]
    fn extremes_do_not_saturate() {
        for depth in [4, 8, 384, 1536] {
            for rows in 0..20 {
                for weight in [127, -127] {
                    check(&vec![CODE_MAX; rows * depth], &vec![weight; 16 * depth], 16, depth);
                }
            }
        }
        let signs: Vec<i8> = (0..32 * 64).map(|i| if i % 3 == 0 { -127 } else { 127 }).collect();
        check(&[CODE_MAX; 5 * 64], &signs, 32, 64);
    }

    #[test]
    fn each_weight_meets_its_own_code() {
        let (width, depth, rows) = (32, 12, 9);
        for at in 0..width * depth {
            let mut weights = vec![0i8; width * depth];
            weights[at] = -3;
            let codes: Vec<u8> = (0..rows * depth).map(|i| (i % 128) as u8).collect();
            check(&codes, &weights, width, depth);
        }
    }

    #[test]
    fn bad_weights_are_refused() {
        assert!(Packed::new(&[0; 60], 15, 4).is_err());
        assert!(Packed::new(&[0; 48], 16, 3).is_err());
        assert!(Packed::new(&[i8::MIN; 64], 16, 4).is_err());
    }

    #[test]
    fn the_best_form_is_available() {
        assert!(Form::available().iter().any(|form| form.name() == Form::best().name()));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn every_form_gives_the_reference(
            (width, depth, rows, seed) in (1usize..6, 1usize..40, 0usize..24, any::<u64>())
        ) {
            let (width, depth) = (width * CHANNELS, depth * TAPS);
            let mut state = seed | 1;
            let mut next = || {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state >> 32
            };
            let codes: Vec<u8> = (0..rows * depth).map(|_| (next() % 128) as u8).collect();
            let weights: Vec<i8> = (0..width * depth).map(|_| ((next() % 255) as i16 - 127) as i8).collect();
            check(&codes, &weights, width, depth);
        }
    }
}
