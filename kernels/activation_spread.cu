// A lane a block. What a lane has driven or reached is listed, so a step costs what it touches; cells lie by node in scratch, begin as
// 0, and are 0 again when a lane is done. A spike's row is walked by the whole block, twice: first amounts are added and the largest is known,
// then the lowest of those who gave it becomes the parent.

// States of a cell.
#define TOUCHED 1u
#define FIRED 2u

__shared__ u32 touched_count;
__shared__ u32 fired_count;
__shared__ u32 leaves_fired;

inline __device__ u32 sum_saturating(u32 a, u32 b) {
    return a + min(b, ~a);
}

inline __device__ void add_saturating(u32 *sum, u32 amount) {
    u32 before = load(sum);
    for (;;) {
        u32 found = atomicCAS(sum, before, sum_saturating(before, amount));
        if (found == before) {
            return;
        }
        before = found;
    }
}

// part / whole, 1.0 = 65,536, within 32 bits.
inline __device__ u32 share_of_row(u32 part, u32 whole) {
    u32 shift = max(32u - (u32)__clz(part), 16u) - 16u;
    u32 divisor = whole >> shift;
    return divisor == 0u ? ONE : min(((part >> shift) << 16) / divisor, ONE);
}

// Logarithm to base 2, 1.0 = 256, linear between powers.
inline __device__ u32 log2_fixed(u32 n) {
    if (n < 2u) {
        return 0u;
    }
    u32 whole = 31u - (u32)__clz(n);
    // The 8 bits below the leading one.
    u32 fraction = (whole >= 8u ? n >> (whole - 8u) : (n << 8) >> whole) & 0xffu;
    return whole * 256u + fraction;
}

// Square root, 1.0 = 16, rounded down, digit by digit.
inline __device__ u32 sqrt_fixed(u32 n) {
    u32 square = min(n, 0xffffffu) << 8;
    u32 root = 0u;
    for (u32 bit = 0x8000u; bit > 0u; bit >>= 1) {
        u32 trial = root | bit;
        if (trial * trial <= square) {
            root = trial;
        }
    }
    return root;
}

// What of an amount passes the gate of its target.
inline __device__ u32 gated(u32 amount, u32 floor_of_class, u32 gate) {
    u32 open = floor_of_class + (((ONE - floor_of_class) * min(gate, ONE - 1u)) >> 16);
    return ((min(amount, 127u << 16) >> 4) * (open >> 4)) >> 8;
}

// Scratch of each block [10][nodes]: the fields of cells, then the list of touched nodes, then of those that fired.
struct Spread : Arguments {
    u32 *state;
    // The potential; once it has fired, the part of the step.
    u32 *v;
    u32 *drive;
    u32 *gate;
    u32 *current;
    u32 *spiked;
    u32 *best;
    // The complement of the node, so that 0 is nobody and the lowest node is the largest.
    u32 *parent;
    u32 *touched;
    u32 *fired_nodes;

    __device__ explicit Spread(const Arguments &arguments) : Arguments(arguments) {
        state = (u32 *)scratch + (u64)blockIdx.x * 10u * params.nodes;
        v = state + params.nodes;
        drive = v + params.nodes;
        gate = drive + params.nodes;
        current = gate + params.nodes;
        spiked = current + params.nodes;
        best = spiked + params.nodes;
        parent = best + params.nodes;
        touched = parent + params.nodes;
        fired_nodes = touched + params.nodes;
    }

    // Makes a cell one that nothing has touched.
    __device__ void clear(u32 node) {
        u32 *fields[] = {state, v, drive, gate, current, spiked, best, parent};
        for (u32 *field : fields) {
            field[node] = 0u;
        }
    }

    // Start of the near and far row, length of the near and far row.
    __device__ uint4 row_of(u32 node) const {
        return ((const uint4 *)nodes)[node];
    }

    // Target; class in the upper 8 bits, weight in the lower 24.
    __device__ uint2 edge_at(u32 edge) const {
        return ((const uint2 *)edges)[edge];
    }

    __device__ bool is_hub(u32 node) const {
        return (owners[node] & HUB_BIT) != 0u;
    }

    // Lists a node, unless it is listed.
    __device__ void touch(u32 node) {
        if (atomicMax(&state[node], TOUCHED) == 0u) {
            touched[atomicAdd(&touched_count, 1u)] = node;
        }
    }

    // Leak, integration and threshold of one node.
    __device__ void step_cell(u32 node) {
        u32 leaked = v[node] - v[node] / params.leak_div;
        u32 flow = current[node] / params.synapse_div;
        current[node] -= flow;
        u32 now = min(sum_saturating(sum_saturating(leaked, drive[node]), flow), V_MAX);
        v[node] = now;
        if (now >= ONE) {
            // Part of the step at which the potential crossed the threshold.
            u32 rise = max(min(now - leaked, 0xffffffu), 1u);
            v[node] = min((ONE - leaked) * STEP_PARTS / rise, STEP_PARTS - 1u);
            state[node] = FIRED;
            fired_nodes[atomicAdd(&fired_count, 1u)] = node;
            if (!is_hub(node)) {
                atomicAdd(&leaves_fired, 1u);
            }
        }
    }

    // Writes one of those that fired in this step, `first..end`, to its place in the order of time, then node.
    __device__ void tell(u32 query, u32 step, u32 node, u32 first, u32 end) {
        u32 fraction = v[node];
        u32 rank = first;
        for (u32 place = first; place < end; place++) {
            u32 other = fired_nodes[place];
            rank += (u32)(v[other] < fraction || (v[other] == fraction && other < node));
        }
        if (rank < params.fired_max) {
            // A drive is at most 2^16 and steps are below 2^16: what it gave in all is below 2^32.
            u32 driven = drive[node] * (step + 1u);
            u32 *out = fired + (query * params.fired_max + rank) * FIRED_WORDS;
            out[0] = node;
            out[1] = step * STEP_PARTS + fraction;
            out[2] = spiked[node] >= driven ? ~parent[node] : NONE;
        }
    }

    // Weight times rarity, 1.0 = 256; 0 for a dead hub.
    __device__ u32 part(u32 packed, u32 hub) const {
        uint4 row = row_of(hub);
        u32 degree = row.z + row.w;
        if (row.z == 0u && (degree < 2u || degree > params.degree_max)) {
            return 0u;
        }
        u32 total = log2_fixed(params.leaves_total);
        u32 rarity = total - min(log2_fixed(degree), total);
        u32 weight = min((packed & 0xffffffu) >> 4, 16u * 256u - 1u);
        return (weight * rarity) >> 8;
    }

    // Parts of a row's edges that share it out, added up.
    __device__ u32 row_mass(u32 start, u32 end) const {
        u32 own = 0u;
        for (u32 edge = start + threadIdx.x; edge < end; edge += WORKGROUP_SIZE) {
            uint2 to = edge_at(edge);
            if (classes[(to.y >> 24) * 3u + 1u] == NORM_SHARE) {
                own += part(to.y, to.x);
            }
        }
        return fold<Sum>(own);
    }

    // What an edge of a row hands on.
    __device__ u32 amount_of(uint2 to, uint4 row, u32 root, u32 whole) const {
        const u32 *edge_class = classes + (to.y >> 24) * 3u;
        u32 gain = edge_class[0];
        u32 norm = edge_class[1];
        u32 amount = 0u;
        if (norm == NORM_SHARE) {
            if (whole > 0u) {
                amount = (gain * share_of_row(part(to.y, to.x), whole)) >> 8;
            }
        } else if (norm == NORM_ROW) {
            amount = (gain << 8) / max(row.z, 1u);
        } else if (norm == NORM_ROOT) {
            amount = (gain << 12) / max(root, 1u);
        } else {
            amount = (gain * min(to.y & 0xffffffu, 0xffffu)) >> 4;
        }
        amount = gated(amount, edge_class[2], gate[to.x]);
        if (drive[to.x] > 0u && is_hub(to.x)) {
            amount = ((amount >> 4) * (params.driven_damp >> 4)) >> 8;
        }
        return amount;
    }

    // A spike along one row of a node, `start..end`: its amounts, or who is parent by them.
    __device__ void walk(u32 node, uint4 row, u32 start, u32 end, bool parents) {
        u32 whole = row_mass(start, end);
        u32 root = sqrt_fixed(row.z + row.w);
        for (u32 edge = start + threadIdx.x; edge < end; edge += WORKGROUP_SIZE) {
            uint2 to = edge_at(edge);
            if (load(&state[to.x]) == FIRED) {
                continue;
            }
            u32 amount = amount_of(to, row, root, whole);
            if (amount == 0u) {
                continue;
            }
            if (!parents) {
                touch(to.x);
                add_saturating(&current[to.x], amount);
                add_saturating(&spiked[to.x], amount);
                if (atomicMax(&best[to.x], amount) < amount) {
                    // Whoever gave less is no parent any more.
                    store(&parent[to.x], 0u);
                }
            } else if (amount == best[to.x]) {
                atomicMax(&parent[to.x], ~node);
            }
        }
    }

    // A spike along both rows of a node.
    __device__ void spike(u32 node, bool parents) {
        uint4 row = row_of(node);
        bool hands_on = !is_hub(node) || row.z + row.w <= params.degree_max;
        walk(node, row, row.x, row.x + row.z, parents);
        walk(node, row, row.y, row.y + (hands_on ? row.w : 0u), parents);
    }

    // Steps until a lane ends; how many nodes fired.
    __device__ u32 run(u32 query) {
        u32 before = 0u;
        for (u32 step = 0u; step < params.steps_max; step++) {
            u32 listed = told(touched_count);
            for (u32 place = threadIdx.x; place < listed; place += WORKGROUP_SIZE) {
                u32 node = touched[place];
                if (state[node] != FIRED) {
                    step_cell(node);
                }
            }
            u32 now = told(fired_count);
            for (u32 place = before + threadIdx.x; place < now; place += WORKGROUP_SIZE) {
                tell(query, step, fired_nodes[place], before, now);
            }
            for (u32 place = before; place < now; place++) {
                spike(fired_nodes[place], false);
            }
            __syncthreads();
            for (u32 place = before; place < now; place++) {
                spike(fired_nodes[place], true);
            }
            before = now;
            if (told(leaves_fired) >= params.leaves_max) {
                break;
            }
        }
        return before;
    }
};

KERNEL(main) {
    const Params &params = arguments.params;
    Spread spread(arguments);
    for (u32 query = blockIdx.x; query < params.lanes; query += gridDim.x) {
        if (threadIdx.x == 0u) {
            touched_count = 0u;
            fired_count = 0u;
            leaves_fired = 0u;
        }
        __syncthreads();
        u32 end = arguments.lane_starts[query + 1u];
        for (u32 seed = arguments.lane_starts[query] + threadIdx.x; seed < end; seed += WORKGROUP_SIZE) {
            u32 node = arguments.seed_nodes[seed];
            spread.touch(node);
            spread.drive[node] = arguments.seed_drives[seed];
            spread.gate[node] = arguments.seed_gates[seed];
        }
        u32 total = spread.run(query);
        if (threadIdx.x == 0u) {
            arguments.fired_len[query] = total;
        }
        // What was touched is 0 again for the next lane.
        u32 listed = told(touched_count);
        for (u32 place = threadIdx.x; place < listed; place += WORKGROUP_SIZE) {
            spread.clear(spread.touched[place]);
        }
        __syncthreads();
    }
}
