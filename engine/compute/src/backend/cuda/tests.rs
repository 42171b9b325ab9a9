//! What is special about this back end. Most of it wants a card, or the one that the host plays (`.ci/cuda_card.sh`).

use std::sync::Arc;

use cudarc::driver::DriverError;
use cudarc::driver::sys::CUresult;

use super::kept::tests::InMemory;
use super::{Arguments, Backend as _, Cuda, kept, pinned};
use crate::device::{Device, DeviceChoice, DeviceOptions};
use crate::kernels::shared::plasticity::WEIGHT_MAX;
use crate::kernels::{KERNELS, graph_levels, similarity_topk, weight_decay};
use crate::recording::Recording;
use crate::{Case, CodeCache, Draw, Error};

#[test]
fn arguments_are_pointers_then_parameters() {
    let Arguments(words) = Arguments::new(&weight_decay::KERNEL, &[7 << 40, 9], &[1, 2, 3]);
    assert_eq!(words[..5], [7 << 40, 9, 1 | 2 << 32, 3, 0]);
}

#[test]
fn every_kernel_has_room_for_its_arguments() {
    for kernel in KERNELS {
        let pointers = vec![1; kernel.bindings.len() + 1];
        Arguments::new(kernel, &pointers, &vec![1; kernel.params.len()]);
    }
}

/// The back end, or nothing after saying why; a failure if it is required.
fn open() -> Option<Cuda> {
    open_with(None)
}

fn open_with(cache: Option<Arc<InMemory>>) -> Option<Cuda> {
    let cache = cache.map(|cache| cache as Arc<dyn CodeCache>);
    match Cuda::open(cache) {
        Ok(opened) => Some(opened),
        Err(why) => {
            let required = std::env::var("CORTEXKG_REQUIRE_DEVICE").unwrap_or_default();
            assert!(!required.split(',').any(|name| name == "cuda"), "cuda is required, but: {why}");
            println!("SKIPPED cuda: {why}");
            None
        }
    }
}

/// Run by [`cards_too_old_are_refused`] in a process of its own, whose card is another.
#[test]
#[ignore = "half of another test"]
fn opened_in_a_process_of_its_own() {
    println!("refused: {}", Cuda::open(None).err().expect("a card too old"));
}

#[test]
fn cards_too_old_are_refused() {
    let Some(here) = open().filter(|here| here.info.name.contains("played by the host")) else { return };
    drop(here);
    let run = std::process::Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "backend::cuda::tests::opened_in_a_process_of_its_own", "--ignored", "--nocapture"])
        .env("CORTEXKG_CARD_MAJOR", "7")
        .output()
        .expect("this program again");
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}");
    assert!(said.contains("compute capability 7.0, and CUDA kernels want 8.0; wgpu may do"), "{said}");
}

fn device(backend: Cuda) -> Device {
    Device::over(Box::new(backend), None, &DeviceOptions { choice: DeviceChoice::Cuda, ..Default::default() })
}

fn law() -> Device {
    let options = DeviceOptions { choice: DeviceChoice::CpuReference, ..Default::default() };
    Device::open(&options).expect("the CPU")
}

fn weights(count: usize) -> Vec<u32> {
    Draw::new(7).many(count, |draw| draw.below(WEIGHT_MAX as usize + 1) as u32)
}

/// Several submissions under way, each with reads of its own; what all of them read.
fn history(device: &mut Device) -> Vec<Vec<u32>> {
    let buffer = device.upload("weights", &weights(1_000)).expect("memory");
    let copy = device.create::<u32>("copy", 1_000).expect("memory");
    let mut under_way = Vec::new();
    for round in 0..4 {
        let mut recording = Recording::new();
        recording.write(&buffer, 3 * round as usize, &[round, round + 1, 77]);
        recording.repeat(50, |recording| {
            weight_decay::record(recording, &buffer, 999, 1 << 24, round);
        });
        recording.copy(&buffer, 5, &copy, 7, 900);
        let reads = [(0, 1), (0, 0), (13, 500)].map(|(first, len)| recording.read(&copy, first, len));
        let all = recording.read_all(&buffer);
        under_way.push((device.submit(recording).expect("a submission"), reads, all));
    }
    let mut found = Vec::new();
    // The last first.
    while let Some((receipt, reads, all)) = under_way.pop() {
        let done = device.wait(receipt).expect("small work");
        found.extend(reads.iter().chain([&all]).map(|read| done.get(read).to_vec()));
    }
    device.destroy(copy);
    device.destroy(buffer);
    found
}

#[test]
fn what_is_written_arrives_however_long_it_is() {
    let Some(mut device) = open().map(device) else { return };
    let (mut under_way, mut draw) = (Vec::new(), Draw::new(3));
    // The last is more than is kept pinned; all are under way at once.
    for words in [1, 1 << 14, 5, 1 << 17, (pinned::WRITTEN_BYTES_MAX >> 2) + 1] {
        let values = draw.many(words, |draw| draw.bits() as u32);
        let buffer = device.create::<u32>("values", words).expect("memory");
        let mut recording = Recording::new();
        recording.write(&buffer, 0, &values);
        let read = recording.read_all(&buffer);
        under_way.push((values, read, device.submit(recording).expect("a write")));
    }
    for (values, read, receipt) in under_way {
        assert!(device.wait(receipt).expect("a read").get(&read) == values, "{} words", values.len());
    }
}

#[test]
fn submissions_under_way_keep_to_their_order_and_their_reads() {
    let Some(backend) = open() else { return };
    let mut card = device(backend);
    let expected = history(&mut law());
    // Again on what the first left: pinned memory and buffers are taken anew.
    for _ in 0..2 {
        assert!(history(&mut card) == expected);
    }
}

#[test]
fn a_device_may_go_while_work_is_under_way() {
    let Some(backend) = open() else { return };
    let mut card = device(backend);
    let buffer = card.upload("weights", &weights(100_000)).expect("memory");
    let mut recording = Recording::new();
    recording.repeat(20, |recording| weight_decay::record(recording, &buffer, 100_000, 1 << 20, 1));
    recording.read_all(&buffer);
    let receipt = card.submit(recording).expect("a submission");
    drop(card);
    drop(receipt);
}

#[test]
fn rows_of_one_score_come_by_id() {
    let Some(backend) = open() else { return };
    let (mut card, mut law, kernel) = (device(backend), law(), &similarity_topk::KERNEL);
    let mut equal = 0;
    for case in (kernel.cases)(5).iter().filter(|case| case.name.starts_with("kinds")) {
        let [ids, uppers] = ["ids", "uppers"]
            .map(|name| kernel.bindings.iter().position(|binding| binding.name == name).expect("an output"));
        let sides = [&mut law, &mut card].map(|device| case.play(kernel, device).expect("a small case"));
        // The tolerance of the kernel forgives that rows change places; with the same scores there is no reason for it.
        if sides[0][uppers] == sides[1][uppers] {
            assert!(sides[0][ids] == sides[1][ids], "{}", case.name);
            equal += 1;
        }
    }
    assert!(equal > 5, "scores are the same in {equal} cases alone");
}

#[test]
fn scratch_beyond_the_limit_is_refused() {
    let Some(mut backend) = open() else { return };
    // Arrays of 70 nodes fit, scratch of 24 bytes for each of them does not.
    backend.info.binding_bytes_max = 512;
    let mut card = device(backend);
    let case = |nodes: usize| {
        let params = graph_levels::Params { nodes: nodes as u32, sources: 1, levels_max: 1 };
        let (zeros, edges) = (vec![0u32; nodes], vec![0u32; nodes + 1]);
        let inputs = Case::new("no edge", &params).bind(&edges).bind(&[0u32]).bind(&[0u32]);
        inputs.bind(&[0u32]).bind(&zeros).bind(&zeros)
    };
    let kernel = &graph_levels::KERNEL;
    assert!(case(20).play(kernel, &mut card).is_ok());
    let refused = case(70).play(kernel, &mut card).err();
    assert!(matches!(refused, Some(Error::BufferTooLarge { limit: 512, .. })), "{refused:?}");
    assert!(case(20).play(kernel, &mut card).is_ok(), "a refusal changes nothing");
}

#[test]
fn memory_that_the_card_has_not_is_an_error_of_memory_and_no_more() {
    let Some(mut backend) = open() else { return };
    let bytes = backend.context.total_mem().expect("a card") as u64 + (1 << 20);
    let made = backend.stream.alloc_zeros::<u8>(bytes as usize);
    let refused = backend.granted("too much", bytes, made).err();
    assert!(matches!(refused, Some(Error::OutOfMemory { asked, .. }) if asked == bytes), "{refused:?}");
    let mut card = device(backend);
    let buffer = card.upload("a little", &[1u32, 2, 3]).expect("memory");
    assert_eq!(card.download(&buffer).expect("a read"), [1, 2, 3]);
}

#[test]
fn a_lost_device_says_so_and_stays_lost() {
    let Some(mut backend) = open() else { return };
    let failed = DriverError(CUresult::CUDA_ERROR_ILLEGAL_ADDRESS);
    let lost =
        |error: Error| matches!(&error, Error::DeviceLost { device, .. } if device.starts_with("cuda"));
    assert!(backend.settle::<()>(Err(failed)).is_err_and(lost));
    let mut card = device(backend);
    for _ in 0..2 {
        assert!(card.create::<u32>("late", 4).is_err_and(lost));
        assert!(card.submit(Recording::new()).is_err_and(lost));
    }
}

#[test]
fn work_tells_how_long_it_took() {
    let Some(backend) = open() else { return };
    let mut card = device(backend);
    let buffer = card.upload("weights", &weights(100_000)).expect("memory");
    let mut recording = Recording::new();
    weight_decay::record(&mut recording, &buffer, 100_000, 9, 9);
    let told = card.run(recording).expect("one dispatch").device_ns();
    assert!(told.is_some_and(|ns| ns > 0), "{told:?}");
}

#[test]
fn code_that_was_kept_is_not_compiled_again_unless_it_is_damaged() {
    let cache = Arc::new(InMemory::default());
    let kernel = &weight_decay::KERNEL;
    let compiled = || {
        let mut backend = open_with(Some(Arc::clone(&cache)))?;
        backend.prepare(kernel).expect("a kernel with a form");
        // Wherever the code came from, it plays.
        let (mut card, mut law) = (device(backend), law());
        let case = &(kernel.cases)(3)[0];
        assert!(
            case.play(kernel, &mut card).expect("a card") == case.play(kernel, &mut law).expect("the CPU")
        );
        Some(*cache.puts.lock().expect("no panic"))
    };
    let Some(first) = compiled() else { return };
    assert_eq!((first, compiled()), (1, Some(1)));
    let name = cache.entries.lock().expect("no panic").keys().next().expect("put before").clone();
    cache.entries.lock().expect("no panic").get_mut(&name).expect("put before").truncate(40);
    assert_eq!(compiled(), Some(2), "a truncated entry");
    kept::put(&*cache, &name, b"whole, but no code\0");
    assert_eq!(compiled(), Some(4), "one that the driver refuses");
    assert_eq!(compiled(), Some(4));
}
