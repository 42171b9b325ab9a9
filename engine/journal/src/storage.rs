//! The few file operations the log needs, over one flat folder.
//!
//! A trait so that the same log runs on a real folder ([`crate::DiskStorage`]) and on a disk that fails on
//! purpose ([`crate::sim::SimStorage`]). It promises no more than POSIX does: bytes are durable after `sync`,
//! names after `sync_folder`, and a failed sync means that nothing is known. It must not buffer, retry or
//! interpret.

use crate::Result;

/// One flat folder of files. Clones are handles to the same folder.
pub trait Storage: Clone + Send + 'static {
    /// An open file.
    type File: StorageFile;
    /// The writer's lock, released when dropped.
    type Lock: Send + 'static;

    /// The names in the folder, in any order.
    fn list(&self) -> Result<Vec<String>>;

    /// Makes a new, empty file for appending. Fails if the name is taken.
    fn create(&self, name: &str) -> Result<Self::File>;

    /// Opens a file for reading only.
    fn open(&self, name: &str) -> Result<Self::File>;

    /// Opens a file for reading and appending.
    fn open_append(&self, name: &str) -> Result<Self::File>;

    /// Writes at `offset` bytes that the file already holds there, so that the next sync of the file hands
    /// them to the device once more. (After a failed sync the system may hold pages it believes clean and the
    /// device never got.)
    fn rewrite(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<()>;

    /// Renames a file, replacing what had the new name. Atomic; durable after `sync_folder`.
    fn rename(&self, from: &str, to: &str) -> Result<()>;

    /// Removes a name. Handles that are open keep working.
    fn remove(&self, name: &str) -> Result<()>;

    /// Makes creates, renames and removals durable.
    fn sync_folder(&self) -> Result<()>;

    /// Takes the exclusive lock of that name, or answers [`crate::Error::Locked`] at once.
    fn lock(&self, name: &str) -> Result<Self::Lock>;
}

/// An open file of a [`Storage`]. Handles follow the file, not the name.
pub trait StorageFile: Send + 'static {
    /// Length in bytes.
    fn len(&self) -> Result<u64>;

    /// True when the file holds nothing.
    fn is_empty(&self) -> Result<bool> {
        Ok(self.len()? == 0)
    }

    /// Reads into `buf` from `offset`; fewer bytes than asked for only at the end of the file.
    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize>;

    /// Adds `bytes` at the end. On an error a part of them may have been added.
    fn append(&mut self, bytes: &[u8]) -> Result<()>;

    /// Cuts the file to `len` bytes.
    fn truncate(&mut self, len: u64) -> Result<()>;

    /// Makes the content and the length durable.
    fn sync(&mut self) -> Result<()>;
}
