//! What scripts read of `cortexkg eval`.

mod common;

use common::Place;
use serde_json::Value;

const WORLD: &str = r#"{"name":"small","about":"","memories":[
    {"id":"m0","at":"2026-03-01T09:00:00Z","text":"Nils drives a red van.","tags":["car"]},
    {"id":"m1","at":"2026-03-02T09:00:00Z","text":"Nils drives a blue van.","supersedes":"m0"},
    {"id":"m2","at":"2026-03-03T09:00:00Z","text":"Ida keeps bees behind the mill.","context":"visit"},
    {"id":"m3","at":"2026-03-04T09:00:00Z","text":"The courier code is heliotrope."}],
  "questions":[
    {"q":"What does Nils drive?","type":"update_current","gold":["m1"],"stale":["m0"],"why":""},
    {"q":"Where does Ida keep bees?","type":"direct","gold":["m2"],"why":""},
    {"q":"courier code","type":"keyword","gold":["m3"],"why":""},
    {"q":"Who repaired the xylophone?","type":"unanswerable","gold":[],"why":""}]}"#;

const PASSAGES: &str = r#"{"name":"hops","passages":[
    {"title":"Port Blair","text":"Port Blair is the capital of the Andaman Islands."},
    {"title":"","text":"The ferry from Chennai lands in Port Blair."}],
  "questions":[{"id":"1","q":"What is the capital of the Andaman Islands?","type":"1hop","gold":[0]},
    {"id":"2","q":"Where does the ferry from Chennai land?","type":"1hop","gold":[1]}]}"#;

const TALK: &str = r#"{"name":"/some/where/talk.json.gz","convs":[{"id":"c","turns":[
    {"id":"D1:1","spk":"Ann","date":"8 May","text":"I adopted a cat in Oslo.","cap":""},
    {"id":"D1:2","spk":"Bob","date":"8 May","text":"Lovely.","cap":""},
    {"id":"D2:1","spk":"Ann","date":"9 May","text":"The harbour was frozen.","cap":""}],
  "qa":[{"q":"What did Ann adopt in Oslo?","a":"","cat":4,"ev":["D1:1"]},
    {"q":"Was the harbour frozen?","a":"","cat":21,"ev":["D2:1"]}]}]}"#;

fn is_share(value: &Value) -> bool {
    value.as_f64().is_some_and(|share| (0.0..=100.0).contains(&share))
}

#[test]
fn everyday_tells_what_scripts_read() {
    let place = Place::new();
    place.write("w.json", WORLD);
    place.write("noise.jsonl", "{\"content\":\"Granite is an igneous rock.\"}\n");
    let told = place.run(&["eval", "everyday", "w.json", "--noise", "noise.jsonl", "--json"]).code(0).json();
    for rows in ["all", "all_thr0"] {
        assert_eq!(told[rows]["n"], 3, "{told}");
        assert!(
            ["r1", "r5", "all5", "mrr", "shown"].iter().all(|name| is_share(&told[rows][name])),
            "{told}"
        );
    }
    assert_eq!(told["all_thr0"]["r5"], 100.0, "four memories and five are asked for: {told}");
    let kinds: Vec<&String> = told["by_type"].as_object().unwrap().keys().collect();
    assert_eq!(kinds, ["direct", "keyword", "update_current"]);
    assert_eq!(
        (&told["by_type"]["direct"]["n"], &told["by_type"]["direct"]["r5_thr0"]),
        (&1.into(), &100.0.into())
    );
    assert!(["abstain", "stale", "auc"].iter().all(|name| is_share(&told[name])), "{told}");
    assert!(told["bytes"].as_f64().unwrap() > 50.0);
    assert!(told["false_claims_per_100"].is_number());
    assert_eq!((&told["stores"], &told["noise"]), (&4.into(), &1.into()));

    let all = place.run(&["eval", "everyday", "w.json", "--method", "all", "--json"]).code(0).json();
    let methods = all["methods"].as_array().unwrap();
    let words: Vec<_> = methods.iter().map(|method| method["method"].as_str().unwrap()).collect();
    assert_eq!((words.len(), words[7]), (8, "spread"));
    assert!(place.run(&["eval", "everyday", "w.json"]).code(0).stdout().contains("update_current"));
}

#[test]
fn several_sets_are_compared_question_by_question() {
    let place = Place::new();
    place.write("w.json", WORLD);
    place.write("hops.json", PASSAGES);
    place.write("talk.json", TALK);
    let sets = ["eval", "retrieval", "--dataset", "w.json", "hops.json", "talk.json", "--method", "all"];
    let told = place.run(&[&sets[..], &["--json", "--questions", "q.jsonl"]].concat()).code(0).json();
    let names: Vec<_> =
        told["sets"].as_array().unwrap().iter().map(|set| set["dataset"].as_str().unwrap()).collect();
    assert_eq!(names, ["small", "hops", "talk"]);
    let spread = &told["sets"][2]["methods"][3];
    assert_eq!((&spread["method"], &spread["questions"]), (&"spread".into(), &2.into()));
    assert!(["any1", "all5", "all8", "all10", "mrr"].iter().all(|name| is_share(&spread[name])), "{spread}");
    assert_eq!(spread["by_session"]["questions"], 2);
    assert_eq!(spread["by_category"]["temporal"]["questions"], 1);
    let compared = told["compared"].as_array().unwrap();
    assert_eq!(compared.len(), 4 * (1 + 3), "four rivals over all and over each set");
    assert_eq!((&compared[0]["over"], &compared[0]["questions"]), (&"all".into(), &7.into()));
    assert!(compared.iter().all(|row| row["r5"]["low"].as_f64() <= row["r5"]["mean"].as_f64()));
    // Every question once a method, with the ranks of its gold.
    let lines = std::fs::read_to_string(place.path("q.jsonl")).unwrap();
    assert_eq!(lines.lines().count(), 8 * 7);

    // One set and one method are one object.
    let one = ["eval", "retrieval", "--dataset", "hops.json", "--method", "dense", "--defaults", "--json"];
    let one = place.run(&one).code(0).json();
    assert_eq!(one["dataset"], "hops");
    assert!(one["threshold"].is_null(), "who names no threshold leaves it to the engine: {one}");
    assert!(is_share(&one["recall"]["20"]));
}

#[test]
fn weights_are_fitted_and_judged_where_they_were_not_fitted() {
    let place = Place::new();
    place.write("w.json", WORLD);
    place.write("other.json", &WORLD.replace("\"small\"", "\"other\"").replace("Nils", "Olga"));
    place.write("hops.json", PASSAGES);
    place.write("talk.json", TALK);
    let fit = [
        "eval",
        "fit",
        "w.json",
        "other.json",
        "hops.json",
        "talk.json",
        "--cross",
        "--weights",
        "w.rs",
        "--json",
    ];
    let told = place.run(&fit).code(0).json();
    assert_eq!(told["questions"], 12, "{told}");
    let held = told["held"].as_array().unwrap();
    let worlds = held.iter().filter(|held| held["set"] == "everyday");
    assert!(worlds.clone().count() == 2 && worlds.clone().all(|held| held["fitted_on"] == 8), "{told}");
    for name in ["any1", "stale", "area", "shown", "abstain"] {
        assert!(is_share(&told["sets"]["everyday"][name]), "{name}: {told}");
    }
    assert!(told["sets"]["everyday"]["reliability"]["bins"].is_array(), "{told}");
    let written = std::fs::read_to_string(place.path("w.rs")).unwrap();
    assert!(written.contains("pub const SHIPPED: Scorer"));
    place.run(&["eval", "fit", "none.json"]).code(1);
}
