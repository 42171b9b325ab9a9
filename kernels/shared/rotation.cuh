// The rotation of simd/rotation.rs, by a block, over numbers in memory that its threads share.

// The sign bit for half of all places.
inline __device__ u32 sign_bit(u32 at) {
    u32 bits = (at + 1u) * 0x9e3779b9u;
    bits = (bits ^ (bits >> 16)) * 0x85ebca6bu;
    bits = (bits ^ (bits >> 13)) * 0xc2b2ae35u;
    return (bits ^ (bits >> 16)) & 0x80000000u;
}

// The values are there for all before and after.
inline __device__ void rotate(float *values, u32 dim) {
    for (u32 at = threadIdx.x; at < dim; at += WORKGROUP_SIZE) {
        values[at] = __uint_as_float(__float_as_uint(values[at]) ^ sign_bit(at));
    }
    u32 stages = 31u - __clz(dim & (0u - dim));
    for (u32 stage = 0u; stage < stages; stage++) {
        __syncthreads();
        u32 half = 1u << stage;
        for (u32 pair = threadIdx.x; pair < dim / 2u; pair += WORKGROUP_SIZE) {
            u32 low = ((pair >> stage) << (stage + 1u)) + (pair & (half - 1u));
            float a = values[low];
            float b = values[low + half];
            values[low] = a + b;
            values[low + half] = a - b;
        }
    }
    __syncthreads();
    float scale = 1.0f / sqrtf((float)(1u << stages));
    for (u32 at = threadIdx.x; at < dim; at += WORKGROUP_SIZE) {
        values[at] *= scale;
    }
    __syncthreads();
}
