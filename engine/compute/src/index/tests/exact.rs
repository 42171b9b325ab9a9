//! The exact way gives what a plain f64 scan of all rows gives: the same rows in the same order with the same scores, bit for bit.

use proptest::prelude::*;
use proptest::sample::select;

use super::truth::Truth;
use super::*;
use crate::kernels::encode_rows::{Rows as Kind, halves};
use crate::kernels::shared::row_shard::DIM_MULTIPLE;
use crate::kernels::similarity_topk;

#[derive(Clone, Copy, Debug)]
enum Masked {
    No,
    Alike,
    EachItsOwn,
}

/// One random search of random rows.
#[derive(Clone, Debug)]
struct Plan {
    stored: Kind,
    asked: Kind,
    /// What queries are multiplied by.
    magnitude: f32,
    dim: usize,
    rows: usize,
    queries: usize,
    k: usize,
    masked: Masked,
    /// A mask lets one row in so many through.
    one_in: usize,
    /// The score of so manieth best row is the lowest wanted.
    score_min_at: Option<usize>,
    threads: usize,
    /// Whether rows lie in shards as small as can be.
    many_shards: bool,
    seed: u64,
}

fn plans() -> impl Strategy<Value = Plan> {
    let kind = || select(Kind::ALL.to_vec());
    // Most at the magnitude that is drawn, some where scores are denormal or beyond f32.
    let magnitude = select(vec![1.0, 1.0, 1.0, 1.0, 1.0, 1e-3, 1e-36, 1e-41, 1e36]);
    let sizes = (
        select(vec![32, 64, 100, 384]),
        select(vec![0, 1, 31, 32, 33, 63, 64, 65, 300, 997, 1_024, 4_500]),
        select(vec![1, 6, 7, 8, 33]),
        prop_oneof![1usize..=64, Just(1_024), Just(2_000)],
    );
    let masks = (select(vec![Masked::No, Masked::Alike, Masked::EachItsOwn]), select(vec![1, 2, 100]));
    let rest =
        (prop_oneof![Just(None), (0usize..20).prop_map(Some)], 1usize..=2, any::<bool>(), any::<u64>());
    ((kind(), kind(), magnitude), sizes, masks, rest).prop_map(|(kinds, sizes, masks, rest)| {
        let ((stored, asked, magnitude), (dim, rows, queries, k)) = (kinds, sizes);
        let ((masked, one_in), (score_min_at, threads, many_shards, seed)) = (masks, rest);
        Plan {
            stored,
            asked,
            magnitude,
            dim,
            rows,
            queries,
            k,
            masked,
            one_in,
            score_min_at,
            threads,
            many_shards,
            seed,
        }
    })
}

impl Plan {
    fn device(&self) -> Device {
        let mut options = cpu_options(self.threads);
        if self.many_shards {
            let padded = self.dim.next_multiple_of(DIM_MULTIPLE);
            // A batch must fit a buffer as well.
            let lists = self.queries * 4;
            options.binding_bytes_max =
                Some((64 * padded * 2).max(lists).max(4 * similarity_topk::K_MAX) as u64);
        }
        open(&options)
    }

    /// Writes all rows in parts, from first to last or not, and some of them over others that were there before.
    fn write(&self, draw: &mut Draw, device: &mut Device) -> (VectorIndex, Truth) {
        let (mut index, mut truth) =
            (VectorIndex::new(device, IndexOptions::new(self.dim)), Truth::new(self.dim));
        let values = self.stored.draw(draw, self.rows, self.dim);
        let mut parts = Vec::new();
        let mut first = 0;
        while first < self.rows {
            let end = (first + 1 + draw.below(400)).min(self.rows);
            parts.push((first, end));
            first = end;
        }
        for place in (1..parts.len()).rev() {
            parts.swap(place, draw.below(place + 1));
        }
        for &(first, end) in &parts {
            if draw.below(3) == 0 {
                let before = draw.many((end - first) * self.dim, Draw::normal);
                index.write(device, first, &halves(&before)).expect("memory");
            }
        }
        for (first, end) in parts {
            let values = &values[first * self.dim..end * self.dim];
            index.write(device, first, &halves(values)).expect("memory");
            truth.write(first, values);
        }
        (index, truth)
    }

    fn masks(&self, draw: &mut Draw) -> Vec<Vec<u64>> {
        let count = match self.masked {
            Masked::No => 0,
            Masked::Alike => 1,
            Masked::EachItsOwn => self.queries,
        };
        let mut mask = || {
            let allowed: Vec<u32> = (0..self.rows as u32).filter(|_| draw.below(self.one_in) == 0).collect();
            mask_of(self.rows, allowed)
        };
        (0..count).map(|_| mask()).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn the_exact_way_finds_what_a_plain_scan_finds(plan in plans()) {
        let draw = &mut Draw::new(plan.seed);
        let mut device = plan.device();
        let (mut index, truth) = plan.write(draw, &mut device);
        prop_assert_eq!(index.len(), plan.rows);
        let queries = plan.asked.draw(draw, plan.queries, plan.dim);
        let queries: Vec<f32> =
            queries.iter().map(|value| (value * plan.magnitude).clamp(f32::MIN, f32::MAX)).collect();
        let masks = plan.masks(draw);
        let k = plan.k.min(WANTED_MAX);
        let best = |query: usize, score_min: f32| {
            let mask = masks.get(query).or(masks.first());
            let allowed = |row| mask.is_none_or(|mask| is_allowed(mask, row));
            truth.best(&queries[query * plan.dim..][..plan.dim], k, score_min, allowed)
        };
        // A threshold that some rows meet exactly.
        let score_min = plan.score_min_at.and_then(|place| best(0, f32::NEG_INFINITY).get(place).map(|row| row.1));
        let score_min = score_min.unwrap_or(f32::NEG_INFINITY);
        let originals = truth.originals();
        let search = Search { queries: &queries, originals, masks: &masks, k: plan.k, score_min, width: 64, probes: 0, way: Way::Exact };
        let found = index.search(&mut device, &search).expect("memory");
        prop_assert_eq!(found.way, Way::Exact);
        prop_assert_eq!(found.lists.len(), plan.queries);
        for (query, list) in found.lists.iter().enumerate() {
            prop_assert_eq!(list, &best(query, score_min), "query {}", query);
        }
        // Scores of listed rows are the same scores, wherever the rows lie.
        let listed: Vec<Vec<u32>> = found.lists.iter().map(|list| list.iter().map(|row| row.0).collect()).collect();
        let scores = originals.expect("there").scores(&queries, &listed);
        for (list, scores) in found.lists.iter().zip(scores) {
            prop_assert_eq!(list.iter().map(|row| row.1).collect::<Vec<_>>(), scores);
        }
        index.destroy(&mut device);
        prop_assert_eq!(device.used_bytes(), 0, "everything is freed");
    }
}
