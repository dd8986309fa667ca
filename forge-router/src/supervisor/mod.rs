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
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::warn;

use self::backoff::Backoff;
use self::incarnation::{Incarnation, live};
use self::life_cycle::WorkerEvent;
use self::plan::WorkerPlan;
use self::statuses::Statuses;
use crate::logging::one_line;
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
    event: Event,
}

#[derive(Debug)]
enum Event {
    Step(WorkerEvent),
    /// It served once, and will be started again.
    Failed {
        cause: String,
    },
    /// It has never come to serve.
    CannotServe {
        cause: String,
    },
}

impl From<WorkerEvent> for Event {
    fn from(step: WorkerEvent) -> Self {
        Self::Step(step)
    }
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
    pub fn start(registry: &Registry, binary: &Path, metrics: &Metrics) -> Result<Self, OpenError> {
        let (stop, stopping) = watch::channel(false);
        let (reports, inbox) = mpsc::unbounded_channel();
        let mut tasks = JoinSet::new();
        let mut statuses = Statuses::default();
        for model in registry.models() {
            statuses.add(model);
            for plan in plans(model, binary, metrics)? {
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

    /// Retires every worker: what is in a ring is answered first, within a bound. None is left when
    /// this returns.
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
    metrics: &Metrics,
) -> Result<Vec<WorkerPlan>, OpenError> {
    let path = model.config.path.clone();
    let file = File::open(&path).map_err(|source| OpenError {
        model: model.name.to_string(),
        path,
        source,
    })?;
    let (file, shared) = (Arc::new(file.into()), Arc::new(OnceLock::new()));
    let told_state = Arc::new(AtomicBool::new(false));
    let plan = |(index, worker): (u32, _)| WorkerPlan {
        model: Arc::clone(model),
        version: VersionId(1),
        file: Arc::clone(&file),
        index,
        worker,
        binary: binary.to_owned(),
        metrics: metrics.clone(),
        shared: Arc::clone(&shared),
        told_state: Arc::clone(&told_state),
    };
    Ok((0..).zip(model.config.workers.iter().cloned()).map(plan).collect())
}

/// Keeps a process in a worker's place, until it is stopped. One that has never come to serve is
/// not tried again: the start fails with its cause.
async fn keep_alive(
    plan: WorkerPlan,
    reports: mpsc::UnboundedSender<Report>,
    mut stop: watch::Receiver<bool>,
) {
    let mut backoff = Backoff::default();
    let mut has_served = false;
    let tell = |event| {
        let model = Arc::clone(&plan.model);
        // Without an actor nobody is left to be told.
        drop(reports.send(Report { model, worker: plan.index, event }));
    };
    loop {
        let (cause, served) = match live(&plan, |step| tell(step.into()), &mut stop).await {
            Incarnation::Retired => return tell(Event::Step(WorkerEvent::Ended)),
            Incarnation::NeverReady { cause } if !has_served => {
                tell(Event::CannotServe { cause });
                stopped(&mut stop).await;
                return tell(Event::Step(WorkerEvent::Drain));
            }
            Incarnation::NeverReady { cause } => (cause, Duration::ZERO),
            Incarnation::Died { cause, served } => (cause, served),
        };
        has_served = true;
        let pause = backoff.after_crash(served, chance());
        warn!(model = %plan.model.name, version = plan.version.0, worker = plan.index,
            "worker ended: {}; it is started again in {pause:.0?}", one_line(&cause));
        plan.model.metrics.worker_restarted();
        tell(Event::Failed { cause });
        tokio::select! {
            () = tokio::time::sleep(pause) => tell(Event::Step(WorkerEvent::Start)),
            () = stopped(&mut stop) => return tell(Event::Step(WorkerEvent::Drain)),
        }
    }
}

/// Resolves once `stop` is true, or its sender is gone.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // The guard that it returns must not live on: it holds the channel's lock.
    drop(stop.wait_for(|stop| *stop).await);
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
    while let Some(Report { model, worker, event }) = inbox.recv().await {
        let (step, cause) = match &event {
            Event::Step(step) => (*step, None),
            Event::Failed { cause } | Event::CannotServe { cause } => {
                (WorkerEvent::Failed, Some(cause.clone()))
            }
        };
        if let Err(impossible) = statuses.apply(&model, worker, step, cause) {
            warn!(model = %model.name, worker, "{impossible}");
            continue;
        }
        let next = match event {
            Event::CannotServe { cause } => {
                Startup::Failed { model: model.name.to_string(), cause }
            }
            _ if statuses.all_ready() => Startup::Ready,
            _ => Startup::Loading,
        };
        startup.send_if_modified(|startup| {
            let is_first = *startup == Startup::Loading && next != Startup::Loading;
            if is_first {
                *startup = next;
            }
            is_first
        });
    }
}
