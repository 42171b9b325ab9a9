//! Which devices open here. A missing one is printed, and fails the test if `CORTEXKG_REQUIRE_DEVICE` asks for it.

use cortexkg_compute::{Device, DeviceChoice};
use cortexkg_hw_tests::{cards, options, required};

use super::alone;

#[test]
fn required_devices_open() {
    let _alone = alone();
    let cpu = Device::open(&options(DeviceChoice::Cpu, 1 << 30)).expect("the CPU");
    println!("cpu: {}", cpu.info().name);
    let found = cards();
    for card in [DeviceChoice::Wgpu, DeviceChoice::Cuda] {
        assert!(!required(&card) || found.contains(&card), "{card}");
    }
}
