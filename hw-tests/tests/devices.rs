//! Which devices open here. A missing one is printed, and fails the test if `CORTEXKG_REQUIRE_DEVICE` asks for it.

use cortexkg_compute::{Device, DeviceChoice, DeviceOptions};

#[test]
fn required_devices_open() {
    let required = std::env::var("CORTEXKG_REQUIRE_DEVICE").unwrap_or_default();
    for choice in [DeviceChoice::Cpu, DeviceChoice::Wgpu, DeviceChoice::Cuda] {
        let name = choice.to_string();
        match Device::open(&DeviceOptions { choice, ..Default::default() }) {
            Ok(device) => println!("{name}: {}", device.info().name),
            Err(error) => {
                let needed = name == "cpu" || required.split(',').any(|device| device.trim() == name);
                assert!(!needed, "{name} does not open: {error}");
                println!("SKIPPED {name}: {error}");
            }
        }
    }
}
