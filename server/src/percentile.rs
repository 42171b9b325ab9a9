//! Percentiles of measured times.

use std::time::Duration;

use serde::Serialize;

/// Median and 99th percentile, ms.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Percentiles {
    /// Half of the times are at most this.
    pub p50: f64,
    /// 99 of 100 are at most this.
    pub p99: f64,
}

/// Nearest-rank percentiles; none of no times.
pub fn of(times: &[Duration]) -> Option<Percentiles> {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let rank = |share: f64| (sorted.len() as f64 * share).ceil() as usize;
    let at =
        |share: f64| sorted.get(rank(share).checked_sub(1)?).map(|time| round(time.as_secs_f64() * 1e3, 3));
    Some(Percentiles { p50: at(0.50)?, p99: at(0.99)? })
}

/// `value` to so many decimals: what is printed should not pretend to more than was measured.
pub fn round(value: f64, decimals: i32) -> f64 {
    let scale = 10f64.powi(decimals);
    (value * scale).round() / scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_nearest() {
        let times: Vec<_> = (1..=200).rev().map(Duration::from_millis).collect();
        assert_eq!(of(&times), Some(Percentiles { p50: 100.0, p99: 198.0 }));
        assert_eq!(of(&times[..1]), Some(Percentiles { p50: 200.0, p99: 200.0 }));
        assert_eq!(of(&[]), None);
    }
}
