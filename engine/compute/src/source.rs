//! `Source`: the form of a kernel that a device's compiler reads, as static data.
//!
//! A text lies in `shaders/NAME.wgsl` or `kernels/NAME.cu`, what several share in `shared/` beside it. Numbers that host forms need
//! too are written once, in Rust, and put in front of the text that uses them. What the bindings, the parameters and the size of a
//! workgroup must look like follows from the [`Kernel`]; a test without any device holds each text to it.
//!
//! A dispatch may take fewer workgroups than the grid says, where a device allows no more or scratch is short: texts walk over
//! their items with the number of workgroups as stride.

use std::fmt::{self, Write as _};

use crate::element::Element;
use crate::kernel::{Grid, Kernel, Target};

/// A form of a kernel in a device's language.
#[derive(Debug)]
pub struct Source {
    /// Its language.
    pub target: Target,
    /// What it is made of, in order: shared texts, then its own.
    pub parts: &'static [&'static Text],
    /// The same in WGSL for devices whose lanes pass each other numbers, if that is worth a text of its own.
    pub subgroup_parts: Option<&'static [&'static Text]>,
    /// Entry points that a dispatch runs one after the other, each over the whole grid.
    pub entries: &'static [&'static str],
    /// In place of each once: which of them run, and for which steps, from the parameters. In WGSL, where workgroups cannot wait for each
    /// other but at the end of an entry.
    pub schedule: Option<Schedule>,
    /// Memory beside the bindings.
    pub scratch: Scratch,
    /// In place of the kernel's own, where workgroups of this form take other shares.
    pub grid: Option<Grid>,
    /// If all workgroups of an entry are under way at once, so that they may wait for each other.
    pub resident: bool,
    /// Threads that a multiprocessor holds at least, in CUDA: they share its 65,536 registers, of which unasked a compiler gives
    /// each so few that it spills.
    pub threads_min: u32,
}

/// 80 registers a thread.
const THREADS_MIN: u32 = 768;

/// What runs of a dispatch with these parameters, in order.
pub type Schedule = fn(&[u32]) -> Vec<Round>;

/// Entries that see the same parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Round {
    /// By how much the parameter `step` is raised, and `steps` lowered.
    pub ahead: u32,
    /// Places of the entries.
    pub entries: &'static [usize],
}

/// What a device allows a dispatch.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Workgroups in x and y.
    pub groups: [u32; 2],
    /// Workgroups that are under way at once.
    pub resident: u32,
    /// Words of scratch.
    pub scratch_words: u64,
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
    /// The same in double precision, which WGSL has not.
    F64(f64),
    /// An array of unsigned numbers.
    Table(&'static [u32]),
}

/// Memory that a device form needs beside its bindings: 4-byte words, bound after the last of them. Rubbish at first unless said
/// otherwise.
#[derive(Clone, Copy, Debug)]
pub enum Scratch {
    /// None.
    None,
    /// So many words for the whole dispatch, from its parameters.
    Dispatch(fn(&[u32]) -> u64),
    /// So many words for each workgroup, from its parameters; the text strides over its items, so that any number of workgroups do.
    Workgroup(fn(&[u32]) -> u64),
    /// So many words for the whole dispatch, and behind them so many for each workgroup.
    Both {
        /// Of the whole.
        dispatch: fn(&[u32]) -> u64,
        /// Of each.
        workgroup: fn(&[u32]) -> u64,
    },
    /// As `Workgroup`, and zeros at first: the whole device clears them sooner than a few workgroups do.
    Zeros(fn(&[u32]) -> u64),
}

impl Source {
    /// One entry point `main` in one pass, without scratch.
    pub const fn wgsl(parts: &'static [&'static Text]) -> Source {
        Source {
            target: Target::Wgsl,
            parts,
            subgroup_parts: None,
            entries: &["main"],
            schedule: None,
            scratch: Scratch::None,
            grid: None,
            resident: false,
            threads_min: THREADS_MIN,
        }
    }

    /// One entry point `main` in one pass, without scratch.
    pub const fn cuda(parts: &'static [&'static Text]) -> Source {
        Source { target: Target::Cuda, ..Source::wgsl(parts) }
    }

    /// The whole text as a compiler wants it: the size of a workgroup as `WORKGROUP_SIZE`, then all parts. WGSL texts say themselves
    /// what they bind; before those in CUDA stand the language of all of them and a struct `Arguments`, which holds a pointer for
    /// each binding, one to scratch if there is any, and the parameters.
    pub fn text(&self, kernel: &Kernel) -> String {
        self.text_of(kernel, self.parts)
    }

    /// The whole text for a device whose lanes pass each other numbers. The language asks for a directive `enable subgroups` in
    /// front, which naga 30 does not know.
    pub fn text_with_subgroups(&self, kernel: &Kernel) -> String {
        self.text_of(kernel, self.subgroup_parts.unwrap_or(self.parts))
    }

    fn text_of(&self, kernel: &Kernel, parts: &[&Text]) -> String {
        let size: u32 = kernel.workgroup.iter().product();
        let mut text = String::new();
        self.declare(&mut text, "WORKGROUP_SIZE", Constant::U32(size));
        if self.target == Target::Cuda {
            self.declare(&mut text, "THREADS_MIN", Constant::U32(self.threads_min));
            text.push_str(include_str!("../../../kernels/shared/cuda.cuh"));
            self.declare_arguments(&mut text, kernel);
        }
        for part in parts {
            for &(name, constant) in part.constants {
                self.declare(&mut text, name, constant);
            }
            text.push_str(part.text);
        }
        text
    }

    /// Workgroups of a dispatch, within what a device allows, and the words of scratch for all of them.
    pub fn workgroups(&self, kernel: &Kernel, params: &[u32], limits: &Limits) -> ([u32; 2], u64) {
        // One for nothing too: a text may have to say that it found nothing.
        let [x, y, _] = self.grid.unwrap_or(kernel.grid).workgroups(kernel, params);
        let mut groups = [x.clamp(1, limits.groups[0]), y.clamp(1, limits.groups[1])];
        // Items in y share those in x out among them: fewer of these come first.
        let mut within = |most: u32| {
            groups[0] = groups[0].min(most);
            groups[1] = groups[1].min(most / groups[0]);
        };
        if self.resident {
            within(limits.resident.max(1));
        }
        let (dispatch, workgroup) = match self.scratch {
            Scratch::None => return (groups, 0),
            Scratch::Dispatch(words) => (words(params), 0),
            Scratch::Workgroup(words) | Scratch::Zeros(words) => (0, words(params).max(1)),
            Scratch::Both { dispatch, workgroup } => (dispatch(params), workgroup(params).max(1)),
        };
        if let Some(most) = limits.scratch_words.saturating_sub(dispatch).checked_div(workgroup) {
            within(u32::try_from(most).unwrap_or(u32::MAX).max(1));
        }
        (groups, (dispatch + workgroup * u64::from(groups[0]) * u64::from(groups[1])).max(1))
    }

    /// `struct Params` and `struct Arguments` of a kernel in CUDA.
    fn declare_arguments(&self, text: &mut String, kernel: &Kernel) {
        text.push_str("\nstruct Params {\n");
        for field in kernel.params {
            text.push_str(&format!("    {} {};\n", cuda_type(field.element), field.name));
        }
        text.push_str("};\n\nstruct Arguments {\n");
        for binding in kernel.bindings {
            let constant = if binding.access.writes() { "" } else { "const " };
            text.push_str(&format!("    {constant}{} *{};\n", cuda_type(binding.element), binding.name));
        }
        if !matches!(self.scratch, Scratch::None) {
            text.push_str("    void *scratch;\n");
        }
        text.push_str("    Params params;\n};\n\n");
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
            (Target::Cuda, Constant::F64(value)) => writeln!(text, "#define {name} {}", Decimal(value)),
            (Target::Wgsl, Constant::Table(values)) => {
                writeln!(text, "const {name} = array<u32, {}>({});", values.len(), listed(values))
            }
            (Target::Cuda, Constant::Table(values)) => {
                writeln!(
                    text,
                    "static __device__ const u32 {name}[{}] = {{{}}};",
                    values.len(),
                    listed(values)
                )
            }
            (Target::Wgsl, Constant::F64(_)) => panic!("{name} is an f64 in WGSL, this is a bug"),
        };
        written.expect("a string takes everything");
    }
}

/// Unsigned numbers, with commas.
fn listed(values: &[u32]) -> String {
    values.iter().map(|value| format!("{value}u")).collect::<Vec<_>>().join(", ")
}

/// What CUDA texts call an element.
fn cuda_type(element: Element) -> &'static str {
    match element {
        Element::F16 => "u16",
        Element::F32 => "float",
        Element::F64 => "double",
        Element::I32 => "int",
        Element::U32 => "u32",
        Element::U64 => "u64",
    }
}

/// A float in the fewest digits that read back as the same.
struct Decimal<T>(T);

impl<T: fmt::LowerExp> fmt::Display for Decimal<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let written = format!("{:e}", self.0);
        assert!(!written.contains(['n', 'N']), "a constant of {written}, this is a bug");
        f.write_str(&written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::weight_decay::KERNEL;

    static SHARED: Text = Text { constants: &[("A", Constant::U32(7))], text: "shared\n" };
    static OWN: Text = Text {
        constants: &[
            ("B", Constant::I32(i32::MIN)),
            ("C", Constant::F32(0.1)),
            ("D", Constant::F32(1e-20)),
            ("E", Constant::Table(&[3, 4])),
        ],
        text: "own\n",
    };

    static PARTS: &[&Text] = &[&SHARED, &OWN];

    #[test]
    fn numbers_stand_before_the_text_that_wants_them() {
        let wgsl = Source::wgsl(PARTS);
        let lines = "const WORKGROUP_SIZE: u32 = 64u;|const A: u32 = 7u;|shared|const B: i32 = i32(-2147483648);\
                     |const C: f32 = 1e-1f;|const D: f32 = 1e-20f;|const E = array<u32, 2>(3u, 4u);|own|";
        assert_eq!(wgsl.text(&KERNEL), lines.replace('|', "\n"));
        let cuda = Source { target: Target::Cuda, ..wgsl }.text(&KERNEL);
        assert!(cuda.starts_with("#define WORKGROUP_SIZE 64u\n"), "{cuda}");
        let lines = "struct Params {|    u32 synapses;|    u32 share;|    u32 round;|};||struct Arguments {|    u32 *weights;\
                     |    Params params;|};||#define A 7u|shared|#define B (-2147483648)|#define C 1e-1f\
                     |#define D 1e-20f|static __device__ const u32 E[2] = {3u, 4u};|own|";
        assert!(cuda.ends_with(&lines.replace('|', "\n")), "{cuda}");
    }
}
