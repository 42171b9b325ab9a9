//! The encoder against the law: the same network in plain f64 loops, on a tiny random model written to a folder as a
//! real one is. The agreement with a real model is tested in `tests/minilm.rs`.

use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;

const VOCABULARY: [&str; 12] =
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "b", "c", "d", "e", "##a", "##b", "##c"];
const HIDDEN: usize = 12;
const HEADS: usize = 3;
const WIDE: usize = 20;
const LAYERS: usize = 2;
const POSITIONS: usize = 40;
const EPS: f64 = 1e-5;

/// Named matrices (a vector is a matrix of one row), row-major.
type Weights = Vec<(String, [usize; 2], Vec<f32>)>;

fn weights() -> Weights {
    let mut state = 7u64;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1u64 << 24) as f32 - 0.5) * 1.2
    };
    let mut shapes: Vec<(String, [usize; 2])> = vec![
        ("embeddings.word_embeddings.weight".into(), [VOCABULARY.len(), HIDDEN]),
        ("embeddings.position_embeddings.weight".into(), [POSITIONS, HIDDEN]),
        ("embeddings.token_type_embeddings.weight".into(), [2, HIDDEN]),
        ("embeddings.LayerNorm.weight".into(), [1, HIDDEN]),
        ("embeddings.LayerNorm.bias".into(), [1, HIDDEN]),
    ];
    for layer in 0..LAYERS {
        for (part, width, depth) in [
            ("attention.self.query", HIDDEN, HIDDEN),
            ("attention.self.key", HIDDEN, HIDDEN),
            ("attention.self.value", HIDDEN, HIDDEN),
            ("attention.output.dense", HIDDEN, HIDDEN),
            ("intermediate.dense", WIDE, HIDDEN),
            ("output.dense", HIDDEN, WIDE),
            ("attention.output.LayerNorm", HIDDEN, 0),
            ("output.LayerNorm", HIDDEN, 0),
        ] {
            let name = format!("encoder.layer.{layer}.{part}");
            shapes.push((format!("{name}.weight"), if depth == 0 { [1, width] } else { [width, depth] }));
            shapes.push((format!("{name}.bias"), [1, width]));
        }
    }
    shapes
        .into_iter()
        .map(|(name, shape)| {
            let values = (0..shape[0] * shape[1]).map(|_| random()).collect();
            (name, shape, values)
        })
        .collect()
}

fn write_model(folder: &Path, weights: &Weights, dtype: Dtype) {
    let bytes: Vec<Vec<u8>> = weights
        .iter()
        .map(|(_, _, values)| match dtype {
            Dtype::F16 => values.iter().flat_map(|&v| half::f16::from_f32(v).to_le_bytes()).collect(),
            Dtype::BF16 => values.iter().flat_map(|&v| half::bf16::from_f32(v).to_le_bytes()).collect(),
            _ => values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        })
        .collect();
    let tensors: Vec<(&str, TensorView<'_>)> = weights
        .iter()
        .zip(&bytes)
        .map(|((name, shape, _), bytes)| {
            let shape = if shape[0] == 1 { vec![shape[1]] } else { shape.to_vec() };
            (name.as_str(), TensorView::new(dtype, shape, bytes).unwrap())
        })
        .collect();
    std::fs::write(folder.join("model.safetensors"), safetensors::serialize(tensors, None).unwrap()).unwrap();
    let config = format!(
        r#"{{"model_type": "bert", "vocab_size": {}, "hidden_size": {HIDDEN}, "num_hidden_layers": {LAYERS},
            "num_attention_heads": {HEADS}, "intermediate_size": {WIDE}, "max_position_embeddings": {POSITIONS},
            "layer_norm_eps": {EPS}, "hidden_act": "gelu"}}"#,
        VOCABULARY.len()
    );
    std::fs::write(folder.join("config.json"), config).unwrap();
    let vocabulary: Vec<String> =
        VOCABULARY.iter().enumerate().map(|(i, token)| format!("{token:?}: {i}")).collect();
    let tokenizer = format!(
        r###"{{"version": "1.0", "truncation": {{"max_length": 5, "strategy": "LongestFirst", "stride": 0}},
            "padding": {{"strategy": {{"Fixed": 8}}, "direction": "Right", "pad_to_multiple_of": null, "pad_id": 0,
                "pad_type_id": 0, "pad_token": "[PAD]"}},
            "added_tokens": [], "normalizer": {{"type": "BertNormalizer", "clean_text": true,
                "handle_chinese_chars": true, "strip_accents": null, "lowercase": true}},
            "pre_tokenizer": {{"type": "BertPreTokenizer"}},
            "post_processor": {{"type": "TemplateProcessing",
                "single": [{{"SpecialToken": {{"id": "[CLS]", "type_id": 0}}}}, {{"Sequence": {{"id": "A", "type_id": 0}}}},
                    {{"SpecialToken": {{"id": "[SEP]", "type_id": 0}}}}], "pair": [],
                "special_tokens": {{"[CLS]": {{"id": "[CLS]", "ids": [2], "tokens": ["[CLS]"]}},
                    "[SEP]": {{"id": "[SEP]", "ids": [3], "tokens": ["[SEP]"]}}}}}},
            "decoder": null,
            "model": {{"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                "max_input_chars_per_word": 100, "vocab": {{{}}}}}}}"###,
        vocabulary.join(", ")
    );
    std::fs::write(folder.join("tokenizer.json"), tokenizer).unwrap();
}

/// The network in f64, one text, mean pooled and normalised. Written for reading.
fn law(weights: &Weights, ids: &[u32]) -> Vec<f64> {
    type Matrix = Vec<Vec<f64>>;
    let matrix = |name: &str| -> Matrix {
        let (_, shape, values) = weights.iter().find(|(n, _, _)| n == name).unwrap();
        values.chunks(shape[1]).map(|row| row.iter().map(|&v| f64::from(v)).collect()).collect()
    };
    let linear = |x: &Matrix, name: &str| -> Matrix {
        let (w, b) = (matrix(&format!("{name}.weight")), matrix(&format!("{name}.bias")));
        x.iter()
            .map(|x| {
                let dot = |w: &Vec<f64>| w.iter().zip(x).map(|(w, x)| w * x).sum::<f64>();
                w.iter().zip(&b[0]).map(|(w, b)| dot(w) + b).collect()
            })
            .collect()
    };
    let norm = |x: Matrix, name: &str| -> Matrix {
        let (w, b) = (matrix(&format!("{name}.weight")), matrix(&format!("{name}.bias")));
        x.into_iter()
            .map(|x| {
                let mean = x.iter().sum::<f64>() / HIDDEN as f64;
                let variance = x.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / HIDDEN as f64;
                (0..HIDDEN).map(|i| (x[i] - mean) / (variance + EPS).sqrt() * w[0][i] + b[0][i]).collect()
            })
            .collect()
    };
    let add = |x: Matrix, y: &Matrix| -> Matrix {
        x.iter().zip(y).map(|(x, y)| x.iter().zip(y).map(|(x, y)| x + y).collect()).collect()
    };
    // erf by its Maclaurin series; beyond 4 it is 1 to 1e-7.
    let gelu = |x: f64| {
        let u = (x / 2f64.sqrt()).clamp(-4.0, 4.0);
        let (mut term, mut sum) = (u, u);
        for n in 1..100 {
            term *= -u * u / f64::from(n);
            sum += term / f64::from(2 * n + 1);
        }
        x * 0.5 * (1.0 + sum * 2.0 / std::f64::consts::PI.sqrt())
    };

    let (words, positions, types) = (
        matrix("embeddings.word_embeddings.weight"),
        matrix("embeddings.position_embeddings.weight"),
        matrix("embeddings.token_type_embeddings.weight"),
    );
    let embedded = ids
        .iter()
        .enumerate()
        .map(|(p, &id)| (0..HIDDEN).map(|i| words[id as usize][i] + positions[p][i] + types[0][i]).collect())
        .collect();
    let mut hidden = norm(embedded, "embeddings.LayerNorm");
    for layer in 0..LAYERS {
        let name = |part: &str| format!("encoder.layer.{layer}.{part}");
        let [q, k, v] =
            ["query", "key", "value"].map(|p| linear(&hidden, &name(&format!("attention.self.{p}"))));
        let head_width = HIDDEN / HEADS;
        let mut context = vec![vec![0.0; HIDDEN]; ids.len()];
        for head in 0..HEADS {
            let columns = head * head_width..(head + 1) * head_width;
            for i in 0..ids.len() {
                let score = |j: usize| {
                    (columns.clone().map(|c| q[i][c] * k[j][c]).sum::<f64>() / (head_width as f64).sqrt())
                        .exp()
                };
                let total: f64 = (0..ids.len()).map(score).sum();
                for c in columns.clone() {
                    context[i][c] = (0..ids.len()).map(|j| score(j) / total * v[j][c]).sum();
                }
            }
        }
        let attended = add(linear(&context, &name("attention.output.dense")), &hidden);
        hidden = norm(attended, &name("attention.output.LayerNorm"));
        let wide = linear(&hidden, &name("intermediate.dense"))
            .into_iter()
            .map(|row| row.into_iter().map(gelu).collect())
            .collect();
        hidden = norm(add(linear(&wide, &name("output.dense")), &hidden), &name("output.LayerNorm"));
    }
    let mean: Vec<f64> =
        (0..HIDDEN).map(|i| hidden.iter().map(|row| row[i]).sum::<f64>() / ids.len() as f64).collect();
    let length = mean.iter().map(|v| v * v).sum::<f64>().sqrt();
    mean.into_iter().map(|v| v / length).collect()
}

/// The ids of a text of the one-letter words above, with framing, cut at the number of positions.
fn law_ids(text: &str) -> Vec<u32> {
    let id = |t: &str| VOCABULARY.iter().position(|&v| v == t).unwrap_or(1) as u32;
    let words = text.split_whitespace().take(POSITIONS - 2).map(id);
    std::iter::once(2).chain(words).chain([3]).collect()
}

fn opened(dtype: Dtype) -> (tempfile::TempDir, BertEncoder) {
    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), &weights(), dtype);
    let encoder = BertEncoder::open(folder.path()).unwrap();
    (folder, encoder)
}

fn texts() -> Vec<String> {
    let letters = ["a", "b", "c", "d", "e", "zebra"];
    (0..60).map(|i| (0..i).map(|j| letters[(i * 7 + j * j) % 6]).collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn agrees_with_the_law_at_every_length() {
    let (_folder, encoder) = opened(Dtype::F32);
    let texts = texts();
    let found = encoder.embed(&texts.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    let weights = weights();
    assert!(!found.has_direction(0), "an empty text has no direction");
    for (i, text) in texts.iter().enumerate().skip(1) {
        for (found, expected) in found.row(i).iter().zip(law(&weights, &law_ids(text))) {
            assert!((f64::from(*found) - expected).abs() < 1e-5, "text {i}: {found}, not {expected}");
        }
    }
}

#[test]
fn a_text_does_not_depend_on_its_neighbours() {
    let (_folder, encoder) = opened(Dtype::F32);
    let texts = texts();
    let batch = encoder.embed(&texts.iter().map(String::as_str).collect::<Vec<_>>()).unwrap();
    for (i, text) in texts.iter().enumerate() {
        for (x, y) in encoder.embed(&[text]).unwrap().row(0).iter().zip(batch.row(i)) {
            assert!((x - y).abs() < 1e-6, "text {i}");
        }
    }
    assert_eq!(encoder.embed(&[]).unwrap().rows(), 0);
}

#[test]
fn half_precision_files_are_read() {
    let (_a, full) = opened(Dtype::F32);
    for dtype in [Dtype::F16, Dtype::BF16] {
        let (_b, half) = opened(dtype);
        let (x, y) = (full.embed(&["a b c"]).unwrap(), half.embed(&["a b c"]).unwrap());
        let cosine: f32 = x.values.iter().zip(&y.values).map(|(x, y)| x * y).sum();
        assert!(cosine > 0.999 && cosine < 1.001, "{dtype:?}: {cosine}");
        assert_ne!(full.identity().fingerprint, half.identity().fingerprint);
    }
}

#[test]
fn the_fingerprint_follows_what_shapes_a_vector_and_not_the_folder() {
    let (a, first) = opened(Dtype::F32);
    let (_b, second) = opened(Dtype::F32);
    assert!(first.identity().same_vectors(second.identity()));
    std::fs::write(a.path().join("sentence_bert_config.json"), r#"{"max_seq_length": 10}"#).unwrap();
    assert!(!first.identity().same_vectors(BertEncoder::open(a.path()).unwrap().identity()));
}

#[test]
fn a_bad_model_is_refused_by_field() {
    let refused = |change: &dyn Fn(&mut Weights)| {
        let folder = tempfile::tempdir().unwrap();
        let mut changed = weights();
        change(&mut changed);
        write_model(folder.path(), &changed, Dtype::F32);
        BertEncoder::open(folder.path()).err().unwrap().to_string()
    };
    assert!(refused(&|w| w.truncate(10)).contains("no tensor of this name"));
    assert!(
        refused(&|w| w[3].2[0] = f32::NAN)
            .contains("embeddings.LayerNorm.weight: expected finite numbers, found NaN")
    );
    assert!(
        refused(&|w| w[0] = (w[0].0.clone(), [VOCABULARY.len() - 1, HIDDEN], w[0].2[HIDDEN..].to_vec()))
            .contains("expected shape [12, 12], found [11, 12]")
    );

    let folder = tempfile::tempdir().unwrap();
    write_model(folder.path(), &weights(), Dtype::F32);
    let config = std::fs::read_to_string(folder.path().join("config.json")).unwrap();
    std::fs::write(
        folder.path().join("config.json"),
        config.replace("\"vocab_size\": 12", "\"vocab_size\": 11"),
    )
    .unwrap();
    assert!(
        BertEncoder::open(folder.path()).err().unwrap().to_string().contains("token ids below vocab_size 11")
    );
}

#[test]
fn jobs_hold_every_text_once_and_stay_small() {
    let encoded: Vec<(usize, Vec<u32>)> =
        (0..200).rev().map(|i| (i, vec![0; if i == 199 { 5000 } else { i + 1 }])).collect();
    let jobs = jobs(&encoded, 512);
    let order: Vec<usize> = jobs.iter().flat_map(|job| job.iter().map(|(i, _)| *i)).collect();
    assert_eq!(order, (0..200).rev().collect::<Vec<_>>());
    for job in jobs {
        assert!(job.len() == 1 || job.iter().map(|(_, ids)| ids.len()).sum::<usize>() <= 512);
    }
    assert!(super::jobs(&[], 512).is_empty());
}
