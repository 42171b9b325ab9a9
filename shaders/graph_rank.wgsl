// A node an invocation.

struct Params {
    nodes: u32,
    base: f32,
    keep: f32,
    gain: f32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> targets: array<u32>;
@group(0) @binding(2) var<storage, read> factors: array<f32>;
@group(0) @binding(3) var<storage, read> values: array<f32>;
@group(0) @binding(4) var<storage, read_write> next: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(global_invocation_id) at: vec3<u32>, @builtin(num_workgroups) groups: vec3<u32>) {
    for (var node = at.x; node < params.nodes; node += groups.x * WORKGROUP_SIZE) {
        // Sums of at most RUN products each, so that the error of a long row does not grow with its length.
        var sum = 0.0;
        var edge = offsets[node];
        let end = offsets[node + 1u];
        while edge < end {
            let stop = min(edge + RUN, end);
            var run = 0.0;
            for (; edge < stop; edge++) {
                let other = targets[edge];
                run += values[other] * factors[other];
            }
            sum += run;
        }
        next[node] = params.base + params.keep * values[node] + params.gain * sum;
    }
}
