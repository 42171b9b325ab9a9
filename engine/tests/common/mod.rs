//! Small worlds for tests: the real engine with the fast model, on the CPU or on the device that `CORTEXKG_TEST_DEVICE` names
//! (`wgpu`, `cuda`, `twin(cpu,wgpu)`, which compares every dispatch of both).

#![allow(dead_code, reason = "each test file uses its own part")]

use std::sync::{Arc, OnceLock};

use cortexkg_compute::DeviceChoice;
use cortexkg_embed::{Embedder, ModelChoice};
use cortexkg_engine::request::{Retrieve, Store};
use cortexkg_engine::{Config, DeviceKind, EngineHandle};
use cortexkg_journal::sim::SimStorage;

/// The static table, opened once: tests are about memories, and it is a hundred times as fast as the default.
pub fn model() -> Arc<dyn Embedder> {
    static MODEL: OnceLock<Arc<dyn Embedder>> = OnceLock::new();
    Arc::clone(MODEL.get_or_init(|| {
        cortexkg_embed::open(&ModelChoice::Static).expect("the model is in the binary").into()
    }))
}

pub fn config(data: &std::path::Path) -> Config {
    Config {
        model: ModelChoice::Static,
        device: DeviceKind::Cpu,
        device_under_test: device_under_test(),
        threads: 1,
        ..Config::at(data)
    }
}

/// What `CORTEXKG_TEST_DEVICE` names.
pub fn device_under_test() -> Option<DeviceChoice> {
    let name = std::env::var("CORTEXKG_TEST_DEVICE").ok()?;
    Some(name.parse().expect("CORTEXKG_TEST_DEVICE"))
}

/// Where an engine on a simulated disk keeps what is no store: code compiled for a card.
pub const SIMULATED: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/simulated");

/// An engine on a simulated disk.
pub fn on_disk(disk: &SimStorage) -> Result<EngineHandle, cortexkg_engine::Error> {
    EngineHandle::open_on(disk.clone(), model(), config(SIMULATED.as_ref()))
}

pub fn fact(content: &str) -> Store {
    Store { content: content.into(), ..Store::default() }
}

pub fn ask(query: &str) -> Retrieve {
    Retrieve { query: query.into(), threshold: Some(0.0), include_reasoning: true, ..Retrieve::default() }
}
