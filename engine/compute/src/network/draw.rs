//! Numbers that are drawn, as functions of a seed and a place: nothing depends on order or threads.

/// The finaliser of SplitMix64 (Steele, Lea and Flood 2014) after one step from `x`.
#[inline(always)]
pub fn splitmix64(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// In 0..1, from the upper 53 bits.
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1u64 << 53) as f64
}

/// Remainders by one divisor without a division.
#[derive(Clone, Copy, Debug)]
pub struct Divisor {
    divisor: u64,
    /// Floor of 2^64 / divisor, or 2^64 - 1.
    inverse: u64,
}

impl Divisor {
    /// `divisor` is at least 1.
    pub fn new(divisor: u32) -> Self {
        let divisor = u64::from(divisor);
        Divisor { divisor, inverse: u64::MAX / divisor }
    }

    /// `x mod divisor`.
    #[inline(always)]
    pub fn remainder(self, x: u64) -> u32 {
        // The estimate of the quotient is at most 2 too small.
        let quotient = ((u128::from(x) * u128::from(self.inverse)) >> 64) as u64;
        let mut rest = x - quotient * self.divisor;
        while rest >= self.divisor {
            rest -= self.divisor;
        }
        rest as u32
    }
}

/// Standard normal quantile of `p` in 0..1, relative error 1.2e-9 (P. J. Acklam's rational approximation).
pub fn normal_quantile(p: f64) -> f64 {
    const A: [f64; 6] = [
        -3.969683028665376e1,
        2.209460984245205e2,
        -2.759285104469687e2,
        1.38357751867269e2,
        -3.066479806614716e1,
        2.506628277459239,
    ];
    const B: [f64; 5] = [
        -5.447609879822406e1,
        1.615858368580409e2,
        -1.556989798598866e2,
        6.680131188771972e1,
        -1.328068155288572e1,
    ];
    const C: [f64; 6] = [
        -7.784894002430293e-3,
        -3.223964580411365e-1,
        -2.400758277161838,
        -2.549732539343734,
        4.374664141464968,
        2.938163982698783,
    ];
    const D: [f64; 4] = [7.784695709041462e-3, 3.224671290700398e-1, 2.445134137142996, 3.754408661907416];
    const TAIL: f64 = 0.02425;
    let horner = |coefficients: &[f64], x: f64| coefficients.iter().fold(0.0, |sum, c| sum * x + c);
    let tail = |p: f64| {
        let q = (-2.0 * p.ln()).sqrt();
        horner(&C, q) / (horner(&D, q) * q + 1.0)
    };
    if p < TAIL {
        tail(p)
    } else if p > 1.0 - TAIL {
        -tail(1.0 - p)
    } else {
        let q = p - 0.5;
        let r = q * q;
        horner(&A, r) * q / (horner(&B, r) * r + 1.0)
    }
}

/// Equally likely values of a table.
const ATOMS: usize = 1 << 16;

/// The quantiles of a normal distribution cut to `low..`, so that a draw is one look-up.
pub fn normal_table(mean: f64, sd: f64, low: f64, high: f64) -> Vec<f64> {
    let share_below = |bound: f64| {
        let (mut left, mut right) = (0.0, 1.0);
        for _ in 0..60 {
            let middle = 0.5 * (left + right);
            if mean + sd * normal_quantile(middle) < bound { left = middle } else { right = middle }
        }
        0.5 * (left + right)
    };
    let (from, to) = (share_below(low), share_below(high));
    let atom = |i: usize| from + (to - from) * (i as f64 + 0.5) / ATOMS as f64;
    (0..ATOMS).map(|i| (mean + sd * normal_quantile(atom(i))).clamp(low, high)).collect()
}

/// The quantiles of a uniform distribution.
pub fn uniform_table(low: f64, high: f64) -> Vec<f64> {
    (0..ATOMS).map(|i| low + (high - low) * (i as f64 + 0.5) / ATOMS as f64).collect()
}

/// What each of many things gets, ready to be looked up.
#[derive(Clone, Debug)]
pub enum Spread<V> {
    /// All the same.
    All(V),
    /// By place.
    Each(Vec<V>),
    /// Equally likely values, 2^16 of them.
    Table(Vec<V>),
}

impl<V: Copy> Spread<V> {
    /// For the thing at `place`, with 16 random bits.
    #[inline(always)]
    pub fn at(&self, place: usize, bits: u16) -> V {
        match self {
            Spread::All(value) => *value,
            Spread::Each(values) => values[place],
            Spread::Table(values) => values[bits as usize],
        }
    }

    /// Every value there may be.
    pub fn values(&self) -> &[V] {
        match self {
            Spread::All(value) => std::slice::from_ref(value),
            Spread::Each(values) | Spread::Table(values) => values,
        }
    }

    /// The same spread of what `each` makes of the values.
    pub fn map<W>(&self, each: impl Fn(V) -> W) -> Spread<W> {
        let all = |values: &[V]| values.iter().map(|&value| each(value)).collect();
        match self {
            Spread::All(value) => Spread::All(each(*value)),
            Spread::Each(values) => Spread::Each(all(values)),
            Spread::Table(values) => Spread::Table(all(values)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remainders_are_those_of_division() {
        for divisor in [1, 2, 3, 7, 64, 3_200, 21_915, 1 << 31, u32::MAX] {
            let by = Divisor::new(divisor);
            let edges = [0, 1, u64::from(divisor) - 1, u64::from(divisor), u64::MAX, u64::MAX - 1];
            for x in edges.into_iter().chain((0..1_000).map(splitmix64)) {
                assert_eq!(u64::from(by.remainder(x)), x % u64::from(divisor), "{x} mod {divisor}");
            }
        }
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (p, z) in [(0.5, 0.0), (0.975, 1.959_963_985), (0.001, -3.090_232_306), (0.84134474606854, 1.0)] {
            assert!((normal_quantile(p) - z).abs() < 1e-8, "{p}");
        }
    }

    #[test]
    fn tables_have_the_moments_of_their_distributions() {
        let moments = |table: &[f64]| {
            let mean = table.iter().sum::<f64>() / table.len() as f64;
            (mean, (table.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / table.len() as f64).sqrt())
        };
        let (mean, sd) = moments(&normal_table(3.0, 0.5, f64::NEG_INFINITY, f64::INFINITY));
        assert!((mean - 3.0).abs() < 1e-6 && (sd - 0.5).abs() < 1e-4, "{mean} {sd}");
        // Half a normal distribution has mean sqrt(2 / pi).
        let (mean, _) = moments(&normal_table(0.0, 1.0, 0.0, f64::INFINITY));
        assert!((mean - 0.797_884_56).abs() < 1e-4, "{mean}");
        let (mean, sd) = moments(&uniform_table(-1.0, 3.0));
        assert!((mean - 1.0).abs() < 1e-9 && (sd - 4.0 / 12f64.sqrt()).abs() < 1e-4);
    }
}
