//! Caches: what can be made anew from the records, at a cost, kept beside them.
//!
//! A cache has the form of a snapshot, of record 0, so that damage is seen. Whether its content still fits the records is for the caller to
//! tell; whoever finds it missing or damaged makes it anew. Only the writer of the log beside it may write one; anyone may read, and remove.

use std::io::{self, Write};

use crate::error::{Error, Op, Result};
use crate::snapshot::{Snapshot, write_sealed};
use crate::storage::Storage;
use crate::{Seq, names};

/// Writes the cache of that name (letters alone) in place of an older one, if there is one. Returns the file's length in bytes.
///
/// # Errors
/// Storage errors. The older one is still there.
pub fn write<S: Storage>(storage: &S, name: &str, content: &[u8]) -> Result<u64> {
    let fill = |writer: &mut crate::snapshot::SnapshotWriter<'_, S::File>| writer.write_all(content);
    write_sealed(storage, names::CACHE_TEMP, &names::cache(name), Seq::ZERO, fill)
}

/// The content of the cache of that name, or `None`.
///
/// # Errors
/// [`Error::Corrupt`] naming the file; [`Error::UnsupportedVersion`]; storage errors.
pub fn read<S: Storage>(storage: &S, name: &str) -> Result<Option<Vec<u8>>> {
    let name = names::cache(name);
    if !storage.list()?.contains(&name) {
        return Ok(None);
    }
    let mut cache = Snapshot::open(storage.open(&name)?, name.clone(), Seq::ZERO)?;
    let mut content = Vec::with_capacity(cache.content_bytes() as usize);
    match io::Read::read_to_end(&mut cache, &mut content) {
        Ok(_) => Ok(Some(content)),
        Err(error) => Err(match error.downcast::<Error>() {
            Ok(ours) => ours,
            Err(source) => Error::Io { op: Op::Read, file: name, source },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::{Fault, SimStorage};

    #[test]
    fn the_newest_content_comes_back_or_nothing() {
        let storage = SimStorage::new(0);
        assert_eq!(read(&storage, "graph").unwrap(), None);
        for content in [&b""[..], b"a graph", &[7; 3 << 20]] {
            write(&storage, "graph", content).unwrap();
            assert_eq!(read(&storage, "graph").unwrap().as_deref(), Some(content));
        }
        write(&storage, "other", b"no graph").unwrap();
        assert_eq!(read(&storage, "graph").unwrap(), Some(vec![7; 3 << 20]));
        assert_eq!(storage.list().unwrap().len(), 2, "nothing temporary is left");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let storage = SimStorage::new(0);
        write(&storage, "graph", b"edges").unwrap();
        let name = names::cache("graph");
        let whole = storage.bytes(&name);
        for bit in 0..whole.len() as u64 * 8 {
            let bad = storage.crash(0);
            bad.flip_bit(&name, bit / 8, (bit % 8) as u8);
            assert!(
                matches!(read(&bad, "graph"), Err(Error::Corrupt { file, .. }) if file == name),
                "bit {bit}"
            );
        }
        for len in 0..whole.len() {
            let cut = SimStorage::with_files(&[(&name, &whole[..len])]);
            assert!(matches!(read(&cut, "graph"), Err(Error::Corrupt { .. })), "{len}");
        }
    }

    #[test]
    fn a_power_cut_or_a_failure_leaves_the_older_or_the_newer() {
        for ahead in 0..12 {
            let storage = SimStorage::new(ahead);
            write(&storage, "graph", b"older").unwrap();
            storage.fail_at(storage.ops() + ahead, Fault::DeviceFails);
            let written = write(&storage, "graph", b"newer").is_ok();
            for seed in 0..20 {
                let found = read(&storage.crash(seed), "graph").unwrap().expect("one of them");
                assert!(found == b"newer" || found == b"older" && !written, "{found:?}");
            }
            // A fault that is still to come comes now.
            while write(&storage, "graph", b"newest").is_err() {}
            assert_eq!(read(&storage, "graph").unwrap().as_deref(), Some(&b"newest"[..]));
            assert_eq!(storage.list().unwrap(), [names::cache("graph")]);
        }
    }
}
