// A node an invocation: its edges u-v, and what the rows of u and v have in common.

struct Params {
    nodes: u32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<u32>>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn clear(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var node = at.x; node < params.nodes; node += groups.x * WORKGROUP_SIZE) {
        atomicStore(&counts[node], 0u);
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn count(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var u = at.x; u < params.nodes; u += groups.x * WORKGROUP_SIZE) {
        let row = vec2(offsets[u], offsets[u + 1u]);
        var at_u = 0u;
        for (var edge = row.x; edge < row.y; edge++) {
            let v = targets[edge];
            let met = meet(row, vec2(offsets[v], offsets[v + 1u]));
            if met > 0u {
                atomicAdd(&counts[v], met);
            }
            at_u += met;
        }
        if at_u > 0u {
            atomicAdd(&counts[u], at_u);
        }
    }
}

// Counts what two ascending rows have in common at its nodes; how many.
fn meet(left: vec2<u32>, right: vec2<u32>) -> u32 {
    var l = left.x;
    var r = right.x;
    var met = 0u;
    while l < left.y && r < right.y {
        let a = targets[l];
        let b = targets[r];
        if a == b {
            atomicAdd(&counts[a], 1u);
            met += 1u;
        }
        l += u32(a <= b);
        r += u32(b <= a);
    }
    return met;
}
