//! Identities and instants. Plain numbers inside, short readable strings at the doors.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::Error;

/// Names one memory for ever; never reused, not even after deletion. Written `m1f` (hexadecimal).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct MemoryId(pub u64);

impl fmt::Display for MemoryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "m{:x}", self.0)
    }
}

impl FromStr for MemoryId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        text.strip_prefix('m')
            .filter(|digits| !digits.starts_with('+'))
            .and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .map(MemoryId)
            .ok_or_else(|| {
                Error::invalid("memory_id", "must look like m1f: the letter m and a hexadecimal number")
            })
    }
}

/// A wall between memories of different owners. Present in every record; one default tenant until identity comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct TenantId(pub u32);

/// One unit of the cortical grid. Written `c1f`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ColumnId(pub u32);

impl fmt::Display for ColumnId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "c{:x}", self.0)
    }
}

/// Microseconds since 1970-01-01T00:00:00Z. Always passed in; nothing below the engine reads a clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_ids_read_back_and_refuse_anything_else() {
        assert_eq!("m1f".parse::<MemoryId>().unwrap(), MemoryId(0x1f));
        assert_eq!(MemoryId(u64::MAX).to_string().parse::<MemoryId>().unwrap(), MemoryId(u64::MAX));
        for bad in ["", "m", "1f", "mxyz", "m+1", "m1f ", "m10000000000000000"] {
            assert!(bad.parse::<MemoryId>().is_err(), "{bad:?} was taken for an id");
        }
    }
}
