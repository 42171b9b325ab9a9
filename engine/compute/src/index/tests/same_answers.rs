//! The same calls give the same answers, whatever the threads and the vector instructions.
//!
//! The same calls: rows that join the graph together do not see each other, so linking all at once and linking in parts make
//! different graphs.

use super::*;
use crate::kernels::encode_rows::halves;

const DIM: usize = 96;

/// All that a search says.
type Answer = (Way, usize, u64, Vec<Vec<(u32, f32)>>);

/// Builds an index, changes it, and writes down the answers of every way.
fn answers(options: &DeviceOptions) -> Vec<Answer> {
    let draw = &mut Draw::new(seed());
    let mut device = open(options);
    let mut index = small_index(&device, DIM);
    let clusters = Clusters::new(draw, 20, DIM);
    let rows = 1_500;
    let mut values = halves(&clusters.draw(draw, rows));
    index.write(&mut device, 0, &values).expect("memory");
    let mut answers = Vec::new();
    for part in [100, 700, usize::MAX] {
        index.tend(&mut device, part, None).expect("memory");
        let retired: Vec<u32> = draw.many(40, |draw| draw.below(rows) as u32);
        index.retire(retired.iter().copied());
        for row in retired.into_iter().take(20) {
            let anew = halves(&clusters.draw(draw, 1));
            index.write(&mut device, row as usize, &anew).expect("memory");
            values[row as usize * DIM..][..DIM].copy_from_slice(&anew);
        }
        for count in [1, 7, 20] {
            let queries = clusters.draw(draw, count);
            let allowed: Vec<u32> = (0..rows as u32).filter(|_| draw.below(4) > 0).collect();
            for masks in [vec![], vec![mask_of(rows, allowed)]] {
                for way in [Way::Exact, Way::Graph, Way::Auto] {
                    for originals in [Some(Originals::new(DIM, &values)), None] {
                        let search =
                            Search { masks: &masks, width: 16, ..ten_of_all(originals, &queries, way) };
                        let found = index.search(&mut device, &search).expect("memory");
                        answers.push((found.way, found.gave_up, found.looked, found.lists));
                    }
                }
            }
        }
    }
    answers
}

#[test]
fn threads_and_instructions_cannot_be_told_from_the_answers() {
    let alone = answers(&DeviceOptions { simd: Simd::portable(), ..cpu_options(1) });
    assert!(
        alone.iter().any(|answer| answer.0 == Way::Graph)
            && alone.iter().any(|answer| answer.0 == Way::Exact)
    );
    for simd in Simd::available() {
        assert!(answers(&DeviceOptions { simd, ..cpu_options(2) }) == alone, "{simd:?} on two threads");
    }
    assert!(answers(&cpu_options(1)) == alone, "{:?} on one thread", Simd::detect());
}
