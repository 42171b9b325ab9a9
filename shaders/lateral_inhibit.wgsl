// A request a workgroup. Its spikes are ranked first; then each, in that order, holds down those that come after it. What holds a
// candidate down adds up in scratch, which does not depend on order: a sum of non-negative numbers that is cut at 1.

struct Params {
    requests: u32,
    count: u32,
    inhibition: u32,
    threshold: u32,
    window_us: u32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> currents: array<u32>;
@group(0) @binding(2) var<storage, read> times: array<u32>;
@group(0) @binding(3) var<storage, read> targets: array<u32>;
@group(0) @binding(4) var<storage, read_write> inhibited: array<u32>;
// Of the dispatch [2][count]: places in the order of spikes, from each request's start on; inhibition so far, by place.
@group(0) @binding(5) var<storage, read_write> scratch: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> spikes: atomic<u32>;
var<workgroup> spikes_told: u32;

fn is_before(a: u32, b: u32) -> bool {
    if times[a] != times[b] {
        return times[a] < times[b];
    }
    if targets[a] != targets[b] {
        return targets[a] < targets[b];
    }
    return a < b;
}

fn apart_along(a: u32, b: u32) -> u32 {
    let apart = min(max(a, b) - min(a, b), 1u << 14u);
    return apart * apart;
}

// Square of the distance of two columns on the grid.
fn distance_squared(a: u32, b: u32) -> u32 {
    let rows = apart_along(a / GRID_SIDE % GRID_SIDE, b / GRID_SIDE % GRID_SIDE);
    let layers = apart_along(a / (GRID_SIDE * GRID_SIDE), b / (GRID_SIDE * GRID_SIDE));
    return apart_along(a % GRID_SIDE, b % GRID_SIDE) + rows + layers;
}

// Puts the places of all that fire in order; how many there are.
fn rank(start: u32, end: u32, lane: u32) -> u32 {
    if lane == 0u {
        atomicStore(&spikes, 0u);
    }
    workgroupBarrier();
    for (var place = start + lane; place < end; place += WORKGROUP_SIZE) {
        inhibited[place] = NO_SPIKE;
        scratch[params.count + place] = 0u;
        if targets[place] == NO_COLUMN {
            continue;
        }
        var before = 0u;
        for (var other = start; other < end; other++) {
            before += u32(targets[other] != NO_COLUMN && is_before(other, place));
        }
        scratch[start + before] = place;
        atomicAdd(&spikes, 1u);
    }
    storageBarrier();
    workgroupBarrier();
    if lane == 0u {
        spikes_told = atomicLoad(&spikes);
    }
    return workgroupUniformLoad(&spikes_told);
}

// Adds what one that fired takes from a candidate behind it.
fn hold_down(place: u32, column: u32, before: u32, after: u32) {
    let lead = max(before, currents[place]) - currents[place];
    let apart = distance_squared(column, targets[place]);
    if lead == 0u || targets[place] == column || apart > REACH_SQUARED {
        return;
    }
    var share = ONE;
    if lead < params.threshold {
        share = (lead << 16u) / params.threshold;
    }
    let near = mul_q16(i32(params.inhibition), i32(REACH[apart]));
    let taken = u32(mul_q16(mul_q16(near, i32(after)), i32(share)));
    let at = params.count + place;
    scratch[at] = min(scratch[at] + taken, ONE);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var request = group.x; request < params.requests; request += groups.x) {
        let start = offsets[request];
        let end = offsets[request + 1u];
        let spikes_here = rank(start, end, lane);
        for (var turn = 0u; turn < spikes_here; turn++) {
            let place = scratch[start + turn];
            let current = currents[place];
            let left = current - u32(mul_q16(i32(current), i32(scratch[params.count + place])));
            let time = spike_within(params.window_us, left);
            if lane == 0u {
                inhibited[place] = time;
            }
            if time != NO_SPIKE {
                // Those before it are held down too, which nobody looks at any more.
                for (var other = start + lane; other < end; other += WORKGROUP_SIZE) {
                    if targets[other] != NO_COLUMN {
                        hold_down(other, targets[place], current, left);
                    }
                }
            }
            storageBarrier();
            workgroupBarrier();
        }
    }
}
