// A lane a workgroup. What a lane has driven or reached is listed, so a step costs what it touches; cells lie by node in scratch,
// begin as 0, and are 0 again when a lane is done. A spike's row is walked by the whole workgroup, twice: first amounts are added and
// the largest is known, then the lowest of those who gave it becomes the parent.

struct Params {
    lanes: u32,
    nodes: u32,
    fired_max: u32,
    leaves_max: u32,
    steps_max: u32,
    leak_div: u32,
    synapse_div: u32,
    degree_max: u32,
    leaves_total: u32,
    driven_damp: u32,
}

// Start of the near and far row, length of the near and far row.
@group(0) @binding(0) var<storage, read> nodes: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> owners: array<u32>;
// Target; class in the upper 8 bits, weight in the lower 24.
@group(0) @binding(2) var<storage, read> edges: array<vec2<u32>>;
// Gain, norm and floor a class.
@group(0) @binding(3) var<storage, read> classes: array<u32>;
@group(0) @binding(4) var<storage, read> lane_starts: array<u32>;
@group(0) @binding(5) var<storage, read> seed_nodes: array<u32>;
@group(0) @binding(6) var<storage, read> seed_drives: array<u32>;
@group(0) @binding(7) var<storage, read> seed_gates: array<u32>;
@group(0) @binding(8) var<storage, read_write> fired_len: array<u32>;
@group(0) @binding(9) var<storage, read_write> fired: array<u32>;
// Of each workgroup [CELL_WORDS + 2][nodes]: the fields of cells, then the list of touched nodes, then of those that fired.
@group(0) @binding(10) var<storage, read_write> scratch: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> params: Params;

// Fields of a cell.
const STATE: u32 = 0u;
// The potential; once it has fired, the part of the step.
const V: u32 = 1u;
const DRIVE: u32 = 2u;
const GATE: u32 = 3u;
const CURRENT: u32 = 4u;
const SPIKED: u32 = 5u;
const BEST: u32 = 6u;
// The complement of the node, so that 0 is nobody and the lowest node is the largest.
const PARENT: u32 = 7u;
const CELL_WORDS: u32 = 8u;
const TOUCHED_LIST: u32 = 8u;
const FIRED_LIST: u32 = 9u;

const TOUCHED: u32 = 1u;
const FIRED: u32 = 2u;

var<private> base: u32;

var<workgroup> touched_count: atomic<u32>;
var<workgroup> fired_count: atomic<u32>;
var<workgroup> leaves: atomic<u32>;
var<workgroup> mass: atomic<u32>;
var<workgroup> told: vec3<u32>;
var<workgroup> mass_told: u32;

fn at(field: u32, node: u32) -> u32 {
    return base + field * params.nodes + node;
}

fn load(field: u32, node: u32) -> u32 {
    return atomicLoad(&scratch[at(field, node)]);
}

fn store(field: u32, node: u32, value: u32) {
    atomicStore(&scratch[at(field, node)], value);
}

fn sum_saturating(a: u32, b: u32) -> u32 {
    return a + min(b, ~a);
}

fn add_saturating(field: u32, node: u32, amount: u32) {
    let place = at(field, node);
    var before = atomicLoad(&scratch[place]);
    loop {
        let tried = atomicCompareExchangeWeak(&scratch[place], before, sum_saturating(before, amount));
        if tried.exchanged {
            break;
        }
        before = tried.old_value;
    }
}

// Lists a node, unless it is listed.
fn touch(node: u32) {
    if atomicMax(&scratch[at(STATE, node)], TOUCHED) == 0u {
        store(TOUCHED_LIST, atomicAdd(&touched_count, 1u), node);
    }
}

// Nodes touched, nodes and leaves that fired, once all invocations are here.
fn counts(lane: u32) -> vec3<u32> {
    storageBarrier();
    workgroupBarrier();
    if lane == 0u {
        told = vec3(atomicLoad(&touched_count), atomicLoad(&fired_count), atomicLoad(&leaves));
    }
    return workgroupUniformLoad(&told);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    base = group.x * (CELL_WORDS + 2u) * params.nodes;
    for (var query = group.x; query < params.lanes; query += groups.x) {
        if lane == 0u {
            atomicStore(&touched_count, 0u);
            atomicStore(&fired_count, 0u);
            atomicStore(&leaves, 0u);
        }
        storageBarrier();
        workgroupBarrier();
        for (var seed = lane_starts[query] + lane; seed < lane_starts[query + 1u]; seed += WORKGROUP_SIZE) {
            touch(seed_nodes[seed]);
            store(DRIVE, seed_nodes[seed], seed_drives[seed]);
            store(GATE, seed_nodes[seed], seed_gates[seed]);
        }
        let total = run(query, lane);
        if lane == 0u {
            fired_len[query] = total;
        }
        // What was touched is 0 again for the next lane.
        let touched = counts(lane).x;
        for (var place = lane; place < touched; place += WORKGROUP_SIZE) {
            let node = load(TOUCHED_LIST, place);
            for (var field = 0u; field < CELL_WORDS; field++) {
                store(field, node, 0u);
            }
        }
        storageBarrier();
        workgroupBarrier();
    }
}

// Steps until a lane ends; how many nodes fired.
fn run(query: u32, lane: u32) -> u32 {
    var before = 0u;
    for (var step = 0u; step < params.steps_max; step++) {
        let touched = counts(lane).x;
        for (var place = lane; place < touched; place += WORKGROUP_SIZE) {
            let node = load(TOUCHED_LIST, place);
            if load(STATE, node) != FIRED {
                step_cell(node);
            }
        }
        let now = counts(lane);
        for (var place = before + lane; place < now.y; place += WORKGROUP_SIZE) {
            tell(query, step, place, before, now.y);
        }
        for (var place = before; place < now.y; place++) {
            spike(load(FIRED_LIST, place), false, lane);
        }
        storageBarrier();
        for (var place = before; place < now.y; place++) {
            spike(load(FIRED_LIST, place), true, lane);
        }
        before = now.y;
        if now.z >= params.leaves_max {
            break;
        }
    }
    return before;
}

// Leak, integration and threshold of one node.
fn step_cell(node: u32) {
    let leaked = load(V, node) - load(V, node) / params.leak_div;
    let current = load(CURRENT, node);
    let flow = current / params.synapse_div;
    store(CURRENT, node, current - flow);
    let v = min(sum_saturating(sum_saturating(leaked, load(DRIVE, node)), flow), V_MAX);
    store(V, node, v);
    if v >= ONE {
        // Part of the step at which the potential crossed the threshold.
        let rise = max(min(v - leaked, 0xffffffu), 1u);
        store(V, node, min((ONE - leaked) * STEP_PARTS / rise, STEP_PARTS - 1u));
        store(STATE, node, FIRED);
        store(FIRED_LIST, atomicAdd(&fired_count, 1u), node);
        atomicAdd(&leaves, u32((owners[node] & HUB_BIT) == 0u));
    }
}

// Writes one of those that fired in this step to its place in the order of time, then node.
fn tell(query: u32, step: u32, place: u32, first: u32, end: u32) {
    let node = load(FIRED_LIST, place);
    let fraction = load(V, node);
    var rank = first;
    for (var other_place = first; other_place < end; other_place++) {
        let other = load(FIRED_LIST, other_place);
        let other_fraction = load(V, other);
        rank += u32(other_fraction < fraction || (other_fraction == fraction && other < node));
    }
    if rank < params.fired_max {
        // A drive is at most 2^16 and steps are below 2^16: what it gave in all is below 2^32.
        let driven = load(DRIVE, node) * (step + 1u);
        let out = (query * params.fired_max + rank) * FIRED_WORDS;
        fired[out] = node;
        fired[out + 1u] = step * STEP_PARTS + fraction;
        fired[out + 2u] = select(NONE, ~load(PARENT, node), load(SPIKED, node) >= driven);
    }
}

// A spike along both rows of a node: its amounts, or who is parent by them.
fn spike(node: u32, parents: bool, lane: u32) {
    let row = nodes[node];
    let degree = row.z + row.w;
    let hands_on = (owners[node] & HUB_BIT) == 0u || degree <= params.degree_max;
    walk(node, row.x, row.z, row, parents, lane);
    walk(node, row.y, select(0u, row.w, hands_on), row, parents, lane);
}

fn walk(node: u32, start: u32, len: u32, row: vec4<u32>, parents: bool, lane: u32) {
    let whole = row_mass(start, len, lane);
    let root = sqrt_fixed(row.z + row.w);
    for (var edge = start + lane; edge < start + len; edge += WORKGROUP_SIZE) {
        let target_node = edges[edge].x;
        let packed = edges[edge].y;
        if load(STATE, target_node) == FIRED {
            continue;
        }
        let class_at = (packed >> 24u) * 3u;
        let gain = classes[class_at];
        let norm = classes[class_at + 1u];
        var amount = 0u;
        if norm == NORM_SHARE {
            if whole > 0u {
                amount = (gain * share_of_row(part(packed, target_node), whole)) >> 8u;
            }
        } else if norm == NORM_ROW {
            amount = (gain << 8u) / max(row.z, 1u);
        } else if norm == NORM_ROOT {
            amount = (gain << 12u) / max(root, 1u);
        } else {
            amount = (gain * min(packed & 0xffffffu, 0xffffu)) >> 4u;
        }
        amount = gated(amount, classes[class_at + 2u], load(GATE, target_node));
        if load(DRIVE, target_node) > 0u && (owners[target_node] & HUB_BIT) != 0u {
            amount = ((amount >> 4u) * (params.driven_damp >> 4u)) >> 8u;
        }
        if amount == 0u {
            continue;
        }
        if !parents {
            touch(target_node);
            add_saturating(CURRENT, target_node, amount);
            add_saturating(SPIKED, target_node, amount);
            if atomicMax(&scratch[at(BEST, target_node)], amount) < amount {
                // Whoever gave less is no parent any more.
                store(PARENT, target_node, 0u);
            }
        } else if amount == load(BEST, target_node) {
            atomicMax(&scratch[at(PARENT, target_node)], ~node);
        }
    }
}

// Parts of a row's edges that share it out, added up.
fn row_mass(start: u32, len: u32, lane: u32) -> u32 {
    workgroupBarrier();
    if lane == 0u {
        atomicStore(&mass, 0u);
    }
    workgroupBarrier();
    var own = 0u;
    for (var edge = start + lane; edge < start + len; edge += WORKGROUP_SIZE) {
        let packed = edges[edge].y;
        if classes[(packed >> 24u) * 3u + 1u] == NORM_SHARE {
            own += part(packed, edges[edge].x);
        }
    }
    atomicAdd(&mass, own);
    workgroupBarrier();
    if lane == 0u {
        mass_told = atomicLoad(&mass);
    }
    return workgroupUniformLoad(&mass_told);
}

// Weight times rarity, 1.0 = 256; 0 for a dead hub.
fn part(packed: u32, hub: u32) -> u32 {
    let near = nodes[hub].z;
    let degree = near + nodes[hub].w;
    if near == 0u && (degree < 2u || degree > params.degree_max) {
        return 0u;
    }
    let total = log2_fixed(params.leaves_total);
    let rarity = total - min(log2_fixed(degree), total);
    let weight = min((packed & 0xffffffu) >> 4u, 16u * 256u - 1u);
    return (weight * rarity) >> 8u;
}

// What of an amount passes the gate of its target.
fn gated(amount: u32, floor_of_class: u32, gate: u32) -> u32 {
    let open = floor_of_class + (((ONE - floor_of_class) * min(gate, ONE - 1u)) >> 16u);
    return ((min(amount, 127u << 16u) >> 4u) * (open >> 4u)) >> 8u;
}

// part / whole, 1.0 = 65,536, within 32 bits.
fn share_of_row(part: u32, whole: u32) -> u32 {
    let shift = max(32u - countLeadingZeros(part), 16u) - 16u;
    let divisor = whole >> shift;
    if divisor == 0u {
        return ONE;
    }
    return min(((part >> shift) << 16u) / divisor, ONE);
}

// Logarithm to base 2, 1.0 = 256, linear between powers.
fn log2_fixed(n: u32) -> u32 {
    if n < 2u {
        return 0u;
    }
    let whole = firstLeadingBit(n);
    // The 8 bits below the leading one.
    let fraction = select((n << 8u) >> whole, n >> (max(whole, 8u) - 8u), whole >= 8u) & 0xffu;
    return whole * 256u + fraction;
}

// Square root, 1.0 = 16, rounded down, digit by digit.
fn sqrt_fixed(n: u32) -> u32 {
    let square = min(n, 0xffffffu) << 8u;
    var root = 0u;
    for (var bit = 0x8000u; bit > 0u; bit >>= 1u) {
        let trial = root | bit;
        if trial * trial <= square {
            root = trial;
        }
    }
    return root;
}
