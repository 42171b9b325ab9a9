//! `cortexkg reembed`: every memory through the configured model, so that the folder opens with it.

use std::process::ExitCode;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::json;

use super::{print, print_json};
use crate::engine::explain;
use crate::percentile::round;
use crate::settings::Settings;

/// Embeds anew; nothing changes if it fails on the way.
pub fn run(settings: &Settings, json: bool) -> anyhow::Result<ExitCode> {
    let bar = ProgressBar::no_length().with_style(ProgressStyle::with_template(
        "{spinner} {human_pos} of {human_len} memories embedded, {per_sec}, {eta} left",
    )?);
    let begun = Instant::now();
    let config = settings.engine()?;
    let embedded = cortexkg_engine::reembed(&config, &mut |done, of| {
        bar.set_length(of);
        bar.set_position(done);
    });
    bar.finish_and_clear();
    let memories = embedded.map_err(|error| explain(error, settings.data(), settings))?;
    let seconds = round(begun.elapsed().as_secs_f64(), 3);
    if json {
        print_json(
            &json!({ "memories": memories, "model": settings.neural_networks.model, "seconds": seconds }),
        )?;
    } else {
        print(&format!(
            "{memories} memories embedded with {} in {seconds} s",
            settings.neural_networks.model
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
