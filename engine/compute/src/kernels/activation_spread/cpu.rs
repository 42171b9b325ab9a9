//! Host form of `activation_spread`: work follows the frontier, not the graph and not the clock.
//!
//! - A node costs nothing until a lane drives or reaches it. Then it gets a cell, found through a hash table that needs no
//!   clearing between lanes.
//! - A cell is stepped only while it might fire. Leak and flow never make more of what a cell holds, so without a drive it
//!   rests as long as potential and current together are under the threshold; it catches up, by the same steps, when it is
//!   reached again. Most of what a well-known hub reaches is reached once and rests for good.
//! - Divisions by the two time constants are products; what is equal along a whole row is computed once.
//!
//! Amounts add up and causes are chosen alike in any order, so nothing here changes the answer.

use std::cell::RefCell;

use bytemuck::{Pod, Zeroable};

use super::{
    CLASSES, FIRED, FIRED_LEN, FIRED_WORDS, Graph, LANE_STARTS, NONE, Norm, ONE, SEED_DRIVES, SEED_GATES,
    SEED_NODES, STEP_PARTS, V_MAX, crossing, share, sqrt, write_lane,
};
use crate::aligned::AlignedBytes;
use crate::args::Args;
use crate::parallel::in_parallel;
use crate::simd::fetch_line;

/// Edges of a row between asking for the place of a target and using it.
const AHEAD: usize = 12;
/// Edges of a row between asking for them and asking for the places of their targets.
const ROW_AHEAD: usize = AHEAD + 40;
/// Cells of a new table: 128 KiB.
const CELLS_MIN: usize = 1 << 12;

/// Cells that a thread keeps for its next lane: 32 MiB.
const CELLS_KEPT: usize = 1 << 20;

/// Lanes in parallel.
pub(super) fn play(args: &mut Args<'_>) {
    let graph = Graph::of(args);
    let params = graph.params;
    let starts = args.read::<u32>(LANE_STARTS);
    let seeds = Seeds {
        nodes: args.read(SEED_NODES),
        drives: args.read(SEED_DRIVES),
        gates: args.read(SEED_GATES),
        first: 0,
        end: 0,
    };
    let out_len = args.write::<u32>(FIRED_LEN);
    let out = args.write::<u32>(FIRED);
    let places = params.fired_max as usize * FIRED_WORDS;
    let lanes = out_len[..params.lanes as usize].iter_mut().zip(out.chunks_mut(places)).enumerate();
    let laws = Laws::of(&graph);
    in_parallel(lanes.collect(), |(lane, (out_len, out))| {
        let seeds = Seeds { first: starts[lane], end: starts[lane + 1], ..seeds };
        FRONTIER.with_borrow_mut(|frontier| {
            frontier.clear();
            Spread { graph, laws, seeds, frontier }.run();
            write_lane(&mut frontier.fired, out_len, out);
        });
    });
}

thread_local! {
    /// Kept from lane to lane and from dispatch to dispatch: to ask the system for it anew takes longer than most lanes.
    static FRONTIER: RefCell<Frontier> = RefCell::new(Frontier::new());
}

/// Exact quotients by one divisor, as the upper half of a product (Lemire, Kaser and Kurz 2019).
#[derive(Clone, Copy)]
struct Divisor {
    /// 2^64 over the divisor, rounded up; 0 for a divisor of 1.
    reciprocal: u64,
}

impl Divisor {
    fn new(divisor: u32) -> Self {
        Divisor { reciprocal: (u64::MAX / u64::from(divisor)).wrapping_add(1) }
    }

    #[inline(always)]
    fn of(self, n: u32) -> u32 {
        match self.reciprocal {
            0 => n,
            reciprocal => ((u128::from(reciprocal) * u128::from(n)) >> 64) as u32,
        }
    }
}

/// What is the same for all cells.
#[derive(Clone, Copy)]
struct Laws {
    leak: Divisor,
    synapse: Divisor,
    leak_div: u32,
    steps_max: u32,
    leaves_max: u32,
    /// A bit for each class whose norm is a share of the row.
    shared: u32,
}

impl Laws {
    fn of(graph: &Graph<'_>) -> Self {
        let params = graph.params;
        let is_shared = |class: &usize| graph.class((*class as u32) << 24).1 == Norm::Share as u32;
        Laws {
            leak: Divisor::new(params.leak_div),
            synapse: Divisor::new(params.synapse_div),
            leak_div: params.leak_div,
            steps_max: params.steps_max,
            leaves_max: params.leaves_max,
            shared: (0..CLASSES).filter(is_shared).map(|class| 1 << class).sum(),
        }
    }
}

/// What drives a lane.
#[derive(Clone, Copy)]
struct Seeds<'a> {
    nodes: &'a [u32],
    drives: &'a [u32],
    gates: &'a [u32],
    first: u32,
    end: u32,
}

impl Seeds<'_> {
    /// Drive and gate of a cell.
    #[inline(always)]
    fn of(&self, seed: u32) -> (u32, u32) {
        if seed == NONE { (0, 0) } else { (self.drives[seed as usize], self.gates[seed as usize]) }
    }
}

/// Step of a cell that has fired. No step has this number: the last one is at most 65,534.
const FIRED_STEP: u16 = u16::MAX;

/// One node of one lane: half a cache line.
#[derive(Clone, Copy, Pod, Zeroable)]
#[repr(C, align(32))]
struct Cell {
    node: u32,
    v: u32,
    current: u32,
    /// Sum of all amounts.
    spiked: u32,
    best: u32,
    parent: u32,
    /// Place of its drive and gate, or `NONE`.
    seed: u32,
    /// The next step to play.
    step: u16,
    /// Mark of the lane it belongs to; a cell of an earlier lane is a free place.
    lane: u16,
}

impl Cell {
    /// A node when an amount, which may be nothing, first reaches it; `step` is the first in which it flows.
    #[inline(always)]
    fn reached(node: u32, from: u32, amount: u32, step: u16, lane: u16) -> Self {
        let parent = if amount > 0 { from } else { NONE };
        Cell { node, v: 0, current: amount, spiked: amount, best: amount, parent, seed: NONE, step, lane }
    }

    /// Whether it may reach the threshold without being reached again. Once it may not, it never may.
    ///
    /// Leak takes from v + current and flow keeps it, so it grows by the drive alone, and no longer once the leak of v exceeds the
    /// drive: it stays under its value now or under drive * (leak_div + 1) + current.
    fn may_fire(&self, drive: u32, laws: &Laws) -> bool {
        let (v, current, drive) = (u64::from(self.v), u64::from(self.current), u64::from(drive));
        current + v.max(drive * (u64::from(laws.leak_div) + 1)) >= u64::from(ONE)
    }

    /// One step: the potential before and after what flows in.
    #[inline(always)]
    fn play(&mut self, drive: u32, laws: &Laws) -> (u32, u32) {
        let before = self.v - laws.leak.of(self.v);
        let flow = laws.synapse.of(self.current);
        self.current -= flow;
        self.v = before.saturating_add(drive).saturating_add(flow).min(V_MAX);
        (before, self.v)
    }

    /// Plays the steps it rested through.
    #[inline(always)]
    fn catch_up(&mut self, step: u16, drive: u32, laws: &Laws) {
        while self.step < step {
            let (_, v) = self.play(drive, laws);
            debug_assert!(v < ONE, "a cell that rested should have fired; this is a bug");
            self.step += 1;
        }
    }

    #[inline(always)]
    fn receive(&mut self, from: u32, amount: u32) {
        self.current = self.current.saturating_add(amount);
        self.spiked = self.spiked.saturating_add(amount);
        if amount > self.best || (amount == self.best && amount > 0 && from < self.parent) {
            self.best = amount;
            self.parent = from;
        }
    }

    /// The node that gave most, unless the drive of the steps until now gave more than all.
    fn cause(&self, drive: u32) -> u32 {
        if self.spiked >= drive.saturating_mul(u32::from(self.step) + 1) { self.parent } else { NONE }
    }
}

/// The cells of a lane, found by node: open addressing by a multiplicative hash, at most half full.
///
/// Nothing is cleared between lanes: each has a mark of its own, and a cell with another mark is a free place.
struct Cells {
    memory: AlignedBytes,
    /// Cells of this lane.
    held: usize,
    shift: u32,
    lane: u16,
}

impl Cells {
    fn new(len: usize) -> Self {
        assert!(len.is_power_of_two() && len > 1, "a table of {len} cells, this is a bug");
        let memory = AlignedBytes::zeroed(len * size_of::<Cell>());
        let memory = memory.expect("the machine has no memory for the frontier of a spread");
        Cells { memory, held: 0, shift: 32 - len.trailing_zeros(), lane: 1 }
    }

    fn len(&self) -> usize {
        1 << (32 - self.shift)
    }

    /// To be worked on for the length of a row.
    fn table(&mut self) -> Table<'_> {
        let cells = bytemuck::cast_slice_mut(self.memory.bytes_mut());
        Table { cells, held: &mut self.held, shift: self.shift, lane: self.lane }
    }

    /// Forgets all cells.
    fn next_lane(&mut self) {
        self.held = 0;
        self.lane = self.lane.wrapping_add(1);
        if self.lane == 0 {
            self.memory.bytes_mut().fill(0);
            self.lane = 1;
        }
    }

    /// Makes room for `more` cells; `places` follow the cells they point at.
    fn claim(&mut self, more: usize, places: &mut [u32]) {
        let wanted = (self.held + more) * 2;
        if wanted <= self.len() {
            return;
        }
        let mut grown = Cells::new((wanted * 2).next_power_of_two());
        grown.held = self.held;
        let old: &[Cell] = bytemuck::cast_slice(self.memory.bytes());
        let table = grown.table();
        for cell in old.iter().filter(|cell| cell.lane == self.lane) {
            let place = table.place(cell.node);
            table.cells[place] = Cell { lane: table.lane, ..*cell };
        }
        places.iter_mut().for_each(|at| *at = table.place(old[*at as usize].node) as u32);
        *self = grown;
    }
}

/// The cells as a row sees them: there is room for all it may reach.
struct Table<'a> {
    cells: &'a mut [Cell],
    held: &'a mut usize,
    shift: u32,
    lane: u16,
}

impl Table<'_> {
    #[inline(always)]
    fn home(&self, node: u32) -> usize {
        (node.wrapping_mul(0x9e37_79b1) >> self.shift) as usize
    }

    /// Where the cell of a node is, or where it goes.
    #[inline(always)]
    fn place(&self, node: u32) -> usize {
        let mut at = self.home(node);
        loop {
            let cell = &self.cells[at];
            if cell.lane != self.lane || cell.node == node {
                return at;
            }
            at = (at + 1) & (self.cells.len() - 1);
        }
    }
}

/// What a class gives along the rows of one node.
#[derive(Clone, Copy)]
struct Along {
    gain: u32,
    norm: u32,
    floor: u32,
    /// The amount, where it does not depend on the edge.
    even: u32,
    /// What of that passes the gate of a target that the lane did not name.
    even_gated: u32,
}

/// Everything a lane touches.
struct Frontier {
    cells: Cells,
    /// Places of the cells that may fire.
    awake: Vec<u32>,
    fired: Vec<[u32; FIRED_WORDS]>,
    /// Weights of a row that is shared out.
    parts: Vec<u32>,
}

impl Frontier {
    fn new() -> Self {
        let (awake, fired, parts) = (Vec::new(), Vec::new(), Vec::new());
        Frontier { cells: Cells::new(CELLS_MIN), awake, fired, parts }
    }

    fn clear(&mut self) {
        if self.cells.len() > CELLS_KEPT {
            self.cells = Cells::new(CELLS_MIN);
        }
        self.cells.next_lane();
        self.awake.clear();
        self.fired.clear();
    }
}

/// One lane under way.
struct Spread<'a> {
    graph: Graph<'a>,
    laws: Laws,
    seeds: Seeds<'a>,
    frontier: &'a mut Frontier,
}

impl Spread<'_> {
    fn run(&mut self) {
        self.frontier.cells.claim((self.seeds.end - self.seeds.first) as usize, &mut []);
        let table = self.frontier.cells.table();
        for seed in self.seeds.first..self.seeds.end {
            let node = self.seeds.nodes[seed as usize];
            let place = table.place(node);
            *table.held += usize::from(table.cells[place].lane != table.lane);
            table.cells[place] = Cell { seed, ..Cell::reached(node, NONE, 0, 0, table.lane) };
            if table.cells[place].may_fire(self.seeds.drives[seed as usize], &self.laws) {
                self.frontier.awake.push(place as u32);
            }
        }
        let mut leaves = 0;
        for step in 0..self.laws.steps_max {
            let before = self.frontier.fired.len();
            leaves += self.play_awake(step);
            for at in before..self.frontier.fired.len() {
                self.foresee(at + 1);
                self.spike(self.frontier.fired[at][0], step);
            }
            // Without spikes under way nobody wakes again.
            if leaves >= self.laws.leaves_max || self.frontier.awake.is_empty() {
                break;
            }
        }
    }

    /// Plays a step of all cells that may fire; how many leaves did.
    fn play_awake(&mut self, step: u32) -> u32 {
        let Frontier { cells, awake, fired, .. } = &mut *self.frontier;
        let table = cells.table();
        let mut leaves = 0;
        awake.retain(|&place| {
            let cell = &mut table.cells[place as usize];
            let (drive, _) = self.seeds.of(cell.seed);
            let (before, after) = cell.play(drive, &self.laws);
            if after >= ONE {
                fired.push([cell.node, step * STEP_PARTS + crossing(before, after), cell.cause(drive)]);
                leaves += u32::from(!self.graph.is_hub(cell.node));
                cell.step = FIRED_STEP;
                return false;
            }
            cell.step += 1;
            cell.may_fire(drive, &self.laws)
        });
        leaves
    }

    /// Asks for what the next spikes of the step will read: one is told where its rows are, one reads them.
    fn foresee(&self, at: usize) {
        let graph = &self.graph;
        let fired = &self.frontier.fired;
        if let Some(&[node, ..]) = fired.get(at + 2) {
            fetch_line(&raw const graph.nodes[node as usize * 4]);
            fetch_line(&raw const graph.owners[node as usize]);
        }
        if let Some(&[node, ..]) = fired.get(at + 1) {
            (0..2).for_each(|side| fetch_line(graph.row(node, side).as_ptr()));
        }
        if let Some(&[node, ..]) = fired.get(at).filter(|fired| !graph.is_hub(fired[0])) {
            let targets = graph.row(node, 0).chunks_exact(2).map(|edge| edge[0]);
            targets.for_each(|target| fetch_line(&raw const graph.nodes[target as usize * 4]));
        }
    }

    /// Sends the spike of a node along its rows.
    fn spike(&mut self, node: u32, step: u32) {
        let graph = self.graph;
        let (near, far) = (graph.row_len(node, 0), graph.row_len(node, 1));
        // What Row and Root give is equal along a row.
        let (by_row, by_root) = (near.max(1), sqrt(near + far).max(1));
        let classes: [Along; CLASSES] = std::array::from_fn(|class| {
            let (gain, norm, floor) = graph.class((class as u32) << 24);
            let even = match norm {
                norm if norm == Norm::Row as u32 => (gain << 8) / by_row,
                norm if norm == Norm::Root as u32 => (gain << 12) / by_root,
                _ => 0,
            };
            Along { gain, norm, floor, even, even_gated: graph.gated(even, floor, 0) }
        });
        for side in 0..2 {
            if side == 1 && graph.is_hub(node) && near + far > graph.params.degree_max {
                continue;
            }
            let row = graph.row(node, side);
            let mass = self.weigh(row);
            let Frontier { cells, awake, parts, .. } = &mut *self.frontier;
            cells.claim(row.len() / 2, awake);
            let table = cells.table();
            for (at, edge) in row.chunks_exact(2).enumerate() {
                fetch_line(row.as_ptr().wrapping_add((at + ROW_AHEAD) * 2));
                if let Some(&soon) = row.get((at + AHEAD) * 2) {
                    fetch_line(table.cells.as_ptr().wrapping_add(table.home(soon)));
                }
                let (target, packed) = (edge[0], edge[1]);
                let along = &classes[(packed >> 24) as usize];
                // In bounds as in the reference. `gated` is what passes to a target that the lane did not name.
                let (amount, gated) = if along.norm == Norm::Share as u32 {
                    let amount = if mass == 0 { 0 } else { (along.gain * share(parts[at], mass)) >> 8 };
                    (amount, graph.gated(amount, along.floor, 0))
                } else if along.norm == Norm::Weight as u32 {
                    let amount = (along.gain * (packed & 0xff_ffff).min((1 << 16) - 1)) >> 4;
                    (amount, graph.gated(amount, along.floor, 0))
                } else {
                    (along.even, along.even_gated)
                };
                if amount == 0 {
                    continue;
                }
                let place = table.place(target);
                let cell = &mut table.cells[place];
                if cell.lane != table.lane {
                    *table.held += 1;
                    *cell = Cell::reached(target, node, gated, step as u16 + 1, table.lane);
                    if gated >= ONE {
                        awake.push(place as u32);
                    }
                    continue;
                }
                if cell.step == FIRED_STEP {
                    continue;
                }
                let (mut drive, mut received) = (0, gated);
                if cell.seed != NONE {
                    let gate;
                    (drive, gate) = self.seeds.of(cell.seed);
                    received = graph.gated(amount, along.floor, gate);
                    if drive > 0 && graph.is_hub(target) {
                        received = graph.damped(received);
                    }
                }
                cell.catch_up(step as u16 + 1, drive, &self.laws);
                let was_awake = cell.may_fire(drive, &self.laws);
                cell.receive(node, received);
                if !was_awake && cell.may_fire(drive, &self.laws) {
                    awake.push(place as u32);
                }
            }
        }
    }

    /// Parts of a row's edges in what is shared out, and their sum; nothing if the row holds no such edge.
    fn weigh(&mut self, row: &[u32]) -> u32 {
        let is_shared = |packed: u32| self.laws.shared >> (packed >> 24) & 1 == 1;
        self.frontier.parts.clear();
        if !row.chunks_exact(2).any(|edge| is_shared(edge[1])) {
            return 0;
        }
        let part = |edge: &[u32]| if is_shared(edge[1]) { self.graph.part(edge[1], edge[0]) } else { 0 };
        self.frontier.parts.extend(row.chunks_exact(2).map(part));
        self.frontier.parts.iter().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn cells_of_earlier_lanes_are_gone_however_many_there_were() {
        let mut cells = Cells::new(8);
        for lane in 0..3 * usize::from(u16::MAX) {
            cells.next_lane();
            let node = (lane % 5) as u32;
            let table = cells.table();
            assert!((0..5).all(|node| table.cells[table.place(node)].lane != table.lane));
            table.cells[table.place(node)] = Cell::reached(node, 9, 1, 0, table.lane);
        }
    }

    #[test]
    fn cells_are_found_again_after_growing() {
        let mut cells = Cells::new(2);
        let mut places = Vec::new();
        for node in 0..1_000 {
            cells.claim(1, &mut places);
            let table = cells.table();
            let place = table.place(node);
            *table.held += 1;
            table.cells[place] = Cell::reached(node, 7, node, 0, table.lane);
            places.push(place as u32);
        }
        assert!(cells.len() < 8_000);
        let table = cells.table();
        for (node, &place) in (0..).zip(&places) {
            assert_eq!((table.cells[place as usize].node, table.cells[place as usize].best), (node, node));
            assert_eq!(table.place(node), place as usize);
        }
    }

    proptest! {
        #[test]
        fn quotients_are_exact(n: u32, divisor in 1u32..) {
            for divisor in [divisor, divisor >> 16 | 1, 1, 2, 3, 8, 50] {
                prop_assert_eq!(Divisor::new(divisor).of(n), n / divisor);
                prop_assert_eq!(Divisor::new(divisor).of(u32::MAX), u32::MAX / divisor);
            }
        }

        #[test]
        fn what_may_not_fire_never_does(
            v in 0..ONE, current in 0..ONE, drive in 0u32..3_000, leak in 1u32..100, synapse in 1u32..20,
        ) {
            let laws = Laws {
                leak: Divisor::new(leak), synapse: Divisor::new(synapse), leak_div: leak, steps_max: 0, leaves_max: 0, shared: 0,
            };
            let mut cell = Cell { v, ..Cell::reached(0, 1, current, 0, 1) };
            let mut might = cell.may_fire(drive, &laws);
            for _ in 0..1_000 {
                let (_, after) = cell.play(drive, &laws);
                prop_assert!(might || after < ONE);
                prop_assert!(might || !cell.may_fire(drive, &laws));
                might = cell.may_fire(drive, &laws);
            }
        }
    }
}
