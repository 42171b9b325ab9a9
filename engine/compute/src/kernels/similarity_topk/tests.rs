//! The CPU form must give the law's answer bit for bit, whatever the data, the threads and the batch; and no row may score more
//! than its upper end in a naive f64 scan.

use proptest::prelude::*;

use super::cases::{Shape, case};
use super::*;
use crate::case::{Case, Draw};
use crate::device::{Device, DeviceChoice, DeviceOptions};
use crate::kernels::encode_rows::{Rows, halves};
use crate::kernels::shared::queries::unit_of;
use crate::kernels::shared::ranked::NO_SCORE;
use crate::simd::Simd;

fn cpu(threads: usize, simd: &'static Simd) -> Device {
    let options = DeviceOptions { choice: DeviceChoice::Cpu, threads, simd, ..Default::default() };
    Device::open(&options).expect("the CPU is there")
}

fn law() -> Device {
    let options = DeviceOptions { choice: DeviceChoice::CpuReference, ..Default::default() };
    Device::open(&options).expect("the CPU is there")
}

/// Ids, upper ends and estimates of a case after one dispatch.
fn lists(case: &Case, device: &mut Device) -> (Vec<u32>, Vec<f32>, Vec<f32>) {
    let played = case.play(&KERNEL, device).expect("a small case");
    let words = |slot: usize| played[slot].chunks_exact(4).map(bytemuck::pod_read_unaligned::<u32>);
    (words(5).collect(), words(6).map(f32::from_bits).collect(), words(7).map(f32::from_bits).collect())
}

fn shapes() -> impl Strategy<Value = (Rows, Rows, Shape, u64)> {
    let kind = || proptest::sample::select(Rows::ALL.to_vec());
    let numbers = (0usize..700, 1usize..5, 1usize..12, 1usize..40, 0usize..3, 0usize..4);
    (kind(), kind(), numbers, any::<u64>()).prop_map(|(stored, asked, numbers, seed)| {
        let (rows, dim, queries, k, masks, floor) = numbers;
        let masks = [0, 1, queries][masks];
        let floor = [f32::NEG_INFINITY, -0.5, 0.0, 1.0][floor];
        (stored, asked, Shape { rows, dim: dim * 32, queries, k, masks, floor, row_base: 5 }, seed)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_form_gives_the_same_bits((stored, asked, shape, seed) in shapes()) {
        let case = case(&mut Draw::new(seed), "property", stored, asked, &shape);
        let expected = lists(&case, &mut law());
        for simd in Simd::available() {
            prop_assert_eq!(&lists(&case, &mut cpu(1, simd)), &expected, "{:?}", simd);
        }
        prop_assert_eq!(&lists(&case, &mut cpu(3, Simd::detect())), &expected);
    }

    #[test]
    fn no_row_scores_more_than_its_upper_end((stored, asked, shape, seed) in shapes()) {
        let Shape { rows, dim, queries, k, masks: mask_count, floor, row_base } = shape;
        let vectors = halves(&stored.draw(&mut Draw::new(seed), rows, dim));
        let case = case(&mut Draw::new(seed), "property", stored, asked, &shape);
        let (ids, uppers, estimates) = lists(&case, &mut cpu(2, Simd::detect()));
        let asked: Vec<f32> = case.buffers[2].chunks_exact(4).map(bytemuck::pod_read_unaligned).collect();
        let masks: Vec<u64> = case.buffers[3].chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
        for query in 0..queries {
            let values = &asked[query * dim..][..dim];
            let unit = unit_of(values);
            let mask = if mask_count > 1 { query * mask_words(rows) } else { 0 };
            let allowed = |row: usize| mask_count == 0 || masks[mask + row / 64] >> (row % 64) & 1 == 1;
            let exact = |row: usize| -> f64 {
                let products = vectors[row * dim..][..dim].iter().zip(values);
                products.map(|(x, q)| x.to_f64() * f64::from(*q) * unit).sum()
            };
            let places = query * k..(query + 1) * k;
            let (ids, uppers, estimates) = (&ids[places.clone()], &uppers[places.clone()], &estimates[places]);
            let found = ids.iter().take_while(|&&id| id != NO_ROW).count();
            for empty in found..k {
                prop_assert_eq!((ids[empty], uppers[empty], estimates[empty]), (NO_ROW, NO_SCORE, NO_SCORE));
            }
            for place in 0..found {
                let row = (ids[place] - row_base) as usize;
                prop_assert!(allowed(row) && uppers[place] > floor);
                prop_assert!(exact(row) <= f64::from(uppers[place]), "row {row} scores {}", exact(row));
                // The bound holds on both sides.
                let least = 2.0 * f64::from(estimates[place]) - f64::from(uppers[place].next_up());
                prop_assert!(exact(row) >= least, "row {row} scores {}", exact(row));
            }
            let ordered = |place: usize| {
                let leader = |place: usize| Leader { row: ids[place], upper: uppers[place], estimate: 0.0 };
                leader(place - 1).order(&leader(place)) == std::cmp::Ordering::Less
            };
            prop_assert!((1..found).all(ordered));
            // What is not listed is not over the last place, nor over the floor.
            let last = if found == k { uppers[k - 1] } else { floor };
            for row in (0..rows).filter(|&row| allowed(row) && !ids.contains(&(row as u32 + row_base))) {
                prop_assert!(exact(row) <= f64::from(last), "row {row} scores {}", exact(row));
            }
        }
    }
}

#[test]
fn a_batch_gives_what_its_queries_give_alone() {
    let (rows, dim, k, count) = (3_000, 64, 9, 37);
    let mut draw = Draw::new(3);
    let mut device = cpu(2, Simd::detect());
    let shard = RowShard::create(&mut device, dim, rows).expect("memory");
    let input = device.upload("rows", &halves(&Rows::Clustered.draw(&mut draw, rows, dim))).expect("memory");
    let values = Rows::Clustered.draw(&mut draw, count, dim);
    let queries = device.upload("queries", &values).expect("memory");
    let one = device.create::<f32>("query", dim).expect("memory");
    let ids = device.create::<u32>("ids", count * k).expect("memory");
    let uppers = device.create::<f32>("uppers", count * k).expect("memory");
    let estimates = device.create::<f32>("estimates", count * k).expect("memory");
    let floors = device.upload("floors", &[f32::NEG_INFINITY; 37]).expect("memory");
    let found = Lists { ids: &ids, uppers: &uppers, estimates: &estimates };
    let mut recording = Recording::new();
    super::super::encode_rows::record(&mut recording, &input, rows, &shard, 0);
    let search = |queries, query_count| {
        let shard = &shard;
        Search { shard, rows, row_base: 0, queries, query_count, masks: Masks::None, floors: &floors, k }
    };
    record(&mut recording, &search(&queries, count), &found);
    let read = recording.read_all(&ids);
    let batch = device.run(recording).expect("a small search").get(&read).to_vec();
    for (query, expected) in batch.chunks_exact(k).enumerate() {
        let mut recording = Recording::new();
        recording.write(&one, 0, &values[query * dim..(query + 1) * dim]);
        record(&mut recording, &search(&one, 1), &found);
        let read = recording.read(&ids, 0, k);
        assert_eq!(device.run(recording).expect("a small search").get(&read), expected, "query {query}");
    }
}
