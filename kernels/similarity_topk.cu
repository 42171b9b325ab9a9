// A tile of queries and a share of the rows a block. `code` codes the queries. `scan` multiplies their codes with those of its rows by
// tensor cores, 32 rows a warp: those over a query's floor are pushed to its list, which is cut to the best k when it is full, which
// raises the floor. `merge` pushes a query's lists to the first of them and sorts it.

// Scratch: what `Products` keeps; then of each block the lists of a tile and the floats of a rotated query.
struct Search : Products {
    u32 room;

    __device__ Search(const Arguments &arguments) : Products(arguments) { room = room_for(params.k); }

    // Blocks that share a tile's rows. Where tiles are more than blocks each is finished by one, before the next.
    __device__ u32 shares() const { return gridDim.x >= tiles ? gridDim.y : 1u; }

    __device__ u32 tile_queries(u32 tile) const { return min(params.queries - tile * tile_len, tile_len); }

    __device__ u32 *own_of(u32 block) const {
        // A multiple of a vector, for the sake of those that follow.
        u32 words = (min(params.queries, QUERIES_TILE) * List::words(room) + params.dim + 3u) / 4u * 4u;
        return after_codes() + (u64)block * words;
    }

    // Where a block rotates a query.
    __device__ float *rotated() const {
        return (float *)(own_of(blockIdx.y * gridDim.x + blockIdx.x) + min(params.queries, QUERIES_TILE) * List::words(room));
    }

    // The list of a query of a tile, of the block that has this share of the tile's rows.
    __device__ List list_of(u32 slot, u32 x, u32 share) const {
        return List(own_of(share * gridDim.x + x) + slot * List::words(room), room);
    }

    // Pushes those of a warp's rows that are over the floor of a query of the tile. What a product wants of rows and queries lies
    // where its lanes look for it: see `multiply`.
    template <u32 PRODUCTS> __device__ void look_at(u32 tile, u32 first) const {
        u32 lane = threadIdx.x % WARP;
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
        int sums[2][PRODUCTS][4] = {};
        const int4 *of_rows = (const int4 *)codes + (u64)(first + lane / 4u) * (params.dim / VECTOR);
        products<PRODUCTS>(sums, of_rows, counts, [&](u32 product, u32 chunk) {
            return __ldg(of_queries + ((u64)product * chunks + chunk) * WARP);
        });
        judge<PRODUCTS>(first, counts, sums, [&](u32 slot, u32 row, float upper, float guess) {
            if (params.masks <= 1u || allowed(tile * tile_len + slot, row)) {
                u32 at_end = atomicAdd(&held[slot], 1u);
                list_of(slot, blockIdx.x, blockIdx.y).set(at_end, ascending(upper), row, __float_as_uint(guess));
            }
        });
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
            cut_full(count, [&](u32 slot) { cut(slot); });
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
        u32 found = gather(list, room, params.k, shares - 1u, [&](u32 other) { return list_of(slot, x, 1u + other); });
        write_best(query, list, found, params.row_base);
    }
};

KERNEL(code) {
    Search search(arguments);
    for (u32 query = blockIdx.y * gridDim.x + blockIdx.x; query < search.params.queries; query += gridDim.x * gridDim.y) {
        search.code(query, search.rotated());
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
