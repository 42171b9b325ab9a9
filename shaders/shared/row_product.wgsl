// Inner products of codes of a row with those of one query of a tile or of eight, an invocation for itself.

struct Invocation {
    @builtin(local_invocation_index) lane: u32,
}

fn row_product(slot: u32, row: u32, counts: bool, invocation: Invocation) -> i32 {
    let vectors = params.dim / 16u;
    var sum = 0;
    for (var at = 0u; at < vectors && counts; at++) {
        sum += vector_product(codes[row * vectors + at], query_codes[slot * vectors + at]);
    }
    return sum;
}

fn row_products(row: u32, counts: bool, invocation: Invocation) -> array<vec4<i32>, 2> {
    let vectors = params.dim / 16u;
    var low = vec4(0);
    var high = vec4(0);
    for (var at = 0u; at < vectors && counts; at++) {
        let more = vector_products(codes[row * vectors + at], at);
        low += more[0];
        high += more[1];
    }
    return array(low, high);
}
