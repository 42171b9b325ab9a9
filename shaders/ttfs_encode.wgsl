// A request a workgroup.

struct Params {
    requests: u32,
    count: u32,
    semantic: i32,
    structural: i32,
    temporal: i32,
    exception: i32,
    bias: i32,
    window_us: u32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> candidates: array<u32>;
@group(0) @binding(2) var<storage, read> scores: array<vec4<i32>>;
@group(0) @binding(3) var<storage, read_write> currents: array<u32>;
@group(0) @binding(4) var<storage, read_write> times: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> strongest: atomic<u32>;

fn current_of(score: vec4<i32>) -> u32 {
    let one = i32(ONE);
    let held = clamp(score, vec4(-one), vec4(one));
    var current = params.bias + mul_q16(params.semantic, held.x) + mul_q16(params.structural, held.y);
    current += mul_q16(params.temporal, held.z) + mul_q16(params.exception, held.w);
    return u32(clamp(current, 0, one));
}

fn tell(place: u32, current: u32) {
    currents[place] = current;
    times[place] = spike_within(params.window_us, current);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var request = group.x; request < params.requests; request += groups.x) {
        let first = offsets[request] + lane;
        let end = offsets[request + 1u];
        if lane == 0u {
            atomicStore(&strongest, 0u);
        }
        workgroupBarrier();
        for (var place = first; place < end; place += WORKGROUP_SIZE) {
            if candidates[place] != VACANT {
                let current = current_of(scores[place]);
                tell(place, current);
                atomicMax(&strongest, current);
            }
        }
        workgroupBarrier();
        // Novelty: what no other explains.
        let novelty = ONE - atomicLoad(&strongest);
        for (var place = first; place < end; place += WORKGROUP_SIZE) {
            if candidates[place] == VACANT {
                tell(place, novelty);
            }
        }
        workgroupBarrier();
    }
}
