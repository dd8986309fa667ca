//! One worker's place: there is always a process in it, or one on its way.
//!
//! ```text
//! current ─ ended ─► restart policy ─► current (a new process, at once or after a pause)
//! current ─ due ───► successor starts ─ ready ─► current retires, successor is current
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tracing::warn;

use super::board::{Board, RowId, Trouble};
use super::incarnation::{Incarnation, Turn};
use super::life_cycle::WorkerEvent;
use super::memory::{self, Expectation};
use super::plan::WorkerPlan;
use super::restarts::{Restart, Restarts, Served};
use super::tenant::{Sign, Tenant};
use super::{Stop, stopped};
use crate::checkpoint::Changed;
use crate::logging::one_line;
use crate::operator::EventKind;
use crate::system;

/// Keeps a worker in its place until it is told to stop, or one has never come to serve.
pub async fn keep(plan: WorkerPlan, board: Arc<Board>, stop: watch::Receiver<Stop>) {
    let config = plan.config();
    let restarts = Restarts::new(config.restart_limit.get(), config.restart_window);
    let place = Place {
        plan: Arc::new(plan),
        board,
        restarts,
        was_ready: false,
        saw_changed_file: false,
        stop,
        leaving: JoinSet::new(),
    };
    place.run().await;
}

struct Place {
    plan: Arc<WorkerPlan>,
    board: Arc<Board>,
    restarts: Restarts,
    /// A process of this place has come to serve.
    was_ready: bool,
    /// Its trouble is that the file had other bytes when it was last looked at.
    saw_changed_file: bool,
    stop: watch::Receiver<Stop>,
    /// Processes that were replaced and finish what they have.
    leaving: JoinSet<()>,
}

/// A process that is to be replaced, if the file is still that of its version.
struct Due {
    reason: String,
    verified: JoinHandle<Result<(), Changed>>,
}

/// A process on its way to the place of one that answers meanwhile.
struct Successor {
    tenant: Tenant,
    #[expect(dead_code, reason = "held for its drop")]
    memory: Expectation,
}

impl Place {
    async fn run(mut self) {
        let mut current = self.start(Turn::Waits);
        self.tell_version();
        while let Some((row, ended)) = self.occupy(current).await {
            let Some(next) = self.replace(row, ended).await else { break };
            current = next;
        }
        while self.leaving.join_next().await.is_some() {}
        self.board.vacate(self.plan.version.key(), self.plan.index);
        self.tell_version();
    }

    /// Sees the current process to its end, and replaces it before that when it is due. `None` once
    /// the place is to be empty.
    async fn occupy(&mut self, mut current: Tenant) -> Option<(RowId, Incarnation)> {
        let mut successor: Option<Successor> = None;
        let mut due: Option<Due> = None;
        loop {
            tokio::select! {
                sign = current.sign() => match sign {
                    Sign::Ready => self.was_ready = true,
                    // What answers has the old bytes; what is started next would have others.
                    Sign::Proven if self.saw_changed_file => {}
                    Sign::Proven => self.set_trouble(None),
                    Sign::Due(reason) if successor.is_none() && due.is_none() => {
                        due = Some(self.look_at_the_file(reason));
                    }
                    Sign::Due(_) => {}
                    Sign::Ended(ended) => match successor.take() {
                        None => return Some((current.row, ended)),
                        // The one that is on its way takes its place a little early.
                        Some(next) => {
                            self.board.remove(self.plan.version.key(), current.row);
                            current = next.tenant;
                        }
                    },
                },
                sign = next_sign(&mut successor) => match sign {
                    Sign::Ready => if let Some(next) = successor.take() {
                        let before = std::mem::replace(&mut current, next.tenant);
                        self.let_leave(before, Stop::WhenIdle);
                    },
                    // The one that it was to replace serves on, and will be due again.
                    Sign::Ended(_) => if let Some(failed) = successor.take() {
                        self.board.remove(self.plan.version.key(), failed.tenant.row);
                    },
                    Sign::Proven | Sign::Due(_) => {}
                },
                (reason, verified) = looked_at(&mut due) => {
                    successor = self.start_successor(current.row, &reason, verified);
                }
                // Those that have gone are forgotten.
                Some(_) = self.leaving.join_next() => {}
                how = stopped(&mut self.stop) => {
                    let successor = successor.map(|successor| successor.tenant);
                    for tenant in successor.into_iter().chain([current]) {
                        self.let_leave(tenant, how);
                    }
                    return None;
                }
            }
        }
    }

    /// What follows the end of the current process; `None`: nothing more comes to this place.
    async fn replace(&mut self, row: RowId, ended: Incarnation) -> Option<Tenant> {
        let key = self.plan.version.key();
        let (cause, served) = match ended {
            Incarnation::Retired => return None,
            Incarnation::NeverReady { cause } if !self.was_ready => {
                self.board.cannot_serve(key, Some(&cause));
                return None;
            }
            Incarnation::NeverReady { cause } => (cause, Served::No),
            Incarnation::Died { cause, served } => (cause, served),
        };
        let verified = self.plan.version.verify(Turn::Urgent).await;
        if !self.has_its_bytes(verified) {
            self.stay_empty().await;
            return None;
        }
        let restart = self.restarts.after_death(Instant::now(), served, chance());
        let pause = self.tell_restart(restart, &cause);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stopped(&mut self.stop) => return None,
        }
        self.plan.model().metrics.worker_restarted();
        let key = self.plan.version.key();
        self.board.step(key, row, WorkerEvent::Start);
        self.board.note(key, row, |row| row.restarts += 1);
        // It has been ready before, so clients may wait for it.
        Some(Tenant::start(&self.plan, &self.board, row, Turn::Urgent))
    }

    /// Starts another process for this place beside the one that is due, which answers until it is ready. `None`
    /// where there is no memory for two, or it would serve another model: the one that is due goes on, and will be
    /// due again.
    fn start_successor(
        &mut self,
        due: RowId,
        reason: &str,
        verified: Result<(), Changed>,
    ) -> Option<Successor> {
        if !self.has_its_bytes(verified) {
            return None;
        }
        let version = &self.plan.version;
        let needed = self.board.row(version.key(), due).map_or(0, |row| memory::as_fresh_as(&row));
        match version.turns.expected.expect(needed, system::memory::available()) {
            Ok(memory) => {
                self.tell_due(reason);
                Some(Successor { tenant: self.start(Turn::Waits), memory })
            }
            Err(refused) => {
                let (model, worker) = (&self.plan.model().name, self.plan.index);
                warn!(%model, worker, "{reason}, but it is not replaced: {refused}");
                None
            }
        }
    }

    /// Beside what happens meanwhile: reading a large file takes long where nobody waits for it.
    fn look_at_the_file(&self, reason: String) -> Due {
        let version = Arc::clone(&self.plan.version);
        Due { reason, verified: tokio::spawn(async move { version.verify(Turn::Waits).await }) }
    }

    /// Whether another process would serve the same model; trouble where not, for as long as that is so: who waits
    /// for a worker that is started from the right bytes is not to be refused for what they were before.
    fn has_its_bytes(&mut self, verified: Result<(), Changed>) -> bool {
        let saw_changed_file = std::mem::replace(&mut self.saw_changed_file, verified.is_err());
        match verified {
            Err(changed) => self.tell_changed(&changed),
            Ok(()) if saw_changed_file => self.set_trouble(None),
            Ok(()) => {}
        }
        !self.saw_changed_file
    }

    /// Another process would serve another model: the place stays empty until a swap.
    async fn stay_empty(&mut self) {
        if let Some(version) = self.plan.version.version() {
            version.give_up();
        }
        stopped(&mut self.stop).await;
    }

    fn tell_restart(&self, restart: Restart, cause: &str) -> Duration {
        let (when, pause) = match restart {
            Restart::AtOnce => ("it is started again at once".to_owned(), Duration::ZERO),
            Restart::After(pause) => (format!("it is started again in {pause:.0?}"), pause),
            Restart::InTrouble(pause) => {
                let config = self.plan.config();
                let (limit, window) = (config.restart_limit, config.restart_window);
                let s = if limit.get() == 1 { "" } else { "s" };
                let trouble = format!("{limit} death{s} within {window:?} before a first answer");
                self.set_trouble(Some((&trouble, &format!("{trouble}; the last one: {cause}"))));
                (format!("{trouble}: it is started again in {pause:.0?}"), pause)
            }
        };
        warn!(model = %self.plan.model().name, version = self.plan.version.id.0,
            worker = self.plan.index, "worker ended: {}; {when}", one_line(cause));
        pause
    }

    /// Shows why no process comes to this place for now, to clients and to operators; `None`: one has
    /// come and serves.
    fn set_trouble(&self, cause: Option<(&str, &str)>) {
        let key = self.plan.version.key();
        let trouble = cause.map(|(short, full)| Trouble { short: short.into(), full: full.into() });
        let changed = self.board.set_trouble(key, self.plan.index, trouble);
        self.tell_version();
        let Some(now) = changed else { return };
        let (kind, text) = match &now {
            Some(trouble) => (EventKind::Degraded, one_line(&trouble.full)),
            None => (EventKind::Recovered, "its workers serve again".to_owned()),
        };
        self.plan.version.tell(kind, Some(self.plan.index), text);
    }

    /// Lets the version refuse requests for as long as no process comes to any of its places.
    fn tell_version(&self) {
        let Some(version) = self.plan.version.version() else { return };
        let key = self.plan.version.key();
        self.board.tell_whether_any_comes(key, |cause| version.set_trouble(cause));
    }

    fn tell_changed(&self, changed: &Changed) {
        let version = self.plan.version.id;
        let cause = format!("file changed since version {version}, swap to use it");
        warn!(model = %self.plan.model().name, worker = self.plan.index, "{cause} ({changed})");
        self.set_trouble(Some((&cause, &cause)));
    }

    fn tell_due(&self, reason: &str) {
        let (model, worker) = (&self.plan.model().name, self.plan.index);
        warn!(%model, worker, "the worker is replaced: {reason}");
        self.plan.version.tell(EventKind::WorkerRecycled, Some(worker), reason);
    }

    /// Tells a process to retire and sees it to its end beside the place.
    fn let_leave(&mut self, mut tenant: Tenant, how: Stop) {
        tenant.stop(how);
        let (plan, board, mut stop) =
            (Arc::clone(&self.plan), Arc::clone(&self.board), self.stop.clone());
        self.leaving.spawn(async move {
            let hurried = async {
                // Without a sender there is nobody to be in a hurry.
                if stop.wait_for(|stop| *stop == Stop::Soon).await.is_err() {
                    std::future::pending::<()>().await;
                }
            };
            tokio::pin!(hurried);
            let mut is_hurried = false;
            loop {
                tokio::select! {
                    sign = tenant.sign() => if let Sign::Ended(_) = sign { break },
                    () = &mut hurried, if !is_hurried => {
                        is_hurried = true;
                        tenant.stop(Stop::Soon);
                    }
                }
            }
            board.remove(plan.version.key(), tenant.row);
        });
    }

    fn start(&self, turn: Turn) -> Tenant {
        let device = self.plan.worker.device.to_string();
        let row = self.board.add(self.plan.version.key(), self.plan.index, device);
        Tenant::start(&self.plan, &self.board, row, turn)
    }
}

/// The reason, and what was found of the file. Never, where no process is due.
async fn looked_at(due: &mut Option<Due>) -> (String, Result<(), Changed>) {
    let verified = match due {
        // One that panics has found nothing; the next worker will tell what is wrong with the file.
        Some(due) => (&mut due.verified).await.unwrap_or(Ok(())),
        None => std::future::pending().await,
    };
    (due.take().map(|due| due.reason).unwrap_or_default(), verified)
}

/// Never, where there is none.
async fn next_sign(successor: &mut Option<Successor>) -> Sign {
    match successor {
        Some(successor) => successor.tenant.sign().await,
        None => std::future::pending().await,
    }
}

/// A number in 0..1 that differs between workers which die together.
fn chance() -> f64 {
    use std::hash::{BuildHasher, RandomState};
    // `RandomState` is seeded anew at every construction: the standard library's only chance.
    let random = RandomState::new().hash_one(Instant::now());
    f64::from((random >> 32) as u32) / f64::from(u32::MAX)
}
