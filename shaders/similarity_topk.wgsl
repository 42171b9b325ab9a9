// A tile of queries and a share of the rows a workgroup. Each codes its queries, then goes through its rows, one an invocation, which
// meets all of them (`row_products`): those over a query's floor are pushed to its list, which is sorted and cut to the best k when it is
// full, which raises the floor. `merge` pushes the lists of a query's workgroups to the first of them.

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
// Of each workgroup: of each query of a tile how many rows are held, [room] keys, rows and estimates; then [dim] a rotated query.
@group(0) @binding(8) var<storage, read_write> scratch: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

// Of no row: below the key of every number, and after every row.
const NO_KEY: u32 = 0u;
// The key of negative infinity.
const LEAST_KEY: u32 = 0x007fffffu;
// Fewest rows of a share.
const SHARE_ROWS: u32 = 2048u;

var<private> workgroups: u32;
// The list at hand, and its room.
var<private> base: u32;
var<private> room: u32;
// The query that is rotated.
var<private> values: u32;

// Of each query of a tile: rows held, and the key that others must be over.
var<workgroup> held: array<atomic<u32>, TILE_MAX>;
var<workgroup> floor_keys: array<u32, TILE_MAX>;
// What one invocation tells all.
var<workgroup> told: u32;
// [slot][vectors]
var<workgroup> query_codes: array<vec4<u32>, DIM_VECTORS_MAX>;
var<workgroup> code_sums: array<atomic<i32>, TILE_MAX>;
var<workgroup> query_scales: array<f32, TILE_MAX>;
// At least the length of the query, and of what its codes leave out with the rounding of estimates.
var<workgroup> query_bounds: array<vec2<f32>, TILE_MAX>;

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
    return bitcast<f32>(scratch[values + at]);
}

fn set_value(at: u32, value: f32) {
    scratch[values + at] = bitcast<u32>(value);
}

// Room of a list: twice its length, so that it is not sorted too often, and more than one round can bring.
fn room_for(k: u32) -> u32 {
    return max(2u * WORKGROUP_SIZE, 2u << (32u - countLeadingZeros(k - 1u)));
}

// Queries of a tile: as many as there is memory for codes of.
fn tile_len() -> u32 {
    return clamp(DIM_VECTORS_MAX / (params.dim / 16u), 1u, TILE_MAX);
}

fn tile_count() -> u32 {
    return (params.queries + tile_len() - 1u) / tile_len();
}

// Workgroups that share a tile's rows. Where tiles are more than workgroups each is finished by one, before the next.
fn share_count() -> u32 {
    return max(min(workgroups / tile_count(), (params.rows + SHARE_ROWS - 1u) / SHARE_ROWS), 1u);
}

fn own_of(workgroup: u32) -> u32 {
    return workgroup * (min(params.queries, tile_len()) * (1u + 3u * room) + params.dim);
}

// The list of a query of a tile, of the workgroup that has this share of the tile's rows.
fn list_of(slot: u32, tile: u32, share: u32) -> u32 {
    return own_of((share * tile_count() + tile) % workgroups) + slot * (1u + 3u * room);
}

// Bits that order as integers as floats do; there is one zero only.
fn ascending(value: f32) -> u32 {
    let bits = select(bitcast<u32>(value), 0u, value == 0.0);
    return select(~bits, bits | 0x80000000u, (bits >> 31u) == 0u);
}

fn from_ascending(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key ^ 0x80000000u, (key >> 31u) == 1u));
}

fn allowed(query: u32, row: u32) -> bool {
    if params.masks == 0u {
        return true;
    }
    let first = select(query * params.mask_words, 0u, params.masks == 1u);
    return ((masks[first + row / 64u][(row / 32u) % 2u] >> (row % 32u)) & 1u) == 1u;
}

// How many rows are held for a query of the tile, once everybody is here.
fn holding(slot: u32, lane: u32) -> u32 {
    storageBarrier();
    workgroupBarrier();
    if lane == 0u {
        told = atomicLoad(&held[slot]);
    }
    return workgroupUniformLoad(&told);
}

// Bits of the slots that have no room for one round more, once everybody is here.
fn full_slots(count: u32, lane: u32) -> u32 {
    storageBarrier();
    workgroupBarrier();
    if lane == 0u {
        told = 0u;
        for (var slot = 0u; slot < count; slot++) {
            told |= select(0u, 1u << slot, atomicLoad(&held[slot]) + WORKGROUP_SIZE > room);
        }
    }
    return workgroupUniformLoad(&told);
}

fn push(slot: u32, key: u32, row: u32, estimate: u32) {
    let place = atomicAdd(&held[slot], 1u);
    scratch[key_at(place)] = key;
    scratch[row_at(place)] = row;
    scratch[estimate_at(place)] = estimate;
}

// Sorts the list at hand, best first, and keeps the best k. If there are so many, the last of them is the floor.
fn cut(slot: u32, lane: u32) {
    let count = holding(slot, lane);
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
        atomicStore(&held[slot], min(count, params.k));
        if count >= params.k {
            floor_keys[slot] = max(floor_keys[slot], scratch[key_at(params.k - 1u)]);
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
    workgroups = groups.x * groups.y;
    let workgroup = group.y * groups.x + group.x;
    let tiles = tile_count();
    let shares = share_count();
    room = room_for(params.k);
    values = own_of(workgroup + 1u) - params.dim;
    let share = workgroup / tiles;
    if share >= shares {
        return;
    }
    for (var tile = workgroup % tiles; tile < tiles; tile += workgroups) {
        scan_tile(tile, share, shares, invocation);
        if workgroups < tiles {
            let first = tile * tile_len();
            for (var query = first; query < min(first + tile_len(), params.queries); query++) {
                finish(query, 1u, invocation.lane);
            }
        }
    }
}

// Goes through a share of the rows for a tile.
fn scan_tile(tile: u32, share: u32, shares: u32, invocation: Invocation) {
    let lane = invocation.lane;
    let first_query = tile * tile_len();
    let count = min(params.queries - first_query, tile_len());
    for (var slot = 0u; slot < count; slot++) {
        code_query(first_query + slot, slot, lane);
        if lane == 0u {
            atomicStore(&held[slot], 0u);
            floor_keys[slot] = ascending(floors[first_query + slot]);
        }
    }
    workgroupBarrier();
    for (var first = share * WORKGROUP_SIZE; first < params.rows; first += shares * WORKGROUP_SIZE) {
        let full = full_slots(count, lane);
        for (var slot = 0u; slot < count; slot++) {
            if ((full >> slot) & 1u) == 1u {
                base = list_of(slot, tile, share);
                cut(slot, lane);
            }
        }
        let row = first + lane;
        // Whom others' masks leave out is not read for them either.
        let counts = row < params.rows && (count > 1u && params.masks > 1u || allowed(first_query, row));
        if count > 1u && tile_len() == TILE_MAX {
            let sums = row_products(row, counts, invocation);
            for (var slot = 0u; slot < count && counts; slot++) {
                base = list_of(slot, tile, share);
                judge(first_query + slot, slot, row, sums[slot / 4u][slot % 4u]);
            }
        } else {
            for (var slot = 0u; slot < count; slot++) {
                let sum = row_product(slot, row, counts, invocation);
                if counts {
                    base = list_of(slot, tile, share);
                    judge(first_query + slot, slot, row, sum);
                }
            }
        }
    }
    for (var slot = 0u; slot < count; slot++) {
        base = list_of(slot, tile, share);
        cut(slot, lane);
        if lane == 0u {
            scratch[base] = atomicLoad(&held[slot]);
        }
    }
    workgroupBarrier();
}

fn vector_product(a: vec4<u32>, b: vec4<u32>) -> i32 {
    return (dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y)) + (dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w));
}

// What one vector of a row adds for eight queries.
fn vector_products(codes_of_row: vec4<u32>, at: u32) -> array<vec4<i32>, 2> {
    let vectors = params.dim / 16u;
    return array(
        vec4(
            vector_product(codes_of_row, query_codes[at]),
            vector_product(codes_of_row, query_codes[vectors + at]),
            vector_product(codes_of_row, query_codes[2u * vectors + at]),
            vector_product(codes_of_row, query_codes[3u * vectors + at]),
        ),
        vec4(
            vector_product(codes_of_row, query_codes[4u * vectors + at]),
            vector_product(codes_of_row, query_codes[5u * vectors + at]),
            vector_product(codes_of_row, query_codes[6u * vectors + at]),
            vector_product(codes_of_row, query_codes[7u * vectors + at]),
        ),
    );
}

// Pushes a row if its upper end is over the floor of a query and the query's mask lets it through.
fn judge(query: u32, slot: u32, row: u32, sum: i32) {
    let at = row / BLOCK_ROWS * 3u * BLOCK_ROWS + row % BLOCK_ROWS;
    let step = exactly(factors[at] * query_scales[slot]);
    let estimate = exactly(f32(sum - CODE_ZERO * atomicLoad(&code_sums[slot])) * step);
    let of_row = exactly(factors[at + BLOCK_ROWS] * query_bounds[slot].x);
    let bound = exactly(of_row + exactly(factors[at + 2u * BLOCK_ROWS] * query_bounds[slot].y));
    let key = ascending(estimate + bound);
    if key > floor_keys[slot] && allowed(query, row) {
        push(slot, key, row, bitcast<u32>(estimate));
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn merge(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    workgroups = groups.x * groups.y;
    if workgroups < tile_count() {
        return;
    }
    room = room_for(params.k);
    for (var query = group.y * groups.x + group.x; query < params.queries; query += workgroups) {
        let slot = query % tile_len();
        if lane == 0u {
            atomicStore(&held[slot], scratch[list_of(slot, query / tile_len(), 0u)]);
            floor_keys[slot] = NO_KEY;
        }
        workgroupBarrier();
        finish(query, share_count(), lane);
    }
}

// Brings the lists of a tile's workgroups together for one query and writes the best k.
fn finish(query: u32, shares: u32, lane: u32) {
    let tile = query / tile_len();
    let slot = query % tile_len();
    base = list_of(slot, tile, 0u);
    for (var first = 0u; first < (shares - 1u) * params.k; first += WORKGROUP_SIZE) {
        if holding(slot, lane) + WORKGROUP_SIZE > room {
            cut(slot, lane);
        }
        let at = first + lane;
        let place = at % params.k;
        if at < (shares - 1u) * params.k {
            let list = list_of(slot, tile, 1u + at / params.k);
            // One at the floor may be a lower row than the one that made it.
            if place < scratch[list] && scratch[list + 1u + place] >= floor_keys[slot] {
                push(
                    slot,
                    scratch[list + 1u + place],
                    scratch[list + 1u + room + place],
                    scratch[list + 1u + 2u * room + place],
                );
            }
        }
    }
    cut(slot, lane);
    let found = holding(slot, lane);
    for (var place = lane; place < params.k; place += WORKGROUP_SIZE) {
        let out = query * params.k + place;
        ids[out] = select(NO_ROW, params.row_base + scratch[row_at(place)], place < found);
        uppers[out] = from_ascending(select(LEAST_KEY, scratch[key_at(place)], place < found));
        let estimate_key = select(LEAST_KEY, ascending(bitcast<f32>(scratch[estimate_at(place)])), place < found);
        estimates[out] = from_ascending(estimate_key);
    }
    // What is told next may not come before everybody has been told this.
    workgroupBarrier();
}
