//! `swap` and `rollback`: another checkpoint under the same name.

use std::path::Path;
use std::sync::Arc;

use super::replace::{Then, replace};
use crate::config::ModelConfig;
use crate::logging::one_line;
use crate::operator::{EventKind, OperationError, SwapOrder, Swapped};
use crate::supervisor::shared::{Managed, ModelTurn, Previous, Shared};
use crate::system;

/// Serves the named file in place of the stable version, or as a canary beside it.
pub async fn swap(shared: &Shared, order: SwapOrder) -> Result<Swapped, OperationError> {
    let SwapOrder { model, path, canary } = order;
    let managed = shared.find(&model)?;
    let turn = managed.begin(format!("swapping to {}", path.display()))?;
    without_canary(&managed)?;
    let tell = |kind, text: &str| shared.events.tell(kind, managed.name(), None, None, text);
    tell(EventKind::Swapping, &format!("to {}", path.display()));
    let then = canary.map_or(Then::Flip, Then::Canary);
    let swapped = swap_to(shared, &turn, &path, then).await;
    if let Err(error) = &swapped {
        tell(EventKind::SwapFailed, &one_line(&error.to_string()));
    }
    swapped
}

async fn swap_to(
    shared: &Shared,
    turn: &ModelTurn,
    path: &Path,
    then: Then,
) -> Result<Swapped, OperationError> {
    let checkpoint = shared.open_below_root(path).await.map_err(|error| as_given(error, path))?;
    let config = ModelConfig {
        path: checkpoint.path().to_owned(),
        ..ModelConfig::clone(&turn.managed().model.config())
    };
    let swapped = replace(shared, turn, (checkpoint, Arc::new(config)), then).await;
    swapped.map_err(|error| as_given(error, path))
}

/// Serves the version before this one again, under a number of its own.
pub async fn rollback(shared: &Shared, model: &str) -> Result<Swapped, OperationError> {
    let managed = shared.find(model)?;
    let turn = managed.begin("rolling back".to_owned())?;
    without_canary(&managed)?;
    let Some(Previous { id, checkpoint, config }) = managed.fleets().previous else {
        return Err(OperationError::NoPrevious { model: model.to_owned() });
    };
    let held = checkpoint.clone();
    if !matches!(system::quietly(move || held.verify()).await, Some(Ok(()))) {
        let path = checkpoint.path().to_owned();
        return Err(OperationError::Changed { path, version: id.0 });
    }
    // It was another capacity's; who goes back wants the other bytes, not fewer workers.
    let workers = managed.model.config().workers.clone();
    let config = Arc::new(ModelConfig { workers, ..ModelConfig::clone(&config) });
    let swapped = replace(shared, &turn, (checkpoint, config), Then::Flip).await?;
    shared.events.tell(
        EventKind::RolledBack,
        managed.name(),
        Some(swapped.version),
        None,
        format!("to the file of version {id}"),
    );
    Ok(swapped)
}

pub(super) fn without_canary(managed: &Managed) -> Result<(), OperationError> {
    match managed.fleets().canary {
        None => Ok(()),
        Some(_) => Err(OperationError::HasCanary { model: managed.name().to_owned() }),
    }
}

/// Who named the file is told of it by that name.
fn as_given(error: OperationError, given: &Path) -> OperationError {
    match error {
        OperationError::Load { path: _, cause } => {
            OperationError::Load { path: given.to_owned(), cause }
        }
        error => error,
    }
}
