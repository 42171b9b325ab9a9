// A tile of 64 neurons and a replica a workgroup. Workgroups wait for each other at the end of an entry alone, so what runs is a
// schedule. Where there is room for a ring of sums, spikes are pushed to the steps in which they arrive, and an entry takes all neurons
// through an interval that no delay is shorter than. Where there is not, sums are of one step, and rows are read when they arrive. Networks
// that learn are taken through single steps. Tables are those of kernels/network_run/tables.rs. Sums of integers do not depend on order,
// and no weight or trace is written by two invocations of an entry, so all bits are those of the law.

struct Params {
    step: u32,
    steps: u32,
    replicas: u32,
    neurons: u32,
    ring_steps: u32,
    populations: u32,
    bundles: u32,
    blocks: u32,
    plastic: u32,
    interval: u32,
    horizon: u32,
}

@group(0) @binding(0) var<storage, read> constants: array<f32>;
@group(0) @binding(1) var<storage, read> tables: array<u32>;
@group(0) @binding(2) var<storage, read> starts: array<u32>;
@group(0) @binding(3) var<storage, read> synapses: array<u32>;
// Source and place of the weight.
@group(0) @binding(4) var<storage, read> columns: array<vec2<u32>>;
@group(0) @binding(5) var<storage, read> drives: array<f32>;
@group(0) @binding(6) var<storage, read_write> inbox: array<i32>;
@group(0) @binding(7) var<storage, read_write> state: array<f32>;
@group(0) @binding(8) var<storage, read_write> releases: array<i32>;
@group(0) @binding(9) var<storage, read_write> spikes: array<u32>;
@group(0) @binding(10) var<storage, read_write> plastic: array<f32>;
// Sums, [replicas][ring][2][neurons].
@group(0) @binding(11) var<storage, read_write> scratch: array<atomic<i32>>;
@group(1) @binding(0) var<uniform> params: Params;

// The step that is under way, and how many steps sums are kept of.
var<private> now: u32;
var<private> ring: u32;

// Steps that sums are kept of: as many as spikes are pushed ahead, or one.
fn ring_len() -> u32 {
    let len = params.horizon + params.interval;
    return select(1u, len, len <= RING_WORDS_MAX / (2u * params.replicas * params.neurons));
}

fn pushes() -> bool {
    return ring_len() > 1u;
}

fn learns() -> bool {
    return params.plastic > 0u;
}

// Where the sums of a step begin, by channel.
fn sums_of(replica: u32, step: u32, channel: u32) -> u32 {
    return ((replica * ring + step % ring) * 2u + channel) * params.neurons;
}

struct Bundle {
    source_first: u32,
    sources: u32,
    channel: u32,
    form: u32,
    quanta: i32,
    delays: u32,
    delays_len: u32,
    starts: u32,
    places: u32,
    fades: u32,
    turn_steps: u32,
    recipe: u32,
}

fn bundle_of(number: u32) -> Bundle {
    let at = params.populations * POPULATION_WORDS + number * BUNDLE_WORDS;
    return Bundle(
        tables[at], tables[at + 1u], tables[at + 2u], tables[at + 3u], bitcast<i32>(tables[at + 4u]),
        tables[at + 5u], tables[at + 6u], tables[at + 7u], tables[at + 8u], tables[at + 9u],
        tables[at + 10u], tables[at + 11u],
    );
}

// Of a bundle's rule: raise, lower, largest weight, quanta in a pA.
fn rule_value(number: u32, value: u32) -> f32 {
    return constants[params.populations * MEMBRANE_VALUES + number * RULE_VALUES + value];
}

// First tile of a block; the end after the last.
fn block_tile(block: u32) -> u32 {
    return tables[params.populations * POPULATION_WORDS + params.bundles * BUNDLE_WORDS + block];
}

fn block_of(tile: u32) -> u32 {
    var block = 0u;
    while block_tile(block + 1u) <= tile {
        block += 1u;
    }
    return block;
}

// Where a plastic bundle's weights, source traces and target traces of a block begin.
fn places_of(bundle: Bundle, block: u32) -> vec3<u32> {
    let at = bundle.places + 3u * block;
    return vec3(tables[at], tables[at + 1u], tables[at + 2u]);
}

// So many steps into a turn: fades of source and target traces, and what these rise by.
fn fade_of(bundle: Bundle, into_turn: u32) -> vec4<f32> {
    let at = bundle.fades + into_turn * FADE_VALUES;
    return vec4(constants[at], constants[at + 1u], constants[at + 2u], constants[at + 3u]);
}

// Brings a trace from the turn before into this one.
fn bring(at: u32, fade: f32) {
    let trace = plastic[at] * fade;
    plastic[at] = select(trace, 0.0, trace < TINY);
}

// Which neurons of a tile fired so many steps ago.
fn fired(replica: u32, tile: u32, ago: u32) -> vec2<u32> {
    if now < ago {
        return vec2(0u);
    }
    let row = replica * params.ring_steps + (now - ago) % params.ring_steps;
    let at = row * (params.neurons / 32u) + tile * 2u;
    return vec2(spikes[at], spikes[at + 1u]);
}

fn has(bits: vec2<u32>, lane: u32) -> bool {
    return ((select(bits.x, bits.y, lane >= 32u) >> (lane & 31u)) & 1u) != 0u;
}

// The lowest of the bits that are left, and what is left without it.
fn lowest(bits: vec2<u32>) -> u32 {
    return select(32u + firstTrailingBit(bits.y), firstTrailingBit(bits.x), bits.x != 0u);
}

fn without_lowest(bits: vec2<u32>) -> vec2<u32> {
    if bits.x != 0u {
        return vec2(bits.x & (bits.x - 1u), bits.y);
    }
    return vec2(0u, bits.y & (bits.y - 1u));
}

// A product that no compiler may fuse with a sum: it cannot know that steps are below 2^31.
fn product(a: f32, b: f32) -> f32 {
    return bitcast<f32>(bitcast<u32>(a * b) ^ (params.step >> 31u));
}

// Sums of the first step begin with what the inbox holds, the others with nothing.
@compute @workgroup_size(WORKGROUP_SIZE)
fn begin(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    ring = ring_len();
    now = params.step;
    for (var replica = group.y; replica < params.replicas; replica += groups.y) {
        for (var tile = group.x; tile < params.neurons / TILE; tile += groups.x) {
            for (var channel = 0u; channel < 2u; channel++) {
                let at = tile * TILE + lane;
                let waits = (replica * 2u + channel) * params.neurons + at;
                for (var ahead = 1u; ahead < ring; ahead++) {
                    atomicStore(&scratch[sums_of(replica, now + ahead, channel) + at], 0);
                }
                atomicStore(&scratch[sums_of(replica, now, channel) + at], inbox[waits]);
                inbox[waits] = 0;
            }
            turn(replica, tile, lane);
        }
    }
}

// Pushes what fired before the run and arrives in it.
@compute @workgroup_size(WORKGROUP_SIZE)
fn past(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    ring = ring_len();
    now = params.step;
    for (var replica = group.y; replica < params.replicas; replica += groups.y) {
        for (var tile = group.x; tile < params.neurons / TILE; tile += groups.x) {
            for (var ago = 1u; ago <= params.horizon; ago++) {
                push(replica, tile, ago, lane);
            }
        }
    }
}

// Brings traces into a turn that begins with this step.
fn turn(replica: u32, tile: u32, lane: u32) {
    let block = block_of(tile);
    for (var number = 0u; number < params.bundles; number++) {
        let bundle = bundle_of(number);
        if bundle.form != PLASTIC || now % bundle.turn_steps != 0u {
            continue;
        }
        let fade = fade_of(bundle, bundle.turn_steps);
        let first = replica * params.plastic;
        bring(first + places_of(bundle, block).z + (tile - block_tile(block)) * TILE + lane, fade.y);
        let source_tile = tile - bundle.source_first / TILE;
        if source_tile < bundle.sources / TILE {
            for (var other = 0u; other < params.blocks; other++) {
                bring(first + places_of(bundle, other).y + source_tile * TILE + lane, fade.x);
            }
        }
    }
}

// Weights to targets that fired two delays ago rise by their sources' traces.
@compute @workgroup_size(WORKGROUP_SIZE)
fn raise(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    ring = ring_len();
    now = params.step;
    for (var replica = group.y; replica < params.replicas; replica += groups.y) {
        for (var tile = group.x; tile < params.neurons / TILE; tile += groups.x) {
            for (var number = 0u; number < params.bundles; number++) {
                let bundle = bundle_of(number);
                if bundle.form == PLASTIC {
                    raise_tile(replica, tile, number, bundle, lane);
                }
            }
        }
    }
}

fn raise_tile(replica: u32, tile: u32, number: u32, bundle: Bundle, lane: u32) {
    let places = places_of(bundle, block_of(tile));
    let first = replica * params.plastic;
    let fade = fade_of(bundle, now % bundle.turn_steps);
    let column_starts = bundle.starts + params.blocks * (bundle.sources * bundle.delays_len + 1u);
    var bits = fired(replica, tile, 2u * tables[bundle.delays]);
    while any(bits != vec2(0u)) {
        let column = column_starts + tile * TILE + lowest(bits);
        bits = without_lowest(bits);
        for (var entry = starts[column] + lane; entry < starts[column + 1u]; entry += WORKGROUP_SIZE) {
            let source = columns[entry].x;
            let at = first + places.x + columns[entry].y;
            let raise = product(rule_value(number, 0u), plastic[first + places.y + source]);
            plastic[at] = min(plastic[at] + product(raise, fade.x), rule_value(number, 2u));
        }
    }
}

// Rows of sources that fired a delay ago arrive; those that learn fall by their targets' traces first, the others only
// where they were not pushed.
@compute @workgroup_size(WORKGROUP_SIZE)
fn arrive(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    ring = ring_len();
    now = params.step;
    for (var replica = group.y; replica < params.replicas; replica += groups.y) {
        for (var tile = group.x; tile < params.neurons / TILE; tile += groups.x) {
            for (var number = 0u; number < params.bundles; number++) {
                let bundle = bundle_of(number);
                if pushes() && bundle.form != PLASTIC {
                    continue;
                }
                for (var kind = 0u; kind < bundle.delays_len; kind++) {
                    let bits = fired(replica, tile, tables[bundle.delays + kind]);
                    deliver(replica, number, bundle, tile, bits, kind, now, lane);
                }
            }
        }
    }
}

// Pushes rows of those who fired so many steps ago to all steps of the run in which they arrive.
fn push(replica: u32, tile: u32, ago: u32, lane: u32) {
    let bits = fired(replica, tile, ago);
    if all(bits == vec2(0u)) {
        return;
    }
    for (var number = 0u; number < params.bundles; number++) {
        let bundle = bundle_of(number);
        if bundle.form == PLASTIC {
            continue;
        }
        for (var kind = 0u; kind < bundle.delays_len; kind++) {
            let delay = tables[bundle.delays + kind];
            let step = now - ago + delay;
            if delay >= ago && step < params.step + params.steps {
                deliver(replica, number, bundle, tile, bits, kind, step, lane);
            }
        }
    }
}

// Adds the rows of those of a tile that fired, with one delay, to the sums of a step.
fn deliver(
    replica: u32,
    number: u32,
    bundle: Bundle,
    tile: u32,
    all_bits: vec2<u32>,
    kind: u32,
    step: u32,
    lane: u32,
) {
    let source_tile = tile - bundle.source_first / TILE;
    if source_tile >= bundle.sources / TILE {
        return;
    }
    let sums = sums_of(replica, step, bundle.channel);
    var bits = all_bits;
    while any(bits != vec2(0u)) {
        let source = source_tile * TILE + lowest(bits);
        bits = without_lowest(bits);
        if bundle.form == PROCEDURAL {
            make_row(bundle, source, kind, sums, lane);
        } else {
            arrive_row(replica, number, bundle, source * bundle.delays_len + kind, sums, lane);
        }
    }
}

fn arrive_row(replica: u32, number: u32, bundle: Bundle, row: u32, sums: u32, lane: u32) {
    let rows = bundle.sources * bundle.delays_len + 1u;
    for (var block = 0u; block < params.blocks; block++) {
        let at = bundle.starts + block * rows;
        let first = sums + block_tile(block) * TILE;
        for (var position = starts[at + row] + lane; position < starts[at + row + 1u]; position += WORKGROUP_SIZE) {
            if bundle.form == VARIED {
                let packed = synapses[position];
                atomicAdd(&scratch[first + (packed & 0xffffu)], bitcast<i32>(packed) >> 16u);
                continue;
            }
            let target_neuron = (synapses[position / 2u] >> (16u * (position & 1u))) & 0xffffu;
            var quanta = bundle.quanta;
            if bundle.form == PLASTIC {
                let places = places_of(bundle, block);
                let weight = replica * params.plastic + places.x + position - starts[at];
                let y = plastic[replica * params.plastic + places.z + target_neuron];
                let lower = product(rule_value(number, 1u), fade_of(bundle, now % bundle.turn_steps).y);
                plastic[weight] = max(plastic[weight] - product(lower, y), 0.0);
                // A number this large has no fraction; what is left of its bits is the nearest integer.
                let shifted = product(plastic[weight], rule_value(number, 3u)) + 8388608.0;
                quanta = bitcast<i32>(shifted) - bitcast<i32>(8388608.0);
            }
            atomicAdd(&scratch[first + target_neuron], quanta);
        }
    }
}

// Synapses of a source with one delay, four an invocation: simd/fanout.rs has the law.
fn make_row(bundle: Bundle, source: u32, kind: u32, sums: u32, lane: u32) {
    let first = sums + tables[bundle.recipe];
    let key = vec2(tables[bundle.recipe + 2u], tables[bundle.recipe + 3u]);
    let spares = tables[bundle.recipe + 4u] == 1u;
    let drawn_first = tables[bundle.recipe + 5u];
    let fan = bundle.recipe + RECIPE_WORDS + kind * FAN_WORDS;
    let count = tables[fan];
    let pitch = vec2(tables[fan + 1u], tables[fan + 2u]);
    let delay = tables[bundle.delays + kind];
    for (var counter = lane; 4u * counter < count; counter += WORKGROUP_SIZE) {
        let places = philox(vec4(counter, source, delay, 0u), key);
        var weights = places;
        if drawn_first != NO_WEIGHTS {
            weights = philox(vec4(counter, source, delay, 1u), key);
        }
        for (var k = 4u * counter; k < min(4u * counter + 4u, count); k++) {
            var target_neuron = stretch_place(k, places[k % 4u], pitch);
            target_neuron += u32(spares && target_neuron >= source);
            var quanta = bundle.quanta;
            if drawn_first != NO_WEIGHTS {
                let drawn = weights[k % 4u] >> 16u;
                quanta = bitcast<i32>(synapses[drawn_first + drawn / 2u] << (16u - 16u * (drawn & 1u))) >> 16u;
            }
            atomicAdd(&scratch[first + target_neuron], quanta);
        }
    }
}

// The place that bits draw from stretch k, whole ones of it: k * pitch + bits * pitch / 2^32, in 32.32 bits.
fn stretch_place(k: u32, bits: u32, pitch: vec2<u32>) -> u32 {
    var low = k * pitch.x;
    var high = product_high(k, pitch.x) + k * pitch.y;
    for (var part = 0u; part < 2u; part++) {
        let added = select(bits * pitch.y, product_high(bits, pitch.x), part == 1u);
        low += added;
        high += u32(low < added);
    }
    return high + product_high(bits, pitch.y);
}

// Traces of sources and targets rise once all weights have looked at them.
fn rise(replica: u32, tile: u32, lane: u32) {
    let own_block = block_of(tile);
    for (var number = 0u; number < params.bundles; number++) {
        let bundle = bundle_of(number);
        if bundle.form != PLASTIC {
            continue;
        }
        let delay = tables[bundle.delays];
        let fade = fade_of(bundle, now % bundle.turn_steps);
        let source_tile = tile - bundle.source_first / TILE;
        if source_tile < bundle.sources / TILE && has(fired(replica, tile, delay), lane) {
            for (var block = 0u; block < params.blocks; block++) {
                let places = places_of(bundle, block);
                let x = replica * params.plastic + places.y + source_tile * TILE + lane;
                plastic[x] += fade.z;
            }
        }
        if has(fired(replica, tile, 2u * delay), lane) {
            let y = places_of(bundle, own_block).z + (tile - block_tile(own_block)) * TILE + lane;
            plastic[replica * params.plastic + y] += fade.w;
        }
    }
}

var<workgroup> firing: array<atomic<u32>, 2>;

// Takes neurons through an interval, or one step where weights learn or spikes are not pushed.
@compute @workgroup_size(WORKGROUP_SIZE)
fn advance(
    @builtin(workgroup_id) group: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
    @builtin(num_workgroups) groups: vec3<u32>,
) {
    ring = ring_len();
    let end = params.step + select(min(params.interval, params.steps), 1u, learns() || !pushes());
    for (var replica = group.y; replica < params.replicas; replica += groups.y) {
        for (var tile = group.x; tile < params.neurons / TILE; tile += groups.x) {
            for (var step = params.step; step < end; step++) {
                now = step;
                integrate(replica, tile, lane);
                if pushes() {
                    push(replica, tile, 0u, lane);
                }
                if learns() {
                    rise(replica, tile, lane);
                }
            }
            now = end;
            if learns() && params.steps > 1u {
                turn(replica, tile, lane);
            }
        }
    }
}

// Noise, currents, potentials, spikes.
fn integrate(replica: u32, tile: u32, lane: u32) {
    if lane < 2u {
        atomicStore(&firing[lane], 0u);
    }
    workgroupBarrier();
    if integrate_neuron(replica, tile, lane) {
        atomicOr(&firing[lane / 32u], 1u << (lane & 31u));
    }
    workgroupBarrier();
    if lane < 2u {
        let row = replica * params.ring_steps + now % params.ring_steps;
        spikes[row * (params.neurons / 32u) + tile * 2u + lane] = atomicLoad(&firing[lane]);
    }
    // Who fired is read by all.
    storageBarrier();
    workgroupBarrier();
}

fn flushed(value: f32) -> f32 {
    return select(value, 0.0, now % FLUSH_STEPS == 0u && value < TINY && value > -TINY);
}

// If it fires.
fn integrate_neuron(replica: u32, tile: u32, lane: u32) -> bool {
    var population = 0u;
    while population < params.populations && tables[population * POPULATION_WORDS + 1u] <= tile {
        population += 1u;
    }
    if population == params.populations {
        return false;
    }
    let neuron = tile * TILE + lane;
    let words = population * POPULATION_WORDS;
    let m = population * MEMBRANE_VALUES;
    // What arrives when these sums are used again is added to nothing.
    var sums = vec2(
        atomicExchange(&scratch[sums_of(replica, now, 0u) + neuron], 0),
        atomicExchange(&scratch[sums_of(replica, now, 1u) + neuron], 0),
    );
    let events = noise_events(replica, tile, lane, tables[words + 5u], tables[words + 6u]);
    let noise = events * bitcast<i32>(tables[words + 3u]);
    sums += select(vec2(noise, 0), vec2(0, noise), tables[words + 4u] == 1u);
    let at = replica * 3u * params.neurons + neuron;
    let own = replica * params.neurons + neuron;
    let v_before = flushed(state[at]);
    let e = flushed(state[at + params.neurons]);
    let i = flushed(state[at + 2u * params.neurons]);
    var moved = product(v_before, constants[m]) + product(e, constants[m + 1u]);
    moved = moved + product(i, constants[m + 2u]);
    moved = moved + drives[own];
    let v = select(v_before, moved, releases[own] <= i32(now));
    let fires = v >= constants[m + 7u];
    state[at] = select(v, constants[m + 8u], fires);
    if fires {
        releases[own] = i32(now + 1u + tables[words + 2u]);
    }
    state[at + params.neurons] = product(e, constants[m + 3u]) + product(f32(sums.x), constants[m + 5u]);
    state[at + 2u * params.neurons] = product(i, constants[m + 4u]) + product(f32(sums.y), constants[m + 6u]);
    return fires;
}

// Poisson events of a neuron in this step.
fn noise_events(replica: u32, tile: u32, lane: u32, chances: u32, chances_len: u32) -> i32 {
    if chances_len == 0u {
        return 0;
    }
    let seeds = params.populations * POPULATION_WORDS + params.bundles * BUNDLE_WORDS + (params.blocks + 1u);
    let key = vec2(tables[seeds + 2u * replica], tables[seeds + 2u * replica + 1u]);
    let words = philox(vec4(tile * 16u + lane % 16u, now, 0u, 0u), key);
    let bits = words[lane / 16u];
    var events = 0;
    for (var chance = chances; chance < chances + chances_len; chance++) {
        events += i32(bits >= tables[chance]);
    }
    return events;
}
