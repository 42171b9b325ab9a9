//! The real engine in a folder of its own, and both doors in front of it.

#![allow(dead_code, reason = "each test binary uses its share")]

pub mod doors;
pub mod http;

use cortexkg_engine::{Config, DeviceKind, EngineHandle};
use tempfile::TempDir;

/// An engine on the CPU, closed and wiped at the end.
pub struct Engine {
    pub handle: EngineHandle,
    _folder: TempDir,
}

impl Engine {
    pub fn open() -> Engine {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::at(folder.path());
        config.device = DeviceKind::Cpu;
        let handle = EngineHandle::open(config).expect("an engine over an empty folder");
        Engine { handle, _folder: folder }
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.handle.close();
    }
}
