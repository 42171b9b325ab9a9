//! The list of kernels: the table of contents of the compute engine.
//!
//! One file a kernel. Its header is the contract; `reference` is the law, `cpu` the product's host form, `cases`
//! the inputs on which every form is compared. To add one: the file, a `mod` and a line in [`KERNELS`]; then
//! `shaders/NAME.wgsl` and `kernels/NAME.cu`, or an entry in `absent` that says why not.

pub mod activation_spread;
pub mod encode_rows;
pub mod graph_backlink;
pub mod graph_link;
pub mod graph_search;
pub mod graph_unlink;
pub mod shared;
pub mod similarity_rows;
pub mod similarity_topk;
pub mod ttfs_compete;

use crate::kernel::Kernel;

/// Every kernel there is.
pub static KERNELS: &[&Kernel] = &[
    &activation_spread::KERNEL,
    &encode_rows::KERNEL,
    &graph_backlink::KERNEL,
    &graph_link::KERNEL,
    &graph_search::KERNEL,
    &graph_unlink::KERNEL,
    &similarity_rows::KERNEL,
    &similarity_topk::KERNEL,
    &ttfs_compete::KERNEL,
];
