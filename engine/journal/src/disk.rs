//! A real folder.
//!
//! Appends go through `O_APPEND`, syncs are `fdatasync` (content and length, not times), the lock is the file
//! lock of the standard library. Handles stay open while a segment is active: a sync only reports the write
//! errors of pages written since its own handle was opened.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Op, Result};
use crate::storage::{Storage, StorageFile};

/// The files of one folder on disk.
#[derive(Clone, Debug)]
pub struct DiskStorage {
    folder: PathBuf,
}

impl DiskStorage {
    /// The folder at `folder`, which must exist. Writes nothing.
    ///
    /// # Errors
    /// [`Error::Io`] when it is missing or not a folder.
    pub fn open(folder: impl AsRef<Path>) -> Result<DiskStorage> {
        let folder = folder.as_ref().to_path_buf();
        fs::read_dir(&folder).map_err(|e| Error::io(Op::List, &folder.to_string_lossy(), e))?;
        Ok(DiskStorage { folder })
    }

    /// The folder at `folder`, made (durably, with its parents) if it is missing.
    ///
    /// # Errors
    /// [`Error::Io`] when it cannot be made or read.
    pub fn create(folder: impl AsRef<Path>) -> Result<DiskStorage> {
        let folder = folder.as_ref();
        create_durably(folder).map_err(|e| Error::io(Op::Create, &folder.to_string_lossy(), e))?;
        DiskStorage::open(folder)
    }

    fn file(&self, op: Op, name: &str, options: &OpenOptions) -> Result<DiskFile> {
        let file = options.open(self.folder.join(name)).map_err(|e| Error::io(op, name, e))?;
        Ok(DiskFile { file, name: name.to_owned() })
    }
}

impl Storage for DiskStorage {
    type File = DiskFile;
    type Lock = File;

    fn list(&self) -> Result<Vec<String>> {
        let fail = |e| Error::io(Op::List, &self.folder.to_string_lossy(), e);
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(fail)? {
            // A name that is not UTF-8 is none of ours.
            if let Ok(name) = entry.map_err(fail)?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn create(&self, name: &str) -> Result<DiskFile> {
        self.file(Op::Create, name, OpenOptions::new().read(true).append(true).create_new(true))
    }

    fn open(&self, name: &str) -> Result<DiskFile> {
        self.file(Op::Open, name, OpenOptions::new().read(true))
    }

    fn open_append(&self, name: &str) -> Result<DiskFile> {
        self.file(Op::Open, name, OpenOptions::new().read(true).append(true))
    }

    fn rewrite(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        // A handle of its own: with O_APPEND every write would go to the end.
        let mut file = self.file(Op::Rewrite, name, OpenOptions::new().write(true))?.file;
        file.seek(SeekFrom::Start(offset))
            .and_then(|_| file.write_all(bytes))
            .map_err(|e| Error::io(Op::Rewrite, name, e))
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        fs::rename(self.folder.join(from), self.folder.join(to)).map_err(|e| Error::io(Op::Rename, from, e))
    }

    fn remove(&self, name: &str) -> Result<()> {
        fs::remove_file(self.folder.join(name)).map_err(|e| Error::io(Op::Remove, name, e))
    }

    fn sync_folder(&self) -> Result<()> {
        sync_names(&self.folder).map_err(|e| Error::io(Op::SyncFolder, &self.folder.to_string_lossy(), e))
    }

    fn lock(&self, name: &str) -> Result<File> {
        let options = OpenOptions::new().write(true).create(true).truncate(false).clone();
        let file = self.file(Op::Lock, name, &options)?.file;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(Error::Locked { file: name.to_owned() }),
            Err(TryLockError::Error(e)) => Err(Error::io(Op::Lock, name, e)),
        }
    }
}

/// An open file of a [`DiskStorage`].
#[derive(Debug)]
pub struct DiskFile {
    file: File,
    name: String,
}

impl StorageFile for DiskFile {
    fn len(&self) -> Result<u64> {
        Ok(self.file.metadata().map_err(|e| Error::io(Op::Measure, &self.name, e))?.len())
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        // The handle has one owner, so moving its cursor is no race; appends ignore the cursor.
        let mut file = &self.file;
        let fail = |e| Error::io(Op::Read, &self.name, e);
        file.seek(SeekFrom::Start(offset)).map_err(fail)?;
        let mut filled = 0;
        while filled < buf.len() {
            match file.read(&mut buf[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(fail(e)),
            }
        }
        Ok(filled)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(|e| Error::io(Op::Append, &self.name, e))
    }

    fn truncate(&mut self, len: u64) -> Result<()> {
        self.file.set_len(len).map_err(|e| Error::io(Op::Truncate, &self.name, e))
    }

    fn sync(&mut self) -> Result<()> {
        self.file.sync_data().map_err(|e| Error::io(Op::Sync, &self.name, e))
    }
}

/// Makes a folder and its missing parents, syncing each parent so that the new name survives a power cut.
fn create_durably(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    let parent = match folder.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    create_durably(parent)?;
    match fs::create_dir(folder) {
        Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
        _ => {}
    }
    sync_names(parent)
}

#[cfg(unix)]
fn sync_names(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// A folder cannot be opened as a file here; NTFS keeps names in its own journal.
#[cfg(not(unix))]
fn sync_names(_folder: &Path) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn storage() -> (tempfile::TempDir, DiskStorage) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let storage = DiskStorage::create(folder.path().join("a/b")).expect("made with its parent");
        (folder, storage)
    }

    #[test]
    fn appends_rewrites_truncates_and_reads() {
        let (_folder, storage) = storage();
        let mut file = storage.create("x").unwrap();
        assert!(storage.create("x").is_err(), "a taken name is refused");
        file.append(b"hello ").unwrap();
        let mut buf = [0; 4];
        assert_eq!(file.read_at(1, &mut buf).unwrap(), 4);
        file.append(b"world").unwrap();
        storage.rewrite("x", 0, b"HELLO").unwrap();
        file.truncate(8).unwrap();
        file.append(b"!").unwrap();
        file.sync().unwrap();
        let mut buf = [0; 64];
        let read = storage.open("x").unwrap().read_at(0, &mut buf).unwrap();
        assert_eq!(&buf[..read], b"HELLO wo!");
        assert_eq!(file.len().unwrap(), 9);
        storage.rename("x", "y").unwrap();
        storage.sync_folder().unwrap();
        assert_eq!(storage.list().unwrap(), ["y"]);
        storage.remove("y").unwrap();
        assert!(storage.open("y").unwrap_err().is_not_found());
        assert_eq!(file.len().unwrap(), 9, "the handle outlives the name");
    }

    #[test]
    fn lock_is_exclusive_until_dropped() {
        let (_folder, storage) = storage();
        let held = storage.lock("lock").unwrap();
        assert!(matches!(storage.lock("lock"), Err(Error::Locked { .. })));
        drop(held);
        storage.lock("lock").unwrap();
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_full_device_is_a_typed_error() {
        let mut file = DiskStorage::open("/dev").unwrap().open_append("full").unwrap();
        assert!(matches!(file.append(b"x"), Err(Error::DiskFull { op: Op::Append, .. })));
        let eio = Error::io(Op::Sync, "x", io::Error::from_raw_os_error(5));
        assert!(matches!(eio, Error::DeviceFailed { op: Op::Sync, .. }));
    }
}
