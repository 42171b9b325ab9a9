// A row a block; the rotated row lies in scratch, [dim] of each block.

// A number in half precision, finite.
inline __device__ float float_of_half(u32 bits) {
    u32 exponent = (bits >> 10) & 31u;
    u32 mantissa = bits & 1023u;
    float normal = __uint_as_float(((exponent + 112u) << 23) | (mantissa << 13));
    float magnitude = exponent == 0u ? (float)mantissa * 5.9604644775390625e-8f : normal;
    return (bits & 0x8000u) != 0u ? -magnitude : magnitude;
}

// The quotient to nearest, halves up. Twice a magnitude and an odd multiple of the scale are exact.
inline __device__ u32 code_of(float magnitude, float scale) {
    if (scale == 0.0f) {
        return 0u;
    }
    u32 code = (u32)(magnitude / scale + 0.5f);
    if ((2.0f * (float)code - 1.0f) * scale > 2.0f * magnitude) {
        code -= 1u;
    } else if ((2.0f * (float)code + 1.0f) * scale <= 2.0f * magnitude) {
        code += 1u;
    }
    return code;
}

// The next number up, except for 0.
inline __device__ float raised(float value) {
    return value == 0.0f ? 0.0f : __uint_as_float(__float_as_uint(value) + 1u);
}

// Codes and factors of a rotated row, to a place in the shard.
inline __device__ void encode(const Arguments &arguments, const float *values, u32 place) {
    u32 dim = arguments.params.dim;
    // Bits of magnitudes order as integers.
    u32 largest = 0u;
    for (u32 at = threadIdx.x; at < dim; at += WORKGROUP_SIZE) {
        largest = max(largest, __float_as_uint(fabsf(values[at])));
    }
    float most = __uint_as_float(fold<Max>(largest));
    // Value of one code step: the largest magnitude by 63, raised to 8 significant bits.
    float scale = __uint_as_float((__float_as_uint(most * ONE_BY_CODE_MAX) + 0xffffu) & 0xffff0000u);
    u32 squares = 0u;
    float errors = 0.0f;
    for (u32 word = threadIdx.x; word < dim / 4u; word += WORKGROUP_SIZE) {
        u32 packed = 0u;
        for (u32 byte = 0u; byte < 4u; byte++) {
            float x = values[4u * word + byte];
            u32 code = code_of(fabsf(x), scale);
            float left = fabsf(x) - (float)code * scale;
            errors += left * left;
            squares += code * code;
            packed |= (x < 0.0f ? CODE_ZERO - code : CODE_ZERO + code) << (8u * byte);
        }
        arguments.codes[(u64)place * (dim / 4u) + word] = packed;
    }
    squares = fold<Sum>(squares);
    errors = fold<Sum>(errors);
    if (threadIdx.x == 0u) {
        float *factors = arguments.factors + place / BLOCK_ROWS * 3u * BLOCK_ROWS + place % BLOCK_ROWS;
        factors[0] = scale;
        factors[BLOCK_ROWS] = raised(sqrtf(errors));
        factors[2u * BLOCK_ROWS] = raised(scale * sqrtf((float)squares));
    }
}

KERNEL(main) {
    const Params &params = arguments.params;
    float *values = (float *)arguments.scratch + blockIdx.x * params.dim;
    for (u32 row = blockIdx.x; row < params.rows; row += gridDim.x) {
        for (u32 at = threadIdx.x; at < params.dim; at += WORKGROUP_SIZE) {
            values[at] = float_of_half(arguments.rows[(u64)row * params.dim + at]);
        }
        __syncthreads();
        rotate(values, params.dim);
        encode(arguments, values, params.row_first + row);
    }
}
