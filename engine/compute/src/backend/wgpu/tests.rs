//! What is special about this back end: long recordings, wide grids, little scratch, the end of a device.

use super::{AdapterFound, Wgpu, adapters};
use crate::compare::{Output, compare};
use crate::device::{Device, DeviceChoice, DeviceOptions};
use crate::kernel::Target;
use crate::kernels::shared::plasticity::WEIGHT_MAX;
use crate::kernels::{KERNELS, graph_levels, similarity_topk, weight_decay};
use crate::recording::Recording;
use crate::{Case, Draw, Error};

/// The back end, or nothing after saying why; a failure if it is required.
fn open() -> Option<Wgpu> {
    match Wgpu::open(true, false) {
        Ok(opened) => Some(opened),
        Err(why) => {
            let required = std::env::var("CORTEXKG_REQUIRE_DEVICE").unwrap_or_default();
            assert!(!required.split(',').any(|name| name == "wgpu"), "wgpu is required, but: {why}");
            println!("SKIPPED wgpu: {why}");
            None
        }
    }
}

fn device(backend: Wgpu) -> Device {
    Device::over(Box::new(backend), None, &DeviceOptions { choice: DeviceChoice::Wgpu, ..Default::default() })
}

/// Weights after they have faded so often, on a device.
fn faded(device: &mut Device, weights: &[u32], times: u32) -> Vec<u32> {
    let buffer = device.upload("weights", weights).expect("memory");
    let mut recording = Recording::new();
    for round in 0..times {
        weight_decay::record(&mut recording, &buffer, weights.len(), 1 << 20, round);
    }
    let read = recording.read_all(&buffer);
    let found = device.run(recording).expect("a few megabytes").get(&read).to_vec();
    device.destroy(buffer);
    found
}

fn weights(count: usize) -> Vec<u32> {
    Draw::new(7).many(count, |draw| draw.below(WEIGHT_MAX as usize + 1) as u32)
}

#[test]
fn long_recordings_and_wide_grids_come_out_as_on_the_cpu() {
    let Some(backend) = open() else { return };
    let mut cpu =
        Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() }).expect("the CPU");
    let mut gpu = device(backend);
    // More parameters than one staging buffer holds, then more workgroups than a direction of the grid.
    for (count, times) in [(100, 2_500), ((1 << 16) * 64 + 77, 2)] {
        let weights = weights(count);
        assert!(faded(&mut gpu, &weights, times) == faded(&mut cpu, &weights, times), "{count} x {times}");
    }
}

#[test]
fn few_workgroups_do_the_work_of_many() {
    let Some(mut backend) = open() else { return };
    // Fewer still, and Mesa's software device would end the loops of some cases early.
    backend.workgroups_max = 8;
    let mut gpu = device(backend);
    let law = DeviceOptions { choice: DeviceChoice::CpuReference, ..Default::default() };
    let mut law = Device::open(&law).expect("the CPU");
    for &kernel in KERNELS.iter().filter(|kernel| kernel.source(Target::Wgsl).is_ok()) {
        for case in (kernel.cases)(3) {
            let sides = [&mut law, &mut gpu].map(|device| case.play(kernel, device).expect("a small case"));
            let written = (0..kernel.bindings.len()).filter(|&slot| kernel.bindings[slot].access.writes());
            let outputs: Vec<_> = written
                .map(|binding| Output { binding, left: &sides[0][binding], right: &sides[1][binding] })
                .collect();
            if let Some(difference) = compare(kernel, &case.params, &outputs) {
                panic!("{}: {difference}", case.name);
            }
        }
    }
}

#[test]
fn a_search_finds_the_same_bits_as_on_a_host() {
    let Some(backend) = open() else { return };
    let mut gpu = device(backend);
    let law = DeviceOptions { choice: DeviceChoice::CpuReference, ..Default::default() };
    let mut law = Device::open(&law).expect("the CPU");
    let kernel = &similarity_topk::KERNEL;
    // The tolerance of the kernel forgives that near rows change places; on devices that round as they should nothing differs.
    for seed in [5, 6] {
        for case in (kernel.cases)(seed).iter().filter(|case| !case.name.starts_with("large")) {
            let sides = [&mut law, &mut gpu].map(|device| case.play(kernel, device).expect("a small case"));
            assert!(sides[0] == sides[1], "seed {seed}: {}", case.name);
        }
    }
}

#[test]
fn scratch_beyond_the_limit_is_refused() {
    let Some(mut backend) = open() else { return };
    // Arrays of 70 nodes fit, scratch of 24 bytes for each of them does not.
    backend.info.binding_bytes_max = 512;
    let mut gpu = device(backend);
    let kernel = KERNELS.iter().find(|kernel| kernel.name == "graph_levels").expect("listed");
    let case = |nodes: usize| {
        let params = graph_levels::Params { nodes: nodes as u32, sources: 1, levels_max: 1 };
        let (zeros, edges) = (vec![0u32; nodes], vec![0u32; nodes + 1]);
        let inputs = Case::new("no edge", &params).bind(&edges).bind(&[0u32]).bind(&[0u32]);
        inputs.bind(&[0u32]).bind(&zeros).bind(&zeros)
    };
    assert!(case(20).play(kernel, &mut gpu).is_ok());
    let refused = case(70).play(kernel, &mut gpu).err();
    assert!(matches!(refused, Some(Error::BufferTooLarge { limit: 512, .. })), "{refused:?}");
    assert!(case(20).play(kernel, &mut gpu).is_ok(), "a refusal changes nothing");
}

#[test]
fn a_destroyed_device_is_lost_and_stays_lost() {
    let Some(backend) = open() else { return };
    let handle = backend.device.clone();
    let mut gpu = device(backend);
    let buffer = gpu.upload("kept", &weights(1_000)).expect("memory");
    let mut recording = Recording::new();
    recording.read_all(&buffer);
    let under_way = gpu.submit(recording.clone()).expect("a read");
    // As a driver would do it: from outside, while something is under way.
    handle.destroy();
    let lost =
        |error: Error| matches!(&error, Error::DeviceLost { device, .. } if device.starts_with("wgpu"));
    // What was under way may or may not have made it.
    match gpu.wait(under_way) {
        Ok(_) => {}
        Err(error) => assert!(lost(error)),
    }
    for _ in 0..2 {
        assert!(gpu.submit(recording.clone()).is_err_and(lost));
        assert!(gpu.create::<u32>("late", 4).is_err_and(lost));
    }
    gpu.destroy(buffer);
}

#[test]
fn what_a_driver_cannot_allocate_is_an_error_of_memory() {
    let Some(backend) = open() else { return };
    // Far more than the driver lets any buffer have.
    let bytes = backend.device.limits().max_buffer_size + 16;
    let refused = backend.allocate("too much", bytes, wgpu::BufferUsages::STORAGE);
    assert!(matches!(refused, Err(Error::OutOfMemory { .. } | Error::Driver { .. })), "{:?}", refused.err());
    assert!(backend.allocate("a little", 16, wgpu::BufferUsages::STORAGE).is_ok(), "an error is told once");
}

#[test]
fn a_device_with_a_clock_tells_how_long_work_took() {
    let Some(backend) = open() else { return };
    let clock = backend.times().is_some();
    let mut gpu = device(backend);
    let buffer = gpu.upload("weights", &weights(100_000)).expect("memory");
    let mut recording = Recording::new();
    weight_decay::record(&mut recording, &buffer, 100_000, 9, 9);
    let told = gpu.run(recording).expect("one dispatch").device_ns();
    assert_eq!(told.is_some(), clock);
    assert!(told.is_none_or(|ns| ns > 0), "work that took no time");
}

#[test]
fn adapters_are_listed_as_they_are_opened() {
    let found = adapters();
    match open() {
        None => println!("SKIPPED: {} adapters", found.len()),
        Some(backend) => {
            let named = |adapter: &AdapterFound| backend.info.name == format!("wgpu ({})", adapter.name);
            assert!(found.iter().any(named), "{} is not among {found:?}", backend.info.name);
            assert!(found.iter().all(|adapter| adapter.binding_bytes_max >= 1 << 20), "{found:?}");
        }
    }
}
