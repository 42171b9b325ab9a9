// Times of first spikes and products of Q16; the law is kernels/shared/first_spike.rs.

// Time of the first spike of a current, us, or NO_SPIKE.
inline __device__ u32 first_spike_us(u32 current) {
    if (current >= CURRENT_INSTANT) {
        return 0u;
    }
    if (current < CURRENT_MIN) {
        return NO_SPIKE;
    }
    u32 octaves = (u32)__clz(current) - 16u;
    u32 mantissa = current << octaves;
    u32 step = (mantissa >> 7) - STEPS;
    u32 fall = HALF_OCTAVE[step] - HALF_OCTAVE[step + 1u];
    u32 time = octaves * OCTAVE + HALF_OCTAVE[step] - ((fall * (mantissa & 127u)) >> 7);
    return (time + 0x8000u) >> 16;
}

// The same, where a spike later than the window does not count.
inline __device__ u32 spike_within(u32 window_us, u32 current) {
    u32 time = first_spike_us(current);
    return time > window_us ? NO_SPIKE : time;
}

// a * b in Q16, rounded down. |a| up to 2^20, |b| up to 2^16.
inline __device__ int mul_q16(int a, int b) {
    return (a * (b >> 8) + ((a * (b & 255)) >> 8)) >> 8;
}
