//! `column_compete`: which column takes each of a batch of new memories. The earliest spike wins, columns change their state as
//! SPEC 2.2 allows, and conflicts are settled in order of arrival.
//!
//! - Input: requests in CSR. `offsets`, u32 `[requests + 1]`, rising from 0 to `count`; candidate c is `candidates[c]` (see
//!   `shared::columns`) and would fire at `times[c]`, us, or never (u32::MAX). Request r arrives at tick `arrivals[r]`, which
//!   never falls. `vacants` are columns offered to whoever founds one, u32 `[offered]`.
//! - Grid: `columns`, u32 `[capacity][4]`: state, silent before this tick, spikes so far, tick of the last spike.
//! - Requests are settled one after the other. A candidate stands for a column: itself; what the named earlier request of the
//!   batch got; or, if vacant, the first offered column that is Available, or Refractory
//!   until this tick or earlier. A column fires only if it is Allocated (but for the vacant one) and its refractory time is
//!   over. Who names a column that is not there, or a request that is not earlier, stays silent.
//! - Order within a request: earlier spike, then lower column, then place. The first wins. A vacant winner goes through
//!   Available, Activated, Competing, Allocated; a vacant loser goes back to Available; a held winner stays
//!   Allocated. The winner has spiked once more, at this tick, and is silent for `refractory` ticks.
//! - Output: per request `winners` (place among all candidates, or u32::MAX), `taken` (the column, or u32::MAX) and `margins`:
//!   the lead over the first spike of another column, as a Q16 share of the window; where none fires it counts as the
//!   window's end; 0 without a winner. Per candidate `targets`: the column that fired, or u32::MAX.
//! - So a batch of n is n batches of one, with `VACANT` and columns in place of earlier requests.
//! - A GPU settles a batch in one workgroup: its threads share out a request's candidates, and requests follow each other.
//!   That order cannot be had cheaper in the worst case, where all want the same column. The CPU form, too, is one task.
//! - Bounds: window 1..=65,535 us, times within the window.
//! - Tolerance: exact. All integers, ties broken by column and place.

use super::shared::columns::{
    ACTIVATED, ALLOCATED, AVAILABLE, COLUMN_WORDS, COMPETING, NO_COLUMN, REFRACTORY, REQUEST, Requests,
    VACANT, follow, offsets_of,
};
use super::shared::first_spike::{NO_SPIKE, ONE};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Extent, Grid, Kernel, Params as _, Tolerance};
use crate::recording::Recording;
use crate::source::{Constant, Source, Text};

/// Winner of a request in which nobody fired.
pub const NO_WINNER: u32 = u32::MAX;

crate::params! {
    /// Parameters of `column_compete`.
    pub struct Params {
        /// Requests.
        pub requests: u32,
        /// Candidates of all requests.
        pub count: u32,
        /// Columns of the grid.
        pub capacity: u32,
        /// Columns offered to founders.
        pub offered: u32,
        /// Ticks for which a column is silent after its spike.
        pub refractory: u32,
        /// Length of a competition, us.
        pub window_us: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "column_compete",
    bindings: &[
        Binding::read("offsets", Element::U32),
        Binding::read("candidates", Element::U32),
        Binding::read("times", Element::U32),
        Binding::read("arrivals", Element::U32),
        Binding::read("vacants", Element::U32),
        Binding::read_write("columns", Element::U32),
        Binding::write("winners", Element::U32),
        Binding::write("taken", Element::U32),
        Binding::write("margins", Element::U32),
        Binding::write("targets", Element::U32),
    ],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid { x: Extent::One, y: Extent::One },
    tolerance: Tolerance::Exact,
    reference,
    cpu,
    sources: &[Source::wgsl(&[&WGSL]), Source::cuda(&[&CUDA])],
    absent: &[],
    cases,
};

/// Its own part of the WGSL form.
static WGSL: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../shaders/column_compete.wgsl") };
/// And of the CUDA form.
static CUDA: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../kernels/column_compete.cu") };

const CONSTANTS: &[(&str, Constant)] = &[
    ("VACANT", Constant::U32(VACANT)),
    ("REQUEST", Constant::U32(REQUEST)),
    ("NO_COLUMN", Constant::U32(NO_COLUMN)),
    ("NO_WINNER", Constant::U32(NO_WINNER)),
    ("NO_SPIKE", Constant::U32(NO_SPIKE)),
    ("AVAILABLE", Constant::U32(AVAILABLE)),
    ("ALLOCATED", Constant::U32(ALLOCATED)),
    ("REFRACTORY", Constant::U32(REFRACTORY)),
];

/// The grid and what is offered of it, on a device.
#[derive(Clone, Copy, Debug)]
pub struct Columns<'a> {
    /// `[capacity][4]`.
    pub columns: &'a Buffer<u32>,
    /// How many.
    pub capacity: usize,
    /// Columns offered to founders, `[offered]`; none if no request names `VACANT`.
    pub vacants: &'a Buffer<u32>,
    /// How many.
    pub offered: usize,
}

/// How long things take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Ticks for which a column is silent after its spike.
    pub refractory: u32,
    /// Length of a competition, 1..=65,535 us.
    pub window_us: u32,
}

/// Where the outcome goes.
#[derive(Clone, Copy, Debug)]
pub struct Outcome<'a> {
    /// `[request_count]`: place of the winner in the candidate arrays, or `NO_WINNER`.
    pub winners: &'a Buffer<u32>,
    /// `[request_count]`: the column, or `NO_COLUMN`.
    pub taken: &'a Buffer<u32>,
    /// `[request_count]`: Q16.
    pub margins: &'a Buffer<u32>,
    /// `[candidate_count]`: the column that fired, or `NO_COLUMN`.
    pub targets: &'a Buffer<u32>,
}

/// Records the competitions of a batch. `times` are per candidate, `arrivals` per request.
pub fn record(
    recording: &mut Recording,
    pace: &Pace,
    requests: &Requests<'_>,
    times: &Buffer<u32>,
    arrivals: &Buffer<u32>,
    grid: &Columns<'_>,
    outcome: &Outcome<'_>,
) {
    requests.check();
    let (count, request_count) = (requests.candidate_count, requests.request_count);
    assert!((1..ONE).contains(&pace.window_us), "{pace:?} out of range, this is a bug");
    let grid_fits = grid.columns.len() >= grid.capacity * COLUMN_WORDS && grid.vacants.len() >= grid.offered;
    assert!(grid_fits, "{grid:?} in shorter buffers, this is a bug");
    let inputs_fit = times.len() >= count && arrivals.len() >= request_count;
    let outputs = [outcome.winners, outcome.taken, outcome.margins];
    let outputs_fit = outputs.iter().all(|b| b.len() >= request_count) && outcome.targets.len() >= count;
    assert!(inputs_fit && outputs_fit, "{requests:?} with shorter arrays, this is a bug");
    if request_count == 0 {
        return;
    }
    let params = Params {
        requests: request_count as u32,
        count: count as u32,
        capacity: grid.capacity as u32,
        offered: grid.offered as u32,
        refractory: pace.refractory,
        window_us: pace.window_us,
    };
    let buffers = [
        requests.offsets,
        requests.candidates,
        times,
        arrivals,
        grid.vacants,
        grid.columns,
        outcome.winners,
        outcome.taken,
        outcome.margins,
        outcome.targets,
    ];
    recording.dispatch(&KERNEL, &params, &buffers.map(Buffer::erase));
}

/// State, silent before this tick, spikes so far, tick of the last spike.
type Column = [u32; COLUMN_WORDS];

/// Holds a concept and may fire at this tick.
fn is_ready(column: &Column, tick: u32) -> bool {
    column[0] == ALLOCATED && column[1] <= tick
}

/// May be founded at this tick.
fn is_vacant(column: &Column, tick: u32) -> bool {
    column[0] == AVAILABLE || (column[0] == REFRACTORY && column[1] <= tick)
}

/// A vacant column leaves refractoriness behind, takes part, and holds the memory or goes back.
fn settle_vacant(column: &mut Column, won: bool) {
    if column[0] == REFRACTORY {
        follow(&mut column[0], &[AVAILABLE]);
    }
    follow(&mut column[0], &[ACTIVATED, COMPETING, if won { ALLOCATED } else { AVAILABLE }]);
}

fn spike(column: &mut Column, tick: u32, refractory: u32) {
    follow(&mut column[0], &[ALLOCATED]);
    *column = [ALLOCATED, tick.saturating_add(refractory), column[2].wrapping_add(1), tick];
}

fn reference(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (offsets, candidates): (&[u32], &[u32]) = (args.read(0), args.read(1));
    let (times, arrivals): (&[u32], &[u32]) = (args.read(2), args.read(3));
    let vacants = &args.read::<u32>(4)[..params.offered as usize];
    let (columns, _) = args.write::<u32>(5).as_chunks_mut::<COLUMN_WORDS>();
    let columns = &mut columns[..params.capacity as usize];
    let (winners, taken): (&mut [u32], &mut [u32]) = (args.write(6), args.write(7));
    let (margins, targets): (&mut [u32], &mut [u32]) = (args.write(8), args.write(9));
    for request in 0..params.requests as usize {
        let tick = arrivals[request];
        let vacant = vacants
            .iter()
            .copied()
            .find(|&ix| columns.get(ix as usize).is_some_and(|column| is_vacant(column, tick)));
        let mut spikes = Vec::new();
        let mut is_founding = false;
        for place in offsets[request] as usize..offsets[request + 1] as usize {
            let (named, time) = (candidates[place], times[place]);
            let earlier = (named & !REQUEST) as usize;
            let target = match named {
                VACANT => vacant,
                _ if named & REQUEST == 0 => Some(named),
                _ => (earlier < request).then(|| taken[earlier]),
            };
            let fires = |ix: &u32| {
                let column = columns.get(*ix as usize);
                column.is_some_and(|column| named == VACANT || is_ready(column, tick))
            };
            let target = target.filter(|_| time != NO_SPIKE).filter(fires);
            targets[place] = target.unwrap_or(NO_COLUMN);
            is_founding |= named == VACANT && target.is_some();
            spikes.extend(target.map(|ix| (time, ix, place)));
        }
        spikes.sort();
        let Some(&(time, winner, place)) = spikes.first() else {
            (winners[request], taken[request], margins[request]) = (NO_WINNER, NO_COLUMN, 0);
            continue;
        };
        let window = u64::from(params.window_us);
        let second = spikes.iter().find(|spike| spike.1 != winner).map_or(window, |spike| u64::from(spike.0));
        winners[request] = place as u32;
        taken[request] = winner;
        margins[request] = ((second - u64::from(time)) * 65_536 / window) as u32;
        if let Some(vacant) = vacant.filter(|_| is_founding) {
            settle_vacant(&mut columns[vacant as usize], winner == vacant);
        }
        spike(&mut columns[winner as usize], tick, params.refractory);
    }
}

/// Later than every spike.
const NEVER: (u32, u32, u32) = (u32::MAX, u32::MAX, u32::MAX);

fn cpu(args: &mut Args<'_>) {
    let params: Params = args.params();
    let (offsets, candidates): (&[u32], &[u32]) = (args.read(0), args.read(1));
    let (times, arrivals): (&[u32], &[u32]) = (args.read(2), args.read(3));
    let vacants = &args.read::<u32>(4)[..params.offered as usize];
    let (columns, _) = args.write::<u32>(5).as_chunks_mut::<COLUMN_WORDS>();
    let columns = &mut columns[..params.capacity as usize];
    let (winners, taken): (&mut [u32], &mut [u32]) = (args.write(6), args.write(7));
    let (margins, targets): (&mut [u32], &mut [u32]) = (args.write(8), args.write(9));
    // Offers before this one are taken, held by others, or not there: none of that changes back within a batch.
    let mut offer = 0;
    for request in 0..params.requests as usize {
        let tick = arrivals[request];
        let range = offsets[request] as usize..offsets[request + 1] as usize;
        let gone = |ix: u32| columns.get(ix as usize).is_none_or(|column| column[0] == ALLOCATED);
        while vacants.get(offer).is_some_and(|&ix| gone(ix)) {
            offer += 1;
        }
        let mut vacant = None;
        let (mut first, mut second) = (NEVER, NEVER);
        for place in range {
            let (named, time) = (candidates[place], times[place]);
            let target = if named & REQUEST == 0 {
                named
            } else if named == VACANT {
                let is_free =
                    |ix: &&u32| columns.get(**ix as usize).is_some_and(|column| is_vacant(column, tick));
                let found = vacants[offer..].iter().find(is_free).copied().filter(|_| time != NO_SPIKE);
                vacant = vacant.or(found);
                found.unwrap_or(NO_COLUMN)
            } else {
                let earlier = (named & !REQUEST) as usize;
                if earlier < request { taken[earlier] } else { NO_COLUMN }
            };
            let fires = time != NO_SPIKE
                && columns
                    .get(target as usize)
                    .is_some_and(|column| named == VACANT || is_ready(column, tick));
            targets[place] = if fires { target } else { NO_COLUMN };
            if !fires {
                continue;
            }
            let spike = (time, target, place as u32);
            // `second` is the first spike of another column than the winner's so far.
            if spike < first {
                if first.1 != target {
                    second = first;
                }
                first = spike;
            } else if target != first.1 && spike < second {
                second = spike;
            }
        }
        if first == NEVER {
            (winners[request], taken[request], margins[request]) = (NO_WINNER, NO_COLUMN, 0);
            continue;
        }
        let (time, winner, place) = first;
        let runner_up = if second == NEVER { params.window_us } else { second.0 };
        winners[request] = place;
        taken[request] = winner;
        margins[request] = ((runner_up - time) << 16) / params.window_us;
        if let Some(vacant) = vacant {
            settle_vacant(&mut columns[vacant as usize], winner == vacant);
        }
        spike(&mut columns[winner as usize], tick, params.refractory);
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let draw = &mut Draw::new(seed);
    let mut cases = Vec::new();
    // Few columns make many conflicts.
    let mut case =
        |name: &str, lens: &[usize], capacity: usize, offered: usize, refractory: u32, times: u32| {
            let offsets = offsets_of(lens.iter().copied());
            let (requests, count) = (lens.len(), offsets[lens.len()] as usize);
            let params = Params {
                requests: requests as u32,
                count: count as u32,
                capacity: capacity as u32,
                offered: offered as u32,
                refractory,
                window_us: 46_052,
            };
            let candidate = |draw: &mut Draw| match draw.below(8) {
                0 => VACANT,
                1 | 2 => REQUEST | draw.below(requests.max(1) + 1) as u32,
                3 => draw.below(2 * capacity + 1) as u32,
                _ => draw.below(capacity.max(1)) as u32,
            };
            let time = |draw: &mut Draw| [NO_SPIKE, draw.below(times as usize) as u32][draw.below(6).min(1)];
            let mut tick = 0;
            let arrivals = draw.many(requests, |draw| {
                tick += draw.below(4) as u32;
                tick
            });
            let state =
                |draw: &mut Draw| [AVAILABLE, ALLOCATED, ALLOCATED, ALLOCATED, REFRACTORY][draw.below(5)];
            let column = |draw: &mut Draw| [state(draw), draw.below(9) as u32, draw.bits() as u32, 3];
            let name = format!(
                "{name}: {requests} requests, {count} candidates, {capacity} columns, {offered} offered"
            );
            cases.push(
                Case::new(name, &params)
                    .bind(&offsets)
                    .bind(&draw.many(count, candidate))
                    .bind(&draw.many(count, time))
                    .bind(&arrivals)
                    .bind(&draw.many(offered, |draw| draw.below(capacity + 2) as u32))
                    .bind(bytemuck::cast_slice::<[u32; COLUMN_WORDS], u32>(&draw.many(capacity, column)))
                    .bind(&vec![7u32; requests + 2])
                    .bind(&vec![7u32; requests + 2])
                    .bind(&vec![7u32; requests + 2])
                    .bind(&vec![7u32; count + 2]),
            );
        };
    for requests in [0, 1, 2, 63, 64, 65, 257] {
        let lens: Vec<usize> = (0..requests).map(|request| request * 7 % 23).collect();
        case("sizes", &lens, 1_000, requests, 2, 46_052);
        case("conflicts", &lens, 9, requests, 5, 46_052);
        case("ties", &lens, 40, requests, 0, 3);
        case("for ever silent", &lens, 300, requests, u32::MAX, 46_052);
    }
    case("no columns", &[3, 4], 0, 0, 1, 46_052);
    case("nothing offered", &[9, 4, 9], 50, 0, 1, 46_052);
    case("more candidates than columns", &[700, 1_024, 0, 3], 64, 2, 1, 46_052);
    cases
}

#[cfg(test)]
mod tests;
