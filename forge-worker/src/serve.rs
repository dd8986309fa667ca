//! The loop: wait, take a frame, run the engine, publish.

use std::os::fd::AsFd;
use std::process;

use forge_ipc::{
    ControlError, ControlSocket, FromWorker, PeerViolation, Received, Request, ToWorker, WorkerEnd,
};
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::log::say;
use crate::rows_first::RowsFirst;
use crate::{Engine, EngineError, Stopwatch};

/// No wait is longer, so a lost wake-up costs a batch this much and not its deadline.
const LONGEST_WAIT_MILLIS: u16 = 1000;

/// Runs batches until the router says retire; what is in the ring by then is still answered.
pub(crate) fn serve<E: Engine>(
    engine: &mut E,
    ring: &mut WorkerEnd,
    control: &ControlSocket,
    batching: bool,
) -> Result<(), ServeError> {
    let mut rows_first = RowsFirst::new(batching);
    let mut retiring = false;
    loop {
        while let Some(request) = ring.next_request()? {
            answer(engine, request, &mut rows_first);
        }
        if retiring {
            return Ok(());
        }
        match wait(ring, control)? {
            WokenBy::Control => retiring = obey(engine, control)?,
            WokenBy::Doorbell => {}
            WokenBy::TimeOut => {
                if ring.next_request()?.is_some() {
                    ring.count_missed_wake();
                }
            }
        }
    }
}

/// Why the loop ended without being told to.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The router, or the socket to it.
    #[error("control socket: {0}")]
    Control(#[from] ControlError),
    /// The router: a message that does not belong here.
    #[error("control socket: a message out of turn")]
    OutOfTurn,
    /// The router: what it wrote into the request region.
    #[error("request region: {0}")]
    Ring(#[from] PeerViolation),
    /// The operating system.
    #[error("cannot wait for the router: {0}")]
    Poll(#[from] Errno),
    /// The engine: without its state put back it would serve what warming left behind.
    #[error("cannot put the model's state back: {0}")]
    Settle(#[from] EngineError),
}

/// Runs one batch and publishes what came of it; the times told are those of the engine alone. A lost
/// device ends the process instead: the batch stays the one that was started and not answered.
fn answer<E: Engine>(engine: &mut E, mut request: Request<'_>, rows_first: &mut RowsFirst) {
    let (batch, mut frame) = request.start();
    let mut watch = Stopwatch::start();
    let outcome = rows_first.run(engine, &batch, &mut frame, &mut watch);
    let compute = watch.stop();
    match outcome {
        Ok(()) => request.finish(compute),
        Err(EngineError::DeviceLost(text)) => crash(&text),
        Err(error) => request.fail(error.kind(), &error.to_string(), compute),
    }
}

/// Ends by SIGABRT, so that the router sees a crash and not a model that failed, after one line: what
/// a library adds to its first are hints for a debugger.
fn crash(text: &str) -> ! {
    say(text.lines().next().unwrap_or_default());
    process::abort()
}

/// What ended a wait.
enum WokenBy {
    Doorbell,
    Control,
    TimeOut,
}

/// Sleeps until there is a frame or a message, or the bound has passed.
fn wait(ring: &WorkerEnd, control: &ControlSocket) -> Result<WokenBy, ServeError> {
    if !ring.prepare_to_sleep() {
        ring.wake_up();
        return Ok(WokenBy::Doorbell);
    }
    let mut fds = [
        PollFd::new(ring.doorbell(), PollFlags::POLLIN),
        PollFd::new(control.as_fd(), PollFlags::POLLIN),
    ];
    let polled = poll(&mut fds, PollTimeout::from(LONGEST_WAIT_MILLIS));
    ring.wake_up();
    let [doorbell, message] = fds.map(|fd| fd.any().unwrap_or(true));
    if doorbell {
        ring.drain_doorbell();
    }
    match polled {
        // A debugger or SIGCONT: look at the ring again.
        Err(Errno::EINTR) => Ok(WokenBy::Doorbell),
        Err(error) => Err(error.into()),
        Ok(0) => Ok(WokenBy::TimeOut),
        Ok(_) if message => Ok(WokenBy::Control),
        Ok(_) => Ok(WokenBy::Doorbell),
    }
}

/// The first names, so that the message stays small.
fn few(mut names: Vec<String>) -> Vec<String> {
    const SHOWN: usize = 8;
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    if more > 0 {
        names.push(format!("and {more} more"));
    }
    names
}

/// The messages there are once the rings are attached; `true` for the one to retire.
fn obey<E: Engine>(engine: &mut E, control: &ControlSocket) -> Result<bool, ServeError> {
    match control.receive()? {
        Received { message: ToWorker::Retire, .. } => Ok(true),
        Received { message: ToWorker::Settle, .. } => {
            let changed = few(engine.restore()?);
            engine.forget()?;
            control.send(&FromWorker::Settled { changed }, &[])?;
            Ok(false)
        }
        _ => Err(ServeError::OutOfTurn),
    }
}
