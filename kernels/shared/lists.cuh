// Rows with keys that order them, of which the best are looked for: in no order by a warp, in order by a block.

// Of no row: below the key of every number, and after every row.
#define NO_KEY 0u
// The key of negative infinity.
#define LEAST_KEY 0x007fffffu

// A list that holds more is cut: often enough that its floor rises, seldom enough that it does not cost more than it saves.
inline __device__ u32 full_for(u32 k) {
    return k + max(k / 2u, 128u);
}

// Room of a list: what makes it full and what a round may add, as a power of two for the sake of sorting.
inline __device__ u32 room_for(u32 k) {
    return 1u << (32u - __clz(full_for(k) + WORKGROUP_SIZE - 1u));
}

// Bits that order as integers as floats do; there is one zero only.
inline __device__ u32 ascending(float value) {
    u32 bits = value == 0.0f ? 0u : __float_as_uint(value);
    return (bits >> 31) == 0u ? bits | 0x80000000u : ~bits;
}

inline __device__ float from_ascending(u32 key) {
    return __uint_as_float((key >> 31) == 1u ? key ^ 0x80000000u : ~key);
}

// Entries of one block, in memory that its threads share: the highest key is the best, of equal ones that of the lowest row.
struct List {
    u32 *count;
    // No entry below it is among the best.
    u32 *least;
    u32 *keys;
    u32 *rows;
    u32 *guesses;

    __device__ List(u32 *words, u32 room)
        : count(words), least(words + 1u), keys(words + 2u), rows(keys + room), guesses(rows + room) {}

    static __device__ u32 words(u32 room) { return 2u + 3u * room; }

    __device__ void set(u32 place, u32 key, u32 row, u32 guess) const {
        keys[place] = key;
        rows[place] = row;
        guesses[place] = guess;
    }

    // Of the first so many those for which something holds, counted by a warp.
    template <class Holds> static __device__ u32 count_if(u32 entries, Holds holds) {
        u32 found = 0u;
#pragma unroll 4
        for (u32 entry = threadIdx.x % WARP; entry < entries; entry += WARP) {
            found += holds(entry) ? 1u : 0u;
        }
        return fold_warp<Sum>(found);
    }

    // The best k of at least so many come first, in no order; the key of the last of them. A warp looks for it by halves between the
    // least and the largest, until k are at it or over it; where more rows have that key than there are places, then for the last
    // row of them.
    __device__ u32 cut(u32 entries, u32 k) const {
        u32 last = 0xffffffffu;
        u32 over = NO_KEY;
        for (u32 entry = threadIdx.x % WARP; entry < entries; entry += WARP) {
            last = min(last, keys[entry]);
            over = max(over, keys[entry]);
        }
        last = fold_warp<Min>(last);
        // No key is the largest that a word holds.
        over = fold_warp<Max>(over) + 1u;
        u32 found = entries;
        while (found > k && over - last > 1u) {
            u32 middle = last + (over - last) / 2u;
            u32 reaching = count_if(entries, [&](u32 at) { return keys[at] >= middle; });
            bool enough = reaching >= k;
            found = enough ? reaching : found;
            last = enough ? middle : last;
            over = enough ? over : middle;
        }
        u32 row_last = NO_ROW;
        if (found > k) {
            u32 places = k - count_if(entries, [&](u32 at) { return keys[at] > last; });
            for (u32 bit = 1u << 31; bit != 0u; bit >>= 1) {
                u32 fewer = row_last & ~bit;
                u32 reaching = count_if(entries, [&](u32 at) { return keys[at] == last && rows[at] <= fewer; });
                row_last = reaching >= places ? fewer : row_last;
            }
        }
        u32 kept = 0u;
        for (u32 first = 0u; first < entries; first += WARP) {
            u32 lane = threadIdx.x % WARP;
            u32 entry = first + lane;
            u32 key = entry < entries ? keys[entry] : NO_KEY;
            u32 row = entry < entries ? rows[entry] : NO_ROW;
            u32 guess = entry < entries ? guesses[entry] : 0u;
            bool stays = entry < entries && (key > last || (key == last && row <= row_last));
            u32 votes = __ballot_sync(EVERY_LANE, stays);
            // All have read before any writes.
            __syncwarp();
            if (stays) {
                set(kept + __popc(votes & ((1u << lane) - 1u)), key, row, guess);
            }
            kept += __popc(votes);
        }
        return last;
    }

    // Sorts the first so many, the best first. A block does that; the list has room for the next power of two.
    __device__ void sort(u32 entries) const {
        u32 size = 1u << (32u - __clz(max(entries, 2u) - 1u));
        for (u32 place = entries + threadIdx.x; place < size; place += WORKGROUP_SIZE) {
            set(place, NO_KEY, NO_ROW, 0u);
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
    }

    // Puts the better of two places first, or last.
    __device__ void order(u32 low, u32 high, bool best_first) const {
        u32 key = keys[low];
        u32 row = rows[low];
        u32 guess = guesses[low];
        bool low_is_better = key > keys[high] || (key == keys[high] && row < rows[high]);
        if (low_is_better != best_first) {
            set(low, keys[high], rows[high], guesses[high]);
            set(high, key, row, guess);
        }
    }
};

// Of the list that is sorted: rows held, and the least key that counts.
__shared__ u32 sorted;
__shared__ u32 sorted_least;

// Sorts a list and keeps the best k. If there are so many, the last of them has the least key that counts. A block does that.
inline __device__ void sort_best(const List &list, u32 k) {
    u32 count = told(sorted);
    list.sort(count);
    if (threadIdx.x == 0u) {
        sorted = min(count, k);
        if (count >= k) {
            sorted_least = max(sorted_least, list.keys[k - 1u]);
        }
    }
    __syncthreads();
}

// Adds others of up to k entries to a list with room for so many and keeps the best k of all, in order; how many there are. A block does
// that, once `sorted` and `sorted_least` are told.
template <class Other> inline __device__ u32 gather(const List &list, u32 room, u32 k, u32 others, Other other) {
    for (u32 first = 0u; first < others * k; first += WORKGROUP_SIZE) {
        if (told(sorted) + WORKGROUP_SIZE > room) {
            sort_best(list, k);
        }
        u32 at = first + threadIdx.x;
        u32 place = at % k;
        if (at < others * k) {
            List from = other(at / k);
            // One at the least may be a lower row than the one that made it.
            if (place < *from.count && from.keys[place] >= sorted_least) {
                list.set(atomicAdd(&sorted, 1u), from.keys[place], from.rows[place], from.guesses[place]);
            }
        }
    }
    sort_best(list, k);
    return told(sorted);
}
