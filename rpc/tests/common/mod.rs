//! The real engine in a folder of its own, and both doors in front of it.

#![allow(dead_code, reason = "each test binary uses its share")]

pub mod doors;
pub mod http;

use cortexkg_engine::{Call, Config, DeviceKind, EngineHandle, Error, Ticket, answer, request};
use tempfile::TempDir;

/// An engine on the CPU, or on the device that `CORTEXKG_TEST_DEVICE` names; closed and wiped at the end.
pub struct Engine {
    pub handle: EngineHandle,
    _folder: TempDir,
}

impl Engine {
    pub fn open() -> Engine {
        Engine::with(|_| ())
    }

    pub fn with(change: impl FnOnce(&mut Config)) -> Engine {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::at(folder.path());
        // What is tested here are the transports: the quick model will do.
        config.model = cortexkg_engine::ModelChoice::Static;
        config.device = DeviceKind::Cpu;
        let device = std::env::var("CORTEXKG_TEST_DEVICE").ok();
        config.device_under_test = device.map(|name| name.parse().expect("CORTEXKG_TEST_DEVICE"));
        change(&mut config);
        let handle = EngineHandle::open(config).expect("an engine over an empty folder");
        Engine { handle, _folder: folder }
    }
}

/// Fills the queue of an engine with `queue_rows_max` of 1, until the ticket is dropped or answered.
pub fn fill_queue(engine: &Engine) -> Ticket<Vec<Result<answer::Stored, Error>>> {
    // A call larger than the queue is let in while nothing else waits, and takes a while.
    let row = |number| {
        let content = format!("Crate {number} holds {}", "a lantern, a rope and a kettle, ".repeat(200));
        request::Store { content, ..Default::default() }
    };
    engine.handle.store_batch((0..1_000).map(row).collect(), Call::default())
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.handle.close();
    }
}
