// Lists of a tile's queries, in scratch: how many rows one holds, then [room] keys, rows and estimates. What this is part of says where
// the list at hand begins (`base`), what room lists have, and UNDER_LAST.

// Of no row: below the key of every number, and after every row.
const NO_KEY: u32 = 0u;
// The key of negative infinity.
const LEAST_KEY: u32 = 0x007fffffu;

// The list at hand, and its room.
var<private> base: u32;
var<private> room: u32;

// Of each query of a tile: rows held, and the key that others must be over.
var<workgroup> held: array<atomic<u32>, TILE_MAX>;
var<workgroup> floor_keys: array<u32, TILE_MAX>;
// What one invocation tells all.
var<workgroup> told: u32;

fn key_at(place: u32) -> u32 {
    return base + 1u + place;
}

fn row_at(place: u32) -> u32 {
    return base + 1u + room + place;
}

fn estimate_at(place: u32) -> u32 {
    return base + 1u + 2u * room + place;
}

// Room of a list: twice its length, so that it is not sorted too often, and more than one round can bring.
fn room_for(k: u32) -> u32 {
    return max(2u * WORKGROUP_SIZE, 2u << (32u - countLeadingZeros(k - 1u)));
}

// Bits that order as integers as floats do; there is one zero only.
fn ascending(value: f32) -> u32 {
    let bits = select(bitcast<u32>(value), 0u, value == 0.0);
    return select(~bits, bits | 0x80000000u, (bits >> 31u) == 0u);
}

fn from_ascending(key: u32) -> f32 {
    return bitcast<f32>(select(~key, key ^ 0x80000000u, (key >> 31u) == 1u));
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

// Sorts the list at hand, best first, and keeps the best k. If there are so many, the last of them is the floor, or just over it where
// those that come later may be lower rows of the same key (UNDER_LAST).
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
            floor_keys[slot] = max(floor_keys[slot], scratch[key_at(params.k - 1u)] - UNDER_LAST);
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

// Adds what another list has at a place, unless it cannot be among the best. One at the floor may be a lower row than the one that made it.
fn add(slot: u32, list: u32, list_room: u32, place: u32) {
    let at = list + 1u + place;
    if place < scratch[list] && scratch[at] >= floor_keys[slot] {
        push(slot, scratch[at], scratch[at + list_room], scratch[at + 2u * list_room]);
    }
}

// Writes the best k of the list at hand, ids counted from `row_base`.
fn write_best(query: u32, slot: u32, row_base: u32, lane: u32) {
    cut(slot, lane);
    let found = holding(slot, lane);
    for (var place = lane; place < params.k; place += WORKGROUP_SIZE) {
        let out = query * params.k + place;
        ids[out] = select(NO_ROW, row_base + scratch[row_at(place)], place < found);
        uppers[out] = from_ascending(select(LEAST_KEY, scratch[key_at(place)], place < found));
        let estimate_key = select(LEAST_KEY, ascending(bitcast<f32>(scratch[estimate_at(place)])), place < found);
        estimates[out] = from_ascending(estimate_key);
    }
    // What is told next may not come before everybody has been told this.
    workgroupBarrier();
}
