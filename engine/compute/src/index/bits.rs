//! `Bits`: a set of rows.

/// A set of rows, a bit each.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Bits {
    /// The rows whose bits are set.
    pub fn of(words: Vec<u64>) -> Self {
        let len = words.iter().map(|word| word.count_ones() as usize).sum();
        Bits { words, len }
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Their bits, in words of 64 rows.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    pub fn insert(&mut self, row: u32) {
        let (word, bit) = (row as usize / 64, 1 << (row % 64));
        if self.words.len() <= word {
            self.words.resize(word + 1, 0);
        }
        let new = self.words[word] & bit == 0;
        self.words[word] |= bit;
        self.len += usize::from(new);
    }

    pub fn remove(&mut self, row: u32) {
        let (word, bit) = (row as usize / 64, 1 << (row % 64));
        let held = self.words.get(word).is_some_and(|word| word & bit != 0);
        if held {
            self.words[word] &= !bit;
            self.len -= 1;
        }
    }

    pub fn contains(&self, row: u32) -> bool {
        self.words.get(row as usize / 64).is_some_and(|word| word >> (row % 64) & 1 == 1)
    }

    /// The rows, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = u32> {
        self.words.iter().enumerate().flat_map(|(word, &bits)| {
            let mut left = bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(word as u32 * 64 + bit)
            })
        })
    }

    /// The highest row.
    pub fn last(&self) -> Option<u32> {
        let (word, bits) = self.words.iter().enumerate().rev().find(|(_, bits)| **bits != 0)?;
        Some(word as u32 * 64 + bits.ilog2())
    }
}
