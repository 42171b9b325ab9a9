// A node a thread.

KERNEL(main) {
    const Params &params = arguments.params;
    for (u32 node = first_item(); node < params.nodes; node += item_stride()) {
        // Sums of at most RUN products each, so that the error of a long row does not grow with its length.
        float sum = 0.0f;
        u32 edge = arguments.offsets[node];
        u32 end = arguments.offsets[node + 1u];
        while (edge < end) {
            u32 stop = min(edge + RUN, end);
            float run = 0.0f;
            for (; edge < stop; edge++) {
                u32 other = arguments.targets[edge];
                run += arguments.values[other] * arguments.factors[other];
            }
            sum += run;
        }
        arguments.next[node] = params.base + params.keep * arguments.values[node] + params.gain * sum;
    }
}
