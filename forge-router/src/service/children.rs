//! Whose children end, where forge is the first process of a container.
//!
//! Whoever loses its parent becomes a child of process 1, and stays a zombie until that waits for it.
//! A worker's end, however, is its supervisor's to hear of: whoever else waited for it would take the
//! exit status away. So workers are started through [`spawn`], which remembers them before they can
//! have ended, and only others are reaped.
//!
//! The children are the process's, as its signals are, and so is this table of them.

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::errno::Errno;
use nix::sys::wait::{Id, WaitPidFlag, waitid, waitpid};
use nix::unistd::Pid;
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Notify;
use tracing::{debug, warn};

/// The children that somebody waits for.
static AWAITED: Mutex<BTreeSet<Pid>> = Mutex::new(BTreeSet::new());

/// Rung when there is one less.
static ONE_LESS: Notify = Notify::const_new();

/// That somebody waits for a child. To be dropped after the child.
#[derive(Debug)]
pub struct Awaited(Option<Pid>);

/// Starts a process that its starter waits for.
pub fn spawn(command: &mut Command) -> io::Result<(Child, Awaited)> {
    // Held while the process starts, so that nobody looks between its first moment and its entry.
    let mut awaited = awaited();
    let child = command.spawn()?;
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).map(Pid::from_raw);
    awaited.extend(pid);
    Ok((child, Awaited(pid)))
}

impl Drop for Awaited {
    fn drop(&mut self) {
        if let Some(pid) = self.0 {
            awaited().remove(&pid);
            ONE_LESS.notify_one();
        }
    }
}

/// As process 1: waits for whoever has nobody else to, for as long as it is polled.
pub async fn reap_orphans() {
    if std::process::id() != 1 {
        return;
    }
    let mut ended = match signal(SignalKind::child()) {
        Ok(ended) => ended,
        Err(error) => return warn!(%error, "processes without a parent will stay zombies"),
    };
    loop {
        reap();
        tokio::select! {
            _ = ended.recv() => {}
            () = ONE_LESS.notified() => {}
        }
    }
}

/// Reaps until nobody is left who has ended, or the next is awaited. That one is taken away by who
/// awaits it, which rings.
fn reap() {
    let awaited = awaited();
    loop {
        let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
        let ended = match waitid(Id::All, look) {
            Ok(status) => status.pid(),
            Err(Errno::EINTR) => continue,
            Err(Errno::ECHILD) => None,
            Err(error) => return warn!(%error, "ended processes cannot be seen"),
        };
        let Some(pid) = ended.filter(|pid| !awaited.contains(pid)) else { return };
        match waitpid(pid, Some(WaitPidFlag::WNOHANG)) {
            Ok(status) => debug!(?status, "a process without a parent has ended"),
            Err(error) => return warn!(%error, %pid, "an ended process cannot be waited for"),
        }
    }
}

fn awaited() -> MutexGuard<'static, BTreeSet<Pid>> {
    AWAITED.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has_ended(pid: Pid) {
        waitid(Id::Pid(pid), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT).unwrap();
    }

    /// No other unit test of this crate starts processes: it might lose them to this one.
    #[tokio::test]
    #[expect(clippy::zombie_processes, reason = "that nobody waits for it is what is tried")]
    async fn an_awaited_child_is_left_to_who_awaits_it_and_one_of_nobody_is_reaped() {
        let (mut child, awaited) = spawn(&mut Command::new("false")).unwrap();
        has_ended(awaited.0.unwrap());
        let orphan = std::process::Command::new("true").spawn().unwrap();
        let orphan = Pid::from_raw(i32::try_from(orphan.id()).unwrap());
        has_ended(orphan);

        reap();
        assert_eq!(child.wait().await.unwrap().code(), Some(1));
        drop((child, awaited));
        ONE_LESS.notified().await;
        reap();
        assert_eq!(waitid(Id::Pid(orphan), WaitPidFlag::WEXITED), Err(Errno::ECHILD));
    }
}
