//! `Source`: the form of a kernel that a device's compiler reads, as static data.
//!
//! A text lies in `shaders/NAME.wgsl` or `kernels/NAME.cu`, what several share in `shared/` beside it. Numbers that host forms need
//! too are written once, in Rust, and put in front of the text that uses them. What the bindings, the parameters and the size of a
//! workgroup must look like follows from the [`Kernel`]; a test without any device holds each text to it.
//!
//! A dispatch may take fewer workgroups than the grid says, where a device allows no more or scratch is short: texts walk over
//! their items with the number of workgroups as stride.

use std::fmt::{self, Write as _};

use crate::kernel::{Kernel, Target};

/// A form of a kernel in a device's language.
#[derive(Debug)]
pub struct Source {
    /// Its language.
    pub target: Target,
    /// What it is made of, in order: shared texts, then its own.
    pub parts: &'static [&'static Text],
    /// Entry points that a dispatch runs one after the other, each over the whole grid.
    pub entries: &'static [&'static str],
    /// Name of the parameter that says how often the entries are run, with the parameter `step` raised by one each time; once
    /// if there is none.
    pub rounds: Option<&'static str>,
    /// Memory beside the bindings.
    pub scratch: Scratch,
}

/// A text and the numbers it wants from Rust.
#[derive(Debug)]
pub struct Text {
    /// Put in front, by name.
    pub constants: &'static [(&'static str, Constant)],
    /// As it lies in the file.
    pub text: &'static str,
}

/// A number that a text knows by name.
#[derive(Clone, Copy, Debug)]
pub enum Constant {
    /// Unsigned.
    U32(u32),
    /// Signed.
    I32(i32),
    /// A finite float, every bit of it.
    F32(f32),
}

/// Memory that a device form needs beside its bindings: 4-byte words, bound after the last of them. What it holds at first is not
/// known.
#[derive(Clone, Copy, Debug)]
pub enum Scratch {
    /// None.
    None,
    /// So many words for the whole dispatch, from its parameters.
    Dispatch(fn(&[u32]) -> u64),
    /// So many words for each workgroup, from its parameters; the text strides over its items, so that any number of workgroups do.
    Workgroup(fn(&[u32]) -> u64),
}

impl Source {
    /// One entry point `main` in one pass, without scratch.
    pub const fn wgsl(parts: &'static [&'static Text]) -> Source {
        Source { target: Target::Wgsl, parts, entries: &["main"], rounds: None, scratch: Scratch::None }
    }

    /// The whole text as a compiler wants it: the size of a workgroup as `WORKGROUP_SIZE`, then all parts.
    pub fn text(&self, kernel: &Kernel) -> String {
        let size: u32 = kernel.workgroup.iter().product();
        let mut text = String::new();
        self.declare(&mut text, "WORKGROUP_SIZE", Constant::U32(size));
        for part in self.parts {
            for &(name, constant) in part.constants {
                self.declare(&mut text, name, constant);
            }
            text.push_str(part.text);
        }
        text
    }

    fn declare(&self, text: &mut String, name: &str, constant: Constant) {
        let written = match (self.target, constant) {
            (Target::Wgsl, Constant::U32(value)) => writeln!(text, "const {name}: u32 = {value}u;"),
            (Target::Wgsl, Constant::I32(value)) => writeln!(text, "const {name}: i32 = i32({value});"),
            (Target::Wgsl, Constant::F32(value)) => {
                writeln!(text, "const {name}: f32 = {}f;", Decimal(value))
            }
            (Target::Cuda, Constant::U32(value)) => writeln!(text, "#define {name} {value}u"),
            (Target::Cuda, Constant::I32(value)) => writeln!(text, "#define {name} ({value})"),
            (Target::Cuda, Constant::F32(value)) => {
                writeln!(text, "#define {name} {}f", Decimal(value))
            }
        };
        written.expect("a string takes everything");
    }
}

/// A float in the fewest digits that read back as the same.
struct Decimal(f32);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        assert!(self.0.is_finite(), "a constant of {}, this is a bug", self.0);
        write!(f, "{:e}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::weight_decay::KERNEL;

    static SHARED: Text = Text { constants: &[("A", Constant::U32(7))], text: "shared\n" };
    static OWN: Text = Text {
        constants: &[("B", Constant::I32(i32::MIN)), ("C", Constant::F32(0.1)), ("D", Constant::F32(1e-20))],
        text: "own\n",
    };

    #[test]
    fn numbers_stand_before_the_text_that_wants_them() {
        let wgsl = Source::wgsl(const { &[&SHARED, &OWN] });
        let lines = "const WORKGROUP_SIZE: u32 = 64u;|const A: u32 = 7u;|shared|const B: i32 = i32(-2147483648);\
                     |const C: f32 = 1e-1f;|const D: f32 = 1e-20f;|own|";
        assert_eq!(wgsl.text(&KERNEL), lines.replace('|', "\n"));
        let cuda = Source { target: Target::Cuda, ..wgsl };
        let lines = "#define WORKGROUP_SIZE 64u|#define A 7u|shared|#define B (-2147483648)|#define C 1e-1f\
                     |#define D 1e-20f|own|";
        assert_eq!(cuda.text(&KERNEL), lines.replace('|', "\n"));
    }
}
