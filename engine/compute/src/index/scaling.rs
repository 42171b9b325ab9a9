//! Vectors of any length in half precision.

use half::f16;

/// Largest numbers up to this power of two are left to a vector's numbers: half precision ends a little below 2^16.
const LARGEST_EXPONENT: i32 = 15;
/// Where the largest number is under this power of two, half precision has fewer bits for the others than it could.
const SMALLEST_EXPONENT: i32 = -6;

/// All vectors multiplied by one power of two, so that half precision holds them, and its exponent: 0 for numbers of usual size. Inner
/// products with any query are multiplied by the same, so neighbours and their order stay. None where a number is infinite or none.
pub fn scaled_halves(values: &[f32]) -> Option<(Vec<f16>, i32)> {
    let largest = values.iter().fold(0.0f32, |largest, value| largest.max(value.abs()));
    if !values.iter().all(|value| value.is_finite()) {
        return None;
    }
    // 2^exponent is over the largest number; of none there is nothing to scale.
    let exponent = if largest > 0.0 { f64::from(largest).log2().floor() as i32 + 1 } else { 0 };
    let scale = match exponent {
        ..SMALLEST_EXPONENT | LARGEST_EXPONENT.. => LARGEST_EXPONENT - exponent,
        _ => 0,
    };
    // The power of two is beyond the range of f32 for the smallest of its numbers.
    let factor = f64::from(scale).exp2();
    let halves = values.iter().map(|&value| f16::from_f64(f64::from(value) * factor));
    Some((halves.collect(), if largest > 0.0 { scale } else { 0 }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_any_size_keep_their_bits_and_usual_ones_stay_as_they_are() {
        let usual = [0.25, -1.5, 0.0, 100.0];
        assert_eq!(scaled_halves(&usual), Some((usual.map(f16::from_f32).to_vec(), 0)));
        for size in [f32::MIN_POSITIVE, 1e-6, 65_504.0, 70_000.0, 1e6, f32::MAX] {
            let values = [size, -size / 3.0, size / 1000.0];
            let (halves, scale) = scaled_halves(&values).expect("finite");
            for (value, half) in values.iter().zip(halves) {
                let back = half.to_f64() * f64::from(-scale).exp2();
                assert!(
                    (back / f64::from(*value) - 1.0).abs() < 1.0 / 2048.0,
                    "{value}: {back}, scale {scale}"
                );
            }
        }
        assert_eq!(scaled_halves(&[0.0, 0.0]), Some((vec![f16::ZERO; 2], 0)));
        assert_eq!(scaled_halves(&[]), Some((Vec::new(), 0)));
        assert_eq!(scaled_halves(&[1.0, f32::INFINITY]), None);
        assert_eq!(scaled_halves(&[f32::NAN]), None);
    }
}
