//! What the operator reports, as it is sent.

use super::wire::{FailedModel, ModelStatus, Reloaded, Swapped, VersionStatus, WorkerStatus};
use crate::operator::{self, Applied, ModelReport, Report, Role, VersionReport};

const READY: &str = "ready";

pub fn models(report: &Report) -> Vec<ModelStatus> {
    report.models.iter().map(model).collect()
}

pub fn workers(report: &Report) -> Vec<WorkerStatus> {
    let versions = report
        .models
        .iter()
        .flat_map(|model| model.versions.iter().map(move |version| (&model.name, version)));
    versions.flat_map(|(model, version)| workers_of(model, version)).collect()
}

pub fn swapped(swapped: operator::Swapped) -> Swapped {
    Swapped {
        model: swapped.model,
        version: swapped.version.0,
        path: swapped.path.display().to_string(),
        role: swapped.role.name().to_owned(),
        share: share(swapped.role),
        duration_s: swapped.duration.as_secs_f64(),
    }
}

pub fn reloaded(applied: Applied) -> Reloaded {
    let failed = applied.failed.into_iter();
    Reloaded {
        loaded: applied.loaded,
        unloaded: applied.unloaded,
        swapped: applied.swapped,
        unchanged: applied.unchanged,
        failed: failed.map(|(model, cause)| FailedModel { model, cause }).collect(),
        needs_restart: applied.needs_restart,
    }
}

fn model(report: &ModelReport) -> ModelStatus {
    ModelStatus {
        model: report.name.clone(),
        state: report.state.to_owned(),
        cause: report.cause.clone(),
        doing: report.doing.clone(),
        queue_depth: report.queue_depth,
        versions: report.versions.iter().map(version).collect(),
    }
}

fn version(report: &VersionReport) -> VersionStatus {
    let workers = &report.workers;
    VersionStatus {
        version: report.id.0,
        role: report.role.name().to_owned(),
        share: share(report.role),
        path: report.path.display().to_string(),
        sha256: report.sha256.clone(),
        age_s: report.age.as_secs_f64(),
        workers: workers.len() as u64,
        ready_workers: workers.iter().filter(|worker| worker.state == READY).count() as u64,
        rss_bytes: workers.iter().filter_map(|worker| worker.rss_bytes).sum(),
        region_bytes: workers.iter().filter_map(|worker| worker.region_bytes).sum(),
    }
}

fn workers_of<'a>(
    model: &'a str,
    version: &'a VersionReport,
) -> impl Iterator<Item = WorkerStatus> + 'a {
    version.workers.iter().map(|worker| WorkerStatus {
        model: model.to_owned(),
        version: version.id.0,
        worker: worker.index,
        pid: worker.pid,
        state: worker.state.to_owned(),
        device: worker.device.clone(),
        age_s: worker.age.map(|age| age.as_secs_f64()),
        restarts: worker.restarts,
        rss_bytes: worker.rss_bytes,
        region_bytes: worker.region_bytes,
    })
}

fn share(role: Role) -> Option<String> {
    match role {
        Role::Canary(share) => Some(share.to_string()),
        Role::Stable | Role::Loading | Role::Draining => None,
    }
}
