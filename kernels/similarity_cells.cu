// The cells of a partition that queries look into. `code` codes the queries; `group` brings together those that look into a cell, in parts
// of a tile; `scan` multiplies a part's codes with the cell's rows: those over a query's floor go to its list of that cell, whose last
// raises the query's floor for all blocks that come later; `merge` brings a query's lists together. Which part comes when, and in which
// order queries are in it, changes no list that is written.

// Of the parts of a tile: which of the pairs of a query and a cell, and where the query's codes begin, in vectors.
__shared__ u32 pairs_here[QUERIES_TILE];
__shared__ u32 begins[QUERIES_TILE];

// Scratch: what `Products` keeps; [queries] keys that others must reach; [cells] queries of each; how many parts; [pairs] the cell of each
// part and its number there; [cells][queries] pairs of a cell; [pairs] lists of k; then of each block the lists of a tile and the floats
// of a rotated query.
struct Search : Products {
    u32 room;
    u32 pairs;

    __device__ Search(const Arguments &arguments) : Products(arguments) {
        room = room_for(params.k);
        pairs = params.queries * params.probes;
    }

    __device__ u32 *least_key_of(u32 query) const { return after_codes() + query; }

    __device__ u32 *askers_of(u32 cell) const { return least_key_of(params.queries) + cell; }

    __device__ u32 *part_count() const { return askers_of(params.cells); }

    __device__ u32 *cell_of(u32 part) const { return part_count() + 1u + part; }

    __device__ u32 *number_of(u32 part) const { return cell_of(pairs) + part; }

    __device__ u32 *asking(u32 cell) const { return number_of(pairs) + (u64)cell * params.queries; }

    __device__ List list_of_pair(u32 pair) const {
        return List(asking(params.cells) + (u64)pair * List::words(params.k), params.k);
    }

    __device__ u32 block() const { return blockIdx.y * gridDim.x + blockIdx.x; }

    __device__ u32 blocks() const { return gridDim.x * gridDim.y; }

    __device__ List list_of(u32 slot) const {
        u32 words = min(params.queries, QUERIES_TILE) * List::words(room) + params.dim;
        u32 *own = asking(params.cells) + (u64)pairs * List::words(params.k) + (u64)block() * words;
        return List(own + slot * List::words(room), room);
    }

    // Where a block rotates a query.
    __device__ float *rotated() const { return (float *)list_of(min(params.queries, QUERIES_TILE)).count; }

    // Puts a pair with the others of its cell. The nearest cells of all queries come first, since they raise floors most.
    __device__ void group(u32 at) const {
        u32 query = at % params.queries;
        u32 place = at / params.queries;
        u32 pair = query * params.probes + place;
        const u32 *own = probes + (u64)query * params.probes;
        u32 cell = own[place];
        bool counts = cell < params.cells;
        for (u32 before = 0u; before < place && counts; before++) {
            counts = own[before] != cell;
        }
        List list = list_of_pair(pair);
        *list.count = 0u;
        *list.least = NO_KEY;
        if (counts) {
            u32 rank = atomicAdd(askers_of(cell), 1u);
            asking(cell)[rank] = pair;
            if (rank % QUERIES_TILE == 0u) {
                u32 part = atomicAdd(part_count(), 1u);
                *cell_of(part) = cell;
                *number_of(part) = rank / QUERIES_TILE;
            }
        }
    }

    // What is under a key and over all below it. There is one zero only.
    static __device__ float under(u32 key) { return from_ascending(key - (key == ascending(0.0f) ? 2u : 1u)); }

    // Pushes those of 32 places of a cell whose rows are over the floor of a query of the part.
    template <u32 PRODUCTS> __device__ void look_at(u32 first) const {
        u32 lane = threadIdx.x % WARP;
        bool counts[4];
        bool any = false;
#pragma unroll
        for (u32 at = 0u; at < 4u; at++) {
            u32 row = names[first + lane / 4u + 8u * at];
            counts[at] = row != NO_ROW && (params.masks > 1u || allowed(0u, row));
            any = any || counts[at];
        }
        if (__ballot_sync(EVERY_LANE, any) == 0u) {
            return;
        }
        const int4 *of_queries = (const int4 *)scratch + lane % 4u;
        int sums[2][PRODUCTS][4] = {};
        const int4 *of_rows = (const int4 *)codes + (u64)(first + lane / 4u) * (params.dim / VECTOR);
        products<PRODUCTS>(sums, of_rows, counts, [&](u32 product, u32 chunk) {
            return __ldg(of_queries + ((u64)begins[product * 8u + lane / 4u] + chunk * WARP));
        });
        judge<PRODUCTS>(first, counts, sums, [&](u32 slot, u32 place, float upper, float guess) {
            u32 row = names[place];
            if (params.masks <= 1u || allowed(pairs_here[slot] / params.probes, row)) {
                u32 at_end = atomicAdd(&held[slot], 1u);
                list_of(slot).set(at_end, ascending(upper), row, __float_as_uint(guess));
            }
        });
    }

    // Only the best k of at least so many stay, which raises the floor. A warp does that.
    __device__ void cut(u32 slot) const {
        u32 last = list_of(slot).cut(held[slot], params.k);
        if (threadIdx.x % WARP == 0u) {
            held[slot] = params.k;
            // Rows come in no order, so a later one of the same key may be a lower one.
            floors_now[slot] = fmaxf(floors_now[slot], under(last));
            atomicMax(least_key_of(pairs_here[slot] / params.probes), last);
        }
    }

    __device__ void scan(u32 part) const {
        u32 cell = *cell_of(part);
        u32 number = *number_of(part);
        u32 count = min(*askers_of(cell) - number * QUERIES_TILE, QUERIES_TILE);
        u32 warp = threadIdx.x / WARP;
        for (u32 slot = threadIdx.x; slot < QUERIES_TILE; slot += WORKGROUP_SIZE) {
            bool is_one = slot < count;
            u32 pair = is_one ? asking(cell)[number * QUERIES_TILE + slot] : 0u;
            u32 query = pair / params.probes;
            u32 least = load(least_key_of(query));
            pairs_here[slot] = pair;
            begins[slot] = (query / 8u * chunks * 8u + query % 8u) * (CHUNK / VECTOR);
            coded[slot] = is_one ? *left_of(query) : Coded{0, 0.0f, 0.0f, 0.0f};
            held[slot] = 0u;
            float floor = least == NO_KEY ? floors[query] : fmaxf(floors[query], under(least));
            // Nothing is over it.
            floors_now[slot] = is_one ? floor : __uint_as_float(0x7f800000u);
        }
        __syncthreads();
        u32 end = starts[cell + 1u] * BLOCK_ROWS;
        for (u32 first = starts[cell] * BLOCK_ROWS; first < end; first += ROUND_ROWS) {
            u32 own = first + warp * WARP_ROWS;
            if (own < end && count <= QUERIES_FEW) {
                look_at<QUERIES_FEW / 8u>(own);
            } else if (own < end) {
                look_at<QUERIES_TILE / 8u>(own);
            }
            cut_full(count, [&](u32 slot) { cut(slot); });
        }
        for (u32 slot = warp; slot < count; slot += WARPS) {
            if (held[slot] >= params.k) {
                cut(slot);
            }
            __syncwarp();
            List own = list_of(slot);
            List to = list_of_pair(pairs_here[slot]);
            for (u32 place = threadIdx.x % WARP; place < held[slot]; place += WARP) {
                to.set(place, own.keys[place], own.rows[place], own.guesses[place]);
            }
            if (threadIdx.x % WARP == 0u) {
                *to.count = held[slot];
                *to.least = ascending(floors_now[slot]);
            }
        }
        __syncthreads();
    }

    // Brings the lists of a query together and writes the best k.
    __device__ void finish(u32 query) const {
        u32 first = query * params.probes;
        u32 least = NO_KEY;
        for (u32 place = threadIdx.x; place < params.probes; place += WORKGROUP_SIZE) {
            least = max(least, *list_of_pair(first + place).least);
        }
        least = fold<Max>(least);
        if (threadIdx.x == 0u) {
            sorted = 0u;
            sorted_least = least;
        }
        List list = list_of(0u);
        u32 found = gather(list, room, params.k, params.probes, [&](u32 place) { return list_of_pair(first + place); });
        write_best(query, list, found, 0u);
    }
};

KERNEL(code) {
    Search search(arguments);
    u32 counters = search.params.queries + search.params.cells + 1u;
    for (u32 at = search.block() * WORKGROUP_SIZE + threadIdx.x; at < counters; at += search.blocks() * WORKGROUP_SIZE) {
        search.least_key_of(0u)[at] = 0u;
    }
    for (u32 query = search.block(); query < search.params.queries; query += search.blocks()) {
        search.code(query, search.rotated());
    }
}

KERNEL(group) {
    Search search(arguments);
    for (u32 at = search.block() * WORKGROUP_SIZE + threadIdx.x; at < search.pairs; at += search.blocks() * WORKGROUP_SIZE) {
        search.group(at);
    }
}

KERNEL(scan) {
    Search search(arguments);
    for (u32 part = search.block(); part < *search.part_count(); part += search.blocks()) {
        search.scan(part);
    }
}

KERNEL(merge) {
    Search search(arguments);
    for (u32 query = search.block(); query < search.params.queries; query += search.blocks()) {
        search.finish(query);
    }
}
