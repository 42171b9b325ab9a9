//! The CPU form must give the law's answer bit for bit, whatever the data, the partition, the threads and the vector instructions.

use proptest::prelude::*;

use super::cases::{Shape, case};
use super::*;
use crate::case::{Draw, words_of};
use crate::device::{Device, DeviceChoice, DeviceOptions};
use crate::kernels::encode_rows::Rows;

fn open(choice: DeviceChoice, threads: usize, simd: &'static Simd) -> Device {
    Device::open(&DeviceOptions { choice, threads, simd, ..Default::default() }).expect("the CPU is there")
}

fn shapes() -> impl Strategy<Value = (Rows, Rows, Shape, u64)> {
    let kind = || proptest::sample::select(Rows::ALL.to_vec());
    let numbers =
        (0usize..700, 1usize..5, 1usize..20, 1usize..12, 0usize..9, 1usize..40, 0usize..3, 0usize..4);
    (kind(), kind(), numbers, any::<u64>()).prop_map(|(stored, asked, numbers, seed)| {
        let (rows, dim, cells, queries, probes, k, masks, floor) = numbers;
        let masks = [0, 1, queries][masks];
        let floor = [f32::NEG_INFINITY, -0.5, 0.0, 1.0][floor];
        (stored, asked, Shape { rows, dim: dim * 32, cells, queries, probes, k, masks, floor }, seed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_form_gives_the_same_bits((stored, asked, shape, seed) in shapes()) {
        let case = case(&mut Draw::new(seed), "property", stored, asked, &shape);
        let play = |choice, threads, simd| {
            let played = case.play(&KERNEL, &mut open(choice, threads, simd)).expect("a small case");
            [8, 9, 10].map(|slot| words_of(&played[slot]))
        };
        let expected = play(DeviceChoice::CpuReference, 1, Simd::portable());
        for simd in Simd::available() {
            prop_assert_eq!(&play(DeviceChoice::Cpu, 1, simd), &expected, "{:?}", simd);
        }
        prop_assert_eq!(&play(DeviceChoice::Cpu, 3, Simd::detect()), &expected);
    }
}
