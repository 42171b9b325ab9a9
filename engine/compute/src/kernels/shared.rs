//! What several kernels have in common.

pub(crate) mod diversify;
pub mod first_spike;
pub mod graph_shard;
pub(crate) mod queries;
pub mod ranked;
pub mod row_shard;
pub(crate) mod walk;
