//! `activation_spread`: spiking spread over one shared graph, many queries as lanes, one spike a node.
//!
//! **Meaning.** The graph has nodes and directed, weighted, classed edges in two rows a node, `near` and `far`. Nodes
//! marked as *hubs* gather and hand on; the others are *leaves*. A lane drives some nodes with a constant current;
//! every node is a leaky integrator with threshold 1 that fires once. Its spike arrives at the targets of its rows as
//! synaptic current, which flows from the next step on and decays. Firing order is the answer of the lane: who is
//! reached by little fires late rather than not at all.
//!
//! **One step**, for every node that has not fired:
//! 1. leak: `v -= v / leak_div`;
//! 2. integrate: of the synaptic current, `current / synapse_div` flows off into the potential, beside the drive;
//! 3. a node with `v >= 1` fires at `step * 256 + fraction`, the fraction being the linear crossing inside the step;
//! 4. its spike leaves along both rows. A lane ends after the step in which `leaves_max` leaves have fired, or after
//!    `steps_max` steps.
//!
//! **Strength of a spike along an edge** is the class's gain, times
//!
//! | norm | times |
//! |---|---|
//! | `WEIGHT` | the edge's weight |
//! | `SHARE` | the edge's share of its row: weight x rarity of the target hub, over the row's sum; dead hubs count 0 |
//! | `ROW` | 1 / length of the near row |
//! | `ROOT` | 1 / square root of the hub's degree |
//!
//! times a gate of the target, `floor + (1 - floor) * gate`, where a node that the lane did not name has gate 0.
//! Rarity of a hub is `log2(leaves_total / degree)`, at least 0. A hub is *dead* if its degree is below 2 and its near
//! row is empty, or if its near row is empty and its degree above `degree_max`; a hub over `degree_max` hands nothing
//! on along its far row. What reaches a driven hub is damped by `driven_damp`.
//!
//! **Parent** of a node that fired is the node whose spike gave it most (ties: the lower node), or `NONE` if the drive
//! gave it more than all spikes together.
//!
//! **Numbers.** All fixed point: potentials, drives and amounts 1.0 = 65,536; gains 1.0 = 256, at most 127; weights
//! 1.0 = 4,096. No product exceeds 32 bits (each is argued where it stands), so all devices agree to the bit:
//! tolerance `Exact`. Potentials saturate at 2^30; sums of non-negative numbers that saturate do not depend on order.
//! Lists are sorted by time, then node.

mod cases;
mod cpu;

use crate::args::Args;
use crate::buffer::Buffer;
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params, Tolerance};
use crate::recording::Recording;
use crate::source::{Constant, Scratch, Source, Text};

/// No node.
pub const NONE: u32 = u32::MAX;
/// Potential at which a node fires; 1.0 in fixed point.
pub const ONE: u32 = 1 << 16;
/// Mark of a hub in `owners`.
pub const HUB_BIT: u32 = 1 << 31;
/// Classes of edges the table holds.
pub const CLASSES: usize = 8;
/// Parts of a step in which a crossing is told.
pub const STEP_PARTS: u32 = 256;
/// Potentials go no higher.
const V_MAX: u32 = 1 << 30;

/// How the strength of a class is scaled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Norm {
    /// By the edge's weight.
    Weight = 0,
    /// By the edge's share of its row, weighted by rarity.
    Share = 1,
    /// By one over the near row's length.
    Row = 2,
    /// By one over the root of the degree.
    Root = 3,
}

/// Strength of one class of edges, as the kernel reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Class {
    /// 1.0 = 256, at most 127 * 256.
    pub gain: u32,
    /// Scaling.
    pub norm: Norm,
    /// Gate of a target without similarity, 1.0 = 65,536.
    pub gate_floor: u32,
}

impl Class {
    /// An edge class that hands nothing on.
    pub const SILENT: Class = Class { gain: 0, norm: Norm::Weight, gate_floor: 0 };

    /// The table as the kernel reads it: gain, norm and floor a class.
    pub fn table(classes: &[Class; CLASSES]) -> Vec<u32> {
        for class in classes {
            assert!(class.gain <= 127 * 256, "a gain above 127, this is a bug");
            assert!(class.gate_floor <= ONE, "a gate above 1, this is a bug");
        }
        classes.iter().flat_map(|class| [class.gain, class.norm as u32, class.gate_floor]).collect()
    }
}

crate::params! {
    /// Parameters of `activation_spread`.
    pub struct SpreadParams {
        /// Number of lanes.
        pub lanes: u32,
        /// Number of nodes; buffers may be longer.
        pub nodes: u32,
        /// Places in the output of each lane.
        pub fired_max: u32,
        /// A lane ends once so many leaves have fired.
        pub leaves_max: u32,
        /// A lane ends after so many steps, at most 65,535.
        pub steps_max: u32,
        /// Time constant of the leak, steps.
        pub leak_div: u32,
        /// Time constant of the synaptic current, steps; with 1 it flows at once.
        pub synapse_div: u32,
        /// Hubs above this degree hand nothing on along the far row.
        pub degree_max: u32,
        /// Number of leaves in the graph, for rarity.
        pub leaves_total: u32,
        /// What reaches a driven hub is multiplied by this, 1.0 = 65,536.
        pub driven_damp: u32,
    }
}

const NODES: usize = 0;
const OWNERS: usize = 1;
const EDGES: usize = 2;
const CLASS_TABLE: usize = 3;
const LANE_STARTS: usize = 4;
const SEED_NODES: usize = 5;
const SEED_DRIVES: usize = 6;
const SEED_GATES: usize = 7;
const FIRED_LEN: usize = 8;
const FIRED: usize = 9;

/// Words of one entry of `fired`: node, time, parent.
pub const FIRED_WORDS: usize = 3;

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "activation_spread",
    bindings: &[
        Binding::read("nodes", Element::U32),
        Binding::read("owners", Element::U32),
        Binding::read("edges", Element::U32),
        Binding::read("classes", Element::U32),
        Binding::read("lane_starts", Element::U32),
        Binding::read("seed_nodes", Element::U32),
        Binding::read("seed_drives", Element::U32),
        Binding::read("seed_gates", Element::U32),
        Binding::write("fired_len", Element::U32),
        Binding::write("fired", Element::U32),
    ],
    params: SpreadParams::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("lanes", 1),
    tolerance: Tolerance::Exact,
    reference,
    cpu: cpu::play,
    sources: &[
        Source { scratch: SCRATCH, ..Source::wgsl(&[&WGSL]) },
        Source { scratch: SCRATCH, ..Source::cuda(&[&CUDA]) },
    ],
    absent: &[],
    cases: cases::cases,
};

/// Eight words of a cell for each node, and room for two lists of nodes.
const SCRATCH: Scratch = Scratch::Zeros(|params| 10 * u64::from(params[1]));

/// Numbers that device forms want.
const CONSTANTS: &[(&str, Constant)] = &[
    ("NONE", Constant::U32(NONE)),
    ("ONE", Constant::U32(ONE)),
    ("HUB_BIT", Constant::U32(HUB_BIT)),
    ("STEP_PARTS", Constant::U32(STEP_PARTS)),
    ("V_MAX", Constant::U32(V_MAX)),
    ("FIRED_WORDS", Constant::U32(FIRED_WORDS as u32)),
    ("NORM_SHARE", Constant::U32(Norm::Share as u32)),
    ("NORM_ROW", Constant::U32(Norm::Row as u32)),
    ("NORM_ROOT", Constant::U32(Norm::Root as u32)),
];
/// Own part of the WGSL form.
static WGSL: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../shaders/activation_spread.wgsl") };
/// And of the CUDA form.
static CUDA: Text =
    Text { constants: CONSTANTS, text: include_str!("../../../../kernels/activation_spread.cu") };

/// Buffers of one spread, in binding order.
pub struct SpreadBuffers<'a> {
    /// Four words a node: start of the near and far row, length of the near and far row.
    pub nodes: &'a Buffer<u32>,
    /// One word a node; hubs carry `HUB_BIT`.
    pub owners: &'a Buffer<u32>,
    /// Two words an edge: target; class in the upper 8 bits, weight in the lower 24.
    pub edges: &'a Buffer<u32>,
    /// `Class::table`.
    pub classes: &'a Buffer<u32>,
    /// `lanes + 1` places into the seeds.
    pub lane_starts: &'a Buffer<u32>,
    /// Driven or gated nodes; each at most once a lane.
    pub seed_nodes: &'a Buffer<u32>,
    /// Their current a step, 1.0 = 65,536, at most 1.0.
    pub seed_drives: &'a Buffer<u32>,
    /// Their gate, 0..=65,535.
    pub seed_gates: &'a Buffer<u32>,
    /// Nodes that fired, a lane; may exceed `fired_max`, then the list holds the first of them.
    pub fired_len: &'a Buffer<u32>,
    /// `lanes * fired_max` entries of node, time and parent.
    pub fired: &'a Buffer<u32>,
}

/// Records one spread.
pub fn record(recording: &mut Recording, params: &SpreadParams, buffers: &SpreadBuffers<'_>) {
    let lanes = params.lanes as usize;
    assert!(params.fired_max > 0, "activation_spread: no place for what fires, this is a bug");
    let nodes = params.nodes as usize;
    assert!(buffers.nodes.len() >= nodes * 4, "activation_spread: short nodes, this is a bug");
    assert!(buffers.owners.len() >= nodes, "activation_spread: short owners, this is a bug");
    assert!(params.leak_div > 0, "activation_spread: leak_div 0, this is a bug");
    assert!(params.synapse_div > 0, "activation_spread: synapse_div 0, this is a bug");
    assert!(params.steps_max <= 0xffff, "activation_spread: too many steps, this is a bug");
    assert!(buffers.classes.len() >= CLASSES * 3, "activation_spread: short class table, this is a bug");
    assert!(buffers.lane_starts.len() > lanes, "activation_spread: short lane_starts, this is a bug");
    assert!(buffers.fired_len.len() >= lanes, "activation_spread: short fired_len, this is a bug");
    let places = lanes * params.fired_max as usize * FIRED_WORDS;
    assert!(buffers.fired.len() >= places, "activation_spread: short fired, this is a bug");
    recording.dispatch(
        &KERNEL,
        params,
        &[
            buffers.nodes.erase(),
            buffers.owners.erase(),
            buffers.edges.erase(),
            buffers.classes.erase(),
            buffers.lane_starts.erase(),
            buffers.seed_nodes.erase(),
            buffers.seed_drives.erase(),
            buffers.seed_gates.erase(),
            buffers.fired_len.erase(),
            buffers.fired.erase(),
        ],
    );
}

/// The graph as both forms read it.
#[derive(Clone, Copy)]
struct Graph<'a> {
    params: SpreadParams,
    nodes: &'a [u32],
    owners: &'a [u32],
    edges: &'a [u32],
    classes: &'a [u32],
}

impl<'a> Graph<'a> {
    fn of(args: &Args<'a>) -> Self {
        Graph {
            params: args.params(),
            nodes: args.read(NODES),
            owners: args.read(OWNERS),
            edges: args.read(EDGES),
            classes: args.read(CLASS_TABLE),
        }
    }

    fn is_hub(&self, node: u32) -> bool {
        self.owners[node as usize] & HUB_BIT != 0
    }

    fn row_len(&self, node: u32, side: usize) -> u32 {
        self.nodes[node as usize * 4 + 2 + side]
    }

    fn row(&self, node: u32, side: usize) -> &'a [u32] {
        let start = self.nodes[node as usize * 4 + side] as usize * 2;
        &self.edges[start..start + self.row_len(node, side) as usize * 2]
    }

    /// Weight times rarity, 1.0 = 256; 0 for a dead hub. Weight is below 2^24 / 2^12 = 4,096 but cut to 16 here, and
    /// rarity to 32, so the product stays under 2^17 and a sum of 8,192 edges under 2^30.
    fn part(&self, packed: u32, hub: u32) -> u32 {
        let (near, far) = (self.row_len(hub, 0), self.row_len(hub, 1));
        let degree = near + far;
        if near == 0 && (degree < 2 || degree > self.params.degree_max) {
            return 0;
        }
        let rarity = log2(self.params.leaves_total).saturating_sub(log2(degree)); // 1.0 = 256, below 32 * 256
        let weight = ((packed & 0xff_ffff) >> 4).min(16 * 256 - 1); // 1.0 = 256
        (weight * rarity) >> 8
    }

    /// Calls `send(target, amount before the gate, floor of the gate)` for every edge that carries something.
    fn spike(&self, node: u32, mut send: impl FnMut(u32, u32, u32)) {
        let hub = self.is_hub(node);
        let (near, far) = (self.row_len(node, 0), self.row_len(node, 1));
        let root = sqrt(near + far); // 1.0 = 16
        for side in 0..2 {
            if hub && side == 1 && near + far > self.params.degree_max {
                continue;
            }
            let row = self.row(node, side);
            let edges = || row.chunks_exact(2).map(|edge| (edge[0], edge[1]));
            let shares = |packed: u32| self.class(packed).1 == Norm::Share as u32;
            let mass: u32 =
                edges().filter(|edge| shares(edge.1)).map(|(target, packed)| self.part(packed, target)).sum();
            for (target, packed) in edges() {
                let (gain, norm, floor) = self.class(packed);
                let amount = if norm == Norm::Share as u32 {
                    // part < 2^17 and part <= mass: the share is below 2^16 + 1; gain < 2^15: product below 2^31 + 2^15.
                    let part = self.part(packed, target);
                    if mass == 0 { 0 } else { (gain * share(part, mass)) >> 8 }
                } else if norm == Norm::Row as u32 {
                    (gain << 8) / near.max(1) // gain < 2^15
                } else if norm == Norm::Root as u32 {
                    (gain << 12) / root.max(1) // gain < 2^15: below 2^27
                } else {
                    // weight cut to 16 (2^16 in 1.0 = 4,096): product below 2^31.
                    (gain * (packed & 0xff_ffff).min((1 << 16) - 1)) >> 4
                };
                if amount > 0 {
                    send(target, amount, floor);
                }
            }
        }
    }

    fn class(&self, packed: u32) -> (u32, u32, u32) {
        let at = (packed >> 24) as usize * 3;
        (self.classes[at], self.classes[at + 1], self.classes[at + 2])
    }

    /// What of an amount passes the gate of its target. Amounts are cut to 127: (2^23 >> 4) * 2^12 = 2^31.
    fn gated(&self, amount: u32, floor: u32, gate: u32) -> u32 {
        let open = floor + (((ONE - floor) * gate.min(ONE - 1)) >> 16); // 2^16 * (2^16 - 1) < 2^32
        ((amount.min(127 << 16) >> 4) * (open >> 4)) >> 8
    }

    /// What reaches a hub that the lane drives.
    fn damped(&self, amount: u32) -> u32 {
        ((amount >> 4) * (self.params.driven_damp >> 4)) >> 8
    }
}

/// `part / mass`, 1.0 = 65,536, without exceeding 32 bits: both are scaled down together until `part` fits 16 bits.
fn share(part: u32, mass: u32) -> u32 {
    let shift = (32 - part.leading_zeros()).saturating_sub(16);
    ((part >> shift) << 16).checked_div(mass >> shift).map_or(ONE, |share| share.min(ONE))
}

/// Logarithm to base 2, 1.0 = 256, linear between powers; 0 for 0 and 1.
fn log2(n: u32) -> u32 {
    if n < 2 {
        return 0;
    }
    let whole = 31 - n.leading_zeros();
    // The 8 bits below the leading one.
    let fraction = if whole >= 8 { (n >> (whole - 8)) & 0xff } else { (n << (8 - whole)) & 0xff };
    whole * 256 + fraction
}

/// Square root, 1.0 = 16, rounded down; by digits, so that no device needs a float.
fn sqrt(n: u32) -> u32 {
    let n = n.min((1 << 24) - 1) << 8;
    let mut root = 0u32;
    for bit in (0..16).rev() {
        let trial = root | (1 << bit);
        if trial * trial <= n {
            root = trial;
        }
    }
    root
}

/// Part of the step at which the potential crossed the threshold. Both differences stay under 2^24 by the cut.
fn crossing(before: u32, after: u32) -> u32 {
    let (need, rise) = (ONE - before, (after - before).min((1 << 24) - 1));
    (need * STEP_PARTS / rise.max(1)).min(STEP_PARTS - 1)
}

/// One node of one lane.
#[derive(Clone, Copy)]
struct Cell {
    node: u32,
    v: u32,
    drive: u32,
    gate: u32,
    current: u32,
    driven: u32,
    spiked: u32,
    best: u32,
    parent: u32,
    fired: bool,
}

impl Cell {
    fn new(node: u32) -> Self {
        let (v, drive, gate, current) = (0, 0, 0, 0);
        Cell { node, v, drive, gate, current, driven: 0, spiked: 0, best: 0, parent: NONE, fired: false }
    }

    /// Stages 1 to 3; the time if it fires.
    fn step(&mut self, step: u32, params: &SpreadParams) -> Option<u32> {
        self.v -= self.v / params.leak_div;
        let before = self.v;
        let flow = self.current / params.synapse_div;
        self.current -= flow;
        self.v = self.v.saturating_add(self.drive).saturating_add(flow).min(V_MAX);
        self.driven = self.driven.saturating_add(self.drive);
        self.fired = self.v >= ONE;
        self.fired.then(|| step * STEP_PARTS + crossing(before, self.v))
    }

    fn receive(&mut self, graph: &Graph<'_>, from: u32, amount: u32, floor: u32) {
        if self.fired {
            return;
        }
        let mut amount = graph.gated(amount, floor, self.gate);
        if self.drive > 0 && graph.is_hub(self.node) {
            amount = graph.damped(amount);
        }
        self.current = self.current.saturating_add(amount);
        self.spiked = self.spiked.saturating_add(amount);
        if amount > self.best || (amount == self.best && amount > 0 && from < self.parent) {
            self.best = amount;
            self.parent = from;
        }
    }

    fn cause(&self) -> u32 {
        if self.spiked >= self.driven { self.parent } else { NONE }
    }
}

/// Sorts what fired and writes as much as fits.
fn write_lane(fired: &mut [[u32; FIRED_WORDS]], out_len: &mut u32, out: &mut [u32]) {
    fired.sort_unstable_by_key(|&[node, time, _]| (time, node));
    *out_len = fired.len() as u32;
    for (place, entry) in out.chunks_exact_mut(FIRED_WORDS).zip(fired.iter()) {
        place.copy_from_slice(entry);
    }
}

/// Every node in every step, one lane after the other.
fn reference(args: &mut Args<'_>) {
    let graph = Graph::of(args);
    let params = graph.params;
    let (starts, seeds) = (args.read::<u32>(LANE_STARTS), args.read::<u32>(SEED_NODES));
    let (drives, gates) = (args.read::<u32>(SEED_DRIVES), args.read::<u32>(SEED_GATES));
    let out_len = args.write::<u32>(FIRED_LEN);
    let out = args.write::<u32>(FIRED);
    for lane in 0..params.lanes as usize {
        let mut cells: Vec<Cell> = (0..params.nodes).map(Cell::new).collect();
        for seed in starts[lane] as usize..starts[lane + 1] as usize {
            cells[seeds[seed] as usize].drive = drives[seed];
            cells[seeds[seed] as usize].gate = gates[seed];
        }
        let mut fired = Vec::new();
        let mut leaves = 0;
        for step in 0..params.steps_max {
            let before = fired.len();
            for cell in cells.iter_mut().filter(|cell| !cell.fired) {
                if let Some(time) = cell.step(step, &params) {
                    fired.push([cell.node, time, cell.cause()]);
                    leaves += u32::from(!graph.is_hub(cell.node));
                }
            }
            for &[node, ..] in &fired[before..] {
                graph.spike(node, |target, amount, floor| {
                    cells[target as usize].receive(&graph, node, amount, floor);
                });
            }
            if leaves >= params.leaves_max {
                break;
            }
        }
        let places = params.fired_max as usize * FIRED_WORDS;
        write_lane(&mut fired, &mut out_len[lane], &mut out[lane * places..][..places]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithm_and_root_follow_the_real_ones() {
        for n in [1u32, 2, 3, 7, 100, 255, 256, 257, 65_535, 1_000_000, 16_000_000] {
            let real = f64::from(n).log2();
            assert!((f64::from(log2(n)) / 256.0 - real).abs() < 0.09, "log2 {n}");
            let root = f64::from(n).sqrt();
            assert!((f64::from(sqrt(n)) / 16.0 - root).abs() <= 1.0 / 16.0, "sqrt {n}");
        }
        assert_eq!((log2(0), sqrt(0)), (0, 0));
        assert!((0..100_000).all(|n| log2(n) <= log2(n + 1)));
    }

    #[test]
    fn shares_of_a_row_add_up() {
        for mass in [1u32, 3, 1000, 1 << 20, (1 << 30) - 1] {
            assert_eq!(share(mass, mass), ONE);
            assert_eq!(share(0, mass), 0);
            let half = share(mass / 2, mass) as f64 / f64::from(ONE);
            assert!((half - f64::from(mass / 2) / f64::from(mass)).abs() < 2e-4, "{mass}: {half}");
        }
    }

    #[test]
    fn a_crossing_lies_inside_its_step() {
        assert_eq!(crossing(0, ONE), STEP_PARTS - 1);
        assert_eq!(crossing(0, 2 * ONE), STEP_PARTS / 2);
        assert_eq!(crossing(ONE - 1, V_MAX), 0);
    }
}
