//! `Checkpoint`: the graph of an index as bytes, to be there again after a restart.
//!
//! It holds edges alone, and of each row a fingerprint of the vector that they were made for: whoever reads it back has the rows
//! already, and sees for each whether its edges still hold. So a checkpoint needs no record of when it was made, and may be older
//! than the rows beside it. The caller seals it: what is checked here keeps a mistake from becoming a panic, and is no checksum.
//!
//! Bytes, all numbers little-endian: version, dim, degree and rows, u32 each; `rows / 64` words rounded up, u64, a bit for each row in
//! the graph; for each of these, by number, its fingerprint, u32, how many edges it has, u8, and the rows they lead to, u32.

use half::f16;

use crate::index::bits::Bits;
use crate::kernels::shared::graph_shard::{DEGREE_MAX, listed};
use crate::{Error, Result};

const VERSION: u32 = 1;

/// A graph, apart from any device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub(super) dim: usize,
    pub(super) degree: usize,
    pub(super) linked: Bits,
    /// `[rows]`, of linked rows alone.
    pub(super) prints: Vec<u32>,
    /// `[rows][degree]`, as in `GraphShard`.
    pub(super) edges: Vec<u32>,
}

/// What tells whether a row is the one it was. Should two vectors share it, which one in four billion does, the row keeps the edges
/// of the other: it may be met a little later, and is scored as it is.
pub(super) fn fingerprint(vector: &[f16]) -> u32 {
    crc32c::crc32c(bytemuck::cast_slice(vector))
}

impl Checkpoint {
    /// Rows of the graph.
    pub fn linked(&self) -> usize {
        self.linked.len()
    }

    /// As bytes.
    pub fn encode(&self) -> Vec<u8> {
        let rows = self.prints.len();
        let mut bytes = Vec::with_capacity(16 + rows / 8 + self.linked() * (5 + 4 * self.degree));
        for number in [VERSION, self.dim as u32, self.degree as u32, rows as u32] {
            bytes.extend(number.to_le_bytes());
        }
        for word in 0..rows.div_ceil(64) {
            bytes.extend(self.linked.words().get(word).copied().unwrap_or(0).to_le_bytes());
        }
        for row in self.linked.iter() {
            let list = &self.edges[row as usize * self.degree..][..self.degree];
            bytes.extend(self.prints[row as usize].to_le_bytes());
            bytes.push(listed(list).count() as u8);
            listed(list).for_each(|other| bytes.extend(other.to_le_bytes()));
        }
        bytes
    }

    /// Reads what [`Checkpoint::encode`] wrote.
    ///
    /// # Errors
    /// [`Error::Checkpoint`] if it is not that, or of another version.
    pub fn decode(bytes: &[u8]) -> Result<Checkpoint> {
        let mut reader = Reader(bytes);
        let version = reader.number()?;
        if version != VERSION {
            return Err(Error::Checkpoint { why: format!("version {version}, known is {VERSION}") });
        }
        let [dim, degree, rows] = [reader.number()?, reader.number()?, reader.number()?].map(|n| n as usize);
        if !(1..=DEGREE_MAX).contains(&degree) {
            return Err(Error::Checkpoint { why: format!("{degree} edges a row") });
        }
        let mut words = Vec::new();
        for _ in 0..rows.div_ceil(64) {
            words.push(u64::from_le_bytes(reader.take()?));
        }
        let linked = Bits::of(words);
        if linked.last().is_some_and(|last| last as usize >= rows) {
            return Err(Error::Checkpoint { why: format!("a row behind the last of {rows}") });
        }
        // Before there is made room for it.
        if reader.0.len() < linked.len() * 5 {
            return Err(reader.short());
        }
        let (mut prints, mut edges) = (vec![0; rows], vec![0; rows * degree]);
        for row in linked.iter() {
            prints[row as usize] = reader.number()?;
            let [count] = reader.take()?;
            let list = &mut edges[row as usize * degree..][..degree];
            let list = list.get_mut(..usize::from(count)).ok_or_else(|| Error::Checkpoint {
                why: format!("row {row} has {count} edges of at most {degree}"),
            })?;
            for edge in list {
                let other = reader.number()?;
                if !linked.contains(other) {
                    let why = format!("an edge from row {row} to row {other}, which is not in the graph");
                    return Err(Error::Checkpoint { why });
                }
                *edge = other + 1;
            }
        }
        if !reader.0.is_empty() {
            return Err(Error::Checkpoint { why: format!("{} bytes too many", reader.0.len()) });
        }
        Ok(Checkpoint { dim, degree, linked, prints, edges })
    }
}

/// What is left to read.
struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Result<[u8; N]> {
        let (taken, left) = self.0.split_first_chunk().ok_or_else(|| self.short())?;
        self.0 = left;
        Ok(*taken)
    }

    fn number(&mut self) -> Result<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn short(&self) -> Error {
        Error::Checkpoint { why: "it ends too early".to_owned() }
    }
}
