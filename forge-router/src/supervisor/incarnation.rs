//! One process in a worker's place, from its start to its end.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use forge_ipc::{ControlError, ControlSocket, ToWorker};
use tokio::sync::watch;
use tracing::{info, warn};

use super::control::Control;
use super::handshake::{self, Attached, HandshakeError};
use super::output::Origin;
use super::plan::WorkerPlan;
use super::process::{Ended, Process};
use super::recycling;
use super::restarts::Served;
use super::warm_up::{NotWarmed, warm_up};
use super::{Stop, stopped};
use crate::dispatch::{self, Ending, Salvage, Suspicion, WorkerLink};
use crate::model::Version;
use crate::operator::EventKind;
use crate::worker_binary;

/// How long a worker that is to retire soon may take for what is in its ring. Whoever waited for that
/// has been answered by then, or has waited longer than the server was told to.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// How long a worker must have been ready to count as one that works though nobody asked it.
const PROVEN_AFTER: Duration = Duration::from_secs(10);

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
    Died { cause: String, served: Served },
}

/// What happens to a process meanwhile.
#[derive(Debug)]
pub enum News {
    Spawned {
        pid: u32,
    },
    Attached {
        region_bytes: u64,
    },
    Ready,
    /// It answered its first client, or was ready for a while without one: it works.
    Proven,
    /// It is to be replaced, for this reason, once another is ready. Told again and again.
    Due(String),
    Draining,
}

/// Whether a process waits for its turn to load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At most `parallel_loads` at a time.
    Waits,
    /// It takes the place of one that served and has died: clients wait for it.
    Urgent,
}

/// Starts a process, leads it to readiness, serves it, and sees it end. `tell` is called with every
/// step; `stop` turns true when the worker is to retire.
pub async fn live(
    plan: &WorkerPlan,
    turn: Turn,
    tell: impl Fn(News),
    stop: &mut watch::Receiver<Stop>,
) -> Incarnation {
    let loading = async {
        match turn {
            Turn::Urgent => None,
            // The semaphore is never closed.
            Turn::Waits => plan.version.turns.loads.acquire().await.ok(),
        }
    };
    let loading = tokio::select! {
        loading = loading => loading,
        _ = stopped(stop) => {
            tell(News::Draining);
            return Incarnation::Retired;
        }
    };
    let started = Instant::now();
    let (mut process, control) = match start(plan) {
        Ok(started) => started,
        Err(cause) => return Incarnation::NeverReady { cause },
    };
    tell(News::Spawned { pid: process.pid() });
    let attached = tokio::select! {
        attached = attach(plan, turn, &control, &mut process) => attached,
        _ = stopped(stop) => {
            tell(News::Draining);
            process.kill().await;
            return Incarnation::Retired;
        }
    };
    let (link, version) = match attached {
        Ok(Attached { link, interface }) => (link, plan.version.make_version(&interface)),
        Err(cause) => return Incarnation::NeverReady { cause },
    };
    // What it has loaded are the bytes of the version only if they are that still.
    if let Err(changed) = plan.version.verify(turn).await {
        process.kill().await;
        return Incarnation::NeverReady { cause: changed.to_string() };
    }
    tell(News::Attached { region_bytes: link.region_bytes() });
    let worker = Worker { plan, started, process, control, link, version };
    worker.serve((turn, loading), tell, stop).await
}

fn start(plan: &WorkerPlan) -> Result<(Process, Control), String> {
    let (ours, theirs) = ControlSocket::pair().map_err(|error| error.to_string())?;
    let origin = Origin {
        model: plan.model().name.to_string(),
        version: plan.version.id.0,
        worker: plan.index,
    };
    let process = Process::spawn(&plan.version.binary, theirs, &origin, &plan.worker)
        .map_err(|error| error.to_string())?;
    let control = Control::new(ours).map_err(|error| error.to_string())?;
    Ok((process, control))
}

/// The handshake within `load_timeout_s`. On failure the process is gone and its own words are
/// part of the cause.
async fn attach(
    plan: &WorkerPlan,
    turn: Turn,
    control: &Control,
    process: &mut Process,
) -> Result<Attached, String> {
    let patience = plan.config().load_timeout;
    match tokio::time::timeout(patience, handshake::handshake(control, plan, turn)).await {
        Ok(Ok(attached)) => Ok(attached),
        Ok(Err(HandshakeError::Control(ControlError::Closed))) => {
            // It ends, or has ended; killing what already ends does not change how.
            Err(explain(&plan.version.binary, &process.kill().await))
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
    /// `loading` is given back once the worker is ready.
    async fn serve<L>(
        mut self,
        (turn, loading): (Turn, L),
        tell: impl Fn(News),
        stop: &mut watch::Receiver<Stop>,
    ) -> Incarnation {
        let batch_timeout = self.plan.config().batch_timeout;
        let (version, link) = (Arc::clone(&self.version), Arc::clone(&self.link));
        let metrics = self.plan.model().metrics.clone();
        let completions = dispatch::serve(&version, &link, batch_timeout, &metrics);
        tokio::pin!(completions);

        let warmed = tokio::select! {
            warmed = warm_up(self.plan, &self.control, &link, &version, turn) => warmed,
            ending = &mut completions => Err(NotWarmed::Failed(ending.to_string())),
            ended = self.process.ended() => Err(NotWarmed::Failed(ended.cause())),
            _ = stopped(stop) => {
                tell(News::Draining);
                self.process.kill().await;
                return Incarnation::Retired;
            }
        };
        if let Err(not_warmed) = warmed {
            let ended = self.process.kill().await;
            let cause = match not_warmed {
                NotWarmed::Gone => ended.cause(),
                NotWarmed::Failed(cause) => cause,
            };
            return Incarnation::NeverReady { cause: format!("warming failed: {cause}") };
        }
        drop(loading);

        let warm_answers = link.answered();
        version.add_worker(Arc::clone(&link));
        let ready_since = Instant::now();
        tell(News::Ready);
        self.announce();
        let pid = self.process.pid();
        let beside = async {
            let due = |reason| tell(News::Due(reason));
            let first_answer = async {
                tokio::select! {
                    () = link.answered_more_than(warm_answers) => {}
                    // Without clients it cannot prove itself otherwise.
                    () = tokio::time::sleep(PROVEN_AFTER) => {}
                }
                tell(News::Proven);
            };
            let watch = recycling::watch(self.plan.config(), pid, ready_since, due);
            tokio::join!(watch, first_answer).0
        };
        let ended = tokio::select! {
            ending = &mut completions => {
                self.process.kill().await;
                Death::of_ending(&ending)
            }
            ended = self.process.ended() => Death::of_process(&ended),
            never = beside => match never {},
            _ = stopped(stop) => {
                version.remove_worker(&link);
                tell(News::Draining);
                let drained = tokio::select! {
                    ending = &mut completions => Err(Death::of_ending(&ending)),
                    () = link.idle() => Ok(()),
                    ended = self.process.ended() => Err(Death::of_process(&ended)),
                    () = out_of_patience(stop) => Err(Death::of_patience()),
                };
                return self.retire(drained).await;
            }
        };
        version.remove_worker(&link);
        let salvage = self.salvage(&ended);
        let served = match () {
            () if salvage.has_blamed || link.answered() > warm_answers => Served::Yes,
            () if salvage.is_repeated => Served::RepeatedRequest,
            () => Served::No,
        };
        Incarnation::Died { cause: ended.cause, served }
    }

    fn announce(&self) {
        let took = self.started.elapsed();
        info!(model = %self.plan.model().name, version = self.plan.version.id.0,
            worker = self.plan.index, "worker ready after {took:.2?}");
        let text = format!("ready after {took:.2?}");
        self.plan.version.tell(EventKind::WorkerReady, Some(self.plan.index), text);
    }

    /// Lets a worker that has nothing left to do exit; ends any other, and has what it left run
    /// elsewhere.
    async fn retire(mut self, drained: Result<(), Death>) -> Incarnation {
        let has_exited = drained.is_ok() && self.exit().await;
        if !has_exited {
            warn!(model = %self.plan.model().name, worker = self.plan.index,
                "the worker does not end by itself and is killed");
            self.process.kill().await;
        }
        self.salvage(&drained.err().unwrap_or_else(Death::of_patience));
        Incarnation::Retired
    }

    /// Tells the worker to exit; `false` when it does not.
    async fn exit(&mut self) -> bool {
        if let Err(error) = self.control.send(&ToWorker::Retire, &[]) {
            warn!(model = %self.plan.model().name, worker = self.plan.index, %error,
                "the worker could not be told to retire");
            return false;
        }
        tokio::time::timeout(EXIT_PATIENCE, self.process.ended()).await.is_ok()
    }

    /// What the worker had completed is still an answer; the rest runs again where it may.
    fn salvage(self, death: &Death) -> Salvage {
        let replays = self.plan.config().retry_on_crash;
        let Death { how, cause, suspicion } = death;
        let salvage = dispatch::salvage(&self.version, &self.link, *suspicion, replays, how);
        let metrics = &self.plan.model().metrics;
        metrics.replayed(salvage.again);
        if salvage.has_blamed {
            metrics.blamed();
            let text = format!("a request alone ended its worker: {cause}");
            self.plan.version.tell(EventKind::RequestBlamed, Some(self.plan.index), text);
        }
        // The last to let go of the regions frees their pages, which takes the kernel milliseconds.
        tokio::task::spawn_blocking(move || drop(self.link));
        salvage
    }
}

/// Resolves a while after the worker was told to be quick; `batch_timeout_s` bounds it otherwise.
async fn out_of_patience(stop: &mut watch::Receiver<Stop>) {
    // Without a sender there is no hurry, but nobody to wait for it either.
    drop(stop.wait_for(|stop| *stop == Stop::Soon).await);
    tokio::time::sleep(DRAIN_PATIENCE).await;
}

/// How a worker that served came to its end.
struct Death {
    /// For clients: without what the worker printed.
    how: String,
    cause: String,
    suspicion: Suspicion,
}

impl Death {
    fn of_process(ended: &Ended) -> Self {
        let suspicion = if ended.is_fault() { Suspicion::OnRequest } else { Suspicion::OnNobody };
        Self { how: ended.how.clone(), cause: ended.cause(), suspicion }
    }

    fn of_ending(ending: &Ending) -> Self {
        let suspicion = match ending {
            Ending::Hung(_) => Suspicion::OnRequest,
            Ending::Deaf(_) | Ending::Violation(_) | Ending::Doorbell(_) => Suspicion::OnNobody,
        };
        Self { how: ending.to_string(), cause: ending.to_string(), suspicion }
    }

    fn of_patience() -> Self {
        let how = "it was retired".to_owned();
        Self { cause: how.clone(), how, suspicion: Suspicion::OnNobody }
    }
}
