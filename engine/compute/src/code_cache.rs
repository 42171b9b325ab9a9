//! `CodeCache`: where the code that a device's compiler made is kept from one process to the next.
//!
//! This crate touches no files, so whoever opens a device says where, if anywhere. A cache may lose what it was given, and may give
//! back anything at all: back ends seal what they put there and compile anew what does not come back whole.

use std::fmt;

/// A place for bytes under names.
pub trait CodeCache: fmt::Debug + Send + Sync {
    /// What was put under a key, if it is still there. Keys are of hexadecimal digits.
    fn get(&self, key: &str) -> Option<Vec<u8>>;

    /// Keeps bytes under a key in place of what was there. A cache that cannot is no worse than none.
    fn put(&self, key: &str, bytes: &[u8]);
}
