//! The index over real texts: every case is one that was stored and could not be found.

use proptest::prelude::*;

use super::*;
use crate::text::terms::index_terms;

/// Texts and their index.
struct Store {
    texts: Vec<String>,
    index: Lexical,
}

impl Store {
    fn of(texts: &[&str]) -> Self {
        let mut index = Lexical::default();
        for (row, text) in texts.iter().enumerate() {
            index.add(row as u32, &index_terms(text));
        }
        Store { texts: texts.iter().map(|text| text.to_string()).collect(), index }
    }

    fn found(&self, query: &str) -> Vec<&str> {
        let mut found = self.index.search(&self.index.understand(query));
        found.sort_by(|a, b| b.bm25.total_cmp(&a.bm25).then(a.row.cmp(&b.row)));
        found.iter().map(|found| self.texts[found.row as usize].as_str()).collect()
    }

    /// The best match, if it is better than the second.
    fn first(&self, query: &str) -> &str {
        let mut found = self.index.search(&self.index.understand(query));
        found.sort_by(|a, b| b.bm25.total_cmp(&a.bm25).then(a.row.cmp(&b.row)));
        match &found[..] {
            [a, b, ..] if a.bm25 <= b.bm25 => "",
            [a, ..] => &self.texts[a.row as usize],
            [] => "",
        }
    }
}

/// Each text is the first answer to each of its queries.
fn check(cases: &[(&str, &[&str])], others: &[&str]) {
    let texts: Vec<&str> = cases.iter().map(|(text, _)| *text).chain(others.iter().copied()).collect();
    let store = Store::of(&texts);
    for (text, queries) in cases {
        for query in *queries {
            assert_eq!(store.first(query), *text, "{query}: {:?}", store.index.understand(query));
        }
    }
}

fn terms(text: &str) -> Vec<String> {
    text.split(' ').map(String::from).collect()
}

fn scores(index: &Lexical, query: &str) -> Vec<f32> {
    let mut scores = Vec::new();
    index.score(&terms(query), &mut scores);
    scores
}

#[test]
fn a_long_text_with_both_words_beats_short_ones_with_one() {
    let mut lexical = Lexical::default();
    let long = format!("needle haystack {}", (0..200).map(|n| format!("w{n} ")).collect::<String>());
    lexical.add(0, &terms(long.trim()));
    for row in 1..1_000 {
        let word = if row <= 10 { "needle" } else { "straw" };
        lexical.add(row, &terms(&format!("{word} x{row} y{row}")));
    }
    let scores = scores(&lexical, "needle haystack");
    let best = (0..scores.len()).max_by(|a, b| scores[*a].total_cmp(&scores[*b]));
    assert_eq!(best, Some(0), "{:?}", &scores[..12]);
}

#[test]
fn rare_terms_and_short_texts_weigh_more() {
    let mut index = Lexical::default();
    index.add(0, &terms("cat dog"));
    index.add(1, &terms("cat dog dog bird fish tree house"));
    index.add(2, &terms("cat"));
    let found = scores(&index, "cat bird");
    assert!(found[1] > found[2] && found[2] > found[0], "{found:?}");
    // idf of a term in 1 of 3 texts: ln(1 + 2.5 / 1.5).
    assert!((index.idf("bird").unwrap() - (1.0f32 + 2.5 / 1.5).ln()).abs() < 1e-6);
}

#[test]
fn a_removed_row_leaves_the_index_as_if_never_added() {
    let mut once = Lexical::default();
    once.add(0, &terms("a b c"));
    once.add(2, &terms("c d"));
    let mut twice = once.clone();
    twice.add(1, &terms("b b d e"));
    twice.remove(1, &terms("b b d e"));
    for query in ["a", "b c", "d e"] {
        assert_eq!(scores(&once, query), scores(&twice, query));
    }
    twice.add(1, &terms("c"));
    assert_eq!(twice.rows("c"), [0, 1, 2]);
}

#[test]
fn identifiers_meet_in_every_spelling() {
    check(
        &[
            (
                "`retryBudgetMs` caps how long one request may be tried again.",
                &[
                    "retry_budget_ms",
                    "retryBudgetMs",
                    "RETRY-BUDGET-MS",
                    "retrybudgetms",
                    "the retry budget ms",
                ],
            ),
            (
                "parse_invoice_date reads a day",
                &["parseInvoiceDate", "PARSE-INVOICE-DATE", "parse invoice date", "ParseInvoiceDate()"],
            ),
            (
                "The lowercase name is parseinvoicerows",
                &["parse_invoice_rows", "parse invoice rows", "parseInvoiceRows"],
            ),
            ("HTTPServerName must be set", &["http_server_name", "httpServerName"]),
        ],
        &[
            "parse the invoice",
            "The retry of a request",
            "a date of an invoice",
            "`retryBudget` is older",
            "budget in ms",
        ],
    );
}

#[test]
fn paths_versions_codes_and_addresses_are_found_whole_and_in_parts() {
    check(
        &[
            ("See src/text/words.rs for the cutter", &["src/text/words.rs", "words.rs"]),
            ("We run 1.20 in production", &["1.20", "What is 1.20?", "v1.20"]),
            ("We ran 1.2 until May", &["1.2"]),
            ("The error E0502 is about borrows", &["E0502", "what is e0502"]),
            ("ERR_CONN_RESET comes from the proxy", &["err-conn-reset", "ERR_CONN_RESET", "errConnReset"]),
            (
                "Docs: https://example.com/guide/start?lang=en",
                &["example.com/guide", "https://example.com/guide/start?lang=en"],
            ),
            ("The parcel weighs 12kg", &["12 kg", "12kg"]),
        ],
        &[
            "We looked at 1.3",
            "words of a text",
            "the src folder",
            "an example",
            "120 versions",
            "E0499 is another one",
            "20 kg of salt",
        ],
    );
}

#[test]
fn numbers_and_times_meet_in_every_form() {
    check(
        &[
            ("The hall seats 8,726 people", &["8726", "8 726", "8,726", "8.726"]),
            ("The bill was 12345 euros", &["12,345", "12 345 euros", "12.345"]),
            ("Lunch is at 3pm", &["15:00", "3 p.m.", "what is at 3:00 pm"]),
            ("The ferry leaves at 17:30", &["5:30pm", "5.30 pm"]),
        ],
        &["8 halls", "726 seats", "12 people", "345 euros", "15 ferries", "3 lunches", "17 people at 30"],
    );
}

#[test]
fn dates_meet_in_every_form() {
    let forms = |text: &str| format!("{text}: the pump in hall two was serviced.");
    let days = ["2023-06-26", "June 27th, 2023", "28 June 2023", "29.06.2023", "26. Juli 2023", "6/26/2022"];
    let texts: Vec<String> = days.iter().map(|day| forms(day)).collect();
    let store = Store::of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
    for (day, ways) in [
        (
            "2023-06-26",
            ["June 26th, 2023", "26 June 2023", "26.06.2023", "6/26/2023", "20230626", "26. Juni 2023"],
        ),
        (
            "June 27th, 2023",
            ["2023-06-27", "27 Jun 2023", "27/06/2023", "27.6.23", "2023年6月27日", "27 juin 2023"],
        ),
        (
            "26. Juli 2023",
            ["2023-07-26", "July 26, 2023", "26 July 2023", "7/26/2023", "26.7.2023", "26 de julio de 2023"],
        ),
    ] {
        for way in ways {
            assert_eq!(store.first(&format!("What happened on {way}?")), forms(day), "{way}");
        }
    }
}

#[test]
fn words_typed_wrong_are_found_on_either_side() {
    check(
        &[
            ("Valdemar Nystrom prints posters.", &["What does Nystrm do?", "nystorm", "Valdmear Nystom"]),
            (
                "The spare key for the boathouse hangs behind the paint cans.",
                &["Where is the spae key for the boatthouse?"],
            ),
            ("The umbrela stands by the door.", &["umbrella"]),
            ("Guinevere Pask weaves baskets.", &["What does Psk do?", "Gunievere Pak"]),
        ],
        &["The oar hangs in the shed.", "Valdis paints.", "A basket of posters."],
    );
    let store = Store::of(&["The code is 4711", "Marla sings"]);
    assert!(store.found("4712").is_empty(), "numbers are never guessed");
    assert!(store.found("zither").is_empty());
}

#[test]
fn compounds_are_found_by_their_parts_and_parts_by_compounds() {
    check(
        &[
            (
                "Der Heizkesselwartungsvertrag liegt bei Frau Oertmann.",
                &["Wer hat den Wartungsvertrag für den Heizkessel?", "Wartungsvertrag"],
            ),
            ("Das Dach der Scheune ist undicht.", &["Scheunendach"]),
            ("Die Sicherung der Datenbank läuft nachts.", &["Wann läuft die Datenbanksicherung?"]),
        ],
        &[
            "Der Heizkessel ist neu.",
            "Der Vertrag mit Herrn Oertel.",
            "Frau Oertmann malt.",
            "Das Dach ist rot.",
        ],
    );
}

#[test]
fn letters_of_many_forms_meet() {
    check(
        &[
            ("The Straße to Größenau is closed.", &["strasse", "grossenau", "groessenau", "GRÖSSENAU"]),
            ("The co\u{ad}op\u{ad}eration pact was signed", &["cooperation", "co-operation"]),
            ("Ｔｈｅ ｆｅｒｒｙ ｓａｉｌｓ", &["ferry"]),
            ("The ﬂour is in the cellar", &["flour"]),
            ("Café Łódź opens", &["cafe lodz"]),
            ("Herr Mueller kommt", &["Müller"]),
            ("On va à l'école", &["école", "ecole"]),
        ],
        &["The road to Grossau", "a copper pot", "flower"],
    );
}

#[test]
fn scripts_without_spaces_and_vowel_signs() {
    check(
        &[
            ("医生开了眼药水。", &["眼药水", "医生开了什么药？"]),
            ("我们家的猫叫胡椒，今年七岁。", &["猫", "猫几岁了？"]),
            ("カラスが屋根にいる。", &["カラス", "屋根"]),
            ("ガラスが割れた。", &["ガラス"]),
            ("予備の鍵は冷蔵庫の上にあります。", &["鍵はどこですか", "冷蔵庫"]),
            (
                "データベースのバックアップは毎晩二時に走る。",
                &["バックアップはいつ？", "データベースのバックアップ"],
            ),
            ("고양이는 소파에서 자고 있다.", &["고양이가 어디에 있어?", "고양이"]),
            ("예비 열쇠는 냉장고 위에 있습니다.", &["열쇠가 어디에 있나요?", "냉장고"]),
            ("กุญแจสำรองแขวนอยู่หลังประตู", &["กุญแจอยู่ที่ไหน", "กุญแจสำรอง"]),
            ("หมอสั่งยาหยอดตา", &["ยาหยอดตา"]),
            ("दिन में बाज़ार खुला है", &["दिन", "बाजार"]),
            ("दान में किताबें मिलीं", &["दान", "किताबें"]),
            ("Запасной ключ висит за дверью.", &["Где висит запасной ключ?", "ключи"]),
            ("Бабушка печёт яблочный пирог.", &["Кто печет яблочные пироги?"]),
            ("سُرقت الدراجة أمام المكتبة.", &["أين سرقت الدراجة؟", "المكتبه"]),
        ],
        &[
            "今天下雨。",
            "犬が好きです。",
            "강아지가 뛴다.",
            "ฝนตกหนัก",
            "मौसम अच्छा है",
            "Кошка спит.",
            "القطة نائمة.",
        ],
    );
}

#[test]
fn pictures_and_function_words_are_found_where_nothing_else_is_asked() {
    check(
        &[
            ("🦊", &["🦊"]),
            ("Saved by 👩🏽\u{200d}🚒 today", &["👩\u{200d}🚒"]),
            ("To be, or not to be, is his motto.", &["to be or not to be", "\"to be or not to be\""]),
            ("?!", &["?!"]),
        ],
        &["🐺 howls", "a 🚒 came", "It is not the last of them."],
    );
    let store = Store::of(&["The cat is here", "What is the time"]);
    assert_eq!(store.found("what is the cat"), ["The cat is here"]);
}

#[test]
fn quotes_ask_for_the_exact_phrase() {
    let store = Store::of(&["The red door is open", "The door is red and open", "An open red door"]);
    let query = store.index.understand("the \"red door\"");
    let held: Vec<bool> = store.texts.iter().map(|text| query.holds(text)).collect();
    assert_eq!(held, [true, false, true]);
    assert!(store.index.search(&query).iter().all(|found| found.phrase));
    assert!(store.index.understand("red door").phrases.is_empty());
}

#[test]
fn a_term_counts_once_and_other_spellings_add_no_length() {
    let store = Store::of(&["parse_invoice_date", "parse invoice date", "Größenau", "Grossenau"]);
    assert_eq!(store.index.lens[0], store.index.lens[1]);
    assert_eq!(store.index.lens[2], store.index.lens[3]);
    let query = store.index.understand("Größenau");
    let found = store.index.search(&query);
    assert_eq!(found.iter().map(|found| found.matched).collect::<Vec<_>>(), [1.0, 1.0]);
    // Nothing holds it, so it is worth what a term of no memory is.
    let none = store.index.understand("xylophone");
    assert!(none.terms[0].alternatives.is_empty() && none.terms[0].idf >= query.terms[0].idf);
}

/// Texts of every script and sign.
fn any_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-zA-Z]{1,8}",
        "[a-z_./-]{1,12}",
        "[0-9,. :/-]{1,10}",
        "\\PC{1,4}",
        "[一-龥ァ-ヶ가-힣ก-๙]{1,5}",
        Just("June 26th, 2023".to_owned()),
        Just("the".to_owned()),
        Just(" ".to_owned()),
    ];
    proptest::collection::vec(piece, 1..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn a_stored_text_is_found_by_itself(texts in proptest::collection::vec(any_text(), 1..6)) {
        let store = Store::of(&texts.iter().map(String::as_str).collect::<Vec<_>>());
        for (row, text) in texts.iter().enumerate() {
            let found = store.index.search(&store.index.understand(text));
            prop_assert!(found.is_sorted_by(|a, b| a.row < b.row));
            if !index_terms(text).is_empty() {
                prop_assert!(found.iter().any(|found| found.row == row as u32), "{text:?}");
            }
        }
    }

    #[test]
    fn what_is_removed_leaves_nothing(kept in proptest::collection::vec(any_text(), 1..4), gone in any_text(), query in any_text()) {
        let store = Store::of(&kept.iter().map(String::as_str).collect::<Vec<_>>());
        let mut index = store.index.clone();
        index.add(kept.len() as u32, &index_terms(&gone));
        index.remove(kept.len() as u32, &index_terms(&gone));
        // Indexes of terms differ by those that nothing holds any more.
        let told = |index: &Lexical| -> Vec<(String, f32, usize)> {
            let terms = index.understand(&query).terms;
            terms.into_iter().map(|term| (term.text, term.idf, term.alternatives.len())).collect()
        };
        prop_assert_eq!(told(&index), told(&store.index));
        prop_assert_eq!(index.search(&index.understand(&query)), store.index.search(&store.index.understand(&query)));
    }
}
