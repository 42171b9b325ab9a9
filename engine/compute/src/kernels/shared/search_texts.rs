//! What the device forms of both searches of rows are made of: `similarity_topk` and `similarity_cells`.

use super::queries::SLACK;
use super::ranked::NO_ROW;
use super::row_shard::DIM_MAX;
use super::tiles;
use crate::simd::{BLOCK_ROWS, CODE_MAX, CODE_ZERO};
use crate::source::{Constant, Text};

/// Numbers that both languages want.
pub(crate) static NUMBERS: Text = Text {
    constants: &[
        ("BLOCK_ROWS", Constant::U32(BLOCK_ROWS as u32)),
        ("CODE_MAX", Constant::F32(CODE_MAX as f32)),
        ("CODE_ZERO", Constant::I32(CODE_ZERO)),
        ("NO_ROW", Constant::U32(NO_ROW)),
        ("SLACK", Constant::F32(SLACK as f32)),
    ],
    text: "",
};

/// How WGSL codes a query.
pub(crate) static QUERY_CODES: Text = Text {
    constants: &[
        ("DIM_VECTORS_MAX", Constant::U32(DIM_MAX as u32 / 16)),
        ("TILE_MAX", Constant::U32(tiles::WGSL_QUERIES as u32)),
    ],
    text: include_str!("../../../../../shaders/shared/query_codes.wgsl"),
};

/// Its lists of a tile's queries.
pub(crate) static LISTS: Text =
    Text { constants: &[], text: include_str!("../../../../../shaders/shared/lists.wgsl") };

/// How it scores a row whose product is known.
pub(crate) static SCORES: Text =
    Text { constants: &[], text: include_str!("../../../../../shaders/shared/row_scores.wgsl") };

/// How it multiplies a row with queries: an invocation for itself.
pub(crate) static PRODUCT: Text =
    Text { constants: &[], text: include_str!("../../../../../shaders/shared/row_product.wgsl") };

/// And lanes together.
pub(crate) static PRODUCT_BY_SUBGROUPS: Text =
    Text { constants: &[], text: include_str!("../../../../../shaders/shared/row_product_subgroups.wgsl") };

/// Lists in CUDA.
pub(crate) static CUDA_LISTS: Text =
    Text { constants: &[], text: include_str!("../../../../../kernels/shared/lists.cuh") };

/// How CUDA codes queries and multiplies a tile of them with rows.
pub(crate) static CUDA_PRODUCTS: Text = Text {
    constants: &[("QUERIES_TILE", Constant::U32(tiles::QUERIES as u32))],
    text: include_str!("../../../../../kernels/shared/row_products.cuh"),
};
