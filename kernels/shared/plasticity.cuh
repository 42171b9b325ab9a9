// Arithmetic of synaptic weights; the law is kernels/shared/plasticity.rs.

// 16 bits drawn from a synapse and a round.
inline __device__ u32 dither(u32 synapse, u32 round) {
    u32 bits = (synapse * 0x9e3779b1u) ^ round;
    bits = (bits ^ (bits >> 16)) * 0x85ebca6bu;
    bits = (bits ^ (bits >> 13)) * 0xc2b2ae35u;
    return bits >> 16;
}

// A share (1.0 = 2^32) of an amount up to WEIGHT_MAX, rounded up or down by 16 drawn bits.
inline __device__ u32 share_of(u32 amount, u32 share, u32 drawn) {
    u32 product = amount * (share >> 16) + ((amount * (share & 0xffffu)) >> 16);
    return (product + drawn) >> 16;
}

inline __device__ u32 potentiated(u32 weight, u32 share, u32 weight_max, u32 drawn) {
    return weight + share_of(weight_max - weight, share, drawn);
}

inline __device__ u32 depressed(u32 weight, u32 share, u32 drawn) {
    return weight - share_of(weight, share, drawn);
}
