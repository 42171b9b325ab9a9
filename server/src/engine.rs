//! The engine as commands use it: opened with the settings, closed whatever happens, refusals said in words.

use std::ops::Deref;
use std::path::Path;

use anyhow::{Context, anyhow};
use cortexkg_engine::request::{ConfigureLearning, StatsQuery};
use cortexkg_engine::{Call, Config, EngineHandle, RecallSettings};

use crate::settings::Settings;

/// An open engine. Closing (drain, sync, snapshot) happens when it is dropped, also on the way out of an error.
pub struct Engine {
    handle: EngineHandle,
    /// A temporary data folder lives as long as its engine.
    _temporary: Option<tempfile::TempDir>,
}

impl Engine {
    /// Opens the data folder of the settings.
    pub fn open(settings: &Settings) -> anyhow::Result<Engine> {
        if settings.is_temporary() {
            return Engine::open_temporary(settings);
        }
        Engine::open_with(settings, settings.engine()?, None)
    }

    /// Opens a new temporary folder with these settings; it is removed at the end.
    pub fn open_temporary(settings: &Settings) -> anyhow::Result<Engine> {
        Engine::open_to_measure(settings, RecallSettings::default())
    }

    /// As `open_temporary`, with other numbers of recall than the product's.
    pub fn open_to_measure(settings: &Settings, recall: RecallSettings) -> anyhow::Result<Engine> {
        let folder = tempfile::Builder::new().prefix("cortexkg-").tempdir().context("no temporary folder")?;
        let settings = settings.moved_to(folder.path());
        Engine::open_with(&settings, Config { recall, ..settings.engine()? }, Some(folder))
    }

    fn open_with(
        settings: &Settings,
        config: Config,
        temporary: Option<tempfile::TempDir>,
    ) -> anyhow::Result<Engine> {
        let data = config.data.clone();
        let handle = EngineHandle::open(config).map_err(|error| explain(error, &data, settings))?;
        let engine = Engine { handle, _temporary: temporary };
        engine.teach_new_folder(settings)?;
        Ok(engine)
    }

    /// The learning rate is state, kept in the log: settings only choose how a new folder begins.
    fn teach_new_folder(&self, settings: &Settings) -> anyhow::Result<()> {
        let wanted = settings.neuromorphic.stdp_learning_rate as f32;
        if self.health().memories > 0 || self.health().sequence > 1 {
            return Ok(());
        }
        let query = StatsQuery { include_performance: false, ..StatsQuery::default() };
        let in_force = self.stats(query, Call::default()).wait()?.learning.learning_rate;
        if in_force != wanted {
            let change = ConfigureLearning { learning_rate: Some(wanted), ..ConfigureLearning::default() };
            self.configure_learning(change, Call::default()).wait()?;
        }
        Ok(())
    }
}

impl Deref for Engine {
    type Target = EngineHandle;

    fn deref(&self) -> &EngineHandle {
        &self.handle
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// Says what to do about a folder that another process holds.
pub fn explain(error: cortexkg_engine::Error, data: &Path, settings: &Settings) -> anyhow::Error {
    if is_held(&error) {
        return anyhow!(
            "another process holds {}: if that is a running `cortexkg serve`, use it at http://{}:{}/mcp (or its gRPC \
             door), or stop it first; if not, choose another folder with --data DIR",
            data.display(),
            settings.server.host,
            settings.server.port,
        );
    }
    anyhow::Error::new(error).context(format!("{} cannot be opened", data.display()))
}

fn is_held(error: &cortexkg_engine::Error) -> bool {
    matches!(error, cortexkg_engine::Error::Journal(why) if why.contains("another writer holds the folder"))
}
