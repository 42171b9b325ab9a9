//! Log lines: to standard error or a file, for people or for machines. Standard output is never touched.

use std::fs::OpenOptions;

use anyhow::Context;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

use crate::settings::{Format, Level, Logging, Output};

/// Starts logging for the rest of the process. Short commands speak for themselves, so there only warnings are logged
/// unless more was asked for; servers log at the level of the settings.
pub fn start(logging: &Logging, serves: bool) -> anyhow::Result<()> {
    let writer = match logging.output {
        Output::Stderr => BoxMakeWriter::new(std::io::stderr),
        Output::File => {
            let file = OpenOptions::new().append(true).create(true).open(&logging.file_path);
            BoxMakeWriter::new(
                file.with_context(|| format!("logging.file_path: {} cannot be opened", logging.file_path))?,
            )
        }
    };
    let lines = tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter(logging.level, serves)))
        .with_ansi(logging.output == Output::Stderr && std::io::IsTerminal::is_terminal(&std::io::stderr()))
        .with_writer(writer);
    match logging.format {
        Format::Pretty => lines.compact().init(),
        Format::Json => lines.json().init(),
    }
    Ok(())
}

/// Our crates at the level asked for; libraries only when they warn, or they drown ours.
fn filter(level: Level, serves: bool) -> String {
    let level = match (level, serves) {
        (Level::Error, _) => "error",
        (Level::Warn, _) | (Level::Info, false) => "warn",
        (Level::Info, true) => "info",
        (Level::Debug, _) => "debug",
        (Level::Trace, _) => "trace",
    };
    let libraries = if level == "error" { "error" } else { "warn" };
    let ours = ["cortexkg", "cortexkg_rpc", "cortexkg_engine", "cortexkg_memory", "cortexkg_embed"];
    let ours: Vec<_> = ours.iter().map(|name| format!("{name}={level}")).collect();
    format!("{libraries},{}", ours.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_are_understood() {
        for level in [Level::Error, Level::Warn, Level::Info, Level::Debug, Level::Trace] {
            for serves in [true, false] {
                EnvFilter::try_new(filter(level, serves)).unwrap();
            }
        }
        assert!(filter(Level::Info, true).contains("cortexkg_engine=info"));
        assert!(filter(Level::Info, false).contains("cortexkg_engine=warn"));
    }
}
