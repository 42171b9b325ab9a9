//! Pairs of texts and what the second is to the first, in `fixtures/claims.tsv`: written by hand, of every kind that was ever got
//! wrong. Floors stand below what is reached; that nothing false is said is no floor but a rule.

use cortexkg_memory::claims::{Claims, is_event};
use cortexkg_memory::normal_form::normal_form;

/// Share of changed values that must be noticed.
const NOTICED_MIN: f64 = 0.9;

#[test]
fn pairs_are_what_a_reader_says_they_are() {
    let (mut noticed, mut updates, mut wrong) = (0, 0, Vec::new());
    let lines = include_str!("fixtures/claims.tsv").lines().filter(|line| !line.starts_with('#'));
    for line in lines {
        let [kind, first, later] = line.split('\t').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let is_same = normal_form(first) == normal_form(later);
        let clash = Claims::of(later).clash(&Claims::of(first));
        match kind {
            "same" if !is_same => wrong.push(line),
            "apart" if is_same || clash.is_some() => wrong.push(line),
            "update" => {
                updates += 1;
                noticed += i32::from(clash.is_some());
                if is_same {
                    wrong.push(line);
                }
            }
            _ => {}
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(f64::from(noticed) >= NOTICED_MIN * f64::from(updates), "{noticed} of {updates} updates noticed");
}

#[test]
fn what_happened_is_told_from_what_is() {
    for event in ["The pump in hall two was serviced.", "Ran 8 km this morning.", "Met Ilka at the pier."] {
        assert!(is_event(event), "{event}");
    }
    for state in ["The anvil in shed four is red.", "Ilka lives in Varn.", "Prefer short functions."] {
        assert!(!is_event(state), "{state}");
    }
}

#[test]
fn hostile_text_is_read_without_harm() {
    let texts = [
        "",
        " ",
        "=",
        ":",
        "a=",
        "=b",
        "[x] y: ",
        "[",
        "1",
        "+",
        "from",
        "is on",
        "\u{301}",
        "🦊 = 🦊",
        "now now now",
        "to to to 5",
    ];
    for a in texts {
        for b in texts {
            let _ = Claims::of(a).clash(&Claims::of(b));
            let _ = normal_form(a);
        }
    }
}
