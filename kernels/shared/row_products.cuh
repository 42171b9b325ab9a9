// How searches code their queries and multiply a tile of them with rows, by tensor cores, 32 rows a warp. What this is part of has codes,
// factors, queries and masks among its arguments and writes lists; it says whose rows a warp meets and what becomes of them.

// Queries of one product, and of a tile: no more where there are no more.
#define QUERIES_FEW 8u
// Rows a warp multiplies at once, and a block.
#define WARP_ROWS 32u
#define ROUND_ROWS WORKGROUP_SIZE
#define WARPS (WORKGROUP_SIZE / WARP)
// Codes of a row that four lanes read together, for two products.
#define CHUNK 64u
#define VECTOR 16u

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
// Scratch begins with the codes of all queries in the order in which lanes read them, [queries / 8][chunk][8][64], and what they leave,
// [queries].
struct Products : Arguments {
    u32 chunks;
    // Queries of a tile, and tiles.
    u32 tile_len;
    u32 tiles;
    // Queries with room for codes.
    u32 padded;

    __device__ Products(const Arguments &arguments) : Arguments(arguments) {
        chunks = (params.dim + CHUNK - 1u) / CHUNK;
        tile_len = params.queries > QUERIES_FEW ? QUERIES_TILE : QUERIES_FEW;
        tiles = (params.queries + tile_len - 1u) / tile_len;
        padded = tiles * tile_len;
    }

    __device__ Coded *left_of(u32 query) const { return (Coded *)((u32 *)scratch + (u64)padded * chunks * (CHUNK / 4u)) + query; }

    // What comes behind.
    __device__ u32 *after_codes() const { return (u32 *)left_of(padded); }

    // Multiplies a query by the power of two that brings its largest magnitude into 1..2, rotates it and codes it. A block does that.
    __device__ void code(u32 query, float *rotated) const {
        const float *given = queries + (u64)query * params.dim;
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

    // The products of a warp's 32 rows with the queries whose codes `theirs` gives a lane, vector by vector. A lane reads four rows: the
    // first is at `of_rows`, and `counts` says which are wanted.
    template <u32 PRODUCTS, class Theirs>
    __device__ void products(int (&sums)[2][PRODUCTS][4], const int4 *of_rows, const bool (&counts)[4], Theirs theirs) const {
        u32 part = threadIdx.x % 4u;
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
                int4 right = theirs(product, chunk);
#pragma unroll
                for (u32 half = 0u; half < 2u; half++) {
                    int4 upper = ours[2u * half];
                    int4 lower = ours[2u * half + 1u];
                    multiply(sums[half][product], upper.x, lower.x, upper.y, lower.y, right.x, right.y);
                    multiply(sums[half][product], upper.z, lower.z, upper.w, lower.w, right.z, right.w);
                }
            }
        }
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

    // Tells `take` of those rows whose upper end is over the floor of a query of the tile: slot, row, upper end and estimate.
    template <u32 PRODUCTS, class Take>
    __device__ void judge(u32 first, const bool (&counts)[4], const int (&sums)[2][PRODUCTS][4], Take take) const {
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
                    if (uppers[at] > floor && counts[at]) {
                        take(slot, first + lane / 4u + 8u * at, uppers[at], guesses[at]);
                    }
                }
            }
        }
    }

    // After a round: warps cut those lists of a tile that are full.
    template <class Cut> __device__ void cut_full(u32 count, Cut cut) const {
        __syncthreads();
        for (u32 slot = threadIdx.x / WARP; slot < count; slot += WARPS) {
            if (held[slot] > full_for(params.k)) {
                cut(slot);
            }
        }
        __syncthreads();
    }

    // Writes the best of a query from a list in order, ids counted from `row_base`.
    __device__ void write_best(u32 query, const List &list, u32 found, u32 row_base) const {
        for (u32 place = threadIdx.x; place < params.k; place += WORKGROUP_SIZE) {
            u64 out = (u64)query * params.k + place;
            bool is_found = place < found;
            ids[out] = is_found ? row_base + list.rows[place] : NO_ROW;
            uppers[out] = from_ascending(is_found ? list.keys[place] : LEAST_KEY);
            estimates[out] = is_found ? __uint_as_float(list.guesses[place]) : from_ascending(LEAST_KEY);
        }
        __syncthreads();
    }
};
