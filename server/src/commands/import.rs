//! `cortexkg import`: files into memories, with a progress bar, repeatable and resumable.
//!
//! There is no separate record of progress. Every row of JSON lines has an idempotency key made from where it stands and what
//! it says (`import::identity`); passages of Markdown and text are compared with what the store holds of their file
//! (`import::documents`). So starting again stores only what is missing.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context;
use clap::Args;
use cortexkg_engine::answer::Stored;
use cortexkg_engine::request::{CleanupMode, Delete};
use cortexkg_engine::{Call, Error, ErrorKind};
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

use super::{print, print_json};
use crate::engine::Engine;
use crate::import::documents::{Known, Plan};
use crate::import::identity::Identity;
use crate::import::jsonl::{Lines, Reader};
use crate::import::sources::{self, Format, Source};
use crate::import::{IgnoredFields, Parsed, Refusal, Row, markdown, text};
use crate::percentile::round;
use crate::pipeline::{Pipeline, settle};
use crate::settings::Settings;

/// Refused rows that are listed one by one; all are counted.
const LISTED_MAX: usize = 1_000;

const FORMATS: &str = "\
Formats:
  jsonl          One JSON object a line, one memory each. Fields:
                   content (or text)    what to remember; required
                   title                put in front of the content as a line of its own
                   context, source      where it belongs, where it comes from
                   tags                 list of labels
                   confidence           0 to 1
                   importance           0 to 1
                   occurred_at          2026-03-01T12:00:00Z or 2026-03-01
                   sequence, part, parts   place in a document; parts are counted where part is absent
                   speaker, date, session  a turn of a conversation: stored as `[date] speaker: text`
                   role                 the speaker, where it is one of a chat: user, assistant, system, ..
                   kind                 passage or turn; turn where a speaker is named
                 Lines of `cortexkg export` are read back. Other fields are counted and told, not stored.
  markdown       Passages of about 1,200 characters under their headings. Front matter gives title and tags; its
                 description and aliases are kept, all of it where the file holds nothing else.
  text           Passages of about 1,200 characters.
  server-memory  The memory file of the official MCP memory server (entities and relations).

A bad line fails alone and is reported with its field and rule; then the exit status is 1.
Importing the same files again stores nothing twice, also after an interruption. A Markdown or text file that changed is
brought up to date: passages that read otherwise under the same heading are updated, those that are gone are deleted.";

/// Arguments of `import`.
#[derive(Args)]
#[command(after_long_help = FORMATS)]
pub struct ImportArgs {
    /// Files, and folders to search for .jsonl .json .md .markdown .txt
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// What the files hold.
    #[arg(long, value_enum, default_value_t = Format::Auto)]
    format: Format,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// What became of the rows. `items` = `stored` + `repeated` + `updated` + `failed_count`.
#[derive(Debug, Default, Serialize)]
struct Summary {
    files: u64,
    items: u64,
    stored: u64,
    repeated: u64,
    /// New versions of what a document said before.
    updated: u64,
    /// Memories of passages that their document no longer holds; no items.
    removed: u64,
    failed_count: u64,
    /// The first of them.
    failed: Vec<Failed>,
    /// Fields of JSON lines that nobody reads, with how often they were met.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ignored_fields: IgnoredFields,
    seconds: f64,
    per_s: f64,
}

#[derive(Debug, Serialize)]
struct Failed {
    path: String,
    #[serde(flatten)]
    refusal: Refusal,
}

/// Imports everything that can be.
pub fn run(settings: Settings, args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let files = sources::find(&args.paths, args.format)?;
    let engine = Engine::open(&settings)?;
    let begun = Instant::now();
    let mut summary = import(&engine, settings.performance.batch_size, &files)?;
    let seconds = begun.elapsed().as_secs_f64();
    summary.seconds = round(seconds, 3);
    summary.per_s = round(summary.items as f64 / seconds, 1);
    if args.json {
        print_json(&summary)?;
    } else {
        print(&summary.told())?;
    }
    Ok(if summary.failed_count == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn import(engine: &Engine, batch_size: u32, files: &[Source]) -> anyhow::Result<Summary> {
    let bar = bar(files.iter().map(|file| file.len).sum())?;
    let mut summary = Summary::default();
    let mut ignored = IgnoredFields::new();
    let mut pipeline = Pipeline::new(engine, batch_size, |row: (usize, u64), answer| {
        summary.take(&files[row.0], row.1, answer)?;
        bar.set_message(format!("{}", summary.items));
        Ok(())
    });
    let documents = files.iter().filter(|file| file.is_document()).map(|file| text::document(&file.path));
    let mut known = Known::read(engine, &documents.collect())?;
    // What does not go through the pipeline.
    let mut beside = Summary::default();
    for (at, file) in files.iter().enumerate() {
        let mut identity = Identity::of(&file.path);
        let mut passages = Vec::new();
        let mut is_whole = true;
        let read = read(file, &bar, &mut ignored, &mut |parsed| match parsed {
            Ok(row) if file.is_document() => {
                passages.push(row);
                Ok(())
            }
            Ok(mut row) => {
                row.store.idempotency_key = Some(identity.key(&row.store));
                pipeline.push((at, row.line), row.store)
            }
            Err(refusal) => {
                is_whole = false;
                beside.refuse(file, refusal);
                Ok(())
            }
        });
        read.with_context(|| format!("{}", file.path.display()))?;
        // A document that could not be read is not one that holds nothing.
        if file.is_document() && is_whole {
            let plan = known.plan(&text::document(&file.path), passages);
            for row in beside.change(engine, file, plan)? {
                pipeline.push((at, row.line), row.store)?;
            }
        }
    }
    pipeline.finish()?;
    bar.finish_and_clear();
    summary.files = files.len() as u64;
    summary.ignored_fields = ignored;
    summary.items += beside.items;
    summary.repeated += beside.repeated;
    summary.updated += beside.updated;
    summary.removed += beside.removed;
    summary.failed_count += beside.failed_count;
    summary.failed.append(&mut beside.failed);
    summary.failed.sort_by(|a, b| (&a.path, a.refusal.line).cmp(&(&b.path, b.refusal.line)));
    summary.failed.truncate(LISTED_MAX);
    Ok(summary)
}

fn bar(bytes: u64) -> anyhow::Result<ProgressBar> {
    let style =
        "{bar:30} {decimal_bytes} of {decimal_total_bytes}, {decimal_bytes_per_sec}, {msg} items, {eta} left";
    Ok(ProgressBar::new(bytes).with_style(ProgressStyle::with_template(style)?).with_message("0"))
}

/// Gives every row of a file to `each`. An error ends the run; what is wrong with rows goes to `each`.
fn read(
    file: &Source,
    bar: &ProgressBar,
    ignored: &mut IgnoredFields,
    each: &mut dyn FnMut(Parsed) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    let mut input = bar.wrap_read(File::open(&file.path)?);
    let rows: fn(&std::path::Path, &str) -> Vec<_> = match file.format {
        Format::Markdown => markdown::rows,
        Format::Text => text::rows,
        Format::ServerMemory => return Lines::ServerMemory.read(BufReader::new(input), each),
        Format::Jsonl => {
            let mut lines = Lines::Memories(Reader::new(&file.path));
            lines.read(BufReader::new(input), each)?;
            if let Lines::Memories(reader) = lines {
                for (field, count) in reader.ignored {
                    *ignored.entry(field).or_default() += count;
                }
            }
            return Ok(());
        }
        Format::Auto => unreachable!("formats were told when files were found; this is a bug"),
    };
    let mut bytes = Vec::new();
    input.read_to_end(&mut bytes)?;
    match text::decode(bytes) {
        Ok(text) => rows(&file.path, &text).into_iter().try_for_each(|row| each(Ok(row))),
        Err(refusal) => each(Err(refusal)),
    }
}

impl Summary {
    /// Brings a document up to date; gives the passages that are still to be stored.
    fn change(&mut self, engine: &Engine, file: &Source, plan: Plan) -> anyhow::Result<Vec<Row>> {
        let Plan { same, changed, new, gone } = plan;
        self.items += same.len() as u64;
        self.repeated += same.len() as u64;
        for (row, update) in changed {
            let ask = || engine.update(update.clone(), Call::default());
            match settle(ask(), ask) {
                Ok(_) => {
                    self.items += 1;
                    self.updated += 1;
                }
                Err(error) if error.kind() == ErrorKind::Invalid => {
                    self.refuse(file, refusal(row.line, &error))
                }
                Err(error) => return Err(error.into()),
            }
        }
        for id in gone {
            // Whatever leans on it: the document does not say it any more.
            let ask =
                || engine.delete(Delete { id, force: true, cleanup: CleanupMode::Standard }, Call::default());
            settle(ask(), ask)?;
            self.removed += 1;
        }
        Ok(new)
    }

    fn take(&mut self, file: &Source, line: u64, answer: Result<Stored, Error>) -> anyhow::Result<()> {
        match answer {
            Ok(stored) => {
                self.items += 1;
                if stored.repeated {
                    self.repeated += 1;
                } else {
                    self.stored += 1;
                }
                Ok(())
            }
            Err(error) if error.kind() == ErrorKind::Invalid => {
                self.refuse(file, refusal(line, &error));
                Ok(())
            }
            // Anything else would happen to every row that follows.
            Err(error) => Err(error.into()),
        }
    }

    fn refuse(&mut self, file: &Source, refusal: Refusal) {
        self.items += 1;
        self.failed_count += 1;
        if self.failed.len() < LISTED_MAX {
            self.failed.push(Failed { path: file.path.display().to_string(), refusal });
        }
    }

    fn told(&self) -> String {
        let Summary {
            files, items, stored, repeated, updated, removed, failed_count, seconds, per_s, ..
        } = self;
        let mut text = format!(
            "{items} items in {files} file{}: {stored} stored, {repeated} known already, {failed_count} refused; \
             {seconds} s, {per_s} a second\n",
            if *files == 1 { "" } else { "s" },
        );
        if updated + removed > 0 {
            text.push_str(&format!(
                "{updated} passages of changed documents updated, {removed} that are gone deleted\n"
            ));
        }
        for (field, count) in &self.ignored_fields {
            text.push_str(&format!("field {field:?} is read by nobody ({count} lines)\n"));
        }
        for Failed { path, refusal: Refusal { line, field, rule } } in &self.failed {
            let line = line.map_or(String::new(), |line| format!(":{line}"));
            text.push_str(&format!("{path}{line}: {field}: {rule}\n"));
        }
        let unlisted = failed_count - self.failed.len() as u64;
        if unlisted > 0 {
            text.push_str(&format!("and {unlisted} more\n"));
        }
        text
    }
}

fn refusal(line: u64, error: &Error) -> Refusal {
    // An invalid parameter reads `field: rule`, whichever door it came through.
    let words = error.to_string();
    let (field, rule) = words.split_once(": ").unwrap_or(("line", &words));
    Refusal::at(line, field, rule)
}
