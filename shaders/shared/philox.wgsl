// Philox4x32-7, the law of simd/philox.rs.

// Upper half of a product of 32-bit numbers.
fn product_high(a: u32, b: u32) -> u32 {
    let low = (a & 0xffffu) * (b & 0xffffu);
    let middle = (a >> 16u) * (b & 0xffffu) + (low >> 16u);
    let other = (a & 0xffffu) * (b >> 16u) + (middle & 0xffffu);
    return (a >> 16u) * (b >> 16u) + (middle >> 16u) + (other >> 16u);
}

fn philox(counter: vec4<u32>, key: vec2<u32>) -> vec4<u32> {
    var c = counter;
    var k = key;
    for (var round = 0u; round < 7u; round++) {
        let left = vec2(c.x * 0xd2511f53u, product_high(c.x, 0xd2511f53u));
        let right = vec2(c.z * 0xcd9e8d57u, product_high(c.z, 0xcd9e8d57u));
        c = vec4(right.y ^ c.y ^ k.x, right.x, left.y ^ c.w ^ k.y, left.x);
        k += vec2(0x9e3779b9u, 0xbb67ae85u);
    }
    return c;
}
