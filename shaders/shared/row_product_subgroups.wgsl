// The inner product of codes of a row with those of the query, on devices whose lanes pass each other numbers: four that follow each
// other read their four rows one after the other, together, so that what a load brings lies side by side. All must come here. Which
// lane has which row does not matter: each tells its own.

struct Invocation {
    @builtin(local_invocation_index) lane: u32,
    @builtin(subgroup_invocation_id) place: u32,
}

fn vector_product(a: vec4<u32>, b: vec4<u32>) -> i32 {
    return (dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y)) + (dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w));
}

fn row_product(row: u32, counts: bool, invocation: Invocation) -> i32 {
    let vectors = params.dim / 16u;
    let member = invocation.place % 4u;
    var own = 0;
    for (var turn = 0u; turn < 4u; turn++) {
        let theirs = subgroupShuffle(select(NO_ROW, row, counts), invocation.place - member + turn);
        var sum = 0;
        if theirs != NO_ROW {
            for (var at = member; at < vectors; at += 4u) {
                sum += vector_product(codes[theirs * vectors + at], query_codes[at]);
            }
        }
        sum += subgroupShuffleXor(sum, 1u);
        sum += subgroupShuffleXor(sum, 2u);
        own = select(own, sum, turn == member);
    }
    return own;
}
