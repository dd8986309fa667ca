//! The thread that ends this process when the router is gone.
//!
//! It waits for the hang-up of fd 0 and for nothing else: with no events asked for, `poll` returns
//! only on `POLLHUP`, `POLLERR` and `POLLNVAL`. So it neither wakes for messages, which are the
//! loop's to read, nor spins, since its first return is its last.

use std::os::fd::AsFd;
use std::{io, thread};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Starts the thread.
pub(crate) fn start() -> io::Result<()> {
    thread::Builder::new().name("parent-watch".to_owned()).spawn(wait_for_hang_up).map(drop)
}

fn wait_for_hang_up() {
    let stdin = io::stdin();
    let mut socket = [PollFd::new(stdin.as_fd(), PollFlags::empty())];
    // Any other error of `poll` leaves the router's death unseen, which is worse than an early end.
    while poll(&mut socket, PollTimeout::NONE) == Err(Errno::EINTR) {}
    end_now();
}

/// Ends the process at once. SIGKILL, because the other thread may be anywhere in a forward pass:
/// `exit` would run the tensor library's destructors under its feet and can hang there.
fn end_now() {
    if kill(Pid::this(), Signal::SIGKILL).is_err() {
        std::process::abort();
    }
}
