//! Cards for unit tests.

use crate::{Device, DeviceChoice, DeviceOptions, Error};

/// Cards that open here. One that is missing is printed, and fails the test if `CORTEXKG_REQUIRE_DEVICE` names it.
pub(crate) fn cards() -> Vec<Device> {
    let required = std::env::var("CORTEXKG_REQUIRE_DEVICE").unwrap_or_default();
    let open = |choice: DeviceChoice| {
        let name = choice.to_string();
        match Device::open(&DeviceOptions { choice, software: true, ..Default::default() }) {
            Ok(device) => Some(device),
            Err(error @ Error::NoDevice { .. }) => {
                assert!(!required.split(',').any(|required| required == name), "{error}");
                println!("SKIPPED {error}");
                None
            }
            Err(other) => panic!("{other}"),
        }
    };
    [DeviceChoice::Wgpu, DeviceChoice::Cuda].into_iter().filter_map(open).collect()
}
