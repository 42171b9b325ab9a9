//! Every kernel on its own cases, as `KERNEL/CASE`: one dispatch on the CPU device with its transfers.

use criterion::{Criterion, criterion_group, criterion_main};

use cortexkg_compute::{Device, DeviceChoice, DeviceOptions, KERNELS};

fn kernels(criterion: &mut Criterion) {
    let mut device = Device::open(&DeviceOptions { choice: DeviceChoice::Cpu, ..Default::default() })
        .expect("the CPU device opens everywhere");
    for kernel in KERNELS {
        let mut group = criterion.benchmark_group(kernel.name);
        for case in (kernel.cases)(1) {
            group.bench_function(&case.name, |bencher| bencher.iter(|| case.play(kernel, &mut device)));
        }
        group.finish();
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
