//! An index on a card answers as one on the CPU does, though it has no graph.

use super::*;
use crate::cards::cards;
use crate::kernels::encode_rows::halves;

const DIM: usize = 96;

/// What a search says: the way it went, and a list for each query.
type Answer = (Way, Vec<Vec<(u32, f32)>>);

/// Writes, retires and searches.
fn answers(device: &mut Device, way: Way) -> Vec<Answer> {
    let draw = &mut Draw::new(seed());
    let mut index = small_index(device, DIM);
    let mut values = Vec::new();
    let mut answers = Vec::new();
    // A card takes so many queries in several goes.
    for (count, asked) in [(1, 9), (40, 9), (900, 1_100)] {
        let clusters = Clusters::new(draw, 20, DIM);
        let first = values.len() / DIM;
        let fresh = halves(&clusters.draw(draw, count));
        index.write(device, first, &fresh).expect("memory");
        values.extend(fresh);
        let rows = first + count;
        let gone = draw.below(rows) as u32;
        index.retire([gone]);
        tend_until_done(&mut index, device);
        let queries = clusters.draw(draw, asked);
        let kept = mask_of(rows, (0..rows as u32).filter(|row| *row != gone));
        let search =
            Search { masks: &[kept], ..ten_of_all(Some(Originals::new(DIM, &values)), &queries, way) };
        let found = index.search(device, &search).expect("memory");
        answers.push((found.way, found.lists));
        assert!(device.plays(Links::KERNELS[0]) || index.linked() == 0, "linked where nothing links");
    }
    index.destroy(device);
    assert_eq!(device.used_bytes(), 0, "something was left");
    answers
}

#[test]
fn a_card_scans_and_finds_what_a_scan_on_the_cpu_finds() {
    let expected = answers(&mut open(&cpu_options(1)), Way::Exact);
    for mut card in cards() {
        for way in [Way::Auto, Way::Graph] {
            assert!(answers(&mut card, way) == expected, "{way:?} on {}", card.info().name);
        }
    }
}
