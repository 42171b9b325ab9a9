//! Which files to read and as what.

use std::collections::HashSet;
use std::fs;
use std::io::{self, BufRead};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::ValueEnum;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Told from name and content.
    Auto,
    /// One JSON object a line.
    Jsonl,
    /// Markdown.
    Markdown,
    /// Plain text.
    Text,
    /// The memory file of the official MCP memory server.
    ServerMemory,
}

/// A file to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What it holds; never `Auto`.
    pub format: Format,
    /// Its size, bytes.
    pub len: u64,
}

impl Source {
    /// Whether it is one text of many passages, rather than rows that stand alone.
    pub fn is_document(&self) -> bool {
        matches!(self.format, Format::Markdown | Format::Text)
    }
}

/// Files under `paths`: files as named, folders recursively in the order of names. In folders only files whose name
/// tells a format are taken, and nothing hidden and no link is followed; a file named by the caller is always taken. A file
/// that is met twice is read once.
pub fn find(paths: &[PathBuf], format: Format) -> anyhow::Result<Vec<Source>> {
    let mut found = Vec::new();
    for path in paths {
        let about = fs::metadata(path).with_context(|| format!("{}", path.display()))?;
        if about.is_dir() {
            walk(path, format, &mut found)?;
            continue;
        }
        let Some(format) = told(path, format)? else {
            bail!("{}: its name tells no format; say one with --format", path.display());
        };
        found.push(Source { path: path.clone(), format, len: about.len() });
    }
    let mut seen = HashSet::new();
    found.retain(|source| seen.insert(source.path.canonicalize().unwrap_or_else(|_| source.path.clone())));
    Ok(found)
}

fn walk(folder: &Path, format: Format, found: &mut Vec<Source>) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).and_then(Iterator::collect::<io::Result<Vec<_>>>);
    let mut entries = entries.with_context(|| format!("{}", folder.display()))?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        let about = entry.metadata().with_context(|| format!("{}", path.display()))?;
        if about.is_dir() {
            walk(&path, format, found)?;
        } else if about.is_file()
            && by_name(&path).is_some()
            && let Some(format) = told(&path, format)?
        {
            found.push(Source { path, format, len: about.len() });
        }
    }
    Ok(())
}

fn told(path: &Path, format: Format) -> anyhow::Result<Option<Format>> {
    if format != Format::Auto {
        return Ok(Some(format));
    }
    match by_name(path) {
        Some(Format::Jsonl) => by_content(path).map(Some),
        other => Ok(other),
    }
}

fn by_name(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()?.to_lowercase().as_str() {
        "md" | "markdown" => Some(Format::Markdown),
        "txt" => Some(Format::Text),
        "jsonl" | "json" => Some(Format::Jsonl),
        _ => None,
    }
}

/// The memory server writes JSON lines, too: its first line says `"type"`: `"entity"` or `"relation"`.
fn by_content(path: &Path) -> anyhow::Result<Format> {
    let file = fs::File::open(path).with_context(|| format!("{}", path.display()))?;
    let mut first = Vec::new();
    io::BufReader::new(io::Read::take(file, 1 << 16)).read_until(b'\n', &mut first)?;
    let kind = serde_json::from_slice::<serde_json::Value>(&first).ok();
    let kind = kind.as_ref().and_then(|line| line.get("type")).and_then(serde_json::Value::as_str);
    Ok(if matches!(kind, Some("entity" | "relation")) { Format::ServerMemory } else { Format::Jsonl })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_walked_in_order_without_what_is_hidden_or_unknown() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = root.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write("b/notes.MD", "# x");
        write("a.txt", "x");
        write("c.jsonl", "{\"content\":\"x\"}\n");
        write(
            "memory.json",
            "{\"type\":\"entity\",\"name\":\"n\",\"entityType\":\"t\",\"observations\":[]}\n",
        );
        write("picture.png", "x");
        write(".git/readme.md", "x");
        #[cfg(unix)]
        std::os::unix::fs::symlink(root.path(), root.path().join("loop")).unwrap();
        let found = find(&[root.path().to_path_buf()], Format::Auto).unwrap();
        let found: Vec<_> = found
            .iter()
            .map(|source| (source.path.strip_prefix(root.path()).unwrap().to_str().unwrap(), source.format))
            .collect();
        let expected = [
            ("a.txt", Format::Text),
            ("b/notes.MD", Format::Markdown),
            ("c.jsonl", Format::Jsonl),
            ("memory.json", Format::ServerMemory),
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_named_file_of_unknown_format_is_refused_unless_told() {
        let file = tempfile::Builder::new().suffix(".log").tempfile().unwrap();
        let paths = [file.path().to_path_buf()];
        assert!(find(&paths, Format::Auto).unwrap_err().to_string().ends_with("say one with --format"));
        assert_eq!(find(&paths, Format::Text).unwrap()[0].format, Format::Text);
        let twice = [paths[0].clone(), paths[0].clone()];
        assert_eq!(find(&twice, Format::Text).unwrap().len(), 1);
        assert!(find(&[PathBuf::from("/nowhere/at/all")], Format::Auto).is_err());
    }
}
