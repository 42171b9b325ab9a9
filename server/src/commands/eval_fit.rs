//! `cortexkg eval fit`: the weights that recall ranks with, from worlds of everyday memory and data sets, and what they find in folds
//! or sets that they were not fitted on.
//!
//! Fields of `--json`:
//!   questions, embedder, held [{set, fold, fitted_on, ..score}], sets {NAME: {..score, stale, area, shown, abstain, reliability}}, scorer

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use cortexkg_engine::scoring::{ANSWER_MIN, Scorer};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::eval::asked::{Asked, Asker};
use crate::eval::calibrate::Reliability;
use crate::eval::classes::{auc, percent};
use crate::eval::dataset::Dataset;
use crate::eval::fitting::{self, Pull};
use crate::eval::noise;
use crate::eval::published;
use crate::eval::score::Score;
use crate::eval::world::World;
use crate::settings::Settings;

/// The set that worlds count to.
const EVERYDAY: &str = "everyday";

/// What is held out together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum By {
    /// One fold (a world, a conversation, a tenth of a passage set); the others of its set stay in training.
    Fold,
    /// A whole set: what a fit does on data of a kind it has not seen.
    Set,
}

/// Bins of the reliability table.
const BINS: usize = 10;

/// Arguments of `eval fit`.
#[derive(Args)]
pub struct FitArgs {
    /// Worlds of everyday memory and data sets that `eval retrieval` reads.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Judge each fold (or set) by weights fitted on the others.
    #[arg(long, value_enum, value_name = "fold|set", num_args = 0..=1, default_missing_value = "fold")]
    cross: Option<By>,
    /// JSON lines to store before every world once more: what a store that grew must still find.
    #[arg(long, value_name = "FILE.jsonl")]
    noise: Option<PathBuf>,
    /// Embedding model: default, static, http, a name that `model add` knows, or a folder.
    #[arg(long, value_name = "MODEL")]
    embedder: Option<String>,
    /// Of the belief in the best memory, others get their share of its strength to this power.
    #[arg(long, default_value_t = 0.5)]
    falloff: f32,
    /// Pull of the weights of evidence to zero.
    #[arg(long, default_value_t = Pull::default().evidence)]
    l2: f64,
    /// Write the weights as the product keeps them.
    #[arg(long, value_name = "FILE.rs")]
    weights: Option<PathBuf>,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// What a scorer finds.
#[derive(Default)]
struct Judged {
    fitted_on: usize,
    score: Score,
    stale: Vec<bool>,
    tops: Vec<(f64, bool)>,
}

/// Asks, fits, judges.
pub fn run(settings: &Settings, args: &FitArgs) -> anyhow::Result<ExitCode> {
    let mut settings = settings.clone();
    if let Some(embedder) = &args.embedder {
        settings.neural_networks.model.clone_from(embedder);
    }
    let asked = ask(&settings, args)?;
    let all: Vec<&Asked> = asked.iter().collect();
    let pull = Pull { evidence: args.l2, ..Pull::default() };
    let mut held: BTreeMap<(String, String), Judged> = BTreeMap::new();
    let name = |asked: &Asked| match args.cross {
        Some(By::Set) | None => (asked.set.clone(), String::new()),
        Some(By::Fold) => (asked.set.clone(), asked.fold.clone()),
    };
    let shipped = fitting::fit(&all, pull, args.falloff);
    let names: BTreeSet<_> = asked.iter().map(name).collect();
    for out in names {
        let (tested, training): (Vec<&Asked>, Vec<&Asked>) = all.iter().partition(|asked| name(asked) == out);
        let scorer = match args.cross {
            Some(_) => fitting::fit(&training, pull, args.falloff),
            None => shipped.clone(),
        };
        let fitted_on = if args.cross.is_some() { training.len() } else { all.len() };
        held.insert(out, Judged { fitted_on, ..judge(&scorer, &tested) });
    }
    if let Some(path) = &args.weights {
        std::fs::write(path, source(&shipped)).with_context(|| format!("{}", path.display()))?;
    }
    if args.json {
        print_json(&as_json(&held, &shipped, asked.len()))?;
    } else {
        print(&table(&held))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn ask(settings: &Settings, args: &FitArgs) -> anyhow::Result<Vec<Asked>> {
    let noise = args.noise.as_deref().map(noise::read).transpose()?.unwrap_or_default();
    let mut asked = Vec::new();
    for path in &args.files {
        let told = || format!("{}", path.display());
        let quiet = Asker { settings, noise: &[] };
        if let Ok(world) = published::read(path).and_then(World::of) {
            asked.extend(quiet.world(&world, EVERYDAY).with_context(told)?);
            if !noise.is_empty() {
                let loud = Asker { settings, noise: &noise };
                asked.extend(loud.world(&world, "everyday beside noise").with_context(told)?);
            }
        } else {
            let dataset = Dataset::read(path)?;
            asked.extend(quiet.dataset(&dataset).with_context(told)?);
        }
    }
    ensure!(!asked.is_empty(), "no question was found in these files");
    Ok(asked)
}

fn judge(scorer: &Scorer, tested: &[&Asked]) -> Judged {
    let mut judged = Judged::default();
    for asked in tested {
        let ranked = scorer.rank(&asked.gathered);
        judged.tops.push((ranked.first().map_or(0.0, |top| f64::from(top.chance)), !asked.gold.is_empty()));
        if asked.gold.is_empty() {
            continue;
        }
        let mut shown: Vec<usize> = Vec::new();
        for one in &ranked {
            // What is none of the set's takes a place too.
            let number = asked.numbers[one.place as usize].unwrap_or(usize::MAX - one.place as usize);
            if !shown.contains(&number) {
                shown.push(number);
            }
        }
        judged.score.add(&asked.gold, &shown);
        let rank = |of: &[usize]| shown.iter().take(5).position(|number| of.contains(number));
        if asked.kind == "update_current" {
            match (rank(&asked.gold), rank(&asked.stale)) {
                (None, None) => {}
                (gold, stale) => judged.stale.push(stale.is_some_and(|at| gold.is_none_or(|gold| at < gold))),
            }
        }
    }
    judged
}

impl Judged {
    fn merge(&mut self, other: &Judged) {
        self.score.merge(&other.score);
        self.stale.extend(&other.stale);
        self.tops.extend(&other.tops);
    }

    /// Percent of outdated above current, area under ROC, percent of answerable questions shown, of others not.
    fn extras(&self) -> [Option<f64>; 4] {
        let share = |list: Vec<bool>| {
            let yes = list.iter().filter(|is| **is).count();
            (!list.is_empty()).then(|| percent(yes as f64 / list.len() as f64))
        };
        let min = f64::from(ANSWER_MIN);
        let of = |answerable: bool| self.tops.iter().filter(move |(_, is)| *is == answerable);
        [
            share(self.stale.clone()),
            auc(self.tops.iter().copied()).map(percent),
            share(of(true).map(|(top, _)| *top >= min).collect()),
            share(of(false).map(|(top, _)| *top < min).collect()),
        ]
    }

    /// How far the score of the best can be believed to be the chance that the question has an answer; where both kinds were asked.
    fn reliability(&self) -> Option<Reliability> {
        self.tops.iter().any(|(_, is)| !is).then(|| Reliability::of(&self.tops, BINS))
    }

    fn as_json(&self) -> Value {
        let [stale, area, shown, abstain] = self.extras();
        let mut object = json!(self.score.percent());
        object["fitted_on"] = json!(self.fitted_on);
        object["stale"] = json!(stale);
        object["area"] = json!(area);
        object["shown"] = json!(shown);
        object["abstain"] = json!(abstain);
        object["reliability"] = json!(self.reliability());
        object
    }
}

fn by_set(held: &BTreeMap<(String, String), Judged>) -> BTreeMap<&str, Judged> {
    let mut sets: BTreeMap<&str, Judged> = BTreeMap::new();
    for ((set, _), judged) in held {
        sets.entry(set).or_default().merge(judged);
    }
    sets
}

fn as_json(held: &BTreeMap<(String, String), Judged>, scorer: &Scorer, questions: usize) -> Value {
    let folds = held.iter().map(|((set, fold), judged)| {
        let mut object = judged.as_json();
        object["set"] = json!(set);
        object["fold"] = json!(fold);
        object
    });
    let sets: serde_json::Map<String, Value> =
        by_set(held).into_iter().map(|(set, judged)| (set.to_owned(), judged.as_json())).collect();
    json!({ "questions": questions, "held": folds.collect::<Vec<_>>(), "sets": sets, "scorer": scorer })
}

fn table(held: &BTreeMap<(String, String), Judged>) -> String {
    let heads = ["stale", "area", "shown", "abstain"].map(|name| format!("{name:>9}")).concat();
    let mut text = format!("{:<36}{:>7}{}{heads}\n", "held out", "n", Score::head());
    let mut line = |name: &str, judged: &Judged| {
        let extras = judged.extras().map(|value| match value {
            Some(value) => format!("{value:>9.1}"),
            None => format!("{:>9}", ""),
        });
        let columns = judged.score.percent().columns();
        _ = writeln!(text, "{name:<36}{:>7}{columns}{}", judged.score.questions(), extras.concat());
    };
    for ((set, fold), judged) in held.iter().filter(|((_, fold), _)| !fold.is_empty()) {
        line(&format!("{set} {fold}"), judged);
    }
    let sets = by_set(held);
    for (set, judged) in &sets {
        line(&format!("all of {set}"), judged);
    }
    for (set, reliability) in sets.iter().filter_map(|(set, judged)| Some((set, judged.reliability()?))) {
        _ = write!(text, "\n{set}: chance of an answer\n{}", reliability.table());
    }
    text
}

/// The weights as a source file of the product.
fn source(scorer: &Scorer) -> String {
    let list =
        |values: &[f32]| values.iter().map(|value| format!("{value:.4}")).collect::<Vec<_>>().join(", ");
    let rows = scorer.evidence.iter().map(|row| format!("        [{}],\n", list(row))).collect::<String>();
    format!(
        "//! Weights that the product ships with: what `cortexkg eval fit` found on the development sets. A file of the program's.\n\n\
         use crate::retrieve::scorer::Scorer;\n\n\
         /// As fitted; each figure told of them is of weights fitted without what they were judged on.\n\
         #[rustfmt::skip]\n\
         pub const SHIPPED: Scorer = Scorer {{\n    evidence: [\n{rows}    ],\n    bias: [{}],\n    pair: [{}],\n    \
         belief: [{}],\n    falloff: {:?},\n}};\n",
        list(&scorer.bias),
        list(&scorer.pair),
        list(&scorer.belief),
        scorer.falloff,
    )
}
