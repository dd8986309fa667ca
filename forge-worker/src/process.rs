//! What a worker process settles about itself before it hears the first message.

use std::os::fd::AsFd;
use std::{fs, io};

use forge_ipc::ControlSocket;
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use nix::sys::signal::{SigSet, Signal};

use crate::log::say;

/// Added to what the router has, which hands its own on: far above it, and from its usual 0 far below
/// the 1000 of processes that ask to die first.
const OOM_SCORE_ADJUSTMENT: i32 = 500;
const HIGHEST_OOM_SCORE_ADJUSTMENT: i32 = 1000;

/// Whether fd 0 is a socket of the kind the router hands to its workers.
pub(crate) fn started_by_router() -> bool {
    ControlSocket::is_control_socket(io::stdin().as_fd())
}

/// Keeps SIGINT, SIGTERM and SIGHUP from this thread and all it starts: whoever signals the whole
/// service means the router, which finishes the running batches and then retires its workers.
///
/// They are blocked, not ignored, because to set a disposition is `unsafe` and to set a mask is not.
pub(crate) fn block_signals() -> io::Result<()> {
    let signals = SigSet::from_iter([Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP]);
    Ok(signals.thread_block()?)
}

/// When memory runs out the kernel is to end a worker, which can be started again, not the router.
pub(crate) fn volunteer_for_oom_killer() {
    const FILE: &str = "/proc/self/oom_score_adj";
    let raise = || {
        let own: i32 = fs::read_to_string(FILE)?.trim().parse().map_err(io::Error::other)?;
        let raised = (own + OOM_SCORE_ADJUSTMENT).min(HIGHEST_OOM_SCORE_ADJUSTMENT);
        fs::write(FILE, raised.to_string())
    };
    if let Err(error) = raise() {
        say(format_args!("cannot raise {FILE}: {error}"));
    }
}

/// The thread that loads a model is gone when this process serves; what it freed is to be used again.
pub(crate) fn share_one_heap() {
    if !forge_ipc::share_one_heap() {
        say("the C library does not let threads share a heap; loading may cost memory");
    }
}

/// The control socket of fd 0, as a duplicate: safe code cannot own a standard descriptor, and fd 0
/// itself stays what `parent_watch` waits on.
pub(crate) fn control_socket() -> io::Result<ControlSocket> {
    let stdin = io::stdin();
    // Should a library ever start a process, that one must not hold the router's socket open.
    fcntl(stdin.as_fd(), FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC))?;
    Ok(ControlSocket::from_fd(stdin.as_fd().try_clone_to_owned()?))
}
