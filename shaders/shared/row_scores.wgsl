// Whether a row counts for a query, what products of a row's codes are made of, and the score of a row whose product with the codes of
// a slot's query is known.

fn allowed(query: u32, row: u32) -> bool {
    if params.masks == 0u {
        return true;
    }
    let first = select(query * params.mask_words, 0u, params.masks == 1u);
    return ((masks[first + row / 64u][(row / 32u) % 2u] >> (row % 32u)) & 1u) == 1u;
}

fn vector_product(a: vec4<u32>, b: vec4<u32>) -> i32 {
    return (dot4I8Packed(a.x, b.x) + dot4I8Packed(a.y, b.y)) + (dot4I8Packed(a.z, b.z) + dot4I8Packed(a.w, b.w));
}

// What one vector of a row adds for eight queries.
fn vector_products(codes_of_row: vec4<u32>, at: u32) -> array<vec4<i32>, 2> {
    let vectors = params.dim / 16u;
    return array(
        vec4(
            vector_product(codes_of_row, query_codes[at]),
            vector_product(codes_of_row, query_codes[vectors + at]),
            vector_product(codes_of_row, query_codes[2u * vectors + at]),
            vector_product(codes_of_row, query_codes[3u * vectors + at]),
        ),
        vec4(
            vector_product(codes_of_row, query_codes[4u * vectors + at]),
            vector_product(codes_of_row, query_codes[5u * vectors + at]),
            vector_product(codes_of_row, query_codes[6u * vectors + at]),
            vector_product(codes_of_row, query_codes[7u * vectors + at]),
        ),
    );
}

// The estimate of a row, and its upper end.
fn score_of(row: u32, slot: u32, sum: i32) -> vec2<f32> {
    let at = row / BLOCK_ROWS * 3u * BLOCK_ROWS + row % BLOCK_ROWS;
    let step = exactly(factors[at] * query_scales[slot]);
    let estimate = exactly(f32(sum - CODE_ZERO * atomicLoad(&code_sums[slot])) * step);
    let of_row = exactly(factors[at + BLOCK_ROWS] * query_bounds[slot].x);
    let bound = exactly(of_row + exactly(factors[at + 2u * BLOCK_ROWS] * query_bounds[slot].y));
    return vec2(estimate, estimate + bound);
}
