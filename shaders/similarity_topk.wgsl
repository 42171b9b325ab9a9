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

// Rows come in rising order: one at the floor loses to those that made it.
const UNDER_LAST: u32 = 0u;
// Fewest rows of a share.
const SHARE_ROWS: u32 = 2048u;

var<private> workgroups: u32;
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

// Pushes a row if its upper end is over the floor of a query and the query's mask lets it through.
fn judge(query: u32, slot: u32, row: u32, sum: i32) {
    let score = score_of(row, slot, sum);
    let key = ascending(score.y);
    if key > floor_keys[slot] && allowed(query, row) {
        push(slot, key, row, bitcast<u32>(score.x));
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
            add(slot, list_of(slot, tile, 1u + at / params.k), room, place);
        }
    }
    write_best(query, slot, params.row_base, lane);
}
