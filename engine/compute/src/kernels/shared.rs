//! What several kernels have in common.

pub mod columns;
pub mod csr;
pub(crate) mod diversify;
pub mod first_spike;
pub mod graph_shard;
pub(crate) mod leaders;
pub mod plasticity;
pub(crate) mod queries;
pub mod ranked;
pub mod row_shard;
pub(crate) mod search_texts;
pub(crate) mod tiles;
pub(crate) mod walk;
