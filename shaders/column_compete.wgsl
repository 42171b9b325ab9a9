// One workgroup, which settles one request after the other; its lanes share out the candidates of each.

struct Params {
    requests: u32,
    count: u32,
    capacity: u32,
    offered: u32,
    refractory: u32,
    window_us: u32,
}

@group(0) @binding(0) var<storage, read> offsets: array<u32>;
@group(0) @binding(1) var<storage, read> candidates: array<u32>;
@group(0) @binding(2) var<storage, read> times: array<u32>;
@group(0) @binding(3) var<storage, read> arrivals: array<u32>;
@group(0) @binding(4) var<storage, read> vacants: array<u32>;
// State, silent before this tick, spikes so far, tick of the last spike.
@group(0) @binding(5) var<storage, read_write> columns: array<vec4<u32>>;
@group(0) @binding(6) var<storage, read_write> winners: array<u32>;
@group(0) @binding(7) var<storage, read_write> taken: array<u32>;
@group(0) @binding(8) var<storage, read_write> margins: array<u32>;
@group(0) @binding(9) var<storage, read_write> targets: array<u32>;
@group(1) @binding(0) var<uniform> params: Params;

const NONE: u32 = 0xffffffffu;

// Of the search for a vacant column: first places among those offered that are not taken for good, and that are vacant.
var<workgroup> open_place: atomic<u32>;
var<workgroup> vacant_place: atomic<u32>;
var<workgroup> vacant_told: vec2<u32>;
// Of the request in hand: the winner's spike, and the first one of another column.
var<workgroup> first_time: atomic<u32>;
var<workgroup> first_column: atomic<u32>;
var<workgroup> first_place: atomic<u32>;
var<workgroup> second_time: atomic<u32>;
var<workgroup> founders: atomic<u32>;

// Places offered before this one are taken for good, or not there.
var<private> open_from: u32;

// What all lanes have written so far, to all.
fn meet() {
    storageBarrier();
    workgroupBarrier();
}

// The first offered column that may be founded at a tick, or NO_COLUMN.
fn vacant_at(tick: u32, lane: u32) -> u32 {
    var open = NONE;
    for (var base = open_from; base < params.offered; base += WORKGROUP_SIZE) {
        if lane == 0u {
            atomicStore(&open_place, NONE);
            atomicStore(&vacant_place, NONE);
        }
        workgroupBarrier();
        let place = base + lane;
        if place < params.offered && vacants[place] < params.capacity {
            let column = columns[vacants[place]];
            if column.x != ALLOCATED {
                atomicMin(&open_place, place);
            }
            if column.x == AVAILABLE || (column.x == REFRACTORY && column.y <= tick) {
                atomicMin(&vacant_place, place);
            }
        }
        workgroupBarrier();
        if lane == 0u {
            vacant_told = vec2(atomicLoad(&open_place), atomicLoad(&vacant_place));
        }
        let told = workgroupUniformLoad(&vacant_told);
        open = min(open, told.x);
        if told.y != NONE {
            open_from = open;
            return vacants[told.y];
        }
    }
    open_from = min(open, params.offered);
    return NO_COLUMN;
}

// The column that fires for a candidate at a tick, or NO_COLUMN.
fn target_of(named: u32, request: u32, tick: u32, vacant: u32) -> u32 {
    if named == VACANT {
        return vacant;
    }
    var column = named;
    if (named & REQUEST) != 0u {
        let earlier = named & ~REQUEST;
        if earlier >= request {
            return NO_COLUMN;
        }
        column = taken[earlier];
    }
    if column >= params.capacity {
        return NO_COLUMN;
    }
    let is_ready = columns[column].x == ALLOCATED && columns[column].y <= tick;
    return select(NO_COLUMN, column, is_ready);
}

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(@builtin(local_invocation_index) lane: u32) {
    open_from = 0u;
    for (var request = 0u; request < params.requests; request++) {
        let tick = arrivals[request];
        let start = offsets[request] + lane;
        let end = offsets[request + 1u];
        let vacant = vacant_at(tick, lane);
        if lane == 0u {
            atomicStore(&first_time, NONE);
            atomicStore(&first_column, NONE);
            atomicStore(&first_place, NONE);
            atomicStore(&second_time, params.window_us);
            atomicStore(&founders, 0u);
        }
        workgroupBarrier();
        for (var place = start; place < end; place += WORKGROUP_SIZE) {
            var column = NO_COLUMN;
            if times[place] != NO_SPIKE {
                column = target_of(candidates[place], request, tick, vacant);
            }
            targets[place] = column;
            if column != NO_COLUMN {
                atomicMin(&first_time, times[place]);
                atomicMax(&founders, u32(candidates[place] == VACANT));
            }
        }
        workgroupBarrier();
        // A lane looks at its own targets again.
        let time = atomicLoad(&first_time);
        for (var place = start; place < end; place += WORKGROUP_SIZE) {
            if targets[place] != NO_COLUMN && times[place] == time {
                atomicMin(&first_column, targets[place]);
            }
        }
        workgroupBarrier();
        let winner = atomicLoad(&first_column);
        for (var place = start; place < end; place += WORKGROUP_SIZE) {
            if targets[place] == winner && times[place] == time {
                atomicMin(&first_place, place);
            } else if targets[place] != NO_COLUMN && targets[place] != winner {
                atomicMin(&second_time, times[place]);
            }
        }
        workgroupBarrier();
        if lane == 0u {
            settle(request, tick, winner, vacant);
        }
        meet();
    }
}

// Writes the outcome of a request and what became of its columns.
fn settle(request: u32, tick: u32, winner: u32, vacant: u32) {
    taken[request] = winner;
    if winner == NO_COLUMN {
        winners[request] = NO_WINNER;
        margins[request] = 0u;
        return;
    }
    winners[request] = atomicLoad(&first_place);
    // A window is below 2^16.
    let lead = atomicLoad(&second_time) - atomicLoad(&first_time);
    margins[request] = (lead << 16u) / params.window_us;
    if atomicLoad(&founders) > 0u && winner != vacant {
        columns[vacant].x = AVAILABLE;
    }
    let silent_before = tick + min(params.refractory, ~tick);
    columns[winner] = vec4(ALLOCATED, silent_before, columns[winner].z + 1u, tick);
}
