//! A process in a worker's place, as a task of its own: what happens to it goes to the board, and the
//! few things that its place acts upon go there.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::Stop;
use super::board::{Board, RowId};
use super::incarnation::{Incarnation, News, Turn, live};
use super::life_cycle::WorkerEvent;
use super::plan::WorkerPlan;
use crate::logging::one_line;
use crate::operator::EventKind;
use crate::system::memory;

/// A process and what can be heard of it.
#[derive(Debug)]
pub struct Tenant {
    pub row: RowId,
    life: JoinHandle<Incarnation>,
    signs: mpsc::UnboundedReceiver<Sign>,
    stop: watch::Sender<Stop>,
}

/// What a place acts upon.
#[derive(Debug)]
pub enum Sign {
    Ready,
    /// It is to be replaced, for this reason.
    Due(String),
    /// It works: it answered its first client, or was ready for a while.
    Proven,
    Ended(Incarnation),
}

impl Tenant {
    /// Starts a process for the place that `row` stands for on the board.
    pub fn start(plan: &Arc<WorkerPlan>, board: &Arc<Board>, row: RowId, turn: Turn) -> Self {
        let (stop, mut stopping) = watch::channel(Stop::No);
        let (sender, signs) = mpsc::unbounded_channel();
        let (plan, board) = (Arc::clone(plan), Arc::clone(board));
        let life = tokio::spawn(async move {
            let tell = |news| {
                if let Some(sign) = note(&plan, &board, row, news) {
                    // A place that is to be empty hears no more.
                    drop(sender.send(sign));
                }
            };
            let ended = live(&plan, turn, tell, &mut stopping).await;
            note_end(&plan, &board, row, &ended);
            ended
        });
        Self { row, life, signs, stop }
    }

    /// The next sign; `Ended` is the last.
    pub async fn sign(&mut self) -> Sign {
        tokio::select! {
            // What it said before its end comes before it.
            biased;
            Some(sign) = self.signs.recv() => sign,
            ended = &mut self.life => Sign::Ended(ended.unwrap_or_else(|panicked| {
                Incarnation::NeverReady { cause: format!("internal error: {panicked}") }
            })),
        }
    }

    /// Tells the process to retire.
    pub fn stop(&self, how: Stop) {
        self.stop.send_replace(how);
    }
}

fn note(plan: &WorkerPlan, board: &Board, row: RowId, news: News) -> Option<Sign> {
    let version = plan.version.key();
    match news {
        News::Spawned { pid } => board.note(version, row, |row| {
            row.pid = Some(pid);
            row.since = Some(Instant::now());
        }),
        News::Attached { region_bytes } => {
            board.step(version, row, WorkerEvent::Attached);
            board.note(version, row, |row| row.region_bytes = Some(region_bytes));
        }
        News::Ready => {
            board.step(version, row, WorkerEvent::Warmed);
            board.note(version, row, |row| {
                let held = row.pid.and_then(memory::of_process);
                row.held_when_ready = held.map(|held| held.anonymous);
            });
            return Some(Sign::Ready);
        }
        News::Proven => return Some(Sign::Proven),
        News::Due(reason) => return Some(Sign::Due(reason)),
        News::Draining => board.step(version, row, WorkerEvent::Drain),
    }
    None
}

fn note_end(plan: &WorkerPlan, board: &Board, row: RowId, ended: &Incarnation) {
    let version = plan.version.key();
    board.note(version, row, |row| {
        row.pid = None;
        row.since = None;
        row.region_bytes = None;
        row.held_when_ready = None;
    });
    match ended {
        Incarnation::Retired => board.step(version, row, WorkerEvent::Ended),
        Incarnation::NeverReady { cause } | Incarnation::Died { cause, .. } => {
            board.note_cause(version, cause);
            board.step(version, row, WorkerEvent::Failed);
            let text = one_line(cause);
            plan.version.tell(EventKind::WorkerEnded, Some(plan.index), text);
        }
    }
}
