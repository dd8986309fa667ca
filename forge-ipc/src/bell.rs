//! An eventfd: the bell that wakes a sleeping peer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use nix::errno::Errno;
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd;

/// One direction's bell. Both processes hold the same eventfd.
#[derive(Debug)]
pub(crate) struct Bell(OwnedFd);

impl Bell {
    pub(crate) fn new() -> Result<Self, Errno> {
        let flags = EfdFlags::EFD_NONBLOCK | EfdFlags::EFD_CLOEXEC;
        Ok(Self(EventFd::from_flags(flags)?.into()))
    }

    pub(crate) fn from_fd(fd: OwnedFd) -> Self {
        Self(fd)
    }

    /// A second descriptor of the same bell, for the peer.
    pub(crate) fn share(&self) -> std::io::Result<OwnedFd> {
        self.0.try_clone()
    }

    /// Makes the bell readable, and wakes whoever waits for it.
    pub(crate) fn ring(&self) {
        // It fails only with EAGAIN, when 2^64 - 2 rings were never read; the bell is readable then
        // anyway. A waiter's time-out covers whatever else a peer could do to a descriptor it
        // shares.
        let _ = unistd::write(&self.0, &1u64.to_ne_bytes());
    }

    /// Makes the bell unreadable until the next ring.
    pub(crate) fn drain(&self) {
        // EAGAIN: nobody rang. There is nothing to drain then.
        let _ = unistd::read(&self.0, &mut [0; 8]);
    }
}

impl AsFd for Bell {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rings(bell: &Bell) -> Option<u64> {
        let mut count = [0; 8];
        unistd::read(&bell.0, &mut count).ok()?;
        Some(u64::from_ne_bytes(count))
    }

    #[test]
    fn a_ring_reaches_the_other_descriptor_of_the_bell() {
        let ours = Bell::new().unwrap();
        let theirs = Bell::from_fd(ours.share().unwrap());
        ours.ring();
        ours.ring();
        assert_eq!(rings(&theirs), Some(2));
        assert_eq!(rings(&theirs), None);
    }

    #[test]
    fn draining_a_silent_bell_does_nothing() {
        let bell = Bell::new().unwrap();
        bell.drain();
        bell.ring();
        bell.drain();
        assert_eq!(rings(&bell), None);
    }
}
