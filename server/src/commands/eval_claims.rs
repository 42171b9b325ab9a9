//! `cortexkg eval claims`: is what a store says of its memories right? Texts that are all true and all different must not be called
//! duplicates, contradictions or superseded; changed values and repeats must be noticed.
//!
//! - `--distinct FILE`: passages or conversations, as `eval retrieval` reads them. Whatever is said of one of them is false.
//! - `--world FILE`: `{name, memories: [{id, at, text, supersedes?}], questions: [{type, gold, stale?}]}`, stored in order with their
//!   times. What a memory supersedes is right if a chain of `supersedes`, or of outdated and current answers, joins the two.
//!   Afterwards each is told again with other case, spacing and full stop.
//!
//! Fields of `--json`: distinct and worlds, arrays of {file, texts, duplicates, contradictions, superseding, false_per_100}, worlds also
//! {links, noticed, wrong: [[known, new]], precision, repeats}; shares in percent.

use std::collections::HashMap;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, ensure};
use clap::Args;
use cortexkg_engine::answer::{Role, Stored};
use cortexkg_engine::request::Store;
use cortexkg_engine::{MemoryId, RecallSettings, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::{print, print_json};
use crate::engine::Engine;
use crate::eval::classes::percent;
use crate::eval::dataset::Dataset;
use crate::pipeline::Pipeline;
use crate::settings::Settings;

/// Arguments of `eval claims`.
#[derive(Args)]
pub struct ClaimsArgs {
    /// Texts that are all true and all different (.json or .json.gz).
    #[arg(long, value_name = "FILE")]
    distinct: Vec<PathBuf>,
    /// Memories of which some supersede others (.json).
    #[arg(long, value_name = "FILE")]
    world: Vec<PathBuf>,
    /// Embedding model: default, http, a name that `model add` knows, or a folder.
    #[arg(long, value_name = "MODEL")]
    embedder: Option<String>,
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

#[derive(Deserialize)]
struct World {
    memories: Vec<Told>,
    #[serde(default)]
    questions: Vec<Asked>,
}

#[derive(Deserialize)]
struct Told {
    id: String,
    at: String,
    text: String,
    context: Option<String>,
    supersedes: Option<String>,
}

#[derive(Deserialize)]
struct Asked {
    r#type: String,
    #[serde(default)]
    gold: Vec<String>,
    #[serde(default)]
    stale: Vec<String>,
}

/// Measures.
pub fn run(settings: &Settings, args: &ClaimsArgs) -> anyhow::Result<ExitCode> {
    ensure!(!args.distinct.is_empty() || !args.world.is_empty(), "needs --distinct or --world");
    let mut settings = settings.clone();
    if let Some(embedder) = &args.embedder {
        settings.neural_networks.model.clone_from(embedder);
    }
    let distinct: Vec<Value> =
        args.distinct.iter().map(|path| distinct(&settings, path)).collect::<anyhow::Result<_>>()?;
    let worlds: Vec<Value> =
        args.world.iter().map(|path| world(&settings, path)).collect::<anyhow::Result<_>>()?;
    if args.json {
        print_json(&json!({ "distinct": distinct, "worlds": worlds }))?;
    } else {
        print(&table(&distinct, &worlds))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Stores texts and tells what became of each, in order.
fn stored(settings: &Settings, engine: &Engine, texts: Vec<Store>) -> anyhow::Result<Vec<(MemoryId, Role)>> {
    let mut roles = Vec::with_capacity(texts.len());
    let answered = |_: (), answer: Result<Stored, _>| {
        let stored = answer.context("a text was refused")?;
        roles.push((stored.id, stored.allocation.map_or(Role::Member, |allocation| allocation.role)));
        Ok(())
    };
    let mut pipeline = Pipeline::new(engine, settings.performance.batch_size, answered);
    for text in texts {
        pipeline.push((), text)?;
    }
    pipeline.finish()?;
    Ok(roles)
}

/// Counts of duplicates, contradictions and what supersedes another.
fn counts<'a>(roles: impl Iterator<Item = &'a Role>) -> [u64; 3] {
    roles.fold([0; 3], |[duplicates, contradictions, superseding], role| match role {
        Role::DuplicateOf(_) => [duplicates + 1, contradictions, superseding],
        Role::ExceptionTo(_) => [duplicates, contradictions + 1, superseding],
        Role::Supersedes(_) => [duplicates, contradictions, superseding + 1],
        Role::Founder | Role::Member => [duplicates, contradictions, superseding],
    })
}

fn name(path: &Path) -> String {
    path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn distinct(settings: &Settings, path: &Path) -> anyhow::Result<Value> {
    let dataset = Dataset::read(path)?;
    let (mut texts, mut all) = (0, [0u64; 3]);
    for mut corpus in dataset.stores {
        let first = corpus.first_of_equal();
        let mut at = 0..;
        corpus.texts.retain(|_| at.next().is_some_and(|at: usize| first[at] == at));
        texts += corpus.texts.len();
        let engine = Engine::open_to_measure(settings, RecallSettings::default())?;
        let roles = stored(settings, &engine, corpus.texts)?;
        let found = counts(roles.iter().map(|(_, role)| role));
        all.iter_mut().zip(found).for_each(|(sum, found)| *sum += found);
    }
    let [duplicates, contradictions, superseding] = all;
    let wrong = all.iter().sum::<u64>() as f64;
    Ok(json!({
        "file": name(path), "texts": texts, "duplicates": duplicates, "contradictions": contradictions,
        "superseding": superseding, "false_per_100": percent(wrong / texts.max(1) as f64),
    }))
}

fn world(settings: &Settings, path: &Path) -> anyhow::Result<Value> {
    let file = File::open(path).with_context(|| path.display().to_string())?;
    let world: World =
        serde_json::from_reader(BufReader::new(file)).with_context(|| path.display().to_string())?;
    let texts = world.memories.iter().map(Told::store).collect::<anyhow::Result<Vec<_>>>()?;
    let engine = Engine::open_to_measure(settings, RecallSettings::default())?;
    let roles = stored(settings, &engine, texts.clone())?;
    let ids: HashMap<MemoryId, &str> =
        roles.iter().zip(&world.memories).map(|((id, _), told)| (*id, told.id.as_str())).collect();
    let chains = Chains::of(&world);
    let (mut noticed, mut said, mut wrong) = (0u64, 0u64, Vec::new());
    for ((_, role), told) in roles.iter().zip(&world.memories) {
        let Role::Supersedes(known) = role else { continue };
        said += 1;
        if chains.are_joined(ids[known], &told.id) {
            noticed += u64::from(told.supersedes.is_some());
        } else {
            wrong.push([ids[known].to_owned(), told.id.clone()]);
        }
    }
    let links = world.memories.iter().filter(|told| told.supersedes.is_some()).count();
    let again =
        texts.into_iter().enumerate().map(|(at, text)| Store { content: retold(at, &text.content), ..text });
    let repeats = stored(settings, &engine, again.collect())?;
    let [repeated, ..] = counts(repeats.iter().map(|(_, role)| role));
    let [duplicates, contradictions, superseding] = counts(roles.iter().map(|(_, role)| role));
    let false_claims = duplicates + contradictions + wrong.len() as u64;
    let count = world.memories.len().max(1) as f64;
    Ok(json!({
        "file": name(path), "texts": world.memories.len(), "duplicates": duplicates, "contradictions": contradictions,
        "superseding": superseding, "false_per_100": percent(false_claims as f64 / count),
        "links": links, "noticed": percent(noticed as f64 / links.max(1) as f64), "wrong": wrong.clone(),
        "precision": percent((said - wrong.len() as u64) as f64 / said.max(1) as f64),
        "repeats": percent(repeated as f64 / count),
    }))
}

impl Told {
    fn store(&self) -> anyhow::Result<Store> {
        let at = OffsetDateTime::parse(&self.at, &Rfc3339).with_context(|| self.at.clone())?;
        Ok(Store {
            content: self.text.clone(),
            context: self.context.clone(),
            occurred_at: Some(Timestamp((at.unix_timestamp_nanos() / 1_000) as i64)),
            ..Store::default()
        })
    }
}

/// The same words with other spacing, case and punctuation.
fn retold(at: usize, text: &str) -> String {
    match at % 3 {
        0 => text.replace(' ', "  "),
        1 => text.trim_end_matches('.').to_owned(),
        _ => {
            let mut chars = text.chars();
            let first = chars.next().map(|first| first.to_lowercase().to_string());
            // A key keeps its case.
            let word = text.split(' ').next().unwrap_or("");
            let is_plain =
                word.chars().all(char::is_alphabetic) && !word.chars().skip(1).any(char::is_uppercase);
            if is_plain { first.unwrap_or_default() + chars.as_str() } else { format!(" {text}") }
        }
    }
}

/// Which memories tell of one thing as it changed.
struct Chains(HashMap<String, String>);

impl Chains {
    fn of(world: &World) -> Self {
        let mut chains = Chains(HashMap::new());
        for told in &world.memories {
            if let Some(known) = &told.supersedes {
                chains.join(known, &told.id);
            }
        }
        for asked in
            world.questions.iter().filter(|asked| !matches!(asked.r#type.as_str(), "list" | "twohop"))
        {
            if let [gold] = &asked.gold[..] {
                asked.stale.iter().for_each(|stale| chains.join(stale, gold));
            }
        }
        chains
    }

    fn root<'a>(&'a self, mut id: &'a str) -> &'a str {
        while let Some(up) = self.0.get(id) {
            id = up;
        }
        id
    }

    fn join(&mut self, a: &str, b: &str) {
        let (a, b) = (self.root(a).to_owned(), self.root(b).to_owned());
        if a != b {
            self.0.insert(a, b);
        }
    }

    fn are_joined(&self, a: &str, b: &str) -> bool {
        self.root(a) == self.root(b)
    }
}

fn table(distinct: &[Value], worlds: &[Value]) -> String {
    let cell =
        |of: &Value, field: &str| of[field].as_f64().map_or("-".to_owned(), |value| format!("{value}"));
    let mut text = format!(
        "{:<28}{:>8}{:>12}{:>15}{:>13}{:>15}\n",
        "texts that differ", "texts", "duplicates", "contradictions", "superseding", "false per 100"
    );
    for row in distinct.iter().chain(worlds) {
        text += &format!(
            "{:<28}{:>8}{:>12}{:>15}{:>13}{:>15}\n",
            row["file"].as_str().unwrap_or("?"),
            cell(row, "texts"),
            cell(row, "duplicates"),
            cell(row, "contradictions"),
            cell(row, "superseding"),
            cell(row, "false_per_100"),
        );
    }
    if !worlds.is_empty() {
        text += &format!(
            "\n{:<28}{:>8}{:>12}{:>15}{:>13}\n",
            "worlds, percent", "links", "noticed", "precision", "repeats"
        );
    }
    for row in worlds {
        let fields = ["links", "noticed", "precision", "repeats"].map(|field| cell(row, field));
        let [links, noticed, precision, repeats] = fields;
        let file = row["file"].as_str().unwrap_or("?");
        text += &format!("{file:<28}{links:>8}{noticed:>12}{precision:>15}{repeats:>13}\n");
        for pair in row["wrong"].as_array().into_iter().flatten() {
            text += &format!("  wrong: {} supersedes {}\n", pair[1], pair[0]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_small_world_is_measured_from_end_to_end() {
        let world = json!({
            "memories": [
                {"id": "a", "at": "2026-01-01T08:00:00Z", "text": "The sprint review is on Thursdays at 15:00."},
                {"id": "b", "at": "2026-01-02T08:00:00Z", "text": "Nadia plays the oboe."},
                {"id": "c", "at": "2026-02-01T08:00:00Z", "text": "The sprint review moved to Tuesdays at 11:00.",
                 "supersedes": "a"},
            ],
        });
        let mut file = tempfile::Builder::new().suffix(".json").tempfile().unwrap();
        file.write_all(world.to_string().as_bytes()).unwrap();
        let found = super::world(&Settings::default(), file.path()).unwrap();
        assert_eq!(
            (&found["noticed"], &found["precision"], &found["false_per_100"]),
            (&json!(100.0), &json!(100.0), &json!(0.0))
        );
        assert!(!table(&[], &[found]).is_empty());
    }
}
