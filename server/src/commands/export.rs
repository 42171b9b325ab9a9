//! `cortexkg export`: every live memory as one JSON line that `import` reads.
//!
//! What a store asks for goes in the fields `import` takes; what the engine decided (id, times of storing, version,
//! role, entities) stands beside it for readers, and is decided anew on import.

use std::io::{self, BufWriter, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use cortexkg_engine::answer::{Memory, Role};
use cortexkg_engine::request::Kind;
use cortexkg_engine::{Call, Timestamp};
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::engine::Engine;
use crate::settings::Settings;
use crate::whole_file;

/// Memories asked for at once.
const PAGE_LEN: u32 = 1_000;

/// Arguments of `export`.
#[derive(Args)]
pub struct ExportArgs {
    /// Write here instead of to standard output; an existing file is replaced when all is written.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// Writes all pages.
pub fn run(settings: Settings, args: &ExportArgs) -> anyhow::Result<ExitCode> {
    let engine = Engine::open(&settings)?;
    let Some(out) = &args.out else {
        write(&engine, &mut BufWriter::new(io::stdout().lock()))?;
        return Ok(ExitCode::SUCCESS);
    };
    let memories =
        whole_file::write(out, |out| write(&engine, out)).with_context(|| out.display().to_string())?;
    eprintln!("{memories} memories written to {}", out.display());
    Ok(ExitCode::SUCCESS)
}

fn write(engine: &Engine, out: &mut impl Write) -> anyhow::Result<u64> {
    let (mut after, mut written) = (None, 0);
    loop {
        let page = engine.page(after, PAGE_LEN, Call::default()).wait()?;
        let Some(last) = page.last() else { break };
        after = Some(last.id);
        for memory in &page {
            serde_json::to_writer(&mut *out, &line(memory)).map_err(io::Error::from)?;
            out.write_all(b"\n")?;
            written += 1;
        }
    }
    out.flush()?;
    Ok(written)
}

/// One memory as import reads it.
pub fn line(memory: &Memory) -> Value {
    let mut fields = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            fields.insert(name.into(), value);
        }
    };
    put("id", json!(memory.id.to_string()));
    put("content", json!(memory.content));
    put("context", json!(memory.context));
    put("source", json!(memory.source));
    put("confidence", json!(shortest(memory.confidence)));
    put("importance", json!(memory.importance.map(shortest)));
    put("tags", json!(memory.tags));
    put("kind", json!(if memory.kind == Kind::Turn { "turn" } else { "passage" }));
    if let Some(place) = &memory.place {
        put("sequence", json!(place.sequence));
        put("part", json!(place.part));
        put("parts", json!(place.parts));
    }
    put("occurred_at", json!(memory.occurred_at.and_then(rfc3339)));
    put("created_at", json!(rfc3339(memory.created_at)));
    put("updated_at", json!(rfc3339(memory.updated_at)));
    put("version", json!(memory.version));
    put("role", json!(role(memory.role)));
    put("superseded_by", json!(memory.superseded_by.map(|id| id.to_string())));
    put("entities", json!(memory.entities));
    Value::Object(fields)
}

/// The number as it was written: 0.8, not 0.800000011920929.
pub fn shortest(value: f32) -> f64 {
    value.to_string().parse().unwrap_or_else(|_| f64::from(value))
}

/// An instant in words that every door uses; absent when it lies outside the years 0 to 9999.
pub fn rfc3339(at: Timestamp) -> Option<String> {
    let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0) * 1_000).ok()?;
    at.format(&Rfc3339).ok()
}

fn role(role: Role) -> String {
    match role {
        Role::Founder => "founder".into(),
        Role::Member => "member".into(),
        Role::DuplicateOf(id) => format!("duplicate of {id}"),
        Role::ExceptionTo(id) => format!("exception to {id}"),
        Role::Supersedes(id) => format!("supersedes {id}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::import::jsonl::Reader;
    use cortexkg_engine::request::Place;
    use cortexkg_engine::{ColumnId, MemoryId};
    use std::path::Path;

    #[test]
    fn what_is_exported_is_read_back_as_it_was_told() {
        let memory = Memory {
            id: MemoryId(31),
            content: "[8 May] Ann: \"Hi\"\n".into(),
            context: Some("c".into()),
            source: Some("s".into()),
            confidence: 0.8,
            importance: Some(0.3),
            tags: vec!["a".into(), "b".into()],
            kind: Kind::Turn,
            place: Some(Place { sequence: "talk#1".into(), part: 4, parts: Some(9) }),
            created_at: Timestamp(1_700_000_000_123_456),
            updated_at: Timestamp(1_700_000_001_000_000),
            occurred_at: Some(Timestamp(1_683_590_400_000_001)),
            version: 2,
            column: ColumnId(3),
            role: Role::DuplicateOf(MemoryId(1)),
            superseded_by: Some(MemoryId(32)),
            entities: vec!["Ann".into()],
        };
        let mut reader = Reader::new(Path::new("/export.jsonl"));
        let store = reader.row(1, &line(&memory).to_string()).unwrap().store;
        assert_eq!(store.content, memory.content);
        assert_eq!((store.context, store.source), (memory.context, memory.source));
        assert_eq!((store.confidence, store.importance), (Some(memory.confidence), memory.importance));
        assert_eq!((store.tags, store.kind, store.place), (memory.tags, memory.kind, memory.place));
        assert_eq!(store.occurred_at, memory.occurred_at);
        assert!(reader.ignored.is_empty(), "{:?}", reader.ignored);
    }
}
