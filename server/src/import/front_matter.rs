//! The block between `---` lines that Markdown notes begin with: a title, labels, a word about the note.
//!
//! Only the YAML that people write there is read: `key: value`, lists in brackets or under dashes, texts over several
//! indented lines. A block that holds anything else is none: `---` also draws a line, and what stands under it is text.

use cortexkg_engine::request::{TAG_CHARS_MAX, TAGS_MAX};

/// Keys whose values say what the note is about in words of their own.
const TELLING: [&str; 6] = ["description", "summary", "abstract", "subtitle", "aliases", "alias"];
/// Keys of labels.
const LABELS: [&str; 3] = ["tags", "tag", "keywords"];

/// What the block says.
#[derive(Debug, Default, PartialEq)]
pub struct FrontMatter {
    /// The note's name.
    pub title: Option<String>,
    /// Labels that fit.
    pub tags: Vec<String>,
    /// Everything else in order, by key.
    fields: Vec<(String, Vec<String>)>,
}

impl FrontMatter {
    /// The block at the beginning and the lines after it; none where there is no such block.
    pub fn split<'a, 'b>(lines: &'b [(u64, &'a str)]) -> Option<(FrontMatter, &'b [(u64, &'a str)])> {
        let is_rule = |(_, text): &(u64, &str)| text.trim_end() == "---";
        let is_end = |line: &(u64, &str)| is_rule(line) || line.1.trim_end() == "...";
        lines.first().filter(|line| is_rule(line))?;
        let end = 1 + lines.iter().skip(1).position(is_end)?;
        let block = FrontMatter::of(lines[1..end].iter().map(|(_, text)| *text))?;
        Some((block, &lines[end + 1..]))
    }

    /// What speaks about the note beside its text; empty where nothing does.
    pub fn telling(&self) -> String {
        self.words(|key| TELLING.contains(&key.to_lowercase().as_str()))
    }

    /// All that is neither title nor label: what a note without text has to say.
    pub fn everything(&self) -> String {
        self.words(|_| true)
    }

    fn words(&self, wanted: impl Fn(&str) -> bool) -> String {
        let line = |(key, values): &(String, Vec<String>)| {
            let values = values.join(", ");
            // A description is a sentence; other values need their key to be understood.
            let speaks = ["description", "summary", "abstract"].contains(&key.to_lowercase().as_str());
            if speaks { values } else { format!("{key}: {values}") }
        };
        let wanted = self.fields.iter().filter(|(key, values)| wanted(key) && !values.is_empty());
        wanted.map(line).collect::<Vec<_>>().join("\n")
    }

    fn of<'a>(lines: impl Iterator<Item = &'a str>) -> Option<FrontMatter> {
        let mut fields: Vec<(String, Vec<String>)> = Vec::new();
        for line in lines {
            let text = line.trim();
            if text.is_empty() || line.starts_with('#') {
                continue;
            }
            let is_under = line.starts_with([' ', '\t']);
            if let Some(item) = text.strip_prefix("- ").or((text == "-").then_some("")) {
                fields.last_mut()?.1.extend(Some(plain(item)).filter(|item| !item.is_empty()));
            } else if is_under {
                let (_, values) = fields.last_mut()?;
                match values.last_mut() {
                    Some(last) => *last = format!("{last} {text}"),
                    None => values.push(plain(text)),
                }
            } else {
                let (key, value) = key(line)?;
                fields.push((key.to_owned(), values(value)));
            }
        }
        if fields.is_empty() {
            return None;
        }
        let mut found = FrontMatter::default();
        for (key, values) in fields {
            let lower = key.to_lowercase();
            if lower == "title" && found.title.is_none() {
                found.title = Some(values.join(", ")).filter(|title| !title.is_empty());
            } else if LABELS.contains(&lower.as_str()) {
                values.iter().for_each(|value| found.label(value));
            } else {
                found.fields.push((key, values));
            }
        }
        Some(found)
    }

    /// Labels of one value: `clay, glaze` and `#clay #glaze` are two.
    fn label(&mut self, value: &str) {
        let many = |c: char| c == ',' || (value.contains('#') && c.is_whitespace());
        for tag in value.split(many).map(|tag| tag.trim().trim_start_matches('#').trim()) {
            let fits = !tag.is_empty() && tag.chars().count() <= TAG_CHARS_MAX && self.tags.len() < TAGS_MAX;
            if fits && !self.tags.iter().any(|known| known == tag) {
                self.tags.push(tag.to_owned());
            }
        }
    }
}

/// `key: value`, where the key looks like one.
fn key(line: &str) -> Option<(&str, &str)> {
    let (key, value) = line.split_once(':')?;
    let is_key = !key.is_empty()
        && key.chars().all(|c| c.is_alphanumeric() || "_-.".contains(c))
        && (value.is_empty() || value.starts_with([' ', '\t']));
    is_key.then_some((key, value.trim()))
}

/// Values of one line: a list in brackets, one text, or none where they follow below.
fn values(text: &str) -> Vec<String> {
    if let Some(list) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return list.split(',').map(plain).filter(|value| !value.is_empty()).collect();
    }
    let follows = text.is_empty() || ["|", ">", "|-", ">-", "|+", ">+"].contains(&text);
    if follows { Vec::new() } else { Some(plain(text)).filter(|text| !text.is_empty()).into_iter().collect() }
}

fn plain(text: &str) -> String {
    let text = text.trim();
    let quoted = ['"', '\''].iter().find_map(|&mark| text.strip_prefix(mark)?.strip_suffix(mark));
    quoted.unwrap_or(text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Option<(FrontMatter, Vec<String>)> {
        let lines: Vec<(u64, &str)> = (1..).zip(text.lines()).collect();
        let (found, rest) = FrontMatter::split(&lines)?;
        Some((found, rest.iter().map(|(_, text)| (*text).to_owned()).collect()))
    }

    #[test]
    fn what_people_write_is_read() {
        let text = "---\ntitle: 'Kiln: notes'\ntags:\n  - clay\n  - '#glaze'\nkeywords: a, clay\n# remark\naliases: [oven, \"big one\"]\n\
                    description: >\n  Where it stands\n  and how.\ndraft: true\n---\nText.";
        let (found, rest) = split(text).unwrap();
        assert_eq!(found.title.as_deref(), Some("Kiln: notes"));
        assert_eq!(found.tags, ["clay", "glaze", "a"]);
        assert_eq!(found.telling(), "aliases: oven, big one\nWhere it stands and how.");
        assert!(found.everything().ends_with("\ndraft: true"));
        assert_eq!(rest, ["Text."]);
    }

    #[test]
    fn a_line_drawn_over_text_opens_no_block() {
        for text in [
            "---\n**ORVELL & SONS**\nSolicitor Pim Orvell\n---\n",
            "---\nDear all: here is the plan.\nIt is short.\n---\n",
            "---\n\n---\n",
            "---\n- a list\n---\n",
            "---\ntitle: never closed\n",
            "text\n---\ntitle: late\n---\n",
        ] {
            assert_eq!(split(text), None, "{text}");
        }
    }

    #[test]
    fn labels_that_do_not_fit_are_left_out() {
        let many = (0..30).map(|n| format!("t{n}")).collect::<Vec<_>>().join(", ");
        let (found, _) = split(&format!("---\ntags: [{}, {many}]\n---\n", "x".repeat(51))).unwrap();
        assert_eq!((found.tags.len(), found.tags[0].as_str()), (TAGS_MAX, "t0"));
    }
}
