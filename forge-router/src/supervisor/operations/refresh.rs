//! `refresh`: a model serves what its file holds now.

use std::sync::Arc;

use super::load::load_configured;
use super::replace::{Then, replace};
use super::swap::without_canary;
use crate::operator::{EventKind, OperationError};
use crate::supervisor::shared::{Managed, Shared};

/// Serves the present content of a model's file; nothing changes where that is what it serves. A
/// model that the config names and that was unloaded is served again.
pub async fn refresh(shared: &Shared, model: &str) -> Result<(), OperationError> {
    let managed = match shared.find(model) {
        Ok(managed) => managed,
        Err(unknown) => {
            let config = shared.registry.configuration(model).ok_or(unknown)?;
            let managed = shared.register(config)?;
            let loaded = load_configured(shared, &managed).await;
            if loaded.is_err() {
                shared.forget(model);
            }
            return loaded.map(drop);
        }
    };
    swap_in(shared, &managed).await
}

async fn swap_in(shared: &Shared, managed: &Arc<Managed>) -> Result<(), OperationError> {
    let turn = managed.begin("loading its file again".to_owned())?;
    let config = managed.model.config();
    let checkpoint = shared.open(&config.path).await?;
    let is_served = managed.fleets().stable.is_some_and(|fleet| {
        fleet.plan.checkpoint.path() == checkpoint.path()
            && fleet.plan.checkpoint.sha256() == checkpoint.sha256()
    });
    if is_served {
        return Ok(());
    }
    without_canary(managed)?;
    let tell = |kind, text: &str| shared.events.tell(kind, managed.name(), None, None, text);
    tell(EventKind::Swapping, &format!("to what {} holds now", config.path.display()));
    let swapped = replace(shared, &turn, (checkpoint, config), Then::Flip).await;
    if let Err(error) = &swapped {
        tell(EventKind::SwapFailed, &crate::logging::one_line(&error.to_string()));
    }
    swapped.map(drop)
}
