// A request a block.

inline __device__ u32 current_of(const Params &params, const int *score) {
    int weights[SCORERS] = {params.semantic, params.structural, params.temporal, params.exception};
    int one = (int)ONE;
    int current = params.bias;
    for (u32 scorer = 0u; scorer < SCORERS; scorer++) {
        current += mul_q16(weights[scorer], min(max(score[scorer], -one), one));
    }
    return (u32)min(max(current, 0), one);
}

inline __device__ void tell(const Arguments &arguments, u32 place, u32 current) {
    arguments.currents[place] = current;
    arguments.times[place] = spike_within(arguments.params.window_us, current);
}

KERNEL(main) {
    const Params &params = arguments.params;
    const u32 *candidates = arguments.candidates;
    for (u32 request = blockIdx.x; request < params.requests; request += gridDim.x) {
        u32 first = arguments.offsets[request] + threadIdx.x;
        u32 end = arguments.offsets[request + 1u];
        u32 own = 0u;
        for (u32 place = first; place < end; place += WORKGROUP_SIZE) {
            if (candidates[place] != VACANT) {
                u32 current = current_of(params, arguments.scores + (u64)place * SCORERS);
                tell(arguments, place, current);
                own = max(own, current);
            }
        }
        // What no other explains.
        u32 novelty = ONE - fold<Max>(own);
        for (u32 place = first; place < end; place += WORKGROUP_SIZE) {
            if (candidates[place] == VACANT) {
                tell(arguments, place, novelty);
            }
        }
    }
}
