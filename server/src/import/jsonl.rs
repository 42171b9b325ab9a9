//! JSON lines: one object a line, one memory each. `cortexkg import --help` lists the fields.
//!
//! A line with a `speaker` is a turn of a conversation: its content becomes `[date] speaker: text` and its place is the
//! session. So does one with a `role` of a chat (user, assistant, ..) and no speaker. Fields nobody reads are counted, never dropped in silence. One bad line fails alone.

use std::collections::HashMap;
use std::io::{self, BufRead};
use std::path::Path;

use cortexkg_engine::Timestamp;
use cortexkg_engine::request::{Kind, Place, Store};
use serde_json::{Map, Value};
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime};

use super::text::document;
use super::{IgnoredFields, Parsed, Refusal, Row, server_memory};

/// Longest line, bytes: the longest memory in the widest escapes, several times over.
const LINE_BYTES_MAX: usize = 1 << 20;

/// Written by `export` and decided anew by the engine that stores: no reason to call them ignored.
const DECIDED_ANEW: [&str; 7] =
    ["id", "created_at", "updated_at", "version", "role", "superseded_by", "entities"];

/// Roles of chats with models: who speaks. The roles that `export` writes are other words.
const CHAT_ROLES: [&str; 8] =
    ["user", "assistant", "system", "developer", "tool", "function", "human", "model"];

/// Reads rows of one file.
pub struct Reader {
    /// Names sessions of this file: two files may both have a `session_1`.
    document: String,
    /// Next part of every sequence whose rows do not say theirs.
    parts: HashMap<String, u32>,
    /// Fields met and not read.
    pub ignored: IgnoredFields,
}

impl Reader {
    /// A reader for the file at `path`.
    pub fn new(path: &Path) -> Self {
        Reader { document: document(path), parts: HashMap::new(), ignored: IgnoredFields::new() }
    }

    /// The row of one line.
    pub fn row(&mut self, line: u64, text: &str) -> Parsed {
        let mut fields = match serde_json::from_str(text) {
            Ok(Value::Object(map)) => Fields { line, map },
            Ok(_) => return Err(Refusal::at(line, "line", "must be one JSON object")),
            Err(error) => return Err(Refusal::at(line, "line", format!("must be one JSON object: {error}"))),
        };
        let store = self.store(&mut fields)?;
        for (name, _) in fields.map {
            *self.ignored.entry(name).or_default() += 1;
        }
        Ok(Row { line, store })
    }

    fn store(&mut self, fields: &mut Fields) -> Result<Store, Refusal> {
        let text = match (fields.text("content")?, fields.text("text")?) {
            (Some(text), None) | (None, Some(text)) => text,
            (Some(_), Some(_)) => {
                return Err(fields.refusal("content", "must not stand beside text: they are the same field"));
            }
            (None, None) => return Err(fields.refusal("content", "must be given (or text)")),
        };
        let (title, speaker, date) = (fields.text("title")?, fields.text("speaker")?, fields.text("date")?);
        let speaker = speaker.or_else(|| fields.chat_role());
        let kind = match fields.text("kind")?.as_deref() {
            None if speaker.is_some() => Kind::Turn,
            None | Some("passage") => Kind::Passage,
            Some("turn") => Kind::Turn,
            Some(_) => return Err(fields.refusal("kind", "must be passage or turn")),
        };
        let store = Store {
            occurred_at: fields.instant("occurred_at")?.or_else(|| date.as_deref().and_then(instant)),
            content: content(&text, title.as_deref(), speaker.as_deref(), date.as_deref()),
            context: fields.text("context")?,
            source: fields.text("source")?,
            confidence: fields.number("confidence")?,
            tags: fields.texts("tags")?,
            importance: fields.number("importance")?,
            kind,
            place: self.place(fields, kind)?,
            idempotency_key: None,
        };
        for name in DECIDED_ANEW {
            fields.map.remove(name);
        }
        Ok(store)
    }

    fn place(&mut self, fields: &mut Fields, kind: Kind) -> Result<Option<Place>, Refusal> {
        let sequence = match (fields.text("sequence")?, fields.text("session")?) {
            (Some(_), Some(_)) => return Err(fields.refusal("session", "must not stand beside sequence")),
            (Some(sequence), None) => Some(sequence),
            (None, Some(session)) => Some(self.session(&session)),
            (None, None) if kind == Kind::Turn => Some(self.document.clone()),
            (None, None) => None,
        };
        let (part, parts) = (fields.count("part")?, fields.count("parts")?);
        let Some(sequence) = sequence else {
            return match part.or(parts) {
                Some(_) => Err(fields.refusal("part", "needs a sequence or a session")),
                None => Ok(None),
            };
        };
        let next = self.parts.entry(sequence.clone()).or_insert(0);
        let part = part.unwrap_or(*next);
        *next = part.saturating_add(1);
        Ok(Some(Place { sequence, part, parts }))
    }

    /// The session under the file's name, within the limit of a name; the file gives way.
    fn session(&self, session: &str) -> String {
        let room = 199usize.saturating_sub(session.chars().count());
        let skipped = self.document.chars().count().saturating_sub(room);
        let file: String = self.document.chars().skip(skipped).collect();
        format!("{file}#{session}")
    }
}

fn content(text: &str, title: Option<&str>, speaker: Option<&str>, date: Option<&str>) -> String {
    let mut content = String::new();
    if let Some(title) = title {
        content.push_str(title);
        content.push('\n');
    }
    if let Some(date) = date {
        content.push_str(&format!("[{date}] "));
    }
    if let Some(speaker) = speaker {
        content.push_str(&format!("{speaker}: "));
    }
    content.push_str(text);
    content
}

/// An instant in RFC 3339, or a day, which begins at midnight UTC.
fn instant(text: &str) -> Option<Timestamp> {
    let day = || {
        Date::parse(text, format_description!("[year]-[month]-[day]")).map(|day| day.midnight().assume_utc())
    };
    let instant = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| day()).ok()?;
    i64::try_from(instant.unix_timestamp_nanos() / 1_000).ok().map(Timestamp)
}

/// Fields of one line; those taken are gone, what is left was read by nobody.
struct Fields {
    line: u64,
    map: Map<String, Value>,
}

impl Fields {
    fn refusal(&self, field: &str, rule: &str) -> Refusal {
        Refusal::at(self.line, field, rule)
    }

    /// A field; null counts as absent.
    fn take<T>(
        &mut self,
        name: &str,
        rule: &str,
        read: impl Fn(Value) -> Option<T>,
    ) -> Result<Option<T>, Refusal> {
        match self.map.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(value) => read(value).map(Some).ok_or_else(|| self.refusal(name, rule)),
        }
    }

    fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        let read = |value| if let Value::String(text) = value { Some(text) } else { None };
        self.take(name, "must be a text", read)
    }

    /// The speaker by their role in a chat.
    fn chat_role(&mut self) -> Option<String> {
        let role = self.map.get("role")?.as_str().filter(|role| CHAT_ROLES.contains(role))?.to_owned();
        self.map.remove("role");
        Some(role)
    }

    fn texts(&mut self, name: &str) -> Result<Vec<String>, Refusal> {
        let read = |value| serde_json::from_value(value).ok();
        Ok(self.take(name, "must be a list of texts", read)?.unwrap_or_default())
    }

    fn number(&mut self, name: &str) -> Result<Option<f32>, Refusal> {
        self.take(name, "must be a number", |value| value.as_f64().map(|number| number as f32))
    }

    fn count(&mut self, name: &str) -> Result<Option<u32>, Refusal> {
        self.take(name, "must be a whole number from 0 to 4294967295", |value| {
            value.as_u64()?.try_into().ok()
        })
    }

    fn instant(&mut self, name: &str) -> Result<Option<Timestamp>, Refusal> {
        let rule = "must be a date-time such as 2026-03-01T12:00:00Z, or a day such as 2026-03-01";
        self.take(name, rule, |value| instant(value.as_str()?))
    }
}

/// What the lines of a file are.
pub enum Lines {
    /// One memory each.
    Memories(Reader),
    /// Entities and relations of the MCP memory server.
    ServerMemory,
}

impl Lines {
    /// Reads a file line by line and gives every row to `each`.
    pub fn read(
        &mut self,
        mut input: impl BufRead,
        each: &mut dyn FnMut(Parsed) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let mut bytes = Vec::new();
        let mut begun = false;
        for line in 1.. {
            bytes.clear();
            match next_line(&mut input, &mut bytes)? {
                LineRead::End => break,
                LineRead::TooLong => {
                    let rule = format!("must be at most {LINE_BYTES_MAX} bytes long");
                    each(Err(Refusal::at(line, "line", rule)))?;
                }
                LineRead::Whole => {
                    let bytes = if line == 1 {
                        bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&bytes)
                    } else {
                        &bytes
                    };
                    let Ok(text) = str::from_utf8(bytes) else {
                        each(Err(Refusal::at(line, "line", "must be UTF-8 text")))?;
                        continue;
                    };
                    if text.trim().is_empty() {
                        continue;
                    }
                    if line == 1 && text.trim_start().starts_with('[') {
                        return each(Err(whole_file("must hold one JSON object a line, not one array")));
                    }
                    if !begun && is_cut(text) && !begins_object(&mut input)? {
                        let rule = "must hold one JSON object a line, not one over several lines";
                        return each(Err(whole_file(rule)));
                    }
                    begun = true;
                    match self {
                        Lines::Memories(reader) => each(reader.row(line, text))?,
                        Lines::ServerMemory => {
                            server_memory::rows(line, text).into_iter().try_for_each(&mut *each)?
                        }
                    }
                }
            }
        }
        Ok(())
    }
}

/// What is wrong with the file rather than with a line.
fn whole_file(rule: &str) -> Refusal {
    Refusal { line: None, field: "file".into(), rule: rule.into() }
}

/// Whether a line is the beginning of JSON that goes on below it.
fn is_cut(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_err_and(|error| error.is_eof())
}

/// Whether what comes next looks like another object, as the next line of JSON lines does. Looks no further than what is
/// read already, and says yes where that says nothing.
fn begins_object(input: &mut impl BufRead) -> io::Result<bool> {
    let next = input.fill_buf()?.iter().find(|byte| !byte.is_ascii_whitespace());
    Ok(next.is_none_or(|byte| *byte == b'{'))
}

enum LineRead {
    Whole,
    TooLong,
    End,
}

/// The next line without its end; one that is too long is passed over, so that memory stays bounded.
fn next_line(input: &mut impl BufRead, bytes: &mut Vec<u8>) -> io::Result<LineRead> {
    let read = io::Read::take(&mut *input, LINE_BYTES_MAX as u64 + 1).read_until(b'\n', bytes)?;
    if read == 0 {
        return Ok(LineRead::End);
    }
    if bytes.last() == Some(&b'\n') {
        bytes.pop();
        return Ok(LineRead::Whole);
    }
    if read <= LINE_BYTES_MAX {
        return Ok(LineRead::Whole);
    }
    input.skip_until(b'\n')?;
    Ok(LineRead::TooLong)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Vec<Parsed> {
        let mut rows = Vec::new();
        let mut each = |row| {
            rows.push(row);
            Ok(())
        };
        Lines::Memories(Reader::new(Path::new("/talk.jsonl"))).read(text.as_bytes(), &mut each).unwrap();
        rows
    }

    fn one(text: &str) -> Store {
        let mut rows = parse(text);
        assert_eq!(rows.len(), 1);
        rows.remove(0).unwrap().store
    }

    #[test]
    fn every_field_arrives() {
        let store = one(
            r#"{"text":"b","title":"a","context":"c","source":"d","tags":["e"],"confidence":0.5,"importance":1,
               "occurred_at":"1970-01-01T00:00:01Z","sequence":"f","part":2,"parts":3}"#
                .replace('\n', " ")
                .as_str(),
        );
        let place = Place { sequence: "f".into(), part: 2, parts: Some(3) };
        let expected = Store {
            content: "a\nb".into(),
            context: Some("c".into()),
            source: Some("d".into()),
            confidence: Some(0.5),
            tags: vec!["e".into()],
            importance: Some(1.0),
            kind: Kind::Passage,
            place: Some(place),
            occurred_at: Some(Timestamp(1_000_000)),
            idempotency_key: None,
        };
        assert_eq!(store, expected);
    }

    #[test]
    fn turns_carry_date_speaker_and_their_place_in_the_session() {
        let rows = parse(concat!(
            r#"{"speaker":"Ann","text":"Hi","date":"8 May, 2023","session":"1"}"#,
            "\n",
            r#"{"speaker":"Bob","text":"Yo","session":"1"}"#,
            "\n\n",
            r#"{"speaker":"Ann","text":"Hm","date":"2023-05-09","session":"2"}"#,
        ));
        let stores: Vec<_> = rows.into_iter().map(|row| row.unwrap().store).collect();
        assert_eq!(stores[0].content, "[8 May, 2023] Ann: Hi");
        assert_eq!(stores[1].content, "Bob: Yo");
        assert_eq!(stores[2].occurred_at, Some(Timestamp(1_683_590_400_000_000)));
        assert!(stores.iter().all(|store| store.kind == Kind::Turn));
        let places: Vec<_> = stores.iter().map(|store| store.place.clone().unwrap()).collect();
        assert_eq!((places[0].sequence.as_str(), places[0].part), ("/talk.jsonl#1", 0));
        assert_eq!((places[1].sequence.as_str(), places[1].part), ("/talk.jsonl#1", 1));
        assert_eq!((places[2].sequence.as_str(), places[2].part), ("/talk.jsonl#2", 0));
    }

    #[test]
    fn a_bad_line_fails_alone_and_names_field_and_rule() {
        let table = [
            ("{", "line", "must be one JSON object"),
            ("7", "line", "must be one JSON object"),
            ("{}", "content", "must be given"),
            (r#"{"content":"a","text":"b"}"#, "content", "must not stand beside text"),
            (r#"{"content":1}"#, "content", "must be a text"),
            (r#"{"content":"a","tags":"b"}"#, "tags", "must be a list of texts"),
            (r#"{"content":"a","confidence":"b"}"#, "confidence", "must be a number"),
            (r#"{"content":"a","kind":"b"}"#, "kind", "must be passage or turn"),
            (r#"{"content":"a","part":1}"#, "part", "needs a sequence"),
            (r#"{"content":"a","sequence":"b","part":-1}"#, "part", "must be a whole number"),
            (r#"{"content":"a","sequence":"b","session":"c"}"#, "session", "must not stand beside sequence"),
            (r#"{"content":"a","occurred_at":"soon"}"#, "occurred_at", "must be a date-time"),
        ];
        for (bad, field, rule) in table {
            let rows = parse(&format!("{{\"content\":\"before\"}}\n{bad}\n{{\"content\":\"after\"}}"));
            assert!(rows[0].is_ok() && rows[2].is_ok(), "{bad}");
            let refusal = rows[1].as_ref().unwrap_err();
            assert_eq!((refusal.line, refusal.field.as_str()), (Some(2), field), "{bad}");
            assert!(refusal.rule.starts_with(rule), "{bad} gave {}", refusal.rule);
        }
    }

    #[test]
    fn unreadable_lines_are_passed_over() {
        let long = "x".repeat(LINE_BYTES_MAX + 10);
        let rows = parse(&format!("{long}\n{{\"content\":\"a\"}}"));
        assert!(rows[0].as_ref().unwrap_err().rule.starts_with("must be at most"));
        assert_eq!(rows[1].as_ref().unwrap().line, 2);
        let deep = "[".repeat(100_000);
        assert!(parse(&format!("{{\"content\":\"a\"}}\n{{\"content\":{deep}\n"))[1].is_err());
        assert!(parse("[{\"content\":\"a\"}]")[0].as_ref().unwrap_err().rule.contains("not one array"));
    }

    #[test]
    fn one_object_over_several_lines_is_one_refusal() {
        for text in ["{\n  \"name\": \"x\"\n}\n", "\n{\n}\n", "{ \"a\":\n1 }"] {
            let rows = parse(text);
            assert_eq!(rows.len(), 1, "{text}");
            let refusal = rows[0].as_ref().unwrap_err();
            assert_eq!((refusal.line, refusal.field.as_str()), (None, "file"), "{text}");
        }
        // A first line that broke off does not condemn the others.
        let rows = parse("{\"content\": \"brok\n{\"content\":\"a\"}");
        assert!(rows[0].is_err() && rows[1].is_ok());
    }

    #[test]
    fn a_role_of_a_chat_is_a_speaker_and_one_of_an_export_is_not() {
        let turn = one(r#"{"role":"user","content":"What is a lathe?"}"#);
        assert_eq!((turn.content.as_str(), turn.kind), ("user: What is a lathe?", Kind::Turn));
        assert_eq!(turn.place.unwrap().sequence, "/talk.jsonl");
        assert_eq!(one(r#"{"role":"founder","content":"A fact."}"#).content, "A fact.");
        assert_eq!(one(r#"{"role":"user","speaker":"Ann","content":"Hi"}"#).content, "Ann: Hi");
    }

    #[test]
    fn fields_nobody_reads_are_counted() {
        let mut reader = Reader::new(Path::new("/x"));
        for _ in 0..2 {
            reader.row(1, r#"{"content":"a","id":"m1","colour":"red"}"#).unwrap();
        }
        assert_eq!(reader.ignored, IgnoredFields::from([("colour".into(), 2)]));
    }
}
