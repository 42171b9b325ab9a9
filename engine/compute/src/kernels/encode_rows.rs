//! `encode_rows`: f16 rows into the stored form of a `RowShard`.
//!
//! - Input: `rows`, f16 `[rows][dim]`; `dim` a multiple of 32 (callers pad with zeros), at most 8,192. Callers refuse
//!   NaN and infinity; they never reach a kernel.
//! - Output: rows `row_first..row_first + rows` of a shard: `codes` and `factors` as in `shared::row_shard`. Other rows keep
//!   their values, also those in the same block.
//! - What is coded is the row after rotation (`simd::rotation`, in f32). scale = largest magnitude * (1/63)
//!   in f32, rounded up to 8 significant bits; code of x: x / scale to nearest, halves away from zero, stored with 64
//!   added. Code * scale and its difference from x are exact in f32, so codes are decided exactly.
//! - Factors: scale; `error` at least |x - scale * code| and `norm` at least |scale * code|, up to the rounding of the rotation,
//!   which the scan's slack covers. A zero row has zero factors.
//! - Tolerance: codes are equal bit for bit. Factors are sums of squares: f64 forms agree to 1 ulp after
//!   rounding to f32; a form that adds 8,192 squares in f32 by a tree over 256 lanes stays within
//!   (32 + 8) / 2 half-ulps after the square root: 16 ulp holds for all.

use super::shared::row_shard::{RowShard, dim_is_valid};
use crate::args::Args;
use crate::buffer::Buffer;
use crate::case::{Case, Draw};
use crate::element::Element;
use crate::kernel::{Binding, Grid, Kernel, Params as _, Tolerance};
use crate::parallel::in_parallel;
use crate::recording::Recording;
use crate::simd::rotation::{self, rotate};
use crate::simd::{BLOCK_ROWS, CODE_MAX, CODE_ZERO, Simd};
use crate::source::{Constant, Scratch, Source, Text};
use half::f16;

crate::params! {
    /// Parameters of `encode_rows`.
    pub struct Params {
        /// Dimensions of a row.
        pub dim: u32,
        /// Rows to encode.
        pub rows: u32,
        /// Row of the shard that the first one goes to.
        pub row_first: u32,
    }
}

/// The descriptor.
pub static KERNEL: Kernel = Kernel {
    name: "encode_rows",
    bindings: &[
        Binding::read("rows", Element::F16),
        Binding::write("codes", Element::U32),
        Binding::write("factors", Element::F32),
    ],
    params: Params::FIELDS,
    workgroup: [64, 1, 1],
    grid: Grid::per("rows", 1),
    tolerance: Tolerance::Ulp(16),
    reference,
    cpu,
    sources: &[
        Source {
            scratch: Scratch::Workgroup(|params| u64::from(params[0])),
            ..Source::wgsl(&[&rotation::WGSL, &WGSL])
        },
        Source {
            scratch: Scratch::Workgroup(|params| u64::from(params[0])),
            ..Source::cuda(&[&rotation::CUDA, &CUDA])
        },
    ],
    absent: &[],
    cases,
};

/// Numbers that device forms want.
const CONSTANTS: &[(&str, Constant)] = &[
    ("BLOCK_ROWS", Constant::U32(BLOCK_ROWS as u32)),
    ("CODE_ZERO", Constant::U32(CODE_ZERO as u32)),
    ("ONE_BY_CODE_MAX", Constant::F32(1.0 / CODE_MAX as f32)),
];
/// Own part of the WGSL form.
static WGSL: Text = Text { constants: CONSTANTS, text: include_str!("../../../../shaders/encode_rows.wgsl") };
/// And of the CUDA form.
static CUDA: Text = Text { constants: CONSTANTS, text: include_str!("../../../../kernels/encode_rows.cu") };

/// Records the encoding of the first `count` rows of `rows` to places `row_first..` of a shard.
pub fn record(
    recording: &mut Recording,
    rows: &Buffer<f16>,
    count: usize,
    shard: &RowShard,
    row_first: usize,
) {
    assert!(rows.len() >= count * shard.dim(), "{count} rows from {}, this is a bug", rows.erase());
    let room = row_first + count <= shard.capacity();
    assert!(room, "rows {row_first}+{count} of a shard of {}, this is a bug", shard.capacity());
    if count == 0 {
        return;
    }
    let params = Params { dim: shard.dim() as u32, rows: count as u32, row_first: row_first as u32 };
    recording.dispatch(&KERNEL, &params, &[rows.erase(), shard.codes.erase(), shard.factors.erase()]);
}

fn reference(args: &mut Args<'_>) {
    let Params { dim, rows, row_first } = args.params();
    let (dim, rows, row_first) = (dim as usize, rows as usize, row_first as usize);
    let input: &[f16] = args.read(0);
    let (codes, factors): (&mut [u32], &mut [f32]) = (args.write(1), args.write(2));
    let codes: &mut [u8] = bytemuck::cast_slice_mut(codes);
    for row in 0..rows {
        let (block, lane) = ((row_first + row) / BLOCK_ROWS, (row_first + row) % BLOCK_ROWS);
        let mut rotated: Vec<f32> = (0..dim).map(|d| input[row * dim + d].to_f32()).collect();
        rotate(&mut rotated);
        let max = rotated.iter().fold(0.0, |max, x| f32::max(max, x.abs()));
        // Eight significant bits: what is below them is raised to them.
        let mut scale = max * (1.0 / CODE_MAX as f32);
        while scale.to_bits() & 0xffff != 0 {
            scale = scale.next_up();
        }
        let step = f64::from(scale);
        let (mut error_squares, mut code_squares) = (0.0, 0.0);
        for d in 0..dim {
            let x = f64::from(rotated[d]);
            // The largest code whose lower edge, half a step below it, is not above x.
            let mut code = 0.0;
            while scale > 0.0 && (2.0 * code + 1.0) * step <= 2.0 * x.abs() {
                code += 1.0;
            }
            let code = code.copysign(x);
            codes[(row_first + row) * dim + d] = (code as i32 + CODE_ZERO) as u8;
            error_squares += (x - code * step).powi(2);
            code_squares += code * code;
        }
        let values = [step, error_squares.sqrt(), step * code_squares.sqrt()];
        for (kind, value) in values.into_iter().enumerate() {
            let rounded = value as f32;
            let bound = if kind == 0 || value == 0.0 { rounded } else { rounded.next_up() };
            factors[(block * 3 + kind) * BLOCK_ROWS + lane] = bound;
        }
    }
}

fn cpu(args: &mut Args<'_>) {
    let Params { dim, rows, row_first } = args.params();
    let simd = args.simd();
    let (codes, factors) = (args.write(1), args.write(2));
    let input: &[f16] = &args.read(0)[..rows as usize * dim as usize];
    encode(simd, dim as usize, input, row_first as usize, codes, factors);
}

/// Blocks of one task: about a millisecond of work.
const TASK_BLOCKS: usize = 8;

fn encode(simd: &Simd, dim: usize, input: &[f16], row_first: usize, codes: &mut [u32], factors: &mut [f32]) {
    let rows = input.len() / dim;
    let first_block = row_first / BLOCK_ROWS;
    let end_block = (row_first + rows).div_ceil(BLOCK_ROWS);
    let block_words = BLOCK_ROWS * dim / 4;
    let codes = &mut codes[first_block * block_words..end_block * block_words];
    let factors = &mut factors[first_block * 3 * BLOCK_ROWS..end_block * 3 * BLOCK_ROWS];
    let blocks = codes.chunks_mut(block_words * TASK_BLOCKS);
    let tasks = blocks.zip(factors.chunks_mut(3 * BLOCK_ROWS * TASK_BLOCKS)).enumerate();
    in_parallel(tasks.collect(), |(task, (codes, factors))| {
        let task_first = (first_block + task * TASK_BLOCKS) * BLOCK_ROWS;
        let codes: &mut [u8] = bytemuck::cast_slice_mut(codes);
        for place in 0..codes.len() / dim {
            let Some(row) = (task_first + place).checked_sub(row_first).filter(|&row| row < rows) else {
                continue;
            };
            let codes = &mut codes[place * dim..(place + 1) * dim];
            let row_factors = simd.encode_row(&input[row * dim..(row + 1) * dim], codes);
            for (kind, value) in
                [row_factors.scale, row_factors.error, row_factors.norm].into_iter().enumerate()
            {
                factors[(place / BLOCK_ROWS * 3 + kind) * BLOCK_ROWS + place % BLOCK_ROWS] = value;
            }
        }
    });
}

/// Stored form of whole rows in host memory, for the cases of kernels that read shards.
pub(crate) fn encoded(rows: &[f32], dim: usize) -> (Vec<u32>, Vec<f32>) {
    assert!(dim_is_valid(dim), "rows of {dim} dimensions, this is a bug");
    let capacity = (rows.len() / dim).next_multiple_of(BLOCK_ROWS).max(BLOCK_ROWS);
    let (mut codes, mut factors) = (vec![0; capacity * dim / 4], vec![0.0; capacity * 3]);
    encode(Simd::portable(), dim, &halves(rows), 0, &mut codes, &mut factors);
    (codes, factors)
}

/// Numbers in half precision, to nearest even; beyond its range the largest there is.
pub fn halves(values: &[f32]) -> Vec<f16> {
    let half = |value: &f32| f16::from_f32(value.clamp(f16::MIN.to_f32(), f16::MAX.to_f32()));
    values.iter().map(half).collect()
}

/// Rows of one distribution, `[count][dim]`; shared by the cases of all kernels over rows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rows {
    Uniform,
    Clustered,
    Duplicated,
    Zero,
    Ties,
    Huge,
    Denormal,
}

impl Rows {
    pub const ALL: [Rows; 7] = [
        Rows::Uniform,
        Rows::Clustered,
        Rows::Duplicated,
        Rows::Zero,
        Rows::Ties,
        Rows::Huge,
        Rows::Denormal,
    ];

    pub fn draw(self, draw: &mut Draw, count: usize, dim: usize) -> Vec<f32> {
        let n = count * dim;
        match self {
            Rows::Uniform => draw.many(n, Draw::signed),
            Rows::Clustered => {
                let centres = draw.many(4 * dim, Draw::normal);
                let mut near = |row: usize, d: usize| centres[row % 4 * dim + d] + 0.05 * draw.normal();
                (0..n).map(|i| near(i / dim, i % dim)).collect()
            }
            Rows::Duplicated => {
                let few = draw.many(3 * dim, Draw::normal);
                let pick: Vec<usize> = draw.many(count, |draw| draw.below(3));
                (0..n).map(|i| few[pick[i / dim] * dim + i % dim]).collect()
            }
            Rows::Zero => vec![0.0; n],
            // Small integers: many equal scores from different rows.
            Rows::Ties => draw.many(n, |draw| draw.below(3) as f32 - 1.0),
            // Some beyond what f16 holds.
            Rows::Huge => draw.many(n, |draw| draw.signed() * 100_000.0),
            Rows::Denormal => draw.many(n, |draw| draw.signed() * 1e-6),
        }
    }
}

fn cases(seed: u64) -> Vec<Case> {
    let mut draw = Draw::new(seed);
    let mut cases = Vec::new();
    let mut case = |distribution: Rows, dim: usize, rows: usize, row_first: usize| {
        let capacity = (row_first + rows).next_multiple_of(BLOCK_ROWS).max(BLOCK_ROWS);
        let params = Params { dim: dim as u32, rows: rows as u32, row_first: row_first as u32 };
        let name = format!("{distribution:?} {rows} x {dim} at {row_first}");
        // What was there before must stay in rows that are not written.
        let before = draw.bits() as u8 as f32;
        cases.push(
            Case::new(name, &params)
                .bind(&halves(&distribution.draw(&mut draw, rows, dim)))
                .bind(&vec![before as u32; capacity * dim / 4])
                .bind(&vec![before; capacity * 3]),
        );
    };
    for distribution in Rows::ALL {
        case(distribution, 64, 70, 3);
    }
    for rows in [0, 1, 31, 32, 33, 97, 1_021] {
        case(Rows::Uniform, 32, rows, 0);
    }
    case(Rows::Uniform, 8_192, 2, 31);
    case(Rows::Clustered, 256, 300, 64);
    cases
}
