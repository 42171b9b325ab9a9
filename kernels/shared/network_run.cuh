// The steps of network_run, in `real` numbers with the integer `nearest` to one, which the text before says. A tile of 64 neurons and a
// replica a block, which strides over tiles and replicas. All blocks are under way at once: a launch is a whole run, in which they meet.
// Where there is room for a ring of sums, spikes are pushed to the steps in which they arrive, and blocks meet once an interval that no
// delay is shorter than. Where there is not, sums are of one step, and rows are read when they arrive: two meetings a step. Networks that
// learn meet three times. Tables are those of kernels/network_run/tables.rs. Sums of integers do not depend on order, and no weight or
// trace is written by two threads between two meetings, so all bits are those of the law.

struct Bundle {
    u32 source_first;
    u32 sources;
    u32 channel;
    u32 form;
    int quanta;
    u32 delays;
    u32 delays_len;
    u32 starts;
    u32 places;
    u32 fades;
    u32 turn_steps;
    u32 recipe;
};

// Where a plastic bundle's numbers of a block begin.
struct Places {
    u32 weights;
    u32 source_traces;
    u32 target_traces;
};

// In a step of a turn: what source and target traces are worth, and what they rise by.
struct Fade {
    real source;
    real target;
    real source_rise;
    real target_rise;
};

// Steps that sums are kept of: as many as spikes are pushed ahead, or one.
inline __device__ u32 ring_len(const Params &params) {
    u64 len = (u64)params.horizon + params.interval;
    return 2u * len * params.replicas * params.neurons <= RING_WORDS_MAX ? (u32)len : 1u;
}

// One replica in one step.
struct Replica : Arguments {
    u32 number;
    u32 ring;
    // Where the run ends.
    u32 end;
    // [ring][2][neurons]
    int *sums;
    // Weights and traces of the replica.
    real *own_plastic;

    __device__ Replica(const Arguments &arguments, u32 number) : Arguments(arguments), number(number) {
        ring = ring_len(params);
        end = params.step + params.steps;
        sums = (int *)scratch + (u64)number * ring * 2u * params.neurons;
        own_plastic = plastic + number * params.plastic;
    }

    // Sums of a step, [2][neurons].
    __device__ int *sums_of(u32 step) const { return sums + (u64)(step % ring) * 2u * params.neurons; }

    __device__ Bundle bundle_of(u32 bundle) const {
        const u32 *at = tables + params.populations * POPULATION_WORDS + bundle * BUNDLE_WORDS;
        return {at[0], at[1], at[2], at[3], (int)at[4], at[5], at[6], at[7], at[8], at[9], at[10], at[11]};
    }

    // Of a bundle's rule: raise, lower, largest weight, quanta in a pA.
    __device__ real rule_value(u32 bundle, u32 value) const {
        return constants[params.populations * MEMBRANE_VALUES + bundle * RULE_VALUES + value];
    }

    // First tile of a block of neurons; the end after the last.
    __device__ u32 block_tile(u32 block) const {
        return tables[params.populations * POPULATION_WORDS + params.bundles * BUNDLE_WORDS + block];
    }

    __device__ u32 block_of(u32 tile) const {
        u32 block = 0u;
        while (block_tile(block + 1u) <= tile) {
            block += 1u;
        }
        return block;
    }

    __device__ Places places_of(const Bundle &bundle, u32 block) const {
        const u32 *at = tables + bundle.places + 3u * block;
        return {at[0], at[1], at[2]};
    }

    __device__ Fade fade_of(const Bundle &bundle, u32 into_turn) const {
        const real *at = constants + bundle.fades + into_turn * FADE_VALUES;
        return {at[0], at[1], at[2], at[3]};
    }

    // Brings a trace from the turn before into this one.
    __device__ void bring(u32 at, real fade) {
        real trace = own_plastic[at] * fade;
        own_plastic[at] = trace < TINY ? (real)0 : trace;
    }

    // Which neurons of a tile fired so many steps ago, from the lowest bit.
    __device__ u64 fired(u32 tile, u32 ago) const {
        if (params.step < ago) {
            return 0u;
        }
        u32 row = number * params.ring_steps + (params.step - ago) % params.ring_steps;
        const u32 *words = spikes + row * (params.neurons / 32u) + tile * 2u;
        return (u64)words[1] << 32 | words[0];
    }

    // Sums of the first step begin with what the inbox holds, the others with nothing.
    __device__ void begin(u32 tile) {
        for (u32 channel = 0u; channel < 2u; channel++) {
            u32 at = channel * params.neurons + tile * TILE + threadIdx.x;
            for (u32 ahead = 1u; ahead < ring; ahead++) {
                sums_of(params.step + ahead)[at] = 0;
            }
            int *arrived = inbox + number * 2u * params.neurons + at;
            sums_of(params.step)[at] = *arrived;
            *arrived = 0;
        }
        turn(tile);
    }

    // Brings traces into a turn that begins with this step.
    __device__ void turn(u32 tile) {
        u32 block = block_of(tile);
        for (u32 number = 0u; number < params.bundles; number++) {
            Bundle bundle = bundle_of(number);
            if (bundle.form != PLASTIC || params.step % bundle.turn_steps != 0u) {
                continue;
            }
            Fade fade = fade_of(bundle, bundle.turn_steps);
            u32 own = (tile - block_tile(block)) * TILE + threadIdx.x;
            bring(places_of(bundle, block).target_traces + own, fade.target);
            u32 source_tile = tile - bundle.source_first / TILE;
            if (source_tile < bundle.sources / TILE) {
                for (u32 other = 0u; other < params.blocks; other++) {
                    bring(places_of(bundle, other).source_traces + source_tile * TILE + threadIdx.x, fade.source);
                }
            }
        }
    }

    // Weights to targets that fired two delays ago rise by their sources' traces.
    __device__ void raise(u32 tile) {
        for (u32 number = 0u; number < params.bundles; number++) {
            Bundle bundle = bundle_of(number);
            if (bundle.form != PLASTIC) {
                continue;
            }
            Places places = places_of(bundle, block_of(tile));
            Fade fade = fade_of(bundle, params.step % bundle.turn_steps);
            u32 column_starts = bundle.starts + params.blocks * (bundle.sources * bundle.delays_len + 1u);
            u64 bits = fired(tile, 2u * tables[bundle.delays]);
            for (; bits != 0u; bits &= bits - 1u) {
                u32 column = column_starts + tile * TILE + (u32)__ffsll((long long)bits) - 1u;
                u32 end = starts[column + 1u];
                for (u32 entry = starts[column] + threadIdx.x; entry < end; entry += WORKGROUP_SIZE) {
                    // Source and place of the weight.
                    uint2 from = ((const uint2 *)columns)[entry];
                    real *weight = own_plastic + places.weights + from.y;
                    real raise = rule_value(number, 0u) * own_plastic[places.source_traces + from.x];
                    real raised = *weight + raise * fade.source;
                    real most = rule_value(number, 2u);
                    *weight = raised > most ? most : raised;
                }
            }
        }
    }

    // Rows of sources that fired a delay ago arrive; those that learn fall by their targets' traces first, the others only
    // where they were not pushed.
    __device__ void arrive(u32 tile, bool pushed) {
        for (u32 number = 0u; number < params.bundles; number++) {
            Bundle bundle = bundle_of(number);
            if (pushed && bundle.form != PLASTIC) {
                continue;
            }
            for (u32 kind = 0u; kind < bundle.delays_len; kind++) {
                deliver(number, bundle, tile, fired(tile, tables[bundle.delays + kind]), kind, params.step);
            }
        }
    }

    // Pushes rows of those who fired so many steps ago to all steps of the run in which they arrive.
    __device__ void push(u32 tile, u32 ago) {
        u64 bits = fired(tile, ago);
        for (u32 number = 0u; number < params.bundles && bits != 0u; number++) {
            Bundle bundle = bundle_of(number);
            if (bundle.form == PLASTIC) {
                continue;
            }
            for (u32 kind = 0u; kind < bundle.delays_len; kind++) {
                u32 delay = tables[bundle.delays + kind];
                u32 step = params.step - ago + delay;
                if (delay >= ago && step < end) {
                    deliver(number, bundle, tile, bits, kind, step);
                }
            }
        }
    }

    // Adds the rows of those of a tile that fired, with one delay, to the sums of a step.
    __device__ void deliver(u32 number, const Bundle &bundle, u32 tile, u64 bits, u32 kind, u32 step) {
        u32 source_tile = tile - bundle.source_first / TILE;
        if (source_tile >= bundle.sources / TILE) {
            return;
        }
        int *channel_sums = sums_of(step) + bundle.channel * params.neurons;
        for (; bits != 0u; bits &= bits - 1u) {
            u32 source = source_tile * TILE + (u32)__ffsll((long long)bits) - 1u;
            if (bundle.form == PROCEDURAL) {
                make_row(bundle, source, kind, channel_sums);
            } else {
                arrive_row(number, bundle, source * bundle.delays_len + kind, channel_sums);
            }
        }
    }

    __device__ void arrive_row(u32 number, const Bundle &bundle, u32 row, int *channel_sums) {
        u32 rows = bundle.sources * bundle.delays_len + 1u;
        for (u32 block = 0u; block < params.blocks; block++) {
            u32 at = bundle.starts + block * rows;
            int *block_sums = channel_sums + block_tile(block) * TILE;
            u32 end = starts[at + row + 1u];
            for (u32 position = starts[at + row] + threadIdx.x; position < end; position += WORKGROUP_SIZE) {
                if (bundle.form == VARIED) {
                    u32 packed = synapses[position];
                    atomicAdd(&block_sums[packed & 0xffffu], (int)packed >> 16);
                    continue;
                }
                u32 target = (synapses[position / 2u] >> (16u * (position & 1u))) & 0xffffu;
                int quanta = bundle.quanta;
                if (bundle.form == PLASTIC) {
                    Places places = places_of(bundle, block);
                    real *weight = own_plastic + places.weights + position - starts[at];
                    real lower = rule_value(number, 1u) * fade_of(bundle, params.step % bundle.turn_steps).target;
                    real lowered = *weight - lower * own_plastic[places.target_traces + target];
                    *weight = lowered < (real)0 ? (real)0 : lowered;
                    quanta = nearest(*weight * rule_value(number, 3u));
                }
                atomicAdd(&block_sums[target], quanta);
            }
        }
    }

    // Synapses of a source with one delay, four a thread: simd/fanout.rs has the law.
    __device__ void make_row(const Bundle &bundle, u32 source, u32 kind, int *channel_sums) {
        const u32 *recipe = tables + bundle.recipe;
        const u32 *fan = recipe + RECIPE_WORDS + kind * FAN_WORDS;
        u64 pitch = (u64)fan[2] << 32 | fan[1];
        uint2 key = make_uint2(recipe[2], recipe[3]);
        u32 delay = tables[bundle.delays + kind];
        int *target_sums = channel_sums + recipe[0];
        for (u32 counter = threadIdx.x; 4u * counter < fan[0]; counter += WORKGROUP_SIZE) {
            uint4 places = philox(make_uint4(counter, source, delay, 0u), key);
            uint4 weights = places;
            if (recipe[5] != NO_WEIGHTS) {
                weights = philox(make_uint4(counter, source, delay, 1u), key);
            }
            for (u32 lane = 0u; lane < 4u && 4u * counter + lane < fan[0]; lane++) {
                u64 bits = word_of(places, lane);
                u64 within = bits * fan[2] + ((bits * fan[1]) >> 32);
                u32 target = (u32)((((u64)(4u * counter + lane)) * pitch + within) >> 32);
                target += (u32)(recipe[4] == 1u && target >= source);
                int quanta = bundle.quanta;
                if (recipe[5] != NO_WEIGHTS) {
                    u32 drawn = word_of(weights, lane) >> 16;
                    u32 two = synapses[recipe[5] + drawn / 2u];
                    quanta = (int)(two << (16u - 16u * (drawn & 1u))) >> 16;
                }
                atomicAdd(&target_sums[target], quanta);
            }
        }
    }

    __device__ u32 word_of(const uint4 &words, u32 lane) const {
        return lane == 0u ? words.x : lane == 1u ? words.y : lane == 2u ? words.z : words.w;
    }

    // Traces of sources and targets rise once all weights have looked at them.
    __device__ void rise(u32 tile) {
        u32 own_block = block_of(tile);
        for (u32 number = 0u; number < params.bundles; number++) {
            Bundle bundle = bundle_of(number);
            if (bundle.form != PLASTIC) {
                continue;
            }
            u32 delay = tables[bundle.delays];
            Fade fade = fade_of(bundle, params.step % bundle.turn_steps);
            u32 source_tile = tile - bundle.source_first / TILE;
            if (source_tile < bundle.sources / TILE && (fired(tile, delay) >> threadIdx.x & 1u) == 1u) {
                for (u32 block = 0u; block < params.blocks; block++) {
                    Places places = places_of(bundle, block);
                    u32 source = source_tile * TILE + threadIdx.x;
                    own_plastic[places.source_traces + source] += fade.source_rise;
                }
            }
            if ((fired(tile, 2u * delay) >> threadIdx.x & 1u) == 1u) {
                u32 first = places_of(bundle, own_block).target_traces;
                own_plastic[first + (tile - block_tile(own_block)) * TILE + threadIdx.x] += fade.target_rise;
            }
        }
    }

    // Noise, currents, potentials, spikes.
    __device__ void integrate(u32 tile) {
        u32 firing = __ballot_sync(EVERY_LANE, integrate_neuron(tile));
        if (threadIdx.x % WARP == 0u) {
            u32 row = number * params.ring_steps + params.step % params.ring_steps;
            spikes[row * (params.neurons / 32u) + tile * 2u + threadIdx.x / WARP] = firing;
        }
    }

    __device__ real flushed(real value) const {
        return params.step % FLUSH_STEPS == 0u && value < TINY && value > -TINY ? (real)0 : value;
    }

    // If it fires.
    __device__ bool integrate_neuron(u32 tile) {
        u32 population = 0u;
        while (population < params.populations && tables[population * POPULATION_WORDS + 1u] <= tile) {
            population += 1u;
        }
        if (population == params.populations) {
            return false;
        }
        u32 neuron = tile * TILE + threadIdx.x;
        const u32 *about = tables + population * POPULATION_WORDS;
        const real *membrane = constants + population * MEMBRANE_VALUES;
        int noise = (int)(noise_events(tile, about[5], about[6]) * about[3]);
        int *arrived = sums_of(params.step);
        int excitatory = (int)((u32)arrived[neuron] + (about[4] == 1u ? 0u : (u32)noise));
        int inhibitory = (int)((u32)arrived[params.neurons + neuron] + (about[4] == 1u ? (u32)noise : 0u));
        // What arrives when these sums are used again is added to nothing.
        arrived[neuron] = 0;
        arrived[params.neurons + neuron] = 0;
        real *own_state = state + number * 3u * params.neurons + neuron;
        int *release = releases + number * params.neurons + neuron;
        real v_before = flushed(own_state[0]);
        real e = flushed(own_state[params.neurons]);
        real i = flushed(own_state[2u * params.neurons]);
        real moved = v_before * membrane[0] + e * membrane[1] + i * membrane[2];
        moved = moved + drives[number * params.neurons + neuron];
        real v = *release <= (int)params.step ? moved : v_before;
        bool fires = v >= membrane[7];
        own_state[0] = fires ? membrane[8] : v;
        if (fires) {
            *release = (int)(params.step + 1u + about[2]);
        }
        own_state[params.neurons] = e * membrane[3] + (real)excitatory * membrane[5];
        own_state[2u * params.neurons] = i * membrane[4] + (real)inhibitory * membrane[6];
        return fires;
    }

    // Poisson events of a neuron in this step.
    __device__ u32 noise_events(u32 tile, u32 chances, u32 chances_len) const {
        if (chances_len == 0u) {
            return 0u;
        }
        const u32 *seeds = tables + params.populations * POPULATION_WORDS + params.bundles * BUNDLE_WORDS;
        const u32 *seed = seeds + (params.blocks + 1u) + 2u * number;
        u32 lane = threadIdx.x;
        uint4 words = philox(make_uint4(tile * 16u + lane % 16u, params.step, 0u, 0u), make_uint2(seed[0], seed[1]));
        u32 bits = word_of(words, lane / 16u);
        u32 events = 0u;
        for (u32 chance = chances; chance < chances + chances_len; chance++) {
            events += (u32)(bits >= tables[chance]);
        }
        return events;
    }
};

// Calls `each(replica, tile)` for the tiles of this block, in one step.
template <class Each> inline __device__ void every_tile(const Arguments &arguments, u32 step, Each each) {
    for (u32 number = blockIdx.y; number < arguments.params.replicas; number += gridDim.y) {
        Replica replica(arguments, number);
        replica.params.step = step;
        for (u32 tile = blockIdx.x; tile < arguments.params.neurons / TILE; tile += gridDim.x) {
            each(replica, tile);
        }
    }
}

// Where blocks wait for each other: the last word of scratch.
inline __device__ u32 *meeting_of(const Arguments &arguments) {
    const Params &params = arguments.params;
    return (u32 *)arguments.scratch + 2u * (u64)ring_len(params) * params.replicas * params.neurons;
}

KERNEL(begin) {
    if (blockIdx.x == 0u && blockIdx.y == 0u && threadIdx.x == 0u) {
        *meeting_of(arguments) = 0u;
    }
    if (arguments.params.steps > 0u) {
        every_tile(arguments, arguments.params.step, [](Replica &replica, u32 tile) { replica.begin(tile); });
    }
}

KERNEL(run) {
    Meeting meeting(meeting_of(arguments));
    bool learning = arguments.params.plastic > 0u;
    bool pushes = ring_len(arguments.params) > 1u;
    u32 interval = pushes && !learning ? arguments.params.interval : 1u;
    u32 end = arguments.params.step + arguments.params.steps;
    if (pushes) {
        every_tile(arguments, arguments.params.step, [](Replica &replica, u32 tile) {
            for (u32 ago = 1u; ago <= replica.params.horizon; ago++) {
                replica.push(tile, ago);
            }
        });
        meeting.wait();
    }
    for (u32 step = arguments.params.step; step < end; step += interval) {
        if (learning) {
            every_tile(arguments, step, [](Replica &replica, u32 tile) { replica.raise(tile); });
            meeting.wait();
        }
        if (learning || !pushes) {
            every_tile(arguments, step, [=](Replica &replica, u32 tile) { replica.arrive(tile, pushes); });
            meeting.wait();
        }
        every_tile(arguments, step, [=](Replica &replica, u32 tile) {
            for (; replica.params.step < min(step + interval, end); replica.params.step++) {
                replica.integrate(tile);
                if (pushes) {
                    // Who fired is told by two warps.
                    __syncthreads();
                    replica.push(tile, 0u);
                }
                if (learning) {
                    replica.rise(tile);
                }
            }
            if (learning && step + 1u < end) {
                replica.turn(tile);
            }
            replica.params.step = step;
        });
        meeting.wait();
    }
}
