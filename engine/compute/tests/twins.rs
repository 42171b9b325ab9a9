//! One matrix: every kernel, on every one of its cases, on every device, against the kernel's reference.
//!
//! `CORTEXKG_TEST_SEED` repeats a failing run, `CORTEXKG_TEST_KERNELS` (names with commas) takes some kernels alone. A device that
//! this machine or build does not have is printed as skipped, and so is a kernel that a device is too small for;
//! `CORTEXKG_REQUIRE_DEVICE` (names with commas, such as `cuda,wgpu`) turns the skip into a failure. A kernel whose descriptor says
//! why it has no form for a device is printed.

use cortexkg_compute::simd::Simd;
use cortexkg_compute::{
    Case, Device, DeviceChoice, DeviceOptions, Error, KERNELS, Kernel, Output, Scratch, Target, compare,
};

/// Device of the reference loops.
const LAW: DeviceChoice = DeviceChoice::CpuReference;

/// A card with as little as cards may have. It plays kernels that such a card plays in another way.
const MODEST: &str = "modest-wgpu";

struct Contender {
    name: String,
    options: DeviceOptions,
}

/// Every device a kernel is tried on; the ones a machine lacks are in the list too.
fn contenders() -> Vec<Contender> {
    let cpu = |threads, simd: &'static Simd| Contender {
        name: format!("cpu-{threads}-threads-{}", simd.name()),
        options: DeviceOptions { choice: DeviceChoice::Cpu, threads, simd, ..Default::default() },
    };
    let named = |choice: DeviceChoice| Contender {
        name: choice.to_string(),
        options: DeviceOptions { choice, threads: 2, software: true, ..Default::default() },
    };
    let mut all: Vec<Contender> = Simd::available().into_iter().map(|simd| cpu(1, simd)).collect();
    all.push(cpu(2, Simd::detect()));
    all.push(named(DeviceChoice::Twin(Box::new(LAW), Box::new(DeviceChoice::Cpu))));
    all.push(named(DeviceChoice::Wgpu));
    let modest = DeviceOptions { modest: true, ..named(DeviceChoice::Wgpu).options };
    all.push(Contender { name: MODEST.to_owned(), options: modest });
    all.push(named(DeviceChoice::Cuda));
    all
}

/// The device, or `None` after saying why it is skipped.
fn open(contender: &Contender) -> Option<Device> {
    match Device::open(&contender.options) {
        Ok(device) => Some(device),
        Err(Error::NoDevice { asked, why }) => {
            assert!(
                !required(&contender.options.choice),
                "CORTEXKG_REQUIRE_DEVICE asks for {asked}, but: {why}"
            );
            println!("SKIPPED {asked}: {why}");
            None
        }
        Err(other) => panic!("{}: {other}", contender.name),
    }
}

/// If `CORTEXKG_REQUIRE_DEVICE` names a device.
fn required(choice: &DeviceChoice) -> bool {
    let required = std::env::var("CORTEXKG_REQUIRE_DEVICE").unwrap_or_default();
    // A name that is misspelt must not pass for a device that is not required.
    let named = |name: &str| name.parse::<DeviceChoice>().expect("CORTEXKG_REQUIRE_DEVICE");
    required.split(',').filter(|name| !name.is_empty()).map(named).any(|named| named == *choice)
}

/// Why a device does not play a kernel, if that is no failure: it has no form there, or too much for an optional device.
fn excused(kernel: &'static Kernel, device: &mut Device) -> Option<String> {
    let error @ Error::NoForm { .. } = device.prepare(&[kernel]).err()? else { return None };
    let asked = &device.info().asked;
    let target = match asked {
        DeviceChoice::Wgpu => Target::Wgsl,
        _ => Target::Cuda,
    };
    (kernel.source(target).is_err() || !required(asked)).then(|| error.to_string())
}

/// Every kernel, or those that `CORTEXKG_TEST_KERNELS` names.
fn kernels() -> Vec<&'static Kernel> {
    let named = std::env::var("CORTEXKG_TEST_KERNELS").unwrap_or_default();
    let named: Vec<&str> = named.split(',').filter(|name| !name.is_empty()).collect();
    for name in &named {
        assert!(KERNELS.iter().any(|kernel| kernel.name == *name), "CORTEXKG_TEST_KERNELS: no kernel {name}");
    }
    KERNELS.iter().copied().filter(|kernel| named.is_empty() || named.contains(&kernel.name)).collect()
}

fn seed() -> u64 {
    match std::env::var("CORTEXKG_TEST_SEED") {
        Ok(text) => text.parse().expect("CORTEXKG_TEST_SEED is a number"),
        Err(_) => 20_261_121,
    }
}

/// What differs on `device` for one case, in words.
fn judge(kernel: &'static Kernel, case: &Case, law: &[Vec<u8>], device: &mut Device) -> Option<String> {
    let played = match case.play(kernel, device) {
        Ok(played) => played,
        Err(error) => return Some(error.to_string()),
    };
    let output = |binding: usize| Output { binding, left: &law[binding], right: &played[binding] };
    let (written, read): (Vec<usize>, Vec<usize>) =
        (0..kernel.bindings.len()).partition(|&slot| kernel.bindings[slot].access.writes());
    if let Some(slot) = read.into_iter().find(|&slot| played[slot] != case.buffers[slot]) {
        return Some(format!("{} is read-only and has changed", kernel.bindings[slot].name));
    }
    let outputs: Vec<Output<'_>> = written.into_iter().map(output).collect();
    compare(kernel, &case.params, &outputs).map(|difference| difference.to_string())
}

#[test]
fn every_kernel_on_every_case_and_device_agrees_with_its_reference() {
    let seed = seed();
    println!("CORTEXKG_TEST_SEED={seed}");
    let mut law =
        Device::open(&DeviceOptions { choice: LAW, ..Default::default() }).expect("the reference device");
    let mut devices: Vec<(String, Device)> =
        contenders().into_iter().filter_map(|c| open(&c).map(|device| (c.name, device))).collect();
    let mut failures = Vec::new();
    for kernel in kernels() {
        let cases = (kernel.cases)(seed);
        assert!(!cases.is_empty(), "{} has no cases", kernel.name);
        let mut excuses = vec![None; devices.len()];
        for ((name, device), excuse) in devices.iter_mut().zip(&mut excuses) {
            let same_way = kernel.source(Target::Wgsl).is_ok_and(|source| {
                source.subgroup_parts.is_none()
                    && matches!(source.scratch, Scratch::None | Scratch::Dispatch(_))
            });
            *excuse = match name == MODEST && same_way {
                true => Some(format!("{} on {MODEST}: played as on any other card", kernel.name)),
                false => excused(kernel, device),
            };
            excuse.iter().for_each(|excuse| println!("SKIPPED {excuse}"));
        }
        for case in &cases {
            let expected = case.play(kernel, &mut law).expect("the reference device");
            let playing = devices.iter_mut().zip(&excuses).filter(|(_, excuse)| excuse.is_none());
            for ((name, device), _) in playing {
                if let Some(found) = judge(kernel, case, &expected, device) {
                    failures.push(format!("twins::{}::{}::{name}: {found}", kernel.name, case.name));
                }
            }
        }
        let playing = excuses.iter().filter(|excuse| excuse.is_none()).count();
        println!("{}: {} cases on {playing} devices", kernel.name, cases.len());
    }
    assert!(failures.is_empty(), "seed {seed}:\n{}", failures.join("\n"));
}

#[test]
fn the_matrix_notices_a_wrong_output() {
    // The matrix is only worth something if a wrong bit fails it: one is flipped in every written binding.
    let mut law =
        Device::open(&DeviceOptions { choice: LAW, ..Default::default() }).expect("the reference device");
    for &kernel in KERNELS {
        let cases = (kernel.cases)(seed());
        let mut noticed = 0;
        for case in cases.iter().take(8) {
            let expected = case.play(kernel, &mut law).expect("the reference device");
            for slot in (0..expected.len()).filter(|&slot| kernel.bindings[slot].access.writes()) {
                let mut wrong = expected.clone();
                let Some(byte) = wrong[slot].get_mut(3) else { continue };
                *byte ^= 0x40;
                let outputs: Vec<Output<'_>> = (0..expected.len())
                    .filter(|&slot| kernel.bindings[slot].access.writes())
                    .map(|binding| Output { binding, left: &expected[binding], right: &wrong[binding] })
                    .collect();
                noticed += usize::from(compare(kernel, &case.params, &outputs).is_some());
            }
        }
        assert!(noticed > 0, "{}: no wrong output was noticed", kernel.name);
    }
}
