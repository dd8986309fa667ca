//! What is served, by which workers, and what they hold.

use std::sync::Arc;

use crate::model::Role;
use crate::operator::{ModelReport, Report, VersionReport, WorkerReport};
use crate::supervisor::board::Row;
use crate::supervisor::fleet::Fleet;
use crate::supervisor::shared::{Managed, Shared};
use crate::system::memory;

pub fn report(shared: &Shared) -> Report {
    Report { models: shared.all().iter().map(|managed| of_model(managed)).collect() }
}

fn of_model(managed: &Managed) -> ModelReport {
    let status = managed.model.status();
    let fleets = managed.fleets();
    let stable = fleets.stable.iter().map(|fleet| of_version(fleet, Role::Stable));
    let canary = fleets.canary.iter();
    let canary = canary.map(|(fleet, share)| of_version(fleet, Role::Canary(*share)));
    let coming = fleets.coming.iter().map(|fleet| of_version(fleet, Role::Loading));
    let leaving = fleets.leaving.iter().map(|fleet| of_version(fleet, Role::Draining));
    let versions = stable.chain(canary).chain(coming).chain(leaving).collect();
    let of_canary = fleets.canary.as_ref().and_then(|(canary, _)| canary.trouble());
    let of_canary = of_canary.map(|cause| format!("its canary: {cause}"));
    let queued = |fleet: &Arc<Fleet>| Some(fleet.version()?.waiting());
    ModelReport {
        name: managed.name().to_owned(),
        state: status.state.name(),
        cause: status.cause.clone().or(of_canary),
        doing: managed.doing(),
        queue_depth: fleets.all().iter().filter_map(queued).sum(),
        versions,
    }
}

fn of_version(fleet: &Arc<Fleet>, role: Role) -> VersionReport {
    let plan = &fleet.plan;
    VersionReport {
        id: plan.id,
        role,
        path: plan.checkpoint.path().to_owned(),
        sha256: plan.checkpoint.sha256().to_string(),
        age: plan.since.elapsed(),
        workers: fleet.rows().iter().map(of_worker).collect(),
    }
}

fn of_worker(row: &Row) -> WorkerReport {
    WorkerReport {
        index: row.index,
        pid: row.pid,
        state: row.state.name(),
        device: row.device.clone(),
        age: row.since.map(|since| since.elapsed()),
        restarts: row.restarts,
        rss_bytes: row.pid.and_then(memory::of_process).map(|held| held.anonymous),
        region_bytes: row.region_bytes,
    }
}
