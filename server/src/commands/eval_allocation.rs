//! `cortexkg eval allocation`: is a new text the same as a known one, an update of it, related, or new? What allocation decides,
//! beside thresholds of cosine similarity, on one half of the pairs; what is learned, thresholds too, is learned on the other.
//! How pairs become such questions is told in `eval/pairs.rs`.
//!
//! Fields of `--json`:
//!   file, embedder, pairs {training, tested, changed, drawn, paraphrase, left_out},
//!   ours and cosine {macro_f1, accuracy, classes {CLASS: {precision, recall, f1, auc}}, confusion [truth][verdict]}, cosine also
//!   {cuts, spans}, repeats {ours, cosine: {precision, recall}} (what is merged), founding {ours, cosine: {auc}},
//!   paraphrase {ours, cosine: {auc}}, conversations {training, tested, ours, cosine: {auc}}, fit (with --fit)
//!   in percent; classes in the order new, related, update, same.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use cortexkg_engine::allocate::{BIAS, SCORER_WEIGHTS, aspect, score};
use cortexkg_engine::relation::{Evidence, RELATIONS, REPEAT_MIN, Relation};
use cortexkg_engine::request::Store;
use serde_json::{Value, json};

use super::{print, print_json};
use crate::corpus::Random;
use crate::eval::classes::{Confusion, Thresholds, auc, percent, word};
use crate::eval::dataset::Dataset;
use crate::eval::fit;
use crate::eval::pairs::{Gold, Origin, Pair, Pairs};
use crate::percentile::round;
use crate::settings::Settings;

/// Arguments of `eval allocation`.
#[derive(Args)]
pub struct AllocationArgs {
    /// Pairs with grades, `[[set, text, text, grade]]` (.json or .json.gz).
    #[arg(long, value_name = "FILE")]
    pairs: PathBuf,
    /// Conversations with questions and their evidence: are two turns evidence for one question?
    #[arg(long, value_name = "FILE")]
    conversations: Option<PathBuf>,
    /// Embedding model: default, static, http, a name that `model add` knows, or a folder.
    #[arg(long, value_name = "MODEL")]
    embedder: Option<String>,
    /// Learn the weights anew on the training half and print them.
    #[arg(long)]
    fit: bool,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Share of merges that must be right where the cut for them is chosen.
const MERGE_PRECISION: f64 = 0.8;
/// Texts embedded at a time.
const EMBEDDED_AT_ONCE: usize = 1_024;
/// Seed of turns that are drawn.
const SEED: u64 = 20_261_121;

/// Two texts compared as the product compares them.
#[derive(Clone, Copy)]
struct Compared {
    evidence: Evidence,
    scores: [f32; 4],
}

impl Compared {
    fn cosine(&self) -> f64 {
        f64::from(self.evidence.similarity)
    }

    /// Current of the known text's column.
    fn current(&self) -> f64 {
        f64::from(
            self.scores.iter().zip(SCORER_WEIGHTS).fold(BIAS, |sum, (score, weight)| sum + score * weight),
        )
    }

    fn chance(&self, relation: Relation) -> f64 {
        f64::from(self.evidence.chances()[relation as usize])
    }

    fn features(&self) -> Vec<f64> {
        self.evidence.features().map(f64::from).to_vec()
    }
}

/// Measures.
pub fn run(settings: &Settings, args: &AllocationArgs) -> anyhow::Result<ExitCode> {
    let name = args.embedder.as_deref().unwrap_or(&settings.neural_networks.model);
    let model = cortexkg_embed::open(&crate::model_choice::of(settings, name)?)?;
    let Pairs { list, left_out } = Pairs::read(&args.pairs)?;
    let texts = |pair: &Pair| [plain(&pair.known), plain(&pair.new)];
    let compared = compare(&*model, &list.iter().map(texts).collect::<Vec<_>>())?;
    let asked: Vec<Asked> = list
        .iter()
        .zip(&compared)
        .filter_map(|(pair, compared)| match pair.gold {
            Gold::Relation(truth) => Some(Asked { pair, truth, compared }),
            Gold::Paraphrase(_) => None,
        })
        .collect();
    let (training, tested): (Vec<Asked>, Vec<Asked>) =
        asked.into_iter().partition(|asked| asked.pair.is_training);
    ensure!(!training.is_empty() && !tested.is_empty(), "--pairs: both halves must hold graded pairs");
    let paraphrases: Vec<(&Compared, bool)> = list
        .iter()
        .zip(&compared)
        .filter_map(|(pair, compared)| match pair.gold {
            Gold::Paraphrase(is) => Some((compared, is)),
            Gold::Relation(_) => None,
        })
        .collect();
    let conversations = match &args.conversations {
        Some(path) => Some(Conversations::of(&*model, &Dataset::read(path)?)?),
        None => None,
    };

    let count = |origin: Origin| list.iter().filter(|pair| pair.origin == origin).count();
    let mut report = json!({
        "file": args.pairs.file_name().map(|name| name.to_string_lossy()),
        "embedder": model.identity().name,
        "pairs": {
            "training": training.len(), "tested": tested.len(), "changed": count(Origin::Changed),
            "drawn": count(Origin::Drawn), "paraphrase": paraphrases.len(), "left_out": left_out,
        },
    });
    let thresholds =
        Thresholds::best(&training.iter().map(|a| (a.compared.cosine(), a.truth)).collect::<Vec<_>>());
    let ours = Confusion::of(tested.iter().map(|asked| (asked.truth, asked.compared.evidence.relation())));
    let cosine =
        Confusion::of(tested.iter().map(|asked| (asked.truth, thresholds.class(asked.compared.cosine()))));
    report["ours"] = ours.as_json(&areas(&tested, |compared, class| compared.chance(class)));
    report["cosine"] = cosine.as_json(&areas(&tested, |compared, class| match class {
        Relation::New => -compared.cosine(),
        _ => compared.cosine(),
    }));
    report["cosine"]["cuts"] = json!(thresholds.cuts.map(|cut| round(cut, 4)));
    report["cosine"]["spans"] = json!(thresholds.spans.map(word));
    let by_chance = |compared: &Compared| compared.chance(Relation::Same);
    let cosine_cut = merge_cut(&training, Compared::cosine);
    report["repeats"] = json!({
        "ours": merges(&tested, by_chance, f64::from(REPEAT_MIN)),
        "cosine": merges(&tested, Compared::cosine, cosine_cut),
    });
    let not_new = |asked: &Asked| asked.truth != Relation::New;
    report["founding"] = json!({
        "ours": { "auc": area(tested.iter().map(|asked| (asked.compared.current(), not_new(asked)))) },
        "cosine": { "auc": area(tested.iter().map(|asked| (asked.compared.cosine(), not_new(asked)))) },
        "new_founded": share(tested.iter().filter(|asked| !not_new(asked)), |asked| asked.compared.current() < 0.5),
        "known_joined": share(tested.iter().filter(|asked| not_new(asked)), |asked| asked.compared.current() >= 0.5),
    });
    if !paraphrases.is_empty() {
        report["paraphrase"] = json!({
            "ours": { "auc": area(paraphrases.iter().map(|(compared, is)| (by_chance(compared), *is))) },
            "cosine": { "auc": area(paraphrases.iter().map(|(compared, is)| (compared.cosine(), *is))) },
        });
    }
    if let Some(conversations) = &conversations {
        report["conversations"] = conversations.as_json();
    }
    if args.fit {
        report["fit"] = learn(&training, conversations.as_ref());
    }
    if args.json {
        print_json(&report)?;
    } else {
        print(&table(&report, &ours, &cosine))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// A question of the pairs.
struct Asked<'a> {
    pair: &'a Pair,
    truth: Relation,
    compared: &'a Compared,
}

fn plain(text: &str) -> Store {
    Store { content: text.to_owned(), ..Store::default() }
}

/// Compares known and new texts, two by two.
fn compare(model: &dyn cortexkg_embed::Embedder, pairs: &[[Store; 2]]) -> anyhow::Result<Vec<Compared>> {
    let mut compared = Vec::with_capacity(pairs.len());
    for pairs in pairs.chunks(EMBEDDED_AT_ONCE / 2) {
        let texts: Vec<&str> = pairs.iter().flatten().map(|store| store.content.as_str()).collect();
        let vectors = model.embed(&texts).context("a text could not be embedded")?;
        compared.extend(pairs.iter().enumerate().map(|(at, [known, new])| {
            let (a, b) = (vectors.row(2 * at), vectors.row(2 * at + 1));
            let similarity = a.iter().zip(b).map(|(a, b)| a * b).sum();
            let [known, new] = [known, new].map(|store| aspect(&store.content, store.place.as_ref()));
            let (evidence, scores) = score(&new, &known, similarity);
            Compared { evidence, scores }
        }));
    }
    Ok(compared)
}

fn area(scores: impl Iterator<Item = (f64, bool)>) -> Value {
    json!(auc(scores).map(percent))
}

/// Area for each class against the rest.
fn areas(tested: &[Asked<'_>], by: impl Fn(&Compared, Relation) -> f64) -> [f64; RELATIONS] {
    Relation::ALL.map(|class| {
        let scores = tested.iter().map(|asked| (by(asked.compared, class), asked.truth == class));
        auc(scores).unwrap_or(f64::NAN)
    })
}

fn share<T>(of: impl Iterator<Item = T>, is: impl Fn(T) -> bool) -> f64 {
    let (mut there, mut are) = (0u64, 0u64);
    for one in of {
        there += 1;
        are += u64::from(is(one));
    }
    percent(are as f64 / there.max(1) as f64)
}

/// The lowest cut from which at least `MERGE_PRECISION` of what lies above is the same.
fn merge_cut(training: &[Asked<'_>], by: impl Fn(&Compared) -> f64) -> f64 {
    let mut list: Vec<(f64, bool)> =
        training.iter().map(|asked| (by(asked.compared), asked.truth == Relation::Same)).collect();
    list.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut right, mut cut) = (0.0, f64::INFINITY);
    for (at, &(value, is)) in list.iter().enumerate() {
        right += f64::from(u8::from(is));
        let is_last_of_equal = list.get(at + 1).is_none_or(|next| next.0 < value);
        if is_last_of_equal && right >= MERGE_PRECISION * (at + 1) as f64 {
            cut = value;
        }
    }
    cut
}

/// Precision and recall of calling the same what lies above a cut.
fn merges(tested: &[Asked<'_>], by: impl Fn(&Compared) -> f64, cut: f64) -> Value {
    let is_same = |asked: &&Asked<'_>| asked.truth == Relation::Same;
    let is_merged = |asked: &Asked<'_>| by(asked.compared) >= cut;
    json!({
        "cut": if cut.is_finite() { json!(round(cut, 4)) } else { Value::Null },
        "precision": share(tested.iter().filter(|asked| is_merged(asked)), |asked| is_same(&asked)),
        "recall": share(tested.iter().filter(is_same), is_merged),
    })
}

/// Pairs of turns of one conversation: evidence for the same question, or drawn.
struct Conversations {
    training: Vec<(Compared, bool)>,
    tested: Vec<(Compared, bool)>,
}

impl Conversations {
    /// The last conversation is for testing.
    fn of(model: &dyn cortexkg_embed::Embedder, dataset: &Dataset) -> anyhow::Result<Self> {
        let (mut training, mut tested) = (Vec::new(), Vec::new());
        let mut random = Random(SEED);
        for (at, corpus) in dataset.stores.iter().enumerate() {
            let mut together: Vec<(usize, usize)> = Vec::new();
            for question in &corpus.questions {
                let mut gold = question.gold.clone();
                gold.sort_unstable();
                let pairs =
                    gold.iter().enumerate().flat_map(|(at, a)| gold[at + 1..].iter().map(move |b| (*a, *b)));
                together.extend(pairs);
            }
            together.sort_unstable();
            together.dedup();
            let mut apart = Vec::new();
            while apart.len() < together.len() {
                let (a, b) = (random.below(corpus.texts.len()), random.below(corpus.texts.len()));
                if a < b && together.binary_search(&(a, b)).is_err() {
                    apart.push((a, b));
                }
            }
            let texts = |&(a, b): &(usize, usize)| [corpus.texts[a].clone(), corpus.texts[b].clone()];
            let pairs: Vec<_> = together.iter().chain(&apart).map(texts).collect();
            let compared = compare(model, &pairs)?.into_iter().enumerate();
            let half = if at + 1 < dataset.stores.len() { &mut training } else { &mut tested };
            half.extend(compared.map(|(at, compared)| (compared, at < together.len())));
        }
        ensure!(!tested.is_empty(), "--conversations: no question of the last one has two turns of evidence");
        Ok(Conversations { training, tested })
    }

    fn as_json(&self) -> Value {
        let of =
            |by: fn(&Compared) -> f64| area(self.tested.iter().map(|(compared, is)| (by(compared), *is)));
        json!({
            "training": self.training.len(),
            "tested": self.tested.len(),
            "ours": { "auc": of(Compared::current) },
            "cosine": { "auc": of(Compared::cosine) },
        })
    }
}

/// Weights anew, as the source holds them.
fn learn(training: &[Asked<'_>], conversations: Option<&Conversations>) -> Value {
    let rows: Vec<_> =
        training.iter().map(|asked| (asked.compared.features(), asked.truth as usize)).collect();
    let weights = fit::softmax(&rows, RELATIONS);
    let chance = |compared: &Compared| {
        let row = compared.features();
        let sum = |class: &Vec<f64>| {
            let (bias, weights) = class.split_last().expect("the bias is there; this is a bug");
            bias + weights.iter().zip(&row).map(|(weight, value)| weight * value).sum::<f64>()
        };
        let powers: Vec<f64> = weights.iter().map(|class| sum(class).exp()).collect();
        powers[Relation::Same as usize] / powers.iter().sum::<f64>()
    };
    let drive = |scorers: &[usize], rows: &mut dyn Iterator<Item = (&Compared, bool)>| {
        let scores = |compared: &Compared| scorers.iter().map(|&at| f64::from(compared.scores[at])).collect();
        fit::logistic(&rows.map(|(compared, is)| (scores(compared), is)).collect::<Vec<(Vec<f64>, bool)>>())
    };
    let not_new = &mut training.iter().map(|asked| (asked.compared, asked.truth != Relation::New));
    let odds = drive(&[0, 1], not_new);
    // Equal texts are driven by 1, and half is where both are as likely.
    let scale = 0.5 / odds.iter().sum::<f64>();
    let temporal = conversations.map(|turns| {
        drive(&[0, 1, 2], &mut turns.training.iter().map(|(compared, is)| (compared, *is)))[2] * scale
    });
    let rounded = |value: &f64| round(*value, 3);
    json!({
        "weights": weights.iter().map(|class| class.iter().map(rounded).collect::<Vec<_>>()).collect::<Vec<_>>(),
        "repeat_min": round(merge_cut(training, chance), 3),
        "scorer_weights": [rounded(&(odds[0] * scale)), rounded(&(odds[1] * scale)), temporal.as_ref().map(rounded)],
        "bias": round(0.5 + odds[2] * scale, 3),
    })
}

fn table(report: &Value, ours: &Confusion, cosine: &Confusion) -> String {
    let number = |value: &Value| value.as_f64().map_or("-".to_owned(), |value| format!("{value:.1}"));
    let pairs = &report["pairs"];
    let mut text = format!(
        "{}: {} pairs tested, {} to learn from, embedded with {}\n\n{:<10}{:>26}{:>36}\n{:<10}",
        report["file"].as_str().unwrap_or("pairs"),
        pairs["tested"],
        pairs["training"],
        report["embedder"].as_str().unwrap_or("?"),
        "",
        "allocation",
        "cosine thresholds",
        "class",
    );
    let header = format!("{:>10}{:>8}{:>8}{:>8}", "precision", "recall", "F1", "AUC");
    text += &format!("{header}  {header}\n");
    let row = |name: &str, cells: &dyn Fn(&Value) -> String| {
        format!("{name:<10}{}  {}\n", cells(&report["ours"]), cells(&report["cosine"]))
    };
    for class in Relation::ALL.map(word) {
        text += &row(&class, &|side| {
            let of = |field: &str| number(&side["classes"][&class][field]);
            format!("{:>10}{:>8}{:>8}{:>8}", of("precision"), of("recall"), of("f1"), of("auc"))
        });
    }
    text += &row("macro F1", &|side| format!("{:>26}{:>8}", number(&side["macro_f1"]), ""));
    text += &row("accuracy", &|side| format!("{:>26}{:>8}", number(&side["accuracy"]), ""));
    for (name, counts) in [("allocation", ours), ("cosine thresholds", cosine)] {
        let classes = Relation::ALL.map(|class| format!("{:>9}", word(class))).concat();
        text += &format!("\n{name}: truth down, verdict across\n{:<10}{classes}\n", "");
        for (class, row) in Relation::ALL.iter().zip(counts.rows()) {
            let cells = row.map(|count| format!("{count:>9}")).concat();
            text += &format!("{:<10}{cells}\n", word(*class));
        }
    }
    let both = |what: &str, of: &Value, field: &str| {
        format!("{what:<58}{:>7}{:>9}\n", number(&of["ours"][field]), number(&of["cosine"][field]))
    };
    text += &format!("\n{:<58}{:>7}{:>9}\n", "percent", "ours", "cosine");
    text += &both("merged as repeats: precision", &report["repeats"], "precision");
    text += &both("merged as repeats: recall", &report["repeats"], "recall");
    text += &both("new against known: AUC", &report["founding"], "auc");
    if report["paraphrase"].is_object() {
        text += &both("paraphrase or not (MSRP): AUC", &report["paraphrase"], "auc");
    }
    if report["conversations"].is_object() {
        text += &both("turns that are evidence for one question: AUC", &report["conversations"], "auc");
    }
    if report["fit"].is_object() {
        text += &format!("\nlearned: {:#}\n", report["fit"]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_small_file_is_measured_from_end_to_end() {
        let mut rows = Vec::new();
        for n in 0..60 {
            let place = ["Oslo", "Bergen", "Lund", "Malmo"][n % 4];
            rows.push(json!([
                "sts",
                format!("In {place} the train {n} is late"),
                format!("Train {n} is late in {place}"),
                4.8
            ]));
            rows.push(json!([
                "sts",
                format!("A cook of {place} bakes {n} loaves"),
                format!("A cook of {place} eats soup {n}"),
                2.5
            ]));
            rows.push(json!([
                "sts",
                format!("Rain falls on field {n}"),
                format!("Markets close, says broker {n}"),
                0.2
            ]));
            rows.push(json!(["msrp", format!("He paid {n}"), format!("He was paid {n}"), n % 2]));
        }
        let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
        file.write_all(serde_json::to_string(&rows).unwrap().as_bytes()).unwrap();
        let args = AllocationArgs {
            pairs: file.path().into(),
            conversations: None,
            embedder: None,
            fit: true,
            json: true,
        };
        assert_eq!(run(&Settings::default(), &args).unwrap(), ExitCode::SUCCESS);
        assert!(run(&Settings::default(), &AllocationArgs { json: false, ..args }).is_ok());
    }
}
