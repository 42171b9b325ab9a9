//! Cutting a long text into passages: short enough to be about one thing, long enough to stand alone.

/// A passage is closed when the next paragraph would carry it beyond this, characters.
pub const PASSAGE_CHARS: usize = 1_200;

/// A run of text and the line it begins on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// From 1.
    pub line: u64,
    /// Not blank.
    pub text: String,
}

/// Gathers paragraphs to passages of about `PASSAGE_CHARS`; a longer paragraph is cut at ends of lines, sentences or
/// words, whichever comes latest within the bound.
pub fn gather(paragraphs: impl IntoIterator<Item = Piece>) -> Vec<Piece> {
    let mut passages: Vec<Piece> = Vec::new();
    let mut chars = 0;
    for piece in paragraphs.into_iter().flat_map(cut) {
        let len = piece.text.chars().count();
        match passages.last_mut() {
            Some(last) if chars + 2 + len <= PASSAGE_CHARS => {
                last.text.push_str("\n\n");
                last.text.push_str(&piece.text);
                chars += 2 + len;
            }
            _ => {
                chars = len;
                passages.push(piece);
            }
        }
    }
    passages
}

/// Paragraphs of a text: what stands between blank lines.
pub fn paragraphs<'a>(lines: impl IntoIterator<Item = (u64, &'a str)>) -> Vec<Piece> {
    let mut found: Vec<Piece> = Vec::new();
    let mut open = false;
    for (line, text) in lines {
        if text.trim().is_empty() {
            open = false;
        } else if open && let Some(last) = found.last_mut() {
            last.text.push('\n');
            last.text.push_str(text.trim_end());
        } else {
            found.push(Piece { line, text: text.trim_end().to_owned() });
            open = true;
        }
    }
    found
}

fn cut(paragraph: Piece) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let (mut line, mut rest) = (paragraph.line, paragraph.text.as_str());
    while let Some((bound, _)) = rest.char_indices().nth(PASSAGE_CHARS) {
        let end = last_break(&rest[..bound]);
        pieces.push(Piece { line, text: rest[..end].trim_end().to_owned() });
        line += rest[..end].matches('\n').count() as u64;
        rest = rest[end..].trim_start_matches(' ');
    }
    pieces.push(Piece { line, text: rest.to_owned() });
    pieces.retain(|piece| !piece.text.trim().is_empty());
    pieces
}

/// Where to cut a text that must end here: after a line, else a sentence, else a word, if that leaves at least half.
fn last_break(text: &str) -> usize {
    let half = text.len() / 2;
    let after_line = text.rfind('\n').map(|at| at + 1);
    let sentence = [". ", "! ", "? "].iter().filter_map(|end| text.rfind(end)).max().map(|at| at + 2);
    let word =
        text.rfind(char::is_whitespace).map(|at| at + text[at..].chars().next().map_or(1, char::len_utf8));
    [after_line, sentence, word].into_iter().flatten().find(|at| *at > half).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbered(text: &str) -> impl Iterator<Item = (u64, &str)> {
        (1..).zip(text.lines())
    }

    #[test]
    fn paragraphs_stand_between_blank_lines() {
        let found = paragraphs(numbered("one\nstill one\n\n \ntwo\n"));
        let expected =
            [Piece { line: 1, text: "one\nstill one".into() }, Piece { line: 5, text: "two".into() }];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_long_paragraph_is_cut_at_sentences() {
        let sentence = "This sentence has exactly fifty characters in it. ";
        let passages = gather(paragraphs(numbered(&sentence.repeat(60))));
        assert_eq!(passages.len(), 3);
        assert!(passages.iter().all(|passage| passage.text.ends_with("in it.")));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_nothing_is_too_long(text in "([a-zé]{0,12}[ .\n]{0,3}){0,600}") {
            let passages = gather(paragraphs(numbered(&text)));
            let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>();
            let gathered: String = passages.iter().map(|passage| passage.text.as_str()).collect();
            prop_assert_eq!(letters(&gathered), letters(&text));
            for passage in passages {
                prop_assert!(passage.text.chars().count() <= PASSAGE_CHARS);
                prop_assert!(!passage.text.trim().is_empty());
            }
        }
    }
}
