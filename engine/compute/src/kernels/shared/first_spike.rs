//! Latency code: the time of the first spike of a current, t = -tau ln f, in integers.
//!
//! Currents f are Q16 (65,536 is 1.0), times whole microseconds, tau is 20 ms. A current of 0.99 and more fires at
//! once, one under 0.1 never. The logarithm is a table of 257 values with 16 fractional bits, built by the compiler
//! in integer arithmetic, and a linear step between neighbours: no float is involved, so every machine and device
//! gets the same microsecond. The largest error against the real formula is under 0.55 us: half a microsecond of
//! rounding, 0.04 of the linear step; a test goes through all currents.

use crate::source::{Constant, Text};

/// 1.0 in Q16.
pub const ONE: u32 = 1 << 16;
/// Time constant of the membrane.
pub const TAU_US: u32 = 20_000;
/// Currents under this never fire: the first Q16 value that is not under 0.1.
pub const CURRENT_MIN: u32 = 6_554;
/// Currents from this fire at once: the first Q16 value that is not under 0.99.
pub const CURRENT_INSTANT: u32 = 64_881;
/// Time of a spike that does not come.
pub const NO_SPIKE: u32 = u32::MAX;
/// No spike is later: that of `CURRENT_MIN`.
pub const TIME_US_MAX: u32 = 46_050;

/// The same code for WGSL forms.
pub(crate) static WGSL: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../../shaders/shared/first_spike.wgsl") };

/// And for CUDA forms.
pub(crate) static CUDA: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../../kernels/shared/first_spike.cuh") };

const CONSTANTS: &[(&str, Constant)] = &[
    ("ONE", Constant::U32(ONE)),
    ("CURRENT_MIN", Constant::U32(CURRENT_MIN)),
    ("CURRENT_INSTANT", Constant::U32(CURRENT_INSTANT)),
    ("NO_SPIKE", Constant::U32(NO_SPIKE)),
    ("OCTAVE", Constant::U32(OCTAVE)),
    ("STEPS", Constant::U32(STEPS as u32)),
    ("HALF_OCTAVE", Constant::Table(&HALF_OCTAVE)),
];

const STEPS: usize = 256;
/// -tau ln(x) with 16 fractional bits, at x = (256 + i) / 512.
static HALF_OCTAVE: [u32; STEPS + 1] = half_octave();
/// tau ln 2 with 16 fractional bits.
const OCTAVE: u32 = scaled_log(1 << 32);

/// -tau ln(1 / 2 * ratio), ratio in 1..=2 and Q32, with 16 fractional bits, rounded.
///
/// -ln x = 2 atanh((1 - x) / (1 + x)) = 2 (z + z^3 / 3 + z^5 / 5 ..) with z at most 1/3, in Q60.
const fn scaled_log(ratio_q32: u64) -> u32 {
    let x = (ratio_q32 as u128) << 27;
    let one = 1u128 << 60;
    let z = ((one - x) << 60) / (one + x);
    let square = (z * z) >> 60;
    let (mut power, mut sum, mut n) = (z, 0u128, 1u128);
    while power > 0 {
        sum += power / n;
        power = (power * square) >> 60;
        n += 2;
    }
    ((2 * sum * TAU_US as u128 + (1 << 43)) >> 44) as u32
}

const fn half_octave() -> [u32; STEPS + 1] {
    let mut table = [0; STEPS + 1];
    let mut i = 0;
    while i <= STEPS {
        table[i] = scaled_log((1 << 32) + ((i as u64) << 24));
        i += 1;
    }
    table
}

/// Time of the first spike of a current, or `NO_SPIKE`.
pub fn first_spike_us(current: u32) -> u32 {
    if current >= CURRENT_INSTANT {
        return 0;
    }
    if current < CURRENT_MIN {
        return NO_SPIKE;
    }
    // current = mantissa / 2^octaves, with the mantissa in one half of the Q16 range: 0.5..1.
    let octaves = current.leading_zeros() - 16;
    let mantissa = current << octaves;
    let (step, rest) = ((mantissa >> 7) as usize - STEPS, mantissa & 127);
    let fall = HALF_OCTAVE[step] - HALF_OCTAVE[step + 1];
    // At most 4 * 2^30 in all: fits.
    let time = octaves * OCTAVE + HALF_OCTAVE[step] - ((fall * rest) >> 7);
    (time + (1 << 15)) >> 16
}

/// a * b in Q16, rounded down. |a| up to 2^20, |b| up to 2^16, so that no part leaves 32 bits.
pub fn mul_q16(a: i32, b: i32) -> i32 {
    (a * (b >> 8) + ((a * (b & 255)) >> 8)) >> 8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_follow_the_real_formula_and_never_rise_with_the_current() {
        let mut before = u32::MAX;
        for current in CURRENT_MIN..CURRENT_INSTANT {
            let real = -f64::from(TAU_US) * (f64::from(current) / f64::from(ONE)).ln();
            let time = first_spike_us(current);
            assert!((f64::from(time) - real).abs() < 0.55, "{current}: {time} for {real}");
            assert!(time <= before, "{current}: {time} after {before}");
            before = time;
        }
        assert_eq!(first_spike_us(CURRENT_MIN), TIME_US_MAX);
    }

    #[test]
    fn thresholds_are_where_the_formula_has_them() {
        assert_eq!(CURRENT_MIN, (0.1 * f64::from(ONE)).ceil() as u32);
        assert_eq!(CURRENT_INSTANT, (0.99 * f64::from(ONE)).ceil() as u32);
        assert_eq!(first_spike_us(CURRENT_MIN - 1), NO_SPIKE);
        assert_eq!(first_spike_us(0), NO_SPIKE);
        assert_eq!(first_spike_us(CURRENT_INSTANT), 0);
        assert_eq!(first_spike_us(ONE), 0);
        assert!(first_spike_us(CURRENT_INSTANT - 1) > 0);
    }

    #[test]
    fn products_are_those_of_wide_integers() {
        for a in [-(1 << 20), -70_000, -1, 0, 1, 3_277, 52_429, 65_536, 1 << 20] {
            for b in (-65_536..=65_536).step_by(97).chain([-1, 0, 1, 65_535, 65_536]) {
                assert_eq!(i64::from(mul_q16(a, b)), (i64::from(a) * i64::from(b)) >> 16, "{a} * {b}");
            }
        }
    }
}
