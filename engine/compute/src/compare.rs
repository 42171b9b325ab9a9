//! Comparison of what two forms of a kernel wrote, by the kernel's own tolerance.

use std::fmt;

use bytemuck::pod_read_unaligned;
use half::f16;

use crate::element::{Element, Stored};
use crate::kernel::{Kernel, Tolerance};

/// Bytes that two sides hold in one output binding after the same dispatch.
pub struct Output<'a> {
    /// Slot in `Kernel::bindings`.
    pub binding: usize,
    /// The side taken for right.
    pub left: &'a [u8],
    /// The side under test.
    pub right: &'a [u8],
}

/// The first place where two sides differ by more than the tolerance.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Kernel that was dispatched.
    pub kernel: &'static str,
    /// Output binding that differs.
    pub binding: &'static str,
    /// Element in the binding; for a ranked list, the first of the list.
    pub index: usize,
    /// What the left side holds there.
    pub left: String,
    /// What the right side holds there.
    pub right: String,
    /// The rule that was broken.
    pub tolerance: Tolerance,
    /// Names of the two devices, left first; empty when forms were compared without devices.
    pub devices: [String; 2],
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Difference { kernel, binding, index, left, right, tolerance, devices } = self;
        write!(f, "{kernel}: {binding}[{index}] is {left} on the left and {right} on the right")?;
        write!(f, " (tolerance {tolerance:?}")?;
        if !devices[0].is_empty() {
            write!(f, ", left {}, right {}", devices[0], devices[1])?;
        }
        write!(f, ")")
    }
}

/// The first difference beyond the tolerance of `kernel`, if any. `params` are the words of the dispatch.
pub fn compare(kernel: &Kernel, params: &[u32], outputs: &[Output<'_>]) -> Option<Difference> {
    for output in outputs {
        assert!(output.left.len() == output.right.len(), "{}: sizes differ, this is a bug", kernel.name);
    }
    if let Tolerance::TopK { min_recall, score_ulp } = kernel.tolerance {
        return compare_ranked(kernel, params, outputs, min_recall, score_ulp);
    }
    outputs.iter().find_map(|output| match kernel.bindings[output.binding].element {
        Element::F16 => compare_floats(kernel, output, |v: f16| v.to_f64(), |v| ordered_f16(v) as i64),
        Element::F32 => compare_floats(kernel, output, |v: f32| v as f64, ordered_f32),
        Element::F64 => compare_floats(kernel, output, |v: f64| v, ordered_f64),
        Element::I32 => first_unequal::<i32>(kernel, output),
        Element::U32 => first_unequal::<u32>(kernel, output),
        Element::U64 => first_unequal::<u64>(kernel, output),
    })
}

/// Elements of a byte slice that need not be aligned.
fn elements<T: Stored>(bytes: &[u8]) -> impl Iterator<Item = T> + '_ {
    bytes.chunks_exact(T::ELEMENT.bytes()).map(pod_read_unaligned)
}

fn difference<T: fmt::Debug>(kernel: &Kernel, binding: usize, index: usize, left: T, right: T) -> Difference {
    Difference {
        kernel: kernel.name,
        binding: kernel.bindings[binding].name,
        index,
        left: format!("{left:?}"),
        right: format!("{right:?}"),
        tolerance: kernel.tolerance,
        devices: Default::default(),
    }
}

fn first_unequal<T: Stored>(kernel: &Kernel, output: &Output<'_>) -> Option<Difference> {
    let mut pairs = elements::<T>(output.left).zip(elements::<T>(output.right)).enumerate();
    pairs
        .find(|(_, (left, right))| bytemuck::bytes_of(left) != bytemuck::bytes_of(right))
        .map(|(index, (left, right))| difference(kernel, output.binding, index, left, right))
}

fn compare_floats<T: Stored>(
    kernel: &Kernel,
    output: &Output<'_>,
    widen: impl Fn(T) -> f64,
    ordered: impl Fn(T) -> i64,
) -> Option<Difference> {
    let pairs = || elements::<T>(output.left).zip(elements::<T>(output.right)).enumerate();
    let report = |(index, (left, right))| difference(kernel, output.binding, index, left, right);
    match kernel.tolerance {
        Tolerance::Exact | Tolerance::TopK { .. } => first_unequal::<T>(kernel, output),
        Tolerance::Ulp(limit) => pairs()
            .find(|&(_, (left, right))| {
                let nan = widen(left).is_nan() || widen(right).is_nan();
                let apart = ordered(left).abs_diff(ordered(right)) > u64::from(limit);
                apart || (nan && bytemuck::bytes_of(&left) != bytemuck::bytes_of(&right))
            })
            .map(report),
        Tolerance::Nmse(limit) => {
            // What is not finite has no error to sum: it must be the same value.
            let same = |left: f64, right: f64| left == right || (left.is_nan() && right.is_nan());
            let wild = |&(_, (left, right)): &(usize, (T, T))| {
                let (left, right) = (widen(left), widen(right));
                (!left.is_finite() || !right.is_finite()) && !same(left, right)
            };
            if let Some(pair) = pairs().find(wild) {
                return Some(report(pair));
            }
            let finite = || pairs().filter(|&(_, (left, _))| widen(left).is_finite());
            let error = |left, right| (widen(left) - widen(right)).powi(2);
            let squared_error: f64 = finite().map(|(_, (left, right))| error(left, right)).sum();
            let squared_size: f64 = finite().map(|(_, (left, _))| widen(left).powi(2)).sum();
            if squared_error <= limit * squared_size {
                return None;
            }
            let worst = |a: &(usize, (T, T)), b: &(usize, (T, T))| {
                error(a.1.0, a.1.1).total_cmp(&error(b.1.0, b.1.1))
            };
            finite().max_by(worst).map(report)
        }
    }
}

/// Position of a float on the line of representable values, with both zeros at 0.
fn ordered_f32(value: f32) -> i64 {
    let bits = i64::from(value.to_bits() & 0x7fff_ffff);
    if value.is_sign_negative() { -bits } else { bits }
}

fn ordered_f64(value: f64) -> i64 {
    let bits = (value.to_bits() & (u64::MAX >> 1)) as i64;
    if value.is_sign_negative() { -bits } else { bits }
}

fn ordered_f16(value: f16) -> i32 {
    let bits = i32::from(value.to_bits() & 0x7fff);
    if value.is_sign_negative() { -bits } else { bits }
}

fn compare_ranked(
    kernel: &Kernel,
    params: &[u32],
    outputs: &[Output<'_>],
    min_recall: f32,
    score_ulp: u32,
) -> Option<Difference> {
    let place = kernel.field("k").unwrap_or_else(|| panic!("{}: TopK without k, this is a bug", kernel.name));
    let k = params[place] as usize;
    let [ids, scores, ..] = outputs else {
        panic!("{}: TopK wants ids and scores, this is a bug", kernel.name)
    };
    let both = |output: &Output<'_>| -> [Vec<u32>; 2] {
        [elements::<u32>(output.left).collect(), elements::<u32>(output.right).collect()]
    };
    let [left_ids, right_ids] = both(ids);
    let [left_scores, right_scores] =
        both(scores).map(|words| words.into_iter().map(f32::from_bits).collect::<Vec<f32>>());
    if k == 0 {
        return None;
    }
    for (list, left) in left_ids.chunks_exact(k).enumerate() {
        let range = list * k..(list + 1) * k;
        let right = &right_ids[range.clone()];
        let (left_scores, right_scores) = (&left_scores[range.clone()], &right_scores[range.clone()]);
        let found = left.iter().filter(|&&id| id != u32::MAX).count();
        let largest = left_scores[..found].iter().fold(0.0f32, |most, score| most.max(score.abs()));
        let allowed = (largest.next_up() - largest) * score_ulp as f32;
        let close = |a: f32, b: f32| a == b || (a - b).abs() <= allowed;
        // Places found, and scores place by place.
        for index in 0..k {
            let filled = (left[index] == u32::MAX) == (right[index] == u32::MAX);
            if !filled {
                return Some(difference(kernel, ids.binding, range.start + index, left[index], right[index]));
            }
            if !close(left_scores[index], right_scores[index]) {
                let (left, right) = (left_scores[index], right_scores[index]);
                return Some(difference(kernel, scores.binding, range.start + index, left, right));
            }
        }
        // With the same scores to the bit, nothing excuses other ids: equal ones have an order.
        let same_bits = left_scores.iter().zip(right_scores).all(|(a, b)| a.to_bits() == b.to_bits());
        if same_bits && min_recall >= 1.0 {
            if let Some(index) = (0..k).find(|&index| left[index] != right[index]) {
                return Some(difference(kernel, ids.binding, range.start + index, left[index], right[index]));
            }
            continue;
        }
        // Recall, with ties at the last place forgiven.
        let last = if found > 0 { left_scores[found - 1] } else { 0.0 };
        let hit = |index: &usize| right.contains(&left[*index]) || close(left_scores[*index], last);
        let hits = (0..found).filter(hit).count();
        if (hits as f32) < min_recall * found as f32 {
            return Some(difference(kernel, ids.binding, range.start, left, right));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::{Binding, Field, Grid};

    const fn kernel(tolerance: Tolerance, bindings: &'static [Binding]) -> Kernel {
        Kernel {
            name: "compared",
            bindings,
            params: &[Field { name: "k", element: Element::U32 }],
            workgroup: [1; 3],
            grid: Grid::per("k", 1),
            tolerance,
            reference: |_| {},
            cpu: |_| {},
            sources: &[],
            absent: &[],
            cases: |_| Vec::new(),
        }
    }

    /// Index of the difference between two arrays under a tolerance.
    fn floats(tolerance: Tolerance, left: &[f32], right: &[f32]) -> Option<usize> {
        let kernel = kernel(tolerance, const { &[Binding::write("out", Element::F32)] });
        let (left, right) = (bytemuck::cast_slice(left), bytemuck::cast_slice(right));
        compare(&kernel, &[0], &[Output { binding: 0, left, right }]).map(|difference| difference.index)
    }

    #[test]
    fn exact_means_every_bit() {
        assert_eq!(floats(Tolerance::Exact, &[1.0, f32::NAN], &[1.0, f32::NAN]), None);
        assert_eq!(floats(Tolerance::Exact, &[1.0, 0.0], &[1.0, -0.0]), Some(1));
    }

    #[test]
    fn ulps_count_representable_values_across_zero() {
        let least = f32::from_bits(1);
        assert_eq!(floats(Tolerance::Ulp(2), &[1.0, least], &[1.0f32.next_up().next_up(), -least]), None);
        assert_eq!(floats(Tolerance::Ulp(1), &[1.0, least], &[1.0f32.next_up(), -least]), Some(1));
        assert_eq!(floats(Tolerance::Ulp(1), &[f32::NAN], &[1.0]), Some(0));
    }

    #[test]
    fn mean_error_is_of_the_whole_output_but_never_forgives_infinity() {
        let left = [100.0, 0.001];
        assert_eq!(floats(Tolerance::Nmse(1e-8), &left, &[100.0, 0.002]), None);
        assert_eq!(floats(Tolerance::Nmse(1e-8), &left, &[100.1, 0.001]), Some(0));
        assert_eq!(floats(Tolerance::Nmse(1.0), &[1.0, f32::INFINITY], &[1.0, f32::MAX]), Some(1));
        assert_eq!(floats(Tolerance::Nmse(0.0), &[0.0], &[1e-30]), Some(0));
    }

    /// Index of the difference between two ranked lists of 3.
    fn ranked(min_recall: f32, left: ([u32; 3], [f32; 3]), right: ([u32; 3], [f32; 3])) -> Option<usize> {
        let tolerance = Tolerance::TopK { min_recall, score_ulp: 4 };
        let bindings =
            const { &[Binding::write("ids", Element::U32), Binding::write("scores", Element::F32)] };
        let bytes = bytemuck::cast_slice::<u32, u8>;
        let scores = bytemuck::cast_slice::<f32, u8>;
        let outputs = [
            Output { binding: 0, left: bytes(&left.0), right: bytes(&right.0) },
            Output { binding: 1, left: scores(&left.1), right: scores(&right.1) },
        ];
        compare(&kernel(tolerance, bindings), &[3], &outputs).map(|difference| difference.index)
    }

    #[test]
    fn ranked_lists_forgive_swaps_among_equals_and_nothing_else() {
        let left = ([5, 7, 9], [3.0, 2.0, 1.0]);
        let near = [3.0f32.next_up(), 2.0, 1.0];
        assert_eq!(ranked(1.0, left, left), None);
        assert_eq!(ranked(1.0, left, ([5, 7, 9], near)), None);
        // Another id at the last place is a tie cut elsewhere, unless all scores are the same.
        assert_eq!(ranked(1.0, left, ([5, 7, 8], near)), None);
        assert_eq!(ranked(1.0, left, ([5, 7, 8], [3.0, 2.0, 1.0])), Some(2));
        assert_eq!(ranked(1.0, left, ([5, 8, 9], near)), Some(0));
        assert_eq!(ranked(0.6, left, ([5, 8, 9], [3.0, 2.0, 1.0])), None);
        assert_eq!(ranked(1.0, left, ([5, 7, 9], [3.0, 2.1, 1.0])), Some(1));
        let short = ([5, 7, u32::MAX], [3.0, 2.0, f32::NEG_INFINITY]);
        assert_eq!(ranked(1.0, short, short), None);
        assert_eq!(ranked(1.0, short, left), Some(2));
    }
}
