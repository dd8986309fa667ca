//! `config reload`: makes the models what another config says, one by one.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::load::{load_configured, unload};
use super::replace::{Then, replace};
use super::swap::without_canary;
use crate::config::{self, Config, ModelConfig};
use crate::operator::{Applied, EventKind, OperationError};
use crate::supervisor::shared::{Managed, Shared};

/// Loads what is new, unloads what is gone, and replaces by the swap path what has other settings or
/// another file. What fails serves on as it was. A model that was loaded at run time is gone, too, as
/// the config does not name it.
pub async fn apply(shared: &Shared, config: Config) -> Result<Applied, OperationError> {
    let needs_restart = config::changed_keys(&shared.server, &config.server);
    shared.registry.configure(&config.models);
    let mut applied = Applied { needs_restart, ..Applied::default() };
    let wanted: BTreeMap<String, ModelConfig> =
        config.models.into_iter().map(|model| (model.name.to_string(), model)).collect();
    for managed in shared.all() {
        let name = managed.name().to_owned();
        if !wanted.contains_key(&name) {
            match unload(shared, &name).await {
                Ok(()) => applied.unloaded.push(name),
                Err(error) => applied.failed.push((name, error.to_string())),
            }
        }
    }
    for (name, config) in wanted {
        let outcome = match shared.find(&name) {
            Ok(managed) => change(shared, &managed, config).await,
            Err(_) => add(shared, config).await,
        };
        match outcome {
            Ok(Change::None) => applied.unchanged.push(name),
            Ok(Change::Loaded) => applied.loaded.push(name),
            Ok(Change::Swapped) => applied.swapped.push(name),
            Err(OperationError::Stopping) => return Err(OperationError::Stopping),
            Err(error) => applied.failed.push((name, error.to_string())),
        }
    }
    shared.events.tell(EventKind::ConfigApplied, "", None, None, summary(&applied));
    Ok(applied)
}

enum Change {
    None,
    Loaded,
    Swapped,
}

async fn add(shared: &Shared, config: ModelConfig) -> Result<Change, OperationError> {
    let managed = shared.register(config)?;
    match load_configured(shared, &managed).await {
        Ok(_) => Ok(Change::Loaded),
        Err(error) => {
            shared.forget(managed.name());
            Err(error)
        }
    }
}

async fn change(
    shared: &Shared,
    managed: &Arc<Managed>,
    config: ModelConfig,
) -> Result<Change, OperationError> {
    let turn = managed.begin("applying the config".to_owned())?;
    let checkpoint = shared.open(&config.path).await?;
    let is_same_file = managed.fleets().stable.is_some_and(|fleet| {
        fleet.plan.checkpoint.path() == checkpoint.path()
            && fleet.plan.checkpoint.sha256() == checkpoint.sha256()
    });
    if is_same_file && *managed.model.config() == config {
        return Ok(Change::None);
    }
    without_canary(managed)?;
    replace(shared, &turn, (checkpoint, Arc::new(config)), Then::Flip).await?;
    Ok(Change::Swapped)
}

fn summary(applied: &Applied) -> String {
    format!(
        "{} loaded, {} unloaded, {} swapped, {} unchanged, {} failed",
        applied.loaded.len(),
        applied.unloaded.len(),
        applied.swapped.len(),
        applied.unchanged.len(),
        applied.failed.len()
    )
}
