// Arithmetic of synaptic weights; the law is kernels/shared/plasticity.rs.

// 16 bits drawn from a synapse and a round.
fn dither(synapse: u32, round: u32) -> u32 {
    var bits = (synapse * 0x9e3779b1u) ^ round;
    bits = (bits ^ (bits >> 16u)) * 0x85ebca6bu;
    bits = (bits ^ (bits >> 13u)) * 0xc2b2ae35u;
    return bits >> 16u;
}

// A share (1.0 = 2^32) of an amount up to WEIGHT_MAX, rounded up or down by 16 drawn bits.
fn share_of(amount: u32, share: u32, drawn: u32) -> u32 {
    let product = amount * (share >> 16u) + ((amount * (share & 0xffffu)) >> 16u);
    return (product + drawn) >> 16u;
}

fn potentiated(weight: u32, share: u32, weight_max: u32, drawn: u32) -> u32 {
    return weight + share_of(weight_max - weight, share, drawn);
}

fn depressed(weight: u32, share: u32, drawn: u32) -> u32 {
    return weight - share_of(weight, share, drawn);
}
