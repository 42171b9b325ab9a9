// What every text has in front of it: short names, the form of an entry point, and how a block's threads share out items and tell
// each other numbers. What stands before it: WORKGROUP_SIZE, and THREADS_MIN that a multiprocessor holds.
//
// Texts are compiled without fused multiply-adds and with IEEE division and roots, so that floats are those of a host. They
// include nothing: what they use is built into the compiler.

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define WARP 32u
#define EVERY_LANE 0xffffffffu

#ifndef KERNEL
// Where the blocks of a launch whose blocks are all under way at once wait for each other. The word is 0 at first. What a block wrote
// before, all read after; nothing so written may be read by way of `__ldg`.
struct Meeting {
    u32 *word;
    u32 came;

    __device__ Meeting(u32 *word) : word(word), came(0u) {}

    __device__ void wait() {
        came += gridDim.x * gridDim.y;
        __syncthreads();
        if (threadIdx.x == 0u) {
            __threadfence();
            atomicAdd(word, 1u);
            while (*(volatile u32 *)word < came) {
            }
            __threadfence();
        }
        __syncthreads();
    }
};

// Adds to a 16 x 8 tile the product of 16 x 32 and 32 x 8 signed bytes, by the tensor cores of a warp. Of lane l a word has, from byte
// 4 (l % 4) on, of the left: row l / 4, row l / 4 + 8, and the same two from byte 16 on; of the right: column l / 4, and the same
// from byte 16 on; of the sums: row l / 4 of columns 2 (l % 4) and the next, and the same of row l / 4 + 8. `m16n8k32` in the manual of PTX.
inline __device__ void multiply(int (&sums)[4], int upper, int lower, int upper_16, int lower_16, int right, int right_16) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(sums[0]), "+r"(sums[1]), "+r"(sums[2]), "+r"(sums[3])
        : "r"(upper), "r"(lower), "r"(upper_16), "r"(lower_16), "r"(right), "r"(right_16));
}

// An entry point; `arguments` holds the bindings by name, scratch and params.
#define KERNEL(name)                                                                     \
    extern "C" __global__ void __launch_bounds__(WORKGROUP_SIZE, THREADS_MIN / WORKGROUP_SIZE) \
        kernel_##name(const __grid_constant__ Arguments arguments)
#endif

// For items that threads take alone: item = first_item(); item < items; item += item_stride().
inline __device__ u32 first_item() {
    return blockIdx.x * WORKGROUP_SIZE + threadIdx.x;
}

inline __device__ u32 item_stride() {
    return gridDim.x * WORKGROUP_SIZE;
}

// A number that one thread left in shared memory, to all; afterwards it may be written again.
template <class T> inline __device__ T told(const T &number) {
    __syncthreads();
    T copy = number;
    __syncthreads();
    return copy;
}

struct Sum {
    template <class T> static inline __device__ T of(T a, T b) { return a + b; }
};

struct Min {
    template <class T> static inline __device__ T of(T a, T b) { return min(a, b); }
};

struct Max {
    template <class T> static inline __device__ T of(T a, T b) { return max(a, b); }
};

// All lanes' numbers folded into one, to all of them.
template <class How, class T> inline __device__ T fold_warp(T own) {
    for (u32 apart = WARP / 2u; apart > 0u; apart /= 2u) {
        own = How::of(own, __shfl_xor_sync(EVERY_LANE, own, apart));
    }
    return own;
}

__shared__ u64 of_warps[WORKGROUP_SIZE / WARP];

// All threads' numbers folded into one, to all of them: in each warp, then over the warps. The order is always the same.
template <class How, class T> inline __device__ T fold(T own) {
    own = fold_warp<How>(own);
    if (threadIdx.x % WARP == 0u) {
        *(T *)&of_warps[threadIdx.x / WARP] = own;
    }
    __syncthreads();
    T whole = *(T *)&of_warps[0];
    for (u32 warp = 1u; warp < WORKGROUP_SIZE / WARP; warp++) {
        whole = How::of(whole, *(T *)&of_warps[warp]);
    }
    // The next fold writes there.
    __syncthreads();
    return whole;
}

// What threads of a block read and write at once, without an order between them: the compiler may not keep a copy.
inline __device__ u32 load(const u32 *word) {
    return *(const volatile u32 *)word;
}

inline __device__ void store(u32 *word, u32 value) {
    *(volatile u32 *)word = value;
}
