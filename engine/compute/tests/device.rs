//! What a device promises whatever it is: budgets, limits, growth, order of commands, loud failures.

use cortexkg_compute::kernels::similarity_topk::{self, Lists, Masks, Search};
use cortexkg_compute::kernels::{encode_rows, shared::row_shard::RowShard};
use half::f16;

use cortexkg_compute::{Buffer, Device, DeviceChoice, DeviceOptions, Error, Recording};

fn open(memory_bytes_max: u64) -> Device {
    let choice = DeviceChoice::Cpu;
    Device::open(&DeviceOptions { choice, memory_bytes_max, threads: 1, ..Default::default() })
        .expect("the CPU")
}

/// Runs a test on every kind of device that is here.
fn on_each(memory_bytes_max: u64, test: impl Fn(&mut Device)) {
    for choice in [DeviceChoice::Cpu, DeviceChoice::CpuReference, DeviceChoice::Wgpu] {
        let name = choice.to_string();
        let options =
            DeviceOptions { choice, memory_bytes_max, threads: 1, software: true, ..Default::default() };
        match Device::open(&options) {
            Ok(mut device) => test(&mut device),
            Err(error @ Error::NoDevice { .. }) => {
                let required = std::env::var("CORTEXKG_REQUIRE_DEVICE").unwrap_or_default();
                assert!(!required.split(',').any(|required| required == name), "{error}");
                println!("SKIPPED {error}");
            }
            Err(other) => panic!("{other}"),
        }
    }
}

#[test]
fn the_budget_is_kept_and_the_peak_remembered() {
    on_each(1_000, budget_is_kept);
}

fn budget_is_kept(device: &mut Device) {
    let first: Buffer<f32> = device.create("first", 100).expect("400 of 1,000");
    let second: Buffer<u32> = device.create("second", 100).expect("800 of 1,000");
    match device.create::<u64>("third", 26) {
        Err(Error::OutOfMemory { label: "third", asked: 208, free: 200 }) => {}
        other => panic!("{other:?}"),
    }
    assert_eq!(device.usage(), [("first", 400), ("second", 400)]);
    device.destroy(first);
    assert_eq!((device.used_bytes(), device.peak_bytes(), device.free_bytes()), (400, 800, 600));
    device.destroy(second);
    assert_eq!((device.used_bytes(), device.peak_bytes()), (0, 800));
}

#[test]
fn a_buffer_over_the_binding_limit_is_refused() {
    let options =
        DeviceOptions { choice: DeviceChoice::Cpu, binding_bytes_max: Some(256), ..Default::default() };
    let mut device = Device::open(&options).expect("the CPU");
    assert_eq!(device.info().binding_bytes_max, 256);
    assert!(device.create::<f32>("fits", 64).is_ok());
    match device.create::<f32>("too large", 65) {
        Err(Error::BufferTooLarge { label: "too large", asked: 260, limit: 256 }) => {}
        other => panic!("{other:?}"),
    }
    // A shard sized by the limit can be made; one block more cannot.
    let options = DeviceOptions { binding_bytes_max: Some(1 << 14), ..options };
    let mut device = Device::open(&options).expect("the CPU");
    let capacity = RowShard::capacity_max(32, device.info().binding_bytes_max);
    assert_eq!(capacity, 512);
    RowShard::create(&mut device, 32, capacity).expect("at the limit").destroy(&mut device);
    let used = device.used_bytes();
    assert!(matches!(RowShard::create(&mut device, 32, capacity + 1), Err(Error::BufferTooLarge { .. })));
    assert_eq!(device.used_bytes(), used, "a shard that failed leaves nothing behind");
}

#[test]
fn growing_keeps_the_contents_and_failing_to_grow_keeps_the_buffer() {
    on_each(100, grow);
}

fn grow(device: &mut Device) {
    let mut buffer = device.upload("growing", &[1u32, 2, 3, 4, 5]).expect("20 bytes");
    device.grow(&mut buffer, 10).expect("60 bytes at once");
    assert_eq!(device.download(&buffer).expect("40 bytes"), [1, 2, 3, 4, 5, 0, 0, 0, 0, 0]);
    assert!(matches!(device.grow(&mut buffer, 20), Err(Error::OutOfMemory { asked: 80, free: 60, .. })));
    assert_eq!(device.download(&buffer).expect("40 bytes")[..5], [1, 2, 3, 4, 5]);
    assert_eq!(device.used_bytes(), 40);
}

#[test]
fn commands_run_in_order() {
    on_each(1 << 20, run_in_order);
}

fn run_in_order(device: &mut Device) {
    let a = device.upload("a", &[1i32, 2, 3, 4]).expect("memory");
    let b = device.create::<i32>("b", 4).expect("memory");
    let mut recording = Recording::new();
    let before = recording.read(&a, 1, 2);
    recording.copy(&a, 0, &b, 2, 2);
    recording.write(&a, 0, &[9]);
    recording.repeat(3, |round| round.copy(&a, 0, &b, 0, 1));
    let after = recording.read_all(&b);
    let nothing = recording.read(&b, 4, 0);
    let reads = device.run(recording).expect("a few copies");
    assert_eq!(reads.get(&before), [2, 3]);
    assert_eq!(reads.get(&after), [9, 0, 1, 2]);
    assert_eq!(reads.get(&nothing), [0i32; 0]);
}

#[test]
fn submissions_are_independent_of_when_they_are_waited_for() {
    on_each(1 << 20, wait_in_any_order);
}

fn wait_in_any_order(device: &mut Device) {
    let buffer = device.create::<u32>("counter", 1).expect("memory");
    let mut under_way = Vec::new();
    for value in 0..3u32 {
        let mut recording = Recording::new();
        recording.write(&buffer, 0, &[value]);
        let read = recording.read_all(&buffer);
        under_way.push((value, read, device.submit(recording).expect("a write")));
    }
    for (value, read, receipt) in under_way.into_iter().rev() {
        assert_eq!(device.wait(receipt).expect("a read").get(&read), [value]);
    }
}

#[test]
fn what_runs_ahead_is_taken_in_order_and_to_the_end_whatever_fails() {
    on_each(1 << 20, run_ahead);
}

fn run_ahead(device: &mut Device) {
    let buffer = device.create::<u32>("counter", 1).expect("memory");
    let mut run = |refused: u32| {
        let mut taken = Vec::new();
        let done = device.run_ahead(
            0..5u32,
            |device, item| {
                if item == refused {
                    return Err(device.create::<u64>("too much", 1 << 20).expect_err("over the budget"));
                }
                let mut recording = Recording::new();
                recording.write(&buffer, 0, &[10 * item]);
                let read = recording.read_all(&buffer);
                Ok((recording, (item, read)))
            },
            |reads, (item, read)| taken.push((item, reads.get(&read)[0])),
        );
        (done, taken)
    };
    let (done, taken) = run(u32::MAX);
    assert!(done.is_ok());
    assert_eq!(taken, [(0, 0), (1, 10), (2, 20), (3, 30), (4, 40)]);
    // What was under way when one could not be recorded is taken all the same.
    let (done, taken) = run(3);
    assert!(matches!(done, Err(Error::OutOfMemory { .. } | Error::BufferTooLarge { .. })), "{done:?}");
    assert_eq!(taken, [(0, 0), (1, 10), (2, 20)]);
    assert!(run(0).1.is_empty());
}

#[test]
fn a_lost_device_says_so_and_stays_lost() {
    let options = DeviceOptions { choice: DeviceChoice::Cpu, lost_after: Some(3), ..Default::default() };
    let mut device = Device::open(&options).expect("the CPU");
    let buffer = device.upload("kept", &[1u32, 2]).expect("the first submission");
    assert_eq!(device.download(&buffer).expect("the second"), [1, 2]);
    let lost = |error: Error| matches!(&error, Error::DeviceLost { device, .. } if device.starts_with("cpu"));
    let mut recording = Recording::new();
    recording.read_all(&buffer);
    // It goes while the third is under way.
    let receipt = device.submit(recording.clone()).expect("accepted");
    assert!(device.wait(receipt).is_err_and(lost));
    assert!(device.submit(recording).is_err_and(lost));
    assert!(device.create::<u32>("late", 1).is_err_and(lost));
    // What it held can be let go of all the same.
    device.destroy(buffer);
    assert_eq!(device.used_bytes(), 0);
}

#[test]
fn missing_devices_say_so_and_auto_says_why_it_takes_the_cpu() {
    for choice in [DeviceChoice::Wgpu, DeviceChoice::Cuda] {
        let asked_for = choice.to_string();
        match Device::open(&DeviceOptions { choice, ..Default::default() }) {
            Err(Error::NoDevice { asked, why }) => assert!(asked == asked_for && !why.is_empty()),
            Err(other) => panic!("{other}"),
            // With a GPU back end and a GPU there is nothing to be seen here.
            Ok(device) => println!("SKIPPED: {} is here", device.info().name),
        }
    }
    let device = Device::open(&DeviceOptions::default()).expect("auto always finds the CPU");
    assert!(device.info().name.starts_with("cpu"), "{}", device.info().name);
    assert!(device.info().why.as_deref().is_some_and(|why| why.contains("card")), "{:?}", device.info().why);
    assert!(
        Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() })
            .expect("the CPU")
            .info()
            .why
            .is_none()
    );
}

#[test]
fn choices_are_read_as_they_are_written() {
    let twin = |a: DeviceChoice, b: DeviceChoice| DeviceChoice::Twin(Box::new(a), Box::new(b));
    let nested = twin(twin(DeviceChoice::CpuReference, DeviceChoice::Cpu), DeviceChoice::Cuda);
    for choice in [DeviceChoice::Auto, DeviceChoice::Wgpu, nested] {
        assert_eq!(choice.to_string().parse::<DeviceChoice>().expect("its own text"), choice);
    }
    for wrong in ["", "gpu", "twin(cpu)", "twin(cpu,gpu)", "twin(cpu,cuda"] {
        assert!(matches!(wrong.parse::<DeviceChoice>(), Err(Error::UnknownChoice { .. })), "{wrong}");
    }
}

#[test]
fn a_recording_can_be_read_by_people() {
    let mut device = open(1 << 20);
    let shard = RowShard::create(&mut device, 32, 32).expect("memory");
    let rows = device.create::<f16>("rows", 64).expect("memory");
    let queries = device.create::<f32>("queries", 32).expect("memory");
    let floors = device.create::<f32>("floors", 1).expect("memory");
    let ids = device.create::<u32>("ids", 5).expect("memory");
    let uppers = device.create::<f32>("uppers", 5).expect("memory");
    let estimates = device.create::<f32>("estimates", 5).expect("memory");
    let mut recording = Recording::new();
    recording.write(&rows, 0, &[f16::ONE; 64]);
    recording.write(&queries, 0, &[1.0; 32]);
    encode_rows::record(&mut recording, &rows, 2, &shard, 0);
    recording.repeat(2, |round| {
        let search = Search {
            shard: &shard,
            rows: 2,
            row_base: 0,
            queries: &queries,
            query_count: 1,
            masks: Masks::None,
            floors: &floors,
            k: 5,
        };
        similarity_topk::record(round, &search, &Lists { ids: &ids, uppers: &uppers, estimates: &estimates });
    });
    let read = recording.read_all(&ids);
    let text = recording.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], "write rows#2 0..128");
    assert_eq!(lines[1], "write queries#3 0..128");
    let shard = "*codes=row codes#0 *factors=row factors#1";
    assert_eq!(lines[2], format!("dispatch encode_rows(dim: 32, rows: 2, row_first: 0) rows=rows#2 {shard}"));
    assert_eq!(lines[3], "repeat 2");
    assert!(lines[4].starts_with("  dispatch similarity_topk(dim: 32, rows: 2,"), "{}", lines[4]);
    let lists = "*ids=ids#5 *uppers=uppers#6 *estimates=estimates#7";
    assert!(lines[4].contains("mask_words: 1)") && lines[4].ends_with(lists), "{}", lines[4]);
    assert_eq!(lines[5], "read ids#5 0..20");
    assert_eq!(lines.len(), 6);
    assert_eq!(recording.kernels().len(), 2);
    // Both rows score 32; the lower id comes first and empty places follow.
    assert_eq!(device.run(recording).expect("a search").get(&read), [0, 1, u32::MAX, u32::MAX, u32::MAX]);
}

#[test]
#[should_panic(expected = "this is a bug")]
fn a_buffer_of_another_device_is_a_bug() {
    let stranger = open(1 << 20).upload("stranger", &[1u32]).expect("memory");
    let mut recording = Recording::new();
    recording.write(&stranger, 0, &[2]);
    let _ = open(1 << 20).run(recording);
}

#[test]
#[should_panic(expected = "this is a bug")]
fn writing_beyond_the_end_is_a_bug() {
    let buffer = open(1 << 20).upload("short", &[1u32, 2]).expect("memory");
    Recording::new().write(&buffer, 1, &[3, 4]);
}

#[test]
#[should_panic(expected = "written and bound twice, this is a bug")]
fn an_aliased_output_is_a_bug() {
    let mut device = open(1 << 20);
    let shard = RowShard::create(&mut device, 32, 32).expect("memory");
    let scores = device.create::<f32>("both", 32).expect("memory");
    let ids = device.create::<u32>("ids", 1).expect("memory");
    let other = device.create::<f32>("other", 1).expect("memory");
    let search = Search {
        shard: &shard,
        rows: 0,
        row_base: 0,
        queries: &scores,
        query_count: 1,
        masks: Masks::None,
        floors: &other,
        k: 1,
    };
    similarity_topk::record(
        &mut Recording::new(),
        &search,
        &Lists { ids: &ids, uppers: &scores, estimates: &other },
    );
}
