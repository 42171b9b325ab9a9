//! Agreement of the shipped encoder with the network it was exported from, run in Python.
//!
//! `reference/encoder.json` is written by `distil/encoder/export.py`. Both round activations to 7 bits, from sums in another
//! order: where a value lies at the edge of two codes they choose differently, and a step of a code is 1/127 of a row's
//! range. Such a choice moves one of hundreds of inputs of each output, and six layers add them up: of
//! these texts the farthest lies at a cosine of .9975 (1 December 2026), so .99 is asked; a wrong weight, place, norm or head gives far less.

use cortexkg_embed::{Embedder, Encoder, ModelChoice};
use serde::Deserialize;

#[derive(Deserialize)]
struct Entry {
    text: String,
    tokens: usize,
    vector: Vec<f64>,
}

#[test]
fn every_vector_agrees_with_the_reference() {
    let entries: Vec<Entry> = serde_json::from_str(include_str!("reference/encoder.json")).unwrap();
    assert!(entries.len() >= 10 && entries.iter().any(|e| e.tokens == 256), "a text cut at the limit");
    let encoder = Encoder::embedded().unwrap();
    let texts: Vec<&str> = entries.iter().map(|e| e.text.as_str()).collect();
    let found = encoder.embed(&texts).unwrap();
    for (i, entry) in entries.iter().enumerate() {
        let cosine: f64 = found.row(i).iter().zip(&entry.vector).map(|(&x, y)| f64::from(x) * y).sum();
        eprintln!("{cosine:.6}  {} tokens  {:.40}", entry.tokens, entry.text);
        assert!(cosine > 0.99, "{:.60}: cosine {cosine}", entry.text);
    }
}

#[test]
fn a_folder_is_opened_as_what_its_file_says() {
    for (folder, choice) in [("models/encoder", ModelChoice::Default), ("models/static", ModelChoice::Static)]
    {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let opened = cortexkg_embed::open(&ModelChoice::Folder(path)).unwrap();
        let embedded = cortexkg_embed::open(&choice).unwrap();
        assert_eq!(opened.identity(), embedded.identity());
        let text = ["the same text"];
        assert_eq!(opened.embed(&text).unwrap(), embedded.embed(&text).unwrap());
    }
}
