//! Names of memories as callers write them.

use cortexkg_engine::MemoryId;

use crate::Error;

/// Reads one name, refused by the domain's rule.
pub(crate) fn memory_id(text: &str) -> Result<MemoryId, Error> {
    text.parse().map_err(|refused| Error::Engine(cortexkg_engine::Error::Memory(refused)))
}

/// Reads a list of names; a refusal says which.
pub(crate) fn memory_ids(texts: &[String]) -> Result<Vec<MemoryId>, Error> {
    let read = |(index, text): (usize, &String)| {
        memory_id(text).map_err(|refused| match refused.violation() {
            Some((_, rule)) => Error::field(format!("memory_ids[{index}]"), rule),
            None => refused,
        })
    };
    texts.iter().enumerate().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_no_id_is_refused_by_the_domains_rule() {
        assert_eq!(memory_id("m1f").unwrap(), MemoryId(0x1f));
        let refused = memory_id("17").unwrap_err();
        assert!(refused.to_string().starts_with("memory_id: must look like m1f"), "{refused}");
    }

    #[test]
    fn in_a_list_the_place_is_told() {
        let refused = memory_ids(&["m1".into(), "2".into()]).unwrap_err();
        assert!(refused.to_string().starts_with("memory_ids[1]: must look like m1f"), "{refused}");
    }
}
