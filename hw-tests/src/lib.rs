//! What only real hardware can show: the whole engine on a card beside a CPU that must agree, the end of a card's memory, hours
//! of work.
//!
//! Every test also runs on two CPU forms, small and quick, so that it stays alive where there is no card. Devices that
//! `CORTEXKG_REQUIRE_DEVICE` names (`cuda`, `wgpu`, with commas) must open; others are taken if they do.
//!
//! | variable | |
//! |---|---|
//! | `CORTEXKG_REQUIRE_DEVICE` | devices that must be here |
//! | `CORTEXKG_SOFTWARE` | 1: a program that plays a card may stand for one, to try the tests out |
//! | `CORTEXKG_HW_MEMORIES` | texts of an import; 400 |
//! | `CORTEXKG_SOAK_MINUTES` | length of the soak on every device; a few rounds if it is not given |

pub mod world;

use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, Error};

/// If `CORTEXKG_REQUIRE_DEVICE` names a device.
pub fn required(choice: &DeviceChoice) -> bool {
    let named = std::env::var("CORTEXKG_REQUIRE_DEVICE").unwrap_or_default();
    // A name that is misspelt must not pass for a device that is not required.
    let is_it = |name: &str| name.parse::<DeviceChoice>().expect("CORTEXKG_REQUIRE_DEVICE") == *choice;
    named.split(',').filter(|name| !name.is_empty()).any(is_it)
}

/// How a device is opened here, with so much memory.
pub fn options(choice: DeviceChoice, memory_bytes_max: u64) -> DeviceOptions {
    let software = std::env::var("CORTEXKG_SOFTWARE").is_ok_and(|value| value == "1");
    DeviceOptions { choice, memory_bytes_max, software, threads: 2, ..Default::default() }
}

/// Cards that open; says which do not, and fails if one of them is required.
pub fn cards() -> Vec<DeviceChoice> {
    let opens = |choice: &DeviceChoice| match Device::open(&options(choice.clone(), 1 << 30)) {
        Ok(device) => {
            println!("{choice}: {}", device.info().name);
            true
        }
        Err(error @ Error::NoDevice { .. }) => {
            assert!(!required(choice), "CORTEXKG_REQUIRE_DEVICE asks for {choice}, but: {error}");
            println!("SKIPPED {error}");
            false
        }
        Err(other) => panic!("{choice}: {other}"),
    };
    [DeviceChoice::Wgpu, DeviceChoice::Cuda].into_iter().filter(opens).collect()
}

/// Pairs of devices that must agree: two forms of the CPU, then the CPU and every card.
pub fn twins() -> Vec<DeviceChoice> {
    let twin = |left, right| DeviceChoice::Twin(Box::new(left), Box::new(right));
    let with_cpu = |card| twin(DeviceChoice::Cpu, card);
    let forms = twin(DeviceChoice::CpuReference, DeviceChoice::Cpu);
    std::iter::once(forms).chain(cards().into_iter().map(with_cpu)).collect()
}
