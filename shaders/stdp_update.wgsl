// A presynaptic node an invocation.

struct Params {
    nodes: u32,
    window: u32,
    weight_max: u32,
    round: u32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> spikes: array<u32>;
@group(0) @binding(3) var<storage, read> curve: array<i32>;
@group(0) @binding(4) var<storage, read_write> weights: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

// A weight after one lesson of the curve.
fn taught(weight: u32, entry: i32, drawn: u32) -> u32 {
    // The negation of the least integer is itself, whose bits are 2^31.
    let share = min(u32(select(entry, -entry, entry < 0)), 0x7fffffffu) << 1u;
    if entry >= 0 {
        return potentiated(weight, share, params.weight_max, drawn);
    }
    return depressed(weight, share, drawn);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var node = at.x; node < params.nodes; node += groups.x * WORKGROUP_SIZE) {
        let own = spikes[node];
        for (var synapse = offsets[node]; synapse < offsets[node + 1u]; synapse++) {
            let other = spikes[targets[synapse]];
            let apart = max(own, other) - min(own, other);
            var weight = min(weights[synapse], params.weight_max);
            if own != NO_SPIKE && other != NO_SPIKE && apart != 0u && apart < params.window {
                let side = select(params.window, 0u, own < other);
                weight = taught(weight, curve[side + apart], dither(synapse, params.round));
            }
            weights[synapse] = weight;
        }
    }
}
