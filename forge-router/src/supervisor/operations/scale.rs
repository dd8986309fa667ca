//! `scale`: more or fewer workers for the stable version.

use std::num::NonZeroU32;
use std::sync::Arc;

use super::swap::without_canary;
use crate::config::ModelConfig;
use crate::operator::{EventKind, OperationError};
use crate::supervisor::memory;
use crate::supervisor::shared::Shared;
use crate::system;

/// Starts as many workers as are missing and waits until they are ready, or lets the last ones
/// finish what they have and go. Where one of the new cannot serve, it is as before.
pub async fn scale(shared: &Shared, model: &str, workers: u32) -> Result<(), OperationError> {
    let managed = shared.find(model)?;
    let _turn = managed.begin(format!("scaling to {workers} workers"))?;
    // A canary that is promoted is to have as many workers as the version it replaces.
    without_canary(&managed)?;
    let Some(fleet) = managed.fleets().stable else {
        let doing = "it is not loaded yet".to_owned();
        return Err(OperationError::Busy { model: model.to_owned(), doing });
    };
    let config = managed.model.config();
    let wanted = NonZeroU32::new(workers)
        .ok_or_else(|| OperationError::Invalid("a model has at least 1 worker".to_owned()))?;
    let plan = config.workers_for(wanted, &shared.machine).map_err(OperationError::Invalid)?;
    let before = fleet.size();
    if plan.len() > before {
        let needed = memory::as_those_of(&fleet, plan.len() - before);
        let expected = shared.turns.expected.expect(needed, system::memory::available())?;
        fleet.add(plan[before..].to_vec());
        let ready = shared.unless_ending(fleet.ready()).await?;
        drop(expected);
        if let Err(cause) = ready {
            fleet.shrink(before);
            return Err(OperationError::Load { path: config.path.clone(), cause });
        }
    } else {
        fleet.shrink(plan.len());
    }
    // A version that replaces this one has as many.
    let scaled = ModelConfig { workers: plan, ..ModelConfig::clone(&config) };
    managed.model.set_config(Arc::new(scaled));
    fleet.plan.tell(EventKind::Scaled, None, format!("from {before} to {workers}"));
    Ok(())
}
