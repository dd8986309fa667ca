//! `load` and `unload`: names come and go.

use std::sync::Arc;

use super::replace::{Then, replace, take_down};
use crate::checkpoint::Checkpoint;
use crate::config;
use crate::model::Route;
use crate::operator::{EventKind, LoadOrder, OperationError, Swapped};
use crate::supervisor::shared::{Managed, ModelTurn, Shared};

/// Serves a model that the config does not name.
pub async fn load(shared: &Shared, order: LoadOrder) -> Result<Swapped, OperationError> {
    let LoadOrder { name, path, settings } = order;
    if let Ok(managed) = shared.find(&name) {
        return Err(match managed.doing() {
            Some(doing) => OperationError::Busy { model: name, doing },
            None => OperationError::ModelExists { name },
        });
    }
    let checkpoint = shared.open_below_root(&path).await?;
    let found = checkpoint.path().to_owned();
    let config = config::for_loading(&name, found, settings, &shared.machine)
        .map_err(|errors| OperationError::Invalid(errors.to_string()))?;
    let managed = shared.register(config)?;
    let turn = managed.begin("loading".to_owned())?;
    let loaded = bring_in(shared, &turn, checkpoint).await;
    if loaded.is_err() {
        shared.forget(&name);
    }
    loaded
}

/// Serves a registered model as its config says.
pub async fn load_configured(
    shared: &Shared,
    managed: &Arc<Managed>,
) -> Result<Swapped, OperationError> {
    let turn = managed.begin("loading".to_owned())?;
    let checkpoint = shared.open(&managed.model.config().path).await?;
    bring_in(shared, &turn, checkpoint).await
}

async fn bring_in(
    shared: &Shared,
    turn: &ModelTurn,
    checkpoint: Checkpoint,
) -> Result<Swapped, OperationError> {
    let managed = turn.managed();
    let loaded = replace(shared, turn, (checkpoint, managed.model.config()), Then::Flip).await?;
    let (version, text) = (Some(loaded.version), format!("{} answers", loaded.path.display()));
    shared.events.tell(EventKind::Loaded, managed.name(), version, None, text);
    Ok(loaded)
}

/// Takes a model out of service: what it has admitted is answered, then its workers end.
pub async fn unload(shared: &Shared, model: &str) -> Result<(), OperationError> {
    let managed = shared.find(model)?;
    let turn = managed.begin("unloading".to_owned())?;
    shared.board.leave(model);
    shared.hide(model);
    managed.model.set_route(Route::default());
    let mut fleets = Vec::new();
    managed.change_fleets(|all| {
        fleets = all.all();
        all.leaving = all.all();
        (all.stable, all.canary, all.previous) = (None, None, None);
    });
    for fleet in &fleets {
        take_down(&turn, fleet).await;
    }
    // Not before, so that nobody of that name comes beside it.
    shared.forget(model);
    shared.events.tell(EventKind::Unloaded, model, None, None, "its workers have ended");
    Ok(())
}
