// A request a block. Its spikes are ranked first; then each, in that order, holds down those that come after it. What holds a
// candidate down adds up in scratch, which does not depend on order: a sum of non-negative numbers that is cut at 1.

inline __device__ u32 apart_along(u32 a, u32 b) {
    u32 apart = min(max(a, b) - min(a, b), 1u << 14);
    return apart * apart;
}

// Square of the distance of two columns on the grid.
inline __device__ u32 distance_squared(u32 a, u32 b) {
    u32 rows = apart_along(a / GRID_SIDE % GRID_SIDE, b / GRID_SIDE % GRID_SIDE);
    u32 layers = apart_along(a / (GRID_SIDE * GRID_SIDE), b / (GRID_SIDE * GRID_SIDE));
    return apart_along(a % GRID_SIDE, b % GRID_SIDE) + rows + layers;
}

struct Inhibition : Arguments {
    // Scratch of the dispatch [2][count]: places in the order of spikes, from each request's start on; inhibition so far, by place.
    u32 *order;
    u32 *held;

    __device__ explicit Inhibition(const Arguments &arguments) : Arguments(arguments) {
        order = (u32 *)scratch;
        held = order + params.count;
    }

    __device__ bool is_before(u32 a, u32 b) const {
        if (times[a] != times[b]) {
            return times[a] < times[b];
        }
        return targets[a] != targets[b] ? targets[a] < targets[b] : a < b;
    }

    // Puts the places of all that fire in order; how many there are.
    __device__ u32 rank(u32 start, u32 end) {
        u32 own = 0u;
        for (u32 place = start + threadIdx.x; place < end; place += WORKGROUP_SIZE) {
            inhibited[place] = NO_SPIKE;
            held[place] = 0u;
            if (targets[place] == NO_COLUMN) {
                continue;
            }
            u32 before = 0u;
            for (u32 other = start; other < end; other++) {
                before += (u32)(targets[other] != NO_COLUMN && is_before(other, place));
            }
            order[start + before] = place;
            own += 1u;
        }
        return fold<Sum>(own);
    }

    // Adds what one that fired takes from a candidate behind it.
    __device__ void hold_down(u32 place, u32 column, u32 before, u32 after) {
        u32 lead = max(before, currents[place]) - currents[place];
        u32 apart = distance_squared(column, targets[place]);
        if (lead == 0u || targets[place] == column || apart > REACH_SQUARED) {
            return;
        }
        u32 share = lead < params.threshold ? (lead << 16) / params.threshold : ONE;
        int near = mul_q16((int)params.inhibition, (int)REACH[apart]);
        u32 taken = (u32)mul_q16(mul_q16(near, (int)after), (int)share);
        held[place] = min(held[place] + taken, ONE);
    }

    __device__ void settle(u32 start, u32 end) {
        u32 spikes = rank(start, end);
        for (u32 turn = 0u; turn < spikes; turn++) {
            u32 place = order[start + turn];
            u32 current = currents[place];
            u32 left = current - (u32)mul_q16((int)current, (int)held[place]);
            u32 time = spike_within(params.window_us, left);
            if (threadIdx.x == 0u) {
                inhibited[place] = time;
            }
            if (time != NO_SPIKE) {
                // Those before it are held down too, which nobody looks at any more.
                for (u32 other = start + threadIdx.x; other < end; other += WORKGROUP_SIZE) {
                    if (targets[other] != NO_COLUMN) {
                        hold_down(other, targets[place], current, left);
                    }
                }
            }
            __syncthreads();
        }
    }
};

KERNEL(main) {
    Inhibition inhibition(arguments);
    for (u32 request = blockIdx.x; request < arguments.params.requests; request += gridDim.x) {
        inhibition.settle(arguments.offsets[request], arguments.offsets[request + 1u]);
    }
}
