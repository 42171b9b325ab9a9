// A node a thread: its edges u-v, and what the rows of u and v have in common.

KERNEL(clear) {
    for (u32 node = first_item(); node < arguments.params.nodes; node += item_stride()) {
        arguments.counts[node] = 0u;
    }
}

// Counts what two ascending rows, `l..l_end` and `r..r_end`, have in common at its nodes; how many.
inline __device__ u32 meet(const Arguments &arguments, u32 l, u32 l_end, u32 r, u32 r_end) {
    u32 met = 0u;
    while (l < l_end && r < r_end) {
        u32 a = arguments.targets[l];
        u32 b = arguments.targets[r];
        if (a == b) {
            atomicAdd(&arguments.counts[a], 1u);
            met += 1u;
        }
        l += (u32)(a <= b);
        r += (u32)(b <= a);
    }
    return met;
}

KERNEL(count) {
    const u32 *offsets = arguments.offsets;
    for (u32 u = first_item(); u < arguments.params.nodes; u += item_stride()) {
        u32 first = offsets[u];
        u32 end = offsets[u + 1u];
        u32 at_u = 0u;
        for (u32 edge = first; edge < end; edge++) {
            u32 v = arguments.targets[edge];
            u32 met = meet(arguments, first, end, offsets[v], offsets[v + 1u]);
            if (met > 0u) {
                atomicAdd(&arguments.counts[v], met);
            }
            at_u += met;
        }
        if (at_u > 0u) {
            atomicAdd(&arguments.counts[u], at_u);
        }
    }
}
