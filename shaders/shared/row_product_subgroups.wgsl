// Inner products of codes of a row with those of one query of a tile or of eight, on devices whose lanes pass each other numbers: four
// that follow each other read their four rows one after the other, together, so that what a load brings lies side by side. All must
// come here. Which lane has which row does not matter: each tells its own.

struct Invocation {
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) place: u32,
}

const TEAM: u32 = 4u;

// The row that a member of the team has, or none.
fn row_of(member: u32, row: u32, counts: bool, invocation: Invocation) -> u32 {
    return subgroupShuffle(select(NO_ROW, row, counts), invocation.place / TEAM * TEAM + member);
}

fn row_product(slot: u32, row: u32, counts: bool, invocation: Invocation) -> i32 {
    let vectors = params.dim / 16u;
    let own_member = invocation.place % TEAM;
    var own = 0;
    for (var member = 0u; member < TEAM; member++) {
        let theirs = row_of(member, row, counts, invocation);
        var sum = 0;
        for (var at = own_member; at < vectors && theirs != NO_ROW; at += TEAM) {
            sum += vector_product(codes[theirs * vectors + at], query_codes[slot * vectors + at]);
        }
        sum += subgroupShuffleXor(sum, 1u);
        sum += subgroupShuffleXor(sum, 2u);
        own = select(own, sum, member == own_member);
    }
    return own;
}

fn row_products(row: u32, counts: bool, invocation: Invocation) -> array<vec4<i32>, 2> {
    let vectors = params.dim / 16u;
    let own_member = invocation.place % TEAM;
    var own = array(vec4(0), vec4(0));
    for (var member = 0u; member < TEAM; member++) {
        let theirs = row_of(member, row, counts, invocation);
        var low = vec4(0);
        var high = vec4(0);
        for (var at = own_member; at < vectors && theirs != NO_ROW; at += TEAM) {
            let more = vector_products(codes[theirs * vectors + at], at);
            low += more[0];
            high += more[1];
        }
        low += subgroupShuffleXor(low, 1u);
        high += subgroupShuffleXor(high, 1u);
        low += subgroupShuffleXor(low, 2u);
        high += subgroupShuffleXor(high, 2u);
        if member == own_member {
            own = array(low, high);
        }
    }
    return own;
}
