//! The list of kernels: the table of contents of the compute engine.
//!
//! One file a kernel. Its header is the contract; `reference` is the law, `cpu` the product's host form, `cases`
//! the inputs on which every form is compared. To add one: the file, a `mod` and a line in [`KERNELS`]; then
//! `shaders/NAME.wgsl` and `kernels/NAME.cu`, or an entry in `absent` that says why not.

pub mod activation_spread;
pub mod column_compete;
pub mod encode_rows;
pub mod graph_backlink;
pub mod graph_betweenness;
pub mod graph_components;
pub mod graph_levels;
pub mod graph_link;
pub mod graph_rank;
pub mod graph_search;
pub mod graph_sketch;
pub mod graph_triangles;
pub mod graph_unlink;
pub mod homeostasis;
pub mod lateral_inhibit;
pub mod network_run;
pub mod network_run_f64;
pub mod shared;
pub mod similarity_cells;
pub mod similarity_topk;
pub mod stdp_update;
pub mod ttfs_encode;
pub mod weight_decay;

use crate::kernel::Kernel;

/// Every kernel there is.
pub static KERNELS: &[&Kernel] = &[
    &activation_spread::KERNEL,
    &column_compete::KERNEL,
    &encode_rows::KERNEL,
    &graph_backlink::KERNEL,
    &graph_betweenness::KERNEL,
    &graph_components::KERNEL,
    &graph_levels::KERNEL,
    &graph_link::KERNEL,
    &graph_rank::KERNEL,
    &graph_search::KERNEL,
    &graph_sketch::KERNEL,
    &graph_triangles::KERNEL,
    &graph_unlink::KERNEL,
    &homeostasis::KERNEL,
    &lateral_inhibit::KERNEL,
    &network_run::KERNEL,
    &network_run_f64::KERNEL,
    &similarity_cells::KERNEL,
    &similarity_topk::KERNEL,
    &stdp_update::KERNEL,
    &ttfs_encode::KERNEL,
    &weight_decay::KERNEL,
];
