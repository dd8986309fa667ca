//! Starts the workers, keeps them running, sees them end, and does what operators ask.
//!
//! ```text
//! Operator ─ Order ─► Supervisor ─ a task each ─► operations (swap, load, …)
//!                                                     │ start, retire
//!                     Fleet (the workers of a version) ◄┘
//!                       └─ Place (always a process in it) ─ Tenant ─ Incarnation (one process)
//!                                                             └─► Board ─► Model::set_status, gauges
//! ```
//!
//! A worker's task owns its process; the board alone shows what the rest of the router sees of it.
//! Until every configured model has been ready once, a worker that cannot serve ends the start: a
//! config that does not work is told at once. Later it is restarted, and its model shows as degraded.

mod board;
mod control;
mod fleet;
mod handshake;
mod incarnation;
mod life_cycle;
mod memory;
mod operations;
mod output;
mod place;
mod plan;
mod process;
mod recycling;
mod restarts;
mod shared;
mod tenant;
mod warm;
mod warm_up;

use std::path::PathBuf;
use std::sync::Arc;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tracing::{info, warn};

use self::shared::{Managed, Shared};
use crate::config::{Config, Machine, ModelConfig};
use crate::logging::one_line;
use crate::metrics::Metrics;
use crate::model::Registry;
use crate::operator::{Applied, Asker, Events, OperationError, Operator, Order, Reply};

/// Whether, and how soon, a worker is to retire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stop {
    #[default]
    No,
    /// Once it has finished what is in its ring.
    WhenIdle,
    /// As before, but within a few seconds.
    Soon,
}

/// How far the end of the server is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ending {
    #[default]
    No,
    /// Nothing new is brought up; what serves goes on.
    NoChanges,
    /// Every worker retires.
    Now,
}

/// Why a configured model cannot be served; the operator's fault, or the machine's.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("model '{model}' cannot be served: {cause}")]
pub struct CannotServe {
    model: String,
    cause: String,
}

/// Runs the workers of every model until it is told to stop.
#[derive(Debug)]
pub struct Supervisor {
    shared: Arc<Shared>,
    operator: Operator,
    ending: watch::Sender<Ending>,
    started: watch::Receiver<Option<Result<(), CannotServe>>>,
    orders: tokio::task::JoinHandle<()>,
}

/// What the supervisor is given, beside the config.
#[derive(Debug)]
pub struct Setting {
    pub registry: Arc<Registry>,
    pub metrics: Metrics,
    /// The worker program.
    pub binary: PathBuf,
    pub machine: Machine,
}

impl Supervisor {
    /// Starts every worker of every configured model, and takes orders from here on.
    pub fn start(setting: Setting, config: &Config) -> Self {
        let (ending, ending_seen) = watch::channel(Ending::No);
        let events = Events::new();
        let (operator, inbox) = Operator::new(events.clone());
        let Setting { registry, metrics, binary, machine } = setting;
        let shared = Shared::new(
            registry,
            metrics,
            events,
            binary,
            machine,
            config.server.clone(),
            ending_seen,
        );
        let (started_sender, started) = watch::channel(None);
        shared.registry.configure(&config.models);
        // Names in a config are unique.
        let register = |config: &ModelConfig| shared.register(config.clone()).ok();
        let registered = config.models.iter().filter_map(register).collect();
        tokio::spawn(start_configured(Arc::clone(&shared), registered, started_sender));
        let orders = tokio::spawn(take_orders(Arc::clone(&shared), inbox));
        Self { shared, operator, ending, started, orders }
    }

    /// Asks this supervisor.
    pub fn operator(&self) -> &Operator {
        &self.operator
    }

    /// Waits until every configured model has been ready, or one cannot be.
    pub async fn started(&self) -> Result<(), CannotServe> {
        let mut started = self.started.clone();
        let started = started.wait_for(Option::is_some).await;
        // The task that starts them lives until it has told how that went.
        started.ok().and_then(|started| started.clone()).unwrap_or(Ok(()))
    }

    /// Gives up what is being brought up, and refuses further changes: the server is about to end.
    /// What serves goes on.
    pub fn refuse_changes(&self) {
        self.ending.send_replace(Ending::NoChanges);
    }

    /// Retires every worker: what is in a ring is answered first, within a bound. No process is left
    /// when this returns.
    pub async fn stop(self) {
        self.ending.send_replace(Ending::Now);
        let fleets = || self.shared.all().into_iter().flat_map(|managed| managed.fleets().all());
        for fleet in fleets() {
            if let Some(version) = fleet.version() {
                version.close();
            }
            fleet.hurry();
        }
        // Operations that were under way have retired what they had begun by the time they end.
        drop(self.orders.await);
        let mut retiring = JoinSet::new();
        for fleet in fleets() {
            retiring.spawn(async move { fleet.retire(Stop::Soon).await });
        }
        while retiring.join_next().await.is_some() {}
    }
}

/// Loads every registered model at the same time, as far as `parallel_loads` allows.
async fn start_configured(
    shared: Arc<Shared>,
    registered: Vec<Arc<Managed>>,
    started: watch::Sender<Option<Result<(), CannotServe>>>,
) {
    let mut loading = JoinSet::new();
    for managed in registered {
        let shared = Arc::clone(&shared);
        loading.spawn(async move {
            let loaded = operations::load_configured(&shared, &managed).await;
            (managed.name().to_owned(), loaded)
        });
    }
    while let Some(loaded) = loading.join_next().await {
        let cause = match loaded {
            Ok((_, Ok(_))) => continue,
            // Nobody asks any more.
            Ok((_, Err(OperationError::Stopping))) => return,
            Ok((model, Err(OperationError::Load { cause, .. }))) => CannotServe { model, cause },
            Ok((model, Err(error))) => CannotServe { model, cause: error.to_string() },
            Err(panicked) => CannotServe { model: String::new(), cause: panicked.to_string() },
        };
        started.send_replace(Some(Err(cause)));
        return;
    }
    started.send_replace(Some(Ok(())));
}

/// Carries orders out, each in a task of its own, until every worker is to retire.
async fn take_orders(shared: Arc<Shared>, mut inbox: mpsc::UnboundedReceiver<Order>) {
    let mut under_way = JoinSet::new();
    let mut ending = shared.ending.clone();
    loop {
        let order = tokio::select! {
            order = inbox.recv() => order,
            Some(_) = under_way.join_next() => continue,
            _ = ending.wait_for(|ending| *ending == Ending::Now) => None,
        };
        let Some(order) = order else { break };
        let shared = Arc::clone(&shared);
        under_way.spawn(async move { carry_out(&shared, order).await });
    }
    // Orders that come now find nobody, which their askers are told.
    drop(inbox);
    while under_way.join_next().await.is_some() {}
}

async fn carry_out(shared: &Shared, order: Order) {
    match order {
        Order::Swap { order, by, reply } => {
            let what = format!("swap {} {}", order.model, order.path.display());
            finish(&by, &what, operations::swap(shared, order).await, reply);
        }
        Order::Rollback { model, by, reply } => {
            let outcome = operations::rollback(shared, &model).await;
            finish(&by, &format!("rollback {model}"), outcome, reply);
        }
        Order::Promote { model, by, reply } => {
            let outcome = operations::promote(shared, &model).await;
            finish(&by, &format!("promote {model}"), outcome, reply);
        }
        Order::Abort { model, by, reply } => {
            let outcome = operations::abort(shared, &model).await;
            finish(&by, &format!("abort {model}"), outcome, reply);
        }
        Order::Load { order, by, reply } => {
            let what = format!("load {} {}", order.name, order.path.display());
            finish(&by, &what, operations::load(shared, order).await, reply);
        }
        Order::Refresh { model, by, reply } => {
            let outcome = operations::refresh(shared, &model).await;
            finish(&by, &format!("refresh {model}"), outcome, reply);
        }
        Order::Unload { model, by, reply } => {
            let outcome = operations::unload(shared, &model).await;
            finish(&by, &format!("unload {model}"), outcome, reply);
        }
        Order::Scale { model, workers, by, reply } => {
            let outcome = operations::scale(shared, &model, workers).await;
            finish(&by, &format!("scale {model} {workers}"), outcome, reply);
        }
        Order::Apply { config, by, reply } => {
            let outcome = operations::apply(shared, *config).await;
            if let Ok(applied) = &outcome {
                tell_failures(applied);
            }
            finish(&by, "config reload", outcome, reply);
        }
        Order::Report { reply } => drop(reply.send(Ok(operations::report(shared)))),
    }
}

/// What a config that was read again did not come to.
fn tell_failures(applied: &Applied) {
    for (model, cause) in &applied.failed {
        warn!(%model, "the config could not be applied, it serves on as it was: {}", one_line(cause));
    }
    if !applied.needs_restart.is_empty() {
        warn!("changed, but only a restart applies it: {}", applied.needs_restart.join(", "));
    }
}

/// The audit log: one line for each change that was asked for, and what became of it.
fn finish<T>(by: &Asker, what: &str, outcome: Result<T, OperationError>, reply: Reply<T>) {
    let what = one_line(what);
    match &outcome {
        Ok(_) => info!(%by, "{what}: done"),
        Err(error) => warn!(%by, "{what}: {}", one_line(&error.to_string())),
    }
    // Whoever asked may have gone; what was asked for was done all the same.
    drop(reply.send(outcome));
}

/// Resolves once a worker is to retire, with how.
async fn stopped(stop: &mut watch::Receiver<Stop>) -> Stop {
    // Without a sender nobody is left whom it could serve.
    stop.wait_for(|stop| *stop != Stop::No).await.map_or(Stop::Soon, |stop| *stop)
}
