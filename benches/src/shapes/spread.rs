//! Spreading activation over a graph such as texts make: names follow Zipf's law, memories mention a handful of them.

use cortexkg_compute::kernels::activation_spread::{
    CLASSES, Class, FIRED_WORDS, HUB_BIT, KERNEL, NONE, Norm, ONE, STEP_PARTS, SpreadParams,
};
use cortexkg_compute::{Case, Draw};

use super::{Shape, Size, limits, numbers, params};
use crate::work::Work;

/// Names that a memory mentions.
const MENTIONS: usize = 8;
/// Memories that a recall drives.
const SEEDS: usize = 656;
/// Places in a list.
const FIRED_MAX: u32 = 450;
/// Weight of an edge: 1.0 = 4,096.
const WEIGHT: u32 = 1 << 12;
const SUBJECT_OF: u32 = 1;
const MENTIONED_BY: u32 = 2;

/// From small to large.
pub fn shapes() -> Vec<Shape> {
    let shape = |(size, nodes, lanes): (Size, usize, usize)| Shape {
        kernel: &KERNEL,
        size,
        name: format!("{nodes} nodes, {lanes} recalls"),
        item: "recall",
        items: lanes as u64,
        workgroups_max: u64::MAX,
        make: Box::new(move || recalls(nodes, lanes)),
        count,
    };
    let sizes = [
        (Size::Small, 10_000, 1),
        (Size::Small, 10_000, 64),
        (Size::Medium, 100_000, 1),
        (Size::Medium, 100_000, 256),
        (Size::Large, 1_000_000, 1),
        (Size::Large, 1_000_000, 1_024),
    ];
    sizes.into_iter().map(shape).collect()
}

/// Three memories to two names; nodes of memories come first.
fn recalls(nodes: usize, lanes: usize) -> Case {
    let draw = &mut Draw::new(11);
    let memories = nodes / 5 * 3;
    let names = nodes - memories;
    let params = SpreadParams {
        lanes: lanes as u32,
        nodes: nodes as u32,
        fired_max: FIRED_MAX,
        leaves_max: 50,
        steps_max: 60,
        leak_div: 50,
        synapse_div: 8,
        degree_max: 1_024,
        leaves_total: memories as u32,
        driven_damp: ONE * 3 / 10,
    };
    // Near and far rows of targets with their class.
    let mut rows = vec![[Vec::new(), Vec::new()]; nodes];
    for memory in 0..memories {
        for mention in 0..MENTIONS {
            // What it is about may be any name; what else it mentions is the rarer the further down the list.
            let unit = (f64::from(draw.signed()) + 1.0) / 2.0;
            let rank = if mention == 0 { draw.below(names) as f64 } else { (names as f64).powf(unit) - 1.0 };
            let name = memories + (rank as usize).min(names - 1);
            rows[memory][0].push([name as u32, WEIGHT]);
            let (side, class) = if mention == 0 { (0, SUBJECT_OF) } else { (1, MENTIONED_BY) };
            rows[name][side].push([memory as u32, class << 24 | WEIGHT]);
        }
    }
    let (mut table, mut edges) = (Vec::with_capacity(4 * nodes), Vec::new());
    for [near, far] in &rows {
        let start = edges.len() as u32 / 2;
        table.extend([start, start + near.len() as u32, near.len() as u32, far.len() as u32]);
        edges.extend(near.iter().chain(far).flatten().copied());
    }
    let owners: Vec<u32> = (0..nodes).map(|node| if node < memories { 0 } else { HUB_BIT }).collect();
    // The product's gains, near enough.
    let mut classes = [Class::SILENT; CLASSES];
    classes[0] = Class { gain: 100 * 256, norm: Norm::Share, gate_floor: ONE };
    classes[SUBJECT_OF as usize] = Class { gain: 5 * 256, norm: Norm::Row, gate_floor: ONE * 6 / 10 };
    classes[MENTIONED_BY as usize] = Class { gain: 640, norm: Norm::Root, gate_floor: ONE * 9 / 10 };
    let (mut starts, mut seeds, mut drives, mut gates) = (vec![0u32], Vec::new(), Vec::new(), Vec::new());
    for _ in 0..lanes {
        let mut chosen: Vec<u32> = draw.many(SEEDS, |draw| draw.below(memories) as u32);
        chosen.sort_unstable();
        chosen.dedup();
        for (place, &node) in chosen.iter().enumerate() {
            // Similarities fall with the rank, which here is the place: nodes are nobody's neighbours by number.
            let similarity = 0.9 * (1.0 + place as f32).powf(-0.2);
            seeds.push(node);
            drives.push((0.15 * similarity * similarity * ONE as f32) as u32);
            gates.push((similarity * ONE as f32) as u32);
        }
        starts.push(seeds.len() as u32);
    }
    Case::new("recalls", &params)
        .bind(&table)
        .bind(&owners)
        .bind(&edges)
        .bind(&Class::table(&classes))
        .bind(&starts)
        .bind(&seeds)
        .bind(&drives)
        .bind(&gates)
        .bind(&vec![0u32; lanes])
        .bind(&vec![NONE; lanes * FIRED_MAX as usize * FIRED_WORDS])
}

fn count(case: &Case, played: &[Vec<u8>]) -> Work {
    let SpreadParams { lanes, nodes, fired_max, leaves_max, steps_max, degree_max, .. } = params(case);
    let table: Vec<[u32; 4]> = numbers(&case.buffers[0]);
    let owners: Vec<u32> = numbers(&case.buffers[1]);
    let starts: Vec<u32> = numbers(&case.buffers[4]);
    let (lens, fired): (Vec<u32>, Vec<[u32; 3]>) = (numbers(&played[8]), numbers(&played[9]));
    let mut all = Work::default();
    // Lanes share the graph: of a row that one has read, others read again.
    let mut known = vec![false; nodes as usize];
    let mut barriers = 0;
    for lane in 0..lanes as usize {
        let seeds = u64::from(starts[lane + 1] - starts[lane]);
        assert!(lens[lane] <= fired_max, "what fired has no room, this is a bug");
        let list = &fired[lane * fired_max as usize..][..lens[lane] as usize];
        let is_hub = |node: u32| owners[node as usize] & HUB_BIT != 0;
        let handed_on = |&[node, ..]: &[u32; 3]| {
            let [_, _, near, far] = table[node as usize];
            let silent = is_hub(node) && near + far > degree_max;
            u64::from(near + if silent { 0 } else { far })
        };
        let edges: u64 = list.iter().map(handed_on).sum();
        for entry in list {
            let row = (Work::read(8) * handed_on(entry)) + Work::read(16);
            let is_new = !std::mem::replace(&mut known[entry[0] as usize], true);
            all = all + if is_new { row } else { Work::again(row.read_bytes) };
        }
        let leaves = list.iter().filter(|entry| !is_hub(entry[0])).count();
        let last = list.last().map_or(0, |entry| u64::from(entry[1] / STEP_PARTS) + 1);
        let steps = if leaves >= leaves_max as usize { last } else { steps_max.into() };
        // Cells come from seeds at once and from edges by and by: half of those have been there for half of the steps.
        let cells = (seeds + edges / 2) * steps;
        let fired = list.len() as u64;
        let seed = Work::read(12) + Work::again(16) + Work::atomic(1) + Work::integer(10);
        let cell = Work::again(28) + Work::integer(25);
        // Twice along each row, each time after its mass: an edge four times, state, gate and drive of its target twice, the target's row
        // four times where it is shared by rarity, sums and the largest once, who is parent once.
        let edge =
            Work::again(24) + Work::gather(3 + 3 + 4 + 1) + Work::atomic(4) + Work::integer(2 * 38 + 2 * 42);
        let spike = Work::write(12) + Work::again(48) + Work::integer(4 * 64 * 16);
        all = all + seed * seeds + cell * cells + edge * edges + spike * fired + Work::write(4);
        // Clearing what was touched.
        all = all + (Work::again(32) + Work::integer(10)) * (seeds + edges);
        barriers = barriers.max(7 * steps + 8 * fired + 4);
    }
    let source = KERNEL.source(cortexkg_compute::Target::Cuda);
    let (groups, scratch_words) = source.map_or((u64::from(lanes), 0), |source| {
        let ([x, _], words) = source.workgroups(&KERNEL, &case.params, &limits(&KERNEL));
        (u64::from(x), words)
    });
    let barriers = Work::barriers(barriers * u64::from(lanes).div_ceil(groups));
    all + Work::clear(4 * scratch_words) + barriers + Work::launches(1)
}
