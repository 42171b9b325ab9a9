//! Commands as scripts use them.

mod common;

use common::Place;
use serde_json::Value;

const FACTS: &str = r#"{"content":"Van Hook Township\nVan Hook Township is a township in Mountrail County, North Dakota."}
{"content":"Mountrail County\nMountrail County is a county in North Dakota. Its seat is Stanley."}
{"content":"Stanley\nStanley is a city with 1,458 people."}
"#;

fn with_facts() -> Place {
    let place = Place::new();
    place.write("facts.jsonl", FACTS);
    place.run(&["import", "facts.jsonl"]).code(0);
    place
}

#[test]
fn recall_tells_memories_and_why() {
    let place = with_facts();
    let question = "What is the seat of the county where Van Hook Township is located?";
    let answer = place.run(&["recall", question, "--threshold", "0", "--json"]).code(0).json();
    assert_eq!(answer["strategy"], "HybridApproach");
    assert!(answer["took_ms"].as_f64().unwrap() > 0.0);
    let memories = answer["memories"].as_array().unwrap();
    assert!(
        memories.iter().any(|memory| memory["content"].as_str().unwrap().contains("Its seat is Stanley"))
    );
    for memory in memories {
        assert!(memory["id"].as_str().unwrap().starts_with('m'));
        assert!((0.0..=1.0).contains(&memory["score"].as_f64().unwrap()));
        assert!(memory["path"].is_array());
    }
    let told = place.run(&["recall", question, "--threshold", "0", "--explain"]).code(0).stdout();
    assert!(told.contains("\nquery\n") && told.contains("─▶ memory m") && told.contains(" ms\n"), "{told}");
    let one = place.run(&["recall", "township", "--limit", "1", "--threshold", "0", "--json"]).code(0).json();
    assert_eq!(one["memories"].as_array().unwrap().len(), 1);
}

#[test]
fn json_is_one_object_and_nothing_else() {
    let place = with_facts();
    place.write(
        "set.json",
        r#"{"name":"small","passages":[{"title":"Stanley","text":"Stanley is a city."},{"title":"Oslo","text":"Oslo is cold."}],
            "questions":[{"id":"1","q":"What is Stanley?","type":"1hop","gold":[0]}]}"#,
    );
    for args in [
        &["recall", "Stanley", "--json"][..],
        &["recall", "zzz", "--json"],
        &["import", "facts.jsonl", "--json"],
        &["verify", "--json"],
        &["doctor", "--json"],
        &["model", "list", "--json"],
        &["reembed", "--json"],
        &["eval", "retrieval", "--dataset", "set.json", "--json"],
        &["bench", "ingest", "--count", "300", "--queries", "5", "--json"],
        &["bench", "recall", "--count", "300", "--queries", "5", "--json"],
    ] {
        place.run(args).code(0).json();
    }
}

#[test]
fn eval_tells_the_fields_that_scripts_rely_on() {
    let place = Place::new();
    place.write(
        "set.json",
        r#"{"name":"small","passages":[{"title":"Stanley","text":"Stanley is a city in Mountrail County."},{"title":"Oslo","text":"Oslo is cold."}],
            "questions":[{"id":"1","q":"In which county is Stanley?","type":"1hop","gold":[0]}]}"#,
    );
    let dataset = ["eval", "retrieval", "--dataset", "set.json", "--json"];
    for method in ["dense", "bm25", "hybrid", "spread", "ppr", "structural"] {
        let found = place.run(&[&dataset[..], &["--method", method]].concat()).code(0).json();
        assert_eq!(
            (&found["dataset"], &found["method"], &found["questions"]),
            (&"small".into(), &method.into(), &1.into())
        );
        for depth in ["2", "5", "10", "20"] {
            assert_eq!(found["recall"][depth], 100.0, "{found}");
        }
        assert_eq!((&found["all8"], &found["by_type"]["1hop"]["questions"]), (&100.0.into(), &1.into()));
        assert!(found["embedder"].is_string() && found["ingest_per_s"].is_number());
        assert!(found["recall_ms"]["p50"].is_number() && found["recall_ms"]["p99"].is_number());
    }
    let all = place.run(&[&dataset[..], &["--method", "all"]].concat()).code(0).json();
    assert_eq!(all["methods"].as_array().unwrap().len(), 8);
    // Noise is stored first and hides nothing here.
    place.write("noise.jsonl", "{\"content\":\"Trains are late.\"}\n{\"content\":\"Bees hum.\"}\n");
    let noisy = place.run(&[&dataset[..], &["--noise", "noise.jsonl"]].concat()).code(0).json();
    assert_eq!((&noisy["texts"], &noisy["recall"]["2"]), (&4.into(), &Value::from(100.0)));
}

#[test]
fn a_conversation_is_scored_by_category() {
    let place = Place::new();
    place.write(
        "talk.json",
        r#"{"name":"talk","convs":[{"id":"c1","turns":[
            {"id":"D1:1","spk":"Ann","date":"8 May, 2023","text":"I adopted a cat.","cap":""},
            {"id":"D1:2","spk":"Bob","date":"8 May, 2023","text":"Nice!","cap":""}],
           "qa":[{"q":"Who adopted a cat?","a":"Ann","cat":4,"ev":["D1:1"]},{"q":"What did Bob steal?","a":"","cat":5,"ev":["D1:2"]}]}]}"#,
    );
    let found = place.run(&["eval", "retrieval", "--dataset", "talk.json", "--json"]).code(0).json();
    assert_eq!(
        (&found["questions"], &found["by_category"]["single-hop"]["questions"]),
        (&1.into(), &1.into()),
        "{found}"
    );
}

#[test]
fn bad_settings_and_bad_arguments_are_refused_with_their_rule() {
    let place = Place::new();
    place.write("bad.toml", "[server]\nprot = 1\n");
    let refused = place.run(&["verify", "--config", "bad.toml"]).code(1);
    assert!(
        refused.stderr().starts_with("error: bad.toml: server.prot: unknown key"),
        "{}",
        refused.stderr()
    );
    assert!(refused.stdout().is_empty());
    let refused = place.run(&["serve", "--http", "0.0.0.0:1"]).code(1);
    assert!(
        refused.stderr().contains("--http 0.0.0.0:1: must be a loopback address"),
        "{}",
        refused.stderr()
    );
    let refused = place.run(&["recall", "x", "--limit", "0"]).code(1);
    assert!(refused.stderr().contains("limit: must be 1 to 100"), "{}", refused.stderr());
    let refused = place.run(&["recall", "x", "--model", "nowhere"]).code(1);
    assert!(
        refused.stderr().contains("neural_networks.model: \"nowhere\" is neither"),
        "{}",
        refused.stderr()
    );
    let out = place.command(["verify"]).env("CORTEXKG__SERVER__PORT", "0").output().unwrap();
    let said = String::from_utf8(out.stderr).unwrap();
    assert!(said.contains("CORTEXKG__SERVER__PORT: server.port: must be 1 to 65535"), "{said}");
    assert!(!place.path("data").exists(), "a refused command made a data folder");
}

#[test]
fn a_damaged_folder_is_told_by_verify() {
    let place = with_facts();
    let biggest =
        walk(&place.path("data")).into_iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(&biggest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x55;
    std::fs::write(&biggest, bytes).unwrap();
    let report = place.run(&["verify", "--json"]).code(1).json();
    assert_eq!(report["ok"], false);
    assert!(!report["problems"].as_array().unwrap().is_empty());
}

fn walk(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let paths = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { walk(&path) } else { vec![path] }).collect()
}
