//! Plain text: paragraphs gathered to passages, in order, under the name of the file.

use std::path::Path;

use cortexkg_engine::request::{Place, Store};
use sha2::{Digest, Sha256};

use super::passage::{gather, paragraphs};
use super::{Refusal, Row};

/// Longest name of a document, characters (limit of a place's sequence).
const SEQUENCE_CHARS_MAX: usize = 200;

/// Rows of a plain text; content is `Title\npassage`.
pub fn rows(path: &Path, text: &str) -> Vec<Row> {
    let title = title(path);
    let passages = gather(paragraphs((1..).zip(text.lines())));
    let contents = passages.into_iter().map(|passage| (passage.line, format!("{title}\n{}", passage.text)));
    placed(path, contents.collect())
}

/// Contents of one document in order, as rows with their place in it.
pub(super) fn placed(path: &Path, contents: Vec<(u64, String)>) -> Vec<Row> {
    let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
    let sequence = document(path);
    let parts = contents.len() as u32;
    let row = |(part, (line, content))| {
        let place = Place { sequence: sequence.clone(), part, parts: Some(parts) };
        let source = tail(&name, SEQUENCE_CHARS_MAX);
        Row { line, store: Store { content, source: Some(source), place: Some(place), ..Store::default() } }
    };
    (0..).zip(contents).map(row).collect()
}

/// The text of a file without a byte order mark, or where it stops being text.
pub fn decode(mut bytes: Vec<u8>) -> Result<String, Refusal> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|byte| **byte == b'\n').count() as u64;
        Refusal::at(line, "content", "must be UTF-8 text")
    })
}

/// A title from a file's name: `shopping_list-2024.txt` reads "shopping list 2024".
pub(super) fn title(path: &Path) -> String {
    let stem = path.file_stem().unwrap_or(path.as_os_str()).to_string_lossy();
    let words: Vec<_> = stem.split(['_', '-', ' ']).filter(|word| !word.is_empty()).collect();
    if words.is_empty() { stem.into_owned() } else { words.join(" ") }
}

/// The name of a document: its path, or the end of it after a digest of the whole when the path is too long for a name. Two
/// documents never share one: what is gone from one must not be taken from the other.
pub fn document(path: &Path) -> String {
    let canonical = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = canonical.to_string_lossy();
    if name.chars().count() <= SEQUENCE_CHARS_MAX {
        return name.into_owned();
    }
    let digest: String =
        Sha256::digest(name.as_bytes()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!("{digest} {}", tail(&name, SEQUENCE_CHARS_MAX - digest.len() - 1))
}

fn tail(text: &str, chars_max: usize) -> String {
    let skipped = text.chars().count().saturating_sub(chars_max);
    text.chars().skip(skipped).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passages_carry_title_place_and_source() {
        let long = format!("First.\n\n{}\n\nLast.", "word ".repeat(300).trim());
        let rows = rows(Path::new("/docs/trip_to-Oslo.txt"), &long);
        assert!(rows.len() >= 2);
        for (part, row) in rows.iter().enumerate() {
            assert!(row.store.content.starts_with("trip to Oslo\n"));
            let place = row.store.place.as_ref().unwrap();
            assert_eq!((place.part as usize, place.parts), (part, Some(rows.len() as u32)));
            assert_eq!(place.sequence, "/docs/trip_to-Oslo.txt");
            assert_eq!(row.store.source.as_deref(), Some("trip_to-Oslo.txt"));
            row.store.check().unwrap();
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_refused_with_their_line() {
        assert_eq!(decode(b"one\ntwo".to_vec()).unwrap(), "one\ntwo");
        assert_eq!(decode(b"one\n\xff\n".to_vec()).unwrap_err().line, Some(2));
        assert_eq!(decode(b"\xef\xbb\xbfone".to_vec()).unwrap(), "one");
    }

    #[test]
    fn long_paths_that_end_alike_are_different_documents() {
        let name = |root: &str| document(Path::new(&format!("/{root}/{}/n.md", "x".repeat(250))));
        assert_ne!(name("a"), name("b"));
        assert!(name("a").chars().count() <= SEQUENCE_CHARS_MAX && name("a").ends_with("x/n.md"));
    }
}
