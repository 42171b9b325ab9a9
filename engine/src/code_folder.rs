//! `CodeFolder`: a folder in which code compiled for a card waits for the next start.
//!
//! It may be deleted at any time. Nothing in it is synced and nothing that fails here is an error: what is not there, or not
//! whole, is compiled anew.

use std::fs;
use std::io::{ErrorKind, Result};
use std::path::{Path, PathBuf};

use cortexkg_compute::CodeCache;

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
        read.ok()
    }

    fn put(&self, key: &str, bytes: &[u8]) {
        if let Err(error) = self.write(key, bytes) {
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
    fn a_place_that_takes_nothing_is_no_error() {
        let data = tempfile::tempdir().expect("a folder");
        let file = data.path().join("a file");
        fs::write(&file, b"in the way").expect("a file");
        let folder = CodeFolder::at(file);
        folder.put("ab", b"code");
        assert_eq!(folder.get("ab"), None);
    }
}
