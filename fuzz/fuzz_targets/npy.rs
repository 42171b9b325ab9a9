//! Any bytes as a `.npy` file: no panic, and what is taken keeps the rules.
#![no_main]

use libfuzzer_sys::fuzz_target;

// The server is a binary, so its module is included. Reading by path is not fuzzed.
#[allow(dead_code)]
#[path = "../../server/src/npy.rs"]
mod npy;

fuzz_target!(|bytes: &[u8]| {
    check(bytes, npy::parse_vectors(bytes), |value| value.is_finite());
    check(bytes, npy::parse_ids(bytes), |id| *id < u32::MAX);
});

fn check<T>(bytes: &[u8], parsed: Result<npy::Matrix<T>, npy::Fault>, fits: impl Fn(&T) -> bool) {
    match parsed {
        Ok(matrix) => {
            assert_eq!(matrix.rows.checked_mul(matrix.cols), Some(matrix.values.len()));
            assert!(matrix.values.capacity() <= bytes.len() / 2, "more room than the file lets expect");
            assert!(matrix.values.iter().all(fits));
            assert_eq!(matrix.row(matrix.rows - 1).len(), matrix.cols);
        }
        Err(fault) => assert!(fault.to_string().len() < 300),
    }
}
