//! Markdown: passages under their headings, so that each one says what it is about.
//!
//! Read line by line rather than through a renderer: memories keep the text as it was written. Understood are `#` and
//! underlined headings, fenced code (whose lines are never headings) and a front matter block: its labels are those of every
//! passage, and what it says of the note stands first.

use std::path::Path;

use super::Row;
use super::front_matter::FrontMatter;
use super::passage::{Piece, gather, paragraphs};
use super::text::{placed, title};

/// Longest chain of headings put before a passage, characters.
const CHAIN_CHARS_MAX: usize = 300;

/// Rows of a Markdown text; content is `Title > Heading > Subheading\npassage`.
pub fn rows(path: &Path, text: &str) -> Vec<Row> {
    let lines: Vec<(u64, &str)> = (1..).zip(text.lines()).collect();
    let (front, lines) = FrontMatter::split(&lines).unwrap_or((FrontMatter::default(), &lines));
    let sections = sections(lines);
    // A single top heading is the title; without one the front matter or the file's name is.
    let tops = sections.iter().filter(|section| section.level == 1).count();
    let name = front.title.clone();
    let title = name.clone().or_else(|| (tops != 1).then(|| title(path)));

    let mut chain: Vec<(usize, String)> = Vec::new();
    let mut contents = Vec::new();
    let is_bare = sections.iter().all(|section| section.paragraphs.is_empty());
    let told = if is_bare { front.everything() } else { front.telling() };
    let name = name.unwrap_or_else(|| super::text::title(path));
    if !told.is_empty() {
        for passage in gather(paragraphs((2..).zip(told.lines()))) {
            contents.push((passage.line, format!("{name}\n{}", passage.text)));
        }
    } else if is_bare && front.title.is_some() {
        contents.push((1, name));
    }
    for section in sections {
        if section.level > 0 {
            chain.retain(|(level, _)| *level < section.level);
            chain.push((section.level, section.heading));
        }
        let headings = title.iter().chain(chain.iter().map(|(_, heading)| heading));
        let mut headings: Vec<&str> = headings.map(String::as_str).collect();
        headings.dedup();
        let chain: String = headings.join(" > ").chars().take(CHAIN_CHARS_MAX).collect();
        for passage in gather(section.paragraphs) {
            let content = if chain.is_empty() { passage.text } else { format!("{chain}\n{}", passage.text) };
            contents.push((passage.line, content));
        }
    }
    let mut rows = placed(path, contents);
    rows.iter_mut().for_each(|row| row.store.tags.clone_from(&front.tags));
    rows
}

/// A heading and what stands under it up to the next one.
struct Section {
    /// 1 to 6; 0 before the first heading.
    level: usize,
    heading: String,
    paragraphs: Vec<Piece>,
}

fn sections(lines: &[(u64, &str)]) -> Vec<Section> {
    let mut found = Vec::new();
    let mut open = (0, String::new(), Vec::new());
    let mut fence: Option<&str> = None;
    let mut close = |open: &mut (usize, String, Vec<(u64, &str)>), level, heading| {
        let (level, heading, body) = std::mem::replace(open, (level, heading, Vec::new()));
        found.push(Section { level, heading, paragraphs: paragraphs(body) });
    };
    for (at, &(line, text)) in lines.iter().enumerate() {
        if let Some(mark) = fence_mark(text) {
            match fence {
                None => fence = Some(mark),
                Some(opened) if mark.starts_with(opened) => fence = None,
                Some(_) => {}
            }
        }
        if fence.is_none() {
            if let Some((level, heading)) = hash_heading(text) {
                close(&mut open, level, heading);
                continue;
            }
            if let Some(level) = underline(text)
                && at > 0
                && open
                    .2
                    .last()
                    .is_some_and(|(above, words)| *above == lines[at - 1].0 && is_heading_text(words))
                && (open.2.len() == 1 || open.2[open.2.len() - 2].1.trim().is_empty())
                && let Some((_, heading)) = open.2.pop()
            {
                close(&mut open, level, heading.trim().to_owned());
                continue;
            }
        }
        open.2.push((line, text));
    }
    close(&mut open, 0, String::new());
    found
}

fn hash_heading(text: &str) -> Option<(usize, String)> {
    let text = text.trim();
    let level = text.bytes().take_while(|byte| *byte == b'#').count();
    let words = &text[level..];
    if !(1..=6).contains(&level) || !(words.is_empty() || words.starts_with([' ', '\t'])) {
        return None;
    }
    Some((level, words.trim().trim_end_matches('#').trim_end().to_owned()))
}

fn underline(text: &str) -> Option<usize> {
    let text = text.trim();
    let all = |mark| text.len() >= 2 && text.chars().all(|c| c == mark);
    if all('=') { Some(1) } else { all('-').then_some(2) }
}

/// Not a list item, a quote or a table row: a rule under those is a rule.
fn is_heading_text(text: &str) -> bool {
    let text = text.trim();
    !text.is_empty() && !text.starts_with(['-', '*', '+', '>', '|'])
}

fn fence_mark(text: &str) -> Option<&str> {
    let text = text.trim_start();
    ['`', '~'].into_iter().find_map(|mark| {
        let len = text.len() - text.trim_start_matches(mark).len();
        (len >= 3).then(|| &text[..len])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(text: &str) -> Vec<String> {
        rows(Path::new("/notes/my_notes.md"), text).into_iter().map(|row| row.store.content).collect()
    }

    #[test]
    fn passages_stand_under_their_headings() {
        let text = "# Guide\nHello.\n\n## Install\nRun it.\n\n### Linux\nUse apt.\n\n## Use\nCall it.\n";
        let expected = [
            "Guide\nHello.",
            "Guide > Install\nRun it.",
            "Guide > Install > Linux\nUse apt.",
            "Guide > Use\nCall it.",
        ];
        assert_eq!(contents(text), expected);
    }

    #[test]
    fn without_one_top_heading_the_file_gives_the_title() {
        assert_eq!(contents("Just text."), ["my notes\nJust text."]);
        assert_eq!(contents("# A\nx\n# B\ny"), ["my notes > A\nx", "my notes > B\ny"]);
        assert_eq!(contents("---\ntitle: \"Trip\"\ntags: x\n---\nText."), ["Trip\nText."]);
    }

    #[test]
    fn front_matter_gives_title_labels_and_what_it_says_of_the_note() {
        let only = "---\ntitle: Only meta\ndescription: The kiln is in shed four.\ntags: [clay]\naliases: [oven]\n---\n";
        assert_eq!(contents(only), ["Only meta\nThe kiln is in shed four.\naliases: oven"]);
        let both = rows(Path::new("/n.md"), &format!("{only}\n# Schedule\nRamp.\n"));
        assert_eq!(both[1].store.content, "Only meta > Schedule\nRamp.");
        assert!(both.iter().all(|row| row.store.tags == ["clay"]));
        assert_eq!(contents("---\ntitle: Kiln\nlayout: post\n---\nText."), ["Kiln\nText."]);
        assert_eq!(contents("---\ntitle: Kiln\n---\n"), ["Kiln"]);
    }

    #[test]
    fn text_between_drawn_lines_is_text() {
        let letter =
            "---\n**ORVELL & SONS**\nSolicitor Pim Orvell, 4 Quay Road\n---\n\n# Demand\nPay by June.\n";
        let found = contents(letter);
        assert!(found[0].contains("Solicitor Pim Orvell, 4 Quay Road"), "{found:?}");
        assert_eq!(found[1], "Demand\nPay by June.");
    }

    #[test]
    fn underlined_headings_count_and_rules_do_not() {
        assert_eq!(
            contents("Guide\n=====\nHello.\n\nUse\n---\nCall it."),
            ["Guide\nHello.", "Guide > Use\nCall it."]
        );
        assert_eq!(contents("# G\n- item\n---\nafter"), ["G\n- item\n---\nafter"]);
        assert_eq!(contents("# G\none\ntwo\n---\nafter"), ["G\none\ntwo\n---\nafter"]);
    }

    #[test]
    fn code_holds_no_headings() {
        let text = "# G\n```sh\n# not a heading\n~~~\n```\n## H\nx";
        assert_eq!(contents(text), ["G\n```sh\n# not a heading\n~~~\n```", "G > H\nx"]);
    }

    #[test]
    fn long_sections_become_several_passages_in_order() {
        let rows = rows(Path::new("/n.md"), &format!("# T\n{}", "Some words here.\n\n".repeat(200)));
        assert!(rows.len() > 2);
        for (part, row) in rows.iter().enumerate() {
            assert_eq!(row.store.place.as_ref().unwrap().part as usize, part);
            row.store.check().unwrap();
        }
        assert!(rows.windows(2).all(|pair| pair[0].line < pair[1].line));
    }

    #[test]
    fn headings_without_text_are_no_memories() {
        assert!(contents("# A\n## B\n\n## C\n").is_empty());
        assert!(contents("").is_empty());
    }
}
