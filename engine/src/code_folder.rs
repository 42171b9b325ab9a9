//! `CodeFolder`: a folder in which code compiled for a card waits for the next start.
//!
//! It may be deleted at any time, and what was not asked for in a long time is: every upgrade of the program or of the compiler leaves
//! code behind that nobody wants again. Nothing in it is synced and nothing that fails here is an error: what is not there, or not
//! whole, is compiled anew.

use std::fs;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cortexkg_compute::CodeCache;

/// Pieces of code that are kept: those of a few cards and versions.
const KEPT_MAX: usize = 128;

#[derive(Debug)]
pub(crate) struct CodeFolder {
    folder: PathBuf,
}

impl CodeFolder {
    /// In this folder, which is made when there is something to put there.
    pub fn at(folder: PathBuf) -> Self {
        CodeFolder { folder }
    }

    fn place(&self, key: &str) -> PathBuf {
        self.folder.join(key)
    }

    /// Under another name first, so that nobody finds half a file.
    fn write(&self, key: &str, bytes: &[u8]) -> Result<()> {
        fs::create_dir_all(&self.folder)?;
        let unfinished = self.place(&format!("{key}.{}", std::process::id()));
        fs::write(&unfinished, bytes).and_then(|()| fs::rename(&unfinished, self.place(key))).inspect_err(
            |_| {
                // If it is there at all.
                _ = fs::remove_file(&unfinished);
            },
        )
    }

    /// Notes that a piece was asked for.
    fn touch(&self, key: &str) -> Result<()> {
        fs::File::options().append(true).open(self.place(key))?.set_modified(SystemTime::now())
    }

    /// Removes what was asked for longest ago, if there is too much.
    fn prune(&self) -> Result<()> {
        let mut kept = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            let entry = entry?;
            kept.push((entry.metadata()?.modified()?, entry.path()));
        }
        kept.sort();
        let old = kept.len().saturating_sub(KEPT_MAX);
        kept.into_iter().take(old).try_for_each(|(_, place)| fs::remove_file(place))
    }
}

impl CodeCache for CodeFolder {
    fn get(&self, key: &str) -> Option<Vec<u8>> {
        let place = self.place(key);
        let read = fs::read(&place);
        if let Err(error) = &read
            && error.kind() != ErrorKind::NotFound
        {
            told(&place, error);
        }
        // A folder that may only be read is as good; then nothing is put or pruned there either.
        _ = self.touch(key);
        read.ok()
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        if let Err(error) = self.write(key, bytes).and_then(|()| self.prune()) {
            told(&self.folder, &error);
        }
    }
}

fn told(place: &Path, error: &std::io::Error) {
    tracing::warn!(place = %place.display(), %error, "compiled code is not kept here; it is compiled at every start");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_is_there_for_the_next_process() {
        let data = tempfile::tempdir().expect("a folder");
        let place = data.path().join("compiled");
        assert_eq!(CodeFolder::at(place.clone()).get("ab"), None);
        assert!(!place.exists(), "looking makes nothing");
        CodeFolder::at(place.clone()).put("ab", b"first");
        CodeFolder::at(place.clone()).put("ab", b"second");
        CodeFolder::at(place.clone()).put("cd", b"");
        let later = CodeFolder::at(place.clone());
        assert_eq!((later.get("ab"), later.get("cd")), (Some(b"second".to_vec()), Some(Vec::new())));
        assert_eq!(fs::read_dir(place).expect("a folder").count(), 2, "nothing unfinished stays");
    }

    #[test]
    fn what_was_not_asked_for_in_a_long_time_goes() {
        let data = tempfile::tempdir().expect("a folder");
        let folder = CodeFolder::at(data.path().to_owned());
        let key = |number: usize| format!("{number:04x}");
        let long_ago = |number: usize| SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
        for number in 0..KEPT_MAX {
            folder.put(&key(number), b"code");
            let file = fs::File::options().append(true).open(folder.place(&key(number))).expect("a file");
            file.set_modified(long_ago(number)).expect("a time");
        }
        assert!(folder.get(&key(0)).is_some());
        folder.put(&key(KEPT_MAX), b"code");
        // Of the two oldest one was asked for.
        let there: Vec<bool> = [0, 1, 2, KEPT_MAX].map(|number| folder.place(&key(number)).exists()).into();
        assert_eq!(there, [true, false, true, true]);
    }

    #[test]
    fn a_place_that_takes_nothing_is_no_error() {
        let data = tempfile::tempdir().expect("a folder");
        let file = data.path().join("a file");
        fs::write(&file, b"in the way").expect("a file");
        let folder = CodeFolder::at(file);
        folder.put("ab", b"code");
        assert_eq!(folder.get("ab"), None);
    }
}
