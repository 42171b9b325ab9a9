//! What the competition means, by example, and that how requests are batched changes nothing.

use super::*;
use crate::case::words_of;
use crate::device::{Device, DeviceChoice, DeviceOptions};

const WINDOW_US: u32 = 50_000;

/// A request: its tick and its candidates with their times.
type Request = (u32, Vec<(u32, u32)>);

/// What became of a batch.
#[derive(Clone, Debug, Default, PartialEq)]
struct Decided {
    winners: Vec<Option<usize>>,
    taken: Vec<u32>,
    margins: Vec<u32>,
    targets: Vec<Vec<u32>>,
}

/// Lets a batch compete on a grid; winners are numbered within their request.
fn compete(grid: &mut Vec<[u32; COLUMN_WORDS]>, vacants: &[u32], batch: &[Request]) -> Decided {
    let cpu = DeviceOptions { choice: DeviceChoice::Cpu, threads: 1, ..Default::default() };
    let mut device = Device::open(&cpu).expect("the CPU is there");
    let offsets = offsets_of(batch.iter().map(|request| request.1.len()));
    let all = || batch.iter().flat_map(|request| &request.1);
    let params = Params {
        requests: batch.len() as u32,
        count: all().count() as u32,
        capacity: grid.len() as u32,
        offered: vacants.len() as u32,
        refractory: 2,
        window_us: WINDOW_US,
    };
    let case = Case::new("batch", &params)
        .bind(&offsets)
        .bind(&all().map(|candidate| candidate.0).collect::<Vec<u32>>())
        .bind(&all().map(|candidate| candidate.1).collect::<Vec<u32>>())
        .bind(&batch.iter().map(|request| request.0).collect::<Vec<u32>>())
        .bind(vacants)
        .bind(bytemuck::cast_slice::<[u32; COLUMN_WORDS], u32>(grid))
        .bind(&vec![0u32; batch.len()])
        .bind(&vec![0u32; batch.len()])
        .bind(&vec![0u32; batch.len()])
        .bind(&vec![0u32; params.count as usize]);
    let played = case.play(&KERNEL, &mut device).expect("a small batch");
    let read = |slot: usize| words_of(&played[slot]);
    *grid = words_of(&played[5]).as_chunks().0.to_vec();
    let targets = read(9);
    let spans = || offsets.windows(2).map(|span| span[0] as usize..span[1] as usize);
    let winner = |(winner, start): (u32, &u32)| (winner != NO_WINNER).then(|| (winner - start) as usize);
    Decided {
        winners: read(6).into_iter().zip(&offsets).map(winner).collect(),
        taken: read(7),
        margins: read(8),
        targets: spans().map(|span| targets[span].to_vec()).collect(),
    }
}

const FREE: [u32; COLUMN_WORDS] = [AVAILABLE, 0, 0, 0];
const HELD: [u32; COLUMN_WORDS] = [ALLOCATED, 0, 0, 0];

#[test]
fn the_earliest_spike_takes_the_column_and_leads_by_the_next_column() {
    let mut grid = vec![HELD; 4];
    // Two memories of column 2 speak for it: the second is no rival of the first.
    let batch = [(7, vec![(2, 1_000), (2, 2_000), (1, 11_000), (3, NO_SPIKE)])];
    let decided = compete(&mut grid, &[], &batch);
    assert_eq!((decided.winners, decided.taken), (vec![Some(0)], vec![2]));
    assert_eq!(decided.margins, [(10_000 << 16) / WINDOW_US]);
    assert_eq!(decided.targets, [[2, 2, 1, NO_COLUMN]]);
    assert_eq!(grid, [HELD, HELD, [ALLOCATED, 9, 1, 7], HELD]);
}

#[test]
fn equal_times_go_to_the_lower_column_wherever_it_stands() {
    for request in [[(3, 500), (1, 500), (2, 500)], [(1, 500), (2, 500), (3, 500)]] {
        let decided = compete(&mut vec![HELD; 4], &[], &[(0, request.to_vec())]);
        assert_eq!((decided.taken, decided.margins), (vec![1], vec![0]));
    }
}

#[test]
fn one_column_is_founded_once_and_joined_at_once() {
    let mut grid = vec![FREE; 3];
    let founding = |tick: u32| (tick, vec![(VACANT, 100)]);
    // The fourth finds nothing left; the fifth is like the first, whose column has rested by then.
    let batch =
        [founding(0), founding(1), founding(2), founding(3), (4, vec![(VACANT, 900), (REQUEST, 300)])];
    let decided = compete(&mut grid, &[2, 0, 1], &batch);
    assert_eq!(decided.taken, [2, 0, 1, NO_COLUMN, 2]);
    assert_eq!(decided.winners, [Some(0), Some(0), Some(0), None, Some(1)]);
    assert_eq!(grid[2], [ALLOCATED, 6, 2, 4]);
}

#[test]
fn who_loses_stays_as_it_was_and_who_rests_is_silent() {
    let mut grid = vec![HELD, FREE, [REFRACTORY, 5, 1, 3], [ACTIVATED, 0, 0, 0]];
    let before = grid.clone();
    // A vacant loser is vacant still; what holds nothing, or is in between, does not fire.
    let decided = compete(&mut grid, &[1], &[(0, vec![(VACANT, 50), (0, 10), (1, 0), (2, 0), (3, 0)])]);
    assert_eq!(decided.targets, [[1, 0, NO_COLUMN, NO_COLUMN, NO_COLUMN]]);
    assert_eq!((decided.taken, &grid[1..]), (vec![0], &before[1..]));
    // Until tick 2 the winner is refractory.
    assert_eq!(compete(&mut grid.clone(), &[], &[(1, vec![(0, 10)])]).taken, [NO_COLUMN]);
    assert_eq!(compete(&mut grid.clone(), &[], &[(2, vec![(0, 10)])]).taken, [0]);
    // A released column is vacant again once it has recovered.
    assert_eq!(compete(&mut grid.clone(), &[2], &[(4, vec![(VACANT, 1)])]).taken, [NO_COLUMN]);
    assert_eq!(compete(&mut grid, &[2], &[(5, vec![(VACANT, 1)])]).taken, [2]);
}

#[test]
fn a_batch_is_as_many_batches_of_one() {
    for seed in 0..60 {
        let draw = &mut Draw::new(seed);
        let columns = 1 + draw.below(30);
        let mut grid: Vec<[u32; COLUMN_WORDS]> = (0..columns).map(|_| [FREE, HELD][draw.below(2)]).collect();
        let mut vacants: Vec<u32> = (0..columns as u32).filter(|&ix| grid[ix as usize] == FREE).collect();
        let batch: Vec<Request> = (0..40)
            .map(|request| {
                let candidate = |draw: &mut Draw| match draw.below(4) {
                    0 => [VACANT, draw.below(500) as u32],
                    1 if request > 0 => [REQUEST | draw.below(request) as u32, draw.below(500) as u32],
                    _ => [draw.below(columns) as u32, draw.below(500) as u32],
                };
                let many = draw.below(6);
                let named = draw.many(many, candidate).into_iter().map(|[named, time]| (named, time));
                (request as u32 / 2, named.collect())
            })
            .collect();
        let mut together = grid.clone();
        let decided = compete(&mut together, &vacants, &batch);
        let mut singly = Decided::default();
        for request in &batch {
            // Earlier requests are named by the columns they got.
            let resolved = |&(named, time): &(u32, u32)| match named {
                VACANT => (named, time),
                _ if named & REQUEST != 0 => (singly.taken[(named & !REQUEST) as usize], time),
                _ => (named, time),
            };
            // Who got none leaves no name behind, and `VACANT` would be one.
            let named = request.1.iter().map(resolved).zip(&request.1);
            let nobody = columns as u32;
            let named = named.map(|((named, time), was)| {
                (if was.0 != VACANT && named == NO_COLUMN { nobody } else { named }, time)
            });
            let alone = compete(&mut grid, &vacants, &[(request.0, named.collect())]);
            vacants.retain(|&ix| grid[ix as usize][0] == AVAILABLE);
            singly.winners.extend(alone.winners);
            singly.taken.extend(alone.taken);
            singly.margins.extend(alone.margins);
            singly.targets.extend(alone.targets);
        }
        assert_eq!((decided, together), (singly, grid), "seed {seed}");
    }
}
