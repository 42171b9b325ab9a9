// One block, which settles one request after the other; its threads share out the candidates of each.

#define NONE 0xffffffffu
#define NEVER 0xffffffffffffffffull

struct Competition : Arguments {
    // Columns as they lie: state, silent before this tick, spikes so far, tick of the last spike.
    uint4 *grid;
    // Places offered before this one are taken for good, or not there.
    u32 open_from;

    __device__ explicit Competition(const Arguments &arguments)
        : Arguments(arguments), grid((uint4 *)columns), open_from(0u) {}

    // The first offered column that may be founded at a tick, or NO_COLUMN.
    __device__ u32 vacant_at(u32 tick) {
        u32 open = NONE;
        for (u32 base = open_from; base < params.offered; base += WORKGROUP_SIZE) {
            u32 place = base + threadIdx.x;
            u32 own_open = NONE;
            u32 own_vacant = NONE;
            if (place < params.offered && vacants[place] < params.capacity) {
                uint4 column = grid[vacants[place]];
                bool is_vacant = column.x == AVAILABLE || (column.x == REFRACTORY && column.y <= tick);
                own_open = column.x != ALLOCATED ? place : NONE;
                own_vacant = is_vacant ? place : NONE;
            }
            open = min(open, fold<Min>(own_open));
            u32 vacant = fold<Min>(own_vacant);
            if (vacant != NONE) {
                open_from = open;
                return vacants[vacant];
            }
        }
        open_from = min(open, params.offered);
        return NO_COLUMN;
    }

    // The column that fires for a candidate at a tick, or NO_COLUMN.
    __device__ u32 target_of(u32 named, u32 request, u32 tick, u32 vacant) const {
        if (named == VACANT) {
            return vacant;
        }
        u32 column = named;
        if ((named & REQUEST) != 0u) {
            u32 earlier = named & ~REQUEST;
            column = earlier < request ? taken[earlier] : NO_COLUMN;
        }
        bool is_ready = column < params.capacity && grid[column].x == ALLOCATED && grid[column].y <= tick;
        return is_ready ? column : NO_COLUMN;
    }

    __device__ void settle(u32 request) {
        u32 tick = arrivals[request];
        u32 start = offsets[request] + threadIdx.x;
        u32 end = offsets[request + 1u];
        u32 vacant = vacant_at(tick);
        // Time and column of a spike.
        u64 own_first = NEVER;
        u32 own_founds = 0u;
        for (u32 place = start; place < end; place += WORKGROUP_SIZE) {
            u32 column = times[place] == NO_SPIKE ? NO_COLUMN : target_of(candidates[place], request, tick, vacant);
            targets[place] = column;
            if (column != NO_COLUMN) {
                own_first = min(own_first, (u64)times[place] << 32 | column);
                own_founds |= (u32)(candidates[place] == VACANT);
            }
        }
        u64 first = fold<Min>(own_first);
        u32 founds = fold<Max>(own_founds);
        u32 time = (u32)(first >> 32);
        u32 winner = (u32)first;
        u32 own_place = NONE;
        u32 own_second = params.window_us;
        for (u32 place = start; place < end; place += WORKGROUP_SIZE) {
            if (targets[place] == winner && times[place] == time) {
                own_place = min(own_place, place);
            } else if (targets[place] != NO_COLUMN && targets[place] != winner) {
                own_second = min(own_second, times[place]);
            }
        }
        u32 place = fold<Min>(own_place);
        u32 second = fold<Min>(own_second);
        if (threadIdx.x == 0u) {
            bool is_won = first != NEVER;
            taken[request] = winner;
            winners[request] = is_won ? place : NO_WINNER;
            // A window is below 2^16.
            margins[request] = is_won ? ((second - time) << 16) / params.window_us : 0u;
            if (is_won) {
                if (founds != 0u && winner != vacant) {
                    grid[vacant].x = AVAILABLE;
                }
                u32 silent_before = tick + min(params.refractory, ~tick);
                grid[winner] = make_uint4(ALLOCATED, silent_before, grid[winner].z + 1u, tick);
            }
        }
        // The next one looks at the columns.
        __syncthreads();
    }
};

KERNEL(main) {
    Competition competition(arguments);
    for (u32 request = 0u; request < arguments.params.requests; request++) {
        competition.settle(request);
    }
}
