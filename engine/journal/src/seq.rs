//! Sequence numbers: the place of a record in the log, for ever.

use std::fmt;

/// The sequence number of a record. The first record of a log is 1; 0 stands for "nothing yet".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Seq(pub u64);

impl Seq {
    /// No record: the tail of an empty log.
    pub const ZERO: Seq = Seq(0);
    /// The first record of every log.
    pub const FIRST: Seq = Seq(1);

    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Seq {
        self.plus(1)
    }

    /// The number `count` places on.
    #[must_use]
    pub fn plus(self, count: u64) -> Seq {
        Seq(self.0.checked_add(count).expect("this is a bug: 2^64 records were written"))
    }
}

impl fmt::Display for Seq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
