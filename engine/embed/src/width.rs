//! Loops written once and compiled twice on x86-64, for the baseline and for AVX2, and chosen between at run time.
//!
//! No multiply-add is fused in either, so both give the same bits. Elsewhere the baseline is all there is (on AArch64 it
//! has NEON). Give it a loop over thousands of elements, not one over a few: the choice is a load and a call.

/// Defines `$name` to run `$body`, an `#[inline(always)]` function, compiled for AVX2 where the machine has it.
macro_rules! in_both_widths {
    ($(#[$doc:meta])* $name:ident = $body:ident ( $($arg:ident : $ty:ty),* )) => {
        $(#[$doc])*
        pub(crate) fn $name($($arg: $ty),*) {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx2")]
                fn wide($($arg: $ty),*) {
                    $body($($arg),*);
                }
                if is_x86_feature_detected!("avx2") {
                    // SAFETY: the machine has the one feature `wide` is compiled for, as was just asked.
                    return unsafe { wide($($arg),*) };
                }
            }
            $body($($arg),*);
        }
    };
}

pub(crate) use in_both_widths;
