// A row a block. Sums that saturate do not depend on order.

struct SaturatingSum {
    static inline __device__ u32 of(u32 a, u32 b) { return a + min(b, ~a); }
};

KERNEL(main) {
    const Params &params = arguments.params;
    u32 *weights = arguments.weights;
    for (u32 node = blockIdx.x; node < params.nodes; node += gridDim.x) {
        u32 first = arguments.offsets[node] + threadIdx.x;
        u32 end = arguments.offsets[node + 1u];
        u32 own = 0u;
        for (u32 synapse = first; synapse < end; synapse += WORKGROUP_SIZE) {
            own = SaturatingSum::of(own, min(weights[synapse], WEIGHT_MAX));
        }
        u32 sum = fold<SaturatingSum>(own);
        // Scale::within and Scale::apply of kernels/shared/plasticity.rs; a factor of 1 where the bound holds.
        u32 factor = 1u;
        u32 shift = 0u;
        if (sum > params.sum_max) {
            u32 cut = max(32u - (u32)__clz(sum), 17u) - 17u;
            u32 divisor = (sum >> cut) + (u32)((sum & ((1u << cut) - 1u)) != 0u);
            factor = (params.sum_max << 16) / divisor;
            shift = 16u + cut;
        }
        for (u32 synapse = first; synapse < end; synapse += WORKGROUP_SIZE) {
            weights[synapse] = (min(weights[synapse], WEIGHT_MAX) * factor) >> shift;
        }
    }
}
