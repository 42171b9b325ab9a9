//! A moving view of a file: bounded memory however long the file is.

use crate::error::Result;
use crate::storage::StorageFile;

/// Read at once, when no single frame asks for more.
const READ_BYTES: usize = 256 << 10;

pub(crate) struct Window<F> {
    file: F,
    /// The file's length when the window was made. What is appended later is not seen: it may be half there.
    len: u64,
    /// Offset of `bytes[0]` in the file.
    start: u64,
    bytes: Vec<u8>,
}

impl<F: StorageFile> Window<F> {
    pub(crate) fn new(file: F) -> Result<Window<F>> {
        Ok(Window { len: file.len()?, file, start: 0, bytes: Vec::new() })
    }

    pub(crate) fn file_bytes(&self) -> u64 {
        self.len
    }

    /// The `len` bytes at `offset`; fewer only at the end of the file.
    pub(crate) fn at(&mut self, offset: u64, len: usize) -> Result<&[u8]> {
        let len = self.len.saturating_sub(offset).min(len as u64) as usize;
        let held_end = self.start + self.bytes.len() as u64;
        if offset < self.start || offset > held_end {
            self.bytes.clear();
            self.start = offset;
        }
        if offset + len as u64 > self.start + self.bytes.len() as u64 {
            self.bytes.drain(..(offset - self.start) as usize);
            self.start = offset;
            let held = self.bytes.len();
            let rest = self.len - offset;
            self.bytes.resize(rest.min(len.max(READ_BYTES) as u64) as usize, 0);
            // On an error the unread rest must not be taken for content.
            let read = self.file.read_at(offset + held as u64, &mut self.bytes[held..]);
            self.bytes.truncate(held + read.as_ref().copied().unwrap_or(0));
            read?;
        }
        let from = (offset - self.start) as usize;
        let to = self.bytes.len().min(from + len);
        Ok(&self.bytes[from..to])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Random, SimStorage};
    use crate::storage::Storage;

    #[test]
    fn shows_the_file_wherever_it_is_moved() {
        let mut random = Random::new(5);
        let mut content = vec![0; 3 * READ_BYTES + 17];
        random.fill(&mut content);
        let storage = SimStorage::with_files(&[("x", &content)]);
        let mut window = Window::new(storage.open("x").unwrap()).unwrap();
        for _ in 0..500 {
            let offset = random.below(content.len() as u64 + 100);
            let len_max = [10, 4096, 2 * READ_BYTES as u64][random.below(3) as usize];
            let len = random.below(len_max) as usize;
            let from = content.len().min(offset as usize);
            let to = content.len().min(offset as usize + len);
            assert_eq!(window.at(offset, len).unwrap(), &content[from..to]);
        }
    }
}
