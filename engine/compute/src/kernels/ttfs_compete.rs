//! `ttfs_compete`: which candidate column takes a new memory, by time to first spike with lateral inhibition.
//!
//! - Input: requests in CSR. `offsets`, u32 `[requests + 1]`, rising from 0 to `candidates`; candidate c has `ids[c]`
//!   and four Q16 values `scores[c]`: semantic, structural, temporal, exception, each in -1..=1 (values beyond are
//!   clamped). Weights are Q16 in -16..=16.
//! - Current: f = sum of weight * score, each product rounded down to Q16, clamped to 0..=1.
//! - Spike: t = -tau ln f (`shared::first_spike`); none under f = 0.1 or later than `window_us`.
//! - Order within a request: earlier spike, then lower id, then place. The first is the winner.
//! - Inhibition (base strength 0.8 and competition threshold 0.05 by default): in that order, a candidate c is held down by
//!   every earlier one e that itself still fires. With L = f_e - f_c the lead, `threshold` the lead that counts in full
//!   and f'_e the inhibited current of e:
//!   I_c = min(1, sum of inhibition * f'_e * min(1, L / threshold)),   f'_c = f_c * (1 - I_c).
//!   So near-equals hardly touch each other, a clear loser is delayed or silenced, and a silenced one inhibits nobody.
//! - Output: per request `winners` (place in the candidate arrays, or u32::MAX), `winner_times` (us, or u32::MAX) and
//!   `margins`: the winner's lead over the second *uninhibited* spike as a Q16 share of the window; where nobody else
//!   fires the second spike counts as the window's end; 0 without a winner. Per candidate `times`: its spike after
//!   inhibition, or u32::MAX.
//! - Bounds: window 1..=65,535 us, threshold up to 65,535, inhibition up to 65,536, so that every product fits in 32
//!   bits; at most 1,024 candidates a request, since each meets all earlier ones.
//! - Tolerance: exact. All integers, ties broken by id and place.

use super::shared::first_spike::{NO_SPIKE, ONE, first_spike_us, mul_q16};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Target, Tolerance};
use crate::parallel::in_parallel;
use crate::recording::Recording;

/// Winner of a request in which nobody fired.
pub const NO_WINNER: u32 = u32::MAX;
/// Scorers of a candidate.
pub const SCORERS: usize = 4;
/// Most candidates of one request.
pub const CANDIDATES_MAX: usize = 1_024;
/// Base strength of lateral inhibition, 0.8 in Q16.
pub const INHIBITION: u32 = 52_429;
/// Lead from which inhibition acts in full, 0.05 in Q16.
pub const THRESHOLD: u32 = 3_277;

const WEIGHT_MAX: i32 = 16 << 16;

crate::params! {
    /// Parameters of `ttfs_compete`.
    pub struct Params {
        /// Requests.
        pub requests: u32,
        /// Candidates of all requests.
        pub candidates: u32,
        /// Weight of the semantic score, Q16.
        pub semantic: i32,
        /// Weight of the structural score, Q16.
        pub structural: i32,
        /// Weight of the temporal score, Q16.
        pub temporal: i32,
        /// Weight of the exception score, Q16.
        pub exception: i32,
        /// Strength of lateral inhibition, Q16.
        pub inhibition: u32,
        /// Lead from which inhibition acts in full, Q16.
        pub threshold: u32,
        /// Spikes later than this do not count.
        pub window_us: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "ttfs_compete",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("ids", Element::U32),
        Binding::read("scores", Element::I32),
        Binding::write("winners", Element::U32),
        Binding::write("winner_times", Element::U32),
        Binding::write("margins", Element::U32),
        Binding::write("times", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("requests", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[],
    absent: &[(Target::Wgsl, "comes with the GPU back ends"), (Target::Cuda, "comes with the GPU back ends")],
    cases,
};

/// How candidates are weighed and how hard they compete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// Weights of semantic, structural, temporal and exception score, Q16, each in -16..=16.
    pub weights: [i32; SCORERS],
    /// Strength of lateral inhibition, Q16, at most 1.
    pub inhibition: u32,
    /// Lead from which inhibition acts in full, Q16, under 1.
    pub threshold: u32,
    /// Spikes later than this do not count, 1..=65,535.
    pub window_us: u32,
}

/// Requests and their candidates, on a device.
#[derive(Clone, Copy, Debug)]
pub struct Requests<'a> {
    /// `[request_count + 1]`, from 0 to `candidate_count`.
    pub offsets: &'a Buffer<u32>,
    /// How many requests.
    pub request_count: usize,
    /// Ids that break ties, `[candidate_count]`.
    pub ids: &'a Buffer<u32>,
    /// Q16, `[candidate_count][4]`.
    pub scores: &'a Buffer<i32>,
    /// Candidates of all requests.
    pub candidate_count: usize,
}

/// Where the outcome goes.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// `[request_count]`: place of the winner in the candidate arrays, or `NO_WINNER`.
    pub winners: &'a Buffer<u32>,
    /// `[request_count]`: microseconds, or `NO_SPIKE`.
    pub winner_times: &'a Buffer<u32>,
    /// `[request_count]`: Q16.
    pub margins: &'a Buffer<u32>,
    /// `[candidate_count]`: microseconds after inhibition, or `NO_SPIKE`.
    pub times: &'a Buffer<u32>,
}

/// Records one competition for each request. No request may have more than `CANDIDATES_MAX` candidates.
pub fn record(recording: &mut Recording, rules: &Rules, requests: &Requests<'_>, outcome: &Outcome<'_>) {
    let Requests { offsets, request_count, ids, scores, candidate_count } = *requests;
    let Outcome { winners, winner_times, margins, times } = *outcome;
    let in_range = rules.weights.iter().all(|weight| weight.unsigned_abs() <= WEIGHT_MAX as u32)
        && rules.inhibition <= ONE
        && rules.threshold < ONE
        && (1..ONE).contains(&rules.window_us);
    assert!(in_range, "{rules:?} out of range, this is a bug");
    assert!(offsets.len() > request_count, "{request_count} requests in {}, this is a bug", offsets.erase());
    let inputs_fit = ids.len() >= candidate_count && scores.len() >= candidate_count * SCORERS;
    assert!(inputs_fit, "{candidate_count} candidates in {}, this is a bug", ids.erase());
    let outputs = [winners, winner_times, margins];
    let outputs_fit = outputs.iter().all(|b| b.len() >= request_count) && times.len() >= candidate_count;
    assert!(outputs_fit, "room for {request_count} outcomes, this is a bug");
    if request_count == 0 {
        return;
    }
    let [semantic, structural, temporal, exception] = rules.weights;
    let params = Params {
        requests: request_count as u32,
        candidates: candidate_count as u32,
        semantic,
        structural,
        temporal,
        exception,
        inhibition: rules.inhibition,
        threshold: rules.threshold,
        window_us: rules.window_us,
    };
    let [winners, winner_times, margins] = outputs.map(Buffer::erase);
    let inputs = [offsets.erase(), ids.erase(), scores.erase()];
    let buffers = [inputs[0], inputs[1], inputs[2], winners, winner_times, margins, times.erase()];
    recording.dispatch(&KERNEL, &params, &buffers);
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (offsets, ids): (&[u32], &[u32]) = (args.read(0), args.read(1));
    let scores: &[i32] = args.read(2);
    let (winners, winner_times): (&mut [u32], &mut [u32]) = (args.write(3), args.write(4));
    let (margins, times): (&mut [u32], &mut [u32]) = (args.write(5), args.write(6));
    let weights = [params.semantic, params.structural, params.temporal, params.exception];
    let one = i64::from(ONE);
    let spike = |current: i64| -> Option<u32> {
        let time = first_spike_us(current as u32);
        (time != NO_SPIKE && time <= params.window_us).then_some(time)
    };
    for request in 0..params.requests as usize {
        let range = offsets[request] as usize..offsets[request + 1] as usize;
        times[range.clone()].fill(NO_SPIKE);
        // Those that would fire undisturbed: time, id, place, current.
        let mut spikes = Vec::new();
        for place in range {
            let mut current = 0;
            for scorer in 0..SCORERS {
                let score = i64::from(scores[place * SCORERS + scorer]).clamp(-one, one);
                current += (i64::from(weights[scorer]) * score) >> 16;
            }
            let current = current.clamp(0, one);
            if let Some(time) = spike(current) {
                spikes.push((time, ids[place], place, current));
            }
        }
        spikes.sort();
        let window = u64::from(params.window_us);
        let second = spikes.get(1).map_or(window, |second| u64::from(second.0));
        let first = spikes.first();
        winners[request] = first.map_or(NO_WINNER, |first| first.2 as u32);
        winner_times[request] = first.map_or(NO_SPIKE, |first| first.0);
        margins[request] = first.map_or(0, |first| ((second - u64::from(first.0)) * 65_536 / window) as u32);
        let mut fired: Vec<(i64, i64)> = Vec::new();
        for &(_, _, place, current) in &spikes {
            let mut inhibition = 0;
            for &(earlier, inhibited) in &fired {
                let lead = (earlier - current).max(0);
                let threshold = i64::from(params.threshold);
                let share =
                    if lead > threshold { one } else { (lead * one).checked_div(threshold).unwrap_or(0) };
                let strength = (i64::from(params.inhibition) * inhibited) >> 16;
                inhibition = (inhibition + ((strength * share) >> 16)).min(one);
            }
            let inhibited = current - ((current * inhibition) >> 16);
            if let Some(time) = spike(inhibited) {
                times[place] = time;
                fired.push((current, inhibited));
            }
        }
    }
}

/// Requests of one task: a competition takes a microsecond or so.
const TASK_REQUESTS: usize = 64;

/// A candidate that would fire undisturbed, in the order of the competition.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spike {
    time: u32,
    id: u32,
    place: u32,
    current: u32,
}

fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (offsets, ids): (&[u32], &[u32]) = (args.read(0), args.read(1));
    let scores: &[i32] = args.read(2);
    let requests = params.requests as usize;
    let winners = args.write::<u32>(3)[..requests].chunks_mut(TASK_REQUESTS);
    let winner_times = args.write::<u32>(4)[..requests].chunks_mut(TASK_REQUESTS);
    let margins = args.write::<u32>(5)[..requests].chunks_mut(TASK_REQUESTS);
    let mut times: &mut [u32] = args.write(6);
    let mut tasks = Vec::with_capacity(requests.div_ceil(TASK_REQUESTS));
    for (task, outputs) in winners.zip(winner_times).zip(margins).enumerate() {
        let first = task * TASK_REQUESTS;
        let end = (first + TASK_REQUESTS).min(requests);
        let (own, rest) = times.split_at_mut((offsets[end] - offsets[first]) as usize);
        times = rest;
        tasks.push((&offsets[first..=end], outputs, own));
    }
    in_parallel(tasks, |(offsets, ((winners, winner_times), margins), times)| {
        let (mut spikes, mut fired) = (Vec::new(), Vec::new());
        let base = offsets[0];
        for (request, bounds) in offsets.windows(2).enumerate() {
            let times = &mut times[(bounds[0] - base) as usize..(bounds[1] - base) as usize];
            // 1. Undisturbed spikes in the order of the competition.
            spikes.clear();
            for place in bounds[0]..bounds[1] {
                let score: &[i32; SCORERS] =
                    scores[place as usize * SCORERS..][..SCORERS].try_into().expect("four");
                let current = params.current(score);
                let time = params.spike(current);
                if time != NO_SPIKE {
                    spikes.push(Spike { time, id: ids[place as usize], place, current });
                }
            }
            spikes.sort_unstable();
            // 2. Winner and its lead.
            let second = spikes.get(1).map_or(params.window_us, |second| second.time);
            let first = spikes.first();
            winners[request] = first.map_or(NO_WINNER, |first| first.place);
            winner_times[request] = first.map_or(NO_SPIKE, |first| first.time);
            margins[request] = first.map_or(0, |first| ((second - first.time) << 16) / params.window_us);
            // 3. Inhibition, in order.
            times.fill(NO_SPIKE);
            fired.clear();
            for spike in &spikes {
                let inhibition = params.inhibition_of(spike.current, &fired);
                let inhibited = spike.current - mul_q16(spike.current as i32, inhibition as i32) as u32;
                let time = params.spike(inhibited);
                if time != NO_SPIKE {
                    times[(spike.place - bounds[0]) as usize] = time;
                    fired.push((spike.current, mul_q16(params.inhibition as i32, inhibited as i32) as u32));
                }
            }
        }
    });
}

impl Params {
    fn current(&self, score: &[i32; SCORERS]) -> u32 {
        let one = ONE as i32;
        let term = |weight: i32, scorer: usize| mul_q16(weight, score[scorer].clamp(-one, one));
        let terms = term(self.semantic, 0) + term(self.structural, 1);
        let terms = terms + term(self.temporal, 2) + term(self.exception, 3);
        terms.clamp(0, one) as u32
    }

    fn spike(&self, current: u32) -> u32 {
        let time = first_spike_us(current);
        if time > self.window_us { NO_SPIKE } else { time }
    }

    /// Inhibition of a current by those that fired before it: pairs of current and strength.
    fn inhibition_of(&self, current: u32, fired: &[(u32, u32)]) -> u32 {
        let mut inhibition = 0;
        for &(earlier, strength) in fired {
            let lead = earlier.saturating_sub(current);
            // A lead within the threshold is under 2^16, so the shift stays in 32 bits.
            let share = match lead {
                0 => continue,
                lead if lead >= self.threshold => ONE,
                lead => (lead << 16) / self.threshold,
            };
            inhibition = (inhibition + mul_q16(strength as i32, share as i32) as u32).min(ONE);
            if inhibition == ONE {
                break;
            }
        }
        inhibition
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |name: &str,
                    lens: &[usize],
                    weights: [i32; 4],
                    window_us: u32,
                    score: &dyn Fn(&mut Draw) -> i32| {
        let mut offsets = vec![0u32];
        for len in lens {
            offsets.push(offsets[offsets.len() - 1] + *len as u32);
        }
        let (requests, candidates) = (lens.len(), offsets[lens.len()] as usize);
        let [semantic, structural, temporal, exception] = weights;
        let inhibition = [INHIBITION, 0, ONE][draw.below(3)];
        let threshold = [THRESHOLD, 0, 1, 65_535][draw.below(4)];
        let params = Params {
            requests: requests as u32,
            candidates: candidates as u32,
            semantic,
            structural,
            temporal,
            exception,
            inhibition,
            threshold,
            window_us,
        };
        let largest = lens.iter().max().copied().unwrap_or(0);
        let name = format!(
            "{name}: {requests} requests, up to {largest}, inhibition {inhibition}, threshold {threshold}, {window_us} us"
        );
        cases.push(
            Case::new(name, &params)
                .bind(&offsets)
                .bind(&draw.many(candidates, |draw| draw.below(candidates) as u32))
                .bind(&draw.many(candidates * SCORERS, score))
                .bind(&vec![7u32; requests + 2])
                .bind(&vec![7u32; requests + 2])
                .bind(&vec![7u32; requests + 2])
                .bind(&vec![7u32; candidates + 2]),
        );
    };
    let quarter = [16_384; SCORERS];
    let even = |draw: &mut Draw| draw.below(65_537) as i32;
    for requests in [0, 1, 63, 64, 65, 131] {
        let lens: Vec<usize> = (0..requests).map(|request| request * 7 % 23).collect();
        case("sizes", &lens, quarter, 65_535, &even);
    }
    for len in [0, 1, 2, 31, 32, 33, 64, 257, 1_024] {
        case("candidates", &[len, len], quarter, 50_000, &even);
    }
    for _ in 0..4 {
        case("ties", &[40, 5, 12], quarter, 65_535, &|draw| 65_536 - 20_000 * draw.below(3) as i32);
        case("near", &[40, 5, 12], quarter, 65_535, &|draw| 50_000 + draw.below(4_000) as i32);
        case("signed", &[40, 5, 12], [70_000, -30_000, 1 << 20, -(1 << 20)], 65_535, &|draw| {
            draw.below(131_073) as i32 - 65_536
        });
        case("clamped", &[40, 5, 12], [65_536, 65_536, 65_536, 65_536], 65_535, &|draw| draw.bits() as i32);
    }
    case("silent", &[10, 10], quarter, 65_535, &|draw| draw.below(6_000) as i32);
    case("short window", &[60, 60], quarter, 9_000, &even);
    case("shortest window", &[60, 60], [65_536; SCORERS], 1, &even);
    cases
}

#[cfg(test)]
mod tests;
