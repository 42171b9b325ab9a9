// A source a workgroup, level by level: outwards nodes are queued as they are met and count their paths by looking back, then they
// gather flows in the opposite order. No float is added by two invocations, so the order of sums is fixed.

struct Params {
    nodes: u32,
    sources: u32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> sources: array<u32>;
@group(0) @binding(3) var<storage, read_write> dependencies: array<f32>;
// Of each workgroup [5][nodes + 1]: levels of nodes; their paths; (1 + flow) / paths; the queue; where each level begins in it.
@group(0) @binding(4) var<storage, read_write> scratch: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> params: Params;

const NOT_MET: u32 = 0xffffffffu;
const NAN_BITS: u32 = 0x7fc00000u;

// First places of this workgroup's arrays.
var<private> levels: u32;
var<private> paths: u32;
var<private> amounts: u32;
var<private> queue: u32;
var<private> starts: u32;

var<workgroup> queued: atomic<u32>;
var<workgroup> too_many: atomic<u32>;
var<workgroup> told: vec2<u32>;

fn float_at(place: u32) -> f32 {
    return bitcast<f32>(atomicLoad(&scratch[place]));
}

fn set_float(place: u32, value: f32) {
    atomicStore(&scratch[place], bitcast<u32>(value));
}

// Nodes in the queue, and if paths have become too many.
fn progress(lane: u32) -> vec2<u32> {
    storageBarrier();
    workgroupBarrier();
    if lane == 0u {
        told = vec2(atomicLoad(&queued), atomicLoad(&too_many));
    }
    return workgroupUniformLoad(&told);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let stride = params.nodes + 1u;
    levels = group.x * 5u * stride;
    paths = levels + stride;
    amounts = paths + stride;
    queue = amounts + stride;
    starts = queue + stride;
    for (var number = group.x; number < params.sources; number += groups.x) {
        let source = sources[number];
        for (var node = lane; node < params.nodes; node += WORKGROUP_SIZE) {
            atomicStore(&scratch[levels + node], NOT_MET);
        }
        storageBarrier();
        if lane == 0u {
            atomicStore(&scratch[levels + source], 0u);
            set_float(paths + source, 1.0);
            atomicStore(&scratch[queue], source);
            atomicStore(&scratch[starts], 0u);
            atomicStore(&queued, 1u);
            atomicStore(&too_many, 0u);
        }
        let depth = outwards(lane);
        let met = progress(lane);
        // Where nothing flows, and where nothing can be told.
        var nothing_bits = select(0u, NAN_BITS, met.y > 0u);
        for (var node = lane; node < params.nodes; node += WORKGROUP_SIZE) {
            dependencies[number * params.nodes + node] = bitcast<f32>(nothing_bits);
        }
        storageBarrier();
        if met.y == 0u {
            back(depth, number, source, lane);
        }
        storageBarrier();
        workgroupBarrier();
    }
}

// Counts shortest paths; how many levels there are. Their starts, with the end, lie in `starts`.
fn outwards(lane: u32) -> u32 {
    var first = 0u;
    var end = progress(lane).x;
    var level = 0u;
    while first < end {
        level += 1u;
        for (var place = first + lane; place < end; place += WORKGROUP_SIZE) {
            let node = atomicLoad(&scratch[queue + place]);
            for (var edge = offsets[node]; edge < offsets[node + 1u]; edge++) {
                let other = targets[edge];
                if atomicMin(&scratch[levels + other], level) == NOT_MET {
                    atomicStore(&scratch[queue + atomicAdd(&queued, 1u)], other);
                }
            }
        }
        if lane == 0u {
            atomicStore(&scratch[starts + level], end);
        }
        first = end;
        end = progress(lane).x;
        for (var place = first + lane; place < end; place += WORKGROUP_SIZE) {
            let node = atomicLoad(&scratch[queue + place]);
            var sum = 0.0;
            for (var edge = offsets[node]; edge < offsets[node + 1u]; edge++) {
                let other = targets[edge];
                if atomicLoad(&scratch[levels + other]) == level - 1u {
                    sum += float_at(paths + other);
                }
            }
            set_float(paths + node, sum);
            if sum > PATHS_MAX {
                atomicStore(&too_many, 1u);
            }
        }
        storageBarrier();
    }
    return level;
}

// Brings flows home, the last of `depth` levels first.
fn back(depth: u32, number: u32, source: u32, lane: u32) {
    var end = atomicLoad(&queued);
    for (var level = depth; level > 0u; level--) {
        let first = atomicLoad(&scratch[starts + level - 1u]);
        for (var place = first + lane; place < end; place += WORKGROUP_SIZE) {
            let node = atomicLoad(&scratch[queue + place]);
            var sum = 0.0;
            for (var edge = offsets[node]; edge < offsets[node + 1u]; edge++) {
                let other = targets[edge];
                if atomicLoad(&scratch[levels + other]) == level {
                    sum += float_at(amounts + other);
                }
            }
            let flow = float_at(paths + node) * sum;
            set_float(amounts + node, (1.0 + flow) / float_at(paths + node));
            if node != source {
                dependencies[number * params.nodes + node] = flow;
            }
        }
        end = first;
        storageBarrier();
    }
}
