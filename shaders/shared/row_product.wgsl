// The inner product of codes of a row with those of the query, an invocation for itself.

struct Invocation {
    @builtin(local_invocation_index) lane: u32,
}

fn vector_product(a: vec4<u32>, b: vec4<u32>) -> i32 {
    return (dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y)) + (dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w));
}

fn row_product(row: u32, counts: bool, invocation: Invocation) -> i32 {
    var sum = 0;
    if counts {
        let vectors = params.dim / 16u;
        for (var at = 0u; at < vectors; at++) {
            sum += vector_product(codes[row * vectors + at], query_codes[at]);
        }
    }
    return sum;
}
