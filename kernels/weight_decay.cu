// A synapse a thread.

KERNEL(main) {
    const Params &params = arguments.params;
    for (u32 synapse = first_item(); synapse < params.synapses; synapse += item_stride()) {
        u32 weight = min(arguments.weights[synapse], WEIGHT_MAX);
        arguments.weights[synapse] = depressed(weight, params.share, dither(synapse, params.round));
    }
}
