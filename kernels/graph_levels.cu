// 64 searches a block, a bit each; in every level each node looks at its neighbours. A bit that is new was found one level on.

// Searches of one word. Scratch of each block [3][nodes]: frontiers of even and of odd levels, then who was seen.
struct Searches : Arguments {
    u64 *even;
    u64 *odd;
    u64 *seen;

    __device__ explicit Searches(const Arguments &arguments) : Arguments(arguments) {
        even = (u64 *)scratch + (u64)blockIdx.x * 3u * params.nodes;
        odd = even + params.nodes;
        seen = odd + params.nodes;
    }

    // Puts every search at its source.
    __device__ void start(u32 first, u32 count) {
        for (u32 node = threadIdx.x; node < params.nodes; node += WORKGROUP_SIZE) {
            even[node] = 0u;
            seen[node] = 0u;
        }
        __syncthreads();
        // Two searches may share a source.
        if (threadIdx.x < count) {
            u32 node = sources[first + threadIdx.x];
            atomicOr(&even[node], (u64)1 << threadIdx.x);
            atomicOr(&seen[node], (u64)1 << threadIdx.x);
        }
        __syncthreads();
    }

    // Takes the searches one level on; how many nodes they find, taken together.
    __device__ u32 advance(u32 level) {
        const u64 *frontier = (level & 1u) == 1u ? even : odd;
        u64 *next = (level & 1u) == 1u ? odd : even;
        u32 own = 0u;
        for (u32 node = threadIdx.x; node < params.nodes; node += WORKGROUP_SIZE) {
            u64 bits = 0u;
            u32 end = offsets[node + 1u];
            for (u32 edge = offsets[node]; edge < end; edge++) {
                bits |= frontier[targets[edge]];
            }
            u64 fresh = bits & ~seen[node];
            next[node] = fresh;
            u32 found = (u32)__popcll(fresh);
            if (found > 0u) {
                seen[node] |= fresh;
                atomicAdd(&distances[node], level * found);
                atomicAdd(&reached[node], found);
                own += found;
            }
        }
        return fold<Sum>(own);
    }

    __device__ void run(u32 word) {
        u32 *counts = histogram + word * params.levels_max;
        u32 first = word * LANES;
        u32 found = min(LANES, params.sources - first);
        start(first, found);
        u32 level = 0u;
        while (found > 0u && level < params.levels_max) {
            if (threadIdx.x == 0u) {
                counts[level] = found;
            }
            level += 1u;
            if (level < params.levels_max) {
                found = advance(level);
            }
        }
        for (u32 rest = level + threadIdx.x; rest < params.levels_max; rest += WORKGROUP_SIZE) {
            counts[rest] = 0u;
        }
    }
};

KERNEL(main) {
    Searches searches(arguments);
    u32 words = (arguments.params.sources + LANES - 1u) / LANES;
    for (u32 word = blockIdx.x; word < words; word += gridDim.x) {
        searches.run(word);
        __syncthreads();
    }
}
