//! Tight groups of rows, each larger than a walk keeps: a walk that begins among others must find its way out of them.

use super::*;
use crate::kernels::encode_rows::halves;

const DIM: usize = 64;

/// Share of the best ten that walks of a width find, over groups that are stored one after the other or mixed.
fn recall(groups: usize, each: usize, noise: f32, mixed: bool, width: usize) -> f64 {
    let draw = &mut Draw::new(seed());
    let mut device = open(&cpu_options(2));
    let centres = draw.many(groups * DIM, Draw::normal);
    let near = |draw: &mut Draw, group: usize| {
        let centre = &centres[group * DIM..][..DIM];
        let row: Vec<f32> = centre.iter().map(|centre| centre + noise * draw.normal()).collect();
        let length = row.iter().map(|x| x * x).sum::<f32>().sqrt();
        row.into_iter().map(move |x| x / length)
    };
    let group_of = |row: usize| if mixed { row % groups } else { row / each };
    let rows: Vec<f32> = (0..groups * each).flat_map(|row| near(draw, group_of(row))).collect();
    let rows = halves(&rows);
    let mut index = small_index(&device, DIM);
    index.write(&mut device, 0, &rows).expect("memory");
    tend_until_done(&mut index, &mut device);
    let queries: Vec<f32> = (0..400).flat_map(|query| near(draw, query % groups)).collect();
    let mut search = |way| {
        let search = Search { width, ..ten_of_all(Some(Originals::new(DIM, &rows)), &queries, way) };
        index.search(&mut device, &search).expect("memory").lists
    };
    let (exact, walked) = (search(Way::Exact), search(Way::Graph));
    let found: usize = exact.iter().zip(&walked).map(|(exact, walked)| in_common(walked, exact)).sum();
    found as f64 / 4_000.0
}

#[test]
fn walks_find_their_way_from_one_tight_group_to_another() {
    for (groups, each, noise) in [(50, 400, 0.05), (50, 400, 0.2), (200, 100, 0.05)] {
        for mixed in [true, false] {
            let found = recall(groups, each, noise, mixed, 64);
            println!("{groups} times {each}, noise {noise}, mixed {mixed}: {found}");
            assert!(found >= 0.95, "{found} of the best among {groups} times {each}, noise {noise}");
        }
    }
}
