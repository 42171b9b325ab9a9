// 64 searches a workgroup, a bit each; in every level each node looks at its neighbours. A bit that is new was found one level on.

struct Params {
    nodes: u32,
    sources: u32,
    levels_max: u32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> sources: array<u32>;
@group(0) @binding(3) var<storage, read_write> histogram: array<u32>;
@group(0) @binding(4) var<storage, read_write> distances: array<atomic<u32>>;
@group(0) @binding(5) var<storage, read_write> reached: array<atomic<u32>>;
// Of each workgroup [3][nodes]: frontiers of even and of odd levels, then who was seen.
@group(0) @binding(6) var<storage, read_write> scratch: array<vec2<u32>>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> pairs: atomic<u32>;
var<workgroup> pairs_found: u32;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let words = (params.sources + LANES - 1u) / LANES;
    let base = group.x * 3u * params.nodes;
    for (var word = group.x; word < words; word += groups.x) {
        let first = word * LANES;
        let count = min(LANES, params.sources - first);
        start(base, first, count, lane);
        var level = 0u;
        var found = count;
        while found > 0u && level < params.levels_max {
            if lane == 0u {
                histogram[word * params.levels_max + level] = found;
            }
            level += 1u;
            if level < params.levels_max {
                found = advance(base, level, lane);
            }
        }
        for (var rest = level + lane; rest < params.levels_max; rest += WORKGROUP_SIZE) {
            histogram[word * params.levels_max + rest] = 0u;
        }
        storageBarrier();
    }
}

// Puts every search at its source.
fn start(base: u32, first: u32, count: u32, lane: u32) {
    for (var node = lane; node < params.nodes; node += WORKGROUP_SIZE) {
        scratch[base + node] = vec2(0u);
        scratch[base + 2u * params.nodes + node] = vec2(0u);
    }
    storageBarrier();
    // Two searches may share a source, so one invocation does it.
    if lane == 0u {
        for (var search = 0u; search < count; search++) {
            let node = sources[first + search];
            let bit = vec2(select(0u, 1u << search, search < 32u), select(1u << (search & 31u), 0u, search < 32u));
            scratch[base + node] |= bit;
            scratch[base + 2u * params.nodes + node] |= bit;
        }
    }
    storageBarrier();
}

// Takes the searches one level on; how many nodes they find, taken together.
fn advance(base: u32, level: u32, lane: u32) -> u32 {
    let frontier = base + ((level + 1u) & 1u) * params.nodes;
    let next = base + (level & 1u) * params.nodes;
    let seen = base + 2u * params.nodes;
    if lane == 0u {
        atomicStore(&pairs, 0u);
    }
    workgroupBarrier();
    var own = 0u;
    for (var node = lane; node < params.nodes; node += WORKGROUP_SIZE) {
        var bits = vec2(0u);
        for (var edge = offsets[node]; edge < offsets[node + 1u]; edge++) {
            bits |= scratch[frontier + targets[edge]];
        }
        let fresh = bits & ~scratch[seen + node];
        scratch[next + node] = fresh;
        let counts = countOneBits(fresh);
        let found = counts.x + counts.y;
        if found > 0u {
            scratch[seen + node] |= fresh;
            atomicAdd(&distances[node], level * found);
            atomicAdd(&reached[node], found);
            own += found;
        }
    }
    atomicAdd(&pairs, own);
    storageBarrier();
    workgroupBarrier();
    if lane == 0u {
        pairs_found = atomicLoad(&pairs);
    }
    return workgroupUniformLoad(&pairs_found);
}
