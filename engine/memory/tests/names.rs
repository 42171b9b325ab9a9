//! How well names are told from other words, on a hundred texts of all kinds labelled by hand.

use cortexkg_memory::text::names::names;

/// One labelled text.
struct Labelled {
    kind: &'static str,
    text: String,
    names: Vec<&'static str>,
}

fn labelled() -> Vec<Labelled> {
    let lines =
        include_str!("fixtures/names.txt").lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .map(|line| {
            let mut fields = line.split(" |");
            let mut next = || fields.next().expect("kind | text | names").trim();
            let (kind, text, names) = (next(), next().replace("\\n", "\n"), next());
            Labelled {
                kind,
                text,
                names: names.split(';').map(str::trim).filter(|name| !name.is_empty()).collect(),
            }
        })
        .collect()
}

#[test]
fn names_are_told_from_other_words() {
    let (mut right, mut found, mut wanted) = (0, 0, 0);
    for case in labelled() {
        let is_turn = matches!(case.kind, "turn" | "chat");
        let told: Vec<String> = names(&case.text, !is_turn)
            .mentions
            .into_iter()
            .map(|(name, _)| name)
            .filter(|name| !name.bytes().all(|byte| byte.is_ascii_digit()))
            .collect();
        // An article more or less is no other name.
        let same =
            |told: &str, wanted: &str| told.trim_start_matches("the ") == wanted.trim_start_matches("the ");
        let hits = case.names.iter().filter(|wanted| told.iter().any(|told| same(told, wanted))).count();
        right += hits;
        found += told.len();
        wanted += case.names.len();
        if hits < told.len() || hits < case.names.len() {
            println!("{}: {:?} told {told:?}, wanted {:?}", case.kind, case.text, case.names);
        }
    }
    let (precision, recall) = (right as f64 / found as f64, right as f64 / wanted as f64);
    println!("precision {precision:.3}, recall {recall:.3}, {wanted} names, {found} told");
    assert!(precision >= 0.92 && recall >= 0.95, "precision {precision:.3}, recall {recall:.3}");
}
