//! One process in a worker's place, from its start to its end.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use forge_ipc::{ControlError, ControlSocket, ToWorker};
use tokio::sync::watch;
use tracing::{info, warn};

use super::control::Control;
use super::handshake::{self, Attached, HandshakeError};
use super::life_cycle::WorkerEvent;
use super::output::Origin;
use super::plan::WorkerPlan;
use super::process::{Ended, Process};
use super::stopped;
use super::warm;
use crate::dispatch::{self, WorkerLink};
use crate::logging::one_line;
use crate::model::{Version, answer};
use crate::request::RequestError;
use crate::worker_binary;

/// How long a worker that is to retire may take for what is in its ring. Whoever waited for that has
/// been answered by then, or has waited longer than the server was told to.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// How long a retired worker may take to exit before it is killed.
const EXIT_PATIENCE: Duration = Duration::from_secs(5);

/// How the process in a worker's place ended.
#[derive(Debug)]
pub enum Incarnation {
    /// It was told to and did.
    Retired,
    /// It never came to serve.
    NeverReady { cause: String },
    /// It served and then ended.
    Died { cause: String, served: Duration },
}

/// Starts a process, leads it to readiness, serves it, and sees it end. `report` is called with
/// every step; `stop` turns true when the worker is to retire.
pub async fn live(
    plan: &WorkerPlan,
    report: impl Fn(WorkerEvent),
    stop: &mut watch::Receiver<bool>,
) -> Incarnation {
    let started = Instant::now();
    let (mut process, control) = match start(plan) {
        Ok(started) => started,
        Err(cause) => return Incarnation::NeverReady { cause },
    };
    let attached = tokio::select! {
        attached = attach(plan, &control, &mut process) => attached,
        () = stopped(stop) => {
            report(WorkerEvent::Drain);
            process.kill().await;
            return Incarnation::Retired;
        }
    };
    let (link, version) = match attached {
        Ok(Attached { link, interface }) => (link, plan.version(&interface)),
        Err(cause) => return Incarnation::NeverReady { cause },
    };
    report(WorkerEvent::Attached);
    let worker = Worker { plan, started, process, control, link, version };
    worker.serve(report, stop).await
}

fn start(plan: &WorkerPlan) -> Result<(Process, Control), String> {
    let (ours, theirs) = ControlSocket::pair().map_err(|error| error.to_string())?;
    let origin =
        Origin { model: plan.model.name.to_string(), version: plan.version.0, worker: plan.index };
    let process = Process::spawn(&plan.binary, theirs, &origin, &plan.worker)
        .map_err(|error| error.to_string())?;
    let control = Control::new(ours).map_err(|error| error.to_string())?;
    Ok((process, control))
}

/// The handshake within `load_timeout_s`. On failure the process is gone and its own words are
/// part of the cause.
async fn attach(
    plan: &WorkerPlan,
    control: &Control,
    process: &mut Process,
) -> Result<Attached, String> {
    let patience = plan.model.config.load_timeout;
    match tokio::time::timeout(patience, handshake::handshake(control, plan)).await {
        Ok(Ok(attached)) => Ok(attached),
        Ok(Err(HandshakeError::Control(ControlError::Closed))) => {
            // It ends, or has ended; killing what already ends does not change how.
            Err(explain(&plan.binary, &process.kill().await))
        }
        Ok(Err(error)) => {
            process.kill().await;
            Err(error.to_string())
        }
        Err(_) => {
            let ended = process.kill().await;
            let said = match ended.last_words.as_str() {
                "" => String::new(),
                words => format!("; it said: {words}"),
            };
            Err(format!("loading took longer than {patience:?} (load_timeout_s){said}"))
        }
    }
}

/// Why a process ended before it was ready; trouble with its libtorch is told in one sentence.
fn explain(binary: &Path, ended: &Ended) -> String {
    match worker_binary::libtorch_trouble(binary, ended.code, &ended.last_words) {
        Some(sentence) => sentence,
        None => format!("the worker ended while loading: {}", ended.cause()),
    }
}

/// A worker on its rings.
struct Worker<'a> {
    plan: &'a WorkerPlan,
    started: Instant,
    process: Process,
    control: Control,
    link: Arc<WorkerLink>,
    version: Arc<Version>,
}

impl Worker<'_> {
    async fn serve(
        mut self,
        report: impl Fn(WorkerEvent),
        stop: &mut watch::Receiver<bool>,
    ) -> Incarnation {
        let batch_timeout = self.plan.model.config.batch_timeout;
        let (version, link) = (Arc::clone(&self.version), Arc::clone(&self.link));
        let metrics = self.plan.model.metrics.clone();
        let completions = dispatch::serve(&version, &link, batch_timeout, &metrics);
        tokio::pin!(completions);

        let warmed = tokio::select! {
            warmed = warm_up(self.plan, &self.control, &link, &version) => warmed,
            ending = &mut completions => Err(ending.to_string()),
            ended = self.process.ended() => Err(ended.cause()),
            () = stopped(stop) => {
                report(WorkerEvent::Drain);
                self.process.kill().await;
                return Incarnation::Retired;
            }
        };
        if let Err(cause) = warmed {
            self.process.kill().await;
            return Incarnation::NeverReady { cause: format!("warming failed: {cause}") };
        }

        // The worker takes batches and requests find their way before anyone hears it is ready.
        let ready_since = Instant::now();
        version.add_worker(Arc::clone(&link));
        self.plan.model.route_to(&version);
        report(WorkerEvent::Warmed);
        info!(model = %self.plan.model.name, version = self.plan.version.0,
            worker = self.plan.index, "worker ready after {:.2?}", self.started.elapsed());
        let cause = tokio::select! {
            ending = &mut completions => {
                self.process.kill().await;
                ending.to_string()
            }
            ended = self.process.ended() => ended.cause(),
            () = stopped(stop) => {
                version.remove_worker(&link);
                report(WorkerEvent::Drain);
                let is_drained = tokio::select! {
                    _ = &mut completions => false,
                    () = link.idle() => true,
                    _ = self.process.ended() => false,
                    () = tokio::time::sleep(DRAIN_PATIENCE) => false,
                };
                return self.retire(is_drained).await;
            }
        };
        version.remove_worker(&link);
        self.answer_the_lost(&cause);
        Incarnation::Died { cause, served: ready_since.elapsed() }
    }

    /// Lets a worker that has nothing left to do exit; ends any other.
    async fn retire(mut self, is_drained: bool) -> Incarnation {
        let has_exited = is_drained && self.exit().await;
        if !has_exited {
            warn!(model = %self.plan.model.name, worker = self.plan.index,
                "the worker does not end by itself and is killed");
            self.process.kill().await;
        }
        self.answer_the_lost("it was retired");
        Incarnation::Retired
    }

    /// Tells the worker to exit; `false` when it does not.
    async fn exit(&mut self) -> bool {
        if let Err(error) = self.control.send(&ToWorker::Retire, &[]) {
            warn!(model = %self.plan.model.name, worker = self.plan.index, %error,
                "the worker could not be told to retire");
            return false;
        }
        tokio::time::timeout(EXIT_PATIENCE, self.process.ended()).await.is_ok()
    }

    /// What the worker had completed before it ended is still an answer; the rest is lost.
    fn answer_the_lost(&self, cause: &str) {
        dispatch::settle_completed(&self.version, &self.link);
        let error = RequestError::WorkerLost(cause.to_owned());
        for entry in self.link.abandon().into_iter().flat_map(|batch| batch.entries) {
            answer(entry.item, Err(error.clone()));
        }
    }
}

/// Warns, once for each version, of a model whose answers depend on the requests before.
fn tell_state(plan: &WorkerPlan, changed: &[String]) {
    if changed.is_empty() || plan.told_state.swap(true, Ordering::Relaxed) {
        return;
    }
    warn!(model = %plan.model.name, "the model changes its buffer {} when it runs: such state is kept \
        by each worker for itself and shared by all clients. It was put back to what the file holds",
        changed.join(", "));
}

/// Runs declared models before any client does.
async fn warm_up(
    plan: &WorkerPlan,
    control: &Control,
    link: &WorkerLink,
    version: &Version,
) -> Result<(), String> {
    let interface = version.interface();
    let Some(row) = interface.smallest_row() else { return Ok(()) };
    let patience = plan.model.config.load_timeout;
    let sizes = plan.batch_sizes();
    let warm = async {
        let warmed = warm::warm(link, &row, &sizes).await;
        // A model that refuses zeros can be served all the same; a worker that is lost cannot settle.
        if warmed.is_ok() || matches!(warmed, Err(RequestError::ModelThrew(_))) {
            let settled = handshake::settle(control).await;
            tell_state(plan, &settled.map_err(|error| error.to_string())?);
        }
        Ok::<_, String>(warmed)
    };
    let Ok(warmed) = tokio::time::timeout(patience, warm).await else {
        return Err(format!("it took longer than {patience:?} (load_timeout_s)"));
    };
    match warmed? {
        // 1 in a free dimension may be less than the model can take, which is no fault of it.
        Err(RequestError::ModelThrew(cause)) if interface.fixed_row().is_none() => {
            info!(model = %plan.model.name, "not warmed, as it does not run on made-up inputs: {}",
                one_line(&cause));
            Ok(())
        }
        Ok(number) => {
            version.warmed_with(number);
            Ok(())
        }
        Err(error) => Err(error.to_string()),
    }
}
