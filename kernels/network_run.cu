// Numbers of network_run; its step is in shared/network_run.cuh.

typedef float real;

// The integer nearest to a number from 0 to 2^22: one as large as 2^23 has no fraction, and what is left of its bits is the integer.
inline __device__ int nearest(real value) {
    return (int)(__float_as_uint(value + 8388608.0f) - __float_as_uint(8388608.0f));
}
