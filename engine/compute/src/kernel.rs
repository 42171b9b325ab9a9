//! `Kernel`: everything a back end, a test or a reader needs to know about a kernel, as static data.
//!
//! The three device forms of a kernel share one word for a name, one order of bindings and one struct of
//! parameters; this descriptor is the copy of those facts that tests compare the others with. It has no behaviour
//! of its own: playing a dispatch is the back end's work, and what it computes is in `reference`.

use std::fmt;

use bytemuck::Pod;

use crate::args::Args;
use crate::case::Case;
use crate::element::Element;
use crate::source::Source;

/// A data-parallel function known to every back end.
pub struct Kernel {
    /// The word under which it is found in `kernels/`, `shaders/` and metrics.
    pub name: &'static str,
    /// Buffers in binding order.
    pub bindings: &'static [Binding],
    /// Fields of its parameter struct, in order, each of 4 bytes.
    pub params: &'static [Field],
    /// Invocations of one GPU workgroup.
    pub workgroup: [u32; 3],
    /// How many workgroups a dispatch takes.
    pub grid: Grid,
    /// How far a form may be from `reference`; argued in the header of the kernel's file.
    pub tolerance: Tolerance,
    /// The law: plain loops, f64 or integers.
    pub reference: fn(&mut Args<'_>),
    /// The product's CPU form: SIMD and threads.
    pub cpu: fn(&mut Args<'_>),
    /// Device forms.
    pub sources: &'static [Source],
    /// Targets without a text, each with the reason.
    pub absent: &'static [(Target, &'static str)],
    /// Inputs on which every form is compared with `reference`, drawn from a seed.
    pub cases: fn(seed: u64) -> Vec<Case>,
}

impl Kernel {
    /// Bytes of the parameter struct.
    pub const fn params_bytes(&self) -> usize {
        self.params.len() * 4
    }

    /// Its form for a target, or why there is none.
    pub fn source(&self, target: Target) -> Result<&'static Source, &'static str> {
        let found = self.sources.iter().find(|source| source.target == target);
        let absent = self.absent.iter().find(|(of, _)| *of == target);
        found.ok_or(absent.map_or("nobody said why", |(_, why)| why))
    }

    /// Place of a parameter field, which is also its offset in 4-byte words.
    pub fn field(&self, name: &str) -> Option<usize> {
        self.params.iter().position(|field| field.name == name)
    }

    /// Workgroups a dispatch with these parameters takes in x, y, z.
    pub fn workgroups(&self, params: &[u32]) -> [u32; 3] {
        self.grid.workgroups(self, params)
    }
}

impl fmt::Debug for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

/// One buffer slot of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Binding {
    /// Its name, the same in all forms.
    pub name: &'static str,
    /// What the kernel does with it.
    pub access: Access,
    /// What it holds.
    pub element: Element,
}

impl Binding {
    /// A slot that is only read.
    pub const fn read(name: &'static str, element: Element) -> Self {
        Binding { name, access: Access::Read, element }
    }

    /// A slot that is only written.
    pub const fn write(name: &'static str, element: Element) -> Self {
        Binding { name, access: Access::Write, element }
    }

    /// A slot that is read and written.
    pub const fn read_write(name: &'static str, element: Element) -> Self {
        Binding { name, access: Access::ReadWrite, element }
    }
}

/// What a kernel does with a buffer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads it.
    Read,
    /// Writes it without looking at what was there; elements it leaves out keep their value.
    Write,
    /// Reads and writes it.
    ReadWrite,
}

impl Access {
    /// True if the buffer may change.
    pub fn writes(self) -> bool {
        self != Access::Read
    }
}

/// One field of a parameter struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its name, the same in all forms.
    pub name: &'static str,
    /// `U32`, `I32` or `F32`.
    pub element: Element,
}

/// A kernel's parameter struct; made by the `params!` macro, which keeps `FIELDS` and the struct the same thing.
pub trait Params: Pod {
    /// Its fields in order.
    const FIELDS: &'static [Field];

    /// From its 4-byte words.
    fn of(words: &[u32]) -> Self {
        *bytemuck::from_bytes(bytemuck::cast_slice(words))
    }
}

/// Declares the parameter struct of a kernel: `repr(C)`, 4-byte fields only, so that WGSL, CUDA and Rust agree on
/// every offset without padding.
#[macro_export]
#[doc(hidden)]
macro_rules! params {
    ($(#[$about:meta])* pub struct $name:ident { $($(#[$field_about:meta])* pub $field:ident: $ty:ty,)* }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, bytemuck::Pod, bytemuck::Zeroable)]
        #[repr(C)]
        pub struct $name { $($(#[$field_about])* pub $field: $ty,)* }

        impl $crate::Params for $name {
            const FIELDS: &'static [$crate::Field] = &[
                $($crate::Field { name: stringify!($field), element: <$ty as $crate::Stored>::ELEMENT },)*
            ];
        }

        const _: () = assert!(size_of::<$name>() == 4 * <$name as $crate::Params>::FIELDS.len());
    };
}

/// How many workgroups a dispatch takes, from its parameters. The CPU plays a dispatch of one workgroup on the calling
/// thread, so a form that splits work splits none of that.
#[derive(Clone, Copy, Debug)]
pub struct Grid {
    /// Workgroups in x.
    pub x: Extent,
    /// Workgroups in y.
    pub y: Extent,
}

impl Grid {
    /// One workgroup for each `items` of a parameter field.
    pub const fn per(field: &'static str, items: u32) -> Self {
        Grid { x: Extent::Per { field, items }, y: Extent::One }
    }

    /// Workgroups in x, y, z that a dispatch of a kernel with these parameters takes.
    pub fn workgroups(&self, kernel: &Kernel, params: &[u32]) -> [u32; 3] {
        let count = |extent: &Extent| match *extent {
            Extent::One => 1,
            Extent::Per { field, items } => {
                let place = kernel.field(field);
                let place =
                    place.unwrap_or_else(|| panic!("{}: grid field {field}, this is a bug", kernel.name));
                params[place].div_ceil(items)
            }
        };
        [count(&self.x), count(&self.y), 1]
    }
}

/// Workgroups in one direction.
#[derive(Clone, Copy, Debug)]
pub enum Extent {
    /// Exactly one.
    One,
    /// One for each `items` of a parameter field, rounded up.
    Per {
        /// Name of the field that counts the items.
        field: &'static str,
        /// Items one workgroup takes.
        items: u32,
    },
}

/// How far a form of a kernel may be from its reference.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Tolerance {
    /// Every output bit is the same.
    Exact,
    /// Integers are the same, floats are at most this many representable values apart.
    Ulp(u32),
    /// Integers are the same; of each float output, the squared error over the squared reference, both summed, is at
    /// most this.
    Nmse(f64),
    /// The outputs are ranked lists of parameter `k` places: ids (u32) in the first output binding, scores (f32) in
    /// the second.
    TopK {
        /// Least share of the reference's ids that each list must hold. A missing id is forgiven when its score
        /// ties, within `score_ulp`, with the last place. Of a list whose scores are the same to the bit, all
        /// must be, in their places, if all are asked for.
        min_recall: f32,
        /// Largest distance of scores at one place, in units of the last place of the list's largest score.
        score_ulp: u32,
    },
}

/// Language of a device text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Target {
    /// `shaders/NAME.wgsl`
    Wgsl,
    /// `kernels/NAME.cu`
    Cuda,
}

impl Target {
    /// All targets.
    pub const ALL: [Target; 2] = [Target::Wgsl, Target::Cuda];
}
