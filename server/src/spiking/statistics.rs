//! How a network fires, in the figures that simulators are compared by.

use std::collections::HashMap;

use cortexkg_engine::network::Spike;

/// Width of the bins of the Fano factor, ms.
const BIN_MS: f64 = 3.0;
/// Intervals from which a neuron counts for the mean CV.
const INTERVALS_MIN: f64 = 3.0;

/// Figures of one run.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Statistics {
    /// Spikes a neuron and second.
    pub rate_hz: f64,
    /// Coefficient of variation of the intervals of a neuron, mean over neurons with at least three; 0 if there are none.
    pub cv_isi: f64,
    /// Variance over mean of the number of spikes in 3 ms, mean over replicas.
    pub fano_3ms: f64,
}

/// Figures of spikes, in the order in which they came, of `neurons` neurons in each of some replicas in `seconds`.
pub fn of(spikes: &[Spike], neurons: u32, replicas: u32, step_ms: f64, seconds: f64) -> Statistics {
    let count = f64::from(neurons) * f64::from(replicas);
    let mut steps = vec![Vec::new(); replicas as usize];
    spikes.iter().for_each(|spike| steps[spike.replica as usize].push(spike.step));
    let fano = steps.iter().map(|steps| fano(steps, step_ms)).sum::<f64>();
    Statistics {
        rate_hz: spikes.len() as f64 / count / seconds,
        cv_isi: mean(&cvs(spikes)),
        fano_3ms: fano / f64::from(replicas),
    }
}

/// CV of every neuron with intervals enough, in no order.
pub fn cvs(spikes: &[Spike]) -> Vec<f64> {
    #[derive(Default)]
    struct Intervals {
        last: Option<u32>,
        count: f64,
        sum: f64,
        squares: f64,
    }
    let mut neurons: HashMap<(u32, u32), Intervals> = HashMap::new();
    for spike in spikes {
        let of = neurons.entry((spike.replica, spike.neuron)).or_default();
        if let Some(last) = of.last.replace(spike.step) {
            let interval = f64::from(spike.step - last);
            of.count += 1.0;
            of.sum += interval;
            of.squares += interval * interval;
        }
    }
    let cv = |of: &Intervals| {
        let mean = of.sum / of.count;
        (of.squares / of.count - mean * mean).max(0.0).sqrt() / mean
    };
    let mut cvs: Vec<f64> = neurons.values().filter(|of| of.count >= INTERVALS_MIN).map(cv).collect();
    // A sum in one order is the same sum each time.
    cvs.sort_by(f64::total_cmp);
    cvs
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Variance over mean of the number of spikes in a bin; `steps` ascend.
fn fano(steps: &[u32], step_ms: f64) -> f64 {
    let (Some(&first), Some(&last)) = (steps.first(), steps.last()) else { return 0.0 };
    let place = |step: u32| f64::from(step - first) * step_ms / BIN_MS + 1e-9;
    let bins = (f64::from(last - first) * step_ms / BIN_MS - 1e-9).ceil().max(0.0) as usize;
    if bins == 0 {
        return 0.0;
    }
    let mut counts = vec![0.0; bins];
    steps.iter().for_each(|&step| counts[(place(step) as usize).min(bins - 1)] += 1.0);
    let mean = mean(&counts);
    counts.iter().map(|count| (count - mean).powi(2)).sum::<f64>() / bins as f64 / mean
}

#[cfg(test)]
mod tests {
    use super::*;

    fn train(replica: u32, neuron: u32, steps: &[u32]) -> Vec<Spike> {
        steps.iter().map(|&step| Spike { step, replica, neuron }).collect()
    }

    #[test]
    fn a_clock_has_no_variation_and_known_trains_have_known_figures() {
        let clock = train(0, 3, &[100, 200, 300, 400, 500]);
        let found = of(&clock, 10, 1, 0.1, 0.5);
        assert_eq!((found.rate_hz, found.cv_isi), (1.0, 0.0));
        // Intervals 10, 20, 30: mean 20, deviation sqrt(200 / 3).
        let found = of(&train(0, 0, &[0, 10, 30, 60]), 1, 1, 0.1, 1.0);
        assert!((found.cv_isi - (200f64 / 3.0).sqrt() / 20.0).abs() < 1e-12);
        // Two bins of 3 ms with three spikes and one; a spike on an edge belongs to the later bin.
        let found = of(&train(0, 0, &[0, 10, 29, 30]), 1, 1, 0.1, 1.0);
        assert_eq!(found.fano_3ms, 0.0, "one bin");
        let found = of(&train(0, 0, &[0, 10, 20, 60]), 1, 1, 0.1, 1.0);
        assert!((found.fano_3ms - 1.0 / 2.0).abs() < 1e-12, "{found:?}");
    }

    #[test]
    fn nothing_is_made_of_nothing() {
        assert_eq!(of(&[], 5, 2, 0.1, 1.0), Statistics::default());
        assert_eq!(of(&train(0, 0, &[7]), 1, 1, 0.1, 1.0).fano_3ms, 0.0);
    }
}
