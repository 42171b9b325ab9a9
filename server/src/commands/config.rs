//! `cortexkg config`: every setting as a file to start from.

use std::process::ExitCode;

use super::print;
use crate::settings::Settings;

/// Prints the defaults.
pub fn run() -> anyhow::Result<ExitCode> {
    print(&Settings::printed_defaults())?;
    Ok(ExitCode::SUCCESS)
}
