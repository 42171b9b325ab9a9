//! The four scorers of DESIGN 4.2: how strongly one known memory speaks for its column, each a number 0..=1 read off the
//! two memories alone, so that what else is stored or decided in the same batch changes nothing.

use crate::relation::Evidence;

/// Place of a memory in a document or session: its name and the position in it.
pub type Spot<'a> = (&'a str, u32);

/// Fit of meaning: cosine similarity (SPEC 2.3), below zero none.
pub fn semantic(evidence: &Evidence) -> f32 {
    evidence.similarity.clamp(0.0, 1.0)
}

/// Fit in the graph of memories and terms: shared neighbours over all neighbours of the two (Jaccard, SPEC 2.11).
pub fn structural(evidence: &Evidence) -> f32 {
    evidence.overlap
}

/// Nearness in a sequence: 1 / (1 + positions apart), and 0 outside it. Time itself is left out: within conversations it told
/// nothing beyond the sequence, and of what is imported at once it would say that all of it belongs together.
pub fn temporal(new: Option<Spot<'_>>, known: Option<Spot<'_>>) -> f32 {
    match (new, known) {
        (Some((sequence, part)), Some((other, other_part))) if sequence == other => {
            1.0 / (1.0 + part.abs_diff(other_part) as f32)
        }
        _ => 0.0,
    }
}

/// Contradiction with what is held: whether the new memory claims otherwise than the known one. Of what is not certain nothing
/// is said, so there is nothing between the two.
pub fn exception(evidence: &Evidence) -> f32 {
    f32::from(u8::from(evidence.clash.is_some()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::relation::Statement;

    #[test]
    fn each_scorer_follows_its_own_evidence() {
        let evidence = |new: &str, known: &str, similarity: f32| {
            Evidence::of(&Statement::of(new), &Statement::of(known), similarity)
        };
        let near = evidence("the ferry leaves at noon", "the ferry leaves at dawn", 0.8);
        assert_eq!(semantic(&near), 0.8);
        assert_eq!(semantic(&Evidence { similarity: -0.3, ..near }), 0.0);
        // ferry, leave; noon; dawn.
        assert_eq!(structural(&near), 0.5);
        let change = evidence("the shop opens at 9", "the shop opens at 8", 0.9);
        assert_eq!((exception(&change), exception(&Evidence { clash: None, ..change })), (1.0, 0.0));
    }

    #[test]
    fn neighbours_of_a_sequence_are_near_and_strangers_are_not() {
        let near = |apart: u32| temporal(Some(("session", 7)), Some(("session", 7 + apart)));
        assert_eq!([near(0), near(1), near(3)], [1.0, 0.5, 0.25]);
        assert_eq!(temporal(Some(("session", 7)), Some(("other", 7))), 0.0);
        assert_eq!(temporal(None, Some(("other", 7))), 0.0);
    }
}
