// A synapse an invocation.

struct Params {
    synapses: u32,
    share: u32,
    round: u32,
}

@group(0) @binding(0) var<storage, read_write> weights: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var synapse = at.x; synapse < params.synapses; synapse += groups.x * WORKGROUP_SIZE) {
        let weight = min(weights[synapse], WEIGHT_MAX);
        weights[synapse] = depressed(weight, params.share, dither(synapse, params.round));
    }
}
