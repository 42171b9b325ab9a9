// The rotation of simd/rotation.rs, by a workgroup, over numbers that the text it is part of holds: value_at and set_value.
// Sums, differences and one product a number, so that nothing can be fused.

// The sign bit for half of all places.
fn sign_bit(at: u32) -> u32 {
    var bits = (at + 1u) * 0x9e3779b9u;
    bits = (bits ^ (bits >> 16u)) * 0x85ebca6bu;
    bits = (bits ^ (bits >> 13u)) * 0xc2b2ae35u;
    return (bits ^ (bits >> 16u)) & 0x80000000u;
}

fn rotate(dim: u32, lane: u32) {
    for (var at = lane; at < dim; at += WORKGROUP_SIZE) {
        set_value(at, bitcast<f32>(bitcast<u32>(value_at(at)) ^ sign_bit(at)));
    }
    let stages = firstTrailingBit(dim);
    for (var stage = 0u; stage < stages; stage++) {
        storageBarrier();
        let half = 1u << stage;
        for (var pair = lane; pair < dim / 2u; pair += WORKGROUP_SIZE) {
            let low = ((pair >> stage) << (stage + 1u)) + (pair & (half - 1u));
            let a = value_at(low);
            let b = value_at(low + half);
            set_value(low, a + b);
            set_value(low + half, a - b);
        }
    }
    storageBarrier();
    // One over the root of 2^stages, as it is rounded on a host.
    let root = bitcast<f32>((127u - stages / 2u) << 23u) * select(1.0, ROOT_OF_HALF, stages % 2u == 1u);
    for (var at = lane; at < dim; at += WORKGROUP_SIZE) {
        set_value(at, value_at(at) * root);
    }
    storageBarrier();
}
