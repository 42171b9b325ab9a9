//! Vector instructions chosen when the program runs.
//!
//! The build asks for no CPU features, so one binary runs everywhere; what the machine has is looked up once and
//! gives a table of functions. A table can only be had from [`Simd::detect`], [`Simd::portable`] and
//! [`Simd::available`], which is what makes calling into it sound.
//!
//! Every entry gives the same bits in every table. Integer sums are exact; floating sums run over [`LANES`] partial
//! sums in one order and add products that are exact in f64, so that fused and unfused arithmetic agree.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod fanout;
mod integrate;
mod learn;
mod lesson;
pub mod philox;
mod portable;
pub mod rotation;

use std::sync::OnceLock;

use half::f16;

pub use fanout::{Fanout, Made, pitch};
pub use integrate::{FLUSH_STEPS, Membrane, Noise, Real, Span, TILE};
pub use learn::{EARLIER, RECENT, Row, TARGETS, raised};
pub use lesson::{Lesson, PUPILS, Pupils};

/// Rows of a block: they share a word of hits, and their factors lie side by side.
pub const BLOCK_ROWS: usize = 32;
/// Partial sums of a floating dot product: element `i` goes to sum `i % LANES`; then the upper half of the sums is
/// added to the lower half until one is left.
pub const LANES: usize = 16;
/// Largest magnitude of a row code before it is stored with [`CODE_ZERO`] added.
pub const CODE_MAX: i32 = 63;
/// Stored value of code 0. Stored codes are 1..=127, so they read the same as `u8` and `i8`.
pub const CODE_ZERO: i32 = 64;

/// What is kept of a row beside its codes. With `c` the signed codes, `x` the rotated row and |.| the Euclidean norm:
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowFactors {
    /// Value of one code step: largest magnitude of `x` / 63, rounded up to 8 significant bits.
    pub scale: f32,
    /// At least |x - scale * c|.
    pub error: f32,
    /// At least |scale * c|.
    pub norm: f32,
}

/// What is kept of a query beside its codes. With `d` the signed codes and `q` the rotated query:
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct QueryFactors {
    /// Value of one code step: largest magnitude of `q` / [`CODE_MAX`].
    pub scale: f32,
    /// Sum of the codes.
    pub sum: i32,
    /// |q| squared.
    pub squares: f64,
    /// |q - scale * d| squared.
    pub error_squares: f64,
}

/// One block of coded rows.
#[derive(Clone, Copy)]
pub struct CodeBlock<'a> {
    /// Stored codes, `[BLOCK_ROWS][dim]`.
    pub codes: &'a [u8],
    /// BLOCK_ROWS scales, then as many errors, then as many norms.
    pub factors: &'a [f32],
}

/// Coded queries, structure of arrays. With `d` a query's codes and `q` the query:
#[derive(Clone, Copy)]
pub struct ScanQueries<'a> {
    /// Dimensions, a multiple of 32.
    pub dim: usize,
    /// Signed codes within [`CODE_MAX`], `dim` a query.
    pub codes: &'a [i8],
    /// Sum of the codes.
    pub sums: &'a [i32],
    /// Value of one code step.
    pub scales: &'a [f32],
    /// At least |q|: multiplies a row's error.
    pub norms: &'a [f32],
    /// At least |q - scale * d|, and the rounding of the estimate: multiplies a row's norm.
    pub errors: &'a [f32],
    /// A row is a hit when the upper bound of its score is over this.
    pub floors: &'a [f32],
}

impl ScanQueries<'_> {
    /// What undoes the offset of the stored row codes in a product with a query's.
    #[inline(always)]
    fn offset(&self, query: usize) -> i32 {
        -CODE_ZERO * self.sums[query]
    }
}

type DotCodes = fn(codes: &[u8], rows: &[u32], query: &[i8], sums: &mut [i32]);

/// Words of second bits in a sketch of so many words: what its lines have left behind the first bits and the factor, at most a bit a
/// dimension.
pub fn second_words(words: usize, dim: usize) -> usize {
    (words - dim / 32 - 1).min(dim / 32)
}

/// A coded vector that is compared with sketches.
#[derive(Clone, Copy)]
pub struct SketchProbe<'a> {
    /// Signed codes within [`CODE_MAX`], a multiple of 32.
    pub codes: &'a [i8],
    /// Minus twice the sum of all codes, minus the sum of those with a second bit.
    pub offset: i32,
    /// Value of one code step.
    pub scale: f32,
}

impl<'a> SketchProbe<'a> {
    /// Codes with their sum, for sketches of so many words.
    pub fn new(codes: &'a [i8], sum: i32, scale: f32, words: usize) -> Self {
        let seconds = &codes[..32 * second_words(words, codes.len())];
        let seconds: i32 = seconds.iter().map(|code| i32::from(*code)).sum();
        SketchProbe { codes, offset: -2 * sum - seconds, scale }
    }

    /// The estimated inner product with a row of this factor, from the sum of codes where its second bits are set and twice the sum of
    /// those where its first bits are.
    pub fn estimate(&self, sum: i32, factor: f32) -> f32 {
        (2 * sum + self.offset) as f32 * (factor * self.scale)
    }
}

/// Rows and their estimates: the first `count` of both arrays, which have room for a vector more than that.
#[derive(Default)]
pub struct Likely {
    rows: Vec<u32>,
    scores: Vec<f32>,
    count: usize,
}

impl Likely {
    /// Keeps a row unless its estimate is under the floor, without a branch.
    #[inline(always)]
    fn push_unless_under(&mut self, row: u32, score: f32, floor: f32) {
        (self.rows[self.count], self.scores[self.count]) = (row, score);
        self.count += usize::from(score >= floor || score.is_nan() || floor.is_nan());
    }

    /// What is there.
    pub fn iter(&self) -> impl Iterator<Item = (u32, f32)> {
        self.rows[..self.count].iter().copied().zip(self.scores[..self.count].iter().copied())
    }
}

type FindLikely = fn(sketches: &[u32], words: usize, rows: &[u32], &SketchProbe<'_>, floor: f32, &mut Likely);

/// A set of vector instructions and the functions built for it.
pub struct Simd {
    name: &'static str,
    pub(crate) dot: fn(row: &[f16], query: &[f64]) -> f64,
    pub(crate) encode_row: fn(row: &[f16], codes: &mut [u8]) -> RowFactors,
    pub(crate) code_query: fn(query: &mut [f32], codes: &mut [i8]) -> QueryFactors,
    /// For few queries: rows as they lie.
    pub(crate) scan_rows: fn(&CodeBlock<'_>, &ScanQueries<'_>, active: &[u32], &mut [u32], &mut [f32]),
    /// For many queries: rows interleaved by four dimensions.
    pub(crate) scan_block: fn(&CodeBlock<'_>, &ScanQueries<'_>, active: &[u32], &mut [u32], &mut [f32]),
    pub(crate) interleave: fn(codes: &[u8], dim: usize, interleaved: &mut [u8]),
    pub(crate) dot_codes: DotCodes,
    pub(crate) sign_codes: fn(codes: &[u8], signed: &mut [i8]) -> i32,
    pub(crate) likely: FindLikely,
    pub(crate) integrate_f32: fn(&mut Span<'_, f32>),
    pub(crate) integrate_f64: fn(&mut Span<'_, f64>),
    pub(crate) learn_f32: fn(&mut Row<'_, f32>),
    pub(crate) learn_f64: fn(&mut Row<'_, f64>),
    pub(crate) teach: fn(&Lesson<'_>, &mut Pupils),
    /// For synapses from `4 * counter`, whole groups.
    pub(crate) fan_targets: fn(&Fanout, counter: u32, &mut [u32]),
    pub(crate) fan_weights: fn(&Fanout, counter: u32, &mut [u32]),
}

/// Queries from which interleaving a block pays: it costs about what three queries do.
const MANY_QUERIES: usize = 7;

impl Simd {
    /// The widest set this machine has.
    pub fn detect() -> &'static Simd {
        static DETECTED: OnceLock<&'static Simd> = OnceLock::new();
        DETECTED.get_or_init(|| Simd::available().last().copied().unwrap_or(&portable::TABLE))
    }

    /// Plain Rust, for machines without a table of their own.
    pub fn portable() -> &'static Simd {
        &portable::TABLE
    }

    /// Every set this machine has, narrowest first.
    pub fn available() -> Vec<&'static Simd> {
        let mut tables = vec![&portable::TABLE];
        #[cfg(target_arch = "x86_64")]
        tables.extend([avx2::table(), avx512::table()].into_iter().flatten());
        tables
    }

    /// Its name in device information.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Inner product of an f16 row and an f64 query of the same length, a multiple of [`LANES`]. Query elements
    /// must be f32 values, so that each product is exact.
    pub fn dot(&self, row: &[f16], query: &[f64]) -> f64 {
        assert!(
            row.len() == query.len() && row.len().is_multiple_of(LANES),
            "dot of odd lengths, this is a bug"
        );
        (self.dot)(row, query)
    }

    /// Codes a row of finite numbers. Both have one length, a multiple of [`LANES`]. What is coded is the rotated row
    /// (`rotation`); the code of `x` is `x / scale` rounded to nearest, halves away from zero.
    pub fn encode_row(&self, row: &[f16], codes: &mut [u8]) -> RowFactors {
        let fits = codes.len() == row.len() && row.len().is_multiple_of(LANES);
        assert!(fits, "encode_row of odd lengths, this is a bug");
        (self.encode_row)(row, codes)
    }

    /// Rotates a query and codes it. Both have one length, a multiple of [`LANES`]; magnitudes are far from the ends of f32.
    pub(crate) fn code_query(&self, query: &mut [f32], codes: &mut [i8]) -> QueryFactors {
        let fits = query.len() == codes.len() && query.len().is_multiple_of(LANES);
        assert!(fits, "code_query of odd lengths, this is a bug");
        (self.code_query)(query, codes)
    }

    /// Bounds the scores of one block of rows for the queries numbered in `active`.
    ///
    /// For place `i` of `active`, `hits[i]` gets a bit for each row whose upper bound is over the query's floor, and
    /// `estimates[i * BLOCK_ROWS + r]` the estimated score of at least those rows. The bounds are the estimate
    /// plus and minus [`score_bound`]. `scratch` is room that calls share.
    pub fn scan_block(
        &self,
        block: &CodeBlock<'_>,
        queries: &ScanQueries<'_>,
        active: &[u32],
        scratch: &mut Vec<u8>,
        hits: &mut [u32],
        estimates: &mut [f32],
    ) {
        let ScanQueries { dim, codes, sums, scales, norms, errors, floors } = *queries;
        let count = codes.len() / dim;
        let block_fits = block.codes.len() == BLOCK_ROWS * dim && block.factors.len() == 3 * BLOCK_ROWS;
        let arrays = [sums.len(), scales.len(), norms.len(), errors.len(), floors.len()];
        let queries_fit = codes.len() == count * dim && arrays.iter().all(|&len| len == count);
        let places_fit = hits.len() == active.len() && estimates.len() == active.len() * BLOCK_ROWS;
        let known = active.iter().all(|&query| (query as usize) < count);
        let shapes = block_fits && queries_fit && places_fit && known && dim.is_multiple_of(32);
        assert!(shapes, "scan_block shapes, this is a bug");
        if active.len() < MANY_QUERIES {
            return (self.scan_rows)(block, queries, active, hits, estimates);
        }
        scratch.resize(block.codes.len(), 0);
        (self.interleave)(block.codes, dim, scratch);
        let interleaved = CodeBlock { codes: scratch, factors: block.factors };
        (self.scan_block)(&interleaved, queries, active, hits, estimates);
    }

    /// Teaches synapses.
    pub fn teach(&self, lesson: &Lesson<'_>, pupils: &mut Pupils) {
        let fits = lesson.window > 0 && lesson.curve.len() == 2 * lesson.window as usize + 1;
        assert!(fits, "a lesson of {} entries, this is a bug", lesson.curve.len());
        (self.teach)(lesson, pupils);
    }

    /// Inner products of the stored codes of some of the rows in `codes`, [`CODE_ZERO`] included, with signed codes within
    /// [`CODE_MAX`], of which there are a multiple of 32.
    pub fn dot_codes(&self, codes: &[u8], rows: &[u32], query: &[i8], sums: &mut [i32]) {
        let known = rows.iter().all(|&row| (row as usize + 1) * query.len() <= codes.len());
        let fits = rows.len() == sums.len() && query.len().is_multiple_of(32);
        assert!(known && fits, "dot_codes of odd shapes, this is a bug");
        (self.dot_codes)(codes, rows, query, sums);
    }

    /// The signed codes of a row from its stored ones, and their sum.
    pub fn sign_codes(&self, codes: &[u8], signed: &mut [i8]) -> i32 {
        assert_eq!(codes.len(), signed.len(), "sign_codes of odd lengths, this is a bug");
        (self.sign_codes)(codes, signed)
    }

    /// The rows whose estimate is not under `floor`, in their order. `sketches` are `words` long: bit d % 32 of word d / 32 for code
    /// d, then, as far as [`second_words`] goes, second bits in the same way, and in the last word the row's factor as the bits of an f32.
    pub fn likely(
        &self,
        sketches: &[u32],
        words: usize,
        rows: &[u32],
        probe: &SketchProbe<'_>,
        floor: f32,
        likely: &mut Likely,
    ) {
        let fits = probe.codes.len() / 32 < words && probe.codes.len().is_multiple_of(32);
        assert!(fits, "likely rows of odd shapes, this is a bug");
        likely.count = 0;
        let room = rows.len() + LANES;
        if likely.rows.len() < room {
            likely.rows.resize(room, 0);
            likely.scores.resize(room, 0.0);
        }
        (self.likely)(sketches, words, rows, probe, floor, likely);
    }
}

/// The largest magnitude among numbers of which there are a multiple of [`LANES`].
pub(crate) fn largest(values: &[f32]) -> f32 {
    assert!(values.len().is_multiple_of(LANES), "{} numbers, this is a bug", values.len());
    portable::largest(values)
}

/// Asks for memory that will be read soon. Nothing is read, so any slice will do.
#[inline(always)]
pub(crate) fn fetch<T>(soon: &[T]) {
    for line in (0..size_of_val(soon)).step_by(64) {
        fetch_line(soon.as_ptr().cast::<u8>().wrapping_add(line));
    }
}

/// Asks for the cache line that an address lies in. Nothing is read, so any address will do.
#[inline(always)]
pub(crate) fn fetch_line<T>(soon: *const T) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: SSE is part of x86-64, and a fetch of any address is harmless.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(soon.cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = soon;
}

/// How far an estimated score may be from the true one, by Cauchy and Schwarz:
/// <x,q> = <sc,td> + <sc, q - td> + <x - sc, q>, with `s`, `t` the scales of row and query.
pub fn score_bound(row: &RowFactors, query_norm: f32, query_error: f32) -> f32 {
    row.error * query_norm + row.norm * query_error
}

impl std::fmt::Debug for Simd {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}
