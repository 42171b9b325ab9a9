use std::collections::HashMap;

use proptest::prelude::*;
use safetensors::Dtype;
use safetensors::tensor::TensorView;

use super::*;

const SMALL: &str = "[PAD]\n[UNK]\n[CLS]\n[SEP]\ncat\ndog\n##s\n.\n";
const HIDDEN: usize = 32;
const INNER: usize = 48;
const DIM: usize = 16;
const PLACES: usize = 8;

/// A tensor of a file in the making.
#[derive(Clone)]
struct Made {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

/// A small network of two layers with arbitrary weights.
fn tensors() -> HashMap<String, Made> {
    let mut made = HashMap::new();
    let mut state = 7u32;
    let mut next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as i16 - 128
    };
    let mut codes = |made: &mut HashMap<String, Made>, name: &str, rows: usize, width: usize| {
        let bytes = (0..rows * width).map(|_| next().max(-127) as u8).collect();
        made.insert(name.into(), Made { dtype: Dtype::I8, shape: vec![rows, width], bytes });
        let scale = if name.ends_with(".weight") {
            name.replace(".weight", ".scale")
        } else {
            format!("{name}.scale")
        };
        floats(made, &scale, vec![0.004; rows]);
    };
    fn floats(made: &mut HashMap<String, Made>, name: &str, values: Vec<f32>) {
        let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        made.insert(name.into(), Made { dtype: Dtype::F32, shape: vec![values.len()], bytes });
    }
    codes(&mut made, "words", 8, HIDDEN);
    codes(&mut made, "places", PLACES, HIDDEN);
    codes(&mut made, "project.weight", DIM, HIDDEN);
    let mut norms = vec!["norm".to_owned()];
    for layer in ["layers.0", "layers.1"] {
        for (part, width, depth) in [
            ("query", HIDDEN, HIDDEN),
            ("key", HIDDEN, HIDDEN),
            ("value", HIDDEN, HIDDEN),
            ("output", HIDDEN, HIDDEN),
            ("up", INNER, HIDDEN),
            ("down", HIDDEN, INNER),
        ] {
            codes(&mut made, &format!("{layer}.{part}.weight"), width, depth);
            floats(&mut made, &format!("{layer}.{part}.bias"), vec![0.01; width]);
        }
        norms.extend(["norm_attention", "norm_output"].map(|part| format!("{layer}.{part}")));
    }
    for norm in norms {
        floats(&mut made, &format!("{norm}.weight"), vec![1.0; HIDDEN]);
        floats(&mut made, &format!("{norm}.bias"), vec![0.0; HIDDEN]);
    }
    made
}

fn file(tensors: &HashMap<String, Made>, format: &str) -> Vec<u8> {
    let views =
        tensors.iter().map(|(name, t)| (name, TensorView::new(t.dtype, t.shape.clone(), &t.bytes).unwrap()));
    let about =
        HashMap::from([("format".to_owned(), format.to_owned()), ("name".to_owned(), "tiny".to_owned())]);
    safetensors::serialize(views, Some(about)).unwrap()
}

fn open(tensors: &HashMap<String, Made>) -> Result<Encoder, Error> {
    Encoder::from_bytes(file(tensors, weights::FORMAT).into(), SMALL.as_bytes(), Path::new("e"))
}

fn tiny() -> Encoder {
    open(&tensors()).unwrap()
}

#[test]
fn rows_have_length_one_and_follow_the_order_of_words() {
    let encoder = tiny();
    assert_eq!((encoder.identity().name.as_str(), encoder.identity().dim), ("tiny", 16));
    let e = encoder.embed(&["cat dog.", "dog cat.", "Cat  DOG."]).unwrap();
    for i in 0..3 {
        assert!((e.row(i).iter().map(|x| x * x).sum::<f32>() - 1.0).abs() < 1e-5);
    }
    assert_ne!(e.row(0), e.row(1));
    assert_eq!(e.row(0), e.row(2));
}

#[test]
fn a_text_without_a_known_word_is_a_zero_row() {
    let e = tiny().embed(&["", " \n\t", "zebra", "zebra 野", "zebra cat"]).unwrap();
    for i in 0..4 {
        assert!(!e.has_direction(i), "text {i}");
    }
    assert!(e.has_direction(4));
    assert_eq!(tiny().embed(&[]).unwrap().rows(), 0);
}

#[test]
fn a_text_is_cut_at_the_last_place() {
    let encoder = tiny();
    let e = encoder.embed(&["cat ".repeat(PLACES - 2).as_str(), "cat ".repeat(5000).as_str()]).unwrap();
    assert_eq!(e.row(0), e.row(1));
}

#[test]
fn a_batch_is_its_texts_one_by_one() {
    let encoder = tiny();
    let texts: Vec<String> =
        (0..100).map(|i| format!("cat {} {}", "dog ".repeat(i % 7), "s cats.".repeat(i % 3))).collect();
    let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
    let batch = encoder.embed(&texts).unwrap();
    for (i, text) in texts.iter().enumerate() {
        assert_eq!(batch.row(i), encoder.embed(&[text]).unwrap().row(0));
    }
}

#[test]
fn every_form_gives_the_same_bits() {
    let texts =
        ["The cat sleeps on the sofa.", "¿Dónde está?", "x", &"a long text of many words ".repeat(60)];
    let best = Encoder::embedded().unwrap().embed(&texts).unwrap();
    for form in Form::available() {
        let found = Encoder::embedded().unwrap().with_form(form).embed(&texts).unwrap();
        let bits = |e: &Embeddings| e.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        assert!(bits(&found) == bits(&best), "{} differs", form.name());
    }
}

#[test]
fn the_fingerprint_follows_weights_and_vocabulary() {
    // One file for all: the order of its metadata is another with every writing.
    let bytes = file(&tensors(), weights::FORMAT);
    let of = |bytes: &[u8], vocabulary: &str| {
        let opened =
            Encoder::from_bytes(bytes.to_vec().into(), vocabulary.as_bytes(), Path::new("e")).unwrap();
        opened.identity().fingerprint.clone()
    };
    let base = of(&bytes, SMALL);
    assert_eq!(base, of(&bytes, SMALL));
    let mut other = bytes.clone();
    *other.last_mut().unwrap() ^= 1;
    assert_ne!(base, of(&other, SMALL));
    assert_ne!(base, of(&bytes, &SMALL.replace("dog", "fox")));
}

#[test]
fn a_bad_file_is_refused_by_field() {
    let error = |change: &dyn Fn(&mut HashMap<String, Made>)| {
        let mut made = tensors();
        change(&mut made);
        open(&made).err().expect("it was opened").to_string()
    };
    let set = |name: &'static str, shape: &'static [usize]| {
        move |made: &mut HashMap<String, Made>| {
            let tensor = made.get_mut(name).unwrap();
            let bytes = shape.iter().product::<usize>() * if tensor.dtype == Dtype::F32 { 4 } else { 1 };
            (tensor.shape, tensor.bytes) = (shape.to_vec(), vec![0; bytes]);
        }
    };
    for name in tensors().into_keys() {
        let found = error(&|made| drop(made.remove(&name)));
        assert!(found.contains("model.safetensors: "), "{name}: {found}");
    }
    assert!(error(&set("words", &[7, 32])).contains("words.scale"));
    assert!(error(&set("words", &[8, 31])).contains("words: expected I8 [rows, 32]"));
    assert!(error(&set("norm.weight", &[33])).contains("norm.weight"));
    assert!(error(&set("layers.1.up.weight", &[40, 32])).contains("layers.1.up.weight"));
    assert!(error(&set("layers.0.down.weight", &[32, 32])).contains("layers.0.down.weight"));
    assert!(error(&set("project.weight", &[0, 32])).contains("project.weight"));
    assert!(
        error(&|made| made.get_mut("layers.0.key.weight").unwrap().bytes[5] = 0x80).contains("-127 to 127")
    );
    assert!(
        error(
            &|made| made.get_mut("places.scale").unwrap().bytes[..4].copy_from_slice(&f32::NAN.to_le_bytes())
        )
        .contains("places.scale")
    );
    assert!(
        error(&|made| {
            let extra = made["norm.bias"].clone();
            made.insert("layers.2.norm_output.bias".into(), extra);
        })
        .contains("layers.2.norm_output.bias: expected no such tensor")
    );
    let of = |bytes: Vec<u8>, vocabulary: &str| {
        Encoder::from_bytes(bytes.into(), vocabulary.as_bytes(), Path::new("e")).err().unwrap().to_string()
    };
    assert!(of(file(&tensors(), "other"), SMALL).contains("format: expected cortexkg-encoder-1"));
    assert!(
        of(file(&tensors(), weights::FORMAT), "[UNK]\n[CLS]\n[SEP]\n").contains("words: expected 3 rows")
    );
    assert!(of(file(&tensors(), weights::FORMAT), &SMALL.replace("[SEP]", "x")).contains("[SEP]"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn damage_is_refused_or_harmless(at in 0usize..60_000, bit in 0u8..8, cut in any::<bool>()) {
        let mut bytes = file(&tensors(), weights::FORMAT);
        let at = at % bytes.len();
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        if let Ok(encoder) = Encoder::from_bytes(bytes.into(), SMALL.as_bytes(), Path::new("e")) {
            let e = encoder.embed(&["cat dogs."]).unwrap();
            prop_assert!(e.row(0).iter().all(|v| v.is_finite()));
        }
    }
}

#[test]
fn the_shipped_encoder_knows_paraphrases() {
    let encoder = Encoder::embedded().unwrap();
    assert_eq!((encoder.identity().name.as_str(), encoder.identity().dim), ("cortexkg-minilm-256", 256));
    let pairs = [
        ("what should I not cook for Marta", "Marta is allergic to peanuts and shellfish."),
        ("how does he get to the office", "Tom takes the tram to work every morning."),
        ("which pets does the family have", "Their two cats are called Luna and Pepper."),
        ("code formatting preference", "Always use four spaces for indentation in Python files."),
        ("when will the baby arrive", "Nina is pregnant and due in the middle of June."),
        ("why is the server down", "The outage was caused by an expired certificate on the host."),
    ];
    let (asked, told): (Vec<&str>, Vec<&str>) = pairs.into_iter().unzip();
    let (asked, told) = (encoder.embed(&asked).unwrap(), encoder.embed(&told).unwrap());
    let cosine = |i, j| asked.row(i).iter().zip(told.row(j)).map(|(x, y)| x * y).sum::<f32>();
    for i in 0..pairs.len() {
        let best = (0..pairs.len()).max_by(|&a, &b| cosine(i, a).total_cmp(&cosine(i, b))).unwrap();
        assert_eq!(best, i, "{} is nearest to {}", pairs[i].0, pairs[best].1);
    }
}

#[test]
fn the_vocabularies_are_one() {
    assert_eq!(VOCABULARY, include_bytes!("../../models/encoder/vocab.txt"));
}
