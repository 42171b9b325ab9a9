//! The end of a device's memory is a refusal, and what was there before goes on.

use cortexkg_compute::kernels::weight_decay;
use cortexkg_compute::{Buffer, Device, DeviceChoice, DeviceInfo, Error, Recording};
use cortexkg_engine::Call;
use cortexkg_hw_tests::world::{World, engine};
use cortexkg_hw_tests::{cards, options};

use super::alone;

fn all_devices() -> Vec<DeviceChoice> {
    std::iter::once(DeviceChoice::Cpu).chain(cards()).collect()
}

/// Makes buffers until the device refuses; these, and the refusal.
fn fill(device: &mut Device, bytes: u64) -> (Vec<Buffer<u32>>, Error) {
    let mut made = Vec::new();
    loop {
        match device.create::<u32>("filling", (bytes / 4) as usize) {
            Ok(buffer) => made.push(buffer),
            Err(error) => return (made, error),
        }
    }
}

/// Plays something small and checks it.
fn works(device: &mut Device) {
    let weights = device.upload("weights", &[65_535u32; 1_000]).expect("a little memory");
    let mut recording = Recording::new();
    weight_decay::record(&mut recording, &weights, 1_000, 1 << 31, 1);
    device.run(recording).expect("one dispatch");
    let left = device.download(&weights).expect("a read");
    assert!(left.iter().all(|weight| (32_767..=32_768).contains(weight)), "{:?}", &left[..4]);
    device.destroy(weights);
}

#[test]
fn a_small_budget_refuses_and_the_device_goes_on() {
    let _alone = alone();
    for choice in all_devices() {
        let mut device = Device::open(&options(choice.clone(), 8 << 20)).expect("it opened before");
        works(&mut device);
        let before = device.used_bytes();
        let (made, refused) = fill(&mut device, 1 << 20);
        assert!(
            matches!(refused, Error::OutOfMemory { asked, .. } if asked == 1 << 20),
            "{choice}: {refused}"
        );
        assert_eq!(made.len(), 8, "{choice}");
        made.into_iter().for_each(|buffer| device.destroy(buffer));
        assert_eq!(device.used_bytes(), before);
        works(&mut device);
    }
}

#[test]
fn the_end_of_a_cards_memory_refuses_and_the_device_goes_on() {
    let _alone = alone();
    for choice in cards() {
        let mut device = Device::open(&options(choice.clone(), 1 << 44)).expect("it opened before");
        let DeviceInfo { name, binding_bytes_max, .. } = device.info().clone();
        // Programs that play a card have the host's memory, which others need.
        if ["llvmpipe", "software", "host"].iter().any(|word| name.contains(word)) {
            println!("SKIPPED {choice}: {name} has no memory of its own");
            continue;
        }
        let (made, refused) = fill(&mut device, binding_bytes_max.min(2 << 30));
        assert!(matches!(refused, Error::OutOfMemory { .. }), "{choice}: {refused}");
        println!("{choice}: {} buffers of up to 2 GiB, then: {refused}", made.len());
        made.into_iter().for_each(|buffer| device.destroy(buffer));
        works(&mut device);
    }
}

#[test]
fn an_engine_whose_device_is_full_refuses_to_store_and_goes_on_recalling() {
    let _alone = alone();
    for choice in all_devices() {
        let folder = tempfile::tempdir().expect("a folder");
        let full = engine(folder.path(), options(choice.clone(), 1 << 20));
        let mut world = World::new(3);
        let mut stored = 0u64;
        let refused = loop {
            assert!(stored < 100_000, "{choice}: a megabyte holds everything");
            match full.store(world.text(), Call::default()).wait() {
                Ok(_) => stored += 1,
                Err(error) => break error,
            }
        };
        let words = refused.to_string();
        assert!(
            matches!(refused, cortexkg_engine::Error::Memory(_) | cortexkg_engine::Error::Device(_)),
            "{words}"
        );
        assert!(words.contains("out of device memory"), "{choice}: {words}");
        println!("{choice}: {stored} memories, then: {words}");
        assert_eq!(full.health().memories, stored, "a refusal changes nothing");
        let answers = world.recalls(&full, 20);
        assert!(answers.is_ok_and(|answers| answers.iter().any(|answer| !answer.is_empty())), "{choice}");
        drop(full);
        // With more memory everything is there, and there is room for more.
        let again = engine(folder.path(), options(choice.clone(), 1 << 30));
        assert_eq!(again.health().memories, stored);
        again.store(world.text(), Call::default()).wait().expect("room");
    }
}
