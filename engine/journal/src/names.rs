//! The names in the folder. Numbers have twenty digits, so that names sort as numbers do.

use crate::Seq;

pub(crate) const LOCK: &str = "lock";
/// A segment before its header is durable.
pub(crate) const SEGMENT_TEMP: &str = "segment.tmp";
/// A snapshot before it is complete and durable.
pub(crate) const SNAPSHOT_TEMP: &str = "snapshot.tmp";

/// A cache before it is complete and durable.
pub(crate) const CACHE_TEMP: &str = "cache.tmp";

pub(crate) fn cache(name: &str) -> String {
    format!("{name}.cache")
}

pub(crate) fn segment(first: Seq) -> String {
    format!("{first:020}.seg", first = first.0)
}

pub(crate) fn snapshot(seq: Seq) -> String {
    format!("{seq:020}.snap", seq = seq.0)
}

/// The first sequences of the segments among `names`, ascending.
pub(crate) fn segments(names: &[String]) -> Vec<Seq> {
    numbered(names, ".seg")
}

/// The sequences of the snapshots among `names`, ascending.
pub(crate) fn snapshots(names: &[String]) -> Vec<Seq> {
    numbered(names, ".snap")
}

/// Only names exactly as this crate writes them; others are not ours to read or remove.
fn numbered(names: &[String], ending: &str) -> Vec<Seq> {
    let number = |name: &String| {
        let digits = name.strip_suffix(ending).filter(|digits| digits.len() == 20)?;
        digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok().map(Seq))?
    };
    let mut found: Vec<Seq> = names.iter().filter_map(number).collect();
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_count() {
        let mut names: Vec<String> =
            ["7.seg", "+0000000000000000007.seg", "x", SEGMENT_TEMP, LOCK].map(Into::into).into();
        names.extend([segment(Seq(u64::MAX)), segment(Seq(1)), snapshot(Seq(5))]);
        assert_eq!(segments(&names), [Seq(1), Seq(u64::MAX)]);
        assert_eq!(snapshots(&names), [Seq(5)]);
    }
}
