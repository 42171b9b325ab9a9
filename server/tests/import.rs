//! Files into memories and back.

mod common;

use std::fmt::Write;
use std::time::Duration;

use common::{Place, told};

const TALK: &str = r#"{"speaker":"Ann","text":"I adopted a cat in Oslo.","date":"8 May, 2023","session":"1"}
{"speaker":"Bob","text":"What is it called?","date":"8 May, 2023","session":"1"}
{"speaker":"Ann","text":"Ok","date":"8 May, 2023","session":"1"}
{"speaker":"Bob","text":"Ok","date":"8 May, 2023","session":"1"}
{"content":"Port Blair is the capital of the Andaman Islands.","title":"Port Blair","tags":["place"],"source":"atlas","confidence":0.9,"importance":0.25,"context":"geography","occurred_at":"2020-02-03T04:05:06Z"}
"#;

#[test]
fn a_second_import_stores_nothing_twice_and_a_bad_line_fails_alone() {
    let place = Place::new();
    let talk = place.write("talk.jsonl", TALK);
    let talk = talk.to_str().unwrap();
    let first = place.run(&["import", talk, "--json"]).code(0).json();
    assert_eq!((&first["items"], &first["stored"], &first["repeated"]), (&5.into(), &5.into(), &0.into()));

    place.write("talk.jsonl", &format!("{{\"content\":\"  \"}}\nno json\n{TALK}{{\"content\":\"New.\"}}\n"));
    let second = place.run(&["import", talk, "--json"]).code(1).json();
    assert_eq!((&second["items"], &second["stored"], &second["repeated"]), (&8.into(), &1.into(), &5.into()));
    assert_eq!(second["failed_count"], 2);
    let failed = second["failed"].as_array().unwrap();
    assert_eq!((&failed[0]["line"], &failed[0]["field"]), (&1.into(), &"content".into()), "{failed:?}");
    assert_eq!((&failed[1]["line"], &failed[1]["field"]), (&2.into(), &"line".into()), "{failed:?}");
    assert!(failed.iter().all(|failed| failed["path"] == talk && failed["rule"].is_string()));
    assert_eq!(place.run(&["verify", "--json"]).code(0).json()["memories"], 6);
}

#[test]
fn every_format_arrives() {
    let place = Place::new();
    place.write("notes/guide.md", "# Guide\nHello.\n\n## Install\nRun it.\n");
    place.write("notes/deep/trip.txt", "We went to Bergen.\n\nIt rained.\n");
    place.write(
        "notes/memory.json",
        "{\"type\":\"entity\",\"name\":\"Ada\",\"entityType\":\"person\",\"observations\":[\"Likes maths\"]}\n\
         {\"type\":\"relation\",\"from\":\"Ada\",\"to\":\"Charles\",\"relationType\":\"knows\"}\n",
    );
    let summary = place.run(&["import", "notes", "--json"]).code(0).json();
    assert_eq!((&summary["files"], &summary["stored"]), (&3.into(), &5.into()), "{summary}");
    place.run(&["export", "--out", "all.jsonl"]).code(0);
    let lines = told(&place.path("all.jsonl")).join("\n");
    for content in [
        r"Guide\nHello.",
        r"Guide > Install\nRun it.",
        r"trip\nWe went to Bergen.\n\nIt rained.",
        r"Ada\nAda is a person. Likes maths.",
        "Ada knows Charles.",
    ] {
        assert!(lines.contains(&format!("\"content\":\"{content}\"")), "{content} is missing in\n{lines}");
    }
}

#[test]
fn an_export_imports_into_the_same_memories() {
    let place = Place::new();
    place.write("talk.jsonl", TALK);
    place.write("guide.md", "# Guide\nHello.\n\n## Install\nRun it.\n");
    place.run(&["import", "talk.jsonl", "guide.md"]).code(0);
    place.run(&["export", "--out", "first.jsonl"]).code(0);
    let other = Place::new();
    let first = place.path("first.jsonl");
    let summary = other.run(&["import", first.to_str().unwrap(), "--json"]).code(0).json();
    assert_eq!(summary["stored"], 7);
    assert!(summary.get("ignored_fields").is_none(), "{summary}");
    other.run(&["export", "--out", "second.jsonl"]).code(0);
    assert_eq!(told(&first), told(&other.path("second.jsonl")));
    // And the same to standard output.
    let printed = other.run(&["export"]).code(0).stdout();
    assert_eq!(printed, std::fs::read_to_string(other.path("second.jsonl")).unwrap());
}

#[test]
fn a_killed_import_is_finished_by_starting_it_again() {
    let place = Place::new();
    let count = 4_000;
    let mut lines = String::new();
    for n in 0..count {
        writeln!(lines, r#"{{"content":"Visitor number {n} signed the book on page {}."}}"#, n % 97).unwrap();
    }
    place.write("book.jsonl", &lines);
    // Wherever the kill falls (before the first record, in between, after the last), the outcome must be the same.
    for wait_ms in [50, 300, 900] {
        let mut child = place.command(["import", "book.jsonl"]).spawn().unwrap();
        std::thread::sleep(Duration::from_millis(wait_ms));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    let summary = place.run(&["import", "book.jsonl", "--json"]).code(0).json();
    assert_eq!(summary["items"], count);
    let report = place.run(&["verify", "--json"]).code(0).json();
    assert_eq!((&report["memories"], &report["ok"]), (&count.into(), &true.into()));
}
