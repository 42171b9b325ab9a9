//! Vectors of one's own, searched as a user does who wants to know what to expect.

mod common;

use common::Place;
use serde_json::Value;

const ROWS: usize = 3_000;
const QUERIES: usize = 50;
const DIM: usize = 32;
const K: usize = 10;

/// Numbers within one of 0, always the same.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1 << 23) as f32 - 1.0
    }
}

/// An array as NumPy saves it.
fn npy(kind: &str, rows: usize, cols: usize, bytes: impl Iterator<Item = [u8; 4]>) -> Vec<u8> {
    let mut head = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({rows}, {cols}), }}");
    let padded = (10 + head.len() + 1).next_multiple_of(64) - 10;
    head = format!("{head:<width$}\n", width = padded - 1);
    let mut file = b"\x93NUMPY\x01\x00".to_vec();
    file.extend((head.len() as u16).to_le_bytes());
    file.extend(head.as_bytes());
    file.extend(bytes.flatten());
    file
}

/// Vectors around forty of them, queries beside some, and the best of each.
fn files(place: &Place) {
    let mut draw = Draw(7);
    let mut near = |centre: &[f32], far: f32| -> Vec<f32> {
        let moved: Vec<f32> = centre.iter().map(|value| value + far * draw.next()).collect();
        let length = moved.iter().map(|value| value * value).sum::<f32>().sqrt();
        // As the index keeps them.
        moved.iter().map(|value| half::f16::from_f32(value / length).to_f32()).collect()
    };
    let centres: Vec<Vec<f32>> = (0..40).map(|_| near(&[0.0; DIM], 1.0)).collect();
    let base: Vec<Vec<f32>> = (0..ROWS).map(|row| near(&centres[row % 40], 0.15)).collect();
    let queries: Vec<Vec<f32>> = (0..QUERIES).map(|query| near(&base[query * 7], 0.1)).collect();
    let best = |query: &Vec<f32>| {
        let score = |row: &Vec<f32>| -> f64 { row.iter().zip(query).map(|(a, b)| f64::from(a * b)).sum() };
        let mut rows: Vec<(f64, i32)> = base.iter().zip(0..).map(|(row, id)| (score(row), id)).collect();
        rows.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        rows.into_iter().take(K).map(|(_, id)| id).collect::<Vec<i32>>()
    };
    let truth: Vec<i32> = queries.iter().flat_map(best).collect();
    let floats = |rows: &[Vec<f32>]| {
        let numbers: Vec<[u8; 4]> = rows.iter().flatten().map(|value| value.to_le_bytes()).collect();
        npy("<f4", rows.len(), DIM, numbers.into_iter())
    };
    std::fs::write(place.path("base.npy"), floats(&base)).unwrap();
    std::fs::write(place.path("queries.npy"), floats(&queries)).unwrap();
    let truth = npy("<i4", QUERIES, K, truth.into_iter().map(i32::to_le_bytes));
    std::fs::write(place.path("truth.npy"), truth).unwrap();
}

const FILES: [&str; 8] =
    ["bench", "search", "--base", "base.npy", "--queries", "queries.npy", "--truth", "truth.npy"];

fn searched(place: &Place, more: &[&str]) -> Value {
    place.run(&[&FILES, more, &["--json"]].concat()).code(0).json()
}

#[test]
fn every_mode_tells_what_it_finds() {
    let place = Place::new();
    files(&place);
    let exact = searched(&place, &["--mode", "exact", "--batch", "16"]);
    assert_eq!((&exact["recall"], &exact["mode"]), (&1.0.into(), &"exact".into()));
    let graph = searched(&place, &["--mode", "graph", "--width", "64"]);
    assert!(graph["recall"].as_f64().unwrap() > 0.9, "{graph}");
    let pruned = searched(&place, &["--mode", "pruned", "--probes", "2,2048"]);
    let [few, all] = [0, 1].map(|point| &pruned["points"][point]);
    assert_eq!(
        (&all["recall"], &all["looked_per_query"].as_f64().map(|rows| rows >= ROWS as f64)),
        (&1.0.into(), &Some(true))
    );
    assert!(few["recall"].as_f64().unwrap() < 1.0, "{pruned}");
    assert!(few["looked_per_query"].as_f64().unwrap() < ROWS as f64 / 4.0, "{pruned}");
}

#[test]
fn what_cannot_be_is_refused() {
    let place = Place::new();
    files(&place);
    for probes in ["0", "2049", "many"] {
        let told =
            place.run(&[&FILES[..], &["--mode", "pruned", "--probes", probes]].concat()).code(2).stderr();
        assert!(told.contains("--probes"), "{told}");
    }
}
