// Times of first spikes and products of Q16; the law is kernels/shared/first_spike.rs.

// Time of the first spike of a current, us, or NO_SPIKE.
fn first_spike_us(current: u32) -> u32 {
    if current >= CURRENT_INSTANT {
        return 0u;
    }
    if current < CURRENT_MIN {
        return NO_SPIKE;
    }
    let octaves = countLeadingZeros(current) - 16u;
    let mantissa = current << octaves;
    let step = (mantissa >> 7u) - STEPS;
    let here = HALF_OCTAVE[step];
    let fall = here - HALF_OCTAVE[step + 1u];
    let time = octaves * OCTAVE + here - ((fall * (mantissa & 127u)) >> 7u);
    return (time + 0x8000u) >> 16u;
}

// The same, where a spike later than the window does not count.
fn spike_within(window_us: u32, current: u32) -> u32 {
    let time = first_spike_us(current);
    return select(time, NO_SPIKE, time > window_us);
}

// a * b in Q16, rounded down. |a| up to 2^20, |b| up to 2^16.
fn mul_q16(a: i32, b: i32) -> i32 {
    return (a * (b >> 8u) + ((a * (b & 255)) >> 8u)) >> 8u;
}
