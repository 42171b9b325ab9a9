//! Handles of device arrays.
//!
//! A handle owns nothing: memory lives in the device that made it, until `Device::destroy`. Handles are neither
//! `Copy` nor `Clone`, so that growing or destroying a buffer leaves no usable old handle behind.

use std::fmt;
use std::marker::PhantomData;

use crate::element::{Element, Stored};

/// Identity of a buffer, never used twice by one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct BufferId(pub(crate) u32);

/// A typed array of `len` elements on a device.
#[derive(Debug)]
pub struct Buffer<T> {
    any: AnyBuffer,
    elements: PhantomData<T>,
}

impl<T: Stored> Buffer<T> {
    pub(crate) fn new(id: BufferId, label: &'static str, len: usize) -> Self {
        Buffer { any: AnyBuffer { id, label, element: T::ELEMENT, len }, elements: PhantomData }
    }

    /// Its identity in commands.
    pub fn id(&self) -> BufferId {
        self.any.id
    }

    /// Elements it holds.
    pub fn len(&self) -> usize {
        self.any.len
    }

    /// True if it holds no element.
    pub fn is_empty(&self) -> bool {
        self.any.len == 0
    }

    /// What it is for.
    pub fn label(&self) -> &'static str {
        self.any.label
    }

    /// The handle as commands carry it.
    pub fn erase(&self) -> AnyBuffer {
        self.any
    }
}

/// A buffer handle without its Rust type.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct AnyBuffer {
    /// Identity.
    pub id: BufferId,
    /// What it is for.
    pub label: &'static str,
    /// Element type.
    pub element: Element,
    /// Elements it holds.
    pub len: usize,
}

impl AnyBuffer {
    /// The same memory under another element type. Only for a slot that the kernel will not look at, because a
    /// device wants something bound there all the same.
    pub fn stand_in(self, element: Element) -> AnyBuffer {
        AnyBuffer { element, len: self.len * self.element.bytes() / element.bytes(), ..self }
    }

    /// Bytes it holds.
    pub fn bytes(&self) -> usize {
        self.len * self.element.bytes()
    }
}

impl fmt::Debug for AnyBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl fmt::Display for AnyBuffer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.label, self.id.0)
    }
}
