//! The competition of columns on a bare grid, without texts or a log: what `bench allocation` measures is what stores use.

pub use cortexkg_compute::kernels::shared::columns::{ALLOCATED, AVAILABLE, COLUMN_WORDS, Requests, VACANT};
pub use cortexkg_compute::kernels::{column_compete, lateral_inhibit, ttfs_encode};
pub use cortexkg_compute::{Buffer, Recording};
