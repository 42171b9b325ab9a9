//! `cortexkg eval fit`: weights of a linear scorer from files of cases (`eval/cases.rs`), and what it finds in folds or sets
//! that it was not fitted on.
//!
//! Fields of `--json`:
//!   cases, features, weights {NAME: weight}, standard {NAME: weight}, loss,
//!   answers {weights [top, lead], bias, auc, error, brier, bins} or null: is the best memory of a question an answer at all? From
//!   its score and its lead over the second, over the sets that ask what cannot be answered; with --cross the scores are of
//!   what was held out, while these three numbers are fitted on all of them;
//!   held [{set, fold, trained_on, ..score}] and sets {NAME: score} (with --cross).

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{print, print_json};
use crate::eval::calibrate::{self, Reliability, Seen};
use crate::eval::cases::{Case, Cases};
use crate::eval::classes::{auc, percent};
use crate::eval::conditional::{self, Model};
use crate::eval::folds::{self, By, Held};
use crate::eval::score::Score;

/// Arguments of `eval fit`.
#[derive(Args)]
pub struct FitArgs {
    /// Cases as JSON lines; all files with the same features.
    #[arg(required = true, value_name = "CASES.jsonl")]
    cases: Vec<PathBuf>,
    /// Judge each fold (or set) by weights fitted on the others.
    #[arg(long, value_enum, value_name = "fold|set", num_args = 0..=1, default_missing_value = "fold")]
    cross: Option<By>,
    /// Pull of standardised weights towards zero.
    #[arg(long, default_value_t = conditional::Settings::default().l2)]
    l2: f64,
    /// Feature whose weight may not be negative; may be repeated.
    #[arg(long, value_name = "FEATURE")]
    non_negative: Vec<String>,
    /// Fit the chance of an answer as if questions with and without one were equally many.
    #[arg(long)]
    balanced: bool,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// What a fold came to.
struct Judged {
    score: Score,
    /// Top score and lead of every case, and whether the case can be answered; where the set asks both kinds.
    seen: Vec<Seen>,
}

/// Bins of the reliability table.
const BINS: usize = 10;

/// Fits and judges.
pub fn run(args: &FitArgs) -> anyhow::Result<ExitCode> {
    let mut cases = Cases::default();
    for path in &args.cases {
        let told = || format!("{}", path.display());
        let file = File::open(path).with_context(told)?;
        cases.append(Cases::read(BufReader::new(file)).with_context(told)?).with_context(told)?;
    }
    let settings = settings(args, &cases.names)?;
    let all: Vec<&Case> = cases.list.iter().collect();
    let model = conditional::fit(&all, &settings);
    ensure!(!model.weights.is_empty(), "no case has both gold and something else to tell it from");
    let both: BTreeSet<&str> =
        all.iter().filter(|case| !case.answerable).map(|case| case.set.as_str()).collect();
    let mut seen = seen(&model, &all, &both);
    let mut held = Vec::new();
    if let Some(by) = args.cross {
        let fit = |training: &[&Case]| conditional::fit(training, &settings);
        let judged = folds::leave_one_out(&cases.list, by, fit, |model, tested| Judged {
            score: folds::score(tested, |row| model.score(row)),
            seen: self::seen(model, tested, &both),
        });
        seen = judged.iter().flat_map(|held| held.judged.seen.clone()).collect();
        held = judged.into_iter().map(scored).collect();
    }
    let answers = Answers::of(&seen, args.balanced);
    if args.json {
        print_json(&as_json(&cases, &model, answers.as_ref(), &held))?;
    } else {
        print(&told(&cases, &model, answers.as_ref(), &held))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn settings(args: &FitArgs, names: &[String]) -> anyhow::Result<conditional::Settings> {
    if let Some(unknown) = args.non_negative.iter().find(|name| !names.contains(name)) {
        anyhow::bail!("--non-negative: no feature is called {unknown:?}; they are {}", names.join(", "));
    }
    let non_negative = names.iter().map(|name| args.non_negative.contains(name)).collect();
    Ok(conditional::Settings { l2: args.l2, non_negative, ..conditional::Settings::default() })
}

fn scored(held: Held<Judged>) -> Held<Score> {
    let Held { set, fold, trained_on, cases, judged } = held;
    Held { set, fold, trained_on, cases, judged: judged.score }
}

/// Of cases of the sets `both`.
fn seen(model: &Model, cases: &[&Case], both: &BTreeSet<&str>) -> Vec<Seen> {
    let of = |case: &&Case| {
        let mut scores: Vec<f64> = case.rows.iter().map(|row| model.score(&row.features)).collect();
        scores.sort_by(|a, b| b.total_cmp(a));
        let top = *scores.first()?;
        let lead = scores.get(1).map_or(0.0, |second| top - second);
        Some(Seen { inputs: vec![top, lead], is: case.answerable })
    };
    cases.iter().filter(|case| both.contains(case.set.as_str())).filter_map(of).collect()
}

/// Whether a question can be answered, told by its best memories.
struct Answers {
    model: calibrate::Model,
    auc: Option<f64>,
    reliability: Reliability,
}

impl Answers {
    /// None where nothing was asked that cannot be answered.
    fn of(seen: &[Seen], balanced: bool) -> Option<Answers> {
        if seen.is_empty() {
            return None;
        }
        let settings = if balanced {
            calibrate::Settings::balanced(seen.iter())
        } else {
            calibrate::Settings::default()
        };
        let model = calibrate::fit(seen, &settings);
        let chances: Vec<(f64, bool)> = seen.iter().map(|row| (model.chance(&row.inputs), row.is)).collect();
        let reliability = Reliability::of(&chances, BINS);
        Some(Answers { auc: auc(chances.into_iter()), reliability, model })
    }

    fn as_json(&self) -> Value {
        let mut object = json!(self.reliability);
        object["weights"] = json!(self.model.weights);
        object["bias"] = json!(self.model.bias);
        object["auc"] = json!(self.auc.map(percent));
        object
    }
}

fn as_json(cases: &Cases, model: &Model, answers: Option<&Answers>, held: &[Held<Score>]) -> Value {
    let named = |weights: &[f64]| -> Map<String, Value> {
        cases.names.iter().zip(weights).map(|(name, &weight)| (name.clone(), json!(weight))).collect()
    };
    let mut object = json!({
        "cases": cases.list.len(),
        "features": cases.names,
        "weights": named(&model.weights),
        "standard": named(&model.standard),
        "loss": model.loss,
        "answers": answers.map(Answers::as_json),
    });
    if !held.is_empty() {
        let fold = |held: &Held<Score>| {
            let mut fold = json!(held.judged.percent());
            fold["set"] = json!(held.set);
            fold["fold"] = json!(held.fold);
            fold["trained_on"] = json!(held.trained_on);
            fold
        };
        object["held"] = held.iter().map(fold).collect();
        let sets = folds::by_set(held).into_iter();
        object["sets"] = Value::Object(sets.map(|(set, sum)| (set, json!(sum.percent()))).collect());
    }
    object
}

fn told(cases: &Cases, model: &Model, answers: Option<&Answers>, held: &[Held<Score>]) -> String {
    let mut text = format!("{} cases, loss {:.4}\n", cases.list.len(), model.loss);
    text.push_str(&format!("{:<36}{:>14}{:>10}\n", "feature", "weight", "standard"));
    for ((name, weight), standard) in cases.names.iter().zip(&model.weights).zip(&model.standard) {
        text.push_str(&format!("{name:<36}{weight:>14.5}{standard:>10.3}\n"));
    }
    if !held.is_empty() {
        text.push('\n');
        text.push_str(&folds::table(held));
    }
    if let Some(answers) = answers {
        let area = answers.auc.map_or(String::new(), |auc| format!(", area {:.1}", percent(auc)));
        text.push_str(&format!("\nanswerable or not{area}\n{}", answers.reliability.table()));
    }
    text
}
