//! `ttfs_encode`: how strongly each candidate column is driven by a new memory, and when it would fire first.
//!
//! - Input: requests in CSR. `offsets`, u32 `[requests + 1]`, rising from 0 to `count`; candidate c is `candidates[c]`
//!   (see `shared::columns`) and has four Q16 values `scores[c]`: semantic, structural, temporal, exception, each in -1..=1
//!   (values beyond are clamped). Weights and bias are Q16 in -16..=16.
//! - Current: f = bias + sum of weight * score, each product rounded down to Q16, clamped to 0..=1.
//! - A vacant column (`VACANT`) is driven by novelty: 1 minus the strongest current of the request's other candidates. Its
//!   scores are not looked at.
//! - Spike: t = -tau ln f (`shared::first_spike`); none under f = 0.1 or later than `window_us`.
//! - Output: per candidate `currents`, Q16, and `times`, us, or u32::MAX.
//! - Bounds: window 1..=65,535 us, so that shares of it fit in 32 bits.
//! - Tolerance: exact. All integers.

use super::shared::columns::{Requests, VACANT, offsets_of, tasks_of};
use super::shared::first_spike::{self, NO_SPIKE, ONE, first_spike_us, mul_q16};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::parallel::in_parallel;
use crate::recording::Recording;
use crate::source::{Constant, Source, Text};

/// Scorers of a candidate.
pub const SCORERS: usize = 4;

const WEIGHT_MAX: u32 = 16 << 16;

/// The longest first spike of the code, us: a current of 0.1 fires at 20 ms * ln 10 (SPEC 2.1).
pub const WINDOW_US: u32 = 46_052;

crate::params! {
    /// Parameters of `ttfs_encode`.
    pub struct Params {
        /// Requests.
        pub requests: u32,
        /// Candidates of all requests.
        pub count: u32,
        /// Weight of the semantic score, Q16.
        pub semantic: i32,
        /// Weight of the structural score, Q16.
        pub structural: i32,
        /// Weight of the temporal score, Q16.
        pub temporal: i32,
        /// Weight of the exception score, Q16.
        pub exception: i32,
        /// Current without any score, Q16.
        pub bias: i32,
        /// Spikes later than this do not count.
        pub window_us: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "ttfs_encode",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("candidates", Element::U32),
        Binding::read("scores", Element::I32),
        Binding::write("currents", Element::U32),
        Binding::write("times", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("requests", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[Source::wgsl(&[&first_spike::WGSL, &WGSL]), Source::cuda(&[&first_spike::CUDA, &CUDA])],
    absent: &[],
    cases,
};

/// Its own part of the WGSL form.
static WGSL: Text = Text { constants: CONSTANTS, text: include_str!("../../../../shaders/ttfs_encode.wgsl") };
/// And of the CUDA form.
static CUDA: Text = Text { constants: CONSTANTS, text: include_str!("../../../../kernels/ttfs_encode.cu") };

const CONSTANTS: &[(&str, Constant)] =
    &[("VACANT", Constant::U32(VACANT)), ("SCORERS", Constant::U32(SCORERS as u32))];

/// How scores become a current.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drive {
    /// Weights of semantic, structural, temporal and exception score, Q16, each in -16..=16.
    pub weights: [i32; SCORERS],
    /// Current without any score, Q16, in -16..=16.
    pub bias: i32,
    /// Spikes later than this do not count, 1..=65,535.
    pub window_us: u32,
}

/// Records the encoding of all candidates: `scores` are `[candidate_count][4]`, outputs `[candidate_count]`.
pub fn record(
    recording: &mut Recording,
    drive: &Drive,
    requests: &Requests<'_>,
    scores: &Buffer<i32>,
    currents: &Buffer<u32>,
    times: &Buffer<u32>,
) {
    requests.check();
    let [semantic, structural, temporal, exception] = drive.weights;
    let numbers = [semantic, structural, temporal, exception, drive.bias];
    let in_range = numbers.iter().all(|number| number.unsigned_abs() <= WEIGHT_MAX)
        && (1..ONE).contains(&drive.window_us);
    assert!(in_range, "{drive:?} out of range, this is a bug");
    let count = requests.candidate_count;
    let fits = scores.len() >= count * SCORERS && currents.len() >= count && times.len() >= count;
    assert!(fits, "{count} candidates in shorter buffers, this is a bug");
    if requests.request_count == 0 {
        return;
    }
    let params = Params {
        requests: requests.request_count as u32,
        count: count as u32,
        semantic,
        structural,
        temporal,
        exception,
        bias: drive.bias,
        window_us: drive.window_us,
    };
    let inputs = [requests.offsets.erase(), requests.candidates.erase(), scores.erase()];
    let buffers = [inputs[0], inputs[1], inputs[2], currents.erase(), times.erase()];
    recording.dispatch(&KERNEL, &params, &buffers);
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (offsets, candidates): (&[u32], &[u32]) = (args.read(0), args.read(1));
    let scores: &[i32] = args.read(2);
    let (currents, times): (&mut [u32], &mut [u32]) = (args.write(3), args.write(4));
    let weights = [params.semantic, params.structural, params.temporal, params.exception];
    let one = i64::from(ONE);
    for request in 0..params.requests as usize {
        let range = offsets[request] as usize..offsets[request + 1] as usize;
        let mut strongest = 0;
        for place in range.clone().filter(|&place| candidates[place] != VACANT) {
            let mut current = i64::from(params.bias);
            for scorer in 0..SCORERS {
                let score = i64::from(scores[place * SCORERS + scorer]).clamp(-one, one);
                current += (i64::from(weights[scorer]) * score) >> 16;
            }
            currents[place] = current.clamp(0, one) as u32;
            strongest = strongest.max(currents[place]);
        }
        for place in range {
            if candidates[place] == VACANT {
                currents[place] = ONE - strongest;
            }
            let time = first_spike_us(currents[place]);
            times[place] = if time > params.window_us { NO_SPIKE } else { time };
        }
    }
}

fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (offsets, candidates): (&[u32], &[u32]) = (args.read(0), args.read(1));
    let scores: &[i32] = args.read(2);
    let (mut currents, mut times): (&mut [u32], &mut [u32]) = (args.write(3), args.write(4));
    let mut tasks = Vec::new();
    for offsets in tasks_of(&offsets[..=params.requests as usize]) {
        let len = (offsets[offsets.len() - 1] - offsets[0]) as usize;
        let (own_currents, rest) = currents.split_at_mut(len);
        let (own_times, later) = times.split_at_mut(len);
        (currents, times) = (rest, later);
        tasks.push((offsets, own_currents, own_times));
    }
    in_parallel(tasks, |(offsets, currents, times)| {
        let base = offsets[0];
        for bounds in offsets.windows(2) {
            let range = bounds[0] as usize..bounds[1] as usize;
            let own = (bounds[0] - base) as usize..(bounds[1] - base) as usize;
            let (candidates, currents) = (&candidates[range.clone()], &mut currents[own.clone()]);
            let (scores, _) = scores[range.start * SCORERS..range.end * SCORERS].as_chunks::<SCORERS>();
            let mut strongest = 0;
            for ((current, score), &candidate) in currents.iter_mut().zip(scores).zip(candidates) {
                *current = if candidate == VACANT { 0 } else { params.current(score) };
                strongest = strongest.max(*current);
            }
            for ((time, current), &candidate) in times[own].iter_mut().zip(currents).zip(candidates) {
                if candidate == VACANT {
                    *current = ONE - strongest;
                }
                *time = params.spike(*current);
            }
        }
    });
}

impl Params {
    fn current(&self, score: &[i32; SCORERS]) -> u32 {
        let one = ONE as i32;
        let term = |weight: i32, scorer: usize| mul_q16(weight, score[scorer].clamp(-one, one));
        let terms = self.bias + term(self.semantic, 0) + term(self.structural, 1);
        let terms = terms + term(self.temporal, 2) + term(self.exception, 3);
        terms.clamp(0, one) as u32
    }

    fn spike(&self, current: u32) -> u32 {
        let time = first_spike_us(current);
        if time > self.window_us { NO_SPIKE } else { time }
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |name: &str,
                    lens: &[usize],
                    weights: [i32; SCORERS],
                    bias: i32,
                    window_us: u32,
                    score: &dyn Fn(&mut Draw) -> i32| {
        let offsets = offsets_of(lens.iter().copied());
        let (requests, count) = (lens.len(), offsets[lens.len()] as usize);
        let [semantic, structural, temporal, exception] = weights;
        let params = Params {
            requests: requests as u32,
            count: count as u32,
            semantic,
            structural,
            temporal,
            exception,
            bias,
            window_us,
        };
        let largest = lens.iter().max().copied().unwrap_or(0);
        let name = format!("{name}: {requests} requests, up to {largest}, {window_us} us");
        let candidate = |draw: &mut Draw| [VACANT, draw.bits() as u32][draw.below(5).min(1)];
        cases.push(
            Case::new(name, &params)
                .bind(&offsets)
                .bind(&draw.many(count, candidate))
                .bind(&draw.many(count * SCORERS, score))
                .bind(&vec![7u32; count + 2])
                .bind(&vec![7u32; count + 2]),
        );
    };
    let quarter = [16_384; SCORERS];
    let even = |draw: &mut Draw| draw.below(65_537) as i32;
    for requests in [0, 1, 63, 64, 65, 131] {
        let lens: Vec<usize> = (0..requests).map(|request| request * 7 % 23).collect();
        case("sizes", &lens, quarter, 0, 65_535, &even);
    }
    for len in [0, 1, 2, 31, 64, 257, 1_024] {
        case("candidates", &[len, len], quarter, -3_000, 50_000, &even);
    }
    for bias in [0, -40_000, 1 << 20, -(1 << 20)] {
        case("signed", &[40, 5, 12], [70_000, -30_000, 1 << 20, -(1 << 20)], bias, 65_535, &|draw| {
            draw.below(131_073) as i32 - 65_536
        });
        case("clamped", &[40, 5, 12], [65_536; SCORERS], bias, 65_535, &|draw| draw.bits() as i32);
    }
    case("silent", &[10, 10], quarter, 0, 65_535, &|draw| draw.below(6_000) as i32);
    case("short window", &[60, 60], quarter, 0, 9_000, &even);
    case("shortest window", &[60, 60], [65_536; SCORERS], 0, 1, &even);
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::words_of;
    use crate::device::{Device, DeviceChoice, DeviceOptions};
    use crate::kernels::shared::first_spike::CURRENT_MIN;

    /// Currents and times of one request with these candidates and semantic scores.
    fn encode(drive: &Drive, request: &[(u32, u32)]) -> (Vec<u32>, Vec<u32>) {
        let [semantic, structural, temporal, exception] = drive.weights;
        let params = Params {
            requests: 1,
            count: request.len() as u32,
            semantic,
            structural,
            temporal,
            exception,
            bias: drive.bias,
            window_us: drive.window_us,
        };
        let candidates: Vec<u32> = request.iter().map(|&(candidate, _)| candidate).collect();
        let scores: Vec<i32> = request.iter().flat_map(|&(_, score)| [score as i32, 0, 0, 0]).collect();
        let case = Case::new("one request", &params)
            .bind(&[0, request.len() as u32])
            .bind(&candidates)
            .bind(&scores)
            .bind(&vec![0u32; request.len()])
            .bind(&vec![0u32; request.len()]);
        let cpu = DeviceOptions { choice: DeviceChoice::Cpu, threads: 1, ..Default::default() };
        let mut device = Device::open(&cpu).expect("the CPU is there");
        let played = case.play(&KERNEL, &mut device).expect("a small request");
        (words_of(&played[3]), words_of(&played[4]))
    }

    const DRIVE: Drive = Drive { weights: [65_536, 0, 0, 0], bias: 0, window_us: 50_000 };

    #[test]
    fn stronger_is_earlier_and_what_is_too_weak_stays_silent() {
        let (currents, times) = encode(&DRIVE, &[(1, 60_000), (2, 20_000), (3, CURRENT_MIN - 1)]);
        assert_eq!(currents, [60_000, 20_000, CURRENT_MIN - 1]);
        assert_eq!(times, [first_spike_us(60_000), first_spike_us(20_000), NO_SPIKE]);
        let (currents, _) = encode(&Drive { bias: -30_000, ..DRIVE }, &[(1, 60_000), (2, 20_000)]);
        assert_eq!(currents, [30_000, 0]);
    }

    #[test]
    fn a_vacant_column_is_driven_by_what_no_other_explains() {
        let (currents, times) = encode(&DRIVE, &[(VACANT, 12), (4, 40_000), (5, 10_000)]);
        assert_eq!(currents[0], ONE - 40_000);
        assert_eq!(times[0], first_spike_us(ONE - 40_000));
        assert_eq!(encode(&DRIVE, &[(VACANT, 0)]), (vec![ONE], vec![0]));
    }
}
