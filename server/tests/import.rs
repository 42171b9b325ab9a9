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

/// What `recall` shows, best first.
fn recalled(place: &Place, query: &str) -> Vec<String> {
    let found = place.run(&["recall", query, "--threshold", "0", "--json"]).code(0).json();
    let memories = found["memories"].as_array().unwrap();
    memories.iter().map(|memory| memory["content"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_note_that_changed_is_brought_up_to_date() {
    let place = Place::new();
    place.write("n.md", "# Plan\nThe launch is on May 4.\n\n## Guests\nNora comes.\n\n## Food\nSoup.\n");
    let first = place.run(&["import", "n.md", "--json"]).code(0).json();
    assert_eq!((&first["stored"], &first["updated"]), (&3.into(), &0.into()), "{first}");

    place
        .write("n.md", "# Plan\nThe launch is on June 9.\n\n## Guests\nNora comes.\n\n## Music\nA fiddle.\n");
    let second = place.run(&["import", "n.md", "./n.md", "--json"]).code(0).json();
    let of = |name: &str| second[name].as_u64().unwrap();
    assert_eq!((of("items"), of("files")), (3, 1), "{second}");
    assert_eq!((of("stored"), of("repeated"), of("updated"), of("removed")), (1, 1, 1, 1), "{second}");
    let shown = recalled(&place, "When is the launch?");
    assert_eq!(shown[0], "Plan\nThe launch is on June 9.");
    assert!(!shown.iter().any(|content| content.contains("May 4") || content.contains("Soup")), "{shown:?}");

    let third = place.run(&["import", "n.md", "--json"]).code(0).json();
    assert_eq!((&third["repeated"], &third["stored"], &third["updated"]), (&3.into(), &0.into(), &0.into()));
    // What comes back is stored again.
    place.write("n.md", "# Plan\nThe launch is on June 9.\n\n## Food\nSoup.\n");
    let fourth = place.run(&["import", "n.md", "--json"]).code(0).json();
    assert_eq!((&fourth["stored"], &fourth["removed"]), (&1.into(), &2.into()), "{fourth}");
    assert!(recalled(&place, "food").contains(&"Plan > Food\nSoup.".to_owned()));
    assert_eq!(place.run(&["verify", "--json"]).code(0).json()["ok"], true);
}

#[test]
fn a_document_that_cannot_be_read_keeps_what_it_said() {
    let place = Place::new();
    let path = place.write("n.txt", "The launch is on May 4.");
    place.run(&["import", "n.txt"]).code(0);
    std::fs::write(path, b"The launch \xff").unwrap();
    let second = place.run(&["import", "n.txt", "--json"]).code(1).json();
    assert_eq!((&second["failed_count"], &second["removed"]), (&1.into(), &0.into()), "{second}");
    assert!(recalled(&place, "When is the launch?")[0].contains("May 4"));
}

#[test]
fn front_matter_and_drawn_lines_are_told_apart() {
    let place = Place::new();
    place.write("l.md", "---\n**ORVELL & SONS**\nSolicitor Pim Orvell, 4 Quay Road\n---\n\n# Demand\nPay 900 euros by June.\n");
    place.write(
        "f.md",
        "---\ntitle: Only meta\ndescription: The kiln is in shed four.\ntags: [clay]\naliases: [oven]\n---\n",
    );
    place.write("k.md", "\u{feff}---\r\ntitle: Kiln notes\r\n---\r\n# Schedule\r\nRamp to 600 degrees.\r\n");
    let summary = place.run(&["import", "l.md", "f.md", "k.md", "--json"]).code(0).json();
    assert_eq!(summary["stored"], 4, "{summary}");
    assert!(recalled(&place, "Pim Orvell")[0].contains("4 Quay Road"));
    assert!(
        recalled(&place, "Ramp to 600 degrees")
            .contains(&"Kiln notes > Schedule\nRamp to 600 degrees.".into())
    );
    let tagged = place.run(&["recall", "Where is the oven?", "--tag", "clay", "--threshold", "0", "--json"]);
    let tagged = tagged.code(0).json();
    assert_eq!(tagged["memories"][0]["content"], "Only meta\nThe kiln is in shed four.\naliases: oven");
    assert_eq!(tagged["memories"][0]["tags"], serde_json::json!(["clay"]));
}

#[test]
fn a_settings_file_is_one_refusal_and_a_chat_keeps_its_speakers() {
    let place = Place::new();
    place.write("in/p.json", "{\n  \"name\": \"x\"\n}\n");
    place.write("in/openai.jsonl", "{\"role\":\"user\",\"content\":\"What is a lathe?\"}\n");
    let summary = place.run(&["import", "in", "--json"]).code(1).json();
    assert_eq!((&summary["failed_count"], &summary["stored"]), (&1.into(), &1.into()), "{summary}");
    assert_eq!(summary["failed"][0]["field"], "file");
    assert!(summary.get("ignored_fields").is_none(), "{summary}");
    assert_eq!(recalled(&place, "lathe"), ["user: What is a lathe?"]);
}
