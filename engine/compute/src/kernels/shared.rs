//! What several kernels have in common.

pub mod first_spike;
pub mod ranked;
pub mod row_shard;
