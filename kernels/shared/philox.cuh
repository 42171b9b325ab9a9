// Philox4x32-7, the law of simd/philox.rs.

inline __device__ uint4 philox(uint4 c, uint2 k) {
    for (u32 round = 0u; round < 7u; round++) {
        u64 left = (u64)c.x * 0xd2511f53u;
        u64 right = (u64)c.z * 0xcd9e8d57u;
        c = make_uint4((u32)(right >> 32) ^ c.y ^ k.x, (u32)right, (u32)(left >> 32) ^ c.w ^ k.y, (u32)left);
        k = make_uint2(k.x + 0x9e3779b9u, k.y + 0xbb67ae85u);
    }
    return c;
}
