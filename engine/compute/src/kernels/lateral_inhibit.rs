//! `lateral_inhibit`: columns that fired hold down the slower ones near them on the grid (SPEC 2.4).
//!
//! - Input: requests in CSR as for `column_compete`, and what it and `ttfs_encode` left: per candidate its current, Q16, its time,
//!   us, and the column that fired (`targets`), or u32::MAX where none did.
//! - Law: within a request, in order of spike, column, place, a candidate c is held down by every earlier one e of another column
//!   within 3 grid units that itself still fires. With d their distance, L = f_e - f_c the lead, `threshold` the lead that
//!   counts in full and f'_e the inhibited current of e:
//!   I_c = min(1, sum of inhibition * exp(-0.3 d) * f'_e * min(1, L / threshold)),   f'_c = f_c * (1 - I_c).
//!   So near-equals hardly touch each other, a clear loser nearby is delayed or silenced, and a silenced one inhibits nobody.
//!   Nobody is earlier than the winner: inhibition never changes who wins.
//! - Output: per candidate `inhibited`: its spike after inhibition, us, or u32::MAX.
//! - Bounds: window 1..=65,535 us, threshold up to 65,535, inhibition up to 65,536, so that every product fits in 32
//!   bits; each candidate meets all earlier ones of its request, which should be a thousand at most.
//! - Tolerance: exact. All integers, ties broken by column and place; exp(-0.3 d) is a table by d squared.

use super::shared::columns::{
    GRID_SIDE, NO_COLUMN, RADIUS, Requests, distance_squared, offsets_of, tasks_of,
};
use super::shared::first_spike::{self, NO_SPIKE, ONE, first_spike_us, mul_q16};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::parallel::in_parallel;
use crate::recording::Recording;
use crate::source::{Constant, Scratch, Source, Text};

/// Base strength of lateral inhibition, 0.8 in Q16 (SPEC 2.4).
pub const INHIBITION: u32 = 52_429;
/// Lead from which inhibition acts in full, 0.05 in Q16 (SPEC 2.4).
pub const THRESHOLD: u32 = 3_277;

const REACH_SQUARED: usize = (RADIUS * RADIUS) as usize;
/// exp(-0.3 d) in Q16 by the square of the distance d; the first place, a column itself, is not used.
static REACH: [u32; REACH_SQUARED + 1] =
    [65_536, 48_550, 42_877, 38_977, 35_967, 33_508, 31_430, 29_633, 28_052, 26_645];

crate::params! {
    /// Parameters of `lateral_inhibit`.
    pub struct Params {
        /// Requests.
        pub requests: u32,
        /// Candidates of all requests.
        pub count: u32,
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
    name: "lateral_inhibit",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("currents", Element::U32),
        Binding::read("times", Element::U32),
        Binding::read("targets", Element::U32),
        Binding::write("inhibited", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("requests", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[
        Source { scratch: SCRATCH, ..Source::wgsl(&[&first_spike::WGSL, &WGSL]) },
        Source { scratch: SCRATCH, ..Source::cuda(&[&first_spike::CUDA, &CUDA]) },
    ],
    absent: &[],
    cases,
};

/// The order of spikes, and what holds each candidate down.
const SCRATCH: Scratch = Scratch::Dispatch(|params| 2 * u64::from(params[1]));

/// Its own part of the WGSL form.
static WGSL: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../shaders/lateral_inhibit.wgsl") };
/// And of the CUDA form.
static CUDA: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../kernels/lateral_inhibit.cu") };

const CONSTANTS: &[(&str, Constant)] = &[
    ("NO_COLUMN", Constant::U32(NO_COLUMN)),
    ("GRID_SIDE", Constant::U32(GRID_SIDE)),
    ("REACH_SQUARED", Constant::U32(REACH_SQUARED as u32)),
    ("REACH", Constant::Table(&REACH)),
];

/// How hard neighbours are held down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Strength {
    /// Strength of lateral inhibition, Q16, at most 1.
    pub inhibition: u32,
    /// Lead from which inhibition acts in full, Q16, under 1.
    pub threshold: u32,
    /// Spikes later than this do not count, 1..=65,535.
    pub window_us: u32,
}

/// Records the inhibition of all candidates; every array but the offsets is `[candidate_count]`.
pub fn record(
    recording: &mut Recording,
    strength: &Strength,
    requests: &Requests<'_>,
    currents: &Buffer<u32>,
    times: &Buffer<u32>,
    targets: &Buffer<u32>,
    inhibited: &Buffer<u32>,
) {
    requests.check();
    let in_range =
        strength.inhibition <= ONE && strength.threshold < ONE && (1..ONE).contains(&strength.window_us);
    assert!(in_range, "{strength:?} out of range, this is a bug");
    let fits = [currents, times, targets, inhibited].iter().all(|b| b.len() >= requests.candidate_count);
    assert!(fits, "{requests:?} with shorter arrays, this is a bug");
    if requests.request_count == 0 {
        return;
    }
    let params = Params {
        requests: requests.request_count as u32,
        count: requests.candidate_count as u32,
        inhibition: strength.inhibition,
        threshold: strength.threshold,
        window_us: strength.window_us,
    };
    let buffers = [requests.offsets, currents, times, targets, inhibited].map(Buffer::erase);
    recording.dispatch(&KERNEL, &params, &buffers);
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (offsets, currents): (&[u32], &[u32]) = (args.read(0), args.read(1));
    let (times, targets): (&[u32], &[u32]) = (args.read(2), args.read(3));
    let inhibited: &mut [u32] = args.write(4);
    let one = u64::from(ONE);
    for bounds in offsets[..=params.requests as usize].windows(2) {
        let range = bounds[0] as usize..bounds[1] as usize;
        inhibited[range.clone()].fill(NO_SPIKE);
        let mut spikes: Vec<(u32, u32, usize)> = range
            .filter(|&place| targets[place] != NO_COLUMN)
            .map(|place| (times[place], targets[place], place))
            .collect();
        spikes.sort();
        // Column, current before and after inhibition of those that fired.
        let mut fired: Vec<(u32, u64, u64)> = Vec::new();
        for &(_, column, place) in &spikes {
            let current = u64::from(currents[place]);
            let mut inhibition = 0;
            for &(earlier, before, after) in &fired {
                let apart = distance_squared(earlier, column) as usize;
                if earlier == column || apart > REACH_SQUARED {
                    continue;
                }
                let (lead, threshold) = (before.saturating_sub(current), u64::from(params.threshold));
                let share =
                    if lead > threshold { one } else { (lead * one).checked_div(threshold).unwrap_or(0) };
                let near = (u64::from(params.inhibition) * u64::from(REACH[apart])) >> 16;
                let strength = (near * after) >> 16;
                inhibition = (inhibition + ((strength * share) >> 16)).min(one);
            }
            let left = current - ((current * inhibition) >> 16);
            let time = first_spike_us(left as u32);
            if time <= params.window_us {
                inhibited[place] = time;
                fired.push((column, current, left));
            }
        }
    }
}

/// A candidate that has a neighbour among the others, in the order of spikes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Spike {
    time: u32,
    column: u32,
    place: u32,
}

/// Columns further apart in number than this are further apart than the radius on the grid.
const NUMBERS_APART: u32 = RADIUS * (GRID_SIDE.pow(2) + GRID_SIDE + 1);

fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (offsets, currents): (&[u32], &[u32]) = (args.read(0), args.read(1));
    let (times, targets): (&[u32], &[u32]) = (args.read(2), args.read(3));
    let mut inhibited: &mut [u32] = args.write(4);
    let mut tasks = Vec::new();
    for offsets in tasks_of(&offsets[..=params.requests as usize]) {
        let (own, rest) = inhibited.split_at_mut((offsets[offsets.len() - 1] - offsets[0]) as usize);
        inhibited = rest;
        tasks.push((offsets, own));
    }
    in_parallel(tasks, |(offsets, inhibited)| {
        let (mut by_column, mut spikes, mut fired) = (Vec::new(), Vec::new(), Vec::new());
        let base = offsets[0];
        for bounds in offsets.windows(2) {
            let range = bounds[0] as usize..bounds[1] as usize;
            let inhibited = &mut inhibited[(bounds[0] - base) as usize..(bounds[1] - base) as usize];
            // 1. Undisturbed, each fires when its current says.
            by_column.clear();
            for (own, place) in range.clone().enumerate() {
                let fires = targets[place] != NO_COLUMN;
                inhibited[own] = if fires { params.spike(currents[place]) } else { NO_SPIKE };
                if fires {
                    by_column.push(u64::from(targets[place]) << 32 | place as u64);
                }
            }
            // 2. Only who has a neighbour on the grid can be held down, or hold down.
            by_column.sort_unstable();
            spikes.clear();
            for (at, &key) in by_column.iter().enumerate() {
                let column = (key >> 32) as u32;
                let is_near = |other: &u64| {
                    let other = (other >> 32) as u32;
                    other != column && distance_squared(column, other) as usize <= REACH_SQUARED
                };
                let in_reach = |other: &&u64| column.abs_diff((**other >> 32) as u32) <= NUMBERS_APART;
                let near = by_column[..at].iter().rev().take_while(in_reach).any(is_near)
                    || by_column[at + 1..].iter().take_while(in_reach).any(is_near);
                if near {
                    let place = key as u32;
                    spikes.push(Spike { time: times[place as usize], column, place });
                }
            }
            // 3. In order of spike.
            spikes.sort_unstable();
            fired.clear();
            for spike in &spikes {
                let current = currents[spike.place as usize];
                let inhibition = params.inhibition_of(spike.column, current, &fired);
                let left = current - mul_q16(current as i32, inhibition as i32) as u32;
                let time = params.spike(left);
                inhibited[spike.place as usize - range.start] = time;
                if time != NO_SPIKE {
                    fired.push((spike.column, current, left));
                }
            }
        }
    });
}

impl Params {
    fn spike(&self, current: u32) -> u32 {
        let time = first_spike_us(current);
        if time > self.window_us { NO_SPIKE } else { time }
    }

    /// Inhibition of a current by those that fired before it: column, current, and what was left of it.
    fn inhibition_of(&self, column: u32, current: u32, fired: &[(u32, u32, u32)]) -> u32 {
        let mut inhibition = 0;
        for &(earlier, before, after) in fired {
            let apart = distance_squared(earlier, column) as usize;
            if earlier == column || apart > REACH_SQUARED {
                continue;
            }
            let lead = before.saturating_sub(current);
            // A lead within the threshold is under 2^16, so the shift stays in 32 bits.
            let share = match lead {
                0 => continue,
                lead if lead >= self.threshold => ONE,
                lead => (lead << 16) / self.threshold,
            };
            let near = mul_q16(self.inhibition as i32, REACH[apart] as i32);
            let strength = mul_q16(near, after as i32);
            inhibition = (inhibition + mul_q16(strength, share as i32) as u32).min(ONE);
        }
        inhibition
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |name: &str, lens: &[usize], columns: usize, window_us: u32, lowest: usize| {
        let offsets = offsets_of(lens.iter().copied());
        let (requests, count) = (lens.len(), offsets[lens.len()] as usize);
        let params = Params {
            requests: requests as u32,
            count: count as u32,
            inhibition: [INHIBITION, 0, ONE][draw.below(3)],
            threshold: [THRESHOLD, 0, 1, 65_535][draw.below(4)],
            window_us,
        };
        let currents = draw.many(count, |draw| (lowest + draw.below(ONE as usize + 1 - lowest)) as u32);
        let times: Vec<u32> = currents.iter().map(|&current| params.spike(current)).collect();
        // Near each other in all three directions, with some that are silent.
        let mut target = |&time: &u32| {
            let place = |draw: &mut Draw| draw.below(columns) as u32;
            let column = place(draw) + 100 * place(draw) + 10_000 * place(draw);
            if time == NO_SPIKE || draw.below(9) == 0 { NO_COLUMN } else { column }
        };
        let targets: Vec<u32> = times.iter().map(&mut target).collect();
        let name = format!(
            "{name}: {requests} requests, {count} candidates, inhibition {}, threshold {}",
            params.inhibition, params.threshold
        );
        cases.push(
            Case::new(name, &params)
                .bind(&offsets)
                .bind(&currents)
                .bind(&times)
                .bind(&targets)
                .bind(&vec![7u32; count + 2]),
        );
    };
    for requests in [0, 1, 63, 64, 65, 131] {
        let lens: Vec<usize> = (0..requests).map(|request| request * 7 % 23).collect();
        case("sizes", &lens, 4, 65_535, 0);
    }
    for len in [1, 2, 31, 33, 64, 257, 700] {
        case("close", &[len, len], 3, 46_052, 0);
        case("same column", &[len, len], 1, 46_052, 0);
        case("spread out", &[len, len], 60, 46_052, 0);
        case("near-equals", &[len, len], 4, 46_052, 62_000);
    }
    case("short window", &[60, 60], 3, 9_000, 0);
    case("shortest window", &[60, 60], 3, 1, 60_000);
    cases
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::words_of;
    use crate::device::{Device, DeviceChoice, DeviceOptions};

    const WINDOW_US: u32 = 50_000;

    /// Times after inhibition of one request with these columns and currents.
    fn inhibit(inhibition: u32, request: &[(u32, u32)]) -> Vec<u32> {
        let params = Params {
            requests: 1,
            count: request.len() as u32,
            inhibition,
            threshold: THRESHOLD,
            window_us: WINDOW_US,
        };
        let currents: Vec<u32> = request.iter().map(|&(_, current)| current).collect();
        let case = Case::new("one request", &params)
            .bind(&[0, request.len() as u32])
            .bind(&currents)
            .bind(&currents.iter().map(|&current| first_spike_us(current)).collect::<Vec<u32>>())
            .bind(&request.iter().map(|&(column, _)| column).collect::<Vec<u32>>())
            .bind(&vec![0u32; request.len()]);
        let cpu = DeviceOptions { choice: DeviceChoice::Cpu, threads: 1, ..Default::default() };
        let mut device = Device::open(&cpu).expect("the CPU is there");
        let played = case.play(&KERNEL, &mut device).expect("a small request");
        words_of(&played[4])
    }

    #[test]
    fn the_reach_is_an_exponential_of_the_distance() {
        for (squared, &reach) in REACH.iter().enumerate() {
            let real = (-0.3 * (squared as f64).sqrt()).exp() * 65_536.0;
            assert_eq!(reach, real.round() as u32, "{squared}");
        }
    }

    #[test]
    fn a_clear_loser_is_silenced_nearby_delayed_further_off_and_left_alone_beyond() {
        let (strong, weak) = (60_000, 12_000);
        let alone = first_spike_us(weak);
        let beside = |apart: u32| inhibit(INHIBITION, &[(50, strong), (50 + apart, weak)])[1];
        assert_eq!(beside(1), NO_SPIKE);
        assert!(beside(3) == NO_SPIKE || beside(3) > alone);
        assert_eq!([beside(4), beside(0)], [alone; 2]);
        let delayed = |apart: u32| inhibit(INHIBITION, &[(50, strong), (50 + apart, 40_000)])[1];
        assert!(delayed(1) > delayed(2) && delayed(2) > delayed(3) && delayed(3) > first_spike_us(40_000));
    }

    #[test]
    fn near_equals_hardly_touch_and_equals_not_at_all() {
        let time = first_spike_us(40_000);
        assert_eq!(inhibit(INHIBITION, &[(9, 40_000), (10, 40_000), (11, 40_000)]), [time; 3]);
        let times = inhibit(INHIBITION, &[(9, 60_000), (10, 59_500)]);
        assert!(times[1] > first_spike_us(59_500) && times[1] != NO_SPIKE, "{times:?}");
    }

    #[test]
    fn a_silenced_candidate_inhibits_nobody() {
        let with = inhibit(INHIBITION, &[(1, 65_536), (2, 12_000), (3, 11_000)]);
        let without = inhibit(INHIBITION, &[(1, 65_536), (3, 11_000)]);
        assert_eq!((with[1], with[2]), (NO_SPIKE, without[1]));
        let with = inhibit(INHIBITION / 4, &[(1, 65_536), (2, 50_000), (3, 30_000)]);
        let without = inhibit(INHIBITION / 4, &[(1, 65_536), (3, 30_000)]);
        assert!(with[2] > without[1], "a second one that fires delays the third further");
    }
}
