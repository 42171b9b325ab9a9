// A node a thread. Minima do not depend on order.

KERNEL(main) {
    const u32 *labels = arguments.labels;
    for (u32 node = first_item(); node < arguments.params.nodes; node += item_stride()) {
        u32 tree = labels[node];
        u32 lowest = 0xffffffffu;
        u32 end = arguments.offsets[node + 1u];
        for (u32 edge = arguments.offsets[node]; edge < end; edge++) {
            lowest = min(lowest, labels[labels[arguments.targets[edge]]]);
        }
        atomicMin(&arguments.next[node], min(lowest, labels[tree]));
        atomicMin(&arguments.next[tree], lowest);
    }
}
