//! The CPU form must give the law's answer bit for bit, whatever the data, the threads and the batch; and the law
//! must be what a naive f64 scan finds.

use proptest::prelude::*;

use super::cases::{Shape, case};
use super::*;
use crate::case::{Case, Draw};
use crate::device::{Device, DeviceChoice, DeviceOptions};
use crate::kernels::encode_rows::Rows;
use crate::kernels::shared::ranked::best;
use crate::simd::Simd;

fn cpu(threads: usize, simd: &'static Simd) -> Device {
    let options = DeviceOptions { choice: DeviceChoice::Cpu, threads, simd, ..Default::default() };
    Device::open(&options).expect("the CPU is there")
}

fn law() -> Device {
    let options = DeviceOptions { choice: DeviceChoice::CpuReference, ..Default::default() };
    Device::open(&options).expect("the CPU is there")
}

/// Ids and scores of a case after one dispatch.
fn lists(case: &Case, device: &mut Device) -> (Vec<u32>, Vec<f32>) {
    let played = case.play(&KERNEL, device).expect("a small case");
    let words = |slot: usize| played[slot].chunks_exact(4).map(bytemuck::pod_read_unaligned::<u32>);
    (words(5).collect(), words(6).map(f32::from_bits).collect())
}

fn shapes() -> impl Strategy<Value = (Rows, Rows, Shape, u64)> {
    let kind = || proptest::sample::select(Rows::ALL.to_vec());
    let numbers = (0usize..700, 1usize..5, 1usize..12, 1usize..40, 0usize..3, 0usize..4);
    (kind(), kind(), numbers, any::<u64>()).prop_map(|(stored, asked, numbers, seed)| {
        let (rows, dim, queries, k, masks, score_min) = numbers;
        let masks = [0, 1, queries][masks];
        let score_min = [f32::NEG_INFINITY, -0.5, 0.0, 1.0][score_min];
        (stored, asked, Shape { rows, dim: dim * 32, queries, k, masks, score_min, row_base: 5 }, seed)
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
    fn lists_are_what_a_naive_f64_scan_finds((stored, asked, shape, seed) in shapes()) {
        let case = case(&mut Draw::new(seed), "property", stored, asked, &shape);
        let (ids, scores) = lists(&case, &mut cpu(2, Simd::detect()));
        let halves: Vec<f16> = case.buffers[0].chunks_exact(2).map(bytemuck::pod_read_unaligned).collect();
        let queries: Vec<f32> = case.buffers[3].chunks_exact(4).map(bytemuck::pod_read_unaligned).collect();
        let masks: Vec<u64> = case.buffers[4].chunks_exact(8).map(bytemuck::pod_read_unaligned).collect();
        let Shape { rows, dim, k, score_min, row_base, .. } = shape;
        for query in 0..shape.queries {
            let mask = if shape.masks > 1 { query * mask_words(rows) } else { 0 };
            let allowed = |row: usize| shape.masks == 0 || masks[mask + row / 64] >> (row % 64) & 1 == 1;
            let term = |row: usize, d: usize| halves[row * dim + d].to_f64() * f64::from(queries[query * dim + d]);
            let exact: Vec<f64> = (0..rows).map(|row| (0..dim).map(|d| term(row, d)).sum()).collect();
            // Two orders of one f64 sum differ by less than this; rounding to f32 adds its own half-ulp.
            let size = |row: usize| (0..dim).map(|d| term(row, d).abs()).sum::<f64>();
            let near = |row: usize| size(row) * 1e-12 + exact[row].abs() * f64::from(f32::EPSILON);
            let (ids, scores) = (&ids[query * k..][..k], &scores[query * k..][..k]);
            let found = ids.iter().take_while(|&&id| id != NO_ROW).count();
            prop_assert!(ids[found..].iter().all(|&id| id == NO_ROW));
            prop_assert!(scores[found..].iter().all(|&score| score == NO_SCORE));
            for (id, &score) in ids[..found].iter().zip(scores) {
                let row = (id - row_base) as usize;
                prop_assert!(allowed(row) && score >= score_min);
                let close = (f64::from(score) - exact[row]).abs() <= near(row) || score.is_infinite();
                prop_assert!(close, "row {row}: {score} for {}", exact[row]);
            }
            let ordered = |place: usize| {
                let rank = |place: usize| Ranked { id: ids[place], score: scores[place] };
                rank(place - 1).order(&rank(place)) == std::cmp::Ordering::Less
            };
            prop_assert!((1..found).all(ordered));
            // No row left out belongs in the list.
            let worst = if found == k { scores[k - 1].max(score_min) } else { score_min };
            for row in (0..rows).filter(|&row| allowed(row) && !ids.contains(&(row as u32 + row_base))) {
                prop_assert!(exact[row] <= f64::from(worst) + near(row), "row {row} scores {}", exact[row]);
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
    let input = device.upload("rows", &Rows::Clustered.draw(&mut draw, rows, dim)).expect("memory");
    let values = Rows::Clustered.draw(&mut draw, count, dim);
    let queries = device.upload("queries", &values).expect("memory");
    let one = device.create::<f32>("query", dim).expect("memory");
    let ids = device.create::<u32>("ids", count * k).expect("memory");
    let scores = device.create::<f32>("scores", count * k).expect("memory");
    let (score_min, masks) = (f32::NEG_INFINITY, Masks::None);
    let mut recording = Recording::new();
    super::super::encode_rows::record(&mut recording, &input, rows, &shard, 0);
    let search = |queries, query_count| {
        let shard = &shard;
        Search { shard, rows, row_base: 0, queries, query_count, masks, k, score_min }
    };
    record(&mut recording, &search(&queries, count), &ids, &scores);
    let read = recording.read_all(&ids);
    let batch = device.run(recording).expect("a small search").get(&read).to_vec();
    for (query, expected) in batch.chunks_exact(k).enumerate() {
        let mut recording = Recording::new();
        recording.write(&one, 0, &values[query * dim..(query + 1) * dim]);
        record(&mut recording, &search(&one, 1), &ids, &scores);
        let read = recording.read(&ids, 0, k);
        assert_eq!(device.run(recording).expect("a small search").get(&read), expected, "query {query}");
    }
}

#[test]
fn shards_merge_to_the_list_of_the_whole() {
    let (rows, dim, k) = (500, 32, 12);
    let mut draw = Draw::new(4);
    let mut device = cpu(1, Simd::detect());
    let values = Rows::Ties.draw(&mut draw, rows, dim);
    let queries = device.upload("queries", &Rows::Ties.draw(&mut draw, 1, dim)).expect("memory");
    let mut search = |first: usize, count: usize| {
        let shard = RowShard::create(&mut device, dim, count).expect("memory");
        let input = device.upload("rows", &values[first * dim..(first + count) * dim]).expect("memory");
        let ids = device.create::<u32>("ids", k).expect("memory");
        let scores = device.create::<f32>("scores", k).expect("memory");
        let mut recording = Recording::new();
        super::super::encode_rows::record(&mut recording, &input, count, &shard, 0);
        let search = Search {
            shard: &shard,
            rows: count,
            row_base: first as u32,
            queries: &queries,
            query_count: 1,
            masks: Masks::None,
            k,
            score_min: f32::NEG_INFINITY,
        };
        record(&mut recording, &search, &ids, &scores);
        device.run(recording).expect("a small search");
        (device.download(&ids).expect("ids"), device.download(&scores).expect("scores"))
    };
    let whole = search(0, rows);
    let parts = [search(0, 123), search(123, 300), search(423, 77)];
    let pairs =
        |(ids, scores): (Vec<u32>, Vec<f32>)| ids.into_iter().zip(scores).filter(|row| row.0 != NO_ROW);
    let mut merged: Vec<(u32, f32)> = parts.into_iter().flat_map(pairs).collect();
    best(&mut merged, k);
    assert_eq!(merged, pairs(whole).collect::<Vec<_>>());
}
