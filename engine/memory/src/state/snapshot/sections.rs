//! A body of named sections, each of which may change without the others.
//!
//! A section is a header (what postcard writes of: name, whether it must be understood, its own version, length) and its bytes. A
//! reader skips a section that it does not know, or not in this version, unless it must be understood.

use super::WHAT;
use crate::Error;
use crate::record::fields::{encode, wrong};

/// One section.
pub(super) struct Section<'a> {
    pub name: &'a str,
    pub is_needed: bool,
    pub version: u32,
    pub bytes: &'a [u8],
}

/// Adds a section to a body.
pub(super) fn put(body: &mut Vec<u8>, section: &Section<'_>) {
    let Section { name, is_needed, version, bytes } = section;
    body.extend(encode(&(name, is_needed, version, bytes.len() as u64)));
    body.extend_from_slice(bytes);
}

/// Cuts a body into its sections.
pub(super) fn read(mut body: &[u8]) -> Result<Vec<Section<'_>>, Error> {
    let mut sections: Vec<Section<'_>> = Vec::new();
    while !body.is_empty() {
        let ((name, is_needed, version, len), rest): ((&str, bool, u32, u64), _) =
            postcard::take_from_bytes(body).map_err(|error| wrong(WHAT, error))?;
        let cut = usize::try_from(len).ok().and_then(|len| rest.split_at_checked(len));
        let Some((bytes, rest)) = cut else { return Err(wrong(WHAT, format!("section {name} is cut off"))) };
        if sections.iter().any(|known| known.name == name) {
            return Err(wrong(WHAT, format!("section {name} comes twice")));
        }
        sections.push(Section { name, is_needed, version, bytes });
        body = rest;
    }
    Ok(sections)
}
