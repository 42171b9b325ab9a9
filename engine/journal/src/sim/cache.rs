//! One simulated file: what is on the platter, what readers see, and which bytes differ.

use std::ops::Range;

use super::Random;

/// The unit that a power cut keeps, loses or turns to noise.
const SECTOR_BYTES: usize = 512;

#[derive(Clone, Debug, Default)]
pub(super) struct CachedFile {
    durable: Vec<u8>,
    seen: Vec<u8>,
    /// Ranges of `seen` that the next sync will write. Bytes that a failed sync dropped are in neither.
    dirty: Vec<Range<usize>>,
}

/// What a power cut leaves of the unsynced bytes.
#[derive(Clone, Copy)]
enum Outcome {
    NothingWritten,
    AllWritten,
    /// Written in order, up to some byte.
    Prefix,
    /// Each sector for itself.
    Sectors,
}

impl CachedFile {
    pub(super) fn durable(bytes: Vec<u8>) -> CachedFile {
        CachedFile { seen: bytes.clone(), durable: bytes, dirty: Vec::new() }
    }

    pub(super) fn seen(&self) -> &[u8] {
        &self.seen
    }

    pub(super) fn append(&mut self, bytes: &[u8]) {
        let start = self.seen.len();
        self.seen.extend_from_slice(bytes);
        self.dirty.push(start..self.seen.len());
    }

    pub(super) fn rewrite(&mut self, offset: u64, bytes: &[u8]) {
        let range = offset as usize..offset as usize + bytes.len();
        assert_eq!(
            self.seen.get(range.clone()),
            Some(bytes),
            "this is a bug: a rewrite must not change anything"
        );
        self.dirty.push(range);
    }

    pub(super) fn truncate(&mut self, len: u64) {
        let len = len as usize;
        assert!(len <= self.seen.len(), "this is a bug: truncate must not lengthen");
        self.seen.truncate(len);
        for range in &mut self.dirty {
            *range = range.start.min(len)..range.end.min(len);
        }
    }

    pub(super) fn sync(&mut self) {
        self.durable.resize(self.seen.len(), 0);
        for range in self.dirty.drain(..) {
            self.durable[range.clone()].copy_from_slice(&self.seen[range]);
        }
    }

    /// Some dirty sectors are dropped and from now on believed clean; the others stay dirty.
    pub(super) fn fail_sync(&mut self, random: &mut Random) {
        let drop_all = random.one_in(2);
        let sectors: Vec<_> = self.dirty.drain(..).flat_map(sectors).collect();
        self.dirty = sectors.into_iter().filter(|_| !drop_all && random.one_in(2)).collect();
    }

    pub(super) fn after_crash(&self, random: &mut Random) -> CachedFile {
        let outcomes = [Outcome::NothingWritten, Outcome::AllWritten, Outcome::Prefix, Outcome::Sectors];
        let outcome = outcomes[random.below(4) as usize];
        let (short, long) =
            (self.durable.len().min(self.seen.len()), self.durable.len().max(self.seen.len()));
        let len = match outcome {
            Outcome::NothingWritten => self.durable.len(),
            Outcome::AllWritten => self.seen.len(),
            Outcome::Prefix => short + random.below((long - short) as u64 + 1) as usize,
            // The length is written by the file system's own journal, so it may be ahead of the content.
            Outcome::Sectors if random.one_in(2) => long,
            Outcome::Sectors => short + random.below((long - short) as u64 + 1) as usize,
        };
        let mut left = self.durable.clone();
        left.resize(len, 0);
        let noisy = random.one_in(2);
        for range in self.dirty.iter().cloned().flat_map(sectors) {
            let range = range.start.min(len)..range.end.min(len);
            let keep = match outcome {
                Outcome::NothingWritten => continue,
                Outcome::AllWritten | Outcome::Prefix => true,
                Outcome::Sectors => random.one_in(2),
            };
            if keep {
                left[range.clone()].copy_from_slice(&self.seen[range]);
            } else if noisy && range.start >= self.durable.len() && random.one_in(2) {
                random.fill(&mut left[range]);
            }
        }
        CachedFile::durable(left)
    }

    pub(super) fn flip_bit(&mut self, byte: u64, bit: u8) {
        for bytes in [&mut self.durable, &mut self.seen] {
            bytes[byte as usize] ^= 1 << bit;
        }
    }
}

/// Cuts a range at sector borders.
fn sectors(range: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let end = range.end.min((start / SECTOR_BYTES + 1) * SECTOR_BYTES);
        let sector = start..end;
        start = end;
        (!sector.is_empty()).then_some(sector)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_page_is_seen_but_never_durable_until_rewritten() {
        let mut random = Random::new(1);
        let mut file = CachedFile::default();
        file.append(&[7; 100]);
        while !file.dirty.is_empty() {
            file.fail_sync(&mut random);
        }
        file.sync();
        assert_eq!(file.seen(), [7; 100]);
        assert_eq!(file.durable, [0; 100]);
        file.rewrite(0, &[7; 100]);
        file.sync();
        assert_eq!(file.durable, [7; 100]);
    }

    #[test]
    fn a_crash_never_touches_durable_bytes_and_does_everything_else() {
        let mut file = CachedFile::default();
        file.append(&[1; 700]);
        file.sync();
        file.append(&[2; 1500]);
        let (mut lost, mut whole, mut holes, mut noise, mut cut) = (0, 0, 0, 0, 0);
        for seed in 0..1000 {
            let after = file.after_crash(&mut Random::new(seed));
            let bytes = after.seen();
            assert_eq!(bytes[..700], [1; 700]);
            let rest = &bytes[700..];
            lost += usize::from(rest.is_empty());
            whole += usize::from(rest == [2; 1500]);
            holes += usize::from(rest.windows(2).any(|pair| pair == [0, 2]));
            noise += usize::from(rest.iter().any(|&byte| byte != 0 && byte != 2));
            cut += usize::from(!rest.is_empty() && rest.len() < 1500);
        }
        assert!([lost, whole, holes, noise, cut].iter().all(|&seen| seen > 50), "every outcome comes up");
    }
}
