// A tile of queries and a share of the rows a block. `code` codes the queries. `scan` multiplies their codes with those of its rows by
// tensor cores, 32 rows a warp: those over a query's floor are pushed to its list, which is cut to the best k when it is full, which
// raises the floor. `merge` pushes a query's lists to the first of them and sorts it.

// Queries of one product, and of a tile: no more where there are no more.
#define QUERIES_FEW 8u
// Rows a warp multiplies at once, and a block.
#define WARP_ROWS 32u
#define ROUND_ROWS WORKGROUP_SIZE
#define WARPS (WORKGROUP_SIZE / WARP)
// Codes of a row that four lanes read together, for two products.
#define CHUNK 64u
#define VECTOR 16u

// A list that holds more is cut: often enough that its floor rises, seldom enough that it does not cost more than it saves.
inline __device__ u32 full_for(u32 k) {
    return k + max(k / 2u, 128u);
}

// Room of a list: what makes it full and what a round may add, as a power of two for the sake of sorting.
inline __device__ u32 room_for(u32 k) {
    return 1u << (32u - __clz(full_for(k) + ROUND_ROWS - 1u));
}

// What its codes leave of a query. Products are of the codes of rows, which are over CODE_ZERO: `zero` is what that adds to each.
struct alignas(16) Coded {
    int zero;
    float scale;
    // At least the length of the query, and of what its codes leave out with the rounding of estimates.
    float norm;
    float error;
};

// Of a tile: the coded queries, rows held, and what others must be over.
__shared__ Coded coded[QUERIES_TILE];
__shared__ u32 held[QUERIES_TILE];
__shared__ float floors_now[QUERIES_TILE];
// Of the list that is sorted: rows held, and the least key that counts.
__shared__ u32 sorted;
__shared__ u32 sorted_least;

// Scratch: the codes of all queries in the order in which lanes read them, [queries / 8][chunk][8][64]; what they leave,
// [queries]; then of each block the lists of a tile and the floats of a rotated query.
struct Search : Arguments {
    u32 room;
    u32 chunks;
    // Queries of a tile, and tiles.
    u32 tile_len;
    u32 tiles;
    // Queries with room for codes.
    u32 padded;

    __device__ Search(const Arguments &arguments) : Arguments(arguments) {
        room = room_for(params.k);
        chunks = (params.dim + CHUNK - 1u) / CHUNK;
        tile_len = params.queries > QUERIES_FEW ? QUERIES_TILE : QUERIES_FEW;
        tiles = (params.queries + tile_len - 1u) / tile_len;
        padded = tiles * tile_len;
    }

    // Blocks that share a tile's rows. Where tiles are more than blocks each is finished by one, before the next.
    __device__ u32 shares() const { return gridDim.x >= tiles ? gridDim.y : 1u; }

    __device__ u32 tile_queries(u32 tile) const { return min(params.queries - tile * tile_len, tile_len); }

    __device__ Coded *left_of(u32 query) const { return (Coded *)((u32 *)scratch + (u64)padded * chunks * (CHUNK / 4u)) + query; }

    __device__ u32 *own_of(u32 block) const {
        // A multiple of a vector, for the sake of those that follow.
        u32 words = (min(params.queries, QUERIES_TILE) * List::words(room) + params.dim + 3u) / 4u * 4u;
        return (u32 *)left_of(padded) + (u64)block * words;
    }

    // The list of a query of a tile, of the block that has this share of the tile's rows.
    __device__ List list_of(u32 slot, u32 x, u32 share) const {
        return List(own_of(share * gridDim.x + x) + slot * List::words(room), room);
    }

    // Multiplies a query by the power of two that brings its largest magnitude into 1..2, rotates it and codes it.
    __device__ void code(u32 query) {
        const float *given = queries + (u64)query * params.dim;
        float *rotated = (float *)(own_of(blockIdx.y * gridDim.x + blockIdx.x) + min(params.queries, QUERIES_TILE) * List::words(room));
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
        u32 chunk_words = CHUNK / 4u;
        for (u32 word = threadIdx.x; word < chunks * chunk_words; word += WORKGROUP_SIZE) {
            u32 packed = 0u;
            // Behind the last dimension are zeros.
            for (u32 byte = 0u; byte < 4u && 4u * word < params.dim; byte++) {
                float value = rotated[4u * word + byte];
                float code = fminf(fmaxf(rintf(value * steps), -CODE_MAX), CODE_MAX);
                double left = (double)value - (double)scale * (double)code;
                squares += (double)value * (double)value;
                errors += left * left;
                sum += (int)code;
                packed |= ((u32)(int)code & 0xffu) << (8u * byte);
            }
            u64 chunk = ((u64)(query / 8u) * chunks + word / chunk_words) * 8u + query % 8u;
            ((u32 *)scratch)[chunk * chunk_words + word % chunk_words] = packed;
        }
        sum = fold<Sum>(sum);
        double norm = sqrt(fold<Sum>(squares));
        double error = sqrt(fold<Sum>(errors));
        if (threadIdx.x == 0u) {
            Coded &left = *left_of(query);
            left.zero = CODE_ZERO * sum;
            left.scale = scale;
            left.norm = (float)(norm * (1.0 + (double)SLACK));
            left.error = (float)(error * (1.0 + (double)SLACK) + norm * (double)SLACK);
        }
    }

    __device__ bool allowed(u32 query, u32 row) const {
        if (params.masks == 0u) {
            return true;
        }
        u64 first = params.masks == 1u ? 0u : (u64)query * params.mask_words;
        return ((masks[first + row / 64u] >> (row % 64u)) & 1u) == 1u;
    }

    // Pushes those of a warp's rows that are over the floor of a query of the tile. What a product wants of rows and queries lies
    // where its lanes look for it: see `multiply`.
    template <u32 PRODUCTS> __device__ void look_at(u32 tile, u32 first) const {
        u32 lane = threadIdx.x % WARP;
        u32 part = lane % 4u;
        // Of the four rows that this lane reads, those that count for all queries as far as is known now.
        bool counts[4];
        bool any = false;
#pragma unroll
        for (u32 at = 0u; at < 4u; at++) {
            u32 row = first + lane / 4u + 8u * at;
            counts[at] = row < params.rows && (params.masks > 1u || allowed(0u, row));
            any = any || counts[at];
        }
        if (__ballot_sync(EVERY_LANE, any) == 0u) {
            return;
        }
        const int4 *of_queries = (const int4 *)scratch + (u64)tile * (tile_len / 8u) * chunks * WARP + lane;
        const int4 *of_rows = (const int4 *)codes + (u64)(first + lane / 4u) * (params.dim / VECTOR);
        int sums[2][PRODUCTS][4] = {};
        int4 ahead[4];
        read(ahead, of_rows, counts, part);
        // One product leaves registers for more loads under way.
#pragma unroll(PRODUCTS == 1u ? 4 : 1)
        for (u32 chunk = 0u; chunk < chunks; chunk++) {
            int4 ours[4];
#pragma unroll
            for (u32 at = 0u; at < 4u; at++) {
                ours[at] = ahead[at];
            }
            read(ahead, of_rows, counts, (chunk + 1u) * (CHUNK / VECTOR) + part);
#pragma unroll
            for (u32 product = 0u; product < PRODUCTS; product++) {
                int4 theirs = __ldg(of_queries + ((u64)product * chunks + chunk) * WARP);
#pragma unroll
                for (u32 half = 0u; half < 2u; half++) {
                    int4 upper = ours[2u * half];
                    int4 lower = ours[2u * half + 1u];
                    multiply(sums[half][product], upper.x, lower.x, upper.y, lower.y, theirs.x, theirs.y);
                    multiply(sums[half][product], upper.z, lower.z, upper.w, lower.w, theirs.z, theirs.w);
                }
            }
        }
        judge<PRODUCTS>(tile, first, counts, sums);
    }

    // One vector of each of a lane's rows; zeros behind the last dimension, and of rows that do not count.
    __device__ void read(int4 (&to)[4], const int4 *of_rows, const bool (&counts)[4], u32 vector) const {
        u32 vectors = params.dim / VECTOR;
#pragma unroll
        for (u32 at = 0u; at < 4u; at++) {
            bool is_read = counts[at] && vector < vectors;
            to[at] = is_read ? __ldg(of_rows + (u64)(8u * at) * vectors + vector) : int4{0, 0, 0, 0};
        }
    }

    template <u32 PRODUCTS>
    __device__ void judge(u32 tile, u32 first, const bool (&counts)[4], const int (&sums)[2][PRODUCTS][4]) const {
        u32 lane = threadIdx.x % WARP;
        float scales[4];
        float errors[4];
        float norms[4];
#pragma unroll
        for (u32 at = 0u; at < 4u; at++) {
            u32 row = first + lane / 4u + 8u * at;
            const float *factor = factors + (u64)(row / BLOCK_ROWS) * 3u * BLOCK_ROWS + row % BLOCK_ROWS;
            scales[at] = counts[at] ? factor[0] : 0.0f;
            errors[at] = counts[at] ? factor[BLOCK_ROWS] : 0.0f;
            norms[at] = counts[at] ? factor[2u * BLOCK_ROWS] : 0.0f;
        }
#pragma unroll
        for (u32 place = 0u; place < 2u * PRODUCTS; place++) {
            u32 slot = place / 2u * 8u + lane % 4u * 2u + place % 2u;
            Coded query = coded[slot];
            float floor = floors_now[slot];
            float guesses[4];
            float uppers[4];
            bool some = false;
#pragma unroll
            for (u32 at = 0u; at < 4u; at++) {
                int sum = sums[at / 2u][place / 2u][at % 2u * 2u + place % 2u];
                guesses[at] = (float)(sum - query.zero) * (scales[at] * query.scale);
                uppers[at] = guesses[at] + (errors[at] * query.norm + norms[at] * query.error);
                some = some || uppers[at] > floor;
            }
            // Rare once lists are full.
            if (some) {
#pragma unroll
                for (u32 at = 0u; at < 4u; at++) {
                    u32 row = first + lane / 4u + 8u * at;
                    if (uppers[at] > floor && counts[at] && (params.masks <= 1u || allowed(tile * tile_len + slot, row))) {
                        u32 at_end = atomicAdd(&held[slot], 1u);
                        list_of(slot, blockIdx.x, blockIdx.y)
                            .set(at_end, ascending(uppers[at]), row, __float_as_uint(guesses[at]));
                    }
                }
            }
        }
    }

    // Only the best k of at least so many stay, which raises the floor. A warp does that.
    __device__ void cut(u32 slot) const {
        u32 last = list_of(slot, blockIdx.x, blockIdx.y).cut(held[slot], params.k);
        if (threadIdx.x % WARP == 0u) {
            held[slot] = params.k;
            floors_now[slot] = fmaxf(floors_now[slot], from_ascending(last));
        }
    }

    // Goes through a share of the rows for a tile.
    __device__ void scan(u32 tile, u32 share, u32 shares) {
        u32 count = tile_queries(tile);
        u32 warp = threadIdx.x / WARP;
        for (u32 slot = threadIdx.x; slot < tile_len; slot += WORKGROUP_SIZE) {
            u32 query = tile * tile_len + slot;
            bool is_one = slot < count;
            coded[slot] = is_one ? *left_of(query) : Coded{0, 0.0f, 0.0f, 0.0f};
            held[slot] = 0u;
            // Nothing is over it.
            floors_now[slot] = is_one ? floors[query] : __uint_as_float(0x7f800000u);
        }
        __syncthreads();
        for (u32 first = share * ROUND_ROWS; first < params.rows; first += shares * ROUND_ROWS) {
            if (tile_len == QUERIES_FEW) {
                look_at<QUERIES_FEW / 8u>(tile, first + warp * WARP_ROWS);
            } else {
                look_at<QUERIES_TILE / 8u>(tile, first + warp * WARP_ROWS);
            }
            __syncthreads();
            for (u32 slot = warp; slot < count; slot += WARPS) {
                if (held[slot] > full_for(params.k)) {
                    cut(slot);
                }
            }
            __syncthreads();
        }
        for (u32 slot = warp; slot < count; slot += WARPS) {
            if (held[slot] >= params.k) {
                cut(slot);
            }
        }
        __syncthreads();
        for (u32 slot = threadIdx.x; slot < count; slot += WORKGROUP_SIZE) {
            List list = list_of(slot, blockIdx.x, blockIdx.y);
            *list.count = held[slot];
            *list.least = ascending(floors_now[slot]);
        }
        __syncthreads();
    }

    // Sorts a list and keeps the best k. If there are so many, the last of them has the least key that counts.
    __device__ void sort(const List &list) const {
        u32 count = told(sorted);
        list.sort(count);
        if (threadIdx.x == 0u) {
            sorted = min(count, params.k);
            if (count >= params.k) {
                sorted_least = max(sorted_least, list.keys[params.k - 1u]);
            }
        }
        __syncthreads();
    }

    // Brings the lists of a tile's blocks together for one query and writes the best k.
    __device__ void finish(u32 query, u32 x, u32 shares) const {
        u32 slot = query % tile_len;
        List list = list_of(slot, x, 0u);
        u32 least = NO_KEY;
        for (u32 share = threadIdx.x; share < shares; share += WORKGROUP_SIZE) {
            least = max(least, *list_of(slot, x, share).least);
        }
        least = fold<Max>(least);
        if (threadIdx.x == 0u) {
            sorted = *list.count;
            sorted_least = least;
        }
        for (u32 first = 0u; first < (shares - 1u) * params.k; first += WORKGROUP_SIZE) {
            if (told(sorted) + WORKGROUP_SIZE > room) {
                sort(list);
            }
            u32 at = first + threadIdx.x;
            u32 place = at % params.k;
            if (at < (shares - 1u) * params.k) {
                List other = list_of(slot, x, 1u + at / params.k);
                // One at the least may be a lower row than the one that made it.
                if (place < *other.count && other.keys[place] >= sorted_least) {
                    list.set(atomicAdd(&sorted, 1u), other.keys[place], other.rows[place], other.guesses[place]);
                }
            }
        }
        sort(list);
        u32 found = told(sorted);
        for (u32 place = threadIdx.x; place < params.k; place += WORKGROUP_SIZE) {
            u64 out = (u64)query * params.k + place;
            bool is_found = place < found;
            ids[out] = is_found ? params.row_base + list.rows[place] : NO_ROW;
            uppers[out] = from_ascending(is_found ? list.keys[place] : LEAST_KEY);
            estimates[out] = is_found ? __uint_as_float(list.guesses[place]) : from_ascending(LEAST_KEY);
        }
        __syncthreads();
    }
};

KERNEL(code) {
    Search search(arguments);
    for (u32 query = blockIdx.y * gridDim.x + blockIdx.x; query < search.params.queries; query += gridDim.x * gridDim.y) {
        search.code(query);
    }
}

KERNEL(scan) {
    Search search(arguments);
    u32 shares = search.shares();
    if (blockIdx.y >= shares) {
        return;
    }
    for (u32 tile = blockIdx.x; tile < search.tiles; tile += gridDim.x) {
        search.scan(tile, blockIdx.y, shares);
        if (gridDim.x < search.tiles) {
            for (u32 slot = 0u; slot < search.tile_queries(tile); slot++) {
                search.finish(tile * search.tile_len + slot, blockIdx.x, 1u);
            }
        }
    }
}

KERNEL(merge) {
    Search search(arguments);
    if (gridDim.x < search.tiles) {
        return;
    }
    for (u32 query = blockIdx.y * gridDim.x + blockIdx.x; query < search.params.queries; query += gridDim.x * gridDim.y) {
        search.finish(query, query / search.tile_len, gridDim.y);
    }
}
