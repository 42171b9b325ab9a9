// The cells of a partition that queries look into. `code` codes the queries; `group` brings together those that look into a cell: a
// workgroup counts for a run of cells; `scan` takes a cell a workgroup and up to a tile of its queries at a time, whose rows over a query's
// floor go to its list of that cell; `merge` brings a query's lists together. The order of queries within a cell changes no list that is
// written.

struct Params {
    dim: u32,
    cells: u32,
    queries: u32,
    probes: u32,
    k: u32,
    masks: u32,
    mask_words: u32,
}

// Sixteen codes at a time.
@group(0) @binding(0) var<storage, read> codes: array<vec4<u32>>;
@group(0) @binding(1) var<storage, read> factors: array<f32>;
@group(0) @binding(2) var<storage, read> names: array<u32>;
@group(0) @binding(3) var<storage, read> starts: array<u32>;
@group(0) @binding(4) var<storage, read> queries: array<f32>;
@group(0) @binding(5) var<storage, read> probes: array<u32>;
@group(0) @binding(6) var<storage, read> masks: array<vec2<u32>>;
@group(0) @binding(7) var<storage, read> floors: array<f32>;
@group(0) @binding(8) var<storage, read_write> ids: array<u32>;
@group(0) @binding(9) var<storage, read_write> uppers: array<f32>;
@group(0) @binding(10) var<storage, read_write> estimates: array<f32>;
// [queries] codes, their sum, scale and two bounds; [cells] queries of each; [cells][queries] pairs of a query and a cell; [pairs] lists of
// k; then of each workgroup the lists of a tile and [dim] a rotated query.
@group(0) @binding(11) var<storage, read_write> scratch: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

// Rows come in no order: a later one of the same key may be a lower one.
const UNDER_LAST: u32 = 1u;
// Cells of a run.
const RUN: u32 = 512u;

// Pairs of a tile, and of each cell of a run how many queries look into it.
var<workgroup> pairs_here: array<u32, TILE_MAX>;
var<workgroup> counts: array<atomic<u32>, RUN>;

fn coded_at(query: u32) -> u32 {
    return query * (params.dim / 4u + 4u);
}

fn askers_at(cell: u32) -> u32 {
    return coded_at(params.queries) + cell;
}

fn asking_at(cell: u32) -> u32 {
    return askers_at(params.cells) + cell * params.queries;
}

fn list_of_pair(pair: u32) -> u32 {
    return asking_at(params.cells) + pair * (1u + 3u * params.k);
}

fn list_of(slot: u32, workgroup: u32) -> u32 {
    let words = min(params.queries, tile_len()) * (1u + 3u * room) + params.dim;
    return list_of_pair(params.queries * params.probes) + workgroup * words + slot * (1u + 3u * room);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn code(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let workgroup = group.y * groups.x + group.x;
    room = room_for(params.k);
    values = list_of(0u, workgroup + 1u) - params.dim;
    for (var query = workgroup; query < params.queries; query += groups.x * groups.y) {
        code_query(query, 0u, lane);
        let at = coded_at(query);
        for (var word = lane; word < params.dim / 4u; word += WORKGROUP_SIZE) {
            scratch[at + word] = query_codes[word / 4u][word % 4u];
        }
        if lane == 0u {
            let left = at + params.dim / 4u;
            scratch[left] = bitcast<u32>(atomicLoad(&code_sums[0]));
            scratch[left + 1u] = bitcast<u32>(query_scales[0]);
            scratch[left + 2u] = bitcast<u32>(query_bounds[0].x);
            scratch[left + 3u] = bitcast<u32>(query_bounds[0].y);
        }
        workgroupBarrier();
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn group(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let workgroup = group.y * groups.x + group.x;
    let stride = groups.x * groups.y;
    let pairs = params.queries * params.probes;
    for (var first = workgroup * RUN; first < params.cells; first += stride * RUN) {
        for (var at = lane; at < RUN; at += WORKGROUP_SIZE) {
            atomicStore(&counts[at], 0u);
        }
        workgroupBarrier();
        for (var pair = lane; pair < pairs; pair += WORKGROUP_SIZE) {
            let cell = probes[pair];
            if cell >= first && cell - first < RUN && cell < params.cells && is_first(pair) {
                scratch[asking_at(cell) + atomicAdd(&counts[cell - first], 1u)] = pair;
            }
        }
        workgroupBarrier();
        for (var at = lane; at < min(RUN, params.cells - first); at += WORKGROUP_SIZE) {
            scratch[askers_at(first + at)] = atomicLoad(&counts[at]);
        }
        workgroupBarrier();
    }
    // Those that name no cell, or one again, are scanned by nobody.
    for (var pair = workgroup * WORKGROUP_SIZE + lane; pair < pairs; pair += stride * WORKGROUP_SIZE) {
        scratch[list_of_pair(pair)] = 0u;
    }
}

// If a query has not named the cell before.
fn is_first(pair: u32) -> bool {
    for (var before = pair / params.probes * params.probes; before < pair; before++) {
        if probes[before] == probes[pair] {
            return false;
        }
    }
    return true;
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn scan(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(num_workgroups) groups: vec3<u32>,
    invocation: Invocation,
) {
    let workgroup = group.y * groups.x + group.x;
    room = room_for(params.k);
    for (var cell = workgroup; cell < params.cells; cell += groups.x * groups.y) {
        if invocation.lane == 0u {
            told = scratch[askers_at(cell)];
        }
        let askers = workgroupUniformLoad(&told);
        for (var first = 0u; first < askers; first += tile_len()) {
            scan_cell(cell, first, min(askers - first, tile_len()), workgroup, invocation);
        }
    }
}

// What is left of a query that was coded, for a slot of a tile.
fn take_query(pair: u32, slot: u32, lane: u32) {
    let query = pair / params.probes;
    let at = coded_at(query);
    for (var word = lane; word < params.dim / 4u; word += WORKGROUP_SIZE) {
        query_codes[slot * (params.dim / 16u) + word / 4u][word % 4u] = scratch[at + word];
    }
    if lane == 0u {
        let left = at + params.dim / 4u;
        pairs_here[slot] = pair;
        atomicStore(&code_sums[slot], bitcast<i32>(scratch[left]));
        query_scales[slot] = bitcast<f32>(scratch[left + 1u]);
        query_bounds[slot] = vec2(bitcast<f32>(scratch[left + 2u]), bitcast<f32>(scratch[left + 3u]));
        atomicStore(&held[slot], 0u);
        floor_keys[slot] = ascending(floors[query]);
    }
}

// Goes through the rows of a cell for some of the queries that look into it.
fn scan_cell(cell: u32, first_asker: u32, count: u32, workgroup: u32, invocation: Invocation) {
    let lane = invocation.lane;
    for (var slot = 0u; slot < count; slot++) {
        take_query(scratch[asking_at(cell) + first_asker + slot], slot, lane);
    }
    workgroupBarrier();
    let end = starts[cell + 1u] * BLOCK_ROWS;
    for (var first = starts[cell] * BLOCK_ROWS; first < end; first += WORKGROUP_SIZE) {
        let full = full_slots(count, lane);
        for (var slot = 0u; slot < count; slot++) {
            if ((full >> slot) & 1u) == 1u {
                base = list_of(slot, workgroup);
                cut(slot, lane);
            }
        }
        let place = first + lane;
        var row = NO_ROW;
        if place < end {
            row = names[place];
        }
        // Whom others' masks leave out is not read for them either.
        let counts = row != NO_ROW && (count > 1u && params.masks > 1u || allowed(pairs_here[0] / params.probes, row));
        if count > 1u && tile_len() == TILE_MAX {
            let sums = row_products(place, counts, invocation);
            for (var slot = 0u; slot < count && counts; slot++) {
                base = list_of(slot, workgroup);
                judge(slot, place, row, sums[slot / 4u][slot % 4u]);
            }
        } else {
            for (var slot = 0u; slot < count; slot++) {
                let sum = row_product(slot, place, counts, invocation);
                if counts {
                    base = list_of(slot, workgroup);
                    judge(slot, place, row, sum);
                }
            }
        }
    }
    for (var slot = 0u; slot < count; slot++) {
        base = list_of(slot, workgroup);
        cut(slot, lane);
        let found = holding(slot, lane);
        let list = list_of_pair(pairs_here[slot]);
        for (var place = lane; place < found; place += WORKGROUP_SIZE) {
            scratch[list + 1u + place] = scratch[key_at(place)];
            scratch[list + 1u + params.k + place] = scratch[row_at(place)];
            scratch[list + 1u + 2u * params.k + place] = scratch[estimate_at(place)];
        }
        if lane == 0u {
            scratch[list] = found;
        }
    }
    workgroupBarrier();
}

// Pushes a row if its upper end is over the floor of a query and the query's mask lets it through.
fn judge(slot: u32, place: u32, row: u32, sum: i32) {
    let score = score_of(place, slot, sum);
    let key = ascending(score.y);
    if key > floor_keys[slot] && allowed(pairs_here[slot] / params.probes, row) {
        push(slot, key, row, bitcast<u32>(score.x));
    }
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn merge(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    let workgroup = group.y * groups.x + group.x;
    room = room_for(params.k);
    base = list_of(0u, workgroup);
    for (var query = workgroup; query < params.queries; query += groups.x * groups.y) {
        if lane == 0u {
            atomicStore(&held[0], 0u);
            floor_keys[0] = NO_KEY;
        }
        workgroupBarrier();
        for (var first = 0u; first < params.probes * params.k; first += WORKGROUP_SIZE) {
            if holding(0u, lane) + WORKGROUP_SIZE > room {
                cut(0u, lane);
            }
            let at = first + lane;
            if at < params.probes * params.k {
                add(0u, list_of_pair(query * params.probes + at / params.k), params.k, at % params.k);
            }
        }
        write_best(query, 0u, 0u, lane);
    }
}
