//! The competition of columns: from scores to spikes, to winners, to who is held down.
//!
//! Counted from the laws, whose device forms are younger than this table: a request waits for the one before it, a candidate of one
//! request for those that spiked earlier.

use cortexkg_compute::kernels::shared::columns::{ALLOCATED, AVAILABLE, COLUMN_WORDS, NO_COLUMN};
use cortexkg_compute::kernels::shared::first_spike::ONE;
use cortexkg_compute::kernels::{column_compete, lateral_inhibit, ttfs_encode};
use cortexkg_compute::{Case, Draw};

use super::{Shape, Size, numbers, params};
use crate::work::Work;

/// Candidates of a request.
const CANDIDATES: usize = 64;
const WINDOW_US: u32 = 46_052;

/// From small to large.
pub fn shapes() -> Vec<Shape> {
    let mut all = Vec::new();
    let sizes =
        [(Size::Small, 64, 1 << 12), (Size::Medium, 1 << 10, 1 << 20), (Size::Large, 1 << 16, 1 << 24)];
    for (size, requests, columns) in sizes {
        let shape = |kernel, name, make, count| Shape {
            kernel,
            size,
            name,
            item: "request",
            items: requests as u64,
            workgroups_max: u64::MAX,
            make,
            count,
        };
        let name = format!("{requests} requests of {CANDIDATES}");
        let make = Box::new(move || encoding(requests));
        all.push(shape(&ttfs_encode::KERNEL, name.clone(), make, count_encoding));
        let make = Box::new(move || inhibiting(requests));
        all.push(shape(&lateral_inhibit::KERNEL, name.clone(), make, count_inhibiting));
        let make = Box::new(move || competing(requests, columns));
        all.push(shape(&column_compete::KERNEL, format!("{name}, {columns} columns"), make, count_competing));
    }
    all
}

fn offsets(requests: usize) -> Vec<u32> {
    (0..=requests).map(|request| (request * CANDIDATES) as u32).collect()
}

/// Most candidates fit badly, as the far end of a search does.
fn fit(draw: &mut Draw) -> u32 {
    let unit = |draw: &mut Draw| (f64::from(draw.signed()) + 1.0) / 2.0;
    (unit(draw) * unit(draw) * f64::from(ONE)) as u32
}

fn encoding(requests: usize) -> Case {
    let draw = &mut Draw::new(7);
    let count = requests * CANDIDATES;
    let params = ttfs_encode::Params {
        requests: requests as u32,
        count: count as u32,
        semantic: 16_384,
        structural: 16_384,
        temporal: 16_384,
        exception: 16_384,
        bias: 0,
        window_us: WINDOW_US,
    };
    Case::new("encoding", &params)
        .bind(&offsets(requests))
        .bind(&draw.many(count, |draw| draw.below(1 << 20) as u32))
        .bind(&draw.many(count * ttfs_encode::SCORERS, |draw| fit(draw) as i32))
        .bind(&vec![0u32; count])
        .bind(&vec![0u32; count])
}

fn count_encoding(case: &Case, _: &[Vec<u8>]) -> Work {
    let ttfs_encode::Params { requests, count, .. } = params(case);
    // Four products of 64 bits and their sum (twenty), a logarithm by table (thirty), the vacant candidate's share (ten).
    let candidate = Work::read(4 + 16) + Work::write(8) + Work::integer(60);
    Work::read(4) * u64::from(requests) + candidate * u64::from(count) + Work::launches(1)
}

fn inhibiting(requests: usize) -> Case {
    let draw = &mut Draw::new(8);
    let count = requests * CANDIDATES;
    let params = lateral_inhibit::Params {
        requests: requests as u32,
        count: count as u32,
        inhibition: lateral_inhibit::INHIBITION,
        threshold: lateral_inhibit::THRESHOLD,
        window_us: WINDOW_US,
    };
    let currents: Vec<u32> = draw.many(count, |draw| ONE / 8 + fit(draw) / 2);
    // The stronger the earlier. What they are to the microsecond does not matter to the work.
    let times: Vec<u32> = currents.iter().map(|&current| (ONE - current) * 40_000 / ONE).collect();
    Case::new("inhibiting", &params)
        .bind(&offsets(requests))
        .bind(&currents)
        .bind(&times)
        .bind(&draw.many(count, |draw| draw.below(600) as u32))
        .bind(&vec![0u32; count])
}

fn count_inhibiting(case: &Case, _: &[Vec<u8>]) -> Work {
    let lateral_inhibit::Params { requests, count, .. } = params(case);
    let targets: Vec<u32> = numbers(&case.buffers[3]);
    let (mut pairs, mut longest) = (0, 0);
    for of_request in targets.chunks(CANDIDATES) {
        let fired = of_request.iter().filter(|&&target| target != NO_COLUMN).count() as u64;
        pairs += fired * fired.saturating_sub(1) / 2;
        longest = longest.max(fired);
    }
    // Twelve for places on the grid, eight for the distance, twenty for lead, reach and strength.
    let candidate = Work::read(12) + Work::write(4) + Work::integer(40);
    Work::read(4) * u64::from(requests)
        + candidate * u64::from(count)
        + Work::integer(40) * pairs
        + Work::barriers(longest)
        + Work::launches(1)
}

fn competing(requests: usize, columns: usize) -> Case {
    let draw = &mut Draw::new(9);
    let count = requests * CANDIDATES;
    let vacant = requests.min(columns / 2);
    let params = column_compete::Params {
        requests: requests as u32,
        count: count as u32,
        capacity: columns as u32,
        offered: vacant as u32,
        refractory: 2,
        window_us: WINDOW_US,
    };
    let held = columns - vacant;
    let state = |column: usize| if column < held { ALLOCATED } else { AVAILABLE };
    let grid: Vec<u32> = (0..columns).flat_map(|column| [state(column), 0, 0, 0]).collect();
    assert_eq!(grid.len(), columns * COLUMN_WORDS);
    Case::new("competing", &params)
        .bind(&offsets(requests))
        .bind(&draw.many(count, |draw| draw.below(held) as u32))
        .bind(&draw.many(count, |draw| draw.below(WINDOW_US as usize) as u32))
        .bind(&(0..requests as u32).collect::<Vec<_>>())
        .bind(&(held as u32..columns as u32).collect::<Vec<_>>())
        .bind(&grid)
        .bind(&vec![0u32; requests])
        .bind(&vec![0u32; requests])
        .bind(&vec![0u32; requests])
        .bind(&vec![0u32; count])
}

fn count_competing(case: &Case, _: &[Vec<u8>]) -> Work {
    let column_compete::Params { requests, count, capacity, .. } = params(case);
    let [requests, count, capacity] = [requests, count, capacity].map(u64::from);
    // A candidate's time and the state of its column, somewhere; the first and the second of a request.
    let candidate = Work::read(8) + Work::write(4) + Work::gather(1) + Work::integer(20);
    let touched = (count * 8).min(8 * capacity);
    let request = Work::read(12) + Work::write(12) + Work::again(16) + Work::integer(40);
    candidate * count
        + Work { read_bytes: touched, ..Work::default() }
        + request * requests
        + Work::barriers(requests)
        + Work::launches(1)
}
