//! The only place that hands a file descriptor to tokio.

use std::io;
use std::os::fd::AsRawFd;

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

/// Awaits the readability of a descriptor that `owner` keeps open as long as it lives, as
/// `OwnedFd` and the types that hold one do.
///
/// tokio deprecates its safe constructor because an `AsRawFd` type may close its descriptor early
/// (tokio's pull request 8587). The types here do not, and the unsafe constructor in its place
/// would be the only unsafe of this crate.
#[expect(deprecated, reason = "sound for owners of their descriptor, see above")]
pub fn await_readable<T: AsRawFd>(owner: T) -> io::Result<AsyncFd<T>> {
    AsyncFd::with_interest(owner, Interest::READABLE)
}
