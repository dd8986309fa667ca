//! Starts the workers, keeps them running and sees them end.
//!
//! ```text
//! worker task (one per place) ── Report ─► actor: sole writer of worker states
//!   live ─► back off ─► live …                │
//!                                             └─► Model::set_status, worker gauges, Startup
//! ```
//!
//! A worker's task owns its process; the actor owns what the rest of the router sees of it. Until
//! every model has been ready once, a worker that cannot serve ends the start: a config that does
//! not work is told at once. Later it is restarted with back-off and its model shows as degraded.

mod backoff;
mod control;
mod handshake;
mod incarnation;
mod life_cycle;
mod output;
mod plan;
mod process;
mod statuses;
mod warm;

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use self::backoff::Backoff;
use self::incarnation::{Incarnation, live};
use self::life_cycle::WorkerEvent;
use self::plan::WorkerPlan;
use self::statuses::Statuses;
use crate::logging::one_line;
use crate::memory_budget::MemoryBudget;
use crate::metrics::Metrics;
use crate::model::{Model, Registry, VersionId};

/// How the start went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Startup {
    Loading,
    /// Every model has been ready.
    Ready,
    /// A model cannot be served.
    Failed {
        model: String,
        cause: String,
    },
}

/// What a worker's task tells the actor.
#[derive(Debug)]
struct Report {
    model: Arc<Model>,
    worker: u32,
    event: WorkerEvent,
    /// With `Failed`: why.
    cause: Option<String>,
}

/// Runs the workers of every model until it is told to stop.
#[derive(Debug)]
pub struct Supervisor {
    stop: watch::Sender<bool>,
    startup: watch::Receiver<Startup>,
    tasks: JoinSet<()>,
    actor: tokio::task::JoinHandle<()>,
}

/// Why the workers could not even be started; the operator's fault.
#[derive(Debug, thiserror::Error)]
#[error("model '{model}': {} cannot be opened: {source}", path.display())]
pub struct OpenError {
    model: String,
    path: PathBuf,
    source: std::io::Error,
}

impl Supervisor {
    /// Starts every worker of every model with the worker program at `binary`.
    pub fn start(
        registry: &Registry,
        binary: &Path,
        budget: &Arc<MemoryBudget>,
        metrics: &Metrics,
    ) -> Result<Self, OpenError> {
        let (stop, stopping) = watch::channel(false);
        let (reports, inbox) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let mut statuses = Statuses::default();
        for model in registry.models() {
            statuses.add(model);
            for plan in plans(model, binary, budget, metrics)? {
                tasks.spawn(keep_alive(plan, reports.clone(), stopping.clone()));
            }
        }
        let (startup_sender, startup) = watch::channel(Startup::Loading);
        let actor = tokio::spawn(act(statuses, inbox, startup_sender));
        Ok(Self { stop, startup, tasks, actor })
    }

    /// Waits until every model has been ready, or one cannot be.
    pub async fn started(&self) -> Startup {
        let mut startup = self.startup.clone();
        match startup.wait_for(|startup| *startup != Startup::Loading).await {
            Ok(startup) => startup.clone(),
            // The actor lives as long as the tasks, and those until they are stopped.
            Err(_) => Startup::Loading,
        }
    }

    /// Retires every worker: what is in a ring is answered first.
    pub async fn stop(mut self) {
        self.stop.send_replace(true);
        while self.tasks.join_next().await.is_some() {}
        // With the last task its channel closed, so the actor ends after the last report.
        drop(self.actor.await);
    }
}

fn plans(
    model: &Arc<Model>,
    binary: &Path,
    budget: &Arc<MemoryBudget>,
    metrics: &Metrics,
) -> Result<Vec<WorkerPlan>, OpenError> {
    let path = model.config.path.clone();
    let file = File::open(&path).map_err(|source| OpenError {
        model: model.name.to_string(),
        path,
        source,
    })?;
    let (file, shared) = (Arc::new(file.into()), Arc::new(OnceLock::new()));
    let plan = |(index, worker): (u32, _)| WorkerPlan {
        model: Arc::clone(model),
        version: VersionId(1),
        file: Arc::clone(&file),
        index,
        worker,
        binary: binary.to_owned(),
        budget: Arc::clone(budget),
        metrics: metrics.clone(),
        shared: Arc::clone(&shared),
    };
    Ok((0..).zip(model.config.workers.iter().cloned()).map(plan).collect())
}

/// Keeps a process in a worker's place, until it is stopped.
async fn keep_alive(
    plan: WorkerPlan,
    reports: mpsc::UnboundedSender<Report>,
    mut stop: watch::Receiver<bool>,
) {
    let mut backoff = Backoff::default();
    let tell = |event, cause| {
        let model = Arc::clone(&plan.model);
        // Without an actor nobody is left to be told.
        drop(reports.send(Report { model, worker: plan.index, event, cause }));
    };
    loop {
        let report = |event| {
            if event == WorkerEvent::Warmed {
                // The version is complete before anyone hears that its worker is ready.
                if let Some(version) = plan.shared.get() {
                    plan.model.route_to(version);
                }
            }
            tell(event, None);
        };
        let (cause, served) = match live(&plan, report, &mut stop).await {
            Incarnation::Retired => return tell(WorkerEvent::Ended, None),
            Incarnation::NeverReady { cause } => (cause, Duration::ZERO),
            Incarnation::Died { cause, served } => (cause, served),
        };
        let pause = backoff.after_crash(served, chance());
        warn!(model = %plan.model.name, version = plan.version.0, worker = plan.index,
            "worker ended: {}; it is started again in {pause:?}", one_line(&cause));
        plan.model.metrics.worker_restarted();
        tell(WorkerEvent::Failed, Some(cause));
        tokio::select! {
            () = tokio::time::sleep(pause) => tell(WorkerEvent::Start, None),
            _ = stop.wait_for(|stop| *stop) => return tell(WorkerEvent::Drain, None),
        }
    }
}

/// A number in 0..1 that differs between workers which crash together.
fn chance() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    // `RandomState` is seeded anew at every construction: the standard library's only chance.
    let random = RandomState::new().hash_one(Instant::now());
    f64::from((random >> 32) as u32) / f64::from(u32::MAX)
}

async fn act(
    mut statuses: Statuses,
    mut inbox: mpsc::UnboundedReceiver<Report>,
    startup: watch::Sender<Startup>,
) {
    let started = Instant::now();
    while let Some(Report { model, worker, event, cause }) = inbox.recv().await {
        if let Err(impossible) = statuses.apply(&model, worker, event, cause.clone()) {
            warn!(model = %model.name, worker, "{impossible}");
            continue;
        }
        let is_loading = *startup.borrow() == Startup::Loading;
        if event == WorkerEvent::Warmed {
            info!(model = %model.name, worker, "worker ready after {:?}", started.elapsed());
        }
        if is_loading && event == WorkerEvent::Failed {
            let cause = cause.unwrap_or_default();
            startup.send_replace(Startup::Failed { model: model.name.to_string(), cause });
        } else if is_loading && statuses.all_ready() {
            startup.send_replace(Startup::Ready);
        }
    }
}
