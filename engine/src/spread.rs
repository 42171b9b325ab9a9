//! Spreading over a bare graph, without texts or a log: what `bench spread` measures is what recalls use.

pub use cortexkg_compute::kernels::activation_spread::HUB_BIT;
pub use cortexkg_memory::resident::{Fired, GraphCopy, SpreadLane, Spreading};
pub use cortexkg_memory::state::graph::{Edge, EdgeClass, Graph, Side};
