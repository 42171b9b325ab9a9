//! `Work`: what one dispatch of a kernel asks of a card, counted from its CUDA text.
//!
//! Counts are of what the text says, statement by statement, over the numbers of one input; branches that the input decides are
//! counted from what it decided. Two counts of bytes stand side by side: what must move even if no number is ever read twice, and what
//! the text asks for, in which a number somewhere in a large array is a whole sector and repeats count. What lies between them is
//! left to caches, or to a better text.

use std::ops::{Add, Mul};

/// Bytes of memory that come with any one of them.
pub const SECTOR_BYTES: u64 = 32;

/// Counts of one dispatch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Work {
    /// Bytes read, each number that is touched once.
    pub read_bytes: u64,
    /// Bytes written, likewise.
    pub written_bytes: u64,
    /// Bytes that the text asks memory for, in both directions.
    pub asked_bytes: u64,
    /// Instructions on integers: arithmetic, comparison, address.
    pub integer_ops: u64,
    /// Instructions on f32, none fused.
    pub float_ops: u64,
    /// Instructions on f64.
    pub double_ops: u64,
    /// Instructions of tensor cores, in each lane of a warp: 128 pairs of bytes multiplied and added up.
    pub tensor_ops: u64,
    /// Atomic operations on memory.
    pub atomics: u64,
    /// Barriers that the workgroup with most of them passes.
    pub barriers: u64,
    /// Times that all workgroups wait for each other.
    pub meetings: u64,
    /// Entry points started, one after the other.
    pub launches: u64,
    /// Bytes that the whole card sets to zero before the first of them.
    pub cleared_bytes: u64,
}

impl Work {
    /// Reads `bytes` in order.
    pub fn read(bytes: u64) -> Work {
        Work { read_bytes: bytes, asked_bytes: bytes, ..Work::default() }
    }

    /// Writes `bytes` in order.
    pub fn write(bytes: u64) -> Work {
        Work { written_bytes: bytes, asked_bytes: bytes, ..Work::default() }
    }

    /// Asks for `bytes` that were read or written before.
    pub fn again(bytes: u64) -> Work {
        Work { asked_bytes: bytes, ..Work::default() }
    }

    /// Asks `times` for a number somewhere.
    pub fn gather(times: u64) -> Work {
        Work { asked_bytes: times * SECTOR_BYTES, ..Work::default() }
    }

    /// Instructions on integers.
    pub fn integer(ops: u64) -> Work {
        Work { integer_ops: ops, ..Work::default() }
    }

    /// Instructions on f32.
    pub fn float(ops: u64) -> Work {
        Work { float_ops: ops, ..Work::default() }
    }

    /// Instructions on f64.
    pub fn double(ops: u64) -> Work {
        Work { double_ops: ops, ..Work::default() }
    }

    /// Instructions of tensor cores.
    pub fn tensor(ops: u64) -> Work {
        Work { tensor_ops: ops, ..Work::default() }
    }

    /// Atomic operations, each of which asks for a sector.
    pub fn atomic(times: u64) -> Work {
        Work { atomics: times, ..Work::gather(times) }
    }

    /// Barriers of the workgroup with most of them.
    pub fn barriers(barriers: u64) -> Work {
        Work { barriers, ..Work::default() }
    }

    /// Waits of all workgroups for each other.
    pub fn meetings(meetings: u64) -> Work {
        Work { meetings, ..Work::default() }
    }

    /// Entry points.
    pub fn launches(launches: u64) -> Work {
        Work { launches, ..Work::default() }
    }

    /// Zeros before the first launch, which are a launch themselves.
    pub fn clear(bytes: u64) -> Work {
        Work { cleared_bytes: bytes, ..Work::launches(1) }
    }

    /// Bytes that must move.
    pub fn least_bytes(&self) -> u64 {
        self.read_bytes + self.written_bytes
    }
}

impl Add for Work {
    type Output = Work;

    fn add(self, other: Work) -> Work {
        Work {
            read_bytes: self.read_bytes + other.read_bytes,
            written_bytes: self.written_bytes + other.written_bytes,
            asked_bytes: self.asked_bytes + other.asked_bytes,
            integer_ops: self.integer_ops + other.integer_ops,
            float_ops: self.float_ops + other.float_ops,
            double_ops: self.double_ops + other.double_ops,
            tensor_ops: self.tensor_ops + other.tensor_ops,
            atomics: self.atomics + other.atomics,
            barriers: self.barriers + other.barriers,
            meetings: self.meetings + other.meetings,
            launches: self.launches + other.launches,
            cleared_bytes: self.cleared_bytes + other.cleared_bytes,
        }
    }
}

/// So many times the same; barriers and launches too.
impl Mul<u64> for Work {
    type Output = Work;

    fn mul(self, times: u64) -> Work {
        Work {
            read_bytes: self.read_bytes * times,
            written_bytes: self.written_bytes * times,
            asked_bytes: self.asked_bytes * times,
            integer_ops: self.integer_ops * times,
            float_ops: self.float_ops * times,
            double_ops: self.double_ops * times,
            tensor_ops: self.tensor_ops * times,
            atomics: self.atomics * times,
            barriers: self.barriers * times,
            meetings: self.meetings * times,
            launches: self.launches * times,
            cleared_bytes: self.cleared_bytes * times,
        }
    }
}
