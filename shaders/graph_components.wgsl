// A node an invocation. Minima do not depend on order.

struct Params {
    nodes: u32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> labels: array<u32>;
@group(0) @binding(3) var<storage, read_write> next: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var node = at.x; node < params.nodes; node += groups.x * WORKGROUP_SIZE) {
        let tree = labels[node];
        var lowest = 0xffffffffu;
        for (var edge = offsets[node]; edge < offsets[node + 1u]; edge++) {
            lowest = min(lowest, labels[labels[targets[edge]]]);
        }
        atomicMin(&next[node], min(lowest, labels[tree]));
        atomicMin(&next[tree], lowest);
    }
}
