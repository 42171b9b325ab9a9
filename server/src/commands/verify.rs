//! `cortexkg verify`: a read-only check of the data folder, also beside a running server.

use std::process::ExitCode;

use cortexkg_engine::Verified;
use serde_json::json;

use super::{print, print_json};
use crate::settings::Settings;

/// Exits with 1 when something is wrong.
pub fn run(settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let found = cortexkg_engine::verify(settings.data())?;
    let sound = found.problems.is_empty();
    if json {
        print_json(&as_json(&found))?;
    } else {
        print(&as_text(&found, &settings.data().display().to_string()))?;
    }
    Ok(if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn as_json(found: &Verified) -> serde_json::Value {
    json!({
        "ok": found.problems.is_empty(),
        "segments": found.segments,
        "records": found.records,
        "sequence_first": found.sequence_first,
        "sequence_last": found.sequence_last,
        "log_bytes": found.log_bytes,
        "snapshots": found.snapshots,
        "model": found.model,
        "memories": found.memories,
        "problems": found.problems,
    })
}

fn as_text(found: &Verified, data: &str) -> String {
    let Verified {
        segments,
        records,
        sequence_first,
        sequence_last,
        log_bytes,
        snapshots,
        model,
        memories,
        ..
    } = found;
    let model = model.as_deref().unwrap_or("none named");
    let snapshots = match snapshots.last() {
        Some(last) => format!("{}, the newest up to record {last}", snapshots.len()),
        None => "none".into(),
    };
    let mut text = format!(
        "{data}\n  memories   {memories}\n  records    {records} ({sequence_first} to {sequence_last})\n  \
         log        {log_bytes} bytes in {segments} segments\n  snapshots  {snapshots}\n  model      {model}\n"
    );
    for problem in &found.problems {
        text.push_str(&format!("  PROBLEM    {problem}\n"));
    }
    text.push_str(if found.problems.is_empty() { "sound" } else { "not sound" });
    text
}
