// Codes of a query as searches want them, by a workgroup, for a slot of a tile. What this is part of says where in scratch the numbers
// are that it codes (`values`).
//
// Lengths are summed up as pairs of floats and no product is fused into a sum, so scores have the bits of the host forms, which
// compute lengths in f64.

// The query that is rotated.
var<private> values: u32;

// [slot][vectors]
var<workgroup> query_codes: array<vec4<u32>, DIM_VECTORS_MAX>;
var<workgroup> code_sums: array<atomic<i32>, TILE_MAX>;
var<workgroup> query_scales: array<f32, TILE_MAX>;
// At least the length of the query, and of what its codes leave out with the rounding of estimates.
var<workgroup> query_bounds: array<vec2<f32>, TILE_MAX>;

var<workgroup> largest: atomic<u32>;
// Squares of the query, and of what its codes leave out: sums and what is left of them.
var<workgroup> squares: array<array<vec2<f32>, 2>, WORKGROUP_SIZE>;

// Queries of a tile: as many as there is memory for codes of.
fn tile_len() -> u32 {
    return clamp(DIM_VECTORS_MAX / (params.dim / 16u), 1u, TILE_MAX);
}

fn value_at(at: u32) -> f32 {
    return bitcast<f32>(scratch[values + at]);
}

fn set_value(at: u32, value: f32) {
    scratch[values + at] = bitcast<u32>(value);
}

// A power of two; 0 for those that are far below what counts here.
fn power_of_two(exponent: i32) -> f32 {
    return bitcast<f32>(select(0u, u32(exponent + 127) << 23u, exponent > -127));
}

// a / b to nearest, ties to even, of normal positive numbers with a normal quotient: devices need not round divisions so.
fn quotient(a: f32, b: f32) -> f32 {
    var dividend = (bitcast<u32>(a) & 0x7fffffu) | 0x800000u;
    let divisor = (bitcast<u32>(b) & 0x7fffffu) | 0x800000u;
    var exponent = i32(bitcast<u32>(a) >> 23u) - i32(bitcast<u32>(b) >> 23u);
    if dividend < divisor {
        dividend <<= 1u;
        exponent -= 1;
    }
    var whole = 1u;
    var rest = dividend - divisor;
    for (var bit = 0u; bit < 23u; bit++) {
        rest <<= 1u;
        whole <<= 1u;
        if rest >= divisor {
            rest -= divisor;
            whole |= 1u;
        }
    }
    if 2u * rest > divisor || (2u * rest == divisor && (whole & 1u) == 1u) {
        whole += 1u;
    }
    return f32(whole) * power_of_two(exponent - 23);
}

// A number as it was rounded: no compiler may fuse or rearrange what made it, since it cannot know that lists are short.
fn exactly(value: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(value) ^ (params.k >> 31u));
}

// A sum and what is left of it, plus a number (Knuth's exact sum).
fn plus(sum: vec2<f32>, number: f32) -> vec2<f32> {
    let whole = exactly(sum.x + number);
    let added = exactly(whole - sum.x);
    return vec2(whole, sum.y + ((sum.x - (whole - added)) + (number - added)));
}

// Plus the square of a number, as three exact products of its halves.
fn plus_square(sum: vec2<f32>, number: f32) -> vec2<f32> {
    let upper = bitcast<f32>(bitcast<u32>(number) & 0xfffff000u);
    let lower = number - upper;
    return plus(plus(plus(sum, upper * upper), 2.0 * upper * lower), lower * lower);
}

// The root of such a sum, and what is left of it.
fn root_of(sum: vec2<f32>) -> vec2<f32> {
    let root = sqrt(sum.x);
    if root == 0.0 {
        return vec2(0.0);
    }
    let upper = bitcast<f32>(bitcast<u32>(root) & 0xfffff000u);
    let lower = root - upper;
    let rest = (((sum.x - upper * upper) - 2.0 * upper * lower) - lower * lower) + sum.y;
    return vec2(root, rest / (2.0 * root));
}

// The largest of everybody's bits.
fn largest_of(own: u32, lane: u32) -> u32 {
    workgroupBarrier();
    if lane == 0u {
        atomicStore(&largest, 0u);
    }
    workgroupBarrier();
    atomicMax(&largest, own);
    workgroupBarrier();
    if lane == 0u {
        told = atomicLoad(&largest);
    }
    return workgroupUniformLoad(&told);
}

// Mantissa and exponent of a magnitude, which may be denormal: mantissa * 2^exponent.
fn parts(bits: u32) -> vec2<i32> {
    let exponent = bits >> 23u;
    let mantissa = (bits & 0x7fffffu) | select(0x800000u, 0u, exponent == 0u);
    return vec2(i32(mantissa), i32(max(exponent, 1u)) - 150);
}

// Multiplies a query by its unit, rotates it and codes it, for a slot of a tile.
fn code_query(query: u32, slot: u32, lane: u32) {
    var own = 0u;
    for (var at = lane; at < params.dim; at += WORKGROUP_SIZE) {
        own = max(own, bitcast<u32>(queries[query * params.dim + at]) & 0x7fffffffu);
    }
    // The largest is brought into 1..2: its leading bit to 2^0.
    let most = parts(largest_of(own, lane));
    let unit = -(i32(firstLeadingBit(u32(max(most.x, 1)))) + most.y);
    for (var at = lane; at < params.dim; at += WORKGROUP_SIZE) {
        let bits = bitcast<u32>(queries[query * params.dim + at]);
        let value = parts(bits & 0x7fffffffu);
        let magnitude = f32(value.x) * power_of_two(value.y + unit);
        set_value(at, select(magnitude, -magnitude, (bits >> 31u) == 1u));
    }
    storageBarrier();
    rotate(params.dim, lane);
    own = 0u;
    for (var at = lane; at < params.dim; at += WORKGROUP_SIZE) {
        own = max(own, bitcast<u32>(abs(value_at(at))));
    }
    let rotated = bitcast<f32>(largest_of(own, lane));
    var scale = 0.0;
    var steps = 0.0;
    if rotated > 0.0 {
        scale = quotient(rotated, CODE_MAX);
        steps = quotient(1.0, scale);
    }
    if lane == 0u {
        atomicStore(&code_sums[slot], 0);
        query_scales[slot] = scale;
    }
    workgroupBarrier();
    // The upper bits of the scale: their product with a code is exact, and so is that of the rest.
    let upper = bitcast<f32>(bitcast<u32>(scale) & 0xfffff000u);
    var sum = 0;
    var own_squares = array<vec2<f32>, 2>(vec2(0.0), vec2(0.0));
    for (var word = lane; word < params.dim / 4u; word += WORKGROUP_SIZE) {
        var packed = 0u;
        for (var byte = 0u; byte < 4u; byte++) {
            let value = value_at(4u * word + byte);
            let code = clamp(round(value * steps), -CODE_MAX, CODE_MAX);
            let left = (value - upper * code) - (scale - upper) * code;
            own_squares[0] = plus_square(own_squares[0], value);
            own_squares[1] = plus_square(own_squares[1], left);
            sum += i32(code);
            packed |= (bitcast<u32>(i32(code)) & 0xffu) << (8u * byte);
        }
        query_codes[slot * (params.dim / 16u) + word / 4u][word % 4u] = packed;
    }
    atomicAdd(&code_sums[slot], sum);
    squares[lane] = own_squares;
    for (var half = WORKGROUP_SIZE / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if lane < half {
            for (var kind = 0u; kind < 2u; kind++) {
                let other = squares[lane + half][kind];
                squares[lane][kind] = plus(squares[lane][kind], other.x);
                squares[lane][kind].y += other.y;
            }
        }
    }
    if lane == 0u {
        let length = root_of(squares[0][0]);
        let left = root_of(squares[0][1]);
        // SLACK is a power of two, so products with it are exact.
        let error = plus(vec2(left.x, left.y + (left.x + length.y) * SLACK), length.x * SLACK);
        query_bounds[slot] = vec2(length.x + (length.y + length.x * SLACK), error.x + error.y);
    }
    workgroupBarrier();
}
