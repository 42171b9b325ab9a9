// Numbers of network_run_f64; its step is in shared/network_run.cuh.

typedef double real;

// The integer nearest to a number from 0 to 2^22: one as large as 2^52 has no fraction, and the lower half of its bits is the integer.
inline __device__ int nearest(real value) {
    return (int)(u32)__double_as_longlong(value + 4503599627370496.0);
}
