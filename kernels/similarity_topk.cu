// A query and a share of the rows a block. Each codes its query, then goes through its rows: those over the floor are pushed to a
// buffer that is sorted and cut to the best k when it is full, which raises the floor. `merge` pushes the lists of a query's blocks
// to the buffer of the first.

// Lanes that read a row together, 128 bytes at a time.
#define TEAM 8u
// Of no row: below the key of every number, and after every row.
#define NO_KEY 0u
// The key of negative infinity.
#define LEAST_KEY 0x007fffffu

// Bits that order as integers as floats do; there is one zero only.
inline __device__ u32 ascending(float value) {
    u32 bits = value == 0.0f ? 0u : __float_as_uint(value);
    return (bits >> 31) == 0u ? bits | 0x80000000u : ~bits;
}

inline __device__ float from_ascending(u32 key) {
    return __uint_as_float((key >> 31) == 1u ? key ^ 0x80000000u : ~key);
}

// Room of a buffer: twice the list, so that it is not sorted too often, and more than one round can bring.
inline __device__ u32 room_for(u32 k) {
    return max(2u * WORKGROUP_SIZE, k > 1u ? 2u << (32u - __clz(k - 1u)) : 2u);
}

// Blocks that share a query's rows. Where queries are more than blocks each is finished by one, before the next.
inline __device__ u32 shares_of(const Arguments &arguments) {
    return gridDim.x >= arguments.params.queries ? gridDim.y : 1u;
}

// A query in signed 8-bit codes with bounds of what they leave out.
struct Coded {
    int4 codes[DIM_VECTORS_MAX];
    int sum;
    float scale;
    // At least the length of the query, and of what its codes leave out with the rounding of estimates.
    float norm;
    float error;
};

__shared__ Coded coded;
// Rows held, and the key that others must be over.
__shared__ u32 held;
__shared__ u32 floor_key;

// One block's part of scratch: how many rows it holds; [room] keys, rows and estimates; [dim] the rotated query.
struct Search : Arguments {
    u32 room;
    u32 *own;
    u32 *keys;
    u32 *rows;
    u32 *guesses;

    __device__ Search(const Arguments &arguments, u32 query, u32 share, u32 shares) : Arguments(arguments) {
        room = room_for(params.k);
        own = list_of(query, share, shares);
        keys = own + 1u;
        rows = keys + room;
        guesses = rows + room;
    }

    __device__ u32 *list_of(u32 query, u32 share, u32 shares) const {
        return (u32 *)scratch + (u64)(query * shares + share) * (1u + 3u * room + params.dim);
    }

    // Multiplies a query by the power of two that brings its largest magnitude into 1..2, rotates it and codes it.
    __device__ void code_query(u32 query) {
        const float *given = queries + query * params.dim;
        float *rotated = (float *)(guesses + room);
        u32 bits = 0u;
        for (u32 at = threadIdx.x; at < params.dim; at += WORKGROUP_SIZE) {
            bits = max(bits, __float_as_uint(fabsf(given[at])));
        }
        double most = (double)__uint_as_float(fold<Max>(bits));
        double power = __longlong_as_double(__double_as_longlong(most) & (0x7ffll << 52));
        double unit = most == 0.0 ? 1.0 : 1.0 / power;
        for (u32 at = threadIdx.x; at < params.dim; at += WORKGROUP_SIZE) {
            rotated[at] = (float)((double)given[at] * unit);
        }
        __syncthreads();
        rotate(rotated, params.dim);
        bits = 0u;
        for (u32 at = threadIdx.x; at < params.dim; at += WORKGROUP_SIZE) {
            bits = max(bits, __float_as_uint(fabsf(rotated[at])));
        }
        float scale = __uint_as_float(fold<Max>(bits)) / CODE_MAX;
        float steps = scale > 0.0f ? 1.0f / scale : 0.0f;
        int sum = 0;
        double squares = 0.0;
        double errors = 0.0;
        for (u32 word = threadIdx.x; word < params.dim / 4u; word += WORKGROUP_SIZE) {
            u32 packed = 0u;
            for (u32 byte = 0u; byte < 4u; byte++) {
                float value = rotated[4u * word + byte];
                float code = fminf(fmaxf(rintf(value * steps), -CODE_MAX), CODE_MAX);
                double left = (double)value - (double)scale * (double)code;
                squares += (double)value * (double)value;
                errors += left * left;
                sum += (int)code;
                packed |= ((u32)(int)code & 0xffu) << (8u * byte);
            }
            ((u32 *)coded.codes)[word] = packed;
        }
        sum = fold<Sum>(sum);
        double norm = sqrt(fold<Sum>(squares));
        double error = sqrt(fold<Sum>(errors));
        if (threadIdx.x == 0u) {
            coded.sum = sum;
            coded.scale = scale;
            coded.norm = (float)(norm * (1.0 + (double)SLACK));
            coded.error = (float)(error * (1.0 + (double)SLACK) + norm * (double)SLACK);
        }
        __syncthreads();
    }

    __device__ bool allowed(u32 query, u32 row) const {
        if (params.masks == 0u) {
            return true;
        }
        u32 first = params.masks == 1u ? 0u : query * params.mask_words;
        return ((masks[first + row / 64u] >> (row % 64u)) & 1u) == 1u;
    }

    // Makes room for one round: if there is none, only the best k stay.
    __device__ void make_room() {
        if (told(held) + WORKGROUP_SIZE > room) {
            cut();
        }
    }

    __device__ void push(u32 key, u32 row, u32 guess) {
        u32 place = atomicAdd(&held, 1u);
        keys[place] = key;
        rows[place] = row;
        guesses[place] = guess;
    }

    // Sorts what is held, best first, and keeps the best k. If there are so many, the last of them is the floor.
    __device__ void cut() {
        u32 count = told(held);
        u32 size = 1u << (32u - __clz(max(count, 2u) - 1u));
        for (u32 place = count + threadIdx.x; place < size; place += WORKGROUP_SIZE) {
            keys[place] = NO_KEY;
            rows[place] = 0xffffffffu;
        }
        __syncthreads();
        for (u32 run = 2u; run <= size; run *= 2u) {
            for (u32 stride = run / 2u; stride > 0u; stride /= 2u) {
                for (u32 pair = threadIdx.x; pair < size / 2u; pair += WORKGROUP_SIZE) {
                    u32 low = 2u * pair - (pair & (stride - 1u));
                    order(low, low + stride, (low & run) == 0u);
                }
                __syncthreads();
            }
        }
        if (threadIdx.x == 0u) {
            held = min(count, params.k);
            if (count >= params.k) {
                floor_key = max(floor_key, keys[params.k - 1u]);
            }
        }
        __syncthreads();
    }

    // Puts the better of two places first, or last.
    __device__ void order(u32 low, u32 high, bool best_first) {
        u32 a = keys[low];
        u32 b = keys[high];
        bool low_is_better = a > b || (a == b && rows[low] < rows[high]);
        if (low_is_better != best_first) {
            swap(keys, low, high);
            swap(rows, low, high);
            swap(guesses, low, high);
        }
    }

    static __device__ void swap(u32 *words, u32 low, u32 high) {
        u32 kept = words[low];
        words[low] = words[high];
        words[high] = kept;
    }

    // One thread's share of a row's inner product with the query, by codes.
    __device__ int part_of(u32 row, u32 member) const {
        u32 vectors = params.dim / 16u;
        const int4 *row_codes = (const int4 *)codes + (u64)row * vectors;
        int sum = 0;
        // As many loads under way as there are registers for.
#pragma unroll 4
        for (u32 at = member; at < vectors; at += TEAM) {
            int4 theirs = __ldg(&row_codes[at]);
            int4 ours = coded.codes[at];
            sum = __dp4a(theirs.x, ours.x, sum);
            sum = __dp4a(theirs.y, ours.y, sum);
            sum = __dp4a(theirs.z, ours.z, sum);
            sum = __dp4a(theirs.w, ours.w, sum);
        }
        return sum;
    }

    // Pushes those of one round's rows that are over the floor. A team reads a row at a time, and each of its members judges one.
    __device__ void look_at(u32 query, u32 first) {
        u32 member = threadIdx.x % TEAM;
        u32 team_first = first + threadIdx.x - member;
        int own_sum = 0;
        bool own_counts = false;
        for (u32 turn = 0u; turn < TEAM; turn++) {
            u32 row = team_first + turn;
            bool counts = row < params.rows && allowed(query, row);
            int sum = counts ? part_of(row, member) : 0;
            for (u32 apart = TEAM / 2u; apart > 0u; apart /= 2u) {
                sum += __shfl_xor_sync(EVERY_LANE, sum, apart);
            }
            if (turn == member) {
                own_sum = sum;
                own_counts = counts;
            }
        }
        if (!own_counts) {
            return;
        }
        u32 row = team_first + member;
        const float *factor = factors + row / BLOCK_ROWS * 3u * BLOCK_ROWS + row % BLOCK_ROWS;
        float estimate = (float)(own_sum - CODE_ZERO * coded.sum) * (factor[0] * coded.scale);
        float bound = factor[BLOCK_ROWS] * coded.norm + factor[2u * BLOCK_ROWS] * coded.error;
        u32 key = ascending(estimate + bound);
        if (key > floor_key) {
            push(key, row, __float_as_uint(estimate));
        }
    }

    // Brings the lists of a query's blocks together and writes the best k.
    __device__ void finish(u32 query, u32 shares) {
        for (u32 share = 1u; share < shares; share++) {
            const u32 *list = list_of(query, share, shares);
            for (u32 first = 0u; first < list[0]; first += WORKGROUP_SIZE) {
                make_room();
                u32 place = first + threadIdx.x;
                // One at the floor may be a lower row than the one that made it.
                if (place < list[0] && list[1u + place] >= floor_key) {
                    push(list[1u + place], list[1u + room + place], list[1u + 2u * room + place]);
                }
            }
        }
        cut();
        u32 found = told(held);
        for (u32 place = threadIdx.x; place < params.k; place += WORKGROUP_SIZE) {
            u32 out = query * params.k + place;
            bool is_found = place < found;
            ids[out] = is_found ? params.row_base + rows[place] : NO_ROW;
            uppers[out] = from_ascending(is_found ? keys[place] : LEAST_KEY);
            estimates[out] = is_found ? __uint_as_float(guesses[place]) : from_ascending(LEAST_KEY);
        }
    }
};

KERNEL(scan) {
    const Params &params = arguments.params;
    u32 shares = shares_of(arguments);
    if (blockIdx.y >= shares) {
        return;
    }
    Search search(arguments, blockIdx.x, blockIdx.y, shares);
    for (u32 query = blockIdx.x; query < params.queries; query += gridDim.x) {
        search.code_query(query);
        if (threadIdx.x == 0u) {
            held = 0u;
            floor_key = ascending(arguments.floors[query]);
        }
        for (u32 first = blockIdx.y * WORKGROUP_SIZE; first < params.rows; first += shares * WORKGROUP_SIZE) {
            search.make_room();
            search.look_at(query, first);
        }
        search.cut();
        if (threadIdx.x == 0u) {
            search.own[0] = held;
        }
        if (gridDim.x < params.queries) {
            search.finish(query, 1u);
        }
        __syncthreads();
    }
}

KERNEL(merge) {
    u32 query = blockIdx.x;
    if (query >= arguments.params.queries || blockIdx.y > 0u || gridDim.x < arguments.params.queries) {
        return;
    }
    Search search(arguments, query, 0u, gridDim.y);
    if (threadIdx.x == 0u) {
        held = search.own[0];
        floor_key = NO_KEY;
    }
    search.finish(query, gridDim.y);
}
