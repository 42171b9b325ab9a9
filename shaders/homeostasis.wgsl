// A row a workgroup. Sums that saturate do not depend on order, so a tree adds them up.

struct Params {
    nodes: u32,
    sum_max: u32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read_write> weights: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

var<workgroup> sums: array<u32, WORKGROUP_SIZE>;

fn add_saturating(a: u32, b: u32) -> u32 {
    return a + min(b, 0xffffffffu - a);
}

// The row's weights, cut, added up.
fn sum_of_row(row: vec2<u32>, lane: u32) -> u32 {
    var sum = 0u;
    for (var synapse = row.x + lane; synapse < row.y; synapse += WORKGROUP_SIZE) {
        sum = add_saturating(sum, min(weights[synapse], WEIGHT_MAX));
    }
    sums[lane] = sum;
    for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            sums[lane] = add_saturating(sums[lane], sums[lane + half]);
        }
    }
    return workgroupUniformLoad(&sums[0]);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    for (var node = group.x; node < params.nodes; node += groups.x) {
        let row = vec2(offsets[node], offsets[node + 1u]);
        let sum = sum_of_row(row, lane);
        // Scale::within and Scale::apply of kernels/shared/plasticity.rs; a factor of 1 where the bound holds.
        var factor = 1u;
        var shift = 0u;
        if sum > params.sum_max {
            let cut = max(32u - countLeadingZeros(sum), 17u) - 17u;
            let divisor = (sum >> cut) + u32((sum & ((1u << cut) - 1u)) != 0u);
            factor = (params.sum_max << 16u) / divisor;
            shift = 16u + cut;
        }
        for (var synapse = row.x + lane; synapse < row.y; synapse += WORKGROUP_SIZE) {
            weights[synapse] = (min(weights[synapse], WEIGHT_MAX) * factor) >> shift;
        }
    }
}
