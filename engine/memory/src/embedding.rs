//! What of a memory a model reads, and how its vectors become the memory's: a short text is read as a whole, a long one by its
//! parts, whose mean stands for the whole.

use std::ops::Range;

use crate::record::{Embedding, Part};
use crate::state::searchable;
use crate::state::vectors::narrow;
use crate::text::parts::parts;

/// A context of more words than this is not read with every part of a long text: it would make all parts alike.
const CONTEXT_WORDS_MAX: usize = 20;

/// Texts that a model is to read for one memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// One, or one for each part.
    pub texts: Vec<String>,
    /// The parts; empty for a short text.
    ranges: Vec<Range<usize>>,
}

/// A memory's embedding in single precision, before it is decided what to do with it.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Embedded {
    /// The whole of it: unit length or zero.
    pub vector: Vec<f32>,
    /// Its parts; none of a short text.
    pub parts: Vec<Part>,
}

impl Reading {
    /// What is to be read of a memory with this content and context.
    pub fn of(content: &str, context: Option<&str>) -> Self {
        let ranges = parts(content);
        if ranges.len() == 1 {
            return Reading { texts: vec![searchable(content, context)], ranges: Vec::new() };
        }
        let context = context.filter(|context| context.split_whitespace().count() <= CONTEXT_WORDS_MAX);
        let texts = ranges.iter().map(|range| searchable(content[range.clone()].trim(), context)).collect();
        Reading { texts, ranges }
    }

    /// What the vectors of these texts make of the memory.
    pub fn embedded(&self, mut vectors: Vec<Vec<f32>>) -> Embedded {
        assert_eq!(vectors.len(), self.texts.len(), "a vector for each text; this is a bug");
        if self.ranges.is_empty() {
            return Embedded { vector: vectors.swap_remove(0), parts: Vec::new() };
        }
        let part = |(range, vector): (&Range<usize>, &Vec<f32>)| Part {
            start: range.start as u32,
            end: range.end as u32,
            vector: narrow(vector),
        };
        let parts = self.ranges.iter().zip(&vectors).map(part).collect();
        Embedded { vector: mean(&vectors), parts }
    }
}

impl Embedded {
    /// As records keep it.
    pub fn to_record(&self) -> Embedding {
        Embedding { vector: narrow(&self.vector), parts: self.parts.clone() }
    }
}

/// The direction of the sum: unit length, or zero.
fn mean(vectors: &[Vec<f32>]) -> Vec<f32> {
    let mut sum = vec![0.0f32; vectors[0].len()];
    for vector in vectors {
        sum.iter_mut().zip(vector).for_each(|(sum, value)| *sum += value);
    }
    let norm = sum.iter().map(|value| value * value).sum::<f32>().sqrt();
    if norm > 0.0 {
        sum.iter_mut().for_each(|value| *value /= norm);
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_is_read_by_parts_and_stands_for_their_mean() {
        let short = Reading::of("A short text.", Some("with a context"));
        assert_eq!(short.texts, ["A short text.\nwith a context"]);
        let embedded = short.embedded(vec![vec![1.0, 0.0]]);
        assert_eq!((embedded.vector, embedded.parts), (vec![1.0, 0.0], vec![]));

        let content = "Sand lay on all the roads and the caravan was late again this year. ".repeat(12);
        let long = Reading::of(&content, Some("near"));
        assert_eq!(long.texts.len(), 2);
        assert!(long.texts.iter().all(|text| text.ends_with("year.\nnear")), "{:?}", long.texts);
        let embedded = long.embedded(vec![vec![1.0, 0.0], vec![0.0, 1.0]]);
        assert!(embedded.vector.iter().all(|value| (value - 0.5f32.sqrt()).abs() < 1e-6));
        assert_eq!((embedded.parts[0].start, embedded.parts[1].end as usize), (0, content.len()));
        assert_eq!(embedded.parts[0].end, embedded.parts[1].start);

        let talkative = Reading::of(&content, Some(&"so ".repeat(30)));
        assert!(talkative.texts[0].ends_with("year."));
    }
}
