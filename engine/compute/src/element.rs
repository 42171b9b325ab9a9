//! The scalar types that buffers and parameters are made of.

use bytemuck::Pod;
use half::f16;

/// Scalar type of a buffer element or of a parameter field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Element {
    /// IEEE binary16. WGSL without `f16` sees pairs packed in `u32`.
    F16,
    /// IEEE binary32.
    F32,
    /// IEEE binary64, on devices that have it: WGSL does not.
    F64,
    /// 32-bit signed integer.
    I32,
    /// 32-bit unsigned integer, also four packed 8-bit codes.
    U32,
    /// 64-bit mask word. WGSL has no such type and sees `vec2<u32>`, low half first.
    U64,
}

impl Element {
    /// Bytes of one element.
    pub const fn bytes(self) -> usize {
        match self {
            Element::F16 => 2,
            Element::F32 | Element::I32 | Element::U32 => 4,
            Element::F64 | Element::U64 => 8,
        }
    }
}

/// A Rust type that can be an element of a buffer.
pub trait Stored: Pod + Send + Sync + std::fmt::Debug + PartialEq {
    /// Its name on the device.
    const ELEMENT: Element;
}

impl Stored for f16 {
    const ELEMENT: Element = Element::F16;
}
impl Stored for f32 {
    const ELEMENT: Element = Element::F32;
}
impl Stored for f64 {
    const ELEMENT: Element = Element::F64;
}
impl Stored for i32 {
    const ELEMENT: Element = Element::I32;
}
impl Stored for u32 {
    const ELEMENT: Element = Element::U32;
}
impl Stored for u64 {
    const ELEMENT: Element = Element::U64;
}
