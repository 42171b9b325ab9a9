//! A simulated month of learning, fading and scaling on the device: weights stay within bounds and follow real numbers.

use cortexkg_compute::kernels::shared::plasticity::{WEIGHT_MAX, share};
use cortexkg_compute::kernels::stdp_update::{Curve, NO_SPIKE, Synapses};
use cortexkg_compute::kernels::{homeostasis, stdp_update, weight_decay};
use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Draw, Recording};

const HOURS: u32 = 720;
/// Share of a weight that fades in an hour (SPEC 1.1, decay_rate).
const DECAY: f64 = 0.001;

fn device() -> Device {
    Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, threads: 2, ..Default::default() })
        .expect("the CPU")
}

fn mean(weights: &[u32]) -> f64 {
    weights.iter().map(|&weight| f64::from(weight)).sum::<f64>() / weights.len() as f64
}

#[test]
fn hourly_fading_comes_to_what_a_month_of_it_should() {
    let mut device = device();
    // Units are 1/4096 in the knowledge graph and 1/65536 elsewhere: however few of them, they fade.
    for start in [4u32, 40, 400, 4_096, WEIGHT_MAX] {
        let weights = device.upload("weights", &vec![start; 100_000]).unwrap();
        let mut recording = Recording::new();
        for hour in 0..HOURS {
            weight_decay::record(&mut recording, &weights, 100_000, share(DECAY), hour);
        }
        device.run(recording).unwrap();
        let left = device.download(&weights).unwrap();
        let expected = f64::from(start) * (1.0 - DECAY).powi(HOURS as i32);
        // The mean of 100,000 synapses deviates by a few thousandths of a unit.
        assert!(
            (mean(&left) - expected).abs() < 0.02 + 1e-4 * expected,
            "{start}: {} for {expected}",
            mean(&left)
        );

        // What rounding to nearest would make of it.
        let nearest = (0..HOURS).fold(start, |weight, _| (f64::from(weight) * (1.0 - DECAY)).round() as u32);
        assert!(start > 400 || nearest == start, "rounding to nearest would do for {start}");
        device.destroy(weights);
    }
}

#[test]
fn a_month_of_lessons_stays_within_bounds_and_near_real_numbers() {
    const NODES: usize = 2_000;
    const ROW: usize = 20;
    const SUM_MAX: u32 = 4_096;
    const WEIGHT_ONE: u32 = 4_096;
    let mut draw = Draw::new(9);
    let offsets: Vec<u32> = (0..=NODES as u32).map(|node| node * ROW as u32).collect();
    let targets = draw.many(NODES * ROW, |draw| draw.below(NODES) as u32);
    let mut real = vec![0f64; NODES * ROW];
    // 1/64 ms a tick, 20 ms of window; a rate at which a month of lessons shows.
    let (window, rate) = (1_280, 0.02);
    let curve = Curve::exponential(window, (rate, 16.8 * 64.0), (-0.8 * rate, 33.7 * 64.0));
    let mut device = device();
    let offsets_at = device.upload("offsets", &offsets).unwrap();
    let targets_at = device.upload("targets", &targets).unwrap();
    let weights = device.upload("weights", &vec![0u32; real.len()]).unwrap();
    let curve_at = device.upload("curve", curve.entries()).unwrap();
    for hour in 0..HOURS {
        let spikes =
            draw.many(NODES, |draw| if draw.below(4) == 0 { NO_SPIKE } else { draw.below(2_000) as u32 });
        let spikes_at = device.upload("spikes", &spikes).unwrap();
        let mut recording = Recording::new();
        let synapses =
            Synapses { nodes: NODES, offsets: &offsets_at, targets: &targets_at, weights: &weights };
        stdp_update::record(&mut recording, synapses, &spikes_at, &curve_at, WEIGHT_ONE, hour);
        weight_decay::record(&mut recording, &weights, real.len(), share(DECAY), hour);
        homeostasis::record(&mut recording, NODES, &offsets_at, &weights, SUM_MAX);
        let read = recording.read_all(&weights);
        let reads = device.run(recording).unwrap();
        device.destroy(spikes_at);

        for (node, row) in real.chunks_exact_mut(ROW).enumerate() {
            for (weight, &target) in row.iter_mut().zip(&targets[node * ROW..]) {
                let (own, other) = (spikes[node], spikes[target as usize]);
                let apart = own.abs_diff(other);
                if own != NO_SPIKE && other != NO_SPIKE && apart > 0 && (apart as usize) < window {
                    let side = if own < other { 0 } else { window };
                    let entry = f64::from(curve.entries()[side + apart as usize]) / 2_147_483_648.0;
                    *weight += if entry > 0.0 { entry * (1.0 - *weight) } else { entry * *weight };
                }
                *weight *= 1.0 - DECAY;
            }
            let sum: f64 = row.iter().sum();
            if sum > 1.0 {
                row.iter_mut().for_each(|weight| *weight /= sum);
            }
        }
        let held = reads.get(&read);
        assert!(held.iter().all(|&weight| weight <= WEIGHT_ONE), "hour {hour}");
        assert!(held.chunks_exact(ROW).all(|row| row.iter().sum::<u32>() <= SUM_MAX), "hour {hour}");
    }
    let held = device.download(&weights).unwrap();
    let expected = real.iter().sum::<f64>() / real.len() as f64 * f64::from(WEIGHT_ONE);
    assert!((mean(&held) / expected - 1.0).abs() < 0.02, "{} for {expected}", mean(&held));
    // Synapse by synapse, in units: chance moves each by a few, nothing pulls all one way.
    let error = |(held, real): (&u32, &f64)| f64::from(*held) - real * f64::from(WEIGHT_ONE);
    let squares: f64 = held.iter().zip(&real).map(error).map(|error| error * error).sum();
    assert!((squares / held.len() as f64).sqrt() < 0.05 * expected, "{squares}");
}
