//! `promote` and `abort`: how a canary ends.

use std::sync::Arc;
use std::time::Instant;

use super::replace::{flip, take_down};
use crate::model::{Role, Route, VersionId};
use crate::operator::{EventKind, OperationError, Swapped};
use crate::supervisor::fleet::Fleet;
use crate::supervisor::shared::{Managed, Shared};

/// The canary answers everybody; the version it was tried beside drains and retires.
pub async fn promote(shared: &Shared, model: &str) -> Result<Swapped, OperationError> {
    let began = Instant::now();
    let managed = shared.find(model)?;
    let turn = managed.begin("promoting its canary".to_owned())?;
    let fleet = canary(&managed)?;
    if !fleet.is_ready() || fleet.trouble().is_some() {
        let cause = fleet.trouble().unwrap_or_else(|| "not all its workers are ready".to_owned());
        return Err(OperationError::CanaryNotReady { model: model.to_owned(), cause });
    }
    let before = flip(&managed, &fleet);
    let duration = began.elapsed();
    managed.model.metrics.swapped(duration);
    fleet.plan.tell(EventKind::Promoted, None, "the canary answers everybody");
    if let Some(before) = before {
        take_down(&turn, &before).await;
    }
    let path = fleet.plan.checkpoint.path().to_owned();
    let (model, version) = (model.to_owned(), fleet.plan.id);
    Ok(Swapped { model, path, version, role: Role::Stable, duration })
}

/// The canary answers what it has admitted and goes.
pub async fn abort(shared: &Shared, model: &str) -> Result<VersionId, OperationError> {
    let managed = shared.find(model)?;
    let turn = managed.begin("aborting its canary".to_owned())?;
    let fleet = canary(&managed)?;
    managed.model.set_route(Route { stable: managed.model.version(), canary: None });
    managed.model.metrics.set_canary_share(0.0);
    managed.change_fleets(|fleets| {
        fleets.canary = None;
        fleets.leaving.push(Arc::clone(&fleet));
    });
    fleet.plan.tell(EventKind::Aborted, None, "the canary is taken back");
    take_down(&turn, &fleet).await;
    Ok(fleet.plan.id)
}

fn canary(managed: &Managed) -> Result<Arc<Fleet>, OperationError> {
    let none = || OperationError::NoCanary { model: managed.name().to_owned() };
    managed.fleets().canary.map(|(fleet, _)| fleet).ok_or_else(none)
}
