//! The config while the server runs: shown, and read again.

use std::sync::{Mutex, PoisonError};

use super::changes::audit;
use super::code::Code;
use super::wire::{Failure, ShownConfig};
use crate::config::{self, Config, ConfigErrors, Files, Source};
use crate::operator::{Applied, Asker, OperationError, Operator};

/// Where the config comes from, and what it says by now.
#[derive(Debug)]
pub struct Settings {
    source: Source,
    operator: Operator,
    in_force: Mutex<Config>,
    /// One reload at a time, so that the last one that was read is the one in force.
    turn: tokio::sync::Mutex<()>,
}

/// Why the config was not applied: the file's fault, or the server's.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    #[error(transparent)]
    Config(#[from] ConfigErrors),
    #[error(transparent)]
    Operation(#[from] OperationError),
}

impl Settings {
    pub fn new(source: Source, config: Config, operator: Operator) -> Self {
        Self { source, operator, in_force: Mutex::new(config), turn: tokio::sync::Mutex::default() }
    }

    /// The config in force, with every default. What was swapped, loaded or scaled since it was read
    /// is not in it.
    pub fn show(&self) -> ShownConfig {
        let file = match &self.source.files {
            Files::Config(path) => Some(path.display().to_string()),
            Files::Directory(directory) => Some(directory.path.display().to_string()),
            Files::Models(_) => None,
        };
        let config = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        ShownConfig { file, config: config::table(&config) }
    }

    /// Reads the config again and makes the models what it says. One with an error changes nothing.
    pub async fn reload(&self, by: Asker) -> Result<Applied, ReloadError> {
        let _turn = self.turn.lock().await;
        let config = self.source.read().inspect_err(|error| {
            audit(&by, "config reload", Err(error));
        })?;
        let applied = self.operator.apply(config.clone(), by).await?;
        self.put_in_force(config, &applied);
        Ok(applied)
    }

    /// `[server]` stays as it was until the next start, and a model that failed as it is served.
    fn put_in_force(&self, read: Config, applied: &Applied) {
        let mut in_force = self.in_force.lock().unwrap_or_else(PoisonError::into_inner);
        let has_failed =
            |name: &str| applied.failed.iter().any(|(failed, _)| failed.as_str() == name);
        let mut models: Vec<_> =
            read.models.into_iter().filter(|model| !has_failed(model.name.as_str())).collect();
        models.extend(in_force.models.drain(..).filter(|model| has_failed(model.name.as_str())));
        models.sort_by(|one, other| one.name.cmp(&other.name));
        in_force.models = models;
    }
}

impl From<ReloadError> for Failure {
    fn from(error: ReloadError) -> Self {
        match error {
            ReloadError::Config(errors) => Code::Config.failure(errors.to_string()),
            ReloadError::Operation(error) => error.into(),
        }
    }
}
