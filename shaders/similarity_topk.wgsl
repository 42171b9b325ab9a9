// A query and a share of the rows a workgroup. Each codes its query, then goes through its rows, one an invocation (`row_product`): those over the
// floor are pushed to a buffer that is sorted and cut to the best k when it is full, which raises the floor. `merge` pushes the
// lists of a query's workgroups to the buffer of the first.
//
// Lengths are summed up as pairs of floats and no product is fused into a sum, so scores have the bits of the host forms, which
// compute lengths in f64.

struct Params {
    dim: u32,
    rows: u32,
    row_base: u32,
    queries: u32,
    k: u32,
    masks: u32,
    mask_words: u32,
}

// Sixteen codes at a time.
@group(0) @binding(0) var<storage, read> codes: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> factors: array<f32>;
@group(0) @binding(2) var<storage, read> queries: array<f32>;
@group(0) @binding(3) var<storage, read> masks: array<vec2<u32>>;
@group(0) @binding(4) var<storage, read> floors: array<f32>;
@group(0) @binding(5) var<storage, read_write> ids: array<u32>;
@group(0) @binding(6) var<storage, read_write> uppers: array<f32>;
@group(0) @binding(7) var<storage, read_write> estimates: array<f32>;
// Of each workgroup: how many rows it holds; [room] keys, rows and estimates; [dim] the rotated query.
@group(0) @binding(8) var<storage, read_write> scratch: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

// Of no row: below the key of every number, and after every row.
const NO_KEY: u32 = 0u;
// The key of negative infinity.
const LEAST_KEY: u32 = 0x007fffffu;

var<private> base: u32;
var<private> room: u32;

var<workgroup> held: atomic<u32>;
var<workgroup> held_told: u32;
var<workgroup> floor_key: u32;
var<workgroup> largest: atomic<u32>;
var<workgroup> largest_told: u32;
var<workgroup> query_codes: array<vec4<u32>, DIM_VECTORS_MAX>;
var<workgroup> code_sum: atomic<i32>;
// Squares of the query, and of what its codes leave out: sums and what is left of them.
var<workgroup> squares: array<array<vec2<f32>, 2>, WORKGROUP_SIZE>;
var<workgroup> query_scale: f32;
// At least the length of the query, and of what its codes leave out with the rounding of estimates.
var<workgroup> query_bounds: vec2<f32>;

fn key_at(place: u32) -> u32 {
    return base + 1u + place;
}

fn row_at(place: u32) -> u32 {
    return base + 1u + room + place;
}

fn estimate_at(place: u32) -> u32 {
    return base + 1u + 2u * room + place;
}

fn value_at(at: u32) -> f32 {
    return bitcast<f32>(scratch[base + 1u + 3u * room + at]);
}

fn set_value(at: u32, value: f32) {
    scratch[base + 1u + 3u * room + at] = bitcast<u32>(value);
}

// Room of a buffer: twice the list, so that it is not sorted too often, and more than one round can bring.
fn room_for(k: u32) -> u32 {
    return max(2u * WORKGROUP_SIZE, 2u << (32u - countLeadingZeros(k - 1u)));
}

fn base_of(query: u32, share: u32, shares: u32) -> u32 {
    return (query * shares + share) * (1u + 3u * room + params.dim);
}

// Workgroups that share a query's rows. Where queries are more than workgroups each is finished by one, before the next.
fn shares_of(groups: vec3<u32>) -> u32 {
    return select(1u, groups.y, groups.x >= params.queries);
}

// Bits that order as integers as floats do; there is one zero only.
fn ascending(value: f32) -> u32 {
    let bits = select(bitcast<u32>(value), 0u, value == 0.0);
    return select(~bits, bits | 0x80000000u, (bits >> 31u) == 0u);
}

fn from_ascending(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key ^ 0x80000000u, (key >> 31u) == 1u));
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
        largest_told = atomicLoad(&largest);
    }
    return workgroupUniformLoad(&largest_told);
}

// Mantissa and exponent of a magnitude, which may be denormal: mantissa * 2^exponent.
fn parts(bits: u32) -> vec2<i32> {
    let exponent = bits >> 23u;
    let mantissa = (bits & 0x7fffffu) | select(0x800000u, 0u, exponent == 0u);
    return vec2(i32(mantissa), i32(max(exponent, 1u)) - 150);
}

// Multiplies a query by its unit, rotates it and codes it.
fn code_query(query: u32, lane: u32) {
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
        atomicStore(&code_sum, 0);
        query_scale = scale;
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
        query_codes[word / 4u][word % 4u] = packed;
    }
    atomicAdd(&code_sum, sum);
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
        query_bounds = vec2(length.x + (length.y + length.x * SLACK), error.x + error.y);
    }
    workgroupBarrier();
}

fn allowed(query: u32, row: u32) -> bool {
    if params.masks == 0u {
        return true;
    }
    let first = select(query * params.mask_words, 0u, params.masks == 1u);
    return ((masks[first + row / 64u][(row / 32u) % 2u] >> (row % 32u)) & 1u) == 1u;
}

// How many rows are held, once everybody is here.
fn holding(lane: u32) -> u32 {
    storageBarrier();
    workgroupBarrier();
    if lane == 0u {
        held_told = atomicLoad(&held);
    }
    return workgroupUniformLoad(&held_told);
}

// Makes room for one round: if there is none, only the best k stay.
fn make_room(lane: u32) {
    if holding(lane) + WORKGROUP_SIZE > room {
        cut(lane);
    }
}

fn push(key: u32, row: u32, estimate: u32) {
    let place = atomicAdd(&held, 1u);
    scratch[key_at(place)] = key;
    scratch[row_at(place)] = row;
    scratch[estimate_at(place)] = estimate;
}

// Sorts what is held, best first, and keeps the best k. If there are so many, the last of them is the floor.
fn cut(lane: u32) {
    let count = holding(lane);
    let size = 1u << (32u - countLeadingZeros(max(count, 2u) - 1u));
    for (var place = count + lane; place < size; place += WORKGROUP_SIZE) {
        scratch[key_at(place)] = NO_KEY;
        scratch[row_at(place)] = 0xffffffffu;
    }
    storageBarrier();
    for (var run = 2u; run <= size; run *= 2u) {
        for (var stride = run / 2u; stride > 0u; stride /= 2u) {
            for (var pair = lane; pair < size / 2u; pair += WORKGROUP_SIZE) {
                let low = 2u * pair - (pair & (stride - 1u));
                order(low, low + stride, (low & run) == 0u);
            }
            storageBarrier();
        }
    }
    if lane == 0u {
        atomicStore(&held, min(count, params.k));
        if count >= params.k {
            floor_key = max(floor_key, scratch[key_at(params.k - 1u)]);
        }
    }
    workgroupBarrier();
}

// Puts the better of two places first, or last.
fn order(low: u32, high: u32, best_first: bool) {
    let a = vec3(scratch[key_at(low)], scratch[row_at(low)], scratch[estimate_at(low)]);
    let b = vec3(scratch[key_at(high)], scratch[row_at(high)], scratch[estimate_at(high)]);
    let a_is_better = a.x > b.x || (a.x == b.x && a.y < b.y);
    if a_is_better != best_first {
        scratch[key_at(low)] = b.x;
        scratch[row_at(low)] = b.y;
        scratch[estimate_at(low)] = b.z;
        scratch[key_at(high)] = a.x;
        scratch[row_at(high)] = a.y;
        scratch[estimate_at(high)] = a.z;
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn scan(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    invocation: Invocation,
) {
    let lane = invocation.lane;
    let shares = shares_of(groups);
    if group.y >= shares {
        return;
    }
    room = room_for(params.k);
    base = base_of(group.x, group.y, shares);
    for (var query = group.x; query < params.queries; query += groups.x) {
        code_query(query, lane);
        if lane == 0u {
            atomicStore(&held, 0u);
            floor_key = ascending(floors[query]);
        }
        workgroupBarrier();
        for (var first = group.y * WORKGROUP_SIZE; first < params.rows; first += shares * WORKGROUP_SIZE) {
            make_room(lane);
            let row = first + lane;
            look_at(row, row < params.rows && allowed(query, row), invocation);
        }
        cut(lane);
        if lane == 0u {
            scratch[base] = atomicLoad(&held);
        }
        if groups.x < params.queries {
            finish(query, 1u, lane);
        }
        workgroupBarrier();
    }
}

// Pushes a row that counts if its upper end is over the floor.
fn look_at(row: u32, counts: bool, invocation: Invocation) {
    let sum = row_product(row, counts, invocation);
    if !counts {
        return;
    }
    let at = row / BLOCK_ROWS * 3u * BLOCK_ROWS + row % BLOCK_ROWS;
    let step = exactly(factors[at] * query_scale);
    let estimate = exactly(f32(sum - CODE_ZERO * atomicLoad(&code_sum)) * step);
    let of_row = exactly(factors[at + BLOCK_ROWS] * query_bounds.x);
    let bound = exactly(of_row + exactly(factors[at + 2u * BLOCK_ROWS] * query_bounds.y));
    let key = ascending(estimate + bound);
    if key > floor_key {
        push(key, row, bitcast<u32>(estimate));
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn merge(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    if group.x >= params.queries || group.y > 0u || groups.x < params.queries {
        return;
    }
    room = room_for(params.k);
    base = base_of(group.x, 0u, groups.y);
    if lane == 0u {
        atomicStore(&held, scratch[base]);
        floor_key = NO_KEY;
    }
    workgroupBarrier();
    finish(group.x, groups.y, lane);
}

// Brings the lists of a query's workgroups together and writes the best k.
fn finish(query: u32, shares: u32, lane: u32) {
    for (var share = 1u; share < shares; share++) {
        let list = base_of(query, share, shares);
        for (var first = 0u; first < scratch[list]; first += WORKGROUP_SIZE) {
            make_room(lane);
            let place = first + lane;
            // One at the floor may be a lower row than the one that made it.
            if place < scratch[list] && scratch[list + 1u + place] >= floor_key {
                push(
                    scratch[list + 1u + place],
                    scratch[list + 1u + room + place],
                    scratch[list + 1u + 2u * room + place],
                );
            }
        }
    }
    cut(lane);
    let found = holding(lane);
    for (var place = lane; place < params.k; place += WORKGROUP_SIZE) {
        let out = query * params.k + place;
        ids[out] = select(NO_ROW, params.row_base + scratch[row_at(place)], place < found);
        uppers[out] = from_ascending(select(LEAST_KEY, scratch[key_at(place)], place < found));
        let estimate_key = select(LEAST_KEY, ascending(bitcast<f32>(scratch[estimate_at(place)])), place < found);
        estimates[out] = from_ascending(estimate_key);
    }
}
