// A source a block, level by level: outwards nodes are queued as they are met and count their paths by looking back, then they
// gather flows in the opposite order. No float is added by two threads, so the order of sums is fixed.

#define NOT_MET 0xffffffffu

__shared__ u32 queued;
__shared__ u32 too_many;

// Scratch of each block [5][nodes + 1].
struct Search : Arguments {
    u32 *levels;
    float *paths;
    // (1 + flow) / paths.
    float *amounts;
    u32 *queue;
    // Where each level begins in the queue.
    u32 *starts;
    float *flows;

    __device__ explicit Search(const Arguments &arguments) : Arguments(arguments) {
        u64 stride = params.nodes + 1u;
        levels = (u32 *)scratch + blockIdx.x * 5u * stride;
        paths = (float *)(levels + stride);
        amounts = paths + stride;
        queue = (u32 *)(amounts + stride);
        starts = queue + stride;
    }

    // Counts shortest paths; how many levels there are. Their starts, with the end, lie in `starts`.
    __device__ u32 outwards() {
        u32 first = 0u;
        u32 end = told(queued);
        u32 level = 0u;
        while (first < end) {
            level += 1u;
            for (u32 place = first + threadIdx.x; place < end; place += WORKGROUP_SIZE) {
                u32 node = queue[place];
                u32 row_end = offsets[node + 1u];
                for (u32 edge = offsets[node]; edge < row_end; edge++) {
                    u32 other = targets[edge];
                    if (atomicMin(&levels[other], level) == NOT_MET) {
                        queue[atomicAdd(&queued, 1u)] = other;
                    }
                }
            }
            if (threadIdx.x == 0u) {
                starts[level] = end;
            }
            first = end;
            end = told(queued);
            for (u32 place = first + threadIdx.x; place < end; place += WORKGROUP_SIZE) {
                u32 node = queue[place];
                float sum = 0.0f;
                u32 row_end = offsets[node + 1u];
                for (u32 edge = offsets[node]; edge < row_end; edge++) {
                    u32 other = targets[edge];
                    if (levels[other] == level - 1u) {
                        sum += paths[other];
                    }
                }
                paths[node] = sum;
                if (sum > PATHS_MAX) {
                    atomicOr(&too_many, 1u);
                }
            }
            __syncthreads();
        }
        return level;
    }

    // Brings flows home, the last of `depth` levels first.
    __device__ void back(u32 depth, u32 source, u32 end) {
        for (u32 level = depth; level > 0u; level--) {
            u32 first = starts[level - 1u];
            for (u32 place = first + threadIdx.x; place < end; place += WORKGROUP_SIZE) {
                u32 node = queue[place];
                float sum = 0.0f;
                u32 row_end = offsets[node + 1u];
                for (u32 edge = offsets[node]; edge < row_end; edge++) {
                    u32 other = targets[edge];
                    if (levels[other] == level) {
                        sum += amounts[other];
                    }
                }
                float flow = paths[node] * sum;
                amounts[node] = (1.0f + flow) / paths[node];
                if (node != source) {
                    flows[node] = flow;
                }
            }
            end = first;
            __syncthreads();
        }
    }

    __device__ void run(u32 number) {
        u32 source = sources[number];
        flows = dependencies + (u64)number * params.nodes;
        for (u32 node = threadIdx.x; node < params.nodes; node += WORKGROUP_SIZE) {
            levels[node] = NOT_MET;
        }
        __syncthreads();
        if (threadIdx.x == 0u) {
            levels[source] = 0u;
            paths[source] = 1.0f;
            queue[0] = source;
            starts[0] = 0u;
            queued = 1u;
            too_many = 0u;
        }
        u32 depth = outwards();
        u32 end = told(queued);
        bool told_apart = told(too_many) == 0u;
        // Where nothing flows, and where nothing can be told.
        float nothing = told_apart ? 0.0f : __uint_as_float(0x7fc00000u);
        for (u32 node = threadIdx.x; node < params.nodes; node += WORKGROUP_SIZE) {
            flows[node] = nothing;
        }
        __syncthreads();
        if (told_apart) {
            back(depth, source, end);
        }
    }
};

KERNEL(main) {
    Search search(arguments);
    for (u32 number = blockIdx.x; number < arguments.params.sources; number += gridDim.x) {
        search.run(number);
    }
}
