//! The memory file of the official MCP memory server: entities with observations, and relations between them.
//!
//! An entity becomes one memory that begins with its name, so that it is the subject; a relation becomes a sentence.
//! Names go along as tags where they fit.

use cortexkg_engine::request::{CONTENT_CHARS_MAX, Store, TAG_CHARS_MAX};
use serde::Deserialize;

use super::{Parsed, Refusal, Row};

/// Source of all memories that come from such a file.
const SOURCE: &str = "server-memory";

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Line {
    #[serde(rename_all = "camelCase")]
    Entity { name: String, entity_type: String, observations: Vec<String> },
    #[serde(rename_all = "camelCase")]
    Relation { from: String, to: String, relation_type: String },
}

/// Rows of one line; an entity with very many observations gives several.
pub fn rows(line: u64, text: &str) -> Vec<Parsed> {
    let parsed: Line = match serde_json::from_str(text) {
        Ok(parsed) => parsed,
        Err(error) => return vec![Err(Refusal::at(line, "type", rule(&error)))],
    };
    let (contents, tags) = match parsed {
        Line::Entity { name, entity_type, observations } => {
            (entity(&name, &entity_type, &observations), vec![name, entity_type])
        }
        Line::Relation { from, to, relation_type } => {
            let sentence = format!("{from} {} {to}.", words(&relation_type));
            (vec![sentence], vec![from, words(&relation_type), to])
        }
    };
    let tags: Vec<String> = tags.into_iter().filter(|tag| fits(tag)).collect();
    let row = |content| {
        let store = Store { content, source: Some(SOURCE.into()), tags: tags.clone(), ..Store::default() };
        Ok(Row { line, store })
    };
    contents.into_iter().map(row).collect()
}

/// `name\nname is a kind. observation. observation.`, begun anew under the same head when one memory is full.
fn entity(name: &str, kind: &str, observations: &[String]) -> Vec<String> {
    let article = if kind.trim_start().starts_with(['a', 'e', 'i', 'o', 'u', 'A', 'E', 'I', 'O', 'U']) {
        "an"
    } else {
        "a"
    };
    let head = format!("{name}\n{name} is {article} {}.", words(kind));
    let mut contents = vec![head.clone()];
    for observation in observations {
        let sentence = sentence(observation);
        let last = contents.last_mut().unwrap_or_else(|| unreachable!("begun with one; this is a bug"));
        if last.chars().count() + 1 + sentence.chars().count() <= CONTENT_CHARS_MAX {
            last.push(' ');
            last.push_str(&sentence);
        } else {
            contents.push(format!("{head} {sentence}"));
        }
    }
    contents
}

fn sentence(text: &str) -> String {
    let text = text.trim();
    if text.ends_with(['.', '!', '?']) || text.is_empty() { text.into() } else { format!("{text}.") }
}

/// `works_at` reads "works at".
fn words(name: &str) -> String {
    name.split(['_', ' ']).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

fn fits(tag: &str) -> bool {
    !tag.trim().is_empty() && tag.chars().count() <= TAG_CHARS_MAX
}

fn rule(error: &serde_json::Error) -> String {
    format!(
        "must be an entity {{name, entityType, observations}} or a relation {{from, to, relationType}}: {error}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Store {
        let mut rows = rows(1, text);
        assert_eq!(rows.len(), 1);
        let store = rows.remove(0).unwrap().store;
        store.check().unwrap();
        store
    }

    #[test]
    fn entities_and_relations_become_sentences() {
        let ada = one(
            r#"{"type":"entity","name":"Ada Lovelace","entityType":"person","observations":["Wrote notes","Liked maths."]}"#,
        );
        assert_eq!(ada.content, "Ada Lovelace\nAda Lovelace is a person. Wrote notes. Liked maths.");
        assert_eq!(ada.tags, ["Ada Lovelace", "person"]);
        let engine = one(r#"{"type":"entity","name":"Engine","entityType":"artefact","observations":[]}"#);
        assert_eq!(engine.content, "Engine\nEngine is an artefact.");
        let relation = one(r#"{"type":"relation","from":"Ada","to":"Babbage","relationType":"worked_with"}"#);
        assert_eq!(relation.content, "Ada worked with Babbage.");
        assert_eq!(relation.tags, ["Ada", "worked with", "Babbage"]);
    }

    #[test]
    fn an_entity_too_long_for_one_memory_becomes_several() {
        let observations = vec!["x".repeat(3_000); 10];
        let line = serde_json::json!({"type": "entity", "name": "N", "entityType": "t", "observations": observations});
        let rows = rows(1, &line.to_string());
        assert_eq!(rows.len(), 4);
        for row in rows {
            let store = row.unwrap().store;
            assert!(store.content.starts_with("N\nN is a t. xxx"));
            store.check().unwrap();
        }
    }

    #[test]
    fn other_lines_are_refused() {
        for bad in ["", "{", "[]", r#"{"type":"thing"}"#, r#"{"type":"entity","name":1}"#, r#"{"name":"x"}"#]
        {
            let rows = rows(7, bad);
            assert!(matches!(&rows[..], [Err(Refusal { line: Some(7), .. })]), "{bad}");
        }
    }
}
