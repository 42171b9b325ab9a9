//! Test equipment: a disk in memory that loses, tears and forgets what was not synced, and fails on request.
//!
//! Not for production: everything is held in memory twice. It is public and behind no feature because the
//! crates above test their own recovery on it. All chance comes from a seed, so a failing case can be run
//! again.
//!
//! What it does, being what POSIX allows and real devices have done:
//! - power cut ([`SimStorage::crash`]): unsynced bytes are kept, lost or replaced by noise, sector by sector
//!   and in any order; an unsynced length is any length between; creates, renames and removals not followed
//!   by a folder sync are undone, each for itself;
//! - process death: drop the log and open the same storage again; unsynced bytes are still there to be seen;
//! - a failed sync drops some of the bytes it should have written and *believes them clean*: a later sync
//!   succeeds without writing them, reads still show them, and a power cut reveals that they never were on
//!   the device;
//! - a full disk takes the first part of an append.
//!
//! What it does not do: damage bytes that were durable on its own ([`SimStorage::flip_bit`] does, when
//! asked). So it assumes, as the log does, that appending behind durable bytes in one sector does not
//! endanger those bytes.

mod cache;
mod folder;
mod random;

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, Weak};

use crate::error::{Error, Op, Result};
use crate::storage::{Storage, StorageFile};
use cache::CachedFile;
use folder::Folder;
pub use random::Random;

/// What happens to one operation instead of what should.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The power goes before this operation: it and all later ones fail. Follow with [`SimStorage::crash`].
    PowerCut,
    /// The device fails (EIO). An append leaves a part behind; a sync drops pages.
    DeviceFails,
}

/// How often the costly operations ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Appends of any length.
    pub appends: u64,
    /// File syncs.
    pub syncs: u64,
    /// Folder syncs.
    pub folder_syncs: u64,
}

/// A simulated folder. Clones are handles to the same one; [`SimStorage::crash`] makes a separate copy.
#[derive(Clone, Debug)]
pub struct SimStorage {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Debug)]
struct Disk {
    /// By number; a removed file stays for the handles that have it open.
    files: Vec<CachedFile>,
    folder: Folder,
    locks: BTreeMap<String, Weak<()>>,
    random: Random,
    /// Changing operations so far; faults are set by this number.
    ops: u64,
    faults: BTreeMap<u64, Fault>,
    power_is_off: bool,
    room_bytes: Option<u64>,
    counts: Counts,
}

impl SimStorage {
    /// An empty folder.
    #[must_use]
    pub fn new(seed: u64) -> SimStorage {
        SimStorage::of(Vec::new(), Folder::default(), Random::new(seed))
    }

    /// A folder that durably holds `files`.
    #[must_use]
    pub fn with_files(files: &[(&str, &[u8])]) -> SimStorage {
        let mut folder = Folder::default();
        for (number, (name, _)) in files.iter().enumerate() {
            folder.link(name, number);
        }
        folder.sync();
        let files = files.iter().map(|(_, bytes)| CachedFile::durable(bytes.to_vec())).collect();
        SimStorage::of(files, folder, Random::new(0))
    }

    fn of(files: Vec<CachedFile>, folder: Folder, random: Random) -> SimStorage {
        let disk = Disk {
            files,
            folder,
            locks: BTreeMap::new(),
            random,
            ops: 0,
            faults: BTreeMap::new(),
            power_is_off: false,
            room_bytes: None,
            counts: Counts::default(),
        };
        SimStorage { disk: Arc::new(Mutex::new(disk)) }
    }

    /// The disk as it may be found after a power cut now. The original is unchanged: one state, many crashes.
    #[must_use]
    pub fn crash(&self, seed: u64) -> SimStorage {
        let disk = self.locked();
        let mut random = Random::new(seed);
        let folder = disk.folder.after_crash(&mut random);
        let files = disk.files.iter().map(|file| file.after_crash(&mut random)).collect();
        SimStorage::of(files, folder, random)
    }

    /// Puts a fault on the changing operation of that number (see [`SimStorage::ops`]).
    pub fn fail_at(&self, op: u64, fault: Fault) {
        self.locked().faults.insert(op, fault);
    }

    /// How many changing operations were tried; the next one has this number.
    #[must_use]
    pub fn ops(&self) -> u64 {
        self.locked().ops
    }

    /// How often the costly operations ran.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.locked().counts
    }

    /// Lets the folder hold at most `bytes` (`None`: no limit).
    pub fn set_room(&self, bytes: Option<u64>) {
        self.locked().room_bytes = bytes;
    }

    /// Bytes in all files now, synced or not.
    #[must_use]
    pub fn used_bytes(&self) -> u64 {
        self.locked().used_bytes()
    }

    /// Flips one bit of a file, in what is durable and in what is read.
    ///
    /// # Panics
    /// If there is no such byte.
    pub fn flip_bit(&self, name: &str, byte: u64, bit: u8) {
        let mut disk = self.locked();
        let number = disk.folder.number(name).expect("this is a bug: no such file to flip a bit in");
        disk.files[number].flip_bit(byte, bit);
    }

    /// All bytes of a file, as a reader sees them.
    ///
    /// # Panics
    /// If there is no such file.
    #[must_use]
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        let disk = self.locked();
        let number = disk.folder.number(name).expect("this is a bug: no such file");
        disk.files[number].seen().to_vec()
    }

    fn locked(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().expect("this is a bug: the simulated disk panicked")
    }

    fn handle(&self, name: &str, number: usize, writes: bool) -> SimFile {
        SimFile { disk: self.clone(), number, name: name.to_owned(), writes }
    }

    fn existing(&self, op: Op, name: &str, writes: bool) -> Result<SimFile> {
        let disk = self.locked();
        disk.powered(op, name)?;
        let number = disk.number(op, name)?;
        Ok(self.handle(name, number, writes))
    }
}

impl Disk {
    fn used_bytes(&self) -> u64 {
        self.folder.numbers().map(|number| self.files[number].seen().len() as u64).sum()
    }

    fn number(&self, op: Op, name: &str) -> Result<usize> {
        let missing = || Error::io(op, name, io::ErrorKind::NotFound.into());
        self.folder.number(name).ok_or_else(missing)
    }

    fn powered(&self, op: Op, name: &str) -> Result<()> {
        if self.power_is_off {
            return Err(Error::io(op, name, io::Error::other("the simulated power is off")));
        }
        Ok(())
    }

    /// Counts a changing operation. `Ok(true)`: the device fails it.
    fn begin(&mut self, op: Op, name: &str) -> Result<bool> {
        let fault = self.faults.remove(&self.ops);
        self.ops += 1;
        self.power_is_off |= fault == Some(Fault::PowerCut);
        self.powered(op, name)?;
        Ok(fault == Some(Fault::DeviceFails))
    }

    /// As `begin`, for operations that fail without a trace.
    fn begin_whole(&mut self, op: Op, name: &str) -> Result<()> {
        if self.begin(op, name)? { Err(device_failed(op, name)) } else { Ok(()) }
    }
}

fn device_failed(op: Op, name: &str) -> Error {
    Error::DeviceFailed { op, file: name.to_owned() }
}

impl Storage for SimStorage {
    type File = SimFile;
    type Lock = Arc<()>;

    fn list(&self) -> Result<Vec<String>> {
        let disk = self.locked();
        disk.powered(Op::List, "")?;
        Ok(disk.folder.names())
    }

    fn create(&self, name: &str) -> Result<SimFile> {
        let mut disk = self.locked();
        disk.begin_whole(Op::Create, name)?;
        if disk.folder.number(name).is_some() {
            return Err(Error::io(Op::Create, name, io::ErrorKind::AlreadyExists.into()));
        }
        disk.files.push(CachedFile::default());
        let number = disk.files.len() - 1;
        disk.folder.link(name, number);
        Ok(self.handle(name, number, true))
    }

    fn open(&self, name: &str) -> Result<SimFile> {
        self.existing(Op::Open, name, false)
    }

    fn open_append(&self, name: &str) -> Result<SimFile> {
        self.existing(Op::Open, name, true)
    }

    fn rewrite(&self, name: &str, offset: u64, bytes: &[u8]) -> Result<()> {
        let mut disk = self.locked();
        disk.begin_whole(Op::Rewrite, name)?;
        let number = disk.number(Op::Rewrite, name)?;
        disk.files[number].rewrite(offset, bytes);
        Ok(())
    }

    fn rename(&self, from: &str, to: &str) -> Result<()> {
        let mut disk = self.locked();
        disk.begin_whole(Op::Rename, from)?;
        disk.number(Op::Rename, from)?;
        disk.folder.rename(from, to);
        Ok(())
    }

    fn remove(&self, name: &str) -> Result<()> {
        let mut disk = self.locked();
        disk.begin_whole(Op::Remove, name)?;
        disk.number(Op::Remove, name)?;
        disk.folder.unlink(name);
        Ok(())
    }

    fn sync_folder(&self) -> Result<()> {
        let mut disk = self.locked();
        disk.counts.folder_syncs += 1;
        disk.begin_whole(Op::SyncFolder, "")?;
        disk.folder.sync();
        Ok(())
    }

    fn lock(&self, name: &str) -> Result<Arc<()>> {
        let mut disk = self.locked();
        disk.powered(Op::Lock, name)?;
        if disk.locks.get(name).is_some_and(|held| held.strong_count() > 0) {
            return Err(Error::Locked { file: name.to_owned() });
        }
        let lock = Arc::new(());
        disk.locks.insert(name.to_owned(), Arc::downgrade(&lock));
        Ok(lock)
    }
}

/// An open file of a [`SimStorage`].
#[derive(Debug)]
pub struct SimFile {
    disk: SimStorage,
    number: usize,
    name: String,
    writes: bool,
}

impl SimFile {
    /// A reader that writes is a mistake of the code under test.
    fn check_writes(&self) {
        assert!(self.writes, "this is a bug: {} was opened for reading only", self.name);
    }
}

impl StorageFile for SimFile {
    fn len(&self) -> Result<u64> {
        let disk = self.disk.locked();
        disk.powered(Op::Measure, &self.name)?;
        Ok(disk.files[self.number].seen().len() as u64)
    }

    fn read_at(&self, offset: u64, buf: &mut [u8]) -> Result<usize> {
        let disk = self.disk.locked();
        disk.powered(Op::Read, &self.name)?;
        let seen = disk.files[self.number].seen();
        let rest = &seen[seen.len().min(offset as usize)..];
        let count = rest.len().min(buf.len());
        buf[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.check_writes();
        let mut disk = self.disk.locked();
        disk.counts.appends += 1;
        let fails = disk.begin(Op::Append, &self.name)?;
        let room = disk.room_bytes.map_or(usize::MAX, |room| room.saturating_sub(disk.used_bytes()) as usize);
        let taken = if fails { disk.random.below(bytes.len() as u64 + 1) as usize } else { bytes.len() };
        disk.files[self.number].append(&bytes[..taken.min(room)]);
        if fails {
            return Err(device_failed(Op::Append, &self.name));
        }
        if room < bytes.len() {
            return Err(Error::DiskFull { op: Op::Append, file: self.name.clone() });
        }
        Ok(())
    }

    fn truncate(&mut self, len: u64) -> Result<()> {
        self.check_writes();
        let mut disk = self.disk.locked();
        disk.begin_whole(Op::Truncate, &self.name)?;
        disk.files[self.number].truncate(len);
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        self.check_writes();
        let mut disk = self.disk.locked();
        disk.counts.syncs += 1;
        let fails = disk.begin(Op::Sync, &self.name)?;
        let Disk { files, random, .. } = &mut *disk;
        if fails {
            files[self.number].fail_sync(random);
            return Err(device_failed(Op::Sync, &self.name));
        }
        files[self.number].sync();
        Ok(())
    }
}
