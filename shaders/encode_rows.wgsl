// A row a workgroup.

struct Params {
    dim: u32,
    rows: u32,
    row_first: u32,
}

// Pairs of halves.
@group(0) @binding(0) var<storage, read> rows: array<u32>;
@group(0) @binding(1) var<storage, read_write> codes: array<u32>;
@group(0) @binding(2) var<storage, read_write> factors: array<f32>;
// Of each workgroup [dim]: the rotated row.
@group(0) @binding(3) var<storage, read_write> scratch: array<f32>;
@group(1) @binding(0) var<uniform> params: Params;

var<private> base: u32;

// Bits of the largest magnitude, which order as integers.
var<workgroup> largest: atomic<u32>;
var<workgroup> largest_told: u32;
var<workgroup> code_squares: atomic<u32>;
var<workgroup> error_squares: array<f32, WORKGROUP_SIZE>;

fn value_at(at: u32) -> f32 {
    return scratch[base + at];
}

fn set_value(at: u32, value: f32) {
    scratch[base + at] = value;
}

// A number in half precision, finite. Made of integers, since devices may take small ones for 0.
fn float_of_half(bits: u32) -> f32 {
    let exponent = (bits >> 10u) & 31u;
    let mantissa = bits & 1023u;
    let normal = bitcast<f32>(((exponent + 112u) << 23u) | (mantissa << 13u));
    let magnitude = select(normal, f32(mantissa) * 5.9604644775390625e-8, exponent == 0u);
    return select(magnitude, -magnitude, (bits & 0x8000u) != 0u);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    base = group.x * params.dim;
    for (var row = group.x; row < params.rows; row += groups.x) {
        if lane == 0u {
            atomicStore(&largest, 0u);
            atomicStore(&code_squares, 0u);
        }
        for (var at = lane; at < params.dim / 2u; at += WORKGROUP_SIZE) {
            let pair = rows[row * (params.dim / 2u) + at];
            set_value(2u * at, float_of_half(pair & 0xffffu));
            set_value(2u * at + 1u, float_of_half(pair >> 16u));
        }
        storageBarrier();
        rotate(params.dim, lane);
        encode(params.row_first + row, scale_of_row(lane), lane);
        storageBarrier();
        workgroupBarrier();
    }
}

// Value of one code step: the largest magnitude by 63, raised to 8 significant bits.
fn scale_of_row(lane: u32) -> f32 {
    var own = 0u;
    for (var at = lane; at < params.dim; at += WORKGROUP_SIZE) {
        own = max(own, bitcast<u32>(abs(value_at(at))));
    }
    atomicMax(&largest, own);
    workgroupBarrier();
    if lane == 0u {
        largest_told = atomicLoad(&largest);
    }
    let most = bitcast<f32>(workgroupUniformLoad(&largest_told));
    return bitcast<f32>((bitcast<u32>(most * ONE_BY_CODE_MAX) + 0xffffu) & 0xffff0000u);
}

// Codes and factors of the rotated row, to a place in the shard.
fn encode(place: u32, scale: f32, lane: u32) {
    var squares = 0u;
    var errors = vec4(0.0);
    for (var word = lane; word < params.dim / 4u; word += WORKGROUP_SIZE) {
        var packed = 0u;
        for (var byte = 0u; byte < 4u; byte++) {
            let x = value_at(4u * word + byte);
            let code = code_of(abs(x), scale);
            let left = abs(x) - f32(code) * scale;
            errors[byte] += left * left;
            squares += code * code;
            packed |= select(CODE_ZERO + code, CODE_ZERO - code, x < 0.0) << (8u * byte);
        }
        codes[place * (params.dim / 4u) + word] = packed;
    }
    atomicAdd(&code_squares, squares);
    error_squares[lane] = (errors.x + errors.y) + (errors.z + errors.w);
    for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            error_squares[lane] += error_squares[lane + half];
        }
    }
    workgroupBarrier();
    if lane == 0u {
        let at = place / BLOCK_ROWS * 3u * BLOCK_ROWS + place % BLOCK_ROWS;
        factors[at] = scale;
        factors[at + BLOCK_ROWS] = raised(sqrt(error_squares[0]));
        factors[at + 2u * BLOCK_ROWS] = raised(scale * sqrt(f32(atomicLoad(&code_squares))));
    }
}

// The quotient to nearest, halves up. Twice a magnitude and an odd multiple of the scale are exact.
fn code_of(magnitude: f32, scale: f32) -> u32 {
    if scale == 0.0 {
        return 0u;
    }
    var code = u32(magnitude / scale + 0.5);
    if (2.0 * f32(code) - 1.0) * scale > 2.0 * magnitude {
        code -= 1u;
    } else if (2.0 * f32(code) + 1.0) * scale <= 2.0 * magnitude {
        code += 1u;
    }
    return code;
}

// The next number up, except for 0.
fn raised(value: f32) -> f32 {
    return select(bitcast<f32>(bitcast<u32>(value) + 1u), 0.0, value == 0.0);
}
