// A presynaptic node a thread.

// A weight after one lesson of the curve.
inline __device__ u32 taught(u32 weight, int entry, u32 weight_max, u32 drawn) {
    u32 magnitude = entry < 0 ? 0u - (u32)entry : (u32)entry;
    u32 share = min(magnitude, 0x7fffffffu) << 1;
    return entry >= 0 ? potentiated(weight, share, weight_max, drawn) : depressed(weight, share, drawn);
}

KERNEL(main) {
    const Params &params = arguments.params;
    for (u32 node = first_item(); node < params.nodes; node += item_stride()) {
        u32 own = arguments.spikes[node];
        u32 end = arguments.offsets[node + 1u];
        for (u32 synapse = arguments.offsets[node]; synapse < end; synapse++) {
            u32 other = arguments.spikes[arguments.targets[synapse]];
            u32 apart = max(own, other) - min(own, other);
            u32 weight = min(arguments.weights[synapse], params.weight_max);
            if (own != NO_SPIKE && other != NO_SPIKE && apart != 0u && apart < params.window) {
                u32 side = own < other ? 0u : params.window;
                int entry = arguments.curve[side + apart];
                weight = taught(weight, entry, params.weight_max, dither(synapse, params.round));
            }
            arguments.weights[synapse] = weight;
        }
    }
}
